"""Common sets of torchvision by name: read from this machine, else downloaded by torchvision.

torchvision checks the md5 of what it reads (CIFAR, whose files are pickles and are never opened before, and the labels of
the flowers) and of every archive that it downloads.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from seda.data.base import check_split
from seda.data.network import is_reachable
from seda.errors import DataError, ImageError
from seda.images import read_image
from seda.storage import cache_dir, fingerprint, local_path

TEST_SHARE = 0.2  # of each class of a set without splits of its own
SPLIT_SEED = 0


@dataclass(frozen=True)
class SetInfo:
    """A set of torchvision.

    Attributes:
        folder: what torchvision calls its folder below the root.
        markers: files and folders in it without which it cannot be read.
        title: for the screen, with number and size of the pictures.
        source: authors, year and licence.
        server: address that torchvision downloads from.
        splits: torchvision's splits that our two are made of; empty where it has none.
    """

    folder: str
    markers: tuple[str, ...]
    title: str
    source: str
    server: str
    splits: Mapping[str, tuple[str, ...]]


_OXFORD = "https://www.robots.ox.ac.uk/~vgg/data/"
_BOTH = {"train": ("train",), "test": ("test",)}
SETS = {
    "CIFAR10": SetInfo(
        "cifar-10-batches-py", ("batches.meta", "test_batch", "data_batch_1"),
        "CIFAR-10: 60,000 pictures of animals and vehicles in 10 classes, 32 x 32 px",
        "CIFAR-10 (Krizhevsky 2009), no licence stated", "https://www.cs.toronto.edu/", _BOTH,
    ),
    "CIFAR100": SetInfo(
        "cifar-100-python", ("meta", "train", "test"),
        "CIFAR-100: 60,000 pictures of things in 100 classes, 32 x 32 px",
        "CIFAR-100 (Krizhevsky 2009), no licence stated", "https://www.cs.toronto.edu/", _BOTH,
    ),
    "Flowers102": SetInfo(
        "flowers-102", ("jpg", "imagelabels.mat", "setid.mat"),
        "Oxford Flowers: 8,189 photos of 102 kinds of flowers; training and validation images train together",
        "Oxford 102 Flower (Nilsback and Zisserman 2008), for research", _OXFORD,
        {"train": ("train", "val"), "test": ("test",)},
    ),
    "Food101": SetInfo(
        "food-101", ("meta/train.json", "meta/test.json", "images"),
        "Food-101: 101,000 photos of 101 dishes, up to 512 px (5 GB)",
        "Food-101 (Bossard, Guillaumin and Van Gool 2014), for research", "http://data.vision.ee.ethz.ch/", _BOTH,
    ),
    "OxfordIIITPet": SetInfo(
        "oxford-iiit-pet", ("images", "annotations/trainval.txt", "annotations/test.txt"),
        "Oxford-IIIT Pet: 7,349 photos of 37 breeds of cats and dogs",
        "Oxford-IIIT Pet (Parkhi, Vedaldi, Zisserman and Jawahar 2012), CC BY-SA 4.0", _OXFORD,
        {"train": ("trainval",), "test": ("test",)},
    ),
    "EuroSAT": SetInfo(
        "eurosat", ("2750",),
        "EuroSAT: 27,000 satellite pictures of 10 kinds of land, 64 x 64 px; a fifth of each class, drawn here, for testing",
        "EuroSAT (Helber, Bischke, Dengel and Borth 2019), MIT licence", "https://huggingface.co/", {},
    ),
}  # fmt: skip

# where the publisher's spelling is not what a person would type
SPELLINGS = {
    "pink-yellow dahlia?": "pink-yellow dahlia",
    "barbeton daisy": "barberton daisy",
    "globe-flower": "globe flower",
    "desert-rose": "desert rose",
    "bromelia": "bromeliad",
    "annual crop": "annual crop land",
    "permanent crop": "permanent crop land",
    "industrial": "industrial buildings",
    "residential": "residential buildings",
    "sea lake": "sea or lake",
}


@dataclass(frozen=True)
class _Split:
    """Labels int64 [n], and pictures: uint8 [n, h, w, 3], or their files relative to the set's root."""

    labels: np.ndarray
    pixels: np.ndarray | None
    files: tuple[Path, ...]


