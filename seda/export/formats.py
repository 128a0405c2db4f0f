"""The forms that a journey is written in, by the suffix of their files. Command line and screen read this list; a new form is added here.

What they need is imported when one is written.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from seda.journeys.journey import Journey


@dataclass(frozen=True)
class ExportFormat:
    """A form of file.

    Attributes:
        label: on a button.
        help: what it is good for, a sentence.
        media_type: as browsers are told.
        icon: name of a Material symbol.
        encode: the file's content; its second argument says whether what can play plays again and again.
    """

    label: str
    help: str
    media_type: str
    icon: str
    encode: Callable[[Journey, bool], bytes]


def _page(journey: Journey, loop: bool) -> bytes:
    from seda.player import to_html

    return to_html(journey, loop=loop).encode()


def _table(journey: Journey, loop: bool) -> bytes:
    from seda.export.csv import to_csv

    return to_csv(journey).encode("utf-8-sig")  # the byte order mark lets spreadsheets read accents as they were typed


def _replay(journey: Journey, loop: bool) -> bytes:
    return journey.to_bytes()


FORMATS: dict[str, ExportFormat] = {
    ".html": ExportFormat(
        "Web page", "One HTML file that plays without server and network.", "text/html", "web", _page
    ),
    ".csv": ExportFormat("Table", "Every step of every way as CSV.", "text/csv", "table", _table),
    ".safetensors": ExportFormat(
        "Replay", "Opens again in the app, without computing anything.", "application/octet-stream", "save", _replay
    ),
}
