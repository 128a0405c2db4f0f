"""A folder of the user's own pictures, one sub-folder a class."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from seda.data.base import SPLITS, check_split
from seda.errors import DataError, ImageError
from seda.images import ImageFailure, find_images, read_image
from seda.storage import fingerprint, local_path, readable, sha256_file

TEST_SHARE = 0.2  # of each class, where the folder has no train and test of its own
SPLIT_SEED = 0

_LAYOUT = "Make one sub-folder a class and put its pictures there, such as photos/cat and photos/dog."


@dataclass(frozen=True)
class _File:
    path: Path
    name: str  # relative to the folder, with forward slashes
    label: int
    size: int
    sha256: str


class ImageFolder:
    """See `ImageDataset`. Class names are the names of the sub-folders, sorted, with spaces for underscores.

    With DIR/train and DIR/test these are the splits. Else a fifth of each class, chosen by its content and a seed, is the
    test split: the same pictures always, whatever their names or the other classes, and copies of one picture in one split.

    All pictures are read once at the start, so that counts and labels are those of readable pictures.

    Attributes:
        other_words: none; a folder's name is all that is known of a class.
        failures: the pictures that were left out, and why.
    Raises:
        DataError: the folder is missing, has fewer than two classes with readable pictures, or its test split has a class
            that its train split lacks.
    """

    def __init__(self, folder: Path | str, seed: int = SPLIT_SEED) -> None:
        self._folder = local_path(folder, DataError)
        self.name = readable(f"folder:{folder}")
        if not self._folder.is_dir():
            raise DataError(f"The folder {self._folder} does not exist.", remedy="Give the path of a folder.")
        self.source = ""
        self.other_words: Mapping[str, Sequence[str]] = {}
        self._seed = seed
        self.failures: tuple[ImageFailure, ...] = ()
        roots = {split: self._folder / split for split in SPLITS}
        self._fixed = all(root.is_dir() and self._class_folders(root) for root in roots.values())
        if self._fixed:
            raw_names = [path.name for path in self._class_folders(roots["train"])]
            if extra := sorted({path.name for path in self._class_folders(roots["test"])} - set(raw_names)):
                raise DataError(
                    f"The folder {roots['test']} has classes that {roots['train']} lacks: {', '.join(extra[:5])}.",
                    remedy="Give both the same sub-folders.",
                )
            self._files = {split: self._scan(root, raw_names) for split, root in roots.items()}
        else:
            raw_names = [path.name for path in self._class_folders(self._folder)]
            self._files = _divide(self._scan(self._folder, raw_names), seed)
        raw_names = self._without_empty(raw_names)
        names = tuple(map(readable, raw_names))
        spaced = tuple(name.replace("_", " ") for name in names)
        self.class_names = spaced if len(set(spaced)) == len(spaced) else names
        self._check(raw_names)

    def fingerprint(self, split: str) -> str:
        check_split(split)
        files = [[file.name, file.size, file.sha256, file.label] for file in self._files[split]]
        return fingerprint({"data": "folder", "split": split, "files": files, "class_names": self.class_names})

    def count(self, split: str) -> int:
        check_split(split)
        return len(self._files[split])

    def labels(self, split: str) -> np.ndarray:
        """int64 [n], index into class_names."""
        check_split(split)
        return np.array([file.label for file in self._files[split]], dtype=np.int64)

    def images(self, split: str, indices: Sequence[int] | np.ndarray) -> Iterator[Image.Image]:
        """RGB pictures, in the order of the indices.

        Raises:
            DataError: a picture disappeared or changed into something unreadable since the folder was read.
        """
        check_split(split)
        for index in indices:
            file = self._files[split][int(index)]
            try:
                yield read_image(file.path, file.name)
            except ImageError as error:
                raise DataError(
                    f"The folder {self._folder} has changed: {error.message}", remedy="Start again."
                ) from error

    def _class_folders(self, root: Path) -> list[Path]:
        """Those within the data set's folder: one of other people may hold links to all of a disk."""
        within = self._folder.resolve()
        try:
            found = sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))
            leave = [path.name for path in found if within not in path.resolve().parents]
        except (OSError, RuntimeError) as error:  # RuntimeError: links that lead to one another
            raise DataError(
                f"The folder {root} cannot be read: {getattr(error, 'strerror', None) or error}."
            ) from error
        left_out = (
            ImageFailure(readable(name), f"{name!r:.80} is a link to a place outside of the folder and is left out.")
            for name in leave
        )
        self.failures = tuple(dict.fromkeys((*self.failures, *left_out)))
        return [path for path in found if path.name not in leave]

    def _scan(self, root: Path, class_folders: list[str]) -> list[_File]:
        """All readable pictures below root, by class and path; the others go to `failures`."""
        files: list[_File] = []
        failures: list[ImageFailure] = []
        for label, class_folder in enumerate(class_folders):
            if not (root / class_folder).is_dir():
                continue
            try:
                paths = find_images(root / class_folder)
            except DataError:  # an empty class; _check counts
                continue
            for path in paths:
                name = readable(path.relative_to(self._folder).as_posix())
                try:
                    read_image(path, name)
                    files.append(_File(path, name, label, path.stat().st_size, sha256_file(path)))
                except (ImageError, OSError) as error:
                    failures.append(ImageFailure(name, str(error)))
        self.failures += tuple(failures)
        return files

    def _without_empty(self, raw_names: list[str]) -> list[str]:
        """The classes that have pictures to train on; the others are named among the failures, and the files renumbered."""
        found = {file.label for file in self._files["train"]}
        empty = [name for label, name in enumerate(raw_names) if label not in found]
        self.failures += tuple(
            ImageFailure(readable(name), f"The class {name!r:.80} has no readable picture and is left out.")
            for name in empty
        )
        place = {label: new for new, label in enumerate(sorted(found))}
        self._files = {
            split: [replace(file, label=place[file.label]) for file in files if file.label in place]
            for split, files in self._files.items()
        }
        return [name for label, name in enumerate(raw_names) if label in found]

    def _check(self, raw_names: list[str]) -> None:
        if len(raw_names) < 2:
            came = f"{len(raw_names)} class{'' if len(raw_names) == 1 else 'es'} with pictures"
            left_out = f" {len(self.failures)} pictures could not be read." if self.failures else ""
            raise DataError(
                f"The folder {self._folder} has {came}; at least 2 are needed.{left_out}",
                remedy=_LAYOUT,
            )


def _divide(files: list[_File], seed: int) -> dict[str, list[_File]]:
    """A share of each class for testing, at least one picture where there are two different ones, in the files' order."""
    test: set[str] = set()
    for label in {file.label for file in files}:
        contents = {file.sha256 for file in files if file.label == label}
        shuffled = sorted(contents, key=lambda content: hashlib.sha256(f"{seed}:{content}".encode()).digest())
        share = max(round(TEST_SHARE * len(shuffled)), 1) if len(shuffled) > 1 else 0
        test.update(shuffled[:share])
    return {
        "train": [file for file in files if file.sha256 not in test],
        "test": [file for file in files if file.sha256 in test],
    }
