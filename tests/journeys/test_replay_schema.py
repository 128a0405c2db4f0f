"""Replays of strangers: small files that ask for much, and metadata of other kinds, are refused by the header alone."""

from __future__ import annotations

import copy
import json
import struct
import time
import tracemalloc

import numpy as np
import pytest

from seda import schema
from seda.errors import FileFormatError
from seda.journeys.journey import Journey
from seda.journeys.replay_schema import LAYOUT, ReplayMetadata
from seda.storage import ArrayInfo, arrays_from_bytes, arrays_to_bytes
from tests.toy import toy_journey


@pytest.fixture(scope="module")
def parts():
    return arrays_from_bytes(toy_journey(items=3, ghost=True, clouds=True).to_bytes(), "toy")


def changed(parts, change) -> bytes:
    arrays, metadata = copy.deepcopy(parts)
    change(arrays, metadata)
    return arrays_to_bytes(arrays, metadata)


def many_classes(arrays, metadata, count=20_000):
    metadata["class_names"] = [f"class {number}" for number in range(count)]
    arrays["trajectory.class_probabilities"] = np.zeros((3, count), np.float16)
    arrays["trajectory.class_text_features"] = np.zeros((count, 1), np.float16)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (many_classes, r"class_names is .* at most 1000 items"),
        (lambda a, m: many_classes(a, m, 999), r"class_text_features has the shape \[999, 1\]; d is 16"),
        (lambda a, m: a.update({"trajectory.x_0": a["trajectory.x_0"][:, :, :3]}), r"x_0 has the shape \[3, 19, 3\]; d is 16"),
        (lambda a, m: a.update({"trajectory.stages": np.zeros(19, np.float32)}), r"stages is F \[19\]; I or U \[s\] is needed"),
        (lambda a, m: a.update({"maps.umap-2d.step_flags": np.ones((3, 18), np.float32)}), "step_flags is F"),
        (lambda a, m: a.update({"trajectory.item_seeds": np.zeros(3, np.float64)}), "item_seeds is F"),
        (lambda a, m: a.update({"more": np.zeros(9)}), "the array 'more' is not known"),
        (lambda a, m: a.update({"maps.umap-2d.texts": np.zeros((4, 3), np.float32)}), "q is 2"),
        (lambda a, m: a["maps.umap-2d.reference"].__setitem__((0, 0), np.nan), "not finite"),
        (lambda a, m: m.update(title=7), "title is 7; input should be a valid string"),
        (lambda a, m: m.update(title="x" * 10_000), "title is 'xxx.*at most 300 characters"),
        (lambda a, m: m.update(more=1), "the key more is not allowed"),
        (lambda a, m: m.update(item_names=["x" * 1000] * 3), r"item_names\.0 is"),
        (lambda a, m: m.update(item_names="abc"), "item_names is 'abc'"),
        (lambda a, m: m.update(reference_total=1e400), "reference_total is None"),
        (lambda a, m: m.update(reference_total=10**30), "reference_total"),
        (lambda a, m: m["settings"].update(sampling={"seed": "many"}), r"settings\.sampling\.seed is 'many'"),
        (lambda a, m: m["settings"].update(hints=[1, 2, 3]), r"settings\.hints\.0 is 1"),
        (lambda a, m: m["maps"][0]["about"].update(label=[1]), r"maps\.0\.about\.label is \[1\]"),
        (lambda a, m: m["maps"][0]["about"].update(scores="high"), r"scores is 'high'"),
        (lambda a, m: m.update(maps=m["maps"] * 9), "maps is"),
        (lambda a, m: m["neighbors"].update(tile=10**9), r"neighbors\.tile is 1000000000"),
        (lambda a, m: m["clouds"][0].update(item=-1), r"clouds\.0\.item is -1"),
    ],
)  # fmt: skip
def test_what_a_replay_may_not_hold(parts, change, match):
    with pytest.raises(FileFormatError, match=match):
        Journey.from_bytes(changed(parts, change), "bomb")


