"""What stands around a journey: messages, the heading, the player, and what can be done with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import streamlit as st

from seda.journey import Journey
from seda.trajectory import MapPositions
from seda.ui.address import follow
from seda.ui.errors import errors_on_screen, plain, show_error, show_failures, show_notes
from seda.ui.player import show_player
from seda.ui.state import PLAYER_KEY, AppState, RefitRequest, SeedRequest, Shown, begin_widget, read_widget

PLAYER_HEIGHT = 580  # px; chosen here: fits a 720 px window below the heading
SEEDS = (4, 8, 16, 32, 64)  # of a cloud, its own among them
MOST_REPEATED = 4  # pictures that are repeated at once; chosen here: more clouds than that hide each other

_ORIGINS = {
    "example": ("Stored example", ":material/bookmark:"),
    "run": ("Your run", ":material/check_circle:"),
    "replay": ("Replay", ":material/replay:"),
}


def show_messages(state: AppState) -> None:
    """What the last run has to say: its error, that it was stopped, what was left out."""
    if state.problem is not None:
        show_error(state.problem)
    if state.stopped:
        st.info("The run was stopped. What you chose is still there.", icon=":material/stop_circle:")
    if state.shown is not None:
        show_failures(state.shown.failures)
        show_notes(state.shown.notes)


def show_picture(state: AppState) -> None:
    """Heading, player, and how the picture was made."""
    if read_widget(PLAYER_KEY) is None:  # drawn anew, as after a look at another page
        state.hold_view()
    _picture(state)


@st.fragment
def _picture(state: AppState) -> None:
    """A fragment, so that the player's reports do not interrupt a run."""
    shown, above = state.shown, st.container()
    with errors_on_screen():
        view = show_player(
            shown.journey, key=PLAYER_KEY, height=PLAYER_HEIGHT, start=shown.start, address=state.kept_address is None
        )
        if view.map:  # it has come to rest
            state.view = view
    left_out = follow(state)
    st.caption(plain(_settings_line(shown)))
    if left_out:
        st.caption(f"The address of this page leaves out {' and '.join(left_out)}: too long for a link.")
    if state.pending is None:  # a run's progress takes the heading's place
        with above, st.container(horizontal=True, vertical_alignment="center", gap="small", key="trajectories.heading"):
            _heading(state, shown)
            _seeds(state, shown)


def _heading(state: AppState, shown: Shown) -> None:
    """Where the picture comes from, and what has changed since the one before; its title is the player's own."""
    label, icon = _ORIGINS[shown.origin]
    st.badge(label, icon=icon, color="primary")
    ghost = shown.journey.ghost
    if ghost is None:
        st.caption(_about(shown), width="stretch")
        return
    st.caption(f"**Ghost** of the picture before: {plain('; '.join(ghost.changes))}", width="stretch")
    if st.button("Remove the ghost", icon=":material/close:", type="tertiary", key="trajectories.unghost"):
        state.show(replace(shown, journey=replace(shown.journey, ghost=None)))
        st.rerun(scope="app")


def _about(shown: Shown) -> str:
    if shown.origin == "example":
        return "Change a word in the side panel and press Run, or choose pictures of your own."
    pictures, texts = len(shown.journey.thumbnails), len(shown.journey.trajectory.class_names)
    return f"{pictures} picture{'s' if pictures > 1 else ''}, {texts} class texts"


def _seeds(state: AppState, shown: Shown) -> None:
    """The offer to repeat the selected pictures."""
    selected, refitted = state.view.selection if state.view else (), bool(_drifts(shown))
    with st.container(horizontal=True, width="content", gap="small"):
        state.seeds = st.selectbox(
            "Seeds", SEEDS, key=begin_widget("trajectories.seeds", state.seeds), format_func="{} seeds".format,
            label_visibility="collapsed", width=130,
        )  # fmt: skip
        asked = st.button(
            "Repeat with other seeds", icon=":material/casino:", key="trajectories.repeat",
            disabled=refitted or not 1 <= len(selected) <= MOST_REPEATED,
            help="The maps were refitted for the paths that are drawn; other seeds are placed on the aligner's own maps only. "
            "Press Run to trace the pictures again, then repeat them."
            if refitted
            else f"Select 1 to {MOST_REPEATED} pictures in the player first. They travel again under so many seeds, each with "
            "other noise: how much do the way and the answer depend on it?",
        )  # fmt: skip
    if asked:
        state.ask(SeedRequest(shown, selected, state.seeds, shown.aligner or state.aligner))
        st.rerun(scope="app")


