"""What is right for each item on the screen: from its folder, its name, the samples' labels, a table, or by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
import streamlit as st

from seda.data.truth import FOLDERS as BY_FOLDER
from seda.data.truth import NAMES as BY_NAME
from seda.data.truth import Truth, labels_of_table, plain_label, raw_labels, truth_of
from seda.errors import DataError
from seda.ui import cache
from seda.ui.diagnose.state import FOLDERS, NAMES, SAMPLES, TABLE, DiagnoseState
from seda.ui.errors import plain, show_notes
from seda.ui.serving.uploaded import present, show_lost
from seda.ui.state import begin_widget

TABLE_KEY, SOURCE_KEY = "diagnose.table", "diagnose.truth"
NO_LABELS = "Choose above what is right, label pictures by hand, or run pictures on the page Trajectories whose labels are among the words."
_HELP = (
    "Folders: upload a whole folder on the page Trajectories; the folder that a picture is in is its label. File names: "
    "rocket_01.jpg is a rocket. A table: a CSV file with the columns file and label."
)


def choose_truth(own: DiagnoseState, names: Sequence[str], class_names: Sequence[str]) -> Truth:
    """The controls, and what they say of the items.

    Raises:
        DataError: the table cannot be read, or fewer than two words are the label of an item.
    """
    known: dict[str, list[str]] = {}
    if own.source is None:
        known = _by_source(names)
        own.source = _fitting(known, class_names)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        own.source = st.segmented_control(
            "What is right", [SAMPLES, FOLDERS, NAMES, TABLE], required=True, key=begin_widget(SOURCE_KEY, own.source), help=_HELP
        ) or own.source  # fmt: skip
    if own.source == TABLE:
        _upload_table(own)
    notes: list[str] = []
    given = known[own.source] if own.source in known else labels_from(own, names, notes)
    labels = _by_hand(own, names, given)
    _edit(own, names, labels, class_names)
    try:
        truth = truth_of(_by_hand(own, names, labels), class_names)
    except DataError as error:
        raise DataError(error.message, remedy=NO_LABELS) from error
    show_notes((*notes, *truth.notes))
    return truth


def _by_hand(own: DiagnoseState, names: Sequence[str], labels: Sequence[str]) -> list[str]:
    return [own.by_hand.get(name, label) for name, label in zip(names, labels, strict=True)]


def labels_from(own: DiagnoseState, names: Sequence[str], notes: list[str]) -> list[str]:
    """The label of each item, by the chosen source; "" for none.

    Args:
        notes: sentences on what could not be used are added.
    Raises:
        DataError: the table cannot be read, or names none of the items.
    """
    if own.source == SAMPLES:
        return sample_labels(names)
    paths = [Path(name) for name in names]
    if own.source != TABLE:
        return raw_labels(paths, BY_FOLDER if own.source == FOLDERS else BY_NAME)
    if own.table is None:
        return [""] * len(names)
    name, content = own.table
    return labels_of_table(paths, content, name, on_note=notes.append)


def sample_labels(names: Sequence[str]) -> list[str]:
    """The labels of shipped samples, by the names of their things or files; "" where a name is none, or not one alone."""
    known: dict[str, set[str]] = {}
    for sample in cache.samples():
        for name in {plain_label(sample.name), plain_label(sample.path.stem)}:
            known.setdefault(name, set()).add(sample.label)
    found = [known.get(plain_label(name), set()) for name in names]
    return [next(iter(labels)) if len(labels) == 1 else "" for labels in found]


def _by_source(names: Sequence[str]) -> dict[str, list[str]]:
    """The label of each item by every source that needs nothing more."""
    paths = [Path(name) for name in names]
    return {SAMPLES: sample_labels(names), FOLDERS: raw_labels(paths, BY_FOLDER), NAMES: raw_labels(paths, BY_NAME)}


def _fitting(labels: Mapping[str, Sequence[str]], class_names: Sequence[str]) -> str:
    """The source that labels the most items with words of the list."""
    words = {plain_label(name) for name in class_names}
    fits = {source: sum(plain_label(label) in words for label in found) for source, found in labels.items()}
    best = max(fits, key=lambda source: fits[source])
    return best if fits[best] else TABLE


def _upload_table(own: DiagnoseState) -> None:
    files = present(
        st.file_uploader(
            "A table", type=["csv"], key=TABLE_KEY, label_visibility="collapsed",
            help="A CSV file in UTF-8 with the columns file and label.",
        )
    )  # fmt: skip
    show_lost(TABLE_KEY)
    if files:
        own.table = files[0].name, files[0].getvalue()
    if own.table is not None:
        st.caption(f"Labels by {plain(own.table[0])}")


def _edit(own: DiagnoseState, names: Sequence[str], labels: Sequence[str], class_names: Sequence[str]) -> None:
    """A table in which each label can be changed by hand."""
    known = {plain_label(name): name for name in class_names}
    shown = pd.DataFrame({"item": list(names), "right": [known.get(plain_label(label)) for label in labels]})
    with st.expander("Change labels by hand", icon=":material/edit:"):
        edited = st.data_editor(
            shown, hide_index=True, height=260, key="diagnose.editor", disabled=["item"],
            column_config={
                "item": st.column_config.TextColumn("Picture"),
                "right": st.column_config.SelectboxColumn("Right word", options=list(class_names)),
            },
        )  # fmt: skip
    for name, before, after in zip(names, shown["right"], edited["right"], strict=True):
        if before != after and not (pd.isna(before) and pd.isna(after)):
            own.by_hand[name] = "" if pd.isna(after) else str(after)
