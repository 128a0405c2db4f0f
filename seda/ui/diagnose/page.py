"""The page Diagnose: which items go wrong, at which step, in which stage, and what would mend it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from seda.errors import SedaError
from seda.evaluation.diagnosis import CULPRITS, UNKNOWN
from seda.evaluation.sentences import percent
from seda.export.csv import csv_text
from seda.ui.diagnose.chart import show_chart
from seda.ui.diagnose.compare import comparisons, show_comparison
from seda.ui.diagnose.features import choose_features, show_choice
from seda.ui.diagnose.run import OTHER_SEEDS, ask_pending, diagnose_shown
from seda.ui.diagnose.state import FEATURES, ON_SCREEN, Diagnosed, DiagnoseState, Question, diagnose_state
from seda.ui.diagnose.sweep import show_sweep
from seda.ui.diagnose.tables import with_thumbnails
from seda.ui.diagnose.truth import choose_truth
from seda.ui.errors import errors_on_screen, plain, show_error, show_notes
from seda.ui.state import AppState, Shown, TraceRequest, begin_widget
from seda.ui.trajectories.links import ROOM
from seda.ui.trajectories.player import show_player
from seda.ui.trajectories.runs import run_pending

PLAYER_KEY = "diagnose.player"
PLAYER_HEIGHT = 420
MANY = 1_000  # items, of which a bin of ten holds enough; chosen here
PLACES = {
    "features": ("At the image features", "Of the nearest labelled pictures most are of the right class."),
    "categories": ("At the hand-over", "The nearest mean of a labelled class is the right one, where stage 1 ends."),
    "end": ("At the path's end", "The path ends at the right word."),
    "answer": ("The answer", "The most probable word is the right one."),
}
# where a click on a chart has chosen something, up to the player that shows it
_INTO_VIEW = """<script>{{ /* {} */
document.querySelector('.st-key-diagnose-stage')?.scrollIntoView({{ block: "start", behavior: "smooth" }});
}}</script>"""
OF_A_ROOM = "A picture that a phone sent is gone when it leaves the screen, so it is not diagnosed. Upload it on the page Trajectories."
OF_OTHERS = (
    "Paths that were made elsewhere are on the screen: they have no encoder, learner and translator that could have lost a picture. "
    "Let labelled pictures travel on the page Trajectories."
)
NOTHING = (
    "Nothing is on the screen yet. Let labelled pictures travel on the page Trajectories: samples, or a whole folder with a "
    "sub-folder for each class. Then come back."
)


def show_diagnosis(state: AppState) -> None:
    """The whole page."""
    own = diagnose_state()
    st.title("Diagnose", anchor=False)
    st.caption(
        "Which pictures go wrong, where on their way, and who has lost them: of what is on the page Trajectories, or of a file of features."
    )
    if isinstance(state.pending, TraceRequest):  # Run was pressed there, and the page left before the run was done
        run_pending(state)
    of = st.segmented_control(
        "What is diagnosed", [ON_SCREEN, FEATURES], required=True, label_visibility="collapsed", key=begin_widget("diagnose.of", own.of)
    ) or own.of  # fmt: skip
    own.turn_to(of)
    with errors_on_screen():
        (_of_features if own.of == FEATURES else _of_screen)(state, own)


def _of_features(state: AppState, own: DiagnoseState) -> None:
    choose_features(state, own)
    found = own.found
    progress = st.container()
    if own.problem is not None:
        show_error(own.problem)
    if found is not None:
        st.caption(plain(f"{found.label}."))
        show_notes(found.truth.notes)
        _show_verdicts(found)
        _show_player(own, found)
        _show_parts(own, found)
    with progress:  # last, because it computes
        ask_pending(state, own, None)


def _of_screen(state: AppState, own: DiagnoseState) -> None:
    shown = state.shown
    if shown is None:
        st.info(NOTHING, icon=":material/troubleshoot:")
        return
    if shown.source.kind == ROOM:
        st.info(OF_A_ROOM, icon=":material/phone_android:")
        return
    trajectory = shown.journey.trajectory
    if not trajectory.is_aligned:
        st.info(OF_OTHERS, icon=":material/troubleshoot:")
        return
    try:
        truth = choose_truth(own, trajectory.item_names, trajectory.class_names)
        found = diagnose_shown(own, shown, truth)
    except SedaError:
        if (
            own.labels_before is not None and own.labels_before[0] is trajectory
        ):  # what this page put there holds no longer
            _label_shown(state, shown, own.labels_before[1])
        raise
    if own.labels_before is None or own.labels_before[0] is not trajectory:
        own.labels_before = trajectory, shown.journey.labels
    _label_shown(state, shown, found.journey.labels)
    _show_verdicts(found)
    progress = _show_asking(own, found)
    _show_player(own, found)
    _show_parts(own, found)
    with progress:  # last, because it computes
        ask_pending(state, own, shown)


def _label_shown(state: AppState, shown: Shown, labels: np.ndarray | None) -> None:
    """What is right is on the journey of the page Trajectories too, and in its files."""
    before = shown.journey.labels
    same = before is labels or (before is not None and labels is not None and np.array_equal(before, labels))
    if not same:
        state.show(replace(shown, journey=replace(shown.journey, labels=labels)))


def _show_verdicts(found: Diagnosed) -> None:
    from seda.figures import diagnosis as charts

    summary = found.summary
    with st.container(horizontal=True, key="diagnose.places"):
        for place, (label, about) in PLACES.items():
            share = summary["accuracy"].get(place)
            st.metric(
                label, "—" if share is None else percent(share), help=about, border=True,
                delta=None if share is None else plain(_count_of(summary, place, share)),
                delta_color="off", delta_arrow="off",
            )  # fmt: skip
    show_chart(charts.culprits(summary), "lost-by", key="diagnose.culprits", height=210)
    lost = summary["lost_by"]["answer"]
    said = [f"**{name}** ({lost[name]}): {about}" for name, about in CULPRITS.items() if lost[name]]
    st.caption("; ".join(said) + "." if said else "No answer is wrong.")


def _count_of(summary: Mapping[str, Any], place: str, share: float) -> str:
    """How many are right, of those of which it can be told."""
    known = summary["known"][place]
    some = "" if known == summary["count"] else " that end at a word" if place == "end" else " that can be told"
    return f"{round(share * known)} of {known}{some}"


def _show_asking(own: DiagnoseState, found: Diagnosed) -> DeltaGenerator:
    """The button, and the place where it is told how far it is."""
    with st.container(horizontal=True, vertical_alignment="center"):
        pressed = st.button(
            "Ask the aligner" if not found.asked else "Ask again", icon=":material/psychology:", key="diagnose.ask",
            type="secondary" if found.asked else "primary",
            help="Four other phrasings of each word, each picture once without its word on the list, and other noise: until then "
            "no mistake is the wording's.",
        )  # fmt: skip
        seeds = st.toggle(f"{OTHER_SEEDS} other seeds", key="diagnose.seeds", value=True)
        st.caption(
            f"Asked: other phrasings{f', {int(found.seeds)} other seeds' if found.seeds else ''}."
            if found.asked
            else "Not asked yet whether another phrasing would be right.", width="stretch",
        )  # fmt: skip
    if own.problem is not None:
        show_error(own.problem)
    if pressed:
        own.pending = Question(OTHER_SEEDS if seeds else 0)
    return st.container()


@st.fragment
def _show_player(own: DiagnoseState, found: Diagnosed) -> None:
    """A fragment, so that the player's reports do not interrupt what is asked."""
    with st.container(key="diagnose.stage"):
        if found.labelled is not None:
            show_choice(own, found)
        show_player(found.journey, key=PLAYER_KEY, height=PLAYER_HEIGHT, start=own.chosen)
    if own.clicks:
        st.html(_INTO_VIEW.format(own.clicks), unsafe_allow_javascript=True)


