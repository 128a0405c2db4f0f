"""The answers of a journey as a table: one row a picture."""

from __future__ import annotations

import base64

import numpy as np
import pandas as pd

from seda.evaluation.trajectories import commitment_step, decisions
from seda.trajectory import Journey

SHOWN = 3  # classes a row


def answer_table(journey: Journey) -> pd.DataFrame:
    """Picture (data URL), name, the most probable classes with their probabilities in percent, the class text nearest
    to the path's end, and the state from which on the nearest class text stays the same.
    """
    trajectory = journey.trajectory
    decided = decisions(trajectory.class_similarities())  # [n, s]
    best = np.argsort(-trajectory.class_probabilities, axis=1, kind="stable")  # [n, k]
    names = np.array(trajectory.class_names, dtype=object)
    rows = np.arange(len(best))
    table = {
        "picture": [_data_url(png) for png in journey.thumbnails],
        "name": trajectory.item_names,
    }
    for place in range(min(SHOWN, len(names))):
        table[f"class {place + 1}"] = names[best[:, place]]
        table[f"% {place + 1}"] = 100.0 * trajectory.class_probabilities[rows, best[:, place]]
    table["ended at"] = names[decided[:, -1]]
    table["settled at state"] = commitment_step(decided)
    return pd.DataFrame(table)


def _data_url(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")
