"""The distribution benchmark on a toy: each picture has a text of its own, half of them unseen."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from seda.aligner import Aligner
from seda.benchmark import distribution
from seda.benchmark.distribution import CONTROLS, OURS, Parts, TextTask, along_the_path, measure, walk
from seda.benchmark.distribution_run import run_distribution, summary, table, write_tables
from seda.config import ModelConfig, SamplingConfig, TrainingConfig
from seda.errors import ConfigError
from seda.evaluation.distribution import class_wise_mmd2, relative_spread
from seda.storage import write_json
from seda.training.fit import TrainingResult, TrainingSet, fit_aligner

DIM, WIDTH, CLASSES = 6, 8, 4
CONFIG = TrainingConfig(
    max_epochs=1, one_step_steps=40, denoiser_steps=120, batch_size=64, learning_rate=3e-3, denoiser="learned"
)
MODEL = ModelConfig(
    dim=DIM, image_dim=WIDTH, denoiser="learned", one_step_width=16, denoiser_width=16, denoiser_heads=2, denoiser_blocks=1,
    width=8, heads=2, blocks=1, prior_width=8,
)  # fmt: skip


def world(count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Features, classes and own texts, which say the class and something of their own."""
    rng = np.random.default_rng(seed)
    fixed = np.random.default_rng(0)
    looks, says = fixed.normal(size=(CLASSES, WIDTH)), fixed.normal(size=(CLASSES, DIM))
    labels = np.arange(count) % CLASSES
    own = says[labels] + 0.7 * rng.normal(size=(count, DIM))
    features = 2 * looks[labels] + 0.5 * rng.normal(size=(count, WIDTH))
    return torch.from_numpy(features).float(), torch.from_numpy(own).float(), torch.from_numpy(labels)


@pytest.fixture(scope="module")
def trained() -> TrainingResult:
    features, own, labels = world(160, 1)
    names = torch.stack([own[labels == label][:2] for label in range(CLASSES)])
    return fit_aligner(TrainingSet(features, labels, names, own), CONFIG, MODEL)


@pytest.fixture(scope="module")
def task() -> TextTask:
    features, own, _ = world(40, 2)
    texts, labels = torch.unique(own, dim=0, return_inverse=True)
    return TextTask("toy", features, texts, labels.numpy(), own)


@pytest.fixture(scope="module")
def others() -> torch.Tensor:
    return world(40, 3)[1]


@pytest.mark.parametrize("denoiser", ["learned", "gaussian", "closed-form"])
def test_a_walk_with_all_parts_is_that_of_the_aligner(trained, task, others, denoiser):
    aligner: Aligner = trained.aligner
    own = aligner.align(task.image_features, task.texts, SamplingConfig(guidance=1.0, denoiser=denoiser, seed=3))
    first, second, _ = walk(aligner, task, Parts(denoiser), 3, others)
    assert torch.allclose(first.states, own.learner.states, atol=1e-5)
    assert torch.allclose(second.states, own.translator.states, atol=1e-4)


def test_every_control_changes_the_end(trained, task, others):
    whole = walk(trained.aligner, task, Parts(), 0, others)[1].states[:, -1]
    for name, parts in CONTROLS.items():
        ends = walk(trained.aligner, task, parts, 0, others)[1].states[:, -1]
        assert ends.shape == whole.shape and torch.isfinite(ends).all()
        assert not torch.allclose(ends, whole, atol=1e-3), name


def test_a_row_for_each_method_and_task(trained, task, others, monkeypatch):
    monkeypatch.setattr(distribution, "ENDS", 3)
    told = []
    rows = measure(trained.aligner, trained.pairs, [task], others, CONFIG, told.append)
    assert told == rows
    methods = [row["method"] for row in rows]
    assert methods[0] == OURS and len(set(methods)) == len(methods) == 1 + len(CONTROLS) + 1 + 7
    by_name = {row["method"]: row for row in rows}
    real = by_name["other real texts"]
    assert real["mean_length"] == pytest.approx(real["real_length"]) and abs(real["mmd2"]) < 0.02
    assert by_name["one-step mlp"]["spread"] < by_name[OURS]["spread"]
    assert by_name["one-step mlp, to length"]["mean_length"] == pytest.approx(MODEL.feature_norm, rel=1e-4)
    # a map that does not draw says the same each time
    assert by_name["one-step mlp"]["r1_one_end"] == pytest.approx(by_name["one-step mlp"]["r1_mean_of_3"])
    assert len(json.dumps(rows)) > 0


def test_along_the_path_each_step_is_told(trained, task, others):
    assert "class_wise_mmd2" not in along_the_path(trained.aligner, task, others)
    task = replace(task, classes=world(40, 2)[2].numpy())
    found = along_the_path(trained.aligner, task, others)
    steps = SamplingConfig().num_inference_steps
    assert found["hand_over"] == steps
    assert len(found["length"]) == 2 * (steps + 1) and len(found["accuracy"]) == len(found["mmd2"]) == steps + 1
    ends = walk(trained.aligner, task, Parts(), 0, others)[1].states[:, -1].numpy()
    real = trained.aligner.text_scaler(task.real).numpy()
    assert found["spread"][-1] == pytest.approx(relative_spread(real, ends))
    assert found["class_wise_mmd2"][-1] == pytest.approx(class_wise_mmd2(real, task.classes, ends, task.classes))
    assert len(found["entropy"]) == len(found["free"]) == steps
    assert all(0 <= share <= 1 for share in found["free"])
    assert found["entropy"][-1] < found["entropy"][0] <= np.log2(1 + len(task.texts))


def test_tables_hold_means_and_intervals(tmp_path):
    rows = [
        {"data": "d", "method": "m", "seed": seed, "pictures": 3, "texts": 2, "mmd2": value, "coverage": None}
        for seed, value in enumerate((0.1, 0.2, 0.3))
    ]
    for seed, row in enumerate(rows):
        write_json(tmp_path / "rows" / f"d-{seed}.json", {"rows": [row], "paths": [{"task": "d", "seed": seed}]})
    assert write_tables(tmp_path) == rows
    written = json.loads((tmp_path / "distribution.json").read_text())
    (one,) = written["summary"]
    assert (one["data"], one["method"], one["seeds"]) == ("d", "m", 3)
    assert one["figures"]["mmd2"] == [0.2, pytest.approx(4.3027 * 0.1 / 3**0.5, abs=1e-4)]  # Student's t, two degrees
    assert written["paths"] == {"d": {"task": "d", "seed": 0}}
    assert (tmp_path / "distribution.csv").read_text().count("\n") == 4
    page = (tmp_path / "distribution.md").read_text()
    assert "3 pictures, 2 texts, 3 seeds" in page and "| m | 0.2000 ± 0.2484 |  |" in page
    assert summary(rows[:1])[0]["figures"]["mmd2"] == [0.1, None]


def test_unknown_data_is_refused_before_anything_is_done(tmp_path):
    with pytest.raises(ConfigError, match="no data cifar here; known are open-vocabulary, fashion-mnist"):
        run_distribution(["cifar"], [0], tmp_path, lambda name: None, report=lambda *_: None)
    assert table([]).startswith("data")
