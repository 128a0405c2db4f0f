"""Cells of the benchmark on disk: one JSON file each, written beside and renamed, so that a kill loses one cell at most.

A finished run is also packed into one file, from which another run takes over what it need not measure again.
"""

from __future__ import annotations

import io
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from seda.errors import FileFormatError
from seda.storage import read_json, write_bytes, write_json

PACKED = "cells.parquet"
COLUMNS = ("dataset", "shots", "seed", "method", "top1_accuracy", "ece", "nll", "seconds", "parameters")


@dataclass(frozen=True)
class Cell:
    """One method on one data set with so many shots and one seed.

    Attributes:
        dataset, shots, seed, method: what was measured; shots as `shots_name`.
        identity: fingerprint of data, texts, settings and protocol.
        figures: of the test split, with wall time and size; accuracies are fractions, nll is in nats.
        setting: the hyper-parameters that validation chose.
        right: for each test image whether the answer was right, eight to a byte, hexadecimal; for paired intervals.
    """

    dataset: str
    shots: str
    seed: int
    method: str
    identity: str
    figures: dict[str, float]
    setting: dict[str, Any]
    right: str

    @property
    def key(self) -> tuple[str, str, int, str]:
        """What was measured."""
        return self.dataset, self.shots, self.seed, self.method

    @property
    def row(self) -> dict[str, Any]:
        """One row of results.csv: COLUMNS first."""
        named = {"dataset": self.dataset, "shots": self.shots, "seed": self.seed, "method": self.method}
        return {**named, **{name: self.figures[name] for name in COLUMNS[4:]}, **self.figures}

    @property
    def answers(self) -> np.ndarray:
        """bool [n], whether each test image was answered rightly."""
        bits = np.unpackbits(np.frombuffer(bytes.fromhex(self.right), np.uint8))
        return bits[: int(self.figures["test_count"])].astype(bool)


_FIELDS = [field.name for field in fields(Cell)]


def pack_answers(right: np.ndarray) -> str:
    """bool [n] to the hexadecimal form of `Cell.right`."""
    return np.packbits(right).tobytes().hex()


def cell_path(out: Path, dataset: str, shots: str, seed: int, method: str) -> Path:
    """Where a cell lies below the benchmark's folder."""
    return out / "cells" / _file_name(dataset) / f"{shots}-{seed}-{_file_name(method)}.json"


def index_path(out: Path, dataset: str, shots: str, seed: int) -> Path:
    """Where a few-shot split lies below the benchmark's folder."""
    return out / "indices" / _file_name(dataset) / f"{shots}-{seed}.json"


def write_cell(out: Path, cell: Cell) -> Path:
    """Write a cell into the folder of results, beside and renamed; its path."""
    return write_json(cell_path(out, *cell.key), asdict(cell))


def read_cell(path: Path) -> Cell:
    """
    Raises:
        FileFormatError: the file is damaged or not a cell.
    """
    try:
        cell = Cell(**read_json(path))
        # JSON has no NaN: a figure that does not exist is null there
        return replace(
            cell, figures={name: math.nan if value is None else value for name, value in cell.figures.items()}
        )
    except (TypeError, AttributeError) as error:
        raise FileFormatError(f"{path} is not a cell of the benchmark ({error}).", remedy="Delete the file.") from error


def finished_cell(path: Path, identity: str) -> Cell | None:
    """The cell, where it is finished.

    Raises:
        FileFormatError: it was measured on other data or with other settings.
    """
    if not path.is_file():
        return None
    cell = read_cell(path)
    if cell.identity != identity:
        raise FileFormatError(
            f"The finished cell {path} was measured on other data or with other settings.",
            remedy="Choose another folder, or delete the file to measure it again.",
        )
    return cell


def read_cells(out: Path) -> list[Cell]:
    """All finished cells of a folder, sorted by data set, shots, seed and method."""
    return in_order(read_cell(path) for path in (out / "cells").glob("*/*.json") if not path.name.startswith("."))


def in_order(cells: Iterable[Cell]) -> list[Cell]:
    """Sorted by data set, shots, seed and method; of cells that measured the same thing the last one."""
    found = {cell.key: cell for cell in cells}
    return sorted(found.values(), key=lambda cell: (cell.dataset, shots_order(cell.shots), cell.seed, cell.method))


def write_packed(path: Path, cells: Sequence[Cell]) -> Path:
    """Write cells as one parquet file, a row each; figures and setting are JSON texts."""
    import pandas as pd

    rows = [
        {**asdict(cell), "figures": _text(cell.figures), "setting": _text(cell.setting), "right": bytes.fromhex(cell.right)}
        for cell in cells
    ]  # fmt: skip
    packed = io.BytesIO()
    pd.DataFrame(rows, columns=_FIELDS).to_parquet(packed, index=False, compression="zstd")
    return write_bytes(path, packed.getvalue())


def read_packed(path: Path) -> list[Cell]:
    """The cells that `write_packed` wrote.

    Raises:
        FileFormatError: the file is missing, damaged or something else.
    """
    import pandas as pd

    try:
        packed = pd.read_parquet(path, columns=_FIELDS).to_dict("records")
        rows = [{name: row[name] for name in _FIELDS} for row in packed]
        return [
            Cell(**row | {"figures": json.loads(row["figures"]), "setting": json.loads(row["setting"]), "right": row["right"].hex()})
            for row in rows
        ]  # fmt: skip
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise FileFormatError(
            f"{path} holds no cells of the benchmark ({error}).",
            remedy=f"Give a {PACKED} that `python -m seda benchmark` wrote.",
        ) from error


def _text(value: dict[str, Any]) -> str:
    return json.dumps(value, sort_keys=True)


def shots_order(shots: str) -> float:
    """Sorts shots by number, "full" last."""
    return float(shots) if shots.isdigit() else float("inf")


def _file_name(name: str) -> str:
    return "".join(c if c.isalnum() or c in "-+." else "_" for c in name)
