"""consistency: whether picture, sound and names of one thing mean the same."""

from __future__ import annotations

import argparse
from typing import Any

from seda.commands.shared import terminal
from seda.commands.shared.exit_status import ANSWERED
from seda.commands.shared.inputs import feature_file
from seda.commands.shared.options import Commands, add_json
from seda.errors import DataError


def add(commands: Commands) -> None:
    """Add the command and its options."""
    parser = commands.add_parser(
        "consistency", help="whether pictures, sounds and names of the same things mean the same"
    )
    parser.set_defaults(run=run)
    parser.add_argument(
        "--dataset", default="things",
        help="things: those that come with the program; or features:FILE with several modalities; default %(default)s",
    )  # fmt: skip
    parser.add_argument(
        "--folds", type=int, default=14, metavar="N",
        help="parts that things are dealt into, each seen by what was fitted to the others; 0 leaves out one kin at a time; default %(default)s",
    )  # fmt: skip
    parser.add_argument("--seed", type=int, default=0, help="of the folds and of the paths' noise; default %(default)s")
    parser.add_argument(
        "--things", action="store_true", help="print every thing, those first that are decided most differently"
    )
    parser.add_argument(
        "--speech", action="store_true",
        help="measure instead whether spoken descriptions of Tux Paint's stamps are heard (requirements-speech.txt)",
    )  # fmt: skip
    parser.add_argument(
        "--limit", type=int, default=40, metavar="N",
        help="with --speech: recordings of a language, chosen by --seed; 0 for all; default %(default)s",
    )  # fmt: skip
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Cross-fit a space, and print all measures; or measure how spoken names are heard."""
    if arguments.speech:
        return _run_speech(arguments)
    from seda.benchmark.consistency import by_disagreement, consistency, cross_fit
    from seda.data.modal_set import read_modal_file
    from seda.data.thing_features import shipped_things

    if arguments.folds < 0 or arguments.folds == 1:
        raise DataError(f"--folds is {arguments.folds}; allowed are 0 and 2 or more.")
    if arguments.dataset == "things":
        data = shipped_things()
    elif file := feature_file(arguments.dataset):
        data = read_modal_file(file)
    else:
        raise DataError(
            f"The data set {arguments.dataset!r:.80} is none of several modalities.",
            remedy="Choose things, or features:FILE; docs/feature-files.md says what such a file holds.",
        )
    unseen = cross_fit(
        data, folds=arguments.folds, seed=arguments.seed,
        on_progress=lambda done, total: terminal.progress("fitting without a part of the things", done, total),
    )  # fmt: skip
    result: dict[str, Any] = {
        "dataset": data.name,
        "folds": arguments.folds,
        "seed": arguments.seed,
        **consistency(data, unseen),
    }
    things = by_disagreement(data, unseen) if arguments.things else []
    if arguments.json:
        terminal.print_json({**result, **({"by_disagreement": things} if things else {})})
    else:
        _print(result, things)
    return ANSWERED


def _run_speech(arguments: argparse.Namespace) -> int:
    from seda.benchmark.speech import measure_speech, spoken_names
    from seda.encoders import load_encoder
    from seda.encoders.speech import Transcriber

    if arguments.limit < 0:
        raise DataError(f"--limit is {arguments.limit}; allowed are 0, for all recordings, and more.")
    rows = measure_speech(
        spoken_names(), Transcriber(), load_encoder("multilingual"), limit=arguments.limit, seed=arguments.seed,
        on_progress=lambda done, total: terminal.progress("hearing descriptions", done, total),
    )  # fmt: skip
    terminal.print_figures(rows, arguments.json)
    return ANSWERED


def _print(result: dict[str, Any], things: list[dict[str, Any]]) -> None:
    print(
        f"{result['things']} things in {len(result['classes'])} classes; the largest holds {result['majority']:.3f} of them."
    )
    _table("Classes of what was left out", result["class_accuracy"])
    _table("All modalities decide alike", result["agreement"])
    languages = result["agreement_of_languages"]
    _table(
        f"Names in {', '.join(languages['languages'])} decide alike",
        {"": {k: v for k, v in languages.items() if k != "languages"}},
    )
    _table(
        "The same, of things that are known",
        {
            "by their English names": result["agreement_of_languages_known_in_english"],
            "by all these names": result["agreement_of_languages_all_known"],
        },
    )
    names = {
        f"{name}, {method}": row
        for name, of in result["names"].items()
        if isinstance(of, dict)
        for method, row in of.items()
    }
    _table(f"Held-out names among {result['names']['texts']}", names)
    _table("The same thing in another modality", result["between"])
    geometry = dict(result["geometry"])
    _table("Nearest to the own class text", {"": geometry.pop("anchor_agreement")})
    _table("Geometry", {f"{pair}, {when}": row for pair, of in geometry.items() for when, row in of.items()})
    for pair, steps in result["steps"].items():
        first, last = steps["distance"][0], steps["distance"][-1]
        print(
            f"{pair}: distance {first:.3f} to {last:.3f}, margin {steps['margin'][0]:.3f} to {steps['margin'][-1]:.3f}"
        )
    if things:
        print()
        terminal.print_table([tuple(things[0]), *[tuple(_shown(cell) for cell in row.values()) for row in things]])


def _table(title: str, rows: dict[str, dict[str, Any]]) -> None:
    print(f"\n{title}")
    heading = ("", *next(iter(rows.values())))
    terminal.print_table(
        [heading, *[(name, *[_shown(cell) for cell in row.values()]) for name, row in rows.items()]], indent="  "
    )


def _shown(cell: Any) -> str:
    return f"{cell:.3f}" if isinstance(cell, float) else str(cell)
