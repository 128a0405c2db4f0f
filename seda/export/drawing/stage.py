"""The player's own script in an embedded V8, which draws on canvases that write down what is drawn (shim.js).

So there is one drawing: what lies where on paper is computed by the same lines that compute it in the browser.
"""

from __future__ import annotations

import io
import json
import re
import struct
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from PIL import Image

from seda.errors import ConfigError
from seda.export.drawing.engine import start_engine, stop_engine
from seda.export.drawing.needs import need
from seda.export.drawing.recording import Drawn
from seda.export.drawing.sheet import Sheet
from seda.export.drawing.skia_canvas import font_of
from seda.journeys.journey import Journey
from seda.picture_bounds import bare_png
from seda.player.files import PAPER, player_script, player_style
from seda.player.payload import MAX_THUMBNAIL_SIDE, player_payload

MOST_DECODED = 100_000_000  # pixels of all thumbnails; chosen here: 256 of 600 x 600
LONGEST = 60  # seconds that one frame may be laid out; chosen here: 64 items over 20,000 points take one
MOST_MEMORY = 2**30  # bytes of the script; chosen here: they take a tenth of it
MOST_ROUNDS = 40  # of measuring: each asks for what the answers of the one before led to

Measure = Callable[[str, float, int], float]  # text, size in px and weight to its width in px


class Stage:
    """One journey on one sheet. Used by one thread at a time.

    Args:
        journey: what is drawn; its thumbnails in full size.
        sheet: the sheet's size, map, selection and colours.
        measure: how wide texts are.
    Raises:
        ConfigError: a library is missing, or the journey is more than the player draws.
        ProjectionError: a position on a map is not finite.
    """

    def __init__(self, journey: Journey, sheet: Sheet, measure: Measure) -> None:
        self.pictures, sizes = _pictures(journey.thumbnails)
        # Thumbnails go another way, neighbours are not drawn.
        payload = player_payload(replace(journey, neighbors=None, thumbnails=(b"",) * len(journey.thumbnails)))
        items = [
            {**item, "thumbnail": name if (name := _source(i)) in sizes else ""}
            for i, item in enumerate(payload["items"])
        ]
        payload = {**payload, "items": items}
        self.drawn = Drawn()
        self._measure = measure
        self._engine = start_engine()
        # A thread of its own: where an event loop runs, as in a notebook, the engine would ask to be awaited.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="seda-stage")
        try:
            self._run(f'"use strict";{_script()}')
            colors = json.dumps(_colors(sheet.dark))
            self._run(
                f"pictureSizes = {json.dumps(sizes)};"
                f"var root = rootOf({colors});"
                f"var paper = new Paper({_literal(payload)}, root, {json.dumps(sheet.to_dict())});"
            )
        except BaseException:
            self.close()
            raise

    def positions(self, fps: float, seconds: float) -> list[float]:
        """Where play stands in each frame of a film; `seconds` 0 for as long as the player takes."""
        positions: list[float] = json.loads(self._run(f"JSON.stringify(paper.positions({fps}, {seconds}))"))
        return positions

    def draw(self, position: float) -> Drawn:
        """The sheet at a position, laid out again and again until each text that is measured has its true width.

        Raises:
            ConfigError: that does not come to an end.
        """
        for _ in range(MOST_ROUNDS):
            asked: list[str] = json.loads(self._run(f"paper.draw({position}); takeUnmeasured()"))
            if not asked:
                self.drawn.add(json.loads(self._run("handOut(paper.canvas)")))
                return self.drawn
            self._run(
                f"for (const [key, width] of {json.dumps([self._answer(key) for key in asked])}) measured.set(key, width); paper.renew()"
            )
        raise ConfigError("The names could not be laid out.", remedy="Choose another size.")

    def close(self) -> None:
        """Let the engine go, once it has done what it is at: one that is stopped meanwhile would never answer."""
        self._thread.shutdown(cancel_futures=True)
        stop_engine(self._engine)

    def _answer(self, key: str) -> tuple[str, float]:
        font, text = key.split("\n", 1)
        return key, self._measure(text, *font_of(font))

    def _run(self, code: str) -> Any:
        """A value of JavaScript; a replay may hold numbers that its drawing was not made for."""
        racer = need("py_mini_racer")
        try:
            return self._thread.submit(self._engine.eval, code, timeout_sec=LONGEST, max_memory=MOST_MEMORY).result()
        except (racer.JSTimeoutException, racer.JSOOMException) as error:
            raise ConfigError(
                f"This journey cannot be drawn within {LONGEST} s and {MOST_MEMORY // 2**20:,} MB of memory.",
                remedy="Choose fewer pictures or steps, or trace them again.",
            ) from error


def _literal(value: object) -> str:
    """A JSON value as an expression of JavaScript."""
    return f"JSON.parse({json.dumps(json.dumps(value))})"


@cache
def _script() -> str:
    shim = (Path(__file__).parent / "shim.js").read_text(encoding="utf-8")
    return shim + player_script(PAPER)


def _colors(dark: bool) -> dict[str, str]:
    """The colours of the player's own style sheet, as a page without Streamlit has them."""
    found = re.findall(r"--sp-fallback-(paper|ink|accent): (#[0-9a-f]{6});", player_style())
    names: Sequence[tuple[str, str]] = found[3:6] if dark else found[:3]
    return dict(names)


def _source(item: int) -> str:
    return f"picture {item}"


def _pictures(thumbnails: Sequence[bytes]) -> tuple[dict[str, bytes], dict[str, tuple[int, int]]]:
    """Pictures that can be drawn, and their sizes, by their sources; a replay may hold anything."""
    pictures, sizes, room = {}, {}, MOST_DECODED
    for item, content in enumerate(thumbnails):
        png = bare_png(content)
        width, height = struct.unpack(">II", png[16:24]) if png else (0, 0)
        room -= width * height
        if not 0 < max(width, height) <= MAX_THUMBNAIL_SIDE or room < 0:
            continue
        try:
            with Image.open(io.BytesIO(png), formats=("PNG",)) as image:
                image.load()
        except (OSError, ValueError, SyntaxError):
            continue
        pictures[_source(item)], sizes[_source(item)] = png, (width, height)
    return pictures, sizes
