"""Share: the link of what is on the screen, as text and as a code that a room can scan."""

from __future__ import annotations

import streamlit as st

from seda.ui.copy_button import copy_button
from seda.ui.errors import plain
from seda.ui.qr import FAR, QrCode
from seda.ui.rooms.screen import room_button
from seda.ui.serving.reach import Reach, reach
from seda.ui.state import AppState
from seda.ui.trajectories.address import share_params
from seda.ui.trajectories.links import PRIVATE

SIZE = "min(62vh, 100%)"  # of the code; chosen here: with the link below it, it fits on a screen of 720 px

_NEVER = "Pictures of your own are never in a link: whoever opens it sees everything else, and is told so."


def share_button(state: AppState) -> None:
    """Small buttons: the dialog, and a room for phones."""
    if st.button(
        "Share", icon=":material/qr_code_2:", key="trajectories.share", help="A link, and a code for phones, of what is on the screen."
    ):  # fmt: skip
        _share(state)
    room_button(state)


@st.dialog("Share what is on the screen", width="large")
def _share(state: AppState) -> None:
    params, left_out = share_params(state)
    here = reach()
    _show_link(here, params)
    if state.shown is not None and state.shown.source.kind in PRIVATE:
        st.info(_NEVER, icon=":material/lock:")
    else:
        st.caption("Uploads are never in a link.")
    if left_out:
        st.caption(f"Left out, too long for a link: {' and '.join(map(plain, left_out))}.")


def _show_link(here: Reach, params: dict[str, str]) -> None:
    link = here.link(params)
    if here.problem:
        st.warning(plain(here.problem), icon=":material/wifi_off:")
    code = QrCode(link)
    with st.container(horizontal_alignment="center"):
        st.html(code.img(SIZE, "QR code of the link below"))
    if not code.squares:
        st.caption("The link is too long for a code; copy it.")
    elif code.squares > FAR:
        st.caption("A long link makes small squares: phones read this code from near by only.")
    with st.container(horizontal=True, vertical_alignment="center"):
        st.code(link, language=None, wrap_lines=True)
        copy_button(link, "trajectories.share.copy")
