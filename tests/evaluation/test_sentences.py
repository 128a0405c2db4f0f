"""Sentences of hand-made paths."""

from dataclasses import replace

import numpy as np
import pytest

from seda.evaluation.sentences import (
    DOUBTFUL,
    class_margins,
    cloud_ends,
    cloud_sentence,
    fine_percent,
    none_of_these,
    path_sentences,
    percent,
    quoted,
    statistic,
)
from seda.journeys.settings import TraceSettings
from seda.journeys.trajectory import Trajectory
from tests.toy import toy_journey

NAMES = ("shirt", "coat", "bag")
STAGES = np.array([0, 1, 1, 1, 2, 2, 2], dtype=np.int8)
ANSWER = (0.09, 0.87, 0.04)


def path(*nearest: int, answer=ANSWER, names=NAMES) -> Trajectory:
    """One item whose states point at class texts, the axes: mostly at the given one, a little at the next."""
    s = len(nearest)
    states = np.zeros((1, s, 3), dtype=np.float32)
    for step, index in enumerate(nearest):
        states[0, step, index], states[0, step, (index + 1) % 3] = 0.8, 0.6
    stages = STAGES if s == len(STAGES) else np.array([0] + [1] * (s // 2) + [2] * (s - s // 2 - 1), dtype=np.int8)
    return Trajectory(
        states=states, x_0=states, stages=stages, timesteps=np.zeros(s, np.int16),
        class_probabilities=np.array([answer], np.float32), class_text_features=np.eye(3, dtype=np.float32)[: len(names)],
        class_centers=np.eye(3, dtype=np.float32)[::-1].copy(), image_features=np.zeros((1, 4), np.float32),
        item_seeds=np.zeros(1, np.int64), item_names=("a",), class_names=names, center_names=("Bag", "Coat", "Shirt"),
        settings=TraceSettings(),
    )  # fmt: skip


def test_a_path_is_told_from_start_to_answer():
    assert path_sentences(path(0, 0, 1, 0, 2, 1, 1)) == [
        [
            (0, "Starts nearest to “shirt” (cosine .80, margin .20)."),
            (2, "Step 2: the nearest word changes from “shirt” to “coat”, margin .20."),
            (3, "Step 3: the nearest word changes from “coat” to “shirt”, margin .20."),
            (3, "Step 3: hand-over; the nearest category is “Shirt”."),
            (4, "Step 4: the nearest word changes from “shirt” to “bag”, margin .20."),
            (5, "Step 5: the nearest word changes from “bag” to “coat”, margin .20."),
            (5, "From step 5 on “coat” stays nearest."),
            (
                6,
                "Ends nearest to “coat” (cosine .80). The answer is “coat” with 87 %, then “shirt” with 9 %.",
            ),
        ]
    ]


def test_a_path_that_never_changes_and_one_that_changes_at_the_end():
    (still,) = path_sentences(path(1, 1, 1, 1, 1, 1, 1))
    assert [step for step, _ in still] == [0, 0, 3, 6] and still[1][1] == "“coat” stays nearest all the way."
    (late,) = path_sentences(path(0, 0, 0, 0, 0, 0, 1))
    assert not any("stays" in text for _, text in late)
    assert late[-2] == (6, "Step 6: the nearest word changes from “shirt” to “coat”, margin .20.")


def test_start_and_end_are_told_with_their_own_numbers():
    trajectory = path(0, 0, 0, 0, 0, 0, 0)
    for state, (near, next_to_it) in {0: (0.9, 0.3), 1: (0.95, 0.1), 6: (1.0, 0.75)}.items():
        trajectory.states[0, state, :2] = near, next_to_it
    (told,) = path_sentences(trajectory)
    first, last = 0.9 / np.hypot(0.9, 0.3), 1.0 / np.hypot(1.0, 0.75)
    assert told[0][1] == f"Starts nearest to “shirt” (cosine {statistic(first)}, margin {statistic(first * 2 / 3)})."
    assert told[-1][1].startswith(f"Ends nearest to “shirt” (cosine {statistic(last)}).")


def test_an_end_that_is_not_the_answer_is_said():
    (told,) = path_sentences(path(0, 0, 0, 0, 2, 2, 2, answer=(0.001, 0.6, 0.399)))
    assert told[-1][1] == (
        "Ends nearest to “bag” (cosine .80). The answer is “coat” with 60 %, then “bag” with 40 %. So the path ends at "
        "another word than the answer: it is one draw, and “bag” has 40 %."
    )


def test_many_changes_are_cut_and_counted():
    (told,) = path_sentences(path(*(step % 2 for step in range(31))))
    changes = [text for _, text in told if "changes from" in text]
    assert len(changes) == 12
    assert (13, "18 more changes are left out here, the last at step 30.") in told
    (one_more,) = path_sentences(path(*(min(step, 13) % 2 for step in range(31))))
    assert (13, "1 more change is left out here, the last at step 13.") in one_more
    assert [step for step, _ in told] == sorted(step for step, _ in told)


def test_a_single_class_text_has_no_margin():
    trajectory = path(0, 0, 0, 0, 0, 0, 0, names=("shirt",), answer=(1.0,))
    (told,) = path_sentences(trajectory)
    assert told[0][1] == "Starts nearest to “shirt” (cosine .80)."
    assert told[-1][1] == "Ends nearest to “shirt” (cosine .80). The answer is “shirt” with 100 %."


def test_sentences_do_not_depend_on_the_other_items():
    trajectory = toy_journey(items=5).trajectory
    told = path_sentences(trajectory)
    names = ("states", "x_0", "class_probabilities", "image_features", "item_seeds")
    for item in range(5):
        part = {name: getattr(trajectory, name)[item : item + 1] for name in names}
        alone = replace(trajectory, **part, item_names=trajectory.item_names[item : item + 1])
        assert path_sentences(alone) == [told[item]]
    assert path_sentences(trajectory, trajectory.class_similarities()) == told


def test_margins_against_a_sort():
    similarities = np.random.default_rng(0).normal(size=(3, 4, 5))
    ordered = np.sort(similarities, axis=-1)
    np.testing.assert_allclose(class_margins(similarities), ordered[..., -1] - ordered[..., -2])
    assert np.isnan(class_margins(similarities[..., :1])).all()
    two = similarities[..., :2]
    np.testing.assert_allclose(class_margins(two), np.abs(two[..., 0] - two[..., 1]))


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.931, ".93"), (1, "1.00"), (0, ".00"), (-0.02, "−.02"), (-0.004, ".00"), (-1.5, "−1.50"), (10.0, "10.00")],
)
def test_statistics_are_printed_without_a_leading_zero(value, text):
    assert statistic(value) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [(0, "0 %"), (0.001, "under 1 %"), (0.09, "9 %"), (0.994, "99 %"), (0.999, "over 99 %"), (1, "100 %")],
)
def test_percent_never_rounds_to_all_or_nothing(share, text):
    assert percent(share) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [(0, "0 %"), (0.00001, "under .01 %"), (0.0024, ".24 %"), (0.02, "2 %"), (0.999, "over 99 %")],
)
def test_small_shares_keep_their_order(share, text):
    assert fine_percent(share) == text


