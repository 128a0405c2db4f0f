"""Pictures that were uploaded by class: a data set that lies in memory alone."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from PIL import Image

from seda.class_texts import parse_class_texts
from seda.data.base import check_split
from seda.errors import ClassTextError, DataError, ImageError
from seda.images import ImageFailure, read_image
from seda.storage import fingerprint

MIN_PICTURES = 2  # of a class: one to train on, one to check with


@dataclass(frozen=True)
class UploadedClass:
    """A class as a visitor made it.

    Attributes:
        name: as typed.
        pictures: (file name, content) of each.
        reduced: of each, where all were read already, a small picture file that is looked at instead; None where none was.
        unreadable: why others, which are not among the pictures, could not be read.
    """

    name: str
    pictures: tuple[tuple[str, bytes], ...] = field(repr=False)
    reduced: tuple[bytes, ...] | None = field(default=None, repr=False)
    unreadable: tuple[ImageFailure, ...] = ()


class _File(NamedTuple):
    name: str
    content: bytes
    looked_at: bytes  # the content, or what it was reduced to
    sha256: str  # of the content
    label: int


class UploadedPictures:
    """See `ImageDataset`. All pictures are training data; the test split is empty.

    Contents stay in memory as they came and are read one by one. Copies of a picture within a class count once.

    Attributes:
        other_words: none.
        failures: the pictures that were left out, and why.
        copies: names of files that were left out because the class had the same picture already.
    Raises:
        ClassTextError: names that are missing, too long, or equal.
        DataError: fewer than two classes, a class with fewer than MIN_PICTURES readable pictures, or a picture in two classes.
    """

    name, source = "uploads", ""

    def __init__(self, classes: Sequence[UploadedClass]) -> None:
        self.class_names = _class_names(classes)
        self.other_words: Mapping[str, Sequence[str]] = {}
        self.failures = tuple(failure for one in classes for failure in one.unreadable)
        self.copies: tuple[str, ...] = ()
        self._files: list[_File] = []
        first: dict[str, tuple[str, int]] = {}  # by content: name and label
        for label, one in enumerate(classes):
            looked = one.reduced or [content for _, content in one.pictures]
            for (name, content), looked_at in zip(one.pictures, looked, strict=True):
                if one.reduced is not None or self._is_readable(name, content):
                    self._add(_File(name, content, looked_at, hashlib.sha256(content).hexdigest(), label), first)
        self._check()

    def fingerprint(self, split: str) -> str:
        check_split(split)
        files = [[file.name, file.sha256, file.label] for file in self._of(split)]
        return fingerprint({"data": "uploads", "split": split, "files": files, "class_names": self.class_names})

    def count(self, split: str) -> int:
        check_split(split)
        return len(self._of(split))

    def labels(self, split: str) -> np.ndarray:
        """int64 [n], index into class_names."""
        check_split(split)
        return np.array([file.label for file in self._of(split)], dtype=np.int64)

    def images(self, split: str, indices: Sequence[int] | np.ndarray) -> Iterator[Image.Image]:
        """RGB pictures, in the order of the indices."""
        check_split(split)
        for index in indices:
            file = self._of(split)[int(index)]
            yield read_image(file.looked_at, file.name)

    @property
    def files(self) -> tuple[tuple[str, bytes], ...]:
        """(file name, content) of the pictures that are used, class by class."""
        return tuple((file.name, file.content) for file in self._files)

    def _of(self, split: str) -> list[_File]:
        return self._files if split == "train" else []

    def _is_readable(self, name: str, content: bytes) -> bool:
        try:
            read_image(content, name)
        except ImageError as error:
            self.failures += (ImageFailure(name, str(error)),)
            return False
        return True

    def _add(self, file: _File, first: dict[str, tuple[str, int]]) -> None:
        known, of_label = first.setdefault(file.sha256, (file.name, file.label))
        if of_label != file.label:
            raise DataError(
                f"The same picture is in two classes: {known} in {self.class_names[of_label]!r:.60} and {file.name} in "
                f"{self.class_names[file.label]!r:.60}.",
                remedy="Remove it from one of them.",
            )
        if any(file.sha256 == other.sha256 for other in self._files):
            self.copies += (file.name,)
        else:
            self._files.append(file)

    def _check(self) -> None:
        counts = np.bincount(self.labels("train"), minlength=len(self.class_names))
        if counts.min() < MIN_PICTURES:
            label = int(counts.argmin())
            left_out = [f"{len(self.copies)} copies"] if self.copies else []
            left_out += [f"{len(self.failures)} that could not be read"] if self.failures else []
            said = f" Left out were {' and '.join(left_out)}." if left_out else ""
            raise DataError(
                f"The class {self.class_names[label]!r:.60} has {counts[label]} of the {MIN_PICTURES} different pictures that "
                f"are needed.{said}",
                remedy="Add pictures to it, or remove the class.",
            )


def _class_names(classes: Sequence[UploadedClass]) -> tuple[str, ...]:
    """The names, each of one line and no two equal."""
    if len(classes) < 2:
        raise DataError(f"{len(classes)} class came; at least 2 are needed, to be told apart.", remedy="Add a class.")
    if unnamed := [number for number, one in enumerate(classes, 1) if not one.name.strip()]:
        raise ClassTextError(f"Class {unnamed[0]} has no name.", remedy="Say in a word or two what its pictures show.")
    for one in classes:
        if len(parse_class_texts(one.name, at_least=0).names) > 1:
            raise ClassTextError(
                f"The class name {one.name.strip()!r:.60} has a comma, which separates class texts.",
                remedy="Write it without.",
            )
    names = parse_class_texts([one.name for one in classes], at_least=0).names
    if len(names) < len(classes):
        raise ClassTextError(
            f"Of {len(classes)} class names only {len(names)} differ.", remedy="Give every class a name of its own."
        )
    return names
