"""The train page in a real Chromium: uploads in two classes, a training that is watched and stopped, and its picture."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.served import ROOT, served, settled
from tests.tiny import CLASSES, picture

LIMIT = 240_000  # ms; the first training imports torch and compiles the neighbour search
EPOCHS = 8

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The app with an aligners' home of its own."""
    folder = tmp_path_factory.mktemp("server")
    environment = {"SEDA_ALIGNERS": str(folder / "home"), "SEDA_CACHE": str(folder / "cache")}
    with served(ROOT / "app.py", folder / "log.txt", environment) as url:
        yield url


def upload(page: Page, number: int, name: str, files: list[Path]) -> None:
    card = page.locator(f".st-key-train-class-{number}")
    card.get_by_role("textbox").fill(name)
    card.get_by_role("textbox").press("Enter")
    settled(page)  # files that come while the page is made anew may be lost on a busy machine
    card.locator("input[type=file]").set_input_files(files)
    expect(card.locator("img")).to_have_count(4, timeout=30_000)


def test_a_fresh_servers_first_address_may_be_a_page(chromium: Browser, server: str):
    """The first test of this file: Streamlit runs such a page without app.py."""
    context = chromium.new_context()  # not `page`: below /train Streamlit looks for itself, in vain and aloud
    page = context.new_page()
    page.goto(f"{server}/train")
    expect(page.get_by_role("heading", name="1. Encoder")).to_be_visible(timeout=60_000)
    expect(page.get_by_role("link", name="Method")).to_be_visible()
    expect(page.get_by_test_id("stSidebarNav")).to_have_count(0)
    context.close()


def test_upload_train_stop_go_on_and_see_the_picture(page: Page, server: str, artifacts: Path, tmp_path: Path):
    files: list[list[Path]] = []
    for label in range(2):
        files.append([tmp_path / f"{CLASSES[label]} {seed}.png" for seed in range(4)])
        for seed, path in enumerate(files[-1]):
            picture(label, seed).save(path)
    (tmp_path / "broken.png").write_text("no picture")

    page.goto(server)
    page.get_by_role("link", name="Train").click()
    expect(page.get_by_role("heading", name="1. Encoder")).to_be_visible(timeout=30_000)
    upload(page, 0, CLASSES[0], [*files[0], tmp_path / "broken.png"])
    upload(page, 1, CLASSES[1], files[1])
    expect(page.get_by_text("broken.png is not a picture")).to_be_visible()
    page.get_by_text("Settings", exact=True).click()
    page.get_by_role("spinbutton", name="Epochs at most").fill(str(EPOCHS))
    train = page.get_by_role("button", name="Train", exact=True)
    train.click()
    expect(page.get_by_text("The aligner has no name yet")).to_be_visible(timeout=30_000)
    page.get_by_role("textbox", name="Name of the aligner").fill("my-shapes")
    train.click()

    main = page.get_by_test_id("stMain")
    expect(main.locator(".js-plotly-plot").first).to_be_visible(timeout=LIMIT)
    expect(page.get_by_role("heading", name="1. Encoder")).to_have_count(0)  # not only grey
    main.get_by_role("button", name="Stop").click()
    go_on = page.get_by_role("button", name="Go on")
    expect(go_on).to_be_visible(timeout=LIMIT)
    expect(page.get_by_text("Stopped after")).to_be_visible()
    page.screenshot(path=artifacts / "train-stopped.png")
    expect(page.get_by_test_id("stStatusWidget")).to_have_count(0, timeout=30_000)
    go_on.click()  # in a page that is still being drawn the click would be lost
    expect(go_on).to_have_count(0, timeout=30_000)
    expect(main.locator(".js-plotly-plot")).to_have_count(1, timeout=5_000)  # that of before does not stand below, grey

    picture_button = page.get_by_role("button", name="To the picture")
    expect(picture_button).to_be_visible(timeout=LIMIT)
    expect(page.get_by_text("Trained.")).to_be_visible()
    expect(page.get_by_text(re.compile("fingerprint"))).to_be_visible()
    page.screenshot(path=artifacts / "train-done.png")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    picture_button.click()
    expect(main.get_by_text(re.compile("Your run$"))).to_be_visible(timeout=LIMIT)
    expect(page.get_by_text("8 pictures, 2 words")).to_be_visible()
    expect(page.locator("textarea").first).to_have_value(", ".join(CLASSES[:2]))
    page.screenshot(path=artifacts / "train-picture.png")
