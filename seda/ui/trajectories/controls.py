"""The side panel of the trajectories page: which items travel to which words, and how. Values go into AppState as they are
chosen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import streamlit as st

from seda.class_texts import and_listed, parse_class_texts
from seda.config import DENOISERS, PATH_FAMILIES, SAMPLERS, ModelConfig, SamplingConfig
from seda.encoders.families import languages_of
from seda.errors import ImageError, SedaError
from seda.images import png_url
from seda.journeys.journey import Journey
from seda.journeys.replay_schema import is_replay
from seda.ui import cache
from seda.ui.errors import errors_on_screen, plain
from seda.ui.gallery import choose_samples
from seda.ui.serving.refusals import log_refusal
from seda.ui.serving.rules import MAY_NAME_PATHS, rules
from seda.ui.serving.uploaded import present, show_lost
from seda.ui.serving.visitor import aligner_names
from seda.ui.serving.warm_up import WARM_UP
from seda.ui.state import (
    ON_SCREEN,
    SAMPLES,
    UPLOAD,
    AppState,
    NamedFile,
    PathsRequest,
    TraceRequest,
    begin_widget,
    drop_widget,
    read_widget,
    set_widget,
)
from seda.ui.trajectories import links
from seda.ui.trajectories.links import LIMITS, Source
from seda.ui.trajectories.player import PlayerState
from seda.ui.trajectories.stored import show_example, show_replay
from seda.ui.uploads import MAX_ITEMS, check_size, choose_uploads

POLL = 2.0  # seconds between two looks whether models are ready
THUMBNAILS = 16  # of the items on the screen; chosen here: two rows

REPLAY_KEY = "trajectories.replay"
CLASSES_KEY = "trajectories.classes"
PRESETS_KEY = "trajectories.presets"
DENOISER_KEY, GUIDANCE_KEY = "trajectories.denoiser", "trajectories.guidance"
PRESETS = {
    "Footwear or not": ("footwear", "clothing", "bag"),
    "Warm or light": ("warm winter clothes", "light summer clothes", "shoes", "a bag"),
    "Anything": ("animal", "vehicle", "building", "food", "plant", "person", "clothes", "furniture"),
}

MIXED = {"One word, many languages": ("dog", "Hund", "chien", "собака", "狗", "cat", "Katze", "chat", "кошка", "猫")}


def side_panel(state: AppState) -> None:
    """Draw all controls; pressing Run leaves a request in the state."""
    st.subheader("Pictures", anchor=False)
    _choose_items(state)
    st.subheader(
        "Words", anchor=False,
        help="Two or more words or short descriptions, separated by commas or line ends. Each picture travels toward these. "
        + plain(_languages(state)),
    )  # fmt: skip
    _class_texts(state)
    with st.expander("How the path is drawn", icon=":material/tune:"):
        choose_aligner(state, "trajectories.aligner")
        _template(state)
        _sampling(state)
    if st.button("Run", type="primary", icon=":material/play_arrow:", width="stretch", key="trajectories.run"):
        _ask(state)
    with st.container(key="trajectories.ready"):
        if WARM_UP.is_coming:
            _watch_models()
        else:
            _tell_models()
    _replays(state)


@st.fragment(run_every=POLL)
def _watch_models() -> None:
    """Says when models are ready; on pages that were opened before they were, until something is clicked there."""
    _tell_models()


def _tell_models() -> None:
    if WARM_UP.is_ready:
        st.caption("Models ready")
    elif WARM_UP.is_coming:
        st.caption("Models are being loaded")


def _choose_items(state: AppState) -> None:
    state.items_from = st.segmented_control(
        "Pictures", [ON_SCREEN, UPLOAD, SAMPLES], required=True, label_visibility="collapsed", width="stretch",
        key=begin_widget("trajectories.source", state.items_from),
    ) or state.items_from  # fmt: skip
    if state.items_from == SAMPLES:
        choose_samples(state)
    elif state.items_from == UPLOAD:
        choose_uploads(state, "trajectories")
    else:
        _on_screen(state)


def _on_screen(state: AppState) -> None:
    coming = state.pending.items if isinstance(state.pending, TraceRequest) else None  # of a link
    journey = coming if state.shown is None else state.shown.journey
    if not isinstance(journey, Journey):
        st.caption("Nothing is on the screen yet.")
        return
    if not journey.trajectory.is_aligned:
        st.caption("Paths that were made elsewhere are on the screen. To run, choose pictures: Upload or Samples.")
        return
    there = [(name, png) for name, png in zip(journey.trajectory.item_names, journey.thumbnails, strict=True) if png]
    with st.container(horizontal=True, gap=None, key="trajectories.thumbnails"):
        for name, png in there[:THUMBNAILS]:
            st.image(png_url(png), width=30, alt=name)  # a file would be gone when the next run comes quickly
        if more := len(journey.thumbnails) - len(there[:THUMBNAILS]):
            st.caption(f"and {more} more" if there else f"{more} rows of features")
    st.caption("They travel again when you change a word and press Run.")


def _languages(state: AppState) -> str:
    """Which languages the aligner's encoder reads, as a sentence; "" where nobody has told us."""
    card = cache.card_or_none(state.aligner)
    languages = () if card is None else languages_of(card.encoder)
    if not languages:
        return ""
    mixed = ", which may be mixed" if len(languages) > 1 else ""
    return f"They are read in {and_listed(languages)}{mixed}."


