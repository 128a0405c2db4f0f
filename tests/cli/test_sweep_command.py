"""seda sweep: pictures and features, table, files and what cannot be swept."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from seda.cli import ANSWERED, UNANSWERED, WRONG_CALL, main
from seda.commands import sweep as command
from seda.journeys import sweeping
from tests.tiny import CLASSES, picture


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("sweep")
    for label, name in enumerate(CLASSES):
        (made / name).mkdir()
        for seed in range(4):
            picture(label, 700 + seed).save(made / name / f"{seed}.png")
    return made


def test_the_command_knows_all_kinds():
    assert set(command.KINDS) == set(sweeping.KINDS) and command.KINDS[:2] == (sweeping.TEMPLATE, sweeping.WORDING)


@pytest.mark.slow
def test_table_and_files_agree(folder, aligner_dir, tmp_path, capsys):
    call = ["sweep", str(folder), "--aligner", str(aligner_dir), "--steps", "3", "--over", "template,seed,wording"]
    assert main([*call, "--out", str(tmp_path / "out"), "--json"]) == ANSWERED
    told = capsys.readouterr()
    whole = json.loads(told.out)
    assert whole == json.loads((tmp_path / "out" / "sweep.json").read_text())
    table = pd.read_csv(tmp_path / "out" / "sweep.csv", keep_default_na=False)
    rows = [whole["base"], *whole["rows"]]
    assert table["name"].tolist() == [row["name"] for row in rows]
    assert table["answer_judged_on"].tolist() == [row["answer"]["judged_on"] for row in rows]
    walked = [row["kind"] != sweeping.WORDING for row in rows]  # a wording is judged by its answers
    assert [row["end"] is not None for row in rows] == walked and not all(walked)
    ends = pd.to_numeric(table["end_low"][walked]).tolist()
    assert ends == [row["end"]["low"] for row in rows if row["end"]] and set(table["end_low"][~np.array(walked)]) == {
        ""
    }
    assert main([*call, "--all-paths", "--json"]) == ANSWERED
    assert all(row["end"] for row in json.loads(capsys.readouterr().out)["rows"])
    assert len(whole["chosen_on"]) == len(whole["judged_on"]) == 6 and whole["count"] == 12
    assert main([*call, "--answers-only"]) == ANSWERED
    told = capsys.readouterr().out
    assert (
        "6 of the 12 labelled items choose" in told
        and "template a photo of a {}" in told
        and "against as it is" in told
    )


def test_features_have_labels_of_their_own(folder, aligner_dir, tmp_path, capsys, encoded):
    path = tmp_path / "f.npz"
    np.savez(path, **encoded)
    call = ["sweep", f"features:{path}", "--aligner", str(aligner_dir), "--steps", "3", "--json", "--over"]
    assert main([*call, "template"]) == ANSWERED  # the aligner's encoder is here: it reads the templates
    told = capsys.readouterr()
    whole = json.loads(told.out)
    assert whole["count"] == 9 and "9 of 12 rows are used, those of the test split" in told.err
    assert [row["kind"] for row in whole["rows"]] == ["template"] * 4
    assert main([*call, "seed", "--split", "all", "--classes", f"{CLASSES[0]}, {CLASSES[1]}"]) == ANSWERED
    told = capsys.readouterr()
    assert json.loads(told.out)["count"] == 8 and "4 of 12 rows have a label that is not among the words" in told.err
    assert main(["diagnose", *call[1:-1], "--split", "train"]) == ANSWERED
    assert json.loads(capsys.readouterr().out)["count"] == 3


@pytest.fixture(scope="module")
def encoded(folder):
    from seda.encoders import load_encoder

    encoder = load_encoder("bundled")
    labels = np.repeat(np.arange(len(CLASSES)), 4)
    pictures = [picture(int(label), 700 + at % 4) for at, label in enumerate(labels)]
    return {
        "image_features": encoder.encode_images(pictures).numpy(), "labels": labels, "test": (np.arange(12) % 4 > 0).astype(int),
        "class_text_features": encoder.encode_texts(CLASSES).numpy(), "class_names": np.array(CLASSES), "encoder": np.array("bundled"),
        "encoder_fingerprint": np.array(encoder.fingerprint),
    }  # fmt: skip


def test_features_whose_encoder_is_not_here_are_swept_without_texts(
    aligner_dir, tmp_path, capsys, encoded, monkeypatch
):
    from seda.errors import EncoderError

    def missing(*_, **__):
        raise EncoderError("The encoder is not on this machine.")

    monkeypatch.setattr("seda.commands.shared.labelled.load_encoder", missing)
    path = tmp_path / "f.npz"
    np.savez(path, **encoded)
    call = [f"features:{path}", "--aligner", str(aligner_dir), "--steps", "3", "--json"]
    assert main(["sweep", *call, "--over", "template,seed"]) == ANSWERED
    told = capsys.readouterr()
    assert {row["kind"] for row in json.loads(told.out)["rows"]} == {"seed"}
    assert "Templates and wordings are left out: The encoder is not on this machine." in told.err
    assert main(["diagnose", *call]) == ANSWERED
    assert "Other phrasings are not tried" in capsys.readouterr().err


def test_calls_that_cannot_be_answered(folder, aligner_dir, tmp_path, capsys):
    call = ["sweep", str(folder), "--aligner", str(aligner_dir)]
    assert main([*call, "--over", "colour"]) == WRONG_CALL
    assert "'colour' cannot be swept over; allowed are template, wording" in capsys.readouterr().err
    assert main(["sweep", str(folder), f"features:{tmp_path / 'f.npz'}", "--aligner", str(aligner_dir)]) == WRONG_CALL
    assert "a file of features comes alone" in capsys.readouterr().err
    one = str(folder / CLASSES[0] / "0.png")
    assert main(["sweep", one, "--aligner", str(aligner_dir), "--classes", ",".join(CLASSES)]) == UNANSWERED
    assert "one labelled image is not enough" in capsys.readouterr().err
