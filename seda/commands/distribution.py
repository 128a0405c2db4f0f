"""distribution: whether pictures mapped to texts are distributed as texts are; the same call goes on where one ended."""

from __future__ import annotations

import argparse
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from seda.commands.shared import terminal
from seda.commands.shared.exit_status import ANSWERED, GOES_ON
from seda.commands.shared.loading import choose_device, load_encoder
from seda.commands.shared.options import Commands, add_device, seed_count, split_names
from seda.storage import check_target

if TYPE_CHECKING:
    from seda.encoders.base import Encoder


def add(commands: Commands) -> None:
    """Add the command and its options."""
    parser = commands.add_parser(
        "distribution", help="the learned SeDA beside one-step maps: are mapped pictures distributed as texts are"
    )
    parser.set_defaults(run=run, when_stopped=GOES_ON)
    parser.add_argument(
        "--data", default="open-vocabulary,fashion-mnist", metavar="A,B",
        help="open-vocabulary (held-out names of emoji, and photographs) and fashion-mnist; default: both",
    )  # fmt: skip
    parser.add_argument("--seeds", type=seed_count, default=3, metavar="N", help="of training; default %(default)s")
    parser.add_argument("--data-dir", metavar="DIR", type=Path, help="where the data sets' files are")
    parser.add_argument(
        "--out", required=True, metavar="DIR", type=Path, help="folder of distribution.csv and its JSON"
    )
    add_device(parser)


def run(arguments: argparse.Namespace) -> int:
    """Train and measure what is not there yet, and write the tables."""
    check_target(arguments.out, folder=True)

    from seda.benchmark.distribution_run import run_distribution, table

    @cache
    def encoder(name: str) -> Encoder:
        return load_encoder(name, choose_device(arguments))

    terminal.say("Ctrl-C keeps what is done; the same command goes on from there.")
    rows = run_distribution(
        split_names(arguments.data) or (), range(arguments.seeds), arguments.out, encoder, data_dir=arguments.data_dir,
        call=arguments.call, report=terminal.progress,
    )  # fmt: skip
    print(table(rows))
    print(arguments.out / "distribution.csv")
    return ANSWERED
