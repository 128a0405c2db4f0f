"""The protocol that every encoder follows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn, Protocol, TypeGuard

from seda.errors import EncoderError

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

# of the multilingual universal sentence encoder, whose authors name Chinese twice, by its scripts
LANGUAGES: tuple[str, ...] = (
    "English",
    "Arabic",
    "Chinese",
    "Dutch",
    "French",
    "German",
    "Italian",
    "Japanese",
    "Korean",
)
LANGUAGES += ("Polish", "Portuguese", "Russian", "Spanish", "Thai", "Turkish")


class TextEncoder(Protocol):
    """What reads texts alone, such as the texts of a feature file: those of `Encoder`'s members that this takes."""

    @property
    def name(self) -> str:
        """How a user asks for it."""

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits."""

    def encode_texts(self, texts: Sequence[str]) -> Tensor:
        """Features of texts, float32 [n, text_dim] on the CPU, in order."""


class Encoder(TextEncoder, Protocol):
    """Images and texts to features, in two spaces whose widths may differ.

    Attributes:
        name: how a user asks for it, such as "bundled" or "open_clip:ViT-B-32/openai".
        image_dim: width D of image features.
        text_dim: width of text features.
        fingerprint: 16 hexadecimal digits over weights, preprocessing and encoder version. Features are only ever
            compared with features of the same fingerprint.
        description: one sentence for the screen, preprocessing included.
        languages: that its text model learned, in English; English first.
    """

    @property
    def languages(self) -> Sequence[str]:
        """That its text model learned."""

    @property
    def image_dim(self) -> int:
        """Width of image features."""

    @property
    def text_dim(self) -> int:
        """Width of text features."""

    @property
    def description(self) -> str:
        """One sentence for the screen."""

    def encode_images(self, images: Sequence[Image]) -> Tensor:
        """Features of RGB pictures, float32 [n, image_dim] on the CPU, in order."""

    def prepare_image(self, image: Image) -> Tensor:
        """What the image model looks at of one RGB picture, float32 [v, 3, h, w] on the CPU; called in threads.

        A picture's feature is the mean over its v views.
        """

    def encode_views(self, views: Tensor) -> Tensor:
        """Features of prepared views [n, 3, h, w], float32 [n, image_dim] on the CPU, in order."""

    def unread_texts(self, texts: Sequence[str]) -> list[str]:
        """Those with letters or signs that its text model was not made for, in order: their features mean little."""


@dataclass(frozen=True)
class AbsentEncoder:
    """Stands in an encoder's place where nothing is left to encode: features came from elsewhere.

    Attributes:
        name, fingerprint, image_dim, text_dim, description, languages: see `Encoder`.
    """

    name: str
    fingerprint: str
    image_dim: int
    text_dim: int
    description: str = "Not loaded."
    languages: Sequence[str] = ("English",)

    def encode_images(self, images: Sequence[Image]) -> NoReturn:
        """Raise an EncoderError, as all that would encode."""
        self._fail()

    def prepare_image(self, image: Image) -> NoReturn:
        """See `encode_images`."""
        self._fail()

    def encode_views(self, views: Tensor) -> NoReturn:
        """See `encode_images`."""
        self._fail()

    def encode_texts(self, texts: Sequence[str]) -> NoReturn:
        """See `encode_images`."""
        self._fail()

    def unread_texts(self, texts: Sequence[str]) -> NoReturn:
        """See `encode_images`."""
        self._fail()

    def _fail(self) -> NoReturn:
        raise EncoderError(f"The encoder {self.name!r} is not loaded.")


class PairedEncoder(Encoder, Protocol):
    """An encoder whose pictures and texts share one space: it was trained on pairs, by the cosines between them.

    Attributes:
        logit_scale: what those cosines were multiplied by, 1 / temperature.
        logit_bias: what was added then, where each pair was judged alone (SigLIP); None where the pairs of a batch competed.
    """

    @property
    def logit_scale(self) -> float:
        """1 / temperature."""

    @property
    def logit_bias(self) -> float | None:
        """None where the pairs of a batch competed."""


class HeadedEncoder(Encoder, Protocol):
    """An encoder whose image model came with a classifier.

    Attributes:
        imagenet_head: weight [1000, D] and bias [1000] on its image features.
    """

    @property
    def imagenet_head(self) -> tuple[Tensor, Tensor]:
        """Weight and bias."""


def has_head(encoder: Encoder) -> TypeGuard[HeadedEncoder]:
    """Whether its image model came with a classifier."""
    return hasattr(encoder, "imagenet_head")
