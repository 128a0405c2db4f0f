"""The pictures of the page: which cells go into which figure, and what a reader who cannot see it is told."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from matplotlib.figure import Figure

from seda.benchmark.cells import Cell
from seda.benchmark.differences import paired_difference
from seda.benchmark.methods import ANSWER, LEARNED, OURS
from seda.benchmark.plots import Line, Panel, Row, forest_figure, line_figure
from seda.benchmark.selection import (
    TO_BEAT,
    VARIANT,
    at,
    at_shots_of_all_variants,
    average,
    conditions,
    controls,
    few_shots,
    groups,
    label,
    largest_few,
    methods,
    of,
    ours,
    peers,
    shots_of,
    shots_words,
    spread,
    title,
    values,
    variants,
)

SHORT = {ANSWER: "Closed form", LEARNED: "SeDA, learned"}  # where a line has a further word
ROLES = {ANSWER: "ours", LEARNED: "learned"}
FURTHER = ("flow-matching",)  # named beside TO_BEAT, since it is the closest relative
NAMED = 6  # peers with a colour and a name of their own; more could not be told apart
QUIET_LINES = "Thin lines: other peers. Dashed: controls."
BANDS = "Means over seeds, bands of one standard deviation."
OWN_BAND = "Means over seeds, SeDA's own with a band of one standard deviation."
AHEAD = "points of accuracy; right of zero {} is ahead"


@dataclass(frozen=True)
class Picture:
    """One figure of the page.

    Attributes:
        name: of its file, without ending.
        section: of the page: a data set and a part of it ("accuracy", "differences", ...); no data set for all of them.
        alt: what it shows, in words.
        draw: makes the figure.
    """

    name: str
    dataset: str
    section: str
    alt: str
    draw: Callable[[], Figure]


def pictures(cells: Sequence[Cell]) -> list[Picture]:
    """All pictures that the cells have figures for."""
    found = list(_overview(cells))
    for (dataset,), own in groups(cells, "dataset").items():
        for part in (_accuracy, _differences, _calibration, _shift, _errors, _ablations):
            found += [
                Picture(f"{_file_name(dataset)}-{name}", dataset, name, alt, draw) for name, alt, draw in part(own)
            ]
    return found


_Found = Iterator[tuple[str, str, Callable[[], Figure]]]


def _overview(cells: Sequence[Cell]) -> Iterator[Picture]:
    found = []
    for (dataset,), own in groups(few_shots(cells), "dataset").items():
        for row in ours(own):
            heading = title(dataset) + (f": {label(row)}" if row == LEARNED else "")
            found.append((heading, _rows(own, row, [name for name in TO_BEAT if of(own, name)])))
    found = [(heading, rows) for heading, rows in found if rows]
    if not found:
        return
    also = ", and learned SeDA where it was measured" if of(cells, LEARNED) else ""
    alt = (
        f"{label(ANSWER)} minus each method{also}, averaged over few shots. "
        f"{'; '.join(f'{head}: {_in_words(rows)}' for head, rows in found)}."
    )
    head = f"{label(ANSWER)} against what one would pick instead"
    yield Picture(
        "overview", "", "overview", alt,
        lambda: forest_figure(head, "Mean over few shots, 95 % intervals", found, AHEAD.format("SeDA")),
    )  # fmt: skip


def _accuracy(cells: Sequence[Cell]) -> _Found:
    shots = shots_of(cells)
    ticks, name = [(x, part) for x, part in enumerate(shots)], title(cells[0].dataset)
    first = Panel(
        "Accuracy",
        _lines(cells, shots, "top1_accuracy"),
        ticks,
        "training images a class",
        "accuracy on test images",
        True,
    )
    panels = [first]
    if (zoomed := _against_the_named(cells, shots)) is not None:
        label = "points above the mean of the named peers"
        panels.append(Panel("The same, closer", zoomed, ticks, "training images a class", label, True))
    alt = f"Accuracy against training images a class. {_levels(cells, 'top1_accuracy')}"
    yield "accuracy", alt, lambda: line_figure(f"{name}: accuracy against shots", f"{BANDS} {QUIET_LINES}", panels)


def _differences(cells: Sequence[Cell]) -> _Found:
    rows = _rows(few_shots(cells) or cells, ANSWER, [method for method in methods(cells) if method != ANSWER])
    if not rows:
        return
    over = " to ".join(dict.fromkeys((*shots_of(few_shots(cells))[:1], *shots_of(few_shots(cells))[-1:]))) or "all"
    alt = f"{label(ANSWER)} minus each method, averaged over {over} shots. {_in_words(rows)}."
    yield "differences", alt, lambda: forest_figure(
        f"{title(cells[0].dataset)}: the closed form minus each method",
        f"Mean over {over} shots, 95 % intervals. In grey letters: controls.", [("", rows)], AHEAD.format("the closed form"),
    )  # fmt: skip


def _calibration(cells: Sequence[Cell]) -> _Found:
    shots = shots_of(cells)
    ticks = [(x, part) for x, part in enumerate(shots)]
    panels = [
        Panel(head, _lines(cells, shots, figure), ticks, "training images a class", unit)
        for figure, head, unit in (
            ("ece", "Calibration error", "ECE, 15 bins; lower is better"),
            ("nll", "Negative log-likelihood", "nats; lower is better"),
        )
    ]
    alt = f"Calibration against training images a class. Calibration error: {_levels(cells, 'ece')}"
    yield (
        "calibration",
        alt,
        lambda: line_figure(
            f"{title(cells[0].dataset)}: are its probabilities honest?", f"{OWN_BAND} {QUIET_LINES}", panels
        ),
    )


def _shift(cells: Sequence[Cell]) -> _Found:
    shots, named = largest_few(cells), _named(cells)
    cells = at(cells, shots)
    kinds = conditions(cells)
    if not kinds:
        return
    panels = []
    for kind, names in kinds.items():
        ticks = [(0.0, "clean"), *((strength, f"{strength:g}" if len(names) > 1 else kind) for strength in names)]
        lines = _all_lines(cells, partial(_series, names={0.0: "top1_accuracy", **names}), named)
        panels.append(Panel(kind, lines, ticks, "strength" if len(names) > 1 else "", "accuracy on test images"))
    fall = " ".join(_fall(of(cells, row), row, kinds) for row in ours(cells))
    yield (
        "shift",
        f"Accuracy on changed test images against the strength of the change, {shots_words(shots)}. {fall}",
        (
            lambda: line_figure(
                f"{title(cells[0].dataset)}: accuracy under shift",
                f"{shots_words(shots)}. {OWN_BAND} {QUIET_LINES}",
                panels,
            )
        ),
    )


def _fall(own: Sequence[Cell], row: str, kinds: dict[str, dict[float, str]]) -> str:
    parts = [f"{kind} to {average(own, list(names.values())[-1]):.3f}" for kind, names in kinds.items()]
    return f"{label(row)} falls from {average(own, 'top1_accuracy'):.3f} with {', '.join(parts)}."


def _errors(cells: Sequence[Cell]) -> _Found:
    if not values(cells, "error_auroc"):
        return
    shots = shots_of(cells)
    lines = _lines(cells, shots, "error_auroc")
    for row in ours(cells):
        if values(own := of(cells, row), "error_auroc_own"):
            softmax = f"{SHORT[row]}, softmax"
            lines = [Line(softmax, line.points) if line.name == label(row) else line for line in lines]
            lines.append(Line(f"{SHORT[row]}, own scores", _by_shots(own, shots, "error_auroc_own"), ROLES[row]))
    panel = Panel("", lines, [(x, part) for x, part in enumerate(shots)], "training images a class", "AUROC of errors")
    alt = f"How well each method's confidence tells its right answers from its wrong ones. {_levels(cells, 'error_auroc')}"
    yield "errors", alt, lambda: line_figure(
        f"{title(cells[0].dataset)}: does it know when it is wrong?",
        f"{OWN_BAND} {QUIET_LINES}", [panel],
    )  # fmt: skip


def _ablations(cells: Sequence[Cell]) -> _Found:
    everywhere = at_shots_of_all_variants(cells)
    rows = [
        Row(name.removeprefix(VARIANT), found)
        for name in variants(cells)
        if (found := paired_difference(of(everywhere, name), of(everywhere, ANSWER))) is not None
    ]
    if not rows:
        return
    rows.sort(key=lambda row: row.difference.mean)
    alt = f"{label(ANSWER)}: each change minus no change, averaged over shots. {_in_words(rows)}."
    yield "ablations", alt, lambda: forest_figure(
        f"{title(cells[0].dataset)}: what each part is worth",
        "Changed closed form minus unchanged, mean over the shots that all were measured at, 95 % intervals.", [("", rows)],
        "points of accuracy; left of zero the change costs accuracy",
    )  # fmt: skip


def _rows(cells: Sequence[Cell], row: str, names: Sequence[str]) -> list[Row]:
    """One of ours minus each, peers first, the closest at the top."""
    quiet, own = controls(), of(cells, row)
    rows = [
        Row(label(name), found, name in quiet)
        for name in names
        if (found := paired_difference(own, of(cells, name))) is not None
    ]
    return sorted(rows, key=lambda row: (row.control, row.difference.mean))


def _named(cells: Sequence[Cell]) -> list[str]:
    """The peers that get a colour: what has to be beaten, the closest relative, and the best of the others."""
    order = peers(cells)
    first = [name for name in (*TO_BEAT, *FURTHER) if name in order]
    return [*first, *(name for name in order if name not in first)][:NAMED]


def _all_lines(
    cells: Sequence[Cell],
    points: Callable[[Sequence[Cell]], dict[float, tuple[float, float]]],
    named: Sequence[str] | None = None,
) -> list[Line]:
    """A line of each method that has points; `named` peers are labelled, by default those of these cells."""
    named, quiet, found = named or _named(cells), controls(), []
    for name in methods(cells):
        role = ROLES.get(name) or ("control" if name in quiet else "peer" if name in named else "other")
        series = points(of(cells, name))
        if series:
            found.append(Line(label(name), series, role))
    return found


def _lines(cells: Sequence[Cell], shots: Sequence[str], figure: str) -> list[Line]:
    return _all_lines(cells, lambda group: _by_shots(group, shots, figure))


def _by_shots(cells: Sequence[Cell], shots: Sequence[str], figure: str) -> dict[float, tuple[float, float]]:
    found = {x: values(at(cells, part), figure) for x, part in enumerate(shots)}
    return {float(x): (float(np.mean(part)), spread(part)) for x, part in found.items() if part}


def _series(cells: Sequence[Cell], names: dict[float, str]) -> dict[float, tuple[float, float]]:
    found = {x: values(cells, name) for x, name in names.items()}
    return {x: (float(np.mean(part)), spread(part)) for x, part in found.items() if part}


def _against_the_named(cells: Sequence[Cell], shots: Sequence[str]) -> list[Line] | None:
    """Accuracy less the mean of the named peers at the same shots and seed, in points; None with fewer than two of them."""
    named = _named(cells)
    if len(named) < 2:
        return None
    right = {(cell.method, cell.shots, cell.seed): cell.figures["top1_accuracy"] for cell in cells}
    means = {}
    for part, seed in {key[1:] for key in right}:
        found = [right.get((name, part, seed)) for name in named]
        accuracies = [accuracy for accuracy in found if accuracy is not None]
        if len(accuracies) == len(named):
            means[part, seed] = float(np.mean(accuracies))

    def points(group: Sequence[Cell]) -> dict[float, tuple[float, float]]:
        found: dict[float, tuple[float, float]] = {}
        for x, part in enumerate(shots):
            gains = [
                100 * (cell.figures["top1_accuracy"] - means[part, cell.seed])
                for cell in at(group, part)
                if (part, cell.seed) in means
            ]
            if gains:
                found[float(x)] = float(np.mean(gains)), spread(gains)
        return found

    shown = [line for line in _all_lines(cells, points) if line.role in ("ours", "learned", "peer")]
    return shown or None


def _levels(cells: Sequence[Cell], figure: str) -> str:
    """Ours and the named peers at the fewest and the most shots."""
    sentences = []
    for part in dict.fromkeys((shots_of(cells)[0], shots_of(cells)[-1])):
        here = at(cells, part)
        known = [name for name in (*OURS, *_named(here)) if values(of(here, name), figure)]
        told = ", ".join(f"{label(name)} {average(of(here, name), figure):.3f}" for name in known)
        sentences.append(f"{shots_words(part)}: {told}.")
    return " ".join(sentences)


def _in_words(rows: Sequence[Row]) -> str:
    return ", ".join(
        f"{row.name} {100 * row.difference.mean:+.1f} points ({row.difference.verdict})" for row in rows
    )  # fmt: skip


def _file_name(dataset: str) -> str:
    return "".join(c if c.isalnum() else "-" for c in dataset).strip("-")
