"""A chart on the page, with what saves it as a file."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import streamlit as st

from seda.export.figures import FORMS, figure_file

if TYPE_CHECKING:
    import plotly.graph_objects as go

CONFIG = {"displaylogo": False, "toImageButtonOptions": {"format": "svg"}}


def show_chart(figure: go.Figure, name: str, *, height: int, key: str, **options: Any) -> Any:
    """Draw it; below at its right what saves it. A file is made when it is asked for.

    Args:
        name: of its files, without an ending.
        height: px.
        options: further ones of `st.plotly_chart`.
    Returns:
        What `st.plotly_chart` returns.
    """
    with st.container(gap="xsmall"):
        event = st.plotly_chart(figure, key=key, config=CONFIG, height=height, **options)
        with (
            st.container(horizontal=True, horizontal_alignment="right"),
            st.popover("Save", icon=":material/download:", type="tertiary", key=f"{key}.save"),
            st.container(horizontal=True),
        ):
            for suffix, media_type in FORMS.items():
                st.download_button(
                    suffix[1:].upper(), partial(figure_file, figure, suffix, height=height), f"{name}{suffix}", media_type,
                    key=f"{key}.save{suffix}", on_click="ignore",
                )  # fmt: skip
    return event
