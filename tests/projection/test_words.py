"""The plane of the words, against what a straight map of class texts has to be."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from seda.projection.words import RADIUS, fit_words, word_maps
from tests.toy import toy_journey


def test_distances_between_three_words_are_exact_in_their_plane():
    """Three points lie in a plane: nothing of their differences is lost, but for the scale."""
    trajectory = toy_journey(classes=3).trajectory
    placed = fit_words(trajectory, 2).place(trajectory.class_text_features)
    true = trajectory.class_text_features
    on_map = [np.linalg.norm(placed[a] - placed[b]) for a, b in ((0, 1), (0, 2), (1, 2))]
    in_space = [np.linalg.norm(true[a] - true[b]) for a, b in ((0, 1), (0, 2), (1, 2))]
    np.testing.assert_allclose(np.array(on_map) / on_map[0], np.array(in_space) / in_space[0], rtol=1e-4)
    assert np.linalg.norm(placed, axis=1).max() == pytest.approx(RADIUS, rel=1e-5)


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("classes", [2, 3, 8])
def test_axes_are_straight_and_across_one_another(classes, dimensions):
    trajectory = toy_journey(classes=classes).trajectory
    projector = fit_words(trajectory, dimensions)
    gram = projector.axes.T @ projector.axes
    np.testing.assert_allclose(gram, np.eye(dimensions) * gram[0, 0], atol=1e-5)
    a, b = trajectory.states[0, 0], trajectory.states[1, 3]
    middle = projector.place(np.stack([a, b, (a + b) / 2]).astype(np.float32))
    np.testing.assert_allclose(middle[2], middle[:2].mean(0), atol=1e-4)


def test_no_straight_map_of_the_words_spreads_them_more():
    trajectory = toy_journey(classes=8).trajectory
    texts = trajectory.class_text_features - trajectory.class_text_features.mean(0)
    projector = fit_words(trajectory, 2)
    unit = projector.axes / np.linalg.norm(projector.axes, axis=0)
    best = np.square(texts @ unit).sum()
    rng = np.random.default_rng(0)
    for _ in range(200):
        other, _ = np.linalg.qr(rng.normal(size=unit.shape))
        assert np.square(texts @ other).sum() <= best + 1e-4


def test_words_that_read_the_same_leave_the_plane_to_the_pictures():
    trajectory = toy_journey(classes=2).trajectory
    same = replace(trajectory, class_text_features=np.repeat(trajectory.class_text_features[:1], 2, axis=0))
    placed = fit_words(same, 3).place(np.concatenate([same.class_text_features, same.states[:, 0]]))
    assert np.isfinite(placed).all() and np.ptp(placed[2:], axis=0).min() > 0


def test_the_same_words_give_the_same_plane():
    trajectory = toy_journey(classes=5).trajectory
    reference = np.random.default_rng(1).normal(size=(20, trajectory.states.shape[-1])).astype(np.float32)
    first, again = word_maps(trajectory, reference), word_maps(trajectory, reference)
    assert list(first) == ["words-2d", "words-3d"]
    for name in first:
        np.testing.assert_array_equal(first[name].reference, again[name].reference)
