"""Things with a picture, a sound and names in several languages: the triples that come with two children's programs.

Tux Paint's stamps have pictures, noises and descriptions in many languages; of GCompris its instruments and farm animals are used,
their drawings and their sounds, and nothing else. What is not there of a thing is missing, which is normal.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from PIL import Image

from seda.data.named_pictures import STAMPS_PLACE
from seda.data.qt_resource import read_qt_resource
from seda.errors import DataError, FileFormatError, ImageError
from seda.images import read_image

LANGUAGES = {"en": "English", "de": "German", "fr": "French", "es": "Spanish", "it": "Italian", "ru": "Russian"}
GROUPS = ("mammal", "bird", "insect", "musical instrument", "object or vehicle")
# what the words of each group are a kind of, in WordNet; who is of two groups belongs to the one before "artifact"
KINDS = (("mammal",), ("bird",), ("insect",), ("musical instrument",), ("artifact",))
MAMMAL, BIRD, INSECT, INSTRUMENT, OBJECT = range(len(GROUPS))
GCOMPRIS_PLACE = Path("/usr/share/gcompris-qt/rcc")

# Stamps whose description is a sentence, or a letter, and names nothing that sounds
_SENTENCES = ("seasonal/hanukkah/", "town/", "military/", "household/toilet", "symbols/")
# One recording under the names of four animals says nothing of any of them
_PLACEHOLDERS = (
    "animals/birds/nandou",
    "animals/lizards/iguana",
    "animals/mammals/giraffe",
    "animals/marsupials/wombat",
)
# A frog is no insect, and an apple, lightning, a ghost and fireworks are no objects as the others are
_OF_NO_GROUP = (
    "animals/amphibians/",
    "seasonal/halloween/spider",
    "food/",
    "naturalforces/",
    "seasonal/halloween/ghost",
    "seasonal/newyears/",
)
_PLACES = {
    "animals/mammals/": MAMMAL, "animals/marsupials/": MAMMAL, "seasonal/halloween/bat": MAMMAL, "seasonal/halloween/blackcat": MAMMAL,
    "animals/birds/": BIRD, "animals/": INSECT, "hobbies/music/": INSTRUMENT,
}  # fmt: skip
# What hears alike is left out together: another name of the same animal, or the same recording under two names
_KIN = {
    "tamworth pig": "pig", "chickens": "hen", "brown hen": "hen", "colorful rooster": "rooster", "black cat": "cat",
    "drake": "duck", "mountaingoat": "goat", "ram": "goat", "beaver": "badger", "dromedary": "camel", "doe": "deer", "caribou": "deer",
    "baby sheep": "sheep", "bull": "cow", "gander": "goose", "crash cymbal": "cymbal",
    "floor tom drum": "drum", "snare drum": "drum", "drum kit": "drum", "electric guitar": "guitar",
    "pair of closed scissors": "scissors", "pair of open scissors": "scissors", "large metal mallet": "hammer",
}  # fmt: skip
_ARTICLES = {
    "en": r"(an?|the)\s", "de": r"(eine?r?|der|die|das)\s", "fr": r"(une?|le|la|les|des)\s|l['’]", "es": r"(una?|el|la|los|unos)\s",
    "it": r"(un[oa]?|il|lo|la)\s|(un|l)['’]", "ru": r"(?!)",
}  # fmt: skip
# GCompris's own names are in files of its translations; these are ours: en, de, fr, es, it, ru
_NAMES = """
accordion|Akkordeon|accordéon|acordeón|fisarmonica|аккордеон
banjo|Banjo|banjo|banjo|banjo|банджо
bongo|Bongo|bongo|bongó|bongo|бонго
castanets|Kastagnetten|castagnettes|castañuelas|nacchere|кастаньеты
cello|Cello|violoncelle|violonchelo|violoncello|виолончель
clarinet|Klarinette|clarinette|clarinete|clarinetto|кларнет
cymbal|Becken|cymbale|platillo|piatto|тарелка
drum_kit|Schlagzeug|batterie|batería|batteria|ударная установка
electric_guitar|E-Gitarre|guitare électrique|guitarra eléctrica|chitarra elettrica|электрогитара
flute_traversiere|Querflöte|flûte traversière|flauta travesera|flauto traverso|поперечная флейта
guitar|Gitarre|guitare|guitarra|chitarra|гитара
harmonica|Mundharmonika|harmonica|armónica|armonica|губная гармоника
harp|Harfe|harpe|arpa|arpa|арфа
horn|Horn|cor|trompa|corno|валторна
maracas|Maracas|maracas|maracas|maracas|маракасы
organ|Orgel|orgue|órgano|organo|орган
piano|Klavier|piano|piano|pianoforte|пианино
saxophone|Saxofon|saxophone|saxofón|sassofono|саксофон
snare_drum|Snare-Trommel|caisse claire|caja|rullante|малый барабан
tambourine|Tamburin|tambourin|pandereta|tamburello|бубен
timpani|Pauke|timbales|timbales|timpani|литавры
triangle|Triangel|triangle|triángulo|triangolo|треугольник
trombone|Posaune|trombone|trombón|trombone|тромбон
trumpet|Trompete|trompette|trompeta|tromba|труба
tuba|Tuba|tuba|tuba|tuba|туба
violin|Geige|violon|violín|violino|скрипка
cat|Katze|chat|gato|gatto|кошка
chickens|Hühner|poules|gallinas|galline|куры
cow|Kuh|vache|vaca|mucca|корова
dog|Hund|chien|perro|cane|собака
duck|Ente|canard|pato|anatra|утка
horse|Pferd|cheval|caballo|cavallo|лошадь
owl|Eule|hibou|búho|gufo|сова
pig|Schwein|cochon|cerdo|maiale|свинья
sheep|Schaf|mouton|oveja|pecora|овца
"""
_ENGLISH = {"flute_traversiere": "transverse flute"}


@dataclass(frozen=True, eq=False)
class Thing:
    """One thing and what there is of it.

    Attributes:
        key: where it lies in its collection; no two have the same.
        names: by language, of LANGUAGES; English is always there.
        group: index into GROUPS.
        kin: things of one kin are left out together: other names of the same, or the same recording.
        sound: content of its sound's file.
        picture: content of its picture's file, None where there is none.
        picture_suffix: ".png" or ".svg".
    """

    key: str
    names: Mapping[str, str]
    group: int
    kin: str
    sound: bytes = field(repr=False)
    picture: bytes | None = field(repr=False, default=None)
    picture_suffix: str = ""

    @property
    def name(self) -> str:
        """In English."""
        return self.names["en"]

    def image(self) -> Image.Image | None:
        """Its picture, RGB on white; None where there is none or nothing of it can be drawn."""
        if self.picture is None:
            return None
        if self.picture_suffix == ".svg":
            return drawn_svg(self.picture)
        try:
            return read_image(self.picture, self.key)
        except ImageError:
            return None


def read_things(stamps: Path | str | None = None, gcompris: Path | str | None = None) -> list[Thing]:
    """All things with a sound and a name, in a fixed order.

    Args:
        stamps: the folder of Tux Paint's stamps; None for Debian's.
        gcompris: the folder of GCompris's collections; None for Debian's.
    Raises:
        DataError: a package is missing or damaged.
    """
    stamps, gcompris = Path(stamps or STAMPS_PLACE), Path(gcompris or GCOMPRIS_PLACE)
    for folder, package in ((stamps, "tuxpaint-stamps-default"), (gcompris, "gcompris-qt-data")):
        if not folder.is_dir():
            raise DataError(f"There are no sounds in {folder}.", remedy=f"On Debian run: apt-get install {package}")
    return [*_stamps(stamps), *_gcompris(gcompris)]


def _stamps(folder: Path) -> Iterator[Thing]:
    for path in sorted(folder.rglob("*.ogg")):
        key = path.relative_to(folder).with_suffix("").as_posix()
        described = path.with_suffix(".txt")
        if (
            "_desc" in path.stem
            or key.startswith((*_SENTENCES, *_PLACEHOLDERS, *_OF_NO_GROUP))
            or not described.is_file()
        ):
            continue
        names = names_of(described.read_text(encoding="utf-8", errors="replace"))
        if "en" not in names:
            continue
        picture = next((path.with_suffix(end) for end in (".png", ".svg") if path.with_suffix(end).is_file()), None)
        group = next((group for place, group in _PLACES.items() if key.startswith(place)), OBJECT)
        yield Thing(
            key,
            names,
            group,
            _KIN.get(names["en"], names["en"]),
            path.read_bytes(),
            None if picture is None else picture.read_bytes(),
            "" if picture is None else picture.suffix,
        )


def names_of(description: str) -> dict[str, str]:
    """A stamp's description as names without articles and full stops, by language of LANGUAGES."""
    found: dict[str, str] = {}
    for code, text in descriptions_of(description).items():
        text = re.split(r"\s*[—(]|\s-\s|, ¡|\.\s", text.strip(" .!\t"))[0]  # what is said of it, or in other words
        text = re.sub(rf"^({_ARTICLES[code]})", "", text, flags=re.IGNORECASE).strip()
        if text:
            found[code] = text.lower() if code == "en" else text
    return found


