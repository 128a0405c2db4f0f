"""The page Consistency, empty and with something that travelled."""

from __future__ import annotations

import io
from dataclasses import replace
from functools import cache as cached
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from seda.benchmark.consistency import by_disagreement, consistency, cross_fit
from seda.encoders.speech import Heard, Spoken, Transcriber
from seda.sounds import Sound, wav_bytes
from seda.training.modalities import fit_modalities
from seda.ui import cache
from seda.ui.consistency.heard import named_sounds
from seda.ui.state import NamedFile
from tests.app.conftest import said
from tests.modal import modal_set


@cached
def space(on_progress=None):
    return fit_modalities(modal_set())


@cached
def measured():
    data = modal_set()
    unseen = cross_fit(data, folds=2)
    return {"folds": 2, "seed": 0, **consistency(data, unseen), "by_disagreement": by_disagreement(data, unseen)}


def any_words(made):
    """The same, and whoever encoded pictures and names."""
    return replace(made, encoders={name: ("", "") for name in made.encoders})


class Ear:
    name, fingerprint, sound_dim = "ear", "ear-1", 10
    class_words = ()

    def encode_sounds(self, sounds: list[Sound]) -> torch.Tensor:
        return torch.from_numpy(
            np.stack([np.full(10, one.samples.mean(), np.float32) + np.arange(10, dtype=np.float32) for one in sounds])
        )


class Eye:
    """Looks and reads."""

    name, fingerprint, languages = "eye", "eye-1", ("English",)

    def encode_images(self, images):
        return torch.from_numpy(np.stack([np.full(20, np.asarray(one).mean() / 255, np.float32) for one in images]))

    def encode_texts(self, texts):
        rows = [np.random.default_rng(list(one.encode())).standard_normal(16) for one in texts]
        return torch.from_numpy(np.stack(rows).astype(np.float32))

    def unread_texts(self, texts):
        return []


@pytest.fixture
def page(open_app, monkeypatch):
    monkeypatch.setattr(cache, "things", modal_set)
    monkeypatch.setattr(cache, "modal_space", lambda on_progress=None: any_words(space()))
    monkeypatch.setattr(cache, "sound_encoder", Ear)
    monkeypatch.setattr(cache, "encoder", lambda name: Eye())
    monkeypatch.setattr(cache, "picture_scores", Eye)
    monkeypatch.setattr(cache, "speech_is_there", lambda: True)
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


def wave(rate: int = 48_000, seconds: float = 0.5) -> bytes:
    return wav_bytes(np.sin(np.arange(int(rate * seconds)) / 5), rate)


def picture() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (40, 30), "teal").save(buffer, "PNG")
    return buffer.getvalue()


def own_thing(page, **parts):
    """The page with a thing of one's own, after Run."""
    page.segmented_control(key="consistency.source").set_value("A thing of mine").run()
    for name, value in parts.items():
        setattr(own_state(page), name, value)
    page.run()
    if "typed" in parts:
        page.text_input(key="consistency.typed").set_value(parts["typed"])
    if "words" in parts:
        page.text_input(key="consistency.words").set_value(parts["words"])
    return page.button(key="consistency.run").click().run(timeout=60)


def hears(monkeypatch, text, code="es", **of):
    heard = Heard(text, code, 0.97, of.get("log_probability", -0.1), of.get("no_speech", 0.0))
    listener = SimpleNamespace(hear=lambda mel, languages: [heard for _ in languages])
    monkeypatch.setattr(cache, "transcriber", lambda: Transcriber(load=lambda: listener))


def test_all_that_came_of_a_thing_travels_together(page, monkeypatch):
    hears(monkeypatch, " Perro.")
    page = own_thing(
        page, picture=NamedFile("dog.png", picture()), sound=NamedFile("call.wav", wave()),
        spoken=NamedFile("audio.wav", wave()), typed="dog, Hund",
    )  # fmt: skip
    assert not page.exception and said(page, "error") == said(page, "warning") == ""
    travelled = own_state(page).travelled
    assert [row[:2] for row in travelled.rows] == [
        ("picture", "dog.png"), ("sound", "call.wav"), ("text", "dog"), ("text", "Hund"), ("text", "Perro"),
    ]  # fmt: skip
    assert travelled.journey.shapes == ("square", "round", "hexagon", "hexagon", "hexagon")
    assert [bool(one) for one in travelled.journey.sounds] == [False, True, False, False, True]
    assert travelled.title == "dog" and travelled.sound[:4] == b"RIFF"
    assert any("Heard" in one.value and "Perro" in one.value and "Spanish" in one.value for one in page.markdown)
    assert not any("has met the thing" in one.value for one in page.caption)
    page.button(key="consistency.run").click().run(timeout=60)
    assert not page.exception and len(own_state(page).travelled.rows) == 5


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        ({"picture": NamedFile("dog.png", b"nothing" * 9)}, "dog"),
        ({"sound": NamedFile("dog.wav", picture())}, "PNG picture and no sound"),
        ({"sound": NamedFile("hour.wav", wav_bytes(np.sin(np.arange(7_200_000) / 5), 2_000))}, "3,600 s long"),
        ({"spoken": NamedFile("audio.wav", wave(seconds=31))}, "a spoken name may have 30 s"),
        ({"spoken": NamedFile("audio.wav", wav_bytes(np.zeros(9_000), 16_000))}, "is silent"),
    ],
)
def test_a_part_that_cannot_be_read_is_told_and_the_rest_goes_on(page, monkeypatch, parts, told):
    hears(monkeypatch, " Perro.")
    page = own_thing(page, typed="dog", **parts)
    assert not page.exception and said(page, "error") == ""
    warning = said(page, "warning").replace("\\", "")
    assert "Left out; the rest went on" in warning and told in warning
    assert [row[1] for row in own_state(page).travelled.rows] == ["dog"]
    assert own_state(page).picture == parts.get("picture")  # nothing is lost


