"""What stands around a journey: messages, the player, how it was made, and what can be done with it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import streamlit as st

from seda.config import DENOISERS, SAMPLERS
from seda.export import FORMATS, ExportFormat, ExportOptions
from seda.export.options import go_on
from seda.journeys.journey import Journey
from seda.journeys.trajectory import MapPositions
from seda.ui.errors import errors_on_screen, plain, show_error, show_failures, show_notes
from seda.ui.rooms.screen import hides_answers
from seda.ui.state import PLAYER_KEY, AppState, RefitRequest, SeedRequest, Shown, begin_widget, read_widget
from seda.ui.trajectories.address import follow
from seda.ui.trajectories.controls import next_example
from seda.ui.trajectories.player import show_player
from seda.ui.trajectories.share import share_button
from seda.ui.trajectories.takeaway import show_takeaway

PLAYER_HEIGHT = 580  # px; chosen here: fits a 720 px window below Streamlit's header
SEEDS = (4, 8, 16, 32, 64)  # of a cloud, its own among them
MOST_REPEATED = 4  # items that are repeated at once; chosen here: more clouds than that hide each other

_ORIGINS = {
    "example": ("Stored example", ":material/bookmark:"),
    "run": ("Your run", ":material/check_circle:"),
    "replay": ("Replay", ":material/replay:"),
}

_INTO_VIEW = """<script>{{ /* {} */
document.querySelector('[data-testid="stMain"]')?.scrollTo({{ top: 0, behavior: "instant" }});
const panel = '[data-testid="stSidebar"]:not([data-collapsed="true"], [aria-expanded="false"])';
if (innerWidth <= 768) document.querySelector(`${{panel}} [data-testid="stSidebarCollapseButton"] button`)?.click();
}}</script>"""


def show_messages(state: AppState) -> None:
    """What the last run has to say: its error, that it was stopped, what was left out."""
    if state.problem is not None:
        show_error(state.problem)
    if state.stopped:
        st.info("The run was stopped. What you chose is still there.", icon=":material/stop_circle:")
    if state.shown is not None:
        show_failures(state.shown.failures)
        show_notes(state.shown.notes)


def bring_into_view(state: AppState) -> None:
    """Where something new was asked for, go up to it, and on a narrow window fold the side panel, which covers it."""
    if state.raised:
        st.html(_INTO_VIEW.format(state.raised), unsafe_allow_javascript=True)


def show_journey(state: AppState, shown: Shown) -> None:
    """The player, and below it where the journey comes from and what can be done with it."""
    if read_widget(PLAYER_KEY) is None:  # drawn anew, as after a look at another page
        state.hold_view()
    _journey(state, shown)


@st.fragment
def _journey(state: AppState, shown: Shown) -> None:
    """A fragment, so that the player's reports do not interrupt a run."""
    if (
        state.shown is not None and state.shown.journey is not shown.journey
    ):  # the key n has put another one in its place
        st.rerun(scope="app")
    with errors_on_screen():
        view = show_player(
            shown.journey, key=PLAYER_KEY, height=PLAYER_HEIGHT, start=shown.start, address=state.kept_address is None,
            on_next=partial(next_example, state), asking=hides_answers(shown),
        )  # fmt: skip
        if view.map:  # it has come to rest
            state.view = view
    left_out = follow(state)
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="trajectories.about"):
        label, icon = _ORIGINS[shown.origin]
        st.badge(label, icon=icon, color="primary")
        st.caption(_about(shown), width="stretch")
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):  # also during a run, or its values go
        _comparison(state, shown)
        _seeds(state, shown)
        _refitting(state, shown)
        share_button(state)
    if left_out:
        st.caption(f"The address of this page leaves out {' and '.join(map(plain, left_out))}: too long for a link.")


def _about(shown: Shown) -> str:
    """What the journey is compared with, or shows; its title is the player's own."""
    ghost = shown.journey.ghost
    if ghost is not None:
        return f"Dashed: the picture before. What is different now: {plain('; '.join(ghost.changes))}"
    if shown.origin == "example":
        return "Change a word in the side panel and press Run, or choose pictures of your own."
    trajectory = shown.journey.trajectory
    count, texts = len(trajectory.item_names), len(trajectory.class_names)
    item = "picture" if trajectory.is_aligned else "item"
    return f"{count} {item}{'s' if count > 1 else ''}" + (f", {texts} words" if texts else "")


