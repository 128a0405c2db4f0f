"""The search page: where to search, what for, and both rankings beside each other. torch is imported at the first search."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import streamlit as st

from seda.class_texts import parse_class_texts
from seda.errors import ImageError, SedaError
from seda.evaluation.sentences import fine_percent, percent, quoted, statistic
from seda.images import ImageFailure, png_url, read_image, thumbnail_png
from seda.search import Hit, Recall, SearchScores, clean_query, encode_gallery, key_of, search_scores, word_list
from seda.ui import cache
from seda.ui.errors import plain, show_error, show_failures, show_notes
from seda.ui.gallery import NO_SAMPLES, first_kind, kind_name, kind_of, sample_kinds
from seda.ui.pictures import one_by_one
from seda.ui.serving.line import RUNS, place_text
from seda.ui.serving.refusals import log_refusal
from seda.ui.state import SAMPLES, UPLOAD, AppState, PictureFile, begin_widget, read_widget, set_widget
from seda.ui.texts import SEARCH_AFTER, SEARCH_BEFORE
from seda.ui.trajectories.controls import check_pictures, choose_aligner
from seda.ui.trajectories.runs import check_cells, within_time
from seda.ui.uploads import choose_uploads

if TYPE_CHECKING:
    from seda.search import Gallery

WORDS, PICTURE = "Words to pictures", "Picture to words"
TOP = 8  # of each ranking; chosen here: two rows of four in a window of 1280 px
THUMBNAIL = 112  # px on the screen; twice as many are sent
EXAMPLES = ("something to eat", "a furry animal", "a musical instrument")  # not one of them is a category's name
_KEY = "search.state"
_THE_WORDS = -1  # in the place of a picture


@dataclass(frozen=True, eq=False)
class Pictures:
    """Pictures that can be searched, as thumbnails; those that could not be read are among the failures.

    Attributes:
        key: fingerprint of the contents.
        files: n, not yet read at their full size.
        labels: n, what each shows, or "".
        thumbnails: n, data URLs of PNGs.
        failures: of the others.
    """

    key: str
    files: tuple[PictureFile, ...]
    labels: tuple[str, ...]
    thumbnails: tuple[str, ...]
    failures: tuple[ImageFailure, ...]


@dataclass(frozen=True, eq=False)
class Found:
    """What a search found.

    Attributes:
        query: the words; for a picture its name.
        picture: place of the picture that was asked for; None for words.
        pictures: those that were searched.
        scores: of the pictures for the words.
        before, after: the rankings' first entries, of pictures or of words.
        recall: as `SearchScores.recall`.
        aligner: name or folder.
        notes: on words that the encoder cannot read.
    """

    query: str
    picture: int | None
    pictures: Pictures
    scores: SearchScores
    before: Sequence[Hit]
    after: Sequence[Hit]
    recall: dict[str, Recall]
    aligner: str
    notes: tuple[str, ...] = ()


@dataclass
class SearchState:
    """What a visitor has chosen and been shown on this page; in the session, never in a cache.

    Attributes:
        direction: WORDS or PICTURE.
        place: SAMPLES or UPLOAD.
        kinds: of the samples; None until they are first looked at.
        query: as typed.
        words: to rank for a picture, as typed; empty for the aligner's and the labels.
        pictures: those of the place that was last looked at, by place.
        galleries: the same encoded, by place: the fingerprints of pictures and encoder, and the features.
        found: the last result.
        problem: the last search's error.
    """

    direction: str = WORDS
    place: str = SAMPLES
    kinds: tuple[str, ...] | None = None
    query: str = ""
    words: str = ""
    pictures: dict[str, Pictures] = field(default_factory=dict)
    galleries: dict[str, tuple[tuple[str, str], Gallery]] = field(default_factory=dict)
    found: Found | None = None
    problem: SedaError | None = None


def search_state() -> SearchState:
    """This visitor's, made on first use."""
    return read_widget(begin_widget(_KEY, SearchState()))


