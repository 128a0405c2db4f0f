"""Paths in files: the three forms hold the same, and what does not fit is said with its row."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet
from safetensors.numpy import save_file

import seda
from seda.errors import DataError, FileFormatError
from seda.journeys.journey import Journey
from seda.journeys.path_file import journey_of_content, read_journey
from seda.journeys.replay_schema import is_replay
from tests.toy import toy_journey

RNG = np.random.default_rng(0)
STATES = RNG.normal(size=(4, 6, 3)).astype(np.float32)
TEXTS = RNG.normal(size=(2, 3)).astype(np.float32)
NAMES = {"class_names": ["cat", "dog"], "item_names": ["a", "b", "c", "d"], "stage_names": ["u", "v"]}
PLANES = ("pca-2d",)


def as_npz(path: Path, **more) -> Path:
    arrays = {
        "states": STATES,
        "texts": TEXTS,
        "labels": np.array(["cat", "dog", "", "cow"]),
        "stage_states": np.array([2, 3]),
        "title": "t",
        **NAMES,
    }
    np.savez(path, **(arrays | more))
    return path


def as_safetensors(path: Path) -> Path:
    arrays = {"states": STATES, "texts": TEXTS, "labels": np.array([0, 1, -1, 2]), "stage_states": np.array([2, 3])}
    told = {name: json.dumps(value) for name, value in NAMES.items()} | {
        "label_names": json.dumps(["cat", "dog", "cow"]),
        "title": "t",
    }
    save_file(arrays, path, told)
    return path


def as_parquet(path: Path, drop: int | None = None) -> Path:
    rows = [
        {"item": name, "step": step, "state": STATES[place, step].tolist(), "label": label}
        for place, (name, label) in enumerate(zip("abcd", ["cat", "dog", "", "cow"], strict=True))
        for step in range(6)
    ]
    if drop is not None:
        del rows[drop]
    table = pa.Table.from_pandas(pd.DataFrame(rows[::-1]), preserve_index=False)
    told = {
        "class_names": NAMES["class_names"],
        "stage_names": ["u", "v"],
        "stage_states": [2, 3],
        "texts": TEXTS.tolist(),
    }
    parquet.write_table(
        table.replace_schema_metadata({key: json.dumps(value) for key, value in told.items()} | {"title": "t"}), path
    )
    return path


@pytest.mark.parametrize(
    ("write", "suffix"), [(as_npz, ".npz"), (as_safetensors, ".safetensors"), (as_parquet, ".parquet")]
)
def test_all_three_forms_hold_the_same(write, suffix, tmp_path):
    path = write(tmp_path / f"paths{suffix}")
    for journey in (read_journey(path, maps=PLANES), seda.open_journey(str(path), maps=PLANES)):
        found = dict(zip(journey.trajectory.item_names, journey.trajectory.states, strict=True))
        assert all(np.array_equal(found[name], STATES[place]) for place, name in enumerate("abcd"))
        right = dict(zip(journey.trajectory.item_names, journey.labels.tolist(), strict=True))
        assert right == {"a": 0, "b": 1, "c": -1, "d": -1} and '"cow"' in journey.note
        assert journey.trajectory.class_names == ("cat", "dog") and journey.title == "t"
        assert journey.trajectory.stage_names == ("u", "v") and journey.trajectory.stages.tolist() == [0, 1, 1, 2, 2, 2]
        assert np.allclose(journey.trajectory.class_text_features, TEXTS)


def test_a_replay_is_opened_as_it_is(tmp_path):
    journey = toy_journey()
    path = journey.save(tmp_path / "a.safetensors")
    assert np.array_equal(read_journey(path).maps["umap-2d"].states, journey.maps["umap-2d"].states)
    assert is_replay(path.read_bytes(), "a.safetensors") and not is_replay(
        as_safetensors(tmp_path / "b.safetensors").read_bytes(), "b.safetensors"
    )
    assert not is_replay(as_npz(tmp_path / "c.npz").read_bytes(), "c.npz") and is_replay(b"broken", "d.safetensors")


def test_an_upload_is_the_same(tmp_path):
    content = as_npz(tmp_path / "x.npz", title="", coordinates=STATES, text_coordinates=TEXTS).read_bytes()
    journey = journey_of_content(content, "folder\\my paths.npz")
    assert journey.title == "my paths" and list(journey.maps) == ["given-3d"]
    with pytest.raises(DataError, match=r"^mine\.npz"):
        journey_of_content(as_npz(tmp_path / "y.npz", states=np.full((4, 6, 3), np.nan)).read_bytes(), "mine.npz")


def test_pictures_come_as_pixels(tmp_path):
    pixels = np.zeros((4, 8, 8, 3), np.uint8)
    pixels[:, :, :, 0] = 200
    journey = read_journey(as_npz(tmp_path / "x.npz", thumbnails=pixels), maps=PLANES)
    assert all(one.startswith(b"\x89PNG") for one in journey.thumbnails)
    with pytest.raises(DataError, match="uint8"):
        read_journey(as_npz(tmp_path / "x.npz", thumbnails=pixels.astype(float)), maps=PLANES)


@pytest.mark.parametrize(
    ("more", "part"),
    [
        ({"states": np.full((4, 6, 3), np.nan)}, "Row 0 (\"a\") of states is not finite"),
        ({"frames": np.zeros(3)}, "'frames', which is no part of paths"),
        ({"stage_states": np.array([2])}, "2 stage_names came with 1 stage_states"),
        ({"labels": np.array([0, 1, 7, 0])}, "Label 7 of row 2 is no text"),
        ({"labels": np.array([0, 1, 7, 0]), "label_names": ["x"]}, "Label 1 of row 1 has no name"),
        ({"texts": TEXTS[:, :2]}, "texts has rows of 2 numbers"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_said(more, part, tmp_path):
    with pytest.raises(DataError) as caught:
        read_journey(as_npz(tmp_path / "x.npz", **more), maps=PLANES)
    assert part in str(caught.value)


def test_files_that_are_none(tmp_path):
    with pytest.raises(DataError, match="has no states; there are class_names"):
        np.savez(tmp_path / "a.npz", **{"class_names": ["a"]})
        read_journey(tmp_path / "a.npz")
    with pytest.raises(DataError, match="'a' has step 5 0 times"):
        read_journey(as_parquet(tmp_path / "b.parquet", drop=5))
    for name, content in {"c.npz": b"PK", "d.safetensors": b"no", "e.parquet": b"PAR1", "f.pkl": b"x"}.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(FileFormatError, match=name):
            read_journey(tmp_path / name)
    with pytest.raises(FileFormatError, match="does not exist"):
        read_journey(tmp_path / "nowhere.npz")
    np.savez(tmp_path / "g.npz", states=np.array([{"a": 1}], dtype=object))
    with pytest.raises(FileFormatError, match="more than arrays"):
        read_journey(tmp_path / "g.npz")  # nothing is unpickled


def test_saved_and_opened_again(tmp_path):
    journey = read_journey(as_npz(tmp_path / "x.npz"), maps=PLANES)
    again = seda.open_journey(journey.save(tmp_path / "y.safetensors"))
    assert isinstance(again, Journey) and np.array_equal(again.trajectory.states, STATES)
