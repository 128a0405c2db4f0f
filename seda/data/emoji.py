"""Emoji in two artists' drawings, from the npm packages emoji-datasource-google and emoji-datasource-twitter.

Source: emoji-datasource by Cal Henderson (MIT licence); drawings: Noto Emoji, (c) Google (Apache-2.0), and Twemoji,
(c) Twitter and contributors (CC BY 4.0).

Classes are the packages' sub-categories, by this rule:

- Only emoji that both artists have drawn; of those drawn as woman, man or person, in several skin tones or facing right,
  the plain one; no flag that repeats another's picture.
- A sub-category with MIN_NAMES or more is a class. Where none of a prefix's sub-categories ("hand-prop", "hand-fingers-open")
  is large enough alone, they form one class if they are so together. What is called "other" forms none.
- A class takes at most MAX_NAMES names, in the order of their sha256; the first ones in this order, all beyond
  MIN_TRAINING but at most half, are the test split. "cat" and "cat face" stay together. It is the same with both artists,
  so that a name of the test split is unseen in training with either.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from seda.data.base import check_split
from seda.errors import DataError, FileFormatError, ImageError
from seda.images import read_image
from seda.storage import cache_dir, fingerprint, read_json, sha256_file

ARTISTS = ("google", "twitter")
PACKAGE_VERSION = "16.0.0"  # what the figures that we publish were measured on; others are read too
SOURCES = {
    "google": "Noto Emoji (Google), Apache-2.0, by the npm package emoji-datasource-google (Cal Henderson, MIT)",
    "twitter": "Twemoji (Twitter and contributors), CC BY 4.0, by the npm package emoji-datasource-twitter "
    "(Cal Henderson, MIT)",
}
MIN_TRAINING = 20  # names a class: 16 shots and 4 validation images
MIN_NAMES = 24  # chosen here: at least 4 for testing
MAX_NAMES = 80  # chosen here: of 250 country flags; the next largest class has 66

# Chosen here: what a person would type for a sub-category. Others are named by their own words.
CLASS_TEXTS = {
    "alphanum": "letter sign",
    "animal-mammal": "mammal",
    "av-symbol": "media button",
    "country-flag": "country flag",
    "face-concerned": "concerned face",
    "food-prepared": "prepared food",
    "geometric": "geometric shape",
    "household": "household item",
    "person-role": "person at work",
    "place-building": "building",
    "sky & weather": "sky and weather",
    "sport": "sports equipment",
    "time": "clock",
    "transport-ground": "land vehicle",
}
# Woman, man, female sign, male sign, arrow to the right: joined to others they draw another emoji's variant
_VARIANTS = {"1F469", "1F468", "2640", "2642", "27A1"}
_JOINER = "200D"
# Clipperton, Bouvet, Diego Garcia, Ceuta, Heard, St. Martin, Sark, Svalbard, U.S. islands: pictures of other flags
_REPEATED = {f"flag-{code}" for code in ("cp", "bv", "dg", "ea", "hm", "mf", "sark", "sj", "um")}


@dataclass(frozen=True)
class _Emoji:
    text: str
    image: str  # file name
    subcategory: str


class Emoji:
    """See `ImageDataset`. Pictures are RGB, 64 x 64 px, transparency on white; each has its name as its own text.

    Args:
        artist: "google" or "twitter".
        data_dir: a folder with the packages, or with node_modules that holds them. None looks in $SEDA_DATA, the cache and
            the current folder.
    Raises:
        DataError: the artist is not known, or a package is missing or damaged.
    """

    other_words: Mapping[str, Sequence[str]] = {}  # sub-categories have no other words that are sure to fit

    def __init__(self, artist: str, data_dir: Path | str | None = None) -> None:
        if artist not in ARTISTS:
            raise DataError(f"The emoji of {artist!r:.40} are not known; allowed are {' and '.join(ARTISTS)}.")
        self._artist, self._data_dir = artist, data_dir
        self.name = f"emoji:{artist}"
        self.source = SOURCES[artist]
        folder = find_package(artist, data_dir)
        if folder is None:
            raise missing_package(artist, data_dir)
        self._folder = folder
        classes = _classes(_read(self._folder))
        if len(classes) < 2:
            raise DataError(
                f"{self._folder} has {len(classes)} sub-categories of {MIN_NAMES} emoji; at least 2 are needed.",
                remedy=npm_install(data_dir, *EMOJI_PACKAGES),
            )
        self.class_names = tuple(classes)
        self._splits: dict[str, list[tuple[_Emoji, int]]] = {"train": [], "test": []}
        for label, members in enumerate(classes.values()):
            for split, part in zip(("test", "train"), _divide(members), strict=True):
                self._splits[split] += [(emoji, label) for emoji in part]

    def fingerprint(self, split: str) -> str:
        check_split(split)
        return self._fingerprints[split]

    def count(self, split: str) -> int:
        check_split(split)
        return len(self._splits[split])

    def labels(self, split: str) -> np.ndarray:
        """int64 [n], index into class_names."""
        check_split(split)
        return np.array([label for _, label in self._splits[split]], np.int64)

    def images(self, split: str, indices: Sequence[int] | np.ndarray) -> Iterator[Image.Image]:
        """RGB pictures on white, in the order of the indices.

        Raises:
            DataError: a picture is missing or damaged.
        """
        check_split(split)
        for index in indices:
            path = self._path(self._splits[split][int(index)][0])
            try:
                yield read_image(path, path.name)
            except ImageError as error:
                raise DataError(
                    f"The package in {self._folder} is incomplete: {error.message}",
                    remedy=npm_install(self._data_dir, *EMOJI_PACKAGES),
                ) from error

    def image_texts(self, split: str, indices: Sequence[int] | np.ndarray) -> tuple[str, ...]:
        """The names of the emoji, such as "polar bear", in the order of the indices; no two are the same."""
        check_split(split)
        return tuple(self._splits[split][int(index)][0].text for index in indices)

    def other_looks(self) -> dict[str, Emoji]:
        """The same emoji by the other artist.

        Raises:
            DataError: that package is missing.
        """
        return {artist: Emoji(artist, self._data_dir) for artist in ARTISTS if artist != self._artist}

    def _path(self, emoji: _Emoji) -> Path:
        return self._folder / "img" / self._artist / "64" / emoji.image

    @cached_property
    def _fingerprints(self) -> dict[str, str]:
        prints = {}
        for split, part in self._splits.items():
            try:
                rows = [[emoji.text, label, sha256_file(self._path(emoji))] for emoji, label in part]
            except OSError as error:
                raise DataError(
                    f"The package in {self._folder} is incomplete: {Path(error.filename or '').name} cannot be read.",
                    remedy=npm_install(self._data_dir, *EMOJI_PACKAGES),
                ) from error
            prints[split] = fingerprint(
                {"data": "emoji", "split": split, "images": rows, "class_names": self.class_names}
            )
        return prints


def find_package(artist: str, data_dir: Path | str | None = None) -> Path | None:
    """The folder of an artist's package: in data_dir or its node_modules, else in the usual places. None: nowhere."""
    return find_npm(_package(artist), "emoji.json", data_dir)


