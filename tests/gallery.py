"""The pictures of README's gallery, from the app itself: `python tests/gallery.py [NAME ..]`, into docs/gallery. Needs Chromium."""

from __future__ import annotations

import io
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.browser.conftest import need_chromium  # noqa: E402
from tests.browser.served import served  # noqa: E402

FOLDER = ROOT / "docs" / "gallery"
SIZE = {"width": 1280, "height": 720}
QUALITY = 80


def lesson(page: Page, url: str) -> None:
    page.goto(f"{url}/lesson?scene=6")
    page.get_by_test_id("lesson").wait_for(timeout=60_000)


def predict(page: Page, url: str) -> None:
    page.goto(url)
    page.get_by_test_id("player-root").wait_for(timeout=60_000)
    page.keyboard.press("q")
    for word in (0, 1, 3, 4):
        page.get_by_test_id("predict-word").nth(word).click()


def present(page: Page, url: str) -> None:
    page.goto(f"{url}/?example=06-fashion-mnist&present=1")
    page.get_by_test_id("story-line").wait_for(timeout=60_000)
    page.keyboard.press("End")


def timeline(page: Page, url: str) -> None:
    page.goto(f"{url}/?example=05-mistakes&map=timeline&step=24&present=1")
    page.get_by_test_id("story-line").wait_for(timeout=60_000)


def stand(page: Page, url: str) -> None:
    page.goto(f"{url}/stand?theme=dark&speed=4")
    page.wait_for_function("() => Number(document.querySelector('.sp-root')?.dataset.step) > 26", timeout=60_000)


def debug(page: Page, url: str) -> None:
    page.goto(f"{url}/?example=04-coarse-and-fine&step=34&selected=0")
    page.get_by_test_id("player-root").wait_for(timeout=60_000)


def diagnose(page: Page, url: str) -> None:
    page.goto(f"{url}/?example=06-fashion-mnist&play=0")
    page.get_by_test_id("player-root").wait_for(timeout=60_000)
    page.get_by_role("link", name="Diagnose").first.click()
    page.get_by_role("radio", name="Confused", exact=True).click(timeout=60_000)
    page.get_by_text("Click a cell to select").wait_for(timeout=60_000)
    page.locator(".st-key-diagnose-places").evaluate("box => box.scrollIntoView()")
    page.mouse.wheel(0, -90)


PICTURES: dict[str, Callable[[Page, str], None]] = {
    "lesson": lesson, "predict": predict, "present": present, "timeline": timeline, "stand": stand, "debug": debug,
    "diagnose": diagnose,
}  # fmt: skip


def main() -> None:
    """Write all of them, or those that are named."""
    wanted = sys.argv[1:] or list(PICTURES)
    FOLDER.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        served(ROOT / "app.py", Path(folder) / "log.txt") as url,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=need_chromium(), args=["--no-sandbox"])
        for name in wanted:
            page = browser.new_page(viewport=SIZE)
            PICTURES[name](page, url)
            page.wait_for_timeout(2500)
            picture = Image.open(io.BytesIO(page.screenshot()))
            picture.save(FOLDER / f"{name}.webp", quality=QUALITY, method=6)
            page.close()
        browser.close()


if __name__ == "__main__":
    main()
