"""Exports of a journey: a page that plays offline, pictures, films, a table, a replay file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from seda.errors import ConfigError
from seda.export.formats import FORMATS, ExportFormat, check_options
from seda.export.options import ExportOptions, OnProgress, go_on
from seda.journeys.journey import Journey
from seda.storage import write_bytes

__all__ = ["FORMATS", "ExportFormat", "ExportOptions", "check_options", "export_format", "write_export"]


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


def write_export(
    journey: Journey,
    path: Path | str,
    options: ExportOptions = ExportOptions(),  # noqa: B008 (frozen)
    *,
    on_progress: OnProgress = go_on,
    on_note: Callable[[str], object] = lambda note: None,
) -> Path:
    """Write a journey in the form that the file's suffix names.

    Args:
        journey: what is written.
        path: where to.
        options: size, time and look.
        on_progress: told how much is done; True stops.
        on_note: told what there is to say of the file, such as letters that no font has.
    Raises:
        ConfigError: another suffix, an option that the form or the journey has not, a library that is missing, or more items or
            states than the player can animate.
        ProjectionError: a position on a map is not finite.
        StorageError: the disk is full or the folder cannot be written.
        Stopped: on_progress asked for it; nothing is written.
    """
    form = export_format(path)
    check_options(Path(path).suffix.lower(), options)
    encoded = form.encode(journey, options, on_progress)
    for note in encoded.notes:
        on_note(note)
    return write_bytes(Path(path), encoded.content)
