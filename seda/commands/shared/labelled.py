"""Labelled pictures, or a file of labelled features, with an aligner: what diagnose and sweep begin with."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from seda.card import read_card
from seda.class_texts import PHRASINGS, fill_template, unread_notes
from seda.commands.shared import terminal
from seda.commands.shared.inputs import class_texts, feature_file, find_pictures, read_pictures, say_left_out
from seda.commands.shared.loading import choose_device, load_encoder
from seda.commands.shared.options import add_aligner, add_classes, add_device
from seda.data.truth import FOLDERS, UNLABELLED, Truth, raw_labels, truth_of
from seda.errors import ConfigError, EncoderError, FingerprintError
from seda.images import NamedImage

if TYPE_CHECKING:
    from torch import Tensor

    from seda.aligner import PretrainedAligner
    from seda.data.feature_file import FeatureFile
    from seda.encoders.base import Encoder

BATCH = 64  # pictures that are in memory at a time
SPLITS = ("test", "train", "all")


@dataclass(frozen=True, eq=False)
class LabelledItems:
    """Items whose right word is known, encoded.

    Attributes:
        names: paths of pictures, or rows of a file.
        image_features: float32 [n, D].
        labels: int64 [n], index into class_names.
        class_names: k class texts.
        item_seeds: n numbers for their noise, those of `trace`.
        encode_texts: filled templates to features [k, d]; raises EncoderError where no encoder is at hand and the file has no features of them.
        further: a file's other phrasings of its own class texts, [k, d] each.
    """

    names: tuple[str, ...]
    image_features: Tensor
    labels: np.ndarray
    class_names: tuple[str, ...]
    item_seeds: tuple[int, ...]
    encode_texts: Callable[[Sequence[str]], Tensor]
    further: tuple[Tensor, ...] = ()

    def class_texts(self, template: str) -> Tensor:
        """Features [k, d] of the class texts in a template.

        Raises:
            ClassTextError: it does not hold {} exactly once.
            EncoderError: see encode_texts.
        """
        return self.encode_texts(fill_template(template, self.class_names))

    def other_phrasings(self, own: str) -> list[Tensor]:
        """The class texts in other words, [k, d] each: a file's own phrasings, or PHRASINGS without the own one; none where nothing can
        encode them, which is said."""
        if self.further:
            return list(self.further)
        try:
            return [self.class_texts(template) for template in PHRASINGS if template != own]
        except (EncoderError, FingerprintError) as error:
            terminal.say(f"Other phrasings are not tried, so no error is called the wording's: {error.message}")
            return []


def add_labelled(parser: argparse.ArgumentParser) -> None:
    """Pictures or features, what says which word is right, and what answers; see `read_labelled`."""
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
    """What the options of `add_labelled` name, encoded; None where no labelled picture could be read, which is said.

    Raises:
        ConfigError: pictures and features came together.
        SedaError: labels, class texts, features or aligner cannot be used.
    """
    files = [file for path in arguments.paths if (file := feature_file(path))]
    if files and len(arguments.paths) > 1:
        raise ConfigError(
            f"{len(arguments.paths)} paths came, {len(files)} of them of features; a file of features comes alone.",
            remedy="Give one features:FILE, or pictures.",
        )
    read_card(arguments.aligner)  # a wrong name is said before torch is imported

    return _read_features(files[0], arguments) if files else _read_labelled_pictures(arguments)


def _given_names(arguments: argparse.Namespace) -> tuple[str, ...]:
    given = arguments.classes is not None or arguments.classes_file is not None
    return class_texts(arguments).names if given else ()


def _read_labelled_pictures(arguments: argparse.Namespace) -> tuple[LabelledItems | None, PretrainedAligner]:
    found = list(find_pictures(arguments.paths))
    files = [file for _, file in found if isinstance(file, Path)]
    truth = truth_of(raw_labels(files, arguments.labels, on_note=terminal.say), _given_names(arguments))
    terminal.say_all(truth.notes)
    say_left_out(read_pictures((name, file) for name, file in found if not isinstance(file, Path))[1])

    import torch

    from seda.aligner import load_aligner
    from seda.journeys.tracing import content_seed

    device = choose_device(arguments)
    aligner = load_aligner(arguments.aligner, device)
    encoder = load_encoder(aligner.card.encoder, device)
    aligner.check_encoder(encoder.name, encoder.fingerprint)
    terminal.say_all(unread_notes(encoder.unread_texts(truth.class_names)))
    names, labels, features, seeds = [], [], [], []
    for images, right in _batches(files, truth):
        features.append(encoder.encode_images([item.image for item in images]).cpu())
        names += [item.name for item in images]
        labels += [right[item.name] for item in images]
        seeds += [content_seed(NamedImage(item.name, item.image)) for item in images]
    if not features:
        terminal.say("error: no labelled image could be read.")
        return None, aligner
    items = LabelledItems(
        tuple(names), torch.cat(features), np.array(labels, np.int64), truth.class_names, tuple(seeds), encoder.encode_texts
    )  # fmt: skip
    return items, aligner


def _batches(files: Sequence[Path], truth: Truth) -> Iterable[tuple[list[NamedImage], dict[str, int]]]:
    """Labelled pictures that can be read, BATCH at a time, with their labels by name."""
    wanted = [(str(file), file, label) for file, label in zip(files, truth.labels, strict=True) if label != UNLABELLED]
    for first in range(0, len(wanted), BATCH):
        part = wanted[first : first + BATCH]
        images, failures = read_pictures((name, file) for name, file, _ in part)
        say_left_out(failures)
        if images:
            yield images, {name: label for name, _, label in part}
        terminal.progress("looked at", min(first + BATCH, len(wanted)), len(wanted))


def _read_features(file: str, arguments: argparse.Namespace) -> tuple[LabelledItems, PretrainedAligner]:
    import torch

    from seda.aligner import load_aligner
    from seda.data.feature_file import read_feature_file

    given = _given_names(arguments)
    read = read_feature_file(file, needs_test=arguments.split == "test")
    parts = {"train": read.train, "test": read.test}
    has_test = len(read.test) > 0
    split = arguments.split or ("test" if has_test else "all")
    chosen = [part for name, part in parts.items() if split in (name, "all") and len(part)]
    count, total = sum(map(len, chosen)), len(read.train) + len(read.test)
    if count < total:
        terminal.say(f"{count:,} of {total:,} rows are used, those of the {split} split; --split all takes all.")
    own = read.train.class_names
    numbers = np.concatenate([part.labels for part in chosen]) if chosen else np.zeros(0, np.int64)
    names = tuple(f"{name} {row}" for name, part in parts.items() if part in chosen for row in range(len(part)))
    aligner = load_aligner(arguments.aligner, choose_device(arguments))
    aligner.check_encoder(read.encoder, read.train.encoder_fingerprint)
    labels, words = numbers, own
    if given:
        truth = truth_of([own[label] for label in numbers], given, what="rows")
        terminal.say_all(truth.notes)
        labels, words = np.array(truth.labels, np.int64), truth.class_names
    kept = np.flatnonzero(labels != UNLABELLED)
    features = torch.from_numpy(np.concatenate([part.image_features for part in chosen])[kept])
    items = LabelledItems(
        tuple(names[row] for row in kept), features, labels[kept], words, tuple(kept.tolist()),
        _text_encoder(read, aligner, arguments), _phrasings(read, words),
    )  # fmt: skip
    return items, aligner


def _phrasings(file: FeatureFile, class_names: Sequence[str]) -> tuple[Tensor, ...]:
    """The file's phrasings of these class texts after the first, [k, d] each; none where it lacks one of the texts."""
    import torch

    own = file.train.class_names
    if file.class_text_features is None or not set(class_names) <= set(own):
        return ()
    rows = [own.index(name) for name in class_names]
    return tuple(torch.from_numpy(part) for part in np.moveaxis(file.class_text_features[rows], 1, 0)[1:])


def _text_encoder(
    file: FeatureFile, aligner: PretrainedAligner, arguments: argparse.Namespace
) -> Callable[[Sequence[str]], Tensor]:
    """Features of the file's own texts as they stand there, of others by the aligner's encoder, which is loaded when one is asked for."""
    import torch

    own = {}
    if file.class_text_features is not None:
        first = torch.from_numpy(file.class_text_features[:, 0].copy())
        own = dict(zip(file.train.class_names, first, strict=True))
    loaded: list[Encoder] = []

    def encode(texts: Sequence[str]) -> Tensor:
        known = {text: own[text] for text in texts if text in own}
        if unknown := [text for text in dict.fromkeys(texts) if text not in known]:
            if not loaded:
                encoder = load_encoder(aligner.card.encoder, choose_device(arguments))
                aligner.check_encoder(encoder.name, encoder.fingerprint)
                loaded.append(encoder)
            known |= dict(zip(unknown, loaded[0].encode_texts(unknown), strict=True))
        return torch.stack([known[text] for text in texts])

    return encode
