"""The command line, with a small real aligner."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from seda.benchmark import maps as benchmark_maps
from seda.card import read_card
from seda.cli import ANSWERED, UNANSWERED, WRONG_CALL, main
from seda.config import SamplingConfig
from seda.data.torchvision_sets import SETS
from seda.journeys.journey import Journey
from seda.map_forms import FITTED_ALWAYS
from seda.projection import aligner_map, load_maps
from seda.projection import fit as projection_fit
from tests.tiny import CLASSES, PER_CLASS, image_folder

LIST = ", ".join(CLASSES)
ROOT = Path(__file__).resolve().parents[2]


def answer(capsys: pytest.CaptureFixture[str], *call: object) -> list[dict]:
    assert main([str(part) for part in call]) == ANSWERED
    return json.loads(capsys.readouterr().out)


def test_classify_answers_in_order_best_first(capsys, aligner_dir, pictures):
    paths = sorted(pictures.glob("*.png"))
    answers = answer(capsys, "classify", *paths, "--classes", LIST, "--aligner", aligner_dir, "--json")
    assert [entry["path"] for entry in answers] == [str(path) for path in paths]
    for path, entry in zip(paths, answers, strict=True):
        shares = [part["probability"] for part in entry["classes"]]
        assert shares == sorted(shares, reverse=True)
        assert sum(shares) == pytest.approx(1, abs=1e-4)
        assert entry["error"] is None
        assert entry["classes"][0]["name"] == path.stem.rsplit(" ", 1)[0]


def test_an_answer_does_not_depend_on_the_batch(capsys, aligner_dir, pictures):
    path = sorted(pictures.glob("*.png"))[3]
    call = ("--classes", LIST, "--aligner", aligner_dir, "--json")
    alone = answer(capsys, "classify", path, *call)[0]
    together = answer(capsys, "classify", pictures, *call)[3]
    for one, other in zip(alone["classes"], together["classes"], strict=True):
        assert one["name"] == other["name"]
        assert one["probability"] == pytest.approx(other["probability"], abs=1e-4)


def test_one_bad_image_does_not_stop_the_others(capsys, aligner_dir, pictures, tmp_path):
    good = sorted(pictures.glob("*.png"))[0]
    script, empty, cut = tmp_path / "script.png", tmp_path / "empty.jpg", tmp_path / "cut.png"
    script.write_text("#!/bin/sh\n")
    empty.touch()
    cut.write_bytes(good.read_bytes()[:100])
    paths = [script, good, empty, cut, tmp_path / "missing.png"]
    answers = answer(capsys, "classify", *paths, "--classes", LIST, "--aligner", aligner_dir, "--json")
    assert [entry["path"] for entry in answers] == [str(path) for path in paths]
    assert [bool(entry["classes"]) for entry in answers] == [False, True, False, False, False]
    for entry, words in zip(answers, ("not a picture", None, "is empty", "damaged", "does not exist"), strict=True):
        assert entry["error"] is None if words is None else words in entry["error"]


def test_a_denoiser_is_one_that_the_aligner_has(capsys, aligner_dir, learned_dir, pictures, tmp_path):
    out = tmp_path / "way.safetensors"
    call = ["trace", str(pictures), "--classes", LIST, "--steps", "3", "--out", str(out)]
    assert main([*call, "--aligner", str(aligner_dir), "--denoiser", "learned"]) == WRONG_CALL
    told = capsys.readouterr().err
    assert "'learned' was asked for; this aligner has closed-form" in told and "--denoiser learned" in told
    states = {}
    for guidance, chosen in (
        (2, ()),
        (1, ("--denoiser", "gaussian")),
        (1, ("--denoiser", "closed-form", "--guidance", "1")),
    ):
        assert main([*call, "--aligner", str(learned_dir), *chosen]) == ANSWERED
        trajectory = Journey.load(out).trajectory
        states[trajectory.settings.sampling.denoiser] = trajectory.states
        assert trajectory.settings.sampling.guidance == guidance
    assert list(states) == ["learned", "gaussian", "closed-form"]
    assert not np.allclose(states["learned"], states["gaussian"], atol=0.1)


def test_status_1_when_no_image_could_be_answered(capsys, aligner_dir, tmp_path):
    bad = tmp_path / "bad.png"
    bad.write_text("text")
    assert main(["classify", str(bad), "--classes", LIST, "--aligner", str(aligner_dir), "--json"]) == UNANSWERED
    assert json.loads(capsys.readouterr().out)[0]["classes"] == []
    out = tmp_path / "out.html"
    assert main(["trace", str(bad), "--classes", LIST, "--aligner", str(aligner_dir), "--out", str(out)]) == UNANSWERED
    assert not out.exists()


def test_class_names_are_printed_as_they_are(capsys, aligner_dir, pictures):
    names = ["<b>red</b>", "חולצה אדומה", "🟢 disc", "ünï"]
    call = ("classify", str(pictures), "--classes", ",".join(names), "--aligner", str(aligner_dir))
    answers = answer(capsys, *call, "--json")
    assert {part["name"] for part in answers[0]["classes"]} == set(names)
    assert main(call) == ANSWERED
    said = capsys.readouterr()
    assert any(f"{name} " in said.out for name in names)
    assert f'cannot make sense of "{names[1]}", "{names[2]}". What is shown for them' in said.err


def test_classes_from_a_file(capsys, aligner_dir, pictures, tmp_path):
    file = tmp_path / "classes.txt"
    file.write_text("\ufeffred square\n\ngreen disc\r\nblue stripes\n", encoding="utf-8")
    answers = answer(capsys, "classify", pictures, "--classes-file", file, "--aligner", aligner_dir, "--json")
    assert {part["name"] for part in answers[0]["classes"]} == set(CLASSES)


def test_500_class_texts(capsys, aligner_dir, pictures):
    names = ",".join(f"thing {number}" for number in range(500))
    picture = sorted(pictures.glob("*.png"))[0]
    answers = answer(capsys, "classify", picture, "--classes", names, "--aligner", aligner_dir, "--json")
    assert len(answers[0]["classes"]) == 500


@pytest.mark.parametrize(
    ("classes", "words"),
    [
        ("", "none came"),
        (" , ,", "none came"),
        ("cat", "only"),
        ("cat, CAT, cat", "only"),
        ("dog, " + "x" * 10_000, "10000 characters"),
    ],
)
def test_class_lists_that_cannot_be_used(capsys, classes, words, pictures):
    assert main(["classify", str(pictures), "--classes", classes]) == WRONG_CALL
    error = capsys.readouterr().err
    assert words in error
    assert error.startswith("error: ")
    assert "Traceback" not in error


def test_wrong_calls(capsys, aligner_dir, pictures, tmp_path):
    call = ["trace", str(pictures), "--classes", LIST, "--aligner", str(aligner_dir)]
    wrong = [
        (["classify", str(pictures)], "No class texts"),
        (["classify", str(pictures), "--classes-file", str(tmp_path / "none.txt")], "cannot be read"),
        (["classify", str(pictures), "--classes", LIST, "--aligner", "nothing"], "no aligner 'nothing'"),
        ([*call, "--out", str(tmp_path / "out.docx")], ".docx; an export ends with one of .html"),
        ([*call, "--out", str(tmp_path / "out.csv"), "--steps", "0"], "allowed is 1 to"),
        ([*call, "--out", str(tmp_path / "out.csv"), "--strength", "2"], "allowed is"),
        ([*call, "--out", str(tmp_path / "out.csv"), "--device", "toaster"], "toaster"),
        ([*call, "--out", str(tmp_path / "out.csv"), "--template", "a photo"], "holds {} 0 times"),
        (["train", "--dataset", "cifar", "--out", str(tmp_path / "a")], "not known"),
        (["train", "--dataset", "folder:nowhere", "--out", str(tmp_path / "a")], "nowhere"),
        (["benchmark", "--data", "cifar", "--out", str(tmp_path / "b")], "not known"),
        (
            ["benchmark", "--data", "digits", "--methods", "ridge,magic", "--out", str(tmp_path / "b")],
            "no method magic",
        ),
        (
            ["train", "--dataset", "emoji:google", "--data-dir", str(tmp_path), "--out", str(tmp_path / "a")],
            "npm install",
        ),
        (["benchmark", "--data", "features:none.npz", "--out", str(tmp_path / "b")], "none.npz does not exist"),
        (
            ["benchmark", "--data", "digits", "--shots", "1,4", "--seeds", "3,2,1", "--out", str(tmp_path / "b")],
            "3 numbers of seeds came with 2 values of shots",
        ),
    ]
    for arguments, words in wrong:
        assert main(arguments) == WRONG_CALL, arguments
        assert words in capsys.readouterr().err
    for arguments in (
        [],
        ["classify"],
        ["trace", "x.png", "--classes", "a,b"],
        ["evaluate", "--limit", "0"],
        ["dance"],
    ):
        with pytest.raises(SystemExit) as stop:
            main(arguments)
        assert stop.value.code == WRONG_CALL


@pytest.mark.parametrize("damage", ["weights", "version", "encoder", "card"])
def test_aligners_that_cannot_be_used(capsys, aligner_dir, pictures, tmp_path, damage):
    folder = tmp_path / "aligner"
    folder.mkdir()
    for file in aligner_dir.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    if damage == "weights":
        content = bytearray((folder / "aligner.safetensors").read_bytes())
        content[-10] ^= 1
        (folder / "aligner.safetensors").write_bytes(content)
        words = "is damaged"
    elif damage == "version":
        card["version"], words = 999, "version 999"
    elif damage == "encoder":
        card["card"]["encoder_fingerprint"], words = "0" * 16, "was trained on features of"
    else:
        del card["card"]["model"]
        words = "incomplete"
    if damage != "weights":
        (folder / "card.json").write_text(json.dumps(card), encoding="utf-8")
    assert main(["classify", str(pictures), "--classes", LIST, "--aligner", str(folder)]) == WRONG_CALL
    assert words in capsys.readouterr().err


def test_trace_writes_page_table_and_replay(capsys, aligner_dir, pictures, tmp_path):
    for suffix in (".html", ".csv", ".safetensors"):
        out = tmp_path / f"journey{suffix}"
        call = [
            "trace",
            str(pictures),
            "--classes",
            f"<i>x</i>, {LIST}",
            "--aligner",
            str(aligner_dir),
            "--out",
            str(out),
        ]
        settings = ["--steps", "4", "--sampler", "ddpm", "--seed", "7", "--template", "a drawing of a {}"]
        assert main([*call, *settings]) == ANSWERED
        assert capsys.readouterr().out.strip() == str(out)
    journey = Journey.load(tmp_path / "journey.safetensors")
    assert journey.trajectory.states.shape[:2] == (6, 2 * 4 + 3)
    assert journey.trajectory.class_names == ("<i>x</i>", *CLASSES)
    assert journey.trajectory.settings.sampling.sampler == "ddpm"
    assert journey.trajectory.settings.template == "a drawing of a {}"
    assert journey.neighbors.indices.shape == (6, 2 * 4 + 3, 6) and journey.neighbors.sheet
    assert "<i>x</i>" not in (tmp_path / "journey.html").read_text(encoding="utf-8")


def labels_file(tmp_path: Path, pictures: Path) -> Path:
    """Each picture's own class, but for the first, which is called the second one's, the second, which is none, and the last."""
    names = sorted(path.name for path in pictures.glob("*.png"))
    rows = [(name, name.rsplit(" ", 1)[0]) for name in names[:-1]]
    others = [one for one in CLASSES if one != rows[0][1]]
    rows[:2] = [(rows[0][0], others[0].upper()), (rows[1][0], "a moth")]
    file = tmp_path / "labels.csv"
    file.write_text("\n".join(map(",".join, [("file", "label"), *rows])), encoding="utf-8")
    return file


def test_trace_keeps_labels_and_says_which_are_none(capsys, aligner_dir, pictures, tmp_path):
    out, table = tmp_path / "journey.safetensors", labels_file(tmp_path, pictures)
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    call = ["trace", broken, pictures, "--classes", LIST, "--aligner", aligner_dir, "--steps", "2", "--out", out]
    assert main([str(part) for part in [*call, "--labels", table]]) == ANSWERED
    said = capsys.readouterr().err
    assert "2 of 7 pictures have no label." in said and 'none of the class texts ("a moth")' in said
    journey = Journey.load(out)
    answers = journey.trajectory.class_probabilities.argmax(axis=1)
    assert [label == answer for label, answer in zip(journey.labels, answers, strict=True)][2:-1] == [True] * 3
    assert journey.labels[0] not in (-1, answers[0]) and journey.labels[1] == journey.labels[-1] == -1
    assert main([str(part) for part in [*call, "--labels", "folders"]]) == WRONG_CALL
    assert "No label of 7 pictures is one of the class texts" in capsys.readouterr().err


def test_classify_says_which_answers_are_wrong(capsys, aligner_dir, pictures, tmp_path):
    table = labels_file(tmp_path, pictures)
    call = ("classify", pictures, "--classes", LIST, "--aligner", aligner_dir, "--labels", table)
    answers = answer(capsys, *call, "--json")
    assert [entry["right"] for entry in answers] == [False, None, True, True, True, None]
    assert answers[0]["truth"] != answers[0]["classes"][0]["name"] and answers[1]["truth"] is None
    assert main([str(part) for part in call]) == ANSWERED
    told = capsys.readouterr().out
    assert f"wrong: {answers[0]['truth']}" in told and told.count("wrong: ") == 1 and "1 of 4 wrong" in told
    assert "truth" not in answer(capsys, *call[:-2], "--json")[0]


def test_an_unwritable_place_is_said(capsys, aligner_dir, pictures, tmp_path):
    (tmp_path / "file").touch()
    out = tmp_path / "file" / "journey.csv"
    call = ["trace", str(pictures), "--classes", LIST, "--aligner", str(aligner_dir), "--out", str(out), "--steps", "2"]
    assert main(call) == UNANSWERED
    assert "could not be written" in capsys.readouterr().err


@pytest.fixture
def short_paths(monkeypatch):
    """Maps see an eighth of the states that they see in earnest; as many kinds of points, and every command as it is."""
    monkeypatch.setattr(aligner_map, "FIT_SAMPLINGS", (SamplingConfig(num_inference_steps=6),))
    monkeypatch.setattr(aligner_map, "SCORE_SAMPLING", SamplingConfig(num_inference_steps=6))


@pytest.mark.slow
@pytest.mark.usefixtures("short_paths")
def test_train_then_evaluate_a_folder(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("SEDA_CACHE", str(tmp_path / "cache"))
    # the whole fit takes a minute; the command does not offer the choice because a hasty map is a bad one
    quick = partial(projection_fit.MapConfig, steps=40, batch_size=128)
    monkeypatch.setattr(projection_fit, "MapConfig", quick)
    monkeypatch.setattr(aligner_map, "MapConfig", quick)
    data = image_folder(tmp_path / "shapes")
    out = tmp_path / "trained"
    call = ["train", "--dataset", f"folder:{data}", "--out", str(out), "--epochs", "3"]
    assert main(call) == ANSWERED
    assert capsys.readouterr().out.strip() == str(out)
    result = answer(capsys, "evaluate", "--aligner", out, "--dataset", f"folder:{data}", "--json")
    assert result["split"] == "test"
    assert 0 < result["count"] < 3 * PER_CLASS
    assert result["top1_accuracy"] > 0.8  # chance is 1/3
    assert result["state_accuracy_end"] > result["state_accuracy_start"]

    before = load_maps(out)
    (out / "map-timeline.safetensors").write_bytes(b"broken")  # a new fit does not need the old maps
    rows = answer(capsys, "map", "fit", "--aligner", out, "--json")
    assert [row["map"] for row in rows] == list(FITTED_ALWAYS)
    for name, frozen in load_maps(out).items():
        np.testing.assert_array_equal(frozen.reference, before[name].reference)
    assert rows[0]["projector"] == "parametric" and rows[0]["place_ms"] > 0 and rows[0]["fit_s"] > 0
    for row in rows:
        scores = read_card(out).metrics["maps"][row["map"]]
        assert scores.items() <= row.items() and "trustworthiness" in scores
    answer(capsys, "map", "fit", "--aligner", out, "--maps", "umap-learn", "--json")
    assert "umap-learn" in load_maps(out)
    assert main(["map", "fit", "--aligner", str(out), "--maps", "tsne"]) == WRONG_CALL
    assert "There is no map tsne; known are umap-2d" in capsys.readouterr().err
    assert main(["map", "fit", "--aligner", str(out), "--maps", "pca-2d,timeline,pca-2d"]) == WRONG_CALL
    assert "The map pca-2d is named twice" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.usefixtures("short_paths")
def test_map_score_prints_a_row_for_every_projector(capsys, aligner_dir, monkeypatch):
    quick = {"steps": 40, "batch_size": 128}
    monkeypatch.setattr(benchmark_maps, "MapConfig", lambda **chosen: projection_fit.MapConfig(**(quick | chosen)))
    monkeypatch.setattr(benchmark_maps, "PLACED", 200)  # umap-learn takes minutes for all of them, several times over
    monkeypatch.setattr(benchmark_maps, "REPEATS", 1)
    rows = answer(capsys, "map", "score", "--aligner", aligner_dir, "--seeds", "2", "--json")
    assert [row["projector"] for row in rows] == list(benchmark_maps.ROWS)
    assert [row["seeds"] for row in rows] == [2, 2, 2, 1, 1, 2, 2]
    measures = {
        "trustworthiness",
        "continuity",
        "step_length_spearman",
        "straightness",
        "jump_p99",
        "place_ms",
        "fit_s",
    }
    assert all(measures < row.keys() for row in rows)
    assert all(0 <= row["trustworthiness"] <= 1 for row in rows)


def test_list(capsys):
    listing = answer(capsys, "list", "--json")
    assert listing["encoders"][0]["name"] == "bundled"
    assert {entry["name"] for entry in listing["datasets"]} == {
        "fashion-mnist",
        "digits",
        "emoji:google",
        "emoji:twitter",
        *(f"torchvision:{name}" for name in SETS),
        "folder:DIR",
    }
    assert listing["device"] in ("cpu", "cuda", "mps")
    assert main(["list"]) == ANSWERED
    assert "bundled" in capsys.readouterr().out


def test_list_has_what_visitors_kept(capsys, aligner_dir, tmp_path, monkeypatch):
    monkeypatch.setenv("SEDA_ALIGNERS", str(tmp_path))
    shutil.copytree(aligner_dir, tmp_path / ".visitors" / "0f" / "my-cups")
    listed = {entry["name"]: entry["available"] for entry in answer(capsys, "list", "--json")["aligners"]}
    assert listed["my-cups"]


def test_help_does_not_import_torch():
    code = "import sys; from seda.cli import main\ntry: main(['classify', '--help'])\nfinally: print('torch' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert "--classes-file" in result.stdout
    assert result.stdout.strip().endswith("False")


def test_benchmark_writes_its_tables_and_goes_on(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("SEDA_CACHE", str(tmp_path / "cache"))
    data, out = image_folder(tmp_path / "shapes", per_class=8), tmp_path / "bench"
    call = ["benchmark", "--data", f"folder:{data}", "--shots", "1,2,full", "--out", str(out), "--budget", "2"]
    assert main([*call, "--seeds", "1", "--methods", "ridge,nearest-center"]) == ANSWERED
    said = capsys.readouterr()
    assert said.out.strip() == str(out / "results.csv") and "cells 6/6" in said.err
    lines = (out / "results.csv").read_text().splitlines()
    assert (
        lines[0].startswith("dataset,shots,seed,method,top1_accuracy,ece,nll,seconds,parameters,") and len(lines) == 7
    )
    cells = {path: path.stat().st_mtime_ns for path in (out / "cells").glob("*/*.json")}
    assert main([*call, "--seeds", "2", "--methods", "ridge,nearest-center,collapse"]) == ANSWERED
    assert all(path.stat().st_mtime_ns == time for path, time in cells.items())  # nothing finished is repeated
    assert len((out / "results.csv").read_text().splitlines()) == 19
    page = (out / "README.md").read_text()
    assert f"--data folder:{data}" in page and "2 seeds" in page
    assert main([*call, "--seeds", "1", "--methods", "zero-shot"]) == WRONG_CALL
    assert "not defined for these encoders" in capsys.readouterr().err


def write_features(path) -> None:
    """A file of drawn features: three classes, half of them for testing."""
    rng = np.random.default_rng(0)
    labels = np.arange(90) % 3
    features = (3 * np.eye(3)[labels] + rng.normal(size=(90, 3))).astype(np.float32)
    np.savez(
        path, image_features=features, labels=labels, test=np.arange(90) >= 45,
        class_text_features=rng.normal(size=(3, 4)),
    )  # fmt: skip


def test_benchmark_shows_the_cells_of_other_runs_without_measuring(capsys, tmp_path, monkeypatch):
    write_features(tmp_path / "f.npz")
    for name in ("ridge", "gda"):
        call = ["benchmark", "--data", f"features:{tmp_path / 'f.npz'}", "--shots", "4", "--seeds", "2"]
        assert main([*call, "--methods", name, "--out", str(tmp_path / name)]) == ANSWERED
    monkeypatch.setattr(
        "seda.benchmark.protocol.run_benchmark", lambda *_, **__: pytest.fail("nothing is to be measured")
    )
    both = [part for name in ("ridge", "gda") for part in ("--known", str(tmp_path / name / "cells.parquet"))]
    out = tmp_path / "both"
    for _ in range(2):  # the same from its own cells
        assert main(["benchmark", *both, "--out", str(out)]) == ANSWERED
        rows = (out / "results.csv").read_text().splitlines()
        assert sorted(row.split(",")[3] for row in rows[1:]) == ["gda", "gda", "ridge", "ridge"]
        page = (out / "README.md").read_text()
        assert page.count("python -m seda benchmark") == 2 and "--methods ridge" in page and "--methods gda" in page
        both = ["--known", str(out / "cells.parquet")]
    capsys.readouterr()
    assert main(["benchmark", "--out", str(out)]) == WRONG_CALL
    assert "neither --data nor --known was given" in capsys.readouterr().err


def test_benchmark_of_features_with_seeds_for_each_of_the_shots_and_no_encoder(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr("seda.encoders.load_encoder", lambda *_: pytest.fail("nothing is to be encoded"))
    write_features(tmp_path / "f.npz")
    out = tmp_path / "bench"
    call = ["benchmark", "--data", f"features:{tmp_path / 'f.npz'}", "--shots", "1,4", "--seeds", "2,1", "--shift"]
    assert main([*call, "--methods", "ridge", "--out", str(out)]) == ANSWERED
    assert "cells 3/3" in capsys.readouterr().err
    assert sorted(path.name for path in out.glob("cells/*/*.json")) == [
        "1-0-ridge.json",
        "1-1-ridge.json",
        "4-0-ridge.json",
    ]


def test_benchmark_under_shift(tmp_path, monkeypatch):
    monkeypatch.setenv("SEDA_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("seda.data.corruptions.STRENGTHS", (1,))
    data, out = image_folder(tmp_path / "shapes", per_class=8), tmp_path / "bench"
    call = ["benchmark", "--data", f"folder:{data}", "--shots", "1", "--seeds", "1", "--methods", "ridge", "--shift"]
    assert main([*call, "--out", str(out)]) == ANSWERED
    heading = (out / "results.csv").read_text().splitlines()[0].split(",")
    assert {
        f"{figure}/{kind}-1" for figure in ("top1_accuracy", "nll") for kind in ("noise", "blur", "rotation")
    } <= set(heading)


@pytest.mark.parametrize("seeds", ["0", "some", "1,,4", ""])
def test_seeds_that_cannot_be_read(seeds, tmp_path):
    with pytest.raises(SystemExit) as stop:
        main(["benchmark", "--data", "digits", "--seeds", seeds, "--out", str(tmp_path)])
    assert stop.value.code == WRONG_CALL


@pytest.mark.parametrize("shots", ["0", "some", "1,,4", ""])
def test_shots_that_cannot_be_read(shots, tmp_path):
    with pytest.raises(SystemExit) as stop:
        main(["benchmark", "--data", "digits", "--shots", shots, "--out", str(tmp_path)])
    assert stop.value.code == WRONG_CALL


@pytest.mark.slow
def test_the_module_runs_as_a_program(aligner_dir, tmp_path):
    Image.new("CMYK", (40, 30)).save(tmp_path / "print.jpg")
    call = ["classify", "print.jpg", "--classes", LIST, "--aligner", str(aligner_dir), "--json"]
    result = subprocess.run(
        [sys.executable, "-m", "seda", *call], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert len(json.loads(result.stdout)[0]["classes"]) == 3


UNUSABLE = {
    "a long name": (lambda folder: "x" * 300, "too long"),
    "a long name in what is not there": (lambda folder: "none/" + "x" * 300, "too long"),
    "deep": (lambda folder: "d/" * 3000, "too long"),
    "~ of nobody": (lambda folder: "~nobody-of-that-name", "home directory"),
    "a null character": (lambda folder: "a\0b", "null"),
    "a shut folder": (lambda folder: str(folder / "shut"), "Permission denied|not exist"),
    "in a shut folder": (lambda folder: str(folder / "shut" / "it"), "Permission denied"),
    "a pipe": (lambda folder: str(folder / "pipe"), "pipe|not exist|no aligner|not a folder|not of a kind|ends with"),
    "an endless device": (
        lambda folder: "/dev/zero",
        "device|not exist|no aligner|not a folder|not of a kind|ends with",
    ),
}
PLACES = {
    "aligner": ["classify", "photo.png", "--classes", "a,b", "--aligner", "PATH"],
    "class file": ["classify", "photo.png", "--classes-file", "PATH"],
    "words": [
        "pretrain",
        "open-vocabulary",
        "--encoder",
        "open_clip:ViT-B-32/openai",
        "--words",
        "@PATH",
        "--out",
        "o",
    ],
    "folder": ["train", "--dataset", "folder:PATH", "--out", "o"],
    "features": ["train", "--dataset", "features:PATH", "--out", "o"],
    "checkpoint": ["train", "--dataset", "digits", "--encoder", "open_clip:ViT-B-32@PATH", "--out", "o"],
    "encoder's folder": ["train", "--dataset", "digits", "--encoder", "open_clip:local-dir:PATH", "--out", "o"],
    "image to look for": ["search", "--query", "PATHx.png"],
    "export": ["trace", "photo.png", "--classes", "a,b", "--out", "PATH/journey.html"],
    "new aligner": ["train", "--dataset", "digits", "--out", "PATH"],
}


@pytest.fixture
def shut(tmp_path, monkeypatch):
    """A folder that may not be entered, also by root, and a pipe that nobody writes to."""
    (tmp_path / "shut").mkdir()
    os.mkfifo(tmp_path / "pipe")
    look = os.stat

    def refusing(path, *arguments, **options):
        if "shut/" in str(path):
            raise PermissionError(13, "Permission denied", str(path))
        return look(path, *arguments, **options)

    monkeypatch.setattr("os.stat", refusing)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("place", PLACES)
def test_paths_that_nothing_can_be_done_with(capsys, shut, place):
    for kind, (path, match) in UNUSABLE.items():
        status = main([part.replace("PATH", path(shut)) for part in PLACES[place]])
        told = capsys.readouterr().err
        assert status in (UNANSWERED, WRONG_CALL), (kind, told)
        assert re.search(rf"error: .*({match}).*\n  \w", told), (kind, told)  # what is wrong, and what to do
    assert not (shut / "o").exists()


def test_pictures_that_cannot_be_reached_leave_the_others(capsys, shut, aligner_dir):
    (shut / "good").mkdir()
    Image.new("RGB", (40, 30)).save(os.fsdecode(os.fsencode(shut) + b"/good/caf\xe9.png"))  # a name that is not UTF-8
    (shut / "good" / "turned \u202e \x1b[31m.png").write_bytes(b"no picture")
    paths = ["good", *(path(shut) for path, _ in UNUSABLE.values())]
    call = [*paths, "--classes", LIST, "--aligner", str(aligner_dir)]
    assert main(["classify", *call]) == ANSWERED
    told = capsys.readouterr()
    assert len(told.out.splitlines()) == 1 + len(paths) and "\x1b" not in told.out + told.err
    assert main(["trace", *call, "--steps", "2", "--out", "journey.html"]) == ANSWERED
    assert (
        "\x1b" not in (err := capsys.readouterr().err) and "\u202e" not in err and err.count("left out") == len(paths)
    )
    assert "caf" in Path("journey.html").read_text(encoding="utf-8")
    assert main(["trace", *call, "--out", os.fsdecode(b"\xff.csv")]) == UNANSWERED
    assert "not UTF-8" in capsys.readouterr().err


def test_numbers_that_nothing_can_be_done_with(capsys, monkeypatch):
    for call, match in (
        (
            ["benchmark", "--data", "digits", "--seeds", "999999999", "--out", "o"],
            "999,999,999 seeds are more than the 1,000",
        ),
        (["map", "score", "--seeds", "999999999"], "999,999,999 seeds are more"),
        (["train", "--dataset", "digits", "--out", "o", "--limit", "9" * 30], "is not 1 to 1,000,000,000"),
        (["train", "--dataset", "digits", "--out", "o", "--seed", "-1"], "is not 0 to"),
        (["train", "--dataset", "digits", "--out", "o", "--epochs", "9" * 5000], "is not 1 to 1,000,000,000"),
        (["bench", "speed", "--seconds", "inf"], "is not between 0 and 3,600"),
    ):
        with pytest.raises(SystemExit):
            main(call)
        assert match in capsys.readouterr().err, call

    def forbidden(*_):
        raise PermissionError(13, "Permission denied", "/somewhere")

    monkeypatch.setattr("seda.commands.map.read_card", forbidden)
    assert main(["map", "score"]) == 2 and "/somewhere: Permission denied" in capsys.readouterr().err
