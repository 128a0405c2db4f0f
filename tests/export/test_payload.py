"""The payload gives back what went in, stays small and refuses what cannot be drawn."""

import base64
import dataclasses
import io
import json

import numpy as np
import pytest
from PIL import Image

from seda.errors import ConfigError, ProjectionError, ShapeError
from seda.evaluation.trajectories import commitment_step, decisions
from seda.export.payload import player_payload
from seda.trajectory import Journey
from tests.toy import toy_journey


def _array(text: str, dtype: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), dtype=dtype)


def _replace(journey: Journey, part: str, **changes) -> Journey:
    return dataclasses.replace(journey, **{part: dataclasses.replace(getattr(journey, part), **changes)})


def test_positions_and_similarities_come_back():
    journey = toy_journey()
    payload = json.loads(json.dumps(player_payload(journey)))
    states = _array(payload["map"]["states"], "<f4").reshape(journey.positions.states.shape)
    np.testing.assert_array_equal(states, journey.positions.states)
    np.testing.assert_array_equal(_array(payload["map"]["texts"], "<f4").reshape(-1, 2), journey.positions.texts)

    expected = journey.trajectory.class_similarities()
    assert payload["similarities"]["classes"] == [0, 1, 2, 3]
    values = _array(payload["similarities"]["data"], "<i2").reshape(expected.shape) * payload["similarities"]["scale"]
    np.testing.assert_allclose(values, expected, atol=2e-5)

    points = _array(payload["map"]["reference"], "<u2").reshape(-1, 2) / 65535
    points = points * payload["map"]["reference_span"] + payload["map"]["reference_low"]
    span = np.ptp(journey.positions.reference, axis=0).max()
    np.testing.assert_allclose(points, journey.positions.reference, atol=span / 60_000)


def test_64_items_over_20000_points_stay_below_3_mb():
    payload = player_payload(toy_journey(items=64, steps=50, classes=10, reference=20_000))
    assert len(json.dumps(payload)) < 1_000_000


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
    broken = journey.positions.states.copy()
    broken[0, 0, 0] = np.nan
    with pytest.raises(ProjectionError, match=r"positions\.states holds values that are not finite"):
        player_payload(_replace(journey, "positions", states=broken))
    with pytest.raises(ShapeError, match=r"positions\.texts has shape \(3, 2\)"):
        player_payload(_replace(journey, "positions", texts=journey.positions.texts[:3]))
