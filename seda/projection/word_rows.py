"""The rows of a journey's words on a timeline: who is at a word in feature space is in its row.

A timeline's height is a map of one dimension, on which words that have nothing to do with each other may lie at nearly one height:
which of the two a path comes to rest at would be left to the map's noise. Here the height of a point near a word is drawn to that
word's, the nearer the more; away from all words it stays as it is. It is still a pure function of the point.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from seda.evaluation.trajectories import AT
from seda.journeys.trajectory import cosines
from seda.projection.frozen import FrozenMap
from seda.projection.projectors import PLACED, TimelineProjector

# Of a cosine; chosen here
APPROACH = 0.3  # so far below AT a word begins to draw: wide enough that no step of a path is torn
SHARPNESS = 0.01  # between two words that are both near, how much nearer one must be to have most of the pull
TIE = 1e-3  # of the timeline's height: the least between two words that are not the same
SAME = 1 - 1e-5  # cosine of two texts from which on they are one


@dataclass(frozen=True, eq=False)
class WordRows(TimelineProjector):
    """A timeline for class texts of its own.

    Attributes:
        texts: float32 [k, d], class texts in scaled units; k is at least 1.
        rows: float32 [k], their heights.
    """

    texts: np.ndarray
    rows: np.ndarray

    def place(self, points: np.ndarray, progress: np.ndarray | None = None) -> np.ndarray:
        placed = super().place(points, progress)
        for first in range(0, len(points), PLACED):
            part = slice(first, first + PLACED)
            near = cosines(points[part], self.texts)  # [n, k]
            nearest = near.max(1, keepdims=True)
            shares = np.exp((near - nearest) / SHARPNESS)
            row = shares @ self.rows / shares.sum(1)
            way = np.clip((nearest[:, 0] - AT) / APPROACH + 1, 0, 1)
            placed[part, 1] += way**2 * (3 - 2 * way) * (row - placed[part, 1])
        return placed


def with_word_rows(timeline: TimelineProjector, texts: np.ndarray) -> TimelineProjector:
    """The timeline for class texts float32 [k, d], each of which has a height of its own; itself where there are none."""
    if not len(texts):
        return timeline
    rows = timeline.place(texts, np.ones(len(texts), np.float32))[:, 1].astype(np.float32)
    alike = (cosines(texts, texts) >= SAME).argmax(1)  # the first text that is the same as each
    others = sorted(set(alike), key=lambda text: rows[text])
    for before, here in pairwise(others):
        rows[here] = max(rows[here], rows[before] + TIE)
    rows = rows[alike]
    return WordRows(timeline.height, timeline.low, timeline.span, texts.astype(np.float32), rows)


def on_word_rows(frozen: FrozenMap, texts: np.ndarray) -> FrozenMap:
    """A frozen map for class texts float32 [k, d]: of a timeline the one with their rows, any other as it is."""
    if not isinstance(frozen.projector, TimelineProjector):
        return frozen
    return replace(frozen, projector=with_word_rows(frozen.projector, texts))
