"""Pictures of the benchmark's page: numbers in, matplotlib Figure out; nothing is drawn through pyplot."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NotRequired, TypedDict

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from seda.benchmark.differences import Difference
from seda.figures.palette import DARKER, HUES, LIGHTER

if TYPE_CHECKING:
    from matplotlib.typing import RcKeyType

INK, QUIET, FAINT = "#1F2933", "#66717D", "#C9CFD6"  # text; secondary text and controls; what is not named
OURS_COLOR, BEHIND_COLOR = HUES[1], HUES[0]  # vermillion and blue stay apart for colour-blind eyes
LEARNED_COLOR = INK  # the one dark line: told from ours by lightness as well
BOLD = {"ours": OURS_COLOR, "learned": LEARNED_COLOR}  # drawn wide, with bands; by role
# fixed by name, so that a method keeps its colour over all pictures; the rest takes SPARE in turn
COLORS = {
    "mlp": HUES[0], "ridge": HUES[2], "nearest-center": DARKER[3], "logistic-regression": HUES[5],
    "flow-matching": DARKER[4], "gda": HUES[3],
    "Closed form, softmax": LIGHTER[1], "SeDA, learned, softmax": QUIET,
}  # fmt: skip
SPARE = (DARKER[6], DARKER[7], DARKER[2], DARKER[0])
MARKERS = "osD^vPX"
LABEL_GAP = 0.052  # between two labels, as a share of a panel's height
STYLE: dict[RcKeyType, object] = {
    "font.family": "DejaVu Sans", "font.size": 11, "text.color": INK,
    "axes.edgecolor": FAINT, "axes.labelcolor": QUIET, "xtick.color": QUIET, "ytick.color": QUIET,
    "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "axes.axisbelow": True, "grid.color": "#EDF0F3",
    "xtick.major.size": 0, "ytick.major.size": 0, "figure.facecolor": "white",
    # identifiers that do not differ from run to run; letters as text, which is a third of the size and can be read aloud
    "svg.hashsalt": "seda", "svg.fonttype": "none",
}  # fmt: skip


@dataclass(frozen=True)
class Line:
    """One method in a panel.

    Attributes:
        name: of the method, as it is labelled.
        points: x -> (mean, standard deviation over seeds).
        role: "ours", "learned", "peer" (coloured and labelled), "other" (thin) or "control" (thin, dashed).
    """

    name: str
    points: dict[float, tuple[float, float]]
    role: str = "peer"


@dataclass(frozen=True)
class Panel:
    """Axes of a line figure: ticks are (x, text) pairs; `peer_bands`: whether peers are drawn with their bands."""

    title: str
    lines: Sequence[Line]
    ticks: Sequence[tuple[float, str]]
    x_label: str
    y_label: str
    peer_bands: bool = False


@dataclass(frozen=True)
class Row:
    """A line of a forest figure; `control` rows are drawn quietly and do not stretch the axis."""

    name: str
    difference: Difference
    control: bool = False


def line_figure(title: str, subtitle: str, panels: Sequence[Panel]) -> Figure:
    """Panels side by side, at most three a row: mean lines, bands of one standard deviation, names at the lines' ends.

    The y axis spans what is not a control; controls that lie below leave the picture.
    """
    with rc_context(STYLE):
        columns = 2 if len(panels) in (2, 4) else min(3, len(panels))
        rows = -(-len(panels) // columns)
        width, height = (7.0, 4.6) if columns == 1 else (4.6, 3.6)
        figure, all_axes = _figure(title, subtitle, (rows, columns), (width, height), left=0.85, right=2.8)
        colors = _colors([line for panel in panels for line in panel.lines])
        for axes, panel in zip(all_axes, panels, strict=False):
            _draw_panel(axes, panel, colors)
        for axes in all_axes[len(panels) :]:
            axes.remove()
    return figure


def forest_figure(title: str, subtitle: str, groups: Sequence[tuple[str, Sequence[Row]]], x_label: str) -> Figure:
    """Differences with their intervals under each other, in points (hundredths): orange ahead, blue behind, grey level.

    Args:
        groups: (heading, rows); without a heading where there is one only.
    """
    with rc_context(STYLE):
        count = sum(len(rows) + 1.4 * bool(heading) for heading, rows in groups)
        size = 5.4, max(0.9, 0.34 * count)
        figure, (axes,) = _figure(title, subtitle, (1, 1), size, left=2.45, right=2.3)
        low, high = _forest_range([row for _, rows in groups for row in rows])
        at = 0.0
        for heading, rows in groups:
            if heading:
                at += 0.4 * (at > 0)
                axes.text(
                    -2.25 / size[0], at, heading, weight="bold", va="center", transform=axes.get_yaxis_transform()
                )
                at += 1
            for row in rows:
                _draw_row(axes, row, at, low, high)
                at += 1
        axes.axvline(0, color=INK, linewidth=1, zorder=1)
        axes.set(xlim=(low, high), ylim=(at - 0.4, -0.6), yticks=[], xlabel=x_label)
        axes.spines["left"].set_visible(False)
    return figure


def svg(figure: Figure) -> bytes:
    """The same bytes for the same numbers: no date, fixed identifiers."""
    file = io.BytesIO()
    with rc_context(STYLE):
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    # Verdana is as wide as DejaVu Sans, and is where that is not
    text = file.getvalue().replace(b"'DejaVu Sans'", b"'DejaVu Sans', Verdana, sans-serif")
    # a hundredth of a point is finer than any screen, and a third of the size
    return re.sub(rb"-?\d+\.\d{3,}", lambda number: f"{float(number[0]):.2f}".encode(), text)


def _figure(
    title: str, subtitle: str, shape: tuple[int, int], size: tuple[float, float], *, left: float, right: float
) -> tuple[Figure, list[Axes]]:
    """A figure with rows x columns of axes of a size, with room left and right of each of them; all in inches."""
    (rows, columns), (width, height) = shape, size
    top, bottom, head = 0.35 if rows * columns > 1 else 0.1, 0.75, 0.85
    across, down = left + width + right, top + height + bottom
    full = columns * across, head + rows * down
    figure = Figure(figsize=full)
    axes = [
        figure.add_axes(
            (
                (column * across + left) / full[0],
                1 - (head + row * down + top + height) / full[1],
                width / full[0],
                height / full[1],
            )
        )
        for row in range(rows)
        for column in range(columns)
    ]
    figure.text(0.2 / full[0], 1 - 0.18 / full[1], title, va="top", fontsize=15, weight="bold")
    figure.text(0.2 / full[0], 1 - 0.54 / full[1], subtitle, va="top", fontsize=10.5, color=QUIET)
    return figure, axes


def _colors(lines: Sequence[Line]) -> dict[str, str]:
    spare = iter(SPARE * (1 + len(lines)))
    found = {}
    for line in lines:
        if line.name not in found and line.role == "peer":
            found[line.name] = COLORS.get(line.name) or next(spare)
    return found


class _Stroke(TypedDict):
    color: str
    linewidth: float
    linestyle: NotRequired[tuple[float, tuple[float, ...]]]


def _draw_panel(axes: Axes, panel: Panel, colors: dict[str, str]) -> None:
    quiet: dict[str, _Stroke] = {
        "other": {"color": FAINT, "linewidth": 1},
        "control": {"color": QUIET, "linewidth": 0.9, "linestyle": (0, (4, 3))},
    }
    labels: list[tuple[float, float, str, str, bool]] = []
    for index, line in enumerate(
        sorted(panel.lines, key=lambda line: ["control", "other", "peer", "learned", "ours"].index(line.role))
    ):
        xs = np.array(sorted(line.points))
        if not len(xs):
            continue
        mean, std = np.array([line.points[x] for x in xs]).T
        if line.role in quiet:
            axes.plot(xs, mean, zorder=2, **quiet[line.role])
            continue
        ours = line.role in BOLD
        color = BOLD[line.role] if ours else colors[line.name]
        if ours or panel.peer_bands:
            alpha = 0.18 if ours else 0.06
            axes.fill_between(xs, mean - std, mean + std, color=color, alpha=alpha, linewidth=0, zorder=3)
        axes.plot(
            xs, mean, color=color, linewidth=3.4 if ours else 1.7, marker="o" if ours else MARKERS[1 + index % 6],
            markersize=8 if ours else 5, markeredgecolor="white", markeredgewidth=0.8, zorder=6 if ours else 4,
        )  # fmt: skip
        labels.append((mean[-1], xs[-1], line.name, color, ours))
    _limits(axes, panel)
    _label_ends(axes, labels, [x for x, _ in panel.ticks])
    axes.set_xticks([x for x, _ in panel.ticks], [text for _, text in panel.ticks])
    axes.set_xlabel(panel.x_label)
    axes.set_ylabel(panel.y_label)
    axes.grid(axis="x", visible=False)
    if panel.title:
        axes.set_title(panel.title, loc="left", fontsize=12, weight="bold")


def _limits(axes: Axes, panel: Panel) -> None:
    """Room for all but controls."""
    shown = [line for line in panel.lines if line.role != "control"] or panel.lines
    banded = (*BOLD, "peer") if panel.peer_bands else tuple(BOLD)
    values = np.array(
        [
            (mean - std * (line.role in banded), mean + std * (line.role in banded))
            for line in shown
            for mean, std in line.points.values()
        ]
    )
    values = values[np.isfinite(values).all(1)]
    if len(values):
        low, high = values.min(), values.max()
        pad = 0.05 * max(high - low, 1e-3)
        axes.set_ylim(low - pad, high + pad)


def _label_ends(axes: Axes, labels: list[tuple[float, float, str, str, bool]], ticks: Sequence[float]) -> None:
    """Names right of the lines' ends, pushed apart, each tied to its line."""
    if not labels:
        return
    low, high = axes.get_ylim()
    labels = sorted(label for label in labels if np.isfinite(label[0]))
    heights = _apart([(label[0] - low) / (high - low) for label in labels], LABEL_GAP)
    span = max(ticks) - min(ticks) or 1.0
    right = max(ticks)
    axes.set_xlim(min(ticks) - 0.03 * span, right + 0.03 * span)
    for (value, x, name, color, ours), height in zip(labels, heights, strict=True):
        axes.annotate(
            name, xy=(x, value), xycoords="data", xytext=(1.05, height), textcoords="axes fraction",
            color=color, weight="bold" if ours else "normal", fontsize=11.5 if ours else 10.5, va="center", annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": color, "linewidth": 0.7, "alpha": 0.6, "shrinkA": 1, "shrinkB": 5},
        )  # fmt: skip


