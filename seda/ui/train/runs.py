"""Doing what the train page was asked for: load an encoder, train, show how it goes. Every step can be stopped.

torch and the models are imported inside, when the first request needs them.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from seda.card import read_card
from seda.errors import AlignerError, LimitError, SedaError, Stopped
from seda.storage import free_mb
from seda.training.history import Epoch, best_epoch, read_history
from seda.training.unfinished import (
    FEATURES,
    UPLOADS,
    WORDS,
    discard,
    folder_of,
    is_running,
    list_unfinished,
    working_on,
    write_record,
)
from seda.ui import cache
from seda.ui.errors import plain
from seda.ui.serving.line import TRAININGS, place_text
from seda.ui.serving.refusals import log_refusal
from seda.ui.serving.rules import MAY_TRAIN, rules
from seda.ui.serving.visitor import own_home
from seda.ui.state import app_state, read_widget
from seda.ui.train.encoder_choice import check_open, load
from seda.ui.train.state import Finished, LoadRequest, TrainRequest, TrainState

if TYPE_CHECKING:
    from seda.journeys.reference_pictures import ReferencePictures
    from seda.training.fit import TrainingEvent

STOP_KEY = "train.stop"
CHART_HEIGHT = 370  # px
CHECKPOINT_SECONDS = 2.0  # chosen here: what a stop may lose; on few pictures a checkpoint takes longer than an epoch
LAST_STEP_SECONDS = 90.0  # the longest step, on a busy machine
BETWEEN_CHARTS, BETWEEN_BARS = 1.5, 0.1  # seconds; a chart is drawn anew each time, and should not flicker
# where in the whole each part lies; the maps take most of a small training
_PARTS = {
    "encoding images": (0.02, 0.2, "Looking at pictures"),
    "encoding texts": (0.2, 0.22, "Reading the class names"),
    "training": (0.22, 0.5, "Training, epoch"),
    "tracing paths for the maps": (0.5, 0.55, "Tracing paths for the maps, and looking for neighbours"),
    "fitting the map umap-2d": (0.55, 0.76, "Fitting the map in two dimensions, step"),
    "fitting the map umap-3d": (0.76, 0.9, "Fitting the map in three dimensions, step"),
    "fitting the map timeline": (0.9, 1.0, "Fitting the timeline, step"),
}


def stop_where_left(train: TrainState) -> None:
    """A training does not go on behind the visitor's back: who left the page finds it stopped."""
    if train.pending is not None and not train.new and read_widget(STOP_KEY) is None:  # widgets go with their page
        train.stop()


def run_pending(train: TrainState) -> None:
    """Do what the state is asked for, if anything; afterwards the page starts over with the result.

    A click elsewhere interrupts the script at the next step; the request stays in the state, and the run that follows
    goes on from the last epoch. Only Stop, an error or the result end it.
    """
    request, who = train.pending, app_state().key
    if request is None:
        TRAININGS.leave(who)
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        bar = st.progress(0.0, "Starting")
        st.button("Stop", icon=":material/stop:", key=STOP_KEY, on_click=train.stop)
    train.new = False
    screen = _Screen(bar, st.empty())
    try:
        rules().require(MAY_TRAIN, AlignerError)
        with TRAININGS.turn(who, lambda place: screen.report(0.0, place_text(place))):
            if isinstance(request, LoadRequest):
                check_open(request.encoder)
                train.facts = load(request.encoder, screen.report)
            else:
                train.finished = _train(request, screen)
    except SedaError as error:
        log_refusal("training", error)
        train.stop()
        if isinstance(request, LoadRequest):
            train.encoder_problem = request.encoder, error
        else:
            train.problem = error
            _back_to_choosing(train, request)
    except Stopped:
        train.stop()
    except Exception:
        # a fault of ours is shown once, not at every click that follows; streamlit's own are no Exception
        train.stop()
        raise
    train.pending = None
    st.rerun()


def check_room(home: Path) -> None:
    """
    Raises:
        LimitError: the visitor has as many trainings as this server keeps for one, or its disk is nearly full.
    """
    limits = rules().limits
    if limits is None:
        return
    if len(list_unfinished(home)) >= limits.trainings:
        raise LimitError(
            f"You have {limits.trainings} trainings that are not kept; this server holds no more for one visitor.",
            remedy="Keep or discard one of them below.",
        )
    if free_mb(home) < limits.free_mb:
        raise LimitError("The disk of this server is nearly full.", remedy="Try again later, or tell its operator.")


def _back_to_choosing(train: TrainState, request: TrainRequest) -> None:
    """After an error before the first epoch there is nothing to go on with: another encoder or other pictures may do."""
    name, home = request.record.name, own_home()
    with suppress(SedaError):  # another window trains it, or its checkpoint is damaged
        if not request.record.done and not read_history(folder_of(name, home)):
            discard(name, home)
            train.stopped = None


