"""The page Diagnose: labels from everywhere, what is shown, and that it is what the JSON says."""

from __future__ import annotations

import base64
import io
import json
import re
from dataclasses import replace

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from seda.card import DEFAULT_ALIGNER
from seda.data.truth import plain_label
from seda.encoders import load_encoder
from seda.ui import cache
from seda.ui.diagnose import features, page, truth
from seda.ui.diagnose.state import FEATURES, FOLDERS, NAMES, SAMPLES, TABLE, DiagnoseState
from seda.ui.state import Shown
from seda.ui.trajectories.links import ROOM, Source
from tests.app.conftest import press, said, state_of
from tests.tiny import CLASSES, picture

PAGE = "pages/diagnose.py"
PARTS = ("Pictures", "When", "Confused", "The gap", "How sure", "What would mend it", "Compare", "Take away")


@pytest.fixture(scope="module")
def traced() -> list[Shown]:
    """What the first test's run of the six samples gave, for the others."""
    return []


@pytest.fixture
def diagnose(open_app, labelled, traced):
    """The page over the six samples, traced to their own words and one more."""

    def open_it(**names) -> AppTest:
        app = open_app()
        if not traced:
            app.segmented_control(key="trajectories.source").set_value("Samples").run()
            app.button(key="trajectories.samples.all").click().run()
            app.text_area(key="trajectories.classes").set_value(", ".join((*CLASSES, "a toy"))).run()
            press(app)
            traced.append(state_of(app).shown)
        state_of(app).show(traced[0])
        if names:
            rename(app, names)
        app.switch_page(PAGE).run()
        assert not app.exception
        return app

    return open_it


def rename(app: AppTest, names: dict[str, str]) -> None:
    """Other names for what is on the screen, as other files would have."""
    state = state_of(app)
    trajectory = state.shown.journey.trajectory
    renamed = replace(trajectory, item_names=tuple(names.get(name, name) for name in trajectory.item_names))
    state.shown = replace(state.shown, journey=replace(state.shown.journey, trajectory=renamed))


def own(app: AppTest) -> DiagnoseState:
    return app.session_state["diagnose.state"]


def show(app: AppTest, part: str) -> AppTest:
    app.segmented_control(key="diagnose.part").set_value(part).run()
    assert not app.exception and not app.error
    return app


def test_without_labels_it_says_what_to_do(open_app):
    app = open_app()
    rename(
        app, {name: f"no word {place}x" for place, name in enumerate(state_of(app).shown.journey.trajectory.item_names)}
    )
    app.switch_page(PAGE).run()
    assert (
        own(app).source == TABLE and "whose labels are among the words" in said(app, "error") and not app.get("metric")
    )


def test_with_nothing_on_the_screen_it_says_where_to_begin(open_app):
    app = open_app()
    state_of(app).shown = None
    app.switch_page(PAGE).run()
    assert "Nothing is on the screen yet" in said(app, "info") and not app.error


def test_what_a_phone_sent_is_not_kept_here(diagnose):
    app = diagnose()
    state = state_of(app)
    state.shown = replace(state.shown, source=Source(ROOM, ("code", "1")))
    app.run()
    assert "gone when it leaves the screen" in said(app, "info") and not app.get("metric")


def test_samples_bring_their_labels(diagnose):
    app = diagnose()
    found = own(app).found
    assert own(app).source == SAMPLES and len(found.items) == 6
    names = found.journey.trajectory.class_names
    for item, name in enumerate(found.names):
        assert plain_label(name).startswith(plain_label(names[found.diagnosis.verdicts.labels[item]]))
    assert found.journey.labels.tolist() == list(found.truth.labels)


def test_the_picture_on_the_first_page_is_labelled_too(diagnose):
    app = diagnose()
    state, found = state_of(app), own(app).found
    assert state.shown.journey.labels.tolist() == list(found.truth.labels)
    shown = state.shown
    app.run()
    assert state_of(app).shown is shown and own(app).found is found  # once
    app.switch_page("pages/trajectories.py").run()
    assert not app.exception and state_of(app).shown.journey.labels is not None


