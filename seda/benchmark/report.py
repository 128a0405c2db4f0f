"""What the benchmark found: results.csv, results.json, pictures, and a page of tables."""

from __future__ import annotations

import csv
import io
import math
import statistics
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from seda.benchmark.cells import COLUMNS, PACKED, Cell, write_packed
from seda.benchmark.differences import Difference, paired_difference
from seda.benchmark.distribution import ENDS
from seda.benchmark.methods import ANSWER, LEARNED
from seda.benchmark.pictures import Picture, pictures
from seda.benchmark.plots import svg
from seda.benchmark.selection import (
    SPOKEN,
    TO_BEAT,
    VARIANT,
    at,
    at_shots_of_all_variants,
    average,
    conditions,
    few_shots,
    groups,
    largest_few,
    methods,
    of,
    ours,
    peers,
    shots_of,
    shots_words,
    spread,
    values,
    variants,
)
from seda.storage import write_bytes, write_json

PAGE = "README.md"
PICTURES = "figures"  # folder beside the page
CALLS = "Made by\n\n```sh\n"  # what is before them on the page
ALIGNMENT = (
    "image_to_text_R@1", "text_to_image_R@1", "text_to_image_R@5", "centroid_gap", "relative_modality_gap", "cka", "mmd",
)  # fmt: skip
DISTRIBUTION = ("mmd2", "energy", "density", "coverage", "mean_length", "spread", "r1_one_end", f"r1_mean_of_{ENDS}")
DIGITS = {"mmd2": 4, "mean_length": 1}
SIGNIFICANT = 6  # digits in results.csv; all of them are in the packed cells
TOLERANCE = 0.005  # half a point
PATH_ENDS = ("image_to_text_R@1", "relative_modality_gap")
DETECTION_GAIN = 0.02  # of AUROC, from which on a row's own scores are said to find errors better
_WORDS = {"ahead": "ahead of", "level": "level with", "behind": "behind"}


def write_report(cells: Sequence[Cell], out: Path, command: str) -> list[Path]:
    """Write results.csv, results.json, the packed cells, README.md and its pictures.

    Args:
        cells: of one or more data sets.
        out: folder.
        command: the call that made them, for the page.
    Raises:
        StorageError: the folder cannot be written.
    """
    rows, drawn = [cell.row for cell in cells], pictures(cells)
    further = sorted({name for row in rows for name in row} - set(COLUMNS))
    table = io.StringIO()
    writer = csv.DictWriter(table, [*COLUMNS, *further], lineterminator="\n")
    writer.writeheader()
    writer.writerows(map(_rounded, rows))
    return [
        write_bytes(out / "results.csv", table.getvalue().encode()),
        write_json(
            out / "results.json",
            [{**_finite(row), "setting": cell.setting} for row, cell in zip(rows, cells, strict=True)],
        ),
        write_packed(out / PACKED, cells),
        write_bytes(out / PAGE, page(cells, command, drawn).encode()),
        *(write_bytes(out / _picture_path(picture), svg(picture.draw())) for picture in drawn),
    ]


def calls_in(text: str) -> str:
    """The calls that a page says it was made by; "" where it says none."""
    _, _, rest = text.partition(CALLS)
    return rest.partition("\n```")[0]


def _rounded(row: dict[str, Any]) -> dict[str, Any]:
    return {
        name: float(f"{value:.{SIGNIFICANT}g}") if isinstance(value, float) else value for name, value in row.items()
    }


def _finite(row: dict[str, Any]) -> dict[str, Any]:
    """JSON knows no NaN: what is not defined is null."""
    return {name: None if isinstance(value, float) and math.isnan(value) else value for name, value in row.items()}


def page(cells: Sequence[Cell], command: str, drawn: Sequence[Picture] = ()) -> str:
    """The Markdown page, with the pictures that `write_report` puts beside it."""
    parts = ["# Benchmark", _summary(cells), _shown(drawn, "", "overview"), _introduction(cells, command)]
    for (dataset,), own in sorted(groups(cells, "dataset").items()):
        parts.append(f"## {dataset}")
        sections = (
            ("accuracy", _accuracy(own)), ("differences", _paired(own)), ("", _verdict(own)), ("calibration", _calibration(own)),
            ("shift", _shift(own)), ("errors", _errors(own)), ("ablations", _ablations(own)), ("", _alignment(own)),
            ("", _distribution(own)), ("", _cost(own)),
        )  # fmt: skip
        for section, text in sections:
            parts += [_shown(drawn, dataset, section), text]
    return "\n\n".join(part for part in parts if part) + "\n"


