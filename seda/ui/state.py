"""AppState: everything a visitor has chosen and been shown, in one typed place. The only user of st.session_state and of
st.query_params.

Widgets are dropped when their page is left, so every value is copied here and controls start from it.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import streamlit as st

from seda.card import DEFAULT_ALIGNER
from seda.config import SamplingConfig
from seda.errors import SedaError
from seda.export import ExportOptions
from seda.images import ImageFailure
from seda.journeys.journey import Ghost, Journey
from seda.ui.trajectories.links import ROOM, Settings, Source, settings_of, within_limits
from seda.ui.trajectories.player import PlayerState

if TYPE_CHECKING:
    from seda.ui.pictures import ReadPicture

_KEY = "seda.state"
PLAYER_KEY = "trajectories.player"

# Where the side panel takes items from, as the visitor reads it.
ON_SCREEN, UPLOAD, SAMPLES = "On screen", "Upload", "Samples"

MAX_VISITED = 8  # journeys
VISITED_BYTES = (
    10_000_000  # of all their paths; chosen here: four journeys of 12 items. Sessions outlive their visitors
)


@dataclass(frozen=True)
class NamedFile:
    """A file as it came, not yet read: an item's, or one of paths."""

    name: str
    content: bytes = field(repr=False)

    @cached_property
    def sha256(self) -> str:
        """Of the content."""
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True, eq=False)
class TraceRequest:
    """What Run was pressed with, or what a link asks for.

    Attributes:
        items: one or more; or a journey, whose items are traced again from its stored features.
        source: where the items come from.
        class_text: as typed.
        template: around each class text; empty for the aligner's own.
        aligner: name or folder.
        sampling: how.
        view: a link's parameters of the player's view; empty to let it play.
        refused: what else of a link could not be used, in a few words each.
    """

    items: tuple[NamedFile, ...] | Journey
    source: Source
    class_text: str
    template: str
    aligner: str
    sampling: SamplingConfig
    view: Mapping[str, str] = field(default_factory=dict)
    refused: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        """Of the items."""
        return len(self.items.thumbnails if isinstance(self.items, Journey) else self.items)


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
class SeedRequest:
    """What "Repeat with other seeds" was pressed with.

    Attributes:
        shown: whose items are repeated.
        items: which of them.
        count: seeds an item.
        aligner: name or folder.
    """

    shown: Shown
    items: tuple[int, ...]
    count: int
    aligner: str


@dataclass(frozen=True, eq=False)
class PathsRequest:
    """A file of paths that were made elsewhere, whose maps have to be fitted.

    Attributes:
        file: as it came.
    """

    file: NamedFile


@dataclass(frozen=True, eq=False)
class DrawRequest:
    """What "Draw it" was pressed with.

    Attributes:
        shown: whose journey is drawn.
        suffix: of the form, a key of seda.export.FORMATS.
        options: how.
    """

    shown: Shown
    suffix: str
    options: ExportOptions


@dataclass(frozen=True, eq=False)
class Taken:
    """A picture or a film that was drawn.

    Attributes:
        journey: what it shows.
        name: of the file.
        media_type: as browsers are told.
        content: of the file.
        notes: what there is to say of it.
    """

    journey: Journey
    name: str
    media_type: str
    content: bytes = field(repr=False)
    notes: tuple[str, ...] = ()

    @property
    def size_text(self) -> str:
        """Of the content, for a button."""
        size = len(self.content)
        return f"{size / 1e6:.1f} MB" if size >= 1e5 else f"{size / 1e3:.0f} kB"


@dataclass
class Taking:
    """What was chosen last for pictures and films; names of seda/ui/trajectories/takeaway.py, by suffix where forms differ."""

    suffix: str = ".png"
    sizes: dict[str, str] = field(default_factory=dict)
    rates: dict[str, str] = field(default_factory=dict)
    stills: str = "This step"
    seconds: int = 10
    dark: bool = False
    captions: bool = True
    loop: bool = True


Request = TraceRequest | RefitRequest | SeedRequest | PathsRequest | DrawRequest


@dataclass(frozen=True, eq=False)
class Shown:
    """What is on the screen, and how it came there.

    Attributes:
        journey: the paths.
        origin: "example", "run" or "replay".
        source: where its items come from.
        aligner: name or folder that it was traced with; empty when only the journey knows.
        failures: items that could not be read; the others went on.
        notes: sentences on what was changed in the input.
        device: torch's name of where it was computed; empty when it came from a file.
        seconds: how long the run took; 0 when it came from a file.
        seeds_took: how long repeating with other seeds took, and where; empty when that was not asked for.
        start: where the player starts, paused; None to let it play.
        before: the journey before, ready to be laid over this one; None where none can be compared.
        originals: the items as they came, in the journey's order, for drawings larger than a screen; empty where there are none.
    """

    journey: Journey
    origin: str
    source: Source
    aligner: str = ""
    failures: tuple[ImageFailure, ...] = ()
    notes: tuple[str, ...] = ()
    device: str = ""
    seconds: float = 0.0
    seeds_took: str = ""
    start: PlayerState | None = None
    before: Ghost | None = None
    originals: tuple[NamedFile, ...] = ()

    @property
    def compared(self) -> Shown:
        """The same with the journey before as its ghost."""
        return replace(self, journey=replace(self.journey, ghost=self.before))

    @property
    def alone(self) -> Shown:
        """The same without its ghost, which can be asked for again."""
        return replace(self, journey=replace(self.journey, ghost=None), before=self.journey.ghost)

    @property
    def settings(self) -> Settings:
        """How it was made, for a link."""
        return settings_of(self.journey, self.aligner)