@st.fragment
def _show_parts(own: DiagnoseState, found: Diagnosed) -> None:
    """One of the parts at a time: a fragment, so that a look at another leaves the player alone."""
    parts: dict[str, Callable[[DiagnoseState, Diagnosed], None]] = {
        "Pictures": _show_items, "When": _show_when, "Confused": _show_confused, "The gap": _show_gap, "How sure": _show_sure,
        "What would mend it": show_sweep, "Compare": show_comparison, "Take away": _show_files,
    }  # fmt: skip
    own.part = st.segmented_control(
        "What is shown", list(parts), required=True, label_visibility="collapsed", key=begin_widget("diagnose.part", own.part)
    ) or own.part  # fmt: skip
    with errors_on_screen():
        parts[own.part](own, found)


def _show_items(own: DiagnoseState, found: Diagnosed) -> None:
    rows = found.summary["items"]
    order = found.summary["when"]["order"]
    table = with_thumbnails(found, order, (rows[item] for item in order))
    chosen = st.dataframe(
        table, hide_index=True, key="diagnose.pictures", on_select="rerun", selection_mode="multi-row", height=420,
        column_order=[*([""] if found.labelled is None else []), "file", "truth", "answer", "probability", "right", "lost_by", "path_lost_by", "features", "categories", "end",
                      "left_at", "committed_at", "changes", "margin_at_end", *(["seeds_apart"] if found.seeds else [])],
        column_config={
            "": st.column_config.ImageColumn("", width=40),
            "file": "Picture", "truth": "Right", "answer": "Answer", "right": "Is right",
            "lost_by": st.column_config.TextColumn("Lost by", width=90), "path_lost_by": "Path lost by",
            "probability": st.column_config.ProgressColumn("Probability", min_value=0, max_value=1, format="percent"),
            "features": "Neighbours", "categories": "Hand-over", "end": "End", "left_at": st.column_config.NumberColumn("Path wrong from", help="The step from which on the nearest word is never right again."),
            "committed_at": "Committed at", "changes": "Changes", "margin_at_end": "Margin at the end",
            "seeds_apart": st.column_config.NumberColumn("Other seeds apart", format="percent"),
        },
    )  # fmt: skip
    _react(own, "pictures", [order[row] for row in chosen.selection.rows if row < len(order)])
    st.caption("Most trouble first. Tick rows to see them in the player above.")


