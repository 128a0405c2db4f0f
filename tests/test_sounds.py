"""Sounds of strangers: what can be heard is read, all else is a sentence."""

from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile
from PIL import Image

from seda import sounds
from seda.errors import SoundError
from seda.sounds import MAX_SECONDS, read_sound, wav_bytes


def tone(seconds: float, rate: int = 44_100, hertz: float = 440.0) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate)).astype(np.float32)


def written(samples: np.ndarray, rate: int = 44_100, form: str = "WAV", subtype: str | None = None) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, format=form, subtype=subtype)
    return buffer.getvalue()


@pytest.mark.parametrize(("form", "subtype"), [("WAV", None), ("FLAC", None), ("OGG", "VORBIS"), ("MP3", None)])
def test_what_is_read_is_what_was_written(form, subtype):
    samples = tone(0.5)
    sound = read_sound(written(samples, form=form, subtype=subtype), "a")
    assert sound.rate == 44_100 and abs(sound.seconds - 0.5) < 0.06 and sound.notes == ()
    assert abs(np.abs(sound.samples).max() - 0.5) < 0.05


def test_channels_are_mixed_and_seven_are_told():
    left = tone(0.2)
    stereo = read_sound(written(np.stack([left, 0 * left], 1)), "a")
    assert np.allclose(stereo.samples, left / 2, atol=1e-3) and stereo.notes == ()
    many = read_sound(written(np.stack([left] * 7, 1)), "seven.wav")
    assert many.notes == ("seven.wav has 7 channels, which were mixed into one.",)


def test_a_telephone_is_heard_and_told():
    sound = read_sound(written(tone(0.3, 8_000), 8_000), "call.wav")
    assert "nothing above 4,000 Hz" in sound.notes[0]
    assert abs(len(sound.at(44_100)) - 0.3 * 44_100) <= 1


def test_what_nobody_hears_is_taken_out_of_192_khz():
    high = read_sound(written(tone(0.2, 192_000, 60_000), 192_000), "bat.wav")
    assert "192,000 samples" in high.notes[0]
    assert np.abs(high.at(44_100)[20:-20]).max() < 0.01  # and not folded down to 15.9 kHz
    low = read_sound(written(tone(0.2, 192_000), 192_000), "a").at(44_100)
    assert np.abs(low[100:-100] - tone(0.2)[: len(low)][100:-100]).max() < 0.02


def png() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", r"a\.wav is empty \(0 bytes\)"),
        (b"no sound at all" * 9, r"is not a sound, or is damaged at its start; read are WAV, FLAC, OGG and MP3"),
        (png(), r"is a PNG picture and no sound"),
        (b"\0\0\0\x18ftypM4A " + bytes(40), r"seems to be an M4A sound or a video"),
        (written(np.zeros(0, np.float32)), r"is 0 s long"),
        (written(tone(0.01)), r"is 0\.010 s long; at least 0\.05 s"),
        (written(np.zeros(9_000, np.float32)), r"is silent"),
        (written(np.full(9_000, 0.25, np.float32)), r"is silent"),
        (written(np.zeros(8_000 * 3_600, np.float32), 8_000, "FLAC"), r"is 3,600 s long; at most 60 s"),
        (written(tone(0.1, 1_000), 1_000), r"has 1,000 samples a second; allowed are 2,000 to 384,000"),
        (written(np.stack([tone(0.1)] * 17, 1)), r"has 17 channels; at most 16"),
        (written(tone(0.1), form="AIFF"), r"of the kind AIFF"),
    ],
)  # fmt: skip
def test_what_cannot_be_heard_is_a_sentence(content, said):
    with pytest.raises(SoundError, match=said) as caught:
        read_sound(content, "a.wav")
    assert caught.value.remedy and len(str(caught.value)) < 260


def test_a_truncated_mp3_is_read_or_a_sentence():
    whole = written(tone(4.0), form="MP3")
    for share in (0.9, 0.5, 0.1, 0.01):
        try:
            sound = read_sound(whole[: int(share * len(whole))], "cut.mp3")
        except SoundError as error:
            assert "cut.mp3" in error.message
        else:
            assert sound.seconds <= 4.1


def test_a_truncated_wav_says_how_much_is_there():
    whole = written(tone(2.0))
    short = whole[: len(whole) // 2]
    try:
        assert (
            read_sound(short, "cut.wav").seconds < 1.1
        )  # some versions of the library believe the file, not its header
    except SoundError as error:
        assert "cut off" in error.message


def test_too_many_bytes_are_not_read(monkeypatch):
    monkeypatch.setattr(sounds, "MAX_FILE_BYTES", 1000)
    with pytest.raises(SoundError, match="larger than"):
        read_sound(io.BytesIO(written(tone(1.0))), "a")


def test_what_a_browser_plays_is_what_was_heard():
    samples = tone(0.2, 22_050)
    again = read_sound(wav_bytes(samples, 22_050), "a")
    assert again.rate == 22_050 and np.allclose(again.samples, samples, atol=1e-4)
    assert MAX_SECONDS == 60  # as the page says
