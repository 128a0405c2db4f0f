"""Doing what a request asks for: from a request to what is shown. Every step is reported and can be stopped.

torch and the models are imported inside, when the first run needs them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import streamlit as st

from seda.class_texts import parse_class_texts
from seda.errors import FingerprintError, ImageError, LimitError, SedaError
from seda.export import FORMATS, ExportOptions
from seda.images import PRINTED, ImageFailure, read_images, thumbnail_png
from seda.journeys.journey import Ghost, Journey
from seda.map_forms import MAPS
from seda.ui import cache
from seda.ui.errors import plain
from seda.ui.serving.line import BETWEEN, RUNS, place_text
from seda.ui.serving.refusals import log_refusal
from seda.ui.serving.rules import rules
from seda.ui.serving.shared_runs import SHARED_RUNS, Traced
from seda.ui.serving.turns import PAGE_TURNS
from seda.ui.state import (
    AppState,
    DrawRequest,
    NamedFile,
    PathsRequest,
    RefitRequest,
    Request,
    SeedRequest,
    Shown,
    Taken,
    TraceRequest,
)
from seda.ui.trajectories.links import PRIVATE, REPLAY, SAMPLES, Source, read_view, refusal

if TYPE_CHECKING:
    from seda.diffusion.sampling import StepEvent
    from seda.images import NamedImage
    from seda.journeys.tracing import Workbench

_SAME = "Another visitor has asked for the same; it is on its way"

Report = Callable[[float, str], None]  # told how much is done, 0 to 1, and what is being done


def run_pending(state: AppState) -> None:
    """Do what the state is asked for, if anything; afterwards the page starts over with the result.

    A click elsewhere interrupts the script at the next step; the request stays in the state, and the run that follows
    starts it again. Only Stop, an error or the result end it.
    """
    if state.pending is None:
        RUNS.leave(state.key)  # of a run that was stopped while it stood in line
        SHARED_RUNS.end(state.key)
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        bar = st.progress(0.0, "Starting")
        st.button("Stop", icon=":material/stop:", key="trajectories.stop", on_click=state.stop)
    asked = _asked(state.pending)

    def report(share: float, text: str) -> None:  # nothing: what a step's callback returns would stop the run
        bar.progress(share, plain(text))  # it may hold the name of a file
        if asked is not None:
            SHARED_RUNS.begin(asked, state.key)  # still

    if _is_answered(state.pending, state.key, lambda: bar.progress(0.0, _SAME)):
        _end(state, report)
    else:
        _end(state, report, RUNS.turn(state.key, lambda place: report(0.0, place_text(place))))
    st.rerun()


def answer_known(state: AppState) -> None:
    """Do what the state is asked for where another visitor had the same: without a place in line, and before the journey's part of the
    page is drawn, so that it is drawn once. Where nothing is on the screen yet, wait for it, too."""
    note = st.empty()  # always there: what follows has to keep its place
    if state.pending is None:
        return
    if state.shown is None:
        known = _is_answered(state.pending, state.key, lambda: note.caption(_SAME))
        note.empty()
    else:
        known = _is_known(state.pending)
    if known:
        _end(state, lambda share, text: None)
    if state.shown is None and state.pending is None:
        st.rerun()  # a link that cannot be followed: with the first example instead


def _is_answered(request: Request, who: str, tell: Callable[[], object]) -> bool:
    """Whether another visitor had the same. While one is at it, wait; where nobody is, this one is from now on.

    Args:
        tell: called again and again while waiting; where it raises, as when the visitor clicks elsewhere, waiting ends.
    """
    asked = _asked(request)
    if asked is None:
        return False
    waited = False
    while not (known := _is_known(request)) and not SHARED_RUNS.begin(asked, who):
        tell()
        PAGE_TURNS.give_way()
        SHARED_RUNS.wait(asked, BETWEEN)
        waited = True
    if waited:
        PAGE_TURNS.take()
    return known


def _asked(request: Request) -> Hashable | None:
    """What visitors who wait for the same run have in common, known without torch; None where items are a visitor's own."""
    if not isinstance(request, TraceRequest) or request.source.kind in PRIVATE:
        return None
    return request.source, request.class_text, request.template, request.aligner, request.sampling


