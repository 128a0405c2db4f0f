"""The protocol on toy features: what is drawn, what is kept, what is never seen, and what the page says."""

import csv
import json
import math
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from seda.baselines.aligner_methods import SedaAligner
from seda.baselines.base import ClassTextFeatures, LabelledFeatures, RanksErrors
from seda.benchmark import protocol
from seda.benchmark.cells import (
    COLUMNS,
    Cell,
    cell_path,
    pack_answers,
    read_cells,
    read_packed,
    write_cell,
    write_packed,
)
from seda.benchmark.differences import paired_difference
from seda.benchmark.mapped import KEPT, alignment_figures, end_figures
from seda.benchmark.methods import ABLATIONS, METHODS
from seda.benchmark.protocol import (
    BenchmarkConfig,
    BenchmarkData,
    judge,
    load_data,
    load_features,
    run_benchmark,
    shot_features,
)
from seda.benchmark.report import page, write_report
from seda.benchmark.shots import choose_shots, fixed_shots
from seda.benchmark.tuning import Tuned, fit_best
from seda.data.emoji import Emoji
from seda.data.feature_file import read_feature_file
from seda.data.feature_set import FeatureSet
from seda.errors import ConfigError, DataError, FileFormatError
from seda.evaluation.classification import error_auroc, top1_accuracy
from seda.storage import fingerprint
from tests.baselines.toy import CLASSES, DIM, class_texts, drawn, shorten_trainings
from tests.emoji_packages import write_packages

FAST = ("ridge", "nearest-center", "gda", "collapse")
CONFIG = BenchmarkConfig(shots=(1, 4), seeds=(0, 1), methods=FAST)
RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def short_trainings(monkeypatch):
    shorten_trainings(monkeypatch)


def feature_set(per_class, seed, split):
    part = drawn(per_class, seed)
    names = tuple("abcd")
    return FeatureSet(part.image_features, part.labels, names, split, "encoder", f"toy-{split}")


def toy_data(name="toy", test_seed=2):
    return BenchmarkData(name, feature_set(20, 1, "train"), feature_set(50, test_seed, "test"), class_texts())


def with_own_texts(part):
    """Each image has a text near its class's."""
    near = class_texts().features[part.labels] + 0.1 * np.random.default_rng(3).normal(size=(len(part), DIM))
    return replace(part, image_text_features=near.astype(np.float32))


def shifted_data():
    """Toy data with texts of their own, and test images further and further from the training's."""
    data = toy_data()
    noise = np.random.default_rng(4).normal(size=data.test.image_features.shape).astype(np.float32)
    shifted = {
        name: replace(
            data.test, image_features=data.test.image_features + amount * noise, data_fingerprint=f"toy-{name}"
        )
        for name, amount in (("noise-2", 8), ("noise-1", 1))
    }
    return replace(data, train=with_own_texts(data.train), test=with_own_texts(data.test), shifted=shifted)


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


def test_cells_of_another_run_are_taken_over_where_they_are_the_same(tmp_path, monkeypatch):
    packed = write_packed(tmp_path / "cells.parquet", run_benchmark([toy_data()], CONFIG, tmp_path / "first"))
    fits = []
    fit = protocol.fit_best
    monkeypatch.setattr(protocol, "fit_best", lambda *args, **options: fits.append(1) or fit(*args, **options))
    more = replace(CONFIG, seeds=(0, 1, 2))
    cells = run_benchmark([toy_data()], more, tmp_path / "second", known=read_packed(packed))
    assert len(fits) == 8, "seed 2 alone is new"
    # as read from disk: NaN of undefined figures is no equal of itself
    assert repr([cell for cell in read_cells(tmp_path / "second") if cell.seed < 2]) == repr(
        read_cells(tmp_path / "first")
    )
    assert len(cells) == 24
    other = replace(toy_data(), test=feature_set(50, 7, "other-test"))
    run_benchmark([other], CONFIG, tmp_path / "third", known=read_packed(packed))
    assert len(fits) == 8 + 16, "cells of other test images do not count"