def _comparison(state: AppState, shown: Shown) -> None:
    """The offer to lay the journey before over this one, or to take it away."""
    if shown.journey.ghost is not None:
        if st.button(
            "Remove the comparison", icon=":material/close:", key="trajectories.uncompare",
            disabled=state.pending is not None,
        ):  # fmt: skip
            state.show(shown.alone)
            st.rerun(scope="app")
    elif shown.before is not None and st.button(
        "Compare with the picture before", icon=":material/compare:", key="trajectories.compare",
        disabled=state.pending is not None,
        help="The ways that the same pictures took in the run before are drawn, dashed, beside the new ones.",
    ):  # fmt: skip
        state.show(shown.compared)
        st.rerun(scope="app")


def _seeds(state: AppState, shown: Shown) -> None:
    """The offer to repeat the selected items."""
    selected, refitted = state.view.selection if state.view else (), bool(_drifts(shown))
    with st.container(horizontal=True, width="content", gap="xsmall"):
        asked = st.button(
            "Repeat with other random starts", icon=":material/casino:", key="trajectories.repeat",
            disabled=state.pending is not None or refitted or not 1 <= len(selected) <= MOST_REPEATED,
            help="The maps were changed for the ways that are drawn; other ways are placed on the aligner's own maps only. "
            "Press Run to let the pictures travel again, then repeat them."
            if refitted
            else f"Select 1 to {MOST_REPEATED} pictures in the player first. They travel again this many times, each time from "
            "other random noise (another seed): how much of the way, and of the answer, is chance?",
        )  # fmt: skip
        state.seeds = st.selectbox(
            "How many times", SEEDS, key=begin_widget("trajectories.seeds", state.seeds), format_func="{} times".format,
            label_visibility="collapsed", width=112,
        )  # fmt: skip
    if asked:
        state.ask(SeedRequest(shown, selected, state.seeds, shown.aligner or state.aligner))
        st.rerun(scope="app")


def _refitting(state: AppState, shown: Shown) -> None:
    if st.button(
        "Make room for these words", icon=":material/fit_screen:", key="trajectories.refit",
        disabled=state.pending is not None or bool(_drifts(shown)),
        help="The maps were fitted once, for the aligner's own words; yours are placed on them as they are. This refits the "
        "maps: from where they are, with room for these words and ways, old points kept within 5 % of the map's width. A "
        "comparison and repeated pictures are taken away. It takes half a minute, on a busy machine two.",
    ):  # fmt: skip
        state.ask(RefitRequest(shown, shown.aligner or state.aligner))
        st.rerun(scope="app")


def show_details(state: AppState) -> None:
    """How the journey was made, folded away, and its files, made when they are asked for."""
    shown = state.shown
    if shown is None:
        return
    journey = shown.journey
    show_takeaway(state, shown)
    with st.container(horizontal=True, vertical_alignment="top", key="trajectories.made"):
        with st.expander("Details", icon=":material/info:"):
            for line in filter(None, (_settings_line(shown), shown.seeds_took, _drift_line(shown))):
                st.caption(plain(line))
        for suffix, form in FORMATS.items():
            if form.drawn:
                continue  # behind "Take away"
            st.download_button(
                form.label, partial(_content, form, journey), f"journey{suffix}", form.media_type,
                key=f"trajectories{suffix}", on_click="ignore", icon=f":material/{form.icon}:", help=form.help,
            )  # fmt: skip


def _content(form: ExportFormat, journey: Journey) -> bytes:
    return form.encode(journey, ExportOptions(), go_on).content


def _settings_line(shown: Shown) -> str:
    """How the journey was made, in one line."""
    trajectory = shown.journey.trajectory
    settings, sampling = trajectory.settings, trajectory.settings.sampling
    drawn: dict[str, Any] = {}
    if sampling is not None:
        drawn = {
            "denoiser": DENOISERS[sampling.denoiser].label.lower() if sampling.denoiser else None,
            "sampler": f"{sampling.sampler}, eta {sampling.eta}"
            if "eta" in SAMPLERS[sampling.sampler].uses
            else sampling.sampler,
            "steps per stage": sampling.num_inference_steps,
            "noise strength": sampling.strength,
            "guidance": sampling.guidance,
            "seed": sampling.seed,
        }
    parts = {
        "template": f"“{settings.template}”" if settings.template not in (None, "{}") else None,
        **drawn,
        "feature scale": None if settings.scale is None else f"{settings.scale:.3g}",
        "aligner": settings.aligner or None,
        "encoder": settings.encoder or None,
        "reference points": f"{shown.journey.reference_total:,}",
        "device": shown.device or None,
        "took": f"{shown.seconds:.1f} s" if shown.seconds else None,
    }
    return "  ·  ".join(f"{name} {value}" for name, value in parts.items() if value is not None)


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
