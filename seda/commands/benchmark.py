"""benchmark: SeDA beside other methods; the same call goes on where a stopped one ended."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import cache
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from seda.commands.shared import terminal
from seda.commands.shared.exit_status import ANSWERED, GOES_ON
from seda.commands.shared.inputs import feature_file
from seda.commands.shared.loading import choose_device, load_encoder
from seda.commands.shared.options import Commands, add_device, add_encoder, positive, seed_count, split_names
from seda.data.datasets import USAGE
from seda.errors import ConfigError
from seda.storage import check_target

if TYPE_CHECKING:
    from seda.benchmark.cells import Cell
    from seda.data.base import ImageDataset
    from seda.data.feature_file import FeatureFile


def add(commands: Commands) -> None:
    """Add the command and its options."""
    parser = commands.add_parser(
        "benchmark", help="SeDA beside other methods; the same call goes on where a stopped one ended"
    )
    parser.set_defaults(run=run, when_stopped=GOES_ON)
    _add_protocol(parser)
    add_encoder(parser)
    parser.add_argument(
        "--data-dir", metavar="DIR", type=Path,
        help="where the data sets' files are; what it lacks, the usual places have",
    )  # fmt: skip
    parser.add_argument(
        "--known", metavar="FILE", type=Path, action="append", default=[],
        help="cells.parquet of another run, such as docs/benchmark/cells.parquet: cells of the same data and settings are "
        "taken from it instead of measured; may be given again. Without --data nothing is measured, and the page shows all",
    )  # fmt: skip
    parser.add_argument("--out", required=True, metavar="DIR", type=Path, help="folder of results.csv and the page")
    add_device(parser)


def _add_protocol(parser: argparse.ArgumentParser) -> None:
    """What is measured: data x shots x seeds x methods."""
    parser.add_argument(
        "--data", metavar="A,B",
        help=f"data sets: {USAGE}; or features:FILE, a "
        ".safetensors, .npz or .parquet with image_features [n, D], labels [n], test [n] (1 for test images), and class_text_features "
        "[k, d] or class_names",
    )  # fmt: skip
    parser.add_argument(
        "--shots", type=_shots, default="1,2,4,8,16", metavar="1,4,full",
        help="training images a class, numbers and full; default %(default)s",
    )  # fmt: skip
    parser.add_argument(
        "--seeds", type=_seeds, default="5", metavar="N|N,N",
        help="how many, from 0 on: one number, or one for each of --shots, such as 10,10,10,5,5; default %(default)s",
    )  # fmt: skip
    parser.add_argument("--methods", metavar="A,B", help="default: all that are defined for the encoder")
    parser.add_argument(
        "--budget", type=positive, default=6, metavar="N", help="settings a method may try; default %(default)s"
    )
    parser.add_argument(
        "--train-limit", type=positive, default=14_000, metavar="N",
        help="draw shots from the first N training images; default %(default)s",
    )  # fmt: skip
    parser.add_argument(
        "--test-limit", type=positive, metavar="N", help="a random part of N test images, the same each time"
    )
    parser.add_argument(
        "--shift", action="store_true",
        help="measure test images under noise, blur and rotation too; of emoji, those by the other artist",
    )  # fmt: skip


def run(arguments: argparse.Namespace) -> int:
    """Measure the cells that are not there yet and write the tables, also of a run that is stopped."""
    from seda.benchmark.cells import read_cells, read_packed
    from seda.benchmark.protocol import BenchmarkConfig, load_data, load_features, run_benchmark
    from seda.benchmark.report import write_report
    from seda.data.datasets import load_anywhere
    from seda.data.feature_file import FeatureFile, read_feature_file

    config = BenchmarkConfig(
        shots=arguments.shots, seeds=tuple(range(max(arguments.seeds))), methods=split_names(arguments.methods),
        budget=arguments.budget, train_limit=arguments.train_limit, test_limit=arguments.test_limit,
        seed_counts=arguments.seeds if len(arguments.seeds) > 1 else None, shift=arguments.shift,
    )  # fmt: skip
    check_target(arguments.out, folder=True)
    known = list(chain.from_iterable(map(read_packed, arguments.known)))
    if arguments.data is None:
        return _report(known, arguments)
    sources: dict[str, FeatureFile | ImageDataset] = {}  # all are looked for before the first is encoded
    for name in split_names(arguments.data) or ():
        file = feature_file(name)
        sources[name] = read_feature_file(file) if file else load_anywhere(name, arguments.data_dir)
    encoder = cache(lambda: load_encoder(arguments.encoder, choose_device(arguments)))
    terminal.say("Ctrl-C keeps the cells that are done; the same command goes on from there.")
    data = [
        load_features(name, source, config, encoder) if isinstance(source, FeatureFile)
        else load_data(source, encoder(), config, on_progress=terminal.progress)
        for name, source in sources.items()
    ]  # fmt: skip
    try:
        run_benchmark(data, config, arguments.out, known=known, on_cell=_cell_done)
    finally:
        if cells := read_cells(arguments.out):  # also of other calls into the same folder
            write_report(cells, arguments.out, arguments.call)
    print(arguments.out / "results.csv")
    return ANSWERED


def _report(known: Sequence[Cell], arguments: argparse.Namespace) -> int:
    """Write the tables of known cells and of those that lie in the folder; the page names the calls that measured them.

    Raises:
        ConfigError: no file of cells was given.
    """
    from seda.benchmark.cells import in_order, read_cells
    from seda.benchmark.report import PAGE, calls_in, write_report

    if not known:
        raise ConfigError(
            "Nothing is to be measured or shown: neither --data nor --known was given.",
            remedy="Name data sets by --data, or give the cells of other runs by --known.",
        )
    pages = [file.parent / PAGE for file in arguments.known]
    calls = [calls_in(page.read_text(encoding="utf-8")) for page in pages if page.is_file()]
    cells = in_order([*known, *read_cells(arguments.out)])
    write_report(cells, arguments.out, "\n".join(dict.fromkeys(filter(None, calls))) or arguments.call)
    print(arguments.out / "results.csv")
    return ANSWERED


def _cell_done(cell: Cell, done: int, total: int) -> None:
    named = f"{cell.dataset}, shots {cell.shots}, seed {cell.seed}, {cell.method}"
    terminal.progress(
        "cells", done, total, f"{named}: accuracy {cell.figures['top1_accuracy']:.3f}, {cell.figures['seconds']:.1f} s"
    )


def _seeds(text: str) -> tuple[int, ...]:
    """ "10,10,5" to numbers."""
    return tuple(seed_count(part) for part in text.split(","))


def _shots(text: str) -> tuple[int | None, ...]:
    """ "1,4,full" to numbers, None for full; repetitions are left out."""
    parts = dict.fromkeys(part.strip() for part in text.split(","))
    return tuple(None if part == "full" else positive(part) for part in parts)
