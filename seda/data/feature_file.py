"""Image features that were made elsewhere, in one file, for the benchmark: `--data features:FILE`.

A safetensors or npz file with these arrays (n images, D and d widths of image and text features, k classes):

    image_features       float [n, D]
    labels               whole numbers [n], 0 to k - 1
    test                 true or 1 for images of the test split, [n]
    class_text_features  float [k, d], or [k, p, d] with p phrasings of each class, the one to show first

and, where they are wanted:

    class_names          k texts, [k] in npz, in safetensors a JSON list under the metadata key "class_names". Without
                         class_text_features they are encoded with the benchmark's encoder.
    image_text_features  float [n, d], of each image's own text
    shared_space         one true or 1: pictures and texts were encoded by encoders that were trained together (CLIP)
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open

from seda.data.feature_set import FeatureSet
from seda.errors import DataError, FileFormatError
from seda.storage import fingerprint

SUFFIXES = (".safetensors", ".npz")
ENCODER = "features"  # instead of an encoder's fingerprint: the file does not say which encoder it was
_FORM = "The README, under From the shell, says what the file has to hold."


@dataclass(frozen=True, eq=False)
class FeatureFile:
    """What a file holds.

    Attributes:
        train, test: features of the two splits.
        class_text_features: float32 [k, p, d]; None where only names came.
        shared_space: whether a cosine between picture and text means something.
    """

    train: FeatureSet
    test: FeatureSet
    class_text_features: np.ndarray | None
    shared_space: bool


def read_feature_file(path: Path | str) -> FeatureFile:
    """
    Raises:
        FileFormatError: the file is missing, damaged, or neither safetensors nor npz; nothing in it is executed.
        DataError: an array is missing, does not fit to the others, or holds what is not allowed.
    """
    path = Path(path).expanduser()
    arrays = _read(path)
    features = _floats(path, arrays, "image_features", (2,))
    count = len(features)
    labels = _whole(path, arrays, "labels", count)
    test = _whole(path, arrays, "test", count)
    if bad := sorted(set(test.tolist()) - {0, 1}):
        raise DataError(f"{path}: test holds {bad[0]}; allowed are 0 and 1.", remedy=_FORM)
    texts = _floats(path, arrays, "class_text_features", (2, 3)) if "class_text_features" in arrays else None
    names = _names(path, arrays)
    if texts is None and names is None:
        raise DataError(f"{path} has neither class_text_features nor class_names.", remedy=_FORM)
    classes = len(texts) if texts is not None else len(names)
    names = names if names is not None else tuple(f"class {label}" for label in range(classes))
    if len(names) != classes or len(set(names)) != classes:
        raise DataError(
            f"{path}: {len(names)} class names, {len(set(names))} of them different, came with {classes} class text "
            "features; as many, all different, are needed.",
            remedy=_FORM,
        )
    _check_labels(path, labels, test, classes)
    own = _floats(path, arrays, "image_text_features", (2,)) if "image_text_features" in arrays else None
    if own is not None and (len(own) != count or (texts is not None and own.shape[-1] != texts.shape[-1])):
        wanted = "d" if texts is None else texts.shape[-1]
        raise DataError(f"{path}: image_text_features are {list(own.shape)}; [{count}, {wanted}] is needed.")
    shared = bool(np.asarray(arrays.get("shared_space", False)).any())
    values = {name: array for name, array in sorted(arrays.items()) if name != "class_names"}
    data = fingerprint({"arrays": values, "class_names": names})
    train, held_out = (
        FeatureSet(
            features[part], labels[part], names, split, ENCODER, data, None if own is None else own[part]
        )
        for split, part in (("train", test == 0), ("test", test == 1))
    )  # fmt: skip
    if texts is not None and texts.ndim == 2:
        texts = texts[:, None]  # [k, 1, d]
    return FeatureFile(train, held_out, texts, shared)


def _read(path: Path) -> dict[str, np.ndarray]:
    """Arrays by name; class names are an array of texts."""
    if not path.is_file():
        raise FileFormatError(f"The feature file {path} does not exist.")
    if path.suffix not in SUFFIXES:
        raise FileFormatError(f"{path.name} ends with {path.suffix!r}; feature files end with {' or '.join(SUFFIXES)}.")
    try:
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as file:
                return {name: file[name] for name in file.files}
        with safe_open(path, framework="numpy") as file:
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
            metadata = file.metadata() or {}
        # beside the key itself, where our own writer keeps all metadata
        names = json.loads(metadata.get("class_names", "null")) or json.loads(metadata.get("json", "{}")).get(
            "class_names"
        )
    except (SafetensorError, OSError, ValueError, TypeError, AttributeError, EOFError, zipfile.BadZipFile) as error:
        raise FileFormatError(
            f"{path} is damaged, or holds more than arrays and texts ({error}).", remedy=_FORM
        ) from error
    return arrays if names is None else arrays | {"class_names": np.array(names)}


def _floats(path: Path, arrays: Mapping[str, np.ndarray], name: str, dims: tuple[int, ...]) -> np.ndarray:
    array = _array(path, arrays, name)
    if array.dtype.kind != "f" or array.ndim not in dims or 0 in array.shape:
        wanted = " or ".join(str(dim) for dim in dims)
        raise DataError(
            f"{path}: {name} is {array.dtype} {list(array.shape)}; floats with {wanted} dimensions, none empty, are needed.",
            remedy=_FORM,
        )
    if len(bad := np.argwhere(~np.isfinite(array))):
        raise DataError(f"{path}: {name} is not finite at {bad[0].tolist()}, in {len(bad)} places in all.")
    return array.astype(np.float32)


def _whole(path: Path, arrays: Mapping[str, np.ndarray], name: str, count: int) -> np.ndarray:
    array = _array(path, arrays, name)
    if array.dtype.kind not in "iub" or array.shape != (count,):
        raise DataError(
            f"{path}: {name} is {array.dtype} {list(array.shape)}; whole numbers [{count}] are needed, one an image.",
            remedy=_FORM,
        )
    return array.astype(np.int64)


def _array(path: Path, arrays: Mapping[str, np.ndarray], name: str) -> np.ndarray:
    if name not in arrays:
        raise DataError(f"{path} has no {name}; there are {', '.join(sorted(arrays)) or 'no arrays'}.", remedy=_FORM)
    return arrays[name]


def _names(path: Path, arrays: Mapping[str, np.ndarray]) -> tuple[str, ...] | None:
    names = arrays.get("class_names")
    if names is None:
        return None
    if names.ndim != 1 or names.dtype.kind != "U" or not all(str(name).strip() for name in names):
        raise DataError(f"{path}: class_names is {names.dtype} {list(names.shape)}; k texts are needed.", remedy=_FORM)
    return tuple(str(name) for name in names)


def _check_labels(path: Path, labels: np.ndarray, test: np.ndarray, classes: int) -> None:
    if classes < 2:
        raise DataError(f"{path} has {classes} class; at least 2 are needed.", remedy=_FORM)
    if len(bad := np.flatnonzero((labels < 0) | (labels >= classes))):
        raise DataError(
            f"{path}: the label at position {bad[0]} is {labels[bad[0]]}; {classes} classes allow 0 to {classes - 1}.",
            remedy=_FORM,
        )
    if not (test == 1).any():
        raise DataError(f"{path}: no image belongs to the test split.", remedy="Set test to 1 for some images.")
    counts = np.bincount(labels[test == 0], minlength=classes)
    if not counts.all():
        raise DataError(
            f"{path}: class {counts.argmin()} has no training image.", remedy="Set test to 0 for some of each class."
        )
