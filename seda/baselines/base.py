"""The protocol of all methods that are measured, and what they are given.

A method is a frozen dataclass of its hyper-parameters with one function, `fit`. It sees training features, class texts and
validation features, and never the test split. Every method is written anew from its formulas.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import Field, dataclass
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np

from seda.errors import DataError
from seda.evaluation.alignment import unit


@dataclass(frozen=True, eq=False)
class LabelledFeatures:
    """Image features [n, D] (float32, as the encoder gives them) with labels [n] (int64).

    Attributes:
        image_text_features: float32 [n, d], of each image's own text; None where images have none.

    Raises:
        DataError: their numbers differ, or a feature is not finite.
    """

    image_features: np.ndarray
    labels: np.ndarray
    image_text_features: np.ndarray | None = None

    def __post_init__(self) -> None:
        for features in self._features:
            if len(features) != len(self.labels):
                raise DataError(f"{len(features)} features came with {len(self.labels)} labels.")
            if not np.isfinite(features).all():
                raise DataError("Some features are not finite.", remedy="Look for damaged images and encode again.")

    @property
    def _features(self) -> list[np.ndarray]:
        both = (self.image_features, self.image_text_features)
        return [features for features in both if features is not None]

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, eq=False)
class NamedHead:
    """A classifier that came with the image encoder, and the names of its classes as texts.

    Attributes:
        weight: float32 [m, D].
        bias: float32 [m].
        name_features: float32 [m, d], text features of the m names.
    """

    weight: np.ndarray
    bias: np.ndarray
    name_features: np.ndarray


@dataclass(frozen=True, eq=False)
class ClassTextFeatures:
    """Text features of the k classes.

    Attributes:
        phrasings: float32 [k, p, d], p phrasings of each class; the first is the one that is shown.
        shared_space: whether the encoders were trained together, so that a cosine between picture and text means
            something (CLIP). The bundled encoders were not.
        head: for ConSE; None where the encoder has none.
    """

    phrasings: np.ndarray
    shared_space: bool = False
    head: NamedHead | None = None

    @property
    def features(self) -> np.ndarray:
        """The shown phrasing of each class [k, d]."""
        return self.phrasings[:, 0]

    @property
    def phrasing_means(self) -> np.ndarray:
        """Mean of each class's phrasings [k, d]: what an end is read by that may be any of them."""
        return self.phrasings.mean(1)

    @property
    def mean(self) -> np.ndarray:
        """Mean of the class texts [d]."""
        return self.features.mean(0)

    def cosines(self, mapped: np.ndarray) -> np.ndarray:
        """Cosines [n, k] of features in text space [n, d] with the class texts, both centred on the class texts' mean.

        Sentence features share a large common part; without it a cosine tells the classes apart by what they are.
        """
        return unit(mapped - self.mean) @ unit(self.features - self.mean).T


class Fitted(Protocol):
    """A fitted method.

    Attributes:
        parameters: numbers that it keeps from training.
    """

    @property
    def parameters(self) -> int:
        """Numbers that it keeps from training."""

    def class_scores(self, image_features: np.ndarray) -> np.ndarray:
        """Scores [n, k] of features [n, D]: logits up to one temperature, which the benchmark fits on validation data."""


@runtime_checkable
class MapsToText(Protocol):
    """A fitted method that maps pictures into the space of the texts."""

    def to_text_space(self, image_features: np.ndarray) -> np.ndarray:
        """Features [n, D] to [n, d], in the text encoder's units."""


@runtime_checkable
class DrawsInText(MapsToText, Protocol):
    """A fitted method that draws what it maps a picture to, anew each time."""

    def text_space_ends(self, image_features: np.ndarray) -> np.ndarray:
        """Features [n, D] to several ends of each [e, n, d], in the text encoder's units; the first is `to_text_space`."""


@runtime_checkable
class RanksErrors(Protocol):
    """A fitted method that says itself where it is probably wrong."""

    def error_scores(self, image_features: np.ndarray) -> np.ndarray:
        """Scores [n] of features [n, D]: the higher, the more probably the answer is wrong; their scale is free."""


class Baseline(Protocol):
    """A method with its hyper-parameters chosen."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]  # it is a dataclass

    def fit(self, train: LabelledFeatures, texts: ClassTextFeatures, validation: LabelledFeatures) -> Fitted:
        """Fit to training data. Validation data may stop a training early; it is never trained on.

        Every class has at least one training image.
        """


def class_means(features: np.ndarray, labels: np.ndarray, count: int) -> np.ndarray:
    """Mean of each class [k, D] of features [n, D]."""
    return np.stack([features[labels == label].mean(0) for label in range(count)])


def one_hot(labels: np.ndarray, count: int) -> np.ndarray:
    """float32 [n, k]."""
    return np.eye(count, dtype=np.float32)[labels]


def size(arrays: Sequence[np.ndarray]) -> int:
    """How many numbers the arrays hold."""
    return sum(array.size for array in arrays)
