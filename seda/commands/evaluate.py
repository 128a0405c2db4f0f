"""evaluate: accuracy and calibration of an aligner on a data set."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seda.card import CROSSFIT_LEAST_FIT, EVALUATION, WORDS_ALONE, AlignerCard, read_card
from seda.commands.shared import terminal
from seda.commands.shared.exit_status import ANSWERED
from seda.commands.shared.inputs import feature_file, say_left_out
from seda.commands.shared.labelled import SPLITS
from seda.commands.shared.loading import choose_device, load_encoder
from seda.commands.shared.options import Commands, add_aligner, add_device, add_json, positive
from seda.data.base import SPLITS as DATA_SPLITS
from seda.errors import DataError

if TYPE_CHECKING:
    from seda.aligner import PretrainedAligner
    from seda.data.base import ImageDataset
    from seda.data.feature_set import FeatureSet
    from seda.encoders.base import Encoder, TextEncoder

# What the table says of a figure of `seda.benchmark.evaluate.Evaluation`: its name and its meaning
MEANINGS = {
    "top1_accuracy": ("top1 accuracy", "of the answers: the most probable word"),
    "nll": ("nll", "of the answers, nats"),
    "brier": ("brier", "of the answers, 0 to 2"),
    "ece": ("ece", "of the answers, how far sureness is from accuracy"),
    "state_accuracy_start": ("path begins at its word", "the word nearest to the path where it leaves for the words, in noise"),
    "state_accuracy_end": ("path ends at its word", "the word nearest to the path's end: one draw, which may be another word than the answer"),
}  # fmt: skip


def add(commands: Commands) -> None:
    """Add the command and its options."""
    parser = commands.add_parser("evaluate", help="accuracy and calibration on a data set")
    parser.set_defaults(run=run)
    add_aligner(parser)
    parser.add_argument("--dataset", help="default: the one that the aligner was trained on")
    parser.add_argument("--data-dir", metavar="DIR", type=Path, help="where the data set's files are")
    parser.add_argument(
        "--split", choices=SPLITS, default="test", help="all: test and train together; default %(default)s"
    )
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
    from seda.data.feature_set import FeatureSet
    from seda.data.features import chosen_indices

    name = arguments.dataset or _own_dataset(card)
    device = choose_device(arguments)
    aligner = load_aligner(arguments.aligner, device)
    if EVALUATION in card.data and not arguments.dataset:
        return _evaluate_naming(aligner, device, arguments.json, arguments.ends)
    limit, split = arguments.limit, arguments.split
    encoder: TextEncoder
    if file := feature_file(name):
        read = read_feature_file(file, needs_test=split == "test", needs_train=False)
        parts = {"train": read.train, "test": read.test}
        features = FeatureSet.joined([part for key, part in parts.items() if split in (key, "all")], split)
        features = features.take(chosen_indices(len(features), limit))
        shown, total, trained_on = read.name, len(read.train) + len(read.test), read.train.data_fingerprint
        aligner.check_encoder(read.encoder, features.encoder_fingerprint)
        encoder = FileTexts(read)
    else:
        dataset, encoder = load_dataset(name, arguments.data_dir), (loaded := load_encoder(card.encoder, device))
        say_left_out(getattr(dataset, "failures", ()))
        features = _encoded(dataset, loaded, split, limit)
        shown, total, trained_on = dataset.name, sum(map(dataset.count, DATA_SPLITS)), dataset.fingerprint("train")
    own = trained_on == card.data.get("fingerprint")
    seen = own and split != "test"
    terminal.say(_which(features, total, shown, limit, own))
    figures = evaluate_aligner(
        aligner, encoder, features, on_progress=lambda done, total: terminal.progress("aligning", done, total)
    ).to_dict()
    result = {"aligner": card.name, "dataset": shown, "images_in_all": total, "holds_training_images": seen, **figures}
    if arguments.json:
        terminal.print_json(result)
    else:
        terminal.print_table(_rows(result))
    return ANSWERED


def _encoded(dataset: ImageDataset, encoder: Encoder, split: str, limit: int | None) -> FeatureSet:
    """Features of a split, or of both; a limit is shared out between them by how many images they have."""
    from seda.data.feature_set import FeatureSet
    from seda.data.features import encode_split

    def encode(one: str, most: int | None) -> FeatureSet:
        return encode_split(
            dataset, one, encoder, limit=most, on_progress=lambda done, total: terminal.progress("encoding images", done, total)
        )  # fmt: skip

    if split != "all":
        return encode(split, limit)
    counts = {one: dataset.count(one) for one in DATA_SPLITS if dataset.count(one)}
    total = sum(counts.values())
    if limit is None or limit >= total:
        shares: dict[str, int | None] = dict.fromkeys(counts)
    else:
        of_train = round(limit * counts.get("train", 0) / total)
        shares = {one: most for one, most in (("train", of_train), ("test", limit - of_train)) if most}
    return FeatureSet.joined([encode(one, most) for one, most in shares.items()], split)


def _which(features: FeatureSet, total: int, dataset: str, limit: int | None, own: bool) -> str:
    """A sentence on how many of a data set's images are used, and why; `own`: whether the aligner was trained on its train split."""
    count, split = len(features), features.split
    part = "the test and the train split" if split == "all" else f"the {split} split"
    if split == "test" and dataset.startswith("folder:"):
        part += " (DIR/test, or else a fifth of each class)"
    random = "a random part of " if limit is not None and count == limit else ""
    told = f"{count:,} of {total:,} images are used, {random}{part}."
    if own and split != "test":
        return f"{told} This aligner was trained on images among them: the figures are better than those on new ones."
    if own:
        return f"{told} On the train split this aligner was trained."
    if split != "all" and count < total:
        return f"{told} This aligner was not trained on this data set: --split all may take all of it."
    return told


def _rows(result: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Each figure with its value and what it says."""
    rows = []
    for key, value in result.items():
        name, meaning = MEANINGS.get(key, (key.replace("_", " "), ""))
        shown = (
            ("no", "yes")[value]
            if isinstance(value, bool)
            else f"{value:.4f}"
            if isinstance(value, float)
            else str(value)
        )
        rows.append((name, shown, meaning))
    return rows


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
    from seda.benchmark.open_vocabulary import name_pictures, refusals

    encoder = load_encoder(aligner.card.encoder, device)
    rows = [row.to_dict() for row in name_pictures(aligner, encoder, ends=ends)]
    refused = (
        [row.to_dict() for row in refusals(aligner, encoder)] if CROSSFIT_LEAST_FIT in aligner.card.metrics else []
    )
    if as_json:
        terminal.print_json({"naming": rows, "none_of_these": refused})
        return ANSWERED

    def shown(rows: list[dict[str, Any]]) -> list[list[str]]:
        return [[f"{cell:.3f}" if isinstance(cell, float) else str(cell) for cell in row.values()] for row in rows]

    terminal.print_table([("task", "method", "pictures", "texts", "recall@1", "recall@10"), *shown(rows)])
    if refused:
        print()
        heading = ("none of these, beside", "with the right word", "without", "right refused", "wrong refused")
        terminal.print_table([heading, *shown(refused)])
    return ANSWERED
