"""What a stand's requests may ask of the server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from starlette.applications import Starlette

from seda.player.payload import PAYLOAD_VERSION
from seda.ui.serving import rules, stand

OWN = (b"x-seda-stand", b"1")
HOME, AWAY = (b"host", b"localhost"), (b"host", b"seda.example.org")


@pytest.fixture(autouse=True)
def at_home(monkeypatch: pytest.MonkeyPatch) -> None:
    options = {"server.address": "127.0.0.1", "server.baseUrlPath": "", "server.maxUploadSize": 1}
    monkeypatch.setattr(stand, "get_option", options.__getitem__)
    monkeypatch.setattr(rules.st, "get_option", options.__getitem__)
    monkeypatch.delenv("SEDA_OPEN", raising=False)
    monkeypatch.delenv("SEDA_SERVER", raising=False)


def ask(
    path: str, *headers: tuple[bytes, bytes], parts: Iterable[dict[str, Any]] = (), method: str = "POST"
) -> tuple[int, dict[str, Any]]:
    """Status and JSON of an answer; parts are the messages of the request."""
    sent: list[Any] = []
    coming = iter([*parts, {"type": "http.request", "body": b"", "more_body": False}])

    async def receive() -> dict[str, Any]:
        return next(coming)

    async def send(message: Any) -> None:
        sent.append(message)

    at, _, query = path.partition("?")
    scope = {
        "type": "http", "method": method, "path": at, "raw_path": at.encode(), "query_string": query.encode(), "root_path": "",
        "headers": list(headers), "client": ("127.0.0.1", 1), "server": ("x", 1), "scheme": "http", "http_version": "1.1",
    }  # fmt: skip
    run = Starlette(routes=stand.stand_routes())(scope, receive, send)
    with ThreadPoolExecutor(1) as pool:  # Playwright leaves a loop running in the thread of the browser tests
        pool.submit(asyncio.run, run).result(timeout=60)
    return sent[0]["status"], json.loads(b"".join(part.get("body", b"") for part in sent[1:]) or b"{}")


def body(content: bytes) -> dict[str, Any]:
    return {"type": "http.request", "body": content, "more_body": True}


def test_strangers_see_it_and_hand_in_nothing_unless_it_is_opened(monkeypatch):
    for name in ("run?words=a,b", "replay"):
        assert ask(f"/_seda/stand/{name}", AWAY, OWN)[0] == 403
        assert ask(f"/_seda/stand/{name}", HOME, OWN, (b"x-forwarded-for", b"1.2.3.4"))[0] == 403
        assert ask(f"/_seda/stand/{name}", HOME)[0] == 403  # from a page of another site
    status, told = ask("/_seda/stand/list", AWAY, method="GET")
    assert status == 200 and not told["takes"] and told["version"] == PAYLOAD_VERSION and told["examples"]
    monkeypatch.setenv("SEDA_OPEN", "stand")
    assert ask("/_seda/stand/list", AWAY, method="GET")[1]["takes"]
    assert "picture" in ask("/_seda/stand/run?words=a,b", AWAY, OWN, parts=[body(b"x")])[1]["error"]


def test_what_comes_is_bounded(monkeypatch):
    assert ask("/_seda/stand/run?words=a,b", HOME, OWN, parts=[body(bytes(2**20)), body(b"x")])[0] == 413
    assert ask("/_seda/stand/run?words=a,b", HOME, OWN, parts=[body(b"x"), {"type": "http.disconnect"}])[0] == 400
    assert not stand._under_way
    monkeypatch.setattr(stand, "MOST_AT_ONCE", 1)
    monkeypatch.setattr(stand, "_under_way", {object()})
    status, told = ask("/_seda/stand/run?words=a,b", HOME, OWN, parts=[body(b"x")])
    assert status == 503 and "Try again" in told["error"]


def test_below_another_address(monkeypatch):
    monkeypatch.setattr(stand, "get_option", {"server.baseUrlPath": "/on/show/"}.__getitem__)
    assert [route.path.startswith("/on/show/") for route in stand.stand_routes()] == [True] * 6


@pytest.mark.parametrize(
    ("words", "said"),
    [("a", "two"), ("", "none came"), ("a," * 5000, ""), ("x" * 600 + ",b", "")],
)
def test_words_that_cannot_be_used_are_said_so(words, said):
    status, told = ask(f"/_seda/stand/run?words={words}", HOME, OWN, parts=[body(b"x")])
    assert status == 200 and said in told["error"]


def test_a_phone_photo_that_is_not_read_is_told_what_to_do():
    heic = b"\0\0\0\x18ftypheic" + bytes(200)
    told = ask("/_seda/stand/run?words=a,b", HOME, OWN, parts=[body(heic)])[1]["error"]
    assert told.startswith("Your picture") and told.endswith("set the camera to JPEG.")
