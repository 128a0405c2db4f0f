"""Plotly figures around the player."""

from __future__ import annotations

import html
from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from seda.errors import ConfigError, ShapeError
from seda.figures.palette import class_style, style_indices
from seda.journey import Journey

NAME_LENGTH = 40  # characters of a class text in a legend or on an axis
ACCENT = "#3B5BDB"
# A mid grey reads on light and on dark; backgrounds are transparent, so that the page's own shows through.
INK, LINE = "#7A7F8A", "rgba(128, 132, 144, 0.22)"
FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif'

_axis = {"gridcolor": LINE, "linecolor": LINE, "zeroline": False, "ticks": "", "automargin": True, "title_standoff": 10}
TEMPLATE = go.layout.Template(
    layout={
        "font": {"family": FONT, "size": 14, "color": INK},
        "paper_bgcolor": "rgba(0, 0, 0, 0)",
        "plot_bgcolor": "rgba(0, 0, 0, 0)",
        "margin": {"l": 56, "r": 24, "t": 48, "b": 48},
        "xaxis": _axis,
        "yaxis": _axis,
        "legend": {"bgcolor": "rgba(0, 0, 0, 0)", "itemsizing": "constant"},
        "hoverlabel": {"font": {"family": FONT}},
        "title": {"x": 0, "xref": "paper", "font": {"size": 16}},
    }
)


def plain_text(name: str) -> str:
    """A name as plotly shows it literally: cut, and without plotly's own small markup coming to life."""
    shown = name if len(name) <= NAME_LENGTH else name[: NAME_LENGTH - 1] + "…"
    return html.escape(shown, quote=False)


def similarity_curves(journey: Journey, item: int) -> go.Figure:
    """Cosine of one item's states to every class text against the step, with the hand-over marked.

    Raises:
        ConfigError: item is not an index of the journey.
    """
    trajectory = journey.trajectory
    count = len(trajectory.item_names)
    if not 0 <= item < count:
        raise ConfigError(f"Item {item} is not in this journey of {count} items (0 to {count - 1}).")
    similarities = trajectory.class_similarities()[item]  # [s, k]
    styles, _ = style_indices(trajectory.class_names, trajectory.center_names, classes_first=trajectory.open_vocabulary)
    steps = np.arange(len(similarities))
    figure = go.Figure(layout={"template": TEMPLATE})
    for index, name in enumerate(trajectory.class_names):
        style = class_style(styles[index])
        figure.add_scatter(
            x=steps,
            y=similarities[:, index],
            name=plain_text(name),
            mode="lines+markers",
            line={"color": style.color, "width": 2},
            # A marker at every tenth step: enough to tell shapes, few enough to see the line.
            marker={"symbol": style.symbol, "size": 8, "maxdisplayed": 10},
            hovertemplate="step %{x}: %{y:.3f}<extra>%{fullData.name}</extra>",
        )
    _mark_hand_over(figure, trajectory.hand_over)
    figure.update_layout(title_text=plain_text(trajectory.item_names[item]))
    figure.update_xaxes(title_text="step")
    figure.update_yaxes(title_text="cosine to class text")
    return figure


def accuracy_along_path(
    steps: np.ndarray, accuracy: np.ndarray, low: np.ndarray, high: np.ndarray, hand_over: int
) -> go.Figure:
    """Top-1 accuracy of the nearest class text at each step, with its confidence band.

    Args:
        steps: [s] state indices.
        accuracy: [s] in 0..1; shown in percent.
        low: [s] lower end of the band, in 0..1.
        high: [s] upper end of the band, in 0..1.
        hand_over: state index at which stage 1 ends.
    Raises:
        ShapeError: the arrays differ in length or are not 1-D.
    """
    arrays = {"steps": steps, "accuracy": accuracy, "low": low, "high": high}
    steps, accuracy, low, high = (np.asarray(array) for array in arrays.values())
    if steps.ndim != 1 or not steps.shape == accuracy.shape == low.shape == high.shape:
        shapes = ", ".join(f"{name} {np.shape(array)}" for name, array in arrays.items())
        raise ShapeError(f"The arrays must be 1-D and of one length: {shapes}.")
    figure = go.Figure(layout={"template": TEMPLATE})
    figure.add_scatter(
        x=np.concatenate([steps, steps[::-1]]),
        y=100 * np.concatenate([high, low[::-1]]),
        fill="toself",
        fillcolor="rgba(59, 91, 219, 0.18)",
        line={"width": 0},
        hoverinfo="skip",
        showlegend=False,
    )
    figure.add_scatter(
        x=steps,
        y=100 * accuracy,
        mode="lines",
        line={"color": ACCENT, "width": 2.5},
        showlegend=False,
        hovertemplate="step %{x}: %{y:.1f} %<extra></extra>",
    )
    _mark_hand_over(figure, hand_over)
    figure.update_xaxes(title_text="step")
    figure.update_yaxes(title_text="top-1 accuracy in percent", range=[0, 102])
    return figure


def probability_bars(names: Sequence[str], probabilities: np.ndarray, *, center_names: Sequence[str] = ()) -> go.Figure:
    """One item's class probabilities as bars, the most probable on top.

    Args:
        names: k class texts.
        probabilities: [k] in 0..1; shown in percent.
        center_names: names of the training categories, so that classes keep the colours that the map gives them.
    Raises:
        ShapeError: not one probability for each name.
    """
    probabilities = np.asarray(probabilities)
    if probabilities.shape != (len(names),):
        raise ShapeError(
            f"{len(names)} class texts need probabilities of shape ({len(names)},), not {probabilities.shape}."
        )
    styles, _ = style_indices(names, center_names)
    order = np.argsort(probabilities, kind="stable")  # plotly draws the first bar at the bottom
    positions = list(range(len(order)))
    figure = go.Figure(layout={"template": TEMPLATE})
    figure.add_bar(
        # By position, because two class texts may be cut to the same label.
        x=100 * probabilities[order],
        y=positions,
        orientation="h",
        marker={"color": [class_style(styles[k]).color for k in order], "cornerradius": 4},
        text=[f"{100 * probabilities[k]:.1f} %" for k in order],
        textposition="auto",
        customdata=[plain_text(names[k]) for k in order],
        hovertemplate="%{customdata}: %{x:.1f} %<extra></extra>",
    )
    figure.update_xaxes(title_text="probability in percent", range=[0, 100])
    figure.update_yaxes(tickvals=positions, ticktext=[plain_text(names[k]) for k in order], showgrid=False)
    figure.update_layout(height=110 + 32 * len(names), bargap=0.28)
    return figure


def _mark_hand_over(figure: go.Figure, hand_over: int) -> None:
    figure.add_vline(
        x=hand_over,
        line={"color": INK, "width": 1, "dash": "dash"},
        annotation={"text": "hand-over", "yanchor": "bottom", "y": 1, "yref": "paper", "showarrow": False},
    )
