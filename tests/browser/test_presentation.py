"""Before an audience: large, alone in the window, driven by keys, and kept in the address."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.played import root_of

pytestmark = pytest.mark.browser


def font_size(page: Page, selector: str) -> float:
    return page.locator(selector).evaluate("one => parseFloat(getComputedStyle(one).fontSize)")


def names_size(page: Page) -> float:
    """Of the names on the map, px."""
    return page.evaluate(
        "() => document.querySelector('[data-testid=player-root]')?.sedaPlayer.map.landmarks.names[0].size"
        " ?? [...document.querySelectorAll('*')].map(e => e.shadowRoot?.querySelector('[data-testid=player-root]'))"
        ".find(Boolean).sedaPlayer.map.landmarks.names[0].size"
    )


def test_a_talk_is_a_bookmark(page: Page, server: str):
    page.goto(server)
    root = root_of(page)
    expect(root).to_be_visible(timeout=30_000)
    page.keyboard.press("End")
    expect(root).to_have_attribute("data-step", "34")
    sizes = {
        selector: font_size(page, selector) for selector in (".sp-title", ".sp-caption", ".sp-stage > span >> nth=0")
    }
    small = names_size(page)
    page.goto(f"{server}/?present=1")
    expect(root).to_have_attribute("data-presenting", "true", timeout=30_000)
    expect(root).to_have_attribute("data-step", "0")  # who presents begins at the beginning
    box = root.bounding_box()
    assert box is not None and (box["x"], box["y"], box["width"], box["height"]) == (0, 0, 1280, 720)
    covering = page.evaluate("() => document.elementFromPoint(640, 20).tagName")  # nothing of the app lies over it
    assert covering not in ("HEADER",) and page.get_by_test_id("gallery").is_hidden()
    for selector, before in sizes.items():
        assert font_size(page, selector) >= 1.6 * before * 0.999, selector
    assert names_size(page) >= 1.6 * small * 0.999
    expect(page.get_by_test_id("story-line")).to_have_text("10 pictures, as they are seen. 12 words wait.")
    page.keyboard.press("End")
    expect(page.get_by_test_id("story-line")).to_contain_text("At the words.")


def test_keys_for_all(page: Page, server: str):
    page.goto(f"{server}/?present=1")
    root = root_of(page)
    expect(root).to_have_attribute("data-presenting", "true", timeout=30_000)
    first = root.get_attribute("data-fingerprint")
    page.keyboard.press("b")
    expect(page.get_by_test_id("black")).to_be_visible()
    page.keyboard.press("b")
    expect(page.get_by_test_id("black")).to_be_hidden()
    page.keyboard.press("n")
    expect(root).not_to_have_attribute("data-fingerprint", str(first), timeout=30_000)
    expect(root).to_have_attribute("data-presenting", "true")  # the next example, before the same audience
    page.wait_for_url("**example=02*present=1*")
    page.keyboard.press("Escape")
    expect(root).to_have_attribute("data-presenting", "false")
    expect(page.get_by_test_id("gallery")).to_be_visible()
    page.wait_for_function("() => !location.search.includes('present')")
    page.keyboard.press("p")
    expect(root).to_have_attribute("data-presenting", "true")


def test_map_story_and_playback_stand_below_one_another_on_any_screen(page: Page, server: str):
    page.goto(f"{server}/?present=1")
    root = root_of(page)
    expect(root).to_have_attribute("data-presenting", "true", timeout=30_000)
    long = "a very long name " * 40
    for width, height in ((844, 390), (390, 844), (1280, 720)):
        page.set_viewport_size({"width": width, "height": height})
        page.keyboard.press("End")
        expect(page.get_by_test_id("story-line")).to_contain_text("At the words.")
        page.get_by_test_id("story-line").evaluate("(one, text) => { one.textContent = text; }", long)
        page.wait_for_timeout(300)
        map_, story, track = (
            page.locator(one).bounding_box() for one in ("[data-testid=map]", ".sp-story", ".sp-transport")
        )
        assert map_ and story and track
        assert map_["height"] >= 100 and map_["y"] + map_["height"] <= story["y"], (width, height)
        assert story["y"] + story["height"] <= track["y"] and track["y"] + track["height"] <= height, (width, height)
        page.keyboard.press("Home")
