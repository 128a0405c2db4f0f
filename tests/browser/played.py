"""Hands and eyes for a player in a browser page."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect


def root_of(page: Page) -> Locator:
    return page.get_by_test_id("player-root")


def step_of(page: Page) -> int:
    return int(root_of(page).get_attribute("data-step"))


def pause(page: Page) -> None:
    if root_of(page).get_attribute("data-playing") == "true":
        page.get_by_test_id("play").click()
    expect(root_of(page)).to_have_attribute("data-playing", "false")


def until(page: Page, condition: Callable[[], bool], seconds: float = 15) -> None:
    """Wait for a condition; Playwright's own wait_for_function would need eval, which the page's policy forbids."""
    for _ in range(int(seconds / 0.05)):
        if condition():
            return
        page.wait_for_timeout(50)
    pytest.fail(f"not reached within {seconds} s; step {step_of(page)}")


def pixels(page: Page, canvas: str) -> str:
    return page.get_by_test_id(canvas).evaluate("canvas => canvas.toDataURL()")


# Nothing asks for a frame any more, what waits for the view to rest is painted, and the browser has shown it.
_STILL = """
async (root) => {
    const { frames, camera } = root.sedaPlayer, end = performance.now() + 15000;
    for (let idle = 0; idle < 2; ) {
        await new Promise(requestAnimationFrame);
        idle = frames.request || performance.now() < camera.movingUntil + 40 ? 0 : idle + 1;
        if (performance.now() > end) throw new Error("the player does not come to rest");
    }
}
"""
# In a page with this script every frame moves the player on as far as four do, at most a tenth of a second.
FAST = """
const plain = window.requestAnimationFrame.bind(window);
window.requestAnimationFrame = (draw) => plain((now) => draw(4 * now));
"""


def still(page: Page) -> None:
    """Wait until nothing moves in a player that does not play: flights, slides and glides have ended."""
    root_of(page).evaluate(_STILL)


def show(page: Page, name: str) -> None:
    page.locator(f'[data-testid="map-button"][data-name="{name}"]').click()
    expect(root_of(page)).to_have_attribute("data-map", name)
    still(page)
