"""Consistency: one thing as a picture, a sound and names, on their way to one place."""

import streamlit as st

from seda.ui.consistency.page import show_consistency
from seda.ui.consistency.state import consistency_state
from seda.ui.errors import errors_on_screen
from seda.ui.frame import stand_in_frame
from seda.ui.state import app_state
from seda.ui.theme import reading_column

stand_in_frame()

state, own = app_state(), consistency_state()
with reading_column(), errors_on_screen():
    st.title("Consistency", anchor=False)
    show_consistency(state, own)
