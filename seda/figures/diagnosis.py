"""Charts of a diagnosis. Each is drawn from the JSON of `seda.journeys.diagnosis.Diagnosis.to_dict`, and from nothing else.

A cell of a heat map cannot be chosen with Streamlit; where cells can be, invisible points with their numbers lie upon them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from seda.figures.charts import INK, TEMPLATE, mark_hand_over, sized
from seda.figures.palette import HUES

BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY = HUES[:6]
RIGHT, WRONG, UNDECIDED = GREEN, VERMILLION, "rgba(128, 132, 144, 0.28)"
CULPRIT_COLORS = {"encoder": BLUE, "learner": PURPLE, "translator": ORANGE, "wording": SKY, "unclear": HUES[7]}
PALE = 0.6  # opacity below numbers: they have the page's own colour, dark on light and light on dark
PLACES = {
    "features": "image features (labelled neighbours)",
    "categories": "hand-over (nearest labelled category)",
    "end": "end of the path (nearest word)",
    "answer": "answer",
}
DOUBTS = {
    "confidence": "low probability",
    "entropy": "entropy of the answer",
    "path_length": "long way",
    "changes": "changes of mind",
    "committed_at": "late commitment",
    "seeds_apart": "seeds that end elsewhere",
}
NOTHING = "rgba(128, 132, 144, 0.08)"
SMALL = 13  # px, the least of the app
RIDGE = 0.92  # height of a ridge, in rows
MOST_POINTS = 12_000  # of `standing` that can be clicked; chosen here: more make a browser wait
LONGEST, LONGEST_SAID = 18, 60  # letters of a name beside an axis, and beside the pointer


def culprits(summary: Mapping[str, Any]) -> go.Figure:
    """Who has lost how many: a bar for the answer, the path's end and the category at the hand-over, right ones first."""
    figure = go.Figure(layout={"template": TEMPLATE})
    places = ("categories", "end", "answer")
    labels, total = [PLACES[place].split(" (")[0] for place in places], summary["count"]
    lost = {name: [summary["lost_by"][place][name] for place in places] for name in CULPRIT_COLORS}
    parts = {"right": [total - sum(counts[row] for counts in lost.values()) for row in range(len(places))], **lost}
    for name, counts in parts.items():
        if any(counts):
            figure.add_bar(
                x=counts, y=labels, orientation="h", name=name, text=[count or "" for count in counts], textposition="inside", textfont={"size": SMALL},
                insidetextanchor="middle", textangle=0, marker={"color": CULPRIT_COLORS.get(name, RIGHT), "opacity": PALE}, hovertemplate=f"%{{x}} of {total} {name}<extra></extra>",
            )  # fmt: skip
    figure.update_layout(barmode="stack", bargap=0.35, legend=_ABOVE, margin={"t": 40, "b": 40, "r": 16})
    figure.update_xaxes(title_text="items", range=[0, total])
    return sized(figure)


def standing(summary: Mapping[str, Any], names: Sequence[str]) -> go.Figure:
    """All items' states, the most troubled items on top: right, wrong, or undecided between two words.

    A point carries [item, state]: of many items one point stands for several rows, and carries the first's item, see `rows_of_a_point`. Of
    more items than the JSON lists it says so, and shows none.
    """
    when = summary["when"]
    if not when["standing"]:
        return _told(f"{summary['count']:,} items are too many to show each; the table of steps has them.")
    order = when["order"]
    codes = np.frombuffer("".join(when["standing"]).encode(), np.uint8).reshape(len(order), -1)[np.array(order)]
    z = np.select([codes == ord("r"), codes == ord("w")], [1, 2], 0).astype(np.uint8)
    count, states = z.shape
    figure = go.Figure(layout={"template": TEMPLATE})
    figure.add_heatmap(
        z=z.tolist() if count <= 64 else z, zmin=0, zmax=2, showscale=False, hoverinfo="skip", ygap=1 if count <= 64 else 0,
        colorscale=_steps_of([UNDECIDED, RIGHT, WRONG]),
    )  # fmt: skip
    _add_standing_points(figure, z, order, [_file(names[item]) for item in order])
    for name, color in zip(("right", "wrong", "undecided"), (RIGHT, WRONG, UNDECIDED), strict=True):
        figure.add_scatter(
            x=[None], y=[None], mode="markers", name=name, marker={"symbol": "square", "size": 12, "color": color}
        )
    mark_hand_over(figure, when["hand_over"])
    figure.update_layout(legend=_ABOVE, margin={"t": 48, "b": 44, "r": 16})
    figure.update_xaxes(title_text="step", range=[-0.5, states - 0.5], showgrid=False)
    ticks = (
        {"tickvals": list(range(count)), "ticktext": [_short(_file(names[item])) for item in order]}
        if count <= 48
        else {}
    )
    figure.update_yaxes(range=[count - 0.5, -0.5], showgrid=False, showticklabels=count <= 48, **ticks)
    return sized(figure, **({"tickfont": {"size": SMALL}} if count > 24 else {}))


