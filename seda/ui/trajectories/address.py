"""The address of the page: the link that a visitor came with, and the screen, which the address follows."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import PurePosixPath
from urllib.parse import urlencode

from seda.card import DEFAULT_ALIGNER
from seda.config import SamplingConfig
from seda.ui import cache
from seda.ui.serving.rules import Limits, rules
from seda.ui.serving.visitor import aligner_names
from seda.ui.state import (
    ON_SCREEN,
    PLAYER_KEY,
    SAMPLES,
    UPLOAD,
    AppState,
    TraceRequest,
    read_address,
    read_widget,
    write_address,
)
from seda.ui.trajectories import links
from seda.ui.trajectories.controls import renew_panel
from seda.ui.trajectories.links import Catalog, Link, Settings, Source
from seda.ui.trajectories.stored import example_settings, show_example, show_first_example, show_with_choices, take_over

ON_ITS_WAY = 2.0  # seconds until the browser surely has what was written; chosen here: it has much to draw then

_PRIVATE = {
    links.UPLOADS: "The pictures of this link were uploads, which a link never holds. Everything else is set in the side "
    "panel: upload pictures of your own, or take those on the screen, and press Run.",
    links.REPLAY: "The pictures of this link came from a replay file, which a link never holds. Everything else is set in "
    "the side panel: open that file under “Examples and replays”, or press Run for the pictures on the screen.",
    links.ROOM: "The picture of this link came from a phone, and was gone when it left the screen. Everything else is set in the side "
    "panel: press Run for the pictures on the screen.",
}


_LARGE = "This link asks for a large run, which does not start by itself. Everything is set in the side panel: press Run to start it."


def open_address(state: AppState) -> None:
    """Show what the address asks for, or leave a request for it in the state: once a session, and after Back and Forward.

    Raises:
        FileFormatError: a stored example is damaged.
    """
    params = read_address()
    if not state.opened:
        state.opened = True
        _open(state, params)
    elif not params and read_widget(PLAYER_KEY) is None:
        state.written = {}  # the visitor was on another page, which takes the parameters away by itself
    elif _was_changed(state, params):
        state.written, state.kept_address = _own(params), None
        state.pending, state.problem, state.stopped = None, None, False
        _return(state, params)
        renew_panel(state)


def _return(state: AppState, params: Mapping[str, str]) -> None:
    """Show what was at an address of this session; as a link, where it is not kept any more."""
    shown, examples = state.visited.get(_key(params)), cache.example_names()
    if shown is not None:
        start, _ = links.read_view(params, shown.journey)
        show_with_choices(state, replace(shown, start=start))
    elif params or not examples:
        _open(state, params)
    else:
        show_example(state, examples[0])


def _was_changed(state: AppState, params: Mapping[str, str]) -> bool:
    """Whether the visitor has gone to another address, as with Back."""
    known = state.written is None or _own(params) == state.written
    return not known and not _is_on_its_way(state)


def _is_on_its_way(state: AppState) -> bool:
    """Whether the browser may not have got yet what was written last."""
    return time.monotonic() - state.written_at <= ON_ITS_WAY


def _own(params: Mapping[str, str]) -> dict[str, str]:
    """An address without the part that the player writes."""
    return {name: value for name, value in params.items() if name not in links.VIEW}


def _key(params: Mapping[str, str]) -> str:
    return urlencode(sorted(_own(params).items()))


def _open(state: AppState, params: Mapping[str, str]) -> None:
    link = links.read_link(params, catalog())
    if link is None:
        return
    if link.as_stored:
        name = link.source.names[0]
        start, refused = links.read_view(link.view, cache.example(name))
        show_example(state, name, start=start, notes=_sentences(link, refused))
        return
    take_over(state, link.settings)
    if link.source.kind in links.PRIVATE:
        state.items_from = UPLOAD if link.source.kind == links.UPLOADS else ON_SCREEN
        show_first_example(state, (_PRIVATE[link.source.kind], *_sentences(link)))
        state.kept_address = params
        return
    if link.source.kind == links.SAMPLES:
        state.items_from, state.samples = SAMPLES, link.source.names
    request = _request(link)
    settings = link.settings
    cells = request.count * len(settings.class_names) * settings.sampling.num_inference_steps
    if cells <= (rules().limits or Limits()).link_cells:
        state.ask(request)
        return
    notes = (_LARGE, *_sentences(link))
    if link.source.kind == links.EXAMPLE:
        show_example(state, link.source.names[0], notes=notes)
        take_over(state, settings)
    else:
        show_first_example(state, notes)
    state.kept_address = params


def follow(state: AppState) -> tuple[str, ...]:
    """Let the address hold what is on the screen; returns what had to be left out because it is too long."""
    shown = state.shown
    if shown is None:
        return ()
    if state.kept_address is not None:
        _write(state, state.kept_address)
        return ()
    params, left_out = links.write_link(shown.source, shown.settings, catalog())
    if state.pending is not None:  # an address may have asked for it
        return left_out
    # The player keeps its own part of the address itself: each time Streamlit writes one, the browser's history grows.
    # For the same reason nothing is written twice: a browser that has much to draw still tells the address before.
    if params != _own(read_address()) and not (params == state.written and _is_on_its_way(state)):
        _write(state, params | links.write_view(state.view, shown.journey))
    state.written = params
    state.remember(_key(params))
    return left_out


def share_params(state: AppState) -> tuple[dict[str, str], tuple[str, ...]]:
    """Parameters of a link to what is on the screen, where its player stands included, and what had to be left out."""
    shown = state.shown
    if shown is None or state.kept_address is not None:
        return dict(state.kept_address or {}), ()
    params, left_out = links.write_link(shown.source, shown.settings, catalog())
    return params | links.write_view(state.view, shown.journey), left_out


def _write(state: AppState, params: Mapping[str, str]) -> None:
    if params != read_address():
        write_address(params)
        state.written_at = time.monotonic()
    state.written = _own(params)


def catalog() -> Catalog:
    """What links may name in this installation."""
    keys = [sample.key for sample in cache.samples()]
    stems = [PurePosixPath(key).stem for key in keys]
    short = {stem if stems.count(stem) == 1 else key: key for stem, key in zip(stems, keys, strict=True)}
    return Catalog(aligner_names(), cache.example_names(), short, _start_settings)


def _start_settings(source: Source, aligner: str | None) -> Settings:
    if source.kind == links.EXAMPLE:
        settings = example_settings(source.names[0])
        return settings if aligner is None else replace(settings, aligner=aligner)
    aligner = aligner or DEFAULT_ALIGNER
    card = cache.card_or_none(aligner)
    sampling = SamplingConfig().settled(card.model) if card else SamplingConfig()
    return Settings(aligner, card.first_classes if card else (), card.template if card else "{}", sampling)


def _sentences(link: Link, refused: tuple[str, ...] = ()) -> tuple[str, ...]:
    """One sentence on what could not be used, or none."""
    return tuple(filter(None, [links.refusal([*link.refused, *refused])]))


def _request(link: Link) -> TraceRequest:
    source, settings = link.source, link.settings
    return TraceRequest(
        cache.example(source.names[0]) if source.kind == links.EXAMPLE else cache.sample_files(source.names),
        source,
        ", ".join(settings.class_names),
        settings.template,
        settings.aligner,
        settings.sampling,
        link.view,
        link.refused,
    )
