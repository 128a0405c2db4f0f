"""The protocol on toy features: what is drawn, what is kept, what is never seen, and what the page says."""

import csv
import json
import math
from dataclasses import replace

import numpy as np
import pytest

from seda.baselines.base import ClassTextFeatures
from seda.benchmark import protocol
from seda.benchmark.cells import COLUMNS, Cell, cell_path, pack_answers, read_cells, write_cell
from seda.benchmark.differences import paired_difference
from seda.benchmark.protocol import BenchmarkConfig, BenchmarkData, alignment_figures, run_benchmark, shot_features
from seda.benchmark.report import page, write_report
from seda.benchmark.shots import choose_shots, fixed_shots
from seda.benchmark.tuning import fit_best
from seda.data.feature_set import FeatureSet
from seda.errors import ConfigError, DataError, FileFormatError
from tests.baselines.toy import CLASSES, class_texts, drawn

FAST = ("ridge", "nearest-center", "gda", "collapse")
CONFIG = BenchmarkConfig(shots=(1, 4), seeds=(0, 1), methods=FAST)
RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def short_trainings(monkeypatch):
    monkeypatch.setattr("seda.baselines.network_training.MIN_STEPS", 30)
    monkeypatch.setattr("seda.baselines.aligner_methods.MIN_STEPS", 20)


def feature_set(per_class, seed, split):
    part = drawn(per_class, seed)
    names = tuple("abcd")
    return FeatureSet(part.image_features, part.labels, names, split, "encoder", f"toy-{split}")


def toy_data(name="toy", test_seed=2):
    return BenchmarkData(name, feature_set(20, 1, "train"), feature_set(50, test_seed, "test"), class_texts())


# ------------------------------------------------------------------------------------------------ shots


@pytest.mark.parametrize("shots", [1, 2, 4, 8])
def test_shots_are_as_many_of_each_class_and_validation_lies_beside(shots):
    labels = RNG.permutation(np.arange(80) % CLASSES)
    split = choose_shots(labels, CLASSES, shots, seed=3)
    assert np.bincount(labels[split.training]).tolist() == [shots] * CLASSES
    assert np.bincount(labels[split.validation]).tolist() == [min(shots, 4)] * CLASSES
    assert not set(split.training) & set(split.validation)
    more = choose_shots(labels, CLASSES, 2 * shots, seed=3)
    assert set(split.training) <= set(more.training)
    assert set(split.training) != set(choose_shots(labels, CLASSES, shots, seed=4).training)


def test_full_takes_every_image_with_the_share_of_training():
    labels = np.arange(140) % CLASSES
    split = choose_shots(labels, CLASSES, None, seed=0)
    assert sorted([*split.training, *split.validation]) == list(range(140))
    assert len(split.validation) == 20
    with pytest.raises(DataError, match="16 shots need 20 training images of each class; the smallest class has 5"):
        choose_shots(np.arange(20) % CLASSES, CLASSES, 16, 0)


def test_index_files_are_kept_and_belong_to_their_data(tmp_path):
    labels = np.arange(80) % CLASSES
    first = fixed_shots(tmp_path / "4-0.json", "data", labels, CLASSES, 4, 0)
    values = json.loads((tmp_path / "4-0.json").read_text())
    values["training"] = values["training"][::-1]
    (tmp_path / "4-0.json").write_text(json.dumps(values))
    again = fixed_shots(tmp_path / "4-0.json", "data", labels, CLASSES, 4, 0)
    assert again.training.tolist() == first.training.tolist()[::-1]  # the file counts, not the draw
    with pytest.raises(FileFormatError, match="made for other data"):
        fixed_shots(tmp_path / "4-0.json", "other", labels, CLASSES, 4, 0)


# ------------------------------------------------------------------------------------------------ running


def test_every_cell_is_measured_once_and_a_stopped_run_goes_on(tmp_path, monkeypatch):
    fits = []
    fit = protocol.fit_best
    monkeypatch.setattr(protocol, "fit_best", lambda *args, **options: fits.append(1) or fit(*args, **options))

    def stop(cell, done, total):
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_benchmark([toy_data()], CONFIG, tmp_path, on_cell=stop)
    assert len(fits) == 5 == len(read_cells(tmp_path))
    seen = []
    cells = run_benchmark([toy_data()], CONFIG, tmp_path, on_cell=lambda cell, done, total: seen.append((done, total)))
    assert len(fits) == 16 == len(cells)
    assert seen == [(done, 16) for done in range(1, 17)]
    assert {(cell.shots, cell.seed, cell.method) for cell in read_cells(tmp_path)} == {
        (shots, seed, method) for shots in ("1", "4") for seed in (0, 1) for method in FAST
    }
    path = cell_path(tmp_path, "toy", "4", 1, "gda")
    before = json.loads(path.read_text())
    path.unlink()
    run_benchmark([toy_data()], CONFIG, tmp_path)
    after = json.loads(path.read_text())
    timeless = [
        {name: value for name, value in cell["figures"].items() if "seconds" not in name} for cell in (before, after)
    ]
    assert timeless[0] == timeless[1] and before["right"] == after["right"]
    assert len(fits) == 17


