"""seda diagnose: labelled pictures, verdicts, files and exit status."""

from __future__ import annotations

import json
import re
import shutil

import pandas as pd
import pytest

from seda.cli import ANSWERED, UNANSWERED, WRONG_CALL, main
from tests.tiny import CLASSES, picture


@pytest.fixture
def folder(tmp_path):
    """Shapes in sub-folders; one of them in the wrong one, and a broken file."""
    for label, name in enumerate(CLASSES):
        (tmp_path / "set" / name).mkdir(parents=True)
        for seed in range(4):
            picture(label, 300 + seed).save(tmp_path / "set" / name / f"{name} {seed}.png")
    shutil.move(tmp_path / "set" / CLASSES[0] / f"{CLASSES[0]} 0.png", tmp_path / "set" / CLASSES[1] / "stray.png")
    (tmp_path / "set" / CLASSES[0] / "broken.png").write_bytes(b"no picture")
    return tmp_path / "set"


@pytest.mark.slow
def test_summary_and_table_agree(folder, aligner_dir, tmp_path, capsys):
    call = [
        "diagnose",
        str(folder),
        "--aligner",
        str(aligner_dir),
        "--steps",
        "4",
        "--out",
        str(tmp_path / "out"),
        "--json",
    ]
    assert main(call) == ANSWERED
    summary = json.loads(capsys.readouterr().out)
    assert summary == json.loads((tmp_path / "out" / "diagnosis.json").read_text())
    table = pd.read_csv(tmp_path / "out" / "pictures.csv", keep_default_na=False)
    count = len(CLASSES) * 4
    assert summary["count"] == len(table) == count and set(summary["classes"]) == set(CLASSES)
    assert summary["accuracy"]["answer"] == pytest.approx(table["right"].astype(str).eq("True").mean(), abs=1e-6)
    for culprit, number in summary["lost_by"]["answer"].items():
        assert (table["lost_by"] == culprit).sum() == number
    (stray,) = (row for _, row in table.iterrows() if row["file"].endswith("stray.png"))
    assert stray["truth"] == CLASSES[1] and stray["answer"] == CLASSES[0] and stray["lost_by"] == "encoder"
    assert [row["file"] for row in summary["items"]] == table["file"].tolist()
    assert [row["lost_by"] for row in summary["items"]] == table["lost_by"].tolist()
    steps = pd.read_parquet(tmp_path / "out" / "steps.parquet")
    assert len(steps) == count * len(summary["when"]["right"])
    last = steps[steps["step"] == steps["step"].max()]
    assert summary["when"]["right"][-1] == pytest.approx((last["standing"] == "right").mean(), abs=1e-6)
    report = (tmp_path / "out" / "diagnosis.html").read_text()
    assert "stray.png" in report and "http://" not in re.sub(r"<script.*?</script>", "", report, flags=re.DOTALL)
    drawn = {file.name for file in (tmp_path / "out" / "figures").iterdir()}
    assert {"gap.svg", "gap.png", "gap.pdf", "class-by-class.svg"} <= drawn and len(drawn) % 3 == 0
    columns = [f"p {name}" for name in summary["classes"]]
    assert table[columns].sum(axis=1).between(0.999, 1.001).all()


def test_a_bar_for_scripts(folder, aligner_dir, capsys):
    call = ["diagnose", str(folder), "--aligner", str(aligner_dir), "--steps", "2", "--fail-under"]
    assert main([*call, "top1=1"]) == UNANSWERED
    assert "% of the answers are right, fewer than 100.0 %" in capsys.readouterr().err
    assert main([*call, "top1=.1"]) == ANSWERED
    told = capsys.readouterr().out
    assert "stray.png" in told and "encoder" in told
    with pytest.raises(SystemExit) as wrong:
        main([*call, "top5=.8"])
    assert wrong.value.code == WRONG_CALL


def test_labels_that_cannot_be_used(folder, aligner_dir, tmp_path, capsys):
    call = ["diagnose", str(folder), "--aligner", str(aligner_dir), "--labels"]
    assert main([*call, str(tmp_path / "missing.csv")]) != ANSWERED
    assert main(["diagnose", str(folder / CLASSES[0]), "--aligner", str(aligner_dir)]) != ANSWERED
    assert "at least 2 are needed" in capsys.readouterr().err