def _picture_path(picture: Picture) -> str:
    return f"{PICTURES}/{picture.name}.svg"


def _shown(drawn: Sequence[Picture], dataset: str, section: str) -> str:
    found = [picture for picture in drawn if (picture.dataset, picture.section) == (dataset, section)]
    return "\n\n".join(f"![{picture.alt}]({_picture_path(picture)})" for picture in found)


def _summary(cells: Sequence[Cell]) -> str:
    """Data sets and rows of ours against the questions that the benchmark was built for."""
    head = [
        "",
        "row",
        "at most half a point below the best",
        *(f"ahead of {name}" for name in TO_BEAT),
        "finds its errors",
    ]
    rows = []
    for (dataset,), own in sorted(groups(cells, "dataset").items()):
        for row in ours(own):
            beaten, detected = [], _detection(own, row)
            for method in TO_BEAT:
                found = _few(own, row, method)
                beaten.append("" if found is None else f"{_YES[found.verdict]} {_numbers(found)}")
            missed = "no: " + ", ".join(map(shots_words, short)) if (short := _shortfalls(own, row)) else "yes"
            gain = _mean_gain(detected) if detected else math.nan
            is_so = "" if math.isnan(gain) else f"{'yes' if gain >= DETECTION_GAIN else 'no'} {gain:+.3f}"
            rows.append([dataset, row, missed, *beaten, is_so])
    if not rows:
        return ""
    part = (
        "was measured for some data sets, shots and seeds, and is judged there"
        if of(cells, LEARNED)
        else "is not measured yet"
    )
    return (
        f"**The answer of the app is the closed form**, the row *{ANSWER}*: p(c | v), read before any step. What the learned "
        f"paths themselves say, by the mean of {ENDS} ends, is the row *{LEARNED}*; it {part}.\n\n"
        "In short. The third column says whether the row is, at every number of shots, at most half a point below the best "
        "method (controls and the other row of ours not counted). *Ahead*: "
        "the 95 % interval of the paired difference, averaged over few shots, lies above zero; *level*: it holds zero. "
        f"*Finds its errors*: AUROC of the row's own scores at least {DETECTION_GAIN} above that of mlp's softmax.\n\n"
        + _table(head, rows)
    )


_YES = {"ahead": "yes", "level": "level", "behind": "no, behind"}


def _introduction(cells: Sequence[Cell], command: str) -> str:
    seeds = sorted(
        {len({cell.seed for cell in group}) for group in groups(cells, "dataset", "shots", "method").values()}
    )
    counted = " to ".join(str(count) for count in dict.fromkeys((seeds[0], seeds[-1])))
    tests = ", ".join(
        f"{int(group[0].figures['test_count']):,} of {dataset}"
        for (dataset,), group in groups(cells, "dataset").items()
    )
    tried = int(max(cell.figures["tried"] for cell in cells))
    return f"""{CALLS}{command}
```

Same features for all methods, {counted} seeds a cell; a seed fixes the shots, the initial weights and the noise. Every
method tries at most {tried} of its settings, and validation images beside the shots (as many as shots, at most 4 a class) choose
among them by negative log-likelihood at the best temperature. The test images ({tests}) are read once, by what was chosen.
Accuracies are fractions, ± is the standard deviation over seeds. A difference is *level* where its 95 % bootstrap interval
(seeds and test images drawn anew) holds zero. Pictures speak of points,
hundredths of an accuracy. Beside this page, results.csv has the figures of each cell to {SIGNIFICANT} significant digits, and
{PACKED} each cell as it was measured, with the answers to all test images.

The bundled encoders were never trained together. So the zero-shot part of Tip-Adapter comes from a ridge map to text that
has seen the same shots; cross-modal probe and LP++ get the class texts turned into the images' space by Procrustes'
rotation; GDA has no text part; plain zero-shot is not defined, and ConSE stands in for it. Rows that end in *-power* are
the same methods behind the power transform of SeDA's scaler: what they gain is the transform's, not SeDA's.
*closed-form-one-step* (one step a stage) and *closed-form-untrained* (nothing learned by gradient) share the training of
*closed-form*, as does *seda* before its denoisers are trained; those two, *conse*, *mean-shift* and *collapse* are controls.
A mean over shots is over those that both sides of a comparison were measured at."""


