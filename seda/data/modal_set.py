"""ModalSet: features of things in any number of modalities, in memory and as one file that anybody can write.

A safetensors or npz file with these arrays (n things, k classes, r rows of a modality, which may be more or fewer than things):

    labels               whole numbers [n], 0 to k - 1
    class_text_features  float [k, d], or [k, p, d] with p phrasings of each class
    class_names          k texts
    modalities           m names, such as picture, sound, text; a modality "text" has the width d, and it has to be there
    NAME.features        float [r, D] of each modality, D its own width
    NAME.items           whole numbers [r], 0 to n - 1: which thing a row is of; a thing may have several rows, or none

and, where they are wanted:

    item_names           n texts
    kin                  whole numbers [n]; things of one number are left out together when something is measured
    known_text_features, known_text_labels   float [w, d] and whole numbers [w]: words whose class is known without any of the things
    NAME.kinds           r texts, such as the language of a name
    NAME.names           r texts, what a row is called
    NAME.encoder, NAME.encoder_fingerprint   texts that name the encoder, as in docs/feature-files.md
    NAME.class_text_features   float [D, d] of an encoder whose D features are scores of classes of its own: the text of each class

In safetensors texts are entries of the metadata, lists of them as JSON; in npz everything is an array of its name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from seda.data.array_file import ArrayForm, Problem, array_of, floats_of, read_array_file
from seda.errors import DataError
from seda.storage import fingerprint, local_path, write_arrays

TEXT = "text"
MAX_MODALITIES = 16
MAX_SCORES = 4_096  # of an encoder's own classes; what is of one of them alone is looked at for each
_LISTS = ("kinds", "names")
_REMEDY = "docs/feature-files.md says what the file has to hold."


@dataclass(frozen=True, eq=False)
class Modality:
    """Features of one modality.

    Attributes:
        features: float32 [r, D].
        items: int64 [r], which thing each row is of.
        kinds: of each row [r], such as its language; "" where it has none.
        names: of each row [r]; "" where it has none.
        encoder, encoder_fingerprint: see `Encoder`; "" where nobody has said.
        class_texts: float32 [D, d], where features are scores of the encoder's own classes: text features of these.
    """

    features: np.ndarray
    items: np.ndarray
    kinds: tuple[str, ...]
    names: tuple[str, ...]
    encoder: str = ""
    encoder_fingerprint: str = ""
    class_texts: np.ndarray | None = None

    def take(self, rows: np.ndarray) -> Modality:
        """These rows, by positions or by a mask [r]."""
        chosen = np.flatnonzero(rows) if rows.dtype == bool else rows
        kinds, names = (tuple(texts[row] for row in chosen) for texts in (self.kinds, self.names))
        return replace(self, features=self.features[chosen], items=self.items[chosen], kinds=kinds, names=names)

    def of_kind(self, kind: str) -> np.ndarray:
        """Rows of a kind, int64; all where it is ""."""
        return np.array([row for row, own in enumerate(self.kinds) if not kind or own == kind], np.int64)


@dataclass(frozen=True, eq=False)
class ModalSet:
    """Things and their features.

    Attributes:
        name: where it comes from.
        item_names: of the n things.
        labels: int64 [n], index into class_names.
        kin: int64 [n], see above.
        class_names: k texts.
        class_text_features: float32 [k, p, d].
        modalities: by name, "text" among them.
        known_texts, known_labels: float32 [w, d] and int64 [w], words whose class is known beside the things; none [0, d] as a rule.
    """

    name: str
    item_names: tuple[str, ...]
    labels: np.ndarray
    kin: np.ndarray
    class_names: tuple[str, ...]
    class_text_features: np.ndarray
    modalities: Mapping[str, Modality]
    known_texts: np.ndarray
    known_labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    def keep(self, things: np.ndarray) -> ModalSet:
        """The same things, with rows of those in the mask [n] alone."""
        kept = {name: one.take(things[one.items]) for name, one in self.modalities.items()}
        return replace(self, modalities=kept)

    @property
    def data_fingerprint(self) -> str:
        """Of everything in it."""
        parts = {
            name: [one.features, one.items, list(one.kinds), *([] if one.class_texts is None else [one.class_texts])]
            for name, one in self.modalities.items()
        }
        return fingerprint({"modal": parts, "labels": self.labels, "names": [self.item_names, self.class_names]})

    def save(self, path: Path | str, *, half: bool = False) -> Path:
        """Write the set as safetensors, with half=True features as float16.

        Raises:
            StorageError: the disk is full or the folder cannot be written.
        """
        dtype = np.float16 if half else np.float32
        arrays = {
            "labels": self.labels.astype(np.int16),
            "kin": self.kin.astype(np.int16),
            "class_text_features": self.class_text_features.astype(dtype),
        }
        if len(self.known_labels):
            arrays["known_text_features"] = self.known_texts.astype(dtype)
            arrays["known_text_labels"] = self.known_labels.astype(np.int16)
        texts: dict[str, Any] = {"class_names": self.class_names, "item_names": self.item_names}
        texts["modalities"] = list(self.modalities)
        for name, one in self.modalities.items():
            arrays[f"{name}.features"] = one.features.astype(dtype)
            arrays[f"{name}.items"] = one.items.astype(np.int16)
            if one.class_texts is not None:
                arrays[f"{name}.class_text_features"] = one.class_texts.astype(dtype)
            texts |= {f"{name}.kinds": one.kinds, f"{name}.names": one.names}
            texts |= {f"{name}.encoder": one.encoder, f"{name}.encoder_fingerprint": one.encoder_fingerprint}
        return write_arrays(path, arrays, texts)


def read_modal_file(path: Path | str) -> ModalSet:
    """Read and check a file.

    Raises:
        FileFormatError: it is missing, damaged, or of another kind; nothing in it is executed.
        DataError: an array is missing, does not fit to the others, or holds what is not allowed; says where.
    """
    path = local_path(path)
    try:
        return _modal_set(path)
    except Problem as problem:
        raise DataError(f"{path.name}: {problem}", remedy=_REMEDY) from None


def _modal_set(path: Path) -> ModalSet:
    arrays = _read(path, ())
    names = tuple(str(name) for name in _texts(arrays, "modalities"))
    if TEXT not in names or len(set(names)) < len(names) or not 2 <= len(names) <= MAX_MODALITIES:
        raise Problem(
            f"its modalities are {', '.join(names)}; 2 to {MAX_MODALITIES} different ones are needed, text among them.",
        )
    arrays = _read(path, names)
    class_names = _texts(arrays, "class_names")
    labels = _whole(arrays, "labels", None, len(class_names))
    count = len(labels)
    texts = floats_of(arrays, "class_text_features", (2, 3))
    texts = texts[:, None] if texts.ndim == 2 else texts
    if len(texts) != len(class_names) or len(class_names) < 2:
        raise Problem(
            f"{len(class_names)} class names came with {len(texts)} class texts; 2 or more of both are needed."
        )
    kin = _whole(arrays, "kin", count, 2**31) if "kin" in arrays else np.arange(count)
    items = _texts(arrays, "item_names") if "item_names" in arrays else tuple(f"item {i}" for i in range(count))
    if len(items) != count:
        raise Problem(f"{len(items)} item_names came with {count} labels.")
    found = {name: _modality(arrays, name, count) for name in names}
    width, needed = found[TEXT].features.shape[1], texts.shape[2]
    if width != needed:
        raise Problem(f"text.features are {width} wide and class_text_features {needed}; they are of one space.")
    for name, one in found.items():
        _check_class_texts(name, one, width)
    known, known_labels = np.zeros((0, width), np.float32), np.zeros(0, np.int64)
    if "known_text_features" in arrays:
        known = floats_of(arrays, "known_text_features", (2,))
        known_labels = _whole(arrays, "known_text_labels", len(known), len(class_names))
        if known.shape[1] != width:
            raise Problem(f"known_text_features are {known.shape[1]} wide and text.features {width}.")
    return ModalSet(
        f"features:{path.name}", items, labels, kin, class_names, texts, found, known, known_labels
    )  # fmt: skip


def _check_class_texts(name: str, one: Modality, width: int) -> None:
    """A text for each feature, and features that are scores."""
    if one.class_texts is None:
        return
    expected = (one.features.shape[1], width)
    if one.class_texts.shape != expected or expected[0] > MAX_SCORES:
        raise Problem(
            f"{name}.class_text_features are {list(one.class_texts.shape)}; {list(expected)} is needed, a text for each of at most "
            f"{MAX_SCORES:,} features."
        )
    if one.features.min() < 0 or one.features.max() > 1:
        raise Problem(
            f"{name}.features are {one.features.min():g} to {one.features.max():g}; scores of classes, which have "
            f"{name}.class_text_features, are 0 to 1."
        )


def _read(path: Path, modalities: Sequence[str]) -> dict[str, np.ndarray]:
    names = ("class_names", "item_names", "modalities", *(f"{one}.{what}" for one in modalities for what in _LISTS))
    texts = tuple(f"{one}.{what}" for one in modalities for what in ("encoder", "encoder_fingerprint"))
    return read_array_file(path, ArrayForm("feature file", names, texts, (), (), (), _REMEDY))


def _modality(arrays: Mapping[str, np.ndarray], name: str, count: int) -> Modality:
    features = floats_of(arrays, f"{name}.features", (2,))
    items = _whole(arrays, f"{name}.items", len(features), count)
    lists = []
    for what in (f"{name}.{one}" for one in _LISTS):
        lists.append(_texts(arrays, what) if what in arrays else ("",) * len(features))
        if len(lists[-1]) != len(features):
            raise Problem(f"{len(lists[-1])} {what} came with {len(features)} rows.")
    encoder, version = (str(arrays.get(f"{name}.{what}", "")) for what in ("encoder", "encoder_fingerprint"))
    key = f"{name}.class_text_features"
    class_texts = floats_of(arrays, key, (2,)) if key in arrays else None
    return Modality(features, items, lists[0], lists[1], encoder, version, class_texts)


def _whole(arrays: Mapping[str, np.ndarray], name: str, count: int | None, end: int) -> np.ndarray:
    array = array_of(arrays, name)
    if array.dtype.kind not in "iu" or array.ndim != 1 or (count is not None and len(array) != count) or not len(array):
        wanted = "n" if count is None else count
        raise Problem(f"{name} is {array.dtype} {list(array.shape)}; whole numbers [{wanted}] are needed.")
    array = array.astype(np.int64)
    if len(bad := np.flatnonzero((array < 0) | (array >= end))):
        raise Problem(f"{name} holds {array[bad[0]]} in row {bad[0]}; allowed is 0 to {end - 1}.")
    return array


def _texts(arrays: Mapping[str, np.ndarray], name: str) -> tuple[str, ...]:
    array = array_of(arrays, name)
    if array.dtype.kind != "U" or array.ndim != 1:
        raise Problem(f"{name} is {array.dtype} {list(array.shape)}; a list of texts is needed.")
    return tuple(array.tolist())
