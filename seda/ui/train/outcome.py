"""What becomes of a training: stopped, done, kept, deleted, or found on disk from before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import streamlit as st

from seda.card import DEFAULT_ALIGNER, renew_sums
from seda.errors import SedaError
from seda.training import unfinished
from seda.training.history import Epoch, best_epoch, read_history
from seda.training.unfinished import UPLOADS, WORDS, TrainingRecord, Unfinished, folder_of
from seda.ui import cache
from seda.ui.aligner.card import show_metrics
from seda.ui.errors import plain, show_failures
from seda.ui.gallery import SAMPLES_AT_FIRST, first_kind, kind_of
from seda.ui.serving.visitor import own_home
from seda.ui.state import SAMPLES, UPLOAD, AppState, NamedFile, TraceRequest, app_state, begin_widget
from seda.ui.train.runs import show_history
from seda.ui.train.state import Finished, TrainRequest, TrainState
from seda.ui.trajectories import links
from seda.ui.trajectories.controls import renew_panel
from seda.ui.trajectories.links import Source
from seda.ui.uploads import MAX_ITEMS

TRAJECTORIES = "pages/trajectories.py"


def show_heading(record: TrainingRecord) -> None:
    """What is trained, in one line."""
    st.subheader(plain(record.name), anchor=False)
    st.caption(plain("  ·  ".join(_about(record))))


def _about(record: TrainingRecord) -> list[str]:
    if record.kind == UPLOADS:
        what = f"uploaded pictures of {', '.join(record.class_names)}"
    elif record.kind == WORDS:
        what = f"words alone, {len(record.words)} of them your own" if record.words else "words alone"
    else:
        what = record.dataset + (f", first {record.limit:,} images" if record.limit else "")
    return [f"encoder {record.encoder}", what, f"seed {record.config.seed}"]


def show_stopped(train: TrainState, request: TrainRequest) -> None:
    """A training that waits: go on, take what is there, or give up."""
    record = request.record
    history = read_history(folder_of(record.name, own_home()))
    show_heading(record)
    if train.problem is None:
        st.info(_where_it_stands(record, history), icon=":material/stop_circle:")
    with st.container(horizontal=True):
        st.button(
            "Go on", type="primary", icon=":material/play_arrow:", key="train.on", on_click=train.ask, args=(request,)
        )
        if history and record.kind != WORDS:
            st.button(
                "Keep the best epoch so far", icon=":material/done_all:", key="train.best", on_click=_take_best,
                args=(train, request), help="Trains no further: fits the maps to the best epoch and writes the aligner.",
            )  # fmt: skip
        _discard_button(train, record.name)
        st.button("Train something else", type="tertiary", key="train.else", on_click=train.clear)
    show_history(st.empty(), history, record.config.max_epochs, "train.chart")


def _where_it_stands(record: TrainingRecord, history: Sequence[Epoch]) -> str:
    if record.kind == WORDS:
        return "Stopped. Words that were read are kept; the rest begins anew."
    if not history:
        return "Stopped before the first epoch was finished. What was done so far is kept."
    best = f"the best so far is epoch {best_epoch(history) + 1}"
    if record.finish or len(history) == record.config.max_epochs:
        return f"Stopped after the training, {len(history)} epochs; {best}. The maps are still to be fitted."
    return f"Stopped after epoch {len(history)} of at most {record.config.max_epochs}; {best}. Nothing is lost."


def _take_best(train: TrainState, request: TrainRequest) -> None:
    request = replace(request, record=replace(request.record, finish=True))
    try:
        unfinished.write_record(request.record, own_home())
        train.ask(request)
    except SedaError as error:
        train.problem = error


def _discard_button(train: TrainState, name: str, key: str = "train.discard") -> None:
    """The first click asks, the second deletes."""
    if train.confirm != name:
        st.button("Discard", icon=":material/delete:", key=key, on_click=_ask_to_discard, args=(train, name))
        return
    st.button(
        f"Really delete {plain(name)}?", icon=":material/delete_forever:", key=f"{key}.really", on_click=_discard,
        args=(train, name), help="There is no way back.",
    )  # fmt: skip
    st.button("No, leave it", key=f"{key}.no", on_click=_ask_to_discard, args=(train, ""), type="tertiary")


def _ask_to_discard(train: TrainState, name: str) -> None:
    train.confirm = name


def _discard(train: TrainState, name: str) -> None:
    try:
        if train.finished is not None and train.finished.kept and train.finished.card.name == name:
            unfinished.delete_aligner(name, None if train.shared else own_home())
            if (state := app_state()).aligner == name:
                state.use_aligner(DEFAULT_ALIGNER)
        else:
            unfinished.discard(name, own_home())
        train.clear(f"{name} was deleted.")
    except SedaError as error:
        train.problem, train.confirm = error, ""


def show_finished(state: AppState, train: TrainState, finished: Finished) -> None:
    """The card's headline figures, and what becomes of the aligner."""
    card, record = finished.card, finished.request.record
    show_heading(record)
    took = f" It took {finished.seconds:.0f} s." if finished.seconds >= 1 else ""
    if finished.kept:
        st.success(
            plain(
                f"{record.name} is kept, for {'everyone who uses this server' if train.shared else 'you alone'}: every page can use it."
            ),
            icon=":material/check:",
        )
    else:
        st.success(f"Trained.{took} Keep it to use it on the other pages.", icon=":material/check:")
    if finished.request.uploads is not None:
        show_failures(finished.request.uploads.failures)
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button(
            "To the picture", type="primary", icon=":material/moving:", key="train.picture",
            help="Keeps it, and lets your pictures travel to their classes."
            if finished.request.uploads is not None
            else "Keeps it, and lets samples travel to its class texts.",
        ):  # fmt: skip
            _to_the_picture(state, train, finished)
        if not finished.kept:
            st.button("Keep", icon=":material/save:", key="train.keep", on_click=_keep, args=(train, finished))
            train.shared = st.toggle(
                "For everyone", key=begin_widget("train.shared", train.shared),
                help="Off: the aligner is yours, in this browser. On: everyone who uses this server can use it, with its class "
                "names and its small pictures.",
            )  # fmt: skip
        if finished.kept:
            st.button("Train another", icon=":material/add:", key="train.another", on_click=_another, args=(train,))
        _discard_button(train, record.name)
    show_metrics(card)
    st.caption(
        f"Encoder {plain(card.encoder)}, fingerprint `{plain(card.encoder_fingerprint)}`. "
        + plain(str(card.data.get("encoder_description") or ""))
    )
    show_history(st.empty(), finished.history, max(record.config.max_epochs, 1), "train.chart")