def test_cells_of_other_data_or_settings_are_refused(tmp_path):
    run_benchmark([toy_data()], CONFIG, tmp_path)
    with pytest.raises(FileFormatError, match="other data or with other settings"):
        run_benchmark([toy_data()], replace(CONFIG, budget=2), tmp_path)
    cell_path(tmp_path, "toy", "1", 0, "ridge").write_text("{}")
    with pytest.raises(FileFormatError, match="not a cell"):
        run_benchmark([toy_data()], CONFIG, tmp_path)


def test_all_methods_run_and_tell_more_than_chance(tmp_path):
    config = BenchmarkConfig(shots=(4, None), seeds=(0,), budget=1)
    cells = run_benchmark([toy_data()], config, tmp_path)
    accuracy = {(cell.method, cell.shots): cell.figures["top1_accuracy"] for cell in cells}
    assert accuracy["collapse", "4"] == pytest.approx(1 / CLASSES)
    for method, shots in accuracy:
        if method not in ("collapse", "mean-shift"):
            assert accuracy[method, shots] > 0.7, (method, shots)
    seda = next(cell for cell in cells if cell.method == "seda")
    assert {"cka", "mmd", "centroid_gap", "text_to_image_R@5"} <= set(seda.figures)
    assert seda.figures["parameters"] > 1000 and seda.figures["seconds"] > 0
    controls = [cell for cell in cells if cell.method in ("seda-one-step", "closed-form")]
    assert all(cell.figures["seconds"] > 0.5 * seda.figures["seconds"] for cell in controls if cell.shots == "4")


def test_wrong_names_and_empty_lists():
    with pytest.raises(ConfigError, match="no method magic"):
        BenchmarkConfig(methods=("magic",))
    with pytest.raises(ConfigError, match="seeds is"):
        BenchmarkConfig(seeds=())
    with pytest.raises(ConfigError, match="shots is"):
        BenchmarkConfig(shots=(0,))


# ------------------------------------------------------------------------------------------------ leaks


def test_shuffled_test_labels_are_chance(tmp_path):
    data = toy_data()
    shuffled = replace(data.test, labels=np.random.default_rng(1).permutation(data.test.labels))
    config = BenchmarkConfig(shots=(4,), seeds=(0,), budget=1)
    for cell in run_benchmark([replace(data, test=shuffled)], config, tmp_path):
        assert abs(cell.figures["top1_accuracy"] - 1 / CLASSES) < 0.1, cell.method


def test_a_poisoned_test_split_changes_nothing_that_is_fitted(tmp_path, monkeypatch):
    """All methods are fitted beside a test split of NaN; their answers on other images are the same to the last bit."""
    probe = drawn(10, 9).image_features
    answers = []

    def judge(tuned, data):
        answers.append((tuned.setting, tuned.temperature, tuned.probabilities(probe)))
        return {"test_count": 1}, np.ones(1, bool)

    monkeypatch.setattr(protocol, "judge", judge)
    data, config = toy_data(), BenchmarkConfig(shots=(2,), seeds=(0,), budget=2)
    poison = replace(data.test, image_features=np.full_like(data.test.image_features, np.nan))
    clean = run_benchmark([data], config, tmp_path / "clean")
    run_benchmark([replace(data, test=poison)], config, tmp_path / "poisoned")
    half = len(answers) // 2
    assert half == len(clean) >= 19
    for (setting, temperature, p), (other, warm, q) in zip(answers[:half], answers[half:], strict=True):
        assert (setting, temperature) == (other, warm)
        np.testing.assert_array_equal(p, q)


def test_methods_never_get_the_test_split(tmp_path):
    data = toy_data()
    training, validation = shot_features(data, None, 0, tmp_path)
    known = {row.tobytes() for part in (training, validation) for row in part.image_features}
    assert not known & {row.tobytes() for row in data.test.image_features}
    assert len(known) == len(data.train)


def test_the_order_of_classes_does_not_matter(tmp_path):
    """PFIN's bank holds all class texts; naming the classes in another order changes no answer of a linear method."""
    data, order = toy_data(), np.array([2, 0, 3, 1])
    training, validation = shot_features(data, 4, 0, tmp_path)
    texts = ClassTextFeatures(data.texts.phrasings[order])
    moved = [replace(part, labels=np.argsort(order)[part.labels]) for part in (training, validation)]
    for method in protocol.chosen_methods(texts, ("ridge", "gda", "procrustes", "cross-modal-probe", "lp++")):
        p = fit_best(method.settings[:1], training, data.texts, validation, seed=0).probabilities(
            data.test.image_features
        )
        q = fit_best(method.settings[:1], moved[0], texts, moved[1], seed=0).probabilities(data.test.image_features)
        np.testing.assert_allclose(p[:, order], q, atol=2e-3)