@dataclass
class AppState:
    """One visitor's session.

    Attributes:
        key: of the session, where visitors stand in line.
        framed: whether the app's frame has been drawn.
        items_from: ON_SCREEN, UPLOAD or SAMPLES.
        uploads: items that were uploaded; they outlive the page that they were uploaded on.
        upload_ids: Streamlit's names of the files that were taken out of its uploaders.
        upload_round: how often the uploaders began anew.
        upload_notes: sentences on the files that came last.
        read_uploads: uploads as they are shown, by sha256.
        samples: keys of the chosen samples; None until they are first looked at.
        class_text: as typed; None until the aligner's own classes fill it.
        template: as typed; empty for the aligner's own.
        aligner: name of the chosen aligner.
        sampling: the chosen settings.
        seeds: how many, when selected items are repeated with other seeds.
        pending: a run that was asked for and is not finished; a rerun from elsewhere starts it again.
        shown: the last result; None until something is on the screen.
        view: where its player stands; None until it has come to rest.
        problem: the last run's error.
        stopped: whether the last run was stopped.
        opened: whether the address was read; from then on it is only written.
        kept_address: parameters of a link whose own items are missing: the address stays until something else is shown.
        written: the address as this side last knew it, without the player's part; None before the first journey.
        written_at: when it was last written, in seconds of a clock that only grows.
        raised: how often the journey was to be brought into view.
        taking: what was chosen for a picture or a film to take away.
        taken: the one that was drawn last; None before, and once another journey is shown.
        not_drawn: why the last one was not.
        visited: what was shown at the latest addresses, for the browser's Back and Forward.
    """

    key: str = field(default_factory=lambda: secrets.token_hex(8))
    framed: bool = False
    items_from: str = ON_SCREEN
    uploads: tuple[NamedFile, ...] = ()
    upload_ids: frozenset[str] = frozenset()
    upload_round: int = 0
    upload_notes: tuple[str, ...] = ()
    read_uploads: dict[str, ReadPicture] = field(default_factory=dict)
    samples: tuple[str, ...] | None = None
    class_text: str | None = None
    template: str = ""
    aligner: str = DEFAULT_ALIGNER
    sampling: SamplingConfig = field(default_factory=SamplingConfig)
    seeds: int = 16
    pending: Request | None = None
    shown: Shown | None = None
    view: PlayerState | None = None
    problem: SedaError | None = None
    stopped: bool = False
    opened: bool = False
    kept_address: Mapping[str, str] | None = None
    written: Mapping[str, str] | None = None
    written_at: float = 0.0
    raised: int = 0
    taking: Taking = field(default_factory=Taking)
    taken: Taken | None = None
    not_drawn: SedaError | None = None
    visited: dict[str, Shown] = field(default_factory=dict)

    def show(self, shown: Shown) -> None:
        """Put it on the screen. Where only something was added to the same paths, the player stays where it stands."""
        if self.shown is not None and self.shown.journey.trajectory is shown.journey.trajectory:
            shown = replace(shown, start=self.shown.start)  # another start would move it
        else:
            self.view = shown.start
        self.shown, self.problem, self.stopped, self.kept_address = shown, None, False, None
        if self.taken is not None and self.taken.journey is not shown.journey:
            self.taken = self.not_drawn = None

    def remember(self, address: str) -> None:
        """Keep what is shown for a return to its address: the latest MAX_VISITED in VISITED_BYTES, the one before in any case.

        A phone's item is gone when it leaves the screen.
        """
        self.visited.pop(address, None)
        if self.shown is not None and self.shown.source.kind != ROOM:
            self.visited[address] = self.shown
        while len(self.visited) > 2 and (len(self.visited) > MAX_VISITED or self._visited_bytes() > VISITED_BYTES):
            del self.visited[next(iter(self.visited))]

    def _visited_bytes(self) -> int:
        trajectories = {id(path): path for path in (shown.journey.trajectory for shown in self.visited.values())}
        return sum(one.nbytes for one in trajectories.values())

    def hold_view(self) -> None:
        """Let the player start where it last stood: it is about to be drawn anew."""
        if self.shown is not None and self.view is not None:
            self.shown = replace(self.shown, start=self.view)

    def choose(self, settings: Settings, own_template: str) -> None:
        """Take over settings; those of a template that is the aligner's own need not be typed."""
        self.aligner, self.class_text = settings.aligner, ", ".join(settings.class_names)
        self.template = "" if settings.template == own_template else settings.template
        self.sampling = within_limits(settings.sampling)

    def use_aligner(self, name: str) -> None:
        """Choose another aligner. It begins with its own denoiser, since it may lack the one that was chosen."""
        self.aligner, self.sampling = name, replace(self.sampling, denoiser="", guidance=None)

    def ask(self, request: Request) -> None:
        """Leave a request, which the page's next run does."""
        self.pending, self.problem, self.stopped, self.not_drawn = request, None, False, None

    @property
    def draws(self) -> bool:
        """Whether what was asked for leaves what is on the screen alone."""
        return isinstance(self.pending, DrawRequest)

    def stop(self) -> None:
        """Take the request back."""
        self.stopped = self.pending is not None and not self.draws
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
    """A widget's value; for callbacks, which run before the widget returns it. None when it is not on the screen."""
    return st.session_state.get(key)


def set_widget(key: str, value: Any) -> None:
    """Give a widget another value; only before it is drawn in a run, as in callbacks."""
    st.session_state[key] = value


def drop_widget(key: str) -> None:
    """Let a widget start again from the state; only before it is drawn in a run, as in callbacks."""
    st.session_state.pop(key, None)


def read_address() -> dict[str, str]:
    """The parameters in the browser's address."""
    return st.query_params.to_dict()


def write_address(params: Mapping[str, str]) -> None:
    """Put parameters into the browser's address; that runs nothing again."""
    if st.query_params.to_dict() != params:
        st.query_params.from_dict(params)
