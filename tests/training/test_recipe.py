"""The whole recipe on drawn pictures with a very small encoder: what it writes, and what it never reads."""

import json
from functools import partial

import numpy as np
import pytest
import torch

from seda.aligner import load_aligner
from seda.config import ModelConfig, SamplingConfig, TrainingConfig
from seda.encoders.batches import encode_all
from seda.errors import ConfigError, DataError, FingerprintError
from seda.images import NamedImage
from seda.journeys.reference_pictures import ReferencePictures
from seda.journeys.tracing import Workbench, maps_of, trace_images
from seda.map_forms import FITTED_ALWAYS
from seda.projection import aligner_map, load_maps
from seda.projection.aligner_map import aligner_material, fit_aligner_maps
from seda.projection.fit import MapConfig
from seda.training.recipe import train_aligner
from tests.tiny import CLASSES, picture

PER_CLASS = 12
MAP = MapConfig(steps=30, batch_size=64)


class SmallEncoder:
    """Pixels of a 6 x 6 thumbnail, and letter counts: real features, no weights."""

    name, image_dim, text_dim = "small", 108, 26
    fingerprint, description = "0123456789abcdef", "for tests"
    encode_images = encode_all

    def prepare_image(self, image):
        return torch.from_numpy(np.asarray(image.resize((6, 6))) / 255).float()[None]

    def encode_views(self, views):
        return views.flatten(1)

    def encode_texts(self, texts):
        return torch.tensor([[text.count(chr(97 + letter)) for letter in range(26)] for text in texts]).float()


class Drawn:
    """Drawn shapes whose test split must not be touched."""

    name, class_names, other_words, source = "drawn", CLASSES, {}, "drawn here"

    def fingerprint(self, split):
        self.check(split)
        return "fedcba9876543210"

    def count(self, split):
        self.check(split)
        return PER_CLASS * len(CLASSES)

    def labels(self, split):
        self.check(split)
        return np.arange(self.count(split)) % len(CLASSES)

    def images(self, split, indices):
        self.check(split)
        return (picture(int(index) % len(CLASSES), int(index)) for index in indices)

    def check(self, split):
        assert split == "train", "training looked at the test split"


