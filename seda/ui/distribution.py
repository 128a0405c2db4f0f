"""What the distribution benchmark found, on the method page."""

from __future__ import annotations

import streamlit as st

from seda.errors import SedaError
from seda.shipped import ASSETS
from seda.storage import read_json
from seda.ui.errors import plain
from seda.ui.texts import DISTRIBUTION, DISTRIBUTION_STEPS

FILE = ASSETS / "benchmark" / "distribution.json"


def show_distribution() -> None:
    """Tables and figures of the last run that was kept; nothing where there is none."""
    try:
        found = read_json(FILE)
    except SedaError:
        return
    from seda.figures import steps_of_translator
    from seda.figures.tables import distribution_table, one_step_ahead

    summary, paths = found["summary"], found["paths"]
    tasks = list(dict.fromkeys(row["data"] for row in summary))
    lengths = {row["data"]: row["figures"]["real_length"][0] for row in summary}
    st.markdown(
        DISTRIBUTION.format(
            lengths=", ".join(f"{length:.1f} on {plain(task)}" for task, length in lengths.items()),
            losses=" ".join(_loss(task, *ahead) for task in tasks if (ahead := one_step_ahead(summary, task))),
        )
    )
    for task in tasks:
        st.markdown(f"**{plain(task)}**")
        st.dataframe(distribution_table(summary, task), hide_index=True, key=f"method.distribution.{task}")
    st.markdown(DISTRIBUTION_STEPS)
    st.plotly_chart(steps_of_translator(paths), key="method.steps", config={"displayModeBar": False}, height=800)


def _loss(task: str, method: str, right: float, ours: float) -> str:
    return f"On {plain(task)} the mean of the ends is right in {100 * ours:.0f} of 100 cases, the best one-step map ({plain(method)}) in {100 * right:.0f}."