def _is_known(request: Request) -> bool:
    if SHARED_RUNS.is_empty:  # on a fresh server the key would import torch before the page is drawn
        return False
    key = _shared_key(request)
    return key is not None and SHARED_RUNS.find(key) is not None


def _end(state: AppState, report: Report, turn: AbstractContextManager[None] | None = None) -> None:
    """Do what is pending; its result or what is wrong with it is in the state then.

    Args:
        turn: to wait for and to have; None where nothing is left to compute.
    """
    assert state.pending is not None
    try:
        with turn or nullcontext(), cache.computing() if turn else nullcontext():
            if isinstance(state.pending, DrawRequest):
                state.taken = None  # the one before need not be kept until this one is there
                state.taken = _drawn(state.pending, within_time(report))
            else:
                state.show(_shown(state.pending, state, within_time(report)))
    except SedaError as error:
        state.problem, state.not_drawn = (None, error) if state.draws else (error, None)
        log_refusal("run", error)
    except Exception:
        # a fault of ours is shown once, not at every click that follows; streamlit's own are no Exception
        state.pending = None
        raise
    finally:
        SHARED_RUNS.end(state.key)
    state.pending = None


def within_time(report: Report) -> Report:
    """The same report, which gives a run up that takes longer than it may on this server, counted from now."""
    limits, started = rules().limits, time.monotonic()

    def timed(share: float, text: str) -> None:
        if limits is not None and time.monotonic() - started > limits.run_seconds:
            raise LimitError(
                f"This run took longer than the {limits.run_seconds} s that a run may take on this server.",
                remedy="Take fewer items, words or steps.",
            )
        report(share, text)

    return timed


def check_cells(items: int, words: int, steps: int) -> None:
    """
    Raises:
        LimitError: more than a run may have on this server.
    """
    limits = rules().limits
    if limits is not None and items * words * steps > limits.cells:
        raise LimitError(
            f"{items} items x {words} words x {steps} steps are {items * words * steps:,}; a run on this server may have "
            f"{limits.cells:,}.",
            remedy="Take fewer items, words or steps.",
        )


def _shown(request: TraceRequest | RefitRequest | SeedRequest | PathsRequest, state: AppState, report: Report) -> Shown:
    """The one place that turns a request into what is shown."""
    if isinstance(request, TraceRequest):
        return _trace(request, state.shown, report)
    if isinstance(request, PathsRequest):
        return _open_paths(request, report)
    return _refit(request, report) if isinstance(request, RefitRequest) else _repeat(request, report)


def _open_paths(request: PathsRequest, report: Report) -> Shown:
    report(0.0, f"Reading {request.file.name}")
    from seda.journeys.path_file import journey_of_content

    started = time.perf_counter()

    def on_progress(name: str, done: int, total: int) -> None:
        report(done / total, f"Making the map {MAPS[name].label}: step {done} of {total}")

    journey = journey_of_content(request.file.content, request.file.name, on_progress=on_progress)
    n, s, _ = journey.trajectory.states.shape
    check_cells(n, max(len(journey.trajectory.class_names), 1), s)
    return Shown(journey, "replay", Source(REPLAY), seconds=time.perf_counter() - started)


def _drawn(request: DrawRequest, report: Report) -> Taken:
    from seda.export.apart import encode_apart

    form, options = FORMATS[request.suffix], request.options
    if not form.scalable:
        check_pixels(options)

    def on_progress(done: int, total: int) -> None:
        report(done / total, f"Drawing: {done} of {total}")

    report(0.0, f"Drawing {form.label}")
    limits = rules().limits
    seconds = 2 * limits.run_seconds if limits is not None else 0  # the encoder of films keeps two processors busy
    encoded = encode_apart(_printed(request.shown), request.suffix, options, on_progress, cpu_seconds=seconds)
    return Taken(request.shown.journey, f"journey{request.suffix}", form.media_type, encoded.content, encoded.notes)


def _printed(shown: Shown) -> Journey:
    """The journey with thumbnails that are large enough for paper, where all of them are at hand."""
    files = shown.originals or (cache.example_files(shown.source.names[0]) if shown.origin == "example" else ())
    items, failures = read_images((file.name, file.content) for file in files)
    if not items or failures:
        return shown.journey
    return replace(shown.journey, thumbnails=tuple(thumbnail_png(item.image, PRINTED) for item in items))


