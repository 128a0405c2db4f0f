"""Alignment metrics against naive versions, and the collapse that fools a gap."""

import itertools

import numpy as np
import pytest

from seda.evaluation.alignment import (
    centroid_gap,
    recall_at_k,
    relative_modality_gap,
    unbiased_cka,
    unbiased_mmd,
)

RNG = np.random.default_rng(0)


def cosine(a, b):
    return a @ b / np.linalg.norm(a) / np.linalg.norm(b)


def test_gaps_against_loops():
    x, y = RNG.normal(size=(12, 5)), RNG.normal(size=(12, 5)) + 1
    assert centroid_gap(x, y) == pytest.approx(np.sqrt(sum((x[:, j].mean() - y[:, j].mean()) ** 2 for j in range(5))))
    between = np.mean([(1 - cosine(a, b)) / 2 for a, b in zip(x, y, strict=True)])
    within = [
        np.mean([(1 - cosine(part[i], part[j])) / 2 for i, j in itertools.permutations(range(12), 2)])
        for part in (x, y)
    ]
    assert relative_modality_gap(x, y) == pytest.approx(between / (between + sum(within) / 2))
    assert relative_modality_gap(x, x) == pytest.approx(0, abs=1e-9)
    same = np.ones((4, 3))
    assert relative_modality_gap(same, same) == 0


def naive_hsic(k, l):  # noqa: E741
    """U-statistic over all quadruples of different points (Song et al. 2012, eq. 4)."""
    terms = [k[i, j] * (l[i, j] + l[q, r] - 2 * l[i, q]) for i, j, q, r in itertools.permutations(range(len(k)), 4)]
    return np.mean(terms)


def test_cka_against_quadruples():
    x, y = RNG.normal(size=(7, 3)), RNG.normal(size=(7, 4))
    k, l = x @ x.T, y @ y.T  # noqa: E741
    found = unbiased_cka(x, y)
    own = naive_hsic(k, k) * naive_hsic(l, l)
    assert found == pytest.approx(naive_hsic(k, l) / np.sqrt(own) if own > 0 else 0)


def test_cka_is_one_for_turned_features_and_zero_for_noise():
    x = RNG.normal(size=(80, 60))
    rotation = np.linalg.qr(RNG.normal(size=(60, 60)))[0]
    assert unbiased_cka(x, 3 * x @ rotation + 1) == pytest.approx(1)
    assert abs(np.mean([unbiased_cka(x, RNG.normal(size=(80, 60))) for _ in range(30)])) < 0.05
    assert unbiased_cka(x, np.ones((80, 2))) == 0


def test_mmd_against_loops_and_on_the_same_distribution():
    x, y = RNG.normal(size=(9, 3)), RNG.normal(size=(7, 3)) + 1
    both = np.concatenate([x, y])
    width = np.median([np.linalg.norm(both[i] - both[j]) for i, j in itertools.combinations(range(16), 2)])

    def mean_kernel(pairs):
        return np.mean([np.exp(-((np.linalg.norm(a - b) / width) ** 2) / 2) for a, b in pairs])

    wanted = (
        mean_kernel(itertools.permutations(x, 2)) + mean_kernel(itertools.permutations(y, 2))
        - 2 * mean_kernel(itertools.product(x, y))
    )  # fmt: skip
    assert unbiased_mmd(x, y) == pytest.approx(wanted)
    alike = [unbiased_mmd(RNG.normal(size=(40, 3)), RNG.normal(size=(40, 3))) for _ in range(40)]
    assert abs(np.mean(alike)) < 0.01 and min(alike) < 0
    assert unbiased_mmd(x, y) > max(alike)


@pytest.mark.parametrize("k", [1, 3])
def test_recall_against_loops(k):
    queries, gallery = RNG.normal(size=(30, 4)), RNG.normal(size=(12, 4))
    query_labels, gallery_labels = RNG.integers(0, 5, 30), RNG.integers(0, 5, 12)
    hits = 0
    for query, label in zip(queries, query_labels, strict=True):
        order = sorted(range(12), key=lambda j: -cosine(query, gallery[j]))[:k]
        hits += any(gallery_labels[j] == label for j in order)
    assert recall_at_k(queries, gallery, query_labels, gallery_labels, k) == pytest.approx(hits / 30)


def test_collapse_closes_the_gap_and_recall_says_what_it_is_worth():
    texts = RNG.normal(size=(10, 6))
    labels = np.arange(200) % 10
    images = texts[labels] + 2 + RNG.normal(size=(200, 6))
    collapsed = np.tile(texts.mean(0), (200, 1))
    assert centroid_gap(collapsed, texts[labels]) < 1e-9 < centroid_gap(images, texts[labels])
    assert recall_at_k(texts, collapsed, np.arange(10), labels, 1) == pytest.approx(0.1)
    assert recall_at_k(texts, collapsed, np.arange(10), labels, 200) == 1
