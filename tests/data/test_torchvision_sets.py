"""Sets of torchvision: tiny ones in its own layout, read by its own classes."""

from __future__ import annotations

import hashlib
import itertools
import json
import pickle

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat
from torchvision import datasets

from seda.data import torchvision_sets
from seda.data.datasets import list_datasets, load_anywhere, load_dataset
from seda.data.torchvision_sets import SETS, TorchvisionSet, readable
from seda.errors import DataError


def jpeg(path, color):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (12, 9), color).save(path)


def md5(path):
    return hashlib.md5(path.read_bytes()).hexdigest()


def cifar(root, monkeypatch, name, images=4):
    """Pixels of class c are all 20 c; torchvision is told the sums of these very files."""
    reader, fine = getattr(datasets, name), name == "CIFAR100"
    folder = root / reader.base_folder
    folder.mkdir(parents=True)
    labels = [index % 3 for index in range(images)]

    def write(file, value):
        (folder / file).write_bytes(pickle.dumps(value))
        return [file, md5(folder / file)]

    def batch(file):
        pixels = np.repeat(np.array(labels, np.uint8)[:, None] * 20, 3072, axis=1)
        return write(file, {"data": pixels, "fine_labels" if fine else "labels": labels})

    lists = {part: [batch(file) for file, _ in getattr(reader, part)] for part in ("train_list", "test_list")}
    file, key = reader.meta["filename"], reader.meta["key"]
    _, md5_of_meta = write(file, {key: ["maple_tree", "airplane", "boy"]})
    for part, value in {**lists, "meta": {"filename": file, "key": key, "md5": md5_of_meta}}.items():
        monkeypatch.setattr(reader, part, value)
    return root


def flowers(root, monkeypatch):
    folder = root / "flowers-102"
    for number in range(1, 9):
        jpeg(folder / "jpg" / f"image_{number:05d}.jpg", (10 * number, 0, 0))
    savemat(folder / "imagelabels.mat", {"labels": np.array([[1, 2, 1, 2, 60, 60, 1, 2]])})
    savemat(folder / "setid.mat", {"trnid": [[2, 1]], "valid": [[5, 3]], "tstid": [[8, 6, 7, 4]]})
    files = dict(datasets.Flowers102._file_dict)
    files |= {part: (files[part][0], md5(folder / files[part][0])) for part in ("label", "setid")}
    monkeypatch.setattr(datasets.Flowers102, "_file_dict", files)
    return root


def food(root):
    folder = root / "food-101"
    listed = {
        "train": {"pho": ["pho/1", "pho/2"], "apple_pie": ["apple_pie/3"]},
        "test": {"pho": ["pho/4"], "apple_pie": ["apple_pie/5"]},
    }
    for split, names in listed.items():
        (folder / "meta").mkdir(parents=True, exist_ok=True)
        (folder / "meta" / f"{split}.json").write_text(json.dumps(names))
        for name in itertools.chain(*names.values()):
            jpeg(folder / "images" / f"{name}.jpg", (0, 10 * int(name[-1]), 0))
    return root


def pets(root):
    folder = root / "oxford-iiit-pet"
    (folder / "annotations").mkdir(parents=True)
    for split, numbers in {"trainval": (1, 2), "test": (3,)}.items():
        lines = [
            f"{breed}_{number} {label} {1 + label % 2} 1"
            for label, breed in ((1, "Abyssinian"), (2, "american_bulldog"))
            for number in numbers
        ]
        (folder / "annotations" / f"{split}.txt").write_text("\n".join(lines) + "\n")
        for line in lines:
            jpeg(folder / "images" / f"{line.split()[0]}.jpg", (0, 0, 200))
    return root


def eurosat(root, per_class=10):
    for name in ("SeaLake", "AnnualCrop", "Forest"):
        for number in range(per_class):
            jpeg(root / "eurosat" / "2750" / name / f"{name}_{number}.jpg", (number, 5, 5))
    return root


