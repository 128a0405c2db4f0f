"""The player in a real browser: as the exported page, and as the Streamlit component."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from seda.export import write_export
from seda.ui.player import PlayerState, _read_state
from tests.toy import toy_journey

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parents[2]
STEPS = 2 * 8 + 2  # last step of the toy journey

HOSTILE = ("<img src=x onerror=alert(1)>", "</script><script>alert(2)</script>", "<b>bold</b>", "coat")


@pytest.fixture
def opened(page: Page, tmp_path: Path) -> Callable[..., Page]:
    """Export a toy journey and open the file; any request beyond the file itself fails."""
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))

    def open_page(**toy) -> Page:
        path = write_export(toy_journey(**toy), tmp_path / "journey.html")
        page.goto(path.as_uri())
        page.get_by_test_id("player-root").wait_for()
        return page

    yield open_page
    assert [url for url in requests if not url.startswith(("file:", "data:"))] == []
    assert len([url for url in requests if url.startswith("file:")]) <= 1


def _root(page: Page):
    return page.get_by_test_id("player-root")


def _step(page: Page) -> int:
    return int(_root(page).get_attribute("data-step"))


def _pause(page: Page) -> None:
    if _root(page).get_attribute("data-playing") == "true":
        page.get_by_test_id("play").click()
    expect(_root(page)).to_have_attribute("data-playing", "false")


def _until(page: Page, condition: Callable[[], bool], seconds: float = 15) -> None:
    """Wait for a condition; Playwright's own wait_for_function would need eval, which the page's policy forbids."""
    for _ in range(int(seconds / 0.05)):
        if condition():
            return
        page.wait_for_timeout(50)
    pytest.fail(f"not reached within {seconds} s; step {_step(page)}")


def _pixels(page: Page, canvas: str) -> str:
    return page.get_by_test_id(canvas).evaluate("canvas => canvas.toDataURL()")


def test_plays_by_itself_to_the_last_step_and_holds(opened):
    page = opened()
    expect(_root(page)).to_have_attribute("data-playing", "true")
    first = _step(page)
    _until(page, lambda: _step(page) > first)
    page.get_by_test_id("speed").select_option("4")
    expect(_root(page)).to_have_attribute("data-playing", "false", timeout=15_000)
    assert _step(page) == STEPS
    expect(page.get_by_test_id("player-caption")).to_have_text(f"step {STEPS} of {STEPS} · semantic translator · t = 0")
    page.get_by_test_id("replay").click()
    _until(page, lambda: _step(page) < STEPS)


def test_loop_starts_again(opened):
    page = opened()
    page.get_by_test_id("loop").click()
    expect(page.get_by_test_id("loop")).to_have_attribute("aria-pressed", "true")
    page.get_by_test_id("speed").select_option("4")
    _until(page, lambda: _step(page) == STEPS)
    _until(page, lambda: _step(page) < STEPS - 3)
    expect(_root(page)).to_have_attribute("data-playing", "true")


def test_keyboard(opened):
    page = opened()
    page.get_by_test_id("map").focus()
    page.keyboard.press("Space")
    expect(_root(page)).to_have_attribute("data-playing", "false")
    page.keyboard.press("Home")
    expect(_root(page)).to_have_attribute("data-step", "0")
    expect(page.get_by_test_id("player-caption")).to_have_text(f"step 0 of {STEPS} · visual feature · clean")
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    expect(_root(page)).to_have_attribute("data-step", "3")
    page.keyboard.press("ArrowLeft")
    expect(_root(page)).to_have_attribute("data-step", "2")
    page.keyboard.press("End")
    expect(_root(page)).to_have_attribute("data-step", str(STEPS))
    page.keyboard.press("+")
    assert float(_root(page).get_attribute("data-zoom")) > 1.2
    page.keyboard.press("0")
    expect(_root(page)).to_have_attribute("data-zoom", "1.00")


def test_space_on_a_button_presses_the_button_only(opened):
    page = opened()
    _pause(page)
    page.get_by_test_id("step-back").focus()
    step = _step(page)
    page.keyboard.press("Space")
    expect(_root(page)).to_have_attribute("data-step", str(max(0, step - 1)))
    expect(_root(page)).to_have_attribute("data-playing", "false")


def test_scrubbing_moves_map_and_curves_together(opened):
    page = opened()
    _pause(page)
    scrub = page.get_by_test_id("scrub")
    box = scrub.bounding_box()
    page.mouse.click(box["x"] + 12, box["y"] + box["height"] / 2)
    expect(_root(page)).to_have_attribute("data-step", "0")
    pictures = _pixels(page, "map-canvas"), _pixels(page, "curve-canvas")
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(_root(page)).to_have_attribute("data-step", "9")
    # Nine is the hand-over: the end of the first segment.
    expect(page.get_by_test_id("player-caption")).to_contain_text("hand-over")
    assert scrub.get_attribute("aria-valuetext").startswith(f"step 9 of {STEPS}")
    assert _pixels(page, "map-canvas") != pictures[0] and _pixels(page, "curve-canvas") != pictures[1]
    curve = page.get_by_test_id("curve-canvas").bounding_box()
    page.mouse.click(curve["x"] + 42, curve["y"] + curve["height"] / 2)
    expect(_root(page)).to_have_attribute("data-step", "0")


def test_selection_is_linked_and_can_be_undone(opened):
    page = opened()
    _pause(page)
    cards = page.get_by_test_id("gallery-card")
    expect(page.get_by_test_id("curve-whose")).to_have_text("mean of all 6 items")
    cards.nth(1).click()
    expect(_root(page)).to_have_attribute("data-selection", "1")
    expect(page.get_by_test_id("curve-whose")).to_have_text("sneaker 1.png")
    expect(page.get_by_test_id("commitment")).to_contain_text("“sneaker”")
    cards.nth(3).click(modifiers=["Shift"])
    expect(_root(page)).to_have_attribute("data-selection", "1,3")
    expect(page.get_by_test_id("curve-whose")).to_have_text("mean of 2 selected items")
    # On the map: a click on a head selects, one beside everything clears.
    head = _root(page).evaluate("root => root.sedaPlayer.map.heads[4]")
    stage = page.get_by_test_id("map").bounding_box()
    page.mouse.move(stage["x"] + head["x"], stage["y"] + head["y"])
    expect(page.get_by_test_id("tooltip")).to_contain_text("coat 2.png")
    page.mouse.click(stage["x"] + head["x"], stage["y"] + head["y"])
    expect(_root(page)).to_have_attribute("data-selection", "4")
    page.mouse.click(stage["x"] + 8, stage["y"] + 8)
    expect(_root(page)).to_have_attribute("data-selection", "")


def test_legend_highlights_a_class(opened):
    page = opened()
    _pause(page)
    entry = page.get_by_test_id("legend-entry").nth(2)
    expect(entry).to_contain_text("bag")
    before = _pixels(page, "map-canvas")
    entry.click()
    expect(entry).to_have_attribute("aria-pressed", "true")
    page.wait_for_timeout(100)
    assert _pixels(page, "map-canvas") != before
    entry.click()
    expect(entry).to_have_attribute("aria-pressed", "false")


def test_wheel_zooms_drag_pans_and_double_click_resets(opened):
    page = opened()
    _pause(page)
    stage = page.get_by_test_id("map").bounding_box()
    page.mouse.move(stage["x"] + 300, stage["y"] + 200)
    page.mouse.wheel(0, -300)
    _until(page, lambda: float(_root(page).get_attribute("data-zoom")) > 1.1)
    pan = "root => root.sedaPlayer.view.panX"
    before = _root(page).evaluate(pan)
    page.mouse.down()
    page.mouse.move(stage["x"] + 340, stage["y"] + 200, steps=5)
    page.mouse.up()
    assert _root(page).evaluate(pan) > before + 20
    page.mouse.dblclick(stage["x"] + 10, stage["y"] + 10)
    expect(_root(page)).to_have_attribute("data-zoom", "1.00")


def _show(page: Page, name: str) -> None:
    page.locator(f'[data-testid="map-button"][data-name="{name}"]').click()
    expect(_root(page)).to_have_attribute("data-map", name)
    _until(page, lambda: _root(page).evaluate("root => root.sedaPlayer.morph === null"))
    page.wait_for_timeout(300)  # heads come to rest


def test_switching_maps_keeps_step_selection_and_zoom(opened):
    page = opened()
    _pause(page)
    page.get_by_test_id("gallery-card").nth(2).click()
    _root(page).evaluate("root => root.sedaPlayer.seek(11)")
    page.get_by_test_id("zoom-in").click()
    expect(_root(page)).to_have_attribute("data-map", "umap-2d")
    page.wait_for_timeout(300)
    flat, places = _pixels(page, "map-canvas"), "root => [...root.sedaPlayer.map.scene.paths.states]"
    start = _root(page).evaluate(places)
    page.get_by_test_id("map").focus()
    page.keyboard.press("m")
    expect(_root(page)).to_have_attribute("data-map", "umap-3d")
    expect(_root(page)).to_have_attribute("data-zoom", "1.00")
    for name in ("timeline", "pca-2d", "umap-2d"):
        _show(page, name)
        expect(_root(page)).to_have_attribute("data-step", "11")
        expect(_root(page)).to_have_attribute("data-selection", "2")
        expect(_root(page)).to_have_attribute("data-playing", "false")
        pressed = page.locator('[data-testid="map-button"][aria-pressed="true"]')
        expect(pressed).to_have_attribute("data-name", name)
        if name != "umap-2d":
            assert _pixels(page, "map-canvas") != flat
    expect(_root(page)).to_have_attribute("data-zoom", "1.50")
    assert _root(page).evaluate(places) == start


def test_points_fly_from_one_map_to_the_other(opened):
    page = opened()
    _pause(page)
    shares = _root(page).evaluate(
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
    step = _step(page)
    page.keyboard.press("m")
    expect(_root(page)).to_have_attribute("data-playing", "true")
    _until(page, lambda: _step(page) > step + 1)


def test_a_solid_map_turns(opened):
    page = opened()
    _pause(page)
    _show(page, "umap-3d")
    home, picture = "root => [root.sedaPlayer.view.yaw, root.sedaPlayer.view.pitch]", _pixels(page, "map-canvas")
    start = _root(page).evaluate(home)
    stage = page.get_by_test_id("map").bounding_box()
    page.mouse.move(stage["x"] + 40, stage["y"] + 300)
    page.mouse.down()
    page.mouse.move(stage["x"] + 140, stage["y"] + 270, steps=6)
    page.mouse.up()
    page.wait_for_timeout(300)
    turned = _root(page).evaluate(home)
    assert turned[0] < start[0] - 0.5 and turned[1] < start[1] - 0.15
    assert _pixels(page, "map-canvas") != picture
    page.mouse.dblclick(stage["x"] + 40, stage["y"] + 300)
    _until(page, lambda: _root(page).evaluate(home) == pytest.approx(start))
    page.get_by_test_id("map").focus()
    page.keyboard.press("Shift+ArrowRight")
    assert _root(page).evaluate(home)[0] != pytest.approx(start[0])
    # shift and drag move it instead
    page.keyboard.down("Shift")
    page.mouse.down()
    page.mouse.move(stage["x"] + 90, stage["y"] + 300, steps=6)
    page.mouse.up()
    page.keyboard.up("Shift")
    assert _root(page).evaluate("root => root.sedaPlayer.view.panX") > 30
    expect(_root(page)).to_have_attribute("data-selection", "")


def test_projection_agrees_with_a_naive_one(opened):
    """A point in front of the middle is larger than one behind it, and turning by half a circle mirrors a flat cut."""
    page = opened(maps=("umap-3d",))
    _pause(page)
    expect(page.get_by_test_id("map-button")).to_be_hidden()
    found = _root(page).evaluate(
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
    _pause(page)
    _show(page, "timeline")
    drawn = _root(page).evaluate(
        """root => {
            const { map, view, journey } = root.sedaPlayer;
            const { points } = map.scene.parts.states;
            const reference = map.scene.parts.reference.points.filter((_, i) => i % 2 === 0);
            return {
                path: [...points.filter((_, i) => i % 2 === 0)].slice(0, journey.stateCount), reference: [...reference],
                texts: map.textPoints.map((point) => point.x), centers: map.centerScreen.map((point) => point.x), width: view.width,
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
    _pause(page)
    page.get_by_test_id("map").focus()
    page.keyboard.press("End")
    page.wait_for_timeout(400)
    expect(page.get_by_test_id("map-key")).to_contain_text("only the map jumps")
    strengths = "root => [...root.sedaPlayer.map.shades]"
    trusted, trusted_strengths = _pixels(page, "map-canvas"), _root(page).evaluate(strengths)
    assert len(set(trusted_strengths)) > 2
    page.get_by_test_id("trust").click()
    expect(page.get_by_test_id("trust")).to_have_attribute("aria-pressed", "false")
    page.wait_for_timeout(100)
    assert _pixels(page, "map-canvas") != trusted
    assert set(_root(page).evaluate(strengths)) == {6}
    page.keyboard.press("t")
    page.wait_for_timeout(100)
    assert _root(page).evaluate(strengths) == trusted_strengths
    expect(page.get_by_test_id("map-scores")).to_have_text("trustworthiness .94 · continuity .96")
    expect(page.get_by_test_id("map-thinning")).to_have_text("240 of 1,196 reference points drawn (every 5th)")

    journey = toy_journey(thinned=5)
    item, segment = map(int, next(zip(*journey.positions.step_flags.nonzero(), strict=True)))
    flag = journey.positions.step_flags[item, segment]
    _root(page).evaluate("(root, step) => root.sedaPlayer.seek(step)", segment + 1)
    page.get_by_test_id("gallery-card").nth(item).hover()
    kept = round(float(journey.positions.neighbors_kept[item, segment + 1]) * 15)
    expect(page.get_by_test_id("tooltip")).to_contain_text(f"{kept} of 15 nearest neighbours kept here")
    words = "the map jumps, the features do not" if flag > 0 else "the features jump, the map does not"
    expect(page.get_by_test_id("tooltip")).to_contain_text(words)


def test_many_reference_points_are_thinned_while_the_map_turns(opened):
    page = opened(items=16, steps=25, reference=20_000, maps=("umap-3d",))
    _pause(page)
    seconds = _root(page).evaluate(
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
    _pause(page)
    for card in page.get_by_test_id("gallery-card").all()[:4]:
        card.hover()
        page.wait_for_timeout(60)
    expect(page.get_by_test_id("legend")).to_contain_text(HOSTILE[0])
    expect(page.get_by_test_id("legend")).to_contain_text(HOSTILE[1])
    assert page.locator("img[src=x], .sp-root script, .sp-root b:not(.sp-hand-over)").count() == 0
    assert page.locator("script").count() == 2
    assert alerts == []


def test_reduced_motion_shows_the_end_and_stands_still(chromium: Browser, tmp_path: Path):
    path = write_export(toy_journey(), tmp_path / "journey.html")
    context = chromium.new_context(reduced_motion="reduce")
    page = context.new_page()
    page.goto(path.as_uri())
    expect(_root(page)).to_have_attribute("data-step", str(STEPS))
    expect(_root(page)).to_have_attribute("data-playing", "false")
    context.close()


def test_theme_follows_the_system(opened):
    page = opened()
    page.emulate_media(color_scheme="dark")
    _until(page, lambda: _root(page).evaluate("root => root.sedaPlayer.theme.dark"))
    page.emulate_media(color_scheme="light")
    _until(page, lambda: not _root(page).evaluate("root => root.sedaPlayer.theme.dark"))


def test_a_tap_selects(chromium: Browser, tmp_path: Path):
    path = write_export(toy_journey(), tmp_path / "journey.html")
    context = chromium.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page = context.new_page()
    page.goto(path.as_uri())
    _root(page).wait_for()
    _root(page).evaluate("root => { root.sedaPlayer.pause(); root.sedaPlayer.seek(4); }")
    page.wait_for_timeout(200)
    head = _root(page).evaluate("root => root.sedaPlayer.map.heads[2]")
    stage = page.get_by_test_id("map").bounding_box()
    page.touchscreen.tap(stage["x"] + head["x"], stage["y"] + head["y"])
    expect(_root(page)).to_have_attribute("data-selection", "2")
    context.close()


def test_every_control_has_a_name_and_can_be_reached(opened):
    page = opened()
    unnamed = page.evaluate(
        """() => [...document.querySelectorAll('button, input, select, summary')]
            .filter((e) => !(e.getAttribute('aria-label') || e.textContent.trim()) || e.tabIndex < 0).length"""
    )
    assert unnamed == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "height"), [(1920, 1080), (1280, 720), (390, 844)])
def test_fits_the_screen(chromium: Browser, tmp_path: Path, artifacts: Path, width: int, height: int, scheme: str):
    path = write_export(toy_journey(items=8, steps=25, classes=6, reference=1500), tmp_path / "journey.html")
    context = chromium.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    page = context.new_page()
    page.goto(path.as_uri())
    _root(page).wait_for()
    _root(page).evaluate("root => { root.sedaPlayer.pause(); root.sedaPlayer.seek(38); }")
    for name in ("umap-3d", "timeline", "umap-2d"):
        _show(page, name)
        page.screenshot(path=artifacts / f"player-{width}-{scheme}-{name}.png", full_page=width < 700)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        if width > 700:
            assert page.evaluate("document.documentElement.scrollHeight") <= height
    map_box, curve_box = page.get_by_test_id("map").bounding_box(), page.get_by_test_id("curve-canvas").bounding_box()
    stacked = curve_box["y"] >= map_box["y"] + map_box["height"]
    assert stacked == (width < 700)
    assert map_box["height"] > 280
    context.close()


# ---- the component

APP = """
import streamlit as st
from seda.ui.player import PlayerState, show_player
from tests.toy import toy_journey

st.set_page_config(layout="wide")

@st.cache_resource(max_entries=2)
def journey(seed):
    return toy_journey(seed=seed)

seed = 1 if st.checkbox("other journey") else 0
if st.button("rerun"):
    st.session_state["reruns"] = st.session_state.get("reruns", 0) + 1
start = PlayerState(step=2, selection=(0,), map="umap-3d") if st.checkbox("steer") else None
state = show_player(journey(seed), key="player", height=560, start=start)
st.markdown(f"reruns={st.session_state.get('reruns', 0)} step={state.step} selection={list(state.selection)} map={state.map}")
"""


@pytest.fixture(scope="module")
def app_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("app")
    script = folder / "player_app.py"
    script.write_text(APP, encoding="utf-8")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        *(sys.executable, "-m", "streamlit", "run", str(script), "--server.address", "127.0.0.1"),
        *("--server.port", str(port), "--server.headless", "true", "--browser.gatherUsageStats", "false"),
        *("--server.fileWatcherType", "none"),
    ]
    log = folder / "log.txt"
    with log.open("wb") as output:
        server = subprocess.Popen(
            command, cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=output, stderr=output
        )
        try:
            url = f"http://127.0.0.1:{port}"
            _wait_until_healthy(url, server, log)
            yield url
        finally:
            server.terminate()
            server.wait(timeout=20)