def _show_when(own: DiagnoseState, found: Diagnosed) -> None:
    from seda.figures import diagnosis as charts

    count = len(found.names)
    event = show_chart(
        charts.standing(found.summary, found.names), "every-picture", key="diagnose.standing", height=min(140 + 16 * count, 900),
        on_select="rerun", selection_mode="points",
    )  # fmt: skip
    points = _points(event)
    order, size = found.summary["when"]["order"], charts.rows_of_a_point(count, len(found.summary["when"]["right"]))
    first = order.index(points[0][0]) if points and points[0][0] in order else count
    hit = order[first : first + size]
    _react(own, "standing", hit, points[0][1] if points else None)
    st.caption(
        "A row is a picture, most trouble on top; a column is a step. Undecided: the two nearest words are closer to each other than "
        "0.05 (cosine). Click a place to see "
        + ("that picture" if size == 1 else f"the {size} pictures around it")
        + " at that step in the player."
    )
    show_chart(charts.along_the_path(found.summary), "steps", key="diagnose.along", height=420)


def _show_confused(own: DiagnoseState, found: Diagnosed) -> None:
    from seda.figures import diagnosis as charts

    places = {"answer": "Answer", "end": "Path's end", "categories": "Hand-over", "features": "Image features"}
    with st.container(horizontal=True):
        place = st.segmented_control(
            "At", list(places), format_func=places.__getitem__, default="answer", required=True, key="diagnose.place"
        )
        before = st.segmented_control(
            "Less", ["", *places], format_func=lambda name: places.get(name, "nothing"), default="", required=True,
            key="diagnose.before", help="How much the counts changed from another place to this one.",
        )  # fmt: skip
    k = len(found.summary["classes"])
    event = show_chart(
        charts.confusion(found.summary, place or "answer", before if before != place else ""), f"confused-{place or 'answer'}",
        key="diagnose.confusion", height=min(160 + 34 * k, 820), on_select="rerun", selection_mode="points",
    )  # fmt: skip
    points = [point for point in _points(event) if max(point) <= k]
    hit: list[int] = []
    if points:
        truth, told = points[0]
        verdicts = found.diagnosis.verdicts
        answers = getattr(verdicts, place or "answer")
        hit = np.flatnonzero((verdicts.labels == truth) & (answers == (told if told < k else UNKNOWN))).tolist()
    _react(own, "confusion", hit)
    st.caption("Click a cell to select its pictures in the player.")
    if pairs := found.summary["pairs"]:
        st.markdown("**Most confused words**")
        st.dataframe(
            pd.DataFrame(pairs), hide_index=True, key="diagnose.pairs",
            column_config={
                "truth": "Right", "answer": "Answered", "count": "Pictures", "of": "Of",
                "text_cosine": st.column_config.NumberColumn("Cosine of both texts", format="%.3f"),
            },
        )  # fmt: skip


def _show_gap(own: DiagnoseState, found: Diagnosed) -> None:
    from seda.figures import diagnosis as charts

    gap = found.summary["gap"]
    st.caption(
        f"{int(gap['items'])} labelled pictures beside their own texts, at {len(gap['states'])} of the steps. A gap alone means nothing: moving "
        "every picture onto the mean text closes it and destroys all information, so accuracy and R@1 stand on top."
    )
    show_chart(charts.gap(found.summary), "gap", key="diagnose.gap", height=900)
    st.markdown("**Class by class**")
    st.caption("How the pictures of each word lie to it. Each ridge is as high as its row; strokes are medians.")
    show_chart(
        charts.classes_apart(found.summary), "class-by-class", key="diagnose.classes",
        height=min(140 + 52 * len(found.summary["classes_apart"]), 1200),
    )  # fmt: skip
    st.markdown("**Every picture and every word**")
    listed = found.summary["similarities"]
    states, shown = listed["states"], len(listed["items"])
    step = st.select_slider("Step", states, states[-1], key="diagnose.step")
    show_chart(
        charts.similarities(found.summary, found.names, step), f"similarities-{int(step)}", key="diagnose.similarities",
        height=min(160 + 16 * shown, 900),
    )  # fmt: skip
    if shown < len(found.names):
        st.caption(f"{shown} of {len(found.names):,} are shown, evenly taken.")


