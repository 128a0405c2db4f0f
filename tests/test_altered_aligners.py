"""Aligners of strangers: cards and files that were altered are one clear error, and take no memory for what they claim."""

from __future__ import annotations

import json
import shutil
import time

import numpy as np
import pytest

from seda.aligner import load_aligner
from seda.card import ASSETS, find_aligner, read_card
from seda.errors import AlignerError, FileFormatError
from seda.projection import load_maps
from seda.storage import read_arrays, sha256_file, write_arrays


@pytest.fixture
def folder(tmp_path):
    return shutil.copytree(ASSETS / "open-vocabulary", tmp_path / "copy")


def alter_card(folder, change):
    values = json.loads((folder / "card.json").read_text())
    change(values)
    (folder / "card.json").write_text(json.dumps(values))


def alter_file(folder, name, change):
    """Change arrays and metadata of a file, and the card's sum with it, as an attacker can."""
    arrays, metadata = read_arrays(folder / name)
    change(arrays, metadata)
    write_arrays(folder / name, arrays, metadata)
    alter_card(folder, lambda values: values["files"].update({name: sha256_file(folder / name)}))


def as_it_is(values):
    pass


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda v: v["card"]["model"].update(blocks=10**12), "blocks is 1000000000000; allowed is 1 to 16"),
        (lambda v: v["card"]["model"].update(blocks="2"), r"card\.model\.blocks is '2'"),
        (lambda v: v["card"]["model"].update(width=10**9), "width is 1000000000"),
        (lambda v: v["card"]["model"].update(width=4096, heads=2), "do not fit their card"),
        (lambda v: v["card"]["model"].update(words=10**6), "do not fit their card"),
        (lambda v: v["card"]["model"].update(prior_width=16_000), "do not fit their card"),
        (lambda v: v["card"]["model"].update(scale=float("nan")), "not readable JSON"),
        (lambda v: v["card"].update(class_names="abc"), r"card\.class_names is 'abc'"),
        (lambda v: v["card"].update(class_names=["a", "b"]), "do not fit their card"),
        (lambda v: v["card"].update(class_names=[["a"], 7]), r"card\.class_names\.0 is \['a'\]"),
        (lambda v: v["card"].update(name="x" * 1000), r"card\.name"),
        (lambda v: v["card"].update(more=1), r"the key card\.more is not allowed"),
        (lambda v: v["card"].pop("encoder"), r"the key card\.encoder is missing"),
        (lambda v: v["card"].update(data=[]), r"card\.data is \[\]"),
        (lambda v: v["card"]["data"].update(evaluation={"x": "../../secret"}), r"data: evaluation\.x is '\.\./\.\./secret'"),
        (lambda v: v["card"]["data"].update(dataset=7), "data: dataset is 7"),
        (lambda v: v["card"]["metrics"].update(maps=[1]), r"metrics: maps is \[1\]"),
        (lambda v: v["card"]["metrics"].update(naming={"a": 1}), "metrics: naming"),
        (lambda v: v["card"]["training"].update(seed=-1), "seed is -1"),
        (lambda v: v["files"].update({"../../../etc/passwd": "0" * 64}), r"files\.\.\./"),
        (lambda v: v["files"].update({"none.safetensors": "0" * 64}), "No such file"),
        (lambda v: v.update(files=7), "files is 7"),
    ],
)  # fmt: skip
def test_cards(folder, change, match):
    alter_card(folder, change)
    start = time.perf_counter()
    with pytest.raises(FileFormatError, match=match):
        load_aligner(folder)
    assert time.perf_counter() - start < 10


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda a, m: a.update({"reference.texts": a["reference.texts"][:, :, :5]}), "reference.texts has the shape"),
        (lambda a, m: a.update({"reference.labels": a["reference.labels"] + np.int16(999)}), "reference.labels holds indices beyond 999"),
        (lambda a, m: a.update({"reference.features": np.zeros((200_000, 384), np.float16)}), "at most 100,000 are allowed"),
        (lambda a, m: a["class_centers"].__setitem__((0, 0), np.nan), "class_centers holds values that are not finite"),
        (lambda a, m: a.update({"translator.word_posterior.members": a["translator.word_posterior.members"] + 10**6}), "members holds indices"),
        (lambda a, m: a.pop("class_centers"), "class_centers is none"),
        (lambda a, m: a.update(more=np.zeros(3)), "more is"),
    ],
)  # fmt: skip
def test_weights(folder, change, match):
    alter_file(folder, "aligner.safetensors", change)
    with pytest.raises(FileFormatError, match=match):
        load_aligner(folder)


def bomb(arrays, metadata):
    """A network of a million by a million from two thin matrices."""
    arrays["projector.network.0.weight"] = np.zeros((10**6, 1), np.float32)
    arrays["projector.axes"] = np.zeros((10**6, 2), np.float32)


@pytest.mark.parametrize(
    ("name", "change", "match"),
    [
        ("umap-2d", bomb, "is incomplete"),
        ("umap-2d", lambda a, m: a["reference"].__setitem__((0, 0), np.nan), "reference holds values that are not finite"),
        ("umap-2d", lambda a, m: a["projector.mean"].__setitem__(0, np.inf), "projector.mean holds values that are not finite"),
        ("umap-2d", lambda a, m: m.update(kind=["umap"]), "kind is"),
        ("umap-2d", lambda a, m: m.update(kind="pca"), "not known|is incomplete"),
        ("umap-2d", lambda a, m: m["card"].update(scores={"x": "high"}), r"scores\.x"),
        ("umap-2d", lambda a, m: m.update(card=7), "card is 7"),
        ("umap-3d", lambda a, m: a.update(reference=a["reference"][:, :2]), "3 dimensions|2 dimensions|is incomplete"),
        ("timeline", lambda a, m: a.update({"projector.bounds": np.zeros(3, np.float32)}), "bounds"),
        ("pca-2d", lambda a, m: a.update({"projector.axes": a["projector.axes"].astype(np.int32)}), "axes is I"),
    ],
)  # fmt: skip
def test_maps(folder, name, change, match):
    alter_file(folder, f"map-{name}.safetensors", change)
    with pytest.raises(FileFormatError, match=match):
        load_maps(folder)


def test_names_that_are_no_place(tmp_path):
    for name in ("x" * 300, "~nobody-of-that-name", "a\0b", "../../assets", ""):
        with pytest.raises(AlignerError, match=r"cannot be looked at|There is no aligner"):
            find_aligner(name)
    (tmp_path / "card.json").write_text("[" * 100_000)
    with pytest.raises(FileFormatError, match="nested too deeply"):
        read_card(tmp_path)
