"""Whoever asks for a run of shipped pictures that another visitor had gets it at once; of one's own pictures nothing is kept."""

from __future__ import annotations

import io
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from seda.errors import LimitError
from seda.journeys import tracing
from seda.ui.serving.line import RUNS
from seda.ui.serving.shared_runs import SHARED_RUNS, SILENT, SharedRuns, Traced
from seda.ui.trajectories import controls, examples, runs
from tests.app.conftest import press, said, state_of, type_classes, upload
from tests.tiny import CLASSES, picture
from tests.toy import toy_journey

OTHER = "red square, green disc, a blue zebra"


@pytest.fixture
def traced(monkeypatch) -> list[str]:
    """Which of the two ways to trace was gone, in turn."""
    calls: list[str] = []
    for name in ("trace_images", "retrace"):
        real = getattr(tracing, name)

        def watched(*args, real=real, name=name, **options):
            calls.append(name)
            return real(*args, **options)

        monkeypatch.setattr(tracing, name, watched)
    return calls


def test_the_second_visitor_of_a_link_does_not_compute(open_app, traced):
    first = press(type_classes(open_app(), OTHER))
    assert traced == ["retrace"]
    second = open_app(**first.query_params)
    assert traced == ["retrace"] and said(second, "error") == ""
    one, other = (state_of(app).shown for app in (first, second))
    assert other.journey is one.journey and other.origin == "run"  # its data for the player are shared, too
    press(type_classes(second, OTHER + ", a cup"))
    assert traced == ["retrace"] * 2 and state_of(second).shown.journey is not one.journey
    assert state_of(first).shown.journey is one.journey


def test_each_setting_makes_another_run(open_app, traced):
    app = press(type_classes(open_app(), OTHER))
    app.number_input(key="trajectories.seed").set_value(7).run()
    press(app)
    app.text_input(key="trajectories.template").set_value("a photo of a {}").run()
    press(app)
    assert len(traced) == 3
    press(app)
    assert len(traced) == 3
    app.number_input(key="trajectories.seed").set_value(0).run()
    app.text_input(key="trajectories.template").set_value("").run()
    press(app)
    assert len(traced) == 3


def test_what_is_known_does_not_stand_in_line(open_app, traced):
    params = press(type_classes(open_app(), OTHER)).query_params
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with RUNS.turn("somebody else", lambda place: None):
            held.set()
            done.wait(60)

    others = threading.Thread(target=hold)
    others.start()
    try:
        assert held.wait(10)
        assert state_of(open_app(**params)).shown.origin == "run" and traced == ["retrace"]
    finally:
        done.set()
        others.join()


def test_run_for_what_is_known_takes_no_place_in_line(open_app, traced, monkeypatch):
    first = press(type_classes(open_app(), OTHER))
    monkeypatch.setattr(RUNS, "turn", lambda *_: pytest.fail("a place in line was taken"))
    second = press(type_classes(open_app(), OTHER))
    assert state_of(second).shown.journey is state_of(first).shown.journey and said(second, "error") == ""


def test_who_asks_while_another_is_at_it_waits_for_that_and_the_page_is_drawn_once(open_app, traced, monkeypatch):
    params = press(type_classes(open_app(), OTHER)).query_params
    [(key, known)] = SHARED_RUNS._kept.items()
    SHARED_RUNS.clear()
    drawn, waited = [], threading.Event()
    for part, name in ((controls, "_class_texts"), (examples, "_card")):
        real = getattr(part, name)
        monkeypatch.setattr(part, name, lambda *given, real=real, name=name: (drawn.append(name), real(*given)))
    real_wait = SHARED_RUNS.wait
    monkeypatch.setattr(SHARED_RUNS, "wait", lambda *given: (waited.set(), real_wait(*given)))
    monkeypatch.setattr(RUNS, "turn", lambda *_: pytest.fail("a place in line was taken"))

    real_begin = SHARED_RUNS.begin
    asked = []

    def begin(what, who):
        if not asked:  # the other visitor was a moment earlier
            asked.append(what)
            real_begin(what, "another")
        return real_begin(what, who)

    monkeypatch.setattr(SHARED_RUNS, "begin", begin)

    def other() -> None:
        assert waited.wait(60) and drawn == ["_class_texts"]
        SHARED_RUNS.keep(key, known)
        SHARED_RUNS.end("another")

    with ThreadPoolExecutor(1) as visitors:
        at_it = visitors.submit(other)
        app = open_app(**params)
        at_it.result(60)
    assert state_of(app).shown.origin == "run" and state_of(app).shown.journey is known.journey
    assert traced == ["retrace"] and SHARED_RUNS._begun == {}
    assert drawn == ["_class_texts", "_card", "_card"]
    assert len(app.sidebar.get("image")) == len(known.journey.thumbnails)  # also before the result was there


def test_who_is_interrupted_or_silent_lets_another_begin():
    now = [0.0]
    runs = SharedRuns(clock=lambda: now[0])
    assert runs.begin("a", "me") and runs.begin("a", "me") and not runs.begin("a", "you")
    runs.end("you")
    assert not runs.begin("a", "you")
    runs.end("me")
    assert runs.begin("a", "you") and not runs.begin("a", "me")
    assert runs.begin("b", "me")
    assert runs.begin("c", "me") and runs.begin("b", "another")  # one is at one run at a time
    now[0] = SILENT
    assert not runs.begin("a", "me")
    now[0] = SILENT + 1
    assert runs.begin("a", "me") and not runs.begin("a", "you")
    runs.wait("nothing", 60)  # at once
    with ThreadPoolExecutor(1) as visitors:
        waits = visitors.submit(runs.wait, "a", 60)
        runs.end("me")
        waits.result(10)


def test_a_run_that_fails_or_is_stopped_is_nobodys(open_app, traced, monkeypatch):
    app = open_app()
    monkeypatch.setattr(runs, "_traced", lambda *_: (_ for _ in ()).throw(LimitError("Too much.")))
    press(type_classes(app, OTHER))
    assert "Too much" in said(app, "error") and SHARED_RUNS._begun == {}
    SHARED_RUNS.begin("something", state_of(app).key)
    app.run()
    assert SHARED_RUNS._begun == {}


def test_uploads_are_never_kept(open_app, traced):
    for _ in range(2):
        app = open_app()
        app.segmented_control(key="trajectories.source").set_value("Upload").run()
        content = io.BytesIO()
        picture(0, 0).save(content, "PNG")
        upload(app, [(f"{CLASSES[0]}.png", content.getvalue(), "image/png")])
        press(type_classes(app, OTHER))
        assert said(app, "error") == ""
    assert traced == ["trace_images"] * 2
    assert not SHARED_RUNS._kept


def test_those_that_nobody_asked_for_the_longest_make_room():
    journey = toy_journey()
    one = Traced(journey, (), 1.0)
    runs = SharedRuns(2 * one.size)
    runs.keep("a", one)
    runs.keep("b", replace(one, seconds=2.0))
    assert runs.find("a") is one
    runs.keep("c", replace(one, seconds=3.0))
    assert runs.find("b") is None and runs.find("a") is one and runs.find("c").seconds == 3.0
    small = SharedRuns(one.size - 1)
    small.keep("a", one)
    assert small.find("a") is None
    assert one.size == journey.trajectory.nbytes > 2 * journey.trajectory.states.nbytes
