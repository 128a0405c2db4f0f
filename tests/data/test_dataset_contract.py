"""What every data set promises (`ImageDataset` in base.py), kept by one of each kind that needs no network."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from seda.data.base import SPLITS, ImageDataset, image_texts
from seda.data.datasets import DATASETS, USAGE, list_datasets, load_dataset
from seda.errors import DataError
from tests.data.test_fashion_mnist import write_idx
from tests.data.test_torchvision_sets import eurosat
from tests.emoji_packages import write_packages
from tests.tiny import image_folder

# How to ask for one of each kind, given an empty folder that may be filled; a new kind has its line here.
OFFLINE: dict[str, Callable[[Path], tuple[str, Path]]] = {
    "fashion-mnist": lambda folder: ("fashion-mnist", write_idx(folder)),
    "digits": lambda folder: ("digits", folder),
    "emoji": lambda folder: ("emoji:google", write_packages(folder)),
    "torchvision": lambda folder: ("torchvision:EuroSAT", eurosat(folder)),
    "folder": lambda folder: (f"folder:{image_folder(folder)}", folder),
}


@pytest.fixture(scope="module", params=DATASETS)
def asked(request, tmp_path_factory) -> tuple[str, Path]:
    return OFFLINE[request.param](tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def data(asked) -> ImageDataset:
    return load_dataset(*asked)


def test_it_is_found_by_its_name_and_listed(asked, data):
    kind = asked[0].partition(":")[0]
    assert data.name == asked[0] and DATASETS[kind].usage in USAGE and isinstance(data.source, str)
    listed = [info for info in list_datasets(asked[1]) if info.name.partition(":")[0] == kind]
    assert listed and all(info.description.endswith(".") for info in listed)
    assert next(info for info in listed if info.name in (data.name, "folder:DIR")).available


def test_labels_are_places_in_the_class_names_and_every_class_is_trained_on(data):
    names = data.class_names
    assert isinstance(names, tuple) and len(set(names)) == len(names) >= 2 and all(names)
    assert set(data.other_words) <= set(names)
    for split in SPLITS:
        labels = data.labels(split)
        assert labels.dtype == np.int64 and labels.shape == (data.count(split),) and len(labels)
        assert set(labels.tolist()) <= set(range(len(names)))
    assert set(data.labels("train").tolist()) == set(range(len(names)))


def test_pictures_come_in_the_order_that_is_asked_for(data):
    for split in SPLITS:
        indices = np.array([3, 0, 3, data.count(split) - 1])
        pictures = list(data.images(split, indices))
        assert len(pictures) == 4 and all(picture.mode in ("RGB", "L") for picture in pictures)
        for index, picture in zip(indices, pictures, strict=True):
            (alone,) = data.images(split, [int(index)])
            assert alone.size == picture.size and alone.tobytes() == picture.tobytes()
        texts = image_texts(data, split, indices)
        assert texts is None or (len(texts) == 4 and texts[0] == texts[2])
        assert list(data.images(split, [])) == []


def test_its_splits_are_the_same_when_it_is_loaded_again(asked, data):
    again = load_dataset(*asked)
    prints = [data.fingerprint(split) for split in SPLITS]
    assert all(re.fullmatch("[0-9a-f]{16}", found) for found in prints) and prints[0] != prints[1]
    assert prints == [again.fingerprint(split) for split in SPLITS]
    for split in SPLITS:
        assert (data.labels(split) == again.labels(split)).all()


def test_there_are_two_splits(data):
    for ask in (data.labels, data.count, data.fingerprint):
        with pytest.raises(DataError, match="split 'val' is not known; allowed are train and test"):
            ask("val")