def rows_of_a_point(count: int, states: int) -> int:
    """How many of so many rows one point of `standing` stands for."""
    return max(1, -(-count * states // MOST_POINTS))


def _add_standing_points(figure: go.Figure, z: np.ndarray, order: Sequence[int], names: Sequence[str]) -> None:
    """Points that can be clicked, and what stands beside the pointer."""
    count, states = z.shape
    size, told = rows_of_a_point(count, states), ("undecided", "right", "wrong")
    firsts = np.arange(0, count, size)
    rows, columns = np.repeat(firsts, states).tolist(), np.tile(np.arange(states), len(firsts)).tolist()
    if size == 1:
        texts = [
            f"{_short(names[row], LONGEST_SAID)}<br>step {column}: {told[z[row, column]]}"
            for row, column in zip(rows, columns, strict=True)
        ]
    else:
        texts = []
        for row, column in zip(rows, columns, strict=True):
            part = z[row : row + size, column]
            shares = ", ".join(f"{int((part == code).sum())} {told[code]}" for code in (1, 2, 0))
            texts.append(f"rows {row + 1:,} to {row + len(part):,}<br>step {column}: {shares}")
    figure.add_scatter(
        x=columns, y=rows if size == 1 else [row + (min(size, count - row) - 1) / 2 for row in rows], mode="markers", marker={"opacity": 0, "size": 9, "color": INK},
        showlegend=False, customdata=[[order[row], column] for row, column in zip(rows, columns, strict=True)], text=texts, hovertemplate="%{text}<extra></extra>",
    )  # fmt: skip


def along_the_path(summary: Mapping[str, Any]) -> go.Figure:
    """Shares of right, wrong and undecided items at each step; below, mean margin and mean entropy."""
    when = summary["when"]
    steps = list(range(len(when["right"])))
    figure = make_subplots(
        rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.08, row_heights=[0.6, 0.4], figure=_empty(),
        specs=[[{}], [{"secondary_y": True}]],
    )  # fmt: skip
    for name, color in (("right", RIGHT), ("wrong", WRONG), ("undecided", UNDECIDED)):
        figure.add_scatter(
            x=steps, y=[100 * share for share in when[name]], name=name, stackgroup="one", line={"width": 0, "color": color},
            fillcolor=color, hovertemplate=f"step %{{x}}: %{{y:.1f}} % {name}<extra></extra>", row=1, col=1,
        )  # fmt: skip
    figure.add_scatter(
        x=steps, y=when["margin"], name="margin", mode="lines", line={"color": BLUE, "width": 2.5}, row=2, col=1,
        hovertemplate="step %{x}: margin %{y:.3f}<extra></extra>",
    )  # fmt: skip
    weighed = any(value is not None for value in when["entropy"])
    figure.add_scatter(
        x=steps, y=when["entropy"], name="entropy", visible=weighed, mode="lines", line={"color": ORANGE, "width": 2.5, "dash": "dot"},
        row=2, col=1, secondary_y=True, hovertemplate="step %{x}: %{y:.2f} bits<extra></extra>",
    )  # fmt: skip
    mark_hand_over(figure, when["hand_over"])
    figure.update_yaxes(title_text="items, %", range=[0, 100], row=1, col=1)
    figure.update_yaxes(title_text="margin", row=2, col=1, secondary_y=False)
    figure.update_yaxes(
        title_text="bits" if weighed else "",
        rangemode="tozero",
        showgrid=False,
        showticklabels=weighed,
        row=2,
        col=1,
        secondary_y=True,
    )
    figure.update_xaxes(title_text="step", row=2, col=1)
    figure.update_layout(legend=_ABOVE, margin={"t": 48, "b": 44, "r": 56})
    return sized(figure)


def confusion(summary: Mapping[str, Any], place: str, before: str = "") -> go.Figure:
    """How often each word is told for each truth; with `before` by how much that changed from there. A point carries [truth, told]."""
    counts = np.array(summary["confusions"][place])
    if before:
        counts = counts - np.array(summary["confusions"][before])
    names, said = ([*(_short(name, most) for name in summary["classes"]), "(none)"] for most in (LONGEST, LONGEST_SAID))
    used = len(names) if before or counts[:, -1].any() else len(names) - 1
    counts = counts[:, :used]
    most = max(int(np.abs(counts).max()), 1)
    figure = _empty()
    figure.add_heatmap(
        z=counts.tolist(), x=list(range(used)), y=list(range(len(counts))), zmin=-most if before else 0, zmax=most, showscale=False,
        xgap=1, ygap=1, hoverinfo="skip",
        colorscale=[[0, VERMILLION], [0.5, NOTHING], [1, BLUE]] if before else [[0, NOTHING], [1, BLUE]], opacity=PALE,
    )  # fmt: skip
    rows, columns = np.divmod(np.arange(counts.size), used)
    sign = "+" if before else ""
    few = len(names) <= 25
    figure.add_scatter(
        x=columns, y=rows, mode="markers+text" if few else "markers", marker={"opacity": 0, "size": 22, "color": INK},
        showlegend=False, customdata=np.stack([rows, columns], axis=1).tolist(), textfont={"size": SMALL},
        text=[f"{count:{sign}d}" if count else "" for count in counts.ravel().tolist()],
        hovertext=[
            f"{said[row]}, told {said[column]}: {counts[row, column]:{sign}d}" for row, column in zip(rows, columns, strict=True)
        ],
        hovertemplate="%{hovertext}<extra></extra>",
    )  # fmt: skip
    figure.update_xaxes(
        title_text="told", tickvals=list(range(used)), ticktext=names[:used], tickangle=-45, showgrid=False,
        range=[-0.5, used - 0.5],
    )  # fmt: skip
    figure.update_yaxes(
        title_text="truth", tickvals=list(range(len(counts))), ticktext=names[:-1], range=[len(counts) - 0.5, -0.5],
        showgrid=False,
    )  # fmt: skip
    figure.update_layout(margin={"t": 16, "b": 60, "r": 16})
    return sized(figure, **({} if few else {"tickfont": {"size": SMALL}}))


def gap(summary: Mapping[str, Any]) -> go.Figure:
    """How moving features lie to their texts at each step compared: accuracy and recall, gaps, CKA, MMD^2, lengths.

    Of a single item there are none of these, and it says so.
    """
    found = summary["gap"]
    if "accuracy" not in found:
        return _told("One item has no gap: two or more are needed.")
    steps = found["states"]
    figure = make_subplots(rows=5, cols=1, shared_xaxes=True, vertical_spacing=0.035, figure=_empty())
    lines = [
        (1, "accuracy", "accuracy", BLUE, "solid"),
        (1, "recall", "R@1, words to items", SKY, "dot"),
        (2, "centroid_gap", "distance of the means", VERMILLION, "solid"),
        (2, "relative_gap", "relative gap", ORANGE, "dot"),
        (3, "cka", "unbiased CKA", GREEN, "solid"),
        (4, "mmd2", "MMD²", PURPLE, "solid"),
        (4, "class_wise_mmd2", "MMD² within classes", PURPLE, "dot"),
    ]
    for row, name, label, color, dash in lines:
        if any(value is not None for value in found[name]):
            figure.add_scatter(
                x=steps, y=found[name], name=label, mode="lines", line={"color": color, "width": 2.5, "dash": dash}, row=row, col=1,
                hovertemplate=f"step %{{x}}: %{{y:.3f}}<extra>{label}</extra>",
            )  # fmt: skip
    low, middle, high = (list(values) for values in zip(*found["length"], strict=True))
    figure.add_scatter(
        x=[*steps, *steps[::-1]], y=[*high, *low[::-1]], fill="toself", fillcolor="rgba(0, 114, 178, 0.18)", line={"width": 0},
        hoverinfo="skip", showlegend=False, row=5, col=1,
    )  # fmt: skip
    figure.add_scatter(
        x=steps, y=middle, name="length of the states, 5 to 95 %", mode="lines", line={"color": BLUE, "width": 2.5}, row=5, col=1,
        hovertemplate="step %{x}: %{y:.2f}<extra>median length</extra>",
    )  # fmt: skip
    figure.add_scatter(
        x=steps, y=[length[1] for length in found["text_length"]], name="length of the texts", mode="lines",
        line={"color": INK, "width": 2, "dash": "dash"}, row=5, col=1, hovertemplate="%{y:.2f}<extra>texts</extra>",
    )  # fmt: skip
    for row, title in enumerate(("share", "gap", "CKA", "MMD²", "length"), start=1):
        figure.update_yaxes(title_text=title, row=row, col=1)
    figure.update_yaxes(range=[-0.03, 1.03], row=1, col=1)
    figure.add_vline(x=summary["when"]["hand_over"], line={"color": INK, "width": 1, "dash": "dash"})
    figure.update_xaxes(title_text="step", row=5, col=1)
    figure.update_layout(legend=_ABOVE | {"y": 1.03}, margin={"t": 84, "b": 40, "r": 16})
    return sized(figure)


def classes_apart(summary: Mapping[str, Any]) -> go.Figure:
    """Cosine to the right word, class by class, as ridges: at the start, the hand-over and the end.

    Each ridge is as high as its row, whatever its peak is; quantiles stand beside the pointer, the middle one is a stroke.
    """
    rows, grid = summary["classes_apart"], summary["density_at"]
    figure, lines = _empty(), list(range(len(rows)))  # by number: names that are cut may be equal
    for place, label, color in (("start", "start", HUES[7]), ("hand_over", "hand-over", ORANGE), ("end", "end", BLUE)):
        x: list[float | None] = []
        y: list[float | None] = []
        for line, row in zip(lines, rows, strict=True):
            density = row["density"][place]
            scale = RIDGE / max(*density, 1e-12)
            x += [grid[0], *grid, grid[-1], grid[0], None]
            y += [line, *(line - scale * value for value in density), line, line, None]
        figure.add_scatter(
            x=x[:-1], y=y[:-1], name=label, mode="lines", fill="toself", hoverinfo="skip", line={"color": color, "width": 1.5},
            fillcolor=f"rgba({int(color[1:3], 16)}, {int(color[3:5], 16)}, {int(color[5:7], 16)}, 0.28)",
        )  # fmt: skip
        figure.add_scatter(
            x=[row[place][2] for row in rows], y=lines, mode="markers", showlegend=False,
            marker={"symbol": "line-ns-open", "size": 12, "color": color, "line": {"width": 2.5, "color": color}},
            text=[
                f"{_short(row['class'], LONGEST_SAID)}, {label}: median {row[place][2]:.3f}, 5 to 95 % from {row[place][0]:.3f} to {row[place][4]:.3f}"
                for row in rows
            ],
            hovertemplate="%{text}<extra></extra>",
        )  # fmt: skip
    figure.update_xaxes(title_text="cosine to the right word", range=[grid[0], grid[-1]])
    figure.update_yaxes(
        range=[len(rows) - 0.6, -1.05],
        tickvals=lines,
        ticktext=[f"{_short(row['class'])} ({row['count']})" for row in rows],
    )
    figure.update_layout(legend=_ABOVE, margin={"t": 40, "b": 44, "r": 16})
    return sized(figure)


def how_sure(summary: Mapping[str, Any]) -> go.Figure:
    """Reliability, and the share of wrong answers if only the surest are given; beside them "none of these", where it is known."""
    parts = _parts_of(summary["sure"])
    figure = make_subplots(
        rows=1, cols=len(parts), subplot_titles=list(parts), horizontal_spacing=0.09, figure=_empty()
    )
    for column, draw in enumerate(parts.values(), start=1):
        draw(figure, summary["sure"], {"row": 1, "col": column})
    figure.update_layout(showlegend=False, margin={"t": 44, "b": 48, "r": 16})
    return sized(figure)


def how_sure_apart(summary: Mapping[str, Any]) -> list[go.Figure]:
    """The same, each by itself, for where there may be no room beside each other."""
    figures = []
    for title, draw in _parts_of(summary["sure"]).items():
        figure = make_subplots(rows=1, cols=1, subplot_titles=[title], figure=_empty())
        draw(figure, summary["sure"], {"row": 1, "col": 1})
        figures.append(sized(figure.update_layout(showlegend=False, margin={"t": 44, "b": 48, "r": 16})))
    return figures


def _parts_of(sure: Mapping[str, Any]) -> dict[str, Callable[[go.Figure, Mapping[str, Any], Mapping[str, int]], None]]:
    none = {"“none of these”": _draw_none} if sure["none_of_these"] else {}
    return {"how often right, at each confidence": _draw_reliability, "wrong among the surest": _draw_risk, **none}


_DIAGONAL = {
    "x": [0, 100], "y": [0, 100], "mode": "lines", "line": {"color": INK, "width": 1, "dash": "dash"}, "hoverinfo": "skip",
}  # fmt: skip


def _draw_reliability(figure: go.Figure, sure: Mapping[str, Any], at: Mapping[str, int]) -> None:
    figure.add_scatter(**_DIAGONAL, **at)
    bins = sure["bins"]
    most = max(one["count"] for one in bins)
    figure.add_scatter(
        x=[100 * one["confidence"] for one in bins], y=[100 * one["accuracy"] for one in bins], mode="lines+markers",
        marker={"size": [7 + 13 * (one["count"] / most) ** 0.5 for one in bins], "color": BLUE}, line={"color": BLUE, "width": 1.5},
        text=[f"{one['count']} items" for one in bins], hovertemplate="%{x:.0f} % sure, %{y:.0f} % right, %{text}<extra></extra>",
        **at,
    )  # fmt: skip
    figure.update_xaxes(title_text="confidence, %", range=[-3, 103], **at)
    figure.update_yaxes(title_text="right, %", range=[-3, 103], **at)


def _draw_risk(figure: go.Figure, sure: Mapping[str, Any], at: Mapping[str, int]) -> None:
    figure.add_scatter(
        x=[100 * value for value in sure["coverage"]], y=[100 * value for value in sure["risk"]],
        mode="lines" if len(sure["risk"]) > 1 else "markers",  # all are equally sure
        line={"color": VERMILLION, "width": 2.5, "shape": "hv"},
        hovertemplate="of the surest %{x:.0f} %: %{y:.1f} % wrong<extra></extra>", **at,
    )  # fmt: skip
    figure.update_xaxes(title_text="answered, %", range=[-3, 103], **at)
    figure.update_yaxes(title_text="wrong, %", rangemode="tozero", **at)


def _draw_none(figure: go.Figure, sure: Mapping[str, Any], at: Mapping[str, int]) -> None:
    none = sure["none_of_these"]
    figure.add_scatter(**_DIAGONAL, **at)
    figure.add_scatter(
        x=[100 * value for value in none["false_alarms"]], y=[100 * value for value in none["found"]], mode="lines",
        line={"color": GREEN, "width": 2.5}, hovertemplate="%{y:.0f} % found at %{x:.0f} % false alarms<extra></extra>", **at,
    )  # fmt: skip
    zero = none["at_zero"]
    figure.add_scatter(
        x=[100 * zero["false_alarms"]], y=[100 * zero["found"]], mode="markers",
        marker={"size": 12, "color": GREEN, "symbol": "circle-open", "line": {"width": 2.5}},
        hovertemplate="where the app says so: %{y:.0f} % found, %{x:.0f} % false alarms<extra></extra>", **at,
    )  # fmt: skip
    figure.update_xaxes(title_text="false alarms, %", range=[-3, 103], **at)
    figure.update_yaxes(title_text="found, %", range=[-3, 103], **at)


def similarities(summary: Mapping[str, Any], names: Sequence[str], state: int) -> go.Figure:
    """Cosine of each item to each class text at one of the states that the JSON lists, the right one ringed; sorted by truth.

    Args:
        names: of all items; of many only some are listed.
        state: one of summary["similarities"]["states"].
    """
    listed, class_names = summary["similarities"], summary["classes"]
    cosines, labels = listed["cosines"][listed["states"].index(state)], listed["truth"]
    own = [_file(names[item]) for item in listed["items"]]
    order = sorted(range(len(labels)), key=lambda place: labels[place])
    figure = _empty()
    figure.add_heatmap(
        z=[cosines[place] for place in order], zmin=-1, zmax=1, x=list(range(len(class_names))), y=list(range(len(order))),
        colorscale=[[0, VERMILLION], [0.5, NOTHING], [1, BLUE]],
        colorbar={"thickness": 12, "title": "cosine", "outlinewidth": 0},
        text=[
            [f"{_short(own[place], LONGEST_SAID)} and {_short(name, LONGEST_SAID)}" for name in class_names]
            for place in order
        ],
        hovertemplate="%{text}: %{z:.3f}<extra></extra>",
    )  # fmt: skip
    figure.add_scatter(
        x=[labels[place] for place in order], y=list(range(len(order))), mode="markers", hoverinfo="skip", showlegend=False,
        marker={"symbol": "circle-open", "size": 7, "color": INK, "line": {"width": 1.5}},
    )  # fmt: skip
    figure.update_xaxes(
        tickvals=list(range(len(class_names))),
        ticktext=[_short(name) for name in class_names],
        tickangle=-45,
        showgrid=False,
    )
    ticks = (
        {"tickvals": list(range(len(order))), "ticktext": [_short(own[place]) for place in order]}
        if len(order) <= 48
        else {}
    )
    figure.update_yaxes(range=[len(order) - 0.5, -0.5], showgrid=False, showticklabels=len(order) <= 48, **ticks)
    figure.update_layout(margin={"t": 16, "b": 60})
    return sized(figure, **({"tickfont": {"size": SMALL}} if len(order) > 24 else {}))


def every_chart(summary: Mapping[str, Any], names: Sequence[str]) -> dict[str, tuple[go.Figure, int]]:
    """All charts of a diagnosis by the names of their files, each with a height in px that suits what it holds."""
    words, listed = len(summary["classes"]), summary["similarities"]
    square = max(420, min(160 + 34 * words, 1200))
    found = {
        "lost-by": (culprits(summary), 240),
        "steps": (along_the_path(summary), 420),
        **({"every-picture": (standing(summary, names), min(160 + 16 * len(names), 1200))} if summary["when"]["standing"] else {}),
        **{f"confused-{place}": (confusion(summary, place), square) for place in PLACES},
        "confused-change": (confusion(summary, "answer", "features"), square),
        "gap": (gap(summary), 900),
        "class-by-class": (classes_apart(summary), max(300, min(140 + 52 * len(summary["classes_apart"]), 2400))),
        "similarities": (similarities(summary, names, listed["states"][-1]), max(300, min(160 + 16 * len(listed["items"]), 1200))),
        "how-sure": (how_sure(summary), 400),
    }  # fmt: skip
    return found


_ABOVE = {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "traceorder": "normal"}


def _empty() -> go.Figure:
    return go.Figure(layout={"template": TEMPLATE})


def _told(sentence: str) -> go.Figure:
    """A sentence where there is nothing to draw."""
    figure = _empty()
    figure.add_annotation(text=sentence, showarrow=False, x=0.5, y=0.5, xref="paper", yref="paper")
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False)
    return sized(figure)


def _steps_of(colors: Sequence[str]) -> list[list[Any]]:
    """A scale of plain steps, one colour for each whole number."""
    count = len(colors)
    return [[edge / count, color] for place, color in enumerate(colors) for edge in (place, place + 1)]


def _file(name: str) -> str:
    """An item's name without its folders. Not for words, which may hold a stroke, such as T-shirt/top."""
    return name.rsplit("/", 1)[-1]


def _short(name: str, most: int = LONGEST) -> str:
    """A name as there is room for it, and never as markup."""
    cut = name if len(name) <= most else name[: most - 1] + "…"  # first: an entity would be cut in two
    return cut.replace("&", "&amp;").replace("<", "&lt;")