def _class_texts(state: AppState) -> None:
    card = cache.card_or_none(state.aligner)
    if state.class_text is None:
        state.class_text = ", ".join(card.first_classes) if card else ""
    state.class_text = st.text_area(
        "Words", key=begin_widget(CLASSES_KEY, state.class_text), height=92, label_visibility="collapsed",
        placeholder="cat, dog, a photo of a bicycle",
    )  # fmt: skip
    own = {} if card is None else {f"The first {len(card.first_classes)}": card.first_classes}
    mixed = MIXED if card is not None and len(languages_of(card.encoder)) > 1 else {}
    presets = {label: ", ".join(texts) for label, texts in (own | PRESETS | mixed).items()}
    st.pills(
        "Presets", list(presets), key=PRESETS_KEY, label_visibility="collapsed", on_change=_use_preset,
        args=(state, presets),
    )  # fmt: skip


def _use_preset(state: AppState, presets: Mapping[str, str]) -> None:
    chosen = read_widget(PRESETS_KEY)
    if chosen in presets:
        state.class_text = presets[chosen]
        set_widget(CLASSES_KEY, presets[chosen])
        set_widget(PRESETS_KEY, None)  # a shortcut, not a setting: the text can be changed afterwards


def choose_aligner(state: AppState, key: str) -> None:
    """Which aligner the pages speak of; each page has a widget of its own."""
    names, open_paths = aligner_names(), rules().allows(MAY_NAME_PATHS)
    if state.aligner not in names:
        names.append(state.aligner)
    folders = " Type a folder to use one that `python -m seda train` wrote." if open_paths else ""
    state.aligner = st.selectbox(
        "Aligner", names, key=begin_widget(key, state.aligner), accept_new_options=open_paths,
        help=f"The trained model that moves the pictures to the words.{folders}", on_change=_own_sampling, args=(state, key),
    ) or state.aligner  # fmt: skip


def _template(state: AppState) -> None:
    card = cache.card_or_none(state.aligner)
    state.template = st.text_input(
        "Template", key=begin_widget("trajectories.template", state.template), max_chars=links.MAX_TEXT,
        placeholder=card.template if card else "{}",
        help="A phrase around each word, such as “a photo of a {}”; {} is where the word goes. "
        "Left empty, it is the one that the aligner was trained with.",
    )  # fmt: skip


