"""Emoji: the rule of classes and splits, the same with both artists; names, pictures, and what is said without packages."""

import json

import numpy as np
import pytest

from seda.data.base import HasImageTexts
from seda.data.datasets import list_datasets, load_anywhere, load_dataset
from seda.data.emoji import MIN_TRAINING, Emoji
from seda.errors import DataError
from tests.emoji_packages import COUNTS, entries, write_packages


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    return write_packages(tmp_path_factory.mktemp("emoji"))


def every_text(data, split):
    return data.image_texts(split, range(data.count(split)))


def test_classes_are_large_subcategories_and_families_that_are_large_together(packages):
    data = Emoji("google", packages)
    assert data.class_names == ("hand", "mammal", "tool")  # not the few birds, nor what is called other
    sizes = {"hand": 25, "mammal": 44, "tool": 24}
    for label, name in enumerate(data.class_names):
        train, test = ((data.labels(split) == label).sum() for split in ("train", "test"))
        assert train + test == sizes[name] and train >= MIN_TRAINING
        assert test == min(sizes[name] - MIN_TRAINING, sizes[name] // 2)


def test_the_split_is_by_name_and_the_same_with_both_artists(packages):
    google, twitter = (load_dataset(f"emoji:{artist}", packages) for artist in ("google", "twitter"))
    for split in ("train", "test"):
        assert every_text(google, split) == every_text(twitter, split)
        np.testing.assert_array_equal(google.labels(split), twitter.labels(split))
        assert google.fingerprint(split) != twitter.fingerprint(split)
        assert google.fingerprint(split) == Emoji("google", packages).fingerprint(split)
    train, test = every_text(google, "train"), every_text(google, "test")
    assert len({*train, *test}) == len(train) + len(test) == COUNTS["animal-mammal"] + 25 + 24
    both = [{"mammal number 0", "mammal number 0 face"} <= set(part) for part in (train, test)]
    assert sorted(both) == [False, True]  # an animal and its face stay together
    assert not any("sark" in text or "artist" in text or "woman" in text for text in (*train, *test))
    assert list(google.other_looks()) == ["twitter"] and google.other_looks()["twitter"].name == "emoji:twitter"


def test_pictures_are_on_white_and_names_are_texts(packages):
    data = Emoji("twitter", packages)
    assert isinstance(data, HasImageTexts)
    picture = next(data.images("test", [3]))
    assert picture.mode == "RGB" and picture.size == (64, 64)
    assert picture.getpixel((0, 0)) == (255, 255, 255) and picture.getpixel((30, 30)) != (255, 255, 255)
    assert data.image_texts("test", [3, 0]) == (every_text(data, "test")[3], every_text(data, "test")[0])
    with pytest.raises(DataError, match="split 'val' is not known"):
        data.image_texts("val", [0])


def test_names_that_two_share_give_way_to_short_ones(tmp_path):
    packages = write_packages(tmp_path, artists=("google",))
    file = packages / "node_modules" / "emoji-datasource-google" / "emoji.json"
    changed = entries()
    changed[4]["name"] = changed[5]["name"]
    file.write_text(json.dumps(changed))
    texts = [text for split in ("train", "test") for text in every_text(Emoji("google", packages), split)]
    assert len(set(texts)) == len(texts) and "mammal number 4" in texts


def test_packages_that_are_missing(tmp_path, monkeypatch):
    monkeypatch.setenv("SEDA_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("SEDA_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    command = r"npm install --prefix \S+data emoji-datasource-google@[0-9.]+ emoji-datasource-twitter@[0-9.]+"
    with pytest.raises(DataError, match=rf"emoji-datasource-google is not there\. Run: {command}"):
        Emoji("google")
    with pytest.raises(DataError, match="of 'apple' are not known; allowed are google and twitter"):
        Emoji("apple")
    write_packages(tmp_path / "cache" / "data", artists=("google",))  # where that command puts them
    assert Emoji("google").count("test")
    assert {info.name: info.available for info in list_datasets()}["emoji:google"]
    with pytest.raises(DataError, match="emoji-datasource-twitter is not there"):
        Emoji("google").other_looks()
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"is not there in \S+empty"):
        load_dataset("emoji:google", tmp_path / "empty")
    assert load_anywhere("emoji:google", tmp_path / "empty").count("test")
    with pytest.raises(DataError, match=r"is not there in \S+empty"):
        load_anywhere("emoji:twitter", tmp_path / "empty")
    with pytest.raises(DataError, match="nowhere does not exist"):
        load_anywhere("digits", tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "is damaged"),
        ('[{"name": "CAT"}]', "is damaged: an entry is not as expected"),
        ("[]", "has 0 sub-categories of 24 emoji"),
        (json.dumps([entries()[0] | {"image": "../../secret.png"}]), "names a picture"),
    ],
)
def test_packages_that_are_damaged(tmp_path, content, words):
    packages = write_packages(tmp_path, artists=("google",))
    (packages / "node_modules" / "emoji-datasource-google" / "emoji.json").write_text(content)
    with pytest.raises(DataError, match=words):
        Emoji("google", packages)


def test_a_missing_picture_is_named(tmp_path):
    data = Emoji("google", write_packages(tmp_path, artists=("google",)))
    path = data._path(data._splits["test"][2][0])
    path.unlink()
    with pytest.raises(DataError, match=rf"incomplete: {path.name} cannot be read"):
        data.fingerprint("test")
    with pytest.raises(DataError, match=rf"incomplete: {path.name} does not exist"):
        list(data.images("test", [2]))
