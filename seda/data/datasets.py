"""Labelled images by name: which data sets there are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from seda.data.base import ImageDataset
from seda.errors import DataError
from seda.storage import local_path


@dataclass(frozen=True)
class DatasetInfo:
    """A data set that can be asked for.

    Attributes:
        name: for `load_dataset`; words in capitals are to be filled in.
        description: one sentence for the screen.
        available: whether its images are on this machine. A download may still bring them.
    """

    name: str
    description: str
    available: bool


@dataclass(frozen=True)
class DatasetKind:
    """Data sets of one source. Modules are imported when they are asked for.

    Attributes:
        usage: how one is named, for help and messages; words in capitals are to be filled in.
        list: what there is of it, from the folder that data sets are in (None: the usual places).
        load: the data set by what stands behind the name's colon ("" where there is none), and that folder.
        takes_name: whether something has to stand there; else nothing may.
    """

    usage: str
    list: Callable[[Path | str | None], Sequence[DatasetInfo]]
    load: Callable[[str, Path | str | None], ImageDataset]
    takes_name: bool = True


def _fashion_mnist_infos(data_dir: Path | str | None) -> Sequence[DatasetInfo]:
    from seda.data.fashion_mnist import find_idx_files

    about = "70,000 grey pictures of clothes in 10 classes, 28 x 28 px (Xiao et al. 2017, MIT licence)."
    return [DatasetInfo("fashion-mnist", about, find_idx_files(data_dir) is not None)]


def _fashion_mnist(name: str, data_dir: Path | str | None) -> ImageDataset:
    from seda.data.fashion_mnist import FashionMnist

    return FashionMnist(data_dir)


def _digits_infos(data_dir: Path | str | None) -> Sequence[DatasetInfo]:
    about = "1,797 handwritten digits, 8 x 8 px (Alpaydin and Kaynak 1998, CC BY 4.0); comes with scikit-learn."
    return [DatasetInfo("digits", about, True)]


def _digits(name: str, data_dir: Path | str | None) -> ImageDataset:
    from seda.data.digits import Digits

    return Digits()


def _emoji_infos(data_dir: Path | str | None) -> Sequence[DatasetInfo]:
    from seda.data.emoji import ARTISTS, SOURCES, find_package

    about = "Emoji in 20 classes such as mammal and tool, 64 x 64 px, each with its name"
    return [
        DatasetInfo(f"emoji:{artist}", f"{about}: {SOURCES[artist]}.", find_package(artist, data_dir) is not None)
        for artist in ARTISTS
    ]


def _emoji(name: str, data_dir: Path | str | None) -> ImageDataset:
    from seda.data.emoji import Emoji

    return Emoji(name, data_dir)


def _torchvision_infos(data_dir: Path | str | None) -> Sequence[DatasetInfo]:
    from seda.data.torchvision_sets import SETS, find_root

    return [
        DatasetInfo(f"torchvision:{name}", f"{info.title}.", find_root(name, data_dir) is not None)
        for name, info in SETS.items()
    ]


def _torchvision(name: str, data_dir: Path | str | None) -> ImageDataset:
    from seda.data.torchvision_sets import TorchvisionSet

    return TorchvisionSet(name, data_dir)


def _folder_infos(data_dir: Path | str | None) -> Sequence[DatasetInfo]:
    return [DatasetInfo("folder:DIR", "A folder of your own with one sub-folder of pictures for each class.", True)]


def _folder(name: str, data_dir: Path | str | None) -> ImageDataset:
    from seda.data.image_folder import ImageFolder

    return ImageFolder(name)


# by what stands before the colon, in the order of every list
DATASETS = {
    "fashion-mnist": DatasetKind("fashion-mnist", _fashion_mnist_infos, _fashion_mnist, takes_name=False),
    "digits": DatasetKind("digits", _digits_infos, _digits, takes_name=False),
    "emoji": DatasetKind("emoji:google, emoji:twitter", _emoji_infos, _emoji),
    "torchvision": DatasetKind("torchvision:NAME", _torchvision_infos, _torchvision),
    "folder": DatasetKind("folder:DIR", _folder_infos, _folder),
}
USAGE = ", ".join(kind.usage for kind in DATASETS.values())


def list_datasets(data_dir: Path | str | None = None) -> list[DatasetInfo]:
    """All data sets; nothing is downloaded."""
    return [info for kind in DATASETS.values() for info in kind.list(data_dir)]


def load_dataset(spec: str, data_dir: Path | str | None = None) -> ImageDataset:
    """The data set of that name.

    Args:
        spec: as USAGE says: a kind of DATASETS, and behind a colon what it is called there, such as CIFAR10 of torchvision, or a
            folder with one sub-folder of pictures a class.
        data_dir: where the files of fashion-mnist, emoji and torchvision are; None looks in the usual places.
    Raises:
        DataError: the name is not known, or what it names is missing or cannot be used.
    """
    name, _, rest = spec.strip().partition(":")
    data_dir = None if data_dir is None else local_path(data_dir, DataError)
    kind = DATASETS.get(name)
    if kind is not None and bool(rest) == kind.takes_name:
        return kind.load(rest, data_dir)
    if name == "features":
        raise DataError(
            f"{spec!r:.80} names features without pictures, which train, evaluate and benchmark take.",
            remedy="Name pictures here.",
        )
    raise DataError(
        f"The data set {spec!r:.80} is not known.",
        remedy=f"Choose one of {USAGE}: see `python -m seda list` for the names, and give a folder with one sub-folder of pictures a "
        "class as DIR.",
    )


def load_anywhere(spec: str, data_dir: Path | str | None = None) -> ImageDataset:
    """As `load_dataset`, but what data_dir lacks is looked for in the usual places: one folder may serve several data sets.

    Raises:
        DataError: see `load_dataset`; or there is no such folder.
    """
    if data_dir is not None and not local_path(data_dir, DataError).is_dir():
        raise DataError(f"The folder {data_dir} does not exist.", remedy="Give --data-dir a folder with data sets.")
    try:
        return load_dataset(spec, data_dir)
    except DataError as of_the_folder:
        try:
            return load_dataset(spec)
        except DataError:
            raise of_the_folder from None
