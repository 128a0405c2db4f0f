"""Rebuild what is shipped beside the aligners' weights: `python assets/build.py [fashion-mnist] [open-vocabulary] [journeys]`.

Of Fashion-MNIST: samples, features, reference pictures, its journey, and the card's figures on the test split. Needs its images
(Debian's dataset-fashion-mnist, $SEDA_DATA, or a network). Samples are chosen by rule, nothing by looking at results: the
first images of each class in the test split, in its own order.

Of the open vocabulary: features for `evaluate` from the cache that `pretrain` filled, and five journeys. Their pictures are
chosen to show something, and their notes were written after looking at them.

"journeys" traces all stored examples again from the samples that are there, and needs nothing else.
"""

from __future__ import annotations

import io
import json
import shutil
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

ASSETS = Path(__file__).resolve().parent
sys.path.insert(0, str(ASSETS.parent))

from seda.aligner import PretrainedAligner, load_aligner  # noqa: E402
from seda.benchmark.evaluate import evaluate_aligner  # noqa: E402
from seda.benchmark.open_vocabulary import name_pictures  # noqa: E402
from seda.card import EVALUATION, NAMING, VALIDATION, write_card  # noqa: E402
from seda.config import SamplingConfig  # noqa: E402
from seda.data.datasets import ImageDataset, load_dataset  # noqa: E402
from seda.data.features import SHIPPED, encode_split, feature_file_name, find_features  # noqa: E402
from seda.encoders import load_encoder  # noqa: E402
from seda.encoders.base import Encoder  # noqa: E402
from seda.encoders.families import OPEN_VOCABULARY  # noqa: E402
from seda.images import NamedImage, read_image  # noqa: E402
from seda.journeys.seed_clouds import seed_cloud, with_cloud  # noqa: E402
from seda.journeys.tracing import Workbench, trace_images  # noqa: E402
from seda.projection import load_maps  # noqa: E402
from seda.storage import write_bytes, write_json  # noqa: E402
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


def build_journey(samples: list[dict], folder: Path, workbench: Workbench, journeys: Path) -> None:
    """The stored example of Fashion-MNIST."""
    images = [NamedImage(entry["name"], read_image(folder / entry["file"], entry["name"])) for entry in samples[:12]]
    journey = trace_images(
        images,
        workbench.aligner.card.class_names,
        workbench,
        SamplingConfig(),
        title="Twelve pictures of clothes find their words",
        note="Watch the pictures leave their cloud, gather at the kinds of clothes that the model has learned, and travel on to "
        "the words.",
    )
    journey.save(journeys / "06-fashion-mnist.safetensors", exact=False)


def record_test_figures(aligner: PretrainedAligner, dataset: ImageDataset, encoder: Encoder) -> None:
    """Add the figures on the test split to the card, for the screen. Nothing was or is chosen by them."""
    features = encode_split(dataset, "test", encoder, seed=None)
    figures = evaluate_aligner(aligner, encoder, features).to_dict()
    test = {f"test_{name}": value for name, value in figures.items() if name != "split"}
    write_card(aligner.folder, replace(aligner.card, metrics={**aligner.card.metrics, **test}))


@dataclass(frozen=True)
class Story:
    """A stored journey: samples by folder and file name without suffix, the words, and what to look at."""

    name: str
    title: str
    note: str
    pictures: tuple[str, ...]
    classes: tuple[str, ...] = ()  # the aligner's own suggestion where empty
    first_map: str = ""  # that it opens on; the aligner's first where empty


