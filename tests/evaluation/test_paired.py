"""Two runs on the same items, against naive versions and scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from seda.errors import ShapeError
from seda.evaluation.paired import (
    LOST,
    OTHER,
    SAME,
    WON,
    drift,
    flips_between,
    mcnemar,
    paired_difference,
    stratified_halves,
)

RNG = np.random.default_rng(0)


def runs(n: int, a: float = 0.8, b: float = 0.6) -> tuple[np.ndarray, np.ndarray]:
    hard = RNG.random(n)
    return hard + 0.1 * RNG.random(n) < a, hard + 0.1 * RNG.random(n) < b


def naive_bootstrap(a: np.ndarray, b: np.ndarray, draws: int) -> np.ndarray:
    rng = np.random.default_rng(7)
    items = rng.integers(0, len(a), (draws, len(a)))
    return a[items].mean(1) - b[items].mean(1)


def test_the_interval_is_that_of_drawing_items():
    a, b = runs(200)
    difference, low, high = paired_difference(a, b, seed=3, draws=20_000)
    assert difference == pytest.approx(a.mean() - b.mean())
    expected = np.quantile(naive_bootstrap(a, b, 20_000), [0.025, 0.975])
    assert np.allclose([low, high], expected, atol=0.006)
    narrow = paired_difference(a, b, seed=3, draws=20_000, level=0.5)
    assert low < narrow[1] < difference < narrow[2] < high


def test_the_interval_is_repeatable_and_turns_with_its_runs():
    a, b = runs(50)
    assert paired_difference(a, b, seed=1) == paired_difference(a, b, seed=1)
    there, back = paired_difference(a, b, seed=1, draws=20_000), paired_difference(b, a, seed=1, draws=20_000)
    assert np.allclose([there[0], there[1], there[2]], [-back[0], -back[2], -back[1]], atol=0.02)
    assert paired_difference(a, a, seed=1) == (0.0, 0.0, 0.0)


def test_the_interval_holds_the_truth_as_often_as_it_says():
    inside = 0
    for trial in range(200):
        a, b = RNG.random(120) < 0.7, RNG.random(120) < 0.6
        _, low, high = paired_difference(a, b, seed=trial)
        inside += low <= 0.1 <= high
    assert 0.9 <= inside / 200 <= 0.99


@pytest.mark.parametrize(("only_a", "only_b"), [(0, 0), (1, 0), (5, 5), (9, 2), (2, 9), (40, 61)])
def test_mcnemar_is_a_binomial_test(only_a, only_b):
    a = np.array([True] * only_a + [False] * only_b + [True, False] * 3)
    b = np.array([False] * only_a + [True] * only_b + [True, False] * 3)
    expected = binomtest(only_a, only_a + only_b).pvalue if only_a + only_b else 1.0
    assert mcnemar(a, b) == (only_a, only_b, pytest.approx(expected))


def test_mcnemar_on_many_items():
    a, b = np.arange(10_000) < 5_200, np.arange(10_000) >= 5_200
    assert mcnemar(a, b)[2] == pytest.approx(binomtest(5200, 10_000).pvalue)


def test_flips_against_a_loop():
    labels, a, b = (RNG.integers(0, 4, 300) for _ in range(3))
    found = flips_between(labels, a, b)
    for item, code in enumerate(found.codes):
        right, then = a[item] == labels[item], b[item] == labels[item]
        expected = SAME if a[item] == b[item] else LOST if right else WON if then else OTHER
        assert code == expected
    counts = found.to_dict()
    assert sum(counts.values()) == 300 and counts["right_to_wrong"] == found.count(LOST)
    change = (b == labels).mean() - (a == labels).mean()
    assert (counts["wrong_to_right"] - counts["right_to_wrong"]) / 300 == pytest.approx(change)


def test_drift_is_in_units_of_length():
    states = RNG.normal(size=(6, 8))
    states *= 5 / np.linalg.norm(states, axis=1, keepdims=True)
    moved = states.copy()
    moved[2] *= -1
    found = drift(states, moved)
    assert found[2] == pytest.approx(2) and np.allclose(np.delete(found, 2), 0)
    assert np.allclose(drift(3 * states, 3 * moved), found)
    paths = np.stack([states, moved], 1)
    assert drift(paths, paths[:, ::-1]).shape == (6, 2)
    assert drift(states[:0], moved[:0]).shape == (0,)


def test_what_does_not_fit_is_said():
    a, b = runs(5)
    for wrong in (b[:4], b.astype(int), b[:, None]):
        with pytest.raises(ShapeError, match="bool \\[n\\] of one n above 0"):
            paired_difference(a, wrong, seed=0)
        with pytest.raises(ShapeError, match="bool \\[n\\] of one n above 0"):
            mcnemar(a, wrong)
    with pytest.raises(ShapeError, match="above 0"):
        mcnemar(a[:0], b[:0])
    with pytest.raises(ShapeError, match=r"\(5,\) came with answers \(5,\) and \(4,\)"):
        flips_between(np.zeros(5), np.zeros(5), np.zeros(4))
    with pytest.raises(ShapeError, match="runs of one aligner"):
        drift(np.zeros((3, 4)), np.zeros((3, 5)))


@pytest.mark.parametrize("counts", [(5, 5), (1, 1), (3, 1, 8, 2), (7,)])
def test_halves_hold_each_class_and_share_nothing(counts):
    labels = RNG.permutation(np.repeat(np.arange(len(counts)), counts))
    one, other = stratified_halves(labels, seed=4)
    assert sorted([*one, *other]) == list(range(len(labels))) and abs(len(one) - len(other)) <= 1
    for label, count in enumerate(counts):
        assert abs((labels[one] == label).sum() - (labels[other] == label).sum()) == count % 2
    again = stratified_halves(labels, seed=4)
    assert np.array_equal(one, again[0]) and np.array_equal(other, again[1])
    if len(labels) > 4:
        assert not np.array_equal(one, stratified_halves(labels, seed=5)[0])
    with pytest.raises(ShapeError, match="two items or more"):
        stratified_halves(labels[:1], seed=0)
