"""What stands around a journey: heading, messages, the player, the answers and the downloads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from seda.trajectory import Journey, MapPositions
from seda.ui.errors import errors_on_screen, plain, show_error, show_failures
from seda.ui.player import show_player
from seda.ui.state import AppState, RefitRequest, Shown

PLAYER_HEIGHT = 580  # px; chosen here: fits a 720 px window below the heading

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
        for note in state.shown.notes:
            st.info(plain(note), icon=":material/info:")


def show_heading(shown: Shown) -> None:
    """Where the picture comes from; its title is the player's own."""
    trajectory = shown.journey.trajectory
    label, icon = _ORIGINS[shown.origin]
    about = f"{len(trajectory.item_names)} pictures, {len(trajectory.class_names)} class texts"
    if shown.origin == "example":
        about = "Choose your own pictures and class texts in the side panel, then press Run."
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.badge(label, icon=icon, color="primary")
        st.caption(about, width="stretch")


@st.fragment
def show_picture(shown: Shown) -> None:
    """The player. In a fragment, so that its reports do not interrupt a run."""
    with errors_on_screen():
        show_player(shown.journey, key="trajectories.player", height=PLAYER_HEIGHT)
    st.caption(plain(_settings_line(shown)))


def _settings_line(shown: Shown) -> str:
    """How the picture was made, in one line."""
    settings: Mapping[str, Any] = shown.journey.trajectory.settings
    sampling = settings.get("sampling")
    sampling = sampling if isinstance(sampling, Mapping) else {}  # a replay may hold anything
    sampler = sampling.get("sampler")
    scale = settings.get("scale")
    parts = {
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
    return "  ·  ".join(f"{name} {value}" for name, value in parts.items() if value is not None)


def show_refit(state: AppState) -> None:
    """The offer to refit the maps for the class texts on the screen, and what an earlier refit has moved."""
    shown = state.shown
    if shown is None:
        return
    drifts = {name: positions.about["drift"] for name, positions in shown.journey.maps.items() if _drift(positions)}
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Refit the maps for these class texts", icon=":material/fit_screen:", key="trajectories.refit",
            on_click=state.ask, args=(RefitRequest(shown, state.aligner),), disabled=bool(drifts),
            help="The maps were fitted once for the aligner's own words; yours are placed on them as they are. Refitting "
            "starts from the frozen maps, makes room for these texts and paths, and keeps old points within "
            "5 % of the map's width. It takes half a minute, on a busy machine two.",
        )  # fmt: skip
        if drifts:
            st.caption(plain(_drift_line(drifts, shown)), width="stretch")


def _drift(positions: MapPositions) -> bool:
    drift = positions.about.get("drift")  # a replay may hold anything
    return isinstance(drift, Mapping) and all(isinstance(drift.get(name), int | float) for name in ("median", "p95"))


def _drift_line(drifts: Mapping[str, Mapping[str, Any]], shown: Shown) -> str:
    """What refitting has moved, in percent of each map's width."""
    parts = []
    for name, drift in drifts.items():
        label = shown.journey.maps[name].about.get("label", name)
        ended = ", where the limit ended the fit" if drift.get("ended_at_limit") else ""
        parts.append(
            f"{label}: median {100 * drift['median']:.1f} %, 95 of 100 within {100 * drift['p95']:.1f} %{ended}"
        )
    return "Refitted for these class texts. Old points have moved, of the map's width: " + "; ".join(parts) + "."


def show_answers(shown: Shown) -> None:
    """The table of answers."""
    from seda.figures.tables import answer_table  # pandas: after the picture

    table = answer_table(shown.journey)
    columns: dict[str, Any] = {
        "picture": st.column_config.ImageColumn("", width=56),
        "name": st.column_config.TextColumn("Picture"),
        "answer": st.column_config.TextColumn("Answer", help="The most probable class text."),
        "probability": st.column_config.ProgressColumn(
            "Probability", min_value=0, max_value=100, format="%.1f %%", width="medium"
        ),
        "second": st.column_config.TextColumn("Second"),
        "third": st.column_config.TextColumn("Third"),
        "ended at": st.column_config.TextColumn(
            "Path ended at", help="The class text nearest to the last state. It can differ from the first answer: "
            "a path is one draw, the answer weighs all classes.",
        ),
        "settled at state": st.column_config.NumberColumn(
            "Settled at", help="State from which on the nearest class text stays the same.", width="small"
        ),
    }  # fmt: skip
    st.subheader("Answers", anchor=False)
    st.dataframe(
        table, column_config=columns, hide_index=True, row_height=48, key="trajectories.answers",
        height=min(38 + 48 * len(table), 520),
    )  # fmt: skip


def show_downloads(shown: Shown) -> None:
    """Files, made when they are asked for."""
    journey = shown.journey
    with st.container(horizontal=True):
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


def _html(journey: Journey) -> str:
    from seda.export import to_html

    return to_html(journey)


def _csv(journey: Journey) -> str:
    from seda.export import to_csv

    return to_csv(journey)
