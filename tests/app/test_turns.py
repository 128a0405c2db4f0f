"""Pages in turns: one at a time, in their order, and nobody waits for somebody who takes long."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from seda.ui.serving import line, turns
from seda.ui.serving.line import Line
from seda.ui.serving.turns import Turns

LONG = 60.0  # seconds that no test lasts


def test_one_at_a_time_in_their_order():
    pages, order, begun = Turns(LONG), [], threading.Event()
    at_once, most = 0, 0

    def draw(number: int) -> None:
        nonlocal at_once, most
        with pages.turn():
            at_once += 1
            most = max(most, at_once)
            order.append(number)
            begun.wait(LONG)
            time.sleep(0.002)
            at_once -= 1

    with ThreadPoolExecutor(8) as visitors:
        drawn = []
        for number in range(8):
            drawn.append(visitors.submit(draw, number))
            deadline = time.monotonic() + 20
            while len(pages._waiting) < number and time.monotonic() < deadline:
                time.sleep(0.001)
        begun.set()
        for one in drawn:
            one.result(20)
    assert order == list(range(8)) and most == 1


def test_nobody_waits_for_who_takes_long():
    pages, done = Turns(0.05), threading.Event()

    def slow() -> bool:
        with pages.turn():
            return done.wait(20)

    with ThreadPoolExecutor(1) as visitors:
        stuck = visitors.submit(slow)
        while pages._drawing is None:
            time.sleep(0.001)
        with pages.turn():  # two turns at once
            assert not stuck.done()
        with pages.turn():
            assert not stuck.done()
        done.set()
        assert stuck.result(20)
    assert pages._drawing is None and not pages._waiting


def test_who_gives_way_or_fails_lets_the_next_begin():
    pages = Turns(LONG)
    with pytest.raises(ZeroDivisionError), pages.turn():
        raise ZeroDivisionError
    with pages.turn():
        pages.give_way()
        with ThreadPoolExecutor(1) as visitors:
            assert visitors.submit(_draws, pages).result(20)
            visitors.submit(pages.give_way).result(20)  # without a turn, nothing
    with pages.turn():
        pass


def test_a_run_lets_other_pages_be_drawn(monkeypatch):
    pages = Turns(LONG)
    monkeypatch.setattr(line, "PAGE_TURNS", pages)
    runs = Line(lambda: 1, lambda: 5)
    with pages.turn(), runs.turn("me", lambda place: None), ThreadPoolExecutor(1) as visitors:
        assert visitors.submit(_draws, pages).result(20)


def test_a_page_is_drawn_in_its_turn(open_app, monkeypatch):
    begun = []

    class Watched(Turns):
        def turn(self):
            begun.append(True)
            return super().turn()

    monkeypatch.setattr("seda.ui.frame.PAGE_TURNS", pages := Watched(LONG))
    assert not open_app().exception
    assert begun and pages._drawing is None and turns.PATIENCE < 1


def _draws(pages: Turns) -> bool:
    with pages.turn():
        return True


def test_who_goes_last_waits_for_those_who_wait_and_no_longer():
    pages, order = Turns(LONG), []

    def draw(number: int) -> None:
        with pages.turn():
            order.append(number)

    pages.go_last()  # without a turn, nothing
    with ThreadPoolExecutor(2) as visitors:
        with pages.turn():
            pages.go_last()  # nobody waits
            waiting = [visitors.submit(draw, number) for number in range(2)]
            while len(pages._waiting) < 2:
                time.sleep(0.001)
            pages.go_last()
            order.append("last")
            assert pages._drawing == threading.get_ident()
        for one in waiting:
            one.result(20)
    assert sorted(order[:2]) == [0, 1] and order[2] == "last"
