"""A stand for hours: `python tests/benchmarks/stand.py [--minutes 120] [--speed 4] [--seed 0] [--json]`.

The app as README starts it, and /stand in a headless Chromium at the given speed. Visitors come at random: touch, look at the next
example, hand in a picture, or leave a dialog open; then nobody is there, and it begins anew. Now and then the page is loaded anew, and once
in a while the network is gone for some seconds. Bars:

    stops       times that nothing on the screen had changed for a minute: none
    page        memory of the page's process after WARM minutes against that at the end: at most +20 %
    server      the same of the server and its children: at most +10 %

Exit status 1 where a bar is missed.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext, Page, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.benchmarks.load import held_mb  # noqa: E402
from tests.benchmarks.player import memory  # noqa: E402
from tests.browser.conftest import need_chromium  # noqa: E402
from tests.browser.served import serving  # noqa: E402

PAGE_GROWTH, SERVER_GROWTH = 0.20, 0.10
STILL = 60.0  # seconds without a change that count as a stop
LOOK = 5.0  # seconds between two looks
WARM = 3.0  # minutes until memory is looked at first
SAMPLES = sorted((ROOT / "assets" / "samples" / "photos").glob("*.jpg"))
IDLE = 10  # seconds

_STATE = "() => [document.body.dataset.stand, document.querySelector('.sp-root')?.dataset.step, window.sedaStand?.loops].join()"


def visit(page: Page, chance: random.Random) -> str:
    """What a visitor does; returns it in a word."""
    page.get_by_test_id("stand-attract").click(timeout=10_000)
    what = chance.choice(["next", "picture", "picture", "broken", "dialog"])
    if what == "next":
        page.get_by_test_id("stand-next").click()
        return what
    page.get_by_test_id("stand-own").click()
    if what == "picture":
        page.get_by_test_id("stand-file").set_input_files(chance.choice(SAMPLES))
        page.wait_for_function("() => document.body.dataset.stand === 'own'", timeout=120_000)
    elif what == "broken":
        page.get_by_test_id("stand-file").set_input_files(
            {"name": "no.png", "mimeType": "image/png", "buffer": b"no picture"}
        )
        page.get_by_test_id("stand-close").click()
    return what


def run(url: str, process: int, minutes: float, speed: float, seed: int) -> dict[str, Any]:
    """Drive a stand for so long; figures of it."""
    chance, happened = random.Random(seed), {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=need_chromium(), args=["--no-sandbox"])
        context = browser.new_context(viewport={"width": 1280, "height": 720})
        page = context.new_page()
        problems: list[str] = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto(f"{url}/stand?speed={speed}&idle={IDLE}")
        page.wait_for_function("() => document.body.dataset.stand", timeout=60_000)
        begun = changed = time.monotonic()
        state, stops, rows, looked = "", 0, [], 0.0
        while (passed := time.monotonic() - begun) < 60 * minutes:
            time.sleep(LOOK)
            now = page.evaluate(_STATE)
            if now != state:
                state, changed = now, time.monotonic()
            elif time.monotonic() - changed > STILL:
                stops, changed = stops + 1, time.monotonic()
            event = _event(page, context, chance)
            happened[event] = happened.get(event, 0) + 1
            if passed - looked >= 60:
                looked = passed
                rows.append(
                    {
                        "minutes": round(passed / 60, 1),
                        "page_mb": round(memory(page)[1] / 2**20),
                        "server_mb": round(sum(held_mb(process))),
                    }
                )
                print(rows[-1], file=sys.stderr, flush=True)
        browser.close()
    return {
        "minutes": minutes,
        "speed": speed,
        "events": happened,
        "stops": stops,
        "errors": problems,
        "rows": rows,
        **growth(rows),
    }


def _event(page: Page, context: BrowserContext, chance: random.Random) -> str:
    """Something that may happen at a stand, or nothing."""
    what = chance.random()
    if what < 0.03:
        page.reload()
        page.wait_for_function("() => document.body.dataset.stand", timeout=60_000)
        return "reload"
    if what < 0.05:
        context.set_offline(True)
        time.sleep(LOOK)
        context.set_offline(False)
        return "offline"
    if what < 0.30 and page.get_by_test_id("stand-attract").is_visible():
        return visit(page, chance)
    return "nothing"


def growth(rows: list[dict[str, float]]) -> dict[str, float | None]:
    """Of both memories: the median of the last three looks over that of the first three after WARM, less 1."""
    warm = [row for row in rows if row["minutes"] >= WARM]
    found: dict[str, float | None] = {}
    for name in ("page", "server"):
        values = [row[f"{name}_mb"] for row in warm]
        enough = len(values) >= 6
        found[f"{name}_growth"] = (
            round(statistics.median(values[-3:]) / statistics.median(values[:3]) - 1, 3) if enough else None
        )
    return found


def main() -> int:
    """Run it; the exit status says whether the bars were held."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=120)
    parser.add_argument("--speed", type=float, default=4)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, serving(ROOT / "app.py", Path(folder) / "log.txt") as (url, process):
        figures = run(url, process, arguments.minutes, arguments.speed, arguments.seed)
    if arguments.json:
        print(json.dumps(figures))
    else:
        for name in ("minutes", "speed", "events", "stops", "errors", "page_growth", "server_growth"):
            print(f"{name:14} {figures[name]}")
    held = not figures["stops"] and not figures["errors"]
    for name, most in (("page_growth", PAGE_GROWTH), ("server_growth", SERVER_GROWTH)):
        held &= figures[name] is None or figures[name] <= most
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