def test_music_without_words_is_no_name(page, monkeypatch):
    hears(monkeypatch, "[Music]")
    page = own_thing(page, spoken=NamedFile("audio.wav", wave()))
    assert "Nothing of it can travel" in said(page, "error") and "Nothing that is said" in said(page, "error")


def test_nothing_at_all_is_a_sentence(page):
    assert "Nothing came that could travel" in said(own_thing(page), "error")


def test_a_language_is_chosen_and_one_that_is_not_read_is_noted(page, monkeypatch):
    hears(monkeypatch, "σκύλος", "el")
    page = own_thing(page, spoken=NamedFile("audio.wav", wave()))
    assert "was heard as Greek" in said(page, "info")
    asked = []
    monkeypatch.setattr(
        cache, "transcriber",
        lambda: SimpleNamespace(transcribe=lambda sound, language: asked.append(language) or Spoken("hond", "Dutch", 1.0, 0.9)),
    )  # fmt: skip
    page.selectbox(key="consistency.language").set_value("Dutch")
    page.button(key="consistency.run").click().run(timeout=60)
    assert asked == ["Dutch"] and own_state(page).travelled.heard == ['Heard: "hond" (as Dutch).']


def test_without_its_packages_speech_is_one_line(page, monkeypatch):
    monkeypatch.setattr(cache, "speech_is_there", lambda: False)
    page.segmented_control(key="consistency.source").set_value("A thing of mine").run()
    assert not page.exception and any("requirements-speech.txt" in one.value for one in page.caption)


def test_too_many_names_are_told(page):
    page = own_thing(page, typed=", ".join(f"name {one}" for one in range(20)))
    assert "last 4 were left out" in said(page, "warning") and len(own_state(page).travelled.rows) == 16


def test_words_of_ones_own_are_where_it_goes(page):
    page = own_thing(page, typed="dog", words="wolf, teapot, cloud")
    travelled = own_state(page).travelled
    assert travelled.own_words and travelled.journey.trajectory.class_names == ("wolf", "teapot", "cloud")
    assert any("read by what they mean" in one.value for one in page.caption)
    page.segmented_control(key="consistency.source").set_value("A thing that is there").run()
    page.button(key="consistency.run").click().run(timeout=60)
    assert not page.exception and own_state(page).travelled.journey.labels is None
    page.text_input(key="consistency.words").set_value("wolf")
    page.button(key="consistency.run").click().run(timeout=60)
    assert "At least 2 different class texts are needed" in said(page, "error")
    page.text_input(key="consistency.words").set_value("")
    page.button(key="consistency.run").click().run(timeout=60)
    assert own_state(page).travelled.journey.trajectory.class_names == modal_set().class_names


def test_what_came_stays_when_the_page_is_left_and_can_be_taken_away(page):
    page = own_thing(page, sound=NamedFile("call.wav", wave(8_000)), typed="dog")
    assert "telephone" in said(page, "info")
    page.switch_page("pages/lesson.py").run()
    page.switch_page("pages/consistency.py").run()
    assert page.text_input(key="consistency.typed").value == "dog" and len(own_state(page).travelled.rows) == 2
    assert any("call" in one.value for one in page.caption)
    page.button(key="consistency.forget").click().run()
    assert own_state(page).sound is None and not page.exception


def test_an_uploader_takes_and_gives_back(page):
    page.segmented_control(key="consistency.source").set_value("A thing of mine").run()
    page.file_uploader(key="consistency.sound.0").set_value([("call.wav", wave(), "audio/wav")]).run()
    assert own_state(page).sound.name == "call.wav"
    page.file_uploader(key="consistency.sound.0").set_value([]).run()
    assert not page.exception and own_state(page).sound is None


def test_the_first_fit_shows_its_steps(page, monkeypatch):
    told = []

    def slow(on_progress=None):
        on_progress(3, 21)
        told.append(on_progress)
        return any_words(space())

    monkeypatch.setattr(cache, "modal_space", slow)
    page.button(key="consistency.run").click().run(timeout=60)
    assert told and not page.exception


def test_what_a_sound_is_called_is_said():
    words, scores = [["dog"], ["bark", "yap"], ["engine"]], np.array([0.5, 0.92, 0.03])
    assert named_sounds(scores, words) == ["Sounds like: bark, yap 92%, dog 50%."]
    assert named_sounds(np.zeros(3), words) == ["It sounds like nothing that the encoder of sounds knows by name."]
    assert named_sounds(scores, ()) == []
