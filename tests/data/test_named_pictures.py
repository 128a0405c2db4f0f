import json
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from seda.data.features import encode_split
from seda.data.named_pictures import (
    OTHER,
    STAMP_GROUPS,
    STAMP_GROUPS_IN,
    clip_art,
    emoji_people,
    emoji_things,
    fluent_emoji,
    game_drawings,
    photographs,
)
from seda.errors import DataError


@pytest.fixture
def emoji(tmp_path):
    """Forty things and two that are none, by two artists."""
    entries = [
        {
            "name": f"THING {number}", "image": f"{number:x}.png", "subcategory": ["tool", "animal-bird"][number % 2],
            "category": "Objects", "has_img_google": True, "has_img_twitter": True, "unified": f"1F{number:02X}-FE0F",
        }
        for number in range(40)
    ]  # fmt: skip
    entries += [
        {**entries[0], "name": "FACE", "category": "Smileys & Emotion"},
        {**entries[1], "has_img_twitter": False},
        {**entries[2], "name": "MAN WITH HAT", "category": "People & Body", "subcategory": "person"},
    ]
    for artist in ("google", "twitter"):
        pictures = tmp_path / f"emoji-datasource-{artist}" / "img" / artist / "64"
        pictures.mkdir(parents=True)
        (tmp_path / f"emoji-datasource-{artist}" / "emoji.json").write_text(json.dumps(entries))
        for entry in entries[:40]:
            Image.new("RGBA", (64, 64), (int(entry["image"][:-4], 16), 0, 0, 255)).save(pictures / entry["image"])
    return tmp_path


def test_emoji_of_things_have_names_in_one_split_for_both_artists(emoji):
    google, twitter = emoji_things("google", emoji), emoji_things("twitter", emoji)
    names = {split: google.image_texts(split, range(google.count(split))) for split in ("train", "test")}
    assert len(names["train"]) + len(names["test"]) == 40
    assert not set(names["train"]) & set(names["test"])
    assert 1 <= len(names["test"]) <= 20
    assert names == {split: twitter.image_texts(split, range(twitter.count(split))) for split in ("train", "test")}
    assert google.class_names == ("animal bird", "tool")
    assert google.fingerprint("train") != google.fingerprint("test")
    assert next(iter(google.images("test", [0]))).size == (64, 64)


def test_emoji_of_people_are_all_learned_from(emoji):
    people = emoji_people("google", emoji)
    assert people.name == "people:google" and people.count("test") == 0
    assert people.image_texts("train", [0]) == ("man with hat",) and people.class_names == ("person",)


def test_a_third_artist_has_the_names_and_the_splits_of_the_others(emoji):
    with pytest.raises(DataError, match="fluent-emoji-3d") as caught:
        fluent_emoji("things", emoji)
    assert "npm install" in (caught.value.remedy or "")
    pictures = emoji / "@lobehub" / "fluent-emoji-3d" / "assets"
    pictures.mkdir(parents=True)
    for number in range(
        0, 40, 2
    ):  # half of them were drawn; names of files lack the sign that asks for a picture, or have it
        Image.new("RGBA", (32, 32), (number, 0, 0, 255)).save(
            pictures / f"1f{number:02x}{'-fe0f' * (number % 4 == 0)}.webp"
        )
    fluent, google = fluent_emoji("things", emoji), emoji_things("google", emoji)
    for split in ("train", "test"):
        names = fluent.image_texts(split, range(fluent.count(split)))
        assert set(names) <= set(google.image_texts(split, range(google.count(split))))
    assert fluent.count("train") + fluent.count("test") == 20
    (drawn,) = fluent.images("train", [0])
    number = int(fluent.image_texts("train", [0])[0].split()[1])
    assert abs(np.asarray(drawn)[0, 0, 0].astype(int) - number) <= 2
    assert fluent_emoji("people", emoji).image_texts("train", [0]) == ("man with hat",)