def _wait_until_healthy(url: str, server: subprocess.Popen, log: Path) -> None:
    for _ in range(300):
        if server.poll() is not None:
            break
        try:
            with urllib.request.urlopen(f"{url}/_stcore/health", timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    pytest.fail(f"Streamlit did not start:\n{log.read_text(errors='replace')}")


def _rerun(page: Page) -> None:
    status = page.get_by_text("reruns=")
    count = int(status.inner_text().split()[0].removeprefix("reruns="))
    page.get_by_role("button", name="rerun", exact=True).click()
    expect(status).to_contain_text(f"reruns={count + 1}", timeout=15_000)
    page.wait_for_timeout(300)


def test_component_survives_reruns_and_reports(page: Page, app_url: str):
    page.goto(app_url)
    root = _root(page)
    root.wait_for(timeout=30_000)
    root.evaluate("root => { root.mark = 'same'; }")

    # A rerun while it plays: it goes on playing.
    step = _step(page)
    _rerun(page)
    assert root.evaluate("root => root.mark") == "same"
    assert _step(page) > step or root.get_attribute("data-playing") == "false"

    _pause(page)
    root.evaluate("root => root.sedaPlayer.seek(5)")
    page.get_by_test_id("zoom-in").click()
    page.get_by_test_id("gallery-card").nth(2).click()
    expect(page.get_by_text("reruns=")).to_contain_text("step=5 selection=[2] map=umap-2d", timeout=15_000)
    _show(page, "timeline")
    expect(page.get_by_text("reruns=")).to_contain_text("step=5 selection=[2] map=timeline", timeout=15_000)

    _rerun(page)
    assert root.evaluate("root => root.mark") == "same"
    expect(root).to_have_attribute("data-step", "5")
    expect(root).to_have_attribute("data-map", "timeline")
    expect(root).to_have_attribute("data-selection", "2")
    expect(root).to_have_attribute("data-playing", "false")
    _show(page, "umap-2d")
    expect(root).to_have_attribute("data-zoom", "1.50")


def test_a_report_of_the_browser_is_checked():
    journey = toy_journey()
    view = {"fingerprint": "f", "step": 3, "selection": [2, 9, "x", 1], "map": "timeline"}
    assert _read_state(view, "f", journey) == PlayerState(3, (1, 2), "timeline")
    assert _read_state({**view, "map": "globe"}, "f", journey).map == ""
    assert _read_state({**view, "map": ["timeline"]}, "f", journey).map == ""
    for wrong in ({**view, "step": 99}, {**view, "selection": None}, {**view, "fingerprint": "g"}, None):
        assert _read_state(wrong, "f", journey) == PlayerState()


def test_component_takes_another_journey_and_can_be_steered(page: Page, app_url: str):
    page.goto(app_url)
    root = _root(page)
    root.wait_for(timeout=30_000)
    first = root.get_attribute("data-fingerprint")
    page.get_by_test_id("gallery-card").nth(1).click()
    page.get_by_text("other journey").click()
    expect(root).not_to_have_attribute("data-fingerprint", first, timeout=15_000)
    expect(root).to_have_attribute("data-selection", "")
    assert page.get_by_test_id("player-root").count() == 1

    page.get_by_text("steer").click()
    expect(root).to_have_attribute("data-step", "2", timeout=15_000)
    expect(root).to_have_attribute("data-selection", "0")
    expect(root).to_have_attribute("data-map", "umap-3d")
    # What Python asked for once does not hold the user back.
    page.get_by_test_id("step-forward").click()
    expect(page.get_by_text("reruns=")).to_contain_text("step=3", timeout=15_000)
    _rerun(page)
    expect(root).to_have_attribute("data-step", "3")
