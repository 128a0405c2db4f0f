"""Gaps along a path, against loops and scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics.pairwise import rbf_kernel

from seda.errors import ShapeError
from seda.evaluation.gap import QUANTILES, gap_along_path, gap_at

RNG = np.random.default_rng(0)
TEXTS = RNG.normal(size=(4, 8))
LABELS = RNG.permutation(np.repeat(np.arange(4), 6))
STATES = TEXTS[LABELS] + 0.9 * RNG.normal(size=(24, 8))
PHRASINGS = TEXTS + 0.4 * RNG.normal(size=(5, 4, 8))


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def naive_mmd2(x: np.ndarray, y: np.ndarray) -> float:
    """By a kernel whose width is the median distance of all points (Gretton et al. 2012)."""
    both = np.concatenate([x, y])
    distances = [np.linalg.norm(both[i] - both[j]) for i in range(len(both)) for j in range(i)]
    gamma = 1 / (2 * np.median(distances) ** 2)
    within = [
        (rbf_kernel(part, gamma=gamma).sum() - len(part)) / (len(part) * (len(part) - 1)) for part in (x, y)
    ]  # fmt: skip
    return sum(within) - 2 * rbf_kernel(x, y, gamma=gamma).mean()


def test_accuracy_and_recall_against_loops():
    found = gap_at(STATES, LABELS, TEXTS)
    right = [
        np.argmax([cosine(state, text) for text in TEXTS]) == label for state, label in zip(STATES, LABELS, strict=True)
    ]
    assert found["accuracy"] == pytest.approx(np.mean(right), abs=1e-6) and 0.3 < np.mean(right) < 1
    hits = [LABELS[np.argmax([cosine(text, state) for state in STATES])] == label for label, text in enumerate(TEXTS)]
    assert found["recall"] == pytest.approx(np.mean(hits), abs=1e-6)
    some = LABELS < 2  # texts that no item has are not looked for
    assert gap_at(TEXTS[LABELS[some]], LABELS[some], TEXTS)["recall"] == 1


def test_distances_against_loops():
    found = gap_at(STATES, LABELS, TEXTS, PHRASINGS)
    own = TEXTS[LABELS]
    scale = np.mean([np.linalg.norm(text) for text in TEXTS])
    assert found["centroid_gap"] == pytest.approx(np.linalg.norm(STATES.mean(0) - own.mean(0)) / scale, abs=1e-6)
    assert found["mmd2"] == pytest.approx(naive_mmd2(STATES, own), abs=1e-6)
    within = [naive_mmd2(STATES[label == LABELS], PHRASINGS[:, label]) for label in range(4)]
    assert found["class_wise_mmd2"] == pytest.approx(np.mean(within), abs=1e-6)
    pairs = np.mean([(1 - cosine(state, text)) / 2 for state, text in zip(STATES, own, strict=True)])
    inner = [
        np.mean([(1 - cosine(rows[i], rows[j])) / 2 for i in range(24) for j in range(24) if i != j]) for rows in (STATES, own)
    ]  # fmt: skip
    assert found["relative_gap"] == pytest.approx(pairs / (pairs + np.mean(inner)), abs=1e-6)


def test_lengths_and_values_are_quantiles():
    found = gap_at(3 * STATES, LABELS, TEXTS)
    assert found["length"] == pytest.approx(
        np.quantile([np.linalg.norm(row) for row in 3 * STATES], QUANTILES), abs=1e-6
    )
    assert found["text_length"] == pytest.approx(
        np.quantile([np.linalg.norm(row) for row in TEXTS], QUANTILES), abs=1e-6
    )
    assert found["value"] == pytest.approx(np.quantile(3 * STATES, QUANTILES), abs=1e-6)
    assert found["text_value"] == pytest.approx(np.quantile(TEXTS, QUANTILES), abs=1e-6)


def test_the_order_of_items_and_of_texts_changes_nothing():
    found, order = gap_at(STATES, LABELS, TEXTS, PHRASINGS), RNG.permutation(24)
    again = gap_at(STATES[order], LABELS[order], TEXTS, PHRASINGS)
    words = RNG.permutation(4)
    renamed = gap_at(STATES, np.argsort(words)[LABELS], TEXTS[words], PHRASINGS[:, words])
    for name, value in found.items():
        assert again[name] == pytest.approx(value, abs=2e-6) and renamed[name] == pytest.approx(value, abs=2e-6), name


def test_a_closed_gap_is_no_alignment():
    closed = gap_at(np.tile(TEXTS[LABELS].mean(0), (24, 1)) + 1e-9 * STATES, LABELS, TEXTS)
    there = gap_at(TEXTS[LABELS], LABELS, TEXTS)
    assert closed["centroid_gap"] < 1e-6 and closed["accuracy"] < 0.6 and closed["relative_gap"] > 0.4
    assert there["centroid_gap"] == 0 and there["accuracy"] == there["recall"] == 1 and there["cka"] == pytest.approx(1)
    assert there["relative_gap"] == pytest.approx(0, abs=1e-6)


def test_what_cannot_be_had_is_none():
    one = gap_at(STATES[:6], np.zeros(6, int), TEXTS)
    assert one["cka"] is None and one["class_wise_mmd2"] is None  # 0 would read as "nothing to do with each other"
    assert gap_at(STATES[:2], LABELS[:2], TEXTS, TEXTS[None])["class_wise_mmd2"] is None
    two = gap_at(STATES[:2], np.array([0, 1]), TEXTS)
    assert two["cka"] is None and two["mmd2"] is not None
    with pytest.raises(ShapeError, match="n >= 2"):
        gap_at(STATES[:1], LABELS[:1], TEXTS)
    with pytest.raises(ShapeError, match=r"labels \(3,\)"):
        gap_at(STATES, LABELS[:3], TEXTS)
    with pytest.raises(ShapeError, match=r"texts \(4, 7\)"):
        gap_at(STATES, LABELS, TEXTS[:, :7])


def test_a_path_is_its_steps():
    paths = np.stack([STATES, 2 * STATES, TEXTS[LABELS]], axis=1)
    found = gap_along_path(paths, LABELS, TEXTS, PHRASINGS)
    for step in range(3):
        assert {name: values[step] for name, values in found.items()} == gap_at(
            paths[:, step], LABELS, TEXTS, PHRASINGS
        )
    assert gap_along_path(paths[:, :0], LABELS, TEXTS) == {}
