"""The payload gives back what went in, stays small and refuses what cannot be drawn."""

import base64
import dataclasses
import io
import itertools
import json
import re
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from seda.errors import ConfigError, ProjectionError, ShapeError
from seda.evaluation.sentences import path_sentences
from seda.evaluation.trajectories import commitment_step, decisions
from seda.journeys.given_journey import journey_of
from seda.journeys.given_paths import check_paths
from seda.journeys.journey import Journey
from seda.picture_bounds import bare_png
from seda.player import payload as module
from seda.player.files import FOLDER, player_script
from seda.player.payload import encoded_payload, player_payload
from seda.sounds import wav_bytes
from tests.toy import toy_journey


def _array(text: str, dtype: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), dtype=dtype)


def _change(journey: Journey, name: str, **changes) -> Journey:
    """The journey with one map changed."""
    changed = dataclasses.replace(journey.maps[name], **changes)
    return dataclasses.replace(journey, maps={**journey.maps, name: changed})


def test_maps_come_back():
    journey = toy_journey()
    payload = json.loads(json.dumps(player_payload(journey)))
    assert [one["name"] for one in payload["maps"]] == list(journey.maps)
    assert [one["label"] for one in payload["maps"]] == ["UMAP", "UMAP 3-D", "PCA", "Timeline"]
    for found, positions in zip(payload["maps"], journey.maps.values(), strict=True):
        q = positions.states.shape[-1]
        assert (found["dims"], found["kind"], found["n_neighbors"]) == (q, positions.kind, 15)
        assert found["scores"] == positions.about["scores"] and found["note"].endswith(".")
        for part in ("states", "texts", "centers"):
            expected = getattr(positions, part)
            np.testing.assert_array_equal(_array(found[part], "<f4").reshape(expected.shape), expected)
        points = _array(found["reference"], "<u2").reshape(-1, q) / 65535
        points = points * found["reference_span"] + found["reference_low"]
        span = np.ptp(positions.reference, axis=0).max()
        np.testing.assert_allclose(points, positions.reference, atol=span / 60_000)
        kept = _array(found["neighbors_kept"], "u1").reshape(positions.neighbors_kept.shape) / 255
        np.testing.assert_allclose(kept, positions.neighbors_kept, atol=0.003)
        flags = _array(found["step_flags"], "i1").reshape(positions.step_flags.shape)
        np.testing.assert_array_equal(flags, positions.step_flags)
        assert set(flags.ravel()) == {-1, 0, 1}
    np.testing.assert_array_equal(_array(payload["reference_labels"], "<i2"), journey.reference_labels)


def test_similarities_come_back():
    journey = toy_journey()
    payload = player_payload(journey)
    expected = journey.trajectory.class_similarities()
    assert payload["similarities"]["classes"] == [0, 1, 2, 3]
    values = _array(payload["similarities"]["data"], "<i2").reshape(expected.shape) * payload["similarities"]["scale"]
    np.testing.assert_allclose(values, expected, atol=2e-5)


def test_more_reference_points_than_are_drawn_are_thinned_evenly():
    journey = toy_journey(reference=45_000, maps=("umap-3d", "timeline"), thinned=2)
    payload = player_payload(journey)
    assert payload["reference_total"] == 89_999
    np.testing.assert_array_equal(_array(payload["reference_labels"], "<i2"), journey.reference_labels[::3])
    for found, q in zip(payload["maps"], (3, 2), strict=True):
        assert _array(found["reference"], "<u2").size == 15_000 * q


def test_what_a_replay_says_about_its_maps_is_checked():
    about = {
        "kind": "umap",
        "scores": {"a": float("nan"), "b": "high", "c": True, "d" * 99: 0.5},
        "n_neighbors": "many",
    }
    found = player_payload(_change(toy_journey(), "umap-3d", about=about))["maps"][1]
    assert found["label"] == "umap 3-D" and found["n_neighbors"] == 0
    assert list(found["scores"].values()) == [1, 0.5] and max(map(len, found["scores"])) == 40
    assert (
        player_payload(_change(toy_journey(), "umap-3d", about={"kind": "umap", "scores": None}))["maps"][1]["scores"]
        == {}
    )


def test_64_items_over_20000_points_stay_below_3_mb():
    payload = player_payload(toy_journey(items=64, steps=50, classes=10, reference=20_000))
    assert len(json.dumps(payload)) < 1_550_000


