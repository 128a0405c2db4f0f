"""How far a map can be trusted. All measured against feature space; none needs a model.

scipy and scikit-learn are imported by the measures that need them: an answer without a map needs neither.
"""

from __future__ import annotations

import numpy as np

from seda.evaluation.trajectories import straightness

N_NEIGHBORS = 15  # UMAP's default; the same number is asked for everywhere
MAX_SCORED = 5_000  # reference points; the measures' cost and memory grow with the square of their number
FLAG_FACTOR = 3.0  # chosen here: a step three times as long as the path's average cannot be overlooked


def thinning(count: int, limit: int) -> int:
    """Every how manieth of `count` points is kept so that at most `limit` remain; 1 for all."""
    return -(-count // limit) or 1


def trustworthiness(features: np.ndarray, positions: np.ndarray, n_neighbors: int = N_NEIGHBORS) -> float:
    """Are neighbours on the map [n, q] neighbours in feature space [n, d]? 0 to 1 (Venna and Kaski 2001).

    The measure is defined for fewer neighbours than half of the points: with few points, as many as that allows are asked
    for; two points or fewer are always right.
    """
    from sklearn.manifold import trustworthiness as _trustworthiness

    n_neighbors = min(n_neighbors, (len(features) - 1) // 2)
    if n_neighbors < 1:
        return 1.0
    return float(_trustworthiness(features, positions, n_neighbors=n_neighbors))


def continuity(features: np.ndarray, positions: np.ndarray, n_neighbors: int = N_NEIGHBORS) -> float:
    """Are neighbours in feature space neighbours on the map? The same measure with its arguments swapped."""
    return trustworthiness(positions, features, n_neighbors)


def nearest_neighbors(queries: np.ndarray, pool: np.ndarray, n_neighbors: int = N_NEIGHBORS) -> np.ndarray:
    """Indices int64 [q, k] of the nearest points of a pool [p, d] for each query [q, d], nearest first (Euclidean, exact).

    k is n_neighbors, or p where the pool is smaller.
    """
    from sklearn.neighbors import NearestNeighbors

    search = NearestNeighbors(n_neighbors=min(n_neighbors, len(pool))).fit(pool)
    return search.kneighbors(queries, return_distance=False)


def neighbors_kept(nearest: np.ndarray, nearest_on_map: np.ndarray) -> np.ndarray:
    """Share of the true neighbours that are neighbours on the map too: indices [..., k] and [..., k] to float32 [...].

    Chance is k / p for a pool of p points.
    """
    same = nearest[..., :, None] == nearest_on_map[..., None, :]  # [..., k, k]
    return same.any(-1).mean(-1, dtype=np.float32)


def step_flags(features: np.ndarray, positions: np.ndarray, factor: float = FLAG_FACTOR) -> np.ndarray:
    """Steps that the map shows wrongly: features [n, s, d] at [n, s, q] to int8 [n, s - 1].

    Both lengths of a step are taken as shares of their path's length, so that no unit matters.

    Returns:
        1 where the map jumps and the features do not: the step's share on the map is at least `factor` times the average
        step's and at least `factor` times its share in feature space; -1 where the features jump and the map does not, by
        the same rule the other way round; else 0.
    """
    walked, moved = _shares(features), _shares(positions)
    long = factor / max(walked.shape[1], 1)
    jumps = (moved >= long) & (moved >= factor * walked)
    hidden = (walked >= long) & (walked >= factor * moved)
    return jumps.astype(np.int8) - hidden.astype(np.int8)


def _shares(points: np.ndarray) -> np.ndarray:
    """Each step's share of its path's length [n, s - 1]; zeros for a path of no length."""
    lengths = np.linalg.norm(np.diff(points, axis=1), axis=-1)
    return lengths / np.maximum(lengths.sum(1, keepdims=True), 1e-12)


def step_length_spearman(features: np.ndarray, positions: np.ndarray) -> float:
    """Rank correlation of step lengths in feature space [n, s, d] and on the map [n, s, q]; 0 where it is undefined."""
    from scipy.stats import spearmanr

    walked = np.linalg.norm(np.diff(features, axis=1), axis=-1)
    moved = np.linalg.norm(np.diff(positions, axis=1), axis=-1)
    if np.ptp(walked) == 0 or np.ptp(moved) == 0:
        return 0.0  # undefined where all steps are equally long
    return float(spearmanr(walked.ravel(), moved.ravel()).statistic)


def jump_p99(positions: np.ndarray) -> float:
    """99th percentile of step lengths [n, s, q] over the width of what the paths cover."""
    moved = np.linalg.norm(np.diff(positions, axis=1), axis=-1)
    width = np.ptp(positions.reshape(-1, positions.shape[-1]), axis=0).max()
    return float(np.quantile(moved, 0.99) / width) if width > 0 else 0.0


def map_scores(
    reference: np.ndarray, reference_at: np.ndarray, paths: np.ndarray, paths_at: np.ndarray
) -> dict[str, float]:
    """All measures of one map: reference [m, d] at [m, q], paths [n, s, d] at [n, s, q].

    Of more than MAX_SCORED reference points every k-th is scored.
    """
    every = thinning(len(reference), MAX_SCORED)
    scored, scored_at = reference[::every], reference_at[::every]
    return {
        "trustworthiness": trustworthiness(scored, scored_at),
        "continuity": continuity(scored, scored_at),
        "step_length_spearman": step_length_spearman(paths, paths_at),
        "straightness": float(np.median(straightness(paths_at))),
        "jump_p99": jump_p99(paths_at),
    }
