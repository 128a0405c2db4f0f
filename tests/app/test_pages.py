"""Every page opens, empty and with state; every main button survives a second click; bad input is said."""

from __future__ import annotations

import shutil
from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from seda.card import DEFAULT_ALIGNER
from seda.cli import make_parser
from seda.config import DENOISERS, SAMPLERS, SamplingConfig
from seda.errors import FingerprintError
from seda.export import FORMATS, ExportFormat, export_format
from seda.export.encoded import Encoded
from seda.journeys.journey import Journey
from seda.projection import refit
from seda.storage import arrays_from_bytes, arrays_to_bytes
from seda.ui import cache
from seda.ui.page_list import PAGES
from seda.ui.state import TraceRequest
from seda.ui.trajectories.links import SAMPLES, Source
from seda.ui.trajectories.player import PlayerState
from seda.ui.trajectories.runs import _seen_anew
from tests.app.conftest import STEPS, press, said, state_of, type_classes, upload
from tests.tiny import CLASSES
from tests.toy import toy_journey

MADE_OF_WORDS = ("pca", "words")  # maps by these names have nothing to refit, or are another for other words
PAGE_FILES = [f"pages/{page.name}.py" for page in PAGES]


def use_samples(app: AppTest) -> AppTest:
    return app.segmented_control(key="trajectories.source").set_value("Samples").run()


def use_uploads(app: AppTest) -> AppTest:
    return app.segmented_control(key="trajectories.source").set_value("Upload").run()


def choose_aligner(app: AppTest, name: str) -> AppTest:
    """As by typing: AppTest's own selectbox knows only the options that are there."""
    app.switch_page("pages/method.py").run()
    state_of(app).aligner = name
    return app.switch_page("pages/trajectories.py").run()


def errors(app: AppTest) -> str:
    return said(app, "error")


@pytest.fixture
def after_a_run(open_app) -> AppTest:
    app = type_classes(use_samples(open_app()), ", ".join(CLASSES))
    press(app)
    assert errors(app) == ""
    assert state_of(app).shown.origin == "run"
    return app


def test_an_open_server_may_leave_the_train_page_out(open_app, monkeypatch):
    app = open_app()
    assert app.switch_page("pages/train.py").run().title[0].value == "Train"
    monkeypatch.setenv("SEDA_TRAINING", "off")
    app = open_app()
    with pytest.raises(ValueError, match=r"train\.py"):
        app.switch_page("pages/train.py")
    assert app.switch_page("pages/search.py").run().title[0].value == "Search"


def test_a_stored_example_is_there_at_once(open_app):
    app = open_app()
    shown = state_of(app).shown
    assert shown.origin == "example"
    assert shown.journey.title == "Three shapes"


@pytest.mark.parametrize("page", PAGE_FILES)
def test_pages_open_without_state(open_app, page):
    app = open_app().switch_page(page).run()
    assert errors(app) == ""


@pytest.mark.parametrize("page", PAGE_FILES)
def test_pages_open_with_state(after_a_run, page):
    app = after_a_run.switch_page(page).run()
    assert errors(app) == ""
    app.run()
    assert errors(app) == ""


def test_run_answers_and_a_second_click_gives_the_same(after_a_run):
    first = state_of(after_a_run).shown.journey
    assert first.trajectory.class_names == CLASSES
    assert first.trajectory.states.shape[:2] == (6, 2 * STEPS + 3)
    press(after_a_run)
    second = state_of(after_a_run).shown.journey
    assert second is not first
    assert (second.positions.states == first.positions.states).all()
    answers = [CLASSES[index] for index in second.trajectory.class_probabilities.argmax(1)]
    assert answers == [name.rsplit(" ", 1)[0] for name in second.trajectory.item_names]
    assert second.ghost is None and first.ghost is None


def test_results_and_choices_survive_another_page(after_a_run):
    type_classes(after_a_run, "red, green, blue")
    shown = state_of(after_a_run).shown
    after_a_run.switch_page("pages/method.py").run()
    after_a_run.switch_page("pages/trajectories.py").run()
    assert state_of(after_a_run).shown is shown
    assert after_a_run.text_area(key="trajectories.classes").value == "red, green, blue"
    assert after_a_run.slider(key="trajectories.steps").value == STEPS
    assert after_a_run.segmented_control(key="trajectories.source").value == "Samples"


