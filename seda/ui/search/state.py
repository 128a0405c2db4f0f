"""SearchState: what a visitor has chosen and been shown on the search page; in the session, never in a cache."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from seda.errors import SedaError
from seda.images import ImageFailure
from seda.search import Hit, Recall, SearchScores
from seda.ui.state import SAMPLES, PictureFile, begin_widget, read_widget

if TYPE_CHECKING:
    from seda.search import Gallery

WORDS, PICTURE = "Words to pictures", "Picture to words"
THUMBNAIL = 112  # px on the screen; twice as many are sent
_KEY = "search.state"


@dataclass(frozen=True, eq=False)
class Pictures:
    """Pictures that can be searched, as thumbnails; those that could not be read are among the failures.

    Attributes:
        key: fingerprint of the contents.
        files: n, not yet read at their full size.
        labels: n, what each shows, or "".
        thumbnails: n, data URLs of PNGs.
        failures: of the others.
    """

    key: str
    files: tuple[PictureFile, ...]
    labels: tuple[str, ...]
    thumbnails: tuple[str, ...]
    failures: tuple[ImageFailure, ...]


@dataclass(frozen=True, eq=False)
class Found:
    """What a search found.

    Attributes:
        query: the words; for a picture its name.
        picture: place of the picture that was asked for; None for words.
        pictures: those that were searched.
        scores: of the pictures for the words.
        before, after: the rankings' first entries, of pictures or of words.
        recall: as `SearchScores.recall`.
        aligner: name or folder.
        notes: on words that the encoder cannot read.
    """

    query: str
    picture: int | None
    pictures: Pictures
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
        direction: WORDS or PICTURE.
        place: SAMPLES or UPLOAD.
        kinds: of the samples; None until they are first looked at.
        query: as typed.
        words: to rank for a picture, as typed; empty for the aligner's and the labels.
        pictures: those of the place that was last looked at, by place.
        galleries: the same encoded, by place: the fingerprints of pictures and encoder, and the features.
        found: the last result.
        problem: the last search's error.
    """

    direction: str = WORDS
    place: str = SAMPLES
    kinds: tuple[str, ...] | None = None
    query: str = ""
    words: str = ""
    pictures: dict[str, Pictures] = field(default_factory=dict)
    galleries: dict[str, tuple[tuple[str, str], Gallery]] = field(default_factory=dict)
    found: Found | None = None
    problem: SedaError | None = None


def search_state() -> SearchState:
    """This visitor's, made on first use."""
    return read_widget(begin_widget(_KEY, SearchState()))