def _accuracy(cells: Sequence[Cell]) -> str:
    return "Accuracy on test images.\n\n" + _by_shots(cells, lambda group: _spread(group, "top1_accuracy"))


def _paired(cells: Sequence[Cell]) -> str:
    return "\n\n".join(_paired_with(cells, row) for row in ours(cells))


def _paired_with(cells: Sequence[Cell], row: str) -> str:
    """One of ours minus each other method, at the shots that it has."""
    own, rows = of(cells, row), []
    shots = shots_of(own)
    for method in methods(cells):
        if method == row:
            continue
        found = [_difference(paired_difference(at(own, name), at(of(cells, method), name))) for name in shots]
        rows.append([method, *found, _difference(_few(cells, row, method))])
    head = [f"{row} minus", *map(shots_words, shots), "mean of few shots"]
    return _folded(f"Paired differences in accuracy, {row} minus the method, with 95 % intervals", _table(head, rows))


def _few(cells: Sequence[Cell], row: str, method: str) -> Difference | None:
    """One of ours minus a method, averaged over the few shots that both have."""
    few = few_shots(cells)
    return paired_difference(of(few, row), of(few, method))


def _shortfalls(cells: Sequence[Cell], row: str) -> dict[str, tuple[float, str, float]]:
    """Where one of ours is more than TOLERANCE below the best peer: shots -> its accuracy, that peer, and its accuracy."""
    found = {}
    for shots in shots_of(of(cells, row)):
        here = at(cells, shots)
        means = {method: average(of(here, method), "top1_accuracy") for method in peers(here)}
        own = average(of(here, row), "top1_accuracy")
        if means and own < max(means.values()) - TOLERANCE:
            best = max(means, key=means.__getitem__)
            found[shots] = own, best, means[best]
    return found


def _verdict(cells: Sequence[Cell]) -> str:
    return "\n\n".join(_verdict_on(cells, row) for row in ours(cells))


def _verdict_on(cells: Sequence[Cell], row: str) -> str:
    """The questions that the benchmark was built for, answered in words."""
    who, sentences, own = SPOKEN[row], [], of(cells, row)
    begins = f"{who[0].upper()}{who[1:]}"
    if row == LEARNED:
        seeds = sorted({len(group) for group in groups(own, "shots").values()})
        counted = " to ".join(str(count) for count in dict.fromkeys((seeds[0], seeds[-1])))
        measured = ", ".join(map(shots_words, shots_of(own)))
        sentences.append(f"{begins} was measured at {measured}, seeds each: {counted}.")
    short = [
        f"{shots} ({its:.3f} against {best}'s {theirs:.3f})"
        for shots, (its, best, theirs) in _shortfalls(cells, row).items()
    ]
    if short:
        sentences.append(f"{begins} is more than half a point below the best method at shots " + ", ".join(short) + ".")
    else:
        sentences.append(f"At no number of shots is {who} more than half a point below the best method.")
    for method in (*([ANSWER] if row == LEARNED else []), *TO_BEAT):
        if (found := _few(cells, row, method)) is not None:
            above = "lies above" if found.low > 0 else "lies below" if found.high < 0 else "holds"
            whom = SPOKEN.get(method, method)
            sentences.append(
                f"Over few shots {who} is {_WORDS[found.verdict]} {whom}: {_numbers(found)}; the 95 % interval {above} zero."
            )
    return " ".join(sentences)


def _calibration(cells: Sequence[Cell]) -> str:
    titles = {
        "ece": "Expected calibration error, 15 bins",
        "nll": "Negative log-likelihood, nats",
        "brier": "Brier score",
    }
    return "\n\n".join(_folded(title, _by_shots(cells, partial(_mean, name=name))) for name, title in titles.items())