def descriptions_of(description: str) -> dict[str, str]:
    """The texts of a stamp's description by language of LANGUAGES: its first line is English, the others are `code.utf8=text`."""
    found: dict[str, str] = {}
    for number, line in enumerate(description.splitlines()):
        code, separator, text = line.partition(".utf8=")
        code, text = (code, text) if separator else ("en" if number == 0 else "", line)
        if code in LANGUAGES and code not in found and text.strip(" .!\t"):
            found[code] = text
    return found


def _gcompris(folder: Path) -> Iterator[Thing]:
    rows = [row.split("|") for row in _NAMES.strip().splitlines()]
    names = {row[0]: dict(zip(LANGUAGES, row, strict=True)) for row in rows}
    for collection, below in (("explore_farm_animals", "resource/animals"), ("instruments", "resource")):
        place = f"gcompris/src/activities/{collection}/{below}/"
        wanted = partial(_is_thing, place)
        try:
            files = read_qt_resource(folder / f"{collection}.rcc", wanted)
        except FileFormatError as error:
            raise DataError(
                error.message, remedy="On Debian run: apt-get install --reinstall gcompris-qt-data"
            ) from error
        for path, content in files.items():
            stem = path.removeprefix(place).removesuffix(".ogg")
            if not path.endswith(".ogg") or stem not in names:
                continue
            drawing = files.get(f"{place}{stem.removesuffix('s') if stem == 'chickens' else stem}.svg")
            named = {**names[stem], "en": _ENGLISH.get(stem, stem.replace("_", " "))}
            group = (
                INSTRUMENT if collection == "instruments" else BIRD if stem in ("duck", "owl", "chickens") else MAMMAL
            )
            kin = _KIN.get(named["en"], named["en"])
            yield Thing(f"gcompris/{stem}", named, group, kin, content, drawing, "" if drawing is None else ".svg")


