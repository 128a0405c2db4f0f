"""draw: a stored journey as a page, a picture or a film."""

from __future__ import annotations

import argparse
from pathlib import Path

from seda.commands.shared.exit_status import ANSWERED
from seda.commands.shared.options import Commands
from seda.commands.shared.taking import add_taking, export_options, take
from seda.journeys.journey import Journey


def add(commands: Commands) -> None:
    """Add the command and its options."""
    parser = commands.add_parser("draw", help="write a stored journey as a page, a picture or a film")
    parser.set_defaults(run=run)
    parser.add_argument(
        "replay", metavar="REPLAY", type=Path, help="a .safetensors file that `trace` or the app has written"
    )
    add_taking(parser)


def run(arguments: argparse.Namespace) -> int:
    """Read the journey and write it in the form of --out's suffix."""
    options = export_options(arguments)
    take(Journey.load(arguments.replay), arguments, options)
    return ANSWERED
