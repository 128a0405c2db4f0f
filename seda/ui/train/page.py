"""The train page: what to train, how it goes, and what becomes of it."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from seda.card import aligner_home, encoders_in_use
from seda.class_texts import parse_class_texts
from seda.config import DENOISERS, PATH_FAMILIES, SamplingConfig, TrainingConfig
from seda.data.uploaded_pictures import UploadedPictures
from seda.encoders.families import names_pair
from seda.errors import DataError, EncoderError, SedaError
from seda.images import find_images
from seda.training import unfinished
from seda.training.unfinished import DATASET, UPLOADS, WORDS, TrainingRecord
from seda.ui.errors import plain, show_error
from seda.ui.serving.refusals import log_refusal
from seda.ui.serving.rules import MAY_NAME_PATHS, MAY_TRAIN, rules
from seda.ui.serving.visitor import aligner_folder, aligner_names, own_home
from seda.ui.state import AppState, begin_widget
from seda.ui.train.encoder_choice import check_open, choose_encoder, show_facts
from seda.ui.train.outcome import show_finished, show_heading, show_stopped, show_unfinished
from seda.ui.train.pictures import check_dataset, check_uploads, choose_classes, choose_pictures, used_classes
from seda.ui.train.runs import check_room, run_pending, stop_where_left
from seda.ui.train.state import FOLDER, ClassDraft, LoadRequest, TrainRequest, TrainState

MANY = 1_000  # images that a data set has at least


def show_train(state: AppState, train: TrainState) -> None:
    """The whole page: choosing, or the training that is under way, stopped or done."""
    rules().require(MAY_TRAIN, DataError)  # pages are asked for by anybody who speaks Streamlit's protocol
    stop_where_left(train)
    if train.said:
        st.info(plain(train.said), icon=":material/info:")
    choosing = not isinstance(train.pending, TrainRequest) and train.finished is None and train.stopped is None
    # the same place: while a training runs, the controls are gone and not only grey
    with st.container(key="train.choose") if choosing else st.empty():
        if choosing and train.again is not None:
            _upload_again(train, train.again)
        elif choosing:
            _choose(train)
    if not choosing and train.problem is not None:
        show_error(train.problem)
    running = train.pending if isinstance(train.pending, TrainRequest) else None
    with st.empty() if running else st.container():  # as above, of the training before
        if running is None and train.finished is not None:
            show_finished(state, train, train.finished)
        elif running is None and train.stopped is not None:
            show_stopped(train, train.stopped)
    if running is not None:
        show_heading(running.record)
        run_pending(train)


def _choose(train: TrainState) -> None:
    st.caption(
        "Make an aligner of your own: choose what looks at the pictures, show a few of each class, and watch it learn."
    )
    st.subheader("1. Encoder", anchor=False)
    encoder, about = choose_encoder(train.encoder)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(plain(about), width="stretch")
        if encoder and (train.facts is None or train.facts.name != encoder):
            st.button(
                "Load it now", icon=":material/download:", key="train.load", on_click=train.ask, type="tertiary",
                args=(LoadRequest(encoder),), disabled=train.pending is not None,
                help="Not needed: training loads it. It shows fingerprint and preprocessing, and downloads what is missing.",
            )  # fmt: skip
    if train.facts is not None and train.facts.name == encoder:
        show_facts(train.facts)
    if train.encoder_problem is not None and train.encoder_problem[0] == encoder:
        show_error(train.encoder_problem[1])
    if isinstance(train.pending, LoadRequest):
        loading = st.container()
    words_possible = names_pair(encoder)
    words_first = words_possible and encoder not in encoders_in_use(map(aligner_folder, aligner_names()))
    st.subheader("2. Pictures", anchor=False)
    if words_first:
        st.markdown("No aligner looks through this model yet. From words alone, in about a minute, or with pictures:")
    source = choose_pictures(train, words_possible=words_possible, words_first=words_first)
    st.subheader("3. Train", anchor=False)
    _choose_name(train, encoder, source)
    if train.problem is not None:  # beside the button that was pressed
        show_error(train.problem)
    st.caption(_where_it_lies())
    show_unfinished(train)
    if isinstance(train.pending, LoadRequest):
        with loading:
            run_pending(train)


def _choose_name(train: TrainState, encoder: str, source: str) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        train.name = st.text_input(
            "Name of the aligner", key=begin_widget("train.name", train.name), max_chars=64, placeholder="my-cups", width=340,
            help="Letters (a to z), digits, - and _. It is also the name of its folder.",
        ).strip()  # fmt: skip
        asked = st.button(
            "Train",
            type="primary",
            icon=":material/fitness_center:",
            key="train.run",
            disabled=train.pending is not None,
        )
    with st.expander("Settings", icon=":material/tune:"), st.container(horizontal=True):
        train.epochs = st.number_input(
            "Epochs at most", 0, 1000, step=1, key=begin_widget("train.epochs", train.epochs), width=220,
            help="Passes over the pictures. 0 leaves it to their number: 40 for a few, 14 for many. It ends earlier where "
            "the validation loss does not sink any more.",
        )  # fmt: skip
        train.seed = st.number_input(
            "Seed", 0, SamplingConfig.MAX_SEED, step=1, key=begin_widget("train.seed", train.seed), width=220,
            help="Fixes all chance: the same seed gives the same aligner.",
        )  # fmt: skip
        train.path = st.selectbox(
            "Kind of paths", list(PATH_FAMILIES), key=begin_widget("train.path", train.path), width=220, disabled=source == WORDS,
            format_func=lambda name: PATH_FAMILIES[name].label,
            help=" ".join(f"*{one.label}* {one.help}." for one in PATH_FAMILIES.values()),
        )  # fmt: skip
        train.denoiser = st.selectbox(
            "Denoiser", list(DENOISERS), key=begin_widget("train.denoiser", train.denoiser), width=220,
            disabled=source == WORDS,
            format_func=lambda name: DENOISERS[name].label,
            help="What shall walk the paths; it has no part in the answers. "
            + " ".join(f"{one.label} {one.help}." for one in DENOISERS.values())
            + " The learned one takes some minutes more.",
        )  # fmt: skip
    if asked:  # after all controls were read
        _ask(train, encoder, source)


def _where_it_lies() -> str:
    where = f" in {aligner_home()}" if rules().allows(MAY_NAME_PATHS) else ""
    return plain(
        f"While it is trained, features of the pictures and your class names lie on the server's disk{where}, in folders that only "
        "the server's own user can enter; no other visitor sees them, and this browser finds them again by its cookie. "
        "Discard deletes them. Keep adds thumbnails (32 px) of up to 2,000 training pictures; for you alone, or for everyone who "
        "uses this server where you say so. The uploaded files themselves are never written to disk."
    )


def _ask(train: TrainState, encoder: str, source: str) -> None:
    """Leave a request in the state, or say what it lacks."""
    train.problem = None
    try:
        request = _request(train, encoder, source)
        check_room(own_home())
        unfinished.begin(request.record, own_home())
        train.ask(request)
    except SedaError as error:
        train.problem = error
        log_refusal("training", error)
    st.rerun()


def _request(train: TrainState, encoder: str, source: str) -> TrainRequest:
    """
    Raises:
        SedaError: something is missing or cannot be used.
    """
    if not encoder:
        raise EncoderError(
            "No encoder is chosen.", remedy="Type the path or the repository of one, or take the bundled one."
        )
    check_open(encoder)
    unfinished.folder_of(train.name)  # a bad name is said before pictures are read
    record = TrainingRecord(train.name, encoder, source, config=_config(train, 0))
    if source == WORDS:
        words = parse_class_texts(train.words, at_least=0).names
        return TrainRequest(replace(record, words=words))
    if source == UPLOADS:
        classes = used_classes(train.classes)
        check_uploads(classes)
        uploads = UploadedPictures([draft.upload for draft in classes])
        count = uploads.count("train")
        return TrainRequest(
            replace(
                record,
                class_names=uploads.class_names,
                fingerprint=uploads.fingerprint("train"),
                config=_config(train, count),
            ),
            uploads,
        )
    if source == FOLDER and not train.folder:
        raise DataError(
            "No folder is named.", remedy="Type the path of a folder with one sub-folder of pictures a class."
        )
    if source == FOLDER:
        rules().require(MAY_NAME_PATHS, DataError)
        name, count = f"folder:{train.folder}", len(find_images(train.folder))
    else:
        check_dataset(train.dataset)
        name, count = train.dataset, MANY
    count = min(count, train.limit or count)
    return TrainRequest(replace(record, kind=DATASET, dataset=name, limit=train.limit, config=_config(train, count)))


def _config(train: TrainState, count: int) -> TrainingConfig:
    config = TrainingConfig.for_pictures(count, seed=train.seed, epochs=train.epochs)
    return replace(config, path=train.path, denoiser=train.denoiser)


def _upload_again(train: TrainState, record: TrainingRecord) -> None:
    """Before a training on uploads goes on in a new session, whose memory does not have them."""
    show_heading(record)
    st.info(
        "Uploads are never kept on the server. To go on, upload the same pictures to the same classes again.",
        icon=":material/upload:",
    )
    choose_classes(train)
    if train.problem is not None:
        show_error(train.problem)
    with st.container(horizontal=True):
        if st.button("Go on", type="primary", icon=":material/play_arrow:", key="train.again"):
            try:
                check_uploads(train.classes)
                uploads = UploadedPictures([draft.upload for draft in train.classes])
                if uploads.fingerprint("train") != record.fingerprint:
                    raise DataError(
                        f"These are not the pictures and names that {record.name} was begun with.",
                        remedy="Upload the same ones, or discard the unfinished training and begin anew.",
                    )
                train.again = None
                train.ask(TrainRequest(record, uploads))
            except SedaError as error:
                train.problem = error
            st.rerun()
        st.button("Back", key="train.back", on_click=_back, args=(train,))


def _back(train: TrainState) -> None:
    train.clear()
    train.classes = [ClassDraft(train.next_key), ClassDraft(train.next_key + 1)]
    train.next_key += 2
