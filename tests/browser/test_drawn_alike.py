"""What is drawn without a browser is what the player draws in one: places to a tenth of a pixel, and the pictures beside each other."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import resvg_py
import skia
from PIL import Image
from playwright.sync_api import Browser

from seda.export import write_export
from seda.export.drawing.lettering import Letters
from seda.export.drawing.sheet import Sheet
from seda.export.drawing.skia_canvas import Painter
from seda.export.drawing.stage import Stage
from seda.export.drawing.svg import SvgWriter
from seda.journeys.journey import Journey
from tests.toy import toy_journey

pytestmark = pytest.mark.browser

EXAMPLE = Path(__file__).parents[2] / "assets" / "journeys" / "01-photos.safetensors"
DENSITY = 2  # at 1, Chromium rounds the widths of letters to whole pixels

# The map as the player has it at a step, drawn anew so that nothing is left of the way there.
SHOWN = """
async ([name, step, selected]) => {
    await document.fonts.load("650 14px 'Source Sans'");
    const player = document.querySelector(".sp-root").sedaPlayer;
    player.goTo(step);
    if (selected >= 0) player.select(selected);
    player.showMap(player.journey.maps.findIndex((map) => map.name === name));
    await Promise.all(player.map.heads.images.filter(Boolean).map((image) => image.decode()));
    for (let frames = 0; frames < 600 && (player.morph || frames < 4); frames += 1) await new Promise(requestAnimationFrame);
    player.map.heads.sprites.clear();
    player.map.landmarks.placedFor = "";
    player.map.drawBase(false, null);
    player.map.drawMoving(step);
    const { view, map } = player;
    return {
        url: map.moving.toDataURL(), width: view.width, height: view.height, insets: [view.insets.top, view.insets.bottom],
        places: map.heads.places, radii: map.heads.radii, names: map.landmarks.names.map(({ one, place }) => [one.name, ...place.box]),
    };
}
"""
PLACES = """JSON.stringify({
    places: paper.painter.heads.places, radii: paper.painter.heads.radii,
    names: paper.painter.landmarks.names.map(({ one, place }) => [one.name, ...place.box]),
})"""


def in_browser(
    chromium: Browser, journey: Journey, folder: Path, name: str, step: int, selected: int
) -> tuple[dict[str, Any], np.ndarray]:
    context = chromium.new_context(
        viewport={"width": 1280, "height": 720}, device_scale_factor=DENSITY, reduced_motion="no-preference"
    )
    try:
        page = context.new_page()
        page.goto(write_export(journey, folder / "journey.html").as_uri())
        page.get_by_test_id("player-root").wait_for()
        shown = page.evaluate(SHOWN, [name, step, selected])
    finally:
        context.close()
    with Image.open(io.BytesIO(base64.b64decode(shown["url"].partition(",")[2]))) as image:
        return shown, np.asarray(image.convert("RGB")).astype(int)


def without_browser(
    journey: Journey, like: dict[str, Any], name: str, step: int, selected: int, artifacts: Path
) -> tuple[dict[str, Any], np.ndarray, np.ndarray]:
    letters = Letters("".join((*journey.trajectory.class_names, *journey.trajectory.center_names)))
    sheet = Sheet(
        like["width"], like["height"], name, (selected,) if selected >= 0 else (), captions=False, insets=tuple(like["insets"])
    )  # fmt: skip
    stage = Stage(journey, sheet, letters.width)
    try:
        drawn = stage.draw(step)
        shown = json.loads(stage._run(PLACES))
        surface = skia.Surface(round(like["width"] * DENSITY), round(like["height"] * DENSITY))
        Painter(letters, stage.pictures).paint(surface.getCanvas(), drawn, DENSITY)
        ours = surface.toarray(colorType=skia.kRGBA_8888_ColorType)[:, :, :3].astype(int)
        svg = SvgWriter(drawn, letters, stage.pictures).write(f"{like['width']}px", f"{like['height']}px", "")
    finally:
        stage.close()
    with Image.open(io.BytesIO(bytes(resvg_py.svg_to_bytes(svg_string=svg, width=ours.shape[1])))) as image:
        return shown, ours, np.asarray(image.convert("RGB")).astype(int)


def difference(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Mean over the channels, of the part that both have: a browser's canvas is rounded up where ours is rounded."""
    height, width = min(a.shape[0], b.shape[0]), min(a.shape[1], b.shape[1])
    return np.abs(a[:height, :width] - b[:height, :width]).mean(axis=2)


