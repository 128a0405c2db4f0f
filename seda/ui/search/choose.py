"""Where to search, and what for."""

from __future__ import annotations

import streamlit as st

from seda.ui import cache
from seda.ui.gallery import first_kind, kind_name, sample_kinds
from seda.ui.search.items import forget_gone, items_to_search, show_gallery
from seda.ui.search.run import THE_WORDS, run_search
from seda.ui.search.state import TO_WORDS, WORDS, SearchState
from seda.ui.state import SAMPLES, UPLOAD, AppState, begin_widget, set_widget
from seda.ui.trajectories.controls import choose_aligner
from seda.ui.uploads import choose_uploads

EXAMPLES = ("something to eat", "a furry animal", "a musical instrument")  # not one of them is a category's name


def choose(state: AppState, search: SearchState) -> None:
    """Controls; a button searches, and what it found lies in the state."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        search.direction = st.segmented_control(
            "Search", [WORDS, TO_WORDS], required=True, key=begin_widget("search.direction", search.direction)
        ) or search.direction  # fmt: skip
        search.place = st.segmented_control(
            "Among", [SAMPLES, UPLOAD], required=True, key=begin_widget("search.place", search.place),
            format_func=lambda place: "Samples" if place == SAMPLES else "Uploads of this session",
        ) or search.place  # fmt: skip
        if search.place == SAMPLES:
            _choose_kinds(state, search)
    if search.place == UPLOAD:
        choose_uploads(state, "search")
    forget_gone(state, search)
    asked = _ask_for_words(search) if search.direction == WORDS else _ask_for_item(state, search)
    with st.expander("Aligner and words compared", icon=":material/tune:"):
        choose_aligner(state, "search.aligner")
        search.words = st.text_area(
            "Words compared", key=begin_widget("search.words", search.words), height=80,
            placeholder="empty: the aligner's categories", max_chars=20_000,
            help="These words compete with each other for every picture. The labels of labelled samples and the words you search "
            "for are always among them. Separate them by commas or line ends.",
        )  # fmt: skip
    if asked is not None:  # after all controls were read
        run_search(state, search, asked)


def _choose_kinds(state: AppState, search: SearchState) -> None:
    kinds = sample_kinds()
    if not kinds:
        return
    if search.kinds is None:
        search.kinds = (first_kind(cache.card_or_none(state.aligner)),)
    if len(kinds) > 1:
        chosen = st.pills(
            "Kinds", kinds, selection_mode="multi", format_func=kind_name,
            key=begin_widget("search.kinds", list(search.kinds)),
        )  # fmt: skip
        search.kinds = tuple(chosen)


def _ask_for_words(search: SearchState) -> int | None:
    """_THE_WORDS where they were asked for."""
    with (
        st.form("search.form", border=False, enter_to_submit=True),
        st.container(horizontal=True, vertical_alignment="bottom"),
    ):
        search.query = st.text_input(
            "Words", key=begin_widget("search.query", search.query), placeholder="a boot, a red bus, something to eat",
            label_visibility="collapsed", max_chars=200,
        )  # fmt: skip
        asked = st.form_submit_button("Search", type="primary", icon=":material/search:", key="search.run")
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption("For example", width="content")
        for place, words in enumerate(EXAMPLES):
            asked |= st.button(words, key=f"search.example.{place}", on_click=set_widget, args=("search.query", words))
    return THE_WORDS if asked else None


def _ask_for_item(state: AppState, search: SearchState) -> int | None:
    """The place of the item that was asked for."""
    items = items_to_search(state, search)
    if items is None:
        return None
    st.caption("Press the name of a picture to search the words for it.")
    with st.container(height=230, key="search.gallery"):
        return show_gallery(items, can_ask=True)
