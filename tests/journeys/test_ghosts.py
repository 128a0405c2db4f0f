"""Ghosts: the same pictures are found, compared at the same share of the way, and what differs is said."""

from dataclasses import replace

import numpy as np
import pytest

from seda.config import SamplingConfig
from seda.journeys.ghosts import changes_between, matching_items, resample, with_ghost
from seda.journeys.journey import Journey
from seda.journeys.settings import TraceSettings
from seda.journeys.trajectory import Trajectory
from tests.toy import toy_journey

SAMPLING = SamplingConfig("ddim", num_inference_steps=8, strength=0.6, eta=0.0, guidance=3.0, seed=0)


def change(journey: Journey, **changes) -> Journey:
    return replace(journey, trajectory=replace(journey.trajectory, **changes))


def settings(journey: Journey, template: str = "{}", **sampling) -> Journey:
    return change(journey, settings=TraceSettings(template=template, sampling=replace(SAMPLING, **sampling)))


def pair(**changes) -> tuple[Journey, Journey]:
    """A journey and an earlier run with another seed."""
    journey = toy_journey(neighbors=False)
    return settings(journey), settings(change(journey, **changes), seed=7)


def test_an_earlier_run_becomes_the_ghost():
    journey, earlier = pair(states=toy_journey(seed=5).trajectory.states)
    ghost = with_ghost(journey, earlier).ghost
    assert ghost.items.tolist() == list(range(6)) and ghost.changes == ("seed 7 → 0 (other noise)",)
    for name, positions in earlier.maps.items():
        np.testing.assert_array_equal(ghost.states[name], positions.states)
        np.testing.assert_array_equal(ghost.texts[name], positions.texts)
    norm = np.linalg.norm(journey.trajectory.class_text_features, axis=1).mean()
    for item, state in np.ndindex(ghost.differences.shape):
        step = journey.trajectory.states[item, state] - earlier.trajectory.states[item, state]
        assert ghost.differences[item, state] == pytest.approx(np.linalg.norm(step) / norm, rel=1e-4)
    probabilities = earlier.trajectory.class_probabilities
    np.testing.assert_array_equal(ghost.answers, probabilities.argmax(1))
    np.testing.assert_array_equal(ghost.answer_probabilities, probabilities.max(1))


def test_another_number_of_steps_is_compared_at_the_same_share_of_the_same_stage():
    journey = toy_journey(ghost=True)
    ghost = journey.ghost
    assert len(ghost.stages) == journey.trajectory.states.shape[1] + 6 and ghost.items.tolist() == [0, 1, 2, 3, 4]
    assert "steps per stage 11 → 8" in ghost.changes and "word “winter coat” became “coat”" in ghost.changes
    assert ghost.differences.shape == (5, journey.trajectory.states.shape[1])
    np.testing.assert_allclose(ghost.differences[:, 0], 0, atol=1e-6)  # both start from the same feature


def test_resample_against_a_loop_and_back_to_itself():
    rng = np.random.default_rng(0)
    stages, wanted = np.repeat([0, 1, 2], [1, 5, 5]), np.repeat([0, 1, 2], [1, 8, 8])
    states = rng.normal(size=(3, 11, 4)).astype(np.float32)
    found = resample(states, stages, wanted)
    np.testing.assert_array_equal(found[:, 0], states[:, 0])
    for stage in (1, 2):
        part, there = states[:, stages == stage], found[:, wanted == stage]
        for step in range(8):
            at = step / 7 * 4
            low = min(int(at), 3)
            np.testing.assert_allclose(there[:, step], part[:, low] + (at - low) * (part[:, low + 1] - part[:, low]), atol=1e-5)  # fmt: skip
    np.testing.assert_allclose(resample(states, stages, stages), states, atol=1e-6)
    np.testing.assert_allclose(resample(found, wanted, stages)[:, [0, 1, 5, 6, 10]], states[:, [0, 1, 5, 6, 10]], atol=1e-6)  # fmt: skip