# ------------------------------------------------------------------------------------------------ differences and page


def cell(method, seed, right, shots="4", **figures):
    right = np.asarray(right, bool)
    base = {
        "top1_accuracy": float(right.mean()), "ece": 0.1, "nll": 1.0, "brier": 0.5, "seconds": 1.0, "test_seconds": 0.1,
        "parameters": 10, "tried": 2, "test_count": len(right),
    }  # fmt: skip
    return Cell("toy", shots, seed, method, "", {**base, **figures}, {}, pack_answers(right))


def test_answers_survive_their_packing():
    right = RNG.random(13) < 0.5
    np.testing.assert_array_equal(cell("a", 0, right).answers, right)


def test_paired_differences_by_hand_and_their_verdicts():
    shared = RNG.random((5, 400)) < 0.7
    better = shared | (RNG.random((5, 400)) < 0.2)
    ours, theirs = ([cell(name, s, part[s]) for s in range(5)] for name, part in (("seda", better), ("x", shared)))
    found = paired_difference(ours, theirs)
    assert found.mean == pytest.approx(better.mean() - shared.mean()) and found.seeds == 5
    assert found.low < found.mean < found.high and found.verdict == "ahead"
    assert paired_difference(theirs, ours).verdict == "behind"
    same = paired_difference(ours, ours)
    assert (same.mean, same.low, same.high, same.verdict) == (0, 0, 0, "level")
    assert paired_difference(ours[:2], theirs[1:]).seeds == 1
    assert paired_difference(ours[:1], theirs[1:]) is None
    other_shots = [cell("x", s, shared[s], shots="8") for s in range(5)]
    assert paired_difference(ours, other_shots) is None


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    inside = 0
    for trial in range(60):
        rng = np.random.default_rng(trial)
        ours, theirs = (
            [cell(name, s, rng.random(200) < share) for s in range(8)] for name, share in (("a", 0.65), ("b", 0.6))
        )
        found = paired_difference(ours, theirs)
        inside += found.low <= 0.05 <= found.high
    assert inside >= 52


def test_files_and_page(tmp_path):
    cells = run_benchmark([toy_data()], replace(CONFIG, methods=("seda", *FAST), budget=1), tmp_path)
    files = write_report(cells, tmp_path, "python -m seda benchmark --data toy")
    assert [path.name for path in files] == ["results.csv", "results.json", "README.md"]
    with open(tmp_path / "results.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0])[: len(COLUMNS)] == COLUMNS and len(rows) == 20
    ridge = next(row for row in rows if (row["method"], row["shots"], row["seed"]) == ("ridge", "4", "1"))
    wanted = next(part for part in cells if (part.method, part.shots, part.seed) == ("ridge", "4", 1))
    assert float(ridge["top1_accuracy"]) == wanted.figures["top1_accuracy"]
    assert len(json.loads((tmp_path / "results.json").read_text())) == 20
    text = (tmp_path / "README.md").read_text()
    for part in (
        "python -m seda benchmark --data toy",
        "## toy",
        "| seda minus |",
        "200 of toy",
        "2 seeds a cell",
        "| collapse |",
    ):
        assert part in text, part


def test_the_page_says_where_seda_loses_and_copes_with_unfinished_runs():
    right = np.ones(300, bool)
    wrong = right.copy()
    wrong[:60] = False
    cells = [cell("seda", s, wrong) for s in range(3)] + [cell("ridge", s, right) for s in range(3)]
    text = page(cells, "call")
    assert "more than half a point below the best method at shots 4 (0.800 against ridge's 1.000)" in text
    assert "Over few shots SeDA is behind ridge." in text
    assert "At no number of shots" in page([cell("seda", 0, right), cell("ridge", 0, wrong)], "call")
    assert "seda minus" not in page([cell("ridge", 0, right)], "call")
    partial = page([*cells, cell("ridge", 0, right, shots="8")], "call")
    assert "| ridge |" in partial and "8 shots" in partial


def test_alignment_figures_of_perfect_maps():
    texts = class_texts().features
    labels = np.arange(40) % CLASSES
    perfect = alignment_figures(texts[labels], labels, texts)
    assert perfect["image_to_text_R@1"] == perfect["text_to_image_R@1"] == 1
    assert perfect["centroid_gap"] == 0 and perfect["relative_modality_gap"] < 1e-9
    assert perfect["cka"] == pytest.approx(1)
    assert all(math.isfinite(value) for value in perfect.values())


def test_a_cell_is_written_beside_and_renamed(tmp_path):
    path = write_cell(tmp_path, cell("lp++", 0, [True]))
    assert path == cell_path(tmp_path, "toy", "4", 0, "lp++") and path.name == "4-0-lp++.json"
    (path.parent / ".4-0-x.json.abc").write_text("{")  # what a kill in the middle of a write leaves
    assert [part.method for part in read_cells(tmp_path)] == ["lp++"]
