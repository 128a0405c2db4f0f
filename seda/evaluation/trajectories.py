"""Metrics of trajectories. Decisions are read from the states unless x_0 estimates are given instead."""

from __future__ import annotations

import numpy as np


def evenly(count: int, most: int) -> np.ndarray:
    """Indices int64, ascending, of at most `most` of `count` things, evenly chosen from the first to the last; all where they are not more."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(np.int64))


def decisions(similarities: np.ndarray) -> np.ndarray:
    """Nearest class at each state: similarities [n, s, k] to int64 [n, s]."""
    return similarities.argmax(-1)


RIGHT, WRONG, UNDECIDED = 1, 2, 0
UNDECIDED_BELOW = 0.05  # cosine; chosen here: noised features differ by less between any two words


def standing_at(similarities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Where each state stands: RIGHT or WRONG by its nearest class text, UNDECIDED where the next one is about as near.

    Args:
        similarities: cosines [n, s, k], k 2 or more.
        labels: int [n].
    Returns:
        int8 [n, s].
    """
    first_two = np.partition(similarities, -2, axis=-1)[..., -2:]
    close = first_two[..., 1] - first_two[..., 0] < UNDECIDED_BELOW
    right = similarities.argmax(-1) == labels[:, None]
    return np.where(close, UNDECIDED, np.where(right, RIGHT, WRONG)).astype(np.int8)


def true_margins(similarities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Cosine of each state to its right class text, less that to the nearest other: similarities [n, s, k] to [n, s]."""
    rows = np.arange(len(labels))
    others = similarities.copy()
    others[rows, :, labels] = -np.inf
    return similarities[rows, :, labels] - others.max(-1)


def weight_entropy(weights: np.ndarray) -> np.ndarray:
    """Entropy of candidates' weights [.., k], bits; what lacks to 1 counts as one more candidate. NaN where none weigh anything."""
    weights = weights.astype(np.float64)
    rest = np.clip(1 - weights.sum(-1, keepdims=True), 0, None)
    parts = np.concatenate(
        [weights, np.where(rest > 1e-3, rest, 0)], axis=-1
    )  # half precision leaves a rest of its own
    entropy = -(parts * np.log2(np.where(parts > 0, parts, 1))).sum(-1)
    return np.where(weights.sum(-1) > 0, entropy, np.nan)


# Chosen here: in the stored examples ends at a word have a cosine of 1.0 to it, the others of .4 at most
AT = 0.8


def landed(similarities: np.ndarray) -> np.ndarray:
    """Which paths end at a class text, and not somewhere between or away from all: cosines [n, s, k] to bool [n]."""
    return similarities[:, -1].max(-1) >= AT


def accuracy_along_path(decided: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Accuracy at each state: decided [n, s] and labels [n] to float64 [s]."""
    return (decided == labels[:, None]).mean(0)


def bootstrap_band(
    decided: np.ndarray, labels: np.ndarray, *, seed: int, draws: int = 1000, level: float = 0.95
) -> tuple[np.ndarray, np.ndarray]:
    """Low and high end [s] of a bootstrap interval of the accuracy at each state; items are drawn, paired over states."""
    rng = np.random.default_rng(seed)
    correct = (decided == labels[:, None]).astype(np.float64)  # [n, s]
    weights = rng.multinomial(len(labels), np.full(len(labels), 1 / len(labels)), size=draws) / len(labels)
    accuracies = weights @ correct  # [draws, s]
    low, high = np.quantile(accuracies, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return low, high


def commitment_step(decided: np.ndarray) -> np.ndarray:
    """First state after which the decision never changes: decided [n, s] to int64 [n], 0 to s - 1."""
    same_to_the_end = np.flip(np.cumprod(np.flip(decided == decided[:, -1:], axis=1), axis=1), axis=1)
    return same_to_the_end.argmax(1)


def flips(decided: np.ndarray) -> np.ndarray:
    """How often the decision changes along each path: decided [n, s] to int64 [n]."""
    return (decided[:, 1:] != decided[:, :-1]).sum(1)


def straightness(points: np.ndarray) -> np.ndarray:
    """Distance from first to last over the length walked, 0 to 1: points [n, s, d] to [n]; 1 for a path of no length."""
    steps = np.linalg.norm(np.diff(points, axis=1), axis=-1).sum(1)
    direct = np.linalg.norm(points[:, -1] - points[:, 0], axis=-1)
    return np.where(steps > 0, direct / np.maximum(steps, 1e-12), 1.0)