@pytest.mark.parametrize("name", ["CIFAR10", "CIFAR100"])
def test_cifar(tmp_path, monkeypatch, name):
    found = load_dataset(f"torchvision:{name}", cifar(tmp_path, monkeypatch, name))
    assert found.class_names == ("maple tree", "airplane", "boy") and found.name == f"torchvision:{name}"
    batches = 5 if name == "CIFAR10" else 1
    assert (found.count("train"), found.count("test")) == (4 * batches, 4)
    assert found.labels("test").tolist() == [0, 1, 2, 0] and found.labels("test").dtype == np.int64
    pictures = list(found.images("test", np.array([2, 1])))
    assert [picture.getpixel((5, 5)) for picture in pictures] == [(40, 40, 40), (20, 20, 20)]
    assert pictures[0].size == (32, 32)


def test_files_of_cifar_that_are_not_the_official_ones_are_never_opened(tmp_path, monkeypatch):
    """They are pickles: what they hold would be executed."""
    cifar(tmp_path, monkeypatch, "CIFAR10")
    monkeypatch.setattr(pickle, "load", lambda *_, **__: pytest.fail("a file was opened"))
    file = tmp_path / "cifar-10-batches-py" / "data_batch_3"
    file.write_bytes(file.read_bytes() + b"x")
    with pytest.raises(DataError, match=r"CIFAR10 in .* could not be read \(Dataset not found or corrupted"):
        load_dataset("torchvision:cifar10", tmp_path).count("train")


def test_flowers_train_on_training_and_validation_images(tmp_path, monkeypatch):
    found = load_dataset("torchvision:Flowers102", flowers(tmp_path, monkeypatch))
    assert len(found.class_names) == 102 and found.class_names[59] == "pink-yellow dahlia"
    assert found.labels("train").tolist() == [1, 0, 59, 0] and found.labels("test").tolist() == [1, 59, 0, 1]
    reds = [picture.getpixel((5, 5))[0] for picture in found.images("train", [0, 2])]
    assert [round(red / 10) for red in reds] == [2, 5]


def test_food(tmp_path):
    found = load_dataset("torchvision:food-101", food(tmp_path))
    assert found.class_names == ("apple pie", "pho")
    assert found.labels("train").tolist() == [1, 1, 0] and found.labels("test").tolist() == [1, 0]
    assert round(next(found.images("test", [1])).getpixel((3, 3))[1] / 10) == 5


def test_pets(tmp_path):
    found = load_dataset("torchvision:OxfordIIITPet", pets(tmp_path))
    assert found.class_names == ("abyssinian", "american bulldog")
    assert found.labels("train").tolist() == [0, 0, 1, 1] and found.labels("test").tolist() == [0, 1]


def test_eurosat_gets_the_same_split_always(tmp_path):
    found = load_dataset("torchvision:EuroSAT", eurosat(tmp_path))
    assert found.class_names == ("annual crop land", "forest", "sea or lake")
    assert np.bincount(found.labels("train")).tolist() == [8, 8, 8]
    assert np.bincount(found.labels("test")).tolist() == [2, 2, 2]
    again = load_dataset("torchvision:EuroSAT", tmp_path)
    assert [found.fingerprint(split) for split in ("train", "test")] == [
        again.fingerprint(split) for split in ("train", "test")
    ]
    shown = [
        tuple(picture.getpixel((5, 5))[0] for picture in found.images(split, range(found.count(split))))
        for split in ("train", "test")
    ]
    assert len(shown[0]) == 24 and len(shown[1]) == 6


def test_the_fingerprint_follows_names_sizes_and_labels(tmp_path, monkeypatch):
    folder = food(tmp_path)
    before = [load_dataset("torchvision:Food101", folder).fingerprint(split) for split in ("train", "test")]
    assert before[0] != before[1]
    Image.new("RGB", (90, 90), "red").save(folder / "food-101" / "images" / "pho" / "1.jpg")
    after = [load_dataset("torchvision:Food101", folder).fingerprint(split) for split in ("train", "test")]
    assert after[0] != before[0] and after[1] == before[1]
    cifar(tmp_path / "a", monkeypatch, "CIFAR10")
    one = load_dataset("torchvision:CIFAR10", tmp_path / "a").fingerprint("train")
    cifar(tmp_path / "b", monkeypatch, "CIFAR10", images=5)
    assert load_dataset("torchvision:CIFAR10", tmp_path / "b").fingerprint("train") != one


