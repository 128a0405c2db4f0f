"""Speed: rows are complete, forward passes are those of the run, and the bar holds with room for a busy machine."""

from __future__ import annotations

import json
import sys

import pytest
import torch
from torch import nn

from seda.aligner import load_aligner
from seda.benchmark import speed
from seda.benchmark.speed import (
    SpeedTask,
    aligner_tasks,
    encoder_tasks,
    measure_speed,
    peak_mb,
    reset_peak,
    watched_calls,
)
from seda.cli import ANSWERED, WRONG_CALL, main
from seda.config import SamplingConfig
from seda.encoders import load_encoder
from seda.errors import ConfigError
from seda.projection.frozen import load_map
from seda.stages.stage import Stage


@pytest.fixture(scope="module")
def tasks(aligner_dir):
    aligner = load_aligner(aligner_dir)
    encoder = load_encoder("bundled")
    return encoder_tasks(encoder, "cpu") + aligner_tasks(aligner, encoder, load_map(aligner.folder), "cpu")


def test_the_list_covers_every_part(tasks):
    names = [task.name for task in tasks]
    aligned = [f"align-{count}x2x{steps}" for count in (1, 64, 4096) for steps in (25, 50)]
    assert names == [
        "encode-1",
        "encode-64",
        "encode-pixels-64",
        *aligned,
        "project-6528",
        "trace-16x2x25",
        "train-1024x2",
    ]


def test_watched_calls_are_the_outermost_and_counted_by_shape():
    inner = nn.Linear(3, 3)
    outer = nn.Sequential(inner, inner)
    with watched_calls(lambda module: True) as calls:
        for rows in (2, 2, 5):
            outer(torch.zeros(rows, 3))
        inner(torch.zeros(2, 3))
    assert [(call.module, len(call.inputs[0]), call.count) for call in calls] == [
        (outer, 2, 2),
        (outer, 5, 1),
        (inner, 2, 1),
    ]
    with watched_calls(lambda module: module is inner) as calls:
        outer(torch.zeros(2, 3))
    assert [call.count for call in calls] == [2]
    outer(torch.zeros(2, 3))  # after the context nothing is counted
    assert [call.count for call in calls] == [2]


def test_a_call_that_fails_leaves_no_trace():
    class Refusing(nn.Module):
        def forward(self, x):
            raise ValueError

    good = nn.Identity()
    with watched_calls(lambda module: True) as calls:
        with pytest.raises(ValueError):
            Refusing()(torch.zeros(1))
        good(torch.zeros(1))
    assert calls[-1].module is good


def test_aligning_holds_one_pass_a_step_and_stage(aligner_dir):
    pretrained = load_aligner(aligner_dir)
    with watched_calls(lambda module: isinstance(module, Stage)) as calls:
        pretrained.aligner.align(
            pretrained.reference.fit_images[:4], pretrained.reference.texts[:, 0], SamplingConfig(num_inference_steps=7)
        )
    assert [(call.module.number, call.count, len(call.inputs[0])) for call in calls] == [(1, 7, 4), (2, 7, 4)]


def test_a_row_is_what_it_says(tasks, monkeypatch):
    monkeypatch.setattr(speed, "MAX_ROUNDS", 7)
    names = ["align-1x2x25", "project-6528"]
    seen = []
    rows = measure_speed(tasks, names=names, seconds=0.1, on_row=lambda row, *at: seen.append((row.name, *at)))
    assert seen == [("align-1x2x25", 1, 2), ("project-6528", 2, 2)]
    for row, items in zip(rows, (1, 6528), strict=True):
        assert (row.device, row.items) == ("cpu", items) and speed.MIN_ROUNDS <= row.rounds <= 7
        assert row.items_per_s == pytest.approx(items / row.median_s)
        assert row.forward_s > 0 and 0 < row.ratio_to_forward < 20 and row.spread_s >= 0 and row.ratio_spread >= 0


def test_the_ratio_is_that_of_run_and_passes(monkeypatch):
    """A run that does its network's pass three times over, but calls it once, costs three passes."""
    network = nn.Linear(600, 600)
    points = torch.randn(2000, 600)

    def run() -> None:
        with torch.no_grad():
            network(points)
            for _ in range(2):
                network.forward(points)  # not a call: hooks do not see it

    row = measure_speed([SpeedTask("x", "cpu", 1, lambda: run, lambda module: True)], seconds=1.0)[0]
    assert 2 < row.ratio_to_forward < 4.5


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process its peak memory again and again")
def test_peak_memory_sees_a_large_array():
    reset_peak("cpu")
    before = peak_mb("cpu")
    held = torch.ones(100_000_000, dtype=torch.uint8)
    assert peak_mb("cpu") - before > 80
    del held
    reset_peak("cpu")
    assert peak_mb("cpu") - before < 80


def test_unknown_rows_are_refused(tasks):
    with pytest.raises(ConfigError, match=r"no row align-2x2x2 to measure; known are encode-1, "):
        measure_speed(tasks, names=["align-2x2x2"])


@pytest.mark.slow
def test_the_command(capsys, aligner_dir, monkeypatch):
    monkeypatch.setattr(speed, "MIN_ROUNDS", 2)
    call = ["bench", "speed", "--aligner", str(aligner_dir), "--device", "cpu", "--seconds", "0"]
    assert main([*call, "--rows", "align-1x2x25, align-64x2x50", "--json"]) == ANSWERED
    rows = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in rows] == ["align-1x2x25", "align-64x2x50"]
    assert {"name", "device", "items", "median_s", "items_per_s", "ratio_to_forward", "peak_mb"} <= set(rows[0])
    assert main([*call, "--rows", "align-1x2x25"]) == ANSWERED
    assert "ratio to forward" in capsys.readouterr().out
    assert main([*call, "--encoder", "bundled:whole", "--rows", "encode-1", "--json"]) == ANSWERED
    (row,) = json.loads(capsys.readouterr().out)
    assert row["name"] == "encode-1" and row["ratio_to_forward"] < 3
    assert main([*call, "--encoder", "bundled", "--rows", "align-1x2x25"]) == WRONG_CALL
    assert "known are encode-1, encode-64, encode-pixels-64." in capsys.readouterr().err
    assert main([*call, "--rows", "nothing"]) == WRONG_CALL
    assert "There is no row nothing" in capsys.readouterr().err
