"""Journey: its parts fit one another, and its replay file gives them back."""

from dataclasses import fields, replace

import numpy as np
import pytest

from seda.errors import ConfigError, FileFormatError, ShapeError, StorageError
from seda.journeys.journey import Journey
from seda.journeys.trajectory import MAP_ARRAYS
from seda.storage import read_arrays, write_arrays
from tests.toy import toy_journey


def test_maps_that_do_not_fit():
    journey = toy_journey(items=3, steps=4)
    flat, solid, timeline = (journey.maps[name] for name in ("umap-2d", "umap-3d", "timeline"))
    with pytest.raises(ShapeError, match=r"texts has shape \(4, 3\)"):
        replace(flat, texts=solid.texts)
    with pytest.raises(ShapeError, match=r"step_flags has shape \(3, 11\)"):
        replace(flat, step_flags=np.zeros((3, 11), dtype=np.int8))
    with pytest.raises(ConfigError, match="kind 'globe' is not known; it is one of umap, pca"):
        replace(flat, about={"kind": "globe"})
    with pytest.raises(ShapeError, match="kind 'timeline' has 3 dimensions"):
        replace(solid, about=timeline.about)
    with pytest.raises(ShapeError, match=r"texts of map 'umap-2d' has shape \(3, 2\)"):
        replace(journey, maps={"umap-2d": replace(flat, texts=flat.texts[:3])})
    with pytest.raises(ShapeError, match="at least one map"):
        replace(journey, maps={})
    with pytest.raises(ShapeError, match="reference_labels must be indices below 4"):
        replace(journey, reference_labels=journey.reference_labels + 1)
    with pytest.raises(ShapeError, match="240 reference points are drawn of 239"):
        replace(journey, reference_total=239)
    with pytest.raises(ShapeError, match="2 thumbnails came for 3 items"):
        replace(journey, thumbnails=journey.thumbnails[:2])


def test_save_then_load(tmp_path):
    journey = toy_journey(class_names=("<b>bold</b>", "كلب", "🐈‍⬛", "shirt"), reference=241, thinned=5)
    loaded = Journey.load(journey.save(tmp_path / "replay.safetensors"))
    assert loaded.trajectory.class_names == journey.trajectory.class_names
    assert loaded.trajectory.settings == journey.trajectory.settings
    assert loaded.thumbnails == journey.thumbnails
    assert (loaded.title, loaded.note) == (journey.title, journey.note)
    assert list(loaded.maps) == list(journey.maps) == ["umap-2d", "umap-3d", "pca-2d", "timeline"]
    for name, positions in journey.maps.items():
        for part in MAP_ARRAYS:
            np.testing.assert_array_equal(getattr(loaded.maps[name], part), getattr(positions, part))
            assert getattr(loaded.maps[name], part).dtype == getattr(positions, part).dtype
        assert loaded.maps[name].about == positions.about
    assert loaded.positions is loaded.maps["umap-2d"]
    np.testing.assert_array_equal(loaded.reference_labels, journey.reference_labels)
    assert loaded.reference_total == journey.reference_total == 1201
    scale = np.abs(journey.trajectory.states).max()
    np.testing.assert_allclose(loaded.trajectory.states, journey.trajectory.states, atol=1e-3 * scale)


def test_what_a_journey_is_traced_again_from_is_kept_exactly(tmp_path):
    trajectory = toy_journey().trajectory
    loaded = Journey.load(toy_journey().save(tmp_path / "replay.safetensors")).trajectory
    for name in ("image_features", "item_seeds", "class_text_features", "class_centers"):
        np.testing.assert_array_equal(getattr(loaded, name), getattr(trajectory, name))
        assert getattr(loaded, name).dtype == getattr(trajectory, name).dtype


@pytest.mark.parametrize("classes", [4, 300])
def test_neighbours_ghost_and_clouds_come_back(tmp_path, classes):
    journey = toy_journey(items=5, classes=classes, ghost=True, clouds=True)
    loaded = Journey.load(journey.save(tmp_path / "replay.safetensors"))
    assert len(loaded.clouds) == 1
    for found, expected in zip(
        (loaded.neighbors, loaded.ghost, *loaded.clouds),
        (journey.neighbors, journey.ghost, *journey.clouds),
        strict=True,
    ):
        for field in fields(expected):
            assert_same(getattr(found, field.name), getattr(expected, field.name))
    bare = Journey.load(toy_journey(neighbors=False).save(tmp_path / "bare.safetensors"))
    assert bare.neighbors is None and bare.ghost is None and bare.clouds == ()


