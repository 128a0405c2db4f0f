"""Letters of all scripts: the app's own font, and for what it lacks the fonts of the system; shaped by Skia's text layout."""

from __future__ import annotations

import base64
import hashlib
import io
import os
import re
import unicodedata
from collections.abc import Iterable
from contextlib import suppress
from functools import cache, lru_cache
from typing import Any

from seda.errors import FileFormatError, StorageError
from seda.export.drawing.needs import need
from seda.player.files import player_font_file, script_families
from seda.storage import cache_dir, fingerprint, read_plain_file, write_bytes

WIDE = 1e6  # px: nothing is broken into lines here
_INVISIBLE = ("Cc", "Cf", "Mn", "Me", "Zs", "Zl", "Zp")  # categories of Unicode that need no glyph of their own
_EMBED = {"rtl": "\u202b", "ltr": ""}  # begins a text that is written from right to left; ended by the text's end
_WESTERN = frozenset([*range(0x20, 0x7F), *range(0xA0, 0x180), *range(0x2010, 0x2028), 0x2212])

CUT_VERSION = 1  # of what is kept; another way to cut needs another one
MOST_FONT = 8 * 2**20  # bytes; chosen here: the whole font at one weight has .4 MB
_DIGEST = hashlib.sha256().digest_size  # before the font in a file that is kept

_PAIRS = {"M": 2, "L": 2, "Q": 4, "C": 6, "Z": 0}  # numbers of a step of a path
_STEPS = {"M": "moveTo", "L": "lineTo", "Q": "quadTo", "C": "cubicTo"}

# Debian's package for a script, by words in the Unicode names of its letters.
_PACKAGES = {
    "CJK": "fonts-noto-cjk",
    "HIRAGANA": "fonts-noto-cjk",
    "KATAKANA": "fonts-noto-cjk",
    "HANGUL": "fonts-noto-cjk",
}


