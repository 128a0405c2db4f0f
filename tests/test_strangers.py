"""Two visitors of a real server, by Streamlit's own protocol: neither reaches anything of the other, and strangers little at all."""

from __future__ import annotations

import asyncio
import json
import shutil
import urllib.error
import urllib.request
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from seda.benchmark.visiting import Screen, Visitor, visiting
from seda.training import unfinished
from seda.training.unfinished import UPLOADS, TrainingRecord
from seda.ui.serving.visitor import COOKIE, home_of
from tests.browser.served import ROOT, served

MINE, OTHER = "m" * 43, "o" * 43  # secrets
SECONDS = 60
WORDS = ("my-secret", "my-kept", "red cup")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, aligner_dir: Path) -> Path:
    """An aligners' home in which MINE has a training that is not finished, and an aligner that is kept."""
    folder = tmp_path_factory.mktemp("strangers")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEDA_ALIGNERS", str(folder / "home"))
        record = TrainingRecord(
            "my-secret-cups", "bundled", UPLOADS, class_names=("red cup", "blue cup"), fingerprint="0"
        )
        unfinished.begin(record, home_of(MINE))
        shutil.copytree(aligner_dir, home_of(MINE) / "my-kept-cups")
    return folder


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[str]:
    environment = {"SEDA_ALIGNERS": str(folder / "home"), "SEDA_CACHE": str(folder / "cache")}
    with served(ROOT / "app.py", folder / "log.txt", environment) as url:
        yield url


def visit(url: str, do: Callable[[Visitor], Coroutine[Any, Any, Any]] | None = None, **where: str) -> Screen:
    """A page as it is at its end, after something was done on it."""

    async def go() -> Screen:
        async with visiting(url, **where) as visitor:
            await visitor.idle(SECONDS)
            if do is not None:
                await do(visitor)
                await visitor.idle(SECONDS)
            return visitor.screen

    with ThreadPoolExecutor(1) as pool:  # Playwright leaves a loop running in the thread of the browser tests
        return pool.submit(asyncio.run, go()).result(timeout=4 * SECONDS)


def everything(screen: Screen) -> str:
    """All that was sent."""
    return " ".join(str(element) for element in screen.elements.values()).replace("\\", "")


def is_there(home: Path) -> bool:
    """Whether both of MINE's still are."""
    own = next((home / ".visitors").iterdir())
    return (own / ".unfinished" / "my-secret-cups" / "training.json").is_file() and (own / "my-kept-cups").is_dir()


def cookie(secret: str) -> dict[str, str]:
    return {"Cookie": f"{COOKIE}={secret}"}


def test_a_visitor_finds_the_own_ones_by_the_browsers_cookie(server):
    screen = visit(server, page="train", **cookie(MINE))
    assert "my-secret-cups" in everything(screen) and "train.on.my-secret-cups" in screen.widgets
    assert "my-kept-cups" in everything(visit(server, page="aligner", **cookie(MINE)))


@pytest.mark.parametrize(
    ("page", "headers"),
    [("train", {}), ("train", cookie(OTHER)), ("train", cookie("../" + MINE[3:])), ("aligner", {}), ("", {})],
)
def test_another_visitor_sees_nothing_of_them(server, headers, page):
    screen = visit(server, page=page, **headers)
    assert not screen.problems
    assert not [word for word in WORDS if word in everything(screen)]


def test_another_visitor_presses_buttons_that_are_not_on_the_page(server, folder):
    mine = visit(server, page="train", **cookie(MINE)).widgets
    names = {key: name for key, name in mine.items() if "my-secret-cups" in key}
    assert len(names) == 2

    async def press(visitor: Visitor) -> None:
        really = {f"{key}.really": f"{name}.really" for key, name in names.items() if "discard" in key}
        for key in names | really:
            visitor.screen.widgets |= names | really
            await visitor.send(key)
            await visitor.idle(SECONDS)

    screen = visit(server, press, page="train", **cookie(OTHER))
    assert not [word for word in WORDS if word in everything(screen)] and is_there(folder / "home")


def test_the_own_buttons_work(server):
    """Without this the test before could not fail."""

    async def press(visitor: Visitor) -> None:
        await visitor.send("train.discard.my-secret-cups")

    assert "train.discard.my-secret-cups.really" in visit(server, press, page="train", **cookie(MINE)).widgets


@pytest.mark.slow
def test_another_visitor_asks_by_link_and_by_typed_name(server, folder):
    screen = visit(server, query="aligner=my-kept-cups&classes=a,b")
    assert "my-kept-cups" in everything(screen) and "asks for what is not there" in everything(screen)
    kept = next((folder / "home" / ".visitors").iterdir()) / "my-kept-cups"
    for typed in (
        "my-kept-cups",
        str(kept),
        str(folder / "home" / ".visitors" / ".." / ".visitors" / kept.parent.name / "my-kept-cups"),
    ):

        async def choose(visitor: Visitor, typed: str = typed) -> None:
            await visitor.send(aligner__name=typed)

        problems = visit(server, choose, page="aligner", **cookie(OTHER)).problems
        assert len(problems) == 1 and "There is no aligner" in problems[0].replace("\\", "")


def test_who_comes_through_a_proxy_is_a_stranger(server, folder):
    """Of a server that listens to this machine alone; nothing was opened."""
    screen = visit(server, page="train", **cookie(MINE), **{"X-Forwarded-For": "203.0.113.9"})
    assert "train.run" not in screen.widgets and "my-secret-cups" not in everything(screen)
    asked = urllib.request.Request(f"{server}/_stcore/metrics", headers={"X-Forwarded-For": "203.0.113.9"})
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(asked, timeout=10)

    async def type_a_folder(visitor: Visitor) -> None:
        await visitor.send(aligner__name=str(folder))

    screen = visit(server, type_a_folder, page="aligner", **{"X-Forwarded-For": "203.0.113.9"})
    assert str(folder) not in everything(screen).replace("\\", "") or screen.problems


def test_pages_bring_a_cookie_and_the_server_tells_its_health(server):
    with urllib.request.urlopen(
        urllib.request.Request(f"{server}/train", headers={"Accept": "text/html"}), timeout=10
    ) as page:
        assert page.headers["Set-Cookie"].startswith(COOKIE) and b"BACKEND_BASE_URL" in page.read()
    with urllib.request.urlopen(f"{server}/_seda/ready", timeout=10) as answer:
        assert json.load(answer)["ready"] is True