def test_numbers_on_the_page_are_those_of_the_json(diagnose):
    app = diagnose()
    summary = json.loads(json.dumps(own(app).found.summary))
    shown = {metric.label: (metric.value, metric.delta) for metric in app.metric}
    for place, (label, _) in page.PLACES.items():
        right, known = round(summary["accuracy"][place] * summary["known"][place]), summary["known"][place]
        assert shown[label][0] == f"{round(100 * summary['accuracy'][place])} %" and shown[label][1].startswith(
            f"{right} of {known}"
        )
    table = app.dataframe(key="diagnose.pictures").value
    order = summary["when"]["order"]
    assert table["file"].tolist() == [summary["items"][item]["file"] for item in order]
    assert table["lost_by"].tolist() == [summary["items"][item]["lost_by"] for item in order]


@pytest.mark.parametrize("part", PARTS)
def test_every_part_opens_twice(diagnose, part):
    app = show(diagnose(), part)
    show(show(app, "Pictures"), part)


def test_folders_and_names_are_found_by_themselves(diagnose, pictures):
    names = [path.stem for path in sorted(pictures.glob("*.png"))]
    app = diagnose(**{name: f"{name.rsplit(' ', 1)[0]}/x{place}.png" for place, name in enumerate(names)})
    assert own(app).source == FOLDERS and len(own(app).found.items) == 6
    app = diagnose(**{name: f"{name.rsplit(' ', 1)[0].upper()}_{place}.png" for place, name in enumerate(names)})
    assert own(app).source == NAMES and len(own(app).found.items) == 6


def test_a_table_and_what_is_wrong_with_it(diagnose):
    app = diagnose()
    app.segmented_control(key="diagnose.truth").set_value(TABLE).run()
    assert "label pictures by hand" in said(app, "error")
    names = list(state_of(app).shown.journey.trajectory.item_names)
    rows = [f"{name},{CLASSES[0] if place else 'unheard of'}" for place, name in enumerate(names)]
    content = "file,label\n" + "\n".join([*rows, "gone.png,x"])
    app.file_uploader(key="diagnose.table").set_value([("labels.csv", content.encode(), "text/csv")]).run()
    assert len(own(app).found.items) == len(names) - 1
    told = said(app, "info")
    assert "unheard of" in told and "gone.png" in told
    app.file_uploader(key="diagnose.table").set_value([("labels.csv", b"a,b\n1,2", "text/csv")]).run()
    assert "file and label are needed" in said(app, "error")


def test_asking_tries_other_phrasings_and_seeds(diagnose):
    app = diagnose()
    assert not own(app).found.asked
    press(app, "diagnose.ask")
    found = own(app).found
    assert found.asked and found.seeds == 4 and own(app).pending is None
    assert "seeds_apart" in found.summary["items"][0] and any(found.summary["gap"]["class_wise_mmd2"])
    press(app, "diagnose.ask")
    assert not app.error


def test_a_sweep_stands_in_its_part(diagnose):
    app = show(diagnose(), "What would mend it")
    press(app, "diagnose.sweep")
    table = app.dataframe[-1].value
    told = own(app).swept[1]
    assert table["What"].tolist() == ["as it is", *(row["name"] for row in told["rows"])]
    assert table["Judging half"].tolist() == [row["answer"]["judged_on"] for row in (told["base"], *told["rows"])]


def test_a_run_that_was_kept_is_compared(diagnose):
    app = show(diagnose(), "Compare")
    press(app, "diagnose.keep")
    first = own(app).found
    app.switch_page("pages/trajectories.py").run()
    app.text_area(key="trajectories.classes").set_value(", ".join((*CLASSES, "another toy"))).run()
    press(app)
    app.switch_page(PAGE).run()
    show(app, "Compare")
    assert own(app).kept == (first,) and own(app).found is not first
    changes = app.dataframe[-1].value
    assert len(changes) == 6 and "drift" in changes and "McNemar" in said(app, "caption")


