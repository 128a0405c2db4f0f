"""Paths that were made elsewhere, opened on the first page: mapped there, shown, and refused where they are none."""

from __future__ import annotations

import io

import numpy as np

from seda.export.csv import to_csv
from seda.ui.state import PathsRequest
from tests.app.conftest import press, said, state_of, upload_paths

RNG = np.random.default_rng(0)


def npz(**arrays) -> bytes:
    content = io.BytesIO()
    np.savez(content, **arrays)
    return content.getvalue()


def test_paths_are_mapped_and_shown(open_app):
    app = open_app()
    states = RNG.normal(size=(5, 7, 2)).astype(np.float32)
    upload_paths(app, "flow.npz", npz(states=states, texts=states[:3, -1], class_names=["a", "b", "c"]))
    assert said(app, "error") == "" and state_of(app).pending is None
    shown = state_of(app).shown
    assert (
        shown.origin == "replay"
        and shown.journey.title == "flow"
        and np.array_equal(shown.journey.trajectory.states, states)
    )
    assert (
        "made elsewhere" in said(app, "caption") and "5 items, 3 words" in said(app, "caption") and not app.get("imgs")
    )
    assert list(shown.journey.maps) == ["given-2d"] and to_csv(shown.journey).count("\n") == 36
    app.switch_page("pages/lesson.py").run()
    assert (
        not app.exception and not app.get("segmented_control") and not app.get("button_group")
    )  # it is told with its own journey
    app.switch_page("pages/trajectories.py").run()
    assert not app.exception and state_of(app).shown.journey is shown.journey


def test_what_an_aligner_does_is_refused_in_a_sentence(open_app):
    """Paths of others have no encoder's features: they cannot travel again, be repeated, or make room on frozen maps."""
    app = open_app()
    upload_paths(app, "flow.npz", npz(states=RNG.normal(size=(4, 5, 2)), texts=RNG.normal(size=(2, 2))))
    shown = state_of(app).shown
    press(app)  # the words are typed, the pictures are those on the screen
    assert "encoder" in said(app, "error") and state_of(app).shown.journey is shown.journey
    press(app, "trajectories.refit")
    assert "traced with the aligner" in said(app, "error") and state_of(app).pending is None
    app.switch_page("pages/diagnose.py").run()
    assert "made elsewhere" in said(app, "info")


def test_what_is_no_path_is_said_and_the_picture_stays(open_app):
    app = open_app()
    before = state_of(app).shown
    for name, content, part in (
        ("a.npz", b"PK", "a.npz is damaged"),
        ("b.npz", npz(states=np.full((2, 3, 4), np.nan)), "Row 0 of states is not finite"),
        ("c.npz", npz(image_features=np.ones((3, 4))), "no part of paths"),
        ("d.parquet", b"PAR1", "d.parquet is damaged"),
        ("e.safetensors", b"no", "e.safetensors is damaged"),
    ):
        upload_paths(app, name, content)
        assert part in said(app, "error"), name
        assert state_of(app).shown is before and state_of(app).pending is None


def test_a_request_is_in_line_as_others(open_app):
    app = open_app()
    state = state_of(app)
    from seda.ui.state import NamedFile

    state.ask(PathsRequest(NamedFile("x.npz", npz(states=RNG.normal(size=(2, 3, 2))))))
    app.run()
    assert not app.exception and state_of(app).shown.journey.title == "x"
