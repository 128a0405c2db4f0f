"""A display list as SVG: shapes as shapes, texts as texts in the app's own font, pictures inside the file.

Written for what programs have in common (browsers, Inkscape, librsvg, resvg): no style sheet but the fonts, no filters, no nested pages.
"""

from __future__ import annotations

import base64
import io
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import numpy as np
from PIL import Image

from seda.export.drawing.lettering import Letters, font_face, round_weight
from seda.export.drawing.recording import (
    ARC,
    CLIP,
    CLOSE,
    CURVE,
    FILL,
    LINE,
    MOVE,
    PICTURE,
    PIXELS,
    RESTORE,
    SAVE,
    SHEET,
    STROKE,
    TEXT,
    Drawn,
    Recording,
    segments,
)
from seda.export.drawing.skia_canvas import TURN, font_of, rgba

FAMILIES = ("Source Sans", "Source Sans 3", "Source Sans Pro", "Noto Sans")
IDENTITY = (1, 0, 0, 1, 0, 0)
ISOLATE, POP = "\u2067", "\u2069"  # around a text that is written from right to left and holds parts that are not
MARGIN = 2  # px around a small canvas that still shows


class SvgWriter:
    """Writes one page."""

    def __init__(self, drawn: Drawn, letters: Letters, pictures: dict[str, bytes]) -> None:
        self._drawn, self._letters, self._pictures = drawn, letters, pictures
        self._definitions: list[str] = []
        self._known: dict[Any, str] = {}
        self._written: dict[int, set[str]] = {}  # letters by weight
        self._uses = Counter(
            (op[3], op[4]) for recording in drawn.recordings.values() for op in recording.ops if op[0] == SHEET
        )

    def write(self, width: str, height: str, title: str, description: str = "") -> str:
        """The file's text.

        Args:
            width, height: of the page, with a unit: "297mm".
            title, description: for readers who do not see it.
        """
        page = self._drawn.page
        body = "\n".join(self._group(page, len(page.ops)))
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="{width}" height="{height}" '
            f'viewBox="0 0 {_number(page.width)} {_number(page.height)}" role="img" font-family={quoteattr(_families(self._letters.families()))}>\n'
            f"<title>{escape(title)}</title>\n<desc>{escape(description)}</desc>\n"
            f"<style>{''.join(font_face(weight, letters) for weight, letters in sorted(self._written.items()))}</style>\n"
            f"<defs>\n{chr(10).join(self._definitions)}\n</defs>\n{body}\n</svg>\n"
        )

    def _group(self, recording: Recording, count: int) -> Iterator[str]:
        """The elements of a canvas, its first operations."""
        opened = [0]  # groups that are open since each save
        for op in recording.ops[:count]:
            kind = op[0]
            if kind == SAVE:
                opened.append(0)
            elif kind == RESTORE:
                yield "</g>" * opened.pop()
            elif kind == PIXELS:
                yield self._pixels(op[3:], op[1], op[2], op[3], op[4])
            elif kind == CLIP:
                yield f'<g clip-path="url(#{self._clip(op[1], op[2])})">'
                opened[-1] += 1
            else:
                turn = self._drawn.transforms[op[1]]
                if kind in (FILL, STROKE):
                    yield f"<path{_matrix(turn)} d={quoteattr(outline(op[3]))}{self._style(op[2])}/>"
                elif kind == TEXT:
                    yield self._text(turn, *op[2:])
                elif kind == SHEET:
                    yield self._sheet(turn, *op[2:])
                elif kind == PICTURE:
                    yield self._picture(turn, *op[2:])
        yield "</g>" * sum(opened)

    # ---- styles

    def _style(self, number: int) -> str:
        key = ("style", number)
        if key not in self._known:
            self._known[key] = self._make_style(self._drawn.styles[number])
        return self._known[key]

    def _make_style(self, style: dict[str, Any]) -> str:
        color, alpha = style["color"], style["alpha"]
        kind = "stroke" if "width" in style else "fill"
        if isinstance(color, str):
            red, green, blue, opacity = rgba(color)
            paint, opacity = f"#{round(red):02x}{round(green):02x}{round(blue):02x}", opacity * alpha
        else:
            paint, opacity = f"url(#{self._gradient(color)})", alpha
        text = f' {kind}="{paint}"' + (f' {kind}-opacity="{_number(opacity)}"' if opacity < 1 else "")
        if kind == "stroke":
            text += f' fill="none" stroke-width="{_number(style["width"])}" stroke-miterlimit="10"'
            text += "".join(
                f' stroke-line{part}="{style[part]}"'
                for part in ("cap", "join")
                if style[part] not in ("butt", "miter")
            )
            if style["dash"]:
                text += f' stroke-dasharray="{" ".join(map(_number, style["dash"]))}"'
        return text

    def _gradient(self, color: dict[str, Any]) -> str:
        x, y, inner, _, _, outer = color["circles"]
        stops = "".join(
            f'<stop offset="{_number((inner + at * (outer - inner)) / outer)}" stop-color="#{round(red):02x}{round(green):02x}{round(blue):02x}" '
            f'stop-opacity="{_number(opacity)}"/>'
            for at, (red, green, blue, opacity) in ((at, rgba(name)) for at, name in color["stops"])
        )
        return self._define(
            f'<radialGradient id="{{}}" gradientUnits="userSpaceOnUse" cx="{_number(x)}" cy="{_number(y)}" r="{_number(outer)}">{stops}</radialGradient>'
        )

    def _clip(self, turn: int, path: list[float]) -> str:
        matrix = _matrix(self._drawn.transforms[turn])
        return self._define(f'<clipPath id="{{}}"><path{matrix} d={quoteattr(outline(path))}/></clipPath>')

    def _define(self, element: str) -> str:
        """The id of a definition; the same one is written once."""
        if element not in self._known:
            self._known[element] = name = f"d{len(self._known)}"
            self._definitions.append(element.replace("{}", name, 1))
        return self._known[element]

    # ---- what is drawn

    def _text(self, turn: tuple[float, ...], number: int, text: str, x: float, y: float) -> str:
        style = self._drawn.styles[number]
        size, weight = font_of(style["font"])
        self._written.setdefault(weight, set()).update(text)
        anchor = {"left": "", "center": ' text-anchor="middle"', "right": ' text-anchor="end"'}[style["textAlign"]]
        baseline = y + (self._letters.middle * size if style["textBaseline"] == "middle" else 0)
        if style["direction"] == "rtl" and any(not _is_backward(letter) for letter in text if letter != " "):
            text = f"{ISOLATE}{text}{POP}"
        # Some programs look for a letter in the first font alone, and then in any.
        first = self._letters.family_of(text, weight)
        family = f" font-family={quoteattr(_families([first], FAMILIES))}" if first else ""
        # Its length is kept where another font has to stand in for the app's own.
        length = (
            ""
            if first
            else f' textLength="{_number(self._letters.width(text, size, weight))}" lengthAdjust="spacingAndGlyphs"'
        )
        return (
            f'<text{_matrix(turn)} x="{_number(x)}" y="{_number(baseline)}" font-size="{_number(size)}" font-weight="{round_weight(weight)}"'
            f'{anchor}{family}{length}{self._style(number)} xml:space="preserve">{escape(text)}</text>'
        )

    def _sheet(
        self, turn: tuple[float, ...], alpha: float, key: int, count: int, x: float, y: float, wide: float, high: float
    ) -> str:
        recording = self._drawn.recordings[key]
        opacity = f' opacity="{_number(alpha)}"' if alpha < 1 else ""
        if len(recording.ops) == 1 and recording.ops[0][0] == PIXELS:
            return f"<g{_matrix(turn)}{opacity}>{self._pixels(recording.ops[0][3:], x, y, recording.width * wide, recording.height * high)}</g>"
        place = f' transform="translate({_place(x)} {_place(y)})' if x or y else ' transform="'
        place += f' scale({_number(wide)} {_number(high)})"' if wide != 1 or high != 1 else '"'
        if place == ' transform=""':
            place = ""
        name = ("sheet", key, count)
        if name not in self._known:
            self._known[name] = f"c{key}-{count}"
            content = "\n".join(self._group(recording, count))
            if self._uses[key, count] < 2:
                del self._known[name]
                return f"<g{_matrix(turn)}><g{place}{opacity}>\n{content}\n</g></g>"
            self._definitions.append(f'<g id="c{key}-{count}">\n{content}\n</g>')
        use = f'<use xlink:href="#c{key}-{count}"{place}{opacity}/>'
        return use if tuple(turn) == IDENTITY else f"<g{_matrix(turn)}>{use}</g>"

    def _picture(self, turn: tuple[float, ...], alpha: float, grey: int, source: str, *at: float) -> str:
        content = self._pictures.get(source)
        if content is None:
            return ""
        with Image.open(io.BytesIO(content)) as image:
            width, height = image.size
            if grey:
                content = _png(image.convert("RGBA").convert("LA"))
        # Shown is a part of the picture; all of it is written, and the clip around it leaves the part.
        left, top, part_wide, part_high = at[:4] if len(at) == 8 else (0, 0, width, height)
        x, y, wide, high = at[-4:]
        scale_x, scale_y = wide / part_wide, high / part_high
        opacity = f' opacity="{_number(alpha)}"' if alpha < 1 else ""
        return f"<g{_matrix(turn)}{opacity}>{_image(content, x - left * scale_x, y - top * scale_y, width * scale_x, height * scale_y)}</g>"

    def _pixels(self, pixels: list[Any], x: float, y: float, wide: float, high: float) -> str:
        width, height, values = pixels
        return _image(
            _png(Image.fromarray(np.array(values, dtype=np.uint8).reshape(height, width, 4))), x, y, wide, high
        )


