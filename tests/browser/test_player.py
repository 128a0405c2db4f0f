"""The player as the exported page, in a real browser: playing, scrubbing, maps, looks."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise, product
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, expect

from seda.export import write_export
from seda.sounds import wav_bytes
from tests.browser.played import FAST, pause, pixels, root_of, show, step_of, still, until
from tests.toy import toy_journey

pytestmark = pytest.mark.browser

STEPS = 2 * 8 + 2  # last step of the toy journey

HOSTILE = ("<img src=x onerror=alert(1)>", "</script><script>alert(2)</script>", "<b>bold</b>", "coat")


def test_plays_by_itself_to_the_last_step_and_holds(opened):
    page = opened()
    expect(root_of(page)).to_have_attribute("data-playing", "true")
    first = step_of(page)
    until(page, lambda: step_of(page) > first)
    page.get_by_test_id("speed").select_option("4")
    expect(root_of(page)).to_have_attribute("data-playing", "false", timeout=15_000)
    assert step_of(page) == STEPS
    expect(page.get_by_test_id("player-caption")).to_have_text(f"step {STEPS} of {STEPS} · at the words")
    expect(page.get_by_test_id("player-caption")).to_have_attribute("title", "semantic translator · t = 0")
    page.get_by_test_id("replay").click()
    until(page, lambda: step_of(page) < STEPS)


def test_loop_starts_again(opened):
    page = opened()
    page.get_by_test_id("loop").click()
    expect(page.get_by_test_id("loop")).to_have_attribute("aria-pressed", "true")
    page.get_by_test_id("speed").select_option("4")
    until(page, lambda: step_of(page) == STEPS)
    until(page, lambda: step_of(page) < STEPS - 3)
    expect(root_of(page)).to_have_attribute("data-playing", "true")


def test_keyboard(opened):
    page = opened()
    page.get_by_test_id("map").focus()
    page.keyboard.press("Space")
    expect(root_of(page)).to_have_attribute("data-playing", "false")
    page.keyboard.press("Home")
    expect(root_of(page)).to_have_attribute("data-step", "0")
    expect(page.get_by_test_id("player-caption")).to_have_text(f"step 0 of {STEPS} · the picture as it is seen")
    expect(page.get_by_test_id("player-caption")).to_have_attribute("title", "visual feature · clean")
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    expect(root_of(page)).to_have_attribute("data-step", "3")
    page.keyboard.press("ArrowLeft")
    expect(root_of(page)).to_have_attribute("data-step", "2")
    page.keyboard.press("End")
    expect(root_of(page)).to_have_attribute("data-step", str(STEPS))
    page.keyboard.press("+")
    assert float(root_of(page).get_attribute("data-zoom")) > 1.2
    page.keyboard.press("0")
    expect(root_of(page)).to_have_attribute("data-zoom", "1.00")


def test_space_on_a_button_presses_the_button_only(opened):
    page = opened()
    pause(page)
    page.get_by_test_id("step-back").focus()
    step = step_of(page)
    page.keyboard.press("Space")
    expect(root_of(page)).to_have_attribute("data-step", str(max(0, step - 1)))
    expect(root_of(page)).to_have_attribute("data-playing", "false")


def test_scrubbing_moves_map_and_curves_together(opened):
    page = opened()
    pause(page)
    scrub = page.get_by_test_id("scrub")
    box = scrub.bounding_box()
    page.mouse.click(box["x"] + 12, box["y"] + box["height"] / 2)
    expect(root_of(page)).to_have_attribute("data-step", "0")
    pictures = pixels(page, "map-canvas"), pixels(page, "curve-canvas")
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(root_of(page)).to_have_attribute("data-step", "9")
    # Nine is the hand-over: the end of the first segment.
    expect(page.get_by_test_id("player-caption")).to_contain_text("hand-over")
    assert scrub.get_attribute("aria-valuetext").startswith(f"step 9 of {STEPS}")
    assert pixels(page, "map-canvas") != pictures[0] and pixels(page, "curve-canvas") != pictures[1]
    curve = page.get_by_test_id("curve-canvas").bounding_box()
    page.mouse.click(curve["x"] + 42, curve["y"] + curve["height"] / 2)
    expect(root_of(page)).to_have_attribute("data-step", "0")


def test_selection_is_linked_and_can_be_undone(opened):
    page = opened()
    pause(page)
    cards = page.get_by_test_id("gallery-card")
    expect(page.get_by_test_id("curve-whose")).to_have_text("mean of all 6 pictures")
    cards.nth(1).click()
    expect(root_of(page)).to_have_attribute("data-selection", "1")
    expect(page.get_by_test_id("curve-whose")).to_have_text("sneaker 1.png")
    expect(page.get_by_test_id("commitment")).to_contain_text("“sneaker”")
    cards.nth(3).click(modifiers=["Control"])
    expect(root_of(page)).to_have_attribute("data-selection", "1,3")
    expect(page.get_by_test_id("curve-whose")).to_have_text("mean of 2 selected pictures")
    # On the map: a click on a head selects, one beside everything clears.
    page.evaluate("scrollTo(0, 0)")  # the strip of cards lies below the first screen
    head = root_of(page).evaluate("root => root.sedaPlayer.map.heads.places[4]")
    stage = page.get_by_test_id("map").bounding_box()
    page.mouse.move(stage["x"] + head["x"], stage["y"] + head["y"])
    expect(page.get_by_test_id("tooltip")).to_contain_text("coat 2.png")
    page.mouse.click(stage["x"] + head["x"], stage["y"] + head["y"])
    expect(root_of(page)).to_have_attribute("data-selection", "4")
    page.mouse.click(stage["x"] + 8, stage["y"] + 8)
    expect(root_of(page)).to_have_attribute("data-selection", "")


def test_legend_highlights_a_class(opened):
    page = opened()
    pause(page)
    entry = page.get_by_test_id("legend-entry").nth(2)
    expect(entry).to_contain_text("bag")
    before = pixels(page, "map-canvas")
    entry.click()
    expect(entry).to_have_attribute("aria-pressed", "true")
    page.wait_for_timeout(100)
    assert pixels(page, "map-canvas") != before
    entry.click()
    expect(entry).to_have_attribute("aria-pressed", "false")


def test_wheel_zooms_drag_pans_and_double_click_resets(opened):
    page = opened()
    pause(page)
    stage = page.get_by_test_id("map").bounding_box()
    page.mouse.move(stage["x"] + 300, stage["y"] + 200)
    page.mouse.wheel(0, -300)
    until(page, lambda: float(root_of(page).get_attribute("data-zoom")) > 1.1)
    pan = "root => root.sedaPlayer.view.panX"
    before = root_of(page).evaluate(pan)
    page.mouse.down()
    page.mouse.move(stage["x"] + 340, stage["y"] + 200, steps=5)
    page.mouse.up()
    assert root_of(page).evaluate(pan) > before + 20
    page.mouse.dblclick(stage["x"] + 10, stage["y"] + 10)
    expect(root_of(page)).to_have_attribute("data-zoom", "1.00")


def test_switching_maps_keeps_step_selection_and_zoom(opened):
    page = opened()
    pause(page)
    page.get_by_test_id("gallery-card").nth(2).click()
    root_of(page).evaluate("root => root.sedaPlayer.seek(11)")
    page.get_by_test_id("zoom-in").click()
    expect(root_of(page)).to_have_attribute("data-map", "umap-2d")
    still(page)
    flat, places = pixels(page, "map-canvas"), "root => [...root.sedaPlayer.map.scene.paths.states]"
    start = root_of(page).evaluate(places)
    page.get_by_test_id("map").focus()
    page.keyboard.press("m")
    expect(root_of(page)).to_have_attribute("data-map", "umap-3d")
    expect(root_of(page)).to_have_attribute("data-zoom", "1.00")
    for name in ("timeline", "pca-2d", "umap-2d"):
        show(page, name)
        expect(root_of(page)).to_have_attribute("data-step", "11")
        expect(root_of(page)).to_have_attribute("data-selection", "2")
        expect(root_of(page)).to_have_attribute("data-playing", "false")
        pressed = page.locator('[data-testid="map-button"][aria-pressed="true"]')
        expect(pressed).to_have_attribute("data-name", name)
        if name != "umap-2d":
            assert pixels(page, "map-canvas") != flat
    expect(root_of(page)).to_have_attribute("data-zoom", "1.50")
    assert root_of(page).evaluate(places) == start


def test_points_fly_from_one_map_to_the_other(opened):
    page = opened()
    pause(page)
    shares = root_of(page).evaluate(
        """async (root) => {
            const player = root.sedaPlayer;
            const shares = [];
            for (player.showMap(1); player.morph; await new Promise(requestAnimationFrame)) shares.push(player.morph.share);
            return shares;
        }"""
    )
    assert shares == sorted(shares) and len([share for share in shares if 0 < share < 1]) >= 3


def test_switching_maps_does_not_stop_the_play(opened):
    page = opened()
    page.get_by_test_id("map").focus()
    step = step_of(page)
    page.keyboard.press("m")
    expect(root_of(page)).to_have_attribute("data-playing", "true")
    until(page, lambda: step_of(page) > step + 1)


def test_a_solid_map_turns(opened):
    page = opened()
    pause(page)
    show(page, "umap-3d")
    home, picture = "root => [root.sedaPlayer.view.yaw, root.sedaPlayer.view.pitch]", pixels(page, "map-canvas")
    start = root_of(page).evaluate(home)
    stage = page.get_by_test_id("map").bounding_box()
    page.mouse.move(stage["x"] + 40, stage["y"] + 300)
    page.mouse.down()
    page.mouse.move(stage["x"] + 140, stage["y"] + 270, steps=6)
    page.mouse.up()
    still(page)
    turned = root_of(page).evaluate(home)
    assert turned[0] < start[0] - 0.5 and turned[1] < start[1] - 0.15
    assert pixels(page, "map-canvas") != picture
    page.mouse.dblclick(stage["x"] + 40, stage["y"] + 300)
    until(page, lambda: root_of(page).evaluate(home) == pytest.approx(start))
    page.get_by_test_id("map").focus()
    page.keyboard.press("Shift+ArrowRight")
    assert root_of(page).evaluate(home)[0] != pytest.approx(start[0])
    # shift and drag move it instead
    page.keyboard.down("Shift")
    page.mouse.down()
    page.mouse.move(stage["x"] + 90, stage["y"] + 300, steps=6)
    page.mouse.up()
    page.keyboard.up("Shift")
    assert root_of(page).evaluate("root => root.sedaPlayer.view.panX") > 30
    expect(root_of(page)).to_have_attribute("data-selection", "")


def test_projection_agrees_with_a_naive_one(opened):
    """A point in front of the middle is larger than one behind it, and turning by half a circle mirrors a flat cut."""
    page = opened(maps=("umap-3d",))
    pause(page)
    expect(page.get_by_test_id("map-button")).to_be_hidden()
    found = root_of(page).evaluate(
        """root => {
            const { view } = root.sedaPlayer;
            const [x, y, z] = view.fit.at, r = view.fit.radius;
            const place = (point) => {
                const points = new Float32Array(2), sizes = new Float32Array(1);
                view.project(point, points, sizes);
                return [points[0] - view.middle.x, points[1] - view.middle.y, sizes[0]];
            };
            const poses = {};
            for (const [name, yaw] of [["front", 0], ["back", Math.PI]]) {
                Object.assign(view, { yaw, pitch: 0 });
                poses[name] = [place([x, y, z]), place([x + r, y, z]), place([x, y + r, z]), place([x, y, z - r])];
            }
            return { poses, unit: view.fit.scale[0] * r };
        }"""
    )
    unit = found["unit"]
    middle, right, up, near = found["poses"]["front"]
    assert middle == pytest.approx([0, 0, 1], abs=1e-3)
    assert right == pytest.approx([unit, 0, 1], rel=1e-4, abs=1e-2)
    assert up == pytest.approx([0, -unit, 1], rel=1e-4, abs=1e-2)
    assert near == pytest.approx([0, 0, 3.4 / 2.4], rel=1e-4, abs=1e-2)
    middle, right, up, far = found["poses"]["back"]
    assert right[0] == pytest.approx(-unit, rel=1e-3) and up[1] == pytest.approx(-unit, rel=1e-3)
    assert far[2] == pytest.approx(3.4 / 4.4, rel=1e-4)


def test_timeline_runs_from_left_to_right(opened):
    page = opened()
    pause(page)
    show(page, "timeline")
    drawn = root_of(page).evaluate(
        """root => {
            const { map, view, journey } = root.sedaPlayer;
            const { points } = map.scene.parts.states;
            const reference = map.scene.parts.reference.points.filter((_, i) => i % 2 === 0);
            return {
                path: [...points.filter((_, i) => i % 2 === 0)].slice(0, journey.stateCount), reference: [...reference],
                texts: map.landmarks.textPoints.map((point) => point.x), centers: map.landmarks.centerPoints.map((point) => point.x), width: view.width,
            };
        }"""
    )
    path = drawn["path"]
    gaps = [b - a for a, b in pairwise(path)]
    assert min(gaps) == pytest.approx(max(gaps), rel=1e-3) and min(gaps) > 10
    assert min(drawn["reference"]) > 0 and max(drawn["reference"]) < path[0]
    assert drawn["texts"] == pytest.approx([path[-1]] * 4) and drawn["centers"] == pytest.approx([path[9]] * 4)
    assert drawn["width"] * 0.7 < path[-1] < drawn["width"]
    expect(page.get_by_test_id("map-note")).to_contain_text("only the height is a map")


def test_trust_can_be_seen_and_switched_off(opened):
    page = opened(thinned=5)
    pause(page)
    page.get_by_test_id("map").focus()
    page.keyboard.press("End")
    still(page)
    expect(page.get_by_test_id("map-key")).to_contain_text("the map exaggerates")
    strengths = "root => [...root.sedaPlayer.map.trails.shades]"
    trusted, trusted_strengths = pixels(page, "map-canvas"), root_of(page).evaluate(strengths)
    assert len(set(trusted_strengths)) > 2
    page.get_by_test_id("trust").click()
    expect(page.get_by_test_id("trust")).to_have_attribute("aria-pressed", "false")
    page.wait_for_timeout(100)
    assert pixels(page, "map-canvas") != trusted
    assert set(root_of(page).evaluate(strengths)) == {6}
    page.keyboard.press("t")
    page.wait_for_timeout(100)
    assert root_of(page).evaluate(strengths) == trusted_strengths
    page.get_by_test_id("stills-button").click()
    last = page.get_by_test_id("still").last.locator("canvas")
    expect(last).to_be_visible()
    page.wait_for_timeout(200)
    drawn = last.evaluate("canvas => canvas.toDataURL()")
    page.keyboard.press("t")  # the stills follow
    page.wait_for_timeout(200)
    assert last.evaluate("canvas => canvas.toDataURL()") != drawn
    page.keyboard.press("t")
    page.get_by_test_id("stills-button").click()
    expect(page.get_by_test_id("map-scores")).to_have_text(
        "How far to trust this map: trustworthiness .94 · continuity .96"
    )
    expect(page.get_by_test_id("map-thinning")).to_have_text("240 of 1,196 reference points drawn (every 5th)")

    journey = toy_journey(thinned=5)
    item, segment = map(int, next(zip(*journey.positions.step_flags.nonzero(), strict=True)))
    flag = journey.positions.step_flags[item, segment]
    root_of(page).evaluate("(root, step) => root.sedaPlayer.seek(step)", segment + 1)
    page.get_by_test_id("gallery-card").nth(item).hover()
    kept = round(float(journey.positions.neighbors_kept[item, segment + 1]) * 15)
    expect(page.get_by_test_id("tooltip")).to_contain_text(
        f"{kept} of 15 nearest neighbours are neighbours on the map, too"
    )
    words = "The map exaggerates the last step" if flag > 0 else "The map hides the last step"
    expect(page.get_by_test_id("tooltip")).to_contain_text(words)


def test_many_reference_points_are_thinned_while_the_map_turns(opened):
    page = opened(items=16, steps=25, reference=20_000, maps=("umap-3d",))
    pause(page)
    seconds = root_of(page).evaluate(
        """async (root) => {
            const player = root.sedaPlayer;
            const before = player.framesDrawn, start = performance.now();
            while (performance.now() - start < 1500) {
                player.moveMap(4, 0);
                await new Promise(requestAnimationFrame);
            }
            return (performance.now() - start) / 1000 / (player.framesDrawn - before);
        }"""
    )
    assert seconds < 0.25  # far from fluid, yet not stuck, on the slowest of machines


def test_names_are_text_never_markup(opened):
    alerts: list[str] = []
    page = opened(class_names=HOSTILE, center_names=("coat", "<i>", "x", "y"))
    page.on("dialog", lambda dialog: (alerts.append(dialog.message), dialog.dismiss()))
    pause(page)
    for card in page.get_by_test_id("gallery-card").all()[:4]:
        card.hover()
        page.wait_for_timeout(60)
    expect(page.get_by_test_id("legend")).to_contain_text(HOSTILE[0])
    expect(page.get_by_test_id("legend")).to_contain_text(HOSTILE[1])
    assert page.locator("img[src=x], .sp-root script, .sp-root b:not(.sp-hand-over, .sp-term > b)").count() == 0
    assert page.locator("script").count() == 2
    assert alerts == []


def test_reduced_motion_shows_the_end_and_stands_still(chromium: Browser, tmp_path: Path):
    path = write_export(toy_journey(), tmp_path / "journey.html")
    context = chromium.new_context(reduced_motion="reduce")
    page = context.new_page()
    page.goto(path.as_uri())
    expect(root_of(page)).to_have_attribute("data-step", str(STEPS))
    expect(root_of(page)).to_have_attribute("data-playing", "false")
    context.close()


def test_theme_follows_the_system(opened):
    page = opened()
    page.emulate_media(color_scheme="dark")
    until(page, lambda: root_of(page).evaluate("root => root.sedaPlayer.theme.dark"))
    page.emulate_media(color_scheme="light")
    until(page, lambda: not root_of(page).evaluate("root => root.sedaPlayer.theme.dark"))


def test_a_tap_selects(chromium: Browser, tmp_path: Path):
    path = write_export(toy_journey(), tmp_path / "journey.html")
    context = chromium.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page = context.new_page()
    page.goto(path.as_uri())
    root_of(page).wait_for()
    root_of(page).evaluate("root => { root.sedaPlayer.pause(); root.sedaPlayer.seek(4); }")
    still(page)
    head = root_of(page).evaluate("root => root.sedaPlayer.map.heads.places[2]")
    stage = page.get_by_test_id("map").bounding_box()
    page.touchscreen.tap(stage["x"] + head["x"], stage["y"] + head["y"])
    expect(root_of(page)).to_have_attribute("data-selection", "2")
    expect(page.get_by_test_id("tooltip")).to_contain_text("bag 1.png")  # also once the finger is lifted
    context.close()


def test_every_control_has_a_name_and_can_be_reached(opened):
    page = opened()
    unnamed = page.evaluate(
        """() => [...document.querySelectorAll('button, input, select, summary')]
            .filter((e) => !(e.getAttribute('aria-label') || e.textContent.trim()) || e.tabIndex < 0).length"""
    )
    assert unnamed == 0


@pytest.mark.parametrize(("width", "height"), [(1920, 1080), (1280, 720), (390, 844)])
def test_fits_the_screen(chromium: Browser, tmp_path: Path, artifacts: Path, width: int, height: int):
    path = write_export(toy_journey(items=8, steps=25, classes=6, reference=1500), tmp_path / "journey.html")
    context = chromium.new_context(viewport={"width": width, "height": height}, color_scheme="light")
    context.add_init_script(FAST)
    page = context.new_page()
    page.goto(path.as_uri())
    root_of(page).wait_for()
    root_of(page).evaluate("root => { root.sedaPlayer.pause(); root.sedaPlayer.seek(38); }")
    for name, scheme in product(("umap-3d", "timeline", "umap-2d"), ("light", "dark")):
        if scheme == "light":
            show(page, name)
        page.emulate_media(color_scheme=scheme)
        until(page, lambda dark=scheme == "dark": root_of(page).evaluate("root => root.sedaPlayer.theme.dark") == dark)
        still(page)
        page.screenshot(path=artifacts / f"player-{width}-{scheme}-{name}.png", full_page=width < 700)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        if width > 700:
            # map and playback fill the first screen; strip and table follow below
            stage = page.get_by_test_id("map").bounding_box()
            assert stage["width"] * stage["height"] >= 0.45 * width * height
        play = page.get_by_test_id("play").bounding_box()
        assert play["y"] + play["height"] <= height
    map_box, curve_box = page.get_by_test_id("map").bounding_box(), page.get_by_test_id("curve-canvas").bounding_box()
    stacked = curve_box["y"] >= map_box["y"] + map_box["height"]
    assert stacked == (width < 700)
    assert map_box["height"] > 280
    context.close()


# ---- the component


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (390, 844)])
def test_a_solid_map_holds_its_paths_while_it_turns(page, tmp_path: Path, width: int, height: int):
    page.set_viewport_size({"width": width, "height": height})
    page.goto(write_export(toy_journey(items=16, maps=("umap-3d",)), tmp_path / "journey.html").as_uri())
    root_of(page).wait_for()
    pause(page)
    outside = root_of(page).evaluate(
        """root => {
            const { view, journey } = root.sedaPlayer;
            const { states } = view.map;
            const points = new Float32Array((states.length / 3) * 2), sizes = new Float32Array(states.length / 3);
            const shares = [];
            for (const yaw of [0, 0.8, 1.6, 2.4, 3.2]) {
                Object.assign(view, { yaw });
                view.project(states, points, sizes);
                let count = 0;
                for (let i = 0; i < points.length; i += 2) {
                    if (points[i] < 0 || points[i] > view.width || points[i + 1] < 0 || points[i + 1] > view.height) count += 1;
                }
                shares.push((2 * count) / points.length);
            }
            return shares;
        }"""
    )
    assert max(outside) <= 0.02


def test_a_head_that_has_a_sound_is_heard_while_the_pointer_rests_on_it(page, tmp_path):
    journey = toy_journey()
    beep = wav_bytes(np.sin(np.arange(80_000) / 5), 8_000)  # 10 s
    sounds = (b"", beep) + (b"",) * (len(journey.thumbnails) - 2)
    page.goto(write_export(replace(journey, sounds=sounds), tmp_path / "journey.html").as_uri())
    pause(page)
    cards = page.get_by_test_id("gallery-card")

    def heard() -> bool:
        return root_of(page).evaluate("root => root.sedaPlayer.sounds.playing?.paused === false")

    cards.nth(1).hover()
    until(page, heard)  # the page's own policy lets a sound within it be played
    cards.nth(0).hover()
    until(page, lambda: not heard())
    cards.nth(1).hover()
    until(page, heard)
    page.mouse.move(1, 1)
    until(page, lambda: not heard())