def test_a_click_chooses_in_the_player(diagnose):
    app = diagnose()
    state = own(app)
    state.choose([2], 3)
    assert state.chosen.selection == (int(state.found.items[2]),) and state.chosen.step == 3


def feature_bytes(aligner_dir, count: int = 80, **arrays) -> bytes:
    """A file of drawn shapes' features, as somebody's own encoder run would leave it; named arrays take the place of its own."""
    encoder = load_encoder("bundled")
    labels = np.arange(count) % len(CLASSES)
    few = encoder.encode_images(
        [picture(label, 500 + seed) for seed in range(4) for label in range(len(CLASSES))]
    ).numpy()
    features = few[np.arange(count) % len(few)] + 0.02 * np.random.default_rng(0).normal(size=(count, few.shape[1]))
    whole = {
        "image_features": features.astype(np.float32), "labels": labels, "class_names": np.array(CLASSES),
        "encoder": np.array(encoder.name), "encoder_fingerprint": np.array(encoder.fingerprint), **arrays,
    }  # fmt: skip
    content = io.BytesIO()
    np.savez(content, **whole)
    return content.getvalue()


def open_file(app: AppTest, content: bytes, name: str = "rows.npz") -> AppTest:
    app.switch_page(PAGE).run()
    app.segmented_control(key="diagnose.of").set_value(FEATURES).run()
    app.file_uploader(key="diagnose.features").set_value([(name, content, "application/octet-stream")]).run()
    assert not app.exception
    return app


def test_a_file_of_features_goes_through_all_of_it(open_app, aligner_dir):
    app = open_file(open_app(), feature_bytes(aligner_dir))
    assert "rows.npz: 80 rows of width 1,280" in said(app, "caption")
    press(app, "diagnose.run")
    assert not app.error
    found = own(app).found
    assert len(found.names) == found.summary["count"] == 80 and found.asked
    assert "64 of 80 shown: those with the most trouble." in said(app, "caption")
    shown = found.diagnosis.by_trouble()[:64]
    assert found.journey.trajectory.item_names == tuple(found.names[item] for item in shown)
    assert found.journey.labels.tolist() == found.diagnosis.verdicts.labels[shown].tolist()
    # the player's paths are those that were diagnosed
    ends = found.journey.trajectory.class_similarities()[:, -1].argmax(1)
    assert ends.tolist() == found.diagnosis.seen.decided[shown, -1].tolist()
    for part in PARTS:
        show(app, part)
    assert len(app.session_state["diagnose.state"].found.summary["items"]) == 80
    press(app, "diagnose.rows.Evenly")
    again = own(app).found
    assert again.diagnosis is found.diagnosis and "evenly taken of all" in said(app, "caption")
    assert again.journey.trajectory.item_names[-1] == found.names[-1]


def test_rows_that_are_not_in_the_player_take_the_others_place(open_app, aligner_dir):
    app = open_file(open_app(), feature_bytes(aligner_dir))
    press(app, "diagnose.run")
    state = own(app)
    hidden = np.flatnonzero(state.found.items < 0)[:3].tolist()
    state.choose(hidden, 5)
    app.run()
    assert not app.exception and not app.error and state.pending is None
    assert state.found.journey.trajectory.item_names == tuple(state.found.names[item] for item in hidden)
    assert state.chosen.step == 5 and "3 of 80 shown: chosen." in said(app, "caption")
    state.choose(hidden[1:], 2)  # they are there: nothing is placed anew
    assert state.pending is None and state.chosen.selection == (1, 2)


