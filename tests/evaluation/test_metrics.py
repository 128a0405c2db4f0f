"""Metrics against naive versions and known values."""

import itertools

import numpy as np
import pytest
from scipy.stats import entropy
from sklearn.calibration import calibration_curve

from seda.evaluation.classification import (
    CALIBRATION_BINS,
    brier_score,
    error_auroc,
    expected_calibration_error,
    fit_temperature,
    negative_log_likelihood,
    reliability,
    risk_coverage,
    top1_accuracy,
)
from seda.evaluation.maps import (
    continuity,
    jump_p99,
    map_scores,
    nearest_neighbors,
    neighbors_kept,
    step_flags,
    step_length_spearman,
    thinning,
    trustworthiness,
)
from seda.evaluation.trajectories import (
    RIGHT,
    UNDECIDED,
    UNDECIDED_BELOW,
    WRONG,
    accuracy_along_path,
    bootstrap_band,
    commitment_step,
    decisions,
    flips,
    standing_at,
    straightness,
    true_margins,
    weight_entropy,
)

RNG = np.random.default_rng(0)


def test_error_auroc_is_the_share_of_pairs_in_the_right_order():
    scores, right = RNG.random(60).round(1), RNG.random(60) < 0.7
    pairs = [(a > b) + 0.5 * (a == b) for a in scores[~right] for b in scores[right]]
    assert error_auroc(scores, right) == pytest.approx(np.mean(pairs))
    assert error_auroc((~right).astype(float), right) == 1
    assert all(np.isnan(error_auroc(scores, np.full(60, value))) for value in (True, False))


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


@pytest.mark.parametrize("bins", [4, 15])
def test_calibration_against_a_loop_over_bins(bins):
    rng = np.random.default_rng(3)
    probabilities = np.concatenate([rng.dirichlet(np.ones(3), size=80), np.eye(3)])  # these are quite sure
    confidence, answers = probabilities.max(1), probabilities.argmax(1)
    right = (
        rng.random(len(answers)) > confidence
    )  # the unsure ones more often, so that gaps of both signs must not cancel
    labels = np.where(right, answers, (answers + 1) % 3)
    gaps = []
    for low in range(bins):
        inside = [i for i, value in enumerate(confidence) if low <= min(value * bins, bins - 0.5) < low + 1]
        gaps.append(abs(sum(confidence[i] - right[i] for i in inside)))
    assert expected_calibration_error(probabilities, labels, bins) == pytest.approx(sum(gaps) / len(labels))


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
    wide = np.array([[[0.0, 0.0], [5.0, 0.0], [10.0, 1.0]]])  # 10 wide, 1 high
    assert jump_p99(wide) == pytest.approx(np.quantile([5, 26**0.5], 0.99) / 10)


def test_the_temperature_of_scores_that_are_too_sharp_and_of_scores_that_say_nothing():
    labels = np.arange(200) % 4
    right = np.random.default_rng(5).random(200) < 0.7
    scores = 9.0 * np.eye(4)[np.where(right, labels, (labels + 1) % 4)]
    temperature, loss = fit_temperature(scores, labels)
    # at 7 of 10 right answers of four, the best softmax says .7 at its arg max
    assert temperature == pytest.approx(9 / np.log(0.7 / 0.1), rel=0.1)
    assert loss < fit_temperature(np.ones((200, 4)), labels)[1] == pytest.approx(np.log(4))
    assert fit_temperature(np.ones((200, 4)), labels)[0] == 1.0


