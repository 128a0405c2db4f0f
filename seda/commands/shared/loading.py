"""The device, encoder and aligner that a call names; torch is imported only here and in run()."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from seda.card import read_card
from seda.commands.shared import terminal

if TYPE_CHECKING:
    from seda.encoders.base import Encoder
    from seda.journeys.tracing import Workbench


def choose_device(arguments: argparse.Namespace) -> str:
    """--device, or the fastest that is there."""
    from seda.device import best_device

    return arguments.device or best_device()


def load_encoder(name: str, device: str) -> Encoder:
    """The encoder of that name; a download of its weights is shown."""
    from seda import encoders

    def show(there: int, total: int) -> None:
        terminal.progress("downloading weights, MB", there // 10**6, (total or there + 10**6) // 10**6)

    return encoders.load_encoder(name, device, on_progress=show)


def load_workbench(arguments: argparse.Namespace, *, maps: bool = True) -> Workbench:
    """--aligner with its encoder and, where they are needed, maps, on --device."""
    # a wrong name is said before torch is imported; maps are checked when they are loaded
    card = read_card(arguments.aligner, check_maps=False)

    from seda.journeys import tracing

    device = choose_device(arguments)
    return tracing.load_workbench(arguments.aligner, device, load_encoder(card.encoder, device), maps=maps)
