"""The address follows the screen, and a link brings the screen back; ghosts, seeds and templates on the way."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from seda.card import DEFAULT_ALIGNER
from seda.errors import StorageError
from seda.ui.state import MAX_VISITED, TraceRequest
from seda.ui.trajectories import address, results, runs
from seda.ui.trajectories.links import EXAMPLE, SAMPLES
from seda.ui.trajectories.player import PlayerState
from tests.app.conftest import STEPS, press, said, state_of, type_classes, upload
from tests.tiny import CLASSES

OTHER = "red square, green disc, a blue zebra"


@pytest.fixture
def changed(open_app):
    """The stored example with other words, traced again."""
    return press(type_classes(open_app(), OTHER))


def test_the_first_example_has_the_bare_address_and_fills_the_panel(open_app):
    app = open_app()
    assert app.query_params == {}
    assert app.text_area(key="trajectories.classes").value == ", ".join([*CLASSES, "a toy"])
    assert app.slider(key="trajectories.steps").value == STEPS
    assert app.segmented_control(key="trajectories.source").value == "On screen"


def buttons(app) -> set[str]:
    return {button.key for button in app.button}


def test_the_picture_before_is_compared_with_when_it_is_asked_for(changed):
    shown = state_of(changed).shown
    assert said(changed, "error") == ""
    assert (shown.origin, shown.source.kind) == ("run", EXAMPLE)
    assert shown.journey.ghost is None and "a blue zebra" not in said(changed, "caption")
    for _ in range(2):
        assert "trajectories.uncompare" not in buttons(changed)
        press(changed, "trajectories.compare")
        compared = state_of(changed).shown
        assert compared.journey.trajectory is shown.journey.trajectory  # so the player stays where it is
        assert any("a blue zebra" in change for change in compared.journey.ghost.changes)
        assert "a blue zebra" in said(changed, "caption")
        assert "trajectories.compare" not in buttons(changed)
        press(changed, "trajectories.uncompare")
        assert state_of(changed).shown.journey.ghost is None and "a blue zebra" not in said(changed, "caption")


def test_a_comparison_is_offered_only_where_there_is_one(open_app):
    app = open_app()
    assert "trajectories.compare" not in buttons(app)
    press(app)  # nothing was changed
    assert "trajectories.compare" not in buttons(app)
    app.segmented_control(key="trajectories.source").set_value("Samples").run()
    press(app, "trajectories.samples.none")
    app.sidebar.checkbox[1].check().run()  # a picture that was not there before
    press(type_classes(app, OTHER))
    assert state_of(app).shown.origin == "run" and "trajectories.compare" not in buttons(app)
    press(type_classes(app, "red square, a sock"))
    assert "trajectories.compare" in buttons(app)
    press(app, "trajectories.example.toy")
    assert "trajectories.compare" not in buttons(app)


def test_a_link_brings_a_run_of_the_examples_pictures_back(changed, open_app):
    assert changed.query_params == {"classes": OTHER.replace(", ", ",")}
    again = open_app(**changed.query_params)
    first, second = (state_of(app).shown.journey.trajectory for app in (changed, again))
    assert state_of(again).pending is None and said(again, "info") == ""
    assert second.class_names == first.class_names
    assert np.array_equal(second.states, first.states)
    assert again.query_params == changed.query_params
    assert again.text_area(key="trajectories.classes").value == OTHER


def test_a_link_brings_samples_settings_and_view_back(open_app):
    link = {
        "samples": "red square 100,green disc 101", "classes": "red square,blue stripes", "template": "a drawn {}",
        "sampler": "ddpm", "steps": "5", "strength": "0.7", "guidance": "2", "seed": "9",
        "map": "umap-3d", "step": "3", "selected": "1",
    }  # fmt: skip
    app = open_app(**link)
    assert said(app, "error") + said(app, "info") == ""
    state = state_of(app)
    assert (state.shown.origin, state.shown.source.kind) == ("run", SAMPLES)
    assert state.shown.journey.trajectory.item_names == ("green disc 101", "red square 100")
    assert state.shown.start == PlayerState(3, (1,), "umap-3d")
    assert state.shown.journey.trajectory.settings.template == "a drawn {}"
    assert "template “a drawn {}”" in said(app, "caption")
    assert app.segmented_control(key="trajectories.source").value == "Samples"
    assert app.text_input(key="trajectories.template").value == "a drawn {}"
    assert app.query_params == link | {"samples": "green disc 101,red square 100"}
    press(app)  # the same again: the panel holds what the link said
    assert {name: app.query_params[name] for name in link if name not in ("samples", "map", "step", "selected")} == {
        name: value for name, value in link.items() if name not in ("samples", "map", "step", "selected")
    }


def test_a_link_to_a_stored_example_computes_nothing(open_app):
    app = open_app(example="toy", step="2", selected="0,1")
    shown = state_of(app).shown
    assert shown.origin == "example" and shown.journey.title == "Toy journey"
    assert (shown.start.step, shown.start.selection) == (2, (0, 1))
    assert app.query_params == {"example": "toy", "step": "2", "selected": "0,1"}
    press(app, "trajectories.example.01-shapes")
    assert app.query_params == {}


def test_what_a_link_asks_for_in_vain_is_said_in_one_line(open_app):
    app = open_app(aligner="nowhere", step="999", map="mars", seed="-1", classes="alone")
    assert said(app, "error") == ""
    assert len(app.info) == 1
    for words in ("nowhere", "999", "mars", "-1", "alone"):
        assert words in said(app, "info")
    assert state_of(app).shown.origin == "example" and app.query_params == {}


def test_pictures_of_a_visitor_are_never_in_a_link(open_app, pictures):
    app = open_app()
    app.segmented_control(key="trajectories.source").set_value("Upload").run()
    content = sorted(pictures.glob("*.png"))[0].read_bytes()
    upload(app, [("secret name.png", content, "image/png")])
    press(type_classes(app, OTHER))
    link = dict(app.query_params)
    assert link["pictures"] == "uploads" and "secret" not in str(link)

    other = open_app(**link)
    assert "were uploads" in said(other, "info")
    assert state_of(other).shown.origin == "example"
    assert other.segmented_control(key="trajectories.source").value == "Upload"
    assert other.text_area(key="trajectories.classes").value == OTHER
    assert other.query_params == link  # so that it can be loaded again
    other.segmented_control(key="trajectories.source").set_value("On screen").run()
    press(other)
    assert said(other, "error") + said(other, "info") == "" and state_of(other).shown.origin == "run"
    assert other.query_params == {"classes": link["classes"]}


def test_a_replay_is_never_in_a_link_and_keeps_its_comparison(changed, open_app):
    press(changed, "trajectories.compare")
    content = state_of(changed).shown.journey.to_bytes()
    app = open_app()
    app.file_uploader(key="trajectories.replay").set_value(("secret.safetensors", content, "")).run()
    assert app.text_area(key="trajectories.classes").value == OTHER  # Run starts from how it was made
    assert "picture before" in said(app, "caption") and app.button(key="trajectories.uncompare")
    assert app.query_params["pictures"] == "replay" and "secret" not in str(app.query_params)
    assert "replay file" in said(open_app(**app.query_params), "info")
    press(type_classes(app, "red square, green disc"))
    assert state_of(app).shown.source.kind == "replay" and state_of(app).shown.before is not None


def test_a_link_survives_other_pages(changed):
    link = dict(changed.query_params)
    shown = state_of(changed).shown
    changed.switch_page("pages/method.py").run()
    changed.query_params.clear()  # as the browser does
    changed.switch_page("pages/trajectories.py").run()
    assert changed.query_params == link
    changed.run()
    assert state_of(changed).shown.journey is shown.journey and changed.query_params == link


def go(app, **params: str):
    """To another address of the same session, as with Back and Forward."""
    app.query_params.clear()
    app.query_params.update(params)
    app.run()
    assert app.query_params == params  # or the way forward would be lost
    return state_of(app)


def test_back_and_forward_show_what_was_there(changed, monkeypatch):
    monkeypatch.setattr(address, "ON_ITS_WAY", 0.0)
    first, link = state_of(changed).shown, dict(changed.query_params)
    press(type_classes(changed, CLASSES[0] + ", a sock"))
    second, other = state_of(changed).shown, dict(changed.query_params)
    state = go(changed, **link, step="3")
    assert state.shown.journey is first.journey and state.shown.start.step == 3 and state.pending is None
    assert changed.text_area(key="trajectories.classes").value == OTHER
    state = go(changed)
    assert state.shown.origin == "example"
    assert changed.text_area(key="trajectories.classes").value == ", ".join([*CLASSES, "a toy"])
    assert go(changed, **other).shown.journey is second.journey
    changed.run()
    assert state.shown.journey is second.journey and changed.query_params == other


def test_an_address_of_the_session_that_is_not_kept_is_a_link_again(changed, monkeypatch):
    monkeypatch.setattr(address, "ON_ITS_WAY", 0.0)
    link = dict(changed.query_params)
    before = state_of(changed).shown
    state = go(changed, classes="red square,a sock")
    assert state.shown.journey.trajectory.class_names == ("red square", "a sock")
    state.visited.clear()
    state = go(changed, **link)
    assert np.array_equal(state.shown.journey.trajectory.states, before.journey.trajectory.states)
    state.visited.clear()
    assert go(changed).shown.origin == "example"
    state = go(changed, pictures="uploads")
    assert "were uploads" in said(changed, "info")
    assert go(changed, **link).shown.origin == "run" and state.kept_address is None


def test_an_address_that_is_still_on_its_way_is_no_return(changed):
    shown, link = state_of(changed).shown, dict(changed.query_params)
    before = state_of(changed).written_at
    changed.query_params.clear()  # the browser has not yet got what was written a moment ago
    changed.run()
    assert state_of(changed).shown is shown
    assert changed.query_params == {} and state_of(changed).written_at == before  # a second entry would break Back
    changed.query_params.update(link)
    changed.run()
    assert state_of(changed).shown is shown and changed.query_params == link


def test_a_run_goes_on_after_another_page_and_a_click(changed, monkeypatch):
    monkeypatch.setattr(address, "ON_ITS_WAY", 0.0)
    state, link = state_of(changed), dict(changed.query_params)
    with monkeypatch.context() as patch:
        patch.setattr(runs, "run_pending", lambda state: None)  # as if it took long
        changed.switch_page("pages/method.py").run()
        changed.query_params.clear()
        asked = TraceRequest(state.shown.journey, state.shown.source, "cat, dog", "", state.aligner, state.sampling)
        state.ask(asked)
        changed.switch_page("pages/trajectories.py").run()
        changed.run()
        assert state.pending is asked and changed.query_params == {}
    changed.run()
    assert state.shown.journey.trajectory.class_names == ("cat", "dog")
    assert changed.query_params == link | {"classes": "cat,dog"}


def test_only_so_many_pictures_are_kept(changed):
    state = state_of(changed)
    for number in range(2 * MAX_VISITED):
        state.remember(str(number))
    assert list(state.visited) == [str(number) for number in range(MAX_VISITED, 2 * MAX_VISITED)]


def test_large_pictures_are_kept_less_often(changed, monkeypatch):
    state = state_of(changed)
    journey = state.shown.journey
    size = journey.trajectory.nbytes
    monkeypatch.setattr("seda.ui.state.VISITED_BYTES", 3 * size)

    def visit(number: int, *, anew: bool) -> None:
        path = replace(journey.trajectory, states=journey.trajectory.states.copy()) if anew else journey.trajectory
        state.shown = replace(state.shown, journey=replace(journey, trajectory=path))
        state.remember(str(number))

    state.visited.clear()
    for number in range(5):  # the same paths, shown in other ways
        visit(number, anew=False)
    assert len(state.visited) == 5
    for number in range(5, 10):
        visit(number, anew=True)
    assert list(state.visited) == ["7", "8", "9"]
    monkeypatch.setattr("seda.ui.state.VISITED_BYTES", 1)
    visit(10, anew=True)
    assert list(state.visited) == ["9", "10"]  # there is always a way back


def test_what_a_links_run_has_to_say_is_shown(open_app, monkeypatch):
    def fail(*args):
        raise StorageError("The disk is full.")

    monkeypatch.setattr(runs, "_trace", fail)
    app = open_app(classes="cat,dog")
    assert "The disk is full" in said(app, "error")
    assert state_of(app).shown.origin == "example" and state_of(app).pending is None


def test_an_example_that_is_opened_during_a_run_ends_it(changed):
    state = state_of(changed)
    state.ask(TraceRequest(state.shown.journey, state.shown.source, OTHER, "", state.aligner, state.sampling))
    press(changed, "trajectories.example.toy")
    assert state.pending is None and state.shown.journey.title == "Toy journey"


def test_a_private_link_keeps_the_player_from_its_address(open_app, monkeypatch):
    told = []

    def show(*args, address: bool, **options):
        told.append(address)
        return PlayerState()

    monkeypatch.setattr(results, "show_player", show)
    app = open_app(pictures="uploads")
    press(app, "trajectories.example.toy")
    assert told[0] is False and told[-1] is True


@pytest.mark.parametrize("compared", [False, True])
def test_the_same_run_again_can_be_compared_with_the_same(changed, compared):
    if compared:
        press(changed, "trajectories.compare")
    before = state_of(changed).shown
    changes = (before.journey.ghost if compared else before.before).changes
    press(changed)
    after = state_of(changed).shown
    assert after.journey is not before.journey and after.journey.ghost is None and after.before.changes == changes


def test_what_is_added_to_a_picture_leaves_the_player_where_it_is(open_app):
    state = state_of(open_app(step="2"))
    shown = state.shown
    state.view = PlayerState(4)
    state.hold_view()  # as when the page was left meanwhile
    state.show(replace(shown, notes=("More.",)))
    assert state.shown.start == state.view == PlayerState(4) and state.shown.notes == ("More.",)


def test_repeat_and_refit_use_the_aligner_of_the_picture(changed, monkeypatch):
    asked = []
    monkeypatch.setattr(runs, "_repeat", lambda request, report: asked.append(request) or request.shown)
    monkeypatch.setattr(runs, "_refit", lambda request, report: asked.append(request) or request.shown)
    state = state_of(changed)
    state.view = PlayerState(2, (0,), "pca-2d")
    changed.switch_page("pages/method.py").run()
    state.aligner = "nowhere"
    changed.switch_page("pages/trajectories.py").run()
    press(changed, "trajectories.repeat")
    press(changed, "trajectories.refit")
    assert [request.aligner for request in asked] == [DEFAULT_ALIGNER, DEFAULT_ALIGNER]


def test_class_texts_too_long_for_a_link_are_left_out_and_said(open_app):
    app = press(type_classes(open_app(), ", ".join(f"a thing of number {number}" for number in range(300))))
    assert app.query_params == {}
    assert "leaves out the class texts" in said(app, "caption")


def test_selected_pictures_are_repeated_with_other_seeds(changed):
    assert changed.button(key="trajectories.repeat").disabled
    state_of(changed).view = view = PlayerState(2, (0, 2), "pca-2d")
    press(changed, "trajectories.compare")
    changed.selectbox(key="trajectories.seeds").set_value(4).run()
    press(changed, "trajectories.repeat")
    shown = state_of(changed).shown
    assert said(changed, "error") == ""
    assert [(cloud.item, len(cloud.seeds)) for cloud in shown.journey.clouds] == [(0, 4), (2, 4)]
    assert state_of(changed).view == view  # the player goes on where it stands
    assert "4 seeds for 2 pictures took" in said(changed, "caption")
    assert shown.journey.ghost is not None
    press(changed, "trajectories.repeat")
    assert len(state_of(changed).shown.journey.clouds) == 2


def test_the_template_is_used_checked_and_told(changed):
    before = state_of(changed).shown.journey
    changed.text_input(key="trajectories.template").set_value("a photo of a {}").run()
    press(changed)
    after = state_of(changed).shown.journey
    assert after.trajectory.settings.template == "a photo of a {}"
    assert (before.trajectory.class_text_features != after.trajectory.class_text_features).any()
    assert changed.query_params["template"] == "a photo of a {}"
    changed.text_input(key="trajectories.template").set_value("a photo").run()
    press(changed)
    assert "once is needed" in said(changed, "error")
    assert state_of(changed).shown.journey is after


def test_pictures_of_another_encoder_cannot_be_traced_again(open_app):
    app = open_app(example="toy")
    press(app)
    assert "looks at pictures with the encoder" in said(app, "error")
    assert state_of(app).shown.origin == "example"
