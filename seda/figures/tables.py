"""Tables: the answers of a journey, the scores of maps."""

from __future__ import annotations

import base64
from collections.abc import Mapping

import numpy as np
import pandas as pd

from seda.evaluation.trajectories import commitment_step, decisions
from seda.trajectory import MAP_LABELS, Journey

ISOLATE, END = "\u2068", "\u2069"  # a right-to-left name must not turn its percentage around


def answer_table(journey: Journey) -> pd.DataFrame:
    """Picture (data URL), name, the answer and its probability in percent, the next classes with theirs as text, the
    class text nearest to the path's end, and the state from which on the nearest class text stays the same.
    """
    trajectory = journey.trajectory
    decided = decisions(trajectory.class_similarities())  # [n, s]
    best = np.argsort(-trajectory.class_probabilities, axis=1, kind="stable")  # [n, k]
    names = np.array(trajectory.class_names, dtype=object)
    table = {
        "picture": [_data_url(png) for png in journey.thumbnails],
        "name": trajectory.item_names,
    }
    ranked = 100.0 * np.take_along_axis(trajectory.class_probabilities, best, axis=1)  # [n, k], percent
    table["answer"], table["probability"] = names[best[:, 0]], ranked[:, 0]
    for place, title in zip(range(1, len(names)), ("second", "third"), strict=False):
        pairs = zip(names[best[:, place]], ranked[:, place], strict=True)
        table[title] = [f"{ISOLATE}{name}{END}  {share:.1f} %" for name, share in pairs]
    table["ended at"] = names[decided[:, -1]]
    table["settled at state"] = commitment_step(decided)
    return pd.DataFrame(table)


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


def _data_url(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")