class TorchvisionSet:
    """See `ImageDataset`. Class names are those of the publisher, as a person would type them.

    Nothing is read or downloaded before it is needed.

    Args:
        name: a key of SETS, in any case and with or without hyphens.
        data_dir: the folder that torchvision calls root, or the set's own folder in it. None looks in $SEDA_DATA and in the
            cache, in this order, and downloads into the cache when both lack it.
    Raises:
        DataError: the name is not known, or data_dir was given and lacks the set.
    """

    other_words: Mapping[str, Sequence[str]] = {}

    def __init__(self, name: str, data_dir: Path | str | None = None) -> None:
        known = {_plain(key): key for key in SETS}
        if _plain(name) not in known:
            raise DataError(
                f"The set {name!r:.40} of torchvision is not among those read here.",
                remedy=f"Choose torchvision: with one of {', '.join(SETS)}.",
            )
        self._name = known[_plain(name)]
        self.name, self.source = f"torchvision:{self._name}", SETS[self._name].source
        self._root = find_root(self._name, data_dir)
        if data_dir is not None and self._root is None:
            raise DataError(f"The folder {data_dir} lacks {self._name}.", remedy=_ways_on(self._name))

    @cached_property
    def class_names(self) -> tuple[str, ...]:
        """
        Raises:
            DataError: the set is damaged, or is nowhere and cannot be downloaded.
        """
        return self._splits[0]

    def fingerprint(self, split: str) -> str:
        """Over class names, labels, and the pixels or the files' names and sizes."""
        part = self._split(split)
        pictures: Any = part.pixels
        if pictures is None:
            try:
                pictures = [[path.as_posix(), (self._found / path).stat().st_size] for path in part.files]
            except OSError as error:
                raise DataError(
                    f"{self._name} in {self._root} is incomplete: {error.filename} cannot be read.",
                    remedy=_ways_on(self._name),
                ) from error
        return fingerprint(
            {
                "data": self.name,
                "split": split,
                "class_names": self.class_names,
                "labels": part.labels,
                "pictures": pictures,
            }
        )

    def count(self, split: str) -> int:
        return len(self.labels(split))

    def labels(self, split: str) -> np.ndarray:
        """int64 [n], index into class_names."""
        return self._split(split).labels

    def images(self, split: str, indices: Sequence[int] | np.ndarray) -> Iterator[Image.Image]:
        """RGB pictures, in the order of the indices.

        Raises:
            DataError: a picture is missing or damaged.
        """
        part = self._split(split)
        for index in indices:
            if part.pixels is not None:
                yield Image.fromarray(part.pixels[index])
                continue
            path = self._found / part.files[int(index)]
            try:
                yield read_image(path, path.name)
            except ImageError as error:
                raise DataError(
                    f"{self._name} in {self._root} is damaged: {error.message}", remedy=_ways_on(self._name)
                ) from error

    def _split(self, split: str) -> _Split:
        check_split(split)
        return self._splits[1][split]

    @property
    def _found(self) -> Path:
        if self._root is None:
            self._root = download(self._name)
        return self._root

    @cached_property
    def _splits(self) -> tuple[tuple[str, ...], dict[str, _Split]]:
        """Class names, and both splits."""
        info, root = SETS[self._name], self._found
        if not info.splits:
            read = _read(self._name, root)
            return _class_names(read), _divide(_parts([read], root))
        parts = {split: [_read(self._name, root, split=part) for part in names] for split, names in info.splits.items()}
        names = {_class_names(read) for reads in parts.values() for read in reads}
        if len(names) > 1:
            raise DataError(
                f"The splits of {self._name} in {root} differ in their classes.", remedy=_ways_on(self._name)
            )
        return names.pop(), {split: _parts(reads, root) for split, reads in parts.items()}


