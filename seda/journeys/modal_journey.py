"""A journey that holds pictures, sounds and texts together, each with a shape of its own."""

from __future__ import annotations

import io
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

from seda.config import SamplingConfig
from seda.errors import DataError
from seda.journeys.given_journey import journey_of
from seda.journeys.given_paths import check_paths
from seda.journeys.journey import Journey
from seda.journeys.replay_schema import Shape
from seda.modal_aligner import ModalAligner

SHAPE_OF: dict[str, Shape] = {"picture": "square", "sound": "round", "text": "hexagon"}  # "round" for all others
STAGE_NAMES = ("to the categories that all share", "to the words")
MAPS = ("words-2d", "pca-2d")  # that need no fit of seconds
TILE = 96  # px
WEIGHT = 600  # of the letters on a tile, 400 is a book's
KNOWN_LETTERS, MORE_LETTERS = (
    0x17F,
    0x52F,
)  # the last Latin letter of Pillow's font, and the last Cyrillic one of the app's


@dataclass(frozen=True, eq=False)
class Member:
    """One that travels.

    Attributes:
        modality: of the space.
        name: for people.
        feature: float32 [D].
        thumbnail: PNG; empty for a dot.
        sound: a short WAV file that the player plays where the pointer rests on it; empty for none.
    """

    modality: str
    name: str
    feature: np.ndarray
    thumbnail: bytes = b""
    sound: bytes = b""


def modal_journey(
    space: ModalAligner,
    members: Sequence[Member],
    class_names: Sequence[str],
    class_text_features: np.ndarray,
    sampling: SamplingConfig,
    *,
    classes: bool = True,
    label: str = "",
    title: str = "",
    note: str = "",
) -> Journey:
    """All members on their way to the same texts.

    Args:
        class_text_features: float32 [k, d].
        classes: whether the texts are those that the space was fitted to.
        label: which of them is right for all members; "" where nobody knows.
        title, note: for the screen.
    Raises:
        DataError: nobody travels.
        AlignerError: the space lacks a modality.
    """
    if not members:
        raise DataError(
            "Nothing came that could travel.", remedy="Choose a thing, or give a sound, a picture or a name."
        )
    texts = torch.from_numpy(class_text_features)
    states: list[np.ndarray] = [np.zeros(0)] * len(members)
    answers = np.zeros((len(members), len(class_names)), np.float32)
    anchors, steps = np.zeros(0), 0
    for modality in dict.fromkeys(one.modality for one in members):
        places = [place for place, one in enumerate(members) if one.modality == modality]
        features = torch.from_numpy(np.stack([members[place].feature for place in places]))
        run = space.align(modality, features, texts, sampling, classes=classes, item_seeds=places)
        path = torch.cat([run.visual.unsqueeze(1), run.learner.states, run.translator.states], 1).numpy()
        for row, place in enumerate(places):
            states[place], answers[place] = path[row], run.class_probabilities[row].numpy()
        anchors, steps = run.class_texts.numpy(), run.learner.states.shape[1]
    paths = check_paths(
        np.stack(states),
        texts=anchors,
        class_names=class_names,
        probabilities=answers,
        labels=[label] * len(members) if label else None,
        thumbnails=[one.thumbnail or None for one in members],
        stages=list(zip(STAGE_NAMES, (steps, len(states[0]) - 1 - steps), strict=True)),
        item_names=[one.name for one in members],
    )
    made = journey_of(paths, maps=MAPS if len(class_names) > 2 else MAPS[1:], title=title, note=note)
    sounds = tuple(one.sound for one in members) if any(one.sound for one in members) else ()
    return replace(made, shapes=tuple(SHAPE_OF.get(one.modality, "round") for one in members), sounds=sounds)


def name_tile(name: str, font_file: Path | None = None, size: int = TILE) -> bytes:
    """A name as a small picture, PNG; empty where the font lacks its letters.

    Args:
        font_file: of a font with Latin and Cyrillic letters; None for Pillow's own, which has Latin ones.
    """
    known = KNOWN_LETTERS if font_file is None else MORE_LETTERS
    if any(ord(letter) > known for letter in name):
        return b""
    tile = Image.new("RGB", (size, size), (246, 243, 236))
    draw, lines = ImageDraw.Draw(tile), _wrapped(name)
    for points in range(28, 9, -2):
        font = _font(font_file, points)
        if max(draw.textlength(line, font=font) for line in lines) < 0.76 * size:
            break
    draw.multiline_text((size / 2, size / 2), "\n".join(lines), (30, 34, 60), font, anchor="mm", align="center")
    buffer = io.BytesIO()
    tile.save(buffer, "PNG")
    return buffer.getvalue()


def _font(file: Path | None, points: int) -> ImageFont.ImageFont | ImageFont.FreeTypeFont:
    """A font that is read in a small head: of all its weights not the thinnest, which comes first."""
    if file is None:
        return ImageFont.load_default(points)
    font = ImageFont.truetype(file, points)
    with suppress(OSError, NotImplementedError):  # it has one weight
        font.set_variation_by_axes([WEIGHT])
    return font


def _wrapped(name: str) -> list[str]:
    lines: list[str] = []
    for word in name.split()[:6] or ["?"]:
        if lines and len(lines[-1]) + len(word) < 9:
            lines[-1] += f" {word}"
        else:
            lines.append(word[:16])
    return lines[:3]
