"""The train page: uploads, stop and resume, keep and discard, and what is refused. The maps are those of principal axes."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from seda import images
from seda.card import find_aligner, list_aligners
from seda.config import SamplingConfig, TrainingConfig
from seda.errors import StorageError
from seda.journeys.reference_pictures import FILE as PICTURES
from seda.projection import aligner_map
from seda.projection.fit import MapConfig
from seda.storage import sha256_file
from seda.training import recipe, unfinished, words_alone
from seda.training.unfinished import FEATURES, folder_of
from seda.ui.serving import visitor
from seda.ui.state import UPLOAD
from seda.ui.train import runs as train_runs
from seda.ui.train.state import EncoderChoice, TrainState
from seda.ui.trajectories.links import SAMPLES
from tests.app.conftest import press, said, state_of
from tests.local_clip import LAYOUT, random_weights, write_model
from tests.tiny import CLASSES, picture

PAGE = "pages/train.py"
EPOCHS = 4


@pytest.fixture(autouse=True)
def small(assets, tmp_path, monkeypatch) -> Path:
    """An aligners' home and a feature cache of this test's own, few epochs, no fitted maps."""
    monkeypatch.setenv("SEDA_ALIGNERS", str(tmp_path / "home"))
    monkeypatch.setenv("SEDA_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(MapConfig, "for_pictures", classmethod(lambda cls, count: cls(steps=0)))
    monkeypatch.setattr(recipe, "FIT_PATHS", 2)
    monkeypatch.setattr(aligner_map, "FIT_SAMPLINGS", (SamplingConfig(num_inference_steps=4),))
    monkeypatch.setattr(aligner_map, "SCORE_SAMPLING", SamplingConfig(num_inference_steps=4))
    for_pictures = TrainingConfig.for_pictures
    monkeypatch.setattr(
        TrainingConfig, "for_pictures",
        classmethod(lambda cls, count, seed=0, epochs=0: for_pictures(count, seed=seed, epochs=epochs or EPOCHS)),
    )  # fmt: skip
    monkeypatch.setattr(train_runs, "CHECKPOINT_SECONDS", 0.0)
    return tmp_path


@pytest.fixture
def open_train(open_app) -> Callable[[], AppTest]:
    def open_it(secret: str = "") -> AppTest:
        app = open_app()
        if secret:  # as the browser's cookie tells it
            app.session_state[visitor.KEY] = secret
        app.switch_page(PAGE).run()
        assert said(app, "error") == ""
        return app

    return open_it


def train_of(app: AppTest) -> TrainState:
    return app.session_state["train.state"]


def home(app: AppTest) -> Path:
    return visitor.home_of(app.session_state[visitor.KEY])


def png(label: int, seed: int) -> bytes:
    buffer = io.BytesIO()
    picture(label, seed).save(buffer, "PNG")
    return buffer.getvalue()


def files(label: int, seeds: range) -> list[tuple[str, bytes, str]]:
    return [(f"{CLASSES[label]} {seed}.png", png(label, seed), "image/png") for seed in seeds]


def fill(app: AppTest, name: str, classes: dict[str, list[tuple[str, bytes, str]]]) -> AppTest:
    for number, (title, pictures) in enumerate(classes.items()):
        app.text_input(key=f"train.name.{number}").set_value(title)
        app.file_uploader(key=f"train.uploads.{number}").set_value(pictures)
    app.text_input(key="train.name").set_value(name).run()
    assert not app.exception
    return app


def two_classes(app: AppTest, name: str = "shapes") -> AppTest:
    return fill(app, name, {CLASSES[label]: files(label, range(4)) for label in range(2)})


def stop_after(monkeypatch, epochs: int) -> None:
    """As the Stop button's rerun does: leaves at a draw after so many epochs of this training."""
    plain = train_runs._Screen.draw

    def draw(self, history, most, **options):
        plain(self, history, most, **options)
        if len(history) == epochs:
            raise train_runs.Stopped

    monkeypatch.setattr(train_runs._Screen, "draw", draw)


def test_words_alone_are_for_encoders_of_one_space(open_train, monkeypatch):
    app = open_train()
    assert "Words alone" not in app.segmented_control(key="train.source").options
    train_of(app).encoder = EncoderChoice(kind="Hugging Face hub", repository="nobody/nothing")
    app.switch_page("pages/method.py").run()
    app.switch_page(PAGE).run()
    assert "From words alone, in about a minute" in said(app, "markdown")
    assert app.segmented_control(key="train.source").options[0] == "Words alone"
    app.text_input(key="train.name").set_value("words").run()
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    press(app, "train.run")
    assert "nobody/nothing" in said(app, "error")  # and the controls are there again
    assert "words" not in list_aligners() and unfinished.list_unfinished(home(app)) == []
    assert app.button(key="train.run") and not app.button(key="train.run").disabled


