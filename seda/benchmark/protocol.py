"""The protocol: data x shots x seeds x methods, one cell after the other, each measured on the test split once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from seda.baselines.base import ClassTextFeatures, LabelledFeatures, MapsToText, NamedHead
from seda.benchmark.cells import Cell, cell_path, finished_cell, index_path, pack_answers, write_cell
from seda.benchmark.methods import Method, check_methods, chosen_methods
from seda.benchmark.shots import fixed_shots, shots_name
from seda.benchmark.tuning import BUDGET, Tuned, fit_best
from seda.data.datasets import ImageDataset
from seda.data.feature_set import FeatureSet
from seda.data.features import chosen_indices, encode_split
from seda.encoders.base import Encoder
from seda.errors import ConfigError
from seda.evaluation.alignment import (
    centroid_gap,
    recall_at_k,
    relative_modality_gap,
    unbiased_cka,
    unbiased_mmd,
)
from seda.evaluation.classification import (
    brier_score,
    expected_calibration_error,
    negative_log_likelihood,
    top1_accuracy,
)
from seda.storage import fingerprint
from seda.training.phrases import class_phrasings

VERSION = 1  # raise it when cells of the same settings come out differently
ALIGNED = 500  # test images that gaps, kernels and retrieval are measured on; their cost grows with the square
RECALL_AT = 5


@dataclass(frozen=True)
class BenchmarkConfig:
    """What is measured.

    Attributes:
        shots: training images a class; None for all.
        seeds: of shots, initial weights and noise.
        methods: names; None for all that are defined for the encoders.
        budget: settings that each method may try, at most.
        train_limit: training images of a data set that shots are drawn from: the first so many.
        test_limit: test images, a fixed random part; None for all.
    """

    shots: tuple[int | None, ...] = (1, 2, 4, 8, 16)
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    methods: tuple[str, ...] | None = None
    budget: int = BUDGET
    train_limit: int = 14_000  # as the shipped aligner: 12,000 for training and 2,000 for validation
    test_limit: int | None = None

    def __post_init__(self) -> None:
        check_methods(self.methods)
        for name, values, lowest in (("shots", self.shots, 1), ("seeds", self.seeds, 0), ("budget", (self.budget,), 1)):
            if not values or any(value is not None and value < lowest for value in values):
                raise ConfigError(f"{name} is {values}; at least one value of {lowest} or more is needed.")


@dataclass(frozen=True, eq=False)
class BenchmarkData:
    """One data set as features. Methods are given parts of `train`; `test` is read by `judge` alone."""

    name: str
    train: FeatureSet
    test: FeatureSet
    texts: ClassTextFeatures

    @property
    def fingerprint(self) -> str:
        """Of everything that a cell depends on but for the features, which these determine."""
        parts = (self.train, self.test)
        return fingerprint(
            {
                "encoder": [part.encoder_fingerprint for part in parts],
                "data": [part.data_fingerprint for part in parts],
                "counts": [len(part) for part in parts],
                "texts": self.texts.phrasings,
            }
        )


def load_data(
    dataset: ImageDataset,
    encoder: Encoder,
    config: BenchmarkConfig,
    *,
    on_progress: Callable[[str, int, int], object] | None = None,
) -> BenchmarkData:
    """Encode a data set and its class texts.

    Raises:
        DataError: the data cannot be read, or encoding was stopped.
    """
    report = on_progress or (lambda *_: None)
    train, test = (
        encode_split(
            dataset, split, encoder, limit=limit, seed=None,
            on_progress=lambda done, total, split=split: report(f"encoding {dataset.name}, {split}", done, total),
        )
        for split, limit in (("train", config.train_limit), ("test", None))
    )  # fmt: skip
    test = test.take(chosen_indices(len(test), config.test_limit))
    phrasings = class_phrasings(dataset.class_names, dataset.other_words)
    encoded = encoder.encode_texts([text for texts in phrasings for text in texts]).numpy()
    encoded = encoded.reshape(len(phrasings), -1, encoded.shape[1])  # [k, p, d]
    wanted = config.methods is None or "conse" in config.methods
    head = _named_head(encoder) if wanted and hasattr(encoder, "imagenet_head") else None
    # open_clip's models are trained on pairs of image and text; the bundled encoders never met
    texts = ClassTextFeatures(encoded, shared_space=encoder.name.startswith("open_clip"), head=head)
    return BenchmarkData(dataset.name, train, test, texts)


def _named_head(encoder: Encoder) -> NamedHead:
    from open_clip import IMAGENET_CLASSNAMES

    weight, bias = encoder.imagenet_head
    return NamedHead(weight.numpy(), bias.numpy(), encoder.encode_texts(IMAGENET_CLASSNAMES).numpy())


@dataclass(frozen=True)
class _Task:
    """One cell that is to be measured."""

    data: BenchmarkData
    shots: int | None
    seed: int
    method: Method


def run_benchmark(
    data: Sequence[BenchmarkData],
    config: BenchmarkConfig,
    out: Path,
    *,
    on_cell: Callable[[Cell, int, int], object] | None = None,
) -> list[Cell]:
    """Measure every cell that is not finished yet, and return all of them.

    Several processes may work in one folder, for instance on different methods.

    Args:
        data: from `load_data`.
        config: what is measured.
        out: folder of cells and index files.
        on_cell: told of each cell, cells done, of how many, also of those that were finished before.
    Raises:
        ConfigError: a method is not known.
        DataError: a class has too few images.
        FileFormatError: a finished cell was measured on other data or with other settings.
        StorageError: the folder cannot be written.
    """
    tasks = list(_tasks(data, config))
    cells: list[Cell] = []
    parts: tuple[LabelledFeatures, LabelledFeatures] | None = None
    before: tuple[object, ...] = ()
    for task in tasks:
        path = cell_path(out, task.data.name, shots_name(task.shots), task.seed, task.method.name)
        identity = _identity(task, config)
        cell = finished_cell(path, identity)
        if cell is None:
            same = task.data, task.shots, task.seed
            if parts is None or same != before:
                parts, before = shot_features(task.data, task.shots, task.seed, out), same
            tuned = fit_best(
                task.method.settings, parts[0], task.data.texts, parts[1], seed=task.seed, budget=config.budget
            )
            cell = _cell(task, identity, tuned, parts)
            write_cell(out, cell)
        cells.append(cell)
        if on_cell is not None:
            on_cell(cell, len(cells), len(tasks))
    return cells


def _tasks(data: Sequence[BenchmarkData], config: BenchmarkConfig) -> Iterator[_Task]:
    """Seeds outermost, so that a run that is stopped has measured all methods alike; methods innermost share their shots."""
    methods = [chosen_methods(part.texts, config.methods) for part in data]  # a wrong name is said at once
    for seed in config.seeds:
        for part, known in zip(data, methods, strict=True):
            for shots in config.shots:
                for method in known:
                    yield _Task(part, shots, seed, method)


def shot_features(
    data: BenchmarkData, shots: int | None, seed: int, out: Path
) -> tuple[LabelledFeatures, LabelledFeatures]:
    """Training and validation features of one few-shot task, by its index file."""
    split = fixed_shots(
        index_path(out, data.name, shots_name(shots), seed),
        data.train.data_fingerprint, data.train.labels, len(data.texts.features), shots, seed,
    )  # fmt: skip
    chosen = (data.train.take(indices) for indices in (split.training, split.validation))
    training, validation = (LabelledFeatures(part.image_features, part.labels) for part in chosen)
    return training, validation


def judge(tuned: Tuned, data: BenchmarkData) -> tuple[dict[str, float], np.ndarray]:
    """Figures of a fitted method on the test split, and whether each of its images was answered rightly [n]."""
    test = data.test
    start = time.perf_counter()
    probabilities = tuned.probabilities(test.image_features)
    seconds = time.perf_counter() - start
    figures = {
        "top1_accuracy": top1_accuracy(probabilities, test.labels),
        "ece": expected_calibration_error(probabilities, test.labels),
        "nll": negative_log_likelihood(probabilities, test.labels),
        "brier": brier_score(probabilities, test.labels),
        "test_seconds": seconds,
        "test_count": len(test),
    }
    if isinstance(tuned.fitted, MapsToText):
        part = test.take(chosen_indices(len(test), ALIGNED))
        figures |= alignment_figures(tuned.fitted.to_text_space(part.image_features), part.labels, data.texts.features)
    return figures, probabilities.argmax(1) == test.labels


def alignment_figures(mapped: np.ndarray, labels: np.ndarray, texts: np.ndarray) -> dict[str, float]:
    """How mapped images [n, d] of classes [n] lie to the class texts [k, d]; each gap beside its retrieval."""
    own, classes = texts[labels], np.arange(len(texts))
    return {
        "image_to_text_R@1": recall_at_k(mapped, texts, labels, classes, 1),
        "text_to_image_R@1": recall_at_k(texts, mapped, classes, labels, 1),
        f"text_to_image_R@{RECALL_AT}": recall_at_k(texts, mapped, classes, labels, RECALL_AT),
        "centroid_gap": centroid_gap(mapped, own),
        "relative_modality_gap": relative_modality_gap(mapped, own),
        "cka": unbiased_cka(mapped, own),
        "mmd": unbiased_mmd(mapped, own),
    }


def _cell(task: _Task, identity: str, tuned: Tuned, parts: tuple[LabelledFeatures, LabelledFeatures]) -> Cell:
    figures, right = judge(tuned, task.data)
    figures |= {
        "seconds": tuned.seconds,
        "parameters": tuned.fitted.parameters,
        "tried": tuned.tried,
        "temperature": tuned.temperature,
        "validation_nll": tuned.validation_nll,
        "train_count": len(parts[0]),
        "validation_count": len(parts[1]),
    }
    return Cell(
        task.data.name, shots_name(task.shots), task.seed, task.method.name, identity, figures, tuned.setting,
        pack_answers(right),
    )  # fmt: skip


def _identity(task: _Task, config: BenchmarkConfig) -> str:
    settings = [[type(setting).__name__, asdict(setting)] for setting in task.method.settings[: config.budget]]
    limits = {"train": config.train_limit, "test": config.test_limit}
    return fingerprint(
        [VERSION, task.data.fingerprint, shots_name(task.shots), task.seed, task.method.name, settings, limits]
    )