def test_many_classes_and_large_thumbnails_stay_bounded():
    journey = toy_journey(items=64, steps=50, classes=400)
    noise = np.random.default_rng(0).integers(0, 255, size=(300, 300, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, "PNG")
    journey = dataclasses.replace(journey, thumbnails=(buffer.getvalue(),) * 64)
    payload = player_payload(journey)
    assert len(json.dumps(payload)) < 3_000_000
    assert payload["items"][0]["thumbnail"].startswith("data:image/png;base64,")
    similarities = payload["similarities"]
    assert similarities["encoding"] == "int8"
    # What is left out is said, and what an item ends at is not left out.
    assert len(similarities["classes"]) < 400
    assert set(item["nearest"] for item in payload["items"]) <= set(similarities["classes"])


def _everything(**options) -> Journey:
    return toy_journey(ghost=True, clouds=True, **options)


def test_items_tell_their_path():
    journey = toy_journey()
    payload = json.loads(json.dumps(player_payload(journey)))
    assert payload["version"] == 8
    similarities = journey.trajectory.class_similarities()
    ordered, decided = np.sort(similarities[:, -1]), decisions(similarities)
    for index, (item, told) in enumerate(zip(payload["items"], path_sentences(journey.trajectory), strict=True)):
        assert item["sentences"] == [list(sentence) for sentence in told]
        assert item["flips"] == sum(a != b for a, b in itertools.pairwise(decided[index].tolist()))
        assert item["margin"] == pytest.approx(ordered[index, -1] - ordered[index, -2], abs=1e-4)
    single = player_payload(toy_journey(classes=1))
    assert [item["margin"] for item in single["items"]] == [0] * 6


def test_items_tell_the_right_word_where_it_is_known():
    labelled, bare = player_payload(toy_journey(labelled=True)), player_payload(toy_journey())
    assert [item["truth"] for item in labelled["items"]] == [1, 1, 2, 0, 0, -1]
    assert all("truth" not in item for item in bare["items"]) and labelled["fingerprint"] != bare["fingerprint"]


def test_neighbours_come_back():
    journey = toy_journey()
    found, neighbors = player_payload(journey)["neighbors"], journey.neighbors
    shape = (*neighbors.indices.shape[:2], found["count"])
    assert shape == neighbors.indices.shape and shape[2] == 6
    np.testing.assert_array_equal(_array(found["indices"], "<u2").reshape(shape), neighbors.indices)
    cosines = _array(found["similarities"], "u1").reshape(shape) / 255
    np.testing.assert_allclose(cosines, np.clip(neighbors.similarities, 0, 1), atol=0.003)
    assert found["labels"] == neighbors.labels.tolist()
    kind, _, content = found["sheet"].partition(",")
    assert kind == "data:image/png;base64" and base64.b64decode(content) == neighbors.sheet
    assert (found["columns"], found["tile"]) == (16, 12)
    assert player_payload(toy_journey(neighbors=False))["neighbors"] is None


def test_a_sheet_that_is_not_what_it_says_is_left_out():
    journey = toy_journey()
    neighbors = journey.neighbors
    bomb = io.BytesIO()
    Image.new("L", (5000, 5000)).save(bomb, "PNG")
    for change in (
        {"sheet": b""},
        {"sheet": b"<svg onload=alert(1)>"},
        {"sheet": neighbors.sheet[:20]},
        {"sheet": bomb.getvalue()},
        {"sheet": bomb.getvalue(), "tile": 5000, "columns": 1, "labels": neighbors.labels[:1] * 0},
        {"columns": 7},
        {"tile": 99},
    ):
        indices = neighbors.indices * 0 if "labels" in change else neighbors.indices
        changed = dataclasses.replace(neighbors, indices=indices, **change)
        found = player_payload(dataclasses.replace(journey, neighbors=changed))["neighbors"]
        assert found["sheet"] == "" and found["count"] == 6
    webp = io.BytesIO()
    Image.open(io.BytesIO(neighbors.sheet)).save(webp, "WEBP")
    changed = dataclasses.replace(journey, neighbors=dataclasses.replace(neighbors, sheet=webp.getvalue()))
    assert player_payload(changed)["neighbors"]["sheet"].startswith("data:image/webp;base64,")


def test_neighbours_take_the_room_that_is_left(monkeypatch):
    journey = toy_journey(items=30, steps=30)
    whole = len(json.dumps(player_payload(journey)))
    bare = len(json.dumps(player_payload(toy_journey(items=30, steps=30, neighbors=False))))
    sheet = len(player_payload(journey)["neighbors"]["sheet"])
    counts = []
    for room in np.linspace(bare - 1000, whole + 5000, 60):
        monkeypatch.setattr("seda.player.payload.PAYLOAD_LENGTH", int(room))
        payload = player_payload(dataclasses.replace(journey))
        found = payload["neighbors"]
        counts.append(None if found is None else (found["count"], bool(found["sheet"])))
        assert len(json.dumps(payload)) < max(room, bare) + 10_000
        if found is not None:
            t = found["count"]
            indices = _array(found["indices"], "<u2").reshape(30, 63, t)
            np.testing.assert_array_equal(indices, journey.neighbors.indices[..., :t])
    assert counts[0] is None and counts[-1] == (6, True) and sheet > 10_000
    assert [case for case, _ in itertools.groupby(counts)][-2] == (4, True)  # fewer neighbours before no sheet


def test_a_ghost_comes_back():
    journey = toy_journey(ghost=True)
    payload, ghost = player_payload(journey), journey.ghost
    found = payload["ghost"]
    assert found["changes"] == list(ghost.changes) and found["items"] == ghost.items.tolist()
    assert found["stages"] == ghost.stages.tolist() and found["hand_overs"] == [12]
    assert [style["name"] for style in found["classes"]] == list(ghost.class_names)
    assert found["classes"][1:] == payload["classes"][1:]  # what both have looks the same
    assert found["classes"][0] not in payload["classes"] + payload["centers"]
    for (answer, share), expected in zip(found["answers"], ghost.answer_probabilities, strict=True):
        assert share == pytest.approx(expected, abs=1e-4) and isinstance(answer, int)
    differences = _array(found["differences"], "<f4").reshape(ghost.differences.shape)
    np.testing.assert_array_equal(differences, ghost.differences)
    assert list(found["maps"]) == [one["name"] for one in payload["maps"]]
    for name, states in ghost.states.items():
        np.testing.assert_array_equal(_array(found["maps"][name]["states"], "<f4").reshape(states.shape), states)
        texts = _array(found["maps"][name]["texts"], "<f4").reshape(ghost.texts[name].shape)
        np.testing.assert_array_equal(texts, ghost.texts[name])
    assert player_payload(toy_journey())["ghost"] is None


def test_clouds_come_back():
    journey = toy_journey(clouds=True)
    payload, (cloud,) = player_payload(journey), journey.clouds
    (found,) = payload["clouds"]
    for name in ("item", "seeds", "ends", "answers"):
        assert found[name] == np.asarray(getattr(cloud, name)).tolist()
    for name, states in cloud.states.items():
        np.testing.assert_array_equal(_array(found["maps"][name], "<f4").reshape(states.shape), states)
    for name in ("low", "high"):
        np.testing.assert_allclose(_array(found[name], "<i2").reshape(-1, 4) / 32767, getattr(cloud, name), atol=2e-5)
    np.testing.assert_array_equal(_array(found["spread"], "<f4"), cloud.spread)
    assert found["sentence"].startswith("8 seeds: 6 of 8 end at “sneaker” (agreement 75 %), 2 at “bag”. The seeds are")
    assert found["short"] == "8 seeds: 6 of 8 end at “sneaker” (agreement 75 %), 2 at “bag”"
    many = player_payload(toy_journey(items=64, steps=50, classes=400, clouds=True))
    kept = many["similarities"]["classes"]
    assert len(_array(many["clouds"][0]["low"], "<i2")) == 103 * len(kept) < 103 * 400
    assert player_payload(toy_journey())["clouds"] == []


@pytest.mark.slow
def test_64_items_with_everything_stay_below_3_mb():
    payload = player_payload(_everything(items=64, steps=50, classes=10, reference=2000))
    assert payload["neighbors"]["count"] == 6 and payload["neighbors"]["sheet"]
    assert len(json.dumps(payload)) < 2_500_000
    journey = _everything(items=64, steps=50, classes=400, reference=2000)
    noise = np.random.default_rng(0).integers(0, 255, size=(96, 96, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, "PNG")
    heavy = dataclasses.replace(journey, thumbnails=(buffer.getvalue(),) * 64)
    assert len(json.dumps(player_payload(heavy))) < 3_600_000  # 400 class texts, a ghost and large pictures


def test_built_once_and_named_by_its_content():
    journey = toy_journey()
    assert player_payload(journey) is player_payload(journey)
    assert encoded_payload(journey) is encoded_payload(journey)
    assert json.loads(encoded_payload(journey)) == player_payload(journey)
    assert player_payload(journey)["fingerprint"] == player_payload(toy_journey())["fingerprint"]
    assert player_payload(journey)["fingerprint"] != player_payload(toy_journey(seed=1))["fingerprint"]


def test_commitment_agrees_with_a_naive_search():
    similarities = np.random.default_rng(3).normal(size=(40, 9, 3))
    for item, step in enumerate(commitment_step(decisions(similarities))):
        nearest = similarities[item].argmax(axis=-1)
        naive = next(s for s in range(9) if (nearest[s:] == nearest[-1]).all())
        assert step == naive


def test_what_is_not_a_png_becomes_a_dot():
    journey = dataclasses.replace(toy_journey(items=2), thumbnails=(b"<svg onload=alert(1)>", b""))
    assert [item["thumbnail"] for item in player_payload(journey)["items"]] == ["", ""]


def test_large_thumbnails_are_decoded_up_to_a_bound(monkeypatch):
    buffer = io.BytesIO()
    Image.new("L", (500, 400)).save(buffer, "PNG", pnginfo=_text_bomb())
    png = buffer.getvalue()
    assert len(bare_png(png)) < 2000 < len(png)  # nothing but pixels is decoded and sent
    monkeypatch.setattr(module, "MADE_SMALLER", 450_000)
    journey = dataclasses.replace(toy_journey(items=4), thumbnails=(png, b"", png, png))
    found = [bool(item["thumbnail"]) for item in player_payload(journey)["items"]]
    assert found == [True, False, True, False]
    assert bare_png(png[:-12]) == bare_png(png.replace(b"IHDR", b"JHDR")) == b""


def _text_bomb() -> PngInfo:
    texts = PngInfo()
    for number in range(20):
        texts.add_text(f"{number}", "x" * 10**5, zip=True)
    return texts


def test_ghosts_and_clouds_that_cannot_be_drawn(monkeypatch):
    journey = _everything()
    ghost, (cloud,) = journey.ghost, journey.clouds

    def refused(error, message, **changes):
        with pytest.raises(error, match=message):
            player_payload(dataclasses.replace(journey, **changes))

    nan = {name: np.full_like(states, np.nan) for name, states in ghost.states.items()}
    refused(
        ProjectionError,
        "states of a ghost on map 'umap-2d' holds values that are not finite",
        ghost=dataclasses.replace(ghost, states=nan),
    )
    refused(
        ProjectionError,
        "differences of a ghost holds",
        ghost=dataclasses.replace(ghost, differences=ghost.differences + np.inf),
    )
    nan = {name: np.full_like(states, np.nan) for name, states in cloud.states.items()}
    refused(
        ProjectionError,
        "states of a seed cloud on map 'umap-2d' holds",
        clouds=(dataclasses.replace(cloud, states=nan),),
    )
    refused(
        ProjectionError,
        "spread of a seed cloud holds",
        clouds=(dataclasses.replace(cloud, spread=cloud.spread + np.inf),),
    )
    neighbors = dataclasses.replace(journey.neighbors, similarities=journey.neighbors.similarities * np.nan)
    refused(ProjectionError, "similarities of neighbours holds", neighbors=neighbors)
    monkeypatch.setattr("seda.player.payload.MAX_CLOUD_STATES", 100)
    refused(ConfigError, r"1 seed clouds of 152 states are more than the player draws \(at most 8 clouds and 100")
    monkeypatch.setattr("seda.player.payload.MAX_STATES", 120)
    refused(ConfigError, r"A ghost of 5 items with 25 states is more than the player draws \(at most 120")


def test_refusals_say_what_came():
    with pytest.raises(ConfigError, match="2000 items of 5 states are more than the player animates"):
        player_payload(toy_journey(items=2000, steps=1))
    journey = toy_journey()
    broken = journey.maps["timeline"].states.copy()
    broken[0, 0, 0] = np.nan
    with pytest.raises(ProjectionError, match=r"states of map 'timeline' holds values that are not finite"):
        player_payload(_change(journey, "timeline", states=broken))
    kept = np.full_like(journey.positions.neighbors_kept, np.nan)
    with pytest.raises(ProjectionError, match=r"neighbors_kept of map 'umap-2d' holds values that are not finite"):
        player_payload(_change(journey, "umap-2d", neighbors_kept=kept))
    with pytest.raises(ConfigError, match=r"9 maps are more than the player shows \(at most 8\)"):
        player_payload(dataclasses.replace(journey, maps={f"map {i}": journey.positions for i in range(9)}))


def test_a_slow_payload_holds_up_only_those_who_want_it(monkeypatch):
    slow, other = toy_journey(items=2), toy_journey(items=2, seed=1)
    begun, go, made, build = threading.Event(), threading.Event(), [], module._build

    def slowly(journey: Journey) -> dict:
        made.append(journey)
        if journey is slow:
            begun.set()
            assert go.wait(30)
        return build(journey)

    monkeypatch.setattr(module, "_build", slowly)
    with ThreadPoolExecutor(3) as visitors:
        waiting = [visitors.submit(player_payload, slow) for _ in range(2)]
        assert begun.wait(30)
        assert visitors.submit(player_payload, other).result(20)["title"]
        assert not any(future.done() for future in waiting)
        go.set()
        assert waiting[0].result(30) is waiting[1].result(30)
    assert made == [slow, other]


def test_payloads_of_the_last_journeys_are_remembered(monkeypatch):
    monkeypatch.setattr(module, "MAX_KEPT", 2)
    journeys = [toy_journey(items=2, seed=seed) for seed in range(3)]
    payloads = [player_payload(journey) for journey in journeys]
    assert len(module._kept) == 2 and player_payload(journeys[2]) is payloads[2]
    assert player_payload(journeys[0]) is not payloads[0] and player_payload(journeys[0]) == payloads[0]


def _typedefs() -> dict[str, set[str]]:
    """The names of each part, as seda/player/web/payload.js expects them."""
    text = re.sub(r"\n \* +", " ", (FOLDER / "payload.js").read_text(encoding="utf-8"))
    found = {}
    for body, name in re.findall(r"@typedef \{\{(.*?)\}\} (\w+)", text):
        while (outer := re.sub(r"<[^<>]*>|\{[^{}]*\}", "", body)) != body:  # only the outermost names
            body = outer
        found[name] = set(re.findall(r"(\w+)\??:", body))
    return found


def test_both_sides_know_the_same_parts():
    payload, known = player_payload(_everything(labelled=True)), _typedefs()
    states = np.random.default_rng(0).normal(size=(4, 5, 2))
    unlike = dataclasses.replace(
        journey_of(check_paths(states, labels=["a", "b", "a", "b"])),
        shapes=("square", "round") * 2,
        sounds=(wav_bytes(np.zeros(9), 8_000),) * 4,
    )
    elsewhere = player_payload(unlike)  # without class texts
    assert (
        set(elsewhere) == known["Payload"] and set(elsewhere["wording"]) == set(payload["wording"]) == known["Wording"]
    )
    for words in (payload["wording"], elsewhere["wording"]):
        assert all(set(stage) == known["StageWords"] for stage in words["stages"])
        assert set(words["start"]) == {"place", "still", "term"}
    for name, part in {
        "Payload": payload,
        "Item": payload["items"][0] | elsewhere["items"][0],
        "Styled": payload["classes"][0],
        "MapPart": payload["maps"][0],
        "NeighborPart": payload["neighbors"],
        "SimilarityPart": payload["similarities"],
        "GhostPart": payload["ghost"],
        "CloudPart": payload["clouds"][0],
    }.items():
        assert set(part) == known[name], name


def test_the_pages_script_has_no_comments():
    script = player_script()
    assert not re.search(r"^\s*(//|/\*\*.*\*/$)", script, re.MULTILINE) and "@typedef" not in script
    assert "export function mount" in script and "export default function" in script


def test_sounds_travel_with_their_items_and_within_limits():
    journey = toy_journey()
    wav = wav_bytes(np.zeros(900), 8_000)
    others = (b"",) * (len(journey.thumbnails) - 3)
    with_sounds = dataclasses.replace(journey, sounds=(wav, b"", b"no wave at all", *others))
    items = player_payload(with_sounds)["items"]
    assert base64.b64decode(items[0]["sound"].partition(",")[2]) == wav
    assert items[0]["sound"].startswith("data:audio/wav;base64,")
    assert not any("sound" in item for item in items[1:])
    large = wav_bytes(np.zeros(module.SOUND_BYTES), 8_000)
    too_large = dataclasses.replace(journey, sounds=(large, wav, b"", *others))
    assert ["sound" in item for item in player_payload(too_large)["items"][:3]] == [False, True, False]
    assert not any("sound" in item for item in player_payload(journey)["items"])
    assert Journey.from_bytes(with_sounds.to_bytes(), "replay").sounds == ()  # a replay keeps none
    with pytest.raises(ShapeError, match="1 sounds came for"):
        dataclasses.replace(journey, sounds=(wav,))
