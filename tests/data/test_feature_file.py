"""Files of features: both forms read alike, and what does not fit is said with its place."""

import json

import numpy as np
import pytest
from safetensors.numpy import save_file

from seda.data.datasets import load_dataset
from seda.data.feature_file import read_feature_file
from seda.errors import DataError, FileFormatError
from seda.storage import write_arrays

RNG = np.random.default_rng(0)
GOOD = {
    "image_features": RNG.normal(size=(12, 5)).astype(np.float32),
    "labels": np.arange(12) % 3,
    "test": np.arange(12) >= 6,
    "class_text_features": RNG.normal(size=(3, 4)).astype(np.float32),
}
NAMES = ("cat", "dog", "猫")


def test_npz_and_safetensors_are_read_alike(tmp_path):
    np.savez(tmp_path / "f.npz", **GOOD, class_names=np.array(NAMES))
    save_file(GOOD, tmp_path / "f.safetensors", metadata={"class_names": json.dumps(NAMES)})
    write_arrays(tmp_path / "ours.safetensors", GOOD, {"class_names": NAMES})
    for name in ("f.npz", "f.safetensors", "ours.safetensors"):
        found = read_feature_file(tmp_path / name)
        np.testing.assert_array_equal(found.train.image_features, GOOD["image_features"][:6])
        np.testing.assert_array_equal(found.test.labels, GOOD["labels"][6:])
        np.testing.assert_array_equal(found.class_text_features[:, 0], GOOD["class_text_features"])
        assert found.train.class_names == NAMES and not found.shared_space
        assert (found.train.split, found.test.split, found.train.image_text_features) == ("train", "test", None)
    fewer = {
        **GOOD,
        "labels": GOOD["labels"].astype(np.uint8),
        "image_features": GOOD["image_features"].astype(np.float16),
    }
    np.savez(tmp_path / "g.npz", **fewer)
    found = read_feature_file(tmp_path / "g.npz")
    assert found.train.image_features.dtype == np.float32 and found.train.class_names == (
        "class 0",
        "class 1",
        "class 2",
    )
    assert found.train.data_fingerprint != read_feature_file(tmp_path / "f.npz").train.data_fingerprint


def test_what_may_come_beside(tmp_path):
    texts = RNG.normal(size=(12, 4))
    phrasings = RNG.normal(size=(3, 2, 4))
    np.savez(
        tmp_path / "f.npz", **{**GOOD, "class_text_features": phrasings}, image_text_features=texts, shared_space=True
    )
    found = read_feature_file(tmp_path / "f.npz")
    assert found.class_text_features.shape == (3, 2, 4) and found.shared_space
    np.testing.assert_allclose(found.test.image_text_features, texts[6:], rtol=1e-6)
    names_only = {name: array for name, array in GOOD.items() if name != "class_text_features"}
    np.savez(tmp_path / "g.npz", **names_only, class_names=np.array(NAMES))
    assert read_feature_file(tmp_path / "g.npz").class_text_features is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": None}, "has no labels; there are class_text_features, image_features, test"),
        ({"class_text_features": None}, "neither class_text_features nor class_names"),
        ({"image_features": np.zeros(12)}, r"image_features is float64 \[12\]; floats with 2 dimensions"),
        ({"image_features": np.zeros((12, 5), int)}, "image_features is int64"),
        (
            {"image_features": np.where(np.arange(60).reshape(12, 5) == 7, np.nan, 1)},
            r"not finite at \[1, 2\], in 1 places",
        ),
        ({"labels": np.arange(11) % 3}, r"labels is int64 \[11\]; whole numbers \[12\]"),
        ({"labels": np.arange(12) / 3}, "labels is float64"),
        ({"labels": np.arange(12) % 4}, "label at position 3 is 3; 3 classes allow 0 to 2"),
        ({"labels": np.arange(12) % 3 - 1}, "label at position 0 is -1"),
        ({"test": np.arange(12)}, "test holds 2; allowed are 0 and 1"),
        ({"test": np.zeros(12, int)}, "no image belongs to the test split"),
        ({"test": np.arange(12) % 3 == 1}, "class 1 has no training image"),
        ({"class_text_features": np.zeros((1, 4))}, "has 1 class; at least 2"),
        ({"class_names": np.array(["a", "b"])}, "2 class names, 2 of them different, came with 3 class text features"),
        ({"class_names": np.array(["a", "b", "b"])}, "3 class names, 2 of them different"),
        ({"class_names": np.array([1, 2, 3])}, "class_names is int64"),
        ({"image_text_features": np.zeros((12, 9))}, r"image_text_features are \[12, 9\]; \[12, 4\] is needed"),
    ],
)
def test_what_does_not_fit(tmp_path, changes, message):
    arrays = {name: array for name, array in {**GOOD, **changes}.items() if array is not None}
    np.savez(tmp_path / "f.npz", **arrays)
    with pytest.raises(DataError, match=message):
        read_feature_file(tmp_path / "f.npz")


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(FileFormatError, match="does not exist"):
        read_feature_file(tmp_path / "none.npz")
    (tmp_path / "f.pkl").touch()
    with pytest.raises(FileFormatError, match=r"'\.pkl'; feature files end with \.safetensors or \.npz"):
        read_feature_file(tmp_path / "f.pkl")
    np.savez(tmp_path / "pickle.npz", **GOOD, class_names=np.array(["a", object()], dtype=object))
    (tmp_path / "f.npz").write_bytes(b"PK")
    (tmp_path / "f.safetensors").write_bytes(b"x" * 20)
    save_file(GOOD, tmp_path / "g.safetensors", metadata={"class_names": "{"})
    for name in ("pickle.npz", "f.npz", "f.safetensors", "g.safetensors"):
        with pytest.raises(FileFormatError, match="damaged, or holds more than arrays and texts"):
            read_feature_file(tmp_path / name)
    with pytest.raises(DataError, match=r"features without pictures\. Only benchmark reads them"):
        load_dataset("features:f.npz")
