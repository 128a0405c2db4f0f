"""A journey as one HTML file that plays without server and network: the app's own player, with its data inside."""

from __future__ import annotations

import base64
import hashlib
import html
import json

from seda.journeys.journey import Journey
from seda.player.files import player_font, player_script, player_style
from seda.player.payload import player_payload

# #loop in the address lets any such page play again and again.
_START = """
const page = document.getElementById("player");
mount(page, JSON.parse(document.getElementById("journey").textContent), { loop: page.dataset.loop === "true" || location.hash === "#loop" });
"""

# The policy forbids every request and every script but the one below, whatever a class name may hold.
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>{css}</style>
</head>
<body class="sp-page">
<main id="player" data-loop="{loop}"></main>
<noscript>{note}</noscript>
<script type="application/json" id="journey">{payload}</script>
<script type="module">{script}</script>
</body>
</html>
"""


def to_html(journey: Journey, *, loop: bool = False) -> str:
    """The standalone page: title, player, settings and a sentence on what distances on the map mean, in the app's look.

    Args:
        journey: what it plays.
        loop: whether it plays again and again from the start; `#loop` in its address asks for the same.
    Raises:
        ConfigError: more items or states than the player can animate.
        ProjectionError: a position on a map is not finite.
    """
    payload = player_payload(journey)
    script = player_script() + _START
    css = player_font() + player_style()
    policy = (
        f"default-src 'none'; img-src data:; media-src data:; font-src data:; script-src '{_digest(script)}'; style-src '{_digest(css)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    return _PAGE.format(
        policy=policy,
        title=html.escape(payload["title"]),
        css=css,
        loop=str(loop).lower(),
        note=html.escape(f"{payload['title']}. This page needs JavaScript to play. {payload['maps'][0]['note']}"),
        payload=embedded_json(payload),
        script=script,
    )


def embedded_json(value: object) -> str:
    """JSON that cannot end the script element it stands in, nor open a comment there."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
