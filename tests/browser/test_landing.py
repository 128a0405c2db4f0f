"""What is drawn is what the data say: every picture at its point, whatever the map, the step, and the way to it."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from seda.export import write_export
from seda.journeys.journey import Journey
from tests.browser.played import FAST, pause, pixels, root_of, show, still, until
from tests.browser.readable import unreadable
from tests.toy import toy_journey

JOURNEYS = sorted((Path(__file__).parents[2] / "assets" / "journeys").glob("*.safetensors"))
SIZES = {"1280x720": (1280, 720), "390x844": (390, 844)}

# Drawn and true places at the step that is shown, on the screen.
LANDING = """
root => {
    const { map, journey, clock, view } = root.sedaPlayer;
    const { heads, landmarks, scene } = map;
    const nearest = (point) => {
        const gaps = landmarks.textPoints.map((star) => Math.hypot(star.x - point.x, star.y - point.y));
        return gaps.indexOf(Math.min(...gaps));
    };
    const points = journey.items.map((_, item) => scene.paths.pointAt(item, clock.position));
    const gap = (item) => Math.hypot(heads.places[item].x - points[item].x, heads.places[item].y - points[item].y);
    const inside = ({ x, y }) => x >= 0 && y >= 0 && x <= view.width && y <= view.height;
    return {
        drawn: heads.places.map(nearest), true: points.map(nearest), ends: journey.items.map(({ nearest, landed }) => (landed ? nearest : null)),
        offsets: points.map((point, item) => gap(item) / (heads.headRadius * Math.min(1.3, Math.max(0.7, point.size)))),
        covered: landmarks.names.filter(({ word, covered }) => word !== undefined && covered > 60).map(({ one }) => one.name),
        written: landmarks.names.filter(({ word }) => word !== undefined).length, words: journey.classes.length,
        outside: heads.places.filter((place, item) => inside(points[item]) && !inside(place)).length,
    };
}
"""

pytestmark = pytest.mark.browser


@pytest.fixture
def at(chromium: Browser, tmp_path: Path):
    """Open a journey, paused; what moves there takes a quarter of the frames, and so of the time."""
    contexts = []

    def open_it(journey: Journey, size: str = "1280x720") -> Page:
        width, height = SIZES[size]
        context = chromium.new_context(viewport={"width": width, "height": height})
        contexts.append(context)
        context.add_init_script(FAST)
        page = context.new_page()
        page.goto(write_export(journey, tmp_path / "journey.html").as_uri())
        root_of(page).wait_for()
        pause(page)
        return page

    yield open_it
    for context in contexts:
        context.close()


# A frame after the one that shows the step: on a busy machine frames are late.
GO_TO = """
async (root, step) => {
    root.sedaPlayer.goTo(step);
    for (let frames = 0, shown = 0; shown < 3 && frames < 600; frames += 1) {
        await new Promise(requestAnimationFrame);
        shown = root.dataset.step === String(step) ? shown + 1 : 0;
    }
}
"""


def go_to(page: Page, step: int) -> dict:
    root_of(page).evaluate(GO_TO, step)
    return root_of(page).evaluate(LANDING)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("path", JOURNEYS, ids=lambda path: path.stem)
def test_every_picture_of_an_example_arrives_at_its_word(at, path: Path, size: str):
    journey = Journey.load(path)
    page = at(journey, size)
    last = len(journey.trajectory.stages) - 1
    for name in journey.maps:
        show(page, name) if name != root_of(page).get_attribute("data-map") else None
        end = go_to(page, last)
        # a path that ends away from all words gathers at none, and is drawn where the map puts it
        landed = [item for item, word in enumerate(end["ends"]) if word is not None]
        assert landed, name
        for places in ("drawn", "true"):
            assert [end[places][item] for item in landed] == [end["ends"][item] for item in landed], (name, places)
        assert end["covered"] == [], name
        assert end["outside"] == 0, name
        if size == "1280x720":
            assert end["written"] == end["words"], name
        for step in (0, journey.trajectory.hand_over, last - 2, last):
            assert max(go_to(page, step)["offsets"]) <= 1.5 + 1e-6, (name, step)


@pytest.mark.parametrize("items", [64, 200])
def test_many_pictures_stay_at_their_points_too(at, items: int):
    page = at(toy_journey(items=items, classes=8, steps=6))
    for step in (0, 7, 11, 14):
        found = go_to(page, step)
        assert max(found["offsets"]) <= 1.5 + 1e-6
    agree = [drawn == true for drawn, true in zip(found["drawn"], found["true"], strict=True)]
    assert all(agree)
    # Each picture has a place of its own, and the words say how many have come.
    places = root_of(page).evaluate(
        "root => root.sedaPlayer.map.heads.places.map(({ x, y }) => `${x.toFixed(1)} ${y.toFixed(1)}`)"
    )
    assert len(set(places)) == items


def test_a_step_is_the_same_picture_however_it_was_reached(at):
    """Played, by the End key, by the scrubber, by single steps, and at another speed: the same pixels."""
    journey = Journey.load(JOURNEYS[0])
    page = at(journey)
    last, hand_over = len(journey.trajectory.stages) - 1, journey.trajectory.hand_over
    for name in ("umap-2d", "timeline", "words-2d", "umap-3d"):
        if name != "umap-2d":
            show(page, name)
        page.get_by_test_id("map").focus()
        page.mouse.move(2, 2)

        page.keyboard.press("End")
        still(page)
        reached = {"end": pixels(page, "map-canvas")}
        for speed in ("1", "4") if name == "umap-2d" else ("4",):
            page.get_by_test_id("speed").select_option(speed)
            page.get_by_test_id("replay").click()
            page.mouse.move(2, 2)
            until(page, lambda: root_of(page).get_attribute("data-step") == str(last), 20)
            until(page, lambda: root_of(page).get_attribute("data-playing") == "false")
            still(page)
            reached[f"played at {speed}"] = pixels(page, "map-canvas")
        box = page.get_by_test_id("scrub").bounding_box()
        for share in (0.3, 0.8, 0.999):
            page.mouse.click(box["x"] + box["width"] * share, box["y"] + box["height"] / 2)
            still(page)
        page.mouse.move(2, 2)
        still(page)
        reached["scrubbed"] = pixels(page, "map-canvas")
        assert len(set(reached.values())) == 1, (name, {how: hash(picture) for how, picture in reached.items()})

        page.get_by_test_id("map").focus()
        page.keyboard.press("h")
        still(page)
        at_hand_over = pixels(page, "map-canvas")
        go_to(page, hand_over - 3)
        for _ in range(3):
            page.keyboard.press("ArrowRight")
            still(page)
        assert pixels(page, "map-canvas") == at_hand_over, name


def test_the_words_of_a_timeline_have_rows_and_keep_their_order(at):
    """Heights go through one rising function: what is level stays level, what is above stays above."""
    journey = toy_journey(classes=10, items=4)
    page = at(journey)
    show(page, "timeline")
    heights = root_of(page).evaluate("root => root.sedaPlayer.map.landmarks.textPoints.map(({ y }) => y)")
    order = sorted(range(10), key=lambda word: -journey.maps["timeline"].texts[word, 1])
    assert sorted(range(10), key=lambda word: heights[word]) == order
    rows = sorted(heights)
    least = min(b - a for a, b in itertools.pairwise(rows))
    assert least > 0.8 * (rows[-1] - rows[0]) / 10
    drawn = root_of(page).evaluate("root => [...root.sedaPlayer.map.scene.parts.states.points].filter((_, i) => i % 2)")
    true = journey.maps["timeline"].states[..., 1].ravel()
    rising = sorted(range(len(drawn)), key=lambda i: true[i])
    assert all(drawn[a] >= drawn[b] - 1e-3 for a, b in itertools.pairwise(rising))


def test_long_names_in_any_script_are_written_and_told_whole(at):
    names = (
        "a very long class name that nobody would ever type on purpose, for a test",
        "החתול השחור יושב על החלון",
        "一只坐在窗户上的小黑猫和一只大白狗和三只小鸟",
        "खिड़की पर बैठी एक छोटी काली बिल्ली और एक कुत्ता",
    )
    page = at(toy_journey(class_names=names))
    found = root_of(page).evaluate(
        """root => root.sedaPlayer.map.landmarks.names.filter(({ word }) => word !== undefined)
            .map(({ one, lines, width }) => ({ name: one.name, lines, width }))"""
    )
    assert {one["name"] for one in found} == set(names)
    for one in found:
        assert len(one["lines"]) <= 2 and one["width"] <= 171
        whole = "".join(one["lines"]).rstrip("…").replace(" ", "")
        assert one["name"].replace(" ", "").startswith(whole)
    # at least one had to be cut; hover and keyboard focus tell it whole
    assert any(one["lines"][-1].endswith("…") for one in found)
    page.get_by_test_id("legend-entry").nth(0).hover()
    assert names[0] in page.get_by_test_id("tooltip").inner_text()


def test_keys_work_before_anything_has_the_focus(at):
    page = at(toy_journey())
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("End")
    until(page, lambda: root_of(page).get_attribute("data-step") == "18")  # written with the next frame
    page.keyboard.press("h")
    until(page, lambda: root_of(page).get_attribute("data-step") == "9")
    page.keyboard.press("Home")
    until(page, lambda: root_of(page).get_attribute("data-step") == "0")
    page.keyboard.press("Space")
    until(page, lambda: root_of(page).get_attribute("data-playing") == "true")
    page.keyboard.press("f")
    until(page, lambda: page.evaluate("document.fullscreenElement !== null"))
    page.keyboard.press("f")
    until(page, lambda: page.evaluate("document.fullscreenElement === null"))


def test_an_exported_page_looks_as_the_app_does_and_loops_when_asked(chromium: Browser, tmp_path: Path):
    path = write_export(toy_journey(), tmp_path / "journey.html")
    page = chromium.new_page()
    page.goto(f"{path.as_uri()}#loop")
    root_of(page).wait_for()
    assert page.get_by_test_id("loop").get_attribute("aria-pressed") == "true"
    assert page.evaluate("document.fonts.ready.then(() => document.fonts.check('14px \"Source Sans\"'))")
    # the colours of .streamlit/config.toml
    theme = tomllib.loads((Path(__file__).parents[2] / ".streamlit" / "config.toml").read_text())["theme"]
    style = (Path(__file__).parents[2] / "seda" / "player" / "web" / "player.css").read_text().lower()
    for scheme in ("light", "dark"):
        for part in ("primaryColor", "backgroundColor", "textColor"):
            assert theme[scheme][part].lower() in style, (scheme, part)
    page.close()


@pytest.mark.parametrize("text", ["只坐在窗户上", "बिल्ली", "חתול", "قطة", "猫が座る", "고양이"])
def test_scripts_are_drawn_where_their_fonts_are(page: Page, tmp_path: Path, text: str):
    if not shutil.which("fc-list") or not subprocess.run(["fc-list", ":lang=hi"], capture_output=True).stdout:
        assert not os.environ.get("CI"), ".ci/run installs Debian's Noto fonts"
        pytest.skip("Debian's fonts-noto-core and fonts-noto-cjk are not installed")
    page.goto(write_export(toy_journey(), tmp_path / "journey.html").as_uri())
    root_of(page).wait_for()
    # A letter without a glyph is drawn as the same box as any other.
    boxes = root_of(page).evaluate(
        """(root, text) => {
            const canvas = document.createElement("canvas"), ctx = canvas.getContext("2d", { willReadFrequently: true });
            const picture = (letter) => {
                ctx.clearRect(0, 0, 80, 80);
                ctx.font = `30px ${getComputedStyle(root).fontFamily}`;
                ctx.fillText(letter, 10, 50);
                return ctx.getImageData(0, 0, 80, 80).data.join();
            };
            const missing = picture(String.fromCodePoint(0x10ffff));
            return [...text].filter((letter) => /\\p{L}/u.test(letter)).map((letter) => picture(letter) === missing);
        }""",
        text,
    )
    assert boxes and not any(boxes)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_of_the_player_can_be_read(chromium: Browser, tmp_path: Path, scheme: str):
    """On an exported page the player stands in the open: contrast of AA, and nothing below 13 px, folded parts too."""
    for width in (1280, 390):
        context = chromium.new_context(viewport={"width": width, "height": 720}, color_scheme=scheme)
        page = context.new_page()
        page.goto(write_export(toy_journey(ghost=True), tmp_path / "journey.html").as_uri())
        root_of(page).wait_for()
        pause(page)
        page.get_by_test_id("settings").locator("summary").click()
        assert unreadable(page) == []
        page.get_by_test_id("settings").locator("summary").click()  # open, they lie over what is beside them
        page.get_by_test_id("gallery-card").nth(1).click()
        page.get_by_test_id("stills-button").click()
        page.wait_for_timeout(400)
        assert unreadable(page) == []
        context.close()
