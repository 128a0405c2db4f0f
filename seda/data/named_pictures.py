"""Pictures that each have words of their own: emoji of three artists, Openclipart, drawings of a game for children, and the
photographs of Tux Paint.

What an open-vocabulary aligner learns from, and what it is measured on. Every collection is an `ImageDataset` with
`image_texts`; its classes are the collection's own coarse groups. Which picture belongs to which split is fixed by the
sha256 of its name.
"""

from __future__ import annotations

import hashlib
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from seda.data.base import SPLITS, check_split
from seda.data.emoji import ARTISTS, SOURCES, find_npm, find_package, missing_npm, missing_package
from seda.errors import DataError, ImageError
from seda.images import read_image
from seda.storage import fingerprint, read_json, sha256_file

# Emoji that show a thing: faces, signs and flags look like nothing that a photograph shows
THINGS = ("Animals & Nature", "Food & Drink", "Travel & Places", "Activities", "Objects")
PEOPLE = ("People & Body",)
KINDS = {"things": THINGS, "people": PEOPLE}
FLUENT = "@lobehub/fluent-emoji-3d"  # npm's name
FLUENT_VERSION = "1.1.0"
UNSEEN_SHARE = 5  # one name in so many is never trained on

CLIP_ART_PLACE = Path("/usr/share/openclipart/png")
CLIP_ART_GROUPS: tuple[str, ...] = ("animals", "buildings", "education", "electronics", "food", "office")
CLIP_ART_GROUPS += ("plants", "tools")
CLIP_ART_GROUPS += ("computer/hardware", "people/clothing", "recreation/music", "recreation/sports", "recreation/toys")
CLIP_ART_GROUPS += ("containers", "geography/astronomy", "people/bodypart", "science")
CLIP_ART_GROUPS += ("transportation/air", "transportation/boating", "transportation/rail", "transportation/vehicles")

# the drawings that lie in this folder itself: what is below shows stick men and smileys
CLIP_ART_FLAT = ("people",)

LARGEST_DRAWING = 4_000_000  # pixels

GAME_PLACE = Path("/usr/share/games/pysiogame/res/images/art4apps")
GAME_LEFT_OUT = ("actions",)  # verbs

STAMPS_PLACE = Path("/usr/share/tuxpaint/stamps")
# the folders of the stamps that say what a picture is of, by the word that a person would use
STAMP_GROUPS = {
    "animals/mammals": "mammal",
    "animals/birds": "bird",
    "animals/insects": "insect",
    "animals/fish": "fish",
    "food/fruit": "fruit",
    "food/vegetables": "vegetable",
    "plants/flowers": "flower",
    "plants/trees": "tree",
    "vehicles": "vehicle",
    "hobbies/music": "musical instrument",
    "household/tools": "tool",
    "clothes": "clothing",
}
OTHER = "something else"
# the same words in other languages, in the same order: what a translation costs is measured by them, nothing is fitted to them
_IN = {
    "German": "Säugetier, Vogel, Insekt, Fisch, Obst, Gemüse, Blume, Baum, Fahrzeug, Musikinstrument, "
    "Werkzeug, Kleidung",
    "French": "mammifère, oiseau, insecte, poisson, fruit, légume, fleur, arbre, véhicule, "
    "instrument de musique, outil, vêtement",
    "Spanish": "mamífero, pájaro, insecto, pez, fruta, verdura, flor, árbol, vehículo, "
    "instrumento musical, herramienta, ropa",
    "Russian": "млекопитающее, птица, насекомое, рыба, фрукт, овощ, цветок, дерево, "
    "транспортное средство, музыкальный инструмент, инструмент, одежда",
    "Chinese": "哺乳动物, 鸟, 昆虫, 鱼, 水果, 蔬菜, 花, 树, 车辆, 乐器, 工具, 衣服",
}
STAMP_GROUPS_IN = {language: tuple(words.split(", ")) for language, words in _IN.items()}
# drawings, and signs whose sense is not in what they show
NO_PHOTOGRAPHS = ("symbols", "seasonal")


