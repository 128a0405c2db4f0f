"""ConsistencyState: what a visitor has chosen and been shown on the page Consistency."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from seda.errors import SedaError
from seda.journeys.journey import Journey
from seda.ui.state import NamedFile, begin_widget, read_widget

THING, OWN = "A thing that is there", "A sound of mine"
_KEY = "consistency.state"


@dataclass(frozen=True, eq=False)
class Travelled:
    """What was sent.

    Attributes:
        title: for the screen.
        journey: all members on their way.
        rows: a member each: its kind, its name, the class it is answered with, how sure, and the names next to it.
        notes: sentences on what came.
        sound: WAV bytes to be played, as the encoder heard it; empty where there is none.
    """

    title: str
    journey: Journey
    rows: Sequence[tuple[str, str, str, float, str]]
    notes: Sequence[str] = ()
    sound: bytes = b""


@dataclass
class ConsistencyState:
    """In the session, never in a cache.

    Attributes:
        source: THING or OWN.
        thing: English name of the thing that is chosen; "" for the first of the list.
        worse: 0 to 100, how much its picture, sound and names are made worse.
        part: what is shown below.
        file: the sound that was uploaded or recorded last.
        travelled: the last result.
        problem: the last error.
    """

    source: str = THING
    thing: str = ""
    worse: int = 0
    part: str = "Things"
    file: NamedFile | None = None
    travelled: Travelled | None = None
    problem: SedaError | None = None


def consistency_state() -> ConsistencyState:
    """This visitor's, made on first use."""
    return read_widget(begin_widget(_KEY, ConsistencyState()))
