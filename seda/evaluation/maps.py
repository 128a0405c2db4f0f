"""How far a map can be trusted. All measured against feature space; none needs a model."""

from __future__ import annotations

import numpy as np
from scipy.stats import spearmanr
from sklearn.manifold import trustworthiness as _trustworthiness

from seda.evaluation.trajectories import straightness


def trustworthiness(features: np.ndarray, positions: np.ndarray, n_neighbors: int = 15) -> float:
    """Are neighbours on the map [n, 2] neighbours in feature space [n, d]? 0 to 1 (Venna and Kaski 2001).

    The measure is defined for fewer neighbours than half of the points: with few points, as many as that allows are asked
    for; two points or fewer are always right.
    """
    n_neighbors = min(n_neighbors, (len(features) - 1) // 2)
    if n_neighbors < 1:
        return 1.0
    return float(_trustworthiness(features, positions, n_neighbors=n_neighbors))


def continuity(features: np.ndarray, positions: np.ndarray, n_neighbors: int = 15) -> float:
    """Are neighbours in feature space neighbours on the map? The same measure with its arguments swapped."""
    return trustworthiness(positions, features, n_neighbors)


def step_length_spearman(features: np.ndarray, positions: np.ndarray) -> float:
    """Rank correlation of step lengths in feature space [n, s, d] and on the map [n, s, 2]."""
    walked = np.linalg.norm(np.diff(features, axis=1), axis=-1)
    moved = np.linalg.norm(np.diff(positions, axis=1), axis=-1)
    return float(spearmanr(walked.ravel(), moved.ravel()).statistic)


def jump_p99(positions: np.ndarray) -> float:
    """99th percentile of step lengths [n, s, 2] over the width of what the paths cover."""
    moved = np.linalg.norm(np.diff(positions, axis=1), axis=-1)
    width = np.ptp(positions.reshape(-1, positions.shape[-1]), axis=0).max()
    return float(np.quantile(moved, 0.99) / width) if width > 0 else 0.0


def map_scores(
    reference: np.ndarray, reference_at: np.ndarray, paths: np.ndarray, paths_at: np.ndarray
) -> dict[str, float]:
    """All measures of one map: reference [m, d] at [m, 2], paths [n, s, d] at [n, s, 2]."""
    return {
        "trustworthiness": trustworthiness(reference, reference_at),
        "continuity": continuity(reference, reference_at),
        "step_length_spearman": step_length_spearman(paths, paths_at),
        "straightness": float(np.median(straightness(paths_at))),
        "jump_p99": jump_p99(paths_at),
    }
