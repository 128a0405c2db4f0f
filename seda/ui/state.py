"""AppState: everything a visitor has chosen and been shown, in one typed place. The only user of st.session_state.

Widgets are dropped when their page is left, so every value is copied here and controls start from it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from seda.card import DEFAULT_ALIGNER
from seda.config import SamplingConfig
from seda.errors import SedaError
from seda.images import ImageFailure
from seda.trajectory import Journey

_KEY = "seda.state"


@dataclass(frozen=True)
class PictureFile:
    """A picture as it came, not yet read."""

    name: str
    content: bytes = field(repr=False)


@dataclass(frozen=True)
class TraceRequest:
    """What Run was pressed with.

    Attributes:
        pictures: one or more.
        class_text: as typed.
        aligner: name or folder.
        sampling: how.
    """

    pictures: tuple[PictureFile, ...]
    class_text: str
    aligner: str
    sampling: SamplingConfig


@dataclass(frozen=True, eq=False)
class RefitRequest:
    """What "Refit the maps" was pressed with.

    Attributes:
        shown: whose class texts and paths the maps are refitted for.
        aligner: name or folder.
    """

    shown: Shown
    aligner: str


@dataclass(frozen=True, eq=False)
class Shown:
    """What is on the screen, and how it came there.

    Attributes:
        journey: the paths.
        origin: "example", "run" or "replay".
        failures: pictures that could not be read; the others went on.
        notes: sentences on what was changed in the input.
        device: torch's name of where it was computed; empty when it came from a file.
        seconds: how long the run took; 0 when it came from a file.
    """

    journey: Journey
    origin: str
    failures: tuple[ImageFailure, ...] = ()
    notes: tuple[str, ...] = ()
    device: str = ""
    seconds: float = 0.0


@dataclass
class AppState:
    """One visitor's session.

    Attributes:
        own_pictures: whether uploads are used; samples otherwise.
        uploads: pictures that were uploaded; they outlive the page that they were uploaded on.
        samples: names of the chosen samples; None until they are first looked at.
        class_text: as typed; None until the aligner's own classes fill it.
        aligner: name of the chosen aligner.
        sampling: the chosen settings.
        example: name of the chosen stored example; empty for the first.
        replay: identity of the replay file that was opened last, so that it is opened once.
        pending: a run that was asked for and is not finished; a rerun from elsewhere starts it again.
        shown: the last result; None until something is on the screen.
        problem: the last run's error.
        stopped: whether the last run was stopped.
    """

    own_pictures: bool = True
    uploads: tuple[PictureFile, ...] = ()
    samples: tuple[str, ...] | None = None
    class_text: str | None = None
    aligner: str = DEFAULT_ALIGNER
    sampling: SamplingConfig = field(default_factory=SamplingConfig)
    example: str = ""
    replay: str = ""
    pending: TraceRequest | RefitRequest | None = None
    shown: Shown | None = None
    problem: SedaError | None = None
    stopped: bool = False

    def show(self, shown: Shown) -> None:
        self.shown, self.problem, self.stopped = shown, None, False

    def ask(self, request: TraceRequest | RefitRequest) -> None:
        self.pending, self.problem, self.stopped = request, None, False

    def stop(self) -> None:
        self.stopped = self.pending is not None
        self.pending = None


def app_state() -> AppState:
    """This visitor's state, made on first use by any page."""
    if _KEY not in st.session_state:
        st.session_state[_KEY] = AppState()
    return st.session_state[_KEY]


def begin_widget(key: str, value: Any) -> str:
    """The key of a widget that starts from a value of the state, also after its page was left."""
    if key not in st.session_state:
        st.session_state[key] = value
    return key


def read_widget(key: str) -> Any:
    """A widget's value; for callbacks, which run before the widget returns it."""
    return st.session_state.get(key)


def set_widget(key: str, value: Any) -> None:
    """Give a widget another value; only before it is drawn in a run, as in callbacks."""
    st.session_state[key] = value
