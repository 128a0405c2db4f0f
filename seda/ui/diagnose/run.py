"""Diagnosing what is on the screen. torch is imported when the aligner is asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from seda.class_texts import PHRASINGS
from seda.config import DENOISERS, SamplingConfig
from seda.data.truth import Truth
from seda.errors import ConfigError, DataError, SedaError
from seda.journeys.diagnosis import Asked, diagnose_trajectory
from seda.journeys.labelled_items import LabelledItems
from seda.journeys.trajectory import Trajectory
from seda.ui import cache
from seda.ui.diagnose.features import run_features, show_rows
from seda.ui.diagnose.state import Diagnosed, DiagnoseState, Question
from seda.ui.diagnose.truth import NO_LABELS
from seda.ui.errors import plain
from seda.ui.serving.line import RUNS, place_text
from seda.ui.serving.refusals import log_refusal
from seda.ui.state import AppState, Shown
from seda.ui.trajectories.runs import Report, check_cells, within_time

if TYPE_CHECKING:
    from seda.journeys.tracing import Workbench

OTHER_SEEDS = (
    4  # walks of each path with other noise; chosen here: the app's seed cloud has 16, which takes four times as long
)


def diagnose_shown(own: DiagnoseState, shown: Shown, truth: Truth) -> Diagnosed:
    """The diagnosis of what is on the screen, made anew where items or labels are others.

    Raises:
        DataError: fewer than two items are labelled with one of the words.
    """
    found = own.found
    if (
        found is not None
        and found.journey.trajectory is shown.journey.trajectory
        and found.truth.labels == truth.labels
    ):
        return found
    labels = np.array(truth.labels, np.int16)
    items = np.flatnonzero(labels >= 0)
    if len(items) < 2:
        raise DataError(
            f"{len(items)} of the {len(labels)} pictures on the screen {'is' if len(items) == 1 else 'are'} labelled with one of the words; "
            "at least 2 are needed.",
            remedy=NO_LABELS,
        )
    part = shown.journey.trajectory.take(items)
    diagnosis = diagnose_trajectory(part, labels[items])
    own.chosen, own.clicks, own.problem, own.swept = None, 0, None, None
    own.found = Diagnosed(
        replace(shown.journey, labels=labels), truth, items, diagnosis,
        diagnosis.to_dict(part.item_names, part.class_names), label=_label(shown.journey.trajectory),
        aligner=shown.aligner or shown.journey.trajectory.settings.aligner,
    )  # fmt: skip
    return own.found


def _label(trajectory: Trajectory) -> str:
    """What was run, in a few words."""
    settings = trajectory.settings
    sampling = settings.sampling
    parts = [settings.aligner]
    if settings.template:
        parts.append(f"“{settings.template}”")
    if sampling is not None:
        denoiser = DENOISERS[sampling.denoiser].label.lower() if sampling.denoiser in DENOISERS else ""
        parts += [denoiser, f"2 × {sampling.num_inference_steps} steps", f"seed {sampling.seed}"]
    return ", ".join(filter(None, parts))


def ask_pending(state: AppState, own: DiagnoseState, shown: Shown | None) -> None:
    """Ask the aligner what there is to ask, if anything; then the page starts over with what it says.

    Args:
        shown: what is on the screen; None for a file of features.
    """
    question = own.pending
    if question is None or (own.found is None and question.run is None):
        return
    own.problem = None
    with st.container(horizontal=True, vertical_alignment="center"):
        bar = st.progress(0.0, "Starting")
        st.button("Stop", icon=":material/stop:", key="diagnose.stop", on_click=own.stop)

    def report(share: float, text: str) -> None:
        bar.progress(share, plain(text))

    timed = within_time(report)
    try:
        with RUNS.turn(state.key, lambda place: report(0.0, place_text(place))), cache.computing():
            timed(0.02, "Loading encoder and aligner; the first time this takes some seconds")
            _do(own, question, shown, timed)
    except SedaError as error:
        own.problem = error
        log_refusal("diagnose", error)
    own.pending = None
    st.rerun()


def _do(own: DiagnoseState, question: Question, shown: Shown | None, report: Report) -> None:
    if question.run is not None:
        run_features(own, question.run, report)
    elif question.show:
        show_rows(own, question, report)
    elif question.kinds:
        _try_variants(own, question, shown, report)
    elif shown is not None:
        _answer(own, question, _workbench(shown), report)


def _workbench(shown: Shown) -> Workbench:
    settings = shown.journey.trajectory.settings
    workbench = cache.workbench(shown.aligner or settings.aligner)
    workbench.aligner.check_encoder(settings.encoder, settings.encoder_fingerprint)
    return workbench


def _answer(own: DiagnoseState, question: Question, workbench: Workbench, report: Report) -> None:
    found = own.found
    assert found is not None
    part = found.journey.trajectory.take(found.items)
    labels = found.diagnosis.verdicts.labels
    asked = _asked(
        part, labels, workbench, question.seeds,
        lambda done, total: report(0.1 + 0.9 * done / total, f"Asking the aligner: {done} of {total}"),
    )  # fmt: skip
    diagnosis = diagnose_trajectory(part, labels, asked)
    summary = diagnosis.to_dict(part.item_names, part.class_names)
    own.found = replace(found, diagnosis=diagnosis, summary=summary, asked=True, seeds=question.seeds)


def _try_variants(own: DiagnoseState, question: Question, shown: Shown | None, report: Report) -> None:
    from seda.journeys.sweeping import WORDING, base_variant, make_variants, sweep

    found = own.found
    assert found is not None
    workbench, items = _material(found, shown)
    model = workbench.aligner.card.model
    template, sampling = _made_with(found.journey.trajectory)
    base = base_variant(items.class_names, template, sampling, model)
    variants, notes = make_variants(question.kinds, base, model)
    check_cells(len(items.names), len(items.class_names), len(variants) + 1)
    table = sweep(
        workbench.aligner, items.image_features, items.labels, items.encode_texts, variants, base, item_seeds=items.item_seeds,
        walk=tuple(kind for kind in question.kinds if kind != WORDING),  # twenty wordings' paths would take most of the time
        on_progress=lambda done, total: report(0.1 + 0.9 * done / total, f"Trying {len(variants)} others"),
    )  # fmt: skip
    own.swept = found, {**table.to_dict(), "notes": list(notes)}


def _material(found: Diagnosed, shown: Shown | None) -> tuple[Workbench, LabelledItems]:
    """What a diagnosis was made of, all of its labelled items, with what they travel by."""
    import torch

    if found.labelled is not None:
        return cache.bare_workbench(found.aligner), found.labelled
    assert shown is not None
    workbench, part = _workbench(shown), found.journey.trajectory.take(found.items)
    items = LabelledItems(
        part.item_names, torch.from_numpy(part.image_features), found.diagnosis.verdicts.labels.astype(np.int64), part.class_names,
        tuple(part.item_seeds.tolist()), workbench.encoder.encode_texts,
    )  # fmt: skip
    return workbench, items


def _made_with(part: Trajectory) -> tuple[str, SamplingConfig]:
    """Template and sampling of a journey.

    Raises:
        ConfigError: it does not say how it was made.
    """
    template, sampling = part.settings.template, part.settings.sampling
    if template is None or sampling is None:
        raise ConfigError(
            "This replay does not say how it was made, so its aligner cannot be asked the same again.",
            remedy="Press Run on the page Trajectories: its pictures travel again.",
        )
    return template, sampling


def _asked(
    part: Trajectory, labels: np.ndarray, workbench: Workbench, seeds: int, on_progress: Callable[[int, int], object]
) -> Asked:
    """
    Raises:
        ConfigError: the journey does not say how it was made.
    """
    import torch

    from seda.journeys.diagnosing import ask_aligner

    template, sampling = _made_with(part)
    texts = [
        workbench.encode_class_texts(part.class_names, one)
        for one in (template, *(one for one in PHRASINGS if one != template))
    ]
    return ask_aligner(
        workbench.aligner, torch.from_numpy(part.image_features), texts[0], labels, sampling,
        item_seeds=part.item_seeds.tolist(), answers=part.class_probabilities.argmax(1),
        rephrased=texts[1:], seeds=seeds, on_progress=on_progress,
    )  # fmt: skip
