"""Tracing with a small real aligner: templates, the same pictures again, neighbours, seeds, refits."""

import dataclasses
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from seda.aligner import load_aligner
from seda.config import ModelConfig, SamplingConfig
from seda.encoders import load_encoder
from seda.errors import ClassTextError, ConfigError, FileFormatError, FingerprintError, ProjectionError, Stopped
from seda.evaluation.maps import map_scores
from seda.images import read_images
from seda.journeys import tracing
from seda.journeys.journey import Journey
from seda.journeys.reference_pictures import FILE, ReferencePictures
from seda.journeys.seed_clouds import MAX_CLOUDS, seed_cloud, spread, with_cloud
from seda.journeys.settings import TraceSettings
from seda.journeys.tracing import Workbench, refit_journey, retrace, sampling_of, trace_images
from seda.projection import load_maps, refit
from seda.schema import check
from tests.tiny import CLASSES

NAMES = (*CLASSES, "a toy")
SAMPLING = SamplingConfig("ddpm", 5, seed=2)


@pytest.fixture(scope="module")
def workbench(aligner_dir):
    return Workbench(load_aligner(aligner_dir), load_encoder("bundled"), load_maps(aligner_dir))


@pytest.fixture(scope="module")
def images(pictures):
    return read_images((path.name, path) for path in sorted(pictures.glob("*.png")))[0]


@pytest.fixture(scope="module")
def journey(workbench, images):
    return trace_images(images, NAMES, workbench, SAMPLING, template="a drawing of a {}")


def settings(journey: Journey, **changes) -> Journey:
    trajectory = journey.trajectory
    return replace(journey, trajectory=replace(trajectory, settings=trajectory.settings.model_copy(update=changes)))


def assert_same_paths(found: Journey, expected: Journey):
    np.testing.assert_allclose(found.trajectory.states, expected.trajectory.states, atol=1e-3)
    np.testing.assert_allclose(found.trajectory.class_probabilities, expected.trajectory.class_probabilities, atol=1e-4)
    for name, positions in expected.maps.items():
        np.testing.assert_allclose(found.maps[name].states, positions.states, atol=1e-3)


def test_retracing_draws_what_the_pictures_would(tmp_path, journey, workbench, images):
    stored = Journey.load(journey.save(tmp_path / "replay.safetensors"))
    names, other = ("red square", "green disc"), SamplingConfig(num_inference_steps=3, seed=9)
    again = retrace(stored, names, workbench, other, title="Again", note="Look.")
    assert_same_paths(again, trace_images(images, names, workbench, other))
    assert (again.title, again.note, again.thumbnails) == ("Again", "Look.", journey.thumbnails)
    assert again.trajectory.item_names == journey.trajectory.item_names
    np.testing.assert_array_equal(again.trajectory.item_seeds, journey.trajectory.item_seeds)
    same = retrace(stored, NAMES, workbench, SAMPLING, template="a drawing of a {}")
    assert_same_paths(same, journey)
    assert same.trajectory.settings == journey.trajectory.settings
    with pytest.raises(Stopped):
        retrace(stored, names, workbench, other, on_step=lambda event: True)


