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
    from seda.figures.tables import distribution_table

    summary, paths = found["summary"], found["paths"]
    length = summary[0]["figures"]["real_length"][0]
    st.markdown(DISTRIBUTION.format(length=f"{length:.1f}"))
    for task in dict.fromkeys(row["data"] for row in summary):
        st.markdown(f"**{plain(task)}**")
        st.dataframe(distribution_table(summary, task), hide_index=True, key=f"method.distribution.{task}")
    st.markdown(DISTRIBUTION_STEPS)
    st.plotly_chart(steps_of_translator(paths), key="method.steps", config={"displayModeBar": False}, height=800)
