"""Metrics against naive versions and known values."""

import itertools

import numpy as np
import pytest

from seda.evaluation.classification import (
    brier_score,
    expected_calibration_error,
    negative_log_likelihood,
    top1_accuracy,
)
from seda.evaluation.maps import continuity, jump_p99, map_scores, step_length_spearman, trustworthiness
from seda.evaluation.trajectories import (
    accuracy_along_path,
    bootstrap_band,
    commitment_step,
    decisions,
    flips,
    straightness,
)

RNG = np.random.default_rng(0)


def test_classification_by_hand():
    probabilities = np.array([[0.7, 0.2, 0.1], [0.4, 0.5, 0.1], [0.2, 0.2, 0.6]])
    labels = np.array([0, 0, 2])
    assert top1_accuracy(probabilities, labels) == pytest.approx(2 / 3)
    assert negative_log_likelihood(probabilities, labels) == pytest.approx(-np.log([0.7, 0.4, 0.6]).mean())
    by_hand = np.mean([0.3**2 + 0.2**2 + 0.1**2, 0.6**2 + 0.5**2 + 0.1**2, 0.2**2 + 0.2**2 + 0.4**2])
    assert brier_score(probabilities, labels) == pytest.approx(by_hand)


def test_calibration_is_small_for_calibrated_and_large_for_boastful_answers():
    probabilities = RNG.dirichlet(np.ones(4), size=20_000)
    labels = np.array([RNG.choice(4, p=row) for row in probabilities])
    assert expected_calibration_error(probabilities, labels) < 0.02
    boastful = np.eye(4)[probabilities.argmax(1)]
    assert expected_calibration_error(boastful, labels) == pytest.approx(1 - top1_accuracy(boastful, labels))


def test_paths_against_loops():
    decided = RNG.integers(0, 3, (50, 9))
    labels = RNG.integers(0, 3, 50)
    for row, commitment, changes in zip(decided, commitment_step(decided), flips(decided), strict=True):
        first = next(s for s in range(9) if all(row[s:] == row[-1]))
        assert commitment == first
        assert changes == sum(a != b for a, b in itertools.pairwise(row))
    np.testing.assert_allclose(
        accuracy_along_path(decided, labels), [(decided[:, s] == labels).mean() for s in range(9)]
    )


def test_bootstrap_band_holds_the_accuracy_and_narrows_with_more_items():
    labels = np.zeros(400, int)
    decided = (RNG.random((400, 5)) < 0.3).astype(int)
    low, high = bootstrap_band(decided, labels, seed=0)
    accuracy = accuracy_along_path(decided, labels)
    assert (low <= accuracy).all() and (accuracy <= high).all()
    low_few, high_few = bootstrap_band(decided[:50], labels[:50], seed=0)
    assert (high_few - low_few).mean() > 2 * (high - low).mean()
    np.testing.assert_array_equal(low, bootstrap_band(decided, labels, seed=0)[0])


def test_straightness():
    line = np.linspace([0.0, 0.0], [3.0, 4.0], 6)
    there_and_back = np.concatenate([line, line[::-1]])
    assert straightness(line[None])[0] == pytest.approx(1)
    assert straightness(there_and_back[None])[0] == pytest.approx(0)
    assert straightness(np.zeros((1, 4, 2)))[0] == 1  # no length, nothing crooked
    assert decisions(np.array([[[0.1, 0.9], [0.8, 0.2]]])).tolist() == [[1, 0]]


def naive_trustworthiness(features, positions, k):
    n = len(features)
    distance = np.linalg.norm(features[:, None] - features[None], axis=-1)
    on_map = np.linalg.norm(positions[:, None] - positions[None], axis=-1)
    total = 0.0
    for i in range(n):
        order = [j for j in np.argsort(distance[i]) if j != i]
        near_on_map = [j for j in np.argsort(on_map[i]) if j != i][:k]
        total += sum(max(0, order.index(j) + 1 - k) for j in near_on_map)
    return 1 - 2 / (n * k * (2 * n - 3 * k - 1)) * total


def test_trust_against_a_naive_version():
    features = RNG.normal(size=(40, 6))
    positions = features[:, :2] + 0.3 * RNG.normal(size=(40, 2))
    assert trustworthiness(features, positions, 5) == pytest.approx(naive_trustworthiness(features, positions, 5))
    assert continuity(features, positions, 5) == pytest.approx(naive_trustworthiness(positions, features, 5))


def test_few_points_ask_for_fewer_neighbours():
    features = RNG.normal(size=(9, 3))
    assert trustworthiness(features, features[:, :2], 15) == trustworthiness(features, features[:, :2], 4)
    assert continuity(features[:2], features[:2, :2]) == 1.0


def test_a_faithful_map_scores_best():
    plane = RNG.normal(size=(60, 2))
    paths = np.cumsum(RNG.normal(size=(5, 12, 2)), axis=1)
    scores = map_scores(plane, plane, paths, paths)
    assert scores["trustworthiness"] == scores["continuity"] == 1
    assert scores["step_length_spearman"] == pytest.approx(1)
    assert step_length_spearman(paths, RNG.normal(size=paths.shape)) < 0.5
    jump = np.zeros((1, 101, 2))
    jump[0, 50:, 0] = 1.0
    assert jump_p99(jump) <= 1.0
    assert jump_p99(np.zeros((1, 5, 2))) == 0
