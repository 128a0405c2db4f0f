"""ConsistencyState: what a visitor has chosen and been shown on the page Consistency."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from seda.errors import SedaError
from seda.journeys.journey import Journey
from seda.ui.state import NamedFile, begin_widget, read_widget

THING, OWN = "A thing that is there", "A thing of mine"
TOLD = "the one that is heard"  # in the place of a language
SPOKEN = "The spoken name"  # what messages call it
_KEY = "consistency.state"


@dataclass(frozen=True, eq=False)
class Travelled:
    """What was sent.

    Attributes:
        title: for the screen.
        journey: all members on their way.
        rows: a member each: its kind, its name, the word it is answered with, how sure, and the names next to it.
        known: whether the space was fitted with it.
        own_words: whether the words are the visitor's, and not the classes of the space.
        heard: what was heard of spoken names, a sentence each.
        failures: of parts that could not be read, a sentence each; the others went on.
        notes: sentences on what came.
        sound: WAV bytes to be played, as the encoder heard it; empty where there is none.
    """

    title: str
    journey: Journey
    rows: Sequence[tuple[str, str, str, float, str]]
    known: bool = False
    own_words: bool = False
    heard: Sequence[str] = ()
    failures: Sequence[str] = ()
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
        picture, sound, spoken: of a thing of one's own, the files that came last.
        came_by: key of the widget that each of these came by.
        typed: its names, separated by commas.
        language: of the spoken name, in English, or TOLD.
        words: that all travel to, separated by commas; "" for the classes of the space.
        camera: whether the camera is asked for a picture.
        round: how often all was taken away: uploaders begin anew.
        travelled: the last result.
        problem: the last error.
    """

    source: str = THING
    thing: str = ""
    worse: int = 0
    part: str = "Things"
    picture: NamedFile | None = None
    sound: NamedFile | None = None
    spoken: NamedFile | None = None
    came_by: dict[str, str] = field(default_factory=dict)
    typed: str = ""
    language: str = TOLD
    words: str = ""
    camera: bool = False
    round: int = 0
    travelled: Travelled | None = None
    problem: SedaError | None = None


def consistency_state() -> ConsistencyState:
    """This visitor's, made on first use."""
    return read_widget(begin_widget(_KEY, ConsistencyState()))
