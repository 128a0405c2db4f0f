"""The stored examples as cards: a few of the example's own items, its title, and what to look at."""

from __future__ import annotations

import streamlit as st

from seda.ui import cache
from seda.ui.errors import errors_on_screen, plain
from seda.ui.state import AppState
from seda.ui.trajectories.controls import open_example
from seda.ui.trajectories.links import EXAMPLE, Source


def show_examples(state: AppState) -> None:
    """A card for each stored example; one click shows it."""
    names = cache.example_names()
    if not names:
        return
    with st.container(key="trajectories.examples"):
        st.subheader("Examples", anchor=False)
        with st.container(key="trajectories.cards"):
            for name in names:
                with errors_on_screen():
                    _card(state, name)


def _card(state: AppState, name: str) -> None:
    journey = cache.example(name)
    here = (
        state.shown is not None and state.shown.source == Source(EXAMPLE, (name,)) and state.shown.origin == "example"
    )
    with st.container(border=True, gap="xsmall", key=f"trajectories.card.{'here.' if here else ''}{name}"):
        strip, shown = cache.example_strip(name)
        st.image(strip, width="stretch", alt=", ".join(shown))
        st.button(
            plain(journey.title or name), type="tertiary", key=f"trajectories.card.open.{name}", on_click=open_example,
            args=(state, name), width="stretch",
        )  # fmt: skip
        st.caption(plain(journey.note))
