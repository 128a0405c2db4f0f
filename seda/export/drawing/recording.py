"""Display lists: what the player's own script drew, as Python reads it.

An operation is a list that begins with its kind. Transforms and styles are numbers into the tables of `Drawn`:

    FILL, STROKE  transform, style, path
    TEXT          transform, style, text, x, y; stroked where its style has a width
    SHEET         transform, alpha, another recording's id, how many of its operations, x, y, scale in x, scale in y
    PICTURE       transform, alpha, 1 for grey, source, then what drawImage takes: [sx, sy, sw, sh,] x, y, width, height
    CLIP          transform, path
    SAVE, RESTORE
    PIXELS        x, y, width, height, RGBA as numbers 0 to 255

A path is a flat list of numbers, see `segments`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

FILL, STROKE, TEXT, SHEET, PICTURE, CLIP, SAVE, RESTORE, PIXELS = range(9)
MOVE, LINE, CURVE, CLOSE, ARC, RECTANGLE = range(6)

_NUMBERS = (2, 2, 6, 0, 5, 5)  # that belong to a segment, by its kind


@dataclass
class Recording:
    """What was drawn on one canvas of width x height px, so far."""

    id: int
    width: float
    height: float
    ops: list[list[Any]] = field(default_factory=list)


@dataclass
class Drawn:
    """A canvas with all that is drawn on it.

    Attributes:
        root: id of the canvas itself.
        recordings: by id, those that the root needs.
        transforms: six numbers each, as in setTransform.
        styles: how something is filled or stroked; see shim.js.
    """

    root: int = -1
    recordings: dict[int, Recording] = field(default_factory=dict)
    transforms: list[tuple[float, float, float, float, float, float]] = field(default_factory=list)
    styles: list[dict[str, Any]] = field(default_factory=list)

    def add(self, told: dict[str, Any]) -> None:
        """Take over what `handOut` of shim.js says: what is new, and which recordings are still needed."""
        self.root = told["root"]
        self.transforms += [tuple(matrix) for matrix in told["transforms"]]
        self.styles += told["styles"]
        before, self.recordings = self.recordings, {}
        for part in told["recordings"]:
            key = part["id"]
            recording = self.recordings[key] = before.get(key) or Recording(key, part["width"], part["height"])
            recording.ops += part["ops"]

    @property
    def page(self) -> Recording:
        return self.recordings[self.root]


def segments(path: list[float]) -> Iterator[tuple[int, list[float]]]:
    """The parts of a path with their numbers: MOVE x y, LINE x y, CURVE with two handles and its end, CLOSE, ARC x y radius from to,
    RECTANGLE x y width height radius of its corners."""
    at = 0
    while at < len(path):
        kind = int(path[at])
        count = _NUMBERS[kind]
        yield kind, path[at + 1 : at + 1 + count]
        at += 1 + count
