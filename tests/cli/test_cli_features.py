"""train and evaluate on files of features, from the command line."""

from __future__ import annotations

import json

import numpy as np
import pytest

from seda.cli import ANSWERED, WRONG_CALL, main
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
