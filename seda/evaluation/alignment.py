"""How two sets of features lie to each other: gaps, kernels, retrieval.

A gap alone means nothing: moving every item onto the mean text closes it and destroys all information. Show recall or
accuracy beside it.
"""

from __future__ import annotations

import numpy as np


def unit(features: np.ndarray) -> np.ndarray:
    """Rows [..., d] at length 1; a row of zeros stays."""
    return features / np.maximum(np.linalg.norm(features, axis=-1, keepdims=True), 1e-12)


def centroid_gap(x: np.ndarray, y: np.ndarray) -> float:
    """Distance of the means of x [n, d] and y [m, d] (Liang et al. 2022, section 2)."""
    return float(np.linalg.norm(x.mean(0) - y.mean(0)))


def relative_modality_gap(x: np.ndarray, y: np.ndarray) -> float:
    """Mean distance of pairs over that plus the mean distance within a modality, 0 to 1; d = (1 - cos) / 2.

    x and y [n, d] are paired by row; .5 says that a pair is as far apart as any two of a kind.
    """
    x, y = _unit(x), _unit(y)
    between = max(((1 - (x * y).sum(1)) / 2).mean(), 0.0)  # rounding leaves equal rows a little below zero
    within = (_mean_distance_within(x) + _mean_distance_within(y)) / 2
    total = between + within
    return float(between / total) if total > 0 else 0.0


def unbiased_cka(x: np.ndarray, y: np.ndarray) -> float:
    """Linear centred kernel alignment of paired rows x [n, d], y [n, e], with the unbiased HSIC; about 0 for unrelated
    features, 1 for equal ones (Kornblith et al. 2019 with Song et al. 2012, eq. 5). 0 where one of them is constant, NaN below
    four rows, of which it says nothing.
    """
    if len(x) < 4:
        return float("nan")
    k, l = x.astype(np.float64) @ x.T, y.astype(np.float64) @ y.T  # noqa: E741 (the letters of the source)
    own = _unbiased_hsic(k, k) * _unbiased_hsic(l, l)
    return float(_unbiased_hsic(k, l) / np.sqrt(own)) if own > 0 else 0.0


def unbiased_mmd(x: np.ndarray, y: np.ndarray) -> float:
    """Squared maximum mean discrepancy of x [n, d] and y [m, d]; about 0, also below, where they are drawn alike.

    Gaussian kernel whose width is the median distance of all points (Gretton et al. 2012, eq. 3 and section 8).
    """
    from scipy.spatial.distance import cdist, pdist  # .3 s, and the only measure here that needs it

    everything = pdist(np.concatenate([x, y]).astype(np.float64))
    width = max(float(np.median(everything)), 1e-12)

    def kernel(distances: np.ndarray) -> np.ndarray:
        return np.exp(-np.square(distances) / (2 * width**2))

    within = sum(kernel(pdist(part.astype(np.float64))).mean() for part in (x, y))
    return float(within - 2 * kernel(cdist(x, y)).mean())


def recall_at_k(
    queries: np.ndarray, gallery: np.ndarray, query_labels: np.ndarray, gallery_labels: np.ndarray, k: int
) -> float:
    """Share of queries [n, d] with one of their own label among the k entries of the gallery [m, d] of largest cosine.

    Entries of equal cosine count by chance: one that ties with the k-th counts for its share of the places left.
    """
    return recall_of_scores(_unit(queries) @ _unit(gallery).T, query_labels, gallery_labels, k)


def recall_of_scores(scores: np.ndarray, query_labels: np.ndarray, gallery_labels: np.ndarray, k: int) -> float:
    """The same of any scores [n, m] of n queries and m entries, larger is nearer; equal ones are within 1e-9 of each other."""
    k = min(k, scores.shape[1])
    found = 0.0
    for row, label in zip(scores, query_labels, strict=True):
        last = np.partition(row, -k)[-k]
        surely, tied = row > last + 1e-9, np.abs(row - last) <= 1e-9
        right = gallery_labels == label
        if (surely & right).any():
            found += 1
        else:
            found += _chance_of_one(int(tied.sum()), int((tied & right).sum()), k - int(surely.sum()))
    return found / len(scores)


def _chance_of_one(count: int, right: int, drawn: int) -> float:
    """Chance that `drawn` of `count` entries, without return, hold at least one of the `right` ones."""
    missed = 1.0
    for index in range(drawn):
        missed *= max(count - right - index, 0) / (count - index)
    return 1 - missed


def _unbiased_hsic(k: np.ndarray, l: np.ndarray) -> float:  # noqa: E741
    """Song et al. 2012, eq. 5, of kernel matrices [n, n]."""
    n = len(k)
    k, l = k - np.diag(np.diag(k)), l - np.diag(np.diag(l))  # noqa: E741
    rows_k, rows_l = k.sum(1), l.sum(1)
    total = (k * l).sum() + rows_k.sum() * rows_l.sum() / ((n - 1) * (n - 2)) - 2 * rows_k @ rows_l / (n - 2)
    return float(total / (n * (n - 3)))


def _mean_distance_within(rows: np.ndarray) -> float:
    """Mean (1 - cos) / 2 over pairs of different rows of length 1."""
    n = len(rows)
    cosines = (np.square(rows.sum(0)).sum() - np.square(rows).sum()) / (n * (n - 1))
    return float((1 - cosines) / 2)


def _unit(features: np.ndarray) -> np.ndarray:
    return unit(features.astype(np.float64))