class Letters:
    """Texts as Skia's paragraphs. One object is used by one thread at a time.

    Args:
        texts: all that will be written, for letters beyond those of Western Europe.
    """

    def __init__(self, texts: str = "") -> None:
        self._skia = skia = need("skia")
        self._layout = skia.textlayout
        self._provider = self._layout.TypefaceFontProvider()
        self._fonts = self._layout.FontCollection()
        self._fonts.setDefaultFontManager(self._provider)
        self._unicode = skia.Unicodes.ICU.Make()
        self._system = _system_fonts()
        self._own, self.middle = _own_letters()
        self._extra = "".join(
            sorted(letter for letter in set(texts) if ord(letter) in self._own and ord(letter) not in _WESTERN)
        )
        self._weights: dict[int, str] = {}  # the own font's alias by weight
        self._found: dict[
            tuple[str, int], str
        ] = {}  # alias of a font that has a letter, by letter and weight; "" for none
        self._outlines: dict[tuple[str, float, int, str], Any] = {}
        self._widths: dict[tuple[str, float, int], float] = {}

    def width(self, text: str, size: float, weight: int) -> float:
        """Of a text in one line, px."""
        key = (text, size, weight)
        if key not in self._widths:
            paragraph = self.paragraph(text, size, weight, self._skia.Paint())
            # The first leaves out spaces at the end; the second is rounded up to a hundredth.
            self._widths[key] = paragraph.MaxIntrinsicWidth if text.endswith(" ") else paragraph.LongestLine
        return self._widths[key]

    def paragraph(self, text: str, size: float, weight: int, paint: Any, direction: str = "ltr") -> Any:
        """A text in one line, laid out."""
        layout, skia = self._layout, self._skia
        style = layout.TextStyle()
        style.setFontFamilies(self._families(text, weight))
        style.setFontSize(size)
        style.setFontStyle(skia.FontStyle(weight, 5, skia.FontStyle.kUpright_Slant))
        style.setForegroundPaint(paint)
        around = layout.ParagraphStyle()
        around.setTextStyle(style)
        builder = layout.ParagraphBuilder.make(around, self._fonts, self._unicode)
        builder.pushStyle(style)
        builder.addText(_EMBED[direction] + text)
        paragraph = builder.Build()
        paragraph.layout(WIDE)
        return paragraph

    def outline(self, text: str, size: float, weight: int, direction: str = "ltr") -> Any:
        """The same as a path, its upper left corner at 0, 0."""
        key = (text, size, weight, direction)
        if key not in self._outlines:
            skia = self._skia
            stream = skia.DynamicMemoryWStream()
            canvas = skia.SVGCanvas.Make((1, 1), stream, skia.SVGCanvas.kConvertTextToPaths_Flag)
            self.paragraph(text, size, weight, skia.Paint(), direction).paint(canvas, 0, 0)
            del canvas  # now it is written
            self._outlines[key] = self._parse(bytes(stream.detachAsData()).decode())
        return self._outlines[key]

    def _parse(self, svg: str) -> Any:
        """All paths of an SVG by Skia as one."""
        builder = self._skia.PathBuilder()
        at = (0.0, 0.0)
        for data in re.findall(r' d="([^"]*)"', svg):
            for kind, text in re.findall(r"([A-Z])([^A-Z]*)", data):
                numbers = [float(number) for number in re.findall(r"-?[\d.]+(?:e-?\d+)?", text)]
                if kind == "H":
                    kind, numbers = "L", [numbers[0], at[1]]
                elif kind == "V":
                    kind, numbers = "L", [at[0], numbers[0]]
                for first in range(0, len(numbers), _PAIRS[kind] or 1):
                    part = numbers[first : first + _PAIRS[kind]]
                    getattr(builder, _STEPS[kind])(*part)
                    at = (part[-2], part[-1])
                if kind == "Z":
                    builder.close()
        return builder.detach()

    def missing(self) -> dict[str, str]:
        """Letters that no font here has, with Debian's package that brings one, or ""."""
        return {letter: _package(letter) for (letter, _), alias in self._found.items() if not alias}

    def families(self) -> list[str]:
        """Names of the fonts of the system that have been used."""
        return sorted({alias.rsplit(" ", 1)[0] for alias in self._found.values() if alias})

    def family_of(self, text: str, weight: int) -> str:
        """The font of the system that a text is written in where it has no letter of the app's own; empty where it has one."""
        shown = [letter for letter in text if unicodedata.category(letter) not in _INVISIBLE]
        if not shown or any(self._own_has(letter) for letter in shown):
            return ""
        return self._other(shown[0], weight).rsplit(" ", 1)[0]

    def _families(self, text: str, weight: int) -> list[str]:
        if weight not in self._weights:
            self._weights[weight] = alias = f"own {weight}"
            self._provider.registerTypeface(self._at_weight(weight), alias)
        aliases = [self._weights[weight]]
        for letter in text:
            if not self._own_has(letter) and unicodedata.category(letter) not in _INVISIBLE:
                alias = self._other(letter, weight)
                if alias and alias not in aliases:
                    aliases.append(alias)
        return aliases

    def _own_has(self, letter: str) -> bool:
        return ord(letter) in self._own and (ord(letter) in _WESTERN or letter in self._extra)

    def _at_weight(self, weight: int) -> Any:
        skia = self._skia
        content = own_font(weight, self._extra)
        if content is None:
            return self._system.matchFamilyStyle("sans-serif", skia.FontStyle(weight, 5, skia.FontStyle.kUpright_Slant))
        return skia.Typeface.MakeFromData(skia.Data.MakeWithCopy(content))

    def _other(self, letter: str, weight: int) -> str:
        """Alias of a font of the system that has the letter: first of those that the player's style sheet names."""
        if (letter, weight) in self._found:
            return self._found[letter, weight]
        style = self._skia.FontStyle(weight, 5, self._skia.FontStyle.kUpright_Slant)
        typeface = None
        for family in script_families():
            named = self._system.matchFamilyStyle(family, style)
            if named is not None and named.unicharToGlyph(ord(letter)):
                typeface = named
                break
        if typeface is None:
            typeface = self._system.matchFamilyStyleCharacter("", style, [], ord(letter))
            if typeface is not None and not typeface.unicharToGlyph(ord(letter)):
                typeface = None
        alias = ""
        if typeface is not None:
            alias = f"{typeface.getFamilyName()} {weight}"
            if alias not in self._found.values():
                self._provider.registerTypeface(typeface, alias)
        self._found[letter, weight] = alias
        return alias


@cache
def _system_fonts() -> Any:
    """The fonts of the system. Fontconfig within Skia is older than that of many systems and complains of what it does not know in their
    settings, to standard error; that is not for users."""
    kept, silent = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(silent, 2)
        fonts = need("skia").FontMgr.RefDefault()
        fonts.countFamilies()
        return fonts
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(silent)


