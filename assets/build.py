"""Rebuild what is shipped beside the aligner's weights from the data and them: `python assets/build.py`.

Samples, features, reference pictures, the stored journey, and the card's figures on the test split.

Needs Fashion-MNIST on this machine (Debian's dataset-fashion-mnist, $SEDA_DATA, or a network). Everything is chosen by rule,
nothing by looking at results: samples are the first images of each class in the test split, in its own order.
"""

from __future__ import annotations

import io
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

ASSETS = Path(__file__).resolve().parent
sys.path.insert(0, str(ASSETS.parent))

from seda.aligner import PretrainedAligner, load_aligner  # noqa: E402
from seda.benchmark.evaluate import evaluate_aligner  # noqa: E402
from seda.card import write_card  # noqa: E402
from seda.config import SamplingConfig  # noqa: E402
from seda.data.datasets import ImageDataset, load_dataset  # noqa: E402
from seda.data.features import SHIPPED, encode_split, feature_file_name  # noqa: E402
from seda.encoders import load_encoder  # noqa: E402
from seda.encoders.base import Encoder  # noqa: E402
from seda.images import NamedImage, read_image  # noqa: E402
from seda.projection import load_maps  # noqa: E402
from seda.storage import write_bytes, write_json  # noqa: E402
from seda.tracing import Workbench, trace_images  # noqa: E402
from seda.training.recipe import chosen_images, save_pictures  # noqa: E402

SAMPLES_PER_CLASS = 3


def build_samples(dataset: ImageDataset, folder: Path) -> list[dict]:
    """The first SAMPLES_PER_CLASS test images of each class as PNG, classes in turn, and samples.json."""
    shutil.rmtree(folder, ignore_errors=True)
    labels = dataset.labels("test")
    members = [np.flatnonzero(labels == label)[:SAMPLES_PER_CLASS] for label in range(len(dataset.class_names))]
    listing = []
    for turn in range(SAMPLES_PER_CLASS):
        for label, indices in enumerate(members):
            index = int(indices[turn])
            name = dataset.class_names[label]
            file = f"{name.replace(' ', '-')}-{index:05d}.png"
            (image,) = dataset.images("test", [index])
            buffer = io.BytesIO()
            image.save(buffer, "PNG", optimize=True)
            write_bytes(folder / file, buffer.getvalue())
            listing.append(
                {"file": file, "name": f"{name} {index}", "label": name, "source": f"{dataset.source}, test split"}
            )
    write_json(folder / "samples.json", listing)
    return listing


def build_features(dataset: ImageDataset, encoder: Encoder) -> None:
    """Features of the whole test split, in half precision, where `encode_split` looks first."""
    features = encode_split(dataset, "test", encoder, seed=None)
    name = feature_file_name(encoder.fingerprint, dataset.fingerprint("test"), "test", None, None)
    features.save(SHIPPED / name, half=True)


def build_pictures(aligner: PretrainedAligner, dataset: ImageDataset, encoder: Encoder) -> None:
    """Pictures of the aligner's reference features, found again by the rule that chose them in training."""
    card, reference = aligner.card, aligner.reference
    features = encode_split(dataset, "train", encoder, limit=card.data["count"], seed=None)
    chosen = chosen_images(torch.from_numpy(features.labels), card.training, len(reference.features)).reference
    again = aligner.aligner.image_scaler(torch.from_numpy(features.image_features)[chosen])
    if not torch.allclose(again, reference.features, atol=2e-2):  # half precision at a length of 20
        raise SystemExit("The reference features are not those of the training images found: nothing was written.")
    save_pictures(dataset, chosen[reference.sample].numpy(), aligner.folder)


def build_journeys(samples: list[dict], folder: Path, workbench: Workbench, journeys: Path) -> None:
    """The stored example that the app opens with."""
    images = [NamedImage(entry["name"], read_image(folder / entry["file"], entry["name"])) for entry in samples[:12]]
    journey = trace_images(
        images,
        workbench.aligner.card.class_names,
        workbench,
        SamplingConfig(),
        title="Twelve unseen pictures travel to their class texts",
        note="Watch the pictures leave their cloud, gather at the category centers, and travel on to the words.",
    )
    journey.save(journeys / "01-fashion-mnist.safetensors")


def record_test_figures(aligner: PretrainedAligner, dataset: ImageDataset, encoder: Encoder) -> None:
    """Add the figures on the test split to the card, for the screen. Nothing was or is chosen by them."""
    features = encode_split(dataset, "test", encoder, seed=None)
    figures = evaluate_aligner(aligner, encoder, features).to_dict()
    test = {f"test_{name}": value for name, value in figures.items() if name != "split"}
    write_card(aligner.folder, replace(aligner.card, metrics={**aligner.card.metrics, **test}))


def main() -> None:
    dataset, encoder = load_dataset("fashion-mnist"), load_encoder("bundled")
    aligner: PretrainedAligner = load_aligner("fashion-mnist")
    build_pictures(aligner, dataset, encoder)
    workbench = Workbench(aligner, encoder, load_maps(aligner.folder))
    folder = ASSETS / "samples" / "fashion-mnist"
    samples = build_samples(dataset, folder)
    build_journeys(samples, folder, workbench, ASSETS / "journeys")
    build_features(dataset, encoder)
    record_test_figures(aligner, dataset, encoder)


if __name__ == "__main__":
    main()
