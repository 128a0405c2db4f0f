"""Search: items for words and words for an item, before the alignment and after it."""

import streamlit as st

from seda.ui.errors import errors_on_screen
from seda.ui.frame import stand_in_frame
from seda.ui.search.choose import choose
from seda.ui.search.results import show_found
from seda.ui.search.state import search_state
from seda.ui.state import app_state
from seda.ui.theme import reading_column

stand_in_frame()

state, search = app_state(), search_state()
with reading_column(), errors_on_screen():
    st.title("Search", anchor=False)
    choose(state, search)
    show_found(state, search)
