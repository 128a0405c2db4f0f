"""Which cells a table or a picture is about."""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Iterable, Sequence

from seda.benchmark.cells import Cell, shots_order
from seda.benchmark.methods import ANSWER, LEARNED, METHODS, OURS
from seda.benchmark.shots import FULL

TO_BEAT = ("mlp", "ridge", "nearest-center", "logistic-regression")
VARIANT = f"{ANSWER}/"  # how names of ablations begin
LABELS = {ANSWER: "Closed form (SeDA's answer)", LEARNED: "SeDA, learned"}  # in pictures
SPOKEN = {ANSWER: "the closed form", LEARNED: "learned SeDA"}  # in sentences


def groups(cells: Iterable[Cell], *names: str) -> dict[tuple, list[Cell]]:
    """Cells by their attributes of these names, in the order of the first cell of each."""
    found: dict[tuple, list[Cell]] = {}
    for cell in cells:
        found.setdefault(tuple(getattr(cell, name) for name in names), []).append(cell)
    return found


def methods(cells: Iterable[Cell]) -> list[str]:
    """Ours first, then by mean accuracy; no ablations."""
    found = {name: group for (name,), group in groups(cells, "method").items() if not name.startswith(VARIANT)}
    order = sorted(found, key=lambda name: -average(found[name], "top1_accuracy"))
    return sorted(order, key=lambda name: OURS.index(name) if name in OURS else len(OURS))


def variants(cells: Iterable[Cell]) -> list[str]:
    """Ablations of ours, by name."""
    return sorted({cell.method for cell in cells if cell.method.startswith(VARIANT)})


def at_shots_of_all_variants(cells: Sequence[Cell]) -> list[Cell]:
    """Those at numbers of shots at which every ablation was measured, or means over shots could not be compared; all where
    there is no such number.
    """
    names = variants(cells)
    common = [shots for shots in shots_of(cells) if all(at(of(cells, name), shots) for name in names)]
    return [cell for cell in cells if cell.shots in common] or list(cells)


def controls() -> set[str]:
    """Methods that are there to be understood, not to be beaten."""
    return {method.name for method in METHODS if method.control}


def peers(cells: Iterable[Cell]) -> list[str]:
    """What ours have to stand up to, by mean accuracy."""
    return [name for name in methods(cells) if name not in OURS and name not in controls()]


def ours(cells: Iterable[Cell]) -> list[str]:
    """The rows of SeDA itself that there are: the answer, then the learned paths."""
    found = {cell.method for cell in cells}
    return [name for name in OURS if name in found]


def label(name: str) -> str:
    """A method as pictures name it."""
    return LABELS.get(name, name)


def shots_of(cells: Iterable[Cell]) -> list[str]:
    """Numbers of shots among the cells, the smallest first, all of them last."""
    return sorted({cell.shots for cell in cells}, key=shots_order)


def few_shots(cells: Iterable[Cell]) -> list[Cell]:
    """The cells that were not fitted on everything."""
    return [cell for cell in cells if cell.shots != FULL]


def largest_few(cells: Sequence[Cell]) -> str:
    """The largest number of few shots; "full" where nothing else was measured."""
    return (shots_of(few_shots(cells)) or shots_of(cells))[-1]


def of(cells: Iterable[Cell], method: str) -> list[Cell]:
    """The cells of a method."""
    return [cell for cell in cells if cell.method == method]


def at(cells: Iterable[Cell], shots: str) -> list[Cell]:
    """The cells of a number of shots."""
    return [cell for cell in cells if cell.shots == shots]


def values(cells: Iterable[Cell], name: str) -> list[float]:
    """A figure of each cell that has it."""
    found = (cell.figures.get(name, math.nan) for cell in cells)
    return [value for value in found if not math.isnan(value)]


def average(cells: Iterable[Cell], name: str) -> float:
    """Mean of a figure over the cells that have it; NaN where none has."""
    found = values(cells, name)
    return statistics.mean(found) if found else math.nan


def spread(found: Sequence[float]) -> float:
    """Standard deviation; 0 of a single value."""
    return statistics.stdev(found) if len(found) > 1 else 0.0


def conditions(cells: Iterable[Cell], figure: str = "top1_accuracy") -> dict[str, dict[float, str]]:
    """Kinds of shift -> strength -> the figure's name in the cells ("top1_accuracy/noise-3"); strength 1 where none is said."""
    found: dict[str, dict[float, str]] = {}
    for name in sorted({name for cell in cells for name in cell.figures if name.startswith(f"{figure}/")}):
        parts = re.fullmatch(r"(.+?)(?:-([0-9.]+))?", name.removeprefix(f"{figure}/"))
        assert parts is not None, f"{name} names no condition."
        kind, strength = parts.groups()
        found.setdefault(kind, {})[float(strength or 1)] = name
    return {kind: dict(sorted(names.items())) for kind, names in found.items()}


def title(dataset: str) -> str:
    """A data set's name at the head of a picture."""
    return {"fashion-mnist": "Fashion-MNIST"}.get(dataset, dataset[:1].upper() + dataset[1:].replace(":", ": "))


def shots_words(shots: str) -> str:
    """A number of shots for the reader."""
    return shots if shots == FULL else "1 shot" if shots == "1" else f"{shots} shots"
