"""list: encoders, aligners, data sets and the device."""

from __future__ import annotations

import argparse
from typing import Any

from seda.card import list_aligners, read_card, visitor_homes
from seda.commands.shared import terminal
from seda.commands.shared.exit_status import ANSWERED
from seda.commands.shared.options import Commands, add_json
from seda.errors import SedaError


def add(commands: Commands) -> None:
    """Add the command and its options."""
    parser = commands.add_parser("list", help="encoders, aligners, data sets and the device")
    parser.set_defaults(run=run)
    parser.add_argument(
        "--open-clip", action="store_true",
        help="all published weights of open_clip: sizes, and which are on this machine",
    )  # fmt: skip
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print what can be named in the other commands."""
    if arguments.open_clip:
        return _list_open_clip(arguments.json)

    from seda.data.datasets import list_datasets
    from seda.device import best_device
    from seda.encoders import list_encoders

    listing: dict[str, Any] = {
        "encoders": [vars(info) for info in list_encoders()],
        "aligners": [_describe_aligner(name) for name in list_aligners(*visitor_homes())],
        "datasets": [vars(info) for info in list_datasets()],
        "device": best_device(),
    }
    if arguments.json:
        terminal.print_json(listing)
        return ANSWERED
    for title, part in (("Encoders", "encoders"), ("Aligners", "aligners"), ("Data sets", "datasets")):
        print(title)
        rows = [
            (entry["name"], "" if entry["available"] else "(not here)", entry["description"]) for entry in listing[part]
        ]
        terminal.print_table(rows or [("none", "", "")], indent="  ")
        print()
    print(f"Device: {listing['device']}")
    return ANSWERED


def _list_open_clip(as_json: bool) -> int:
    from seda.encoders.openclip_list import list_open_clip

    infos = list_open_clip()
    if as_json:
        terminal.print_json([vars(info) for info in infos])
        return ANSWERED
    for family in dict.fromkeys(info.family for info in infos):
        print(family)
        rows = [
            (
                info.name,
                "" if info.size_mb is None else f"{info.size_mb:,.0f} MB",
                "" if info.parameters_m is None else f"{info.parameters_m:,.0f} M parameters",
                "on this machine" if info.cached else "to be downloaded",
                f"tokenizer from {info.tokenizer}" if info.tokenizer else "",
            )
            for info in infos
            if info.family == family
        ]
        terminal.print_table(rows, indent="  ")
    return ANSWERED


def _describe_aligner(name: str) -> dict[str, Any]:
    try:
        card = read_card(name)
    except SedaError as error:
        return {"name": name, "description": str(error), "available": False}
    return {
        "name": name,
        "description": card.description,
        "available": True,
        "encoder": card.encoder,
        "class_names": list(card.class_names),
    }
