"""Exports of a journey: a page that plays offline, a table, a replay file."""

from __future__ import annotations

from pathlib import Path

from seda.errors import ConfigError
from seda.export.csv import to_csv
from seda.journeys.journey import Journey
from seda.player import to_html
from seda.storage import write_bytes

__all__ = ["to_csv", "to_html", "write_export"]

SUFFIXES = (".html", ".csv", ".safetensors")


def write_export(journey: Journey, path: Path | str, *, loop: bool = False) -> Path:
    """Write a journey in the form that the file's suffix names: .html, .csv or .safetensors (replay).

    Args:
        journey: what is written.
        path: where to.
        loop: whether an .html plays again and again.

    Raises:
        ConfigError: another suffix, or more items or states than the player can animate (.html).
        StorageError: the disk is full or the folder cannot be written.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix == ".html":
        return write_bytes(path, to_html(journey, loop=loop).encode())
    if suffix == ".csv":
        # The byte order mark lets spreadsheet programs read accents as they were typed.
        return write_bytes(path, to_csv(journey).encode("utf-8-sig"))
    if suffix == ".safetensors":
        return journey.save(path)
    raise ConfigError(
        f"{path.name!r} ends with {suffix or 'no suffix'}; an export ends with one of {', '.join(SUFFIXES)}.",
        remedy="Choose the form by the file's suffix, for instance journey.html.",
    )