def test_neighbours_kept_against_a_naive_version():
    pool, queries = RNG.normal(size=(50, 6)), RNG.normal(size=(12, 6))
    nearest = nearest_neighbors(queries, pool, 5)
    on_map = nearest_neighbors(queries[:, :2], pool[:, :2], 5)
    shares = neighbors_kept(nearest.reshape(4, 3, 5), on_map.reshape(4, 3, 5))
    for index, query in enumerate(queries):
        true = sorted(range(50), key=lambda j: np.linalg.norm(pool[j] - query))[:5]
        shown = sorted(range(50), key=lambda j: np.linalg.norm(pool[j, :2] - query[:2]))[:5]
        assert nearest[index].tolist() == true
        assert shares[index // 3, index % 3] == pytest.approx(len(set(true) & set(shown)) / 5)
    assert neighbors_kept(nearest, nearest).tolist() == [1.0] * 12
    assert nearest_neighbors(queries, pool[:3], 5).shape == (12, 3)  # a pool smaller than k


def naive_flag(walked: list[float], moved: list[float], step: int) -> int:
    w, m, mean = walked[step] / sum(walked), moved[step] / sum(moved), 1 / len(walked)
    if m >= 3 * mean and m >= 3 * w:
        return 1
    return -1 if w >= 3 * mean and w >= 3 * m else 0


def test_step_flags_against_a_naive_version():
    walked = np.exp(RNG.normal(size=(6, 20)))
    moved = np.exp(RNG.normal(size=(6, 20)))
    features = np.pad(np.cumsum(walked, 1), ((0, 0), (1, 0)))[..., None] * [1.0, 0, 0]
    positions = np.pad(np.cumsum(moved, 1), ((0, 0), (1, 0)))[..., None] * [0, 1.0]
    flags = step_flags(features, positions)
    expected = [[naive_flag(list(w), list(m), step) for step in range(20)] for w, m in zip(walked, moved, strict=True)]
    assert flags.tolist() == expected and set(flags.ravel()) == {-1, 0, 1} and flags.dtype == np.int8
    assert (step_flags(features, 7 * features) == 0).all()  # a map to scale shows nothing wrongly
    assert (step_flags(features * 0, positions * 0) == 0).all()


def test_a_jump_and_a_hidden_step_are_flagged():
    even = np.arange(11.0)
    jump = even + 10 * (even > 4)
    features, torn = (np.stack([values, values * 0], 1)[None] for values in (even, jump))
    assert step_flags(features, torn)[0].tolist() == [0, 0, 0, 0, 1, 0, 0, 0, 0, 0]
    assert step_flags(torn, features)[0].tolist() == [0, 0, 0, 0, -1, 0, 0, 0, 0, 0]


def test_many_reference_points_are_thinned_evenly_before_scoring(monkeypatch):
    plane, paths = RNG.normal(size=(60, 2)), np.cumsum(RNG.normal(size=(5, 12, 2)), axis=1)
    placed = plane + 0.3 * RNG.normal(size=plane.shape)
    monkeypatch.setattr("seda.evaluation.maps.MAX_SCORED", 20)
    thinned = map_scores(plane, placed, paths, paths)
    assert thinned["trustworthiness"] == trustworthiness(plane[::3], placed[::3])
    assert [thinning(count, 20) for count in (0, 1, 20, 21, 40, 41)] == [1, 1, 1, 2, 2, 3]
    assert step_length_spearman(np.zeros((2, 4, 2)), paths[:2, :4]) == 0


def test_the_reliability_diagram_is_that_of_scikit_learn():
    probabilities = RNG.dirichlet(np.full(4, 0.6), size=500).astype(np.float32)
    labels = np.where(RNG.random(500) < 0.6, probabilities.argmax(1), RNG.integers(0, 4, 500))
    found, right = reliability(probabilities, labels), probabilities.argmax(1) == labels
    share, mean = calibration_curve(right, np.minimum(probabilities.max(1), 1), n_bins=CALIBRATION_BINS)
    np.testing.assert_allclose([one["accuracy"] for one in found], share, atol=1e-6)
    np.testing.assert_allclose([one["confidence"] for one in found], mean, atol=1e-6)
    assert sum(one["count"] for one in found) == 500
    # the error that is told beside the diagram is the diagram's
    error = sum(one["count"] / 500 * abs(one["accuracy"] - one["confidence"]) for one in found)
    assert expected_calibration_error(probabilities, labels) == pytest.approx(error, abs=1e-6)


def test_reliability_at_the_edges():
    sure = np.array([[1.0, 0.0], [1.0, 0.0], [0.5, 0.5]])
    assert reliability(sure, np.array([0, 1, 0]), bins=10) == [
        {"confidence": 0.5, "accuracy": 1.0, "count": 1},
        {"confidence": 1.0, "accuracy": 0.5, "count": 2},
    ]
    above = np.array([[1.0000001, 0.0]], np.float32)  # what a softmax in single precision may give
    assert reliability(above, np.array([0]), bins=10)[0]["count"] == 1


def test_risk_and_coverage_against_a_loop():
    confidence, right = RNG.random(80).round(1), RNG.random(80) < 0.7  # with many ties
    coverage, risk = risk_coverage(confidence, right)
    thresholds = sorted(set(confidence.tolist()), reverse=True)
    assert len(coverage) == len(thresholds)
    for place, threshold in enumerate(thresholds):
        answered = confidence >= threshold
        assert coverage[place] == pytest.approx(answered.mean())
        assert risk[place] == pytest.approx(1 - right[answered].mean())
    assert coverage[-1] == 1 and risk[-1] == pytest.approx(1 - right.mean())
    order = RNG.permutation(80)
    np.testing.assert_array_equal(risk_coverage(confidence[order], right[order]), (coverage, risk))
    np.testing.assert_array_equal(risk_coverage(np.ones(3), np.array([True, False, False])), ([1], [2 / 3]))


def test_where_states_stand_against_a_loop():
    cosines = RNG.uniform(-1, 1, (7, 5, 4)) * RNG.choice([0.05, 1], (7, 5, 1))
    labels = RNG.integers(0, 4, 7)
    found, margins = standing_at(cosines, labels), true_margins(cosines, labels)
    for item, state in np.ndindex(7, 5):
        first, second = sorted(cosines[item, state], reverse=True)[:2]
        nearest = int(np.argmax(cosines[item, state]))
        expected = UNDECIDED if first - second < UNDECIDED_BELOW else RIGHT if nearest == labels[item] else WRONG
        assert found[item, state] == expected
        others = [cosine for word, cosine in enumerate(cosines[item, state]) if word != labels[item]]
        assert margins[item, state] == pytest.approx(cosines[item, state, labels[item]] - max(others))
    assert set(found.ravel()) == {UNDECIDED, RIGHT, WRONG}
    decided = found != UNDECIDED
    assert ((margins > 0) == (found == RIGHT))[decided].all()
    words = RNG.permutation(4)  # the order of class texts changes nothing
    renamed = np.argsort(words)[labels]
    np.testing.assert_array_equal(standing_at(cosines[..., words], renamed), found)
    np.testing.assert_array_equal(true_margins(cosines[..., words], renamed), margins)


def test_margins_leave_the_cosines_as_they_are():
    cosines = RNG.uniform(-1, 1, (3, 2, 4))
    before = cosines.copy()
    true_margins(cosines, np.array([0, 1, 2]))
    np.testing.assert_array_equal(cosines, before)


def test_entropy_of_weights_is_in_bits_and_what_lacks_is_one_more():
    weights = RNG.dirichlet(np.ones(5), size=(4, 3))
    np.testing.assert_allclose(weight_entropy(weights), entropy(weights, base=2, axis=-1))
    shown = weights[..., :3]
    rest = 1 - shown.sum(-1, keepdims=True)
    np.testing.assert_allclose(weight_entropy(shown), entropy(np.concatenate([shown, rest], -1), base=2, axis=-1))
    assert weight_entropy(np.full((1, 8), 0.125)).tolist() == [3] and weight_entropy(np.eye(3)).tolist() == [0, 0, 0]
    assert np.isnan(weight_entropy(np.zeros((2, 4)))).all()
    # half precision leaves no candidate of its own
    np.testing.assert_allclose(weight_entropy(weights.astype(np.float16)), weight_entropy(weights), atol=0.01)
