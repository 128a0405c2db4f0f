"""The lesson: the player walks through its scenes, with the journey that is shipped or with the one on the screen."""

from __future__ import annotations

import streamlit as st

from seda.journeys.journey import Journey
from seda.ui import cache
from seda.ui.errors import plain
from seda.ui.state import AppState, begin_widget, read_address
from seda.ui.trajectories.player import ABOVE, show_player

SHIPPED, OWN = "The lesson's photographs", "What is on the screen"
SOURCE_KEY, PLAYER_KEY = "lesson.source", "lesson.player"
MOST_SCENES = 99
CHOICE = 50  # px of the choice of pictures, with the gap below it
HEIGHT = 520  # px; chosen here: fits a 720 px window below Streamlit's header and the choice


def show_lesson(state: AppState) -> None:
    """The choice of pictures where there is one, and the player."""
    st.html("<h1 class='seda-heading'>Lesson</h1>")  # the player's own title is what is seen
    source, above = SHIPPED, ABOVE
    # the scenes speak of an aligner's two stages
    if state.shown is not None and state.shown.origin != "example" and state.shown.journey.trajectory.is_aligned:
        source = st.segmented_control(
            "Pictures", [SHIPPED, OWN], required=True, label_visibility="collapsed", key=begin_widget(SOURCE_KEY, OWN)
        ) or SHIPPED  # fmt: skip
        above += CHOICE
    scene, refused = _scene()
    if refused:
        st.caption(f"There is no scene {plain(refused)}; the lesson begins at the first one.")
    show_player(
        _journey(state, source), key=PLAYER_KEY, height=HEIGHT, address=True, lesson=scene,
        present=read_address().get("present") == "1", above=above,
    )  # fmt: skip


def _journey(state: AppState, source: str) -> Journey:
    return state.shown.journey if source == OWN and state.shown is not None else cache.lesson()


def _scene() -> tuple[int, str]:
    """The scene that the address asks for, from 1, and what it asks for in vain."""
    asked = read_address().get("scene", "1")
    if asked.isascii() and asked.isdigit() and 1 <= int(asked[:4]) <= MOST_SCENES:
        return int(asked[:4]), ""
    return 1, asked[:20]
