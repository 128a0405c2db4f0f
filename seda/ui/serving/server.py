"""What stands around Streamlit's server: the address of a page opens the app without asking for what is not there."""

from __future__ import annotations

import logging

from starlette.middleware import Middleware
from starlette.routing import Route

from seda.device import share_arenas
from seda.ui.page_list import PAGES
from seda.ui.serving.gate import App, Gate, Message, Receive, Send
from seda.ui.serving.rules import server_settings
from seda.ui.serving.stand import stand_routes
from seda.ui.serving.warm_up import WARM_UP

ADDRESSES = tuple(page.name for page in PAGES[1:])  # the first page has none

# Streamlit's page asks below its own address first (/search/_stcore/health), is told 404, waits, and only then asks the
# server itself. Hosts that embed Streamlit tell it where the server is by this object; here it lies one folder up.
_HEAD = b"<head>"
_WHERE = b'<script>window.__streamlit = {BACKEND_BASE_URL: new URL(".", location.href.split(/[?#]/)[0]).href}</script>'


class PageAddresses:
    """ASGI middleware: into the HTML at a page's address it writes where the server is. All else goes through untouched."""

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if not _is_page(scope):
            await self.app(scope, receive, send)
            return
        start: Message = {}
        body = bytearray()

        async def collect(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
                return
            if message["type"] != "http.response.body":  # such as a file's path, which was not asked for
                await send(message)
                return
            body.extend(message.get("body", b""))
            if not message.get("more_body", False):
                content = bytes(body).replace(_HEAD, _HEAD + _WHERE, 1)
                await send({**start, "headers": _headers(start["headers"], len(content))})
                await send({"type": "http.response.body", "body": content})

        await self.app(_plainly(scope), receive, collect)


def _is_page(scope: Message) -> bool:
    path = scope.get("path", "")
    return scope["type"] == "http" and scope["method"] == "GET" and path.rpartition("/")[2] in ADDRESSES


def _plainly(scope: Message) -> Message:
    """The same request for an answer that is whole, neither packed nor left out, and not on its way as a file's name."""
    asked = (b"accept-encoding", b"if-none-match", b"if-modified-since", b"range")
    headers = [(name, value) for name, value in scope["headers"] if name.lower() not in asked]
    extensions = {
        name: value for name, value in scope.get("extensions", {}).items() if name != "http.response.pathsend"
    }
    return {**scope, "headers": headers, "extensions": extensions}


def _headers(headers: list[tuple[bytes, bytes]], length: int) -> list[tuple[bytes, bytes]]:
    """Of the changed answer: its length; no tag or date of the file it was made of."""
    gone = (b"content-length", b"etag", b"last-modified")
    return [*((n, v) for n, v in headers if n.lower() not in gone), (b"content-length", str(length).encode())]


def routes() -> list[Route]:
    """What the server has beside Streamlit's pages."""
    return stand_routes()


def middleware() -> list[Middleware]:
    """What stands before Streamlit, from the outside in.

    Raises:
        ConfigError: a setting of the operator's cannot be used: better no server than one that is open by mistake.
    """
    settings = server_settings()
    share_arenas()
    if settings.warm_up:
        WARM_UP.allow()
    log = logging.getLogger("seda.refused")
    if not log.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
        log.addHandler(handler)
        log.propagate = False
    # it warns where something cached is asked for outside a page's script, as the stand does
    logging.getLogger("streamlit.runtime.scriptrunner_utils.script_run_context").setLevel(logging.ERROR)
    return [Middleware(Gate), Middleware(PageAddresses)]
