"""The shipped aligner of Fashion-MNIST on real images: what the README and the app promise."""

import io
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from seda.aligner import load_aligner
from seda.benchmark.evaluate import evaluate_aligner
from seda.config import SAMPLERS, SamplingConfig
from seda.data.datasets import load_dataset
from seda.data.features import encode_split
from seda.encoders import load_encoder
from seda.errors import DataError
from seda.evaluation.trajectories import accuracy_along_path, decisions, landed
from seda.images import NamedImage, read_image
from seda.journeys.journey import Journey
from seda.journeys.reference_pictures import FILE as PICTURES_FILE
from seda.journeys.tracing import Workbench, content_seed, maps_of, place_trajectory, retrace, trace_images
from seda.projection import load_maps
from seda.ui import cache
from seda.ui.state import Shown
from seda.ui.trajectories import runs
from seda.ui.trajectories.links import EXAMPLE, Source

ASSETS = Path(__file__).resolve().parents[1] / "assets"
EXAMPLES, SAMPLES = ASSETS / "journeys", ASSETS / "samples"
COUNT = 250


@pytest.fixture(scope="module")
def encoder():
    return load_encoder("bundled")


@pytest.fixture(scope="module")
def shipped():
    return load_aligner("fashion-mnist")


@pytest.fixture(scope="module")
def workbench(shipped, encoder):
    return Workbench(shipped, encoder, load_maps(shipped.folder))


@pytest.fixture(scope="module")
def features(encoder):
    """All 10,000 test images' features; shipped, so that nothing is encoded or downloaded."""
    return encode_split(load_dataset("fashion-mnist"), "test", encoder, seed=None)


@pytest.fixture(scope="module")
def texts(shipped, encoder):
    return encoder.encode_texts(shipped.card.class_names)


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize(("denoiser", "least"), [("closed-form", 0.86), ("learned", 0.8)])  # a learned path is one draw
def test_the_states_accuracy_rises_along_the_path(shipped, features, texts, sampler, denoiser, least):
    part, sampling = features.take(np.arange(COUNT)), SamplingConfig(sampler, denoiser=denoiser)
    trajectory = shipped.trace(torch.from_numpy(part.image_features), texts, [""] * COUNT, part.class_names, sampling)
    along = accuracy_along_path(decisions(trajectory.class_similarities()), part.labels)
    assert along[trajectory.hand_over + 1] < 0.3
    assert along[-1] > least
    to_centers = accuracy_along_path(decisions(trajectory.center_similarities()), part.labels)
    assert to_centers[trajectory.hand_over] > least


def test_learned_paths_end_at_words_and_their_mean_is_as_good_as_the_answer(shipped, features, texts):
    assert shipped.aligner.config.denoiser == "learned"
    part, names = features.take(np.arange(COUNT)), shipped.aligner.text_scaler(texts)
    ends = []
    for seed in range(8):
        run = shipped.aligner.align(
            torch.from_numpy(part.image_features), texts, SamplingConfig(num_inference_steps=15, seed=seed)
        )
        ends.append(run.translator.states[:, -1])
    cosines = torch.nn.functional.normalize(ends[0], dim=1) @ torch.nn.functional.normalize(names, dim=1).T
    assert landed(cosines[:, None].numpy()).mean() > 0.9
    own = torch.from_numpy(part.labels)
    mean = torch.stack(ends).mean(0) @ torch.nn.functional.normalize(names, dim=1).T
    assert float((mean.argmax(1) == own).float().mean()) > 0.86


@pytest.mark.slow
def test_the_answer_on_all_test_images(shipped, encoder, features):
    result = evaluate_aligner(shipped, encoder, features)
    assert result.count == 10_000 and result.split == "test"
    assert result.top1_accuracy >= 0.87
    shuffled = np.random.default_rng(0).permutation(features.labels)
    part = type(features)(**{**vars(features), "labels": shuffled}).take(np.arange(1000))
    assert abs(evaluate_aligner(shipped, encoder, part).top1_accuracy - 0.1) < 0.04


def test_shipped_features_are_those_of_the_images(encoder, features):
    """Encoded anew from real images where they are at hand (Debian's package, installed in CI)."""
    dataset = load_dataset("fashion-mnist")
    try:
        images = list(dataset.images("test", range(8)))
    except DataError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"the images of Fashion-MNIST are not on this machine: {error}")
    again = encoder.encode_images([image.convert("RGB") for image in images]).numpy()
    np.testing.assert_allclose(features.image_features[:8], again, atol=2e-3 * np.abs(again).max())


