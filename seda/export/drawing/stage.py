"""The player's own script in an embedded V8, which draws on canvases that write down what is drawn (shim.js).

So there is one drawing: what lies where on paper is computed by the same lines that compute it in the browser.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from PIL import Image

from seda.errors import ConfigError
from seda.export.drawing.needs import need
from seda.export.drawing.recording import Drawn
from seda.export.drawing.sheet import Sheet
from seda.export.drawing.skia_canvas import font_of
from seda.journeys.journey import Journey
from seda.player.files import PAPER, player_script, player_style
from seda.player.payload import player_payload

FONT = "paper"  # the one family of all texts; see lettering.py
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
        payload = dict(player_payload(journey))
        payload["neighbors"] = None
        payload["items"] = [{**item, "thumbnail": f"picture {i}"} for i, item in enumerate(payload["items"])]
        self.pictures = {f"picture {i}": content for i, content in enumerate(journey.thumbnails)}
        sizes = {source: _size(content) for source, content in self.pictures.items()}
        self.drawn = Drawn()
        self._measure = measure
        self._engine = need("py_mini_racer").MiniRacer()
        self._run(f'"use strict";{_script()}')
        colors = json.dumps(_colors(sheet.dark))
        self._run(
            f"pictureSizes = {json.dumps(sizes)};"
            f"var root = rootOf({colors});"
            f"var paper = new Paper({_literal(payload)}, root, {json.dumps(sheet.to_dict())});"
        )

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
        """Let the engine go."""
        self._engine.close()

    def _answer(self, key: str) -> tuple[str, float]:
        font, text = key.split("\n", 1)
        return key, self._measure(text, *font_of(font))

    def _run(self, code: str) -> Any:
        return self._engine.eval(code)


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


def _size(content: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(content)) as image:
        return image.size
