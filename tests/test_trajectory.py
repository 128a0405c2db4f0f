"""Trajectory and replay files."""

from dataclasses import replace

import numpy as np
import pytest

from seda.errors import ConfigError, FileFormatError, ShapeError, StorageError
from seda.storage import read_arrays, write_arrays
from seda.trajectory import MAP_ARRAYS, Journey
from tests.toy import toy_journey


def test_hand_over_and_translator_start():
    trajectory = toy_journey(items=3, steps=4).trajectory
    assert trajectory.states.shape[1] == 2 * 4 + 3
    assert trajectory.stages[trajectory.hand_over] == 1
    assert trajectory.stages[trajectory.translator_start] == 2
    assert trajectory.timesteps[trajectory.hand_over] == 0


def test_similarities_against_loops():
    trajectory = toy_journey(items=2, steps=3).trajectory
    found = trajectory.class_similarities()
    for i, s, k in np.ndindex(found.shape):
        a, b = trajectory.states[i, s], trajectory.class_text_features[k]
        assert found[i, s, k] == pytest.approx(a @ b / np.linalg.norm(a) / np.linalg.norm(b), abs=1e-5)


def test_shapes_that_do_not_fit():
    trajectory = toy_journey(items=3, steps=4).trajectory
    with pytest.raises(ShapeError, match="class_probabilities"):
        replace(trajectory, class_probabilities=trajectory.class_probabilities[:2])
    with pytest.raises(ShapeError, match="2 item names came for 3 items"):
        replace(trajectory, item_names=("a", "b"))
    with pytest.raises(ShapeError, match="stages must begin with 0"):
        replace(trajectory, stages=np.zeros_like(trajectory.stages))


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
    with pytest.raises(ShapeError, match="each an index below 4"):
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
    write_arrays(path, arrays, metadata | {"version": 99})
    with pytest.raises(FileFormatError, match="version 99"):
        Journey.load(path)
    write_arrays(path, arrays, metadata | {"version": 1})
    with pytest.raises(FileFormatError, match="version 1; this program reads version 2"):
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
        lambda _, metadata: metadata["maps"].clear(),
        lambda _, metadata: metadata["maps"][0].pop("about"),
        lambda _, metadata: metadata["maps"][0].update(about="umap"),
        lambda _, metadata: metadata["maps"][0]["about"].update(kind="globe"),
        lambda _, metadata: metadata.update(reference_total=None),
    ],
)
def test_a_damaged_replay_is_refused(tmp_path, damage):
    arrays, metadata = read_arrays(toy_journey().save(tmp_path / "replay.safetensors"))
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
