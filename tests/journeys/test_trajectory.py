"""Trajectory: its axis and its similarities."""

from dataclasses import replace

import numpy as np
import pytest

from seda.errors import ShapeError
from tests.diagnosed import with_weights
from tests.toy import toy_journey


def test_the_hand_over_is_the_last_state_of_stage_1():
    trajectory = toy_journey(items=3, steps=4).trajectory
    assert trajectory.states.shape[1] == 2 * 4 + 3
    assert trajectory.stages[trajectory.hand_over] == 1
    assert trajectory.stages[trajectory.hand_over + 1] == 2
    assert trajectory.timesteps[trajectory.hand_over] == 0


def test_similarities_against_loops():
    trajectory = toy_journey(items=2, steps=3).trajectory
    found = trajectory.class_similarities()
    for i, s, k in np.ndindex(found.shape):
        a, b = trajectory.states[i, s], trajectory.class_text_features[k]
        assert found[i, s, k] == pytest.approx(a @ b / np.linalg.norm(a) / np.linalg.norm(b), abs=1e-5)


def test_shapes_that_do_not_fit():
    trajectory = toy_journey(items=3, steps=4).trajectory
    with pytest.raises(ShapeError, match="class_probabilities"):
        replace(trajectory, class_probabilities=trajectory.class_probabilities[:2])
    with pytest.raises(ShapeError, match="2 item names came for 3 items"):
        replace(trajectory, item_names=("a", "b"))
    with pytest.raises(ShapeError, match=r"item_seeds has shape \(2,\)"):
        replace(trajectory, item_seeds=trajectory.item_seeds[:2])
    with pytest.raises(ShapeError, match=r"image_features has shape \(2, 16\)"):
        replace(trajectory, image_features=trajectory.image_features[:2])
    with pytest.raises(ShapeError, match="stages must begin with 0"):
        replace(trajectory, stages=np.zeros_like(trajectory.stages))


def test_taken_items_are_those_in_that_order():
    toy = toy_journey(items=5, steps=3).trajectory
    toy = with_weights(
        replace(
            toy,
            settings=toy.settings.model_copy(update={"hints": ("a", "", "c", "", ""), "fits": (-2.0, 0.5, -0.1, 1, 2)}),
        )
    )
    taken = toy.take([3, 0, 3])
    for name in (
        "states",
        "x_0",
        "class_probabilities",
        "image_features",
        "item_seeds",
        "center_weights",
        "text_weights",
    ):
        np.testing.assert_array_equal(getattr(taken, name), getattr(toy, name)[[3, 0, 3]], err_msg=name)
    assert taken.item_names == (toy.item_names[3], toy.item_names[0], toy.item_names[3])
    assert taken.hints == ("", "a", "") and toy.take([1, 3]).hints == ("", "")
    assert taken.fits == (1, -2.0, 1) and toy.take([]).fits == ()
    assert toy_journey(items=2, steps=3).trajectory.fits == (None, None)
    assert taken.class_names == toy.class_names and taken.hand_over == toy.hand_over
    np.testing.assert_array_equal(taken.class_similarities(), toy.class_similarities()[[3, 0, 3]])
    assert toy.take(np.arange(5)).hints == toy.hints and len(toy.take([]).states) == 0
    plain = toy_journey(items=5, steps=3).trajectory.take(np.array([4]))
    assert plain.text_weights is None and plain.shares is None and plain.item_names == (toy.item_names[4],)
