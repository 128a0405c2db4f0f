"""Choosing samples, by kind."""

from __future__ import annotations

import streamlit as st

from seda.card import AlignerCard
from seda.search import key_of
from seda.ui import cache
from seda.ui.cache import Sample
from seda.ui.errors import plain
from seda.ui.state import AppState, begin_widget, set_widget
from seda.ui.uploads import MAX_ITEMS

SAMPLES_AT_FIRST = 12
PHOTOS = "photos"
KINDS = {"fashion-mnist": "Fashion-MNIST", "emoji": "Emoji", PHOTOS: "Photographs"}  # by folder, others by its name
NO_SAMPLES = "No samples are installed."


def choose_samples(state: AppState) -> None:
    """Tick samples of the trajectories page, one kind at a time."""
    available = cache.samples()
    if not available:
        st.info(NO_SAMPLES, icon=":material/image_not_supported:")
        return
    first = first_kind(cache.card_or_none(state.aligner))
    if state.samples is None:
        state.samples = tuple(sample.key for sample in available if kind_of(sample) == first)[:SAMPLES_AT_FIRST]
    kinds = sample_kinds()
    kind: str | None = first
    if len(kinds) > 1:
        kind = st.pills(
            "Kind of samples", kinds, required=True, label_visibility="collapsed",
            format_func=kind_name, key=begin_widget("trajectories.kind", first),
        )  # fmt: skip
    shown = [sample for sample in available if kind_of(sample) == kind]
    with st.container(horizontal=True, vertical_alignment="center"):
        count = st.empty()  # filled when the boxes have been read
        for label, everything in (("All", True), ("None", False)):
            key = f"trajectories.samples.{label.lower()}"
            st.button(label, key=key, type="tertiary", on_click=_tick, args=(state, kind, everything))
    ticked = {key for key in state.samples if key not in {sample.key for sample in shown}}
    with st.container(height=196, key="trajectories.gallery"):
        for start in range(0, len(shown), 4):
            for column, sample in zip(st.columns(4, gap="small"), shown[start : start + 4], strict=False):
                column.image(cache.sample_thumbnail(sample.path), width="stretch", alt=sample.name)
                key = begin_widget(f"trajectories.sample.{sample.key}", sample.key in state.samples)
                if column.checkbox(sample.name, key=key, label_visibility="collapsed", help=about(sample)):
                    ticked.add(sample.key)
    state.samples = tuple(sample.key for sample in available if sample.key in ticked)
    hidden = len(ticked - {sample.key for sample in shown})
    chosen = f"{len(ticked)} of {len(available)} chosen" + (f", {hidden} of other kinds" if hidden else "")
    count.caption(chosen + (f"; at most {MAX_ITEMS} travel at once" if len(ticked) > MAX_ITEMS else ""))


def _tick(state: AppState, kind: str, everything: bool) -> None:
    """Tick all samples of a kind, as far as MAX_ITEMS go, or none of them; those of other kinds stay."""
    chosen = state.samples or ()
    others = [sample.key for sample in cache.samples() if sample.key in chosen and kind_of(sample) != kind]
    own = [sample.key for sample in cache.samples() if kind_of(sample) == kind]
    ticked = own[: max(MAX_ITEMS - len(others), 0)] if everything else []
    for key in own:
        set_widget(f"trajectories.sample.{key}", key in ticked)
    state.samples = (*others, *ticked)


def sample_kinds() -> list[str]:
    """Folders of the samples, in their order."""
    return list(dict.fromkeys(kind_of(sample) for sample in cache.samples()))


def first_kind(card: AlignerCard | None) -> str:
    """The kind whose labels are the aligner's categories most often, of any words photographs; samples have to be there."""
    if card and card.suggested and PHOTOS in sample_kinds():
        return PHOTOS
    kinds, known = sample_kinds(), {key_of(name) for name in card.class_names} if card else set()

    def share(kind: str) -> float:
        labels = [key_of(sample.label) for sample in cache.samples() if kind_of(sample) == kind]
        return sum(label in known for label in labels) / len(labels)

    return max(kinds, key=share)


def kind_of(sample: Sample) -> str:
    """The folder that a sample lies in."""
    return sample.key.partition("/")[0]


def kind_name(kind: str) -> str:
    """A kind for the screen."""
    return KINDS.get(kind) or plain(kind)


def about(sample: Sample) -> str:
    """What a sample is and where it comes from, as Markdown."""
    return plain(" · ".join(filter(None, (sample.name, sample.source))))
