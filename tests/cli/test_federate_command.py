"""seda federate: table, JSON, files, what guides, and bad calls."""

from __future__ import annotations

import json

import numpy as np
import pytest

from seda.cli import ANSWERED, WRONG_CALL, main
from seda.commands import federate as command
from seda.federation import engines, material, splits, strategies
from seda.federation.adapter import HEADS
from seda.journeys.path_file import read_journey
from tests import tiny

CLASSES, PER_CLASS = 4, 24


@pytest.fixture
def file(tmp_path):
    """Clouds of features with texts of their own, a fourth of them test items."""
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(CLASSES), PER_CLASS)
    clouds, words = rng.normal(size=(CLASSES, 12)), rng.normal(size=(CLASSES, 8))
    path = tmp_path / "clouds.npz"
    np.savez(
        path, labels=labels, test=np.tile([0, 0, 0, 1], len(labels) // 4), class_names=["a", "b", "c", "d"],
        image_features=(clouds[labels] + rng.normal(size=(len(labels), 12))).astype(np.float32), class_text_features=words.astype(np.float32),
        image_text_features=(words[labels] + 0.2 * rng.normal(size=(len(labels), 8))).astype(np.float32),
    )  # fmt: skip
    return path


def call(file, *more):
    return [
        "federate",
        "--dataset",
        f"features:{file}",
        "--clients",
        "3",
        "--alpha",
        "1",
        "--rounds",
        "3",
        "--engine",
        "here",
        *more,
    ]


def test_the_command_knows_what_the_library_has():
    assert tuple(strategies.STRATEGIES) == command.STRATEGIES and command.HEADS == HEADS
    assert (command.SPLITS, command.HOLDINGS) == (splits.SPLITS, splits.HOLDINGS)
    assert command.ENGINES == engines.ENGINES and command.ANCHORS == material.ANCHORS


def test_a_table_a_json_and_a_journey(file, tmp_path, capsys):
    out, journey = tmp_path / "out", tmp_path / "clients.safetensors"
    more = ["--out", str(out), "--seeds", "2", "--learning-rate", ".01,.05", "--aligner", "none"]
    assert main(call(file, *more, "--journey", str(journey))) == ANSWERED
    told = capsys.readouterr()
    assert all(
        name in told.out
        for name in ("fedavg", "fedprox", "semantic", "pooled", "gap to all data", "a loop in this process")
    )
    assert "nothing is distilled" in told.err and "accuracy" in told.err and "Ctrl-C keeps the rounds" in told.err
    assert read_journey(journey, maps=["pca-2d"]).trajectory.states.shape == (3 * CLASSES, 7, 8)
    trained = []
    before, local_train = engines.train_client, engines.train_client
    engines.train_client = lambda *arguments: trained.append(1) or local_train(*arguments)
    try:
        assert main(call(file, *more, "--json")) == ANSWERED  # all is there
    finally:
        engines.train_client = before
    report = json.loads(capsys.readouterr().out)
    assert not trained and report == json.loads((out / "federation.json").read_text())
    assert report["engine"] == "here" and [row["name"] for row in report["rows"]] == [
        "fedavg",
        "fedprox",
        "semantic",
        "pooled",
    ]
    assert [len(one["rounds"]) for one in report["rows"][2]["runs"]] == [3, 3]
    assert report["rows"][0]["bytes_a_round"] == report["rows"][0]["runs"][0]["rounds"][0]["bytes_up"] * 2


def test_clients_with_one_modality_and_weights_of_ones_own(file, capsys):
    more = [
        "--aligner",
        "none",
        "--holding",
        "mixed",
        "--strategies",
        "semantic,centers",
        "--contrast",
        "2",
        "--learning-rate",
        ".02",
    ]
    assert main(call(file, *more, "--json")) == ANSWERED
    report = json.loads(capsys.readouterr().out)
    assert (
        report["rows"][0]["strategy"]["contrast"] == 2
        and report["rows"][0]["runs"][0]["rounds"][-1]["text_accuracy"] > 0.5
    )
    assert main(call(file, "--aligner", "none", "--sweep", "--learning-rate", ".02", "--json")) == ANSWERED
    assert (
        len(json.loads(capsys.readouterr().out)["rows"])
        == 2 + len(command._plan(command_arguments(file)).strategies) - 2 + 1
    )


def command_arguments(file):
    from seda.cli import make_parser

    return make_parser().parse_args(call(file, "--sweep"))


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (
            ["--strategies", "fedavg,none"],
            "'none' is no strategy; allowed are fedavg, fedprox, semantic, centers, fedavg-centers, sums, fedavg-sums",
        ),
        (["--journey", "x.safetensors"], "--journey needs --out"),
        (["--journey", "x.html", "--out", "o"], "--journey ends with '.html'; a .safetensors file is written"),
        (["--learning-rate", "0"], "learning rate is 0; allowed is more than 0"),
        (["--alpha", "0"], "alpha is 0.0; allowed is more than 0"),
        (["--clients", "50"], "60 training items are too few for 50 clients"),
        (["--distillation", "-1"], "distillation is -1.0; allowed is 0 to 10,000"),
        (["--aligner", "nobody"], "nobody"),
    ],
)
def test_bad_calls_are_told_in_a_sentence(file, tmp_path, monkeypatch, capsys, more, said):
    monkeypatch.chdir(tmp_path)
    aligner = [] if "--aligner" in more else ["--aligner", "none"]
    assert main(call(file, *aligner, *more)) == WRONG_CALL
    assert said in capsys.readouterr().err
    assert not (tmp_path / "x.safetensors").exists()


def test_a_guide_of_other_features_does_not_guide(file, aligner_dir, capsys):
    assert (
        main(call(file, "--aligner", str(aligner_dir), "--learning-rate", ".02", "--strategies", "fedavg")) == ANSWERED
    )
    told = capsys.readouterr().err
    assert "its states cannot guide here" in told and "nothing is distilled" in told


def test_items_without_texts_are_not_held_as_texts(file, capsys):
    arrays = dict(np.load(file))
    del arrays["image_text_features"]
    np.savez(file, **arrays)
    assert main(call(file, "--aligner", "none", "--holding", "mixed")) == WRONG_CALL
    assert "needs items with texts of their own" in capsys.readouterr().err


def test_an_aligner_guides_the_features_of_its_encoder(aligner_dir, tmp_path, capsys):
    encoder, data = tiny._encoded()
    path = tmp_path / "shapes.npz"
    labels = data.labels.numpy()
    np.savez(
        path, image_features=data.image_features.numpy(), labels=labels, test=np.tile([0, 0, 0, 1], len(labels) // 4),
        class_text_features=data.class_text_features[:, 0].numpy(), class_names=["red square", "green disc", "blue stripes"],
        encoder=encoder.name, encoder_fingerprint=encoder.fingerprint,
    )  # fmt: skip
    more = ["--aligner", str(aligner_dir), "--learning-rate", ".02", "--clients", "2", "--json"]
    assert main(call(path, *more)) == ANSWERED
    told = capsys.readouterr()
    assert "Anchors are states of the aligner" in told.err
    report = json.loads(told.out)
    assert report["shared_bytes"] > 0 and report["rows"][2]["accuracy"] > 0.5