@pytest.mark.parametrize(
    ("name", "step", "selected"), [("umap-2d", 20, -1), ("umap-3d", 17, -1), ("timeline", 34, -1), ("words-2d", 30, 4)]
)
def test_an_example_is_drawn_alike(chromium, tmp_path, artifacts, name, step, selected):
    journey = Journey.load(EXAMPLE)
    theirs, picture = in_browser(chromium, journey, tmp_path, name, step, selected)
    ours, drawn, svg = without_browser(journey, theirs, name, step, selected, artifacts)
    for place, other in zip(ours["places"], theirs["places"], strict=True):
        assert (place["x"], place["y"]) == pytest.approx((other["x"], other["y"]), abs=0.1)
    assert ours["radii"] == pytest.approx(theirs["radii"], abs=0.1)
    assert [one[0] for one in ours["names"]] == [one[0] for one in theirs["names"]]
    # A place of a name is one of many; a hundredth of a pixel in its width may decide between two that are as good.
    apart = [
        np.abs(np.subtract(one[1:], other[1:])).max() for one, other in zip(ours["names"], theirs["names"], strict=True)
    ]
    assert sum(gap > 0.5 for gap in apart) <= (len(apart) // 3 if name.endswith("3d") else 0)
    for kind, image, mean, far in (("png", drawn, 1.5, 0.01), ("svg", svg, 2.5, 0.02)):
        off = difference(picture, image)
        Image.fromarray(image.astype(np.uint8)).save(artifacts / f"drawn-{name}-{kind}.png")
        assert off.mean() < mean, kind
        assert (off > 60).mean() < far, kind
    Image.fromarray(picture.astype(np.uint8)).save(artifacts / f"drawn-{name}-browser.png")


def test_every_script_is_drawn_alike(chromium, tmp_path, artifacts):
    """Names as wide as in the browser, and no box in the place of a letter."""
    names = ("قطة صغيرة", "猫の写真", "बिल्ली", "חתול לבן", "кошка", "γάτα")
    journey = toy_journey(classes=6, class_names=names, maps=("umap-2d",))
    theirs, picture = in_browser(chromium, journey, tmp_path, "umap-2d", 18, -1)
    ours, drawn, svg = without_browser(journey, theirs, "umap-2d", 18, -1, artifacts)
    wide = {one[0]: one[3] - one[1] for one in theirs["names"]}
    for one in ours["names"]:
        assert one[3] - one[1] == pytest.approx(wide[one[0]], rel=0.12), one[0]  # another cut of the same font
    for kind, image in (("png", drawn), ("svg", svg), ("browser", picture)):
        Image.fromarray(image.astype(np.uint8)).save(artifacts / f"drawn-scripts-{kind}.png")
    assert difference(picture, drawn).mean() < 2.5 and difference(picture, svg).mean() < 3.5


def test_a_ring_of_one_colour_is_whole(chromium, tmp_path):
    journey = toy_journey(items=3, classes=3, maps=("umap-2d",))
    theirs, picture = in_browser(chromium, journey, tmp_path, "umap-2d", 18, -1)
    for place, radius in zip(theirs["places"], theirs["radii"], strict=True):
        ring = [
            picture[round((place["y"] + (radius - 0.5) * np.sin(angle)) * DENSITY), round((place["x"] + (radius - 0.5) * np.cos(angle)) * DENSITY)]
            for angle in np.linspace(np.pi, 1.5 * np.pi, 9)
        ]  # fmt: skip
        assert np.ptp(ring, axis=1).mean() > 40  # coloured, not the paper's white around it
