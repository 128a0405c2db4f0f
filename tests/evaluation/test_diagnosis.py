"""Verdicts on labelled items, against loops that say the same slowly."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from seda.errors import ShapeError
from seda.evaluation.diagnosis import (
    CULPRITS,
    ENCODER,
    LEARNER,
    TRANSLATOR,
    UNCLEAR,
    UNKNOWN,
    WORDING,
    Verdicts,
    confused_pairs,
    confusion_of,
    left_for_good,
    mean_labels,
    neighbor_labels,
)

RNG = np.random.default_rng(0)
FEATURES = RNG.normal(size=(60, 8)) + np.repeat(np.eye(8)[:4] * 3, 15, axis=0)
LABELS = np.repeat(np.arange(4), 15)


def test_neighbours_are_those_of_scikit_learn_without_the_item_itself():
    centred = FEATURES - FEATURES.mean(0)
    told = neighbor_labels(FEATURES, LABELS, count=1)
    for item in range(len(LABELS)):
        others = np.arange(len(LABELS)) != item
        nearest = KNeighborsClassifier(1, metric="cosine").fit(centred[others], LABELS[others])
        assert told[item] == nearest.predict(centred[item : item + 1])[0]
    assert 0.7 < (neighbor_labels(FEATURES, LABELS) == LABELS).mean() < 1


def test_of_equal_votes_the_nearest_counts():
    features = np.array([[1, 0], [1, 0.1], [1, 0.3], [-1, 0.2], [-1, -0.6]])
    labels = np.array([0, 1, 0, 1, 1])
    assert neighbor_labels(features, labels, count=2)[0] in (1, 0)
    order = np.argsort(-((features - features.mean(0)) @ (features - features.mean(0))[0]))
    assert len(order) == 5
    assert neighbor_labels(features, np.array([0, 1, 0, UNKNOWN, UNKNOWN]), count=2)[0] == 1


def test_means_leave_the_item_itself_out():
    states = FEATURES + RNG.normal(size=FEATURES.shape) * 0.1
    told = mean_labels(states, FEATURES, LABELS)
    for item in range(len(LABELS)):
        means = []
        for label in range(4):
            of = (label == LABELS) & (np.arange(len(LABELS)) != item)
            means.append(FEATURES[of].mean(0))
        cosines = [states[item] @ mean / np.linalg.norm(states[item]) / np.linalg.norm(mean) for mean in means]
        assert told[item] == np.argmax(cosines)


def test_who_stands_alone_is_not_judged_and_unlabelled_ones_are_not_asked():
    labels = LABELS.copy()
    labels[:14] = UNKNOWN  # one of class 0 is left
    for told in (neighbor_labels(FEATURES, labels), mean_labels(FEATURES, FEATURES, labels)):
        assert told[14] == UNKNOWN and (told[15:] != UNKNOWN).all()
        assert set(told[:14]) <= {0, 1, 2, 3}
    nobody = np.full(60, UNKNOWN)
    assert (neighbor_labels(FEATURES, nobody) == UNKNOWN).all() and (
        mean_labels(FEATURES, FEATURES, nobody) == UNKNOWN
    ).all()
    with pytest.raises(ShapeError):
        neighbor_labels(FEATURES, labels[:3])


def test_the_step_at_which_the_right_word_was_left_for_good():
    decided = np.array([[0, 1, 0, 2], [0, 0, 0, 0], [1, 1, 2, 1], [2, 0, 1, 1]])
    assert left_for_good(decided, np.array([0, 0, 0, 0])).tolist() == [3, 4, 0, 2]


def verdicts(**places) -> Verdicts:
    """Of one item whose right word is 0."""
    one = {name: np.array([places.get(name, 0)]) for name in ("features", "categories", "end", "answer")}
    return Verdicts(np.array([0]), **one, left=np.array([1]), rephrased=np.array([places.get("rephrased", False)]))


@pytest.mark.parametrize(
    ("places", "culprit"),
    [
        ({}, ""),
        ({"features": 1, "categories": 1, "end": 1}, ""),  # it came out right
        ({"features": 1, "categories": 2, "answer": 1}, ENCODER),
        ({"features": 1, "answer": 1}, TRANSLATOR),  # it was right again at the hand-over
        ({"categories": 2, "answer": 1}, LEARNER),
        ({"answer": 1}, TRANSLATOR),
        ({"features": 1, "answer": 1, "rephrased": True}, WORDING),
        ({"features": UNKNOWN, "answer": 1}, UNCLEAR),
    ],
)
def test_who_has_lost_it(places, culprit):
    assert verdicts(**places).culprits() == [culprit] and set(CULPRITS) == {
        WORDING,
        ENCODER,
        LEARNER,
        TRANSLATOR,
        UNCLEAR,
    }


def test_counts_of_what_is_told_for_what():
    labels, told = np.array([0, 0, 1, 2, 2]), np.array([0, 1, 1, UNKNOWN, 0])
    counts = confusion_of(labels, told, 3)
    assert counts.tolist() == [[1, 1, 0, 0], [0, 1, 0, 0], [1, 0, 0, 1]]
    cosines = np.array([[1, 0.5, 0.1], [0.5, 1, 0.2], [0.1, 0.2, 1]])
    pairs = confused_pairs(labels[:3], told[:3], "abc", cosines)
    assert pairs == [{"truth": "a", "answer": "b", "count": 1, "of": 2, "text_cosine": 0.5}]


def test_of_a_small_class_no_more_neighbours_are_asked_than_it_has():
    features = np.eye(6)[[0, 0, 1, 1, 1, 1]] + 0.01 * RNG.normal(size=(6, 6))
    assert neighbor_labels(features, np.array([0, 0, 1, 1, 1, 1])).tolist() == [0, 0, 1, 1, 1, 1]


def test_a_path_may_be_lost_where_the_answer_is_not():
    one = verdicts(end=1)
    assert one.culprits() == [""] and one.culprits("end") == [TRANSLATOR]


def test_the_summary_counts_what_the_rows_say():
    n = 50
    rng = np.random.default_rng(1)
    found = Verdicts(*(rng.integers(0, 3, n) for _ in range(5)), left=np.zeros(n, int), rephrased=rng.random(n) < 0.2)
    told = found.to_dict(("a", "b", "c"))
    assert told["count"] == n and told["known"]["answer"] == n
    for of in ("categories", "end", "answer"):
        counted = Counter(found.culprits(of))
        assert told["lost_by"][of] == {name: counted[name] for name in CULPRITS}
    assert told["accuracy"]["answer"] == round(float((found.answer == found.labels).mean()), 6)
