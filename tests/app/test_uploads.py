"""Uploads: what comes is told at once, shown, and can be taken away again. Where they must not go: test_search_page.py."""

from __future__ import annotations

import io

import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from seda.ui import uploads
from seda.ui.uploads import MAX_ITEMS
from tests.app.conftest import press, said, state_of, upload


def png(shade: int, size: tuple[int, int] = (8, 8)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, (shade, 0, 255 - shade)).save(buffer, "PNG")
    return buffer.getvalue()


def files(shades: range, folder: str = "") -> list[tuple[str, bytes, str]]:
    return [(f"{folder}{shade:03}.png", png(shade), "image/png") for shade in shades]


@pytest.fixture
def app(open_app) -> AppTest:
    return open_app().segmented_control(key="trajectories.source").set_value("Upload").run()


def names(app: AppTest) -> list[str]:
    return [file.name for file in state_of(app).uploads]


def tiles(app: AppTest) -> list[str]:
    return [element.proto.body for element in app.get("html") if "seda-tile" in element.proto.body]


def test_the_65th_picture_is_told_when_it_comes(app):
    upload(app, files(range(MAX_ITEMS)))
    assert len(tiles(app)) == MAX_ITEMS and f"{MAX_ITEMS} pictures" in said(app, "caption")
    assert said(app, "info") == ""
    upload(app, files(range(MAX_ITEMS + 2)))
    assert f"The first {MAX_ITEMS} are kept, 2 more were left out." in said(app, "info")
    assert names(app) == [f"{shade:03}.png" for shade in range(MAX_ITEMS)]
    app.run()
    assert "2 more were left out" in said(app, "info")  # until something else comes
    press(app, "trajectories.remove.3")
    assert said(app, "info") == "" and len(names(app)) == MAX_ITEMS - 1 and "003.png" not in names(app)
    press(app)
    assert said(app, "error") == "" and len(state_of(app).shown.journey.thumbnails) == MAX_ITEMS - 1


def test_too_many_megabytes_are_told_when_they_come(app, monkeypatch):
    monkeypatch.setattr(uploads, "MAX_TOTAL_BYTES", 3 * len(png(0)) + 5)
    upload(app, files(range(5)))
    assert "2 pictures were left out" in said(app, "info") and len(names(app)) == 3


def test_the_same_picture_is_taken_once(app):
    twice = [("a.png", png(1), "image/png"), ("b.png", png(2), "image/png"), ("copy.png", png(1), "image/png")]
    upload(app, twice)
    assert names(app) == ["a.png", "b.png"]
    assert "Here already, and taken once: copy.png." in said(app, "info")


def test_more_files_come_to_those_that_are_here_and_all_can_be_removed(app):
    upload(app, files(range(2)))
    upload(app, files(range(2, 3)))
    assert names(app) == ["000.png", "001.png", "002.png"]
    app.switch_page("pages/method.py").run()
    app.switch_page("pages/trajectories.py").run()
    assert len(tiles(app)) == 3
    upload(app, files(range(3, 4)))
    assert len(names(app)) == 4
    press(app, "trajectories.forget")
    assert names(app) == [] and tiles(app) == [] and state_of(app).read_uploads == {}
    upload(app, files(range(1)))  # as if it had never been here
    assert names(app) == ["000.png"] and said(app, "info") == ""


def test_a_folder_brings_the_pictures_of_the_folders_in_it(app):
    app.toggle(key="trajectories.folder").set_value(True).run()
    upload(app, [*files(range(2), "trip/"), *files(range(2, 4), "trip/day 1/")], kind="folder")
    assert names(app) == ["000.png", "001.png", "day 1/002.png", "day 1/003.png"]
    assert "2 pictures come from a folder inside: day 1." in said(app, "info")


def test_a_broken_picture_has_a_place_and_a_reason(app):
    bad = ("<img src=x onerror=alert(1)>.png", b"#!/bin/sh", "image/png")
    huge = ("huge.png", png(1, (8000, 8000)), "image/png")
    upload(app, [bad, huge, *files(range(1))])
    broken = [tile for tile in tiles(app) if "seda-broken" in tile]
    assert len(tiles(app)) == 3 and len(broken) == 2
    assert all("<img src=x" not in tile and "&lt;img" in tile for tile in broken if "onerror" in tile)
    assert "is not a picture" in said(app, "caption") and "64,000,000" not in said(app, "info")
    assert "huge.png has 8,000 x 8,000 pixels" in said(app, "caption")
    press(app)
    assert said(app, "error") == "" and state_of(app).shown.journey.trajectory.item_names == ("000.png",)