def test_what_a_replay_says_beyond_what_is_known_here_stays(parts):
    def more(arrays, metadata):
        metadata["settings"]["mood"] = {"high": [1, 2]}
        metadata["maps"][0]["about"]["painter"] = "somebody"

    content = changed(parts, more)
    assert (
        arrays_from_bytes(Journey.from_bytes(content, "more").to_bytes(), "again")[1]
        == arrays_from_bytes(content, "more")[1]
    )


def test_metadata_is_checked_once(parts, monkeypatch):
    checked, adapter = [], schema._adapter
    monkeypatch.setattr(schema, "_adapter", lambda kind: checked.append(kind) or adapter(kind))
    Journey.from_bytes(changed(parts, lambda arrays, metadata: None), "toy")
    assert checked == [ReplayMetadata]


def test_products_of_counts_have_limits():
    for shape, match in (
        ((1000, 200, 1), r"1,000 x 200 \(n x s\) is 200,000; at most 100,000"),
        ((100, 100, 8000), r"\(n x s x d\)"),
    ):
        with pytest.raises(ValueError, match=match):
            LAYOUT.check({"trajectory.states": ArrayInfo("F", shape)})
    with pytest.raises(ValueError, match=r"\(n x s x k\) is 40,000,000; at most 26,000,000"):
        LAYOUT.check({"trajectory.states": ArrayInfo("F", (100, 400, 2))}, {"k": 1000})


def test_nothing_is_allocated_for_what_is_refused(parts):
    content = changed(parts, many_classes)
    tracemalloc.start()
    start = time.perf_counter()
    with pytest.raises(FileFormatError):
        Journey.from_bytes(content, "bomb")
    assert tracemalloc.get_traced_memory()[1] < 20 * 2**20 and time.perf_counter() - start < 1
    tracemalloc.stop()


def with_header(header: bytes) -> bytes:
    return struct.pack("<Q", len(header)) + header


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", "damaged"),
        (struct.pack("<Q", 2**60) + b"{}", "damaged"),
        (with_header(b"[" * 50_000), "nested too deeply"),
        (with_header(b"[1, 2]"), "damaged"),
        (with_header(b'{"__metadata__": 7}'), "damaged"),
        (with_header(b'{"__metadata__": {"json": 7}}'), "no object"),
        (with_header(b'{"__metadata__": {"json": "[]"}}'), "no object"),
        (with_header(json.dumps({"__metadata__": {"json": "[" * 90 + "]" * 90}}).encode()), "more than 32 levels"),
        (with_header(json.dumps({"__metadata__": {"json": '{"title": Infinity}'}}).encode()), "Infinity is not a number"),
        (with_header(b'{"x": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}}'), r"has the shape \[-1\]"),
        (with_header(b'{"x": {"dtype": "F32", "shape": [true], "data_offsets": [0, 4]}}'), "has the shape"),
        (with_header(b'{"x": {"dtype": 7, "shape": [], "data_offsets": [0, 4]}}'), "the array 'x'"),
        (with_header(b'{"x": {}}'), "damaged"),
        (with_header(json.dumps({str(n): {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]} for n in range(6000)}).encode()), "6,000 arrays"),
        (with_header(b" " * (9 * 2**20)), "header is larger than the 8 MB"),
    ],
)  # fmt: skip
def test_headers_that_are_none(content, match, tmp_path):
    with pytest.raises(FileFormatError, match=match):
        Journey.from_bytes(content, "bomb")
    (tmp_path / "bomb.safetensors").write_bytes(content)
    with pytest.raises(FileFormatError, match=match):
        Journey.load(tmp_path / "bomb.safetensors")


def test_paths_of_replays():
    for path in ("~nobody-of-that-name/x", "x" * 300, "/dev/zero", "a\0b"):
        with pytest.raises(FileFormatError, match=r"cannot be looked at|does not exist|not a file"):
            Journey.load(path)
