"""CategoryScores: what an image model's own classifier says, as features that are known by name."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image
from torch import Tensor

from seda.encoders.base import HeadedEncoder
from seda.storage import fingerprint


class CategoryScores:
    """Pictures to the probabilities of the 1,000 categories that an image model was trained on.

    They say less of a picture than the features that they are computed from, and each stands for a word.

    Args:
        encoder: whose image model came with a classifier.
    """

    def __init__(self, encoder: HeadedEncoder) -> None:
        self._encoder = encoder

    @property
    def name(self) -> str:
        """The encoder's, and what is made of it."""
        return f"{self._encoder.name}, scores of its categories"

    @property
    def fingerprint(self) -> str:
        """Of the encoder and of what is made of it."""
        return fingerprint({"scores": "softmax", "encoder": self._encoder.fingerprint})

    @property
    def class_words(self) -> list[list[str]]:
        """The name of each category, by open_clip."""
        from open_clip import IMAGENET_CLASSNAMES

        return [[name] for name in IMAGENET_CLASSNAMES]

    def encode_images(self, images: Sequence[Image.Image]) -> Tensor:
        """Probabilities, float32 [n, 1000] on the CPU, in order.

        Raises:
            WeightsError: on first use, when the weights are missing or not the expected ones.
        """
        weight, bias = self._encoder.imagenet_head
        return (self._encoder.encode_images(images) @ weight.T + bias).softmax(1)
