"""What every encoder promises (`Encoder` in base.py), kept by one of each form that runs without a network."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
from PIL import Image

from seda.encoders import Encoder, load_encoder
from seda.encoders.base import has_head
from seda.encoders.batches import encode_all
from seda.encoders.families import FAMILIES, shares_space
from tests.local_clip import LAYOUT, drawn, random_weights, write_model

# How to ask for each family without a network, given an empty folder; a new family has its line here.
OFFLINE: dict[str, Callable[[Path], list[str]]] = {
    "bundled": lambda folder: ["bundled", "bundled:whole"],
    "multilingual": lambda folder: ["multilingual"],
    "open_clip": lambda folder: [f"open_clip:local-dir:{write_model(folder / 'clip', LAYOUT, random_weights(LAYOUT))}"],
}
UNIT_TEXTS = {"bundled", "multilingual"}  # families whose texts have length 1
WORDS = ["a red circle", "cat", "", "the quick brown fox jumps over the lazy dog " * 8, "猫"]
SIZES = [(64, 64), (200, 40), (31, 90), (1, 1), (300, 300)]
CLOSE = {"atol": 1e-4, "rtol": 1e-3}


def pictures() -> list[Image.Image]:
    names = ("red circle", "blue square", "green ring", "white cross", "orange triangle")
    return [drawn(name, 0).resize(size) for name, size in zip(names, SIZES, strict=True)]


@pytest.fixture(scope="module", params=FAMILIES)
def encoders(request, tmp_path_factory) -> list[Encoder]:
    return [load_encoder(name) for name in OFFLINE[request.param](tmp_path_factory.mktemp("weights"))]


class Encoded(NamedTuple):
    """Pictures or words: whose, how they are encoded, what, into how many numbers, and the features."""

    encoder: Encoder
    encode: Callable[[list], torch.Tensor]
    items: list
    width: int
    features: torch.Tensor


def encoded(encoder: Encoder) -> list[Encoded]:
    kinds = [(encoder.encode_images, pictures(), encoder.image_dim), (encoder.encode_texts, WORDS, encoder.text_dim)]
    return [Encoded(encoder, encode, items, width, encode(items)) for encode, items, width in kinds]


@pytest.fixture(scope="module")
def found(encoders) -> list[Encoded]:
    """What each of them makes of the pictures and of the words."""
    return [one for encoder in encoders for one in encoded(encoder)]


def test_features_are_numbers_of_the_stated_width_and_tell_things_apart(found):
    for encoder, encode, items, width, features in found:
        assert features.shape == (len(items), width) and features.dtype == torch.float32
        assert features.device.type == "cpu" and not features.is_inference() and not features.requires_grad
        assert features.isfinite().all() and (features.norm(dim=1) > 1e-3).all()
        assert (torch.pdist(features) > 1e-3).all(), "two of them are the same"
        assert encode([]).shape == (0, width)
        if encoder.name.partition(":")[0] in UNIT_TEXTS and items is WORDS:
            torch.testing.assert_close(features.norm(dim=1), torch.ones(len(items)))


def test_the_same_gives_the_same_wherever_it_stands(found):
    for _, encode, items, _, features in found:
        assert torch.equal(encode(items), features)
        torch.testing.assert_close(torch.cat([encode([item]) for item in items]), features, **CLOSE)
        torch.testing.assert_close(encode([*items, items[0]][::-1])[1:].flip(0), features, **CLOSE)


def test_one_that_is_loaded_again_by_its_name_is_the_same(encoders, found):
    for encoder in encoders:
        again = load_encoder(encoder.name)
        assert again.name == encoder.name and again.fingerprint == encoder.fingerprint
        assert re.fullmatch("[0-9a-f]{16}", encoder.fingerprint) and encoder.description.endswith(".")
        before = [one.features for one in found if one.encoder is encoder]
        for one, other in zip(encoded(again), before, strict=True):
            assert torch.equal(one.features, other)
    assert len({encoder.fingerprint for encoder in encoders}) == len(encoders)


def test_nothing_that_is_given_is_changed_and_nothing_random_is_drawn(encoders):
    for encoder in encoders:
        images, words = pictures(), list(WORDS)
        before, state = [np.asarray(image) for image in images], torch.get_rng_state()
        encoder.encode_images(images)
        encoder.encode_texts(words)
        assert all((np.asarray(image) == kept).all() for image, kept in zip(images, before, strict=True))
        assert words == WORDS and torch.equal(torch.get_rng_state(), state)


def test_a_picture_is_the_mean_of_its_views(encoders):
    for encoder in encoders:
        images = pictures()
        views = [encoder.prepare_image(image) for image in images]
        assert all(view.ndim == 4 and view.shape[1] == 3 and view.dtype == torch.float32 for view in views)
        expected = torch.stack([encoder.encode_views(view).mean(0) for view in views])
        torch.testing.assert_close(encoder.encode_images(images), expected, **CLOSE)
        torch.testing.assert_close(encode_all(encoder, images), expected, **CLOSE)


def test_what_is_optional_is_there_where_it_is_announced(encoders):
    for encoder in encoders:
        assert shares_space(encoder) == hasattr(encoder, "logit_scale")
        if shares_space(encoder):
            assert encoder.image_dim == encoder.text_dim and encoder.logit_scale > 0
        if has_head(encoder):
            weight, bias = encoder.imagenet_head
            assert weight.shape == (1000, encoder.image_dim) and bias.shape == (1000,)
        unread = encoder.unread_texts(WORDS)
        assert unread == [word for word in WORDS if word in unread] and "cat" not in unread