def _families(more: Sequence[str], own: Sequence[str] = ()) -> str:
    """Of an SVG's text, in the order in which they are tried; without `own` the app's own come first."""
    names = [*more, *own] if own else [*FAMILIES, *more]
    return ", ".join([*(f"'{name}'" for name in names if "'" not in name), "sans-serif"])


def outline(numbers: list[float]) -> str:
    """A path as SVG writes it."""
    return " ".join(_segment(kind, at) for kind, at in segments(numbers))


def _segment(kind: int, at: list[float]) -> str:
    if kind in (MOVE, LINE, CURVE):
        return {MOVE: "M", LINE: "L", CURVE: "C"}[kind] + " ".join(map(_place, at))
    if kind == CLOSE:
        return "Z"
    if kind == ARC:
        return _arc(*at)
    assert len(at) == 5
    x, y, width, height, corner = at
    if not corner:
        return f"M{_place(x)} {_place(y)}h{_place(width)}v{_place(height)}h{_place(-width)}Z"
    r = _place(corner)
    across, down = _place(width - 2 * corner), _place(height - 2 * corner)
    return (
        f"M{_place(x + corner)} {_place(y)}h{across}a{r} {r} 0 0 1 {r} {r}v{down}a{r} {r} 0 0 1 -{r} {r}"
        f"h-{across}a{r} {r} 0 0 1 -{r} -{r}v-{down}a{r} {r} 0 0 1 {r} -{r}Z"
    )


