"""Frozen features, SeDA's states and class texts, scaled: all that clients and server work with.

What is shared is public: the encoder, the names of the classes, and an aligner that was made beforehand (SeDA's scalers and paths).
Each client lets its own items travel with it; no item, label or state leaves a client. An aligner that was trained on the
very items would bring pooled labels to everybody, and is refused.
With category centers each client sends once how many items of each class it has, and their sum: what adds up to SeDA's category
centers. No item is sent, but a sum of few items is nearly one: add them up in secret (secure aggregation), which is not built here.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from seda.config import SamplingConfig
from seda.data.feature_set import FeatureSet
from seda.errors import AlignerError, DataError
from seda.evaluation.alignment import unit
from seda.federation.sums import Sums
from seda.storage import fingerprint, read_arrays, write_arrays

if TYPE_CHECKING:
    from collections.abc import Callable

    from seda.aligner import PretrainedAligner

STEPS = 10  # of each of SeDA's stages; chosen here: the answers of more are the same
ANCHORS = HAND_OVER, END = ("hand-over", "end")  # which of SeDA's states anchors: where stage 1 ends, or stage 2
VALIDATION_SHARE = 1 / 7  # of the training items, which the server holds
AT_ONCE = 512  # items that travel together


@dataclass(frozen=True, eq=False)
class Items:
    """Items of one split, float32 but for the labels.

    Attributes:
        inputs: [n, D], what the adapter reads.
        base: [n, d], where it begins.
        anchors: [n, d], SeDA's states; [0, d] without.
        texts: [n, d], each item's own text, scaled; [0, d] without.
        labels: int64 [n].
    """

    inputs: np.ndarray
    base: np.ndarray
    anchors: np.ndarray
    texts: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: np.ndarray) -> Items:
        """Some of them, in this order."""
        return Items(
            **{part.name: value[rows] if len(value := getattr(self, part.name)) else value for part in fields(self)}
        )

    def view(self, modality: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Inputs, base and anchors by one modality. An item's own text is its own anchor: SeDA's stage 2 ends at texts."""
        return (self.inputs, self.base, self.anchors) if modality == "image" else (self.texts, self.texts, self.texts)


