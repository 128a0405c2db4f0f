"""What changed from a run that was kept to the one on the screen: both players, what flipped, and what moved."""

from __future__ import annotations

from contextlib import suppress

import streamlit as st

from seda.errors import SedaError
from seda.evaluation.sentences import percent
from seda.journeys.comparing import Comparison, NamedDiagnosis, compare
from seda.ui.diagnose.state import Diagnosed, DiagnoseState
from seda.ui.diagnose.tables import with_thumbnails
from seda.ui.errors import errors_on_screen, plain
from seda.ui.trajectories.player import PlayerState, show_player

PLAYER_HEIGHT = 360
HOW = (
    "Keep this run, change a word, the wording, the aligner or a setting on the page Trajectories, press Run there, and come back: "
    "both runs stand side by side then."
)


def show_comparison(own: DiagnoseState, found: Diagnosed) -> None:
    """The buttons, and each kept run beside what is on the screen."""
    others = [one for one in own.kept if one.of is not found.of]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button("Keep this run", icon=":material/push_pin:", key="diagnose.keep", on_click=own.keep)
        if own.kept:
            st.button("Forget them", key="diagnose.forget", type="tertiary", on_click=own.forget)
        kept = "; ".join(plain(one.label) for one in own.kept)
        st.caption(f"Kept: {kept}." if own.kept else HOW, width="stretch")
    if not others:
        if own.kept:
            st.caption(HOW)
        return
    _show_players(own, [*others, found])
    for place, one in enumerate(others):
        with errors_on_screen():
            _show_changes(place, one, found, compare(_named(one), _named(found)))


def comparisons(own: DiagnoseState, found: Diagnosed) -> list[tuple[Diagnosed, Comparison]]:
    """What changed since each run that was kept; those that cannot be compared are left out."""
    found_ones = []
    for one in own.kept:
        if one.of is not found.of:
            with suppress(SedaError):
                found_ones.append((one, compare(_named(one), _named(found))))
    return found_ones


def _named(found: Diagnosed) -> NamedDiagnosis:
    trajectory = found.journey.trajectory
    space = f"{found.aligner} {trajectory.settings.encoder_fingerprint}"
    return NamedDiagnosis(found.diagnosis, found.names, trajectory.class_names, space)


def _show_players(own: DiagnoseState, runs: list[Diagnosed]) -> None:
    """One step and one selection for all of them, by the names of the items."""
    last = max(run.journey.trajectory.states.shape[1] for run in runs) - 1
    names = list(dict.fromkeys(name for run in runs for name in run.journey.trajectory.item_names))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        share = st.slider("Where on the way, %", 0, 100, 100, key="diagnose.both.step", help=f"Up to {last} steps.")
        chosen = st.multiselect("Selected pictures", names, key="diagnose.both.chosen", placeholder="All")
    columns = st.columns(len(runs))
    for place, (column, run) in enumerate(zip(columns, runs, strict=True)):
        trajectory = run.journey.trajectory
        own_names = list(trajectory.item_names)
        selection = tuple(sorted(own_names.index(name) for name in chosen if name in own_names))
        with column:
            st.markdown(f"**{plain(run.label)}** · {percent(run.summary['accuracy']['answer'])} right")
            show_player(
                run.journey, key=f"diagnose.both.{place}", height=PLAYER_HEIGHT,
                start=PlayerState(round(share / 100 * (trajectory.states.shape[1] - 1)), selection),
            )  # fmt: skip


def _show_changes(place: int, before: Diagnosed, after: Diagnosed, comparison: Comparison) -> None:
    told = comparison.to_dict()
    count, p = int(told["count"]), float(told["mcnemar"]["p"])
    change, low, high = float(told["difference"][0]), float(told["difference"][1]), float(told["difference"][2])
    flips = told["flips"]
    lost, won, other = int(flips["right_to_wrong"]), int(flips["wrong_to_right"]), int(flips["wrong_to_other_wrong"])
    st.markdown(f"**From {plain(before.label)} to {plain(after.label)}**, {count} pictures")
    st.caption(
        f"Right: {percent(told['accuracy'][0])} before, {percent(told['accuracy'][1])} now: {100 * change:+.1f} points, 95 % interval "
        f"{100 * low:+.1f} to {100 * high:+.1f} (paired bootstrap). {lost} went wrong, {won} came right, {other} changed to another wrong "
        f"word; an exact McNemar test has p = {p:.3g}."
    )
    rows = with_thumbnails(after, comparison.second[comparison.order()], told["items"])
    st.dataframe(
        rows, hide_index=True, key=f"diagnose.changes.{place}", height=min(38 + 35 * len(rows), 420),
        column_config={
            "": st.column_config.ImageColumn("", width=40), "file": "Picture", "first": "Answered before", "second": "Now", "flip": "Flip",
            "drift": st.column_config.NumberColumn("Drift of the end", format="%.3f", help="In units of the features' length."),
        },
    )  # fmt: skip
