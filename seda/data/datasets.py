"""Labelled images by name: which data sets there are."""

from __future__ import annotations

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


def list_datasets(data_dir: Path | str | None = None) -> list[DatasetInfo]:
    """All data sets; nothing is downloaded."""
    from seda.data.emoji import ARTISTS, SOURCES, find_package
    from seda.data.fashion_mnist import find_idx_files
    from seda.data.torchvision_sets import SETS, find_root

    emoji = [
        DatasetInfo(
            f"emoji:{artist}",
            f"Emoji in 20 classes such as mammal and tool, 64 x 64 px, each with its name: {SOURCES[artist]}.",
            find_package(artist, data_dir) is not None,
        )
        for artist in ARTISTS
    ]
    return [
        DatasetInfo(
            "fashion-mnist",
            "70,000 grey pictures of clothes in 10 classes, 28 x 28 px (Xiao et al. 2017, MIT licence).",
            find_idx_files(data_dir) is not None,
        ),
        DatasetInfo(
            "digits",
            "1,797 handwritten digits, 8 x 8 px (Alpaydin and Kaynak 1998, CC BY 4.0); comes with scikit-learn.",
            True,
        ),
        *emoji,
        *(
            DatasetInfo(f"torchvision:{name}", f"{info.title}.", find_root(name, data_dir) is not None)
            for name, info in SETS.items()
        ),
        DatasetInfo("folder:DIR", "A folder of your own with one sub-folder of pictures for each class.", True),
    ]


def load_dataset(spec: str, data_dir: Path | str | None = None) -> ImageDataset:
    """The data set of that name.

    Args:
        spec: "fashion-mnist", "digits", "emoji:google", "emoji:twitter", "torchvision:NAME" for a set of torchvision such as
            CIFAR10, or "folder:DIR" for a folder with one sub-folder of pictures a class.
        data_dir: where the files of fashion-mnist, emoji and torchvision are; None looks in the usual places.
    Raises:
        DataError: the name is not known, or what it names is missing or cannot be used.
    """
    kind, _, rest = spec.strip().partition(":")
    data_dir = None if data_dir is None else local_path(data_dir, DataError)
    if kind == "fashion-mnist" and not rest:
        from seda.data.fashion_mnist import FashionMnist

        return FashionMnist(data_dir)
    if kind == "digits" and not rest:
        from seda.data.digits import Digits

        return Digits()
    if kind == "emoji" and rest:
        from seda.data.emoji import Emoji

        return Emoji(rest, data_dir)
    if kind == "torchvision" and rest:
        from seda.data.torchvision_sets import TorchvisionSet

        return TorchvisionSet(rest, data_dir)
    if kind == "folder" and rest:
        from seda.data.image_folder import ImageFolder

        return ImageFolder(rest)
    if kind == "features":
        raise DataError(
            f"{spec!r:.80} names features without pictures, which train, evaluate and benchmark take.",
            remedy="Name pictures here.",
        )
    raise DataError(
        f"The data set {spec!r:.80} is not known.",
        remedy="Choose fashion-mnist, digits, emoji:google, emoji:twitter, torchvision:NAME (see `python -m seda list`), or "
        "folder:DIR for a folder with one sub-folder of pictures a class.",
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
