"""Still pictures of a journey: PNG at any density, SVG and PDF with true texts; one step, or a poster of several."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image

from seda.errors import Stopped
from seda.export.drawing.lettering import Letters, missing_sentence
from seda.export.drawing.needs import need
from seda.export.drawing.recording import Drawn
from seda.export.drawing.sheet import Sheet
from seda.export.drawing.skia_canvas import Painter
from seda.export.drawing.stage import Stage
from seda.export.drawing.svg import SvgWriter
from seda.export.encoded import Encoded
from seda.export.options import MM_AN_INCH, MOST_PIXELS, ExportOptions, OnProgress, check_pixels
from seda.journeys.journey import Journey

SHORT_SIDE = 720  # px of a page: its letters then are as large as those of the player on a small window
POSTER_SIDE = 960  # the same where several maps stand side by side
LEAST_PAGE = 480  # px of a page, below which letters would take all of the room
DEFAULT_PIXELS = (1920, 1080)
DEFAULT_MM = (297.0, 297.0 * 9 / 16)
FOREIGN = 0.88  # of a line's room in an SVG; chosen here: Noto Sans is a tenth wider than the app's font
POINTS_AN_INCH, PX_AN_INCH = 72, 96


def page_size(width: float, height: float, panels: int = 0) -> tuple[float, float]:
    """Width and height in px of the page that is drawn for a picture: its own, or of its proportions where it is larger than letters
    need, or smaller.

    Args:
        width, height: px of a screen, or of paper at 96 dpi.
        panels: maps side by side.
    """
    short = POSTER_SIDE if panels else max(LEAST_PAGE, min(SHORT_SIDE, min(width, height)))
    scale = short / min(width, height)
    return width * scale, height * scale


@contextmanager
def staged(
    journey: Journey, options: ExportOptions, size: tuple[float, float], filled: float = 1.0
) -> Iterator[tuple[Stage, Letters]]:
    """The stage for pictures of that size (see `page_size`), and what its texts are written with.

    Raises:
        ConfigError: a library is missing, or the journey has not what was chosen.
        ProjectionError: a position on a map is not finite.
    """
    options.check_journey(journey)
    width, height = page_size(*size, options.stills)
    trajectory = journey.trajectory
    letters = Letters("".join((journey.title, journey.note, *trajectory.class_names, *trajectory.center_names)))
    sheet = Sheet(
        width, height, options.map, options.selection, options.captions, panels=options.stills, dark=options.dark, filled=filled
    )  # fmt: skip
    stage = Stage(journey, sheet, letters.width)
    try:
        yield stage, letters
    finally:
        stage.close()


def notes_of(letters: Letters) -> tuple[str, ...]:
    """What there is to say of the letters that were written."""
    return tuple(filter(None, [missing_sentence(letters.missing())]))


def _on_screen(options: ExportOptions, default: tuple[float, float] = DEFAULT_PIXELS) -> tuple[float, float]:
    """The size in px, paper's at 96 dpi: where things lie does not depend on how dense they are."""
    if options.paper is not None:
        return options.paper[0] * PX_AN_INCH / MM_AN_INCH, options.paper[1] * PX_AN_INCH / MM_AN_INCH
    return options.size or default


def to_png(journey: Journey, options: ExportOptions, on_progress: OnProgress) -> Encoded:
    """A picture of pixels, its density in its header."""
    size = options.pixels(DEFAULT_PIXELS)
    check_pixels(size, MOST_PIXELS, "A picture")
    skia = need("skia")
    with staged(journey, options, _on_screen(options)) as (stage, letters):
        drawn = _still(stage, journey, options, on_progress)
        surface = skia.Surface(*size)
        Painter(letters, stage.pictures).paint(surface.getCanvas(), drawn, size[0] / drawn.page.width)
        _report(on_progress, 2)
        pixels = surface.makeImageSnapshot().toarray(colorType=skia.kRGBA_8888_ColorType)
        del surface
        content = io.BytesIO()
        density = {} if options.mm is None else {"dpi": (options.dpi, options.dpi)}
        Image.fromarray(pixels[:, :, :3].copy()).save(content, "PNG", **density)
        _report(on_progress, 3)
        return Encoded(content.getvalue(), notes_of(letters))


def to_svg(journey: Journey, options: ExportOptions, on_progress: OnProgress) -> Encoded:
    """A page of shapes and texts."""
    size: tuple[float, float] = options.size or options.paper or DEFAULT_MM
    unit = "px" if options.size else "mm"
    with staged(journey, options, _on_screen(options), FOREIGN) as (stage, letters):
        drawn = _still(stage, journey, options, on_progress)
        writer = SvgWriter(drawn, letters, stage.pictures)
        _report(on_progress, 2)
        text = writer.write(f"{size[0]:.6g}{unit}", f"{size[1]:.6g}{unit}", journey.title, journey.note)
        _report(on_progress, 3)
        return Encoded(text.encode(), notes_of(letters))


def to_pdf(journey: Journey, options: ExportOptions, on_progress: OnProgress) -> Encoded:
    """The same as a page that can be printed."""
    points = POINTS_AN_INCH / MM_AN_INCH
    width, height = (side * points for side in options.paper or DEFAULT_MM)
    if options.size is not None:
        width, height = (side * POINTS_AN_INCH / options.dpi for side in options.size)
    skia = need("skia")
    with staged(journey, options, _on_screen(options)) as (stage, letters):
        drawn = _still(stage, journey, options, on_progress)
        stream = skia.DynamicMemoryWStream()
        document = skia.PDF.MakeDocument(stream, skia.PDF.Metadata({"Title": journey.title, "Subject": journey.note}))
        canvas = document.beginPage(width, height)
        Painter(letters, stage.pictures, outlined=True).paint(canvas, drawn, width / drawn.page.width)
        _report(on_progress, 2)
        document.endPage()
        document.close()
        _report(on_progress, 3)
        return Encoded(bytes(stream.detachAsData()), notes_of(letters))


def _still(stage: Stage, journey: Journey, options: ExportOptions, on_progress: OnProgress) -> Drawn:
    last = journey.trajectory.states.shape[1] - 1
    _report(on_progress, 0)
    drawn = stage.draw(last if options.step is None else options.step)
    _report(on_progress, 1)
    return drawn


def _report(on_progress: OnProgress, done: int) -> None:
    if on_progress(done, 3):
        raise Stopped