@dataclass(frozen=True)
class NamedPicture:
    """One picture file with the words that belong to it.

    Attributes:
        path: below the collection's folder.
        text: what it shows.
        group: index into the collection's groups.
        split: "train" or "test".
    """

    path: Path
    text: str
    group: int
    split: str


class NamedPictures:
    """See `ImageDataset`. Pictures are RGB, transparency on white.

    Args:
        name: of the collection.
        source: where it comes from and its licence.
        folder: of the pictures.
        groups: names of the coarse groups.
        pictures: in the collection's order.
        remedy: how to install what is missing.
    """

    other_words: Mapping[str, Sequence[str]] = {}

    def __init__(
        self, name: str, source: str, folder: Path, groups: Sequence[str], pictures: Sequence[NamedPicture], remedy: str
    ) -> None:
        self.name, self.source, self.class_names = name, source, tuple(groups)
        self._folder, self._remedy = folder, remedy
        self._splits = {split: [one for one in pictures if one.split == split] for split in SPLITS}

    def kept(self, keep: Callable[[NamedPicture], bool]) -> NamedPictures:
        """The same collection with a part of its pictures."""
        pictures = [picture for part in self._splits.values() for picture in part if keep(picture)]
        return NamedPictures(self.name, self.source, self._folder, self.class_names, pictures, self._remedy)

    def fingerprint(self, split: str) -> str:
        check_split(split)
        return self._fingerprints[split]

    def count(self, split: str) -> int:
        check_split(split)
        return len(self._splits[split])

    def labels(self, split: str) -> np.ndarray:
        """int64 [n], index into class_names."""
        check_split(split)
        return np.array([one.group for one in self._splits[split]], np.int64)

    def images(self, split: str, indices: Sequence[int] | np.ndarray) -> Iterator[Image.Image]:
        """RGB pictures on white, in the order of the indices.

        Raises:
            DataError: a picture is missing or damaged.
        """
        check_split(split)
        for index in indices:
            path = self._folder / self._splits[split][int(index)].path
            try:
                yield read_image(path, path.name)
            except ImageError as error:
                raise DataError(f"{self.name} is incomplete: {error.message}", remedy=self._remedy) from error

    def image_texts(self, split: str, indices: Sequence[int] | np.ndarray) -> tuple[str, ...]:
        """What each picture shows, in the order of the indices."""
        check_split(split)
        return tuple(self._splits[split][int(index)].text for index in indices)

    @cached_property
    def _fingerprints(self) -> dict[str, str]:
        prints = {}
        for split, part in self._splits.items():
            try:
                rows = [[one.text, one.group, sha256_file(self._folder / one.path)] for one in part]
            except OSError as error:
                name = Path(error.filename or "").name
                raise DataError(f"{self.name} is incomplete: {name} cannot be read.", remedy=self._remedy) from error
            prints[split] = fingerprint({"data": self.name, "split": split, "images": rows, "groups": self.class_names})
        return prints


def emoji_things(artist: str, data_dir: Path | str | None = None) -> NamedPictures:
    """Emoji of things with their official names, by one artist; groups are the sub-categories.

    A name is in the same split for every artist.

    Raises:
        DataError: the artist is not known, or the package is missing or damaged.
    """
    return _emoji("things", artist, data_dir)


def emoji_people(artist: str, data_dir: Path | str | None = None) -> NamedPictures:
    """Emoji of people and of their hands, feet and faces, all in the split "train"; see `emoji_things`."""
    return _emoji("people", artist, data_dir)


