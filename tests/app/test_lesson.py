"""The page Lesson: which journey it is told with, and the scene of a link."""

from __future__ import annotations

from dataclasses import replace

import pytest

from seda.ui import cache
from seda.ui.lesson import page
from seda.ui.lesson.page import OWN, SHIPPED, SOURCE_KEY
from tests.app.conftest import said, state_of


@pytest.fixture
def told(monkeypatch) -> list[tuple[str, int]]:
    """Title and scene of what each drawing of the page shows."""
    shown: list[tuple[str, int]] = []
    draw = page.show_player

    def spy(journey, **options):
        shown.append((journey.title, options["lesson"]))
        return draw(journey, **options)

    monkeypatch.setattr(page, "show_player", spy)
    return shown


def test_a_stored_example_leaves_the_lesson_its_own_pictures(open_app, told):
    app = open_app().switch_page("pages/lesson.py").run()
    assert not app.exception and not app.get("segmented_control")
    assert told[-1] == (cache.lesson().title, 1)


def test_what_is_on_the_screen_can_be_told_instead(open_app, told):
    app = open_app()
    state = state_of(app)
    state.shown = replace(state.shown, origin="run")  # a run of the same pictures
    app.switch_page("pages/lesson.py").run()
    assert told[-1] == (state.shown.journey.title, 1)
    app.session_state[SOURCE_KEY] = SHIPPED
    app.run()
    assert told[-1] == (cache.lesson().title, 1)
    app.session_state[SOURCE_KEY] = OWN
    app.run()
    assert told[-1] == (state.shown.journey.title, 1) and not app.exception


def test_a_link_names_its_scene(open_app, told):
    app = open_app()
    app.query_params["scene"] = "6"
    app.switch_page("pages/lesson.py").run()
    assert told[-1][1] == 6 and "There is no scene" not in said(app, "caption")
    app.query_params["scene"] = "six"
    app.run()
    assert told[-1][1] == 1 and "There is no scene six" in said(app, "caption")


@pytest.mark.parametrize(
    ("asked", "scene"), [("1", 1), ("99", 99), *((bad, 0) for bad in ("0", "-3", "٣", "100", "9" * 4000, ""))]
)
def test_scenes_that_an_address_may_name(monkeypatch, asked, scene):
    monkeypatch.setattr(page, "read_address", lambda: {"scene": asked})
    found, refused = page._scene()
    assert (found, bool(refused or not asked)) == (scene or 1, scene == 0)