def _settings_line(shown: Shown) -> str:
    """How the picture was made, in one line."""
    trajectory = shown.journey.trajectory
    settings = trajectory.settings if isinstance(trajectory.settings, Mapping) else {}  # a replay may hold anything
    sampling = trajectory.sampling
    sampler = sampling.get("sampler")
    scale, template = settings.get("scale"), settings.get("template")
    parts = {
        "template": f"“{template}”" if template not in (None, "{}") else None,
        "sampler": f"{sampler}, eta {sampling.get('eta')}" if sampler == "ddim" else sampler,
        "steps per stage": sampling.get("num_inference_steps"),
        "noise strength": sampling.get("strength"),
        "guidance": sampling.get("guidance"),
        "seed": sampling.get("seed"),
        "feature scale": f"{scale:.3g}" if isinstance(scale, float) else scale,
        "aligner": settings.get("aligner"),
        "encoder": settings.get("encoder"),
        "reference points": f"{shown.journey.reference_total:,}",
        "device": shown.device or None,
        "took": f"{shown.seconds:.1f} s" if shown.seconds else None,
    }
    line = [f"{name} {value}" for name, value in parts.items() if value is not None]
    return "  ·  ".join([*line, shown.seeds_took] if shown.seeds_took else line)


def _drifts(shown: Shown) -> dict[str, Mapping[str, Any]]:
    """What refitting has moved, by name of a refitted map."""
    return {name: positions.about["drift"] for name, positions in shown.journey.maps.items() if _drift(positions)}


def _drift(positions: MapPositions) -> bool:
    drift = positions.about.get("drift")  # a replay may hold anything
    return isinstance(drift, Mapping) and all(isinstance(drift.get(name), int | float) for name in ("median", "p95"))


def _drift_line(shown: Shown) -> str:
    """What refitting has moved, in percent of each map's width; empty where nothing was refitted."""
    parts = []
    for name, drift in _drifts(shown).items():
        label = shown.journey.maps[name].about.get("label", name)
        ended = ", where the limit ended the fit" if drift.get("ended_at_limit") else ""
        parts.append(
            f"{label}: median {100 * drift['median']:.1f} %, 95 of 100 within {100 * drift['p95']:.1f} %{ended}"
        )
    if not parts:
        return ""
    return "Refitted for these class texts. Old points have moved, of the map's width: " + "; ".join(parts) + "."


def show_actions(state: AppState) -> None:
    """Refitting the maps, and files, made when they are asked for."""
    shown = state.shown
    if shown is None:
        return
    journey, moved = shown.journey, _drift_line(shown)
    with st.container(horizontal=True):
        st.button(
            "Refit the maps for these class texts", icon=":material/fit_screen:", key="trajectories.refit",
            on_click=state.ask, args=(RefitRequest(shown, shown.aligner or state.aligner),),
            disabled=bool(moved) or state.pending is not None,
            help="The maps were fitted once for the aligner's own words; yours are placed on them as they are. Refitting "
            "starts from the frozen maps, makes room for these texts and paths, and keeps old points within "
            "5 % of the map's width. A ghost and repeated seeds are taken away. It takes half a minute, on a busy "
            "machine two.",
        )  # fmt: skip
        st.download_button(
            "Web page", lambda: _html(journey), "journey.html", "text/html", key="trajectories.html",
            on_click="ignore", icon=":material/web:", help="One HTML file that plays without server and network.",
        )  # fmt: skip
        st.download_button(
            "Table", lambda: _csv(journey), "journey.csv", "text/csv", key="trajectories.csv", on_click="ignore",
            icon=":material/table:", help="Every state of every path as CSV.",
        )  # fmt: skip
        st.download_button(
            "Replay", journey.to_bytes, "journey.safetensors", "application/octet-stream", key="trajectories.file",
            on_click="ignore", icon=":material/save:", help="Opens again on this page, without computing anything.",
        )  # fmt: skip
    if moved:
        st.caption(plain(moved))


def _html(journey: Journey) -> str:
    from seda.export import to_html

    return to_html(journey)


def _csv(journey: Journey) -> str:
    from seda.export import to_csv

    return to_csv(journey)