def _show_sure(own: DiagnoseState, found: Diagnosed) -> None:
    from seda.figures import diagnosis as charts

    sure = found.summary["sure"]
    figures = charts.how_sure_apart(found.summary)
    for place, (column, figure) in enumerate(zip(st.columns(len(figures)), figures, strict=True)):
        with column:
            show_chart(figure, f"how-sure-{place + 1}", key=f"diagnose.sure.{place}", height=360)
    st.caption(
        f"Expected calibration error {percent(sure['ece'])} over {int(found.summary['count']):,} pictures"
        + ("; with so few a bin holds only some." if found.summary["count"] < MANY else ".")
    )
    rows = [
        {"sign": charts.DOUBTS[name], "AUROC": value}
        for name, value in sure["errors_found_by"].items()
        if value is not None
    ]
    if rows:
        st.markdown("**What finds the mistakes**")
        st.dataframe(pd.DataFrame(rows), hide_index=True, key="diagnose.signs")
        st.caption("How well each sign tells wrong answers from right ones: 1 always, 0.5 by chance.")
    else:
        st.caption("All answers are right, or all are wrong: no sign can be judged.")


def _show_files(own: DiagnoseState, found: Diagnosed) -> None:
    import json

    from seda.export.figures import zip_of_figures
    from seda.export.report import diagnosis_report, step_table
    from seda.figures.diagnosis import every_chart

    names, diagnosis = found.names, found.diagnosis
    words = found.journey.trajectory.class_names
    with st.container(horizontal=True):
        st.download_button(
            "Pictures, CSV", lambda: csv_text(pd.DataFrame(_full_rows(found))).encode("utf-8-sig"), "pictures.csv", "text/csv",
            key="diagnose.csv", on_click="ignore",
        )  # fmt: skip
        st.download_button(
            "Everything, JSON", lambda: json.dumps(everything(own, found), ensure_ascii=False, indent=1).encode(), "diagnosis.json",
            "application/json", key="diagnose.json", on_click="ignore",
        )  # fmt: skip
        st.download_button(
            "Steps, CSV", lambda: csv_text(step_table(diagnosis, names, words)).encode("utf-8-sig"), "steps.csv", "text/csv",
            key="diagnose.steps", on_click="ignore",
        )  # fmt: skip
        st.download_button(
            "Report, HTML", lambda: diagnosis_report(found.summary, names, title="Diagnosis").encode(), "diagnosis.html", "text/html",
            key="diagnose.report", on_click="ignore",
        )  # fmt: skip
        st.download_button(
            "Charts, ZIP", lambda: zip_of_figures(every_chart(found.summary, names)), "charts.zip", "application/zip",
            key="diagnose.charts", on_click="ignore", help="Each chart as SVG, PNG and PDF; some seconds.",
        )  # fmt: skip
    st.caption("The report is one file that needs no network. Each chart's Save has it alone.")


def everything(own: DiagnoseState, found: Diagnosed) -> dict[str, Any]:
    """JSON values of all that is on the page: the diagnosis; the sweep over it, and what changed since each run that was kept, where there
    are such."""
    told = dict(found.summary)
    if own.swept is not None and own.swept[0].of is found.of:
        told["sweep"] = own.swept[1]
    changes = [{"from": before.label, "to": found.label, **one.to_dict()} for before, one in comparisons(own, found)]
    return told | ({"comparisons": changes} if changes else {})


def _full_rows(found: Diagnosed) -> list[dict[str, Any]]:
    from seda.export.report import item_rows

    return item_rows(found.diagnosis, found.names, found.journey.trajectory.class_names)


def _points(event: Any) -> list[tuple[int, int]]:
    """Both numbers that each chosen point of a chart carries; a browser may send anything."""
    found = []
    for point in event.selection.points:
        data = point.get("customdata")
        data = list(data.values()) if isinstance(data, dict) else data  # an array of numbers comes as a mapping
        if isinstance(data, list) and len(data) == 2 and all(isinstance(value, (int, float)) for value in data):
            found.append((int(data[0]), int(data[1])))
    return found


def _react(own: DiagnoseState, where: str, items: Sequence[int], step: int | None = None) -> None:
    """Let the player follow a click once: a selection stays in its chart, and every rerun tells it again."""
    assert own.found is not None
    told = (where, tuple(items), step)
    if own.reacted.get(where) == told:
        return
    own.reacted[where] = told
    if items and max(items) < len(own.found.items):
        own.choose(items, step)
        st.rerun()
