"""Paths that were made elsewhere: what fits is drawn and comes back to the last bit, what does not is said with its row."""

from __future__ import annotations

import io
import re

import numpy as np
import pytest
import torch
from PIL import Image

from seda.errors import ConfigError, DataError, Stopped
from seda.evaluation.sentences import path_sentences
from seda.export.csv import to_table
from seda.journeys.given_journey import journey_of
from seda.journeys.given_paths import SHOWN_ITEMS, check_paths, thin
from seda.journeys.journey import Journey
from seda.map_forms import MAPS
from seda.player import to_html
from seda.player.payload import player_payload

RNG = np.random.default_rng(0)
STATES = RNG.normal(size=(6, 9, 5)).astype(np.float32)
TEXTS = {"cat": RNG.normal(size=5), "dog": RNG.normal(size=5), "cow": RNG.normal(size=5)}
PLANES = ("pca-2d",)  # fitted in no time


def said(**given) -> str:
    states = given.pop("states", STATES)
    with pytest.raises(DataError) as caught:
        check_paths(states, **given)
    assert "docs/paths.md" in str(caught.value)
    return caught.value.message


def png(color: str = "red") -> bytes:
    content = io.BytesIO()
    Image.new("RGB", (8, 8), color).save(content, "PNG")
    return content.getvalue()


EVERYTHING = {
    "texts": TEXTS,
    "labels": ["Cat", "dog", None, "cow", "cat", "dog"],
    "stages": [("noise", 2), ("denoise", 4), ("refine", 2)],
    "timesteps": np.arange(9),
    "item_names": [f"thing {place}" for place in range(6)],
    "thumbnails": [png(), None, Image.new("RGB", (300, 200), "blue"), png("green"), None, None],
    "reference": RNG.normal(size=(40, 5)),
    "probabilities": np.full((6, 3), 1 / 3),
}


@pytest.mark.parametrize(
    ("states", "given"),
    [
        (STATES, EVERYTHING),
        (STATES, {}),
        (STATES, {"stages": [("layers", 9)]}),
        (STATES, {"labels": ["a", "b", "", "a", "b", "a"]}),
        (STATES, {"texts": TEXTS, "coordinates": STATES[:, :, :2], "text_coordinates": RNG.normal(size=(3, 2))}),
        (STATES, {"coordinates": STATES[:, :, :3]}),
        (STATES[:, :, :2], {}),
        (STATES[:, :, :1], {}),
        (STATES[:1], {"texts": TEXTS}),
        (STATES[:1, :2], {"texts": {"cat": TEXTS["cat"]}}),
        (np.ones((3, 4, 5)), {"texts": TEXTS}),
        (STATES.astype(np.float16), {}),
        (STATES.astype(np.float64)[::2, ::-1], {}),
        (torch.from_numpy(STATES).to(torch.bfloat16).requires_grad_(), {"texts": torch.eye(5)}),
        (STATES.tolist(), {}),
    ],
)
def test_what_fits_is_drawn_and_comes_back_to_the_last_bit(states, given, tmp_path):
    maps = None if "coordinates" in given or np.shape(states)[2] == 2 else PLANES
    journey = journey_of(check_paths(states, **given), maps=maps, title="t")
    payload = player_payload(journey)
    assert len(payload["items"]) == len(journey.thumbnails) and payload["stages"][0] == 0
    assert "<!doctype html>" in to_html(journey) and len(to_table(journey)) == journey.trajectory.states[..., 0].size
    again = Journey.load(journey.save(tmp_path / "paths.safetensors"))
    for one, other in (
        (journey.trajectory, again.trajectory),
        (journey, again),
        *zip(journey.maps.values(), again.maps.values(), strict=True),
    ):
        for name, value in vars(one).items():
            if isinstance(value, np.ndarray):
                assert value.dtype == getattr(other, name).dtype and np.array_equal(value, getattr(other, name)), name
    assert again.trajectory.stage_names == journey.trajectory.stage_names and again.group_names == journey.group_names
    assert again.trajectory.item_names == journey.trajectory.item_names and again.thumbnails == journey.thumbnails
    assert player_payload(again) == payload
    assert (
        Journey.from_bytes(journey.to_bytes(), "it").trajectory.states.tobytes() == journey.trajectory.states.tobytes()
    )


