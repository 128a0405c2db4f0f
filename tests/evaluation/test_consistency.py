"""Measures of consistency beside slow versions of the same."""

from __future__ import annotations

import numpy as np
import pytest

from seda.evaluation.consistency import (
    MISSING,
    agreement,
    anchor_agreement,
    class_geometry,
    disagreement,
    mutual_neighbors,
    pair_distance,
    pair_margin,
    pairs_of,
    ranks_of,
    retrieval,
    rsa,
    unit,
)


def test_agreement_counts_things_that_have_everything():
    a, b, c = np.array([0, 1, 2, 0]), np.array([0, 1, 1, MISSING]), np.array([0, 2, 2, 0])
    assert agreement([a, b, c]) == (pytest.approx(1 / 3), 3)
    assert agreement([a, np.full(4, MISSING)])[1] == 0
    assert disagreement([a, b, c]).tolist() == pytest.approx([0, 2 / 3, 2 / 3, 0])
    assert np.isnan(disagreement([a, np.full(4, MISSING)])).all()


def test_anchors_and_ranks_are_the_obvious_ones():
    anchors = np.eye(3)
    assert anchor_agreement(np.array([[2.0, 1, 0], [0, 1, 3]]), anchors, np.array([0, 1])) == 0.5
    ranks = ranks_of(np.array([[0.9, 0.5, 0.1], [0.2, 0.2, 0.2]]), np.array([1, 0]))
    assert ranks.tolist() == [1, 1]  # two that score alike share it out
    found = retrieval(np.array([0, 3, 20]), 40)
    assert (found["R@1"], found["R@5"], found["median_rank"]) == (pytest.approx(1 / 3), pytest.approx(2 / 3), 4)
    assert found["chance_R@10"] == 0.25


def test_neighbours_by_counting():
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((30, 5)), rng.standard_normal((30, 4))
    share, chance = mutual_neighbors(a, b, 4)
    total = 0
    for item in range(30):
        near = []
        for x in (a, b):
            order = sorted((j for j in range(30) if j != item), key=lambda j, x=x: -float(unit(x[item]) @ unit(x[j])))
            near.append(set(order[:4]))
        total += len(near[0] & near[1])
    assert share == pytest.approx(total / 120) and chance == pytest.approx(4 / 29)
    assert mutual_neighbors(a, 3 * a, 4)[0] == 1


def test_a_turned_geometry_is_the_same_and_a_shuffled_one_is_not():
    rng = np.random.default_rng(1)
    features, labels = (
        rng.standard_normal((80, 6)) + 3 * rng.standard_normal((8, 6))[np.arange(80) % 8],
        np.arange(80) % 8,
    )
    turn, _ = np.linalg.qr(rng.standard_normal((6, 6)))
    own = class_geometry(features, labels, range(8))
    assert rsa(own, class_geometry(features @ turn, labels, range(8))) == pytest.approx(1)
    assert abs(rsa(own, class_geometry(features, rng.permutation(labels), range(8)))) < 0.6
    assert np.isnan(rsa(own[:1], own[:1]))


def test_a_collapse_brings_distance_and_margin_to_zero():
    rng = np.random.default_rng(2)
    labels = np.arange(12) % 3
    base = 2 * np.eye(3)[labels] @ rng.standard_normal((3, 8))
    a, b = (base[:, None] + 0.3 * rng.standard_normal((12, 2, 8)) for _ in range(2))
    a[:, 1], b[:, 1] = 1.0, 1.0  # all on one point
    distance, margin = pair_distance(a, b), pair_margin(a, b, labels)
    assert abs(distance[1]) < 1e-6 < distance[0]
    assert abs(margin[1]) < 1e-6 < margin[0]
    assert pairs_of("abc") == [("a", "b"), ("a", "c"), ("b", "c")]
