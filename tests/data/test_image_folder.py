from __future__ import annotations

import shutil

import numpy as np
import pytest
from PIL import Image

from seda.data.datasets import load_dataset
from seda.data.image_folder import ImageFolder
from seda.errors import DataError
from tests.tiny import image_folder


def fill(folder, classes, count=10, start=0):
    for label, name in enumerate(classes):
        place = folder / name
        place.mkdir(parents=True, exist_ok=True)
        for i in range(start, start + count):
            Image.new("RGB", (12, 10), (label * 40, i, 0)).save(place / f"{i:02d}.png")


def test_a_folder_of_classes(tmp_path):
    fill(tmp_path, ["red_panda", "cat", "dog"])
    (tmp_path / "cat" / "broken.jpg").write_bytes(b"no picture")
    (tmp_path / "cat" / "notes.txt").write_text("not looked at")
    data = load_dataset(f"folder:{tmp_path}")
    assert data.class_names == ("cat", "dog", "red panda")
    assert (data.count("train"), data.count("test")) == (24, 6)
    assert np.bincount(data.labels("train")).tolist() == [8, 8, 8]
    assert [failure.name for failure in data.failures] == ["cat/broken.jpg"] and "not a picture" in data.failures[
        0
    ].message
    for split in ("train", "test"):
        pictures = list(data.images(split, range(data.count(split))))
        assert [picture.getpixel((0, 0))[0] // 40 for picture in pictures] == [
            ["red panda", "cat", "dog"].index(data.class_names[label]) for label in data.labels(split)
        ]


def test_the_split_is_stable_and_disjoint(tmp_path):
    fill(tmp_path / "a", ["cat", "dog"])
    shutil.copytree(tmp_path / "a", tmp_path / "b")

    def contents(data, split):
        return [picture.tobytes() for picture in data.images(split, range(data.count(split)))]

    a, b, other = ImageFolder(tmp_path / "a"), ImageFolder(tmp_path / "b"), ImageFolder(tmp_path / "a", seed=1)
    assert contents(a, "test") == contents(b, "test") != contents(other, "test")
    assert a.fingerprint("test") == b.fingerprint("test") != other.fingerprint("test")
    assert not set(contents(a, "train")) & set(contents(a, "test"))
    # A new class does not move the pictures of the others.
    fill(tmp_path / "b", ["cat", "dog", "emu"])
    assert set(contents(a, "test")) < set(contents(ImageFolder(tmp_path / "b"), "test"))


def test_copies_of_a_picture_stay_in_one_split(tmp_path):
    fill(tmp_path, ["cat", "dog"], count=5)
    for path in list(tmp_path.rglob("*.png")):
        shutil.copy(path, path.with_name(f"copy-{path.name}"))
    data = ImageFolder(tmp_path)
    contents = [{p.tobytes() for p in data.images(s, range(data.count(s)))} for s in ("train", "test")]
    assert not contents[0] & contents[1] and data.count("test") == 4


def test_train_and_test_folders(tmp_path):
    fill(tmp_path / "train", ["cat", "dog"], count=3)
    fill(tmp_path / "test", ["dog"], count=2, start=5)
    data = ImageFolder(tmp_path)
    assert data.class_names == ("cat", "dog")
    assert data.labels("train").tolist() == [0, 0, 0, 1, 1, 1] and data.labels("test").tolist() == [1, 1]
    fill(tmp_path / "test", ["emu"], count=1)
    with pytest.raises(DataError, match=r"test has classes that .*train lacks: emu"):
        ImageFolder(tmp_path)


def test_fingerprint_follows_the_content(tmp_path):
    fill(tmp_path, ["cat", "dog"])
    before = [ImageFolder(tmp_path).fingerprint(split) for split in ("train", "test")]
    assert before == [ImageFolder(tmp_path).fingerprint(split) for split in ("train", "test")]
    Image.new("RGB", (12, 10), (9, 9, 9)).save(tmp_path / "cat" / "03.png")
    assert before != [ImageFolder(tmp_path).fingerprint(split) for split in ("train", "test")]


def test_folders_that_cannot_be_used(tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        ImageFolder(tmp_path / "none")
    with pytest.raises(DataError, match=r"has 0 classes with pictures; at least 2 are.*photos/cat and photos/dog"):
        ImageFolder(tmp_path)
    fill(tmp_path, ["cat"], count=2)
    with pytest.raises(DataError, match="has 1 class with pictures"):
        ImageFolder(tmp_path)
    (tmp_path / "dog").mkdir()
    (tmp_path / "dog" / "a.png").write_bytes(b"x")
    with pytest.raises(DataError, match=r"has 1 class with pictures; .*2 pictures could not be read"):
        ImageFolder(tmp_path)


def test_a_class_without_pictures_is_named_and_left_out(tmp_path):
    fill(tmp_path, ["ant", "cat", "dog"], count=3)
    alone = ImageFolder(tmp_path)
    for name in ("bee", "cow"):
        (tmp_path / name).mkdir()
    (tmp_path / "cow" / "a.png").write_bytes(b"x")
    data = ImageFolder(tmp_path)
    assert data.class_names == alone.class_names == ("ant", "cat", "dog")
    assert [failure.name for failure in data.failures] == ["cow/a.png", "bee", "cow"]
    assert "has no readable picture and is left out" in data.failures[1].message
    for split in ("train", "test"):
        np.testing.assert_array_equal(data.labels(split), alone.labels(split))
        assert data.fingerprint(split) == alone.fingerprint(split)


def test_a_folder_that_changes_underfoot(tmp_path):
    fill(tmp_path, ["cat", "dog"], count=2)
    data = ImageFolder(tmp_path)
    for path in tmp_path.rglob("*.png"):
        path.write_bytes(b"")
    with pytest.raises(DataError, match=r"has changed: cat/.*is empty"):
        list(data.images("train", [0]))


def test_links_out_of_the_folder_are_named_and_left_out(tmp_path):
    folder = image_folder(tmp_path / "data")
    names = ImageFolder(folder).class_names
    for name, target in (("all", "/"), ("above", ".."), ("itself", "."), ("loop", "loop")):
        (folder / name).symlink_to(target)
    held = ImageFolder(folder)
    assert held.class_names == names
    assert {failure.name for failure in held.failures} == {"all", "above", "itself"}
    assert "a link to a place outside" in str(held.failures[0].message)