def test_uploads_with_bad_files_among_them(open_app, pictures):
    good = sorted(pictures.glob("*.png"))[0].read_bytes()
    files = [
        ("good.png", good, "image/png"),
        ("[bad](x) <b>.png", b"no picture", "image/png"),
        ("empty.gif", b"", "image/gif"),
    ]
    app = use_uploads(open_app())
    upload(app, files)
    press(app)
    assert errors(app) == ""
    assert state_of(app).shown.journey.trajectory.item_names == ("good.png",)
    left_out = said(app, "warning")
    assert "2 pictures were left out" in left_out
    assert "[bad](x) <b>.png" in left_out
    assert "empty.gif is empty" in left_out


def test_only_bad_files(open_app):
    app = use_uploads(open_app())
    upload(app, [("x.png", b"no", "image/png")])
    press(app)
    assert "None of the pictures could be read" in errors(app)
    assert state_of(app).shown.origin == "example"
    assert state_of(app).uploads[0].name == "x.png"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "At least 2"),
        ("cat", 'only "cat" came'),
        (" , \n ,", "none came"),
        ("cat, Cat", "At least 2"),
        ("dog, " + "x" * 10_000, "10000 characters"),
    ],
)
def test_class_lists_that_cannot_be_used(open_app, text, words):
    app = press(type_classes(use_samples(open_app()), text))
    assert words in errors(app)
    assert app.text_area(key="trajectories.classes").value == text
    assert state_of(app).shown.origin == "example"
    press(app)
    assert words in errors(app)


def test_unusual_class_texts_stay_text(after_a_run):
    names = ("<script>alert(1)</script>", "**bold** :red[x]", "كلب", "👗", "$x$")
    app = press(type_classes(after_a_run, ", ".join([*names, "$X$", ""])))
    assert errors(app) == ""
    assert state_of(app).shown.journey.trajectory.class_names == names
    assert any("Repeated class texts" in element.value for element in app.info)
    (unread,) = (element.value for element in app.info if "cannot make sense of" in element.value)
    assert "كلب" in unread and "👗" in unread and "bold" not in unread


def test_500_class_texts(after_a_run):
    app = press(type_classes(after_a_run, ", ".join(f"thing {number}" for number in range(500))))
    assert errors(app) == ""
    assert len(state_of(app).shown.journey.trajectory.class_names) == 500


def test_nothing_chosen(open_app):
    app = press(use_uploads(open_app()))
    assert "No picture is chosen" in errors(app)
    press(app)
    use_samples(app)
    press(app, "trajectories.samples.none")
    press(app)
    assert "No picture is chosen" in errors(app)
    press(app, "trajectories.samples.all")
    press(app)
    assert errors(app) == ""


def test_presets_fill_the_class_texts(open_app):
    app = open_app()
    for _ in range(2):
        app.pills(key="trajectories.presets").set_value("Footwear or not").run()
        assert app.text_area(key="trajectories.classes").value == "footwear, clothing, bag"
        type_classes(app, "something, else")


def test_a_replay_opens_and_a_damaged_one_is_said(open_app):
    content = toy_journey(items=3, seed=5).to_bytes()
    app = open_app()
    app.file_uploader(key="trajectories.replay").set_value(("mine.safetensors", content, "")).run()
    assert errors(app) == ""
    assert state_of(app).shown.origin == "replay"
    assert len(state_of(app).shown.journey.trajectory.item_names) == 3
    app.file_uploader(key="trajectories.replay").set_value(("cut.safetensors", content[:-50], "")).run()
    assert "cut.safetensors is damaged" in errors(app)
    assert state_of(app).shown.origin == "replay"
    press(app, "trajectories.example.toy")
    press(app, "trajectories.example.toy")
    assert state_of(app).shown.origin == "example"


def test_replays_that_make_no_sense_are_said(open_app):
    journey = toy_journey()
    nowhere = replace(journey.positions, states=journey.positions.states * np.nan)
    moved = replace(journey.positions, about={**journey.positions.about, "drift": {"median": "far"}})
    timeless = toy_journey(seed=1)
    timeless.trajectory.stages[:] = 0
    arrays, metadata = arrays_from_bytes(journey.to_bytes(), "it")
    odd = arrays_to_bytes(arrays, metadata | {"settings": {"sampling": "none", "scale": [1]}})
    app = open_app()
    for number, (broken, words) in enumerate(
        [
            (replace(journey, maps={"umap-2d": nowhere}).to_bytes(), "not finite"),
            (timeless.to_bytes(), "incomplete replay"),
            (replace(journey, maps={"umap-2d": moved}).to_bytes(), ""),
            (odd, "settings.scale"),
        ]
    ):
        app.file_uploader(key="trajectories.replay").set_value((f"{number}.safetensors", broken, "")).run()
        assert words in errors(app)
    assert state_of(app).shown.origin == "replay"


def test_the_replay_download_opens_again(after_a_run, tmp_path):
    shown = state_of(after_a_run).shown.journey
    again = Journey.load(shown.save(tmp_path / "journey.safetensors"))
    assert again.trajectory.class_names == shown.trajectory.class_names


