"""Taking a journey away as a picture or a film, from the app."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from seda.config import SamplingConfig
from seda.export import FORMATS
from seda.export.options import ExportOptions
from seda.images import ImageFailure
from seda.ui.serving.rules import Limits
from seda.ui.serving.shared_runs import Traced
from seda.ui.state import UPLOAD, DrawRequest, NamedFile, TraceRequest
from seda.ui.trajectories import runs
from seda.ui.trajectories.links import Source
from seda.ui.trajectories.player import PlayerState
from seda.ui.trajectories.takeaway import options_at
from tests.app.test_pages import press, state_of


def downloads(app: AppTest) -> list[str]:
    return [button.proto.label for button in app.get("download_button")]


def test_a_picture_is_drawn_and_offered(open_app):
    app = open_app()
    before = len(downloads(app))
    app.selectbox(key="takeaway.size.png").set_value("1280 × 720 px").run()
    app.toggle(key="takeaway.dark").set_value(True).run()
    for _ in range(2):
        press(app, "takeaway.draw")
        assert state_of(app).problem is None and state_of(app).pending is None
        taken = state_of(app).taken
        assert taken is not None and taken.name == "journey.png"
        with Image.open(io.BytesIO(taken.content)) as picture:
            assert picture.size == (1280, 720)
            assert max(picture.convert("RGB").getpixel((2, 2))) < 60  # dark
        assert len(downloads(app)) == before + 1 and any(
            label.startswith("Download journey") for label in downloads(app)
        )
    state = state_of(app)
    state.show(replace(state.shown, journey=replace(state.shown.journey, title="another")))
    assert state.taken is None  # another journey has no picture yet


def test_what_is_drawn_is_what_the_player_shows(open_app):
    app = open_app()
    state = state_of(app)
    state.view = PlayerState(3, (1,), list(state.shown.journey.maps)[-1], False)
    still = options_at(state, ExportOptions())
    assert (still.step, still.selection, still.map) == (3, (1,), list(state.shown.journey.maps)[-1])
    assert options_at(state, ExportOptions(stills=4)).step is None
    state.taking.suffix = ".mp4"
    film = options_at(state, ExportOptions())
    assert film.step is None and film.selection == (1,)


def test_each_form_has_what_it_heeds(open_app):
    app = open_app()
    for suffix, form in FORMATS.items():
        if form.drawn:
            app.selectbox(key="takeaway.suffix").set_value(suffix).run()
            assert not app.exception
            assert any(number.key == "takeaway.seconds" for number in app.number_input) == ("seconds" in form.options)
            assert any(toggle.key == "takeaway.loop" for toggle in app.toggle) == ("loop" in form.options)


def test_what_goes_on_paper_has_the_pictures_as_they_came(open_app):
    shown = state_of(open_app()).shown
    large = io.BytesIO()
    Image.new("RGB", (900, 600), "red").save(large, "PNG")
    own = replace(shown, origin="run", originals=(NamedFile("red.png", large.getvalue()),) * 3)
    printed = runs._printed(own)
    assert {Image.open(io.BytesIO(png)).size for png in printed.thumbnails} == {(448, 299)}
    assert printed.trajectory is shown.journey.trajectory
    assert runs._printed(replace(own, originals=())) is shown.journey  # a run of features: as small as they are
    broken = replace(own, originals=(*own.originals[1:], NamedFile("no.png", b"no")))
    assert runs._printed(broken) is shown.journey


def test_the_files_of_a_run_stay_with_its_journey(open_app):
    shown = state_of(open_app()).shown
    count = len(shown.journey.thumbnails)
    files = tuple(NamedFile(f"{place}.png", bytes([place])) for place in range(count + 1))
    request = TraceRequest(files, Source(UPLOAD), "a, b", "", "", SamplingConfig())
    traced = Traced(shown.journey, (ImageFailure("3.png", "broken"),), 1.0)
    kept = runs._originals(request, traced, None)
    assert [file.name for file in kept] == [f"{place}.png" for place in range(count + 1) if place != 3]
    again = replace(request, items=shown.journey)
    assert runs._originals(again, traced, replace(shown, originals=kept)) == kept
    assert runs._originals(again, traced, None) == ()
    assert runs._originals(request, replace(traced, failures=()), None) == ()  # they do not fit


def test_strangers_may_not_ask_for_posters_of_pixels(open_app, monkeypatch):
    app = open_app()
    state = state_of(app)

    class Strict:
        limits = Limits(drawn_pixels=1000)

    monkeypatch.setattr(runs, "rules", lambda: Strict)
    with pytest.raises(runs.LimitError, match="1,000 pixels"):
        runs._drawn(DrawRequest(state.shown, ".png", ExportOptions(size=(640, 360))), lambda share, text: None)


def test_stop_ends_the_process(open_app):
    class Interrupted(BaseException):
        """As Streamlit's own, which is no Exception."""

    from seda.export.apart import encode_apart

    def on_progress(done: int, total: int) -> None:
        if done == 2:
            raise Interrupted

    with pytest.raises(Interrupted):
        encode_apart(
            state_of(open_app()).shown.journey, ".mp4", ExportOptions(size=(320, 180), seconds=60), on_progress
        )
