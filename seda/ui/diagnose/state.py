"""DiagnoseState: what a visitor has chosen and been told on the page Diagnose; in the session, never in a cache."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from seda.data.truth import Truth
from seda.errors import SedaError
from seda.journeys.diagnosis import Diagnosis
from seda.journeys.journey import Journey
from seda.ui.state import begin_widget, read_widget
from seda.ui.trajectories.player import PlayerState

# Where the truth comes from, as the visitor reads it.
SAMPLES, FOLDERS, NAMES, TABLE = "Samples' labels", "Folders", "File names", "A table"
_KEY = "diagnose.state"
MOST_KEPT = 3  # chosen here: three players and one beside each other can still be read


@dataclass(frozen=True, eq=False)
class Diagnosed:
    """A diagnosis of what is on the screen.

    Attributes:
        journey: of all pictures, with their labels.
        truth: of all pictures.
        items: int [n], those that are labelled, by their place in the journey.
        diagnosis: of these.
        summary: its JSON, of which everything on the page is drawn.
        asked: whether the aligner was asked for other phrasings; and how often paths were walked again.
        seeds: see `asked`.
        label: what was run, for a comparison.
    """

    journey: Journey
    truth: Truth
    items: np.ndarray
    diagnosis: Diagnosis
    summary: Mapping[str, Any]
    asked: bool = False
    seeds: int = 0
    label: str = ""

    @property
    def names(self) -> list[str]:
        """Of the labelled items."""
        return [self.journey.trajectory.item_names[item] for item in self.items]


@dataclass(frozen=True)
class Question:
    """What the aligner is asked.

    Attributes:
        seeds: how often each path is walked again.
        kinds: of variants that are tried, see `seda.journeys.sweeping`; none for the question who has lost what.
    """

    seeds: int = 0
    kinds: tuple[str, ...] = ()


@dataclass
class DiagnoseState:
    """
    Attributes:
        source: SAMPLES, FOLDERS, NAMES or TABLE; None until it was looked for what fits.
        table: name and content of an uploaded table.
        by_hand: labels that were typed, by item name; they come before all others.
        found: the diagnosis on the page.
        kept: those that another is compared with, the latest last.
        part: which part of the diagnosis is shown.
        chosen: where the player is to stand, from a click on the page.
        clicks: how many of these there were.
        reacted: the last click in each chart that the player has followed.
        kinds: of variants that are to be tried.
        pending: what was asked and is not answered; a rerun from elsewhere starts it again.
        problem: the last error of asking the aligner.
        swept: the last sweep's JSON, and what it was made of.
    """

    source: str | None = None
    table: tuple[str, bytes] | None = None
    by_hand: dict[str, str] = field(default_factory=dict)
    found: Diagnosed | None = None
    kept: tuple[Diagnosed, ...] = ()
    part: str = "Pictures"
    chosen: PlayerState | None = None
    clicks: int = 0
    reacted: dict[str, object] = field(default_factory=dict)
    kinds: tuple[str, ...] = ("template",)
    pending: Question | None = None
    problem: SedaError | None = None
    swept: tuple[Diagnosed, Mapping[str, Any]] | None = None

    def keep(self) -> None:
        """Compare what follows with what is there, as a callback."""
        if self.found is not None:
            others = [one for one in self.kept if one.journey.trajectory is not self.found.journey.trajectory]
            self.kept = (*others, self.found)[-MOST_KEPT:]

    def forget(self) -> None:
        """Compare with nothing, as a callback."""
        self.kept = ()

    def stop(self) -> None:
        """Take the question back, as a callback."""
        self.pending = None

    def choose(self, items: Sequence[int], step: int | None = None) -> None:
        """Let the player show some of the labelled items, by their place among these, at a step."""
        if self.found is None:
            return
        here = self.chosen or PlayerState()
        selection = tuple(sorted(int(self.found.items[item]) for item in items))
        self.chosen = PlayerState(here.step if step is None else step, selection, here.map)
        self.clicks += 1


def diagnose_state() -> DiagnoseState:
    """This visitor's, made on first use."""
    return read_widget(begin_widget(_KEY, DiagnoseState()))
