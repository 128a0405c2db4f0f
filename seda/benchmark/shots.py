"""Which images a few-shot training sees: fixed by data set, shots and seed, and kept as a file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from seda.config import TrainingConfig
from seda.errors import DataError, FileFormatError
from seda.storage import read_json, write_json
from seda.training.fit import split_validation

MAX_VALIDATION = 4  # images a class beside the shots; chosen here: what the few-shot literature allows itself
FULL = "full"


@dataclass(frozen=True, eq=False)
class ShotSplit:
    """Positions in the training split, int64: training [n] and validation [m] have no image in common."""

    training: np.ndarray
    validation: np.ndarray


def shots_name(shots: int | None) -> str:
    """For files and tables: the number, or "full"."""
    return FULL if shots is None else str(shots)


def choose_shots(labels: np.ndarray, class_count: int, shots: int | None, seed: int) -> ShotSplit:
    """`shots` images of each class, and beside them min(shots, 4) for validation; None for all, as training does it.

    With the same seed fewer shots are a part of more.

    Raises:
        DataError: a class has too few images.
    """
    needed = 2 if shots is None else shots + min(shots, MAX_VALIDATION)
    counts = np.bincount(labels, minlength=class_count)
    if counts.min() < needed:
        raise DataError(
            f"{shots_name(shots)} shots need {needed} training images of each class; the smallest class has {counts.min()}.",
            remedy="Choose fewer shots, or add pictures.",
        )
    if shots is None:
        parts = split_validation(torch.from_numpy(labels), TrainingConfig.validation_share, seed)
        return ShotSplit(*(part.numpy() for part in parts))
    rng = np.random.default_rng(seed)
    orders = [rng.permutation(np.flatnonzero(labels == label)) for label in range(class_count)]
    return ShotSplit(
        np.sort(np.concatenate([order[:shots] for order in orders])),
        np.sort(np.concatenate([order[shots:needed] for order in orders])),
    )


def fixed_shots(
    path: Path, data_fingerprint: str, labels: np.ndarray, class_count: int, shots: int | None, seed: int
) -> ShotSplit:
    """The split from its index file; drawn and written where there is none.

    Raises:
        FileFormatError: the file is damaged, or was made for other data.
        DataError: a class has too few images.
    """
    if not path.is_file():
        split = choose_shots(labels, class_count, shots, seed)
        values = {"training": split.training.tolist(), "validation": split.validation.tolist()}
        write_json(path, {"data": data_fingerprint, "images": len(labels), **values})
        return split
    values = read_json(path)
    if not isinstance(values, dict) or (values.get("data"), values.get("images")) != (data_fingerprint, len(labels)):
        raise FileFormatError(
            f"The index file {path} was made for other data.", remedy="Choose another folder, or delete the file."
        )
    return ShotSplit(np.array(values["training"], np.int64), np.array(values["validation"], np.int64))
