"""A journey as a table: one row for each item and state."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from seda.evaluation.sentences import class_margins
from seda.evaluation.trajectories import commitment_step, decisions
from seda.journeys.journey import Journey
from seda.journeys.trajectory import MapPositions, Trajectory

# A cell that starts with one of these is run as a formula by spreadsheet programs (OWASP: CSV injection); tab and
# carriage return lead to the same, because they are skipped in front of one.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def to_table(journey: Journey) -> pd.DataFrame:
    """The long table behind `to_csv`, texts as they are.

    Columns: item, name, step, stage, timestep, nearest_class, similarity (cosine to it), margin (to the second nearest;
    empty for a single class text), committed (whether the nearest class text stays from here on), commitment_step,
    answer and answer_probability. Then for each map, under its name: x, y (and z) in its own units, neighbors_kept,
    and step_flag of the step that led here (empty at the first state).

    Paths that were made elsewhere have no answer and its probability unless they came with them, without class texts nothing of the nearest
    one, and a column group where items have groups.

    Where the journey has labels, after answer_probability: truth (the right class text; empty where nobody knows) and right
    (whether it is the answer; empty as well).
    """
    trajectory = journey.trajectory
    n, s, _ = trajectory.states.shape
    stages = np.array(["visual feature" if trajectory.is_aligned else "start", *trajectory.stage_names], dtype=object)
    columns: dict[str, Any] = {
        "item": np.repeat(np.arange(n), s),
        "name": np.repeat(np.array(trajectory.item_names, dtype=object), s),
        "step": np.tile(np.arange(s), n),
        "stage": stages[np.tile(trajectory.stages, n)],
        "timestep": np.tile(trajectory.timesteps, n),
    }
    if trajectory.class_names:
        columns |= _nearest(trajectory)
    if trajectory.is_answered:
        columns["answer"] = np.array(trajectory.class_names, dtype=object)[np.repeat(trajectory.answers, s)]
        columns["answer_probability"] = np.repeat(trajectory.class_probabilities.max(axis=1), s)
    columns |= _truth(journey, trajectory.answers, s)
    if journey.groups is not None:
        columns["group"] = np.array([*journey.group_names, ""], dtype=object)[np.repeat(journey.groups, s)]
    for name, positions in journey.maps.items():
        columns |= dict(_placed(name, positions))
    return pd.DataFrame(columns)


def _nearest(trajectory: Trajectory) -> dict[str, Any]:
    s = len(trajectory.stages)
    similarities = trajectory.class_similarities()  # [n, s, k]
    nearest = decisions(similarities)  # [n, s]
    settled = np.repeat(commitment_step(nearest), s)
    return {
        "nearest_class": np.array(trajectory.class_names, dtype=object)[nearest.ravel()],
        "similarity": similarities.max(axis=-1).ravel(),
        "margin": class_margins(similarities).ravel(),
        "committed": np.tile(np.arange(s), len(nearest)) >= settled,
        "commitment_step": settled,
    }


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