def find_npm(package: str, file: str, data_dir: Path | str | None = None) -> Path | None:
    """The folder of an npm package that holds a file; places as for `find_package`."""
    if data_dir is not None:
        roots = [Path(data_dir)]
    else:
        roots = [Path(os.environ["SEDA_DATA"])] if os.environ.get("SEDA_DATA") else []
        roots += [cache_dir() / "data", Path()]
    places = [root / below / package for root in roots for below in ("", "node_modules")]
    return next((place for place in places if (place / file).exists()), None)


def missing_package(artist: str, data_dir: Path | str | None = None) -> DataError:
    """What to say where an artist's package is not found."""
    return missing_npm(_package(artist), data_dir, *EMOJI_PACKAGES)


def missing_npm(package: str, data_dir: Path | str | None, *wanted: str) -> DataError:
    """What to say where an npm package is not found: how to install the `wanted` ones, with their versions."""
    where = "" if data_dir is None else f" in {data_dir}"
    return DataError(f"The npm package {package} is not there{where}.", remedy=npm_install(data_dir, *wanted))


def _package(artist: str) -> str:
    return f"emoji-datasource-{artist}"


EMOJI_PACKAGES = tuple(f"{_package(artist)}@{PACKAGE_VERSION}" for artist in ARTISTS)


