"""Small files in the real format are written here; the real data is used where it is installed."""

from __future__ import annotations

import gzip
import os
import struct
from pathlib import Path

import numpy as np
import pytest

from seda.data import fashion_mnist
from seda.data.datasets import list_datasets, load_dataset
from seda.data.fashion_mnist import DEBIAN_FOLDER, STEMS, FashionMnist, find_idx_files, official_fingerprint
from seda.errors import DataError


def idx(array: np.ndarray) -> bytes:
    """uint8 in the idx format: two zero bytes, type 8, number of axes, their lengths, the values."""
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def write_idx(folder: Path, *, packed: bool = True, seed: int = 0, count: int = 30) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    for images, labels in STEMS.values():
        contents = {
            images: idx(rng.integers(0, 256, (count, 28, 28), dtype=np.uint8)),
            labels: idx(np.arange(count, dtype=np.uint8) % 10),
        }
        for stem, content in contents.items():
            path = folder / (f"{stem}.gz" if packed else stem)
            path.write_bytes(gzip.compress(content) if packed else content)
    return folder


@pytest.fixture(autouse=True)
def nothing_installed(monkeypatch, tmp_path):
    monkeypatch.setattr(fashion_mnist, "DEBIAN_FOLDER", tmp_path / "debian")
    monkeypatch.setenv("SEDA_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("SEDA_DATA", raising=False)
    monkeypatch.setattr(fashion_mnist, "is_reachable", lambda url: False)


@pytest.mark.parametrize("packed", [True, False])
def test_idx_files(tmp_path, packed):
    folder = write_idx(tmp_path / "data", packed=packed)
    before = sorted(folder.iterdir())
    data = FashionMnist(folder)
    assert data.count("train") == data.count("test") == 30
    assert data.labels("train").dtype == np.int64 and data.labels("train").tolist()[:3] == [0, 1, 2]
    assert data.class_names[data.labels("test")[9]] == "ankle boot"
    whole = list(data.images("train", range(30)))
    assert all(picture.size == (28, 28) and picture.mode == "L" for picture in whole)
    raw = np.random.default_rng(0).integers(0, 256, (30, 28, 28), dtype=np.uint8)
    picked = list(data.images("train", np.array([7, 2])))
    np.testing.assert_array_equal(np.stack([np.asarray(picture) for picture in picked]), raw[[7, 2]])
    assert sorted(folder.iterdir()) == before


def test_other_content_has_another_fingerprint_and_is_no_error(tmp_path):
    packed, plain = write_idx(tmp_path / "a"), write_idx(tmp_path / "b", packed=False)
    other = write_idx(tmp_path / "c", seed=1)
    prints = {split: FashionMnist(packed).fingerprint(split) for split in STEMS}
    assert prints == {split: FashionMnist(plain).fingerprint(split) for split in STEMS}
    assert len({*prints.values(), FashionMnist(other).fingerprint("train"), official_fingerprint("train")}) == 4


def test_the_sums_are_those_that_torchvision_checks():
    from torchvision.datasets import FashionMNIST

    assert dict(FashionMNIST.resources) == {f"{k}.gz": v for k, v in fashion_mnist.OFFICIAL_GZIP_MD5.items()}
    assert len(FashionMNIST.classes) == len(fashion_mnist.CLASS_NAMES)


def test_official_data_is_known_without_having_it():
    data = FashionMnist()
    assert data.fingerprint("train") == official_fingerprint("train") == "d73ba49b900dad2d"
    assert data.fingerprint("test") == official_fingerprint("test") == "14c0903e19980f55"
    assert (data.count("train"), data.count("test")) == (60_000, 10_000)


@pytest.mark.skipif(
    find_idx_files(DEBIAN_FOLDER) is None and not os.environ.get("CI"),  # CI installs it: there the test has to run
    reason="Debian's dataset-fashion-mnist is not installed",
)
def test_debians_files_are_the_official_data():
    data = FashionMnist(DEBIAN_FOLDER)
    assert data.fingerprint("train") == official_fingerprint("train")
    assert data.fingerprint("test") == official_fingerprint("test")
    assert data.count("test") == 10_000 and np.bincount(data.labels("test")).tolist() == [1000] * 10


def test_places_in_their_order(monkeypatch, tmp_path):
    assert find_idx_files() is None
    cache = write_idx(tmp_path / "cache" / "data" / "FashionMNIST" / "raw", packed=False)
    assert find_idx_files() == cache
    debian = write_idx(tmp_path / "debian")
    assert find_idx_files() == debian
    monkeypatch.setenv("SEDA_DATA", str(tmp_path / "mine"))
    assert find_idx_files() == debian
    mine = write_idx(tmp_path / "mine" / "fashion-mnist")
    assert find_idx_files() == mine
    explicit = write_idx(tmp_path / "explicit")
    assert find_idx_files(explicit) == explicit
    assert FashionMnist(explicit).count("train") == 30


def test_nowhere_and_no_network(tmp_path):
    with pytest.raises(DataError, match=r"cannot be downloaded.*dataset-fashion-mnist.*SEDA_DATA.*with a network"):
        FashionMnist().labels("train")
    with pytest.raises(DataError, match=r"lacks the files of Fashion-MNIST.*t10k-labels-idx1-ubyte\.gz"):
        FashionMnist(tmp_path)


def test_a_failing_download_is_a_data_error(monkeypatch, tmp_path):
    import torchvision.datasets

    monkeypatch.setattr(fashion_mnist, "is_reachable", lambda url: True)

    def fail(self):
        raise RuntimeError("Error downloading train-images-idx3-ubyte.gz")

    monkeypatch.setattr(torchvision.datasets.FashionMNIST, "download", fail)
    with pytest.raises(DataError, match=r"could not be downloaded \(Error downloading train-images.*Debian"):
        FashionMnist().labels("train")
    (tmp_path / "cache").write_text("a file in place of the folder")
    with pytest.raises(DataError, match="could not be downloaded"):
        FashionMnist().labels("test")


def test_damaged_files(tmp_path):
    images, labels = STEMS["train"]
    good = write_idx(tmp_path / "data")
    path = good / f"{images}.gz"
    whole = path.read_bytes()
    for damaged in (whole[: len(whole) // 2], b"", b"not gzip", gzip.compress(b"not idx at all"), gzip.compress(b"")):
        path.write_bytes(damaged)
        with pytest.raises(DataError, match=r"train-images-idx3-ubyte\.gz is damaged.*Install Debian"):
            FashionMnist(good).labels("train")
    path.write_bytes(whole)
    (good / f"{labels}.gz").write_bytes(gzip.compress(idx(np.zeros(29, np.uint8))))
    with pytest.raises(DataError, match="has 30 pictures and train-labels-idx1-ubyte 29 labels"):
        FashionMnist(good).labels("train")
    (good / f"{labels}.gz").write_bytes(gzip.compress(idx(np.full(30, 10, np.uint8))))
    with pytest.raises(DataError, match="has the label 10; allowed are 0 to 9"):
        FashionMnist(good).labels("train")


def test_by_name(tmp_path):
    folder = write_idx(tmp_path / "data")
    assert load_dataset("fashion-mnist", folder).count("train") == 30

    def here(data_dir=None):
        return {info.name for info in list_datasets(data_dir) if info.available}

    assert here() == {"digits", "folder:DIR"}
    assert here(folder) == {"fashion-mnist", "digits", "folder:DIR"}
    for name in ("mnist", "", "folder:", "fashion-mnist:x", "digits:x"):
        with pytest.raises(DataError, match=r"is not known\. Choose one of fashion-mnist, digits, emoji:google"):
            load_dataset(name)
    with pytest.raises(DataError, match="split 'val' is not known; allowed are train and test"):
        load_dataset("fashion-mnist", folder).labels("val")
