from __future__ import annotations

import logging

import numpy as np
import pytest
import torch
from PIL import Image

from seda.data import features
from seda.data.features import EncodingStopped, chosen_indices, encode_split, feature_file_name, find_features
from seda.encoders import batches
from seda.errors import DataError


class TinyData:
    """40 one-pixel pictures; picture i has the grey value i."""

    name = "tiny"
    class_names = ("even", "odd")

    def __init__(self, print_="data"):
        self._fingerprint = print_

    def fingerprint(self, split):
        return f"{self._fingerprint}-{split}"

    def count(self, split):
        return 40

    def labels(self, split):
        return np.arange(40, dtype=np.int64) % 2

    def images(self, split, indices):
        return (Image.new("L", (1, 1), int(index)) for index in indices)


class TinyEncoder:
    """Features are the grey value and its square; counts what it was asked for."""

    name, image_dim, text_dim, description = "tiny", 2, 2, "Tiny."

    def __init__(self, fingerprint="encoder"):
        self.fingerprint = fingerprint
        self.encoded = 0

    def prepare_image(self, image):
        return torch.tensor([[[[float(image.getpixel((0, 0)))]]]])

    def encode_views(self, views):
        self.encoded += len(views)
        grey = views.flatten()
        return torch.stack([grey, grey**2], dim=1)


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch, tmp_path):
    monkeypatch.setattr(features, "CHUNK", 8)
    monkeypatch.setattr(batches, "BATCH", 4)
    monkeypatch.setattr(features, "SHIPPED", tmp_path / "shipped")
    monkeypatch.setenv("SEDA_CACHE", str(tmp_path / "cache"))


def test_the_whole_split_in_its_order(tmp_path):
    encoder, seen = TinyEncoder(), []
    result = encode_split(TinyData(), "train", encoder, on_progress=lambda done, total: seen.append((done, total)))
    np.testing.assert_array_equal(result.image_features[:, 0], np.arange(40))
    np.testing.assert_array_equal(result.labels, np.arange(40) % 2)
    assert (result.encoder_fingerprint, result.data_fingerprint, result.split) == ("encoder", "data-train", "train")
    assert seen == [(done, 40) for done in range(4, 41, 4)]
    assert encoder.encoded == 40
    again = encode_split(TinyData(), "train", encoder)
    np.testing.assert_array_equal(again.image_features, result.image_features)
    assert encoder.encoded == 40  # read from the cache
    assert [path.name for path in (tmp_path / "cache" / "features").iterdir()] == [
        "encoder-data-train-train.safetensors"
    ]


def test_each_key_is_its_own():
    encoder, other = TinyEncoder(), TinyEncoder("other")
    encode_split(TinyData(), "train", encoder)
    encode_split(TinyData(), "train", other)
    assert other.encoded == 40
    for data, split, limit, seed in (("data", "test", None, 0), ("new", "train", None, 0), ("data", "train", 5, 0)):
        before = encoder.encoded
        encode_split(TinyData(data), split, encoder, limit=limit, seed=seed)
        assert encoder.encoded > before


def test_limit_takes_a_seeded_choice():
    first = encode_split(TinyData(), "train", TinyEncoder(), limit=10, seed=0)
    np.testing.assert_array_equal(first.image_features[:, 0], chosen_indices(40, 10, 0))
    np.testing.assert_array_equal(first.labels, chosen_indices(40, 10, 0) % 2)
    other = encode_split(TinyData(), "train", TinyEncoder(), limit=10, seed=1)
    assert first.image_features[:, 0].tolist() != other.image_features[:, 0].tolist()
    # The choice of a larger limit begins with that of a smaller one.
    assert chosen_indices(40, 20, 0)[:10].tolist() == chosen_indices(40, 10, 0).tolist()
    assert chosen_indices(40, 3, None).tolist() == [0, 1, 2]
    assert chosen_indices(40, 99, 5).tolist() == list(range(40))
    with pytest.raises(DataError, match="limit is 0; at least 1"):
        encode_split(TinyData(), "train", TinyEncoder(), limit=0)