def _sampling(state: AppState) -> None:
    card = cache.card_or_none(state.aligner)
    model = card.model if card else ModelConfig()
    now, paths = _offered(state.sampling, model), PATH_FAMILIES[model.path]
    denoiser = st.selectbox(
        "Denoiser", model.denoisers, key=begin_widget(DENOISER_KEY, now.denoiser), disabled=len(model.denoisers) == 1,
        format_func=lambda name: DENOISERS[name].label, on_change=_own_guidance, args=(state,),
        help="What says at each step where the way leads. "
        + " ".join(f"{one.label} {one.help}." for one in DENOISERS.values()),
    )  # fmt: skip
    sampler = st.selectbox(
        "Sampler", list(SAMPLERS), key=begin_widget("trajectories.sampler", now.sampler),
        format_func=lambda name: SAMPLERS[name].label, disabled="sampler" in paths.ignores,
        help="How one step follows from the last. " + ", ".join(f"{one.label} {one.help}" for one in SAMPLERS.values()) + ".",
    )  # fmt: skip
    steps = st.slider(
        "Steps per stage", *LIMITS["num_inference_steps"], key=begin_widget("trajectories.steps", now.num_inference_steps),
        help="Steps in each of the two halves of the way. More steps show more of it; the time grows with them.",
    )  # fmt: skip
    strength = st.slider(
        "Noise strength", *LIMITS["strength"], step=0.05, key=begin_widget("trajectories.strength", now.strength),
        disabled="strength" in paths.ignores,
        help="How much noise each half of the way starts from. At 1 it drowns the picture, near 0 the picture hardly moves.",
    )  # fmt: skip
    guidance = st.slider(
        "Guidance", *LIMITS["guidance"], step=0.5, key=begin_widget(GUIDANCE_KEY, now.guidance),
        help="How strongly a way is led. At 1 a way is a fair draw: it ends at a word just as often as the denoiser finds it "
        "probable. Larger values keep to the favourite; with a learned denoiser they also overshoot.",
    )  # fmt: skip
    eta = st.slider(
        "Eta", *LIMITS["eta"], step=0.05, key=begin_widget("trajectories.eta", now.eta),
        disabled="eta" not in (*paths.uses, *SAMPLERS[sampler].uses),
        help="Share of fresh noise in each step: 0 gives the smooth path, 1 nearly that of DDPM. Not every sampler uses it.",
    )  # fmt: skip
    seed = st.number_input(
        "Seed", *LIMITS["seed"], step=1, key=begin_widget("trajectories.seed", now.seed),
        help="Number that fixes all noise: the same seed gives the same ways.",
    )  # fmt: skip
    # rounded: a slider's steps add up to .6500000000000001, and links tell what is on the screen exactly
    # what is the aligner's own stays unsaid: with another aligner it is that one's
    own = denoiser == model.denoiser
    usual = guidance == DENOISERS[denoiser].guidance
    state.sampling = SamplingConfig(
        sampler, int(steps), round(strength, 4), round(eta, 4), None if usual else round(guidance, 4), int(seed),
        "" if own else denoiser,
    )  # fmt: skip


def _offered(sampling: SamplingConfig, model: ModelConfig) -> SamplingConfig:
    """Settings that an aligner of this kind can be run with: its own denoiser where it lacks the one that was chosen."""
    if sampling.denoiser not in ("", *model.denoisers):
        sampling = replace(sampling, denoiser="", guidance=None)
    return sampling.settled(model)


def _own_sampling(state: AppState, key: str) -> None:
    """Another aligner begins with its own denoiser."""
    for name in (DENOISER_KEY, GUIDANCE_KEY):
        drop_widget(name)
    state.use_aligner(read_widget(key) or state.aligner)


def _own_guidance(state: AppState) -> None:
    """Another denoiser begins with its own guidance: one number does not mean the same to both."""
    drop_widget(GUIDANCE_KEY)
    state.sampling = replace(state.sampling, denoiser=read_widget(DENOISER_KEY) or "", guidance=None)


