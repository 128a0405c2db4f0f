"""The forms that a journey is written in, by the suffix of their files. Command line and screen read this list; a new form is added here.

What they need is imported when one is written.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from seda.errors import ConfigError
from seda.export.encoded import Encoded
from seda.export.options import ExportOptions, OnProgress
from seda.journeys.journey import Journey

_LOOK = frozenset({"dark", "captions", "map", "selection"})
_STILL = _LOOK | {"size", "mm", "dpi", "step", "stills"}
_FILM = _LOOK | {"size", "fps", "seconds"}


@dataclass(frozen=True)
class ExportFormat:
    """A form of file.

    Attributes:
        label: on a button.
        help: what it is good for, a sentence.
        media_type: as browsers are told.
        icon: name of a Material symbol.
        options: names of the ExportOptions that it heeds.
        encode: the file; told how far it is, it stops where the answer is True, by raising `Stopped`.
        drawn: whether it is a picture or a film, which is drawn anew and takes a while.
    """

    label: str
    help: str
    media_type: str
    icon: str
    options: frozenset[str]
    encode: Callable[[Journey, ExportOptions, OnProgress], Encoded]

    @property
    def scalable(self) -> bool:
        """Whether it is made of shapes and not of pixels."""
        return self.media_type in ("image/svg+xml", "application/pdf")

    @property
    def drawn(self) -> bool:
        return self.options >= _LOOK


def _page(journey: Journey, options: ExportOptions, on_progress: OnProgress) -> Encoded:
    from seda.player import to_html

    return Encoded(to_html(journey, loop=options.loop).encode())


def _table(journey: Journey, options: ExportOptions, on_progress: OnProgress) -> Encoded:
    from seda.export.csv import to_csv

    return Encoded(
        to_csv(journey).encode("utf-8-sig")
    )  # the byte order mark lets spreadsheets read accents as they were typed


def _replay(journey: Journey, options: ExportOptions, on_progress: OnProgress) -> Encoded:
    return Encoded(journey.to_bytes())


def _png(journey: Journey, options: ExportOptions, on_progress: OnProgress) -> Encoded:
    from seda.export.stills import to_png

    return to_png(journey, options, on_progress)


def _svg(journey: Journey, options: ExportOptions, on_progress: OnProgress) -> Encoded:
    from seda.export.stills import to_svg

    return to_svg(journey, options, on_progress)


def _pdf(journey: Journey, options: ExportOptions, on_progress: OnProgress) -> Encoded:
    from seda.export.stills import to_pdf

    return to_pdf(journey, options, on_progress)


def _mp4(journey: Journey, options: ExportOptions, on_progress: OnProgress) -> Encoded:
    from seda.export.films import to_mp4

    return to_mp4(journey, options, on_progress)


def _webm(journey: Journey, options: ExportOptions, on_progress: OnProgress) -> Encoded:
    from seda.export.films import to_webm

    return to_webm(journey, options, on_progress)


def _gif(journey: Journey, options: ExportOptions, on_progress: OnProgress) -> Encoded:
    from seda.export.films import to_gif

    return to_gif(journey, options, on_progress)


FORMATS: dict[str, ExportFormat] = {
    ".html": ExportFormat(
        "Web page", "One HTML file that plays without server and network.", "text/html", "web", frozenset({"loop"}), _page
    ),
    ".png": ExportFormat("PNG", "One step, or a poster, as a picture of pixels at any density.", "image/png", "image", _STILL, _png),
    ".svg": ExportFormat(
        "SVG", "The same as shapes and texts, to be edited.", "image/svg+xml", "draw", _STILL - {"dpi"}, _svg
    ),
    ".pdf": ExportFormat("PDF", "The same as a page to be printed.", "application/pdf", "picture_as_pdf", _STILL, _pdf),
    ".mp4": ExportFormat("MP4", "A film (H.264) that every program plays.", "video/mp4", "movie", _FILM, _mp4),
    ".webm": ExportFormat("WebM", "A film (VP9) in a free form.", "video/webm", "movie", _FILM, _webm),
    ".gif": ExportFormat(
        "GIF", "A film that stands in a page like a picture.", "image/gif", "gif_box", _FILM | {"loop"}, _gif
    ),
    ".csv": ExportFormat("Table", "Every step of every way as CSV.", "text/csv", "table", frozenset(), _table),
    ".safetensors": ExportFormat(
        "Replay", "Opens again in the app, without computing anything.", "application/octet-stream", "save", frozenset(), _replay
    ),
}  # fmt: skip


def check_options(suffix: str, options: ExportOptions) -> None:
    """
    Raises:
        ConfigError: something was chosen that the form does not heed.
    """
    heeded = FORMATS[suffix].options
    if idle := sorted(options.given() - heeded):
        with_it = [name for name, form in FORMATS.items() if set(idle) <= form.options]
        raise ConfigError(
            f"A {suffix} file has no {', '.join(idle)}; what it has: {', '.join(sorted(heeded)) or 'nothing to choose'}.",
            remedy=f"Leave it out, or choose {', '.join(with_it)}." if with_it else "Leave it out.",
        )