def train(tmp_path, monkeypatch, **options):
    monkeypatch.setenv("SEDA_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(aligner_map, "FIT_SAMPLINGS", aligner_map.FIT_SAMPLINGS[:2])
    monkeypatch.setattr("seda.training.fit.ModelConfig", partial(ModelConfig, width=32, heads=2, blocks=1))
    config = TrainingConfig(max_epochs=4, batch_size=8, learning_rate=5e-3)
    return train_aligner(Drawn(), SmallEncoder(), config, tmp_path / "shapes", map_config=MAP, **options)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """An aligner that several tests look at; read-only."""
    with pytest.MonkeyPatch.context() as patch:
        return train(tmp_path_factory.mktemp("trained"), patch)


@pytest.mark.slow
def test_it_writes_a_whole_aligner_and_never_reads_the_test_split(tmp_path, monkeypatch):
    stages = []
    train(tmp_path, monkeypatch, on_progress=lambda stage, *_: stages.append(stage) and None)
    expected = [
        "encoding images",
        "encoding texts",
        "training",
        "tracing paths for the maps",
        "fitting the map umap-2d",
    ]
    assert list(dict.fromkeys(stages)) == expected
    loaded = load_aligner(tmp_path / "shapes")
    assert loaded.card.data["source"] == "drawn here" and loaded.card.data["split"] == "train"
    assert loaded.card.metrics["path_accuracy"]["split"] == "validation"
    assert sorted(path.name for path in (tmp_path / "shapes").iterdir()) == [
        "aligner.safetensors",
        "card.json",
        *sorted(f"map-{name}.safetensors" for name in FITTED_ALWAYS),
        "reference-pictures.safetensors",
    ]
    maps = load_maps(loaded.folder)
    for name, again in fit_aligner_maps(loaded, MAP).items():  # from the folder: the very same
        np.testing.assert_array_equal(again.reference, maps[name].reference)
        # a matrix product's last digit may depend on where in memory its factors lie
        assert again.card["scores"] == pytest.approx(maps[name].card["scores"], rel=1e-3)

    workbench = Workbench(loaded, SmallEncoder(), maps)
    images = [NamedImage(f"{label}.png", picture(label, 99)) for label in range(3)]
    journey = trace_images(images, CLASSES, workbench, SamplingConfig(num_inference_steps=3))
    assert journey.positions.states.shape == (3, 9, 2)
    assert np.isfinite(journey.positions.states).all()


def test_classes_that_read_the_same_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(Drawn, "class_names", (CLASSES[0], "🐱", "🐶"))  # no letter of either is counted
    with pytest.raises(DataError, match='"🐱" and "🐶" of drawn have the same text features'):
        train(tmp_path, monkeypatch)


def test_pictures_are_those_of_the_reference_features(tmp_path, monkeypatch):
    loaded = train(tmp_path, monkeypatch, limit=30)  # some are not trained on: a picture's place is not its number
    tiles = ReferencePictures.load(loaded.folder).tiles
    assert tiles.shape == (len(loaded.reference.features), 32, 32, 3)
    pictures = list(Drawn().images("train", range(30)))
    scaled = loaded.aligner.image_scaler(SmallEncoder().encode_images(pictures))
    own = (scaled @ loaded.reference.features.T).argmax(0).tolist()  # which image each feature is of
    assert len(set(own)) == len(own)
    np.testing.assert_array_equal(tiles, ReferencePictures.from_images(pictures[index] for index in own).tiles)
    assert "reference-pictures.safetensors" in json.loads((loaded.folder / "card.json").read_text())["files"]


def test_only_the_thinned_sample_has_pictures(tmp_path, monkeypatch):
    monkeypatch.setattr("seda.aligner.MAX_SAMPLE", 10)
    loaded = train(tmp_path, monkeypatch)
    workbench = Workbench(loaded, SmallEncoder(), load_maps(loaded.folder))
    assert len(workbench.pictures.tiles) == len(workbench.sample_labels) <= 10 < len(loaded.reference.features)
    journey = trace_images(
        [NamedImage("0.png", picture(0, 99))], CLASSES, workbench, SamplingConfig(num_inference_steps=2)
    )
    assert len(journey.neighbors.labels) <= 10 and journey.neighbors.sheet


@pytest.mark.slow
def test_training_goes_on_without_the_images(tmp_path, monkeypatch, caplog):
    train(tmp_path, monkeypatch)

    def gone(self, split, indices):
        raise DataError("The images are not here.")

    monkeypatch.setattr(Drawn, "images", gone)
    loaded = train(tmp_path, monkeypatch)  # features are in the cache
    assert not (loaded.folder / "reference-pictures.safetensors").exists()
    assert "saved without pictures of its training images. The images are not here." in caplog.text
    assert load_aligner(loaded.folder).card == loaded.card


def test_the_size_of_the_clouds_is_chosen_within_limits(tmp_path, monkeypatch):
    loaded = train(tmp_path, monkeypatch, reference_count=7)
    assert len(load_maps(loaded.folder)["umap-2d"].reference) == len(loaded.reference.features) == 7
    with pytest.raises(ConfigError, match="100001 reference points were asked for; allowed is 1 to 100,000"):
        train(tmp_path, monkeypatch, reference_count=100_001)


def test_large_clouds_are_thinned_evenly_and_the_number_of_all_is_kept(trained, monkeypatch):
    workbench = Workbench(trained, SmallEncoder(), load_maps(trained.folder))
    monkeypatch.setattr("seda.journeys.tracing.MAX_REFERENCE", 10)
    total = len(trained.reference.features)
    every = -(-total // 10)
    images = [NamedImage("0.png", picture(0, 99))]
    journey = trace_images(images, CLASSES, workbench, SamplingConfig(num_inference_steps=2))
    assert journey.reference_total == total > 10 >= len(journey.reference_labels)
    np.testing.assert_array_equal(journey.reference_labels, trained.reference.labels.numpy()[::every])
    maps = maps_of(journey.trajectory, workbench)
    for name, positions in journey.maps.items():
        np.testing.assert_array_equal(positions.reference, maps[name].reference[::every])
        assert ((positions.neighbors_kept >= 0) & (positions.neighbors_kept <= 1)).all()


def test_principal_axes_alone_need_no_graph(trained):
    assert aligner_material(trained, MapConfig(steps=0)).graph is None
    assert aligner_material(trained, MAP).graph is not None


def test_a_map_of_another_aligner_is_refused(trained):
    maps = load_maps(trained.folder)
    maps["timeline"].card["aligner_fingerprint"] = "another"
    with pytest.raises(FingerprintError, match="The map Timeline was fitted for an aligner with fingerprint another"):
        Workbench(trained, SmallEncoder(), maps)