@pytest.mark.slow
def test_a_few_uploads_become_an_aligner_and_go_to_the_picture(open_train, small):
    app = fill(
        open_train(), "shapes",
        {
            CLASSES[0]: [*files(0, range(4)), ("[bad](x).png", b"no picture", "image/png"), ("empty.gif", b"", "image/gif")],
            CLASSES[1]: [*files(1, range(3)), files(1, range(1))[0]],
        },
    )  # fmt: skip
    assert "[bad](x).png is not a picture" in said(app, "caption") and "empty.gif is empty" in said(app, "caption")
    assert "1 copy left out" in said(app, "caption")
    press(app, "train.run")
    assert said(app, "error") == ""
    finished = train_of(app).finished
    assert finished.card.class_names == CLASSES[:2] and len(finished.history) == EPOCHS
    assert finished.card.data["count"] == 7 and "shapes" not in list_aligners()
    assert finished.card.encoder_fingerprint in said(app, "caption")
    assert "2 pictures were left out" in said(app, "warning")
    made = unfinished.folder_of("shapes", home(app))
    assert not (made / PICTURES).exists()  # no picture of an upload is on the disk before it is kept
    assert {path.stat().st_mode & 0o777 for path in (small / "home").rglob("*") if path.is_file()} == {0o600}
    assert {path.stat().st_mode & 0o777 for path in (small / "home").rglob("*") if path.is_dir()} == {0o700}
    # as where the first page was left while its example came: what that was drawn with, this aligner lacks
    state_of(app).sampling = SamplingConfig(denoiser="learned", guidance=1.0)
    press(app, "train.picture")
    assert "shapes" not in list_aligners() and unfinished.list_unfinished(home(app)) == []
    kept = home(app) / "shapes"
    assert (kept / PICTURES).exists() and not (kept / FEATURES).exists() and kept.stat().st_mode & 0o777 == 0o700
    assert not list((small / "cache").rglob("*.safetensors"))  # nothing of uploads among what is shared
    state = state_of(app)
    assert state.aligner == "shapes" and state.class_text == ", ".join(CLASSES[:2])
    assert state.items_from == UPLOAD and len(state.uploads) == 7
    app.switch_page("pages/trajectories.py").run()
    assert said(app, "error") == "" and state.shown.aligner == "shapes"
    assert len(state.shown.journey.trajectory.item_names) == 7


@pytest.mark.usefixtures("labelled")
def test_an_example_can_be_filled_in_and_trained_on(open_train, small):
    app = open_train()
    app.button(key="train.example").click().run()
    classes = train_of(app).classes
    assert [draft.name for draft in classes] == sorted(CLASSES) and {len(draft.readable) for draft in classes} == {2}
    assert not [button for button in app.button if button.key == "train.example"]
    app.text_input(key="train.name").set_value("example").run()
    press(app, "train.run")
    assert said(app, "error") == "" and "Trained." in said(app, "success")


@pytest.mark.slow
def test_stopped_and_gone_on_gives_the_same_result(open_train, small, monkeypatch):
    first = press(two_classes(open_train(), "whole"), "train.run")
    press(first, "train.keep")
    with monkeypatch.context() as patch:
        stop_after(patch, 2)
        app = press(two_classes(open_train(), "halves"), "train.run")
    assert "Stopped after epoch 2" in said(app, "info") and "halves" not in list_aligners()
    app.switch_page("pages/method.py").run()
    app.switch_page(PAGE).run()
    assert "Stopped after epoch 2" in said(app, "info")
    press(app, "train.else")
    assert "halves" in said(app, "markdown")  # among the unfinished
    press(app, "train.run")  # the same pictures, name and settings: it goes on
    assert len(train_of(app).finished.history) == EPOCHS
    press(app, "train.keep")
    own = home(app)
    assert sha256_file(home(first) / "whole" / "aligner.safetensors") == sha256_file(
        own / "halves" / "aligner.safetensors"
    )


