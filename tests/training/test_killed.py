"""Ended at any write: what is listed can be used, what was done is not done again, and the same call gives the same aligner.

A process that is killed leaves a prefix of its writes. So each run here is ended at its first, second, third ... write or move,
and everything that may be looked at is looked at after each.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from seda import making
from seda.aligner import WEIGHTS_FILE
from seda.card import AlignerCard, aligner_home, read_card
from seda.cli import main
from seda.config import ModelConfig, TrainingConfig
from seda.errors import FileFormatError
from seda.projection import aligner_map, kept_fit, load_maps
from seda.projection.fit import MapConfig
from seda.storage import sha256_file
from seda.training import unfinished
from seda.training.fit import TrainingSet, fit_aligner
from seda.training.recipe import fit_and_save_maps, reference_features, save_for_maps
from seda.training.unfinished import DATASET, TrainingRecord
from tests.whole import contents, usable

CLASSES = ("ant", "bee", "cow")
MAPS = MapConfig(steps=3, batch_size=16, paths_per_step=2)


class Killed(BaseException):
    """In the place of SIGKILL: nothing of the program may catch it."""


@pytest.fixture
def kill_at(monkeypatch):
    """Gives a function that ends whatever runs at its n-th change of the disk; 0 never."""
    left = [0]

    def ended(real):
        def call(*arguments, **options):
            left[0] -= 1
            if left[0] == 0:
                raise Killed
            return real(*arguments, **options)

        return call

    for name in ("replace", "rename", "unlink"):
        monkeypatch.setattr(Path, name, ended(getattr(Path, name)))
    monkeypatch.setattr(shutil, "rmtree", ended(shutil.rmtree))
    return lambda n: left.__setitem__(0, n or -1)


@pytest.fixture(scope="module")
def trained():
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(3).repeat_interleave(6)
    features = torch.randn(18, 10, generator=generator) + 3 * torch.eye(3, 10)[labels]
    data = TrainingSet(features, labels, torch.randn(3, 1, 8, generator=generator))
    config = TrainingConfig(max_epochs=1, batch_size=8)
    model = ModelConfig(dim=8, image_dim=10, width=8, heads=2, blocks=1, prior_width=8)
    aligner = fit_aligner(data, config, model).aligner
    card = AlignerCard(
        name="toy", description="", encoder="bundled", encoder_fingerprint="0" * 16, class_names=CLASSES, template="{}",
        model=model, training=config, data={}, metrics={}, versions={},
    )  # fmt: skip
    return aligner, card, reference_features(aligner, data, config)


@pytest.fixture(scope="module")
def material(trained, tmp_path_factory):
    aligner, card, reference = trained
    pretrained = save_for_maps(aligner, card, reference, tmp_path_factory.mktemp("material"))
    return aligner_map.aligner_material(pretrained)


@pytest.fixture(autouse=True)
def quick(monkeypatch, tmp_path, material):
    """Two maps, of paths that were traced once."""
    monkeypatch.setattr(aligner_map, "aligner_material", lambda *_, **__: material)
    monkeypatch.setattr(
        aligner_map, "with_scores", lambda frozen, _: replace(frozen, card={**frozen.card, "scores": {}})
    )
    monkeypatch.setitem(aligner_map.fit_aligner_maps.__kwdefaults__, "names", ("umap-2d", "pca-2d"))
    monkeypatch.setenv("SEDA_ALIGNERS", str(tmp_path))


def make(trained, folder: Path) -> None:
    aligner, card, reference = trained
    pretrained = save_for_maps(aligner, card, reference, folder)
    fit_and_save_maps(pretrained, MAPS, lambda *_: None)
    making.finish_aligner(folder, card)


def test_an_aligner_that_is_made(trained, tmp_path, kill_at, monkeypatch):
    make(trained, tmp_path / "whole")
    expected, folder = contents(tmp_path / "whole"), tmp_path / "toy"
    fitted = []
    real = aligner_map.fit_map
    monkeypatch.setattr(aligner_map, "fit_map", lambda name, *a, **o: fitted.append(name) or real(name, *a, **o))
    for old in (False, True):  # also in the place of another aligner
        shutil.rmtree(folder, ignore_errors=True)
        for n in range(1, 100):
            kill_at(n)
            try:
                make(trained, folder)
                break
            except Killed:
                kill_at(0)
                usable(folder)
        kill_at(0)
        assert n > 10 and usable(folder) and contents(folder) == expected, old
        # killed after every write it is fitted at most twice: by the call that was killed before it was written
        assert max(map(fitted.count, fitted)) <= 4
        fitted.clear()


def test_maps_that_are_fitted_again(trained, tmp_path, kill_at, capsys):
    folder = tmp_path / "toy"
    make(trained, folder)
    old = contents(folder)
    small = ["map", "fit", "--aligner", str(folder), "--maps", "pca-2d,pca-3d", "--seed", "5"]
    for n in range(1, 60):
        kill_at(n)
        try:
            assert main(small) == 0
            break
        except Killed:
            kill_at(0)
            assert usable(folder)
    kill_at(0)
    assert n > 5 and usable(folder) and set(contents(folder)) == {*old, "map-pca-3d.safetensors"}
    assert load_maps(folder)["pca-2d"].card["config"]["seed"] == 5
    read_card(folder)


def test_keeping(trained, tmp_path, kill_at):
    record = TrainingRecord("toy", "bundled", DATASET, "digits", done=True)
    folder = unfinished.begin(record)
    make(trained, folder)
    (folder / unfinished.FEATURES).mkdir()
    for n in range(1, 20):
        kill_at(n)
        try:
            unfinished.keep("toy")
            break
        except Killed:
            kill_at(0)
            listed = [one.record.name for one in unfinished.list_unfinished()]
            assert ("toy" in listed) != usable(aligner_home() / "toy")  # in one of both lists, always
            if "toy" not in listed:
                break
    kill_at(0)
    assert usable(aligner_home() / "toy") and unfinished.list_unfinished() == []


def test_a_whole_aligner_is_never_deleted_by_a_training_of_its_name(trained):
    folder = unfinished.begin(TrainingRecord("toy", "bundled", DATASET, "digits"))
    make(trained, folder)
    (folder / unfinished.RECORD_FILE).unlink()
    with pytest.raises(unfinished.AlignerError, match="whose training's record is damaged"):
        unfinished.begin(TrainingRecord("toy", "bundled", DATASET, "digits"))
    assert (folder / WEIGHTS_FILE).is_file()


def test_a_fit_goes_on_in_the_middle_to_the_same_map(material, tmp_path, monkeypatch):
    config, prepared = MapConfig(steps=27, batch_size=16, paths_per_step=1), material
    whole = aligner_map.fit_map("umap-2d", prepared, config)
    monkeypatch.setattr(kept_fit, "SECONDS", 0.0)
    path, told = tmp_path / "umap-2d.part", []

    def stop(name, done, total):
        told.append(done)
        if len(told) == 1:
            raise Killed

    with pytest.raises(Killed):
        aligner_map.fit_map("umap-2d", prepared, config, on_progress=stop, keep_at=path)
    assert path.is_file()
    again = aligner_map.fit_map("umap-2d", prepared, config, on_progress=stop, keep_at=path)
    assert told == [25] and not path.exists()  # it went on after the 25th step
    np.testing.assert_allclose(again.reference, whole.reference, rtol=1e-5, atol=1e-6)
    monkeypatch.setattr(kept_fit, "SECONDS", 1000.0)
    path.write_bytes(b"damaged")
    again = aligner_map.fit_map("umap-2d", prepared, config, keep_at=path)
    np.testing.assert_allclose(again.reference, whole.reference, rtol=1e-5, atol=1e-6)


def test_a_card_may_know_two_sums_while_a_file_is_replaced(trained, tmp_path):
    folder = tmp_path / "toy"
    make(trained, folder)
    name = "map-pca-2d.safetensors"
    sums = [sha256_file(folder / name), "0" * 64]
    making.write_card(folder, trained[1], {name: sums})
    assert usable(folder)
    making.write_card(folder, trained[1], {name: sums[1:]})
    with pytest.raises(FileFormatError, match="is damaged"):
        read_card(folder)
