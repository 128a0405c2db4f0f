"""Models are loaded beforehand: by a server, once, and whatever happens the page goes on."""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest
from streamlit.web import cli as cli_of_streamlit

from seda.cli import ANSWERED, main
from seda.errors import WeightsError
from seda.ui import cache
from seda.ui.serving import server, warm_up
from seda.ui.serving.warm_up import WARM_UP, WarmUp, load_models

ROOT = Path(__file__).resolve().parents[2]
ENOUGH = 60.0  # seconds that no test lasts


def nobody() -> bool:
    """Nobody runs anything."""
    return False


def test_nothing_begins_without_a_server():
    warm = WarmUp(lambda: pytest.fail("no server has allowed it"), nobody, delay=0)
    warm.begin()
    assert not warm.is_coming and not warm.is_ready and not warm.wait(0.05)


@pytest.mark.parametrize(("value", "coming"), [("on", True), ("off", False)])
def test_a_server_loads_nothing_where_that_is_switched_off(monkeypatch, value, coming):
    warm = WarmUp(lambda: pytest.fail("no page has begun it"), nobody, delay=0)
    monkeypatch.setattr(server, "WARM_UP", warm)
    monkeypatch.setattr(server, "share_arenas", lambda: None)
    monkeypatch.setattr(logging.getLogger("seda.refused"), "handlers", [logging.NullHandler()])  # it keeps its own
    of_scripts = logging.getLogger("streamlit.runtime.scriptrunner_utils.script_run_context")
    monkeypatch.setattr(of_scripts, "level", of_scripts.level)
    monkeypatch.setenv("SEDA_WARM_UP", value)
    server.middleware()
    assert warm.is_coming is coming


def test_the_command_switches_it_off(monkeypatch):
    monkeypatch.setenv("SEDA_WARM_UP", "on")  # so that it is as before in the end
    monkeypatch.delenv("SEDA_WARM_UP")
    calls = []
    monkeypatch.setattr(
        cli_of_streamlit, "main", lambda args, **_: calls.append((args[2:], os.environ.get("SEDA_WARM_UP")))
    )
    for options in (["--server.port", "8600"], ["--no-warm-up", "--server.headless", "true"]):
        assert main(["app", *options]) == ANSWERED
    assert calls == [(["--server.port", "8600"], None), (["--server.headless", "true"], "off")]


def test_it_is_done_once_and_in_the_background():
    threads, go = [], threading.Event()

    def load() -> list[str]:
        go.wait(ENOUGH)
        threads.append(threading.current_thread())
        return []

    warm = WarmUp(load, nobody, delay=0)
    warm.allow()
    assert warm.is_coming and not warm.is_ready
    for _ in range(3):
        warm.begin()
    assert warm.is_coming and not threads
    go.set()
    assert warm.wait(ENOUGH) and warm.is_ready and not warm.is_coming
    warm.begin()
    assert len(threads) == 1 and threads[0] is not threading.main_thread() and threads[0].daemon


def test_it_gives_way_between_its_parts():
    done, busy, looked = [], threading.Event(), threading.Event()
    busy.set()

    def is_needed() -> bool:
        looked.set()
        return busy.is_set()

    def load() -> Iterator[None]:
        yield done.append("first")
        yield done.append("second")

    warm = WarmUp(load, is_needed, delay=0)
    warm.allow()
    warm.begin()
    assert looked.wait(ENOUGH) and not warm.wait(0.05) and done == ["first"]
    busy.clear()
    assert warm.wait(ENOUGH) and done == ["first", "second"] and warm.is_ready


@pytest.mark.parametrize("error", [WeightsError("gone"), ValueError("a fault of ours")])
def test_what_fails_is_not_ready_and_no_longer_coming(error, caplog):
    def load() -> Iterator[str]:
        yield "a part"
        raise error

    warm = WarmUp(load, nobody, delay=0)
    warm.allow()
    with caplog.at_level("INFO", warm_up.__name__):
        warm.begin()
        assert warm.wait(ENOUGH)
    assert not warm.is_ready and not warm.is_coming
    assert "were not loaded beforehand" in caplog.text


@pytest.mark.skipif(sys.platform != "linux", reason="priorities of threads are Linux's")
def test_it_stands_back_and_nothing_else_does():
    import os

    found = []

    def load() -> Iterator[None]:
        yield found.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))

    warm = WarmUp(load, nobody, delay=0)
    before = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    warm.allow()
    warm.begin()
    assert warm.wait(ENOUGH)
    assert found == [max(before, warm_up.NICENESS)]
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == before


def test_a_first_run_finds_everything_loaded(assets, monkeypatch):
    assert list(load_models()) == ["torch", "aligner and maps", "texts", "pictures", "journeys"]
    monkeypatch.setattr("seda.encoders.load_encoder", lambda *_: pytest.fail("the encoder is loaded"))
    monkeypatch.setattr("seda.aligner.load_aligner", lambda *_: pytest.fail("the aligner is loaded"))
    workbench = cache.workbench("open-vocabulary")
    assert cache.models_loaded() and {"landmarks", "pictures"} <= vars(workbench).keys()


@pytest.mark.parametrize(
    ("coming", "ready", "said"),
    [(True, False, "Models are being loaded"), (False, True, "Models ready"), (False, False, None)],
)
def test_the_page_says_so_quietly(assets, monkeypatch, coming, ready, said):
    monkeypatch.setattr(WarmUp, "is_coming", coming)
    monkeypatch.setattr(WarmUp, "is_ready", ready)
    app = AppTest.from_file(ROOT / "app.py", default_timeout=60).run()
    assert not app.exception
    assert [caption.value for caption in app.sidebar.caption if caption.value.startswith("Models")] == (
        [said] if said else []
    )
    assert WARM_UP._thread is None  # a page that is tested begins nothing
