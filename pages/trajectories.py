"""Trajectories: pictures travel to their class texts. Opens with a stored example; Run traces your own."""

import streamlit as st

from seda.ui.controls import side_panel
from seda.ui.errors import errors_on_screen
from seda.ui.results import show_answers, show_downloads, show_heading, show_messages, show_picture, show_refit
from seda.ui.runs import run_pending
from seda.ui.state import app_state
from seda.ui.stored import show_first_example

state = app_state()
with st.sidebar:
    side_panel(state)

if state.shown is None and state.pending is None:
    with errors_on_screen():
        show_first_example(state)

show_messages(state)
heading = st.container()
if state.shown is not None:
    with errors_on_screen():
        if state.pending is None:
            with heading:
                show_heading(state.shown)
        show_picture(state.shown)
        show_refit(state)
        show_answers(state.shown)
        show_downloads(state.shown)
with heading:  # a run's progress takes the heading's place; the last picture plays on below
    run_pending(state)
