"""A Streamlit script behind a free port of this machine, for as long as it is looked at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from seda.benchmark.serving import serving

if TYPE_CHECKING:  # servers are for tests without a browser too
    from playwright.sync_api import Page

__all__ = ["QUIET", "ROOT", "served", "serving", "settled"]

ROOT = Path(__file__).resolve().parents[2]
# Streamlit's script has ended, and for so many ms nothing in the page has changed; what the player draws is not looked at.
_SETTLED = """
async (quiet) => {
    const start = performance.now(), app = () => document.querySelector("[data-testid=stApp]");
    let changed = start;
    const watch = new MutationObserver(() => { changed = performance.now(); });
    watch.observe(document.body, { subtree: true, childList: true, attributes: true, characterData: true });
    const state = () => app()?.getAttribute("data-test-script-state");
    const runs = () => state() !== "notRunning" || document.querySelector("[data-testid=stStatusWidget]"); // which fades after it
    while (performance.now() - changed < quiet || runs()) {
        if (performance.now() - start > 30000) throw new Error(`the page does not settle; its script is ${state()}`);
        await new Promise((go) => setTimeout(go, 50));
    }
    watch.disconnect();
}
"""
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
