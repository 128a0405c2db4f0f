"""An aligner from a file of features: whole, without pictures, and only for features of the same encoder."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch

from seda.aligner import load_aligner
from seda.benchmark.evaluate import evaluate_aligner
from seda.config import ModelConfig, TrainingConfig
from seda.data.feature_file import FileTexts, read_feature_file
from seda.errors import DataError, FingerprintError
from seda.projection import aligner_map, load_maps
from seda.projection.fit import MapConfig
from seda.training import recipe
from seda.training.recipe import train_on_features

NAMES = ("cat", "dog", "bird")
CONFIG = TrainingConfig(max_epochs=4, batch_size=32, learning_rate=5e-3)


def arrays(width=12, text_width=8, count=120, seed=0):
    """Clusters around three means; a third of the images are for testing."""
    rng = np.random.default_rng(7)
    means, texts = 3 * rng.normal(size=(3, width)), rng.normal(size=(3, text_width))
    labels = np.arange(count) % 3
    features = means[labels] + np.random.default_rng(seed).normal(size=(count, width))
    return {
        "image_features": features.astype(np.float32), "labels": labels, "test": np.arange(count) % 4 == 0,
        "class_text_features": texts.astype(np.float32), "class_names": np.array(NAMES),
    }  # fmt: skip


def file(tmp_path, name="f.npz", **changes):
    values = {key: value for key, value in {**arrays(), **changes}.items() if value is not None}
    np.savez(tmp_path / name, **values)
    return read_feature_file(tmp_path / name, needs_test=False)


@pytest.fixture(autouse=True)
def little_networks(monkeypatch):
    monkeypatch.setattr(
        "seda.training.fit.ModelConfig", partial(ModelConfig, width=32, heads=2, blocks=1, prior_width=128)
    )


@pytest.fixture
def no_maps(monkeypatch):
    """They take most of the time and have tests of their own."""
    monkeypatch.setattr(recipe, "fit_aligner_maps", lambda *_, **__: {})


def train(found, folder, **options):
    return train_on_features(found, CONFIG, folder, map_config=MapConfig(steps=0), **options)


@pytest.mark.parametrize(("width", "text_width"), [(12, 8), (8, 8), (6, 16)])
def test_it_learns_whatever_the_widths_are(tmp_path, no_maps, width, text_width):
    """Also where texts are wider than images."""
    found = file(tmp_path, **arrays(width, text_width), encoder="mine")
    trained = train(found, tmp_path / "a")
    assert (trained.card.model.image_dim, trained.card.model.dim) == (width, text_width)
    loaded = load_aligner(tmp_path / "a", check_maps=False)
    figures = evaluate_aligner(loaded, FileTexts(found), found.test)
    assert figures.top1_accuracy > 0.9 and figures.state_accuracy_end > 0.9 and figures.count == 30
    assert trained.card.encoder == "mine" and trained.card.data["dataset"] == f"features:{tmp_path / 'f.npz'}"


def test_it_writes_a_whole_aligner_without_pictures(tmp_path, monkeypatch):
    monkeypatch.setattr(aligner_map, "FIT_SAMPLINGS", aligner_map.FIT_SAMPLINGS[:1])
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / recipe.PICTURES_FILE).write_bytes(b"another training's")
    train(file(tmp_path), tmp_path / "a")
    assert load_aligner(tmp_path / "a").card.metrics["maps"]
    assert set(load_maps(tmp_path / "a")) == set(aligner_map.FITTED_ALWAYS)
    assert not (tmp_path / "a" / recipe.PICTURES_FILE).exists()


def test_shuffled_labels_fall_to_chance(tmp_path, no_maps):
    values = arrays()
    labels = values["labels"].copy()
    labels[~values["test"]] = np.random.default_rng(1).permutation(labels[~values["test"]])
    found = file(tmp_path, labels=labels)
    train(found, tmp_path / "a")
    assert evaluate_aligner(load_aligner(tmp_path / "a"), FileTexts(found), found.test).top1_accuracy < 0.67


def test_training_never_reads_the_test_rows(tmp_path, no_maps):
    def trained(name, shift):
        values = arrays()
        values["image_features"][values["test"]] += shift
        return train(file(tmp_path, f"{name}.npz", **values, encoder="mine"), tmp_path / name)

    one, other = trained("a", 0), trained("b", 1e4)
    for key, value in one.aligner.state_dict().items():
        torch.testing.assert_close(value, other.aligner.state_dict()[key], rtol=0, atol=0)


def test_features_of_another_encoder_are_refused(tmp_path, no_maps):
    aligner = train(file(tmp_path, encoder="clip-b32"), tmp_path / "a")
    others = file(tmp_path, "g.npz", encoder="siglip")
    with pytest.raises(FingerprintError, match=r"trained on features of 'clip-b32' .* these come from 'siglip'"):
        evaluate_aligner(aligner, FileTexts(others), others.test)
    more = file(tmp_path, "h.npz", **arrays(seed=5), encoder="clip-b32")
    assert evaluate_aligner(aligner, FileTexts(more), more.test).top1_accuracy > 0.9


def test_limit_and_text_encoder(tmp_path, no_maps):
    class Letters:
        name, fingerprint = "letters", "x"

        def encode_texts(self, texts):
            return torch.tensor([[text.count(letter) + 0.5 for letter in "abcdgorti"] for text in texts])

    found = file(tmp_path, class_text_features=None)
    trained = train(found, tmp_path / "a", limit=60, text_encoder=Letters)
    assert trained.card.data["count"] == 60 and trained.card.model.dim == 9
    assert trained.reference.texts.shape[1] > 1  # several phrasings
    with pytest.raises(DataError, match=r"no class_text_features\. Name an encoder"):
        train(found, tmp_path / "b")
    with pytest.raises(
        DataError, match=r"has 1 training images of 'cat' \(label 0\) among its first 4; .* two of each"
    ):
        train(found, tmp_path / "b", limit=4, text_encoder=Letters)
    own = file(tmp_path, "g.npz", class_text_features=None, image_text_features=np.ones((120, 5)))
    with pytest.raises(DataError, match="image_text_features of width 5, but class texts have width 9"):
        train(own, tmp_path / "b", text_encoder=Letters)


def test_values_beyond_half_precision_are_refused(tmp_path):
    features = arrays()["image_features"]
    features[1, 3] = -7e4
    with pytest.raises(DataError, match=r"value 7e\+04 in row 0 of its training images; .* up to 65504"):
        train(file(tmp_path, image_features=features), tmp_path / "a")