@pytest.mark.slow
def test_two_runs_of_a_file_are_compared_and_a_sweep_tried(open_app, aligner_dir):
    app = open_file(open_app(), feature_bytes(aligner_dir, 70))
    press(app, "diagnose.run")
    press(app, "diagnose.rows.Evenly")
    show(app, "Compare")
    press(app, "diagnose.keep")
    shown = own(app).found.journey.trajectory.item_names
    app.selectbox(key="diagnose.aligner").set_value("learned").run()
    press(app, "diagnose.run")
    show(app, "Compare")
    changes = app.dataframe[-1].value
    assert len(changes) == 70 and "McNemar" in said(app, "caption") and "drift" not in changes
    assert own(app).found.journey.trajectory.item_names == shown  # side by side stand the same rows
    assert "64 of 70 shown: the same as of the run that was kept." in said(app, "caption")
    show(app, "What would mend it")
    press(app, "diagnose.sweep")
    assert not app.error and app.dataframe[-1].value["What"].tolist()[0] == "as it is"


@pytest.mark.parametrize(
    ("arrays", "told"),
    [
        ({"encoder_fingerprint": np.array("0" * 16)}, "was trained on features of"),
        ({"image_features": np.ones((80, 7), np.float32)}, "have features of width 7|has features of width 7"),
        ({"labels": np.arange(79)}, "whole numbers \\[80\\] are needed"),
        ({"image_features": np.full((80, 1280), np.nan, np.float32)}, "is not finite"),
        ({"class_names": np.array(["x", "y"])}, "the label at position 2 is 2"),
    ],
)  # fmt: skip
def test_features_that_cannot_be_used_are_said(open_app, aligner_dir, arrays, told):
    app = open_file(open_app(), feature_bytes(aligner_dir, **arrays))
    if not app.error:
        press(app, "diagnose.run")
    assert re.search(told, said(app, "error")) and "/tmp" not in said(app, "error")
    if own(app).opened is None:
        assert "rows.npz" in said(app, "error")


@pytest.mark.parametrize(
    "arrays", [{"test": np.ones(80, np.int64)}, {"labels": np.zeros(80, np.int64)}], ids=["test rows only", "one label"]
)
def test_nothing_is_trained_so_no_class_needs_rows_to_train_on(open_app, aligner_dir, arrays):
    app = open_file(open_app(), feature_bytes(aligner_dir, **arrays))
    press(app, "diagnose.run")
    assert said(app, "error") == "" and len(own(app).found.diagnosis.verdicts.labels) in (70, 80)


def test_the_aligner_that_fits_the_file_is_chosen(open_app, aligner_dir, monkeypatch):
    """Of two the one whose encoder made the features, wherever it stands in the list."""
    fitting = cache.card(DEFAULT_ALIGNER)
    other = (
        fitting.model_copy(update={"encoder_fingerprint": "0" * 16})
        if hasattr(fitting, "model_copy")
        else replace(fitting, encoder_fingerprint="0" * 16)
    )
    monkeypatch.setattr(features, "aligner_names", lambda: ["other", DEFAULT_ALIGNER])
    monkeypatch.setattr(features.cache, "card_or_none", lambda name: other if name == "other" else fitting)
    app = open_file(open_app(), feature_bytes(aligner_dir))
    assert app.selectbox(key="diagnose.aligner").value == DEFAULT_ALIGNER


def test_no_file_and_one_with_too_many_rows(open_app, aligner_dir, monkeypatch):
    app = open_file(open_app(), b"no features", "rows.safetensors")
    assert "rows.safetensors is damaged" in said(app, "error") and own(app).opened is None
    monkeypatch.setattr(features, "MOST_ROWS", 50)
    app = open_file(open_app(), feature_bytes(aligner_dir))
    assert "has 80 rows; at most 50 are diagnosed on the page" in said(app, "error")


