"""Image features that were made elsewhere, in one file: `--dataset features:FILE` of train and evaluate, `--data` of benchmark.

A safetensors, npz or parquet file with these arrays (n images, D and d widths of image and text features, k classes):

    image_features       float [n, D]
    labels               whole numbers [n], 0 to k - 1
    test                 true or 1 for images of the test split, [n]; for training alone it may be left out
    class_text_features  float [k, d], or [k, p, d] with p phrasings of each class, the one to show first

and, where they are wanted:

    class_names          k texts. Without class_text_features they are encoded with the encoder named on the command line.
    image_text_features  float [n, d], of each image's own text
    shared_space         one true or 1: pictures and texts were encoded by encoders that were trained together (CLIP)
    encoder              a text that names the encoder. An aligner trained on the features takes features of that name only.
    encoder_fingerprint  a text that tells versions of that encoder apart

In npz everything is an array of that name, texts too. In safetensors texts are entries of the metadata, class_names a JSON
list. In parquet every row is an image: image_features and image_text_features are list columns, labels and test plain
ones, and what is not of an image is an entry of the schema's metadata, as JSON (encoder and encoder_fingerprint as they
are); labels may be texts there, which then are the class names. Rows, positions and columns count from 0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from seda.data.array_file import ArrayForm, Problem, array_of, as_file, floats_of, plain_name, read_array_file
from seda.data.feature_set import FeatureSet
from seda.errors import DataError, EncoderError
from seda.storage import fingerprint, local_path, readable

if TYPE_CHECKING:
    from torch import Tensor

_FORM = "docs/feature-files.md says what the file has to hold."
FORM = ArrayForm(
    "feature file", names=("class_names",), texts=("encoder", "encoder_fingerprint"), lists=("image_features", "image_text_features"),
    plain=("labels", "test"), arrays=("class_text_features", "shared_space"), remedy=_FORM,
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class FeatureFile:
    """What a file holds.

    Attributes:
        name: how a user asks for it, "features:FILE".
        train, test: features of the two splits; test is empty where no image belongs to it.
        class_text_features: float32 [k, p, d]; None where only names came.
        shared_space: whether a cosine between picture and text means something.
        encoder: name of the encoder of the features; the file's own where it does not say.
    """

    name: str
    train: FeatureSet
    test: FeatureSet
    class_text_features: np.ndarray | None
    shared_space: bool
    encoder: str


class FileTexts:
    """The class texts of a feature file in the place of an `Encoder`: it knows these texts and no others, and no pictures.

    Raises:
        DataError: the file has no features of class texts.
    """

    def __init__(self, file: FeatureFile) -> None:
        if file.class_text_features is None:
            raise DataError(f"{file.name} has no class_text_features.", remedy=_FORM)
        self.name, self.fingerprint = file.encoder, file.train.encoder_fingerprint
        self.description = f"Features of {file.name}, made by {file.encoder}."
        self._texts = dict(zip(file.train.class_names, file.class_text_features[:, 0], strict=True))
        self.image_dim, self.text_dim = file.train.image_features.shape[1], file.class_text_features.shape[2]

    def encode_images(self, images: Sequence[Any]) -> NoReturn:
        """
        Raises:
            EncoderError: always.
        """
        raise EncoderError(
            f"The features of {self.name} came in a file; pictures cannot be encoded with it.",
            remedy="Use an aligner whose encoder is on this machine, see `python -m seda list`.",
        )

    def encode_texts(self, texts: Sequence[str]) -> Tensor:
        """float32 [n, text_dim] of the file's own class names.

        Raises:
            EncoderError: another text.
        """
        import torch

        if unknown := [text for text in texts if text not in self._texts]:
            raise EncoderError(
                f"The file has no features of the text {unknown[0]!r:.80}; its texts are its class names."
            )
        return torch.from_numpy(np.stack([self._texts[text] for text in texts]))


def read_feature_file(path: Path | str, *, needs_test: bool = True, needs_train: bool = True) -> FeatureFile:
    """Read and check a file; everything that does not fit is said at once.

    Args:
        needs_test: whether a file without images of a test split is refused.
        needs_train: whether one that lacks images of a class to train on is.
    Raises:
        FileFormatError: the file is missing, damaged, or of another kind; nothing in it is executed.
        DataError: an array is missing, does not fit to the others, or holds what is not allowed; says where.
    """
    shown, path = readable(str(path)), local_path(path)
    arrays = read_array_file(path, FORM)
    if path.suffix == ".parquet" and "labels" in arrays and arrays["labels"].dtype.kind == "U":
        arrays |= _named_labels(path, arrays["labels"], arrays.get("class_names"))
    problems: list[str] = []

    def attempt(check: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return check(*arguments)
        except Problem as problem:
            problems.append(str(problem))
            return None

    features = attempt(floats_of, arrays, "image_features", (2,))
    labels, own = arrays.get("labels"), None
    count = len(features) if features is not None else len(labels) if labels is not None and labels.ndim else 0
    labels = attempt(_whole, arrays, "labels", count)
    test = np.zeros(count, np.int64)
    if needs_test or "test" in arrays:
        test = attempt(_split, arrays, count, needs_test)
    texts = attempt(floats_of, arrays, "class_text_features", (2, 3)) if "class_text_features" in arrays else None
    names = attempt(_class_names, arrays, texts)
    if labels is not None and names is not None:
        attempt(_check_labels, labels, np.zeros(count) if test is None else test, names, needs_train)
    if "image_text_features" in arrays:
        own = attempt(floats_of, arrays, "image_text_features", (2,))
        attempt(_check_own_texts, own, count, texts)
    encoder, version = (attempt(_text, arrays, name) for name in ("encoder", "encoder_fingerprint"))
    if problems:
        listed = problems[0] if len(problems) == 1 else " ".join(f"({i}) {text}" for i, text in enumerate(problems, 1))
        raise DataError(f"{shown}: {listed}", remedy=_FORM)

    values = {name: array for name, array in sorted(arrays.items()) if name not in (*FORM.names, *FORM.texts)}
    data = fingerprint({"arrays": values, "class_names": names})
    if encoder and not version:
        version = fingerprint({"encoder": encoder, "features": "from a file"})
    version = version or fingerprint({"encoder of": data})  # nobody knows which: features of this very file only
    train, held_out = (
        FeatureSet(features[part], labels[part], names, split, version, data, None if own is None else own[part])
        for split, part in (("train", test == 0), ("test", test == 1))
    )
    if texts is not None and texts.ndim == 2:
        texts = texts[:, None]  # [k, 1, d]
    shared = bool(np.asarray(arrays.get("shared_space", False)).any())
    return FeatureFile(f"features:{shown}", train, held_out, texts, shared, encoder or f"features:{path.name}")


def feature_file_of(content: bytes, name: str, *, needs_test: bool = True, needs_train: bool = True) -> FeatureFile:
    """The same of a file that was uploaded.

    Args:
        name: of the file, for its ending and for errors.
        needs_test, needs_train: as `read_feature_file`.
    Raises:
        FileFormatError, DataError: as `read_feature_file`, with the name in the place of a path.
    """
    with as_file(content, name, "features") as path:
        read = read_feature_file(path, needs_test=needs_test, needs_train=needs_train)
    plain = plain_name(name) or "features"
    return replace(
        read,
        name=f"features:{plain}",
        encoder=read.encoder.replace(f"features:{path.name}", f"features:{plain}"),
    )


def _named_labels(path: Path, labels: np.ndarray, names: np.ndarray | None) -> dict[str, np.ndarray]:
    """Whole numbers for labels that are texts; without a list of class names, their own, sorted."""
    known = sorted(set(labels.tolist())) if names is None else [str(name) for name in names.tolist()]
    place = {name: label for label, name in enumerate(known)}
    if bad := [row for row, label in enumerate(labels.tolist()) if label not in place]:
        raise DataError(
            f"{path}: the label of row {bad[0]} is {str(labels[bad[0]])!r:.60}, which is not among the class names.",
            remedy=_FORM,
        )
    return {"labels": np.array([place[label] for label in labels.tolist()]), "class_names": np.array(known)}


# ---------------------------------------------------------------------------------------------------- checks


def _whole(arrays: Mapping[str, np.ndarray], name: str, count: int) -> np.ndarray:
    array = array_of(arrays, name)
    if array.dtype.kind not in "iub" or array.shape != (count,):
        raise Problem(f"{name} is {array.dtype} {list(array.shape)}; whole numbers [{count}] are needed, one an image.")
    return array.astype(np.int64)


def _split(arrays: Mapping[str, np.ndarray], count: int, needs_test: bool) -> np.ndarray:
    test = _whole(arrays, "test", count)
    if len(bad := np.flatnonzero((test != 0) & (test != 1))):
        raise Problem(f"test holds {test[bad[0]]} in row {bad[0]}; allowed are 0 and 1.")
    if needs_test and not (test == 1).any():
        raise Problem("no image belongs to the test split; set test to 1 for some.")
    return test


def _class_names(arrays: Mapping[str, np.ndarray], texts: np.ndarray | None) -> tuple[str, ...] | None:
    """The file's class names, or numbered ones where it has none; None where the texts that would be numbered are wrong."""
    names = arrays.get("class_names")
    if names is None:
        if "class_text_features" not in arrays:
            raise Problem("it has neither class_text_features nor class_names.")
        return None if texts is None else tuple(f"class {label}" for label in range(len(texts)))
    if names.ndim != 1 or names.dtype.kind != "U":
        raise Problem(f"class_names is {names.dtype} {list(names.shape)}; k texts are needed.")
    if empty := [place for place, name in enumerate(names.tolist()) if not name.strip()]:
        raise Problem(f"the class name at position {empty[0]} is empty.")
    classes = len(names) if texts is None else len(texts)
    if len(names) != classes or len(set(names.tolist())) != classes:
        raise Problem(
            f"{len(names)} class names, {len(set(names.tolist()))} of them different, came with {classes} class text "
            "features; as many, all different, are needed."
        )
    return tuple(names.tolist())


