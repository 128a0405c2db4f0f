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


def show(page: Page, name: str) -> None:
    page.locator(f'[data-testid="map-button"][data-name="{name}"]').click()
    expect(root_of(page)).to_have_attribute("data-map", name)
    until(page, lambda: root_of(page).evaluate("root => root.sedaPlayer.morph === null"))
    page.wait_for_timeout(300)  # heads come to rest
