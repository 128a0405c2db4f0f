"""What a visitor finds without computing anything: stored examples and replays. torch is not imported for them."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from seda.card import DEFAULT_ALIGNER
from seda.ui import cache
from seda.ui.serving.visitor import has_aligner
from seda.ui.state import ON_SCREEN, AppState, Shown
from seda.ui.trajectories.links import EXAMPLE, REPLAY, Settings, Source, settings_of
from seda.ui.trajectories.player import PlayerState


def show_first_example(state: AppState, notes: tuple[str, ...] = ()) -> None:
    """Put the first stored example into the state; says so where none is installed. What a link's run had to say stays.

    Raises:
        FileFormatError: the file is damaged.
    """
    names = cache.example_names()
    if names:
        problem, stopped = state.problem, state.stopped
        state.show(_example(names[0], notes=notes))
        state.problem, state.stopped = problem, stopped
        if state.class_text is None:
            take_over(state, example_settings(names[0]))
    else:
        st.info("No stored example is installed. Choose pictures and class texts, then press Run.")


def show_example(state: AppState, name: str, *, start: PlayerState | None = None, notes: tuple[str, ...] = ()) -> None:
    """Put a stored example into the state, and how it was made into the choices: Run starts from there.

    Raises:
        FileFormatError: the file is damaged.
    """
    show_with_choices(state, _example(name, start, notes))


def show_replay(state: AppState, content: bytes, name: str) -> None:
    """The same with a file of the visitor's own.

    Raises:
        FileFormatError: the file is damaged, of another kind or of another version, or does not make a journey that can be shown.
        StorageError: the disk is full.
    """
    show_with_choices(state, Shown(cache.read_replay(content, name), "replay", Source(REPLAY)))


def example_settings(name: str) -> Settings:
    """What a stored example was made with, by an aligner that is installed here.

    Raises:
        FileFormatError: the file is damaged.
    """
    settings = settings_of(cache.example(name))
    return settings if has_aligner(settings.aligner) else replace(settings, aligner=DEFAULT_ALIGNER)


def _example(name: str, start: PlayerState | None = None, notes: tuple[str, ...] = ()) -> Shown:
    aligner = example_settings(name).aligner
    return Shown(cache.example(name), "example", Source(EXAMPLE, (name,)), aligner, notes=notes, start=start)


def show_with_choices(state: AppState, shown: Shown) -> None:
    """Put it on the screen, and how it was made into the choices."""
    state.show(shown)
    state.pending = None  # a run that was asked for before would replace it
    state.items_from = ON_SCREEN
    take_over(state, shown.settings)


def take_over(state: AppState, settings: Settings) -> None:
    """Choose what a journey or a link was made with; an aligner that is not installed here is not chosen."""
    if not has_aligner(settings.aligner):
        settings = replace(settings, aligner=state.aligner)
    card = cache.card_or_none(settings.aligner)
    state.choose(settings, "" if card is None else card.template)
