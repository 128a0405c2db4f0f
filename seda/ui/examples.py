"""The stored examples as cards: a few of the example's own pictures, its title, and what to look at."""

from __future__ import annotations

import streamlit as st

from seda.ui import cache
from seda.ui.controls import open_example
from seda.ui.errors import errors_on_screen, plain
from seda.ui.links import EXAMPLE, Source
from seda.ui.state import AppState


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
    if state.raised:  # the picture that was asked for is above the cards
        st.html(_UP.format(state.raised), unsafe_allow_javascript=True)


_UP = """<script>/* {} */
document.querySelector('[data-testid="stMain"]')?.scrollTo({{
  top: 0, behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "instant" : "smooth",
}})
</script>"""


def _card(state: AppState, name: str) -> None:
    journey = cache.example(name)
    here = (
        state.shown is not None and state.shown.source == Source(EXAMPLE, (name,)) and state.shown.origin == "example"
    )
    with st.container(border=True, gap="xsmall", key=f"trajectories.card.{'here.' if here else ''}{name}"):
        st.image(cache.example_strip(name), width="stretch", alt=", ".join(journey.trajectory.item_names))
        st.button(
            plain(journey.title or name), type="tertiary", key=f"trajectories.card.open.{name}", on_click=_open,
            args=(state, name), width="stretch",
        )  # fmt: skip
        st.caption(plain(journey.note))


def _open(state: AppState, name: str) -> None:
    open_example(state, name)
    state.raised += 1
