"""Trajectories: items travel to words. Opens with a stored example; Run lets your own travel."""

import streamlit as st

from seda.ui.errors import errors_on_screen
from seda.ui.frame import stand_in_frame
from seda.ui.serving.turns import PAGE_TURNS
from seda.ui.state import app_state
from seda.ui.trajectories.address import open_address
from seda.ui.trajectories.controls import side_panel
from seda.ui.trajectories.examples import show_examples
from seda.ui.trajectories.results import bring_into_view, show_details, show_journey, show_messages
from seda.ui.trajectories.runs import answer_known, run_pending
from seda.ui.trajectories.stored import show_first_example

stand_in_frame()

state = app_state()
with errors_on_screen():
    open_address(state)
    if state.shown is None and state.pending is None:
        show_first_example(state)

with st.sidebar:
    side_panel(state)

with errors_on_screen():
    answer_known(state)
show_messages(state)
progress = st.container()
if state.shown is not None:
    with errors_on_screen():
        show_journey(state, state.shown)
        PAGE_TURNS.go_last()  # other visitors' journeys before what stands below this one
        show_details(state)
drawing = st.container()
with errors_on_screen():
    show_examples(state)
bring_into_view(state)
with drawing if state.draws else progress:  # last, because it computes: the journey before plays on below
    run_pending(state)