@pytest.mark.parametrize(("stop_at", "kept"), [(20, 16), (16, 16), (4, 0)])
def test_a_stop_is_resumed(stop_at, kept):
    encoder = TinyEncoder()
    with pytest.raises(EncodingStopped, match=rf"stopped at {stop_at} of 40 images\. Run it again to go on"):
        encode_split(TinyData(), "train", encoder, on_progress=lambda done, total: done >= stop_at)
    assert encoder.encoded == stop_at
    second, seen = TinyEncoder(), []
    result = encode_split(TinyData(), "train", second, on_progress=lambda done, total: seen.append(done))
    assert second.encoded == 40 - kept and seen[-1] == 40
    np.testing.assert_array_equal(result.image_features[:, 0], np.arange(40))


def test_a_kill_loses_at_most_one_chunk():
    class Killed(TinyEncoder):
        def encode_views(self, views):
            if self.encoded >= 20:
                raise KeyboardInterrupt
            return super().encode_views(views)

    with pytest.raises(KeyboardInterrupt):
        encode_split(TinyData(), "train", Killed())
    second = TinyEncoder()
    encode_split(TinyData(), "train", second)
    assert second.encoded == 24


def test_a_stop_at_the_end_is_no_stop():
    assert len(encode_split(TinyData(), "train", TinyEncoder(), on_progress=lambda done, total: done == total)) == 40


def test_damaged_chunks_and_files_are_made_again(tmp_path, caplog):
    with pytest.raises(EncodingStopped):
        encode_split(TinyData(), "train", TinyEncoder(), on_progress=lambda done, total: done >= 16)
    name = feature_file_name("encoder", "data-train", "train")
    parts = tmp_path / "cache" / "features" / f"{name}.parts"
    (parts / "00000000.safetensors").write_bytes(b"damaged")
    second = TinyEncoder()
    result = encode_split(TinyData(), "train", second)
    assert second.encoded == 32
    np.testing.assert_array_equal(result.image_features[:, 0], np.arange(40))
    (tmp_path / "cache" / "features" / name).write_bytes(b"damaged")
    third = TinyEncoder()
    assert len(encode_split(TinyData(), "train", third)) == third.encoded == 40
    assert "Features on disk are not used" in caplog.text and "damaged" in caplog.text


def test_a_cache_that_cannot_be_written(tmp_path, caplog):
    place = tmp_path / "file"
    place.write_text("a file in place of the folder")  # permissions would not stop root
    with caplog.at_level(logging.WARNING):
        result = encode_split(TinyData(), "train", TinyEncoder(), cache=place)
    np.testing.assert_array_equal(result.image_features[:, 0], np.arange(40))
    messages = [record.getMessage() for record in caplog.records]
    assert len(messages) == 2  # one for the chunks, one for the whole; not one a chunk
    assert "without a cache, a stop will lose them" in messages[0] and "not kept for the next time" in messages[1]


def test_shipped_features_come_first(tmp_path):
    made = encode_split(TinyData(), "test", TinyEncoder(), cache=tmp_path / "elsewhere")
    name = feature_file_name("encoder", "data-test", "test")
    made.save(tmp_path / "shipped" / name, half=True)
    encoder = TinyEncoder()
    assert len(encode_split(TinyData(), "test", encoder)) == 40 and encoder.encoded == 0
    assert find_features("none.safetensors") is None


class NamedData(TinyData):
    """Each picture has its number as a text."""

    def image_texts(self, split, indices):
        return tuple(str(index) for index in indices)


class NamingEncoder(TinyEncoder):
    def encode_texts(self, texts):
        return torch.tensor([[float(text), 1.0] for text in texts])


def test_texts_of_images_are_encoded_with_them_and_kept(tmp_path):
    encoder = NamingEncoder()
    found = encode_split(NamedData(), "train", encoder, limit=10, cache=tmp_path)
    chosen = chosen_indices(40, 10)
    np.testing.assert_array_equal(found.image_text_features[:, 0], chosen)
    again = encode_split(NamedData(), "train", encoder, limit=10, cache=tmp_path)
    np.testing.assert_array_equal(again.image_text_features, found.image_text_features)
    assert encoder.encoded == 10
    assert encode_split(TinyData("unnamed"), "train", encoder, limit=10, cache=tmp_path).image_text_features is None
