"""Taking a journey away as a picture or a film: what can be chosen, and the file once it is drawn (see runs.py)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import streamlit as st

from seda.export import FORMATS, ExportOptions
from seda.ui.errors import plain, show_error, show_notes
from seda.ui.state import AppState, DrawRequest, Shown, Taken, Taking, begin_widget

SCREENS = {
    "1920 × 1080 px": (1920, 1080), "1280 × 720 px": (1280, 720), "1080 × 1080 px, square": (1080, 1080), "1080 × 1920 px, upright": (1080, 1920),
}  # fmt: skip
SMALL_SCREENS = {"960 × 540 px": (960, 540), "640 × 360 px": (640, 360), "540 × 540 px, square": (540, 540)}
PAPERS = {
    "A4": (297.0, 210.0), "A3": (420.0, 297.0), "A1": (841.0, 594.0), "A0": (1189.0, 841.0), "A0, upright": (841.0, 1189.0),
}  # fmt: skip
RATES = {"30 a second": 30.0, "25 a second": 25.0, "60 a second": 60.0}
GIF_RATES = {"12.5 a second": 12.5, "25 a second": 25.0}
SECONDS = 4, 60  # at least and at most; chosen here: what the eye can follow, and what an audience sits through
WIDTH = 190  # px of a choice
STILLS = {"This step": 0, "Poster of 4 steps": 4, "Poster of 6 steps": 6}


def show_takeaway(state: AppState, shown: Shown) -> None:
    """The choices, folded away, and below them the file that was drawn last."""
    with st.expander("Take away as a picture, a poster or a film", icon=":material/ios_share:"):
        options = _choose(state.taking)
        with st.container(horizontal=True, vertical_alignment="center"):
            if st.button(
                "Draw it",
                icon=":material/brush:",
                type="primary",
                key="takeaway.draw",
                disabled=state.pending is not None,
            ):
                state.ask(DrawRequest(shown, state.taking.suffix, options_at(state, options)))
                st.rerun()
            st.caption(_about(state, options))
    if state.not_drawn is not None:
        show_error(state.not_drawn)
    taken = state.taken
    if taken is not None and taken.journey is shown.journey:
        _offer(taken)


def _about(state: AppState, options: ExportOptions) -> str:
    """What will be drawn, of what the player shows."""
    view = state.view
    where = "on the map that the player shows" if view is not None and view.map else "on the first map"
    if "step" not in FORMATS[state.taking.suffix].options:
        return f"The whole way, {where}. A film takes some seconds for each of its own."
    return f"{'The steps where something happens' if options.stills else 'The step where the player stands'}, {where}."


def _offer(taken: Taken) -> None:
    st.download_button(
        f"Download {plain(taken.name)} ({plain(taken.size_text)})", taken.content, taken.name, taken.media_type, key="takeaway.download", on_click="ignore",
        icon=":material/download:", type="primary",
    )  # fmt: skip
    show_notes(taken.notes)


def options_at(state: AppState, options: ExportOptions) -> ExportOptions:
    """The choices, at the map and the selection that the player shows now, and for a still picture at its step."""
    view = state.view
    if view is None or not view.map:
        return options
    step = view.step if "step" in FORMATS[state.taking.suffix].options and not options.stills else None
    return replace(options, map=view.map, selection=view.selection, step=step)


def _choose(taking: Taking) -> ExportOptions:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        drawn = [suffix for suffix, form in FORMATS.items() if form.drawn]
        taking.suffix = st.selectbox(
            "Form", drawn, key=begin_widget("takeaway.suffix", taking.suffix), format_func=lambda suffix: FORMATS[suffix].label,
            help=plain(" ".join(f"{FORMATS[suffix].label}: {FORMATS[suffix].help}" for suffix in drawn)), width=WIDTH,
        )  # fmt: skip
        suffix, form = taking.suffix, FORMATS[taking.suffix]
        sizes, rates = list(_sizes(suffix)), GIF_RATES if suffix == ".gif" else RATES
        # Widgets of their own for each form: what one offers the other may not have.
        size = taking.sizes[suffix] = st.selectbox(
            "Size", sizes, key=begin_widget(f"takeaway.size{suffix}", taking.sizes.get(suffix, sizes[0])), width=WIDTH
        )
        chosen: dict[str, Any] = {"mm": PAPERS[size]} if size in PAPERS else {"size": _sizes(suffix)[size]}
        if "stills" in form.options:
            taking.stills = st.selectbox(
                "What", list(STILLS), key=begin_widget("takeaway.stills", taking.stills), width=WIDTH
            )
            chosen["stills"] = STILLS[taking.stills]
        if "seconds" in form.options:
            taking.seconds = st.number_input(
                "Seconds", *SECONDS, key=begin_widget("takeaway.seconds", taking.seconds), width=WIDTH
            )
            rate = taking.rates[suffix] = st.selectbox(
                "Frames", list(rates), key=begin_widget(f"takeaway.rate{suffix}", taking.rates.get(suffix, next(iter(rates)))), width=WIDTH
            )  # fmt: skip
            chosen |= {"seconds": float(taking.seconds), "fps": rates[rate]}
    with st.container(horizontal=True):
        taking.dark = st.toggle("Dark", key=begin_widget("takeaway.dark", taking.dark))
        taking.captions = st.toggle("Title and legend", key=begin_widget("takeaway.captions", taking.captions))
        if "loop" in form.options:
            taking.loop = st.toggle("Again and again", key=begin_widget("takeaway.loop", taking.loop))
            chosen["loop"] = taking.loop
    return ExportOptions(dark=taking.dark, captions=taking.captions, **chosen)


def _sizes(suffix: str) -> dict[str, tuple[float, float]]:
    if suffix == ".gif":
        return dict(SMALL_SCREENS)
    if "mm" not in FORMATS[suffix].options:
        return dict(SCREENS)
    screens_first = suffix == ".png"
    return {**SCREENS, **PAPERS} if screens_first else {**PAPERS, **SCREENS}
