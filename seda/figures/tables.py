"""Tables: the scores of maps, and how well an open vocabulary names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from seda.map_forms import MAPS


def map_table(scores: Mapping[str, Mapping[str, float]]) -> pd.DataFrame:
    """A row a map, in the order of the screen: its label and the measures of `seda.evaluation.maps.map_scores`."""
    measures = {
        "trustworthiness": "trustworthiness",
        "continuity": "continuity",
        "step_length_spearman": "step lengths",
        "straightness": "straightness",
        "jump_p99": "jumps",
    }
    names = [name for name in MAPS if name in scores]
    columns = {title: [scores[name].get(key) for name in names] for key, title in measures.items()}
    return pd.DataFrame({"map": [MAPS[name].label for name in names], **columns})


def naming_table(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Recall@1 on each task: SeDA's answer, the best ConSE, the best centred one and ridge regression; fractions."""
    tasks: dict[str, dict[str, Any]] = {}
    for row in rows:
        method = str(row["method"]).partition(",")[0]
        shown = {"seda": "SeDA's answer", "conse": "best ConSE", "centred conse": "centred ConSE"}.get(method, method)
        kept = tasks.setdefault(row["task"], {"task": f"{row['task']} ({row['pictures']})", "texts": row["texts"]})
        kept[shown] = max(kept.get(shown, 0.0), row["recall_1"])
    return pd.DataFrame(list(tasks.values()))


def distribution_table(summary: Sequence[Mapping[str, Any]], task: str) -> pd.DataFrame:
    """Means over seeds on one set of pictures, a row a method, from what `seda.benchmark.distribution_run` wrote."""
    columns = {
        "mmd2": "MMD²", "class_wise_mmd2": "class-wise MMD²", "coverage": "coverage", "mean_length": "length",
        "spread": "spread", "r1_one_end": "R@1, one end", "r1_mean_of_16": "R@1, mean of 16",
    }  # fmt: skip
    rows = [row for row in summary if row["data"] == task]
    measured = [name for name in columns if any(name in row["figures"] for row in rows)]
    table = {columns[name]: [row["figures"].get(name, [None])[0] for row in rows] for name in measured}
    return pd.DataFrame({"method": [row["method"] for row in rows], **table}).round(4)


def one_step_ahead(
    summary: Sequence[Mapping[str, Any]], task: str, least: float = 0.01
) -> tuple[str, float, float] | None:
    """The map of one step that is most often right on a set of pictures, how often, and how often the mean of SeDA's ends is.

    Args:
        summary: what `seda.benchmark.distribution_run` wrote.
        least: by how much it has to be ahead; None is returned otherwise.
    """
    right = {row["method"]: row["figures"]["r1_mean_of_16"][0] for row in summary if row["data"] == task}
    best = max((name for name in right if name.startswith(("one-step", "ridge"))), key=right.__getitem__, default=None)
    if best is None or "seda" not in right or right[best] <= right["seda"] + least:
        return None
    return best, right[best], right["seda"]