def test_stages_count_the_states_behind_the_start_or_all_of_them():
    for counts in ([("noise", 2), ("denoise", 6)], [("noise", 3), ("denoise", 6)]):
        paths = check_paths(STATES, stages=counts)
        assert paths.stages.tolist() == [0, 1, 1, 2, 2, 2, 2, 2, 2] and paths.stage_names == ("noise", "denoise")
    journey = journey_of(check_paths(STATES, stages=[("noise", 3), ("denoise", 6)]), maps=PLANES)
    payload = player_payload(journey)
    assert payload["hand_overs"] == [2] and payload["jumps"] == []
    assert [stage["name"] for stage in payload["wording"]["stages"]] == ["noise", "denoise"]


def test_what_is_said_is_what_the_features_say():
    journey = journey_of(check_paths(STATES, texts=TEXTS, labels=[0, 1, 2, -1, 0, 1]), maps=PLANES)
    units = [np.asarray(vector) / np.linalg.norm(vector) for vector in TEXTS.values()]
    ends = STATES[:, -1] / np.linalg.norm(STATES[:, -1], axis=1, keepdims=True)
    nearest = (ends @ np.stack(units).T).argmax(1)
    items = player_payload(journey)["items"]
    assert [item["nearest"] for item in items] == [item["answer"] for item in items] == nearest.tolist()
    assert all(item["landed"] and item["top"] == [] for item in items)  # how near is near nobody knows
    assert [item["truth"] for item in items] == [0, 1, 2, -1, 0, 1]
    told = path_sentences(journey.trajectory)
    for sentences, place in zip(told, nearest, strict=True):
        assert f"Ends nearest to “{list(TEXTS)[place]}”" in sentences[-1][1] and "answer" not in sentences[-1][1]


def test_without_texts_length_and_straightness_are_told():
    states = np.zeros((1, 3, 2), np.float32)
    states[0] = [[0, 0], [3, 0], [3, 4]]  # 7 long, 5 apart
    ((step, sentence),) = path_sentences(journey_of(check_paths(states)).trajectory)[0]
    assert step == 2 and ".71 straight" in sentence and "1.40 of a feature's length" in sentence  # 7 of 5


def test_labels_are_compared_as_words_and_unknown_ones_are_told():
    paths = check_paths(STATES, texts=TEXTS, labels=["CAT", "wolf", "dog", "", None, "cow"])
    assert paths.labels is not None and paths.labels.tolist() == [0, -1, 1, -1, -1, 2]
    assert '"wolf"' in paths.notes[0]
    assert paths.notes[0] in journey_of(paths, maps=PLANES).note


def test_too_many_are_thinned_evenly_and_a_sentence_says_so():
    states = np.zeros((3000, 4, 2), np.float32)
    states[:, :, 0] = np.arange(3000)[:, None]
    paths = check_paths(states, labels=["a", "b", "c"] * 1000)
    assert len(paths.states) == SHOWN_ITEMS == len(paths.thumbnails) == len(paths.item_names) == len(paths.groups)
    steps = np.diff(paths.states[:, 0, 0])
    assert paths.states[0, 0, 0] == 0 and paths.states[-1, 0, 0] == 2999 and steps.min() >= 2 and steps.max() <= 3
    assert "1,024 of 3,000 items are shown" in paths.notes[0]
    assert thin(paths) is paths
    long = check_paths(np.zeros((300, 1000, 1), np.float32))
    assert len(long.states) == 100  # of 1,000 states each


def test_everything_wrong_is_said_at_once_with_its_row():
    broken = STATES.copy()
    broken[1, 4, 2] = np.nan
    broken[5, 0, 0] = np.inf
    message = said(
        states=broken, item_names=["a", "b"], texts=np.ones((2, 4)), labels=[1], stages=[("x", 3)], thumbnails=[b"no"] * 6, timesteps=[1],
    )  # fmt: skip
    for part in (
        "Row 1 (\"b\") of states is not finite at step 4.", "Row 5 of states is not finite at step 0.", "The stages have 3 states in all; 8 come",
        "texts has rows of 4 numbers; the states have 5.", "Thumbnail 0 is no PNG", "Thumbnail 1 is no PNG",
    ):  # fmt: skip
        assert part in message
    assert re.search(r"And \d+ more", message)