def test_drawings_of_a_game_are_called_by_their_files(tmp_path):
    for path in ("food/ice_cream.jpg", "people/baby.jpg", "actions/clap.jpg"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        Image.new("RGB", (8, 8)).save(tmp_path / path)
    found = game_drawings(tmp_path)
    assert found.image_texts("train", range(found.count("train"))) == ("ice cream", "baby")
    assert found.class_names == ("food", "people")
    with pytest.raises(DataError, match="apt-get install pysiogame"):
        game_drawings(tmp_path / "nothing")


def test_only_the_drawings_of_people_themselves_are_taken(tmp_path):
    for path in ("people/sad_girl.png", "people/stickmen/girl.png"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8)).save(tmp_path / path)
    found = clip_art({"sad", "girl"}.__contains__, tmp_path)
    assert found.image_texts("train", range(found.count("train"))) == ("sad girl",)


def test_groups_have_a_word_in_each_language():
    assert set(STAMP_GROUPS_IN) == {"German", "French", "Spanish", "Russian", "Chinese"}
    for words in STAMP_GROUPS_IN.values():
        assert len(set(words)) == len(words) == len(STAMP_GROUPS)


def test_a_missing_package_names_the_command(tmp_path):
    with pytest.raises(DataError, match="npm install") as caught:
        emoji_things("google", tmp_path)
    assert "emoji-datasource-google" in caught.value.message
    with pytest.raises(DataError, match="apt-get install openclipart-png"):
        clip_art(lambda word: True, tmp_path / "nothing")
    with pytest.raises(DataError, match="apt-get install tuxpaint-stamps-default"):
        photographs(tmp_path / "nothing")


def test_clip_art_is_called_by_the_known_words_of_its_name(tmp_path):
    folder = tmp_path / "animals" / "birds"
    folder.mkdir(parents=True)
    for name in ("green_parrot_by_zorg_01", "zorg_2", "huge_parrot"):
        side = 2100 if name.startswith("huge") else 8
        Image.new("RGB", (side, side)).save(folder / f"{name}.png")
    found = clip_art({"green", "parrot", "huge"}.__contains__, tmp_path)
    assert found.image_texts("train", range(found.count("train"))) == ("green parrot",)
    assert found.class_names[found.labels("train")[0]] == "animals"


@pytest.mark.parametrize("side", [10_000, 20_000])
def test_clip_art_leaves_posters_out_without_a_word(tmp_path, side):
    """Pillow warns of the first and refuses the second; here warnings are errors."""
    place = tmp_path / "animals"
    place.mkdir(parents=True)
    chunks = (b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)), (b"IDAT", zlib.compress(b""))
    poster = b"\x89PNG\r\n\x1a\n"
    for kind, content in chunks:
        poster += struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
    (place / "huge.png").write_bytes(poster)
    Image.new("RGB", (4, 4)).save(place / "parrot.png")
    found = clip_art({"parrot", "huge"}.__contains__, tmp_path)
    assert found.image_texts("train", range(found.count("train"))) == ("parrot",)


def test_photographs_have_a_description_a_group_and_a_half(tmp_path):
    for path, text in {
        "animals/mammals/cats/lion.png": "A lion.\nde.utf8=Ein Loewe.\n",
        "animals/mammals/cats/lion_mirror.png": "A lion.\n",
        "household/mug.png": "fr.utf8=Une tasse.\nA mug!\n",
        "symbols/plus.png": "Plus.\n",
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8)).save(tmp_path / path)
        (tmp_path / path).with_suffix(".txt").write_text(text)
    found = photographs(tmp_path)
    told = {}
    for split in ("train", "test"):
        texts = found.image_texts(split, range(found.count(split)))
        told |= dict(zip(texts, (found.class_names[label] for label in found.labels(split)), strict=True))
    assert told == {"A lion": "mammal", "A mug": OTHER}


def test_features_come_with_those_of_the_words(emoji, tmp_path):
    class Encoder:
        image_dim, fingerprint = 2, "0" * 16

        def prepare_image(self, image):
            import torch

            return torch.tensor([[float(np.asarray(image)[0, 0, 0]), 1.0]])

        def encode_views(self, views):
            return views

        def encode_texts(self, texts):
            import torch

            return torch.tensor([[float(text.split()[1])] for text in texts])

    features = encode_split(emoji_things("google", emoji), "train", Encoder(), seed=None, cache=tmp_path / "cache")
    np.testing.assert_array_equal(features.image_features[:, 0], features.image_text_features[:, 0])
