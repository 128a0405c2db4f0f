"""A journey as a table: one row for each item and state."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from seda.evaluation.sentences import class_margins
from seda.evaluation.trajectories import commitment_step, decisions
from seda.journeys.journey import Journey
from seda.journeys.trajectory import MapPositions

STAGE_NAMES = ("visual feature", "semantic learner", "semantic translator")

# A cell that starts with one of these is run as a formula by spreadsheet programs (OWASP: CSV injection); tab and
# carriage return lead to the same, because they are skipped in front of one.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def to_table(journey: Journey) -> pd.DataFrame:
    """The long table behind `to_csv`, texts as they are.

    Columns: item, name, step, stage, timestep, nearest_class, similarity (cosine to it), margin (to the second nearest;
    empty for a single class text), committed (whether the nearest class text stays from here on), commitment_step,
    answer and answer_probability. Then for each map, under its name: x, y (and z) in its own units, neighbors_kept,
    and step_flag of the step that led here (empty at the first state).

    Where the journey has labels, after answer_probability: truth (the right class text; empty where nobody knows) and right
    (whether it is the answer; empty as well).
    """
    trajectory = journey.trajectory
    n, s, _ = trajectory.states.shape
    similarities = trajectory.class_similarities()  # [n, s, k]
    nearest = decisions(similarities)  # [n, s]
    commitments = commitment_step(nearest)
    answers = trajectory.class_probabilities.argmax(axis=1)
    steps = np.tile(np.arange(s), n)
    class_names = np.array(trajectory.class_names, dtype=object)
    return pd.DataFrame(
        {
            "item": np.repeat(np.arange(n), s),
            "name": np.repeat(np.array(trajectory.item_names, dtype=object), s),
            "step": steps,
            "stage": np.array(STAGE_NAMES, dtype=object)[np.tile(trajectory.stages, n)],
            "timestep": np.tile(trajectory.timesteps, n),
            "nearest_class": class_names[nearest.ravel()],
            "similarity": similarities.max(axis=-1).ravel(),
            "margin": class_margins(similarities).ravel(),
            "committed": steps >= np.repeat(commitments, s),
            "commitment_step": np.repeat(commitments, s),
            "answer": class_names[np.repeat(answers, s)],
            "answer_probability": np.repeat(trajectory.class_probabilities.max(axis=1), s),
        }
        | _truth(journey, answers, s)
        | {column: values for name, positions in journey.maps.items() for column, values in _placed(name, positions)}
    )


def _truth(journey: Journey, answers: np.ndarray, repeats: int) -> dict[str, Any]:
    if journey.labels is None:
        return {}
    known = journey.labels >= 0
    names = np.array([*journey.trajectory.class_names, ""], dtype=object)  # -1, the last, is empty
    right = pd.array(np.repeat(journey.labels == answers, repeats), dtype="boolean")
    right[np.repeat(~known, repeats)] = pd.NA
    return {"truth": names[np.repeat(journey.labels, repeats)], "right": right}


def _placed(name: str, positions: MapPositions) -> Iterator[tuple[str, Any]]:
    for column, axis in enumerate("xyz"[: positions.dimensions]):
        yield f"{name}_{axis}", positions.states[:, :, column].ravel()
    yield f"{name}_neighbors_kept", positions.neighbors_kept.ravel()
    flags = pd.array(np.pad(positions.step_flags, ((0, 0), (1, 0))).ravel(), dtype="Int8")
    flags[:: positions.states.shape[1]] = pd.NA
    yield f"{name}_step_flag", flags


def to_csv(journey: Journey) -> str:
    """The table as comma-separated text; names that a spreadsheet would run as a formula get a leading apostrophe."""
    return csv_text(to_table(journey))


def csv_text(table: pd.DataFrame) -> str:
    """Any table as comma-separated text, its texts and headings made harmless as those of `to_csv`."""
    harmless = table.copy(deep=False)
    for column in table.select_dtypes(["object", "string"]):
        harmless[column] = table[column].map(_harmless)
    # lines end as RFC 4180 says: with less, a carriage return within a name would not be quoted, and what follows be a row of its own
    return harmless.rename(columns=_harmless).to_csv(index=False, float_format="%.6g", lineterminator="\r\n")


def _harmless(text: str) -> str:
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text
