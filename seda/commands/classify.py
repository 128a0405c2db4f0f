"""classify: class probabilities of items."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from seda.commands.shared import terminal
from seda.commands.shared.exit_status import ANSWERED, UNANSWERED
from seda.commands.shared.inputs import class_texts, find_items, known_labels, read_items
from seda.commands.shared.loading import load_workbench
from seda.commands.shared.options import Commands, add_inputs, add_json
from seda.config import SamplingConfig

BATCH = 64  # items that are in memory at a time
SHOWN = 3  # classes a line of the human output


def add(commands: Commands) -> None:
    """Add the command and its options."""
    parser = commands.add_parser("classify", help="class probabilities of images")
    parser.set_defaults(run=run)
    add_inputs(parser)
    parser.add_argument(
        "--labels", metavar="folders|names|FILE.csv",
        help="say which answers are wrong; what says which word is right: the folder that a picture is in, its name without a number, or a "
        "table with the columns file and label",
    )  # fmt: skip
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Answer for every item that the paths name, in their order, BATCH items at a time."""
    names = class_texts(arguments).names
    found = list(find_items(arguments.paths))
    labels = known_labels(found, arguments.labels, names)
    workbench = load_workbench(arguments, maps=False)

    from seda.journeys.tracing import content_seed

    encoder, aligner = workbench.encoder, workbench.aligner
    texts = workbench.encode_class_texts(names, aligner.card.template)
    terminal.say_all(workbench.notes_on(names))
    answers: list[dict[str, Any]] = []
    hints: dict[str, str] = {}  # where none of the class texts fits
    for first in range(0, len(found), BATCH):
        part = found[first : first + BATCH]
        items, failures = read_items(part)
        rows: dict[str, list[dict[str, Any]]] = {}
        if items:
            features = encoder.encode_images([item.image for item in items])
            seeds = [content_seed(item) for item in items]
            aligned = aligner.aligner.align(features, texts, SamplingConfig(), item_seeds=seeds, answer_only=True)
            answered = zip(items, aligned.class_probabilities.tolist(), strict=True)
            rows = {item.name: _best_first(names, row) for item, row in answered}
            hints |= {item.name: hint for item, hint in zip(items, aligner.hints(aligned), strict=True) if hint}
        errors = {failure.name: failure.message for failure in failures}
        answers += [
            {"path": path, "classes": rows.get(path, []), "looks_like": hints.get(path), "error": errors.get(path)}
            for path, _ in part
        ]
        terminal.progress("classified", min(first + BATCH, len(found)), len(found))
    if labels is not None:
        truth = {path: names[label] for path, label in labels.items() if label >= 0}
        answers = [{**answer, **_verdict(answer, truth.get(answer["path"]))} for answer in answers]
    if arguments.json:
        terminal.print_json(answers)
    else:
        _print_answers(answers)
    return ANSWERED if any(answer["classes"] for answer in answers) else UNANSWERED


def _verdict(answer: dict[str, Any], truth: str | None) -> dict[str, Any]:
    known = truth is not None and answer["classes"]
    return {"truth": truth, "right": answer["classes"][0]["name"] == truth if known else None}


def _best_first(names: Sequence[str], probabilities: Sequence[float]) -> list[dict[str, Any]]:
    ranked = sorted(zip(names, probabilities, strict=True), key=lambda pair: -pair[1])
    return [{"name": name, "probability": round(probability, 6)} for name, probability in ranked]


def _print_answers(answers: Sequence[dict[str, Any]]) -> None:
    rows = []
    for answer in answers:
        if answer["error"] is not None:
            rows.append((answer["path"], answer["error"]))
        else:
            shown = answer["classes"][:SHOWN]
            cells = [f"{entry['name']} {100 * entry['probability']:.1f} %" for entry in shown]
            if answer["looks_like"]:
                cells.append(f"none of these? looks like {answer['looks_like']}")
            if answer.get("right") is False:
                cells.append(f"wrong: {answer['truth']}")
            rows.append((answer["path"], *cells))
    terminal.print_table(rows)
    if judged := [answer["right"] for answer in answers if answer.get("right") is not None]:
        terminal.print_table([(f"{judged.count(False)} of {len(judged)} wrong",)])