def test_every_number_on_the_page_is_in_the_json(diagnose):
    """Walked, not listed: whatever table or chart is on the page in any of its parts, with a sweep and a comparison."""
    app = diagnose()
    press(app, "diagnose.ask")
    show(app, "Compare")
    press(app, "diagnose.keep")
    app.switch_page("pages/trajectories.py").run()
    app.text_area(key="trajectories.classes").set_value(", ".join((*CLASSES, "another toy"))).run()
    press(app)
    app.switch_page(PAGE).run()
    press(app, "diagnose.ask")
    show(app, "What would mend it")
    press(app, "diagnose.sweep")
    told = json.loads(json.dumps(page.everything(own(app), own(app).found)))
    matrix, classes, grid = (told.pop(name) for name in ("similarities", "classes_apart", "density_at"))
    known = {round(factor * value, 5) for value in numbers(told) for factor in (1, 100)}
    ridges = {round(value, 5) for value in [*numbers(classes), *grid]}
    tables = charts = 0
    for part in PARTS:
        show(app, part)
        for table in app.dataframe:
            tables += 1
            shown = table.value.select_dtypes("number")
            assert {round(float(value), 5) for value in shown.to_numpy().ravel() if value == value} <= known, (
                part,
                table.key,
            )
        for chart in app.get("plotly_chart"):
            charts += 1
            spec = json.loads(chart.proto.spec)
            if any(one.get("colorbar") for one in spec["data"]):
                place = np.argsort(matrix["truth"], kind="stable")
                assert np.array_equal(drawn(spec["data"][0]["z"]), np.array(matrix["cosines"][-1])[place])
                continue
            for one in spec["data"]:
                of_classes = spec["layout"]["xaxis"].get("title", {}).get("text") == "cosine to the right word"
                for axis in ("x", "y", "z") if one.get("fill") != "toself" or not of_classes else ("x",):
                    values = drawn(one.get(axis, [])).ravel()
                    if values.dtype.kind not in "fiu":
                        continue  # names
                    fractions = {
                        round(value, 5) for value in values.tolist() if value == value and value != round(value)
                    }
                    if (
                        axis == "z" or one["type"] == "bar"
                    ):  # counts; other whole numbers are steps, rows and ends of axes
                        fractions |= {float(abs(value)) for value in values.tolist()}
                    assert fractions <= (ridges if of_classes else known), (part, one.get("name"), axis)
    assert tables >= 5 and charts >= 10


def numbers(found) -> list[float]:
    """All numbers below JSON values."""
    if isinstance(found, dict):
        found = list(found.values())
    if isinstance(found, list):
        return [value for one in found for value in numbers(one)]
    return [float(found)] if isinstance(found, (int, float)) else []


def drawn(values) -> np.ndarray:
    """What a chart holds, which Plotly writes in base 64 here and there."""
    if isinstance(values, dict):
        array = np.frombuffer(base64.b64decode(values["bdata"]), values["dtype"])
        return array.reshape([int(side) for side in values["shape"].split(",")]) if "shape" in values else array
    return np.array([np.nan if value is None else value for value in values])


def test_labels_that_hold_no_longer_leave_the_picture(diagnose):
    app = diagnose()
    assert state_of(app).shown.journey.labels is not None
    app.segmented_control(key="diagnose.truth").set_value(TABLE).run()  # none has come: nothing is labelled
    assert "label pictures by hand" in said(app, "error") and state_of(app).shown.journey.labels is None
    app.segmented_control(key="diagnose.truth").set_value(SAMPLES).run()
    assert state_of(app).shown.journey.labels.tolist() == list(own(app).found.truth.labels)


def test_sources_are_asked_once_at_the_first_visit(diagnose, monkeypatch):
    asked = []
    whole = truth.raw_labels
    monkeypatch.setattr(truth, "raw_labels", lambda paths, source: asked.append(source) or whole(paths, source))
    monkeypatch.setattr(truth, "sample_labels", lambda names: asked.append("samples") or [""] * len(names))
    diagnose(**{f"{name} {place}": f"{name}/{place}.png" for name in CLASSES for place in range(20)})
    assert sorted(asked) == ["folders", "names", "samples"]