def choose(state: AppState, search: SearchState) -> None:
    """Controls; a button searches, and what it found lies in the state."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        search.direction = st.segmented_control(
            "Search", [WORDS, PICTURE], required=True, key=begin_widget("search.direction", search.direction)
        )
        search.place = st.segmented_control(
            "Among", [SAMPLES, UPLOAD], required=True, key=begin_widget("search.place", search.place),
            format_func={SAMPLES: "Samples", UPLOAD: "Uploads of this session"}.get,
        )  # fmt: skip
        if search.place == SAMPLES:
            _choose_kinds(state, search)
    if search.place == UPLOAD:
        choose_uploads(state, "search")
    _forget_gone(state, search)
    asked = _ask_for_words(search) if search.direction == WORDS else _ask_for_picture(state, search)
    with st.expander("Aligner and words compared", icon=":material/tune:"):
        choose_aligner(state, "search.aligner")
        search.words = st.text_area(
            "Words compared", key=begin_widget("search.words", search.words), height=80,
            placeholder="empty: the aligner's categories", max_chars=20_000,
            help="These words compete with each other for every picture. The labels of labelled samples and the words you search "
            "for are always among them. Separate them by commas or line ends.",
        )  # fmt: skip
    if asked is not None:  # after all controls were read
        _search(state, search, asked)


def _choose_kinds(state: AppState, search: SearchState) -> None:
    kinds = sample_kinds()
    if not kinds:
        return
    if search.kinds is None:
        search.kinds = (first_kind(cache.card_or_none(state.aligner)),)
    if len(kinds) > 1:
        chosen = st.pills(
            "Kinds", kinds, selection_mode="multi", format_func=kind_name,
            key=begin_widget("search.kinds", list(search.kinds)),
        )  # fmt: skip
        search.kinds = tuple(chosen)


def _ask_for_words(search: SearchState) -> int | None:
    """_THE_WORDS where they were asked for."""
    with (
        st.form("search.form", border=False, enter_to_submit=True),
        st.container(horizontal=True, vertical_alignment="bottom"),
    ):
        search.query = st.text_input(
            "Words", key=begin_widget("search.query", search.query), placeholder="a boot, a red bus, something to eat",
            label_visibility="collapsed", max_chars=200,
        )  # fmt: skip
        asked = st.form_submit_button("Search", type="primary", icon=":material/search:", key="search.run")
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption("For example", width="content")
        for place, words in enumerate(EXAMPLES):
            asked |= st.button(words, key=f"search.example.{place}", on_click=set_widget, args=("search.query", words))
    return _THE_WORDS if asked else None


def _ask_for_picture(state: AppState, search: SearchState) -> int | None:
    """The place of the picture that was asked for."""
    pictures = _pictures(state, search)
    if pictures is None:
        return None
    st.caption("Press the name of a picture to search the words for it.")
    with st.container(height=230, key="search.gallery"):
        return _show_gallery(pictures, can_ask=True)


def _show_gallery(pictures: Pictures, *, can_ask: bool) -> int | None:
    """All pictures with their names; where these are buttons, the place of the one that was pressed."""
    asked = None
    with st.container(horizontal=True, gap="small"):
        for place, (file, thumbnail) in enumerate(zip(pictures.files, pictures.thumbnails, strict=True)):
            with st.container(width=92, gap=None, horizontal_alignment="center"):
                st.image(thumbnail, width=72, alt=file.name)
                if not can_ask:
                    st.caption(plain(file.name), text_alignment="center")
                elif st.button(plain(file.name), key=f"search.pick.{place}", type="tertiary"):
                    asked = place
    return asked


def _forget_gone(state: AppState, search: SearchState) -> None:
    """Let go of everything made from uploads that are not the session's uploads any more."""
    kept = search.pictures.get(UPLOAD)
    if kept is not None and kept.key != _fingerprint(state.uploads):
        if search.found is not None and search.found.pictures is kept:
            search.found = None
        del search.pictures[UPLOAD]
        search.galleries.pop(UPLOAD, None)