def test_the_same_picture_takes_the_same_path_in_any_batch_under_any_name(workbench):
    paths = sorted(SAMPLES.glob("fashion-mnist/*.png"))[:4]
    images = [NamedImage(path.name, read_image(path, path.name)) for path in paths]
    names = workbench.aligner.card.class_names
    sampling = SamplingConfig("ddpm", 6)
    together = trace_images(images, names, workbench, sampling)
    alone = trace_images([NamedImage("another name", images[2].image)], names, workbench, sampling)
    np.testing.assert_allclose(together.positions.states[2], alone.positions.states[0], atol=1e-3)
    assert len({content_seed(item) for item in images}) == 4


def test_other_words_for_the_same_things_are_understood(shipped, encoder, features):
    """Class texts that a user types; none of these is the first phrasing of training, two are no phrasing at all."""
    words = ["footwear for running", "a lady's handbag", "denim trousers"]
    classes = ["sneaker", "bag", "trouser"]
    chosen = np.isin(features.labels, [features.class_names.index(name) for name in classes])
    part = features.take(np.flatnonzero(chosen)[:150])
    expected = np.array([classes.index(part.class_names[label]) for label in part.labels])
    answer = shipped.aligner.classify(
        torch.from_numpy(part.image_features), encoder.encode_texts(words), SamplingConfig(num_inference_steps=5)
    )
    assert float((answer.argmax(1).numpy() == expected).mean()) > 0.9


def test_the_maps_are_sound(shipped):
    """What `map fit` measured on held-out paths, with some room for another machine's arithmetic."""
    maps = load_maps(shipped.folder)
    scores = maps["umap-2d"].card["scores"]
    assert scores["trustworthiness"] > 0.93 and scores["continuity"] > 0.94
    assert scores["straightness"] > 0.8 and scores["jump_p99"] < 0.055 and scores["step_length_spearman"] > 0.45
    assert set(maps) == {"umap-2d", "umap-3d", "timeline", "pca-2d", "pca-3d"}
    assert all(frozen.card["aligner_fingerprint"] == shipped.fingerprint for frozen in maps.values())


def test_the_reference_pictures_show_the_reference_features(workbench, encoder):
    """A handful of the small pictures, encoded: each is nearest to its own feature."""
    pictures, reference = workbench.pictures, workbench.aligner.reference
    assert pictures.tiles.shape == (len(reference.features), 28, 28)
    images = [Image.fromarray(tile).convert("RGB") for tile in pictures.tiles[:24]]
    again = workbench.aligner.aligner.image_scaler(encoder.encode_images(images))
    assert (again @ reference.features.T).argmax(1).tolist() == list(range(24))
    assert (workbench.aligner.folder / PICTURES_FILE).stat().st_size < 1_500_000


def test_the_stored_journey_is_what_the_shipped_aligner_draws(workbench):
    """A retrained aligner with a forgotten `python assets/build.py` is noticed here."""
    stored = Journey.load(EXAMPLES / "06-fashion-mnist.safetensors")
    placed = place_trajectory(stored.trajectory, workbench, maps_of(stored.trajectory, workbench))
    assert list(stored.maps) == list(placed)
    for name, positions in stored.maps.items():
        np.testing.assert_allclose(placed[name].states, positions.states, atol=0.05)
    assert stored.trajectory.settings.encoder_fingerprint == workbench.encoder.fingerprint
    again = retrace(stored, stored.trajectory.class_names, workbench, SamplingConfig())
    np.testing.assert_allclose(again.trajectory.states, stored.trajectory.states, atol=0.02)
    same = again.neighbors.indices[..., 0] == stored.neighbors.indices[..., 0]
    assert len(again.neighbors.labels) == len(stored.neighbors.labels) and same.mean() > 0.98
    assert all(path.stat().st_size < 1_600_000 for path in EXAMPLES.glob("*.safetensors"))


@pytest.mark.parametrize("name", [path.stem for path in sorted(cache.JOURNEYS.glob("*.safetensors"))][:5])
def test_a_stored_example_of_samples_is_printed_with_the_samples(name):
    shown = Shown(cache.example(name), "example", Source(EXAMPLE, (name,)))
    printed = runs._printed(shown)
    assert len(printed.thumbnails) == len(shown.journey.thumbnails)
    for small, large in zip(shown.journey.thumbnails, printed.thumbnails, strict=True):
        with Image.open(io.BytesIO(small)) as one, Image.open(io.BytesIO(large)) as other:
            assert max(one.size) <= 96 and max(other.size) >= max(one.size)
            apart = np.asarray(other.resize(one.size), np.float32) - np.asarray(one, np.float32)
            assert np.abs(apart).mean() < 6  # of 255: the same picture
