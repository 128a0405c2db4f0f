"""bench: what the program's parts, and its beginning, cost on this machine."""

from __future__ import annotations

import argparse

from seda.card import TRAINED_ALIGNER, read_card
from seda.commands.shared import terminal
from seda.commands.shared.exit_status import ANSWERED, UNANSWERED
from seda.commands.shared.loading import choose_device, load_encoder
from seda.commands.shared.options import Commands, add_aligner, add_device, add_json, number, positive, split_names

MOST_SECONDS = 3600  # of a row that is measured
MOST_COUNT = 1_000_000  # items or points of one


def add(commands: Commands) -> None:
    """Add the command and its parts."""
    bench = commands.add_parser("bench", help="what the program's parts cost on this machine")
    parts = bench.add_subparsers(required=True, metavar="speed|start|scale")
    parser = parts.add_parser(
        "speed", help="seconds, memory and ratio to the bare forward passes of encoding, aligning, placing and training"
    )
    parser.set_defaults(run=run)
    parser.add_argument("--rows", metavar="A,B", help="only these, such as align-64x2x50; default: all, some minutes")
    parser.add_argument(
        "--seconds", type=_seconds, default=8.0, metavar="S", help="that each row is repeated for; default %(default)s"
    )
    add_aligner(parser, TRAINED_ALIGNER)  # whose networks are of the usual size
    parser.add_argument(
        "--encoder", metavar="NAME", help="measure this encoder and nothing else; default: all, with the aligner's"
    )
    add_device(parser)
    add_json(parser)
    _add_start(parts)
    _add_scale(parts)


def _add_start(parts: Commands) -> None:
    parser = parts.add_parser(
        "start", help="seconds and ratio to its floor of a first answer, of a server's first page and of its first run",
        epilog="Exit status 1 where a bar is missed.",
    )  # fmt: skip
    parser.set_defaults(run=run_start)
    parser.add_argument("--rows", metavar="A,B", help="only these, such as first-answer; default: all, some minutes")
    parser.add_argument(
        "--rounds",
        type=positive,
        default=3,
        metavar="N",
        help="program and floor in turns, so often; default %(default)s",
    )
    add_json(parser)


def _add_scale(parts: Commands) -> None:
    parser = parts.add_parser(
        "scale", help="time and memory for an item, from a hundred items to ten thousand, and with up to 100,000 reference points",
    )  # fmt: skip
    parser.set_defaults(run=run_scale)
    parser.add_argument("--rows", metavar="A,B", help="only these, such as align,place; default: all, some minutes")
    parser.add_argument(
        "--items", metavar="N,N", type=_counts, help="counts of the rows of items; default: 100,1000,10000"
    )
    parser.add_argument(
        "--points",
        metavar="N,N",
        type=_counts,
        help="counts of the rows of reference points; default: 1000,10000,100000",
    )
    add_aligner(parser, TRAINED_ALIGNER)
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Measure the rows of --rows, one after the other."""
    card = read_card(arguments.aligner)

    from seda.aligner import load_aligner
    from seda.benchmark.speed import aligner_tasks, encoder_tasks, measure_speed
    from seda.projection.frozen import load_map

    device = choose_device(arguments)
    encoder = load_encoder(arguments.encoder or card.encoder, device)
    tasks = encoder_tasks(encoder, device)
    if arguments.encoder is None:
        aligner = load_aligner(arguments.aligner, device)
        tasks += aligner_tasks(aligner, encoder, load_map(aligner.folder), device)
    rows = measure_speed(
        tasks, names=split_names(arguments.rows), seconds=arguments.seconds,
        on_row=lambda row, done, total: terminal.progress("rows", done, total, row.name),
    )  # fmt: skip
    terminal.print_figures([vars(row) for row in rows], arguments.json)
    return ANSWERED


def run_start(arguments: argparse.Namespace) -> int:
    """Measure what begins, with processes and servers of its own."""
    from seda.benchmark.start import measure_start

    rows = measure_start(
        split_names(arguments.rows), arguments.rounds,
        lambda row, done, total: terminal.progress("rows", done, total, row.name),
    )  # fmt: skip
    terminal.print_figures([vars(row) for row in rows], arguments.json)
    return ANSWERED if all(row.reached for row in rows) else UNANSWERED


def run_scale(arguments: argparse.Namespace) -> int:
    """Measure rows at growing counts, each in a process of its own."""
    from seda.benchmark.scale import ITEMS, POINTS, measure_scale

    rows = measure_scale(
        split_names(arguments.rows), aligner=arguments.aligner, items=arguments.items or ITEMS, points=arguments.points or POINTS,
        on_row=lambda row, done, total: terminal.progress("rows", done, total, f"{row.name} {row.count:,}"),
    )  # fmt: skip
    terminal.print_figures([vars(row) for row in rows], arguments.json)
    return ANSWERED


def _counts(text: str) -> tuple[int, ...]:
    counts = tuple(positive(part) for part in text.split(","))
    if max(counts) > MOST_COUNT:
        raise argparse.ArgumentTypeError(f"{max(counts):,} is above {MOST_COUNT:,}")
    return counts


def _seconds(text: str) -> float:
    if not 0 <= (seconds := number(text)) <= MOST_SECONDS:  # 0: as few rounds as there may be
        raise argparse.ArgumentTypeError(f"{text!r:.30} is not between 0 and {MOST_SECONDS:,}")
    return seconds