FORMER = {
    "closed-form": ("seda", "seda"), "closed-form-one-step": ("seda-one-step", "one-step"),
    "closed-form-untrained": ("closed-form", "closed-form"), "closed-form/8-seeds": ("seda/8-seeds", "seda"),
}  # fmt: skip


@pytest.mark.parametrize("name", FORMER)
def test_cells_that_were_measured_under_former_names_are_taken_over(name, tmp_path, monkeypatch):
    """Rows were renamed. Fingerprints hold the former name, as it was when the published cells were measured."""
    data, (former, read_out) = toy_data(), FORMER[name]
    setting = asdict(SedaAligner(read_out, averaged=8 if "8-seeds" in name else 1))
    limits = {"train": CONFIG.train_limit, "test": CONFIG.test_limit}
    identity = fingerprint(
        [protocol.VERSION, data.fingerprint, "4", 0, former, [["SedaAligner", setting]], limits]
    )  # fmt: skip
    old = replace(cell(name, 0, [True, False]), identity=identity, setting=setting)
    monkeypatch.setattr(protocol, "fit_best", None)
    config = replace(CONFIG, shots=(4,), seeds=(0,), methods=(name,))
    packed = write_packed(tmp_path / "cells.parquet", [old])
    (found,) = run_benchmark([data], config, tmp_path / "new", known=read_packed(packed))
    assert found == old and read_cells(tmp_path / "new") == [old]


def test_published_cells_have_the_names_and_the_fingerprints_that_they_were_measured_with():
    published = {part.key: part for part in read_packed(Path(__file__).parents[2] / "docs/benchmark/cells.parquet")}
    assert {key[3] for key in published} <= {method.name for method in (*METHODS, *ABLATIONS)}
    # before the renaming: `seda`, `seda-one-step`, `closed-form` and `seda/no-bank` of digits
    for shots, name, identity in (
        ("1", "closed-form", "78139de4aef09e19"), ("1", "closed-form-one-step", "2f81659e3355adba"),
        ("1", "closed-form-untrained", "f5ceab2304210299"), ("4", "closed-form/no-bank", "9410f4e4aa4b26ec"),
    ):  # fmt: skip
        assert published["digits", shots, 0, name].identity == identity
    assert published["digits", "1", 0, "closed-form-untrained"].figures["top1_accuracy"] == 0.614100185528757


def test_a_file_that_holds_no_cells_is_refused(tmp_path):
    path = tmp_path / "cells.parquet"
    with pytest.raises(FileFormatError, match="holds no cells"):
        read_packed(path)
    path.write_bytes(b"PAR1 not really")
    with pytest.raises(FileFormatError, match="holds no cells"):
        read_packed(path)
    pd.DataFrame({"dataset": ["toy"], "shots": ["1"]}).to_parquet(path)
    with pytest.raises(FileFormatError, match="holds no cells"):
        read_packed(path)


def test_cells_of_other_data_or_settings_are_refused(tmp_path):
    run_benchmark([toy_data()], CONFIG, tmp_path)
    with pytest.raises(FileFormatError, match="other data or with other settings"):
        run_benchmark([toy_data()], replace(CONFIG, budget=2), tmp_path)
    cell_path(tmp_path, "toy", "1", 0, "ridge").write_text("{}")
    with pytest.raises(FileFormatError, match="not a cell"):
        run_benchmark([toy_data()], CONFIG, tmp_path)


@pytest.mark.slow
def test_all_methods_run_and_tell_more_than_chance(tmp_path):
    config = BenchmarkConfig(shots=(4, None), seeds=(0,), budget=1)
    cells = run_benchmark([toy_data()], config, tmp_path)
    accuracy = {(cell.method, cell.shots): cell.figures["top1_accuracy"] for cell in cells}
    assert accuracy["collapse", "4"] == pytest.approx(1 / CLASSES)
    for method, shots in accuracy:
        if method not in ("collapse", "mean-shift"):
            assert accuracy[method, shots] > 0.7, (method, shots)
    answer = next(cell for cell in cells if cell.method == "closed-form")
    assert {"cka", "mmd", "centroid_gap", "text_to_image_R@5"} <= set(answer.figures)
    assert answer.figures["parameters"] > 1000 and answer.figures["seconds"] > 0
    sharing = [cell for cell in cells if cell.method in ("seda", "closed-form-one-step", "closed-form-untrained")]
    assert all(cell.figures["seconds"] > 0.5 * answer.figures["seconds"] for cell in sharing if cell.shots == "4")
    assert len([cell for cell in sharing if cell.shots == "4"]) == 3


