"""Plotly figures around the player."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from seda.errors import ConfigError, ShapeError
from seda.figures.palette import HUES

ACCENT = "#3B5BDB"
LEAST_MMD = 1e-4  # an unbiased MMD^2 may be below 0, which a logarithmic axis cannot show
# A mid grey reads on light and on dark; backgrounds are transparent, so that the page's own shows through.
INK, LINE = "#7A7F8A", "rgba(128, 132, 144, 0.22)"
SIZE = 14  # px; Streamlit's theme, which lends the colours of the page, would have axes at 12
FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif'

_axis = {"gridcolor": LINE, "linecolor": LINE, "zeroline": False, "ticks": "", "automargin": True, "title_standoff": 10}
TEMPLATE = go.layout.Template(
    layout={
        "font": {"family": FONT, "size": SIZE, "color": INK},
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
    mark_hand_over(figure, hand_over)
    figure.update_xaxes(title_text="step")
    figure.update_yaxes(title_text="top-1 accuracy in percent", range=[0, 102])
    return sized(figure)


def training_curves(
    training_loss: Sequence[float],
    validation_loss: Sequence[float],
    validation_accuracy: Sequence[float],
    *,
    best: int,
    max_epochs: int,
) -> go.Figure:
    """Losses (above) and validation accuracy (below) by epoch, with the best epoch marked.

    Args:
        training_loss: [e] of both stages, summed.
        validation_loss: [e] mean negative log-likelihood, nats; the best epoch has the lowest.
        validation_accuracy: [e] in 0..1; shown in percent.
        best: index of the epoch whose weights are kept.
        max_epochs: how far the axis reaches, so that it stands still while the curves grow.
    Raises:
        ShapeError: the lists differ in length or are empty.
        ConfigError: best is not one of the epochs.
    """
    lengths = len(training_loss), len(validation_loss), len(validation_accuracy)
    if len(set(lengths)) > 1 or not lengths[0]:
        raise ShapeError(f"The lists must be of one length, at least 1; they have {lengths}.")
    if not 0 <= best < lengths[0]:
        raise ConfigError(f"Epoch {best} is not among {lengths[0]} epochs (0 to {lengths[0] - 1}).")
    epochs = np.arange(1, lengths[0] + 1)
    figure = make_subplots(
        rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.09, row_heights=[0.55, 0.45],
        figure=go.Figure(layout={"template": TEMPLATE}),
    )  # fmt: skip
    for row, name, values, color in (
        (1, "training loss", np.asarray(training_loss), HUES[7]),
        (1, "validation loss", np.asarray(validation_loss), HUES[1]),
        (2, "validation accuracy", 100 * np.asarray(validation_accuracy), HUES[0]),
    ):
        unit = " %" if row == 2 else ""
        figure.add_scatter(
            x=epochs, y=values, name=name, mode="lines+markers", row=row, col=1,
            line={"color": color, "width": 2.5}, marker={"size": 5, "maxdisplayed": 40},
            hovertemplate=f"epoch %{{x}}: %{{y:.3f}}{unit}<extra>{name}</extra>",
        )  # fmt: skip
    for row, value in ((1, validation_loss[best]), (2, 100 * validation_accuracy[best])):
        figure.add_scatter(
            x=[best + 1], y=[value], mode="markers", row=row, col=1, showlegend=False, hoverinfo="skip",
            marker={"size": 13, "symbol": "circle-open", "color": INK, "line": {"width": 2.5}},
        )  # fmt: skip
    early = best + 1 <= max_epochs / 2
    figure.add_vline(x=best + 1, line={"color": INK, "width": 1, "dash": "dot"})
    figure.add_annotation(
        x=best + 1, y=0.5, yref="paper", showarrow=False, text=f"best: epoch {best + 1}", xshift=6 if early else -6,
        xanchor="left" if early else "right",
    )  # fmt: skip
    figure.update_xaxes(range=[0.5, max(max_epochs, lengths[0]) + 0.5])
    figure.update_xaxes(title_text="epoch", row=2, col=1)
    figure.update_yaxes(title_text="loss", rangemode="tozero", row=1, col=1)
    figure.update_yaxes(title_text="accuracy, %", range=[-4, 104], row=2, col=1)
    figure.update_layout(legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0}, margin={"t": 64, "b": 40})
    return sized(figure)


def steps_of_translator(paths: Mapping[str, Mapping[str, Any]]) -> go.Figure:
    """What each step of stage 2 adds, a line for each set of pictures, from what `seda.benchmark.distribution` measured.

    From above: share of pictures whose estimate of the clean feature is nearest to the right text; MMD^2 between the states and
    real texts, on a logarithmic axis, dotted within classes; spread of the states in units of real texts; entropy of the weights
    over the texts given the state, bits.

    Args:
        paths: by name of the set, with "accuracy", "mmd2" and "spread" [s], "entropy" [s - 1], and "class_wise_mmd2" [s] where
            the set has classes.
    """
    figure = make_subplots(
        rows=4, cols=1, shared_xaxes=True, vertical_spacing=0.05, figure=go.Figure(layout={"template": TEMPLATE})
    )
    for index, (name, path) in enumerate(paths.items()):
        color = HUES[index % len(HUES)]
        lines = [
            (1, [100 * value for value in path["accuracy"]], "%{y:.1f} %", "solid"),
            (2, [max(value, LEAST_MMD) for value in path["mmd2"]], "%{y:.4f}", "solid"),
            (2, [max(value, LEAST_MMD) for value in path.get("class_wise_mmd2", ())], "%{y:.4f} within classes", "dot"),
            (3, path["spread"], "%{y:.2f}", "solid"),
            (4, path["entropy"], "%{y:.2f} bits", "solid"),
        ]
        for row, values, shown, dash in lines:
            figure.add_scatter(
                x=list(range(len(values))), y=list(values), mode="lines", name=name, legendgroup=name,
                line={"color": color, "width": 2.5, "dash": dash}, showlegend=row == 1, row=row, col=1,
                hovertemplate=f"step %{{x}}: {shown}<extra>{name}</extra>",
            )  # fmt: skip
    figure.update_yaxes(title_text="right, %", rangemode="tozero", row=1, col=1)
    figure.update_yaxes(title_text="MMD²", type="log", dtick=1, tickformat="~g", row=2, col=1)
    figure.update_yaxes(title_text="spread", rangemode="tozero", row=3, col=1)
    figure.update_yaxes(title_text="entropy, bits", rangemode="tozero", row=4, col=1)
    figure.update_xaxes(title_text="step of the translator", row=4, col=1)
    figure.update_layout(legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0}, margin={"t": 48, "b": 40})
    return sized(figure)


def sized(figure: go.Figure, tickfont: Mapping[str, Any] | None = None) -> go.Figure:
    """All its texts at SIZE. Said of each by itself: a theme's own size of a tick comes before the size of the whole figure.

    Args:
        tickfont: another font of the ticks, for long lists.
    """
    font = {"size": SIZE}
    figure.update_xaxes(tickfont=tickfont or font, title_font=font)
    figure.update_yaxes(tickfont=tickfont or font, title_font=font)
    figure.update_annotations(font=font)
    return figure.update_layout(legend_font=font)


def mark_hand_over(figure: go.Figure, hand_over: int) -> None:
    """A dashed line where stage 1 ends."""
    figure.add_vline(
        x=hand_over,
        line={"color": INK, "width": 1, "dash": "dash"},
        annotation={"text": "hand-over", "yanchor": "bottom", "y": 1, "yref": "paper", "showarrow": False},
    )
