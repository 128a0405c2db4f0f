"""diagnose: which labelled items go wrong, in which part, and at which step."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seda.commands.shared import terminal
from seda.commands.shared.exit_status import ANSWERED, UNANSWERED
from seda.commands.shared.labelled import add_labelled, read_labelled
from seda.commands.shared.options import Commands, add_json, add_sampling, sampling_config
from seda.config import SamplingConfig
from seda.evaluation.diagnosis import CULPRITS
from seda.journeys.diagnosis import FEW_STEPS
from seda.journeys.labelled_items import LabelledItems
from seda.storage import write_bytes, write_json

if TYPE_CHECKING:
    from seda.aligner import PretrainedAligner
    from seda.journeys.diagnosis import Diagnosis

BAR = "top1"
MOST_SEEDS = 16
MANY = 1_000  # items from which on FEW_STEPS are walked


def add(commands: Commands) -> None:
    """Add the command and its options."""
    parser = commands.add_parser("diagnose", help="which labelled pictures go wrong, in which part, and at which step")
    parser.set_defaults(run=run)
    add_labelled(parser)
    add_sampling(parser)
    parser.set_defaults(steps=None)
    parser.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="write pictures.csv, steps.parquet, diagnosis.json, diagnosis.html and figures (SVG, PNG, PDF) there",
    )
    parser.add_argument(
        "--seeds", type=int, choices=range(MOST_SEEDS + 1), default=0, metavar="N", help="walk each path N times more, from other noise; default 0"
    )  # fmt: skip
    parser.add_argument(
        "--fail-under",
        metavar="top1=SHARE",
        type=_bar,
        help="exit status 1 where fewer answers are right, such as top1=.8",
    )
    add_json(parser)


def _bar(text: str) -> float:
    name, _, share = text.partition("=")
    try:
        value = float(share)
    except ValueError:
        value = -1.0
    if name != BAR or not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r:.40} is not allowed; give top1= and a share, such as top1=.8")
    return value


def run(arguments: argparse.Namespace) -> int:
    """Encode the labelled items, let them travel, and say who has lost which."""
    steps = arguments.steps or SamplingConfig.num_inference_steps
    sampling = sampling_config(argparse.Namespace(**{**vars(arguments), "steps": steps}))
    items, aligner = read_labelled(arguments)
    if items is None:
        return UNANSWERED
    if len(items.names) > MANY and arguments.steps is None:
        sampling = replace(sampling, num_inference_steps=FEW_STEPS)
        terminal.say(f"{len(items.names):,} items travel in {FEW_STEPS} steps a stage; --steps takes more, and longer.")

    from seda.journeys.diagnosing import diagnose

    own = aligner.card.template if arguments.template is None else arguments.template
    diagnosis = diagnose(
        aligner, items.image_features, items.class_texts(own), items.labels, sampling, item_seeds=items.item_seeds,
        rephrased=items.other_phrasings(own, terminal.say), seeds=arguments.seeds,
        on_progress=lambda done, total: terminal.progress("travelled", done, total),
        on_asked=lambda done, total: terminal.progress("asked", done, total),
    )  # fmt: skip
    return _tell(arguments, items, aligner, diagnosis)


def _tell(arguments: argparse.Namespace, items: LabelledItems, aligner: PretrainedAligner, diagnosis: Diagnosis) -> int:
    summary = diagnosis.to_dict(items.names, items.class_names)
    if arguments.out is not None:
        about = f"{len(items.names):,} labelled items, the aligner {aligner.card.name}, {len(items.class_names)} words."
        _write(arguments.out, items, diagnosis, summary, about)
    if arguments.json:
        terminal.print_json(summary)
    else:
        _print(summary, diagnosis.item_rows(items.names, items.class_names))
    top1 = summary["accuracy"]["answer"]
    if arguments.fail_under is not None and top1 < arguments.fail_under:
        terminal.say(
            f"error: {100 * top1:.1f} % of the answers are right, fewer than {100 * arguments.fail_under:.1f} %."
        )
        return UNANSWERED
    return ANSWERED


def _write(folder: Path, items: LabelledItems, diagnosis: Diagnosis, summary: dict[str, Any], about: str) -> None:
    import pandas as pd

    from seda.export.csv import csv_text
    from seda.export.figures import FORMS, figure_file
    from seda.export.report import diagnosis_report, item_rows, step_table
    from seda.figures.diagnosis import every_chart

    names, words = items.names, items.class_names
    # the byte order mark lets spreadsheets read accents as they were typed
    table = csv_text(pd.DataFrame(item_rows(diagnosis, names, words))).encode("utf-8-sig")
    write_bytes(folder / "pictures.csv", table)
    write_bytes(folder / "steps.parquet", step_table(diagnosis, names, words).to_parquet(index=False))
    write_json(folder / "diagnosis.json", summary)
    charts = every_chart(summary, names)
    for done, (name, (figure, height)) in enumerate(charts.items(), start=1):
        for suffix in FORMS:
            write_bytes(folder / "figures" / f"{name}{suffix}", figure_file(figure, suffix, height=height))
        terminal.progress("drawn", done, len(charts))
    report = diagnosis_report(summary, names, title="Diagnosis", about=about)
    write_bytes(folder / "diagnosis.html", report.encode())


def _print(summary: dict[str, Any], rows: Sequence[dict[str, Any]]) -> None:
    accuracy = summary["accuracy"]
    told = {
        "features": "labelled neighbours",
        "categories": "category at the hand-over",
        "end": "end of the path",
        "answer": "answer",
    }
    terminal.print_table([(told[name], f"{100 * share:.1f} % right") for name, share in accuracy.items()])
    lost = {name: count for name, count in summary["lost_by"]["answer"].items() if count}
    if lost:
        terminal.print_table(
            [
                (f"{count} lost by the {name}" if name != "unclear" else f"{count} unclear", CULPRITS[name])
                for name, count in lost.items()
            ]
        )
    wrong = [row for row in rows if not row["right"]]
    terminal.print_table([(row["file"], f"{row['truth']}, answered {row['answer']}", row["lost_by"]) for row in wrong])
