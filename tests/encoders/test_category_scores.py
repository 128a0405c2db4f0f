"""Scores of a classifier's categories as features."""

from __future__ import annotations

import torch
from PIL import Image

from seda.encoders import load_encoder
from seda.encoders.base import has_head
from seda.encoders.category_scores import CategoryScores
from seda.images import read_image
from seda.shipped import ASSETS


class Two:
    name, fingerprint = "two", "two-1"
    imagenet_head = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]), torch.tensor([0.0, 0.0, -20.0])

    def encode_images(self, images):
        return torch.tensor([[2.0, 0.0]]).repeat(len(images), 1)


def test_they_are_probabilities_under_a_name_of_their_own():
    made = CategoryScores(Two())
    found = made.encode_images([Image.new("RGB", (8, 8))] * 2)
    assert torch.allclose(found.sum(1), torch.ones(2)) and torch.allclose(
        found[0, 0], torch.tensor(2.0).sigmoid(), atol=1e-4
    )
    assert made.name != "two" and made.fingerprint not in ("two-1", CategoryScores(Other()).fingerprint)


class Other(Two):
    fingerprint = "two-2"


def test_a_cat_is_called_a_cat():
    encoder = load_encoder("multilingual")
    assert has_head(encoder)
    made, path = CategoryScores(encoder), ASSETS / "samples" / "photos" / "cat.jpg"
    scores, words = made.encode_images([read_image(path, "cat")])[0], made.class_words
    assert len(words) == len(scores) == 1000
    best = [words[int(index)][0] for index in scores.argsort(descending=True)[:3]]
    assert any("cat" in name for name in best), best