def _is_thing(place: str, path: str) -> bool:
    """Sounds and drawings alone: the photographs beside them are kept for measurements that nothing was fitted to."""
    return path.startswith(place) and path.endswith((".ogg", ".svg"))


def drawn_svg(content: bytes, size: int = 320) -> Image.Image | None:
    """An SVG drawing as RGB on white, at most `size` px a side; None where nothing of it can be drawn."""
    import skia

    drawing = skia.SVGDOM.MakeFromStream(skia.MemoryStream(content))
    if drawing is None:
        return None
    own = drawing.containerSize()
    width, height = (own.width() or size, own.height() or size)
    if not (0 < width < 1e5 and 0 < height < 1e5):
        return None
    scale = size / max(width, height)
    surface = skia.Surface(max(1, round(width * scale)), max(1, round(height * scale)))
    canvas = surface.getCanvas()
    canvas.clear(skia.ColorWHITE)
    canvas.scale(scale, scale)
    drawing.setContainerSize(skia.Size(width, height))
    drawing.render(canvas)
    pixels = surface.makeImageSnapshot().toarray(colorType=skia.kRGBA_8888_ColorType)
    if pixels[..., :3].min() > 250:  # some drawings use what this library does not know
        return None
    return Image.fromarray(pixels[..., :3].copy())