def test_wrong_names_and_empty_lists():
    with pytest.raises(ConfigError, match="no method magic"):
        BenchmarkConfig(methods=("magic",))
    with pytest.raises(ConfigError, match="seeds is"):
        BenchmarkConfig(seeds=())
    with pytest.raises(ConfigError, match="shots is"):
        BenchmarkConfig(shots=(0,))


def test_more_seeds_for_fewer_shots(tmp_path):
    config = BenchmarkConfig(shots=(1, 4), seeds=(0, 1, 2), seed_counts=(3, 1), methods=("nearest-center",))
    cells = run_benchmark([toy_data()], config, tmp_path)
    assert [(cell.shots, cell.seed) for cell in cells] == [("1", 0), ("4", 0), ("1", 1), ("1", 2)]
    fewer = BenchmarkConfig(shots=(1,), seeds=(0,), methods=("nearest-center",))
    assert run_benchmark([toy_data()], fewer, tmp_path)[0].identity == cells[0].identity
    with pytest.raises(ConfigError, match="2 numbers of seeds came with 1 values of shots"):
        replace(fewer, seed_counts=(1, 1))
    with pytest.raises(ConfigError, match=r"seed_counts is \(2,\); allowed is 1 to 1"):
        replace(fewer, seed_counts=(2,))


# ------------------------------------------------------------------------------------------------ shift and errors


def test_figures_under_shift_are_those_of_these_images_at_the_same_temperature():
    data = shifted_data()
    training, validation = (drawn(4, seed) for seed in (1, 5))
    tuned = fit_best(
        protocol.chosen_methods(data.texts, ("ridge",))[0].settings, training, data.texts, validation, seed=0
    )
    figures, _ = judge(tuned, data)
    under = [name for name in figures if "/" in name]
    assert under == [
        f"{figure}/{name}"
        for name in ("noise-1", "noise-2")
        for figure in ("top1_accuracy", "ece", "nll", "error_auroc")
    ]
    for name, part in data.shifted.items():
        probabilities = tuned.probabilities(part.image_features)
        assert figures[f"top1_accuracy/{name}"] == top1_accuracy(probabilities, part.labels)
        right = probabilities.argmax(1) == part.labels
        assert figures[f"error_auroc/{name}"] == error_auroc(-probabilities.max(1), right)
    assert figures["top1_accuracy"] > figures["top1_accuracy/noise-2"] + 0.1
    assert [name for name in judge(tuned, replace(data, shifted={}))[0] if "/" in name] == []


def test_cells_with_and_without_shift_are_different_ones(tmp_path):
    config = BenchmarkConfig(shots=(1,), seeds=(0,), methods=("nearest-center",))
    data = shifted_data()
    run_benchmark([data], config, tmp_path)
    for other in ({}, {"noise-1": data.shifted["noise-1"]}):
        with pytest.raises(FileFormatError, match="other data or with other settings"):
            run_benchmark([replace(data, shifted=other)], config, tmp_path)
    backwards = dict(reversed(data.shifted.items()))
    assert run_benchmark([replace(data, shifted=backwards)], config, tmp_path)  # the order says nothing


@dataclass
class KnowsItsErrors:
    """Answers class 0 always and is unsure by a score of its own."""

    right: np.ndarray
    parameters = 0

    def class_scores(self, image_features):
        scores = np.zeros((len(image_features), CLASSES))
        scores[:, 0] = np.linspace(1, 2, len(image_features))
        return scores

    def error_scores(self, image_features):
        return (~self.right).astype(float)


