"""Handwritten digits, 8 x 8 px, as they come with scikit-learn: nothing has to be downloaded.

Source: Alpaydin and Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning Repository 1998,
doi 10.24432/C50P49, CC BY 4.0; scikit-learn (BSD licence) holds its 1,797 test images.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property

import numpy as np
from PIL import Image

from seda.data.base import check_split
from seda.storage import fingerprint

CLASS_NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
# chosen here, so that stage 2 meets more than one text a class
OTHER_WORDS = {name: (f"the digit {name}", f"number {name}", str(digit)) for digit, name in enumerate(CLASS_NAMES)}
TEST_SHARE = 0.3  # chosen here: 539 images, and enough of each class for 16 shots and validation
SPLIT_SEED = 0
BRIGHTEST = 16  # of the source's pixels


class Digits:
    """See `ImageDataset`. Pictures are grey, 8 x 8 px, bright on dark; the source has no split, so this one is seeded."""

    name = "digits"
    class_names = CLASS_NAMES
    source = "Optical Recognition of Handwritten Digits (Alpaydin and Kaynak 1998, doi 10.24432/C50P49), CC BY 4.0"
    other_words = OTHER_WORDS

    def fingerprint(self, split: str) -> str:
        pixels, labels = self._split(split)
        values = {"data": self.name, "split": split, "class_names": CLASS_NAMES, "pixels": pixels, "labels": labels}
        return fingerprint(values)

    def count(self, split: str) -> int:
        return len(self.labels(split))

    def labels(self, split: str) -> np.ndarray:
        """int64 [n], index into class_names."""
        return self._split(split)[1]

    def images(self, split: str, indices: Sequence[int] | np.ndarray) -> Iterator[Image.Image]:
        """Grey pictures, in the order of the indices."""
        pixels = self._split(split)[0]
        return (Image.fromarray(pixels[index]) for index in indices)

    def _split(self, split: str) -> tuple[np.ndarray, np.ndarray]:
        """uint8 [n, 8, 8] and int64 [n]."""
        check_split(split)
        return self._splits[split]

    @cached_property
    def _splits(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Both splits; the same share of every class in each."""
        from sklearn.datasets import load_digits

        data = load_digits()
        pixels = np.round(data.images * (255 / BRIGHTEST)).astype(np.uint8)
        labels = data.target.astype(np.int64)
        rng = np.random.default_rng(SPLIT_SEED)
        held_out = np.zeros(len(labels), bool)
        for label in range(len(CLASS_NAMES)):
            members = rng.permutation(np.flatnonzero(labels == label))
            held_out[members[: round(TEST_SHARE * len(members))]] = True
        return {"train": (pixels[~held_out], labels[~held_out]), "test": (pixels[held_out], labels[held_out])}
