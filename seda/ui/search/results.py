"""What a search found: both rankings beside each other, and how often the right one is among the first."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from seda.evaluation.sentences import fine_percent, percent, quoted, statistic
from seda.search import Hit, key_of
from seda.ui.errors import plain, show_error, show_failures, show_notes
from seda.ui.search.items import items_to_search, show_gallery
from seda.ui.search.state import THUMBNAIL, WORDS, Found, SearchState
from seda.ui.state import AppState
from seda.ui.texts import SEARCH_AFTER, SEARCH_BEFORE


def show_found(state: AppState, search: SearchState) -> None:
    """The error of the last search, or both rankings and the recall; before the first one, the items themselves."""
    found, shown = search.found, None
    if search.problem is not None:
        show_error(search.problem)
    elif found is None and search.direction == WORDS:
        shown = items_to_search(state, search)
    if search.place in search.items:
        show_failures(search.items[search.place].failures)
    if shown is not None:
        st.caption("These pictures are searched." if len(shown.files) > 1 else "This picture is searched.")
        show_gallery(shown, can_ask=False)
    if found is None:
        return
    n, k = len(found.items.files), len(found.scores.words)
    if found.item is None:
        st.subheader(f"{plain(quoted(found.query))} among {n} pictures", anchor=False)
    else:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.image(found.items.thumbnails[found.item], width=72, alt=found.query)
            st.subheader(f"{k} words for {plain(quoted(found.query))}", anchor=False)
    show_notes(found.notes)
    columns = st.columns(2, gap="large")
    for column, title, about, hits, score in (
        (columns[0], "Before alignment", SEARCH_BEFORE, found.before, statistic),
        (columns[1], "After alignment", SEARCH_AFTER.format(words=k), found.after, fine_percent),
    ):
        with column.container(border=True):
            st.markdown(f"**{title}**")
            st.caption(about)
            if found.item is None:
                _show_items(found, hits, score)
            else:
                _show_words(found, hits, score)
    show_recall(found)


def _show_items(found: Found, hits: Sequence[Hit], score: Callable[[float], str]) -> None:
    labelled = key_of(found.query) in {key_of(label) for label in found.items.labels if label}
    with st.container(horizontal=True, gap="small"):
        for rank, hit in enumerate(hits, start=1):
            name, label = found.items.files[hit.index].name, found.items.labels[hit.index]
            right = labelled and key_of(label) == key_of(found.query)
            with st.container(width=THUMBNAIL, gap=None):
                st.image(found.items.thumbnails[hit.index], width=THUMBNAIL, alt=name)
                mark = " :green[:material/check_circle:]" if right else ""
                st.caption(f"**{rank}.** {score(hit.score)}{mark}  \n{plain(name)}")


def _show_words(found: Found, hits: Sequence[Hit], score: Callable[[float], str]) -> None:
    label = "" if found.item is None else found.items.labels[found.item]
    rows = []
    for rank, hit in enumerate(hits, start=1):
        word = found.scores.words[hit.index]
        mark = " :green[:material/check_circle:]" if label and key_of(label) == key_of(word) else ""
        rows.append(f"| {rank}. | {plain(word)}{mark} | {score(hit.score)} |")
    st.markdown("\n".join(["| | | |", "|---|---|---:|", *rows]))


def show_recall(found: Found) -> None:
    """recall@k both ways over everything that was searched, where labels give the truth."""
    if not found.recall:
        st.caption("No recall is shown: fewer than two of these pictures' labels are known words.")
        return
    rows = []
    titles = {"text_to_image": "Words to pictures", "image_to_text": "Picture to words"}
    for way, figures in found.recall.items():
        for k in figures.after:
            shares = (
                percent(part[k]).replace(" ", "\u00a0") for part in (figures.before, figures.after, figures.chance)
            )
            rows.append(f"| {titles[way]}, R@{k} | {' | '.join(shares)} | {figures.queries} |")
    st.markdown("**Recall where the label is known**")
    heading = (
        "| | **before** | **after** | **by chance** | **queries** |"  # in the body: the style hides the heads of tables
    )
    st.markdown("\n".join(["| | | | | |", "|---|---:|---:|---:|---:|", heading, *rows]))
    st.caption(
        f"Share of queries with a right answer among the first k. Words to pictures asks for every label among the "
        f"{len(found.items.files)} pictures, picture to words for every labelled picture among the {len(found.scores.words)} "
        f"words. Aligner {plain(found.aligner)}."
    )