def _shift(cells: Sequence[Cell]) -> str:
    """Under changed test images, at the largest number of few shots."""
    shots = largest_few(cells)
    here, tables = at(cells, shots), []
    for figure, heading in (
        ("top1_accuracy", "Accuracy"),
        ("ece", "Calibration error"),
        ("nll", "Negative log-likelihood"),
    ):
        kinds = conditions(here, figure)
        names = [(kind, strength, name) for kind, found in kinds.items() for strength, name in found.items()]
        if not names:
            continue
        many = {kind for kind, found in kinds.items() if len(found) > 1}
        head = [
            "",
            "clean",
            *(f"{kind} {strength:g}" if kind in many else kind for kind, strength, _ in names),
            "mean of shifts",
        ]
        rows = []
        for method in methods(here):
            group = of(here, method)
            shifted = [average(group, name) for _, _, name in names]
            known = [value for value in shifted if not math.isnan(value)]
            if known:
                cell_values = [average(group, figure), *shifted, statistics.mean(known)]
                rows.append([method, *("" if math.isnan(value) else f"{value:.3f}" for value in cell_values)])
        tables.append(_folded(f"{heading} under shift, {shots_words(shots)}", _table(head, rows)))
    return "\n\n".join(tables)


def _detection(cells: Sequence[Cell], row: str) -> dict[str, list[float]]:
    """Shots -> gains, a seed each: AUROC of the own scores of one of ours less that of mlp's softmax in the same cell."""
    own, mlp = ({(cell.shots, cell.seed): cell.figures for cell in of(cells, name)} for name in (row, "mlp"))
    found: dict[str, list[float]] = {}
    for shots, seed in sorted(set(own) & set(mlp)):
        figure = own[shots, seed].get("error_auroc_own", math.nan) - mlp[shots, seed].get("error_auroc", math.nan)
        if not math.isnan(figure):
            found.setdefault(shots, []).append(figure)
    return {shots: found[shots] for shots in shots_of(cells) if shots in found}


def _mean_gain(detected: dict[str, list[float]]) -> float:
    """Mean over shots of the means over seeds."""
    return statistics.mean(statistics.mean(gains) for gains in detected.values())


def _errors(cells: Sequence[Cell]) -> str:
    """Whether wrong answers can be told from right ones."""
    if not values(cells, "error_auroc"):
        return ""
    shots, rows = shots_of(cells), []
    for method in methods(cells):
        for name, figure in ((method, "error_auroc"), (f"{method}, own scores", "error_auroc_own")):
            if values(of(cells, method), figure):
                rows.append([name, *(_spread(at(of(cells, method), part), figure) for part in shots)])
    told = _folded(
        "Error detection: AUROC of the largest class probability for telling right answers from wrong ones; own scores are read "
        "from the trajectories",
        _table(["", *map(shots_words, shots)], rows),
    )
    return "\n\n".join([told, *(_detected(cells, row) for row in ours(cells) if _detection(cells, row))])


def _detected(cells: Sequence[Cell], row: str) -> str:
    """Whether one of ours finds its errors better than the softmax of a plain network, in words."""
    detected = _detection(cells, row)
    gain = _mean_gain(detected)
    is_so = "is" if gain >= DETECTION_GAIN else "is not"
    each = "; ".join(
        f"{shots_words(part)} {statistics.mean(gains):+.3f} ± {spread(gains):.3f}" for part, gains in detected.items()
    )
    return (
        f"The AUROC of {SPOKEN[row]}'s own scores {is_so} at least {DETECTION_GAIN} above that of mlp's largest probability: "
        f"{gain:+.3f} on average over shots ({each})."
    )


def _ablations(cells: Sequence[Cell]) -> str:
    """The closed form with one part changed, minus the closed form."""
    own, shots = (
        of(cells, ANSWER),
        [part for part in shots_of(cells) if any(at(of(cells, name), part) for name in variants(cells))],
    )
    rows, everywhere = [], at_shots_of_all_variants(cells)
    for name in variants(cells):
        theirs, averaged = of(cells, name), of(everywhere, name)
        found = [_difference(paired_difference(at(theirs, part), at(own, part))) for part in shots]
        mean = _difference(paired_difference(averaged, of(everywhere, ANSWER)))
        rows.append([name.removeprefix(VARIANT), *found, mean, *(_mean(averaged, figure) for figure in PATH_ENDS)])
    if not rows or not own:
        return ""
    measured = {(cell.shots, cell.seed) for name in variants(everywhere) for cell in of(everywhere, name)}
    same = [cell for cell in of(everywhere, ANSWER) if (cell.shots, cell.seed) in measured]
    averaged_over = ", ".join(shots_words(part) for part in shots if at(everywhere, part))
    rows.insert(0, ["nothing", *("" for _ in shots), "", *(_mean(same, figure) for figure in PATH_ENDS)])
    head = ["changed", *map(shots_words, shots), "mean", "ends at its text", "gap of its end"]
    return (
        f"Ablations: accuracy of *{ANSWER}* with one part changed, minus its own; *behind* means that the part earns its place. "
        "The answer is read from p(c | v), which how a path is drawn does not touch; so the last columns say where paths end: "
        "the share that ends nearest to the text of its class, and the relative modality gap there (at most 500 test images). "
        f"Means are over seeds and over what all were measured at: {averaged_over}.\n\n" + _table(head, rows)
    )