def _keep(train: TrainState, finished: Finished) -> None:
    """Let it lie in the aligners' home; where that fails, the state says why."""
    if finished.kept:
        return
    try:
        unfinished.keep(
            finished.request.record.name,
            own_home(),
            shared=train.shared,
            before=lambda folder: _add_pictures(finished, folder),
        )
    except SedaError as error:
        train.problem = error
        return
    train.finished, train.problem, train.confirm = replace(finished, kept=True), None, ""


def _add_pictures(finished: Finished, folder: Path) -> None:
    """Small pictures of uploads: from now on they are on the disk, and the card knows them."""
    if finished.pictures is not None:
        finished.pictures.save(folder)
        renew_sums(folder)


def _another(train: TrainState) -> None:
    train.name = ""
    train.clear()


def _to_the_picture(state: AppState, train: TrainState, finished: Finished) -> None:
    """Let the uploads that it was trained on, or samples, travel on the trajectories page to its class texts."""
    _keep(train, finished)
    if train.finished is None or not train.finished.kept:
        st.rerun()
    card, uploads = finished.card, finished.request.uploads
    state.use_aligner(card.name)
    state.template, state.class_text = "", ", ".join(card.first_classes)
    if uploads is not None:
        state.uploads = tuple(NamedFile(*file) for file in uploads.files[:MAX_ITEMS])
        state.items_from, items, source = UPLOAD, state.uploads, Source(links.UPLOADS)
    else:
        of_its_kind = (sample.key for sample in cache.samples() if kind_of(sample) == first_kind(card))
        state.samples = tuple(of_its_kind)[:SAMPLES_AT_FIRST]
        state.items_from, items = SAMPLES, cache.sample_files(state.samples)
        source = Source(links.SAMPLES, state.samples)
    if items:
        state.ask(TraceRequest(items, source, state.class_text, "", state.aligner, state.sampling))
    renew_panel(state)
    st.switch_page(TRAJECTORIES)


def show_unfinished(train: TrainState) -> None:
    """The visitor's trainings that lie on this machine and are not kept."""
    home = own_home()
    found = [one for one in unfinished.list_unfinished(home) if not unfinished.is_running(one.record.name, home)]
    if not found:
        return
    st.subheader("Not finished, or not kept", anchor=False)
    for one in found:
        record = one.record
        with st.container(border=True, horizontal=True, vertical_alignment="center", key=f"train.left.{record.name}"):
            st.markdown(f"**{plain(record.name)}**  \n{plain(_progress_of(one))}", width="stretch")
            st.button(
                "Look at it" if record.done else "Go on", icon=":material/play_arrow:", key=f"train.on.{record.name}",
                on_click=_go_on, args=(train, record),
            )  # fmt: skip
            _discard_button(train, record.name, f"train.discard.{record.name}")


def _progress_of(one: Unfinished) -> str:
    record, count = one.record, len(one.history)
    if record.done:
        return "done, not kept"
    what = {UPLOADS: f"uploads in {len(record.class_names)} classes", WORDS: "words alone"}.get(
        record.kind, record.dataset
    )
    epochs = (
        ""
        if record.kind == WORDS
        else f", {count} epoch{'' if count == 1 else 's'} of at most {record.config.max_epochs}"
    )
    again = ". The same pictures must be uploaded again" if record.kind == UPLOADS else ""
    return f"{what}, {record.encoder}{epochs}{again}."


def _go_on(train: TrainState, record: TrainingRecord) -> None:
    if record.kind == UPLOADS and not record.done:
        train.clear()
        train.again, train.classes = record, []
        for name in record.class_names:
            train.add_class(name)
    else:
        train.ask(TrainRequest(record))
