"""The stored example that greets a visitor, before torch is imported."""

from __future__ import annotations

import streamlit as st

from seda.ui import cache
from seda.ui.state import AppState, Shown


def show_first_example(state: AppState) -> None:
    """Put the first stored example into the state; says so where none is installed.

    Raises:
        FileFormatError: the file is damaged.
    """
    names = cache.example_names()
    if names:
        state.show(Shown(cache.example(names[0]), "example"))
    else:
        st.info("No stored example is installed. Choose pictures and class texts, then press Run.")
