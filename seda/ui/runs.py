"""One run, from a request in the state to a result in the state, with its progress on the screen."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import replace

import streamlit as st

from seda.class_texts import parse_class_texts
from seda.errors import ImageError, SedaError
from seda.images import read_images
from seda.ui import cache
from seda.ui.state import AppState, RefitRequest, Shown, TraceRequest

_LAST_TITLE = "Your pictures on their way to {} class texts"


def run_pending(state: AppState) -> None:
    """Do what the state is asked for, if anything; afterwards the page starts over with the result.

    A click elsewhere interrupts the script at the next step; the request stays in the state, and the run that follows
    starts it again. Only Stop, an error or the result end it.
    """
    if state.pending is None:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        bar = st.progress(0.0, "Starting")
        st.button("Stop", icon=":material/stop:", key="trajectories.stop", on_click=state.stop)
    work = _refit if isinstance(state.pending, RefitRequest) else _trace
    try:
        state.show(work(state.pending, bar.progress))
    except SedaError as error:
        state.problem = error
    state.pending = None
    st.rerun()


def _trace(request: TraceRequest, report: Callable[[float, str], None]) -> Shown:
    report(0.0, f"Reading {len(request.pictures)} pictures")
    texts = parse_class_texts(request.class_text)
    images, failures = read_images((picture.name, picture.content) for picture in request.pictures)
    if not images:
        raise ImageError(
            "None of the pictures could be read. " + " ".join(failure.message for failure in failures[:3]),
            remedy="Choose other pictures.",
        )
    first = "" if "torch" in sys.modules else "; the first time this takes some seconds"
    report(0.05, f"Loading torch, encoder and aligner{first}")
    workbench = cache.workbench(request.aligner)
    from seda.tracing import trace_images

    started = time.perf_counter()
    report(0.1, f"Encoding {len(images)} pictures and {len(texts.names)} class texts")

    def on_step(event) -> None:
        done = (event.stage - 1) * event.total + event.done
        stage = "semantic learner" if event.stage == 1 else "semantic translator"
        report(
            0.4 + 0.6 * done / (2 * event.total), f"Stage {event.stage}, {stage}: step {event.done} of {event.total}"
        )

    title = _LAST_TITLE.format(len(texts.names))
    journey = trace_images(images, texts.names, workbench, request.sampling, title=title, on_step=on_step)
    seconds = time.perf_counter() - started
    return Shown(journey, "run", tuple(failures), texts.notes, cache.device(), seconds)


def _refit(request: RefitRequest, report: Callable[[float, str], None]) -> Shown:
    report(0.0, "Loading torch, encoder and aligner")
    workbench = cache.workbench(request.aligner)
    from seda.tracing import refit_journey, refittable

    names = refittable(workbench)
    report(0.0, "Looking for neighbours; the first time this takes some seconds")

    def on_progress(name: str, done: int, total: int) -> None:
        share = (names.index(name) + done / total) / len(names)
        report(share, f"Refitting {workbench.maps[name].label}: step {done} of {total}")

    return replace(request.shown, journey=refit_journey(request.shown.journey, workbench, on_progress=on_progress))
