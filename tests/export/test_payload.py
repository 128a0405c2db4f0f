"""The payload gives back what went in, stays small and refuses what cannot be drawn."""

import base64
import dataclasses
import io
import json

import numpy as np
import pytest
from PIL import Image

from seda.errors import ConfigError, ProjectionError
from seda.evaluation.trajectories import commitment_step, decisions
from seda.export.payload import player_payload
from seda.trajectory import Journey
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
    assert len(json.dumps(payload)) < 1_500_000


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


def test_built_once_and_named_by_its_content():
    journey = toy_journey()
    assert player_payload(journey) is player_payload(journey)
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