def test_the_best_epoch_so_far_can_be_kept_and_no_upload_is_read_twice(open_train, monkeypatch):
    reads: Counter[bytes] = Counter()
    decode = images.decode
    monkeypatch.setattr(images, "decode", lambda data, name: reads.update([data]) or decode(data, name))
    with monkeypatch.context() as patch:
        stop_after(patch, 2)
        app = press(two_classes(open_train()), "train.run")
    press(app, "train.best")
    assert said(app, "error") == "" and train_of(app).finished.card.metrics["epochs"] == 2
    assert (
        len(train_of(app).finished.pictures.tiles)
        and [reads[content] for _, content, _ in files(0, range(4))] == [1] * 4
    )


@pytest.mark.slow
def test_discard_asks_and_deletes(open_train, small):
    app = press(two_classes(open_train()), "train.run")
    folder = folder_of("shapes", home(app))
    assert folder.is_dir()
    press(app, "train.discard")
    assert folder.is_dir()
    press(app, "train.discard.no")
    press(app, "train.discard")
    press(app, "train.discard.really")
    assert not folder.exists() and "was deleted" in said(app, "info")
    assert len(train_of(app).classes[0].pictures) == 4  # what was chosen stays
    press(app, "train.run")
    press(app, "train.keep")
    press(app, "train.discard")
    press(app, "train.discard.really")
    assert not (home(app) / "shapes").exists()


@pytest.mark.parametrize("name", ["", "../outside", "a b", "/etc/x", "..", "fashion/mnist", "ümlaut", ".hidden"])
def test_names_that_cannot_be_used(open_train, small, name):
    app = press(two_classes(open_train(), name), "train.run")
    assert "no name yet" in said(app, "error") or "cannot be called" in said(app, "error")
    assert not (small / "home").exists() and not (small / "outside").exists()
    press(app, "train.run")
    assert app.error


def test_a_name_that_is_taken(open_train, assets):
    app = press(two_classes(open_train(), list_aligners()[0]), "train.run")
    assert "already" in said(app, "error")


@pytest.mark.parametrize(
    ("classes", "words"),
    [
        ({}, "No picture was uploaded yet"),
        ({CLASSES[0]: range(3)}, "1 class came; at least 2"),
        ({CLASSES[0]: range(3), "": range(3)}, "Class 2 has pictures and no name"),
        ({CLASSES[0]: range(3), "Red Square": range(4, 7)}, "only 1 differ"),
        ({CLASSES[0]: range(3), "another": range(2, 4)}, "in two classes"),
        ({CLASSES[0]: range(3), CLASSES[1]: range(3, 4)}, "has 1 of the 2 different pictures"),
    ],
)
def test_classes_that_cannot_be_trained_on(open_train, classes, words):
    app = fill(open_train(), "shapes", {name: files(0, seeds) for name, seeds in classes.items()})
    press(app, "train.run")
    assert words in said(app, "error") and unfinished.list_unfinished(home(app)) == []
    press(app, "train.run")
    assert words in said(app, "error")


@pytest.mark.slow
def test_nobody_else_reaches_a_training(open_train, monkeypatch):
    with monkeypatch.context() as patch:
        stop_after(patch, 2)
        press(two_classes(open_train(), "mine"), "train.run")
    other = open_train()
    assert "mine" not in said(other, "markdown") and "Not finished" not in said(other, "subheader")
    assert not [button for button in other.button if str(button.key).endswith(".mine")]
    press(two_classes(other, "mine"), "train.run")  # the name is not taken
    assert said(other, "error") == "" and len(train_of(other).finished.history) == EPOCHS


@pytest.mark.slow
def test_a_kept_aligner_is_its_makers_until_it_is_shared(open_train, small):
    maker = press(two_classes(open_train(), "mine"), "train.run")
    press(maker, "train.keep")
    folder = home(maker) / "mine"
    assert "alone" in said(maker, "success") and (folder / "card.json").is_file()
    for app, known in ((maker, True), (open_train(), False)):
        app.switch_page("pages/aligner.py").run()
        assert ("mine" in app.selectbox(key="aligner.name").options) == known
        for typed in ("mine", str(folder), f"{folder.parent.parent}/x/../{folder.parent.name}/mine"):
            state_of(app).aligner = typed
            app.switch_page("pages/method.py").run()
            app.switch_page("pages/aligner.py").run()
            assert ("There is no aligner" in said(app, "error")) != known, (typed, known)
    assert find_aligner("mine") == folder  # the command line is the server's own
    other = press(two_classes(open_train(), "ours"), "train.run")
    other.toggle(key="train.shared").set_value(True).run()
    press(other, "train.keep")
    assert "ours" in list_aligners() and "everyone" in said(other, "success")
    assert (small / "home" / "ours").stat().st_mode & 0o777 == 0o755


