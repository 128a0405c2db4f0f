"""FeatureSet: features of one split with labels and class texts, in memory and as one safetensors file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Self

import numpy as np

from seda.errors import FileFormatError, ShapeError
from seda.schema import Line, Schema, Text, check
from seda.storage import fingerprint, read_arrays, write_arrays

FORMAT = "seda-features"
FORMAT_VERSION = 1


class _Metadata(Schema):
    format: Literal["seda-features"]
    version: Literal[1]
    class_names: tuple[Text, ...]
    split: Line
    encoder_fingerprint: Line
    data_fingerprint: Line


@dataclass(frozen=True, eq=False)
class FeatureSet:
    """Image features of n labelled images.

    Attributes:
        image_features: float32 [n, D], as the encoder gave them.
        labels: int64 [n], index into class_names.
        class_names: class texts.
        split: "train" or "test"; "all" where both were joined.
        encoder_fingerprint: of the encoder that made the features.
        data_fingerprint: of the images and labels of the whole split.
        image_text_features: float32 [n, d], of each image's own text; None where the images have none.

    Shapes: n images, D width of the encoder's image features, d of its text features.
    Raises:
        ShapeError: shapes or dtypes differ from the above, or a label has no class name.
    """

    image_features: np.ndarray
    labels: np.ndarray
    class_names: tuple[str, ...]
    split: str
    encoder_fingerprint: str
    data_fingerprint: str
    image_text_features: np.ndarray | None = None

    def __post_init__(self) -> None:
        features, labels = self.image_features, self.labels
        if features.ndim != 2 or features.dtype != np.float32:
            raise ShapeError(f"image_features are {features.dtype} {features.shape}; float32 [n, D] is needed.")
        if labels.shape != features.shape[:1] or labels.dtype != np.int64:
            raise ShapeError(f"labels are {labels.dtype} {labels.shape}; int64 [{len(features)}] is needed.")
        if len(labels) and not 0 <= labels.min() <= labels.max() < len(self.class_names):
            raise ShapeError(
                f"labels run from {labels.min()} to {labels.max()}; {len(self.class_names)} class names "
                f"allow 0 to {len(self.class_names) - 1}."
            )
        texts = self.image_text_features
        if texts is not None and (texts.ndim != 2 or len(texts) != len(features) or texts.dtype != np.float32):
            raise ShapeError(
                f"image_text_features are {texts.dtype} {texts.shape}; float32 [{len(features)}, d] is needed."
            )

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: np.ndarray) -> Self:
        """The images at these positions, in this order; a boolean mask [n] also works."""
        texts = None if self.image_text_features is None else self.image_text_features[indices]
        return replace(
            self,
            image_features=self.image_features[indices],
            labels=self.labels[indices],
            image_text_features=texts,
        )

    @classmethod
    def joined(cls, parts: Sequence[Self], split: str) -> Self:
        """Several sets of one encoder and one list of classes after each other; of texts of the images only where all have them.

        Raises:
            ShapeError: no set came, or classes or encoders differ.
        """
        if len({(part.class_names, part.encoder_fingerprint) for part in parts}) != 1:
            raise ShapeError(
                f"{len(parts)} sets of features came; one or more of the same classes and encoder are needed."
            )
        texts = [part.image_text_features for part in parts if part.image_text_features is not None]
        return replace(
            parts[0],
            image_features=np.concatenate([part.image_features for part in parts]),
            labels=np.concatenate([part.labels for part in parts]),
            split=split,
            data_fingerprint=fingerprint({"joined": [part.data_fingerprint for part in parts]}),
            image_text_features=np.concatenate(texts) if len(texts) == len(parts) else None,
        )

    def save(self, path: Path | str, *, half: bool = False) -> Path:
        """Write the set, with half=True as float16: half the size, relative rounding error below .001.

        Raises:
            StorageError: the disk is full or the folder cannot be written.
        """
        dtype = np.float16 if half else np.float32
        arrays = {"image_features": self.image_features.astype(dtype), "labels": self.labels}
        if self.image_text_features is not None:
            arrays["image_text_features"] = self.image_text_features.astype(dtype)
        metadata = {
            "format": FORMAT,
            "version": FORMAT_VERSION,
            "class_names": self.class_names,
            "split": self.split,
            "encoder_fingerprint": self.encoder_fingerprint,
            "data_fingerprint": self.data_fingerprint,
        }
        return write_arrays(path, arrays, metadata)

    @classmethod
    def load(cls, path: Path | str) -> Self:
        """Read what `save` wrote; float16 is widened.

        Raises:
            FileFormatError: missing, damaged, not a feature file, or of another version.
        """
        arrays, metadata = read_arrays(path)
        remedy = "Encode the images again."
        if metadata.get("format") != FORMAT or metadata.get("version") != FORMAT_VERSION:
            came = f"format {metadata.get('format')!r}, version {metadata.get('version')!r}"
            raise FileFormatError(
                f"{path} is not a feature file of this version ({came}; expected {FORMAT!r}, {FORMAT_VERSION}).",
                remedy=remedy,
            )
        texts = arrays.get("image_text_features")
        about: _Metadata = check(_Metadata, metadata, f"{path} is an incomplete feature file", remedy=remedy)
        try:
            return cls(
                arrays["image_features"].astype(np.float32),
                arrays["labels"].astype(np.int64),
                about.class_names,
                about.split,
                about.encoder_fingerprint,
                about.data_fingerprint,
                None if texts is None else texts.astype(np.float32),
            )
        except (KeyError, TypeError, ValueError, ShapeError) as error:
            raise FileFormatError(f"{path} is an incomplete feature file ({error}).", remedy=remedy) from error
