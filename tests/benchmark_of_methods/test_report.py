"""Paired differences, the page and its pictures, on cells made by hand."""

import itertools
import re
from dataclasses import replace

import numpy as np
import pytest
from matplotlib import rcParams

from seda.benchmark.cells import COLUMNS, Cell, pack_answers
from seda.benchmark.differences import Difference, paired_difference
from seda.benchmark.pictures import pictures
from seda.benchmark.plots import Line, Panel, Row, _apart, forest_figure, line_figure, svg
from seda.benchmark.report import page, write_report
from seda.benchmark.selection import at_shots_of_all_variants, conditions, methods, peers

IMAGES = 300
RNG = np.random.default_rng(0)


def cell(method, seed, right, shots="4", dataset="toy", **figures):
    right = np.asarray(right, bool)
    base = {
        "top1_accuracy": float(right.mean()), "ece": 0.1, "nll": 1.0, "brier": 0.5, "seconds": 1.0, "test_seconds": 0.1,
        "parameters": 10, "tried": 2, "test_count": len(right),
    }  # fmt: skip
    return Cell(dataset, shots, seed, method, "", {**base, **figures}, {}, pack_answers(right))


def drawn_cells(levels, shots=("1", "16"), seeds=(0, 1, 2), **figures):
    """Cells whose accuracy is a method's level, more with more shots; an image is as hard for all of them."""
    hard, found = RNG.random(IMAGES), []
    for part in shots:
        for seed in seeds:
            for method, level in levels.items():
                right = hard + RNG.normal(0, 0.05, IMAGES) < level + 0.1 * (part != "1")
                found.append(cell(method, seed, right, part, **figures))
    return found


# ------------------------------------------------------------------------------------------------ differences


def test_extra_seeds_of_few_shots_count_in_their_mean():
    """Ten seeds at one number of shots, five at the other: the mean is that of the two means."""
    right = {(part, seed): RNG.random(IMAGES) < 0.7 for part, count in (("1", 10), ("8", 5)) for seed in range(count)}
    other = {key: answers & (RNG.random(IMAGES) < 0.9) for key, answers in right.items()}
    ours, theirs = (
        [cell(name, seed, answers, part) for (part, seed), answers in found.items()]
        for name, found in (("a", right), ("b", other))
    )
    found = paired_difference(ours, theirs)
    means = [np.mean([right[key].mean() - other[key].mean() for key in right if key[0] == part]) for part in ("1", "8")]
    assert found.mean == pytest.approx(np.mean(means)) and found.seeds == 10
    common = paired_difference(ours[:5] + ours[10:], theirs[:5] + theirs[10:])
    assert common.mean != pytest.approx(found.mean)
    assert found == paired_difference(reversed(ours), reversed(theirs))


def test_a_seed_keeps_its_luck_at_all_shots():
    """Where a seed is good or bad at all shots alike, more shots do not narrow the interval."""
    luck = RNG.normal(0, 0.05, 6)
    base = np.linspace(0, 1, 5000)
    ours, theirs = (
        [cell(name, seed, base < 0.6 + gain * luck[seed], part) for part in ("1", "2", "4", "8") for seed in range(6)]
        for name, gain in (("a", 1), ("b", 0))
    )
    all_shots = paired_difference(ours, theirs)
    one = paired_difference(ours[:6], theirs[:6])
    assert all_shots.high - all_shots.low == pytest.approx(one.high - one.low, rel=0.1)
    # n - 1 of n drawn: the draws spread as the standard error of the mean
    error = luck.std(ddof=1) / np.sqrt(6)
    assert (one.high - one.low) / (2 * 1.96) == pytest.approx(error, rel=0.15)


def test_shots_without_a_common_seed_still_have_a_difference():
    ours, theirs = (
        [cell(name, seed, RNG.random(IMAGES) < share, part) for seed, part in enumerate(("1", "2", "4", "8"))]
        for name, share in (("a", 0.9), ("b", 0.5))
    )
    found = paired_difference(ours, theirs)
    assert found.verdict == "ahead" and found.seeds == 4 and np.isfinite([found.low, found.high]).all()


# ------------------------------------------------------------------------------------------------ selection


def test_ablations_are_no_methods_and_shifts_are_read_from_their_names():
    cells = drawn_cells({"closed-form": 0.7, "ridge": 0.6, "collapse": 0.1, "closed-form/no-bank": 0.6})
    assert methods(cells) == ["closed-form", "ridge", "collapse"] and peers(cells) == ["ridge"]
    shifted = [
        cell(
            "closed-form",
            0,
            [True],
            **{"top1_accuracy/noise-3": 0.5, "top1_accuracy/noise-1": 0.6, "top1_accuracy/noto": 0.4},
        )
    ]
    assert conditions(shifted) == {
        "noise": {1.0: "top1_accuracy/noise-1", 3.0: "top1_accuracy/noise-3"}, "noto": {1.0: "top1_accuracy/noto"},
    }  # fmt: skip
    assert list(conditions(shifted)["noise"]) == [1.0, 3.0]


