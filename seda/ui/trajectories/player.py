"""The journey player as a Streamlit component; playing, zooming and scrubbing happen in the browser, without reruns."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

import streamlit as st

from seda.journeys.journey import Journey
from seda.player.files import player_script, player_style
from seda.player.payload import encoded_payload, player_payload

ABOVE = 84  # px that Streamlit's header and the page's edges take of the window (seda/ui/theme.py)


@dataclass(frozen=True)
class PlayerState:
    """What the player shows once it has come to rest.

    Attributes:
        step: state index of the trajectory, 0 before the player has reported.
        selection: indices of the selected items, ascending; empty when none is.
        map: name of the map that is shown; empty before the player has reported.
        stills: whether all steps stand side by side instead of playing.
        present: whether it fills the window, for an audience.
    """

    step: int = 0
    selection: tuple[int, ...] = ()
    map: str = ""
    stills: bool = False
    present: bool = False


def show_player(
    journey: Journey,
    *,
    key: str,
    height: int = 420,
    start: PlayerState | None = None,
    address: bool = False,
    on_next: Callable[[], None] | None = None,
    lesson: int = 0,
    present: bool = False,
    above: int = ABOVE,
    asking: bool = False,
) -> PlayerState:
    """Show a journey and return where its player stands.

    The player starts by itself once, and again only for another journey: a rerun for some other control leaves its
    play state, map, zoom, step and selection alone. It reports (which reruns the page, or the fragment it stands in) when
    playing, scrubbing or switching maps has come to rest; while it plays only a selection is reported.

    Args:
        key: identity of the widget; one for each player on a page.
        height: least height in pixels of what is looked at together (map, curves and playback) on screens wider than 700 px,
            where it fills the window below the app's header; on narrower ones the player is as high as it needs to be.
        start: state to show instead of playing from the start, for instance from a link. It is applied when it
            changes, so a page may also steer the player with it; what the player itself reported is not applied again.
        on_next: what the key n does, for instance another journey in its place.
        asking: whether others are asked where the items land, so that nothing may tell it; when it ends, it plays.
        lesson: the scene of the lesson that it begins with, from 1; 0 without a lesson.
        present: whether it begins before an audience; `start` says so too, with all else.
        above: px of the window that the page takes for itself.
        address: whether the player writes where it stands into the page's address (see seda/ui/trajectories/links.py).
    Raises:
        ConfigError: more items or states than the player can animate.
        ProjectionError: a position on a map is not finite.
    """
    options = {
        "height": height,
        "above": above,
        "start": asdict(start) if start else None,
        "address": address,
        "lesson": lesson,
        "present": present,
        "asking": asking,
    }
    result = _component()(
        key=key,
        # bytes: a dict is made JSON twice each time, once for its hash
        data=b'{"options":%b,"payload":%b}' % (json.dumps(options).encode(), encoded_payload(journey)),
        default={"view": None},
        height="content",
        on_view_change=_nothing,
        on_next_change=on_next or _nothing,
    )
    return _read_state(result.view, player_payload(journey)["fingerprint"], journey)


@cache
def _component() -> Any:
    # Shared by all sessions; made on first use, because importing this module must not need a running Streamlit.
    return st.components.v2.component(
        "seda.player", html="", css=player_style(), js=player_script(), isolate_styles=True
    )


def _nothing() -> None:
    """Streamlit needs a callback for each state that has a default."""


def _read_state(view: Any, fingerprint: str, journey: Journey) -> PlayerState:
    """The browser's report, checked: it may belong to an earlier journey, and a client may send anything."""
    if not isinstance(view, dict) or view.get("fingerprint") != fingerprint:
        return PlayerState()
    items, states = journey.trajectory.states.shape[:2]
    step, selection, shown = view.get("step"), view.get("selection"), view.get("map")
    if type(step) is not int or not 0 <= step < states or not isinstance(selection, list):
        return PlayerState()
    chosen = {item for item in selection if type(item) is int and 0 <= item < items}
    shown = shown if isinstance(shown, str) and shown in journey.maps else ""
    return PlayerState(step, tuple(sorted(chosen)), shown, view.get("stills") is True, view.get("present") is True)