def find_root(name: str, data_dir: Path | str | None = None) -> Path | None:
    """The folder that torchvision calls root and that holds the set; None: nowhere. See `TorchvisionSet`."""
    info = SETS[name]
    if data_dir is not None:
        given = local_path(data_dir, DataError).absolute()
        roots = [given, given / "torchvision"] + ([given.parent] if given.name == info.folder else [])
    else:
        roots = [Path(os.environ["SEDA_DATA"])] if os.environ.get("SEDA_DATA") else []
        roots.append(cache_dir() / "data")
    return next((root for root in roots if all((root / info.folder / part).exists() for part in info.markers)), None)


def download(name: str) -> Path:
    """Let torchvision download a set, which checks the md5 of the archive; returns the root in the cache.

    Raises:
        DataError: there is no network, or the download failed.
    """
    info, root = SETS[name], cache_dir() / "data"
    if not is_reachable(info.server):
        raise DataError(f"{name} is not on this machine and cannot be downloaded.", remedy=_ways_on(name))
    splits: list[str | None] = [*sorted({part for parts in info.splits.values() for part in parts})]
    for split in splits or [None]:
        _read(name, root, split=split, download=True)
    return root


def _read(name: str, root: Path, *, split: str | None = None, download: bool = False) -> Any:
    """torchvision's own object of one of its splits.

    Raises:
        DataError: files are missing, damaged or not the official ones.
    """
    from torchvision import datasets

    options: dict[str, Any] = {"download": download}
    if name.startswith("CIFAR"):
        options["train"] = split == "train"
    elif split is not None:
        options["split"] = split
    reader: Callable[..., Any] = getattr(datasets, name)
    try:
        return reader(str(root), **options)
    except (OSError, RuntimeError, ValueError, KeyError, EOFError) as error:  # URLError and BadZipFile among them
        reason = " ".join(str(error).split())[:200]
        doing = "downloaded" if download else "read"
        raise DataError(f"{name} in {root} could not be {doing} ({reason}).", remedy=_ways_on(name)) from error


def _parts(reads: Sequence[Any], root: Path) -> _Split:
    """One split of one or more of torchvision's."""
    if hasattr(reads[0], "data"):  # CIFAR
        labels = np.concatenate([np.array(read.targets, np.int64) for read in reads])
        return _Split(labels, np.concatenate([read.data for read in reads]), ())
    files: list[Path] = []
    labels_of: list[int] = []
    for read in reads:
        if hasattr(read, "samples"):
            found, their_labels = [path for path, _ in read.samples], [label for _, label in read.samples]
        else:
            found, their_labels = getattr(read, "_image_files", None) or read._images, read._labels
        files += [Path(path).relative_to(root) for path in found]
        labels_of += their_labels
    return _Split(np.array(labels_of, np.int64), None, tuple(files))


def _divide(whole: _Split) -> dict[str, _Split]:
    """A seeded part of each class for testing, the same whatever the order of the files."""
    rng = np.random.default_rng(SPLIT_SEED)
    order = np.array(sorted(range(len(whole.files)), key=lambda index: whole.files[index].as_posix()))
    held_out = np.zeros(len(order), bool)
    for label in range(int(whole.labels.max()) + 1):
        members = rng.permutation(order[whole.labels[order] == label])
        held_out[members[: round(TEST_SHARE * len(members))]] = True
    return {
        split: _Split(whole.labels[chosen], None, tuple(whole.files[index] for index in chosen))
        for split, chosen in (("train", np.flatnonzero(~held_out)), ("test", np.flatnonzero(held_out)))
    }


def _class_names(read: Any) -> tuple[str, ...]:
    return tuple(readable(name) for name in read.classes)


def readable(name: str) -> str:
    """A class as a person would type it: "maple_tree" is "maple tree", "SeaLake" is "sea or lake"."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).replace("_", " ").lower()
    return SPELLINGS.get(spaced, spaced)


def _plain(name: str) -> str:
    return re.sub(r"[-_ ]", "", name).lower()


def _ways_on(name: str) -> str:
    info = SETS[name]
    return (
        f"Put the folder {info.folder} with {', '.join(info.markers)} as torchvision unpacks it into a folder and name that "
        f"with --data-dir or $SEDA_DATA; or run once with a network, which downloads it from {info.server}."
    )
