"""What the benchmark found: results.csv, results.json and a page of tables."""

from __future__ import annotations

import csv
import io
import math
import statistics
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from seda.benchmark.cells import COLUMNS, Cell, shots_order
from seda.benchmark.differences import Difference, paired_difference
from seda.benchmark.methods import METHODS, OURS
from seda.benchmark.shots import FULL
from seda.storage import write_bytes, write_json

TO_BEAT = ("mlp", "ridge", "nearest-center", "logistic-regression")
ALIGNMENT = (
    "image_to_text_R@1", "text_to_image_R@1", "text_to_image_R@5", "centroid_gap", "relative_modality_gap", "cka", "mmd",
)  # fmt: skip
TOLERANCE = 0.005  # half a point
_WORDS = {"ahead": "ahead of", "level": "level with", "behind": "behind"}


def write_report(cells: Sequence[Cell], out: Path, command: str) -> list[Path]:
    """Write results.csv, results.json and README.md.

    Args:
        cells: of one or more data sets.
        out: folder.
        command: the call that made them, for the page.
    Raises:
        StorageError: the folder cannot be written.
    """
    rows = [cell.row for cell in cells]
    further = sorted({name for row in rows for name in row} - set(COLUMNS))
    table = io.StringIO()
    writer = csv.DictWriter(table, [*COLUMNS, *further], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return [
        write_bytes(out / "results.csv", table.getvalue().encode()),
        write_json(
            out / "results.json", [{**row, "setting": cell.setting} for row, cell in zip(rows, cells, strict=True)]
        ),
        write_bytes(out / "README.md", page(cells, command).encode()),
    ]


def page(cells: Sequence[Cell], command: str) -> str:
    """The Markdown page."""
    parts = ["# Benchmark", _introduction(cells, command)]
    for dataset in sorted({cell.dataset for cell in cells}):
        own = [cell for cell in cells if cell.dataset == dataset]
        parts += [
            f"## {dataset}",
            _accuracy(own),
            _paired(own),
            _verdict(own),
            _calibration(own),
            _alignment(own),
            _cost(own),
        ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _introduction(cells: Sequence[Cell], command: str) -> str:
    seeds = sorted(
        {len({cell.seed for cell in group}) for group in _groups(cells, "dataset", "shots", "method").values()}
    )
    counted = " to ".join(str(count) for count in dict.fromkeys((seeds[0], seeds[-1])))
    tests = ", ".join(
        f"{int(group[0].figures['test_count']):,} of {dataset}"
        for (dataset,), group in _groups(cells, "dataset").items()
    )
    tried = int(max(cell.figures["tried"] for cell in cells))
    return f"""Made by

```sh
{command}
```

Same features for all methods, {counted} seeds a cell; a seed fixes the shots, the initial weights and the noise. Every
method tries at most {tried} of its settings, and validation images beside the shots (as many as shots, at most 4 a class) choose
among them by negative log-likelihood at the best temperature. The test images ({tests}) are read once, by what was chosen.
Accuracies are fractions, ± is the standard deviation over seeds. A difference is *level* where its 95 % bootstrap interval
(seeds and test images drawn anew) holds zero. There are no plots here: no library of the program writes static ones.

The bundled encoders were never trained together. So the zero-shot part of Tip-Adapter comes from a ridge map to text that
has seen the same shots; cross-modal probe and LP++ get the class texts turned into the images' space by Procrustes'
rotation; GDA has no text part; plain zero-shot is not defined, and ConSE stands in for it. *closed-form* and
*seda-one-step* share the training of *seda*; they, *conse*, *mean-shift* and *collapse* are controls."""


def _accuracy(cells: Sequence[Cell]) -> str:
    return "Accuracy on test images.\n\n" + _by_shots(cells, lambda group: _spread(group, "top1_accuracy"))


def _paired(cells: Sequence[Cell]) -> str:
    ours = _of(cells, OURS)
    if not ours:
        return ""
    shots, rows = _shots(cells), []
    few = [name for name in shots if name != FULL]
    for method in _methods(cells):
        if method == OURS:
            continue
        theirs = _of(cells, method)
        found = [_difference(paired_difference(_at(ours, name), _at(theirs, name))) for name in shots]
        overall = paired_difference(*([cell for cell in part if cell.shots in few] for part in (ours, theirs)))
        rows.append([method, *found, _difference(overall)])
    head = ["seda minus", *map(_heading, shots), "mean of few shots"]
    return "Paired differences in accuracy, seda minus the method, with 95 % intervals.\n\n" + _table(head, rows)


def _verdict(cells: Sequence[Cell]) -> str:
    """The two questions that the benchmark was built for, answered in words."""
    ours, sentences = _of(cells, OURS), []
    if not ours:
        return ""
    short = []
    for name in _shots(cells):
        means = {
            method: statistics.mean(cell.figures["top1_accuracy"] for cell in group)
            for method in _peers(cells)
            if (group := _at(_of(cells, method), name))
        }
        own = [cell.figures["top1_accuracy"] for cell in _at(ours, name)]
        if means and own and statistics.mean(own) < max(means.values()) - TOLERANCE:
            best = max(means, key=means.__getitem__)
            short.append(f"{name} ({statistics.mean(own):.3f} against {best}'s {means[best]:.3f})")
    if short:
        sentences.append("SeDA is more than half a point below the best method at shots " + ", ".join(short) + ".")
    else:
        sentences.append("At no number of shots is SeDA more than half a point below the best method.")
    few = [cell for cell in cells if cell.shots != FULL]
    for method in TO_BEAT:
        found = paired_difference(_of(few, OURS), _of(few, method))
        if found is not None:
            sentences.append(f"Over few shots SeDA is {_WORDS[found.verdict]} {method}.")
    return " ".join(sentences)


def _calibration(cells: Sequence[Cell]) -> str:
    titles = {
        "ece": "Expected calibration error, 15 bins",
        "nll": "Negative log-likelihood, nats",
        "brier": "Brier score",
    }
    return "\n\n".join(
        f"{title}.\n\n" + _by_shots(cells, lambda group, name=name: _mean(group, name))
        for name, title in titles.items()
    )


def _alignment(cells: Sequence[Cell]) -> str:
    """At the largest number of few shots, of the methods that map to text space."""
    shots = ([name for name in _shots(cells) if name != FULL] or _shots(cells))[-1]
    rows = []
    for method in _methods(cells):
        group = _at(_of(cells, method), shots)
        if group and ALIGNMENT[0] in group[0].figures:
            rows.append([method, *(_mean(group, name) for name in ALIGNMENT)])
    if not rows:
        return ""
    title = f"Where pictures are mapped to, beside what can be retrieved from there; {_heading(shots)}, at most 500 test images."
    return f"{title} A small gap alone is worth nothing: see *collapse*.\n\n" + _table(["", *ALIGNMENT], rows)


def _cost(cells: Sequence[Cell]) -> str:
    shots = _shots(cells)[-1]
    rows = []
    for method in _methods(cells):
        group = _at(_of(cells, method), shots)
        if group:
            fit, test, size, tried = (
                _average(group, name) for name in ("seconds", "test_seconds", "parameters", "tried")
            )
            rows.append([method, f"{fit:.1f}", f"{test:.2f}", f"{round(size):,}", f"{tried:.0f}"])
    title = f"Seconds for choosing and fitting, and for the test images; trained numbers; settings tried; {_heading(shots)}."
    return f"{title}\n\n" + _table(["", "fit s", "test s", "parameters", "settings"], rows)


def _by_shots(cells: Sequence[Cell], value: Callable[[Sequence[Cell]], str]) -> str:
    shots = _shots(cells)
    rows = [[method, *(value(_at(_of(cells, method), name)) for name in shots)] for method in _methods(cells)]
    return _table(["", *map(_heading, shots)], rows)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _heading(shots: str) -> str:
    return shots if shots == FULL else "1 shot" if shots == "1" else f"{shots} shots"


def _difference(found: Difference | None) -> str:
    if found is None:
        return ""
    return f"{found.mean:+.3f} [{found.low:+.3f}, {found.high:+.3f}] {found.verdict}"


def _spread(cells: Sequence[Cell], name: str) -> str:
    values = [cell.figures[name] for cell in cells]
    if len(values) < 2:
        return f"{values[0]:.3f}" if values else ""
    return f"{statistics.mean(values):.3f} ± {statistics.stdev(values):.3f}"


def _mean(cells: Sequence[Cell], name: str) -> str:
    return f"{_average(cells, name):.3f}" if cells else ""


def _average(cells: Sequence[Cell], name: str) -> float:
    values = [cell.figures[name] for cell in cells if not math.isnan(cell.figures[name])]
    return statistics.mean(values) if values else math.nan


def _groups(cells: Sequence[Cell], *names: str) -> dict[tuple, list[Cell]]:
    groups: dict[tuple, list[Cell]] = {}
    for cell in cells:
        groups.setdefault(tuple(getattr(cell, name) for name in names), []).append(cell)
    return groups


def _methods(cells: Sequence[Cell]) -> list[str]:
    """Ours first, then by mean accuracy."""
    groups = _groups(cells, "method")
    order = sorted(groups, key=lambda key: -_average(groups[key], "top1_accuracy"))
    return sorted((key[0] for key in order), key=lambda name: name != OURS)


def _peers(cells: Sequence[Cell]) -> list[str]:
    """What SeDA has to stand up to."""
    controls = {method.name for method in METHODS if method.control}
    return [name for name in _methods(cells) if name != OURS and name not in controls]


def _shots(cells: Sequence[Cell]) -> list[str]:
    return sorted({cell.shots for cell in cells}, key=shots_order)


def _of(cells: Sequence[Cell], method: str) -> list[Cell]:
    return [cell for cell in cells if cell.method == method]


def _at(cells: Sequence[Cell], shots: str) -> list[Cell]:
    return [cell for cell in cells if cell.shots == shots]
