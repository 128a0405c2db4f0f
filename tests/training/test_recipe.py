"""The whole recipe on drawn pictures with a very small encoder: what it writes, and what it never reads."""

import numpy as np
import torch

from seda.aligner import load_aligner
from seda.config import SamplingConfig, TrainingConfig
from seda.images import NamedImage
from seda.projection import load_map
from seda.projection.aligner_map import fit_aligner_map
from seda.projection.fit import MapConfig
from seda.tracing import Workbench, trace_images
from seda.training.recipe import train_aligner
from tests.tiny import CLASSES, picture

PER_CLASS = 12
MAP = MapConfig(steps=30, batch_size=64)


class SmallEncoder:
    """Pixels of a 6 x 6 thumbnail, and letter counts: real features, no weights."""

    name, image_dim, text_dim = "small", 108, 26
    fingerprint, description = "0123456789abcdef", "for tests"

    def encode_images(self, images):
        return torch.stack(
            [torch.from_numpy(np.asarray(image.resize((6, 6))) / 255).flatten() for image in images]
        ).float()

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
    config = TrainingConfig(max_epochs=4, batch_size=8, learning_rate=5e-3)
    return train_aligner(Drawn(), SmallEncoder(), config, tmp_path / "shapes", map_config=MAP, **options)


def test_it_writes_a_whole_aligner_and_never_reads_the_test_split(tmp_path, monkeypatch):
    stages = []
    train(tmp_path, monkeypatch, on_progress=lambda stage, *_: stages.append(stage) and None)
    assert list(dict.fromkeys(stages)) == ["encoding images", "encoding texts", "training"]  # 30 map steps: no report
    loaded = load_aligner(tmp_path / "shapes")
    assert loaded.card.data["source"] == "drawn here" and loaded.card.data["split"] == "train"
    assert loaded.card.metrics["path_accuracy"]["split"] == "validation"
    assert sorted(path.name for path in (tmp_path / "shapes").iterdir()) == [
        "aligner.safetensors",
        "card.json",
        "map.safetensors",
    ]
    # fitted again from the folder: equal but for the last bit of the features, which grows a little over the steps
    again, first = fit_aligner_map(loaded, MAP).reference, load_map(loaded.folder).reference
    assert np.abs(again - first).max() < 0.02 * np.ptp(first)

    workbench = Workbench(loaded, SmallEncoder(), load_map(loaded.folder))
    images = [NamedImage(f"{label}.png", picture(label, 99)) for label in range(3)]
    journey = trace_images(images, CLASSES, workbench, SamplingConfig(num_inference_steps=3))
    assert journey.positions.states.shape == (3, 9, 2)
    assert np.isfinite(journey.positions.states).all()