@dataclass(frozen=True, eq=False)
class Material:
    """The three splits.

    Attributes:
        train: what is dealt to clients.
        validation: held by the server; learning rates are chosen by it.
        test: looked at when all is done.
        class_texts: float32 [k, d], scaled.
        class_names: k names.
        shared: bytes that everybody is given once, beforehand.
        notes: sentences on what anchors.
    """

    train: Items
    validation: Items
    test: Items
    class_texts: np.ndarray
    class_names: tuple[str, ...]
    shared: int = 0
    notes: tuple[str, ...] = ()

    @property
    def has_texts(self) -> bool:
        """Whether items have texts of their own."""
        return len(self.train.texts) > 0

    @cached_property
    def fingerprint(self) -> str:
        """Of all arrays."""
        return fingerprint(self._arrays())

    def _arrays(self) -> dict[str, Any]:
        arrays = {
            f"{split}.{part.name}": getattr(getattr(self, split), part.name)
            for split in ("train", "validation", "test")
            for part in fields(Items)
        }
        return arrays | {"class_texts": self.class_texts}

    def save(self, path: Path) -> Path:
        """Write it, for clients in processes of their own."""
        return write_arrays(path, self._arrays(), {"class_names": self.class_names, "shared": self.shared})

    @classmethod
    def load(cls, path: Path) -> Material:
        """Read what `save` wrote."""
        arrays, metadata = read_arrays(path)
        train, validation, test = (
            Items(**{part.name: arrays[f"{split}.{part.name}"] for part in fields(Items)})
            for split in ("train", "validation", "test")
        )
        return cls(
            train,
            validation,
            test,
            class_texts=arrays["class_texts"],
            class_names=tuple(metadata["class_names"]),
            shared=metadata["shared"],
        )

    @cached_property
    def category_centers(self) -> tuple[np.ndarray, np.ndarray]:
        """Means of each class over all clients' pictures, of inputs [k, D] and base [k, d], float32.

        Sums over clients are the sums over all, whoever holds what, so that nothing has to be sent here to have them.
        """
        members = np.eye(len(self.class_texts))[self.train.labels]  # [n, k]
        counts = np.maximum(members.sum(0), 1)[:, None]
        inputs, base = ((members.T @ part / counts).astype(np.float32) for part in (self.train.inputs, self.train.base))
        return inputs, base

    @property
    def center_bytes(self) -> int:
        """That each client sends once for the category centers: sums, and a count of each class."""
        return sum(part.nbytes for part in self.category_centers) + 4 * len(self.class_texts)

    @cached_property
    def sums(self) -> Sums:
        """Of all clients' pictures: those of the clients added up, whoever holds what."""
        return Sums.of(self.train.inputs, self.train.labels, len(self.class_texts))

    @cached_property
    def belief(self) -> tuple[np.ndarray, np.ndarray]:
        """Weight [D, k] and bias [k] of SeDA's belief by sums, see sums.py."""
        return self.sums.belief(self.validation.inputs, self.validation.labels)

    def belief_accuracy(self, split: str) -> float:
        """Share of a split's items that the belief alone answers right, without any round."""
        items, (weight, bias) = getattr(self, split), self.belief
        return float(((items.inputs @ weight + bias).argmax(1) == items.labels).mean())

    def nearest_center_accuracy(self, split: str) -> float:
        """Share of a split's items that are nearest to the right category center, without any training."""
        items, (centers, _) = getattr(self, split), self.category_centers
        distances = (centers**2).sum(1) - 2 * items.inputs @ centers.T
        return float((distances.argmin(1) == items.labels).mean())

    def anchor_accuracy(self, split: str) -> float | None:
        """Share of a split's items whose anchor is nearest to the right class text, without any training; None without anchors."""
        items: Items = getattr(self, split)
        if not len(items.anchors):
            return None
        return float(((unit(items.anchors) @ unit(self.class_texts).T).argmax(1) == items.labels).mean())


def material_of(
    train: FeatureSet,
    test: FeatureSet,
    class_text_features: np.ndarray,
    guide: PretrainedAligner | None,
    *,
    anchor: str = END,
    seed: int = 0,
    on_progress: Callable[[str, int, int], object] | None = None,
) -> Material:
    """Scale features, hold validation items back, and let all training items travel.

    Args:
        train, test: features as the encoder gave them.
        class_text_features: [k, d] likewise.
        guide: the shared aligner; None where there is none for these features: then nothing is distilled, inputs are each item's own
            numbers at mean 0 and variance 1, and the adapter begins at their random projection, the same for all.
        anchor: a name of ANCHORS.
        seed: of the split into training and validation.
        on_progress: told (what, done, of how many).
    Raises:
        AlignerError: the guide was trained on these very items.
        DataError: a class has fewer than two training items.
    """
    import torch

    from seda.training.fit import split_validation

    if guide is not None:
        _refuse_pooled_labels(guide, train)
    counts = np.bincount(train.labels, minlength=len(train.class_names))
    if counts.min() < 2:
        name = train.class_names[int(counts.argmin())]
        raise DataError(
            f"The class {name!r:.60} has {counts.min()} training items; at least 2 are needed, one of them to choose by.",
            remedy="Add items, or leave the class out.",
        )
    kept, held_out = (part.numpy() for part in split_validation(torch.from_numpy(train.labels), VALIDATION_SHARE, seed))
    parts = {"training": train.take(kept), "validation": train.take(held_out), "test": test}
    scale = _Unguided(class_text_features) if guide is None else _Guided(guide, class_text_features, anchor)

    def report(name: str, done: int, total: int) -> None:
        if on_progress is not None:
            on_progress(f"SeDA's states, {name}", done, total)

    training, validation, tested = (scale.items(part, partial(report, name)) for name, part in parts.items())
    return Material(
        training,
        validation,
        tested,
        class_texts=scale.class_texts,
        class_names=train.class_names,
        shared=scale.shared,
        notes=tuple(scale.notes),
    )