def _arc(x: float, y: float, radius: float, begin: float, end: float) -> str:
    def point(angle: float) -> str:
        return f"{_place(x + radius * math.cos(angle))} {_place(y + radius * math.sin(angle))}"

    r = _place(radius)
    if end - begin >= TURN - 1e-3:
        middle = begin + math.pi
        return f"M{point(begin)}A{r} {r} 0 1 1 {point(middle)}A{r} {r} 0 1 1 {point(begin)}"
    return f"M{point(begin)}A{r} {r} 0 {int(end - begin > math.pi)} 1 {point(end)}"


def _matrix(turn: tuple[float, ...]) -> str:
    return "" if tuple(turn) == IDENTITY else f' transform="matrix({" ".join(map(_number, turn))})"'


def _place(value: float) -> str:
    """In px of a page: a hundredth is less than any printer shows."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def _number(value: float) -> str:
    text = f"{value:.3f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def _png(image: Image.Image) -> bytes:
    content = io.BytesIO()
    image.save(content, "PNG", optimize=True)
    return content.getvalue()


def _image(content: bytes, x: float, y: float, width: float, height: float) -> str:
    kind = "png" if content.startswith(b"\x89PNG") else "webp" if content[8:12] == b"WEBP" else "jpeg"
    data = base64.b64encode(content).decode("ascii")
    return (
        f'<image x="{_number(x)}" y="{_number(y)}" width="{_number(width)}" height="{_number(height)}" preserveAspectRatio="none" '
        f'xlink:href="data:image/{kind};base64,{data}"/>'
    )


def _is_backward(letter: str) -> bool:
    return "\u0590" <= letter <= "\u08ff" or "\ufb1d" <= letter <= "\ufdff" or "\ufe70" <= letter <= "\ufefc"