def check_pixels(options: ExportOptions) -> None:
    """
    Raises:
        LimitError: more than a picture may have on this server.
    """
    limits = rules().limits
    width, height = options.pixels((0, 0))
    if limits is not None and width * height > limits.drawn_pixels:
        raise LimitError(
            f"A picture of {width:,} x {height:,} px was asked for; one on this server may have {limits.drawn_pixels:,} pixels.",
            remedy="Choose a smaller size, or SVG or PDF.",
        )


def _workbench(aligner: str, share: float, report: Report) -> Workbench:
    first = "" if cache.models_loaded() else "; the first time this takes some seconds"
    report(share, f"Loading the models{first}")
    return cache.workbench(aligner)


def _trace(request: TraceRequest, earlier: Shown | None, report: Report) -> Shown:
    texts = parse_class_texts(request.class_text)
    check_cells(request.count, len(texts.names), request.sampling.num_inference_steps)
    key = _shared_key(request)
    traced = None if key is None else SHARED_RUNS.find(key)
    if traced is None:
        traced = _traced(request, texts.names, report)
        if key is not None:
            SHARED_RUNS.keep(key, traced)
    workbench, journey = (
        cache.workbench(request.aligner),
        traced.journey,
    )  # loaded by now: the bar need not go back for it
    if earlier is not None and earlier.journey.trajectory is journey.trajectory:
        journey = replace(
            journey, trajectory=replace(journey.trajectory)
        )  # another one, or the player would stay where it is
    start, refused = read_view(request.view, journey)
    said = refusal([*request.refused, *refused])
    before = None if earlier is None else _before(journey, earlier, workbench)
    return Shown(
        journey,
        "run",
        request.source,
        request.aligner,
        traced.failures,
        (*texts.notes, *traced.notes, *([said] if said else [])),
        cache.device(),
        traced.seconds,
        start=start,
        before=before,
        originals=_originals(request, traced, earlier),
    )


def _originals(request: TraceRequest, traced: Traced, earlier: Shown | None) -> tuple[NamedFile, ...]:
    """The files of a run's items, in its order; empty where they are not at hand."""
    if isinstance(request.items, Journey):
        same = earlier is not None and earlier.journey.trajectory.item_names == traced.journey.trajectory.item_names
        return earlier.originals if earlier is not None and same else ()
    unread = {failure.name for failure in traced.failures}
    files = tuple(file for file in request.items if file.name not in unread)
    return files if len(files) == len(traced.journey.thumbnails) else ()


def _shared_key(request: Request) -> Hashable | None:
    """What a run of shipped items is a function of; None where they are a visitor's own, or something cannot be read."""
    if not isinstance(request, TraceRequest) or request.source.kind in PRIVATE:
        return None
    try:
        names, card = parse_class_texts(request.class_text).names, cache.card(request.aligner)
        template, sampling = request.template or card.template, request.sampling.settled(card.model)
        return request.source, names, template, sampling, cache.workbench_key(request.aligner)
    except (SedaError, OSError):  # it is said where the run begins
        return None


def _traced(request: TraceRequest, class_names: Sequence[str], report: Report) -> Traced:
    items, failures = _read_items(request, report)  # before the models: a wrong file is said at once
    workbench = _workbench(request.aligner, 0.05, report)
    if (anew := _seen_anew(request, workbench)) is not request:
        request = anew
        items, failures = _read_items(request, report)
    from seda.journeys.tracing import retrace, trace_images

    started = time.perf_counter()
    earlier_paths = request.items if isinstance(request.items, Journey) else None
    count = len(items) if earlier_paths is None else request.count
    looking = f"Looking at {_counted(count)}. " if earlier_paths is None else ""
    report(0.1, f"{looking}Reading {len(class_names)} words")
    start_run = partial(trace_images, items) if earlier_paths is None else partial(retrace, earlier_paths)
    journey = start_run(
        class_names,
        workbench,
        request.sampling,
        template=request.template or None,
        title=_title(count, len(class_names)),
        on_step=lambda event: report(0.4 + 0.6 * _share(event), _step_text(event)),
    )
    seconds = time.perf_counter() - started
    return Traced(journey, failures, seconds, workbench.notes_on(class_names))


