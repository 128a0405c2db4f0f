"""The frame: title, logo, style and the pages."""

from __future__ import annotations

from contextlib import suppress

import streamlit as st

from seda.ui.page_list import PAGES
from seda.ui.rooms.phone import is_phone, show_phone
from seda.ui.rooms.screen import show_room
from seda.ui.serving.rules import rules
from seda.ui.serving.turns import PAGE_TURNS
from seda.ui.serving.warm_up import WARM_UP
from seda.ui.state import app_state
from seda.ui.theme import ICON, LOGO, SIDEBAR_WIDTH, apply_style

with suppress(ImportError):  # an older Streamlit has another server, which keeps uploads in memory
    from starlette.formparsers import MultiPartParser

    # else a file of more than 1 MB is on the disk, without a name, while it comes in
    MultiPartParser.spool_max_size = (st.get_option("server.maxUploadSize") + 1) * 2**20


def show_frame() -> None:
    """Run the page that the address names, within the frame, when it is its turn."""
    with PAGE_TURNS.turn():
        app_state().framed = True
        st.set_page_config(
            page_title="SeDA Explorer", page_icon=ICON, layout="wide", initial_sidebar_state=SIDEBAR_WIDTH
        )
        st.logo(LOGO, size="large")
        apply_style()
        if is_phone():
            st.navigation([st.Page(show_phone, title="Room", default=True)], position="hidden").run()
            return
        pages = [
            st.Page(f"pages/{page.name}.py", title=page.title, icon=f":material/{page.icon}:", default=page is PAGES[0])
            for page in PAGES
            if not page.right or rules().allows(page.right)
        ]
        st.navigation(pages, position="top").run()
    WARM_UP.begin()


def stand_in_frame() -> None:
    """Every page's first line: what all pages show; within the frame, also where app.py has not run.

    A server that has not met `st.navigation` yet takes a folder named pages for the app's navigation, and runs a page that is
    asked for by its address, such as /train, alone.
    """
    if not app_state().framed:
        show_frame()
        st.stop()
    show_room(app_state())