def fluent_emoji(kind: str = "things", data_dir: Path | str | None = None) -> NamedPictures:
    """Microsoft's Fluent emoji, which look like things of plastic: "things" or "people", see `emoji_things`.

    A name is in the split that it is in for the other artists, whose package says what it is.

    Raises:
        DataError: a package is missing or damaged.
    """
    if kind not in KINDS:
        raise DataError(f"There are no emoji of {kind!r:.40}; allowed are {' and '.join(KINDS)}.")
    named, folder = _package_of("google", data_dir), find_npm(FLUENT, "assets", data_dir)
    missing = missing_npm(FLUENT, data_dir, f"{FLUENT}@{FLUENT_VERSION}")
    if folder is None:
        raise missing
    drawn = {path.stem.replace("-fe0f", ""): path.name for path in (folder / "assets").glob("*.webp")}
    pictures, groups = _entries(
        named, KINDS[kind], lambda entry: drawn.get(entry["unified"].lower().replace("-fe0f", ""))
    )
    source = f"Fluent emoji (Microsoft), MIT, by the npm package {FLUENT} (LobeHub, MIT)"
    return NamedPictures(f"{kind}:fluent", source, folder / "assets", groups, pictures, missing.remedy or "")


def _emoji(kind: str, artist: str, data_dir: Path | str | None) -> NamedPictures:
    if artist not in ARTISTS:
        raise DataError(f"The emoji of {artist!r:.40} are not known; allowed are {' and '.join(ARTISTS)}.")
    folder = _package_of(artist, data_dir)
    pictures, groups = _entries(folder, KINDS[kind], lambda entry: Path(entry["image"]).name)
    remedy = missing_package(artist, data_dir).remedy or ""
    return NamedPictures(
        f"{kind}:{artist}", SOURCES[artist], folder / "img" / artist / "64", groups, pictures, remedy
    )  # fmt: skip


def _package_of(artist: str, data_dir: Path | str | None) -> Path:
    folder = find_package(artist, data_dir)
    if folder is None:
        raise missing_package(artist, data_dir)
    return folder


def _entries(
    folder: Path, categories: Sequence[str], file_of: Callable[[Mapping[str, Any]], str | None]
) -> tuple[list[NamedPicture], list[str]]:
    """What a package's list holds of these categories and there are files of, and the groups.

    Raises:
        DataError: the list is damaged.
    """
    try:
        entries = [
            (entry, file)
            for entry in read_json(folder / "emoji.json", max_bytes=2**25)
            if entry["category"] in categories and all(entry[f"has_img_{one}"] for one in ARTISTS)
            if (file := file_of(entry)) is not None
        ]
        groups = sorted({entry["subcategory"] for entry, _ in entries})
        pictures = [
            NamedPicture(Path(file), entry["name"].lower(), groups.index(entry["subcategory"]), _split(entry))
            for entry, file in entries
        ]
    except (KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"{folder / 'emoji.json'} is damaged: an entry is not as expected ({error}).",
            remedy="Install the package again.",
        ) from error
    return pictures, [group.replace("-", " ") for group in groups]


def _split(entry: Mapping[str, Any]) -> str:
    unseen = entry["category"] in THINGS and digest(entry["name"].lower()) % UNSEEN_SHARE == 0
    return "test" if unseen else "train"


def without_names(pictures: NamedPictures, names: Sequence[str]) -> NamedPictures:
    """The same collection without what is called by one of these names, in singular or plural, among other words or alone."""
    held_out = [_singular(name) for name in names]

    def is_held_out(text: str) -> bool:
        words = f" {_singular(text)} "
        return any(f" {name} " in words for name in held_out)

    return pictures.kept(lambda picture: not is_held_out(picture.text))


def _singular(text: str) -> str:
    return " ".join(word.removesuffix("s") for word in re.findall(r"\w+", text.lower()))