def test_errors_are_ranked_by_confidence_and_by_the_methods_own_scores():
    data = toy_data()
    fitted = KnowsItsErrors(data.test.labels == 0)
    assert isinstance(fitted, RanksErrors)
    figures, right = judge(Tuned(fitted, {}, 1.0, 0.0, 1, 0.0), data)
    np.testing.assert_array_equal(right, fitted.right)
    assert figures["error_auroc_own"] == 1
    assert figures["error_auroc"] == error_auroc(-np.linspace(1, 2, len(data.test)), right) != 1
    wrong = data.test.take(data.test.labels == 1)
    never = KnowsItsErrors(np.zeros(len(wrong), bool))
    figures, _ = judge(Tuned(never, {}, 1.0, 0.0, 1, 0.0), replace(data, test=wrong))
    assert math.isnan(figures["error_auroc"]) and math.isnan(figures["error_auroc_own"])
    settings = protocol.chosen_methods(data.texts, ("gda",))[0].settings
    tuned = fit_best(settings, drawn(4, 1), data.texts, drawn(4, 5), seed=0)
    figures, _ = judge(tuned, replace(data, test=shifted_data().shifted["noise-2"]))
    assert 0.5 < figures["error_auroc"] < 1 and "error_auroc_own" not in figures


# ------------------------------------------------------------------------------------------------ texts of images, files


def test_shots_come_with_the_texts_of_their_images(tmp_path):
    data = shifted_data()
    training, validation = shot_features(data, 4, 0, tmp_path)
    known = {
        row.tobytes(): text for row, text in zip(data.train.image_features, data.train.image_text_features, strict=True)
    }
    for part in (training, validation):
        for row, text in zip(part.image_features, part.image_text_features, strict=True):
            np.testing.assert_array_equal(known[row.tobytes()], text)
    assert shot_features(toy_data(), 4, 0, tmp_path / "plain")[0].image_text_features is None
    with pytest.raises(DataError, match="16 features came with 15 labels"):
        LabelledFeatures(training.image_features[:15], training.labels[:15], training.image_text_features)
    with pytest.raises(DataError, match="not finite"):
        LabelledFeatures(training.image_features, training.labels, np.full((16, 3), np.nan))


class ColourEncoder:
    """Mean colours of pictures, letters of texts."""

    name, fingerprint, image_dim, text_dim = "colours", "colours", 3, 26

    def prepare_image(self, image):
        return torch.from_numpy(np.asarray(image.convert("RGB"), np.float32).mean((0, 1)))[None]

    def encode_views(self, views):
        return views

    def encode_texts(self, texts):
        return torch.tensor([[float(text.count(letter)) for letter in "abcdefghijklmnopqrstuvwxyz"] for text in texts])


def test_emoji_from_pictures_to_cells_with_the_other_artist_as_shift(tmp_path, monkeypatch):
    monkeypatch.setenv("SEDA_CACHE", str(tmp_path / "cache"))
    dataset = Emoji("google", write_packages(tmp_path))
    config = BenchmarkConfig(shots=(4, 16), seeds=(0,), methods=("ridge", "nearest-center"), test_limit=20, shift=True)
    data = load_data(dataset, ColourEncoder(), config)
    assert data.train.image_text_features.shape == (len(data.train), 26)
    assert list(data.shifted) == ["twitter"] and len(data.test) == len(data.shifted["twitter"]) == 20
    np.testing.assert_array_equal(data.shifted["twitter"].labels, data.test.labels)
    np.testing.assert_array_equal(data.shifted["twitter"].image_text_features, data.test.image_text_features)
    for cell in run_benchmark([data], config, tmp_path / "bench"):
        assert cell.dataset == "emoji:google" and cell.figures["top1_accuracy/twitter"] > 0.8
    assert load_data(dataset, ColourEncoder(), replace(config, shift=False)).shifted == {}