def _text(arrays: Mapping[str, np.ndarray], name: str) -> str:
    text = arrays.get(name, np.array(""))
    if text.dtype.kind != "U" or text.size != 1:
        raise Problem(f"{name} is {text.dtype} {list(text.shape)}; one text is needed.")
    return str(text.reshape(()))


def _check_labels(labels: np.ndarray, test: np.ndarray, names: Sequence[str], needs_train: bool) -> None:
    classes = len(names)
    if classes < 2:
        raise Problem(f"it has {classes} class; at least 2 are needed.")
    if len(bad := np.flatnonzero((labels < 0) | (labels >= classes))):
        raise Problem(
            f"the label at position {bad[0]} is {labels[bad[0]]}; {classes} classes allow 0 to {classes - 1} "
            f"({len(bad)} rows in all)."
        )
    counts = np.bincount(labels[test == 0], minlength=classes)
    if needs_train and not counts.all():
        label = int(counts.argmin())
        raise Problem(
            f"{names[label]!r:.60} (label {label}) has no training image; set test to 0 for some of each class."
        )


def _check_own_texts(own: np.ndarray | None, count: int, texts: np.ndarray | None) -> None:
    if own is not None and (len(own) != count or (texts is not None and own.shape[-1] != texts.shape[-1])):
        wanted = "d" if texts is None else texts.shape[-1]
        raise Problem(f"image_text_features are {list(own.shape)}; [{count}, {wanted}] is needed.")