def _apart(heights: Sequence[float], gap: float) -> list[float]:
    """Rising heights moved as little as needed to lie `gap` apart within 0 to 1; blocks that touch are centred on their mean."""
    blocks: list[list[float]] = []  # [sum of wanted heights less their offsets, count]
    for height in heights:
        blocks.append([height, 1])
        while len(blocks) > 1:
            (upper, many), (lower, few) = blocks[-1], blocks[-2]
            if lower / few + few * gap <= upper / many:
                break
            blocks[-2:] = [[lower + upper - many * few * gap, few + many]]
    found = [total / count + index * gap for total, count in blocks for index in range(int(count))]
    return [max(index * gap, min(height, 1 - (len(found) - 1 - index) * gap)) for index, height in enumerate(found)]


def _forest_range(rows: Sequence[Row]) -> tuple[float, float]:
    """Limits in points, by the rows that are no controls."""
    known = [row.difference for row in rows if not row.control] or [row.difference for row in rows]
    low, high = (100 * pick(getattr(part, end) for part in known) for pick, end in ((min, "low"), (max, "high")))
    low, high = min(low, 0.0), max(high, 0.0)
    pad = 0.08 * max(high - low, 0.5)
    return low - pad, high + pad


def _draw_row(axes: Axes, row: Row, at: float, low: float, high: float) -> None:
    found = row.difference
    color = {"ahead": OURS_COLOR, "behind": BEHIND_COLOR, "level": QUIET}[found.verdict]
    alpha = 0.55 if row.control else 1.0
    ends = np.clip([100 * found.low, 100 * found.high], low, high)
    axes.plot(ends, [at, at], color=color, linewidth=2.4, solid_capstyle="round", alpha=alpha, zorder=3)
    if low <= 100 * found.mean <= high:
        axes.plot(
            100 * found.mean, at, marker="o", markersize=8, color=color if found.verdict != "level" else "white",
            markeredgecolor=color, markeredgewidth=1.6, alpha=alpha, zorder=4,
        )  # fmt: skip
    else:
        right = found.mean > 0
        axes.plot(
            high if right else low,
            at,
            marker=">" if right else "<",
            markersize=8,
            color=color,
            alpha=alpha,
            clip_on=False,
        )
    across = axes.get_yaxis_transform()
    quiet = QUIET if row.control else INK
    axes.text(-0.01, at, row.name, ha="right", va="center", fontsize=11, color=quiet, transform=across)
    text = f"{100 * found.mean:+.1f}  [{100 * found.low:+.1f}, {100 * found.high:+.1f}]".replace("-", "−")
    axes.text(1.05, at, text, ha="left", va="center", fontsize=10, color=color, transform=across)
