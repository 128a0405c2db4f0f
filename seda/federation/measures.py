"""How alike the geometries of clients' classes are. Functions on arrays.

Shapes: n items, k classes, d width of the space, c clients.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np

from seda.errors import ShapeError
from seda.evaluation import consistency
from seda.evaluation.alignment import unit
from seda.evaluation.paired import half_width

LEAST_CLASSES = 3  # three distances; two classes have one, which has no rank


def class_centers(mapped: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
    """Mean of each class [k, d] of mapped items [n, d]; NaN where a class has none."""
    members = np.eye(classes)[labels]  # [n, k]
    with np.errstate(invalid="ignore"):
        return (members.T @ mapped.astype(np.float64)) / members.sum(0)[:, None]


def geometry(centers: np.ndarray) -> np.ndarray:
    """Distances 1 - cosine between all pairs of centers [k, d], each once [k (k - 1) / 2]."""
    cosines = unit(centers) @ unit(centers).T
    return 1 - cosines[np.triu_indices(len(centers), 1)]


def rsa(a: np.ndarray, b: np.ndarray) -> float:
    """Representational similarity of two sets of class centers [k, d] and [k, e]: see `consistency.rsa`.

    Raises:
        ShapeError: the numbers of classes differ, or there are fewer than LEAST_CLASSES.
    """
    if len(a) != len(b) or len(a) < LEAST_CLASSES:
        raise ShapeError(
            f"{len(a)} and {len(b)} class centers came; the same number is needed, at least {LEAST_CLASSES}."
        )
    return consistency.rsa(geometry(a), geometry(b))


def mean_rsa(centers: np.ndarray) -> float:
    """Mean over all pairs of clients [c, k, d]; 1 with a single one, NaN with fewer than LEAST_CLASSES classes."""
    if len(centers) == 1:
        return 1.0
    if centers.shape[1] < LEAST_CLASSES:
        return float("nan")
    return float(np.mean([rsa(centers[a], centers[b]) for a, b in combinations(range(len(centers)), 2)]))


def spread(centers: np.ndarray) -> float:
    """How far clients' centers of a class [c, k, d] lie from their mean, over the mean length of centers; averaged."""
    away = np.linalg.norm(centers - centers.mean(0), axis=2).mean()
    return float(away / max(np.linalg.norm(centers, axis=2).mean(), 1e-12))


def paired_interval(differences: np.ndarray, level: float = 0.95) -> tuple[float, float, float]:
    """Mean of paired differences [seeds] with the ends of Student's interval; without width from one seed: NaN ends."""
    mean, half = float(np.mean(differences)), half_width(differences, level)
    return mean, mean - half, mean + half