def test_an_unknown_aligner_is_said(open_app):
    app = use_samples(open_app())
    choose_aligner(app, "nowhere")
    press(app)
    assert "no aligner 'nowhere'" in errors(app)
    app.switch_page("pages/aligner.py").run()
    assert "no aligner 'nowhere'" in errors(app)


def test_a_damaged_aligner_is_said(open_app, assets, tmp_path):
    folder = tmp_path / "damaged"
    shutil.copytree(assets / "aligners" / DEFAULT_ALIGNER, folder)
    content = bytearray((folder / "map-umap-2d.safetensors").read_bytes())
    content[-1] ^= 255
    (folder / "map-umap-2d.safetensors").write_bytes(content)
    app = use_samples(open_app())
    choose_aligner(app, str(folder))
    press(app)
    assert "map-umap-2d.safetensors is damaged" in errors(app)


def test_another_sampler_and_seed_change_the_path(after_a_run):
    before = state_of(after_a_run).shown.journey
    after_a_run.selectbox(key="trajectories.sampler").set_value("ddpm").run()
    after_a_run.number_input(key="trajectories.seed").set_value(5).run()
    press(after_a_run)
    after = state_of(after_a_run).shown.journey
    assert after.trajectory.settings.sampling.seed == 5
    assert (before.positions.states != after.positions.states).any()
    caption = said(after_a_run, "caption")
    assert "sampler ddpm" in caption and "seed 5" in caption and "reference points" in caption


def test_the_maps_are_refitted_for_the_class_texts_and_say_how_far_old_points_moved(after_a_run, monkeypatch):
    monkeypatch.setattr("seda.projection.refit.RefitConfig", partial(refit.RefitConfig, steps=10))
    before = state_of(after_a_run).shown.journey
    press(after_a_run, "trajectories.refit")
    assert errors(after_a_run) == "" and state_of(after_a_run).pending is None
    after = state_of(after_a_run).shown.journey
    assert after.trajectory is before.trajectory and list(after.maps) == list(before.maps)
    for name, positions in after.maps.items():
        assert ("drift" in positions.about) == (not name.startswith(MADE_OF_WORDS))
        assert name.startswith(MADE_OF_WORDS) or positions.about["drift"]["p95"] <= 0.05
    caption = said(after_a_run, "caption")
    assert "Old points have moved" in caption and "UMAP 3-D: median" in caption
    assert after_a_run.button(key="trajectories.refit").disabled  # until there is something new to fit to
    state_of(after_a_run).view = PlayerState(2, (0,), "pca-2d")
    after_a_run.run()
    repeat = after_a_run.button(key="trajectories.repeat")
    assert repeat.disabled and "maps were changed" in repeat.help  # until they are traced again
    press(type_classes(after_a_run, "red square, a sock"))
    assert not after_a_run.button(key="trajectories.refit").disabled
    assert state_of(after_a_run).shown.journey.ghost is None
    press(after_a_run, "trajectories.compare")
    again = state_of(after_a_run).shown.journey
    assert "drift" not in again.positions.about
    for name in (name for name in before.maps if not name.startswith(MADE_OF_WORDS)):
        positions = before.maps[name]  # the ghost lies where the pictures were before the refit
        np.testing.assert_allclose(again.ghost.states[name], positions.states, atol=1e-4)
        np.testing.assert_allclose(again.ghost.texts[name], positions.texts, atol=1e-4)


def test_the_number_of_chosen_samples_is_that_of_the_boxes(open_app):
    app = use_samples(open_app())
    assert "6 of 6 chosen" in said(app, "caption")
    app.sidebar.checkbox[0].uncheck().run()
    assert "5 of 6 chosen" in said(app, "caption")


def test_a_replay_without_settings_is_said_when_it_is_repeated(after_a_run):
    journey = state_of(after_a_run).shown.journey
    odd = replace(journey.trajectory, settings=journey.trajectory.settings.model_copy(update={"sampling": None}))
    content = replace(journey, trajectory=odd).to_bytes()
    after_a_run.file_uploader(key="trajectories.replay").set_value(("odd.safetensors", content, "")).run()
    state_of(after_a_run).view = PlayerState(2, (0,), "pca-2d")
    after_a_run.run()
    press(after_a_run, "trajectories.repeat")
    said_so = errors(after_a_run)
    assert "how it was drawn" in said_so or "object with settings is needed" in said_so
    assert state_of(after_a_run).shown.origin == "replay"


