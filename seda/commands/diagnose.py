"""diagnose: which labelled pictures go wrong, in which part, and at which step."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from seda.commands.shared import terminal
from seda.commands.shared.exit_status import ANSWERED, UNANSWERED
from seda.commands.shared.labelled import LabelledItems, add_labelled, read_labelled
from seda.commands.shared.options import Commands, add_json, add_sampling, sampling_config
from seda.errors import ConfigError
from seda.evaluation.diagnosis import CULPRITS
from seda.storage import write_bytes, write_json

if TYPE_CHECKING:
    from seda.journeys.diagnosing import Diagnosis

BAR = "top1"


def add(commands: Commands) -> None:
    """Add the command and its options."""
    parser = commands.add_parser("diagnose", help="which labelled pictures go wrong, in which part, and at which step")
    parser.set_defaults(run=run)
    add_labelled(parser)
    add_sampling(parser)
    parser.add_argument("--out", type=Path, metavar="DIR", help="write pictures.csv and diagnosis.json there")
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
    """Encode the labelled pictures, let them travel, and say who has lost which."""
    sampling = sampling_config(arguments)
    items, aligner = read_labelled(arguments)
    if items is None:
        return UNANSWERED

    from seda.journeys.diagnosing import diagnose

    own = aligner.card.template if arguments.template is None else arguments.template
    diagnosis = diagnose(
        aligner, items.image_features, items.class_texts(own), items.labels, sampling, item_seeds=items.item_seeds,
        rephrased=items.other_phrasings(own),
        on_progress=lambda done, total: terminal.progress("travelled", done, total),
    )  # fmt: skip
    return _tell(arguments, items, diagnosis)


def _tell(arguments: argparse.Namespace, items: LabelledItems, diagnosis: Diagnosis) -> int:
    summary: dict[str, Any] = diagnosis.verdicts.to_dict(items.class_names)
    rows = picture_rows(items.names, items.class_names, diagnosis)
    import pandas as pd

    from seda.export.csv import csv_text

    if arguments.out is not None:
        # the byte order mark lets spreadsheets read accents as they were typed
        write_bytes(arguments.out / "pictures.csv", csv_text(pd.DataFrame(rows)).encode("utf-8-sig"))
        write_json(arguments.out / "diagnosis.json", summary)
    if arguments.json:
        terminal.print_json(summary)
    else:
        _print(summary, rows)
    top1 = summary["accuracy"]["answer"]
    if arguments.fail_under is not None and top1 < arguments.fail_under:
        terminal.say(
            f"error: {100 * top1:.1f} % of the answers are right, fewer than {100 * arguments.fail_under:.1f} %."
        )
        return UNANSWERED
    return ANSWERED


def picture_rows(names: Sequence[str], class_names: Sequence[str], diagnosis: Diagnosis) -> list[dict[str, Any]]:
    """One mapping a picture: truth, what each place says, who has lost it, how its path went, and the probability of each word.

    Raises:
        ConfigError: two words are one column.
    """
    verdicts, words = diagnosis.verdicts, [*class_names, ""]  # UNKNOWN, the last, is empty
    columns = [f"p {name}" for name in class_names]
    if len(set(columns)) != len(columns):
        raise ConfigError("Two class texts are the same.", remedy="Remove one of them.")
    lost, path_lost = verdicts.culprits(), verdicts.culprits("end")
    return [
        {
            "file": name,
            "truth": words[verdicts.labels[item]],
            "answer": words[verdicts.answer[item]],
            "right": bool(verdicts.answer[item] == verdicts.labels[item]),
            "lost_by": lost[item],
            "path_lost_by": path_lost[item],
            "features": words[verdicts.features[item]],
            "categories": words[verdicts.categories[item]],
            "end": words[verdicts.end[item]],
            "left_at": int(verdicts.left[item]),
            "committed_at": int(diagnosis.commitment[item]),
            "changes": int(diagnosis.flips[item]),
            **dict(zip(columns, np.round(diagnosis.probabilities[item].astype(float), 6).tolist(), strict=True)),
        }
        for item, name in enumerate(names)
    ]  # fmt: skip


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
