"""Whether spoken names find themselves: what is read, what is counted, and the command."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from seda.benchmark import speech
from seda.benchmark.speech import found_first, measure_speech, spoken_names
from seda.cli import main
from seda.encoders.speech import Heard, Spoken, Transcriber
from seda.errors import DataError
from seda.sounds import wav_bytes

TEXTS = {"cow": ("A cow.", "Une vache."), "dog": ("A dog.", "Un chien."), "owl": ("An owl.", "Une chouette.")}


class Reader:
    """Texts that are written alike are alike."""

    name, fingerprint = "reader", "reader-1"

    def encode_texts(self, texts):
        rows = [np.bincount([ord(letter) % 61 for letter in one.lower()], minlength=61) for one in texts]
        return torch.from_numpy(np.stack([row / max(np.linalg.norm(row), 1e-6) for row in rows]).astype(np.float32))


@pytest.fixture
def stamps(tmp_path):
    for place, (name, (english, french)) in enumerate(TEXTS.items(), start=1):
        (tmp_path / f"{name}.txt").write_text(f"{english}\nfr.utf8={french}\n", encoding="utf-8")
        for end in ("_desc.ogg", "_desc_fr.ogg"):
            (tmp_path / f"{name}{end}").write_bytes(wav_bytes(np.sin(np.arange(8_000) / 5 * place), 8_000))
        (tmp_path / f"{name}.ogg").write_bytes(b"its noise, which nobody looks at")
    (tmp_path / "lost_desc.ogg").write_bytes(b"without a text")
    (tmp_path / "dog_desc_fr.ogg").write_bytes(b"no sound")
    return tmp_path


class Ear:
    """Says one thing, in English where it tells the language itself."""

    def hear(self, mel, languages):
        return [Heard(" A dog.", code or "en", 1.0, -0.1, 0.0) for code in languages]


def test_recordings_have_their_texts(stamps):
    found = spoken_names(stamps)
    assert list(found) == ["en", "fr"]
    assert [one.text for one in found["en"].recordings] == ["A cow", "A dog", "An owl"]
    assert found["fr"].texts == ("Une vache", "Un chien", "Une chouette")


def test_a_folder_without_any_is_a_sentence(tmp_path):
    with pytest.raises(DataError, match=r"No spoken description.*tuxpaint"):
        spoken_names(tmp_path)
    with pytest.raises(DataError, match="There are no spoken descriptions in"):
        spoken_names(tmp_path / "nowhere")


def test_what_is_not_heard_counts_as_wrong():
    dog = Spoken("a dog", "English", 1.0, 0.9)
    assert found_first([dog, None, dog], ["A dog", "A dog", "A cow"], ["A dog", "A cow"], Reader()) == 1 / 3


def test_a_row_for_each_language(stamps):
    told = []
    rows = measure_speech(
        spoken_names(stamps), Transcriber(load=Ear), Reader(), limit=0,
        on_progress=lambda done, total: told.append((done, total)),
    )  # fmt: skip
    assert told == [(done, 6) for done in range(1, 7)]
    english, french = rows
    assert (english["recordings"], english["descriptions"], english["heard"], english["language_told"]) == (3, 3, 1, 1)
    assert english["R@1_language_given"] == english["R@1_language_told"] == 1 / 3
    assert (french["heard"], french["language_told"]) == (2 / 3, 0)


def test_the_draw_is_the_seeds(stamps):
    recordings = spoken_names(stamps)["en"].recordings
    draws = [[one.text for one in speech._drawn(recordings, 2, seed)] for seed in range(6)]
    assert draws[0] == [one.text for one in speech._drawn(recordings, 2, 0)]
    assert len({tuple(one) for one in draws}) > 1 and all(len(one) == 2 for one in draws)


def test_the_command_prints_it(stamps, monkeypatch, capsys):
    monkeypatch.setattr(speech, "STAMPS_PLACE", stamps)
    monkeypatch.setattr("seda.encoders.speech.Transcriber", lambda: Transcriber(load=Ear))
    monkeypatch.setattr("seda.encoders.load_encoder", lambda name: Reader())
    assert main(["consistency", "--speech", "--limit", "2", "--json"]) == 0
    out, err = capsys.readouterr()
    assert [row["recordings"] for row in json.loads(out)] == [2, 2] and "hearing descriptions 4/4" in err
    assert main(["consistency", "--speech", "--limit", "2"]) == 0
    assert "R@1 language given" in capsys.readouterr().out
    assert main(["consistency", "--speech", "--limit", "-1"]) != 0
    assert "--limit is -1; allowed are 0" in capsys.readouterr().err
