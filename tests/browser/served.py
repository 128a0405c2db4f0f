"""A Streamlit script behind a free port of this machine, for as long as it is looked at."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # servers are for tests without a browser too
    from playwright.sync_api import Page

ROOT = Path(__file__).resolve().parents[2]
# Streamlit's script has ended, and for so many ms nothing in the page has changed; what the player draws is not looked at.
_SETTLED = """
async (quiet) => {
    const start = performance.now(), app = () => document.querySelector("[data-testid=stApp]");
    let changed = start;
    const watch = new MutationObserver(() => { changed = performance.now(); });
    watch.observe(document.body, { subtree: true, childList: true, attributes: true, characterData: true });
    const state = () => app()?.getAttribute("data-test-script-state");
    while (performance.now() - changed < quiet || state() !== "notRunning") {
        if (performance.now() - start > 30000) throw new Error(`the page does not settle; its script is ${state()}`);
        await new Promise((go) => setTimeout(go, 50));
    }
    watch.disconnect();
}
"""
WAIT = 60  # seconds for the server's first answer
QUIET = ("--server.fileWatcherType=none", "--browser.gatherUsageStats=false")  # for scripts without our config.toml


def settled(page: Page, quiet: int = 400) -> None:
    """Wait until a page of Streamlit's is whole: its script has ended and `quiet` ms have gone by without a change."""
    page.evaluate(_SETTLED, quiet)


@contextmanager
def served(script: Path, log: Path, environment: Mapping[str, str] | None = None) -> Iterator[str]:
    """Run a script as the README runs app.py; gives its address.

    Args:
        script: run in its own folder, whose .streamlit/config.toml counts; `seda` and `tests` can be imported.
        log: file for what the server prints.
        environment: further variables.
    Raises:
        RuntimeError: the server ended or did not answer; with what it printed.
    """
    with serving(script, log, environment, QUIET) as (url, _):
        yield url


@contextmanager
def serving(
    script: Path,
    log: Path,
    environment: Mapping[str, str] | None = None,
    options: Sequence[str] = (),
    below: str = "",
) -> Iterator[tuple[str, int]]:
    """As `served`, with the server's process id too.

    Args:
        options: of `streamlit run`, beside those that a server without a person needs; later ones win.
        below: what `server.baseUrlPath` says among them, with a slash at its end.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        *(sys.executable, "-m", "streamlit", "run", str(script), "--server.headless=true"),
        *(f"--server.port={port}", "--server.address=127.0.0.1", *options),
    ]
    variables = {**os.environ, "PYTHONPATH": str(ROOT), **(environment or {})}
    with log.open("wb") as output:
        server = subprocess.Popen(command, cwd=script.parent, env=variables, stdout=output, stderr=output)
        try:
            url = f"http://127.0.0.1:{port}"
            _wait_until_healthy(f"{url}/{below}", server, log)
            yield url, server.pid
        finally:
            server.terminate()
            server.wait(timeout=20)


def _wait_until_healthy(url: str, server: subprocess.Popen, log: Path) -> None:
    end = time.monotonic() + WAIT
    while time.monotonic() < end and server.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}_stcore/health", timeout=2):
                return
        except OSError:
            time.sleep(0.2)
    raise RuntimeError(f"Streamlit did not start:\n{log.read_text(errors='replace')}")
