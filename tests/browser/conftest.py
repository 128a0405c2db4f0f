"""A real Chromium for the browser tests; missing, it is a visible skip at home and a failure in CI."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect, sync_playwright

from seda.export import write_export
from tests.browser.served import ROOT, served
from tests.toy import toy_journey

expect.set_options(timeout=20_000)  # ms; two browsers, two servers and coverage share two cores
ARTIFACTS = Path(__file__).parents[1] / "artifacts"


def find_chromium() -> str | None:
    """The path of an installed Chromium: $SEDA_CHROMIUM, else chromium or Chrome on the PATH."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return os.environ.get("SEDA_CHROMIUM") or next(filter(None, map(shutil.which, names)), None)


def need_chromium() -> str:
    """The same; without one the test is skipped, or fails in CI."""
    path = find_chromium()
    if path is None:
        reason = "no Chromium found on the PATH (install Debian's chromium, or set SEDA_CHROMIUM)"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return path


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    path = need_chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def server_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the app of a file's tests prints."""
    return tmp_path_factory.mktemp("server") / "log.txt"


@pytest.fixture(scope="module")
def server(server_log: Path) -> Iterator[str]:
    """The app, as the README starts it, on a free port: one for the tests of a file."""
    with served(ROOT / "app.py", server_log) as url:
        yield url


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A page of 1280 x 720 whose console errors, uncaught exceptions and pictures by file fail the test."""
    context = chromium.new_context(viewport={"width": 1280, "height": 720})
    page = context.new_page()
    problems: list[str] = []

    def on_console(message: ConsoleMessage) -> None:
        if message.type == "error":
            problems.append(f"{message.text} [{message.location['url']}]")

    def on_request(request: Request) -> None:
        if request.resource_type == "image" and "/media/" in request.url:  # gone when the next run comes quickly
            problems.append(f"a picture that is not in the page itself: {request.url}")

    page.on("console", on_console)
    page.on("request", on_request)
    page.on("pageerror", lambda error: problems.append(str(error)))
    yield page
    context.close()
    assert problems == []


@pytest.fixture(scope="session")
def artifacts() -> Path:
    """Folder for screenshots that people look at; not tracked by git."""
    ARTIFACTS.mkdir(exist_ok=True)
    return ARTIFACTS


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
