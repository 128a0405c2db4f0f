"""Fashion-MNIST from files on this machine, else downloaded by torchvision.

Source: Xiao, Rasul, Vollgraf, "Fashion-MNIST", arXiv:1708.07747, MIT licence.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import tempfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from seda.data.base import check_split
from seda.data.network import is_reachable
from seda.errors import DataError, StorageError
from seda.storage import cache_dir, fingerprint

if TYPE_CHECKING:
    from torch import Tensor

CLASS_NAMES = ("t-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")
# chosen here: everyday words for the same things, so that stage 2 meets more than one text a class
OTHER_WORDS = {
    "t-shirt": ("tee", "top", "short-sleeved shirt"),
    "trouser": ("trousers", "pants", "jeans"),
    "pullover": ("sweater", "jumper", "sweatshirt"),
    "dress": ("gown", "evening dress", "frock"),
    "coat": ("jacket", "winter coat", "overcoat"),
    "sandal": ("sandals", "flip-flop", "open shoe"),
    "shirt": ("button-up shirt", "blouse", "collared shirt"),
    "sneaker": ("sneakers", "running shoe", "trainer"),
    "bag": ("handbag", "purse", "shoulder bag"),
    "ankle boot": ("boot", "boots", "ankle-high shoe"),
}
DEBIAN_FOLDER = Path("/usr/share/datasets/fashion-mnist")  # of Debian's package dataset-fashion-mnist

STEMS = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}
OFFICIAL_COUNTS = {"train": 60_000, "test": 10_000}
# md5 of the official downloads, the ones torchvision checks. They name the official data without having it.
OFFICIAL_GZIP_MD5 = {
    "train-images-idx3-ubyte": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
    "train-labels-idx1-ubyte": "25c81989df183df01b3e8a0aad5dffbe",
    "t10k-images-idx3-ubyte": "bef4ecab320f06d8554ea6380940ec79",
    "t10k-labels-idx1-ubyte": "bb300cfdad3c16e7a12a480ee83cd310",
}
# md5 of their content. Debian compressed the same content anew, so that only this sum recognises it.
OFFICIAL_CONTENT_MD5 = {
    "train-images-idx3-ubyte": "f4a8712d7a061bf5bd6d2ca38dc4d50a",
    "train-labels-idx1-ubyte": "9018921c3c673c538a1fc5bad174d6f9",
    "t10k-images-idx3-ubyte": "8181f5470baa50b63fa0f6fddb340f0a",
    "t10k-labels-idx1-ubyte": "15d484375f8d13e6eb1aabb0c3f46965",
}


class FashionMnist:
    """See `ImageDataset`. Pictures are grey, 28 x 28 px.

    Nothing is read or downloaded before it is needed: the fingerprint and the counts of the official data are known
    without having it, so that features shipped with the program are found on a machine that has no images.

    Args:
        data_dir: folder with the four idx files, plain or gzip'd. None looks in $SEDA_DATA, in Debian's folder and in
            the cache, in this order, and downloads into the cache when all lack them.
    Raises:
        DataError: data_dir was given and lacks the files.
    """

    name = "fashion-mnist"
    class_names = CLASS_NAMES
    source = "Fashion-MNIST (Xiao, Rasul, Vollgraf 2017, arXiv:1708.07747), MIT licence"
    other_words = OTHER_WORDS

    def __init__(self, data_dir: Path | str | None = None) -> None:
        self._folder = find_idx_files(data_dir)
        if data_dir is not None and self._folder is None:
            raise DataError(f"The folder {data_dir} lacks the files of Fashion-MNIST.", remedy=_ways_on())
        self._splits: dict[str, tuple[np.ndarray, np.ndarray]] = {}

    def fingerprint(self, split: str) -> str:
        """Of the official data, unless the files at hand have another content: then of that content."""
        check_split(split)
        if self._folder is None:
            return official_fingerprint(split)
        found = {stem: _content_md5(_path(self._folder, stem)) for stem in STEMS[split]}
        if all(md5 == OFFICIAL_CONTENT_MD5[stem] for stem, md5 in found.items()):
            return official_fingerprint(split)
        return _fingerprint(split, [found[stem] for stem in STEMS[split]])

    def count(self, split: str) -> int:
        check_split(split)
        if self._folder is None:
            return OFFICIAL_COUNTS[split]
        return len(self.labels(split))

    def labels(self, split: str) -> np.ndarray:
        """int64 [n], index into class_names.

        Raises:
            DataError: the files are damaged, or are nowhere and cannot be downloaded.
        """
        return self._read(split)[1]

    def images(self, split: str, indices: Sequence[int] | np.ndarray) -> Iterator[Image.Image]:
        """Grey pictures, in the order of the indices.

        Raises:
            DataError: the files are damaged, or are nowhere and cannot be downloaded.
        """
        pixels = self._read(split)[0]
        return (Image.fromarray(pixels[index]) for index in indices)

    def _read(self, split: str) -> tuple[np.ndarray, np.ndarray]:
        """uint8 [n, 28, 28] and int64 [n]."""
        check_split(split)
        if split not in self._splits:
            if self._folder is None:
                self._folder = download()
            self._splits[split] = read_split(self._folder, split)
        return self._splits[split]


def official_fingerprint(split: str) -> str:
    """Fingerprint of the official data, known without having it."""
    return _fingerprint(split, [OFFICIAL_GZIP_MD5[stem] for stem in STEMS[split]])


def find_idx_files(data_dir: Path | str | None = None) -> Path | None:
    """The folder that holds the four files, plain or gzip'd: data_dir or below, else the usual places. None: nowhere."""
    if data_dir is not None:
        roots = [Path(data_dir)]
    else:
        roots = [Path(os.environ["SEDA_DATA"])] if os.environ.get("SEDA_DATA") else []
        roots += [DEBIAN_FOLDER, cache_dir() / "data"]
    for root in roots:
        for folder in (root, root / "fashion-mnist", root / "FashionMNIST" / "raw"):  # the last is torchvision's layout
            if all(_path(folder, stem) for stems in STEMS.values() for stem in stems):
                return folder
    return None