def test_labels_come_back_and_a_replay_without_them_opens(tmp_path):
    journey = toy_journey(labelled=True)
    loaded = Journey.load(journey.save(tmp_path / "replay.safetensors"))
    assert loaded.labels.dtype == np.int16 and loaded.labels.tolist() == [1, 1, 2, 0, 0, -1]
    assert Journey.load(toy_journey().save(tmp_path / "bare.safetensors")).labels is None
    assert replace(journey, title="Another").labels is journey.labels
    for labels, match in [
        (journey.labels[1:], r"labels of the items has shape \(5,\); the journey needs \(6,\)"),
        (journey.labels + np.int16(3), "labels of the items must be indices below 4"),
        (journey.labels - np.int16(1), "labels of the items must be"),
        (journey.labels.astype(np.float32), "labels of the items must be"),
    ]:
        with pytest.raises(ShapeError, match=match):
            replace(journey, labels=labels)


def assert_same(found, expected):
    if isinstance(expected, dict):
        assert list(found) == list(expected)
        for name, value in expected.items():
            assert_same(found[name], value)
    elif isinstance(expected, np.ndarray):
        np.testing.assert_array_equal(found, expected)
        assert found.dtype == expected.dtype
    else:
        assert found == expected


def test_parts_that_do_not_fit_the_journey():
    journey = toy_journey(items=3, steps=4, ghost=True, clouds=True)
    neighbors, ghost, (cloud,) = journey.neighbors, journey.ghost, journey.clouds
    wrong = [
        ("Neighbours must be indices below 3", lambda: replace(neighbors, labels=neighbors.labels[:3])),
        ("Neighbours must be", lambda: replace(neighbors, indices=neighbors.indices.astype(np.float32))),
        ("came with similarities", lambda: replace(neighbors, similarities=neighbors.similarities[:2])),
        ("columns of 0 px", lambda: replace(neighbors, tile=0)),
        (
            r"indices of neighbours has shape \(3, 10, 6\)",
            lambda: replace(
                journey,
                neighbors=replace(
                    neighbors, indices=neighbors.indices[:, 1:], similarities=neighbors.similarities[:, 1:]
                ),
            ),
        ),
        (
            "Labels of neighbours must be indices below 4",
            lambda: replace(journey, neighbors=replace(neighbors, labels=neighbors.labels + np.int16(9))),
        ),
        ("answers of a ghost has shape", lambda: replace(ghost, answers=ghost.answers[:1])),
        ("Answers of a ghost must be indices below 4", lambda: replace(ghost, answers=ghost.answers + np.int16(9))),
        ("An item has more than one ghost", lambda: replace(ghost, items=ghost.items * 0)),
        ("stages must begin with 0", lambda: replace(ghost, stages=ghost.stages * 0)),
        ("states on the maps", lambda: replace(ghost, texts={})),
        (
            r"states of a ghost on map 'umap-2d' has shape \(2, 16, 2\)",
            lambda: replace(ghost, states={**ghost.states, "umap-2d": ghost.states["umap-2d"][:, 1:]}),
        ),
        (
            "Items of a ghost must be indices below 3",
            lambda: replace(journey, ghost=replace(ghost, items=ghost.items + 2)),
        ),
        (
            r"differences of a ghost has shape \(2, 10\)",
            lambda: replace(journey, ghost=replace(ghost, differences=ghost.differences[:, 1:])),
        ),
        (
            "A ghost is on a map 'umap-2d' that the journey does not have",
            lambda: replace(journey, maps={"timeline": journey.maps["timeline"]}, clouds=()),
        ),
        (
            "A seed cloud is on a map 'umap-2d' that the journey does not have",
            lambda: replace(journey, maps={"timeline": journey.maps["timeline"]}, ghost=None),
        ),
        ("ends of a seed cloud has shape", lambda: replace(cloud, ends=cloud.ends[:2])),
        ("answers of a seed cloud must be indices below 4", lambda: replace(cloud, answers=cloud.answers - 5)),
        ("states of a seed cloud on map", lambda: replace(cloud, states={"timeline": cloud.states["timeline"][1:]})),
        ("8 seeds on 0 maps", lambda: replace(cloud, states={})),
        (
            "Items of seed clouds must be indices below 3",
            lambda: replace(journey, clouds=(replace(cloud, item=3),)),
        ),
        ("more than one seed cloud", lambda: replace(journey, clouds=(cloud, cloud))),
    ]
    for message, build in wrong:
        with pytest.raises(ShapeError, match=message):
            build()


def test_files_that_are_no_replay(tmp_path):
    path = tmp_path / "replay.safetensors"
    with pytest.raises(FileFormatError, match="does not exist"):
        Journey.load(path)
    path.write_bytes(b"PK\x03\x04 not safetensors")
    with pytest.raises(FileFormatError, match="damaged"):
        Journey.load(path)
    write_arrays(path, {"x": np.zeros(3)})
    with pytest.raises(FileFormatError, match="not a replay"):
        Journey.load(path)
    toy_journey().save(path)
    arrays, metadata = read_arrays(path)
    write_arrays(path, arrays, metadata | {"settings": ["no", "mapping"]})
    with pytest.raises(FileFormatError, match="does not say how it was made"):
        Journey.load(path)
    write_arrays(path, arrays, metadata | {"version": 99})
    with pytest.raises(FileFormatError, match="version 99"):
        Journey.load(path)
    write_arrays(path, arrays, metadata | {"version": 2})
    with pytest.raises(FileFormatError, match="version 2; this program reads version 3"):
        Journey.load(path)


