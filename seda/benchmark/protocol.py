"""The protocol: data x shots x seeds x methods, one cell after the other, each measured on the test split once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from seda.baselines.base import ClassTextFeatures, LabelledFeatures, MapsToText, NamedHead, RanksErrors
from seda.benchmark.cells import Cell, cell_path, finished_cell, index_path, pack_answers, write_cell
from seda.benchmark.mapped import mapped_figures
from seda.benchmark.methods import Method, check_methods, chosen_methods
from seda.benchmark.shots import fixed_shots, shots_name
from seda.benchmark.tuning import BUDGET, Tuned, fit_best
from seda.data.base import ImageDataset
from seda.data.corruptions import shifts_of
from seda.data.feature_file import FeatureFile
from seda.data.feature_set import FeatureSet
from seda.data.features import chosen_indices, encode_split
from seda.encoders.base import Encoder, HeadedEncoder, has_head
from seda.encoders.families import shares_space
from seda.errors import ConfigError
from seda.evaluation.classification import (
    brier_score,
    error_auroc,
    expected_calibration_error,
    negative_log_likelihood,
    top1_accuracy,
)
from seda.storage import fingerprint
from seda.training.phrases import class_phrasings

VERSION = 2  # raise it when cells of the same settings come out differently
ALIGNED = 500  # test images that gaps, kernels and retrieval are measured on; their cost grows with the square


@dataclass(frozen=True)
class BenchmarkConfig:
    """What is measured.

    Attributes:
        shots: training images a class; None for all.
        seeds: of shots, initial weights and noise.
        seed_counts: for each of shots, how many of the seeds are used, from the first on; None for all of them.
        methods: names; None for all that are defined for the encoders.
        budget: settings that each method may try, at most.
        train_limit: training images of a data set that shots are drawn from: the first so many.
        test_limit: test images, a fixed random part; None for all.
        shift: whether answers on pictures unlike the training's are measured too, see `shifts_of`.
    """

    shots: tuple[int | None, ...] = (1, 2, 4, 8, 16)
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    methods: tuple[str, ...] | None = None
    budget: int = BUDGET
    train_limit: int = 14_000  # as the shipped aligner: 12,000 for training and 2,000 for validation
    test_limit: int | None = None
    seed_counts: tuple[int, ...] | None = None
    shift: bool = False

    def __post_init__(self) -> None:
        check_methods(self.methods)
        for name, values, lowest in (("shots", self.shots, 1), ("seeds", self.seeds, 0), ("budget", (self.budget,), 1)):
            if not values or any(value is not None and value < lowest for value in values):
                raise ConfigError(f"{name} is {values}; at least one value of {lowest} or more is needed.")
        counts = self.seed_counts
        if counts is not None and len(counts) != len(self.shots):
            raise ConfigError(
                f"{len(counts)} numbers of seeds came with {len(self.shots)} values of shots; as many are needed.",
                remedy="Give one number for all, or one for each of --shots.",
            )
        if counts is not None and not all(1 <= count <= len(self.seeds) for count in counts):
            raise ConfigError(
                f"seed_counts is {counts}; allowed is 1 to {len(self.seeds)}, as many as there are seeds."
            )

    def seeds_of(self, shots: int | None) -> tuple[int, ...]:
        """The seeds of one of the shots."""
        return self.seeds if self.seed_counts is None else self.seeds[: self.seed_counts[self.shots.index(shots)]]


@dataclass(frozen=True, eq=False)
class BenchmarkData:
    """One data set as features. Methods are given parts of `train`; `test` and `shifted` are read by `judge` alone.

    Attributes:
        shifted: test images of the same classes that look otherwise, by a name such as "noise-3".
    """

    name: str
    train: FeatureSet
    test: FeatureSet
    texts: ClassTextFeatures
    shifted: Mapping[str, FeatureSet] = field(default_factory=dict)

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
                "shifted": {name: [part.data_fingerprint, len(part)] for name, part in self.shifted.items()},
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
            on_progress=partial(report, f"encoding {dataset.name}, {split}"),
        )
        for split, limit in (("train", config.train_limit), ("test", None))
    )  # fmt: skip
    test = test.take(chosen_indices(len(test), config.test_limit))
    shifted = {
        # the same images as above: both take the first of one permutation
        name: encode_split(
            changed, "test", encoder, limit=config.test_limit,
            on_progress=partial(report, f"encoding {changed.name}, test"),
        )
        for name, changed in (shifts_of(dataset) if config.shift else {}).items()
    }  # fmt: skip
    encoded = _encode_classes(encoder, dataset.class_names, dataset.other_words)
    wanted = config.methods is None or "conse" in config.methods
    head = _named_head(encoder) if wanted and has_head(encoder) else None
    texts = ClassTextFeatures(encoded, shared_space=shares_space(encoder), head=head)
    return BenchmarkData(dataset.name, train, test, texts, shifted)


def load_features(
    name: str, file: FeatureFile, config: BenchmarkConfig, encoder: Callable[[], Encoder]
) -> BenchmarkData:
    """Data from a file of features; there is no shift, and nothing is encoded but class names without features.

    Args:
        name: for cells and tables.
        file: from `read_feature_file`.
        config: its limits are heeded.
        encoder: gives the encoder of class names; called only where the file lacks their features.
    """
    train = file.train.take(chosen_indices(len(file.train), config.train_limit, None))
    test = file.test.take(chosen_indices(len(file.test), config.test_limit))
    phrasings = file.class_text_features
    if phrasings is None:
        phrasings = _encode_classes(encoder(), file.train.class_names, {})
    return BenchmarkData(name, train, test, ClassTextFeatures(phrasings, shared_space=file.shared_space))


def _encode_classes(encoder: Encoder, names: Sequence[str], other_words: Mapping[str, Sequence[str]]) -> np.ndarray:
    """float32 [k, p, d]."""
    phrasings = class_phrasings(names, other_words)
    encoded = encoder.encode_texts([text for texts in phrasings for text in texts]).numpy()
    return encoded.reshape(len(phrasings), -1, encoded.shape[1])


def _named_head(encoder: HeadedEncoder) -> NamedHead:
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

    @property
    def key(self) -> tuple[str, str, int, str]:
        """As `Cell.key`."""
        return self.data.name, shots_name(self.shots), self.seed, self.method.name


def run_benchmark(
    data: Sequence[BenchmarkData],
    config: BenchmarkConfig,
    out: Path,
    *,
    known: Iterable[Cell] = (),
    on_cell: Callable[[Cell, int, int], object] | None = None,
) -> list[Cell]:
    """Measure every cell that is not finished yet, and return all of them.

    Several processes may work in one folder, for instance on different methods.

    Args:
        data: from `load_data`.
        config: what is measured.
        out: folder of cells and index files.
        known: cells of another run; those of the same data and settings are taken over instead of measured.
        on_cell: told of each cell, cells done, of how many, also of those that were finished before.
    Raises:
        ConfigError: a method is not known.
        DataError: a class has too few images.
        FileFormatError: a finished cell was measured on other data or with other settings.
        StorageError: the folder cannot be written.
    """
    tasks = list(_tasks(data, config))
    earlier = {cell.key: cell for cell in known}
    cells: list[Cell] = []
    parts: tuple[LabelledFeatures, LabelledFeatures] | None = None
    before: tuple[object, ...] = ()
    for task in tasks:
        key, identity = task.key, _identity(task, config)
        cell = finished_cell(cell_path(out, *key), identity)
        if cell is None and key in earlier and earlier[key].identity == identity:
            cell = earlier[key]
            write_cell(out, cell)
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
                for method in known if seed in config.seeds_of(shots) else ():
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
    training, validation = (
        LabelledFeatures(part.image_features, part.labels, part.image_text_features) for part in chosen
    )
    return training, validation


def judge(tuned: Tuned, data: BenchmarkData) -> tuple[dict[str, float], np.ndarray]:
    """Figures of a fitted method on the test split, and whether each of its images was answered rightly [n].

    Under a shift they are called as "top1_accuracy/noise-3", at the temperature that validation chose.
    """
    test = data.test
    start = time.perf_counter()
    probabilities = tuned.probabilities(test.image_features)
    seconds = time.perf_counter() - start
    right = probabilities.argmax(1) == test.labels
    figures = {
        **_answers_figures(probabilities, test.labels),
        "brier": brier_score(probabilities, test.labels),
        "test_seconds": seconds,
        "test_count": len(test),
    }
    if isinstance(tuned.fitted, RanksErrors):
        figures["error_auroc_own"] = error_auroc(tuned.fitted.error_scores(test.image_features), right)
    if isinstance(tuned.fitted, MapsToText):
        part = test.take(chosen_indices(len(test), ALIGNED))
        figures |= mapped_figures(tuned.fitted, part, data.texts)
    for name, part in sorted(data.shifted.items()):
        shifted = _answers_figures(tuned.probabilities(part.image_features), part.labels)
        figures |= {f"{figure}/{name}": value for figure, value in shifted.items()}
    return figures, right


def _answers_figures(probabilities: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """How right and how sure the answers [n, k] are, and whether the unsure ones are the wrong ones."""
    return {
        "top1_accuracy": top1_accuracy(probabilities, labels),
        "ece": expected_calibration_error(probabilities, labels),
        "nll": negative_log_likelihood(probabilities, labels),
        "error_auroc": error_auroc(1 - probabilities.max(1), probabilities.argmax(1) == labels),
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
    return Cell(*task.key, identity, figures, tuned.setting, pack_answers(right))


def _identity(task: _Task, config: BenchmarkConfig) -> str:
    settings = [[type(setting).__name__, asdict(setting)] for setting in task.method.settings[: config.budget]]
    limits = {"train": config.train_limit, "test": config.test_limit}
    name = task.method.measured_as or task.method.name
    return fingerprint([VERSION, task.data.fingerprint, shots_name(task.shots), task.seed, name, settings, limits])