def clip_art(is_word: Callable[[str], bool], folder: Path | str | None = None) -> NamedPictures:
    """Openclipart's drawings of things; their file names without what is no word (artists, numbers) say what they show.

    Args:
        is_word: whether a lower-case word is known.
        folder: of the PNG files; None for Debian's.
    Raises:
        DataError: the package is missing.
    """
    folder, remedy = _debian_folder(folder or CLIP_ART_PLACE, "Openclipart's pictures", "openclipart-png")
    pictures = []
    names = (*CLIP_ART_GROUPS, *CLIP_ART_FLAT)
    for group, name in enumerate(names):
        for path in sorted((folder / name).glob("*.png" if name in CLIP_ART_FLAT else "**/*.png")):
            words = [word for word in re.findall(r"[a-z]+", path.stem.lower()) if len(word) > 2 and is_word(word)]
            if words and _is_small(path):
                pictures.append(NamedPicture(path.relative_to(folder), " ".join(words), group, "train"))
    source = "Openclipart 0.18 (Debian's openclipart-png), public domain"
    groups = [name.rpartition("/")[2] for name in names]
    return NamedPictures("clip-art", source, folder, groups, pictures, remedy)


def game_drawings(folder: Path | str | None = None) -> NamedPictures:
    """The drawings of words that Debian's game pysiogame teaches children: animals, food, people, parts of the body.

    Args:
        folder: of the JPEG files; None for Debian's.
    Raises:
        DataError: the package is missing.
    """
    folder, remedy = _debian_folder(folder or GAME_PLACE, "Pysiogame's pictures", "pysiogame")
    groups = sorted(place.name for place in folder.iterdir() if place.is_dir() and place.name not in GAME_LEFT_OUT)
    pictures = [
        NamedPicture(path.relative_to(folder), path.stem.replace("_", " ").lower(), index, "train")
        for index, group in enumerate(groups)
        for path in sorted((folder / group).glob("*.jpg"))
    ]
    source = "Art4Apps (Smart4Kids), CC BY-SA, by Debian's pysiogame 4.20"
    return NamedPictures("game", source, folder, groups, pictures, remedy)


def _debian_folder(folder: Path | str, what: str, package: str) -> tuple[Path, str]:
    """A folder of a package, and how to install that.

    Raises:
        DataError: there is no such folder.
    """
    folder, remedy = Path(folder), f"On Debian run: apt-get install {package}"
    if not folder.is_dir():
        raise DataError(f"{what} are not in {folder}.", remedy=remedy)
    return folder, remedy


def _is_small(path: Path) -> bool:
    """Some drawings were saved at the size of a poster; reading a header takes .1 ms, and a warning of Pillow's is no news."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        try:
            with Image.open(path) as image:
                return image.width * image.height <= LARGEST_DRAWING
        except Image.DecompressionBombError:
            return False


def photographs(folder: Path | str | None = None) -> NamedPictures:
    """Tux Paint's stamps that are cut-out photographs, with their English descriptions.

    Never trained on: one half ("train") is what settings and weights are chosen by, the other ("test") what is reported.

    Raises:
        DataError: the package is missing.
    """
    folder, remedy = _debian_folder(folder or STAMPS_PLACE, "Tux Paint's stamps", "tuxpaint-stamps-default")
    groups, pictures = (*STAMP_GROUPS.values(), OTHER), []
    for path in sorted(folder.rglob("*.png")):
        below = path.relative_to(folder)
        described = path.with_suffix(".txt")
        if below.parts[0] in NO_PHOTOGRAPHS or "cartoon" in str(below) or not described.is_file():
            continue
        if path.stem.endswith(("_mirror", "_flip")):
            continue
        lines = described.read_text(encoding="utf-8", errors="replace").splitlines()
        text = next((line.strip().rstrip(".!") for line in lines if line and ".utf8=" not in line[:12]), "")
        if text:
            place = below.parent.as_posix()
            group = next(
                (i for i, key in enumerate(STAMP_GROUPS) if f"{place}/".startswith(f"{key}/")), len(groups) - 1
            )
            split = "train" if digest(below.as_posix()) % 2 == 0 else "test"
            pictures.append(NamedPicture(below, text, group, split))
    source = "Tux Paint stamps (Debian's tuxpaint-stamps-default), GPL-2"
    return NamedPictures("photographs", source, folder, groups, pictures, remedy)


def digest(text: str) -> int:
    """A number that is the same on every machine."""
    return int(hashlib.sha256(text.encode()).hexdigest(), 16)
