"""The stand's page: the player alone on a screen, with all that it needs inside, for days and without a way out."""

from __future__ import annotations

import base64
import hashlib
from functools import cache

from seda.player.files import FOLDER, STAND, player_font, player_script, player_style

WORKER = "stand_worker.js"

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1, maximum-scale=1, user-scalable=no">
<meta name="color-scheme" content="light dark">
<title>SeDA Explorer</title>
<link rel="icon" href="data:,">
<style>{css}</style>
</head>
<body class="sp-page sp-stand-page">
<main id="player"></main>
<noscript>This page needs JavaScript.</noscript>
<script type="module">{script}</script>
</body>
</html>
"""


@cache
def stand_page() -> tuple[str, str]:
    """The page, and its content security policy: it talks to its own server alone."""
    script = player_script(STAND) + "\nstartStand(document.getElementById('player'));\n"
    css = player_font() + player_style()
    policy = (
        f"default-src 'none'; img-src data: blob:; media-src data: blob: mediastream:; font-src data:; connect-src 'self'; "
        f"worker-src 'self'; script-src '{_digest(script)}'; style-src '{_digest(css)}'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'self'"
    )
    return _PAGE.format(css=css, script=script), policy


@cache
def worker_script() -> str:
    """The service worker, which answers from what it kept where the network does not."""
    return (FOLDER / WORKER).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