def read_split(folder: Path, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Pixels uint8 [n, h, w] and labels int64 [n] of one split, through torchvision's reader.

    Raises:
        DataError: a file is damaged, or the two do not belong together.
    """
    from torchvision.datasets.mnist import read_image_file, read_label_file

    images, labels = STEMS[split]
    pixels, answers = _read_idx(folder, images, read_image_file), _read_idx(folder, labels, read_label_file)
    if len(pixels) != len(answers):
        raise DataError(
            f"{images} has {len(pixels):,} pictures and {labels} {len(answers):,} labels.", remedy=_ways_on()
        )
    if len(answers) and answers.max() >= len(CLASS_NAMES):
        raise DataError(f"{labels} has the label {answers.max()}; allowed are 0 to {len(CLASS_NAMES) - 1}.")
    return pixels, answers


def download() -> Path:
    """Download the official files by torchvision, which checks their md5; returns their folder in the cache.

    Raises:
        DataError: there is no network, or the cache cannot be written.
    """
    from torchvision.datasets import FashionMNIST

    if not is_reachable(FashionMNIST.mirrors[0]):
        raise DataError(
            "The files of Fashion-MNIST are not on this machine and cannot be downloaded.", remedy=_ways_on()
        )
    try:
        return Path(FashionMNIST(cache_dir() / "data", download=True).raw_folder)
    except (OSError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise DataError(f"Fashion-MNIST could not be downloaded ({reason}).", remedy=_ways_on()) from error


def _ways_on() -> str:
    files = ", ".join(f"{stem}.gz" for stem in OFFICIAL_GZIP_MD5)
    return (
        "Install Debian's package dataset-fashion-mnist, or put the four files into a folder and name it with --data-dir "
        f"or $SEDA_DATA ({files}), or run once with a network."
    )


def _fingerprint(split: str, md5s: list[str]) -> str:
    return fingerprint({"data": "fashion-mnist", "split": split, "md5": md5s, "class_names": CLASS_NAMES})


def _path(folder: Path, stem: str) -> Path | None:
    """The file, plain before gzip'd."""
    return next((path for path in (folder / stem, folder / f"{stem}.gz") if path.is_file()), None)


def _content(path: Path | None) -> bytes:
    if path is None:
        raise DataError("A file of Fashion-MNIST has disappeared.", remedy=_ways_on())
    try:
        data = path.read_bytes()
        return gzip.decompress(data) if path.suffix == ".gz" else data
    except (OSError, EOFError, zlib.error) as error:  # BadGzipFile is an OSError
        raise DataError(f"{path} is damaged or cannot be read ({error}).", remedy=_ways_on()) from error


def _content_md5(path: Path | None) -> str:
    if path is None:
        raise DataError("A file of Fashion-MNIST has disappeared.", remedy=_ways_on())
    state = path.stat()
    return _md5_of_version(path, state.st_size, state.st_mtime_ns)


@cache
def _md5_of_version(path: Path, size: int, mtime_ns: int) -> str:
    """Once for each state of a file: decompressing the training images takes .4 s."""
    return hashlib.md5(_content(path), usedforsecurity=False).hexdigest()


def _read_idx(folder: Path, stem: str, reader: Callable[[str], Tensor]) -> np.ndarray:
    """An idx file as an array; torchvision's readers want a plain file, which never lies in the user's folder."""
    path = _path(folder, stem)
    content = _content(path)
    try:
        with tempfile.TemporaryDirectory(prefix="seda-") as place:
            plain = Path(place) / stem
            plain.write_bytes(content)
            return reader(str(plain)).numpy()
    except OSError as error:
        raise StorageError(
            f"{stem} could not be unpacked ({error}).", remedy="Free some space and try again."
        ) from error
    except (AssertionError, TypeError, ValueError, RuntimeError, KeyError) as error:
        raise DataError(f"{path} is damaged or not an idx file ({error}).", remedy=_ways_on()) from error
