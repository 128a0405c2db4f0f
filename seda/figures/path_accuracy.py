"""Accuracy along the path, with its band."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

LINE = "#0F9488"
BAND = "rgba(15, 148, 136, 0.18)"


def path_accuracy_figure(
    accuracy: Sequence[float], low: Sequence[float], high: Sequence[float], hand_over: int
) -> go.Figure:
    """Share of images whose nearest class text is the true one, at each state.

    Args:
        accuracy, low, high: fractions, one a state; low and high bound the interval.
        hand_over: index of stage 1's last state.
    """
    states = list(range(len(accuracy)))
    figure = go.Figure()
    figure.add_scatter(x=states, y=high, mode="lines", line_width=0, hoverinfo="skip", showlegend=False)
    figure.add_scatter(
        x=states, y=low, mode="lines", line_width=0, fill="tonexty", fillcolor=BAND, hoverinfo="skip", showlegend=False
    )
    figure.add_scatter(
        x=states, y=accuracy, mode="lines+markers", line={"color": LINE, "width": 2.5}, marker_size=5, showlegend=False,
        hovertemplate="state %{x}: %{y:.1%}<extra></extra>",
    )  # fmt: skip
    figure.add_vline(x=hand_over + 0.5, line_dash="dot", line_color="#8C8C8C")
    for x, anchor, text in (
        (hand_over + 0.2, "right", "semantic learner"),
        (hand_over + 0.8, "left", "semantic translator"),
    ):
        figure.add_annotation(x=x, y=1.06, yref="paper", xanchor=anchor, text=text, showarrow=False, font_size=12)
    figure.update_layout(
        height=340, margin={"l": 10, "r": 10, "t": 36, "b": 10},
        xaxis_title="state along the path", yaxis={"title": "accuracy of the state", "tickformat": ".0%", "range": [0, 1.02]},
    )  # fmt: skip
    return figure
