"""The app's charts as files: SVG and PDF with true texts, PNG; drawn by matplotlib from the very Plotly figure that the page shows.

Plotly itself draws files by a browser (kaleido needs Chrome on the machine and takes seconds). Charts of a diagnosis are bars, lines,
points, areas and matrices: these are read here from the figure, so that there is one description of each chart and not two. What a figure
holds beside them is refused and not left out.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable, Mapping, Sequence
from html import unescape
from typing import TYPE_CHECKING, Any

import numpy as np

from seda.errors import ConfigError

if TYPE_CHECKING:
    import plotly.graph_objects as go
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FORMS = {".svg": "image/svg+xml", ".png": "image/png", ".pdf": "application/pdf"}
WIDTH = 900  # px
LEGEND = 120  # letters in a row of it; chosen here: what fits WIDTH
PX_AN_INCH, PNG_DPI = 96, 192
INK, QUIET, GRID = "#1f2933", "#5c6570", "#dfe3e7"
POINT = 72 / PX_AN_INCH  # a px in points
DASHES = {"dash": (0, (5, 3)), "dot": (0, (1, 2)), None: "-", "solid": "-"}
MARKERS = {"circle": "o", "circle-open": "o", "square": "s", "line-ns-open": "|", "cross": "P", "x": "X"}
# fonts with letters beyond those of DejaVu, which comes with matplotlib; used where the system has them
FAMILIES = (
    "Noto Sans CJK JP",
    "Noto Sans CJK SC",
    "Noto Sans Arabic",
    "Noto Sans Hebrew",
    "Noto Sans Devanagari",
    "Noto Sans Thai",
    "Noto Sans",
)


def figure_file(figure: go.Figure, suffix: str, *, height: int, width: int = WIDTH, title: str = "") -> bytes:
    """A chart as a file, dark on white.

    Args:
        suffix: one of FORMS.
        height, width: px at 96 dpi; a PNG has twice as many.
        title: written above it, and into the file.
    Raises:
        ConfigError: the suffix is another one, or the chart holds what is not drawn here.
    """
    if suffix not in FORMS:
        raise ConfigError(f"Charts are not written as {suffix!r:.20}; allowed are {', '.join(FORMS)}.")
    from matplotlib import rc_context

    content = io.BytesIO()
    about = {"Title": title or "SeDA Explorer"}
    dates = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}, ".png": {}}  # nobody needs to know when
    with rc_context(_style()):
        drawn = _draw(figure, width, height, title)
        drawn.savefig(content, format=suffix[1:], dpi=PNG_DPI, metadata={**about, **dates[suffix]})
    return content.getvalue()


def zip_of_figures(figures: Mapping[str, tuple[go.Figure, int]], suffixes: Sequence[str] = tuple(FORMS)) -> bytes:
    """All charts in all forms, as one ZIP file.

    Args:
        figures: by name, with their heights in px.
    """
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, (figure, height) in figures.items():
            for suffix in suffixes:
                packed.writestr(f"{name}{suffix}", figure_file(figure, suffix, height=height))
    return content.getvalue()


def _style() -> dict[str, Any]:
    from matplotlib import font_manager

    there = {font.name for font in font_manager.fontManager.ttflist}
    return {
        "font.family": ["DejaVu Sans", *(name for name in FAMILIES if name in there)], "font.size": 13 * POINT, "text.color": INK,
        "axes.edgecolor": GRID, "axes.labelcolor": QUIET, "xtick.color": QUIET, "ytick.color": QUIET, "xtick.major.size": 0, "ytick.major.size": 0,
        "axes.spines.top": False, "axes.spines.right": False, "axes.axisbelow": True, "grid.color": GRID, "text.parse_math": False,
        "svg.fonttype": "none", "pdf.fonttype": 42, "svg.hashsalt": "seda",  # texts stay texts
    }  # fmt: skip


def _draw(figure: go.Figure, width: int, height: int, title: str) -> Figure:
    from matplotlib.figure import Figure as Drawn

    page = Drawn(figsize=(width / PX_AN_INCH, height / PX_AN_INCH), facecolor="white", layout="constrained")
    layout = figure.layout
    if unknown := [trace.type for trace in figure.data if trace.type not in _DRAWS]:
        raise ConfigError(f"A chart with {unknown[0]!r:.30} is not written as a file.")
    axes, second = _axes(page, figure)
    stacks: dict[str, np.ndarray] = {}
    for trace in figure.data:
        if trace.visible is False:
            continue
        place = (trace.xaxis or "x", trace.yaxis or "y")
        _DRAWS[trace.type](axes[place], trace, stacks)
    for (x, y), ax in axes.items():
        _dress(ax, layout[f"xaxis{x[1:]}"], layout[f"yaxis{y[1:]}"], twin=(x, y) in second)
    _shapes(axes, layout)
    _texts(page, axes, layout)
    _legend(page, axes)
    if title:
        page.suptitle(_said(title), x=0.01, ha="left", fontsize=16 * POINT)
    return page


def _axes(page: Figure, figure: go.Figure) -> tuple[dict[tuple[str, str], Axes], set[tuple[str, str]]]:
    """Axes by their names in Plotly, laid out as there; and those that share their place with others, on the right side."""
    layout = figure.layout
    places = list(dict.fromkeys((trace.xaxis or "x", trace.yaxis or "y") for trace in figure.data)) or [("x", "y")]
    first = [place for place in places if not layout[f"yaxis{place[1][1:]}"].overlaying]
    domains = {
        place: (
            (layout[f"xaxis{place[0][1:]}"].domain or (0, 1))[0],
            -(layout[f"yaxis{place[1][1:]}"].domain or (0, 1))[1],
        )
        for place in first
    }
    columns, rows = (sorted({round(corner[side], 4) for corner in domains.values()}) for side in (0, 1))
    tall = [0.0] * len(rows)
    for place, (_, top) in domains.items():
        low, high = layout[f"yaxis{place[1][1:]}"].domain or (0, 1)
        tall[rows.index(round(top, 4))] = high - low
    grid = page.add_gridspec(len(rows), len(columns), height_ratios=tall)
    axes: dict[tuple[str, str], Axes] = {}
    for place, (left, top) in domains.items():
        axes[place] = page.add_subplot(grid[rows.index(round(top, 4)), columns.index(round(left, 4))])
    second = set()
    for x, y in places:
        if over := layout[f"yaxis{y[1:]}"].overlaying:
            axes[x, y] = axes[x, over].twinx()
            second.add((x, y))
    return axes, second


# ---- traces


def _scatter(ax: Axes, trace: Any, stacks: dict[str, np.ndarray]) -> None:
    x, y = _numbers(trace.x), _numbers(trace.y)
    mode, color = trace.mode or "lines", _color(trace.line.color or trace.marker.color)
    shown: dict[str, Any] = {"label": _said(trace.name)} if trace.name and trace.showlegend is not False else {}
    if trace.stackgroup:
        below = stacks.get(trace.stackgroup, np.zeros(len(y)))
        stacks[trace.stackgroup] = below + y
        ax.fill_between(x, below, below + y, color=_color(trace.fillcolor), linewidth=0, **shown)
        return
    if trace.fill == "toself":
        _areas(ax, trace, x, y, shown)
        return
    if "lines" in mode:
        style = {"steps-post": "steps-post"}.get("steps-post" if trace.line.shape == "hv" else "", "default")
        ax.plot(
            x, y, color=color, linewidth=(trace.line.width or 2) * POINT, linestyle=DASHES.get(trace.line.dash, "-"), drawstyle=style, **shown
        )  # fmt: skip
        shown = {}
    if "markers" in mode and trace.marker.opacity != 0:
        _markers(ax, trace, x, y, shown)
    if "text" in mode:
        for at, text in zip(zip(x, y, strict=True), trace.text, strict=True):
            if text:
                ax.text(*at, _said(text), ha="center", va="center", fontsize=13 * POINT)


def _markers(ax: Axes, trace: Any, x: np.ndarray, y: np.ndarray, shown: Mapping[str, Any]) -> None:
    marker = trace.marker
    size = np.asarray(marker.size if marker.size is not None else 6, float) * POINT
    color, symbol = _color(marker.color or trace.line.color), marker.symbol or "circle"
    hollow = symbol.endswith("-open")
    ax.scatter(
        x, y, s=size**2, marker=MARKERS[symbol], linewidths=(marker.line.width or (2 if hollow else 0)) * POINT, zorder=3,
        **({"facecolors": "none", "edgecolors": [color]} if hollow and MARKERS[symbol] != "|" else {"c": [color]}), **shown,
    )  # fmt: skip


def _areas(ax: Axes, trace: Any, x: np.ndarray, y: np.ndarray, shown: Mapping[str, Any]) -> None:
    """Outlines, one after the other with a gap between them."""
    width = (2 if trace.line.width is None else trace.line.width) * POINT
    edge = _color(trace.line.color) if width and trace.line.color else "none"
    gaps = np.flatnonzero(~np.isfinite(y))
    for part in np.split(np.arange(len(y)), gaps):
        part = part[np.isfinite(y[part])]
        if len(part):
            ax.fill(
                x[part], y[part], facecolor=_color(trace.fillcolor), edgecolor=edge, linewidth=width, zorder=2, **shown
            )
            shown = {}


def _bar(ax: Axes, trace: Any, stacks: dict[str, np.ndarray]) -> None:
    if trace.orientation != "h":
        raise ConfigError("Only bars that lie are written as a file.")
    values = _numbers(trace.x)
    left = stacks.get("bars", np.zeros(len(values)))
    stacks["bars"] = left + values
    color, places = _color(trace.marker.color), np.arange(len(values))
    ax.barh(places, values, left=left, height=0.65, color=color, alpha=trace.marker.opacity, label=_said(trace.name))
    ax.set_yticks(places, [_said(name) for name in trace.y])
    for place, at, value, text in zip(places, left, values, trace.text, strict=True):
        if str(text):
            ax.text(at + value / 2, float(place), str(text), ha="center", va="center", fontsize=13 * POINT)


def _heatmap(ax: Axes, trace: Any, stacks: dict[str, np.ndarray]) -> None:
    from matplotlib.colors import LinearSegmentedColormap

    z, scale = np.asarray(trace.z, float), [(float(at), _color(color)) for at, color in trace.colorscale]
    image = ax.imshow(
        z, aspect="auto", cmap=LinearSegmentedColormap.from_list("own", scale, N=512), vmin=trace.zmin, vmax=trace.zmax,
        alpha=trace.opacity, interpolation="nearest" if z.size < 100_000 else "antialiased", interpolation_stage="rgba",
    )  # fmt: skip
    ax.grid(False)
    if trace.showscale is not False and ax.figure is not None:
        bar = ax.figure.colorbar(image, ax=ax, fraction=0.04, pad=0.02)
        bar.outline.set_visible(False)
        bar.ax.tick_params(labelsize=11 * POINT)
        bar.set_label(_said(trace.colorbar.title.text or ""))


_DRAWS: dict[str, Callable[[Any, Any, dict[str, np.ndarray]], None]] = {
    "scatter": _scatter,
    "bar": _bar,
    "heatmap": _heatmap,
}

# ---- what stands around them


def _dress(ax: Axes, x: Any, y: Any, *, twin: bool) -> None:
    for side, axis, told in (("x", ax.xaxis, x), ("y", ax.yaxis, y)):
        if twin and side == "x":
            continue
        if told.visible is False:
            axis.set_visible(False)
            ax.spines["bottom" if side == "x" else "left"].set_visible(False)
        if told.title.text:
            axis.set_label_text(_said(told.title.text))
        if told.tickvals is not None:
            turned = {"rotation": -told.tickangle, "ha": "right", "rotation_mode": "anchor"} if told.tickangle else {}
            axis.set_ticks(list(told.tickvals), [_said(text) for text in told.ticktext], **turned)
        if told.tickfont.size:
            axis.set_tick_params(labelsize=min(told.tickfont.size, 11) * POINT)
        if told.showticklabels is False:
            axis.set_ticks([])
        if told.range is not None:
            (ax.set_xlim if side == "x" else ax.set_ylim)(*told.range)
        elif told.rangemode == "tozero":
            (ax.set_xlim if side == "x" else ax.set_ylim)(0, None)
        if told.showgrid is not False and not twin and not ax.images:
            axis.grid(True)


def _shapes(axes: Mapping[tuple[str, str], Axes], layout: Any) -> None:
    for shape in layout.shapes:
        if shape.type != "line" or shape.x0 != shape.x1:
            raise ConfigError(f"A chart with the shape {shape.type!r:.30} is not written as a file.")
        named = (shape.xref or "x").split(" ")[0]
        for (x, _), ax in axes.items():
            if x == named:
                ax.axvline(
                    shape.x0,
                    color=_color(shape.line.color),
                    linewidth=(shape.line.width or 1) * POINT,
                    linestyle=DASHES["dash"],
                )


def _texts(page: Figure, axes: Mapping[tuple[str, str], Axes], layout: Any) -> None:
    """Titles of the parts, which Plotly keeps as annotations, and what stands beside a line."""
    first = [ax for ax in axes.values()]
    titles = [one for one in layout.annotations if one.xref == "paper" and one.yref == "paper"]
    if len(titles) == len(first) and layout.xaxis.visible is not False:
        for ax, one in zip(first, titles, strict=True):
            ax.set_title(_said(one.text), fontsize=14 * POINT)
    else:
        for one in titles:
            page.text(one.x, one.y, _said(one.text), ha="center", va="center")
    for one in layout.annotations:
        if one.xref != "paper" or one.yref != "paper":
            ax = next(ax for (x, _), ax in axes.items() if x == (one.xref or "x").split(" ")[0])
            ax.text(
                one.x,
                1.0,
                _said(one.text),
                transform=ax.get_xaxis_transform(),
                ha="left",
                va="bottom",
                fontsize=12 * POINT,
                color=QUIET,
            )


def _legend(page: Figure, axes: Mapping[tuple[str, str], Axes]) -> None:
    handles, labels = [], []
    for ax in axes.values():
        for handle, label in zip(*ax.get_legend_handles_labels(), strict=True):
            if label not in labels:
                handles.append(handle)
                labels.append(label)
    if labels:
        page.legend(
            handles,
            labels,
            loc="outside upper left",
            ncols=max(1, min(len(labels), LEGEND // (max(map(len, labels)) + 6))),
            frameon=False,
            fontsize=13 * POINT,
        )


def _numbers(values: Any) -> np.ndarray:
    """Floats, NaN for what is none; texts, such as names of bars, stay as they are."""
    return np.array([np.nan if value is None else value for value in values], float)


def _said(text: str) -> str:
    """Plotly's texts without its markup."""
    return unescape(re.sub(r"<[^<>]*>", " ", text)).strip()


def _color(color: str | None) -> Any:
    """As matplotlib reads it."""
    if color is None:
        return QUIET
    if found := re.fullmatch(r"rgba\(([\d.]+), ?([\d.]+), ?([\d.]+), ?([\d.]+)\)", color):
        red, green, blue, alpha = map(float, found.groups())
        return red / 255, green / 255, blue / 255, alpha
    return color
