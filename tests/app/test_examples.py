"""The stored examples as cards."""

from __future__ import annotations

import base64
import io
import time

import pytest
from PIL import Image

from seda.ui import cache
from seda.ui.pictures import TILE
from seda.ui.trajectories.controls import next_example
from seda.ui.trajectories.player import PlayerState
from tests.app.conftest import press, said, state_of


def test_each_example_is_a_card_and_one_click_shows_it(open_app):
    app = open_app()
    for name in ("toy", "01-shapes", "toy"):
        press(app, f"trajectories.card.open.{name}")
        shown = state_of(app).shown
        assert (shown.origin, shown.source.names) == ("example", (name,))
        assert app.button(key=f"trajectories.card.open.{name}").label == shown.journey.title
    assert state_of(app).raised == 3  # the page goes up to the picture each time
    assert cache.example("toy").note in said(app, "caption")


def test_a_card_shows_pictures_of_its_example(assets):
    strip, names = cache.example_strip("01-shapes")
    head, _, content = strip.partition(",")
    assert names == cache.example("01-shapes").trajectory.item_names
    assert head == "data:image/jpeg;base64"
    assert Image.open(io.BytesIO(base64.b64decode(content))).size == (3 * TILE, TILE)


def test_the_next_one_is_presented_too_and_its_address_says_so(open_app):
    app = open_app()
    state = state_of(app)
    state.view = PlayerState(step=3, map="umap-2d", present=True)
    next_example(state)
    app.run()
    assert not app.exception and state.shown.source.names == ("toy",)
    assert app.query_params["example"] == "toy" and app.query_params["present"] == "1"
    state.view = PlayerState(step=3, map="umap-2d")
    next_example(state)
    app.run()
    assert "present" not in app.query_params


def test_a_damaged_example_leaves_the_others(open_app, assets):
    (assets / "journeys" / "zz-damaged.safetensors").write_bytes(b"nothing")
    try:
        app = open_app()
        assert "zz-damaged" in said(app, "error")
        press(app, "trajectories.card.open.toy")
        assert state_of(app).shown.journey.title == "Toy journey"
    finally:
        (assets / "journeys" / "zz-damaged.safetensors").unlink()


@pytest.fixture
def shipped(assets, monkeypatch):
    """The examples that come with the program, where other tests of this module have their own."""
    monkeypatch.setattr(cache, "JOURNEYS", cache.ASSETS / "journeys")


def test_the_shipped_examples_have_words_for_their_cards_and_cost_little(shipped):
    cache._example.cache_clear()
    cache._example_strip.cache_clear()
    names, started = cache.example_names(), time.perf_counter()
    sent = sum(len(cache.example_strip(name)[0]) for name in names)
    assert time.perf_counter() - started < 1  # measured: .1 s for all seven, once a server
    assert len(names) == 7 and sent < 150_000
    for name in names:
        assert cache.example(name).title and 20 < len(cache.example(name).note) < 250
