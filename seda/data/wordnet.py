"""Words for the 1,000 ImageNet categories, from WordNet: synonyms, and what each category is a kind of.

WordNet 3.0 (Princeton University, WordNet licence) comes with Debian's package wordnet-base. ImageNet's categories are its
synsets; timm ships their list in the order of every ImageNet classifier.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from seda.errors import DataError

USUAL_PLACES = (Path("/usr/share/wordnet"),)
MAX_STEPS = 9  # up from a category; beyond lie "whole", "object" and "entity", which say nothing
# What a category's photographs show beside it, by what it is a kind of: whoever wears a thing is in most pictures of it, and WordNet
# knows what a cup is made for only by other words. Found on photographs of people that nothing else was chosen by.
ALSO_SHOWN = {
    "person": ("clothing", "body armor", "spectacles"),
    "tableware": ("drinking vessel", "bowl", "pitcher", "teapot", "spoon"),
    "household item": ("furniture", "home appliance", "kitchen utensil", "kitchen appliance"),
}
WORDS_PER_CATEGORY = 12  # chosen here: of a category's synonyms and kinds, nearest first; few have more


@dataclass(frozen=True)
class Synset:
    """Lemmas that mean the same, the most usual first, and the synsets that it is a kind of."""

    lemmas: tuple[str, ...]
    hypernyms: tuple[str, ...]


class WordNet:
    """The nouns of WordNet 3.0.

    Args:
        folder: with data.noun; None looks in USUAL_PLACES.
    Raises:
        DataError: there is none, or the file is damaged.
    """

    def __init__(self, folder: Path | str | None = None) -> None:
        places = USUAL_PLACES if folder is None else (Path(folder),)
        found = next((place / "data.noun" for place in places if (place / "data.noun").is_file()), None)
        if found is None:
            raise DataError(
                f"WordNet's data.noun is not in {places[0]}.", remedy="On Debian run: apt-get install wordnet-base"
            )
        self._path = found

    @cached_property
    def synsets(self) -> dict[str, Synset]:
        """By offset, eight digits."""
        try:
            lines = self._path.read_text(encoding="latin-1").splitlines()
            return dict(_synset(line) for line in lines if not line.startswith("  "))
        except (OSError, ValueError, IndexError) as error:
            raise DataError(f"{self._path} is damaged ({error}).", remedy="Install wordnet-base again.") from error

    @cached_property
    def words(self) -> frozenset[str]:
        """Every noun, lower case."""
        return frozenset(lemma.lower() for synset in self.synsets.values() for lemma in synset.lemmas)

    def senses(self, word: str) -> list[str]:
        """Offsets of the synsets that a noun, in any case, is a lemma of: the most usual first where index.noun is beside data.noun."""
        return self._senses.get(word.lower(), [])

    @cached_property
    def _senses(self) -> dict[str, list[str]]:
        """By lower-case lemma; data.noun stands in the order of meanings, index.noun in that of use."""
        found: dict[str, list[str]] = {}
        index = self._path.with_name("index.noun")
        if index.is_file():
            try:
                for line in index.read_text(encoding="latin-1").splitlines():
                    if not line.startswith("  "):
                        fields = line.split()
                        found[fields[0].replace("_", " ").lower()] = fields[-int(fields[2]) :]
                if all(offset in self.synsets for offsets in found.values() for offset in offsets):
                    return found
            except (OSError, ValueError, IndexError) as error:
                raise DataError(f"{index} is damaged ({error}).", remedy="Install wordnet-base again.") from error
            raise DataError(f"{index} does not fit data.noun beside it.", remedy="Install wordnet-base again.")
        for offset, synset in self.synsets.items():
            for lemma in synset.lemmas:
                found.setdefault(lemma.lower(), []).append(offset)
        return found

    def kinds(self, offset: str) -> list[tuple[Synset, int]]:
        """The synset and all that it is a kind of, nearest first, each with the number of steps up to it."""
        found, seen, waiting = [], set(), deque([(offset, 0)])
        while waiting:
            one, steps = waiting.popleft()
            if one in seen or steps > MAX_STEPS:
                continue
            seen.add(one)
            synset = self.synsets[one]
            found.append((synset, steps))
            waiting.extend((above, steps + 1) for above in synset.hypernyms)
        return found


@dataclass(frozen=True)
class CategoryWord:
    """A word for a category: how many steps of "is a kind of" lead to it; 0 for a synonym."""

    text: str
    steps: int


def imagenet_words(names: Sequence[str], wordnet: WordNet) -> list[list[CategoryWord]]:
    """For each ImageNet category its name, synonyms and kinds, nearest first, and what it is ALSO_SHOWN with, at most
    WORDS_PER_CATEGORY.

    Args:
        names: of the 1,000 categories, in the usual order, such as open_clip's IMAGENET_CLASSNAMES.
    """
    found = []
    for name, offset in zip(names, _imagenet_offsets(), strict=True):
        words, kinds = {name.lower(): 0}, wordnet.kinds(offset)
        lemmas = {lemma.lower() for synset, _ in kinds for lemma in synset.lemmas}
        also = [CategoryWord(word, MAX_STEPS) for word, above in ALSO_SHOWN.items() if lemmas.intersection(above)]
        for synset, steps in kinds:
            # a kind's most usual word says enough; the category's own synonyms all count
            for lemma in synset.lemmas if steps == 0 else synset.lemmas[:1]:
                words.setdefault(lemma.lower(), steps)
        also = [word for word in also if word.text not in words]
        found.append([*(CategoryWord(*word) for word in list(words.items())[: WORDS_PER_CATEGORY - len(also)]), *also])
    return found


def _imagenet_offsets() -> list[str]:
    from timm.data import ImageNetInfo

    return [synset.removeprefix("n") for synset in ImageNetInfo("imagenet-1k").label_names()]


def _synset(line: str) -> tuple[str, Synset]:
    """One line of data.noun, see the manual page wndb(5WN)."""
    fields = line.partition("|")[0].split()
    offset, count = fields[0], int(fields[3], 16)
    lemmas = tuple(fields[4 + 2 * index].replace("_", " ") for index in range(count))
    first = 4 + 2 * count
    pointers = (fields[first + 1 + 4 * index : first + 5 + 4 * index] for index in range(int(fields[first])))
    hypernyms = tuple(target for symbol, target, part, _ in pointers if symbol.startswith("@") and part == "n")
    return offset, Synset(lemmas, hypernyms)
