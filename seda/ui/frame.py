"""The frame: title, logo, style and the pages."""

from __future__ import annotations

from contextlib import suppress

import streamlit as st

from seda.ui.serving.rules import TRAIN, rules
from seda.ui.serving.turns import PAGES
from seda.ui.state import app_state
from seda.ui.theme import ICON, LOGO, SIDEBAR_WIDTH, apply_style

with suppress(ImportError):  # an older Streamlit has another server, which keeps uploads in memory
    from starlette.formparsers import MultiPartParser

    # else a file of more than 1 MB is on the disk, without a name, while it comes in
    MultiPartParser.spool_max_size = (st.get_option("server.maxUploadSize") + 1) * 2**20


def show_frame() -> None:
    """Run the page that the address names, within the frame, when it is its turn."""
    with PAGES.turn():
        app_state().framed = True
        st.set_page_config(
            page_title="SeDA Explorer", page_icon=ICON, layout="wide", initial_sidebar_state=SIDEBAR_WIDTH
        )
        st.logo(LOGO, size="large")
        apply_style()
        pages = [
            st.Page("pages/trajectories.py", title="Trajectories", icon=":material/moving:", default=True),
            st.Page("pages/search.py", title="Search", icon=":material/image_search:"),
            st.Page("pages/train.py", title="Train", icon=":material/fitness_center:"),
            st.Page("pages/aligner.py", title="Aligner", icon=":material/model_training:"),
            st.Page("pages/method.py", title="Method", icon=":material/menu_book:"),
        ]
        if not rules().allows(TRAIN):
            pages = [page for page in pages if page.title != "Train"]
        st.navigation(pages, position="top").run()


def stand_in_frame() -> None:
    """Every page's first line: run it again within the frame where app.py has not run.

    A server that has not met `st.navigation` yet takes a folder named pages for the app's navigation, and runs a page that is
    asked for by its address, such as /train, alone.
    """
    if not app_state().framed:
        show_frame()
        st.stop()
