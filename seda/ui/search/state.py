"""SearchState: what a visitor has chosen and been shown on the search page; in the session, never in a cache."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from seda.errors import SedaError
from seda.images import ImageFailure
from seda.search import Hit, Recall, SearchScores
from seda.ui.state import SAMPLES, NamedFile, begin_widget, read_widget

if TYPE_CHECKING:
    from seda.search import Gallery

WORDS, TO_WORDS = "Words to pictures", "Picture to words"
THUMBNAIL = 112  # px on the screen; twice as many are sent
_KEY = "search.state"


@dataclass(frozen=True, eq=False)
class SearchedItems:
    """Items that can be searched, as thumbnails; those that could not be read are among the failures.

    Attributes:
        key: fingerprint of the contents.
        files: n, not yet read at their full size.
        labels: n, what each shows, or "".
        thumbnails: n, data URLs of PNGs.
        failures: of the others.
    """

    key: str
    files: tuple[NamedFile, ...]
    labels: tuple[str, ...]
    thumbnails: tuple[str, ...]
    failures: tuple[ImageFailure, ...]


@dataclass(frozen=True, eq=False)
class Found:
    """What a search found.

    Attributes:
        query: the words; for an item its name.
        item: place of the item that was asked for; None for words.
        items: those that were searched.
        scores: of the items for the words.
        before, after: the rankings' first entries, of items or of words.
        recall: as `SearchScores.recall`.
        aligner: name or folder.
        notes: on words that the encoder cannot read.
    """

    query: str
    item: int | None
    items: SearchedItems
    scores: SearchScores
    before: Sequence[Hit]
    after: Sequence[Hit]
    recall: dict[str, Recall]
    aligner: str
    notes: tuple[str, ...] = ()


@dataclass
class SearchState:
    """What a visitor has chosen and been shown on this page; in the session, never in a cache.

    Attributes:
        direction: WORDS or TO_WORDS.
        place: SAMPLES or UPLOAD.
        kinds: of the samples; None until they are first looked at.
        query: as typed.
        words: to rank for an item, as typed; empty for the aligner's and the labels.
        items: those of the place that was last looked at, by place.
        galleries: the same encoded, by place: the fingerprints of items and encoder, and the features.
        found: the last result.
        problem: the last search's error.
    """

    direction: str = WORDS
    place: str = SAMPLES
    kinds: tuple[str, ...] | None = None
    query: str = ""
    words: str = ""
    items: dict[str, SearchedItems] = field(default_factory=dict)
    galleries: dict[str, tuple[tuple[str, str], Gallery]] = field(default_factory=dict)
    found: Found | None = None
    problem: SedaError | None = None


def search_state() -> SearchState:
    """This visitor's, made on first use."""
    return read_widget(begin_widget(_KEY, SearchState()))