def _pictures(state: AppState, search: SearchState) -> Pictures | None:
    """The pictures of the chosen place, read once; None where there are none, said on the page where none was chosen."""
    if search.place == UPLOAD:
        files, labels = state.uploads, [""] * len(state.uploads)
        empty = "Upload pictures above, then search among them."
    else:
        chosen = [sample for sample in cache.samples() if kind_of(sample) in (search.kinds or ())]
        files = tuple(PictureFile(sample.name, sample.path.read_bytes()) for sample in chosen)
        labels = [sample.label for sample in chosen]
        empty = "Choose a kind of samples above." if cache.samples() else NO_SAMPLES
    if not files:
        st.info(empty, icon=":material/image_search:")
        return None
    key = _fingerprint(files)
    if search.place not in search.pictures or search.pictures[search.place].key != key:
        search.pictures[search.place] = _read(key, files, labels)
    pictures = search.pictures[search.place]
    return pictures if pictures.files else None


def _read(key: str, files: Sequence[PictureFile], labels: Sequence[str]) -> Pictures:
    read, failures = [], []
    for file, label, look in zip(files, labels, one_by_one(_thumbnail, files), strict=True):
        if isinstance(look, ImageError):
            failures.append(ImageFailure(file.name, str(look)))
        else:
            read.append((file, label, look))
    columns = zip(*read, strict=True) if read else ((), (), ())
    return Pictures(key, *(tuple(column) for column in columns), tuple(failures))


def _thumbnail(file: PictureFile) -> str | ImageError:
    try:
        return png_url(thumbnail_png(read_image(file.content, file.name), 2 * THUMBNAIL))
    except ImageError as error:
        return error


def _fingerprint(files: Sequence[PictureFile]) -> str:
    parts = hashlib.sha256()
    for file in files:
        parts.update(
            hashlib.sha256(file.name.encode(errors="replace")).digest() + hashlib.sha256(file.content).digest()
        )
    return parts.hexdigest()


def _search(state: AppState, search: SearchState, asked: int) -> None:
    search.problem = None
    bar = st.progress(0.0, "Starting")

    def report(share: float, text: str) -> None:
        bar.progress(share, plain(text))  # it may hold the name of a file

    try:
        with RUNS.turn(state.key, lambda place: report(0.0, place_text(place))), cache.computing():
            search.found = _find(state, search, None if asked == _THE_WORDS else asked, within_time(report))
    except SedaError as error:
        search.problem = error
        log_refusal("search", error)
    bar.empty()


def _find(
    state: AppState, search: SearchState, picture: int | None, report: Callable[[float, str], object]
) -> Found | None:
    """Encode what is not encoded yet, and rank.

    Raises:
        SedaError: nothing was typed, no picture can be searched, or the aligner cannot be loaded.
    """
    typed = clean_query(search.query) if picture is None else ""
    if search.place == UPLOAD:
        check_pictures(state.uploads)
    words = parse_class_texts(search.words).names if search.words.strip() else cache.card(state.aligner).class_names
    pictures = _pictures(state, search)
    if pictures is None:
        return None
    report(0.05, "Loading encoder and aligner; the first time this takes some seconds")
    workbench = cache.workbench(state.aligner)
    key = (pictures.key, workbench.encoder.fingerprint)
    if search.galleries.get(search.place, (None, None))[0] != key:
        sources = [(file.name, file.content) for file in pictures.files]
        gallery, _ = encode_gallery(
            sources, pictures.labels, workbench,
            lambda done, total: report(0.1 + 0.8 * done / total, f"Encoding pictures: {done} of {total}"),
        )  # fmt: skip
        search.galleries[search.place] = (key, gallery)
    gallery = search.galleries[search.place][1]
    check_cells(len(pictures.files), len(words), 1)
    words = word_list([typed] if picture is None else [], words, gallery.known_labels)
    report(0.9, f"Aligning with {len(words)} words")
    scores = search_scores(gallery, words, workbench)
    before, after = scores.images_for(0, TOP) if picture is None else scores.words_for(picture, TOP)
    query = typed if picture is None else pictures.files[picture].name
    recall, notes = scores.recall(gallery.labels), workbench.notes_on(words)
    return Found(query, picture, pictures, scores, before, after, recall, state.aligner, notes)