def test_means_of_ablations_are_over_the_shots_that_all_were_measured_at():
    cells = drawn_cells({"closed-form": 0.7, "closed-form/no-bank": 0.6, "closed-form/ddpm": 0.7})
    more = [replace(part, shots="full") for part in cells if part.shots == "1" and part.method != "closed-form/ddpm"]
    assert {part.shots for part in at_shots_of_all_variants(cells + more)} == {part.shots for part in cells}
    alone = [part for part in cells if part.method == "closed-form/no-bank"] + more
    assert at_shots_of_all_variants(more) == more and at_shots_of_all_variants(alone)[-1].shots == "full"


# ------------------------------------------------------------------------------------------------ page


def whole_cells():
    shift = {
        f"{name}/{kind}": 0.5 for name in ("top1_accuracy", "ece", "nll") for kind in ("noise-1", "noise-3", "noto")
    }
    levels = {
        "closed-form": 0.75,
        "mlp": 0.7,
        "ridge": 0.72,
        "nearest-center": 0.76,
        "gda": 0.7,
        "lp++": 0.7,
        "collapse": 0.1,
    }
    cells = drawn_cells({**levels, "closed-form/no-bank": 0.6, "closed-form/ddpm": 0.75}, error_auroc=0.8, **shift)
    return [
        replace(part, figures={**part.figures, "error_auroc_own": 0.83}) if part.method == "closed-form" else part
        for part in cells
    ]


def test_the_page_answers_its_questions():
    text = page(whole_cells(), "call")
    assert "|  | row | at most half a point below the best | ahead of mlp |" in text
    assert re.search(r"\| toy \| closed-form \| no: 1 shot[^|]* \| yes \+0\.0\d\d \[\+", text)
    assert "The closed form is more than half a point below the best method at shots 1 (" in text
    assert re.search(
        r"Over few shots the closed form is ahead of mlp: \+0\.\d{3} \[\+0\.\d{3}, \+0\.\d{3}\]; "
        r"the 95 % interval lies above zero",
        text,
    )
    assert (
        "Accuracy under shift, 16 shots</summary>\n\n|  | clean | noise 1 | noise 3 | noto | mean of shifts |" in text
    )
    assert "| closed-form, own scores | 0.830 ± 0.000 | 0.830 ± 0.000 |" in text
    assert "scores is at least 0.02 above that of mlp's largest probability: +0.030 on average" in text
    assert re.search(r"\| no-bank \| -0\.\d{3} \[.*behind \|", text) and "| closed-form/no-bank |" not in text


def test_detection_is_denied_where_it_is_small():
    cells = [
        replace(part, figures={**part.figures, "error_auroc_own": 0.815}) if part.method == "closed-form" else part
        for part in whole_cells()
    ]
    text = page(cells, "call")
    assert "scores is not at least 0.02 above" in text and "| no +0.015 |" in text


def with_learned(cells):
    """The same, and `seda` with one seed of 16 shots alone."""
    hard = RNG.random(IMAGES)
    figures = {
        "error_auroc": 0.7, "error_auroc_own": 0.84, "mmd2": 0.012, "energy": 0.1, "density": 1.0, "coverage": 0.9,
        "mean_length": 19.0, "real_length": 19.6, "spread": 1.01, "r1_one_end": 0.6, "r1_mean_of_16": 0.7,
    }  # fmt: skip
    ridge = [
        replace(part, figures={**part.figures, "mmd2": 0.05, "r1_one_end": 0.65})
        if (part.method, part.shots, part.seed) == ("ridge", "16", 0) else part
        for part in cells
    ]  # fmt: skip
    return [*ridge, cell("seda", 0, hard < 0.3, "16", **figures)]


def test_learned_paths_stand_beside_the_answer_where_they_were_measured(tmp_path):
    cells = with_learned(whole_cells())
    assert methods(cells)[:2] == ["closed-form", "seda"] and "seda" not in peers(cells)
    text = page(cells, "call")
    assert "**The answer of the app is the closed form**, the row *closed-form*" in text
    assert text.count("**The answer of the app") == 1
    assert re.search(r"\| toy \| seda \| no: 16 shots \| no, behind -0\.\d{3} \[.*\| yes \+0\.040 \|\n", text)
    assert re.search(r"\| toy \| closed-form \| [^|]+ \| yes", text)
    assert "Learned SeDA was measured at 16 shots, seeds each: 1." in text
    assert "Over few shots learned SeDA is behind the closed form: -0." in text
    assert "of learned SeDA's own scores is at least 0.02 above" in text
    assert re.search(r"\| seda \|  \| 0\.\d{3} \|\n", text)  # no number where nothing was measured
    assert re.search(r"\| seda minus \| 16 shots \| mean of few shots \|\n.*\n\| closed-form \| -0", text)
    assert re.search(r"\| closed-form minus \| 1 shot \| 16 shots \|.*\n.*\n\| seda \|  \| \+0", text)
    assert "| seda | 0.0120 | 0.100 | 1.000 | 0.900 | 19.0 | 1.010 | 0.600 | 0.700 |" in text
    assert "| ridge | 0.0500 |  |  |  |  |  | 0.650 |  |" in text and "average (here 19.6)" in text
    assert "nan" not in text.replace("![", "")
    write_report(cells, tmp_path, "call")
    head, *rows = (tmp_path / "results.csv").read_text().splitlines()
    place = head.split(",").index("r1_mean_of_16")
    assert {row.split(",")[3] for row in rows if row.split(",")[place]} == {"seda"}
    drawn = {picture.name: picture for picture in pictures(cells)}
    assert "Closed form (SeDA's answer) 0." in drawn["toy-accuracy"].alt
    assert "SeDA, learned 0." in drawn["toy-accuracy"].alt and "Toy: SeDA, learned:" in drawn["overview"].alt
    for name in ("toy-accuracy", "toy-errors", "overview", "toy-differences"):
        assert b"SeDA, learned" in svg(drawn[name].draw()), name


