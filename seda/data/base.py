"""What every data set offers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np

from seda.errors import DataError

if TYPE_CHECKING:
    from PIL.Image import Image

SPLITS = ("train", "test")


class ImageDataset(Protocol):
    """Labelled images in two splits, "train" and "test".

    Attributes:
        name: how a user asks for it, such as "fashion-mnist" or "folder:photos".
        class_names: class texts, in the order of the labels.
        source: where it comes from and its licence; empty where unknown.
        other_words: further words for a class by its name, for training on more than one phrasing; may be empty.
    """

    @property
    def name(self) -> str:
        """How a user asks for it."""

    @property
    def class_names(self) -> tuple[str, ...]:
        """In the order of the labels."""

    @property
    def source(self) -> str:
        """Where it comes from."""

    @property
    def other_words(self) -> Mapping[str, Sequence[str]]:
        """Further words for a class, by its name."""

    def fingerprint(self, split: str) -> str:
        """16 hexadecimal digits over images, labels and class names of the split."""

    def count(self, split: str) -> int:
        """Number of images in the split."""

    def labels(self, split: str) -> np.ndarray:
        """int64 [n], index into class_names."""

    def images(self, split: str, indices: Sequence[int] | np.ndarray) -> Iterator[Image]:
        """The pictures at these positions, RGB or grey, in this order, read one by one."""


@runtime_checkable
class HasImageTexts(Protocol):
    """A data set whose pictures have a text each, beside the one of their class. Optional."""

    def image_texts(self, split: str, indices: Sequence[int] | np.ndarray) -> tuple[str, ...] | None:
        """The texts of the pictures at these positions, in this order; None where there are none after all."""


def image_texts(dataset: ImageDataset, split: str, indices: Sequence[int] | np.ndarray) -> tuple[str, ...] | None:
    """Each picture's own text, where the data set has such."""
    return dataset.image_texts(split, indices) if isinstance(dataset, HasImageTexts) else None


def check_split(split: str) -> None:
    """
    Raises:
        DataError: the split is neither "train" nor "test".
    """
    if split not in SPLITS:
        raise DataError(f"The split {split!r:.40} is not known; allowed are train and test.")