def show_found(state: AppState, search: SearchState) -> None:
    """The error of the last search, or both rankings and the recall; before the first one, the pictures themselves."""
    found, shown = search.found, None
    if search.problem is not None:
        show_error(search.problem)
    elif found is None and search.direction == WORDS:
        shown = _pictures(state, search)
    if search.place in search.pictures:
        show_failures(search.pictures[search.place].failures)
    if shown is not None:
        st.caption("These pictures are searched." if len(shown.files) > 1 else "This picture is searched.")
        _show_gallery(shown, can_ask=False)
    if found is None:
        return
    n, k = len(found.pictures.files), len(found.scores.words)
    if found.picture is None:
        st.subheader(f"{plain(quoted(found.query))} among {n} pictures", anchor=False)
    else:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.image(found.pictures.thumbnails[found.picture], width=72, alt=found.query)
            st.subheader(f"{k} words for {plain(quoted(found.query))}", anchor=False)
    show_notes(found.notes)
    columns = st.columns(2, gap="large")
    for column, title, about, hits, score in (
        (columns[0], "Before alignment", SEARCH_BEFORE, found.before, statistic),
        (columns[1], "After alignment", SEARCH_AFTER.format(words=k), found.after, fine_percent),
    ):
        with column.container(border=True):
            st.markdown(f"**{title}**")
            st.caption(about)
            if found.picture is None:
                _show_pictures(found, hits, score)
            else:
                _show_words(found, hits, score)
    show_recall(found)


def _show_pictures(found: Found, hits: Sequence[Hit], score: Callable[[float], str]) -> None:
    labelled = key_of(found.query) in {key_of(label) for label in found.pictures.labels if label}
    with st.container(horizontal=True, gap="small"):
        for rank, hit in enumerate(hits, start=1):
            name, label = found.pictures.files[hit.index].name, found.pictures.labels[hit.index]
            right = labelled and key_of(label) == key_of(found.query)
            with st.container(width=THUMBNAIL, gap=None):
                st.image(found.pictures.thumbnails[hit.index], width=THUMBNAIL, alt=name)
                mark = " :green[:material/check_circle:]" if right else ""
                st.caption(f"**{rank}.** {score(hit.score)}{mark}  \n{plain(name)}")


def _show_words(found: Found, hits: Sequence[Hit], score: Callable[[float], str]) -> None:
    label = found.pictures.labels[found.picture]
    rows = []
    for rank, hit in enumerate(hits, start=1):
        word = found.scores.words[hit.index]
        mark = " :green[:material/check_circle:]" if label and key_of(label) == key_of(word) else ""
        rows.append(f"| {rank}. | {plain(word)}{mark} | {score(hit.score)} |")
    st.markdown("\n".join(["| | | |", "|---|---|---:|", *rows]))


def show_recall(found: Found) -> None:
    """recall@k both ways over everything that was searched, where labels give the truth."""
    if not found.recall:
        st.caption("No recall is shown: fewer than two of these pictures' labels are known words.")
        return
    rows = []
    titles = {"text_to_image": "Words to pictures", "image_to_text": "Picture to words"}
    for way, figures in found.recall.items():
        for k in figures.after:
            shares = (
                percent(part[k]).replace(" ", "\u00a0") for part in (figures.before, figures.after, figures.chance)
            )
            rows.append(f"| {titles[way]}, R@{k} | {' | '.join(shares)} | {figures.queries} |")
    st.markdown("**Recall where the label is known**")
    heading = (
        "| | **before** | **after** | **by chance** | **queries** |"  # in the body: the style hides the heads of tables
    )
    st.markdown("\n".join(["| | | | | |", "|---|---:|---:|---:|---:|", heading, *rows]))
    st.caption(
        f"Share of queries with a right answer among the first k. Words to pictures asks for every label among the "
        f"{len(found.pictures.files)} pictures, picture to words for every labelled picture among the {len(found.scores.words)} "
        f"words. Aligner {plain(found.aligner)}."
    )
