"""Whether loading the models in the background is seen: `python tests/benchmarks/warm_up.py [--seconds 5] [--json]`.

The app as README starts it, fresh, and a real Chromium without a GPU that plays its first example over and over: frames a second from the
first picture until the page says "Models ready", and for --seconds after that. The bar is that of the player, 30. Exit status 1 below it.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from playwright.sync_api import Page, sync_playwright  # noqa: E402

from seda.benchmark.serving import serving  # noqa: E402
from tests.browser.conftest import find_chromium  # noqa: E402

BAR = 30.0  # frames a second
PATIENCE = 120.0  # seconds until models are ready
# Counts frames of the page, and presses Play wherever the player has come to its end
COUNT = """
() => {
    window.counted = { frames: 0, longest: 0, last: performance.now(), begun: performance.now() };
    const look = (now) => {
        const counted = window.counted;
        counted.frames += 1;
        counted.longest = Math.max(counted.longest, now - counted.last);
        counted.last = now;
        const root = document.querySelector("[data-testid=player-root]");
        if (root && root.dataset.playing === "false") root.querySelector("[data-testid=play]").click();
        requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
}
"""
READ = """
() => {
    const { frames, longest, begun } = window.counted, now = performance.now();
    window.counted = { frames: 0, longest: 0, last: now, begun: now };
    return { fps: (1000 * frames) / (now - begun), longest_ms: longest, seconds: (now - begun) / 1000 };
}
"""


def measure(page: Page, url: str, seconds: float) -> dict[str, Any]:
    """Frames while models are loaded, and afterwards."""
    page.goto(url)
    page.get_by_test_id("player-root").wait_for(timeout=60_000)
    page.evaluate(COUNT)
    end = time.monotonic() + PATIENCE
    while not page.get_by_text("Models ready", exact=True).count():
        if time.monotonic() > end:
            raise SystemExit(f"The page did not say within {PATIENCE:.0f} s that models are ready.")
        page.wait_for_timeout(250)
    loading = page.evaluate(READ)
    page.wait_for_timeout(1000 * seconds)
    return {"loading": loading, "ready": page.evaluate(READ), "bar_fps": BAR, "reached": loading["fps"] >= BAR}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=5.0, metavar="S", help="to count afterwards")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    if (path := find_chromium()) is None:
        raise SystemExit("No Chromium on the PATH (install Debian's chromium, or set SEDA_CHROMIUM).")
    with tempfile.TemporaryDirectory(prefix="seda-warm-up-") as name, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-dev-shm-usage"])
        page = browser.new_page(viewport={"width": 1280, "height": 720})
        environment = {"SEDA_ALIGNERS": str(Path(name) / "aligners")}
        with serving(ROOT / "app.py", Path(name) / "log.txt", environment) as (url, _):
            found = measure(page, url, arguments.seconds)
        browser.close()
    if arguments.json:
        print(json.dumps(found, indent=2))
    else:
        for part in ("loading", "ready"):
            row = found[part]
            print(
                f"{part:8} {row['fps']:5.1f} frames a second for {row['seconds']:.1f} s, the longest {row['longest_ms']:.0f} ms"
            )
        print("reached" if found["reached"] else "MISSED", f"(loading, at least {BAR:g})")
    return 0 if found["reached"] else 1


if __name__ == "__main__":
    sys.exit(main())
