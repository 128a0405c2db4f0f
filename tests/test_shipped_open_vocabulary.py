"""The shipped open-vocabulary aligner: what the README, docs/open-vocabulary.md and the app promise."""

from pathlib import Path

import numpy as np
import pytest

from seda.aligner import load_aligner
from seda.benchmark.open_vocabulary import name_pictures, refusals
from seda.card import DEFAULT_ALIGNER, NAMING
from seda.config import SamplingConfig
from seda.data.named_pictures import STAMP_GROUPS_IN
from seda.encoders import load_encoder
from seda.figures.tables import naming_table
from seda.images import NamedImage, read_image
from seda.journeys.journey import Journey
from seda.journeys.tracing import Workbench, maps_of, on_own_maps, place_trajectory, retrace, trace_images
from seda.projection import load_maps

ASSETS = Path(__file__).resolve().parents[1] / "assets"
PHOTOS = ASSETS / "samples" / "photos"


@pytest.fixture(scope="module")
def encoder():
    return load_encoder("multilingual")


@pytest.fixture(scope="module")
def shipped():
    return load_aligner("open-vocabulary")


@pytest.fixture(scope="module")
def workbench(shipped, encoder):
    return Workbench(shipped, encoder, load_maps(shipped.folder))


@pytest.fixture(scope="module")
def named(shipped, encoder):
    """What `evaluate` prints, by task and method."""
    return {(row.task, row.method): row for row in name_pictures(shipped, encoder)}


def photographs(*names):
    return [NamedImage(name, read_image(next(PHOTOS.glob(f"{name}.*")), name)) for name in names]


def test_it_is_the_default():
    assert DEFAULT_ALIGNER == "open-vocabulary"


@pytest.mark.slow
def test_it_names_what_it_was_never_fitted_to(named):
    found = named
    groups = found["photographs, groups", "seda"]
    assert groups.recall_1 >= 0.8
    conse = max(row.recall_1 for (task, method), row in found.items() if task == groups.task and "conse" in method)
    assert groups.recall_1 > conse + 0.1
    own = found["photographs, own words", "seda"]
    assert own.recall_1 >= 0.25 and own.recall_10 >= 0.58
    for artist in ("google", "twitter"):
        row = found[f"things:{artist}, own words", "seda"]
        assert row.recall_1 >= 0.17 and row.recall_10 >= 0.57


@pytest.mark.slow
def test_words_of_other_languages_name_as_well(named):
    english = named["photographs, groups", "seda"].recall_1
    for language in STAMP_GROUPS_IN:
        assert named[f"photographs, groups in {language}", "seda"].recall_1 >= english - 0.06


@pytest.mark.slow
def test_none_of_these_refuses_few_right_words_and_most_wrong_ones(shipped, encoder):
    for row in refusals(shipped, encoder):
        assert row.right_refused <= 0.08 and row.wrong_refused >= 0.7


def answers(shipped, encoder, names, words):
    features = encoder.encode_images([item.image for item in photographs(*names)])
    run = shipped.aligner.align(features, encoder.encode_texts(words), SamplingConfig(), answer_only=True)
    return run.class_probabilities.argmax(1).tolist(), shipped.hints(run)


def test_words_that_nobody_trained_on(shipped, encoder):
    words = ["a hot drink", "a pet that purrs", "an insect on a blossom", "a temple in Asia"]
    best, _ = answers(shipped, encoder, ("cup-of-coffee", "kitten", "honey-bee", "pagoda"), words)
    assert best[:3] == [0, 1, 2]


def test_none_of_these_is_said_with_a_hint(shipped, encoder):
    words = ["a cat", "a wolf", "my grandmother's sofa"]
    best, hints = answers(shipped, encoder, ("cat", "kitten", "mountain", "cup-of-coffee", "honey-bee"), words)
    assert best[:2] == [0, 0] and hints[:2] == ["", ""]
    assert hints[2:] == ["mountain", "espresso", "bee"]


def test_a_journey_shows_the_centers_that_its_paths_came_near(workbench):
    journey = trace_images(
        photographs("cat", "mountain"), ["a cat", "a wolf"], workbench, SamplingConfig(num_inference_steps=6)
    )
    trajectory = journey.trajectory
    assert 1 <= len(trajectory.center_names) <= 2
    assert trajectory.hints[0] == "" and trajectory.hints[1]
    assert (journey.reference_labels == -1).mean() > 0.8
    assert np.isfinite(trajectory.states).all()


@pytest.mark.parametrize("path", sorted(ASSETS.glob("journeys/0[1-57]*")), ids=lambda path: path.stem)
def test_the_stored_journeys_are_what_the_aligner_draws(workbench, path):
    """A new aligner with a forgotten `python assets/build.py open-vocabulary` is noticed here."""
    stored = Journey.load(path)
    assert stored.note and stored.title
    placed = place_trajectory(stored.trajectory, workbench, maps_of(stored.trajectory, workbench))
    for name, positions in stored.maps.items():
        np.testing.assert_allclose(placed[name].states, positions.states, atol=0.05)
    steps = stored.trajectory.settings.sampling.num_inference_steps
    again = retrace(stored, stored.trajectory.class_names, workbench, SamplingConfig(num_inference_steps=steps))
    np.testing.assert_allclose(again.trajectory.states, stored.trajectory.states, atol=0.05)
    assert again.trajectory.hints == stored.trajectory.hints


def test_a_journey_of_other_widths_stays_on_its_own_maps(workbench):
    """Whoever goes on to another aligner has the picture of the one before beside the new one."""
    other = Journey.load(ASSETS / "journeys" / "06-fashion-mnist.safetensors")
    assert other.trajectory.states.shape[-1] != workbench.aligner.card.model.dim
    assert on_own_maps(other, workbench) is other


def test_wide_words_fit_as_well_as_narrow_ones(shipped, encoder):
    words = ["animal", "vehicle", "building", "food", "plant"]
    best, hints = answers(shipped, encoder, ("cat", "kitten", "dogs", "citrus-fruits"), words)
    assert best[:3] == [0, 0, 0] and best[3] in (3, 4) and hints == [""] * 4  # citrus fruits are food and plants


def test_the_card_tells_what_evaluate_measures(shipped):
    table = naming_table(shipped.card.metrics[NAMING])
    assert list(table.columns) == [
        "task",
        "texts",
        "SeDA's answer",
        "mean of 16 ends",
        "best ConSE",
        "centred ConSE",
        "ridge from pairs",
    ]
    assert len(table) == 11 and table["SeDA's answer"].between(0.15, 0.9).all()


def test_there_are_samples_of_many_kinds():
    pictures = [path for path in (ASSETS / "samples").glob("*/*") if path.suffix in (".png", ".jpg")]
    assert len(pictures) >= 40
    assert {path.parent.name for path in pictures} == {"emoji", "fashion-mnist", "photos"}