@pytest.mark.parametrize(
    "damage",
    [
        lambda arrays, _: arrays.pop("trajectory.stages"),
        lambda arrays, _: arrays.pop("maps.umap-3d.neighbors_kept"),
        lambda arrays, _: arrays.update({"maps.timeline.states": arrays["maps.timeline.states"][:, 1:]}),
        lambda arrays, _: arrays.update({"maps.pca-2d.reference": arrays["maps.pca-2d.reference"][:5]}),
        lambda arrays, _: arrays.update({"reference_labels": arrays["reference_labels"] + np.int16(90)}),
        lambda arrays, _: arrays.update({"thumbnails.lengths": arrays["thumbnails.lengths"] + 1}),
        lambda arrays, _: arrays.update({"thumbnails.lengths": arrays["thumbnails.lengths"][:2]}),
        lambda arrays, _: arrays.pop("trajectory.image_features"),
        lambda arrays, _: arrays.update({"trajectory.item_seeds": arrays["trajectory.item_seeds"][1:]}),
        lambda arrays, _: arrays.update({"labels": arrays["labels"] + np.int16(90)}),
        lambda arrays, _: arrays.update({"labels": arrays["labels"][1:]}),
        lambda arrays, _: arrays.update({"labels": arrays["labels"].astype(np.float32)}),
        lambda arrays, _: arrays.pop("neighbors.sheet"),
        lambda arrays, _: arrays.update({"neighbors.indices": arrays["neighbors.indices"][:, :, 0]}),
        lambda arrays, _: arrays.update({"neighbors.labels": arrays["neighbors.labels"][:1]}),
        lambda arrays, _: arrays.pop("ghost.states.umap-3d"),
        lambda arrays, _: arrays.update({"ghost.stages": arrays["ghost.stages"][::-1].copy()}),
        lambda arrays, _: arrays.update({"ghost.items": arrays["ghost.items"].astype(np.float32)}),
        lambda arrays, _: arrays.pop("clouds.0.low"),
        lambda arrays, _: arrays.update({"clouds.0.low": arrays["clouds.0.low"][0]}),
        lambda arrays, _: arrays.update({"clouds.0.states.timeline": arrays["clouds.0.states.timeline"][..., :1]}),
        lambda _, metadata: metadata["neighbors"].update(columns="many"),
        lambda _, metadata: metadata["ghost"].update(class_names=[]),
        lambda _, metadata: metadata["ghost"].update(maps=["globe"]),
        lambda _, metadata: metadata["clouds"][0].update(item=99),
        lambda _, metadata: metadata["clouds"].append(metadata["clouds"][0]),
        lambda _, metadata: metadata.pop("clouds"),
        lambda _, metadata: metadata["maps"].clear(),
        lambda _, metadata: metadata["maps"][0].pop("about"),
        lambda _, metadata: metadata["maps"][0].update(about="umap"),
        lambda _, metadata: metadata["maps"][0]["about"].update(kind="globe"),
        lambda _, metadata: metadata.update(reference_total=None),
    ],
)
def test_a_damaged_replay_is_refused(tmp_path, damage):
    arrays, metadata = read_arrays(
        toy_journey(ghost=True, clouds=True, labelled=True).save(tmp_path / "replay.safetensors")
    )
    damage(arrays, metadata)
    path = write_arrays(tmp_path / "damaged.safetensors", arrays, metadata)
    with pytest.raises(FileFormatError, match="incomplete"):
        Journey.load(path)


def test_a_full_disk_loses_nothing(tmp_path, monkeypatch):
    path = tmp_path / "replay.safetensors"
    toy_journey(seed=0).save(path)
    before = path.read_bytes()

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StorageError, match="No space left"):
        toy_journey(seed=1).save(path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["replay.safetensors"]


@pytest.mark.parametrize("name", ["image_features", "states", "class_text_features"])
def test_a_replay_with_numbers_that_are_not_finite_is_refused(tmp_path, name):
    journey = toy_journey()
    values = getattr(journey.trajectory, name).copy()
    values[0, 0] = np.nan
    path = replace(journey, trajectory=replace(journey.trajectory, **{name: values})).save(tmp_path / "x.safetensors")
    with pytest.raises(FileFormatError, match=f"{name} holds values that are not finite"):
        Journey.load(path)
