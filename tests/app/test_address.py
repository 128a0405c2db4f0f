"""The address follows the screen, and a link brings the screen back; ghosts, seeds and templates on the way."""

from __future__ import annotations

import numpy as np
import pytest

from seda.ui.links import EXAMPLE, SAMPLES
from seda.ui.player import PlayerState
from tests.app.conftest import STEPS, press, said, state_of, type_classes
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


def test_one_word_changed_and_run_keeps_the_earlier_picture_as_a_ghost(changed):
    shown = state_of(changed).shown
    assert said(changed, "error") == ""
    assert (shown.origin, shown.source.kind) == ("run", EXAMPLE)
    assert shown.journey.ghost is not None
    assert any("a blue zebra" in change for change in shown.journey.ghost.changes)
    assert "a blue zebra" in said(changed, "caption")
    press(changed, "trajectories.unghost")
    assert state_of(changed).shown.journey.ghost is None
    assert "trajectories.unghost" not in {button.key for button in changed.button}


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
        "map": "pca-3d", "step": "3", "selected": "1",
    }  # fmt: skip
    app = open_app(**link)
    assert said(app, "error") + said(app, "info") == ""
    state = state_of(app)
    assert (state.shown.origin, state.shown.source.kind) == ("run", SAMPLES)
    assert state.shown.journey.trajectory.item_names == ("green disc 101", "red square 100")
    assert state.shown.start == PlayerState(3, (1,), "pca-3d")
    assert state.shown.journey.trajectory.settings["template"] == "a drawn {}"
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
    app.file_uploader(key="trajectories.uploads").set_value([("secret name.png", content, "image/png")]).run()
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


def test_a_replay_is_never_in_a_link_and_keeps_its_ghost(changed, open_app):
    content = state_of(changed).shown.journey.to_bytes()
    app = open_app()
    app.file_uploader(key="trajectories.replay").set_value(("secret.safetensors", content, "")).run()
    assert app.text_area(key="trajectories.classes").value == OTHER  # Run starts from how it was made
    assert "picture before" in said(app, "caption") and app.button(key="trajectories.unghost")
    assert app.query_params["pictures"] == "replay" and "secret" not in str(app.query_params)
    assert "replay file" in said(open_app(**app.query_params), "info")
    press(type_classes(app, "red square, green disc"))
    assert state_of(app).shown.source.kind == "replay" and state_of(app).shown.journey.ghost is not None


def test_a_link_survives_other_pages_and_is_read_once(changed):
    link = dict(changed.query_params)
    shown = state_of(changed).shown
    changed.switch_page("pages/method.py").run()
    changed.query_params.clear()  # as the browser does
    changed.switch_page("pages/trajectories.py").run()
    assert changed.query_params == link
    changed.query_params["classes"] = "cat,dog"
    changed.run()
    assert state_of(changed).shown.journey is shown.journey and changed.query_params == link


def test_class_texts_too_long_for_a_link_are_left_out_and_said(open_app):
    app = press(type_classes(open_app(), ", ".join(f"a thing of number {number}" for number in range(300))))
    assert app.query_params == {}
    assert "leaves out the class texts" in said(app, "caption")


def test_selected_pictures_are_repeated_with_other_seeds(changed):
    assert changed.button(key="trajectories.repeat").disabled
    state_of(changed).view = view = PlayerState(2, (0, 2), "pca-2d")
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
    assert after.trajectory.settings["template"] == "a photo of a {}"
    assert (before.trajectory.class_text_features != after.trajectory.class_text_features).any()
    assert changed.query_params["template"] == "a photo of a {}"
    changed.text_input(key="trajectories.template").set_value("a photo").run()
    press(changed)
    assert "once is needed" in said(changed, "error")
    assert state_of(changed).shown.journey is after


def test_pictures_of_another_encoder_cannot_be_traced_again(open_app):
    app = open_app(example="toy")
    press(app)
    assert "trained on features of" in said(app, "error")
    assert state_of(app).shown.origin == "example"
