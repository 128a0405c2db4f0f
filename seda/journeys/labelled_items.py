"""Items whose right word is known, encoded: what a diagnosis and a sweep begin with. Here of a file of features."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from seda.class_texts import PHRASINGS, fill_template
from seda.data.truth import UNLABELLED, truth_of
from seda.errors import EncoderError, FingerprintError, ShapeError

if TYPE_CHECKING:
    from torch import Tensor

    from seda.aligner import PretrainedAligner
    from seda.data.feature_file import FeatureFile

ALL, TEST, TRAIN = "all", "test", "train"
SPLITS = (TEST, TRAIN, ALL)
EncodeTexts = Callable[[Sequence[str]], "Tensor"]


@dataclass(frozen=True, eq=False)
class LabelledItems:
    """Items whose right word is known, encoded.

    Attributes:
        names: paths of files, or rows of a file.
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
    encode_texts: EncodeTexts
    further: tuple[Tensor, ...] = ()

    def class_texts(self, template: str) -> Tensor:
        """Features [k, d] of the class texts in a template.

        Raises:
            ClassTextError: it does not hold {} exactly once.
            EncoderError: see encode_texts.
        """
        return self.encode_texts(fill_template(template, self.class_names))

    def other_phrasings(self, own: str, on_note: Callable[[str], object]) -> list[Tensor]:
        """The class texts in other words, [k, d] each: a file's own phrasings, or PHRASINGS without the own one; none where nothing can
        encode them, which is told in a sentence."""
        if self.further:
            return list(self.further)
        try:
            return [self.class_texts(template) for template in PHRASINGS if template != own]
        except (EncoderError, FingerprintError) as error:
            on_note(f"Other phrasings are not tried, so no error is called the wording's: {error.message}")
            return []


def items_of_file(
    file: FeatureFile,
    aligner: PretrainedAligner,
    encode_texts: EncodeTexts,
    *,
    split: str | None = None,
    given: Sequence[str] = (),
    on_note: Callable[[str], object],
) -> LabelledItems:
    """The labelled rows of a file of features.

    Args:
        aligner: that they are to travel with.
        encode_texts: of the aligner's encoder, for texts of which the file has no features; asked when they are needed.
        split: one of SPLITS; None for the test rows where the file has some, else all.
        given: class texts in the place of the file's own; rows of other classes are left out.
        on_note: told in a sentence of what is left out.
    Raises:
        FingerprintError: the features are those of another encoder than the aligner's.
        ShapeError: they have another width.
        DataError: no class of the file is among the given class texts.
    """
    import torch

    parts = {TRAIN: file.train, TEST: file.test}
    split = split or (TEST if len(file.test) else ALL)
    chosen = {name: part for name, part in parts.items() if split in (name, ALL) and len(part)}
    count, total = sum(map(len, chosen.values())), len(file.train) + len(file.test)
    if count < total:
        on_note(f"{count:,} of {total:,} rows are used, those of the {split} split.")
    own = file.train.class_names
    labels, words = np.concatenate([np.zeros(0, np.int64), *(part.labels for part in chosen.values())]), own
    names = [f"{name} {row}" for name, part in chosen.items() for row in range(len(part))]
    check_fits(file, aligner)
    if given:
        truth = truth_of([own[label] for label in labels], given, what="rows")
        for note in truth.notes:
            on_note(note)
        labels, words = np.array(truth.labels, np.int64), truth.class_names
    kept = np.flatnonzero(labels != UNLABELLED)
    width = file.train.image_features.shape[1]
    features = np.concatenate([np.zeros((0, width), np.float32), *(part.image_features for part in chosen.values())])
    return LabelledItems(
        tuple(names[row] for row in kept), torch.from_numpy(features[kept]), labels[kept], words, tuple(kept.tolist()),
        _text_encoder(file, encode_texts), _phrasings(file, words),
    )  # fmt: skip


def check_fits(file: FeatureFile, aligner: PretrainedAligner) -> None:
    """
    Raises:
        FingerprintError: the features are those of another encoder than the aligner's.
        ShapeError: they have another width.
    """
    aligner.check_encoder(file.encoder, file.train.encoder_fingerprint)
    width, wanted = file.train.image_features.shape[1], aligner.card.model.image_dim
    if width != wanted:
        raise ShapeError(
            f"{file.name} has features of width {width}; the aligner {aligner.card.name!r} takes those of width {wanted}.",
            remedy="Use features of the aligner's own encoder, or train an aligner for these with `python -m seda train`.",
        )


def _phrasings(file: FeatureFile, class_names: Sequence[str]) -> tuple[Tensor, ...]:
    """The file's phrasings of these class texts after the first, [k, d] each; none where it lacks one of the texts."""
    import torch

    own = file.train.class_names
    if file.class_text_features is None or not set(class_names) <= set(own):
        return ()
    rows = [own.index(name) for name in class_names]
    return tuple(torch.from_numpy(part) for part in np.moveaxis(file.class_text_features[rows], 1, 0)[1:])


def _text_encoder(file: FeatureFile, encode_texts: EncodeTexts) -> EncodeTexts:
    """Features of the file's own texts as they stand there, of others by the encoder."""
    import torch

    own = {}
    if file.class_text_features is not None:
        first = torch.from_numpy(file.class_text_features[:, 0].copy())
        own = dict(zip(file.train.class_names, first, strict=True))

    def encode(texts: Sequence[str]) -> Tensor:
        known = {text: own[text] for text in texts if text in own}
        if unknown := [text for text in dict.fromkeys(texts) if text not in known]:
            known |= dict(zip(unknown, encode_texts(unknown), strict=True))
        return torch.stack([known[text] for text in texts])

    return encode
