"""Aligner: what the chosen model was trained on, how well it does, and how to train it again."""

import streamlit as st

from seda.ui import cache
from seda.ui.aligner.card import (
    show_classes,
    show_data,
    show_maps,
    show_metrics,
    show_naming,
    show_path_accuracy,
    show_provenance,
)
from seda.ui.errors import errors_on_screen, plain
from seda.ui.frame import stand_in_frame
from seda.ui.state import app_state
from seda.ui.theme import reading_column
from seda.ui.trajectories.controls import choose_aligner

stand_in_frame()

state = app_state()
with reading_column(), errors_on_screen():
    st.title("Aligner", anchor=False)
    choose_aligner(state, key="aligner.name")
    card = cache.card(state.aligner)
    st.markdown(plain(card.description))
    show_metrics(card)
    show_path_accuracy(card)
    show_naming(card)
    show_maps(card)
    left, right = st.columns(2, gap="large")
    with left:
        show_classes(card)
        show_data(card)
    with right:
        show_provenance(card)
