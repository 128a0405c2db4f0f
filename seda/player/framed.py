"""The page that plays without a kernel, in a frame; and what a notebook has to be asked before it gets more than that."""

from __future__ import annotations

from typing import Any

from seda import _notebook
from seda.journeys.journey import Journey
from seda.player.page import to_html

HTML = "text/html"
FRAME_HEIGHT = 640  # px: map, curves and playback; what stands below is scrolled to


def framed_page(journey: Journey) -> str:
    """The standalone page inside a frame, as HTML that can stand in any page; what is inside cannot reach that page.

    Raises:
        ConfigError: more items or states than the player can animate.
        ProjectionError: a position on a map is not finite.
    """
    # in single quotes: of these the page has few, and each that is escaped costs four characters more
    page = to_html(journey).replace("&", "&amp;").replace("'", "&#39;")
    return (
        f'<iframe title="Journey player" sandbox="allow-scripts" allow="fullscreen" '
        f"style=\"width: 100%; height: {FRAME_HEIGHT}px; border: 0\" srcdoc='{page}'></iframe>"
    )


def is_watched() -> bool:
    """Whether somebody may sit before this kernel.

    Who runs a notebook without a person (`nbconvert --execute`, papermill, nbclient) says that nothing can be asked. What they keep
    is read without a kernel, so a widget there would only need a server of its own to be shown again.
    """
    kernel = _kernel()
    if kernel is None:
        return True
    return bool(kernel.get_parent("shell").get("content", {}).get("allow_stdin", True))


def _kernel() -> Any:
    return getattr(_notebook(), "kernel", None)
