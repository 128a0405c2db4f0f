"""Train: an aligner of one's own, from a few uploads, a folder, a data set or words alone, watched while it learns."""

import streamlit as st

from seda.ui.errors import errors_on_screen
from seda.ui.frame import stand_in_frame
from seda.ui.state import app_state
from seda.ui.theme import reading_column
from seda.ui.train.page import show_train
from seda.ui.train.state import train_state

stand_in_frame()

state, train = app_state(), train_state()
with reading_column(), errors_on_screen():
    st.title("Train", anchor=False)
    show_train(state, train)
