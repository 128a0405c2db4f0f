"""train and evaluate on files of features, from the command line."""

from __future__ import annotations

import json

import numpy as np
import pytest

import seda
from seda.card import read_card
from seda.class_texts import fill_template
from seda.cli import ANSWERED, WRONG_CALL, main
from seda.encoders import load_encoder
from seda.journeys.journey import Journey
from tests.tiny import CLASSES
from tests.training.test_train_on_features import arrays


def test_train_and_evaluate_a_file_of_features(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr("seda.encoders.load_encoder", lambda *_: pytest.fail("nothing is to be encoded"))
    monkeypatch.setattr("seda.training.recipe.fit_aligner_maps", lambda *_, **__: {})
    path, out = tmp_path / "f.npz", tmp_path / "mine"
    np.savez(path, **arrays(), encoder="mine")
    assert main(["train", "--dataset", f"features:{path}", "--epochs", "4", "--out", str(out)]) == ANSWERED
    assert capsys.readouterr().out.strip() == str(out)
    assert main(["evaluate", "--aligner", str(out), "--json"]) == ANSWERED  # the card names the file
    figures = json.loads(capsys.readouterr().out)
    assert figures["count"] == 30 and figures["dataset"] == f"features:{path}" and figures["top1_accuracy"] > 0.8
    np.savez(path, **arrays(), encoder="other")
    assert main(["evaluate", "--aligner", str(out)]) == WRONG_CALL
    assert "'mine'" in (said := capsys.readouterr().err) and "'other'" in said


def test_a_wrong_file_is_said_before_anything_is_trained(capsys, tmp_path):
    values = arrays()
    values["labels"][5] = 9
    np.savez(tmp_path / "f.npz", **values)
    call = ["train", "--dataset", f"features:{tmp_path / 'f.npz'}", "--out", str(tmp_path / "out")]
    assert main(call) == WRONG_CALL
    assert "label at position 5 is 9; 3 classes allow 0 to 2" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_rows_of_a_file_travel(capsys, tmp_path, monkeypatch, aligner_dir, pictures):
    traced = seda.trace(str(pictures), CLASSES, aligner=aligner_dir)  # two pictures of each class, one after the other
    card, features = read_card(aligner_dir), traced.trajectory.image_features
    texts = load_encoder("bundled").encode_texts(fill_template(card.template, CLASSES)).numpy()
    path, replay = tmp_path / "f.npz", tmp_path / "paths.safetensors"
    truth = np.array([CLASSES.index(name.rsplit(" ", 1)[0]) for name in traced.trajectory.item_names])
    file = {
        "image_features": features, "labels": truth, "test": np.arange(6) % 2, "class_text_features": texts, "class_names": list(CLASSES),
        "encoder": card.encoder, "encoder_fingerprint": card.encoder_fingerprint,
    }  # fmt: skip
    np.savez(path, **file)
    monkeypatch.setattr("seda.encoders.load_encoder", lambda *_: pytest.fail("nothing is to be encoded"))
    call = [
        "trace",
        f"features:{path}",
        "--aligner",
        str(aligner_dir),
        "--template",
        "{}",
        "--steps",
        "4",
        "--out",
        str(replay),
    ]
    assert main(call) == ANSWERED
    journey = Journey.load(replay)
    assert journey.trajectory.item_names == ("test 0", "test 1", "test 2")  # as evaluate: those of the test split
    assert (
        journey.trajectory.answers.tolist() == traced.trajectory.answers[1::2].tolist()
        and journey.labels.tolist() == truth[1::2].tolist()
    )
    assert main([*call, "--split", "all", "--classes", ", ".join(CLASSES[:2])]) == ANSWERED
    fewer = Journey.load(replay)
    assert fewer.trajectory.class_names == CLASSES[:2] and fewer.labels.tolist() == [
        *truth[::2][truth[::2] < 2],
        *truth[1::2][truth[1::2] < 2],
    ]
    capsys.readouterr()
    assert main([*call, "--labels", "folders"]) == WRONG_CALL
    assert "labels of its own" in capsys.readouterr().err
    assert (
        main(["trace", f"features:{tmp_path / 'no.npz'}", "--aligner", str(aligner_dir), "--out", str(replay)])
        == WRONG_CALL
    )
    assert "does not exist" in capsys.readouterr().err


def test_paths_are_opened_and_written(capsys, tmp_path):
    states = np.random.default_rng(0).normal(size=(4, 6, 2))
    np.savez(tmp_path / "flow.npz", states=states, texts=states[:2, -1], class_names=["a", "b"])
    page, film = tmp_path / "flow.html", tmp_path / "flow.png"
    assert main(["open", str(tmp_path / "flow.npz"), "--out", str(page)]) == ANSWERED
    assert capsys.readouterr().out.strip() == str(page) and "flow" in page.read_text(encoding="utf-8")
    assert (
        main(["open", str(tmp_path / "flow.npz"), "--maps", "pca-2d", "--out", str(film), "--size", "640x360"])
        == ANSWERED
    )
    opened = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("webbrowser.open", opened.append)
        assert main(["open", str(tmp_path / "flow.npz")]) == ANSWERED
    assert opened and opened[0].startswith("file://") and opened[0].endswith("journey.html")
    capsys.readouterr()
    assert main(["open", str(tmp_path / "flow.npz"), "--maps", "nowhere"]) == WRONG_CALL
    assert "pca-2d" in capsys.readouterr().err
    assert main(["open", str(tmp_path / "no.npz")]) == WRONG_CALL
