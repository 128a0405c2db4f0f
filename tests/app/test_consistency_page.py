"""The page Consistency, empty and with something that travelled."""

from __future__ import annotations

import io
from functools import cache as cached

import numpy as np
import pytest
import soundfile
import torch

from seda.benchmark.consistency import by_disagreement, consistency, cross_fit
from seda.sounds import Sound
from seda.training.modalities import fit_modalities
from seda.ui import cache
from seda.ui.state import NamedFile
from tests.app.conftest import said
from tests.modal import modal_set


@cached
def space():
    return fit_modalities(modal_set())


@cached
def measured():
    data = modal_set()
    unseen = cross_fit(data, folds=2)
    return {"folds": 2, "seed": 0, **consistency(data, unseen), "by_disagreement": by_disagreement(data, unseen)}


class Ear:
    name, fingerprint, sound_dim = "ear", "ear-1", 10

    def encode_sounds(self, sounds: list[Sound]) -> torch.Tensor:
        return torch.from_numpy(
            np.stack([np.full(10, one.samples.mean(), np.float32) + np.arange(10, dtype=np.float32) for one in sounds])
        )


@pytest.fixture
def page(open_app, monkeypatch):
    monkeypatch.setattr(cache, "things", modal_set)
    monkeypatch.setattr(cache, "modal_space", space)
    monkeypatch.setattr(cache, "sound_encoder", Ear)
    monkeypatch.setattr(cache, "raw_thing", lambda item: None)
    monkeypatch.setattr(cache, "consistency_measured", measured)
    app = open_app()
    return app.switch_page("pages/consistency.py").run()


def own_state(app):
    return app.session_state["consistency.state"]


def test_it_opens_with_what_was_measured(page):
    assert not page.exception and page.title[0].value == "Consistency"
    assert own_state(page).travelled is None
    page.segmented_control(key="consistency.part").set_value("Measures").run()
    assert not page.exception and any("all modalities decide alike" in one.value for one in page.markdown)


def test_it_opens_where_nothing_was_measured(page, monkeypatch):
    monkeypatch.setattr(cache, "consistency_measured", lambda: None)
    assert "Nothing was measured yet" in said(page.run(), "info")


def test_a_thing_travels_twice(page):
    for _ in range(2):
        page.button(key="consistency.run").click().run(timeout=60)
        assert not page.exception and said(page, "error") == ""
        travelled = own_state(page).travelled
        assert [row[0] for row in travelled.rows] == ["sound"] * 0 + [
            "text"
        ] * 4  # the first thing has neither picture nor sound
        assert set(travelled.journey.shapes) == {"hexagon"}


def test_what_is_not_on_this_machine_cannot_be_made_worse(page):
    page.slider(key="consistency.worse").set_value(50)
    page.button(key="consistency.run").click().run(timeout=60)
    assert "cannot be made worse" in said(page, "error")


def test_a_sound_of_ones_own_travels_and_a_bad_one_is_a_sentence(page):
    buffer = io.BytesIO()
    soundfile.write(buffer, np.sin(np.arange(8_000) / 5).astype(np.float32), 8_000, format="WAV")
    page.segmented_control(key="consistency.source").set_value("A sound of mine").run()
    own_state(page).file = NamedFile("call.wav", buffer.getvalue())
    page.run().button(key="consistency.run_sound").click().run(timeout=60)
    assert not page.exception and said(page, "error") == ""
    assert "telephone" in said(page, "info") and own_state(page).travelled.rows[0][0] == "sound"
    own_state(page).file = NamedFile("bad.wav", b"nothing" * 9)
    page.run().button(key="consistency.run_sound").click().run(timeout=60)
    assert "is not a sound" in said(page, "error")
