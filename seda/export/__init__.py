"""Exports of a journey: a page that plays offline, a table, a replay file."""

from __future__ import annotations

from pathlib import Path

from seda.errors import ConfigError
from seda.export.formats import FORMATS, ExportFormat
from seda.journeys.journey import Journey
from seda.storage import write_bytes

__all__ = ["FORMATS", "ExportFormat", "export_format", "write_export"]


def export_format(path: Path | str) -> ExportFormat:
    """The form that a file's suffix names.

    Raises:
        ConfigError: another suffix.
    """
    path = Path(path)
    if found := FORMATS.get(path.suffix.lower()):
        return found
    raise ConfigError(
        f"{path.name!r} ends with {path.suffix or 'no suffix'}; an export ends with one of {', '.join(FORMATS)}.",
        remedy="Choose the form by the file's suffix, for instance journey.html.",
    )


def write_export(journey: Journey, path: Path | str, *, loop: bool = False) -> Path:
    """Write a journey in the form that the file's suffix names.

    Args:
        journey: what is written.
        path: where to.
        loop: whether an .html plays again and again.
    Raises:
        ConfigError: another suffix, or more items or states than the player can animate (.html).
        StorageError: the disk is full or the folder cannot be written.
    """
    return write_bytes(Path(path), export_format(path).encode(journey, loop))
