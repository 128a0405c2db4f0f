"""Choosing what an aligner is trained on: uploads by class, a folder, a data set, or words alone."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import streamlit as st

from seda.class_texts import MAX_LENGTH, MAX_TEXTS
from seda.errors import ClassTextError, DataError
from seda.training.unfinished import DATASET, UPLOADS, WORDS
from seda.ui import cache
from seda.ui.cache import Sample
from seda.ui.errors import plain
from seda.ui.gallery import kind_of
from seda.ui.pictures import ReadPicture, one_by_one
from seda.ui.serving.rules import MAY_DOWNLOAD, MAY_NAME_PATHS, rules
from seda.ui.serving.uploaded import show_lost
from seda.ui.state import NamedFile, begin_widget, read_widget, set_widget
from seda.ui.train.state import FOLDER, ClassDraft, TrainState
from seda.ui.uploads import SUFFIXES, check_size

if TYPE_CHECKING:
    from seda.data.datasets import DatasetInfo

MAX_CLASSES, MAX_PICTURES = 24, 200  # on this page; chosen here: more are better put into a folder
THUMBNAILS = 8  # of a class; chosen here: one row
COLUMNS = 3
EXAMPLES = 3  # classes
_SOURCE_KEY = "train.source"
_SOURCES = {WORDS: "Words alone", UPLOADS: "Upload pictures", FOLDER: "Folder on the server", DATASET: "Data set"}


def choose_pictures(train: TrainState, *, words_possible: bool, words_first: bool) -> str:
    """Draw the choice. Returns UPLOADS, FOLDER, DATASET or WORDS.

    Args:
        words_possible: whether the encoder has one space for pictures and words.
        words_first: whether words alone are suggested until the visitor chooses something else.
    """
    options = [WORDS, UPLOADS, FOLDER, DATASET] if words_first else [UPLOADS, FOLDER, DATASET, WORDS]
    if not words_possible:
        options.remove(WORDS)
    if not rules().allows(MAY_NAME_PATHS):
        options.remove(FOLDER)
    source = train.source if train.source in options else options[0]
    set_widget(_SOURCE_KEY, source)
    st.segmented_control(
        "Pictures", options, required=True, label_visibility="collapsed", format_func=lambda source: _SOURCES[source], key=_SOURCE_KEY,
        on_change=_remember_source, args=(train,),
    )  # fmt: skip
    if source == UPLOADS:
        _choose_uploads(train)
    elif source == FOLDER:
        _choose_folder(train)
    elif source == DATASET:
        _choose_dataset(train)
    else:
        _choose_words(train)
    return source


def _remember_source(train: TrainState) -> None:
    train.source = read_widget(_SOURCE_KEY)


def check_uploads(classes: Sequence[ClassDraft]) -> None:
    """
    Raises:
        DataError: too many classes or pictures.
        ImageError: too many MB.
        ClassTextError: pictures without a class name.
    """
    pictures = [picture for draft in classes for picture in draft.pictures]
    if not pictures:
        raise DataError("No picture was uploaded yet.", remedy="Add a few pictures to each of two or more classes.")
    if unnamed := [number for number, draft in enumerate(classes, 1) if draft.pictures and not draft.name.strip()]:
        raise ClassTextError(
            f"Class {unnamed[0]} has pictures and no name.", remedy="Say in a word or two what they show."
        )
    if len(classes) > MAX_CLASSES or len(pictures) > MAX_PICTURES:
        raise DataError(
            f"{len(pictures)} pictures in {len(classes)} classes came; at most {MAX_PICTURES} in {MAX_CLASSES} are taken here.",
            remedy="Remove some, or put them into a folder on the server, one sub-folder a class.",
        )
    check_size([picture.file for picture in pictures])


def check_dataset(name: str) -> None:
    """
    Raises:
        DataError: it is none of those that this visitor can choose, or would have to be downloaded.
    """
    if name not in (infos := _datasets()):
        raise DataError(f"There is no data set {name!r:.60}.", remedy="Choose one of the list.")
    if not infos[name].available:
        rules().require(MAY_DOWNLOAD, DataError)


def _datasets() -> dict[str, DatasetInfo]:
    """By name; a folder is chosen elsewhere."""
    from seda.data.datasets import list_datasets

    return {info.name: info for info in list_datasets() if not info.name.startswith("folder")}


def used_classes(classes: Sequence[ClassDraft]) -> list[ClassDraft]:
    """Those that somebody has begun to fill in."""
    return [draft for draft in classes if draft.name.strip() or draft.pictures]


def _choose_uploads(train: TrainState) -> None:
    st.caption(
        "A few pictures a class are enough; 5 to 10 are better than 2. At least 2 classes with 2 different pictures each. "
        "The name is what the pictures travel to: “my cup” works as well as “cup”."
    )
    choose_classes(train)
    with st.container(horizontal=True):
        st.button(
            "Add a class", icon=":material/add:", key="train.add", on_click=train.add_class,
            disabled=len(train.classes) >= MAX_CLASSES,
        )  # fmt: skip
        if not used_classes(train.classes) and example_classes():
            st.button(
                "Fill in an example", icon=":material/image:", type="tertiary", key="train.example", on_click=_fill_in,
                args=(train,), help="Three classes of the samples, to see how a training goes.",
            )  # fmt: skip


def example_classes() -> list[tuple[str, list[Sample]]]:
    """EXAMPLES labels far from each other in the list, with the samples that show them, of those with the most samples."""
    shown: dict[tuple[str, str], list[Sample]] = {}
    for sample in cache.samples():
        if sample.label:
            shown.setdefault((kind_of(sample), sample.label), []).append(sample)
    most = max(map(len, shown.values()), default=0)
    full = [(label, samples) for (_, label), samples in shown.items() if len(samples) == most]
    if most < 2 or len(full) < EXAMPLES:
        return []
    return [full[place * (len(full) - 1) // (EXAMPLES - 1)] for place in range(EXAMPLES)]


def _fill_in(train: TrainState) -> None:
    train.classes = []
    for label, samples in example_classes():
        files = (NamedFile(sample.name, sample.path.read_bytes()) for sample in samples)
        train.add_class(label, tuple(map(_read, files)))


def choose_classes(train: TrainState) -> None:
    """Name and uploader of each class."""
    for start in range(0, len(train.classes), COLUMNS):
        for column, draft in zip(st.columns(COLUMNS), train.classes[start : start + COLUMNS], strict=False):
            with column.container(border=True, key=f"train.class.{draft.key}"):
                _choose_class(train, draft, train.classes.index(draft) + 1)


def _choose_class(train: TrainState, draft: ClassDraft, number: int) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        draft.name = st.text_input(
            f"Name of class {number}", key=begin_widget(f"train.name.{draft.key}", draft.name), max_chars=MAX_LENGTH,
            placeholder=f"Name of class {number}", label_visibility="collapsed",
        )  # fmt: skip
        if len(train.classes) > 2:
            st.button(
                "", icon=":material/close:", type="tertiary", key=f"train.remove.{draft.key}", on_click=train.remove_class,
                args=(draft.key,), help=f"Remove class {number}",
            )  # fmt: skip
    key = f"train.uploads.{draft.key}"
    if read_widget(key) is None:  # the page was left in between: the uploader begins anew, the pictures stay
        draft.kept, draft.uploaded = draft.pictures, ()
    files = st.file_uploader(
        f"Pictures of class {number}", type=SUFFIXES, accept_multiple_files=True, key=key, label_visibility="collapsed"
    )
    show_lost(key)
    _take(draft, [NamedFile(file.name, file.getvalue()) for file in files or ()])
    _show_class(draft)


_read = partial(ReadPicture.of, reduce=True)


def _take(draft: ClassDraft, files: Sequence[NamedFile]) -> None:
    """Look at what is new."""
    if tuple(files) != tuple(picture.file for picture in draft.uploaded):
        known = {(picture.file.name, picture.file.content): picture for picture in draft.uploaded}
        new = [file for file in files if (file.name, file.content) not in known]
        known |= {(read.file.name, read.file.content): read for read in one_by_one(_read, new)}
        draft.uploaded = tuple(known[file.name, file.content] for file in files)


def _show_class(draft: ClassDraft) -> None:
    """Thumbnails, how many, and what cannot be used."""
    if not draft.pictures:
        return
    readable = draft.readable
    with st.container(horizontal=True, gap=None, key=f"train.thumbnails.{draft.key}"):
        for picture in readable[:THUMBNAILS]:
            st.image(picture.thumbnail, width=40, alt=picture.file.name)
    copies = sum(not picture.problem for picture in draft.pictures) - len(readable)
    said = f"{len(readable)} picture{'' if len(readable) == 1 else 's'}"
    said += f", {copies} cop{'y' if copies == 1 else 'ies'} left out" if copies else ""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(said + (", one more is needed" if len(readable) == 1 else ""))
        if draft.kept:
            st.button(
                f"Forget {len(draft.kept)} kept", type="tertiary", key=f"train.forget.{draft.key}", on_click=_forget,
                args=(draft,),
            )  # fmt: skip
    for picture in draft.pictures:
        if picture.problem:
            st.caption(f":red[:material/broken_image: {plain(picture.problem)}]")


def _forget(draft: ClassDraft) -> None:
    draft.kept = ()


def _choose_folder(train: TrainState) -> None:
    train.folder = st.text_input(
        "Folder", key=begin_widget("train.folder", train.folder), max_chars=1000, placeholder="/data/my-pictures",
        help="On the machine that this page is served from, with one sub-folder of pictures a class: the sub-folder's name is "
        "the class. With train and test below it, only train is used; else a fifth of each class is left alone.",
    ).strip()  # fmt: skip
    _choose_limit(train)


def _choose_dataset(train: TrainState) -> None:
    infos = {name: info for name, info in _datasets().items() if info.available or rules().allows(MAY_DOWNLOAD)}
    if train.dataset not in infos:
        train.dataset = next(iter(infos))
    train.dataset = st.selectbox(
        "Data set", list(infos), key=begin_widget("train.dataset", train.dataset),
        format_func=lambda name: f"{name} (on this machine)" if infos[name].available else name,
    )  # fmt: skip
    info = infos[train.dataset]
    missing = "" if info.available else " Not on this machine: it is downloaded, or the page says how to get it."
    st.caption(plain(info.description) + missing)
    _choose_limit(train)


def _choose_limit(train: TrainState) -> None:
    train.limit = st.number_input(
        "First so many images", 0, 10_000_000, step=500, key=begin_widget("train.limit", train.limit), width=220,
        help="0 takes all of the training split. About 50 images a second are looked at on two cores.",
    )  # fmt: skip


def _choose_words(train: TrainState) -> None:
    st.caption(
        "No pictures are needed: pictures and words of this encoder lie in one space, and prompts such as “a photo of a cup” "
        "stand in for pictures. The 1,000 categories of ImageNet are always among the words; any other words can be typed later, "
        "too. It takes about a minute."
    )
    train.words = st.text_area(
        "More words", key=begin_widget("train.words", train.words), height=92, max_chars=MAX_TEXTS * 20,
        placeholder="my cup, a unicycle, a red panda (may stay empty)",
        help="What your pictures may show and ImageNet does not know, separated by commas or line ends.",
    )  # fmt: skip