def show_history(place: DeltaGenerator, history: Sequence[Epoch], max_epochs: int, key: str) -> None:
    """The chart of all epochs so far."""
    if not history:
        return
    from seda.figures import training_curves

    figure = training_curves(
        [epoch.training_loss for epoch in history],
        [epoch.validation_nll for epoch in history],
        [epoch.validation_accuracy for epoch in history],
        best=best_epoch(history),
        max_epochs=max_epochs,
    )
    place.plotly_chart(figure, key=key, config={"displayModeBar": False}, height=CHART_HEIGHT)


class _Screen:
    """Progress bar and chart of what is under way; drawing them is also where a click interrupts."""

    def __init__(self, bar: DeltaGenerator, chart: DeltaGenerator) -> None:
        self._bar, self._chart = bar, chart
        self._bar_at = self._chart_at = 0.0
        self.history: tuple[Epoch, ...] = ()

    def report(self, share: float, text: str, *, at_once: bool = True) -> None:
        if at_once or time.monotonic() - self._bar_at > BETWEEN_BARS:
            self._bar.progress(min(max(share, 0.0), 1.0), plain(text))
            self._bar_at = time.monotonic()

    def part(self, name: str, done: int, total: int, detail: str = "") -> None:
        """`recipe.Progress`; nothing is returned, that would stop the training."""
        low, high, text = _PARTS.get(name, (0.05, 0.5, name.capitalize()))
        self.report(low + (high - low) * done / max(total, 1), f"{text} {done:,} of {total:,}" if total > 1 else text)

    def batch(self, epoch: int, done: int, total: int) -> None:
        if total > 1:
            self.report(0.22, f"Training, epoch {epoch}, batch {done} of {total}", at_once=False)
        else:
            self.report(0.22, f"Training, epoch {epoch}", at_once=False)

    def draw(self, history: tuple[Epoch, ...], max_epochs: int, *, at_once: bool = False) -> None:
        self.history = history
        if history and (at_once or time.monotonic() - self._chart_at > BETWEEN_CHARTS):
            # an element's key may be used once a run
            show_history(self._chart, history, max_epochs, f"train.chart.{len(history)}.{time.monotonic_ns()}")
            self._chart_at = time.monotonic()


def _train(request: TrainRequest, screen: _Screen) -> Finished:
    """
    Raises:
        SedaError: the encoder, the data or the folder cannot be used.
    """
    cache.import_in_turn()
    record, home, started = request.record, own_home(), time.monotonic()
    # a run that was stopped lives on to its next draw, beside this one
    while is_running(record.name, home) and time.monotonic() - started < LAST_STEP_SECONDS:
        screen.report(0.0, "Waiting for the last step of before to end")
        time.sleep(0.3)
    pictures = None
    with working_on(record.name, home) as folder:
        history, most = read_history(folder), record.config.max_epochs
        screen.draw(history, most, at_once=True)
        if not record.done:
            load(record.encoder, lambda share, text: screen.report(0.02 * share, text))
            encoder = cache.encoder(record.encoder)
            if record.kind == WORDS:
                from seda.training.words_alone import pretrain_from_words

                pretrain_from_words(encoder, folder, words=record.words, on_progress=screen.part)
            else:
                pictures = _train_on_pictures(request, folder, screen)
            write_record(replace(record, done=True), home)
        card = read_card(folder)
    done = TrainRequest(replace(record, done=True), request.uploads)
    return Finished(done, card, screen.history or history, time.monotonic() - started, pictures=pictures)


def _train_on_pictures(request: TrainRequest, folder: Path, screen: _Screen) -> ReferencePictures | None:
    """Returns small pictures of uploads, which are on no disk before the aligner is kept."""
    from seda.data.datasets import load_dataset
    from seda.projection.fit import MapConfig
    from seda.training.recipe import train_aligner

    record, uploads = request.record, request.record.kind == UPLOADS
    pictures: list[ReferencePictures] = []
    screen.report(0.02, "Reading the pictures")
    dataset = load_dataset(record.dataset) if request.uploads is None else request.uploads
    count = dataset.count("train")
    limit = record.limit if 0 < record.limit < count else None

    def on_epoch(event: TrainingEvent) -> None:
        screen.draw(event.history, event.max_epochs, at_once=event.epoch == event.max_epochs)

    train_aligner(
        dataset,
        cache.encoder(record.encoder),
        record.config,
        folder,
        name=record.name,
        limit=limit,
        map_config=MapConfig.for_pictures(limit or count),
        on_progress=screen.part,
        on_epoch=on_epoch,
        on_batch=screen.batch,
        train_further=not record.finish,
        checkpoint_seconds=CHECKPOINT_SECONDS,
        feature_cache=folder / FEATURES if uploads else None,
        pictures_to=pictures.append if uploads else None,
    )
    return pictures[-1] if pictures else None
