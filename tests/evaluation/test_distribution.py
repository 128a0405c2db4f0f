"""Distances and neighbourhoods of two sets of features."""

from __future__ import annotations

import numpy as np
import pytest

from seda.errors import ShapeError
from seda.evaluation.distribution import (
    class_wise_mmd2,
    density_and_coverage,
    distribution_figures,
    energy_distance,
    relative_spread,
)


def drawn(seed: int, count: int = 200, dim: int = 6) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, dim)).astype(np.float32)


def test_energy_distance_is_that_of_its_formula():
    x, y = drawn(0, 7), drawn(1, 5) + 1

    def mean(a, b, same):
        gaps = [
            np.linalg.norm(p - q) for i, p in enumerate(a) for j, q in enumerate(b) if not (same and i == j)
        ]  # fmt: skip
        return np.mean(gaps)

    assert energy_distance(x, y) == pytest.approx(2 * mean(x, y, False) - mean(x, x, True) - mean(y, y, True), rel=1e-5)


def test_energy_distance_is_about_zero_for_equal_distributions_and_grows_with_a_shift():
    assert abs(energy_distance(drawn(0, 1000), drawn(1, 1000))) < 0.02
    assert energy_distance(drawn(0), drawn(1) + 1) > 0.5


def test_density_and_coverage_count_neighbourhoods_as_their_definition_does():
    real, made = drawn(2, 30, 3), drawn(3, 20, 3) * 0.7
    k, inside, covered = 4, 0, 0
    for x in real:
        gaps = sorted(np.linalg.norm(x - other) for other in real)
        hits = sum(np.linalg.norm(x - y) <= gaps[k] for y in made)
        inside, covered = inside + hits, covered + (hits > 0)
    assert density_and_coverage(real, made, k) == pytest.approx((inside / (k * 20), covered / 30))


def test_means_alone_are_dense_and_cover_little():
    real, middle = drawn(4), np.zeros((200, 6), np.float32) + 0.01 * drawn(5)
    own, bad = density_and_coverage(real, drawn(6)), density_and_coverage(real, middle)
    assert own[0] == pytest.approx(1, abs=0.15) and own[1] > 0.9
    assert bad[1] < 0.5 * own[1]


def test_too_few_real_features_are_an_error():
    with pytest.raises(ShapeError, match="5 real features"):
        density_and_coverage(drawn(0, 5), drawn(1))


def test_spread_leaves_dead_dimensions_out():
    real = drawn(7)
    real[:, 0] *= 1e-6
    assert relative_spread(real, real * 0.5) == pytest.approx(0.5)
    made = real * 0.5
    made[:, 0] = drawn(8)[:, 0]  # a million times the real one
    assert relative_spread(real, made) == pytest.approx(0.5)


def test_figures_tell_a_map_of_means_from_samples():
    names = drawn(9, 60)
    real = np.repeat(names, 2, axis=0)  # two drawings of each thing
    sampled = np.roll(real, 2, axis=0) + 0.01 * drawn(10, 120)
    means = 0.3 * real
    good, bad = distribution_figures(real, sampled), distribution_figures(real, means)
    assert good.mmd2 < 0.01 and bad.mmd2 > 0.03 and good.energy < 0.01 < bad.energy
    assert good.coverage > 0.8 * good.own_coverage and bad.spread == pytest.approx(0.3, abs=0.01)
    assert bad.mean_length == pytest.approx(0.3 * bad.real_length, rel=1e-5)
    assert good.own_coverage == bad.own_coverage  # of the real ones alone


def test_figures_need_pairs_and_enough_of_them():
    with pytest.raises(ShapeError, match="as many"):
        distribution_figures(drawn(0), drawn(1, 3))
    with pytest.raises(ShapeError, match="1 distinct"):
        distribution_figures(np.ones((30, 4)), np.ones((30, 4)))


def test_class_wise_distances_see_what_the_whole_hides():
    real = np.concatenate([drawn(11) + 3, drawn(12) - 3])
    labels = np.repeat([0, 1], 200)
    swapped = np.concatenate([drawn(13) - 3, drawn(14) + 3])  # the same whole, each class at the other's place
    assert class_wise_mmd2(real, labels, swapped, labels) > 0.3
    assert abs(class_wise_mmd2(real, labels, swapped, 1 - labels)) < 0.02
