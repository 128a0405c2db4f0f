"""A sound as the page and the player have it: as a picture, and to be heard."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np

from seda.sounds import Sound, wav_bytes

PLAYED_RATE = 22_050  # samples a second of what the page plays
HEAD_RATE, HEAD_SECONDS = 16_000, 4.0  # of what is heard at a head: 128 KB; chosen here
NAMED, HEARD = 4, 0.1  # kinds of sounds that are named at most, and how probable they are at least; chosen here
FADE = 0.1  # s in which a part of a sound ends


def mel_png(sound: Sound) -> bytes:
    """The sound as a square picture, PNG."""
    from seda.mel import mel_picture

    buffer = io.BytesIO()
    mel_picture(sound).save(buffer, "PNG")
    return buffer.getvalue()


def played(sound: Sound) -> bytes:
    """All of the sound as WAV, as loud as it can be."""
    return wav_bytes(_loud(sound.at(PLAYED_RATE)), PLAYED_RATE)


def sound_on_head(sound: Sound) -> bytes:
    """The first HEAD_SECONDS as WAV, for the player."""
    samples = sound.at(HEAD_RATE)
    most, fade = int(HEAD_SECONDS * HEAD_RATE), int(FADE * HEAD_RATE)
    if len(samples) > most:
        samples = samples[:most] * np.minimum(1, np.arange(most, 0, -1, dtype=np.float32) / fade)
    return wav_bytes(_loud(samples), HEAD_RATE)


def named_sounds(scores: np.ndarray, class_words: Sequence[Sequence[str]]) -> list[str]:
    """A sentence with what an encoder whose features are scores of kinds of sounds [D] hears, the surest first; none where they are not.

    Args:
        class_words: of each of the D kinds; empty where features are something else.
    """
    if not class_words:
        return []
    best = [int(index) for index in np.argsort(-scores, kind="stable")[:NAMED] if scores[index] >= HEARD]
    told = ", ".join(f"{', '.join(class_words[index])} {scores[index]:.0%}" for index in best)
    return [f"Sounds like: {told}." if told else "It sounds like nothing that the encoder of sounds knows by name."]


def _loud(samples: np.ndarray) -> np.ndarray:
    return samples / max(float(np.abs(samples).max(initial=0.0)), 1e-6)