def _alignment(cells: Sequence[Cell]) -> str:
    """At the largest number of few shots, of the methods that map to text space."""
    shots, rows = largest_few(cells), []
    for method in methods(cells):
        group = at(of(cells, method), shots)
        if group and ALIGNMENT[0] in group[0].figures:
            rows.append([method, *(_mean(group, name) for name in ALIGNMENT)])
    if not rows:
        return ""
    title = f"Where pictures are mapped to, beside what can be retrieved from there; {shots_words(shots)}, at most 500 test images"
    told = "A small gap alone is worth nothing: see *collapse*."
    return _folded(title, f"{told}\n\n{_table(['', *ALIGNMENT], rows)}")


def _distribution(cells: Sequence[Cell]) -> str:
    """Whether mapped pictures are distributed as texts are, at the largest number of few shots that was measured so."""
    known = [cell for cell in cells if "r1_one_end" in cell.figures]
    if not known:
        return ""
    shots = largest_few([cell for cell in known if cell.method == LEARNED] or known)
    here, names = at(known, shots), [name for name in DISTRIBUTION if values(known, name)]
    rows = [
        [method, *(_mean(of(here, method), name, DIGITS.get(name, 3)) for name in names)] for method in methods(here)
    ]
    title = f"Whether pictures are mapped to what is distributed as texts are; {shots_words(shots)}, at most 500 test images"
    real = f" (here {average(known, 'real_length'):.1f})" if values(known, "real_length") else ""
    told = (
        f"In units in which texts are as long as the square root of their width, on average{real}. *mmd2* and *energy* are 0 "
        "where all ends are distributed as texts are; *density* and *coverage* say something only where *mean_length* is that "
        "of the texts; *spread* is 1 for texts. *r1_one_end* is how often the mean of the class's phrasings is the nearest one to an end, "
        f"*r1_mean_of_{ENDS}* to the mean of {ENDS}. Rows that were measured before these figures were taken "
        "are not here."
    )
    return _folded(title, f"{told}\n\n{_table(['', *names], rows)}")


def _cost(cells: Sequence[Cell]) -> str:
    shots, rows = shots_of(cells)[-1], []
    for method in methods(cells):
        group = at(of(cells, method), shots)
        if group:
            fit, test, size, tried = (
                average(group, name) for name in ("seconds", "test_seconds", "parameters", "tried")
            )
            rows.append([method, f"{fit:.1f}", f"{test:.2f}", f"{round(size):,}", f"{tried:.0f}"])
    title = f"Seconds for choosing and fitting, and for the test images; trained numbers; settings tried; {shots_words(shots)}"
    return _folded(title, _table(["", "fit s", "test s", "parameters", "settings"], rows))


def _by_shots(cells: Sequence[Cell], value: Callable[[Sequence[Cell]], str]) -> str:
    shots = shots_of(cells)
    rows = [[method, *(value(at(of(cells, method), name)) for name in shots)] for method in methods(cells)]
    return _table(["", *map(shots_words, shots)], rows)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _folded(title: str, text: str) -> str:
    """A part that opens at a click, where the page is shown as HTML; the title is plain text."""
    return f"<details><summary>{title}</summary>\n\n{text}\n\n</details>"


def _difference(found: Difference | None) -> str:
    return "" if found is None else f"{_numbers(found)} {found.verdict}"


def _numbers(found: Difference) -> str:
    return f"{found.mean:+.3f} [{found.low:+.3f}, {found.high:+.3f}]"


def _spread(cells: Sequence[Cell], name: str) -> str:
    found = values(cells, name)
    if len(found) < 2:
        return f"{found[0]:.3f}" if found else ""
    return f"{statistics.mean(found):.3f} ± {statistics.stdev(found):.3f}"


def _mean(cells: Sequence[Cell], name: str, digits: int = 3) -> str:
    found = average(cells, name)
    return "" if math.isnan(found) else f"{found:.{digits}f}"