def _before(journey: Journey, earlier: Shown, workbench: Workbench) -> Ghost | None:
    """What a journey can be compared with: the journey before it; that one's own, where nothing was changed."""
    from seda.journeys.ghosts import with_ghost
    from seda.journeys.tracing import on_own_maps

    there = on_own_maps(earlier.journey, workbench)
    if there.ghost is None and earlier.before is not None:
        there = replace(there, ghost=earlier.before)
    return with_ghost(journey, there).ghost


def _seen_anew(request: TraceRequest, workbench: Workbench) -> TraceRequest:
    """The request with the items themselves, where the features on the screen are those of another encoder.

    Raises:
        FingerprintError: the items are no longer there.
    """
    if not isinstance(request.items, Journey):
        return request
    made_with = request.items.trajectory.settings
    if made_with.encoder_fingerprint == workbench.encoder.fingerprint:
        return request
    if request.source.kind == SAMPLES and (files := cache.sample_files(request.source.names)):
        return replace(request, items=files)
    raise FingerprintError(
        f"The aligner {request.aligner!r} looks at pictures with the encoder {workbench.encoder.name!r}; these were looked at "
        f"with {made_with.encoder!r:.60}.",
        remedy="Choose the pictures again, under Samples or Upload, and press Run.",
    )


def _read_items(request: TraceRequest, report: Report) -> tuple[list[NamedImage], tuple[ImageFailure, ...]]:
    """The items of a request, read; none where a journey holds their features."""
    if isinstance(request.items, Journey):
        return [], ()
    report(0.0, f"Opening {_counted(len(request.items))}")
    items, failures = read_images((file.name, file.content) for file in request.items)
    if not items:
        raise ImageError(
            "None of the pictures could be read. " + " ".join(failure.message for failure in failures[:3]),
            remedy="Choose other pictures.",
        )
    return items, tuple(failures)


def _refit(request: RefitRequest, report: Report) -> Shown:
    workbench = _workbench(request.aligner, 0.0, report)
    from seda.journeys.tracing import refit_journey, refittable

    names = refittable(workbench)
    report(0.0, "Looking for neighbours; the first time this takes some seconds")

    def on_progress(name: str, done: int, total: int) -> None:
        share = (names.index(name) + done / total) / len(names)
        report(share, f"Making room on the map {workbench.maps[name].label}: step {done} of {total}")

    journey = refit_journey(request.shown.journey, workbench, on_progress=on_progress)
    return replace(
        request.shown, journey=journey, seeds_took="", before=None
    )  # its clouds and the ghost lay on the old maps


def _repeat(request: SeedRequest, report: Report) -> Shown:
    workbench = _workbench(request.aligner, 0.0, report)
    from seda.journeys.seed_clouds import seed_cloud, with_cloud

    started, total = time.perf_counter(), len(request.items)
    journey = request.shown.journey
    steps, words = journey.trajectory.hand_over, len(journey.trajectory.class_names)
    check_cells(total * request.count, words, steps)
    for number, item in enumerate(request.items):
        name = journey.trajectory.item_names[item]
        report(number / total, f"{name}, {request.count} times")

        def on_step(event: StepEvent, number: int = number, name: str = name) -> None:
            report((number + _share(event)) / total, f"{name}, {request.count} times: {_step_text(event).lower()}")

        journey = with_cloud(journey, seed_cloud(journey, item, workbench, count=request.count, on_step=on_step))
    seconds = time.perf_counter() - started
    return replace(
        request.shown,
        journey=journey,
        seeds_took=f"{request.count} seeds for {_counted(total)} took {seconds:.1f} s on {cache.device()}",
    )


def _title(items: int, texts: int) -> str:
    return f"{_counted(items)} on the way to {texts} words"


def _counted(count: int) -> str:
    return "1 picture" if count == 1 else f"{count} pictures"


def _share(event: StepEvent) -> float:
    return ((event.stage - 1) * event.total + event.done) / (2 * event.total)


def _step_text(event: StepEvent) -> str:
    goal = "what the model knows" if event.stage == 1 else "the words"
    return f"Step {event.done} of {event.total} toward {goal}"