def test_maps_are_not_refitted_for_a_journey_of_another_aligner(open_app):
    app = open_app()
    app.file_uploader(key="trajectories.replay").set_value(("toy.safetensors", toy_journey().to_bytes(), "")).run()
    press(app, "trajectories.refit")
    assert "traced with the aligner 'toy'" in errors(app)
    assert state_of(app).shown.origin == "replay"  # still there


def test_pictures_of_another_encoder_are_looked_at_anew_or_asked_for(open_app):
    """Two aligners with encoders of their own: samples are read again; a stored example has no pictures to read."""
    journey = state_of(open_app()).shown.journey
    other = SimpleNamespace(encoder=SimpleNamespace(fingerprint="f" * 16, name="other"))
    same = SimpleNamespace(encoder=SimpleNamespace(fingerprint=journey.trajectory.settings.encoder_fingerprint))
    keys = tuple(sample.key for sample in cache.samples())[:2]
    request = TraceRequest(journey, Source(SAMPLES, keys), "a, b", "", "other", SamplingConfig())
    assert _seen_anew(request, same) is request
    assert [file.name for file in _seen_anew(request, other).items] == [s.name for s in cache.samples()[:2]]
    with pytest.raises(FingerprintError, match="Choose the pictures again"):
        _seen_anew(replace(request, source=Source("example", ("01-shapes",))), other)


def test_a_new_sampler_is_on_the_page_and_a_path_family_switches_off_what_it_ignores(open_app, monkeypatch):
    monkeypatch.setitem(SAMPLERS, "new", replace(SAMPLERS["ddim"], label="New", uses=()))
    app = open_app()
    sampler = app.selectbox(key="trajectories.sampler")
    assert sampler.options[-1] == "New" and not sampler.disabled
    sampler.set_value("new").run()
    assert app.slider(key="trajectories.eta").disabled
    press(use_samples(app))
    assert errors(app) == "" and state_of(app).shown.journey.trajectory.settings.sampling.sampler == "new"
    card = cache.card("open-vocabulary")
    bridge = replace(card, model=replace(card.model, path="bridge"))
    monkeypatch.setattr(cache, "card", lambda name: bridge)
    app = open_app()
    assert app.selectbox(key="trajectories.sampler").disabled and app.slider(key="trajectories.strength").disabled
    assert not app.slider(key="trajectories.eta").disabled


def test_the_denoiser_is_chosen_among_those_of_the_aligner(open_app):
    app = open_app()
    assert app.selectbox(key="trajectories.denoiser").disabled  # there is one
    assert app.slider(key="trajectories.guidance").value == 4  # the example's own
    app.selectbox(key="trajectories.aligner").set_value("learned").run()
    denoiser = app.selectbox(key="trajectories.denoiser")
    assert denoiser.options == [DENOISERS[name].label for name in DENOISERS] and denoiser.value == "learned"
    assert app.slider(key="trajectories.guidance").value == 2
    press(use_samples(app))
    first = state_of(app).shown.journey
    assert (first.trajectory.settings.sampling.denoiser, first.trajectory.settings.sampling.guidance) == ("learned", 2)
    assert "denoiser learned" in said(app, "caption")
    assert "denoiser" not in app.query_params  # it is the aligner's own

    app.selectbox(key="trajectories.denoiser").set_value("closed-form").run()
    assert app.slider(key="trajectories.guidance").value == 3
    press(app)
    second = state_of(app).shown.journey
    assert second.trajectory.settings.sampling.denoiser == "closed-form"
    assert app.query_params["denoiser"] == "closed-form"
    again = open_app(**app.query_params)
    assert np.array_equal(state_of(again).shown.journey.trajectory.states, second.trajectory.states)
    # what the network does to the path is the ghost
    press(app, "trajectories.compare")
    assert any("denoiser" in change for change in state_of(app).shown.journey.ghost.changes)
    # another aligner begins with its own
    app.selectbox(key="trajectories.aligner").set_value(DEFAULT_ALIGNER).run()
    assert app.selectbox(key="trajectories.denoiser").value == "closed-form"
    app.selectbox(key="trajectories.aligner").set_value("learned").run()
    assert app.selectbox(key="trajectories.denoiser").value == "learned"


def test_every_form_of_file_has_its_button(open_app, monkeypatch):
    new = ExportFormat(
        "Notes", "Only what was said.", "text/plain", "notes", frozenset(), lambda *asked: Encoded(b"said")
    )
    monkeypatch.setitem(FORMATS, ".txt", new)
    labels = [button.proto.label for button in open_app().get("download_button")]
    assert labels == [form.label for form in FORMATS.values() if not form.drawn]
    told = make_parser().parse_args(["trace", "a.png", "--classes", "a,b", "--out", "a.txt"])
    assert export_format(told.out) is new
