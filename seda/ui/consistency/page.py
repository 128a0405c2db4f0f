"""The page Consistency: what travels, the player, and what was measured on things that were left out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import streamlit as st

from seda.ui import cache
from seda.ui.consistency.choosing import choose_own
from seda.ui.consistency.run import are_classes, send
from seda.ui.consistency.state import OWN, THING, ConsistencyState, Travelled
from seda.ui.errors import errors_on_screen, plain, show_error, show_notes
from seda.ui.state import AppState, begin_widget
from seda.ui.trajectories.player import show_player

ABOUT = (
    "One thing, seen, heard and named. Each goes its own way, through a first stage of its own, to categories that all share, and from "
    "there to the words. Squares are pictures, circles are sounds, hexagons are names."
)
SEEN = (
    "The space that these paths go through has met the thing. The tables below were measured by spaces that had not: things and all that "
    "sounds or is called alike were left out in turn."
)
OWN_WORDS = (
    "Other words than the five classes are read by what they mean. Of 110 names that were left out, the right one was among the first ten for "
    "half of the sounds, and for seven of ten pictures."
)
ON_HEADS = "Rest the pointer on a head that has a sound, or tap it, and it is heard."
_METHODS = {"SeDA": "SeDA", "one step": "one-step map to text", "read-out": "best read-out of the same encoder"}


def show_consistency(state: AppState, own: ConsistencyState) -> None:
    """Everything on the page."""
    st.markdown(ABOUT)
    _choose(state, own)
    if own.problem is not None:
        show_error(own.problem)
    if own.travelled is not None:
        _show_travelled(own.travelled)
    _show_measured(own)


def _choose(state: AppState, own: ConsistencyState) -> None:
    own.source = st.segmented_control(
        "What travels", [THING, OWN], required=True, key=begin_widget("consistency.source", own.source)
    ) or own.source  # fmt: skip
    if own.source == OWN:
        choose_own(own)
    else:
        _choose_thing(own)
    data = cache.things()
    own.words = st.text_input(
        "Words", key=begin_widget("consistency.words", own.words or ", ".join(data.class_names)),
        help="Where all of it travels to, separated by commas. With these five the space has learned what belongs to each; any others can be typed.",
    )  # fmt: skip
    if not are_classes(own.words, data):
        st.caption(OWN_WORDS)
    if st.button("Run", type="primary", icon=":material/play_arrow:", key="consistency.run"):
        _run(state, own)


def _choose_thing(own: ConsistencyState) -> None:
    names = list(dict.fromkeys(cache.things().item_names))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        own.thing = st.selectbox(
            "Thing", names, key=begin_widget("consistency.thing", own.thing if own.thing in names else names[0])
        )  # fmt: skip
        own.worse = st.slider(
            "Make it worse, %", 0, 100, step=10, key=begin_widget("consistency.worse", own.worse),
            help="Noise under the sound, a smaller part of the picture, letters missing in the names.",
        )  # fmt: skip


def _run(state: AppState, own: ConsistencyState) -> None:
    bar = st.empty()

    def fitted(done: int, total: int) -> None:
        bar.progress(done / total, f"The space is fitted, once on this machine: step {done} of {total}")

    with st.spinner("It travels."):
        send(state, own, fitted)
    bar.empty()


def _show_travelled(travelled: Travelled) -> None:
    for heard in travelled.heard:
        st.markdown(f":material/mic: **{plain(heard)}**")
    for failure in travelled.failures:
        st.warning(f"Left out; the rest went on. {plain(failure)}", icon=":material/broken_image:")
    show_notes(travelled.notes)
    _player(travelled)
    if travelled.sound:
        st.audio(travelled.sound, format="audio/wav")
    if travelled.journey.sounds:
        st.caption(ON_HEADS)
    word, words = ("word", "words") if travelled.own_words else ("class", "classes")
    answers = sorted({row[2] for row in travelled.rows})
    if len(travelled.rows) > 1:
        said = f"all {len(travelled.rows)} are answered with **{plain(answers[0])}**" if len(answers) == 1 else (
            f"they are answered with {len(answers)} {words}: {plain(', '.join(answers))}"
        )  # fmt: skip
        st.markdown(f"**{plain(travelled.title)}**: {said}.")
    lines = [
        f"| {plain(kind)} | {plain(name)} | {plain(answer)} | {share:.0%} | {plain(near)} |"
        for kind, name, answer, share, near in travelled.rows
    ]
    heading = f"| **kind** | **name** | **{word}** | **how sure** | **names next to it** |"
    st.markdown("\n".join(["| | | | | |", "|---|---|---|---:|---|", heading, *lines]))
    if travelled.known and len(travelled.rows) > 1:
        st.caption(SEEN)


@st.fragment
def _player(travelled: Travelled) -> None:
    """A fragment, so that the player's reports do not run the page."""
    show_player(travelled.journey, key="consistency.player")


