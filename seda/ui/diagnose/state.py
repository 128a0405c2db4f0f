"""DiagnoseState: what a visitor has chosen and been told on the page Diagnose; in the session, never in a cache."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from seda.data.truth import Truth
from seda.errors import SedaError
from seda.journeys.diagnosis import Diagnosis
from seda.journeys.journey import Journey
from seda.journeys.labelled_items import LabelledItems
from seda.journeys.trajectory import Trajectory
from seda.ui.state import begin_widget, read_widget
from seda.ui.trajectories.player import PlayerState

if TYPE_CHECKING:
    from seda.data.feature_file import FeatureFile

# What is diagnosed, as the visitor reads it.
ON_SCREEN, FEATURES = "What is on the screen", "A file of features"
# Where the truth comes from, the same.
SAMPLES, FOLDERS, NAMES, TABLE = "Samples' labels", "Folders", "File names", "A table"
_KEY = "diagnose.state"
MOST_KEPT = 3  # chosen here: three players and one beside each other can still be read


@dataclass(frozen=True)
class FeatureRun:
    """How a file of features travels.

    Attributes:
        aligner: name or folder.
        split: one of `seda.journeys.labelled_items.SPLITS`.
        steps: of each stage.
    """

    aligner: str
    split: str
    steps: int


@dataclass(frozen=True, eq=False)
class Opened:
    """A file of features that was opened.

    Attributes:
        key: Streamlit's name of the upload.
        file: what it holds.
    """

    key: str
    file: FeatureFile


@dataclass(frozen=True, eq=False)
class Diagnosed:
    """A diagnosis of what is on the screen, or of a file of features.

    Attributes:
        journey: of all items, or of some rows of a file, with their labels.
        truth: of all items.
        items: int [n], those that are labelled, by their place in the journey; -1 for a row that is not in it.
        diagnosis: of these.
        summary: its JSON, of which everything on the page is drawn.
        asked: whether the aligner was asked for other phrasings; and how often paths were walked again.
        seeds: see `asked`.
        label: what was run, for a comparison.
        labelled: all rows of a file; None of uploads and samples.
        aligner: that they travelled with, by name or folder.
        why: which rows the journey is of, in a few words.
    """

    journey: Journey
    truth: Truth
    items: np.ndarray
    diagnosis: Diagnosis
    summary: Mapping[str, Any]
    asked: bool = False
    seeds: int = 0
    label: str = ""
    labelled: LabelledItems | None = None
    aligner: str = ""
    why: str = ""

    @property
    def of(self) -> object:
        """The same for diagnoses of one run."""
        return self.journey.trajectory if self.labelled is None else self.labelled

    @property
    def names(self) -> list[str]:
        """Of the labelled items."""
        if self.labelled is not None:
            return list(self.labelled.names)
        return [self.journey.trajectory.item_names[item] for item in self.items]


@dataclass(frozen=True)
class Question:
    """What the aligner is asked.

    Attributes:
        seeds: how often each path is walked again.
        kinds: of variants that are tried, see `seda.journeys.sweeping`; none for the question who has lost what.
        run: a file of features is to travel; None for all else.
        show: rows of it that the player is to show, at which step (None for none), and which they are in a few words.
    """

    seeds: int = 0
    kinds: tuple[str, ...] = ()
    run: FeatureRun | None = None
    show: tuple[int, ...] = ()
    step: int | None = None
    why: str = ""


@dataclass
class DiagnoseState:
    """
    Attributes:
        of: ON_SCREEN or FEATURES.
        opened: the file of features.
        run: how it was to travel last.
        source: SAMPLES, FOLDERS, NAMES or TABLE; None until it was looked for what fits.
        table: name and content of an uploaded table.
        labels_before: the labels that a journey of the page Trajectories had before it was labelled here, with its paths.
        by_hand: labels that were typed, by item name; they come before all others.
        founds: the diagnosis of each that was diagnosed, by ON_SCREEN and FEATURES.
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

    of: str = ON_SCREEN
    opened: Opened | None = None
    run: FeatureRun | None = None
    source: str | None = None
    table: tuple[str, bytes] | None = None
    labels_before: tuple[Trajectory, np.ndarray | None] | None = None
    by_hand: dict[str, str] = field(default_factory=dict)
    founds: dict[str, Diagnosed | None] = field(default_factory=dict)
    kept: tuple[Diagnosed, ...] = ()
    part: str = "Pictures"
    chosen: PlayerState | None = None
    clicks: int = 0
    reacted: dict[str, object] = field(default_factory=dict)
    kinds: tuple[str, ...] = ("template",)
    pending: Question | None = None
    problem: SedaError | None = None
    swept: tuple[Diagnosed, Mapping[str, Any]] | None = None

    @property
    def found(self) -> Diagnosed | None:
        """The diagnosis on the page."""
        return self.founds.get(self.of)

    @found.setter
    def found(self, found: Diagnosed | None) -> None:
        self.founds[self.of] = found

    def turn_to(self, of: str) -> None:
        """Diagnose ON_SCREEN or FEATURES from now on."""
        if of != self.of:
            self.of, self.chosen, self.pending, self.problem, self.reacted = of, None, None, None, {}

    def keep(self) -> None:
        """Compare what follows with what is there, as a callback."""
        if self.found is not None:
            others = [one for one in self.kept if one.of is not self.found.of]
            self.kept = (*others, self.found)[-MOST_KEPT:]

    def forget(self) -> None:
        """Compare with nothing, as a callback."""
        self.kept = ()

    def stop(self) -> None:
        """Take the question back, as a callback."""
        self.pending = None

    def choose(self, items: Sequence[int], step: int | None = None) -> None:
        """Let the player show some of the labelled items, by their place among these, at a step; rows that are not in it take the others'
        place."""
        if self.found is None:
            return
        here = self.chosen or PlayerState()
        places = self.found.items[list(items)]
        if (places < 0).any():
            self.pending = Question(show=tuple(items), step=here.step if step is None else step, why="chosen")
            return
        self.chosen = PlayerState(here.step if step is None else step, tuple(sorted(places.tolist())), here.map)
        self.clicks += 1


def diagnose_state() -> DiagnoseState:
    """This visitor's, made on first use."""
    return read_widget(begin_widget(_KEY, DiagnoseState()))
