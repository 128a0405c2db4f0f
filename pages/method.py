"""Method: what the paper states, what is our reading, and what the map can tell."""

import streamlit as st

from seda.ui.distribution import show_distribution
from seda.ui.frame import stand_in_frame
from seda.ui.texts import LIMITS, MAP, OUR_READING, PAPER
from seda.ui.theme import reading_column

stand_in_frame()

with reading_column():
    st.title("Method", anchor=False)
    st.markdown(PAPER)
    left, right = st.columns(2, gap="large")
    left.markdown(OUR_READING)
    right.markdown(MAP)
    right.markdown(LIMITS)
    show_distribution()
