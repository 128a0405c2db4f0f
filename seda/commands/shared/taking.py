"""Options of what is written of a journey: size, time and look; see seda/export/options.py."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from seda.commands.shared import terminal
from seda.commands.shared.options import number, positive
from seda.errors import ConfigError
from seda.export import FORMATS, ExportOptions, check_options, export_format, write_export
from seda.journeys.journey import Journey
from seda.storage import check_target


def add_taking(parser: argparse.ArgumentParser, *, required: bool = True) -> None:
    """--out, and what can be chosen of a picture or a film; see `export_options`."""
    parser.add_argument(
        "--out", required=required, metavar="FILE", type=Path,
        help=" ".join(f"{suffix}: {form.help}" for suffix, form in FORMATS.items()),
    )  # fmt: skip
    group = parser.add_argument_group("pictures and films")
    group.add_argument("--size", metavar="WxH", type=_size, help=f"px, such as 1920x1080{_for('size')}")
    group.add_argument(
        "--mm",
        metavar="W[xH]",
        type=_lengths,
        help=f"size on paper; the height is 9/16 of the width where it is left out{_for('mm')}",
    )
    group.add_argument(
        "--dpi",
        metavar="N",
        type=positive,
        default=ExportOptions.dpi,
        help=f"dots an inch; default %(default)s{_for('dpi')}",
    )
    group.add_argument("--step", metavar="N", type=int, help=f"default: the last{_for('step')}")
    group.add_argument(
        "--stills", metavar="4|6", type=int, default=0, help=f"a poster of so many steps side by side{_for('stills')}"
    )
    group.add_argument("--fps", metavar="N", type=number, help=f"frames a second{_for('fps')}")
    group.add_argument(
        "--seconds", metavar="N", type=number, help=f"length of a film; default: as the player plays{_for('seconds')}"
    )
    group.add_argument("--map", metavar="NAME", default="", help=f"default: the first{_for('map')}")
    group.add_argument("--theme", choices=("light", "dark"), default="light", help=f"default %(default)s{_for('dark')}")
    group.add_argument(
        "--no-captions", action="store_true", help=f"without title, story, step and legend{_for('captions')}"
    )
    group.add_argument("--loop", action="store_true", help=f"let it play again and again, as at a stand{_for('loop')}")


def export_options(arguments: argparse.Namespace) -> ExportOptions:
    """What add_taking()'s options came to; where it goes is tried, too.

    Raises:
        ConfigError: an option is out of range, or another form's.
        StorageError: the file cannot be written.
    """
    export_format(arguments.out)
    check_target(arguments.out)
    options = ExportOptions(
        size=arguments.size, mm=arguments.mm, dpi=arguments.dpi, fps=arguments.fps, seconds=arguments.seconds, dark=arguments.theme == "dark",
        captions=not arguments.no_captions, loop=arguments.loop, step=arguments.step, map=arguments.map, stills=arguments.stills,
    )  # fmt: skip
    check_options(arguments.out.suffix.lower(), options)
    return options


def take(journey: Journey, arguments: argparse.Namespace, options: ExportOptions) -> None:
    """Write the file and print its path; progress and notes go to stderr."""

    def show(done: int, total: int) -> None:
        terminal.progress("drawing", done, total)

    print(write_export(journey, arguments.out, options, on_progress=show, on_note=terminal.say))


def _for(option: str) -> str:
    return f" ({', '.join(suffix for suffix, form in FORMATS.items() if option in form.options)})"


def _size(text: str) -> tuple[int, int]:
    if not (found := re.fullmatch(r"(\d{1,9})[x×](\d{1,9})", text.strip().lower())):
        raise argparse.ArgumentTypeError(f"{text!r:.30} is not a size in px, such as 1920x1080")
    return int(found[1]), int(found[2])


def _lengths(text: str) -> tuple[float, float]:
    if not (found := re.fullmatch(r"(\d{1,9}(?:\.\d{1,9})?)(?:[x×](\d{1,9}(?:\.\d{1,9})?))?", text.strip().lower())):
        raise argparse.ArgumentTypeError(f"{text!r:.30} is not a size in mm, such as 841 or 841x594")
    width, height = float(found[1]), float(found[2] or 0)
    try:
        ExportOptions(mm=(width, height))
    except ConfigError as error:
        raise argparse.ArgumentTypeError(error.message) from None
    return width, height
