"""open: a journey, or paths that were made elsewhere, in the browser or in any form that can be written."""

from __future__ import annotations

import argparse
from pathlib import Path

from seda.commands.shared import terminal
from seda.commands.shared.exit_status import ANSWERED
from seda.commands.shared.options import Commands
from seda.commands.shared.taking import add_taking, export_options, take
from seda.map_forms import MAPS
from seda.storage import local_path


def add(commands: Commands) -> None:
    """Add the command and its options."""
    parser = commands.add_parser("open", help="play a journey, or paths that were made elsewhere")
    parser.set_defaults(run=run)
    parser.add_argument(
        "file", metavar="FILE", type=Path,
        help="a replay that `trace` or the app has written; or paths as .npz, .safetensors or .parquet, see docs/paths.md",
    )  # fmt: skip
    shown = [name for name in MAPS if name != "umap-learn"]
    parser.add_argument(
        "--maps", metavar="A,B", type=lambda text: [name.strip() for name in text.split(",") if name.strip()],
        help=f"of paths, in the order of the screen: {', '.join(shown)}; default: those that suit",
    )  # fmt: skip
    add_taking(parser, required=False)


def run(arguments: argparse.Namespace) -> int:
    """Read the file, fit maps to paths, and play it, or write it in the form of --out's suffix."""
    options = export_options(arguments) if arguments.out else None

    from seda.journeys.path_file import read_journey

    journey = read_journey(
        local_path(arguments.file), maps=arguments.maps, on_progress=lambda name, done, total: terminal.progress(f"map {name}", done, total)
    )  # fmt: skip
    if journey.note:
        terminal.say(journey.note)
    if options is not None:
        take(journey, arguments, options)
    elif page := journey.show():
        print(page)
    return ANSWERED