def test_features_of_a_file(tmp_path):
    data = toy_data()
    np.savez(
        tmp_path / "toy.npz",
        image_features=np.concatenate([data.test.image_features, data.train.image_features]),
        labels=np.concatenate([data.test.labels, data.train.labels]),
        test=np.arange(len(data.test) + len(data.train)) < len(data.test),
        class_text_features=data.texts.phrasings,
    )
    config = BenchmarkConfig(shots=(4,), seeds=(0,), methods=("ridge", "gda"), test_limit=100)

    def encoder():
        raise AssertionError("class texts came with the file")

    loaded = load_features("features:toy.npz", read_feature_file(tmp_path / "toy.npz"), config, encoder)
    assert len(loaded.test) == 100 and not loaded.shifted
    np.testing.assert_array_equal(loaded.train.image_features, data.train.image_features)
    cells = run_benchmark([loaded], config, tmp_path)
    assert all(cell.figures["top1_accuracy"] > 0.7 for cell in cells)
    names = np.array(["ant", "bee", "cow", "dog"])
    with np.load(tmp_path / "toy.npz") as file:
        np.savez(
            tmp_path / "named.npz", **{name: file[name] for name in file.files if "text" not in name}, class_names=names
        )
    named = load_features("named", read_feature_file(tmp_path / "named.npz"), config, ColourEncoder)
    assert named.texts.features.shape == (4, 26) and named.texts.features[0, 0] == 1


# ------------------------------------------------------------------------------------------------ leaks


@pytest.mark.slow
def test_shuffled_test_labels_are_chance(tmp_path):
    data = shifted_data()
    order = np.random.default_rng(1).permutation(len(data.test))
    shuffled, shifted = (
        replace(part, labels=part.labels[order]) for part in (data.test, data.shifted["noise-1"])
    )  # fmt: skip
    config = BenchmarkConfig(shots=(4,), seeds=(0,), budget=1)
    for cell in run_benchmark([replace(data, test=shuffled, shifted={"noise-1": shifted})], config, tmp_path):
        for figure in ("top1_accuracy", "top1_accuracy/noise-1"):
            assert abs(cell.figures[figure] - 1 / CLASSES) < 0.1, (cell.method, figure)


@pytest.mark.slow
def test_a_poisoned_test_split_changes_nothing_that_is_fitted(tmp_path, monkeypatch):
    """All methods are fitted beside test images, their texts and shifted images of NaN; their answers on other images are
    the same to the last bit."""
    probe = drawn(10, 9).image_features
    answers = []

    def judge(tuned, data):
        answers.append((tuned.setting, tuned.temperature, tuned.probabilities(probe)))
        return {"test_count": 1}, np.ones(1, bool)

    monkeypatch.setattr(protocol, "judge", judge)
    data, config = shifted_data(), BenchmarkConfig(shots=(2,), seeds=(0,), budget=2)
    poison, *shifted = (
        replace(
            part,
            image_features=np.full_like(part.image_features, np.nan),
            image_text_features=np.full((len(part), DIM), np.nan, np.float32),
        )
        for part in (data.test, *data.shifted.values())
    )
    clean = run_benchmark([data], config, tmp_path / "clean")
    poisoned = replace(data, test=poison, shifted=dict(zip(data.shifted, shifted, strict=True)))
    run_benchmark([poisoned], config, tmp_path / "poisoned")
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
    ours, theirs = (
        [cell(name, s, part[s]) for s in range(5)] for name, part in (("closed-form", better), ("x", shared))
    )
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


