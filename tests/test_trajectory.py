"""Trajectory and replay files."""

from dataclasses import replace

import numpy as np
import pytest

from seda.errors import FileFormatError, ShapeError, StorageError
from seda.storage import read_arrays, write_arrays
from seda.trajectory import Journey
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


def test_save_then_load(tmp_path):
    journey = toy_journey(class_names=("<b>bold</b>", "كلب", "🐈‍⬛", "shirt"))
    loaded = Journey.load(journey.save(tmp_path / "replay.safetensors"))
    assert loaded.trajectory.class_names == journey.trajectory.class_names
    assert loaded.trajectory.settings == journey.trajectory.settings
    assert loaded.thumbnails == journey.thumbnails
    assert (loaded.title, loaded.note) == (journey.title, journey.note)
    np.testing.assert_array_equal(loaded.positions.states, journey.positions.states)
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
    del arrays["trajectory.stages"]
    write_arrays(path, arrays, metadata)
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