def test_names_are_cut_and_kept_from_turning_the_sentence():
    assert quoted("x" * 80) == "“" + "x" * 59 + "…”"
    assert quoted("חולצה") == "“\u2068חולצה\u2069”" and quoted("🐈‍⬛ é") == "“🐈‍⬛ é”"


def test_a_cloud_is_told():
    ends, spread = np.array([1] * 14 + [0, 2]), np.array([0, 0.3, 0.614, 0.2, 0.031])
    assert cloud_sentence(ends, spread, NAMES) == (
        "16 seeds: 14 of 16 end at “coat” (agreement 88 %), 1 at “shirt”, 1 at “bag”. The seeds are furthest apart at "
        "step 2 (.61 of a feature's length) and .03 apart at the end."
    )
    assert cloud_sentence(np.array([2]), np.zeros(5), NAMES) == "1 seed: 1 of 1 end at “bag” (agreement 100 %)."
    told = cloud_ends(np.array([0, -1, 0, -1]), NAMES, 1)
    assert told == (
        f"4 seeds: 2 of 4 end at “{NAMES[0]}” (agreement 50 %), 2 away from all words; the average of their ends is nearest "
        f"to “{NAMES[1]}”"
    )
    assert cloud_ends(np.array([-1, -1]), NAMES) == "2 seeds: all 2 end away from all words"
    assert cloud_ends(np.array([2]), NAMES) == "1 seed: 1 of 1 end at “bag” (agreement 100 %)"
    odd = ("a bag. The seeds are", "coat")
    assert (
        cloud_ends(np.array([0, 0, 1]), odd)
        == "3 seeds: 2 of 3 end at “a bag. The seeds are” (agreement 67 %), 1 at “coat”"
    )


def test_none_of_these_is_said_as_surely_as_it_is_known():
    assert (
        none_of_these("bee", -3.0)
        == none_of_these("bee", None)
        == "None of the words seems to fit; the picture looks most like “bee”."
    )
    assert none_of_these("bee", DOUBTFUL + 0.1) == "Perhaps none of the words fits; the picture looks most like “bee”."
