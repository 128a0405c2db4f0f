"""A page's address opens the app without asking for what is not there."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from streamlit.web.server.app_discovery import discover_asgi_app

from seda.ui.serving.server import ADDRESSES, PageAddresses

ROOT = Path(__file__).resolve().parents[2]
PAGE = b"<html><head><title>x</title></head></html>"


def answer(path: str, method: str = "GET", kind: str = "http", extra: dict | None = None) -> tuple[dict, list[dict]]:
    """What the middleware asks of the server, and what it sends on."""
    asked, sent = {}, []

    async def server(scope, receive, send):
        asked.update(scope)
        await send(
            {"type": "http.response.start", "status": 200, "headers": [(b"etag", b"1"), (b"content-length", b"41")]}
        )
        await send({"type": "http.response.body", "body": PAGE[:10], "more_body": True})
        await send({"type": "http.response.body", "body": PAGE[10:]})

    async def send(message):
        sent.append(message)

    scope = {"type": kind, "method": method, "path": path, "headers": [(b"accept-encoding", b"gzip"), (b"host", b"x")]}
    run = PageAddresses(server)(scope | (extra or {}), None, send)
    with ThreadPoolExecutor(1) as pool:  # Playwright leaves a loop running in the thread of the browser tests
        pool.submit(asyncio.run, run).result(timeout=10)
    return asked, sent


@pytest.mark.parametrize("path", [f"/{ADDRESSES[0]}", f"/below/{ADDRESSES[-1]}"])
def test_a_page_is_told_where_the_server_is(path):
    asked, (start, body) = answer(path, extra={"extensions": {"http.response.pathsend": {}, "other": {}}})
    assert asked["headers"] == [(b"host", b"x")] and asked["extensions"] == {"other": {}}
    assert body["body"].startswith(b"<html><head><script>") and b"BACKEND_BASE_URL" in body["body"]
    assert body["body"].endswith(b"<title>x</title></head></html>")
    assert start["headers"] == [(b"content-length", str(len(body["body"])).encode())]


@pytest.mark.parametrize(
    ("path", "method", "kind"),
    [("/", "GET", "http"), ("/_stcore/health", "GET", "http"), ("/search", "POST", "http"), ("/search", "GET", "websocket"),
     ("/search/_stcore/health", "GET", "http"), ("/research", "GET", "http")],
)  # fmt: skip
def test_all_else_goes_through_untouched(path, method, kind):
    asked, sent = answer(path, method, kind)
    assert asked["headers"][0] == (b"accept-encoding", b"gzip")
    assert len(sent) == 3 and sent[1]["body"] + sent[2]["body"] == PAGE


def test_streamlit_finds_the_server_in_app_py():
    found = discover_asgi_app(ROOT / "app.py")
    assert (found.is_asgi_app, found.import_string) == (True, "app:app")
