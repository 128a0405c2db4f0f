"""Diagnose: which labelled items go wrong, where on their way, and what would mend it."""

import streamlit as st

from seda.ui.diagnose.page import show_diagnosis
from seda.ui.frame import stand_in_frame
from seda.ui.state import app_state

stand_in_frame()

with st.container(key="diagnose"):
    show_diagnosis(app_state())