@lru_cache(maxsize=32)
def own_font(weight: int, extra: str = "") -> bytes | None:
    """The app's font at a weight, as TrueType, with the letters of Western Europe and those of `extra` that it has; None where it is
    not found.

    It is cut out of the variable font: FreeType within Skia mixes up the weights of some of its letters. That takes a second, so it is
    kept in the cache folder.
    """
    file = player_font_file()
    if file is None:
        return None
    source = hashlib.sha256(file.read_bytes()).hexdigest()
    kept = cache_dir() / "fonts" / f"{fingerprint([source, weight, extra, CUT_VERSION])}.bin"
    with suppress(FileFormatError):
        content = read_plain_file(kept, MOST_FONT)
        if content[:_DIGEST] == hashlib.sha256(content[_DIGEST:]).digest():
            return content[_DIGEST:]
    content = _cut_weight(weight, extra)
    with suppress(StorageError):  # a full disk only costs time
        write_bytes(kept, hashlib.sha256(content).digest() + content)
    return content


def _cut_weight(weight: int, extra: str) -> bytes:
    font = need("fontTools.ttLib").TTFont(io.BytesIO(_cut(extra)), recalcTimestamp=False)
    need("fontTools.varLib.instancer").instantiateVariableFont(font, {"wght": weight}, inplace=True)
    for entry, name in ((1, "Source Sans"), (4, f"Source Sans {weight}"), (6, f"SourceSans-{weight}")):
        font["name"].setName(name, entry, 3, 1, 0x409)
    return _saved(font)


@lru_cache(maxsize=8)
def _cut(extra: str) -> bytes:
    """The variable font with those letters only."""
    file = player_font_file()
    assert file is not None
    need("brotli")  # fontTools reads woff2 with it
    font = need("fontTools.ttLib").TTFont(io.BytesIO(file.read_bytes()), recalcTimestamp=False)
    subset = need("fontTools.subset")
    options = subset.Options(
        layout_features=["kern", "mark", "mkmk", "ccmp", "locl", "liga", "calt", "rlig"], name_IDs=[1, 2, 4, 6]
    )
    cutter = subset.Subsetter(options)
    cutter.populate(unicodes={*_WESTERN, *map(ord, extra)})
    cutter.subset(font)
    font.flavor = None
    return _saved(font)


def font_face(weight: int, letters: Iterable[str]) -> str:
    """A style rule that brings the app's font at a weight along, with those letters; empty where it has none of them."""
    has, _ = _own_letters()
    wanted = "".join(sorted(letter for letter in set(letters) if ord(letter) in has))
    content = own_font(weight, "".join(letter for letter in wanted if ord(letter) not in _WESTERN))
    if content is None or not wanted:
        return ""
    font = need("fontTools.ttLib").TTFont(io.BytesIO(content), recalcTimestamp=False)
    subset = need("fontTools.subset")
    cutter = subset.Subsetter(
        subset.Options(layout_features=["kern", "mark", "mkmk", "ccmp", "locl", "liga"], name_IDs=[1, 2])
    )
    cutter.populate(text=wanted)
    cutter.subset(font)
    data = base64.b64encode(_saved(font)).decode("ascii")
    return f"@font-face{{font-family:'Source Sans';font-weight:{round_weight(weight)};src:url(data:font/ttf;base64,{data})}}"


def round_weight(weight: int) -> int:
    """As a whole hundred, which is all that some programs read: away from the middle, so that 450, 500, 550 and 650 stay apart."""
    return 100 * round((weight + (weight > 500) - (weight < 500)) / 100)


@cache
def _own_letters() -> tuple[frozenset[int], float]:
    """What the app's font has, and how far below the middle of a line its baseline is, as a share of the size."""
    file = player_font_file()
    if file is None:
        return frozenset(), 0.35
    font = need("fontTools.ttLib").TTFont(io.BytesIO(file.read_bytes()), lazy=True)
    up, down = font["OS/2"].sTypoAscender, -font["OS/2"].sTypoDescender
    return frozenset(font.getBestCmap()), (up - down) / (up + down) / 2


def _saved(font: Any) -> bytes:
    content = io.BytesIO()
    font.save(content)
    return content.getvalue()


def _package(letter: str) -> str:
    name = unicodedata.name(letter, "")
    if not name:  # of nobody's script
        return ""
    if "EMOJI" in name or unicodedata.category(letter) == "So":
        return "fonts-noto-color-emoji"
    return next((package for word, package in _PACKAGES.items() if word in name), "fonts-noto-core")


def missing_sentence(missing: dict[str, str]) -> str:
    """What to say of letters that no font has; empty where there are none."""
    if not missing:
        return ""
    letters = " ".join(f"{letter} (U+{ord(letter):04X})" for letter in sorted(missing)[:8])
    more = f" and {len(missing) - 8} more" if len(missing) > 8 else ""
    packages = " ".join(sorted(filter(None, set(missing.values()))))
    remedy = f" Debian and Ubuntu: apt-get install {packages}." if packages else ""
    return f"No font on this machine has {letters}{more}: empty boxes stand in their place.{remedy}"