def _show_measured(own: ConsistencyState) -> None:
    result = cache.consistency_measured()
    if result is None:
        st.info("Nothing was measured yet: `python -m seda consistency --things --json` does.", icon=":material/info:")
        return
    own.part = st.segmented_control(
        "Measured", ["Things", "Measures"], required=True, key=begin_widget("consistency.part", own.part)
    ) or own.part  # fmt: skip
    with errors_on_screen():
        (_show_things if own.part == "Things" else _show_measures)(result)
    told = (
        f"{result['things']} things with a sound, dealt into {result['folds'] or 'as many parts as there are kins'} parts; seed "
        f"{result['seed']}. Classes: {', '.join(result['classes'])}; the largest holds {result['majority']:.0%} of them."
    )
    st.caption(plain(told))


def _show_things(result: dict[str, Any]) -> None:
    st.markdown("All things by how much their modalities disagree, each answered by a space that has not met it.")
    st.dataframe(result["by_disagreement"], hide_index=True, height=320)


def _show_measures(result: dict[str, Any]) -> None:
    rows = [(f"{name}: right class", *_shown(row, _METHODS)) for name, row in result["class_accuracy"].items()]
    alike = {method: of["share"] for method, of in result["agreement"].items()}
    languages = result["agreement_of_languages"]
    rows += [("all modalities decide alike", *_shown(alike, _METHODS))]
    rows += [(f"names in {', '.join(languages['languages'])} alike", *_shown(languages, _METHODS))]
    _table(["", *_METHODS.values()], rows)
    cuts = {"R@1": "R@1", "R@5": "R@5", "R@10": "R@10", "chance_R@10": "R@10 by chance"}
    names = {name: of["SeDA"] for name, of in result["names"].items() if isinstance(of, dict)}
    rows = [(f"{name} to its held-out name", *_shown(of, cuts)) for name, of in names.items()]
    rows += [(pair, *_shown(of, cuts)) for pair, of in result["between"].items()]
    _table(["", *cuts.values()], rows)
    rows = []
    for pair, of in result["geometry"].items():
        if "before" in of:
            geometry = {when: of[when]["rsa"] for when in ("before", "after")}
            near = {when: of[when]["mutual_neighbors"] for when in ("before", "after")}
            rows.append((f"{pair}: class geometries, rank correlation", *_shown(geometry, geometry), "0"))
            rows.append((f"{pair}: common among 10 neighbours", *_shown(near, near), f"{of['after']['chance']:.2f}"))
    _table(["", "before", "after", "by chance"], rows)
    st.markdown("Distance between two modalities of one thing at each state, from the encoders' features to the words:")
    st.line_chart({pair: steps["distance"] for pair, steps in result["steps"].items()}, height=220)
    st.markdown(
        "By how much the own counterpart is nearer than things of other classes; a collapse would bring both to zero:"
    )
    st.line_chart({pair: steps["margin"] for pair, steps in result["steps"].items()}, height=220)


def _shown(row: Mapping[str, float], keys: Iterable[str]) -> list[str]:
    return [f"{row[key]:.2f}" for key in keys]


def _table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """The heading is in the body: the style hides the heads of tables."""
    lines = ["|" + " |" * len(heading), "|---|" + "---:|" * (len(heading) - 1)]
    lines.append(" | ".join(["", *(f"**{plain(cell)}**" if cell else "" for cell in heading), ""]).strip())
    lines += [" | ".join(["", *map(plain, row), ""]).strip() for row in rows]
    st.markdown("\n".join(lines))
