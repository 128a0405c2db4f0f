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
import contextlib
import json
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.benchmarks.load import held_mb  # noqa: E402
from tests.browser.conftest import need_chromium  # noqa: E402
from tests.browser.served import serving  # noqa: E402

PAGE_GROWTH, SERVER_GROWTH = 0.20, 0.10
STILL = 60.0  # seconds without a change that count as a stop
LOOK = 5.0  # seconds between two looks
WARM = 3.0  # minutes until memory is looked at first
WAIT = 120.0  # seconds for what is asked of the page
SAMPLES = sorted((ROOT / "assets" / "samples" / "photos").glob("*.jpg"))
IDLE = 10  # seconds

_STATE = (
    "[document.body.dataset.stand, document.querySelector('.sp-root')?.dataset.step, window.sedaStand?.loops].join()"
)
_THERE = "Boolean(document.body?.dataset.stand)"
_ATTRACTS = "getComputedStyle(document.querySelector('[data-testid=stand-attract]')).display !== 'none'"


class Browser:
    """A page of a headless Chromium, over its own protocol.

    Playwright asks Chromium to keep all answers of the network for its tests: with each reload the page's process grew by the
    examples' 9 MB. Here nothing is kept.
    """

    def __init__(self, profile: Path, url: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        command = [
            *(need_chromium(), "--headless", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1280,720"),
            *(
                f"--remote-debugging-port={port}",
                "--remote-allow-origins=*",
                f"--user-data-dir={profile}",
                "about:blank",
            ),
        ]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._open = contextlib.ExitStack()
        self._page = self._find(f"http://127.0.0.1:{port}/json")
        self._sent = 0
        self.errors: list[str] = []
        self.ask("Runtime.enable")
        self.ask("Page.enable")
        self.ask("Network.enable", maxTotalBufferSize=0, maxResourceBufferSize=0)
        self.ask("Page.navigate", url=url)

    def _find(self, listing: str) -> ClientConnection:
        for _ in range(100):
            time.sleep(0.2)
            try:
                with urllib.request.urlopen(listing) as answer:
                    pages = [one for one in json.load(answer) if one["type"] == "page"]
            except OSError:  # not there yet
                continue
            if pages:
                return self._open.enter_context(connect(pages[0]["webSocketDebuggerUrl"], max_size=None))
        raise RuntimeError("Chromium does not answer.")

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """The answer to one command; uncaught errors of the page are noted."""
        self._sent += 1
        self._page.send(json.dumps({"id": self._sent, "method": method, "params": parameters}))
        while True:
            told = json.loads(self._page.recv(timeout=WAIT))
            if told.get("method") == "Runtime.exceptionThrown":
                self.errors.append(told["params"]["exceptionDetails"].get("text", "")[:200])
            if told.get("id") == self._sent:
                return told.get("result", {})

    def evaluate(self, expression: str) -> Any:
        """Its value."""
        found = self.ask("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        return found.get("result", {}).get("value")

    def wait_for(self, expression: str) -> None:
        """
        Raises:
            RuntimeError: it does not become true within WAIT seconds.
        """
        begun = time.monotonic()
        while not self.evaluate(expression):
            if time.monotonic() - begun > WAIT:
                raise RuntimeError(f"{expression} does not become true")
            time.sleep(0.2)

    def click(self, name: str) -> None:
        """Press what has this test id."""
        self.evaluate(f"document.querySelector('[data-testid={name}]').click()")

    def hand_in(self, file: Path) -> None:
        """Choose a file in the dialog."""
        document = self.ask("DOM.getDocument")["root"]["nodeId"]
        node = self.ask("DOM.querySelector", nodeId=document, selector="[data-testid=stand-file]")["nodeId"]
        self.ask("DOM.setFileInputFiles", nodeId=node, files=[str(file)])

    def resident_mb(self) -> float:
        """Of the page's process after a collection: of the renderer that has worked most."""
        self.ask("HeapProfiler.collectGarbage")
        time.sleep(1)
        best = (0, 0.0)
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if b"--type=renderer" not in (folder / "cmdline").read_bytes() or not self._is_mine(int(folder.name)):
                    continue
                spent = sum(map(int, (folder / "stat").read_text().rsplit(")", 1)[1].split()[11:13]))
                pages = int((folder / "statm").read_text().split()[1])
            except (OSError, ValueError):  # it has ended
                continue
            best = max(best, (spent, pages * os.sysconf("SC_PAGE_SIZE") / 2**20))
        return best[1]

    def _is_mine(self, process: int) -> bool:
        while process > 1:
            if process == self._process.pid:
                return True
            process = int(Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[1])
        return False

    def close(self) -> None:
        """End it."""
        self._open.close()
        self._process.terminate()
        self._process.wait(timeout=20)


def visit(page: Browser, chance: random.Random, broken: Path) -> str:
    """What a visitor does; returns it in a word."""
    page.click("stand-attract")
    what = chance.choice(["next", "picture", "picture", "broken", "dialog"])
    if what == "next":
        page.click("stand-next")
        return what
    page.click("stand-own")
    if what == "picture":
        page.hand_in(chance.choice(SAMPLES))
        page.wait_for("document.body.dataset.stand === 'own'")
    elif what == "broken":
        page.hand_in(broken)
        page.wait_for("document.querySelector('[data-testid=stand-said]').textContent.length > 20")
        page.click("stand-close")
    return what


def run(url: str, process: int, folder: Path, minutes: float, speed: float, seed: int) -> dict[str, Any]:
    """Drive a stand for so long; figures of it."""
    chance, happened = random.Random(seed), {}
    broken = folder / "no.png"
    broken.write_bytes(b"no picture")
    page = Browser(folder / "profile", f"{url}/stand?speed={speed}&idle={IDLE}")
    try:
        page.wait_for(_THERE)
        begun = changed = time.monotonic()
        state, stops, rows, looked = "", 0, [], 0.0
        while (passed := time.monotonic() - begun) < 60 * minutes:
            time.sleep(LOOK)
            now = page.evaluate(_STATE)
            if now != state:
                state, changed = now, time.monotonic()
            elif time.monotonic() - changed > STILL:
                stops, changed = stops + 1, time.monotonic()
            event = _event(page, chance, broken)
            happened[event] = happened.get(event, 0) + 1
            if passed - looked >= 60:
                looked = passed
                rows.append(
                    {
                        "minutes": round(passed / 60, 1),
                        "page_mb": round(page.resident_mb()),
                        "server_mb": round(sum(held_mb(process))),
                    }
                )
                print(rows[-1], file=sys.stderr, flush=True)
    finally:
        page.close()
    return {
        "minutes": minutes,
        "speed": speed,
        "events": happened,
        "stops": stops,
        "errors": page.errors,
        "rows": rows,
        **growth(rows),
    }


def _event(page: Browser, chance: random.Random, broken: Path) -> str:
    """Something that may happen at a stand, or nothing."""
    what = chance.random()
    if what < 0.03:
        page.ask("Page.reload")
        time.sleep(1)
        page.wait_for(_THERE)
        return "reload"
    if what < 0.05:
        for offline in (True, False):
            page.ask(
                "Network.emulateNetworkConditions",
                offline=offline,
                latency=0,
                downloadThroughput=-1,
                uploadThroughput=-1,
            )
            if offline:
                time.sleep(LOOK)
        return "offline"
    return visit(page, chance, broken) if what < 0.30 and page.evaluate(_ATTRACTS) else "nothing"


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
        figures = run(url, process, Path(folder), arguments.minutes, arguments.speed, arguments.seed)
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