def test_pictures_are_matched_by_content_in_any_order():
    journey, earlier = pair()
    now = journey.trajectory
    order = np.array([4, 2, 0])
    taken = ("states", "x_0", "class_probabilities", "image_features", "item_seeds")
    part = replace(
        earlier.trajectory,
        **{name: getattr(earlier.trajectory, name)[order] for name in taken},
        item_names=("a", "b", "c"),
    )
    items, matched = matching_items(now, part)
    assert items.tolist() == [0, 2, 4] and order[matched].tolist() == [0, 2, 4]
    other = replace(part, image_features=part.image_features + 1)  # another encoder's
    assert len(matching_items(now, other)[0]) == 0
    twice = replace(now, item_seeds=now.item_seeds * 0, image_features=now.image_features * 0)
    assert matching_items(twice, twice)[1].tolist() == list(range(6))


def test_a_journey_without_anything_to_compare_is_unchanged():
    journey, earlier = pair()
    assert with_ghost(journey, journey) is journey  # nothing was changed
    assert with_ghost(journey, change(earlier, item_seeds=earlier.trajectory.item_seeds + 100)) is journey
    assert with_ghost(journey, change(earlier, class_centers=earlier.trajectory.class_centers + 1)) is journey
    moved = {name: replace(positions, reference=positions.reference + 1) for name, positions in earlier.maps.items()}
    assert with_ghost(journey, replace(earlier, maps=moved)) is journey
    some = replace(earlier, maps={**moved, "timeline": earlier.maps["timeline"]})
    assert list(with_ghost(journey, some).ghost.states) == ["timeline"]


def test_the_same_run_again_keeps_the_ghost_of_the_run_before():
    journey, before = pair()
    earlier = with_ghost(journey, before)
    again = replace(journey, title="Again")
    kept = with_ghost(again, earlier)
    assert kept.title == "Again" and kept.ghost.changes == earlier.ghost.changes
    assert kept.ghost.states.keys() == earlier.ghost.states.keys()
    moved = {name: replace(positions, reference=positions.reference + 1) for name, positions in earlier.maps.items()}
    some = replace(earlier, maps={**moved, "timeline": earlier.maps["timeline"]})
    assert list(with_ghost(again, some).ghost.states) == ["timeline"]
    assert with_ghost(again, replace(earlier, maps=moved)) is again
    seeds = earlier.trajectory.item_seeds.copy()
    seeds[0] += 100
    assert with_ghost(again, change(earlier, item_seeds=seeds)) is again  # another picture among them


def test_what_differs_is_said():
    journey = settings(toy_journey(class_names=("coat", "bag", "dress", "shirt"), neighbors=False))
    now = journey.trajectory

    def changes(before: Trajectory) -> tuple[str, ...]:
        return changes_between(now, before)

    def named(*names: str) -> Trajectory:
        texts = np.resize(now.class_text_features, (len(names), 16))
        probabilities = np.resize(now.class_probabilities, (6, len(names)))
        return replace(now, class_names=names, class_text_features=texts, class_probabilities=probabilities)

    assert changes(now) == ()
    assert changes(named("bag", "coat", "shirt", "dress")) == ()  # the order of the list means nothing
    assert changes(named("coat", "bag", "dress", "blouse")) == ("word “blouse” became “shirt”",)
    assert changes(named("coat", "bag")) == ("words added: “dress”, “shirt”",)
    assert changes(named("coat", "bag", "dress", "cap", "shirt")) == ("words removed: “cap”",)
    assert changes(named("bag", "cap", "dress", "shirt")) == ("words removed: “cap”", "words added: “coat”")
    many = changes(named("coat", "bag", "dress", "shirt", *(f"thing {i}" for i in range(9))))
    assert many[0].endswith("“thing 3”, “thing 4” and 4 more")
    before = settings(journey, "a photo of a {}", num_inference_steps=25, strength=1.0, guidance=2.5, eta=0.05, seed=3)
    assert changes(before.trajectory) == (
        "template “a photo of a {}” → “{}”",
        "steps per stage 25 → 8",
        "strength 1 → .6",
        "eta .05 → 0",
        "guidance 2.5 → 3",
        "seed 3 → 0 (other noise)",
    )
    assert "sampler unknown → ddim" in changes(replace(now, settings=TraceSettings()))
