"""evaluate: accuracy and calibration of an aligner on a data set."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from seda.card import EVALUATION, WORDS_ALONE, AlignerCard, read_card
from seda.commands.shared import terminal
from seda.commands.shared.exit_status import ANSWERED
from seda.commands.shared.inputs import feature_file
from seda.commands.shared.loading import choose_device, load_encoder
from seda.commands.shared.options import Commands, add_aligner, add_device, add_json, positive
from seda.errors import DataError

if TYPE_CHECKING:
    from seda.aligner import PretrainedAligner
    from seda.data.base import ImageDataset
    from seda.data.feature_file import FeatureFile
    from seda.encoders.base import TextEncoder


def add(commands: Commands) -> None:
    """Add the command and its options."""
    parser = commands.add_parser("evaluate", help="accuracy and calibration on a data set")
    parser.set_defaults(run=run)
    add_aligner(parser)
    parser.add_argument("--dataset", help="default: the one that the aligner was trained on")
    parser.add_argument("--data-dir", metavar="DIR", type=Path, help="where the data set's files are")
    parser.add_argument("--split", choices=("test", "train"), default="test", help="default %(default)s")
    parser.add_argument("--limit", type=positive, metavar="N", help="a random part of N images, the same each time")
    parser.add_argument(
        "--ends", type=positive, default=0, metavar="N",
        help="of an open vocabulary: read the mean of N ends of each picture's paths as well; 16 take some minutes",
    )  # fmt: skip
    add_device(parser)
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Measure on the pictures or features of --dataset; an open vocabulary has a measurement of its own."""
    card = read_card(arguments.aligner)

    from seda.aligner import load_aligner
    from seda.benchmark.evaluate import evaluate_aligner
    from seda.data.datasets import load_dataset
    from seda.data.feature_file import FileTexts, read_feature_file
    from seda.data.features import chosen_indices, encode_split

    name = arguments.dataset or _own_dataset(card)
    device = choose_device(arguments)
    aligner = load_aligner(arguments.aligner, device)
    if EVALUATION in card.data and not arguments.dataset:
        return _evaluate_naming(aligner, device, arguments.json, arguments.ends)
    dataset: ImageDataset | FeatureFile
    encoder: TextEncoder
    if file := feature_file(name):
        dataset = read_feature_file(file, needs_test=arguments.split == "test")
        features = dataset.test if arguments.split == "test" else dataset.train
        features = features.take(chosen_indices(len(features), arguments.limit))
        aligner.check_encoder(dataset.encoder, features.encoder_fingerprint)
        encoder = FileTexts(dataset)
    else:
        dataset, encoder = load_dataset(name, arguments.data_dir), (loaded := load_encoder(card.encoder, device))
        features = encode_split(
            dataset, arguments.split, loaded, limit=arguments.limit,
            on_progress=lambda done, total: terminal.progress("encoding images", done, total),
        )  # fmt: skip
    figures = evaluate_aligner(
        aligner, encoder, features, on_progress=lambda done, total: terminal.progress("aligning", done, total)
    ).to_dict()
    result = {"aligner": card.name, "dataset": dataset.name, **figures}
    if arguments.json:
        terminal.print_json(result)
    else:
        rows = [
            (key.replace("_", " "), f"{value:.4f}" if isinstance(value, float) else str(value))
            for key, value in result.items()
        ]
        terminal.print_table(rows)
    return ANSWERED


def _own_dataset(card: AlignerCard) -> str:
    """The data set that an aligner was trained on, by its card."""
    if name := card.data.get("dataset"):
        return name
    if WORDS_ALONE in card.data:
        raise DataError(
            f"The aligner {card.name!r} was made of words alone: it has no pictures of its own to be evaluated on.",
            remedy="Name labelled pictures, such as --dataset folder:DIR with one sub-folder a class.",
        )
    raise DataError("The aligner's card names no data set.", remedy="Name one with --dataset.")


def _evaluate_naming(aligner: PretrainedAligner, device: str, as_json: bool, ends: int) -> int:
    """Of an open vocabulary: every method on pictures that nothing was fitted to."""
    from seda.benchmark.open_vocabulary import name_pictures

    rows = [row.to_dict() for row in name_pictures(aligner, load_encoder(aligner.card.encoder, device), ends=ends)]
    if as_json:
        terminal.print_json(rows)
    else:
        shown = [[f"{cell:.3f}" if isinstance(cell, float) else str(cell) for cell in row.values()] for row in rows]
        terminal.print_table([("task", "method", "pictures", "texts", "recall@1", "recall@10"), *shown])
    return ANSWERED
