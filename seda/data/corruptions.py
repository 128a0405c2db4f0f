"""A data set's pictures under noise, blur and rotation, so that methods can be asked about pictures unlike the training's.

Kinds and five strengths after Hendrycks and Dietterich, "Benchmarking Neural Network Robustness to Common Corruptions and
Perturbations", ICLR 2019; written anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter

from seda.data.base import ImageDataset, check_split, image_texts
from seda.errors import ConfigError
from seda.storage import fingerprint

STRENGTHS = (1, 2, 3, 4, 5)
# Standard deviation over the range of brightness, 0 to 1: the paper's Gaussian noise
NOISE = (0.08, 0.12, 0.18, 0.26, 0.38)
# Standard deviation over the shorter side, chosen here, so that pictures of every size lose as much: .4 to 2.2 px of 28; and
# in px, for pictures so small that less would change nothing: the paper's for CIFAR-10
BLUR = ((0.015, 0.4), (0.03, 0.6), (0.045, 0.7), (0.06, 0.8), (0.08, 1.0))
# Degrees, to the left or to the right by chance. Chosen here: the paper has no rotation
ROTATION = (10, 20, 30, 45, 60)
PARAMETERS: Mapping[str, tuple[float, ...] | tuple[tuple[float, float], ...]] = {
    "noise": NOISE,
    "blur": BLUR,
    "rotation": ROTATION,
}
VERSION = 1  # raise it when the same picture comes out differently


class Corrupted:
    """See `ImageDataset`. Each picture is the same on every call: chance comes from seed, kind and its position.

    Args:
        dataset: whose pictures.
        kind: "noise", "blur" or "rotation".
        strength: 1 to 5.
        seed: of noise and of the direction of rotation.
    Raises:
        ConfigError: kind or strength is not one of these.
    """

    def __init__(self, dataset: ImageDataset, kind: str, strength: int, seed: int = 0) -> None:
        if kind not in PARAMETERS or strength not in STRENGTHS:
            raise ConfigError(
                f"The corruption {kind!r:.40} of strength {strength} is not known; "
                f"allowed are {', '.join(PARAMETERS)} of strength 1 to {len(STRENGTHS)}."
            )
        self._dataset, self._kind, self._strength, self._seed = dataset, kind, strength, seed
        self.name = f"{dataset.name}/{kind}-{strength}"
        self.class_names = dataset.class_names
        self.source = dataset.source
        self.other_words = dataset.other_words

    def fingerprint(self, split: str) -> str:
        values = [self._dataset.fingerprint(split), self._kind, PARAMETERS[self._kind][self._strength - 1], self._seed]
        return fingerprint({"corrupted": values, "version": VERSION})

    def count(self, split: str) -> int:
        return self._dataset.count(split)

    def labels(self, split: str) -> np.ndarray:
        """int64 [n], index into class_names."""
        return self._dataset.labels(split)

    def images(self, split: str, indices: Sequence[int] | np.ndarray) -> Iterator[Image.Image]:
        """The pictures in their mode and size, in the order of the indices."""
        check_split(split)
        for index, picture in zip(indices, self._dataset.images(split, indices), strict=True):
            chance = np.random.default_rng([self._seed, list(PARAMETERS).index(self._kind), int(index)])
            yield corrupt(picture, self._kind, self._strength, chance)

    def image_texts(self, split: str, indices: Sequence[int] | np.ndarray) -> tuple[str, ...] | None:
        """Those of the pictures underneath."""
        return image_texts(self._dataset, split, indices)


def corrupt(picture: Image.Image, kind: str, strength: int, chance: np.random.Generator) -> Image.Image:
    """A grey or RGB picture under one corruption, same mode and size.

    Args:
        kind: "noise", "blur" or "rotation".
        strength: 1 to 5.
        chance: drawn from for noise and the direction of rotation.
    """
    if picture.mode not in ("L", "RGB"):
        picture = picture.convert("RGB")
    amount = PARAMETERS[kind][strength - 1]
    pixels = np.asarray(picture, np.float64)  # [h, w] or [h, w, 3]
    if kind == "rotation":
        border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
        fill = np.median(border, axis=0).astype(np.uint8).tolist()  # corners are as what surrounds the object
        angle = amount * chance.choice([-1, 1])
        return picture.rotate(angle, Image.Resampling.BICUBIC, fillcolor=fill if picture.mode == "L" else tuple(fill))
    if kind == "noise":
        pixels = pixels + chance.normal(scale=255 * amount, size=pixels.shape)
    else:
        share, least = BLUR[strength - 1]
        width = max(share * min(picture.size), least)
        pixels = gaussian_filter(pixels, (width, width, 0)[: pixels.ndim], mode="nearest")
    return Image.fromarray(np.clip(np.round(pixels), 0, 255).astype(np.uint8))


def shifts_of(dataset: ImageDataset) -> dict[str, ImageDataset]:
    """Data sets whose test split shows the same classes otherwise, by name: the data set's own, else all corruptions.

    A data set with a function `other_looks` (emoji: another artist) says itself which; theirs have the same classes.
    """
    own = getattr(dataset, "other_looks", None)
    if own is not None:
        return dict(own())
    return {f"{kind}-{strength}": Corrupted(dataset, kind, strength) for kind in PARAMETERS for strength in STRENGTHS}
