"""What can be chosen when a journey is taken away, and the bounds of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from seda.errors import ConfigError
from seda.journeys.journey import Journey

LEAST_SIDE, MOST_SIDE = 120, 24_000  # px of a picture; chosen here: the longer side of A0 at 300 dpi is 14,043
MOST_PIXELS = 150_000_000  # of a picture; chosen here: A0 at 300 dpi has 139.5 million, which take .6 GB
MOST_FILM_PIXELS = 3840 * 2160  # of a frame
MOST_GIF_PIXELS = 1920 * 1080
LEAST_MM, MOST_MM = 20.0, 5000.0
LEAST_DPI, MOST_DPI = 30, 1200
MOST_FPS, MOST_GIF_FPS = (
    60.0,
    50.0,
)  # frames a second; a GIF counts hundredths of seconds, and browsers slow down what is faster than two
LEAST_SECONDS, MOST_SECONDS = 0.5, 120.0
STILLS = (0, 4, 6)  # panels of a poster; 0 for one picture
MM_AN_INCH = 25.4

OnProgress = Callable[[int, int], bool | None]  # told how many of how many are done; True stops


def go_on(done: int, total: int) -> None:
    """Nobody asks."""


@dataclass(frozen=True)
class ExportOptions:
    """
    Attributes:
        size: width and height, px; None for what suits the form.
        mm: width and height on paper, millimetres, in the place of `size`; height 0 for 9/16 of the width.
        dpi: dots an inch, of a picture on paper.
        fps: frames a second; None for what suits the form.
        seconds: of a film, rests included; None for as long as the player takes.
        dark: light letters on a dark ground.
        captions: title, story, step and legend around the picture.
        loop: whether what can play plays again and again.
        step: of a still picture, 0 to the last; None for the last.
        map: name of a map; empty for the first.
        selection: items that are drawn in colour; none for all.
        stills: panels of a poster, one of STILLS.
    """

    size: tuple[int, int] | None = None
    mm: tuple[float, float] | None = None
    dpi: int = 300
    fps: float | None = None
    seconds: float | None = None
    dark: bool = False
    captions: bool = True
    loop: bool = False
    step: int | None = None
    map: str = ""
    selection: tuple[int, ...] = ()
    stills: int = 0

    def __post_init__(self) -> None:
        if self.size is not None:
            for side in self.size:
                _check("A picture's side", side, LEAST_SIDE, MOST_SIDE, "px")
        if self.mm is not None:
            for length in filter(None, self.mm):
                _check("A picture's side", length, LEAST_MM, MOST_MM, "mm")
            if not self.mm[0]:
                _check("A picture's width", self.mm[0], LEAST_MM, MOST_MM, "mm")
        if self.size is not None and self.mm is not None:
            raise ConfigError(
                "A size in px and one in mm were given; they exclude each other.", remedy="Give one of them."
            )
        _check("The density", self.dpi, LEAST_DPI, MOST_DPI, "dpi")
        if self.fps is not None:
            _check("The frame rate", self.fps, 1, MOST_FPS, "frames a second")
        if self.seconds is not None:
            _check("The length", self.seconds, LEAST_SECONDS, MOST_SECONDS, "seconds")
        if self.stills not in STILLS:
            raise ConfigError(
                f"A poster of {self.stills} stills was asked for; there are 4 or 6.", remedy="Choose 4 or 6."
            )

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """What to_dict() gave, also by way of JSON."""
        parts: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in values.items()
        }
        return cls(**parts)

    def given(self) -> set[str]:
        """Names of what differs from its default."""
        return {one.name for one in fields(self) if getattr(self, one.name) != one.default}

    def check_journey(self, journey: Journey) -> None:
        """
        Raises:
            ConfigError: a map, a step or an item that the journey has not.
        """
        if self.map and self.map not in journey.maps:
            raise ConfigError(
                f"There is no map {self.map!r:.60} in this journey; it has {', '.join(journey.maps)}.",
                remedy="Choose one of them.",
            )
        items, states = journey.trajectory.states.shape[:2]
        if self.step is not None and not 0 <= self.step < states:
            raise ConfigError(
                f"There is no step {self.step} in this journey; it has 0 to {states - 1}.", remedy="Choose one of them."
            )
        if any(not 0 <= item < items for item in self.selection):
            raise ConfigError(
                f"The selection {self.selection!r:.60} names items that are not there; there are 0 to {items - 1}."
            )

    @property
    def paper(self) -> tuple[float, float] | None:
        """Width and height, mm."""
        return None if self.mm is None else (self.mm[0], self.mm[1] or self.mm[0] * 9 / 16)

    def pixels(self, default: tuple[int, int]) -> tuple[int, int]:
        """Width and height of a picture of pixels."""
        if self.paper is not None:
            width, height = (max(1, round(length / MM_AN_INCH * self.dpi)) for length in self.paper)
            return width, height
        return self.size or default


def check_pixels(size: tuple[int, int], most: int, what: str) -> None:
    """
    Raises:
        ConfigError: more pixels than are drawn.
    """
    width, height = size
    if max(size) > MOST_SIDE or width * height > most:
        raise ConfigError(
            f"{what} of {width:,} x {height:,} px is more than is drawn (at most {most / 1e6:.0f} million pixels, {MOST_SIDE:,} a side).",
            remedy="Choose a smaller size or fewer dpi.",
        )
    if min(size) < LEAST_SIDE:
        raise ConfigError(
            f"{what} of {width:,} x {height:,} px is too small to be seen (at least {LEAST_SIDE} px a side).",
            remedy="Choose a larger size or more dpi.",
        )


def _check(what: str, value: float, least: float, most: float, unit: str) -> None:
    if not least <= value <= most:  # also not a number
        raise ConfigError(
            f"{what} is {value:,.12g} {unit}; {least:,.12g} to {most:,.12g} are allowed.",
            remedy="Choose a value in between.",
        )