def renew_panel(state: AppState) -> None:
    """Let the controls start again from the state; only before they are drawn in a run, as in callbacks."""
    sampling = state.sampling
    for name, value in {
        "source": state.items_from,
        "classes": state.class_text,
        "aligner": state.aligner,
        "template": state.template,
        "sampler": sampling.sampler,
        "steps": sampling.num_inference_steps,
        "strength": sampling.strength,
        "eta": sampling.eta,
        "seed": sampling.seed,
    }.items():
        set_widget(f"trajectories.{name}", value)
    for key in (DENOISER_KEY, GUIDANCE_KEY):  # what they may be depends on the aligner
        drop_widget(key)


def _ask(state: AppState) -> None:
    """Leave a request in the state, or say what it lacks."""
    try:
        items, source = _chosen_items(state)
        template = links.read_template(state.template) if state.template.strip() else ""
        parse_class_texts(state.class_text or "")
        state.ask(TraceRequest(items, source, state.class_text or "", template, state.aligner, state.sampling))
        state.raised += 1
    except SedaError as error:
        state.problem = error


def _chosen_items(state: AppState) -> tuple[tuple[NamedFile, ...] | Journey, Source]:
    if state.items_from == ON_SCREEN and state.shown is not None:
        return state.shown.journey, state.shown.source
    if state.items_from == SAMPLES:
        items, source = cache.sample_files(state.samples or ()), Source(links.SAMPLES, state.samples or ())
    else:
        items, source = state.uploads, Source(links.UPLOADS)
    check_items(items)
    return items, source


def check_items(items: tuple[NamedFile, ...]) -> None:
    """
    Raises:
        ImageError: none are chosen, too many, or too many MB.
    """
    if not items:
        raise ImageError("No picture is chosen.", remedy=f"Upload 1 to {MAX_ITEMS} pictures, or use the samples.")
    if len(items) > MAX_ITEMS:
        raise ImageError(
            f"{len(items)} pictures are chosen; at most {MAX_ITEMS} are taken at once.",
            remedy="Remove some of them.",
        )
    check_size(items)


def _replays(state: AppState) -> None:
    with st.expander("Examples and replays", icon=":material/replay:"):
        for name in cache.example_names():
            with errors_on_screen():
                st.button(
                    plain(cache.example(name).title or name), key=f"trajectories.example.{name}", type="tertiary",
                    on_click=open_example, args=(state, name),
                )  # fmt: skip
        st.file_uploader(
            "Open a replay, or paths of your own", type=["safetensors", "npz", "parquet"], key=REPLAY_KEY, on_change=_open_replay, args=(state,),
            help="A replay: a .safetensors file from this page's replay download or from `python -m seda trace`. Or features that were "
            "moved by something else, [items, steps, numbers]: docs/paths.md says what the file has to hold.",
        )  # fmt: skip
        show_lost(REPLAY_KEY)


def open_example(state: AppState, name: str) -> None:
    """Show a stored example, as a callback."""
    try:
        show_example(state, name)
        renew_panel(state)
        state.raised += 1
    except SedaError as error:
        state.problem = error


def next_example(state: AppState) -> None:
    """Show the stored example after the one on the screen, or the first, as a callback."""
    names = cache.example_names()
    if not names:
        return
    here = state.shown.source.names if state.shown is not None and state.shown.source.kind == links.EXAMPLE else ()
    presents = state.view is not None and state.view.present
    open_example(state, names[(names.index(here[0]) + 1) % len(names)] if here and here[0] in names else names[0])
    if presents and state.view is None:  # the address says so at once, and not when the player comes to rest
        state.view = PlayerState(present=True)


def _open_replay(state: AppState) -> None:
    files = present(read_widget(REPLAY_KEY))
    if not files:  # taken away again, or lost
        return
    file = files[0]
    try:
        if not is_replay(file.getvalue(), file.name):
            state.ask(PathsRequest(NamedFile(file.name, file.getvalue())))
            state.raised += 1
            return
        show_replay(state, file.getvalue(), file.name)
        renew_panel(state)
        state.raised += 1
    except SedaError as error:
        state.problem = error
        log_refusal("replay", error)
