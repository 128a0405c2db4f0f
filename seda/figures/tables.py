"""Tables: the scores of maps, and how well an open vocabulary names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from seda.trajectory import MAP_LABELS


def map_table(scores: Mapping[str, Mapping[str, float]]) -> pd.DataFrame:
    """A row a map, in the order of the screen: its label and the measures of `seda.evaluation.maps.map_scores`."""
    measures = {
        "trustworthiness": "trustworthiness",
        "continuity": "continuity",
        "step_length_spearman": "step lengths",
        "straightness": "straightness",
        "jump_p99": "jumps",
    }
    names = [name for name in MAP_LABELS if name in scores]
    columns = {title: [scores[name].get(key) for name in names] for key, title in measures.items()}
    return pd.DataFrame({"map": [MAP_LABELS[name] for name in names], **columns})


def naming_table(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Recall@1 of each method on each task: one row a task, one column a method."""
    table = pd.DataFrame(rows)
    found = table.pivot_table(index=["task", "texts"], columns="method", values="recall_1", sort=False).reset_index()
    return found.rename_axis(columns=None)
