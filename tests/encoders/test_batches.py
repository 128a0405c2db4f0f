"""Pictures are read and prepared ahead in threads; order, batches and memory are those that were asked for."""

from __future__ import annotations

import threading
import time
from contextlib import closing

import pytest
import torch
from PIL import Image

from seda.encoders import batches
from seda.encoders.batches import encode_all, encode_batches


class Looker:
    """The feature of a picture is the mean grey of its views; a wide picture has two."""

    image_dim = 1

    def __init__(self):
        self.sizes, self.prepared = [], []

    def prepare_image(self, image):
        grey = image.getpixel((0, 0))
        time.sleep(0.002 * (grey % 3))  # the last to be begun may be the first to be done
        self.prepared.append(grey)
        return torch.tensor([[float(grey)], [float(grey) + 1]][: 1 + (image.width > 1)])

    def encode_views(self, views):
        self.sizes.append(len(views))
        return views


def grey(place, width=1):
    return Image.new("L", (width, 1), place)


@pytest.fixture(autouse=True)
def small_batches(monkeypatch):
    monkeypatch.setattr(batches, "BATCH", 4)


def test_the_order_is_that_of_the_pictures():
    encoder = Looker()
    features = encode_all(encoder, [grey(place) for place in range(10)])
    assert features.flatten().tolist() == list(range(10)) and encoder.sizes == [4, 4, 2]
    assert encode_all(encoder, []).shape == (0, 1)


def test_views_are_averaged():
    features = encode_all(Looker(), [grey(1, 2), grey(5), grey(9, 2)])
    assert features.flatten().tolist() == [1.5, 5, 9.5]


def test_the_same_picture_may_come_twice(tmp_path):
    grey(7).resize((64, 64)).save(tmp_path / "a.png")
    assert encode_all(Looker(), [Image.open(tmp_path / "a.png")] * 9).flatten().tolist() == [7.5] * 9


def test_no_more_than_two_batches_are_ahead_and_a_stop_reads_no_further():
    encoder, read = Looker(), []

    def picture(place):
        read.append(place)
        return grey(place)

    with closing(encode_batches(encoder, 100, picture)) as found:
        next(found)
        time.sleep(0.2)
        assert sorted(read) == list(range(8)) and encoder.sizes == [4]
        next(found)
    assert len(read) <= 12 and encoder.sizes == [4, 4]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("pictures")]


def test_an_error_of_one_picture_is_raised_and_the_threads_end():
    def picture(place):
        if place == 6:
            raise OSError("gone")
        return grey(place)

    with pytest.raises(OSError, match="gone"):
        list(encode_batches(Looker(), 30, picture))
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("pictures")]


def test_a_gpu_takes_its_own_batches():
    encoder = Looker()
    encoder.wanted_batch = 6
    encode_all(encoder, [grey(place) for place in range(14)])
    assert encoder.sizes == [6, 6, 2]