def test_a_runs_own_maps_are_scored_on_the_sample_of_the_reference_features(journey, workbench, images, monkeypatch):
    """Their cost grows with its square, and an aligner may keep a hundred thousand."""
    bare, scored = replace(workbench.aligner, folder=workbench.aligner.folder / "without-pictures"), []

    def scores(reference, reference_at, *paths):
        assert len(reference) == len(reference_at)
        scored.append(len(reference))
        return map_scores(reference, reference_at, *paths)

    monkeypatch.setattr(tracing, "map_scores", scores)
    monkeypatch.setattr("seda.aligner.MAX_SAMPLE", 10)
    found = trace_images(images, NAMES, Workbench(bare, workbench.encoder, workbench.maps), SAMPLING)
    count = len(bare.reference.features)
    assert scored == [len(range(0, count, -(-count // 10)))] * 2 and count > 10
    assert all(found.maps[name].about["scores"] for name in ("words-2d", "words-3d"))
    assert len(found.maps["words-2d"].reference) == count


def test_labels_follow_their_words(journey, workbench):
    assert journey.labels is None and retrace(journey, NAMES, workbench, SAMPLING).labels is None
    labelled = replace(journey, labels=np.array([0, 1, 2, 3, -1, 0], np.int16))
    again = retrace(labelled, ("A_Toy", CLASSES[0].upper(), "something else"), workbench, SAMPLING)
    assert again.labels.dtype == np.int16 and again.labels.tolist() == [1, -1, -1, 0, -1, 1]
    assert with_cloud(labelled, seed_cloud(labelled, 2, workbench, count=2)).labels is labelled.labels


def test_another_encoder_is_refused(journey, workbench):
    with pytest.raises(FingerprintError, match="these come from 'bundled' \\(0000\\)"):
        retrace(settings(journey, encoder_fingerprint="0000"), NAMES, workbench, SAMPLING)


def test_the_template_is_used_written_down_and_checked_first(journey, workbench, images):
    assert journey.trajectory.settings.template == "a drawing of a {}"
    own = trace_images(images, NAMES, workbench, SAMPLING)
    assert own.trajectory.settings.template == workbench.aligner.card.template == "{}"
    assert not np.allclose(own.trajectory.class_text_features, journey.trajectory.class_text_features, atol=0.1)
    with pytest.raises(ClassTextError, match=r"holds \{\} 0 times"):
        trace_images([], NAMES, workbench, SAMPLING, template="a photo")
    with pytest.raises(ClassTextError, match=r"holds \{\} 2 times"):
        retrace(journey, NAMES, workbench, SAMPLING, template="{} and {}")


def test_neighbours_against_a_naive_search(journey, workbench):
    neighbors, reference = journey.neighbors, workbench.aligner.reference
    features, labels = reference.features.numpy(), reference.labels.numpy()
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    n, s, t = neighbors.indices.shape
    assert (n, s, t) == (6, 13, 6)
    for item, step in [(0, 0), (3, 4), (5, 12)]:
        state = journey.trajectory.states[item, step]
        cosines = unit @ state / np.linalg.norm(state)
        order = np.argsort(-cosines)[:t]
        np.testing.assert_allclose(neighbors.similarities[item, step], cosines[order], atol=1e-5)
        np.testing.assert_array_equal(neighbors.labels[neighbors.indices[item, step]], labels[order])
    assert np.unique(neighbors.indices).tolist() == list(range(len(neighbors.labels)))
    assert neighbors.sheet[8:12] == b"WEBP" and neighbors.tile == 32


def test_an_aligner_without_pictures_works_and_wrong_ones_are_refused(workbench, images, tmp_path):
    bare = Workbench(replace(workbench.aligner, folder=tmp_path), workbench.encoder, workbench.maps)
    neighbors = trace_images(images, NAMES, bare, SAMPLING).neighbors
    assert neighbors.sheet == b"" and len(neighbors.labels) > 0
    ReferencePictures(workbench.pictures.tiles[:3]).save(tmp_path)
    again = Workbench(replace(workbench.aligner, folder=tmp_path), workbench.encoder, workbench.maps)
    with pytest.raises(FileFormatError, match="3 reference pictures came for"):
        trace_images(images, NAMES, again, SAMPLING)
    assert (workbench.aligner.folder / FILE).is_file()


def test_each_seed_of_a_cloud_is_a_run_of_its_own(journey, workbench, images):
    cloud = seed_cloud(journey, 4, workbench, count=4)
    assert cloud.item == 4 and cloud.seeds.tolist() == [2, 3, 4, 5]
    runs = []
    for place, seed in enumerate(cloud.seeds.tolist()):
        run = trace_images(images, NAMES, workbench, replace(SAMPLING, seed=seed), template="a drawing of a {}")
        for name, states in cloud.states.items():
            np.testing.assert_allclose(states[place], run.maps[name].states[4], atol=1e-3)
        runs.append(run.trajectory)
    for name, states in cloud.states.items():  # the first is the journey's own
        np.testing.assert_allclose(states[0], journey.maps[name].states[4], atol=1e-3)
    cosines = np.stack([run.class_similarities()[4] for run in runs])
    np.testing.assert_allclose(cloud.low, np.quantile(cosines, 0.1, axis=0), atol=1e-4)
    np.testing.assert_allclose(cloud.high, np.quantile(cosines, 0.9, axis=0), atol=1e-4)
    states = np.stack([run.states[4] for run in runs])
    apart = np.sqrt(np.mean([np.square(one - states.mean(0)).sum(-1) for one in states], axis=0))
    np.testing.assert_allclose(cloud.spread, apart / journey.trajectory.settings.scale, atol=1e-4)
    assert cloud.spread[0] == pytest.approx(0, abs=1e-5) and cloud.spread.max() > 0.1
    assert cloud.ends.tolist() == [int(run.class_similarities()[4, -1].argmax()) for run in runs]
    assert cloud.answers.tolist() == [int(run.class_probabilities[4].argmax()) for run in runs]


def test_a_cloud_replaces_an_earlier_one_and_the_latest_are_kept(journey, workbench):
    clouds = [seed_cloud(journey, item, workbench, count=2) for item in range(MAX_CLOUDS + 1)]
    first = with_cloud(journey, clouds[0])
    again = with_cloud(with_cloud(first, clouds[1]), seed_cloud(journey, 0, workbench, count=3))
    assert [(cloud.item, len(cloud.seeds)) for cloud in again.clouds] == [(1, 2), (0, 3)]
    for cloud in clouds:
        first = with_cloud(first, cloud)
    assert [cloud.item for cloud in first.clouds] == list(range(1, MAX_CLOUDS + 1))
    assert journey.clouds == ()


def test_clouds_that_cannot_be_drawn(journey, workbench):
    with pytest.raises(ConfigError, match="Item 6 is not in this journey of 6 items"):
        seed_cloud(journey, 6, workbench)
    with pytest.raises(ConfigError, match="65 seeds were asked for; allowed is 1 to 64"):
        seed_cloud(journey, 0, workbench, count=65)
    with pytest.raises(Stopped):
        seed_cloud(journey, 0, workbench, count=2, on_step=lambda event: True)
    moved = {name: replace(one, reference=one.reference + 1) for name, one in journey.maps.items()}
    with pytest.raises(ProjectionError, match="were refitted"):
        seed_cloud(replace(journey, maps=moved), 0, workbench)
    some = replace(journey, maps={**moved, "words-2d": journey.maps["words-2d"]})
    assert list(seed_cloud(some, 0, workbench, count=1).states) == ["words-2d"]
    other = replace(journey.trajectory, class_centers=journey.trajectory.class_centers + 1)
    with pytest.raises(FingerprintError, match="was traced with the aligner 'tiny', not with this"):
        seed_cloud(replace(journey, trajectory=other), 0, workbench)


def test_the_largest_seed_is_followed_by_the_smallest(workbench, images):
    last = SamplingConfig(num_inference_steps=2, seed=SamplingConfig.MAX_SEED)
    journey = trace_images(images[:1], NAMES, workbench, last)
    assert seed_cloud(journey, 0, workbench, count=2).seeds.tolist() == [SamplingConfig.MAX_SEED, 0]


def test_how_a_journey_was_drawn(journey):
    assert sampling_of(journey) == SAMPLING.settled(ModelConfig())
    with pytest.raises(ConfigError, match="does not say how it was drawn"):
        sampling_of(settings(journey, sampling=None))
    told = {"aligner": "tiny", "later": [1], "sampling": {"strength": 1}}
    assert check(TraceSettings, told, "it").sampling.strength == 1
    assert check(TraceSettings, told, "it").to_dict()["later"] == [1]  # of a later version
    wrong = {"seed": 0.5, "num_inference_steps": 5.0, "eta": True, "strength": 2.0, "speed": 3, "sampler": "none"}
    for name, value in wrong.items():
        with pytest.raises(FileFormatError, match=f"{name}|{value}"):
            check(TraceSettings, {"sampling": {name: value}}, "it")


def test_spread_of_points_on_an_axis():
    states = np.array([[[0.0, 3.0]], [[0.0, -3.0]]], dtype=np.float32)
    assert spread(states).tolist() == [3.0]


def test_a_refit_keeps_neighbours_and_leaves_ghost_and_clouds_out(journey, workbench, monkeypatch):
    quick = partial(refit.RefitConfig, steps=2)
    monkeypatch.setattr(refit, "RefitConfig", quick)
    cloud = seed_cloud(journey, 0, workbench, count=2)
    refitted = refit_journey(with_cloud(journey, cloud), workbench)
    assert refitted.neighbors is journey.neighbors and refitted.clouds == () and refitted.ghost is None
    fields = {field.name for field in dataclasses.fields(Journey)}
    assert {"neighbors", "ghost", "clouds"} < fields