TWICE = ("cow", "lady-beetle", "hibiscus", "watermelon", "steam-locomotive", "door")
LANGUAGE_WORDS = (
    *("dog", "Hund", "chien", "собака", "狗"),
    *("cat", "Katze", "chat", "кошка", "猫"),
    *("bee", "Biene", "abeille", "пчела", "蜜蜂"),
)
STORIES = (
    Story(
        "01-photos",
        "Photographs find everyday words",
        "No photograph was trained on. A ring of two colours: this path ends at another word than the answer, as the "
        "pagoda's does; most of its other random starts end at the answer. The raccoon has no word here and is called a cat.",
        (
            *("photos/cat", "photos/dogs", "photos/honey-bee", "photos/dandelions", "photos/citrus-fruits"),
            *("photos/cup-of-coffee", "photos/kitten", "photos/pagoda", "photos/mountain", "photos/raccoon"),
        ),
    ),
    Story(
        "02-two-artists",
        "The same six things, drawn by two artists",
        "No drawing of these was trained on, and all twelve paths end at their word. Where a card says that perhaps none of "
        "the words fits, the image encoder has no category like it; the answer is right all the same.",
        tuple(f"emoji/{name}-{artist}" for name in TWICE for artist in ("noto", "twemoji")),
        tuple(name.replace("-", " ") for name in TWICE),
    ),
    Story(
        "03-none-of-these",
        "A cat, a wolf, my grandmother's sofa",
        "A question mark: none of the three words fits, and what the picture looks like. Its path ends at one of them all "
        "the same, as lists nearly always held the right word in training. The dogs and the raccoon look enough like a cat "
        "to pass.",
        tuple(
            f"photos/{name}" for name in ("cat", "kitten", "dogs", "raccoon", "honey-bee", "mountain", "cup-of-coffee")
        ),
        ("a cat", "a wolf", "my grandmother's sofa"),
    ),
    Story(
        "04-coarse-and-fine",
        "From coarse words to fine ones",
        "Animal, mammal and pet are all true of a cat. Look at which word wins, and at the second answers in the table. The "
        "kitten's path ends at another of the three than its answer.",
        ("photos/cat", "photos/kitten", "photos/dogs", "photos/raccoon", "photos/honey-bee", "emoji/cow-noto"),
        ("animal", "mammal", "pet", "insect", "plant", "machine"),
    ),
    Story(
        "05-mistakes",
        "Mistakes worth talking about",
        "The image encoder learned 1,000 categories, and a person is none of them: an astronaut looks like a vehicle, a man with "
        "a tripod like an instrument. Words cannot repair what the eye was never taught.",
        tuple(
            f"photos/{name}" for name in ("astronaut", "man-with-a-camera", "rocket", "coins", "flower", "paintbrushes")
        ),
    ),
    Story(
        "07-languages",
        "One thing, many languages",
        "Here, on the map Words, dog, Hund, chien, собака and 狗 lie side by side, as they do for the text encoder; UMAP, fitted to "
        "other words, scatters them. A path has to choose one of five names of one thing, and chance decides which.",
        ("photos/cat", "photos/kitten", "photos/dogs", "photos/honey-bee", "emoji/lady-beetle-noto"),
        LANGUAGE_WORDS,
        "words-2d",
    ),
)
LESSON = ("01-photos", "dandelions", 16)  # the story, the picture that is repeated, and how often
STORY_STEPS = 16  # a stage; chosen here: smooth to watch, and half the file of 25


def build_stories(workbench: Workbench, samples: Path, journeys: Path) -> None:
    """The open vocabulary's stored examples."""
    for story in STORIES:
        images = []
        for picture in story.pictures:
            path = next(samples.glob(f"{picture}.*"))
            images.append(NamedImage(path.stem.replace("-", " "), read_image(path, path.name)))
        journey = trace_images(
            images, story.classes or workbench.aligner.card.first_classes, workbench,
            SamplingConfig(num_inference_steps=STORY_STEPS), title=story.title, note=story.note,
        )  # fmt: skip
        first = {story.first_map: journey.maps[story.first_map]} if story.first_map else {}
        journey = replace(journey, maps={**first, **journey.maps})
        journey.save(journeys / f"{story.name}.safetensors", exact=False)
        if story.name == LESSON[0]:
            item = journey.trajectory.item_names.index(LESSON[1])
            cloud = seed_cloud(journey, item, workbench, count=LESSON[2])
            with_cloud(journey, cloud).save(journeys.parent / "lesson" / "photos.safetensors", exact=False)


def build_open_vocabulary() -> None:
    aligner, encoder = load_aligner("open-vocabulary"), load_encoder(OPEN_VOCABULARY)
    for part in (EVALUATION, VALIDATION):
        for name, file in aligner.card.data[part].items():
            features = find_features(file)
            if features is None:
                raise SystemExit(f"The features of {name} are not in the cache: run `python -m seda pretrain` first.")
            features.save(SHIPPED / file, half=True)
    rows = [row.to_dict() for row in name_pictures(aligner, encoder, ends=16)]
    write_card(aligner.folder, replace(aligner.card, metrics={**aligner.card.metrics, NAMING: rows}))
    build_stories(Workbench(aligner, encoder, load_maps(aligner.folder)), ASSETS / "samples", ASSETS / "journeys")


def build_fashion_mnist() -> None:
    dataset, encoder = load_dataset("fashion-mnist"), load_encoder("bundled")
    aligner: PretrainedAligner = load_aligner("fashion-mnist")
    build_pictures(aligner, dataset, encoder)
    workbench = Workbench(aligner, encoder, load_maps(aligner.folder))
    folder = ASSETS / "samples" / "fashion-mnist"
    samples = build_samples(dataset, folder)
    build_journey(samples, folder, workbench, ASSETS / "journeys")
    build_features(dataset, encoder)
    record_test_figures(aligner, dataset, encoder)


def build_all_journeys() -> None:
    journeys, folder = ASSETS / "journeys", ASSETS / "samples" / "fashion-mnist"
    for name, encoder in (("open-vocabulary", OPEN_VOCABULARY), ("fashion-mnist", "bundled")):
        aligner = load_aligner(name)
        workbench = Workbench(aligner, load_encoder(encoder), load_maps(aligner.folder))
        if name == "fashion-mnist":
            build_journey(json.loads((folder / "samples.json").read_text()), folder, workbench, journeys)
        else:
            build_stories(workbench, ASSETS / "samples", journeys)


if __name__ == "__main__":
    builders = {
        "fashion-mnist": build_fashion_mnist,
        "open-vocabulary": build_open_vocabulary,
        "journeys": build_all_journeys,
    }
    for chosen in sys.argv[1:] or list(builders)[:2]:
        builders[chosen]()
