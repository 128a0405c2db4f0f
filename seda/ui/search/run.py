"""Doing what the search page was asked for. torch is imported at the first search."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from seda.class_texts import parse_class_texts
from seda.errors import SedaError
from seda.search import clean_query, encode_gallery, search_scores, word_list
from seda.ui import cache
from seda.ui.errors import plain
from seda.ui.search.items import items_to_search
from seda.ui.search.state import Found, SearchState
from seda.ui.serving.line import RUNS, place_text
from seda.ui.serving.refusals import log_refusal
from seda.ui.state import UPLOAD, AppState
from seda.ui.trajectories.controls import check_items
from seda.ui.trajectories.runs import check_cells, within_time

TOP = 8  # of each ranking; chosen here: two rows of four in a window of 1280 px
THE_WORDS = -1  # in the place of an item


def run_search(state: AppState, search: SearchState, asked: int) -> None:
    search.problem = None
    bar = st.progress(0.0, "Starting")

    def report(share: float, text: str) -> None:
        bar.progress(share, plain(text))  # it may hold the name of a file

    try:
        with RUNS.turn(state.key, lambda place: report(0.0, place_text(place))), cache.computing():
            search.found = _find(state, search, None if asked == THE_WORDS else asked, within_time(report))
    except SedaError as error:
        search.problem = error
        log_refusal("search", error)
    bar.empty()


def _find(
    state: AppState, search: SearchState, item: int | None, report: Callable[[float, str], object]
) -> Found | None:
    """Encode what is not encoded yet, and rank.

    Raises:
        SedaError: nothing was typed, no item can be searched, or the aligner cannot be loaded.
    """
    typed = clean_query(search.query) if item is None else ""
    if search.place == UPLOAD:
        check_items(state.uploads)
    words = parse_class_texts(search.words).names if search.words.strip() else cache.card(state.aligner).class_names
    items = items_to_search(state, search)
    if items is None:
        return None
    report(0.05, "Loading encoder and aligner; the first time this takes some seconds")
    workbench = cache.workbench(state.aligner)
    key = (items.key, workbench.encoder.fingerprint)
    if search.galleries.get(search.place, (None, None))[0] != key:
        sources = [(file.name, file.content) for file in items.files]
        gallery, _ = encode_gallery(
            sources, items.labels, workbench,
            lambda done, total: report(0.1 + 0.8 * done / total, f"Encoding pictures: {done} of {total}"),
        )  # fmt: skip
        search.galleries[search.place] = (key, gallery)
    gallery = search.galleries[search.place][1]
    check_cells(len(items.files), len(words), 1)
    words = word_list([typed] if item is None else [], words, gallery.known_labels)
    report(0.9, f"Aligning with {len(words)} words")
    scores = search_scores(gallery, words, workbench)
    before, after = scores.items_for(0, TOP) if item is None else scores.words_for(item, TOP)
    query = typed if item is None else items.files[item].name
    recall, notes = scores.recall(gallery.labels), workbench.notes_on(words)
    return Found(query, item, items, scores, before, after, recall, state.aligner, notes)
