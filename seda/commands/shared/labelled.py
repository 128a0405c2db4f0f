"""Labelled items, or a file of labelled features, with an aligner: what diagnose and sweep begin with."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from seda.card import read_card
from seda.class_texts import unread_notes
from seda.commands.shared import terminal
from seda.commands.shared.inputs import class_texts, feature_file, find_items, read_items, say_left_out
from seda.commands.shared.loading import choose_device, load_encoder
from seda.commands.shared.options import add_aligner, add_classes, add_device
from seda.data.truth import FOLDERS, UNLABELLED, Truth, raw_labels, truth_of
from seda.errors import ConfigError
from seda.images import NamedImage
from seda.journeys.labelled_items import SPLITS, TEST, LabelledItems, items_of_file

if TYPE_CHECKING:
    from torch import Tensor

    from seda.aligner import PretrainedAligner
    from seda.encoders.base import Encoder

BATCH = 64  # items that are in memory at a time


def add_labelled(parser: argparse.ArgumentParser) -> None:
    """Items or features, what says which word is right, and what answers; see `read_labelled`."""
    parser.add_argument(
        "paths", nargs="+", metavar="PATH", help="an image, a folder of images, or features:FILE, see docs/feature-files.md"
    )  # fmt: skip
    parser.add_argument(
        "--labels", default=FOLDERS, metavar="folders|names|FILE.csv",
        help="what says which word is right: the folder that a picture is in (default), its name without a number, or a table with "
        "the columns file and label; a file of features has labels of its own",
    )  # fmt: skip
    parser.add_argument(
        "--split", choices=SPLITS, help="of a file of features; default: test where it has one, else all"
    )
    add_classes(parser, "class texts; default: what the labels say")
    parser.add_argument("--template", metavar="TEXT", help="put around each class text; default: the aligner's own")
    add_aligner(parser)
    add_device(parser)


def read_labelled(arguments: argparse.Namespace) -> tuple[LabelledItems | None, PretrainedAligner]:
    """What the options of `add_labelled` name, encoded; None where no labelled item could be read, which is said.

    Raises:
        ConfigError: files of items and of features came together.
        SedaError: labels, class texts, features or aligner cannot be used.
    """
    files = [file for path in arguments.paths if (file := feature_file(path))]
    if files and len(arguments.paths) > 1:
        raise ConfigError(
            f"{len(arguments.paths)} paths came, {len(files)} of them of features; a file of features comes alone.",
            remedy="Give one features:FILE, or pictures.",
        )
    read_card(arguments.aligner)  # a wrong name is said before torch is imported

    return _read_features(files[0], arguments) if files else _read_labelled_items(arguments)


def _given_names(arguments: argparse.Namespace) -> tuple[str, ...]:
    given = arguments.classes is not None or arguments.classes_file is not None
    return class_texts(arguments).names if given else ()


def _read_labelled_items(arguments: argparse.Namespace) -> tuple[LabelledItems | None, PretrainedAligner]:
    found = list(find_items(arguments.paths))
    files = [file for _, file in found if isinstance(file, Path)]
    truth = truth_of(raw_labels(files, arguments.labels, on_note=terminal.say), _given_names(arguments))
    terminal.say_all(truth.notes)
    say_left_out(read_items((name, file) for name, file in found if not isinstance(file, Path))[1])

    import torch

    from seda.aligner import load_aligner
    from seda.journeys.tracing import content_seed

    device = choose_device(arguments)
    aligner = load_aligner(arguments.aligner, device)
    encoder = load_encoder(aligner.card.encoder, device)
    aligner.check_encoder(encoder.name, encoder.fingerprint)
    terminal.say_all(unread_notes(encoder.unread_texts(truth.class_names), encoder.languages))
    names, labels, features, seeds = [], [], [], []
    for part, right in _batches(files, truth):
        features.append(encoder.encode_images([item.image for item in part]).cpu())
        names += [item.name for item in part]
        labels += [right[item.name] for item in part]
        seeds += [content_seed(NamedImage(item.name, item.image)) for item in part]
    if not features:
        terminal.say("error: no labelled image could be read.")
        return None, aligner
    items = LabelledItems(
        tuple(names), torch.cat(features), np.array(labels, np.int64), truth.class_names, tuple(seeds), encoder.encode_texts
    )  # fmt: skip
    return items, aligner


def _batches(files: Sequence[Path], truth: Truth) -> Iterable[tuple[list[NamedImage], dict[str, int]]]:
    """Labelled items that can be read, BATCH at a time, with their labels by name."""
    wanted = [(str(file), file, label) for file, label in zip(files, truth.labels, strict=True) if label != UNLABELLED]
    for first in range(0, len(wanted), BATCH):
        part = wanted[first : first + BATCH]
        items, failures = read_items((name, file) for name, file, _ in part)
        say_left_out(failures)
        if items:
            yield items, {name: label for name, _, label in part}
        terminal.progress("looked at", min(first + BATCH, len(wanted)), len(wanted))


def _read_features(file: str, arguments: argparse.Namespace) -> tuple[LabelledItems, PretrainedAligner]:
    from seda.aligner import load_aligner
    from seda.data.feature_file import read_feature_file

    given = _given_names(arguments)
    read = read_feature_file(file, needs_test=arguments.split == TEST, needs_train=False)
    aligner = load_aligner(arguments.aligner, choose_device(arguments))
    loaded: list[Encoder] = []

    def encode(texts: Sequence[str]) -> Tensor:
        if not loaded:
            encoder = load_encoder(aligner.card.encoder, choose_device(arguments))
            aligner.check_encoder(encoder.name, encoder.fingerprint)
            loaded.append(encoder)
        return loaded[0].encode_texts(texts)

    items = items_of_file(read, aligner, encode, split=arguments.split, given=given, on_note=terminal.say)
    if arguments.split is None and len(read.train) and len(read.test):
        terminal.say("--split all takes all rows.")
    return items, aligner
