"""A file of labelled features on the page: opened, and sent through an aligner; of its rows the player shows a chosen few."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from PIL import Image, ImageDraw, ImageFont

from seda.config import SamplingConfig
from seda.data.array_file import SUFFIXES
from seda.data.feature_file import FeatureFile, feature_file_of
from seda.data.truth import Truth
from seda.errors import DataError, SedaError
from seda.evaluation.trajectories import evenly
from seda.journeys.diagnosis import FEW_STEPS
from seda.journeys.labelled_items import ALL, TEST, TRAIN, EncodeTexts, LabelledItems, items_of_file
from seda.ui import cache
from seda.ui.diagnose.state import Diagnosed, DiagnoseState, FeatureRun, Opened, Question
from seda.ui.errors import plain
from seda.ui.serving.refusals import log_refusal
from seda.ui.serving.rules import rules
from seda.ui.serving.uploaded import present, show_lost
from seda.ui.serving.visitor import aligner_names
from seda.ui.state import AppState, begin_widget, set_widget
from seda.ui.trajectories.player import PlayerState
from seda.ui.trajectories.runs import Report, check_cells

if TYPE_CHECKING:
    from torch import Tensor

    from seda.journeys.journey import Journey
    from seda.journeys.tracing import Workbench

FILE_KEY = "diagnose.features"
ALIGNER_KEY = "diagnose.aligner"
MOST_ROWS = 100_000  # that are diagnosed on the page; chosen here: some minutes on two cores, see tests/benchmarks/diagnosing.py
MOST_SHOWN = 64  # rows in the player, as many as items in a run
STEPS = (5, 10, 25, 50)  # of each stage
TILE = 48  # px
NONE_YET = (
    "A file of labelled features goes through all of this without a picture: 10,000 rows and more, in up to {} MB (10,000 rows of width "
    "1,280 as float16 have 26). docs/feature-files.md says what it has to hold; the command diagnose takes larger ones."
)


def choose_features(state: AppState, own: DiagnoseState) -> None:
    """The file, what it travels with, and the button."""
    _upload(state, own)
    if own.opened is None:
        st.info(NONE_YET.format(int(st.get_option("server.maxUploadSize"))), icon=":material/dataset:")
        return
    file = own.opened.file
    with st.container(horizontal=True, vertical_alignment="bottom"):
        names = aligner_names()
        now = own.run.aligner if own.run else state.aligner
        aligner = st.selectbox(
            "Aligner", names, key=begin_widget(ALIGNER_KEY, now if now in names else names[0]), width=240
        )
        splits = (TEST, ALL, TRAIN) if len(file.test) else (ALL,)
        split = st.selectbox("Rows", splits, format_func=str.capitalize, key="diagnose.split", width=120)
        steps = st.selectbox("Steps a stage", STEPS, key=begin_widget("diagnose.steps.stage", FEW_STEPS), width=130)
        own.run = FeatureRun(aligner, split, steps)
        if st.button(
            "Diagnose",
            icon=":material/play_arrow:",
            type="primary",
            key="diagnose.run",
            disabled=own.pending is not None,
        ):
            own.pending, own.problem = Question(run=own.run), None


def _upload(state: AppState, own: DiagnoseState) -> None:
    most = int(st.get_option("server.maxUploadSize"))
    kinds = [suffix[1:] for suffix in SUFFIXES if suffix != ".parquet" or rules().limits is None]
    files = present(
        st.file_uploader(
            "Features", type=kinds, key=FILE_KEY, label_visibility="collapsed",
            help=f"image_features, labels and class_names, as docs/feature-files.md says; at most {most} MB and {MOST_ROWS:,} rows; whole sets fit as float16.",
        )
    )  # fmt: skip
    show_lost(FILE_KEY)
    if files and (own.opened is None or own.opened.key != files[0].file_id):
        own.opened = None  # if the new one cannot be read, the old one is not diagnosed under its name
        try:
            own.opened = Opened(files[0].file_id, _read(files[0].getvalue(), files[0].name))
        except SedaError as error:
            log_refusal("features", error)
            raise
        if fitting := _fitting(own.opened.file, own.run.aligner if own.run else state.aligner):
            set_widget(ALIGNER_KEY, fitting)
    if own.opened is not None:
        st.caption(plain(_about(own.opened.file)))


def _fitting(file: FeatureFile, now: str) -> str:
    """The aligner that is chosen now if it was trained on features of this kind, else the first one that was; empty where none was, which is
    said when it is run."""
    kind = file.train.encoder_fingerprint, file.train.image_features.shape[1]
    cards = ((name, cache.card_or_none(name)) for name in (now, *aligner_names()))
    return next(
        (name for name, card in cards if card is not None and (card.encoder_fingerprint, card.model.image_dim) == kind),
        "",
    )


def _read(content: bytes, name: str) -> FeatureFile:
    """
    Raises:
        SedaError: it cannot be read, or has more rows than the page takes.
    """
    file = feature_file_of(content, name, needs_test=False, needs_train=False)
    rows = len(file.train) + len(file.test)
    if rows > MOST_ROWS:
        raise DataError(
            f"{name} has {rows:,} rows; at most {MOST_ROWS:,} are diagnosed on the page.",
            remedy="Take fewer rows, or use the command: python -m seda diagnose features:FILE",
        )
    return file


def _about(file: FeatureFile) -> str:
    rows, width = len(file.train) + len(file.test), file.train.image_features.shape[1]
    test = f", {len(file.test):,} of them of the test split" if len(file.test) else ""
    return f"{file.name.partition(':')[2]}: {rows:,} rows of width {width:,}{test}, {len(file.train.class_names):,} words, made by {file.encoder}."


def run_features(own: DiagnoseState, run: FeatureRun, report: Report) -> None:
    """Let all rows travel, diagnose them, and place the most troubled ones in the player.

    Raises:
        SedaError: the features do not fit the aligner, or there are fewer than two labelled rows.
    """
    from seda.journeys.diagnosing import diagnose

    assert own.opened is not None
    workbench, notes = cache.bare_workbench(run.aligner), list[str]()
    aligner = workbench.aligner
    items = items_of_file(own.opened.file, aligner, encoder_texts(workbench), split=run.split, on_note=notes.append)
    if len(items.names) < 2:
        raise DataError(
            f"{len(items.names)} labelled rows came; at least 2 are needed.", remedy="Choose other rows of the file."
        )
    check_cells(len(items.names), len(items.class_names), run.steps)
    template, sampling = aligner.card.template, SamplingConfig(num_inference_steps=run.steps)
    report(0.05, f"Reading {len(items.class_names):,} words")
    texts, rephrased = items.class_texts(template), items.other_phrasings(template, notes.append)
    found = diagnose(
        aligner, items.image_features, texts, items.labels, sampling, item_seeds=items.item_seeds, rephrased=rephrased,
        on_progress=lambda done, total: report(0.1 + 0.6 * done / total, f"Row {done:,} of {total:,} has travelled"),
        on_asked=lambda done, total: report(0.7 + 0.2 * done / total, f"Trying other phrasings: {done:,} of {total:,}"),
    )  # fmt: skip
    report(0.9, "Drawing")
    summary = found.to_dict(items.names, items.class_names)
    chosen, why = _first_shown(own, items.names, found.by_trouble())
    journey = _journey(items, chosen, workbench, texts, sampling, template)
    own.chosen, own.clicks, own.problem, own.swept, own.reacted = None, 0, None, None, {}
    label = f"{run.aligner}, {own.opened.file.name.partition(':')[2]}, {run.split} rows, 2 × {run.steps} steps, seed {sampling.seed}"
    own.found = Diagnosed(
        journey, Truth(tuple(items.labels.tolist()), items.class_names, tuple(notes)), _places(len(items.names), chosen), found, summary,
        asked=bool(rephrased), label=label, labelled=items, aligner=run.aligner, why=why,
    )  # fmt: skip


def _first_shown(own: DiagnoseState, names: Sequence[str], by_trouble: np.ndarray) -> tuple[list[int], str]:
    """The rows that the player shows first, and which they are: those that a kept run of the same rows shows, so that both can be compared."""
    for one in reversed(own.kept):
        if one.labelled is not None and one.labelled.names == tuple(names):
            shown = np.flatnonzero(one.items >= 0)
            return shown[np.argsort(one.items[shown])].tolist(), "the same as of the run that was kept"
    return by_trouble[:MOST_SHOWN].tolist(), PRESETS["Most trouble"]


def show_rows(own: DiagnoseState, question: Question, report: Report) -> None:
    """Place other rows in the player: the first MOST_SHOWN of those that were chosen."""
    found = own.found
    assert found is not None and found.labelled is not None
    items, settings = found.labelled, found.journey.trajectory.settings
    workbench = cache.bare_workbench(found.aligner)
    chosen = list(question.show[:MOST_SHOWN])
    report(0.3, f"Placing {len(chosen)} rows on the maps")
    assert settings.template is not None and settings.sampling is not None
    template = settings.template
    journey = _journey(items, chosen, workbench, items.class_texts(template), settings.sampling, template)
    of = (
        f"the first {len(chosen)} of {len(question.show):,} {question.why}"
        if len(question.show) > MOST_SHOWN
        else question.why
    )
    own.found = replace(found, journey=journey, items=_places(len(items.names), chosen), why=of)
    own.chosen = None
    if question.step is not None:  # of a click
        own.chosen = PlayerState(min(question.step, journey.trajectory.states.shape[1] - 1))
        own.clicks += 1


# what a button shows, by what is said of it
PRESETS = {"Most trouble": "those with the most trouble", "Evenly": "evenly taken of all"}


def show_choice(own: DiagnoseState, found: Diagnosed) -> None:
    """What of the whole set the player shows, and two other choices."""
    count, shown = len(found.names), len(found.journey.thumbnails)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(plain(f"{shown:,} of {count:,} shown: {found.why}."), width="content")
        if count <= shown:
            return
        order = found.diagnosis.by_trouble()
        for label, rows in zip(PRESETS, (order[:MOST_SHOWN], evenly(count, MOST_SHOWN)), strict=True):
            if st.button(label, type="tertiary", key=f"diagnose.rows.{label}", disabled=found.why == PRESETS[label]):
                own.pending = Question(show=tuple(rows.tolist()), why=PRESETS[label])
                st.rerun()


def encoder_texts(workbench: Workbench) -> EncodeTexts:
    """Texts by the aligner's own encoder, which is loaded when one is asked for."""

    def encode(texts: Sequence[str]) -> Tensor:
        encoder = cache.encoder(workbench.aligner.card.encoder)
        workbench.aligner.check_encoder(encoder.name, encoder.fingerprint)
        return encoder.encode_texts(texts)

    return encode