def npm_install(data_dir: Path | str | None, *packages: str) -> str:
    """How to put npm packages where `find_npm` looks."""
    folder = cache_dir() / "data" if data_dir is None else data_dir
    return f"Run: npm install --prefix {folder} {' '.join(packages)}"


def _read(folder: Path) -> list[_Emoji]:
    """The emoji that may be used, in the package's order.

    Raises:
        DataError: emoji.json is damaged.
    """
    try:
        entries = [entry for entry in read_json(folder / "emoji.json", max_bytes=2**25) if _is_used(entry)]
        names = Counter(entry["name"].lower() for entry in entries)
        emoji = [
            _Emoji(
                # an official name that two emoji share says less than the short one
                entry["name"].lower() if names[entry["name"].lower()] == 1 else _spaced(entry["short_name"]),
                entry["image"],
                entry["subcategory"],
            )
            for entry in entries
        ]
    except (FileFormatError, KeyError, TypeError, AttributeError) as error:
        reason = error.message if isinstance(error, FileFormatError) else f"an entry is not as expected ({error})"
        raise DataError(f"{folder / 'emoji.json'} is damaged: {reason}", remedy="Install the package again.") from error
    for one in emoji:
        if not re.fullmatch(r"[0-9a-f-]+\.png", one.image):
            raise DataError(
                f"{folder / 'emoji.json'} names a picture {one.image!r:.60}; allowed are code points and .png.",
                remedy="Install the package again.",
            )
    return emoji


def _is_used(entry: Mapping[str, Any]) -> bool:
    codes = entry["unified"].split("-")
    return (
        all(entry[f"has_img_{artist}"] for artist in ARTISTS)
        and not (_JOINER in codes and _VARIANTS & set(codes))
        and entry["short_name"] not in _REPEATED
    )


def _classes(emoji: Sequence[_Emoji]) -> dict[str, list[_Emoji]]:
    """Emoji by class text, sorted by it."""
    groups: dict[str, list[_Emoji]] = defaultdict(list)
    for one in emoji:
        groups[one.subcategory].append(one)
    families: dict[str, list[str]] = defaultdict(list)
    for name in groups:
        families[name.partition("-")[0]].append(name)
    found: dict[str, list[_Emoji]] = {}
    families.pop("other", None)
    for prefix, names in families.items():
        large = [name for name in names if len(groups[name]) >= MIN_NAMES]
        together = [one for name in names for one in groups[name]]
        if large:
            found |= {CLASS_TEXTS.get(name, _spaced(name)): groups[name] for name in large}
        elif len(together) >= MIN_NAMES:
            found[CLASS_TEXTS.get(prefix, _spaced(prefix))] = together
    return dict(sorted(found.items()))


def _divide(members: Sequence[_Emoji]) -> tuple[list[_Emoji], list[_Emoji]]:
    """Test and training part of a class; see the rule above."""
    groups: dict[str, list[_Emoji]] = defaultdict(list)
    for one in members:
        groups[re.sub(r" face\b", "", one.text)].append(one)
    order = sorted(groups, key=lambda name: hashlib.sha256(name.encode()).digest())
    count = min(len(members), MAX_NAMES)
    wanted = min(count - MIN_TRAINING, count // 2)
    test: list[_Emoji] = []
    training: list[_Emoji] = []
    for group in (groups[name] for name in order):
        if len(test) + len(group) <= wanted:
            test += group
        elif len(test) + len(training) + len(group) <= count:
            training += group
    return test, training


def _spaced(name: str) -> str:
    """Words of a name that is made for programs."""
    return re.sub(r"[-_]+", " ", name).strip().lower()
