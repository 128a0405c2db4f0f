from __future__ import annotations

import numpy as np
import pytest

from seda.data.feature_set import FeatureSet
from seda.errors import FileFormatError, ShapeError
from seda.storage import write_arrays


def make(n: int = 6, **changes) -> FeatureSet:
    values = {
        "image_features": np.random.default_rng(0).standard_normal((n, 8)).astype(np.float32),
        "labels": np.arange(n, dtype=np.int64) % 3,
        "class_names": ("cat", "dog", "猫"),
        "split": "train",
        "encoder_fingerprint": "e" * 16,
        "data_fingerprint": "d" * 16,
    }
    return FeatureSet(**(values | changes))


@pytest.mark.parametrize("half", [False, True])
def test_save_then_load(tmp_path, half):
    original = make()
    loaded = FeatureSet.load(original.save(tmp_path / "f.safetensors", half=half))
    assert loaded.image_features.dtype == np.float32 and loaded.labels.dtype == np.int64
    np.testing.assert_allclose(loaded.image_features, original.image_features, rtol=1e-3 if half else 0)
    np.testing.assert_array_equal(loaded.labels, original.labels)
    for name in ("class_names", "split", "encoder_fingerprint", "data_fingerprint"):
        assert getattr(loaded, name) == getattr(original, name)


def test_texts_of_images_are_kept_and_taken_along(tmp_path):
    texts = np.arange(24, dtype=np.float32).reshape(6, 4)
    features = make(image_text_features=texts)
    loaded = FeatureSet.load(features.save(tmp_path / "f.safetensors", half=True))
    np.testing.assert_array_equal(loaded.image_text_features, texts)
    assert loaded.image_text_features.dtype == np.float32
    np.testing.assert_array_equal(features.take(np.array([4, 0])).image_text_features, texts[[4, 0]])
    assert FeatureSet.load(make().save(tmp_path / "g.safetensors")).image_text_features is None
    for wrong in (texts[:5], texts[0], texts.astype(np.float64)):
        with pytest.raises(ShapeError, match=r"image_text_features are .*float32 \[6, d\] is needed"):
            make(image_text_features=wrong)


def test_take():
    features = make()
    part = features.take(np.array([4, 0]))
    assert len(part) == 2 and part.labels.tolist() == [1, 0]
    np.testing.assert_array_equal(part.image_features, features.image_features[[4, 0]])
    assert len(features.take(features.labels == 1)) == 2
    assert len(features.take(np.array([], dtype=int))) == 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"image_features": np.zeros((6, 2, 2), np.float32)}, r"float32 \(6, 2, 2\); float32 \[n, D\]"),
        ({"image_features": np.zeros((6, 8))}, r"float64 \(6, 8\)"),
        ({"labels": np.zeros(5, np.int64)}, r"labels are int64 \(5,\); int64 \[6\]"),
        ({"labels": np.zeros(6, np.int32)}, "labels are int32"),
        ({"labels": np.full(6, 3)}, "labels run from 3 to 3; 3 class names allow 0 to 2"),
        ({"labels": np.full(6, -1)}, "labels run from -1 to -1"),
    ],
)
def test_what_does_not_fit_together(changes, message):
    with pytest.raises(ShapeError, match=message):
        make(**changes)


def test_bad_files(tmp_path):
    with pytest.raises(FileFormatError, match="does not exist"):
        FeatureSet.load(tmp_path / "none.safetensors")
    path = make().save(tmp_path / "f.safetensors")
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(FileFormatError, match="damaged"):
        FeatureSet.load(path)
    write_arrays(path, {"x": np.zeros(2)}, {"format": "seda-journey", "version": 1})
    with pytest.raises(FileFormatError, match=r"not a feature file of this version .*'seda-journey'"):
        FeatureSet.load(path)
    write_arrays(path, {"labels": np.zeros(2)}, {"format": "seda-features", "version": 1})
    with pytest.raises(FileFormatError, match=r"incomplete feature file.*Encode the images again"):
        FeatureSet.load(path)


def test_joined_sets_stand_after_each_other():
    one, two = make(), make(4, data_fingerprint="f" * 16, image_text_features=np.ones((4, 2), np.float32))
    whole = FeatureSet.joined([one, two], "all")
    assert len(whole) == 10 and whole.split == "all" and whole.image_text_features is None
    np.testing.assert_array_equal(whole.image_features[6:], two.image_features)
    np.testing.assert_array_equal(whole.labels, [*one.labels, *two.labels])
    assert whole.data_fingerprint not in (one.data_fingerprint, two.data_fingerprint)
    assert len(FeatureSet.joined([two, two], "all").image_text_features) == 8
    with pytest.raises(ShapeError, match="same classes and encoder"):
        FeatureSet.joined([one, make(encoder_fingerprint="x" * 16)], "all")
