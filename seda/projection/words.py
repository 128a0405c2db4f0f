"""The plane of the words: a journey's own straight map, whose axes run through its class texts.

Principal axes of everything pile the words up in the middle: what the items differ in most has little to do with them.
Principal axes of the words alone spread them as widely as a straight map can, so how near a state has come to each word can be
read off; what the items differ in besides stays hidden. The fit depends on the class texts (and, where they are too few, on
centers and image features), so a ghost or other seeds can be placed on it at any time.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from seda.journeys.trajectory import Trajectory
from seda.map_forms import OF_WORDS
from seda.projection.frozen import FrozenMap
from seda.projection.projectors import PcaProjector

RADIUS = 5.0  # of the words around the middle, map units; as wide as the other maps
FLAT = 1e-4  # of the largest singular value: an axis below it has no direction of its own


class WordsProjector(PcaProjector):
    """Principal axes of class texts: mean [d] and axes [d, q]."""

    kind: ClassVar[str] = "words"


def fit_words(trajectory: Trajectory, dimensions: int) -> WordsProjector:
    """The plane (or space) through a trajectory's class texts in which they differ most.

    Args:
        trajectory: k class texts [k, d]. Fewer than q + 1 of them leave axes open: these follow the centers and the image
            features, across the ones before; axes that nothing is left for are zero.
        dimensions: q, 2 or 3.
    """
    texts = trajectory.class_text_features.astype(np.float64)
    mean = texts.mean(0)
    axes = np.zeros((texts.shape[1], dimensions))
    found = _directions(texts - mean, dimensions)
    others = np.concatenate([trajectory.class_centers, trajectory.states[:, 0]]) - mean
    for more in (found, _directions(others - others @ found @ found.T, dimensions - found.shape[1])):
        start = 0 if more is found else found.shape[1]
        axes[:, start : start + more.shape[1]] = more
    spread = np.linalg.norm((texts - mean) @ axes, axis=1).max() or 1.0
    return WordsProjector(mean.astype(np.float32), (axes * RADIUS / spread).astype(np.float32))


def _directions(points: np.ndarray, count: int) -> np.ndarray:
    """Up to so many orthonormal directions [d, a] in which centred points [p, d] differ most; the largest part is positive."""
    if count <= 0 or not len(points):
        return np.zeros((points.shape[1], 0))
    _, sizes, rows = np.linalg.svd(points, full_matrices=False)
    rows = rows[:count][sizes[:count] > FLAT * max(sizes[0], 1e-12)]
    signs = np.sign(rows[np.arange(len(rows)), np.abs(rows).argmax(1)])
    return (rows * signs[:, None]).T


def word_maps(trajectory: Trajectory, reference: np.ndarray) -> dict[str, FrozenMap]:
    """A trajectory's own maps by name, with reference features float32 [m, d] placed on them."""
    maps = {}
    for name, dimensions in OF_WORDS.items():
        projector = fit_words(trajectory, dimensions)
        maps[name] = FrozenMap(name, projector, projector.place(reference).astype(np.float32), {})
    return maps
