"""The player: a journey as something that plays. One component, several hosts.

`payload.py` is what it receives, read by `web/payload.js`; `web/` is the component, plain ES modules without a build step, joined by
`files.py`; `page.py` is the page that plays without a server, `widget.py` a notebook's. The app's host, which knows Streamlit, is `seda/ui/trajectories/player.py`.
"""

from seda.player.page import to_html
from seda.player.payload import player_payload

__all__ = ["player_payload", "to_html"]
