"""seda evaluate: which pictures of a folder are used, and what is said of it."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import pytest

from seda.card import read_card, write_card
from seda.cli import ANSWERED, main
from seda.data.image_folder import ImageFolder
from tests.tiny import CLASSES, image_folder


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("SEDA_CACHE", str(tmp_path / "cache"))
    return image_folder(tmp_path / "shapes", per_class=5)


def evaluate(capsys, folder, aligner, *options):
    assert main(["evaluate", "--dataset", f"folder:{folder}", "--aligner", str(aligner), *options]) == ANSWERED
    return capsys.readouterr()


def test_how_many_pictures_are_used_and_why(capsys, folder, aligner_dir):
    (folder / CLASSES[0] / "broken.png").write_bytes(b"no picture")
    told = evaluate(capsys, folder, aligner_dir, "--json")
    figures = json.loads(told.out)
    assert figures["count"] == 3 and figures["images_in_all"] == 15 and not figures["holds_training_images"]
    assert "3 of 15 images are used, the test split (DIR/test, or else a fifth of each class)." in told.err
    assert "--split all may take all of it" in told.err and "left out: " in told.err and "broken.png" in told.err
    told = evaluate(capsys, folder, aligner_dir, "--json", "--split", "all")
    figures = json.loads(told.out)
    assert figures["count"] == 15 and figures["split"] == "all" and "15 of 15 images are used" in told.err
    assert figures["top1_accuracy"] > 0.8
    told = evaluate(capsys, folder, aligner_dir, "--json", "--split", "all", "--limit", "7")
    assert json.loads(told.out)["count"] == 7 and "7 of 15 images are used, a random part of" in told.err


def test_training_pictures_are_said(capsys, folder, aligner_dir, tmp_path):
    own = tmp_path / "own"
    shutil.copytree(aligner_dir, own)
    card = read_card(own)
    trained_on = {"dataset": f"folder:{folder}", "fingerprint": ImageFolder(folder).fingerprint("train")}
    write_card(own, replace(card, data=trained_on))
    told = evaluate(capsys, folder, own, "--split", "all", "--json")
    assert json.loads(told.out)["holds_training_images"] and "was trained on images among them" in told.err
    told = evaluate(capsys, folder, own)
    assert "On the train split this aligner was trained." in told.err and "--split all" not in told.err


def test_the_table_says_what_its_figures_mean(capsys, folder, aligner_dir):
    out = evaluate(capsys, folder, aligner_dir).out
    answer, end = (next(line for line in out.splitlines() if line.startswith(name)) for name in ("top1", "path ends"))
    assert "the most probable word" in answer and "nearest to the path's end" in end
    assert "state accuracy" not in out
