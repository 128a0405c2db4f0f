"""Whether a name that is spoken finds itself: descriptions of Tux Paint's stamps as its contributors spoke them, in several languages.

A transcript is right where, of all descriptions of its language, the one that is nearest to it by the text encoder is the one that was
spoken. What is not heard as speech counts as wrong. Nothing is fitted or chosen here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from seda.data.named_pictures import STAMPS_PLACE
from seda.data.things import LANGUAGES, descriptions_of
from seda.encoders.base import TextEncoder
from seda.encoders.speech import Spoken, Transcriber
from seda.errors import DataError, SoundError
from seda.sounds import read_sound

HEARD = ("en", "fr", "es", "ru", "de")  # of which recordings are looked for
LIMIT = 40  # of a language; chosen here: about a minute of one core each
Progress = Callable[[int, int], object]


@dataclass(frozen=True)
class SpokenName:
    """A recording and what is said in it."""

    path: Path
    text: str


@dataclass(frozen=True)
class SpokenNames:
    """Of one language.

    Attributes:
        recordings: in a fixed order.
        texts: all descriptions in that language, each once, in a fixed order.
    """

    recordings: tuple[SpokenName, ...]
    texts: tuple[str, ...]


def spoken_names(folder: Path | str | None = None) -> dict[str, SpokenNames]:
    """Recordings of Tux Paint's stamps by language, `NAME_desc_xx.ogg` beside `NAME.txt`; English ones are `NAME_desc.ogg`.

    Args:
        folder: of the stamps; None for Debian's.
    Raises:
        DataError: the folder is not there, or holds no recording in any of HEARD.
    """
    folder = Path(folder or STAMPS_PLACE)
    remedy = "On Debian run: apt-get install tuxpaint-stamps-default"
    if not folder.is_dir():
        raise DataError(f"There are no spoken descriptions in {folder}.", remedy=remedy)
    told = {path.with_suffix(""): _texts_of(path) for path in sorted(folder.rglob("*.txt"))}
    found = {}
    for code in HEARD:
        ends = ("_desc", "_desc_en") if code == "en" else (f"_desc_{code}",)
        spoken = [
            SpokenName(path, told[stem][code])
            for end in ends
            for path in sorted(folder.rglob(f"*{end}.ogg"))
            if code in told.get(stem := path.with_name(path.stem.removesuffix(end)), {})
        ]
        if spoken:
            texts = dict.fromkeys(of[code] for of in told.values() if code in of)
            found[code] = SpokenNames(tuple(spoken), tuple(texts))
    if not found:
        raise DataError(f"No spoken description in {folder} has a text beside it.", remedy=remedy)
    return found


def _texts_of(path: Path) -> dict[str, str]:
    described = descriptions_of(path.read_text(encoding="utf-8", errors="replace"))
    return {code: text.strip(" .!\t") for code, text in described.items()}


def measure_speech(
    names: Mapping[str, SpokenNames],
    transcriber: Transcriber,
    encoder: TextEncoder,
    *,
    limit: int = LIMIT,
    seed: int = 0,
    on_progress: Progress | None = None,
) -> list[dict[str, str | int | float]]:
    """A row for each language: how many were heard, of how many descriptions, and what came of them.

    Args:
        limit: recordings of a language, drawn by `seed`; 0 for all.
        on_progress: told (done, of how many).
    Raises:
        WeightsError: the weights of what hears or reads are missing.
    """
    chosen = {code: _drawn(of.recordings, limit, seed) for code, of in names.items()}
    total, done = sum(map(len, chosen.values())), 0
    rows: list[dict[str, str | int | float]] = []
    for code, recordings in chosen.items():
        began = time.perf_counter()
        heard: list[tuple[Spoken | None, Spoken | None]] = []
        for one in recordings:
            heard.append(_heard(transcriber, one.path, code))
            done += 1
            if on_progress is not None:
                on_progress(done, total)
        seconds = (time.perf_counter() - began) / len(recordings)
        texts, right = names[code].texts, [one.text for one in recordings]
        told = [LANGUAGES[code] == spoken.language for spoken, _ in heard if spoken is not None]
        rows.append(
            {
                "language": LANGUAGES[code],
                "recordings": len(recordings),
                "descriptions": len(texts),
                "heard": sum(spoken is not None for _, spoken in heard) / len(heard),
                "language_told": sum(told) / len(heard),
                "R@1_language_told": found_first([one for one, _ in heard], right, texts, encoder),
                "R@1_language_given": found_first([one for _, one in heard], right, texts, encoder),
                "seconds": seconds,
            }
        )
    return rows


def found_first(
    heard: Sequence[Spoken | None], right: Sequence[str], texts: Sequence[str], encoder: TextEncoder
) -> float:
    """Share of n transcripts whose nearest text of all is the right one [n]; None is never right."""
    gallery = encoder.encode_texts(list(texts)).numpy()
    spoken = encoder.encode_texts([one.text if one else "-" for one in heard]).numpy()
    nearest = np.argmax(spoken @ gallery.T, axis=1)
    return sum(
        one is not None and texts[place] == text for one, place, text in zip(heard, nearest, right, strict=True)
    ) / len(right)


def _drawn(recordings: Sequence[SpokenName], limit: int, seed: int) -> list[SpokenName]:
    order = np.random.default_rng(seed).permutation(len(recordings))
    return [recordings[place] for place in sorted(order[: limit or None])]


def _heard(transcriber: Transcriber, path: Path, code: str) -> tuple[Spoken | None, Spoken | None]:
    """With the language told by the model, and given."""
    try:
        sound = read_sound(path, path.name)
    except SoundError:
        return None, None
    found: list[Spoken | None] = []
    for one in transcriber.try_each(sound, (None, code)):
        found.append(None if isinstance(one, SoundError) else one)
    return found[0], found[1]