@pytest.mark.parametrize(
    ("given", "part"),
    [
        ({"states": np.ones((3, 4))}, "states needs numbers in 3 dimensions"),
        ({"states": [["a"]]}, "states needs numbers"),
        ({"states": [[1], [1, 2]]}, "states is no array"),
        ({"states": np.ones((0, 4, 5))}, "at least one item"),
        ({"states": np.ones((3, 1, 5))}, "two states"),
        ({"stages": []}, "0 stages came"),
        ({"stages": [("a", 4), ("b", 0), ("c", 4)]}, "at least 1"),
        ({"stages": [(str(place), 1) for place in range(13)]}, "13 stages came"),
        ({"texts": {"a": np.ones(5), "b": np.zeros(5)}}, "Row 1 of texts is zero"),
        ({"texts": {"a": np.full(5, np.nan)}}, "Row 0 of texts is not finite"),
        ({"class_names": ["a"]}, "class_names came without texts"),
        ({"texts": np.ones((2, 5)), "class_names": ["a"]}, "1 class_names came for 2"),
        ({"texts": TEXTS, "labels": [0, 1, 2, 3, 0, 0]}, "Label 3 of row 3 is no text"),
        ({"labels": ["a"]}, "1 labels came for 6 items"),
        ({"texts": TEXTS, "probabilities": np.ones((6, 3))}, "Row 0 of probabilities is none"),
        ({"texts": TEXTS, "probabilities": np.full((6, 2), 0.5)}, "6 items and 3 texts need [6, 3]"),
        ({"probabilities": np.full((6, 2), 0.5)}, "6 items and 0 texts"),
        ({"timesteps": np.full(9, -1)}, "timesteps are 9 whole numbers"),
        ({"reference": np.ones((4, 3))}, "reference has rows of 3 numbers"),
        ({"coordinates": np.ones((6, 9, 4))}, "[6, 9, 2] or [6, 9, 3]"),
        ({"coordinates": np.full((6, 9, 2), np.inf)}, "Row 0 of coordinates is not finite"),
        ({"texts": TEXTS, "coordinates": np.ones((6, 9, 2))}, "the texts have no place"),
        ({"text_coordinates": np.ones((3, 2))}, "came without coordinates"),
        ({"thumbnails": ["x.png"] * 6}, "Thumbnail 0 is no PNG"),
    ],
)
def test_what_does_not_fit_is_a_sentence(given, part):
    assert part in said(**given)


def test_maps_are_those_that_suit_and_wrong_names_are_told():
    journey = journey_of(check_paths(STATES[:, :, :2]))
    assert list(journey.maps) == ["given-2d"] and np.array_equal(journey.maps["given-2d"].states, STATES[:, :, :2])
    assert journey.maps["given-2d"].neighbors_kept.min() == 1
    for wrong in (["words-2d"], ["nowhere"], [], ["pca-2d", "pca-2d"]):
        with pytest.raises(ConfigError, match="pca-2d"):
            journey_of(check_paths(STATES), maps=wrong)
    assert {MAPS[name].kind for name in ("given-2d", "given-3d")} == {"given"}


@pytest.mark.slow
def test_fitted_maps_are_trusted_the_same_each_time_and_can_be_stopped():
    angles = np.linspace(0, 2, 12)[None, :, None] + np.arange(40)[:, None, None] / 7
    states = np.concatenate([np.cos(angles + shift) for shift in range(6)], axis=2).astype(np.float32)
    told: list[tuple[str, int, int]] = []
    paths = check_paths(states, texts={"a": states[0, -1], "b": states[20, -1], "c": states[39, -1]})
    journey = journey_of(paths, on_progress=lambda *step: told.append(step))
    assert list(journey.maps) == ["umap-2d", "words-2d", "timeline"]
    assert {name for name, _, _ in told} == {"umap-2d", "timeline"}
    scores = journey.maps["umap-2d"].about["scores"]
    assert scores["trustworthiness"] > 0.95 and journey.maps["umap-2d"].neighbors_kept.mean() > 0.6
    again = journey_of(paths, maps=["umap-2d"])
    assert np.array_equal(again.maps["umap-2d"].states, journey.maps["umap-2d"].states)
    with pytest.raises(Stopped):
        journey_of(paths, maps=["umap-2d"], on_progress=lambda *step: True)