def test_without_learned_paths_nothing_is_said_of_them():
    text = page(whole_cells(), "call")
    assert "learned SeDA" not in text and "| seda |" not in text and "row *seda*; it is not measured yet." in text


def test_what_was_not_measured_leaves_no_trace():
    text = page(drawn_cells({"closed-form": 0.7, "ridge": 0.6}), "call")
    assert not re.search(r"under shift|Error detection|Ablations|nan|!\[", text)
    assert " minus |" not in page(drawn_cells({"ridge": 0.6}), "call")


def test_the_page_shows_every_picture_that_is_written(tmp_path):
    cells = whole_cells()
    files = write_report(cells, tmp_path, "call")
    shown = re.findall(r"!\[([^]]+)\]\(([^)]+)\)", (tmp_path / "README.md").read_text())
    assert {path for _, path in shown} == {str(path.relative_to(tmp_path)) for path in files if path.suffix == ".svg"}
    assert {path for _, path in shown} == {"figures/overview.svg"} | {
        f"figures/toy-{part}.svg" for part in ("accuracy", "differences", "calibration", "shift", "errors", "ablations")
    }
    assert all("SeDA" in alt and "nan" not in alt for alt, _ in shown)
    assert sum(path.stat().st_size for path in files if path.suffix == ".svg") < 250_000
    assert tuple((tmp_path / "results.csv").read_text().split("\n")[0].split(","))[: len(COLUMNS)] == COLUMNS


# ------------------------------------------------------------------------------------------------ pictures


def test_pictures_are_the_same_bytes_each_time_and_change_no_global_setting():
    before = dict(rcParams)
    cells = whole_cells()
    for one, other in zip(pictures(cells), pictures(cells), strict=True):
        assert svg(one.draw()) == svg(other.draw()), one.name
        assert b"<dc:date>" not in svg(one.draw())
    assert dict(rcParams) == before


def test_pictures_of_unfinished_runs_and_odd_names():
    cells = [
        cell("ridge", 0, [True, False], dataset="folder:my pictures"),
        cell("gda", 1, [True, True], "full", "folder:my pictures"),
    ]
    found = pictures(cells)
    assert [picture.name for picture in found] == ["folder-my-pictures-accuracy", "folder-my-pictures-calibration"]
    assert all(svg(picture.draw()).startswith(b"<?xml") for picture in found)


def test_controls_do_not_stretch_an_axis():
    lines = [
        Line("SeDA", {0.0: (0.8, 0.01), 1.0: (0.9, 0.01)}, "ours"),
        Line("collapse", {0.0: (0.1, 0.0), 1.0: (0.1, 0.0)}, "control"),
    ]
    figure = line_figure("t", "s", [Panel("", lines, [(0.0, "1"), (1.0, "2")], "x", "y")])
    low, high = figure.axes[0].get_ylim()
    assert 0.7 < low < 0.79 and 0.91 < high < 1
    rows = [Row("ridge", Difference(0.01, 0.0, 0.02, 5)), Row("collapse", Difference(0.6, 0.5, 0.7, 5), True)]
    low, high = forest_figure("t", "s", [("", rows)], "x").axes[0].get_xlim()
    assert low <= 0 and 2 < high < 3


@pytest.mark.parametrize("heights", [[0.5], [0.1, 0.9], [0.5] * 6, [0.98, 0.99, 1.0], [-0.2, 0.0, 0.3, 0.31], []])
def test_labels_lie_apart_in_order_and_near_their_lines(heights):
    found = _apart(heights, 0.05)
    assert all(after - before >= 0.05 - 1e-9 for before, after in itertools.pairwise(found))
    assert all(-1e-9 <= height <= 1 + 1e-9 for height in found)
    if all(b - a >= 0.05 for a, b in itertools.pairwise(heights)) and all(0 <= h <= 1 for h in heights):
        assert found == pytest.approx(heights)