def test_a_browser_finds_its_trainings_again_and_no_picture_of_them(open_train, monkeypatch):
    with monkeypatch.context() as patch:
        stop_after(patch, 2)
        first = press(two_classes(open_train(), "mine"), "train.run")
    other = open_train(secret=first.session_state[visitor.KEY])
    assert "mine" in said(other, "markdown") and "must be uploaded again" in said(other, "markdown")
    assert all(not draft.pictures for draft in train_of(other).classes)
    press(other, "train.on.mine")
    assert "Uploads are never kept" in said(other, "info")
    assert not other.get("imgs") and all(not draft.pictures for draft in train_of(other).classes)

    keys = [draft.key for draft in train_of(other).classes]
    for key, label in zip(keys, (0, 1), strict=True):
        other.file_uploader(key=f"train.uploads.{key}").set_value(files(label, range(5)))
    press(other.run(), "train.again")
    assert "not the pictures" in said(other, "error")
    for key, label in zip(keys, (0, 1), strict=True):
        other.file_uploader(key=f"train.uploads.{key}").set_value(files(label, range(4)))
    press(other.run(), "train.again")
    assert said(other, "error") == "" and len(train_of(other).finished.history) == EPOCHS


def test_uploads_survive_another_page_and_more_can_be_added(open_train):
    app = two_classes(open_train())
    app.switch_page("pages/method.py").run()
    app.switch_page(PAGE).run()
    first = train_of(app).classes[0]
    assert len(first.pictures) == 4 and app.text_input(key="train.name.0").value == CLASSES[0]
    app.file_uploader(key="train.uploads.0").set_value(files(0, range(4, 6))).run()
    assert len(first.pictures) == 6
    press(app, "train.forget.0")
    assert len(first.pictures) == 2
    press(app, "train.add")
    assert len(train_of(app).classes) == 3
    press(app, "train.remove.1")
    assert [draft.name for draft in train_of(app).classes] == [CLASSES[0], ""]


def test_a_folder_and_an_encoder_that_was_loaded(open_train, tmp_path):
    app = open_train()
    press(app, "train.load")
    facts = train_of(app).facts
    assert facts.name == "bundled" and facts.fingerprint in said(app, "caption")
    for label in range(2):
        (tmp_path / "photos" / CLASSES[label]).mkdir(parents=True)
        for seed in range(5):
            (tmp_path / "photos" / CLASSES[label] / f"{seed}.png").write_bytes(png(label, seed))
    app.segmented_control(key="train.source").set_value("folder").run()
    app.text_input(key="train.folder").set_value(str(tmp_path / "nowhere"))
    app.text_input(key="train.name").set_value("photos").run()
    press(app, "train.run")
    assert "does not exist" in said(app, "error")
    app.text_input(key="train.folder").set_value(str(tmp_path / "photos")).run()
    press(app, "train.run")
    assert said(app, "error") == "" and train_of(app).finished.card.data["count"] == 8
    press(app, "train.keep")
    train_of(app).problem = StorageError("It could not be deleted.")  # of before, and no reason not to look at it
    press(app, "train.picture")
    app.switch_page("pages/trajectories.py").run()
    assert said(app, "error") == "" and state_of(app).shown.aligner == "photos"
    assert state_of(app).shown.source.kind == SAMPLES


def test_words_alone_make_an_aligner_for_a_local_encoder(open_train, tmp_path, monkeypatch):
    monkeypatch.setattr(words_alone, "FIT_PATHS", 2)
    monkeypatch.setattr(words_alone, "SCORED_PATHS", 2)
    plain = words_alone.vocabulary
    monkeypatch.setattr(words_alone, "vocabulary", lambda own: plain(own)[-60:])  # the user's words are its last
    folder = write_model(tmp_path / "clip", LAYOUT, random_weights(LAYOUT))  # no answer of it is looked at
    app = open_train()
    app.segmented_control(key="train.encoder.kind").set_value("Local file").run()
    app.text_input(key="train.encoder.path").set_value(str(folder)).run()
    assert "No aligner looks through this model yet" in said(app, "markdown")
    app.text_area(key="train.words").set_value("red circle, blue square")
    app.text_input(key="train.name").set_value("words").run()
    press(app, "train.run")
    assert said(app, "error") == ""
    assert train_of(app).finished.card.suggested == ("red circle", "blue square")
    press(app, "train.keep")
    press(app, "train.another")
    assert "No aligner looks" not in said(app, "markdown")  # now there is one
    assert app.segmented_control(key="train.source").options[0] == "Upload pictures"
