"""Digits: the same split everywhere, nothing in both parts, every image in one."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from seda.data.datasets import load_dataset
from seda.data.digits import CLASS_NAMES, OTHER_WORDS, Digits
from seda.errors import DataError


def test_splits_hold_every_image_once_and_each_class_in_its_share():
    data = load_dataset("digits")
    assert data.count("train") + data.count("test") == 1797
    every = np.concatenate([data._split(split)[0] for split in ("train", "test")]).reshape(1797, -1)
    source = np.round(load_digits().data * (255 / 16)).astype(np.uint8)
    assert sorted(map(tuple, every.tolist())) == sorted(map(tuple, source.tolist()))
    shares = np.bincount(data.labels("test")) / (np.bincount(data.labels("train")) + np.bincount(data.labels("test")))
    assert np.abs(shares - 0.3).max() < 0.01 and data.labels("test").dtype == np.int64


def test_pictures_and_words():
    data = Digits()
    picture = next(data.images("test", [5]))
    assert picture.size == (8, 8) and picture.mode == "L"
    np.testing.assert_array_equal(np.asarray(picture), data._split("test")[0][5])
    assert len(CLASS_NAMES) == 10 and set(OTHER_WORDS) == set(CLASS_NAMES) and OTHER_WORDS["four"][2] == "4"


def test_the_split_is_fixed():
    prints = [Digits().fingerprint(split) for split in ("train", "test")]
    assert prints == [Digits().fingerprint(split) for split in ("train", "test")]
    # of scikit-learn 1.9's files; another value means that features in caches and results are of other images
    assert prints == ["b7b6195c360dcc9d", "e656399a4d6a8040"]
    with pytest.raises(DataError, match="split 'val' is not known"):
        Digits().labels("val")