@pytest.mark.slow
def test_files_and_page(tmp_path):
    cells = run_benchmark([toy_data()], replace(CONFIG, methods=("closed-form", *FAST), budget=1), tmp_path)
    files = write_report(cells, tmp_path, "python -m seda benchmark --data toy")
    assert [path.name for path in files[:4]] == ["results.csv", "results.json", "cells.parquet", "README.md"]
    assert {path.parent.name for path in files[4:]} == {"figures"}
    with open(tmp_path / "results.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0])[: len(COLUMNS)] == COLUMNS and len(rows) == 20
    ridge = next(row for row in rows if (row["method"], row["shots"], row["seed"]) == ("ridge", "4", "1"))
    wanted = next(part for part in cells if (part.method, part.shots, part.seed) == ("ridge", "4", 1))
    assert float(ridge["top1_accuracy"]) == wanted.figures["top1_accuracy"]
    for name, value in wanted.figures.items():
        assert float(ridge[name]) == pytest.approx(value, rel=5e-6, nan_ok=True) and len(ridge[name].lstrip("-0.")) < 13
    assert len(json.loads((tmp_path / "results.json").read_text())) == 20
    text = (tmp_path / "README.md").read_text()
    for part in (
        "python -m seda benchmark --data toy",
        "## toy",
        "| closed-form minus |",
        "200 of toy",
        "2 seeds a cell",
        "| collapse |",
    ):
        assert part in text, part


def test_the_page_says_where_seda_loses_and_copes_with_unfinished_runs():
    right = np.ones(300, bool)
    wrong = right.copy()
    wrong[:60] = False
    cells = [cell("closed-form", s, wrong) for s in range(3)] + [cell("ridge", s, right) for s in range(3)]
    text = page(cells, "call")
    assert "more than half a point below the best method at shots 4 (0.800 against ridge's 1.000)" in text
    assert "Over few shots the closed form is behind ridge: -0.200 [" in text
    assert "At no number of shots" in page([cell("closed-form", 0, right), cell("ridge", 0, wrong)], "call")
    assert " minus |" not in page([cell("ridge", 0, right)], "call")
    partial = page([*cells, cell("ridge", 0, right, shots="8")], "call")
    assert "| ridge |" in partial and "8 shots" in partial


def test_seda_and_other_maps_say_how_their_ends_are_distributed(tmp_path):
    config = BenchmarkConfig(shots=(4,), seeds=(0,), budget=1, methods=("seda", "closed-form", "ridge", "gda"))
    data = replace(shifted_data(), shifted={})  # images have texts of their own, as many as neighbourhoods need
    found = {part.method: part.figures for part in run_benchmark([data], config, tmp_path)}
    ends = {*KEPT, "r1_one_end", "r1_mean_of_16"}
    assert {name: ends - set(figures) for name, figures in found.items()} == {
        "seda": set(), "closed-form": {"r1_mean_of_16"}, "ridge": {"r1_mean_of_16"}, "gda": ends,
    }  # fmt: skip
    assert all(np.isfinite(value) for value in found["seda"].values())
    assert found["seda"]["real_length"] == found["ridge"]["real_length"] == pytest.approx(DIM**0.5, rel=0.1)
    assert found["seda"]["r1_mean_of_16"] == pytest.approx(found["seda"]["top1_accuracy"], abs=0.02)
    assert found["seda"]["top1_accuracy"] > 0.7 and "error_auroc_own" in found["seda"]
    assert found["closed-form"]["r1_one_end"] > 0.7
    text = page(read_cells(tmp_path), "call")
    assert "|  | mmd2 | energy | density | coverage | mean_length | spread | r1_one_end | r1_mean_of_16 |" in text


def test_end_figures_by_hand():
    texts, labels = class_texts(), np.arange(400) % CLASSES
    near = 0.1 * np.random.default_rng(5).normal(size=(3, 400, DIM)).astype(np.float32)
    own = texts.features[labels] + near[0]
    alike = end_figures((texts.features[labels] + near[1])[None], labels, texts, own)
    assert abs(alike["mmd2"]) < 0.01 and alike["spread"] == pytest.approx(1, abs=0.1) and alike["r1_one_end"] == 1
    assert alike["mean_length"] == pytest.approx(alike["real_length"], rel=0.02) and "r1_mean_of_1" not in alike
    mean = texts.phrasings.reshape(-1, DIM).mean(0)
    short = end_figures(((mean + own) / 2)[None], labels, texts, own)  # half-way: the same directions, half as long
    assert short["mean_length"] == pytest.approx(alike["real_length"] / 2, rel=1e-4)
    assert short["spread"] == pytest.approx(0.5, rel=1e-4) and short["mmd2"] > 0.05 and short["r1_one_end"] == 1
    larger = ClassTextFeatures(10 * texts.phrasings)  # the encoder's units have no part in it
    assert end_figures(10 * ((mean + own) / 2)[None], labels, larger, 10 * own) == pytest.approx(short, rel=1e-3)
    wrong = texts.features[(labels + 1) % CLASSES]
    three = end_figures(np.stack([own, own, wrong]), labels, texts)
    # eight phrasings are too few for neighbourhoods: what needs none is said
    assert set(three) == {"r1_one_end", "r1_mean_of_3"}
    assert three["r1_one_end"] == pytest.approx(2 / 3) and three["r1_mean_of_3"] > 0.9


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