def test_missing_and_damaged_pictures(tmp_path):
    folder = food(tmp_path)
    picture = folder / "food-101" / "images" / "pho" / "1.jpg"
    picture.write_bytes(picture.read_bytes()[:50])
    found = load_dataset("torchvision:Food101", folder)
    with pytest.raises(DataError, match=r"Food101 in .* is damaged: .*1\.jpg"):
        list(found.images("train", [0]))
    picture.unlink()
    with pytest.raises(DataError, match=r"Food101 in .* is incomplete: .*1\.jpg cannot be read"):
        found.fingerprint("train")
    (folder / "food-101" / "meta" / "train.json").write_text("{")
    with pytest.raises(DataError, match=r"Food101 in .* could not be read \(.*--data-dir"):
        load_dataset("torchvision:Food101", folder).count("train")


def test_splits_that_differ_in_their_classes_are_refused(tmp_path):
    folder = food(tmp_path)
    (folder / "food-101" / "meta" / "test.json").write_text(json.dumps({"pho": ["pho/4"]}))
    with pytest.raises(DataError, match="differ in their classes"):
        _ = load_dataset("torchvision:Food101", folder).class_names


def test_where_it_is_looked_for(tmp_path, monkeypatch):
    food(tmp_path / "data")
    for given in (tmp_path / "data", tmp_path / "data" / "food-101"):
        assert load_dataset("torchvision:Food101", given).count("test") == 2
    monkeypatch.setenv("SEDA_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("SEDA_CACHE", str(tmp_path / "cache"))
    assert load_dataset("torchvision:Food101").count("test") == 2
    assert load_anywhere("torchvision:Food101", tmp_path).count("test") == 2
    assert {info.name: info.available for info in list_datasets()}["torchvision:Food101"]
    monkeypatch.delenv("SEDA_DATA")
    eurosat(tmp_path / "cache" / "data", per_class=5)
    assert load_dataset("torchvision:eurosat").count("test") == 3
    with pytest.raises(DataError, match=r"cache lacks Food101\. Put the folder food-101 with meta/train\.json"):
        load_dataset("torchvision:Food101", tmp_path / "cache")


def test_without_a_network_it_says_where_to_put_the_files(tmp_path, monkeypatch):
    monkeypatch.setenv("SEDA_CACHE", str(tmp_path))
    monkeypatch.delenv("SEDA_DATA", raising=False)
    monkeypatch.setattr(torchvision_sets, "is_reachable", lambda url: False)
    for name in SETS:
        with pytest.raises(
            DataError, match=rf"{name} is not on this machine and cannot be downloaded\. Put the folder"
        ):
            load_dataset(f"torchvision:{name}").count("train")


def test_a_download_is_left_to_torchvision(tmp_path, monkeypatch):
    monkeypatch.setenv("SEDA_CACHE", str(tmp_path))
    monkeypatch.delenv("SEDA_DATA", raising=False)
    monkeypatch.setattr(torchvision_sets, "is_reachable", lambda url: url.startswith("http"))
    monkeypatch.setattr(datasets.EuroSAT, "download", lambda self: eurosat(tmp_path / "data", per_class=5))
    assert TorchvisionSet("EuroSAT").count("test") == 3

    def breaks(self):
        raise OSError("<urlopen error timed out>")

    monkeypatch.setattr(datasets.Food101, "_download", breaks)
    with pytest.raises(DataError, match=r"Food101 in .* could not be downloaded \(<urlopen error timed out>\)"):
        TorchvisionSet("Food101").count("train")


def test_names():
    assert readable("aquarium_fish") == "aquarium fish" and readable("Staffordshire Bull Terrier").islower()
    assert readable("SeaLake") == "sea or lake" and readable("HerbaceousVegetation") == "herbaceous vegetation"
    assert len({readable(name) for name in datasets.Flowers102.classes}) == 102
    with pytest.raises(
        DataError, match=r"'ImageNet' of torchvision is not among those read here\. .* CIFAR10, CIFAR100"
    ):
        load_dataset("torchvision:ImageNet")