def _journey(
    items: LabelledItems,
    chosen: Sequence[int],
    workbench: Workbench,
    texts: Tensor,
    sampling: SamplingConfig,
    template: str,
) -> Journey:
    from seda.journeys.tracing import trace_features

    rows, labels = list(chosen), items.labels[list(chosen)].astype(np.int16)
    names = [items.names[row] for row in rows]
    journey = trace_features(
        items.image_features[rows], texts, names, items.class_names, workbench, sampling, template=template,
        item_seeds=[items.item_seeds[row] for row in rows], thumbnails=[row_tile(name) for name in names],
        title=f"{len(rows)} of {len(items.names):,} rows",
    )  # fmt: skip
    return replace(journey, labels=labels)


def _places(count: int, chosen: Sequence[int]) -> np.ndarray:
    """Where in the player each item is; -1 where it is not."""
    places = np.full(count, -1, np.int64)
    places[list(chosen)] = np.arange(len(chosen))
    return places


def row_tile(name: str) -> bytes:
    """A small picture for a row that has none, with its number; PNG."""
    tile = Image.new("RGB", (TILE, TILE), "#e7e9e5")
    number = name.rpartition(" ")[2]
    ImageDraw.Draw(tile).text(
        (TILE / 2, TILE / 2), number[-6:], fill="#4c5653", anchor="mm", font=ImageFont.load_default(14)
    )
    content = io.BytesIO()
    tile.save(content, "PNG")
    return content.getvalue()