def _refuse_pooled_labels(guide: PretrainedAligner, train: FeatureSet) -> None:
    known = guide.card.data.get("fingerprint", "")
    if train.data_fingerprint in ([known] if isinstance(known, str) else known):
        raise AlignerError(
            f"The aligner {guide.card.name!r} was trained on these very items: it would hand the labels of all clients to each.",
            remedy="Give --aligner one that was trained on others, such as open-vocabulary, or none.",
        )


class _Guided:
    """Scales by the shared aligner's own scalers, and walks its paths."""

    def __init__(self, guide: PretrainedAligner, class_text_features: np.ndarray, anchor: str) -> None:
        import torch

        self._aligner, self._at_end = guide.aligner, anchor == END
        self._texts = torch.from_numpy(class_text_features)
        with torch.inference_mode():
            self.class_texts = guide.aligner.text_scaler(self._texts).numpy().copy()
        self.shared = sum(value.numel() * value.element_size() for value in guide.aligner.state_dict().values())
        self.notes = [
            f"Anchors are states of the aligner {guide.card.name!r}, shared by all and made beforehand "
            f"({guide.card.data.get('dataset', 'unknown data')})."
        ]

    def items(self, part: FeatureSet, report: Callable[[int, int], object]) -> Items:
        """Of one split."""
        import torch

        sampling = SamplingConfig(num_inference_steps=STEPS, denoiser="closed-form")
        inputs, base, anchors = [], [], []
        with torch.inference_mode():
            for first in range(0, len(part), AT_ONCE):
                features = torch.from_numpy(part.image_features[first : first + AT_ONCE])
                inputs.append(self._aligner.condition_scaler(features).numpy())
                base.append(self._aligner.image_scaler(features).numpy())
                seeds = range(first, first + len(features))
                run = self._aligner.align(features, self._texts, sampling, item_seeds=seeds, tell_fit=False)
                walked = run.translator if self._at_end else run.learner
                anchors.append(walked.states[:, -1].numpy())
                report(first + len(features), len(part))
            texts = part.image_text_features
            own = None if texts is None else self._aligner.text_scaler(torch.from_numpy(texts)).numpy().copy()
        none = np.zeros((0, self.class_texts.shape[1]), np.float32)
        return Items(
            np.concatenate(inputs), np.concatenate(base), np.concatenate(anchors), none if own is None else own, part.labels
        )  # fmt: skip


class _Unguided:
    """Scales each item by itself, so that no statistic of all clients' items is needed."""

    def __init__(self, class_text_features: np.ndarray) -> None:
        mean = class_text_features.mean(0)  # public, as the class names are
        self._mean, self._dim = mean, class_text_features.shape[1]
        self.class_texts = self._texts(class_text_features)
        self.shared, self.notes = 0, ["No aligner is shared for these features: nothing is distilled."]

    def _texts(self, features: np.ndarray) -> np.ndarray:
        return _standard(features - self._mean)

    def items(self, part: FeatureSet, report: Callable[[int, int], object]) -> Items:
        """Of one split."""
        inputs = _standard(np.sign(part.image_features) * np.sqrt(np.abs(part.image_features)))
        width = inputs.shape[1]
        axes = np.random.default_rng(0).normal(size=(width, self._dim)).astype(np.float32) / np.float32(width**0.5)
        none, texts = np.zeros((0, self._dim), np.float32), part.image_text_features
        return Items(inputs, inputs @ axes, none, none if texts is None else self._texts(texts), part.labels)


def _standard(features: np.ndarray) -> np.ndarray:
    """Rows at mean 0 and variance 1, float32."""
    centred = features - features.mean(1, keepdims=True)
    return (centred / np.maximum(centred.std(1, keepdims=True), 1e-12)).astype(np.float32)


def without_texts(material: Material) -> Material:
    """Where only pictures are looked at."""
    none = np.zeros((0, material.class_texts.shape[1]), np.float32)
    parts = {name: replace(getattr(material, name), texts=none) for name in ("train", "validation", "test")}
    return replace(material, **parts)
