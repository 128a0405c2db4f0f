"""Retrieval both ways: words to items and an item to words, before the alignment and after it.

Before: the cosine of scaled visual features to scaled text features, which is what the encoders alone say. Where they were
never trained together, as the bundled pair, that is near chance.

After: log p(word | item), the aligner's answer over one common list of words. A row of it ranks words for an item, a column
ranks items for a word: items can be compared because all of them answer the same list, which holds the query and the words
that are known beside it. Its mean over the items would change no order of items.

Chosen here, by names of held-out emoji of both artists, with an aligner trained on the other emoji by Noto; recall@5 of images
for a word and of words for an image:

    574 names, each among 287              before      .019    .030
                                           log p       .218    .220
                                           end state   .167    .172    cosine of stage 2's end state: a path is one draw
                                           mean text   .254    .202    cosine of the mean text feature under p
    40 images, their names and categories  log p       .697    .667
                                           mean text   .669    .636

The mean text is better among many images and worse among few, and its mean reciprocal ranks are within their 95 % intervals
of those of log p; so one score serves both ways.

torch is imported inside: the page needs words and labels before the first run.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from seda.class_texts import parse_class_texts
from seda.config import SamplingConfig
from seda.errors import ClassTextError, DataError, FileFormatError
from seda.images import SUFFIXES, ImageFailure, NamedImage, Source, read_images
from seda.shipped import ASSETS
from seda.storage import local_path, read_json, readable

if TYPE_CHECKING:
    from torch import Tensor

    from seda.journeys.tracing import Workbench

SAMPLES = ASSETS / "samples"
LABELS_FILE = "samples.json"  # beside pictures: a list of {"file": ..., "label": ...}
MAX_LABEL = 300  # characters
RECALL_AT = (1, 5)
WAYS = ("text_to_image", "image_to_text")
BATCH = 32  # items in memory at a time; chosen here: about a second of work on two cores
_ALIGNED = 1024  # items aligned at a time
_LISTS = ("names", "labels", "seeds")
_SMALLEST = 1e-38  # of probabilities, so that their logarithm is finite


@dataclass(frozen=True, eq=False)
class Gallery:
    """Items that are searched, encoded.

    Attributes:
        names: of the n items.
        labels: what each shows, as text; empty where nobody knows.
        features: as the encoder gives them, float32 [n, D].
        seeds: of each item's noise, from its content.
    """

    names: tuple[str, ...]
    labels: tuple[str, ...]
    features: Tensor
    seeds: tuple[int, ...]

    @property
    def known_labels(self) -> tuple[str, ...]:
        """Each once, in the order in which they occur."""
        return word_list(filter(None, self.labels))

    def take(self, places: Sequence[int]) -> Gallery:
        """Some of the items, in the order of their places."""
        names, labels = (tuple(part[place] for place in places) for part in (self.names, self.labels))
        return Gallery(names, labels, self.features[list(places)], tuple(self.seeds[place] for place in places))


def encode_gallery(
    sources: Sequence[tuple[str, Source]],
    labels: Sequence[str],
    workbench: Workbench,
    on_progress: Callable[[int, int], object] | None = None,
) -> tuple[Gallery, list[ImageFailure]]:
    """Read and encode items, BATCH of them in memory at a time; one that cannot be read does not stop the others.

    Args:
        sources: (name, source) as `read_images` takes them.
        labels: what each shows, or "".
        on_progress: told (items done, of how many) after each batch.
    Returns:
        Those that could be read, in their order, and the failures.
    """
    import torch

    parts, failures = [Gallery((), (), torch.zeros(0, workbench.encoder.image_dim), ())], []
    for first in range(0, len(sources), BATCH):
        batch = range(first, min(first + BATCH, len(sources)))
        read = [read_images([sources[place]]) for place in batch]
        failures += [failure for _, failed in read for failure in failed]
        chosen = [(item, labels[place]) for place, (items, _) in zip(batch, read, strict=True) for item in items]
        if chosen:
            parts.append(_encode(chosen, workbench))
        if on_progress is not None:
            on_progress(batch.stop, len(sources))
    names, shown, seeds = (tuple(entry for part in parts for entry in getattr(part, name)) for name in _LISTS)
    return Gallery(names, shown, torch.cat([part.features for part in parts]), seeds), failures


def _encode(chosen: Sequence[tuple[NamedImage, str]], workbench: Workbench) -> Gallery:
    from seda.journeys.tracing import content_seed

    items = [item for item, _ in chosen]
    features = workbench.encoder.encode_images([item.image for item in items])
    names, labels = (tuple(part) for part in zip(*((item.name, label) for item, label in chosen), strict=True))
    return Gallery(names, labels, features, tuple(content_seed(item) for item in items))


@dataclass(frozen=True)
class Hit:
    """An entry of a ranking.

    Attributes:
        index: of the item or of the word.
        score: cosine before the alignment, probability of the word after it.
    """

    index: int
    score: float


@dataclass(frozen=True)
class Recall:
    """Share of queries with a right entry among the first k, 0 to 1, one way.

    Attributes:
        queries: how many.
        entries: how many are ranked for each.
        before, after: by k.
        chance: of a random order, by k.
    """

    queries: int
    entries: int
    before: Mapping[int, float]
    after: Mapping[int, float]
    chance: Mapping[int, float]


@dataclass(frozen=True, eq=False)
class SearchScores:
    """Every item's score for every word.

    Attributes:
        words: the common list of k words.
        before: cosines, float32 [n, k].
        after: log p(word | item), float32 [n, k].
    """

    words: tuple[str, ...]
    before: np.ndarray
    after: np.ndarray

    def items_for(self, word: int, top: int | None = None) -> tuple[list[Hit], list[Hit]]:
        """The items for a word, best first, before and after."""
        return _best(self.before[:, word], top), _best(np.exp(self.after[:, word]), top, self.after[:, word])

    def words_for(self, item: int, top: int | None = None) -> tuple[list[Hit], list[Hit]]:
        """The words for an item, best first, before and after."""
        return _best(self.before[item], top), _best(np.exp(self.after[item]), top, self.after[item])

    def recall(self, labels: Sequence[str], at: Sequence[int] = RECALL_AT) -> dict[str, Recall]:
        """recall@k both ways where the truth is known, by WAYS; empty where fewer than two labels are words of the list.

        One way asks for every word that labels an item; an item without label is a wrong entry. The other asks for every
        item whose label is in the list.

        Args:
            labels: n texts, empty for an item that nobody knows the truth of.
        """
        from seda.evaluation.alignment import recall_of_scores

        places = {key_of(word): place for place, word in enumerate(self.words)}
        truth = np.array([places.get(key_of(label), -1) if label else -1 for label in labels])
        asked, known = np.unique(truth[truth >= 0]), truth >= 0
        if len(asked) < 2:
            return {}
        everything = np.arange(len(self.words))

        def words_to_items(scores: np.ndarray, k: int) -> float:
            return recall_of_scores(scores.T[asked], asked, truth, k)

        def items_to_words(scores: np.ndarray, k: int) -> float:
            return recall_of_scores(scores[known], truth[known], everything, k)

        def figures(way: Callable[[np.ndarray, int], float], queries: int, entries: int) -> Recall:
            tied = np.zeros_like(self.before)  # all scores equal: the recall of a random order
            parts = ({k: way(scores, k) for k in at} for scores in (self.before, self.after, tied))
            return Recall(queries, entries, *parts)

        ways = (
            figures(words_to_items, len(asked), len(labels)),
            figures(items_to_words, int(known.sum()), len(everything)),
        )
        return dict(zip(WAYS, ways, strict=True))


def search_scores(gallery: Gallery, words: Sequence[str], workbench: Workbench) -> SearchScores:
    """Score n items for k >= 2 words of one list.

    Raises:
        ShapeError: fewer than two words came.
    """
    import torch

    texts = workbench.encode_class_texts(words, workbench.aligner.card.template)
    normalize = torch.nn.functional.normalize
    before, after = [], []
    for first in range(0, len(gallery.names), _ALIGNED):
        part = slice(first, first + _ALIGNED)
        run = workbench.aligner.aligner.align(
            gallery.features[part], texts, SamplingConfig(), item_seeds=gallery.seeds[part], answer_only=True
        )
        before.append(normalize(run.visual, dim=1) @ normalize(run.class_texts, dim=1).T)
        after.append(run.class_probabilities.clamp_min(_SMALLEST).log())
    return SearchScores(tuple(words), torch.cat(before).cpu().numpy(), torch.cat(after).cpu().numpy())


def clean_query(query: str) -> str:
    """One text to search for, cleaned as class texts are.

    Raises:
        ClassTextError: nothing visible was typed, or more characters than a class text may have.
    """
    if not any(unicodedata.category(character)[0] not in "CZ" for character in query):
        raise ClassTextError("Nothing was typed to search for.", remedy="Type a word or a short description.")
    return parse_class_texts([query, f"not {query:.40}"]).names[0]


def word_list(*parts: Iterable[str]) -> tuple[str, ...]:
    """The words of all parts in their order, none twice but for case."""
    found: dict[str, str] = {}
    for part in parts:
        for word in part:
            found.setdefault(key_of(word), word)
    return tuple(found.values())


def key_of(word: str) -> str:
    """Two words with the same key are one word."""
    return unicodedata.normalize("NFC", " ".join(word.split()).casefold())


def item_query(query: str) -> Path | None:
    """The item's file that a query names; None where it is words.

    Raises:
        DataError: it ends as an item's file does, and there is none.
    """
    if Path(query).suffix.lower() not in SUFFIXES:
        return None
    path = local_path(query, DataError)
    if not path.is_file():
        raise DataError(f"The image {query!r:.200} does not exist.", remedy="Give its path, or words to search for.")
    return path


def read_labels(root: Path, files: Sequence[Path]) -> list[str]:
    """What each item below a folder shows: as its samples.json says, else the sub-folder that it lies in, with spaces for
    underscores; "" where neither tells.
    """
    listed: dict[Path, Mapping[str, str]] = {}
    labels = []
    for file in files:
        folder = file.parent
        if folder not in listed:
            listed[folder] = _listed(folder / LABELS_FILE)
        below = file.relative_to(root).parts if root in file.parents else ()
        labels.append(listed[folder].get(file.name) or (readable(below[0]).replace("_", " ") if len(below) > 1 else ""))
    return labels


def _listed(path: Path) -> dict[str, str]:
    """Labels by file name; none where the file is missing or something else."""
    try:
        entries = read_json(path) if local_path(path).is_file() else []
    except FileFormatError:
        return {}
    entries = [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
    pairs = ((entry.get("file"), entry.get("label")) for entry in entries)
    return {
        file: label
        for file, label in pairs
        if isinstance(file, str) and isinstance(label, str) and len(label) <= MAX_LABEL
    }


def _best(scores: np.ndarray, top: int | None, order_by: np.ndarray | None = None) -> list[Hit]:
    order = np.argsort(-(scores if order_by is None else order_by), kind="stable")[:top]
    return [Hit(int(index), float(scores[index])) for index in order]
