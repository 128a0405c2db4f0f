"""Semantic consistency of several modalities: whether a thing's picture, sound and names mean the same; functions on arrays.

A small distance says nothing alone: collapsing everything onto one point brings it to zero. So each measure of distance or geometry
stands beside decisions and ranks.

Shapes: n things, m modalities, s states, d dimensions, k classes, q texts of a gallery.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations

import numpy as np

from seda.evaluation.alignment import unit

MISSING = -1  # of a decision: the thing has nothing of the modality
CUTS = (1, 5, 10)


def agreement(decisions: Sequence[np.ndarray]) -> tuple[float, int]:
    """The share of things for which all modalities decide alike, and among how many things.

    Args:
        decisions: for each modality int [n], MISSING where there is none; things that lack one are left out.
    """
    table = np.stack(decisions)  # [m, n]
    whole = (table != MISSING).all(0)
    if not whole.any():
        return float("nan"), 0
    return float((table[:, whole] == table[:1, whole]).all(0).mean()), int(whole.sum())


def disagreement(decisions: Sequence[np.ndarray]) -> np.ndarray:
    """Of each thing the share of pairs of modalities that decide differently [n]; NaN where fewer than two are there."""
    table = np.stack(decisions)
    pairs = np.array(
        [np.where((a == MISSING) | (b == MISSING), np.nan, (a != b).astype(float)) for a, b in combinations(table, 2)]
    )
    there = (~np.isnan(pairs)).sum(0)
    return np.where(there > 0, np.nansum(pairs, 0) / np.maximum(there, 1), np.nan)


def anchor_agreement(states: np.ndarray, anchors: np.ndarray, labels: np.ndarray) -> float:
    """The share of states [n, d] whose nearest anchor [k, d], by cosine, is their class's [n]."""
    return float(((unit(states) @ unit(anchors).T).argmax(1) == labels).mean())


def class_geometry(features: np.ndarray, labels: np.ndarray, classes: Iterable[int]) -> np.ndarray:
    """Cosines between class means of centred features, the upper triangle [k (k - 1) / 2]."""
    centred = features - features.mean(0)
    means = unit(np.stack([centred[labels == one].mean(0) for one in classes]))
    return (means @ means.T)[np.triu_indices(len(means), 1)]


def rsa(a: np.ndarray, b: np.ndarray) -> float:
    """Rank correlation (Spearman) of two class geometries, distances or cosines of all pairs of classes [p] each; -1 to 1.

    NaN of fewer than three pairs, 0 where all pairs of one of them are alike.

    Source: representational similarity analysis, Kriegeskorte, Mur and Bandettini 2008.
    """
    from scipy.stats import rankdata

    if len(a) < 3:
        return float("nan")
    x, y = (rankdata(np.asarray(pairs).round(12)) for pairs in (a, b))  # what differs by rounding is a tie
    x, y = x - x.mean(), y - y.mean()
    size = np.sqrt((x @ x) * (y @ y))
    return float(x @ y / size) if size > 0 else 0.0


def mutual_neighbors(a: np.ndarray, b: np.ndarray, k: int = 10) -> tuple[float, float]:
    """How many of the k nearest of each thing in one modality [n, d] are so in the other [n, d'], as a share; and chance, k / (n - 1).

    Source: Huh et al., "The Platonic Representation Hypothesis", 2024, arXiv:2405.07987.
    """
    n = len(a)
    k = min(k, n - 1)
    near = []
    for x in (a, b):
        cosines = unit(x) @ unit(x).T
        np.fill_diagonal(cosines, -np.inf)
        chosen = np.zeros((n, n), bool)
        np.put_along_axis(chosen, np.argsort(-cosines, axis=1, kind="stable")[:, :k], True, axis=1)
        near.append(chosen)
    return float((near[0] & near[1]).sum(1).mean() / k), k / (n - 1)


def ranks_of(scores: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """The rank of the right one [n] among q, 0 for the best; those that score alike share it out."""
    own = np.take_along_axis(scores, truth[:, None], 1)
    return (scores > own).sum(1) + ((scores == own).sum(1) - 1) / 2


def retrieval(ranks: np.ndarray, size: int) -> dict[str, float]:
    """R@1, R@5, R@10, the median rank from 1, and what chance gives for R@10.

    Args:
        ranks: [n], see `ranks_of`.
        size: q, of the gallery.
    """
    found = {f"R@{cut}": float((ranks < cut).mean()) for cut in CUTS}
    return {**found, "median_rank": float(np.median(ranks) + 1), "chance_R@10": min(10 / size, 1.0)}


def pair_distance(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Mean distance, (1 - cosine) / 2, between two modalities of the same things at each state [s], of [n, s, d] each."""
    return ((1 - (unit(a) * unit(b)).sum(-1)) / 2).mean(0)


def pair_margin(a: np.ndarray, b: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """By how much the cosine to the own counterpart is above the mean cosine to things of other classes, at each state [s].

    A collapse brings distances to zero, and this too.
    """
    other = labels[:, None] != labels[None]
    found = []
    for step in range(a.shape[1]):
        cosines = unit(a[:, step]) @ unit(b[:, step]).T
        strangers = np.where(other, cosines, 0).sum(1) / np.maximum(other.sum(1), 1)
        found.append(float((np.diag(cosines) - strangers).mean()))
    return np.array(found)


def pairs_of(names: Sequence[str]) -> list[tuple[str, str]]:
    """Every pair of modalities, in order."""
    return list(combinations(names, 2))
