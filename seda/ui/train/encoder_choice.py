"""Choosing what looks at the pictures: the bundled pair, any model of open_clip, or weights of the visitor's own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import streamlit as st

from seda.encoders.families import FAMILIES
from seda.errors import EncoderError
from seda.storage import local_path
from seda.ui import cache
from seda.ui.errors import plain, show_error
from seda.ui.serving.rules import MAY_DOWNLOAD, MAY_NAME_PATHS, rules
from seda.ui.state import begin_widget, read_widget, set_widget
from seda.ui.train.state import HUB, LOCAL, OPEN_CLIP, EncoderChoice, EncoderFacts

if TYPE_CHECKING:
    from seda.encoders.openclip_list import OpenClipInfo

FIRST = "open_clip:ViT-B-32/laion2b_s34b_b79k"  # chosen here: small, and no account is needed
NAMED = {form.label: form for family in FAMILIES.values() for form in family.forms if form.label}
_ABOUT = {
    LOCAL: "Weights of your own, on the machine that this page is served from.",
    HUB: "Weights with an open_clip_config.json in a repository of the hub, downloaded once.",
}


def choose_encoder(choice: EncoderChoice) -> tuple[str, str]:
    """Draw the choice. Returns the name, as `load_encoder` takes it, "" while something is missing; and a sentence on it."""
    kinds = [*NAMED, OPEN_CLIP, LOCAL, HUB]
    if not rules().allows(MAY_NAME_PATHS):
        kinds.remove(LOCAL)
    if not rules().allows(MAY_DOWNLOAD):
        kinds.remove(HUB)
        if not _models():
            kinds.remove(OPEN_CLIP)
    choice.kind = st.segmented_control(
        "Encoder", kinds, required=True, label_visibility="collapsed",
        key=begin_widget("train.encoder.kind", choice.kind),
    ) or choice.kind  # fmt: skip
    if form := NAMED.get(choice.kind):
        return form.name, form.description
    if choice.kind == OPEN_CLIP:
        name = _choose_published(choice)
        return name, _about_published(name)
    return (_choose_local(choice) if choice.kind == LOCAL else _choose_repository(choice)), _ABOUT[choice.kind]


def check_open(name: str) -> None:
    """
    Raises:
        EncoderError: the encoder is not one that this visitor may choose.
    """
    from seda.encoders import local_weights

    if name in {form.name for form in NAMED.values()}:
        return
    if local_weights(name) is not None or "@" in name or "local-dir:" in name:
        rules().require(MAY_NAME_PATHS, EncoderError)
    elif name not in {info.name for info in _models()}:
        rules().require(MAY_DOWNLOAD, EncoderError)


def show_facts(facts: EncoderFacts) -> None:
    """Fingerprint and preprocessing of an encoder that was loaded."""
    widths = (
        f"{facts.image_dim} numbers a picture and a text"
        if facts.image_dim == facts.text_dim
        else f"{facts.image_dim} numbers a picture, {facts.text_dim} a text"
    )
    st.caption(
        f":material/check_circle: **Loaded.** {plain(facts.description)} {widths}. Fingerprint `{plain(facts.fingerprint)}`"
    )


def load(name: str, report: Callable[[float, str], None]) -> EncoderFacts:
    """Bring the weights here where they are missing, and load the encoder.

    Raises:
        SedaError: it cannot be loaded; says what to do.
    """
    from seda.encoders import fetch_weights

    report(0.0, f"Looking for the weights of {name}")

    def on_progress(there: int, total: int) -> None:  # raises out of here when Stop was pressed
        of = f" of {total / 1e6:,.0f}" if total else ""
        report(there / total if total else 0.0, f"Downloading {name}: {there / 1e6:,.0f}{of} MB")

    fetch_weights(name, on_progress)  # before the cached call, which must not draw
    report(1.0, f"Loading {name}; this takes some seconds")
    encoder = cache.encoder(name)
    return EncoderFacts(name, encoder.fingerprint, encoder.description, encoder.image_dim, encoder.text_dim)


def _models() -> Sequence[OpenClipInfo]:
    """Those that the visitor may choose: all published ones, or those whose weights are on this machine."""
    with st.spinner("Looking up the models of open_clip"):
        models = cache.open_clip_models()
    return models if rules().allows(MAY_DOWNLOAD) else [info for info in models if info.cached]


def _choose_published(choice: EncoderChoice) -> str:
    """Family, then model, then tag: each list holds what the one before leaves."""
    infos = _models()
    if not choice.family:  # weights that are here already before others
        first = next((info for info in infos if info.cached), None) or next(
            (info for info in infos if info.name == FIRST), infos[0]
        )
        choice.family, choice.model, choice.tag = first.family, first.model, first.tag
    left, middle, right = st.columns([2, 3, 3])
    families = list(dict.fromkeys(info.family for info in infos))
    choice.family = _one_of(left, "Family", families, "family", choice.family)
    models = list(dict.fromkeys(info.model for info in infos if info.family == choice.family))
    choice.model = _one_of(middle, "Model", models, "model", choice.model)
    tags = [info.tag for info in infos if info.model == choice.model and info.family == choice.family]
    here = {info.tag for info in infos if info.model == choice.model and info.cached}
    choice.tag = _one_of(
        right, "Weights", tags, "tag", choice.tag, lambda tag: f"{tag} (on this machine)" if tag in here else tag
    )
    return f"open_clip:{choice.model}/{choice.tag}"


def _one_of(
    place: st.delta_generator.DeltaGenerator, label: str, options: Sequence[str], name: str, chosen: str,
    format_func: Callable[[str], str] = str,
) -> str:  # fmt: skip
    """A list whose options depend on another choice: what is not among them any more gives way to the first."""
    key = f"train.encoder.{name}"
    if chosen not in options:
        chosen = options[0]
    if read_widget(key) not in options:
        set_widget(key, chosen)
    return place.selectbox(label, options, format_func=format_func, key=key)


def _about_published(name: str) -> str:
    """Size, and whether the weights are here."""
    info = next(info for info in _models() if info.name == name)
    size = "size not known" if info.size_mb is None else f"{info.size_mb:,.0f} MB"
    side = info.image_size if isinstance(info.image_size, int) else " x ".join(map(str, info.image_size))
    place = "on this machine" if info.cached else "not on this machine yet: downloaded once, when they are first needed"
    weight = "" if info.parameters_m is None else f"{info.parameters_m:,.0f} million parameters, "
    return f"{weight}looks at {side} px, features of width {info.dim}. Weights: {size}, {place}."


def _choose_local(choice: EncoderChoice) -> str:
    choice.path = st.text_input(
        "File or folder on the server", key=begin_widget("train.encoder.path", choice.path), max_chars=1000,
        placeholder="/models/my-clip or /models/ViT-B-32.safetensors",
        help="A folder with open_clip_config.json and weights, or a checkpoint file (.safetensors, .pt, .pth, .bin) of one "
        "of open_clip's models. Only tensors are read from it.",
    ).strip()  # fmt: skip
    if not choice.path:
        return ""
    try:
        is_folder = local_path(choice.path, EncoderError).is_dir()
    except EncoderError as error:
        show_error(error)
        return ""
    if is_folder:
        return f"open_clip:local-dir:{choice.path}"
    st.caption("A file does not say its preprocessing. Which published weights does it come from?")
    return f"{_choose_published(choice)}@{choice.path}"


def _choose_repository(choice: EncoderChoice) -> str:
    choice.repository = (
        st.text_input(
            "Repository", key=begin_widget("train.encoder.repository", choice.repository), max_chars=200,
            placeholder="hf-hub:ORG/REPO", help="Weights with an open_clip_config.json; downloaded once.",
        )
        .strip()
        .removeprefix("open_clip:")
        .removeprefix("hf-hub:")
    )  # fmt: skip
    return f"open_clip:hf-hub:{choice.repository}" if choice.repository else ""
