"""A display list drawn by Skia: pixels at any density, and PDF."""

from __future__ import annotations

import math
import re
from functools import lru_cache
from typing import Any

from seda.export.drawing.lettering import Letters
from seda.export.drawing.needs import need
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
)  # fmt: skip

KEPT_SHARE = 0.15  # of the page's area: a canvas as large as that is kept as pixels between the frames of a film
TURN = 2 * math.pi


class Painter:
    """Draws what a stage has drawn.

    Args:
        letters: that all texts are written with.
        pictures: content of picture files by their sources.
        keep: whether large canvases that change little are kept as pixels from one call to the next, as a film needs it; at the
            density of the first call.
        outlined: whether what is written around a text, so that it stands off its ground, is drawn as a shape: in a PDF a second
            text in its place would be found and copied twice.
    """

    def __init__(
        self, letters: Letters, pictures: dict[str, bytes], *, keep: bool = False, outlined: bool = False
    ) -> None:
        self._skia = need("skia")
        self._letters, self._keep, self._outlined = letters, keep, outlined
        self._images = {
            source: self._skia.Image.MakeFromEncoded(self._skia.Data.MakeWithCopy(content))
            for source, content in pictures.items()
        }
        self._paints: dict[int, Any] = {}
        self._texts: dict[tuple[Any, ...], tuple[Any, float, float]] = {}
        self._sprites: dict[int, tuple[int, Any]] = {}  # display lists as pictures of Skia, with their length
        self._layers: dict[int, tuple[int, Any]] = {}  # pixels, with how many operations they show
        self._density = 1.0

    def paint(self, canvas: Any, drawn: Drawn, density: float = 1.0) -> None:
        """Draw the page on a canvas of Skia, so many dots a px."""
        self._drawn, self._density = drawn, density
        for kept in (self._sprites, self._layers):
            for key in kept.keys() - drawn.recordings.keys():
                del kept[key]
        page = drawn.page
        self._least = KEPT_SHARE * page.width * page.height if self._keep else math.inf
        canvas.save()
        canvas.scale(density, density)
        self._replay(canvas, page, 0, len(page.ops))
        canvas.restore()

    def _replay(self, canvas: Any, recording: Recording, start: int, end: int) -> None:
        base = canvas.getTotalMatrix()
        for op in recording.ops[start:end]:
            kind = op[0]
            if kind == SAVE:
                canvas.save()
                continue
            if kind == RESTORE:
                canvas.restore()
                continue
            if kind == PIXELS:
                canvas.setMatrix(base)
                self._pixels(canvas, *op[1:])
                continue
            canvas.setMatrix(base)
            a, b, c, d, e, f = self._drawn.transforms[op[1]]
            canvas.concat(self._skia.Matrix.MakeAll(a, c, e, b, d, f, 0, 0, 1))
            if kind in (FILL, STROKE):
                canvas.drawPath(self._path(op[3]), self._paint_of(op[2]))
            elif kind == TEXT:
                self._text(canvas, op[2], *op[3:])
            elif kind == SHEET:
                self._sheet(canvas, *op[2:])
            elif kind == PICTURE:
                self._picture(canvas, *op[2:])
            elif kind == CLIP:
                canvas.clipPath(self._path(op[2]), True)
        canvas.setMatrix(base)

    # ---- other canvases

    def _sheet(
        self, canvas: Any, alpha: float, key: int, count: int, x: float, y: float, scale_x: float, scale_y: float
    ) -> None:
        skia, recording = self._skia, self._drawn.recordings[key]
        if recording.width * recording.height >= self._least and scale_x == scale_y == 1:
            image = self._layer(recording, count)
            paint = skia.Paint(Alphaf=alpha)
            canvas.save()
            canvas.translate(x, y)
            canvas.scale(1 / self._density, 1 / self._density)
            canvas.drawImage(image, 0, 0, skia.SamplingOptions(skia.FilterMode.kNearest), paint)
            canvas.restore()
            return
        if self._pixels_of(canvas, recording, alpha, x, y, scale_x, scale_y):
            return
        canvas.save()
        canvas.translate(x, y)
        canvas.scale(scale_x, scale_y)
        if alpha < 1:
            canvas.saveLayerAlpha(skia.Rect.MakeWH(recording.width, recording.height), round(255 * alpha))
        canvas.drawPicture(self._sprite(recording, count))
        if alpha < 1:
            canvas.restore()
        canvas.restore()

    def _pixels_of(
        self, canvas: Any, recording: Recording, alpha: float, x: float, y: float, scale_x: float, scale_y: float
    ) -> bool:
        """A canvas that holds pixels only is drawn as one smooth picture."""
        if len(recording.ops) != 1 or recording.ops[0][0] != PIXELS:
            return False
        skia = self._skia
        image = self._image(recording.id, *recording.ops[0][3:])
        target = skia.Rect.MakeXYWH(x, y, recording.width * scale_x, recording.height * scale_y)
        canvas.drawImageRect(
            image,
            target,
            skia.SamplingOptions(skia.CubicResampler.Mitchell()),
            skia.Paint(Alphaf=alpha, AntiAlias=True),
        )
        return True

    def _sprite(self, recording: Recording, count: int) -> Any:
        known = self._sprites.get(recording.id)
        if known is None or known[0] != count:
            recorder = self._skia.PictureRecorder()
            canvas = recorder.beginRecording(
                self._skia.Rect.MakeLTRB(-2, -2, recording.width + 2, recording.height + 2)
            )
            self._replay(canvas, recording, 0, count)
            known = self._sprites[recording.id] = count, recorder.finishRecordingAsPicture()
        return known[1]

    def _layer(self, recording: Recording, count: int) -> Any:
        """A large canvas as pixels; what has been added to it is drawn over what is there."""
        skia = self._skia
        done, surface = self._layers.get(recording.id, (0, None))
        if surface is None:
            width, height = (max(1, math.ceil(side * self._density)) for side in (recording.width, recording.height))
            surface = skia.Surface(width, height)
            surface.getCanvas().scale(self._density, self._density)
        if done < count:
            self._replay(surface.getCanvas(), recording, done, count)
        self._layers[recording.id] = count, surface
        return surface.makeImageSnapshot()

    # ---- pictures

    def _picture(self, canvas: Any, alpha: float, grey: int, source: str, *at: float) -> None:
        skia, image = self._skia, self._images.get(source)
        if image is None:
            return
        if len(at) == 8:
            part, target = skia.Rect.MakeXYWH(*at[:4]), skia.Rect.MakeXYWH(*at[4:])
        else:
            part, target = skia.Rect.MakeWH(image.width(), image.height()), skia.Rect.MakeXYWH(*at)
        paint = skia.Paint(Alphaf=alpha, AntiAlias=True)
        if grey:
            paint.setColorFilter(skia.ColorFilters.Matrix(_GREY))
        enlarged = target.width() * canvas.getTotalMatrix().getScaleX() > part.width()
        sampling = (
            skia.SamplingOptions(skia.CubicResampler.Mitchell())
            if enlarged
            else skia.SamplingOptions(skia.FilterMode.kLinear, skia.MipmapMode.kLinear)
        )
        canvas.drawImageRect(image, part, target, sampling, paint)

    def _pixels(self, canvas: Any, x: float, y: float, width: int, height: int, values: list[int]) -> None:
        canvas.drawImage(self._image(-1, width, height, values), x, y)

    def _image(self, key: int, width: int, height: int, values: list[int]) -> Any:
        import numpy as np

        pixels = np.array(values, dtype=np.uint8).reshape(height, width, 4)
        return self._skia.Image.fromarray(pixels, colorType=self._skia.kRGBA_8888_ColorType)

    # ---- shapes and texts

    def _path(self, numbers: list[float]) -> Any:
        skia = self._skia
        path = skia.PathBuilder()
        for kind, at in segments(numbers):
            if kind == MOVE:
                path.moveTo(*at)
            elif kind == LINE:
                path.lineTo(*at)
            elif kind == CURVE:
                path.cubicTo(*at)
            elif kind == CLOSE:
                path.close()
            elif kind == ARC:
                x, y, radius, begin, end = at
                around = skia.Rect.MakeLTRB(x - radius, y - radius, x + radius, y + radius)
                if end - begin >= TURN - 1e-3:
                    path.addOval(around)
                else:
                    path.arcTo(around, math.degrees(begin), math.degrees(end - begin), False)
            else:
                x, y, width, height, corner = at
                rectangle = skia.Rect.MakeXYWH(x, y, width, height)
                if corner:
                    path.addRRect(skia.RRect.MakeRectXY(rectangle, corner, corner))
                else:
                    path.addRect(rectangle)
        return path.detach()

    def _paint_of(self, number: int) -> Any:
        paint = self._paints.get(number)
        if paint is None:
            paint = self._paints[number] = self._make_paint(self._drawn.styles[number])
        return paint

    def _make_paint(self, style: dict[str, Any]) -> Any:
        skia = self._skia
        paint = skia.Paint(AntiAlias=True)
        color, alpha = style["color"], style["alpha"]
        if isinstance(color, str):
            red, green, blue, opacity = rgba(color)
            paint.setColor4f(skia.Color4f(red / 255, green / 255, blue / 255, opacity * alpha))
        else:
            _, _, inner, x, y, outer = color["circles"]
            stops = [(at, rgba(name)) for at, name in color["stops"]]
            places = [(inner + at * (outer - inner)) / outer for at, _ in stops]
            colors = [skia.ColorSetARGB(round(255 * opacity * alpha), *map(round, rgb)) for _, (*rgb, opacity) in stops]
            if places[0] > 0:
                places, colors = [0.0, *places], [colors[0], *colors]
            paint.setShader(skia.GradientShader.MakeRadial(skia.Point(x, y), outer, colors, places))
            paint.setDither(True)
        if "width" in style:
            paint.setStyle(skia.Paint.kStroke_Style)
            paint.setStrokeWidth(style["width"])
            paint.setStrokeCap(
                {"butt": skia.Paint.kButt_Cap, "round": skia.Paint.kRound_Cap, "square": skia.Paint.kSquare_Cap}[
                    style["cap"]
                ]
            )
            paint.setStrokeJoin(
                {"miter": skia.Paint.kMiter_Join, "round": skia.Paint.kRound_Join, "bevel": skia.Paint.kBevel_Join}[
                    style["join"]
                ]
            )
            paint.setStrokeMiter(10)
            if style["dash"]:
                dash = style["dash"] * (1 + len(style["dash"]) % 2)
                paint.setPathEffect(skia.DashPathEffect.Make(dash, 0))
        return paint

    def _text(self, canvas: Any, number: int, text: str, x: float, y: float) -> None:
        key = (number, text)
        if key not in self._texts:
            style = self._drawn.styles[number]
            size, weight = font_of(style["font"])
            paragraph = self._letters.paragraph(text, size, weight, self._paint_of(number), style["direction"])
            width = paragraph.MaxIntrinsicWidth
            left = {"left": 0.0, "center": width / 2, "right": width}[style["textAlign"]]
            rise = self._letters.middle * size if style["textBaseline"] == "middle" else 0.0
            self._texts[key] = paragraph, left, paragraph.AlphabeticBaseline - rise
        paragraph, left, above = self._texts[key]
        style = self._drawn.styles[number]
        if self._outlined and "width" in style:
            canvas.translate(x - left, y - above)
            path = self._letters.outline(text, *font_of(style["font"]), style["direction"])
            canvas.drawPath(path, self._paint_of(number))
        else:
            paragraph.paint(canvas, x - left, y - above)


@lru_cache(maxsize=4096)
def rgba(color: str) -> tuple[float, float, float, float]:
    """Red, green and blue, 0 to 255, and opacity, 0 to 1, of a colour as CSS writes it."""
    if color.startswith("#"):
        digits = color[1:] if len(color) > 4 else "".join(2 * digit for digit in color[1:])
        red, green, blue = (int(digits[at : at + 2], 16) for at in (0, 2, 4))
        return red, green, blue, 1.0
    parts = [float(part) for part in re.findall(r"[\d.]+(?:e-?\d+)?", color)]
    return parts[0], parts[1], parts[2], parts[3] if len(parts) > 3 else 1.0


def font_of(font: str) -> tuple[float, int]:
    """Size in px and weight of a canvas's font, "650 14px paper"."""
    weight, size = font.split()[:2]
    return float(size.removesuffix("px")), int(weight)


# Luminance, as the filter grayscale(1) of CSS has it.
_GREY = [0.2126, 0.7152, 0.0722, 0, 0] * 3 + [0, 0, 0, 1, 0]
