"""ModalAligner: one semantic space for m modalities, each with an `Aligner` for any words and one for the space's own classes.

A modality has a first stage of its own, from its features to the category centers that all share, and a translator of its own, from
there to texts. A folder of it has

    space.json                  modalities, categories, and which encoders their features are of
    NAME.safetensors            weights of each modality for any words
    NAME-classes.safetensors    weights for the classes

Shapes: n items, D width of a modality's features, d common width, c categories, k class texts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from seda.aligner import Aligner, Alignment
from seda.config import ModelConfig, SamplingConfig
from seda.errors import AlignerError, FileFormatError, FingerprintError
from seda.schema import Line, Schema, Text, check
from seda.storage import ArrayInfo, read_arrays, read_json, write_arrays, write_json

CARD = "space.json"
MAX_CATEGORIES = 100_000
_NAME = r"^[a-z][a-z0-9_-]{0,39}$"


class _Modality(Schema):
    """What a card says of a modality."""

    model: dict[str, Any]
    encoder: Line
    encoder_fingerprint: Line


class _Card(Schema):
    """The whole card."""

    format: Literal["seda-modalities"]
    version: Literal[1]
    name: Line
    categories: Annotated[tuple[Text, ...], Field(min_length=2, max_length=MAX_CATEGORIES)]
    modalities: dict[Annotated[str, Field(pattern=_NAME)], _Modality]
    data: dict[str, Any] = Field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class ModalAligner:
    """See above.

    Attributes:
        name: for people.
        aligners: by modality, for any words; all have the same class centers and text scaler.
        class_aligners: the same for the classes that the space was fitted to.
        categories: names of the c categories.
        encoders: name and fingerprint of each modality's encoder; "" where nobody has said.
        data: what it was fitted to, JSON values.
    """

    name: str
    aligners: Mapping[str, Aligner]
    class_aligners: Mapping[str, Aligner]
    categories: tuple[str, ...]
    encoders: Mapping[str, tuple[str, str]]
    data: Mapping[str, Any]

    def of(self, modality: str, *, classes: bool = False) -> Aligner:
        """The aligner of a modality, for any words or for the classes.

        Raises:
            AlignerError: it has none.
        """
        if modality not in self.aligners:
            raise AlignerError(
                f"The modality {modality!r:.60} came; {self.name} has {', '.join(self.aligners)}.",
                remedy="Choose one of these, or fit a space with a file that holds it.",
            )
        return (self.class_aligners if classes else self.aligners)[modality]

    def check_encoder(self, modality: str, name: str, fingerprint: str) -> None:
        """Refuse features of another encoder.

        Raises:
            FingerprintError: names both encoders.
        """
        own, own_fingerprint = self.encoders[modality]
        if own_fingerprint and fingerprint != own_fingerprint:
            raise FingerprintError(
                f"{self.name} knows the modality {modality} by {own!r} ({own_fingerprint}); these features come from {name!r} "
                f"({fingerprint}).",
                remedy="Use the same encoder, or fit a space for this one.",
            )

    def align(
        self,
        modality: str,
        features: Tensor,
        class_text_features: Tensor,
        sampling: SamplingConfig,
        *,
        classes: bool = False,
        item_seeds: Sequence[int] | None = None,
        answer_only: bool = False,
    ) -> Alignment:
        """Both stages for items of one modality, features [n, D] to class texts [k, d]; see `Aligner.align`.

        Args:
            classes: whether the texts are the classes that the space was fitted to.
        Raises:
            AlignerError: there is no such modality.
            ShapeError: widths do not fit, or there are fewer than two class texts.
        """
        return self.of(modality, classes=classes).align(
            features, class_text_features, sampling, item_seeds=item_seeds, answer_only=answer_only, tell_fit=False
        )

    @torch.inference_mode()
    def places(self, modality: str, features: Tensor) -> Tensor:
        """Where items [n, D] of a modality are among texts, of length 1 [n, d]: the directions that its translator's belief is read
        from, by their weights. What is to be retrieved, of whatever modality, is compared there."""
        aligner = self.of(modality)
        posterior = aligner.translator.word_posterior
        assert posterior is not None, "Spaces of several modalities are for any words."
        condition = aligner.condition_scaler(features.to(torch.float32))
        belief = aligner.learner.belief(condition, aligner.class_centers)
        weighted = posterior.directions(condition, belief) * posterior.weights[1:, None]
        return torch.nn.functional.normalize(weighted.sum(1), dim=1)

    def save(self, folder: Path | str) -> Path:
        """Write card and weights; weights are expected to be exact in half precision.

        Raises:
            StorageError: the disk is full or the folder cannot be written.
        """
        folder, told = Path(folder), {}
        for name, aligner in self.aligners.items():
            for file, one in _files(name, aligner, self.class_aligners[name]):
                arrays = {key: value.cpu().numpy() for key, value in one.state_dict().items()}
                write_arrays(folder / file, {key: _halved(value) for key, value in arrays.items()})
            encoder, fingerprint = self.encoders[name]
            told[name] = {"model": aligner.config.to_dict(), "encoder": encoder, "encoder_fingerprint": fingerprint}
        card = {"format": "seda-modalities", "version": 1, "name": self.name, "categories": list(self.categories)}
        write_json(folder / CARD, {**card, "modalities": told, "data": dict(self.data)})
        return folder


_T = TypeVar("_T")


def _files(name: str, any_words: _T, classes: _T) -> tuple[tuple[str, _T], ...]:
    return (f"{name}.safetensors", any_words), (f"{name}-classes.safetensors", classes)


def _halved(value: np.ndarray) -> np.ndarray:
    half = value.astype(np.float16)
    exact = value.dtype == np.float32 and np.array_equal(half.astype(np.float32), value)
    return half if exact else value


def load_modal_aligner(folder: Path | str) -> ModalAligner:
    """Read what `ModalAligner.save` wrote, in eval mode.

    Raises:
        FileFormatError: a file is missing, damaged, or of another version.
    """
    folder = Path(folder)
    card: _Card = check(_Card, read_json(folder / CARD), str(folder / CARD))
    count, found = len(card.categories), {}
    for name, told in card.modalities.items():
        model = ModelConfig.from_dict(told.model)
        found[name] = [_load(folder / file, model, count) for file, _ in _files(name, 0, 1)]
    return ModalAligner(
        card.name,
        {name: pair[0] for name, pair in found.items()},
        {name: pair[1] for name, pair in found.items()},
        card.categories,
        {name: (told.encoder, told.encoder_fingerprint) for name, told in card.modalities.items()},
        card.data,
    )


def _load(path: Path, model: ModelConfig, count: int) -> Aligner:
    """An aligner of so many categories, whose file was checked before memory was taken for it."""
    with torch.device("meta"):  # sizes without memory
        expected = Aligner(model, count).state_dict()

    def fits(infos: Mapping[str, ArrayInfo], _: Any) -> None:
        for key in sorted({*expected, *infos}):
            if key not in infos or key not in expected or tuple(expected[key].shape) != infos[key].shape:
                raise _wrong(path, f"do not fit their card ({key})")

    arrays, _ = read_arrays(path, fits)
    for key, value in arrays.items():
        if value.dtype.kind == "f" and not np.isfinite(value).all():
            raise _wrong(path, f"hold values that are not finite ({key})")
        if key.endswith(".members") and not (value.min() >= 0 and value.max() < model.words):
            raise _wrong(path, f"hold indices beyond {model.words - 1}")
    aligner = Aligner(model, count)
    wide = {key: value.astype(np.float32) if value.dtype == np.float16 else value for key, value in arrays.items()}
    aligner.load_state_dict({key: torch.from_numpy(value) for key, value in wide.items()})
    return aligner.eval().requires_grad_(False)


def _wrong(path: Path, what: str) -> FileFormatError:
    return FileFormatError(f"The weights in {path} {what}.", remedy="Fit the space again.")
