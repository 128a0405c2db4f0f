"""An aligner's card on the screen."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

import streamlit as st

from seda.card import EVALUATION, NAMING, OWN_PICTURES, VALIDATION, WORDS_ALONE, AlignerCard
from seda.data.uploaded_pictures import UploadedPictures
from seda.encoders.families import looks_of
from seda.ui.errors import plain
from seda.ui.serving.rules import without_paths

MANY = 100  # categories that are no longer read at a glance
FEW = 30  # validation pictures, below which a percentage is no measure
_ENCODER = "encoder_description"  # key of a card's data, with the preprocessing
MOST_WORDS = 40  # of the user's own, that a command line holds

_PERCENT = {
    "test_top1_accuracy": ("Test accuracy", "Share of test images whose most probable class is the true one."),
    "validation_top1_accuracy": ("Validation accuracy", "On the part of the training data that was held out."),
    "validation_ece": ("Calibration error", "Mean gap between stated probability and accuracy (ECE, 15 bins)."),
}


def show_metrics(card: AlignerCard) -> None:
    """The headline figures that the card holds."""
    shown = [(name, card.metrics[name]) for name in _PERCENT if isinstance(card.metrics.get(name), int | float)]
    counts = [("Training images", "training_count"), ("Epochs", "epochs")]
    judged = card.metrics.get("validation_count", FEW)
    with st.container(horizontal=True):
        for name, value in shown:
            label, explanation = _PERCENT[name]
            if name.startswith("validation") and judged < FEW:
                label, explanation = f"{label}, on {judged}", f"{explanation} Only {judged} pictures: it says little."
            st.metric(label, f"{100 * value:.2f} %", help=explanation, border=True)
        for label, name in counts:
            if name in card.metrics:
                st.metric(label, f"{card.metrics[name]:,}", border=True)


def show_path_accuracy(card: AlignerCard) -> None:
    """Accuracy of the state along the path, where the card holds it."""
    path = card.metrics.get("path_accuracy")
    if not isinstance(path, Mapping):
        return
    from seda.figures import accuracy_along_path

    st.subheader("Accuracy along the path", anchor=False)
    figure = accuracy_along_path(path["steps"], path["accuracy"], path["low"], path["high"], path["hand_over"])
    st.plotly_chart(figure, key="aligner.path_accuracy", config={"displayModeBar": False}, height=360)
    about = ", ".join(f"{name} {path[name]}" for name in ("split", "count", "seed") if _is_short(path.get(name)))
    st.caption(
        "Share of images whose state lies nearest to the true class text (cosine), at each state; band: 95 % bootstrap "
        "interval. In stage 1 the state is on its way to a category center, not yet to a text. " + plain(about)
    )


def show_naming(card: AlignerCard) -> None:
    """How well an open vocabulary names what it has never seen, where the card says so."""
    rows = card.metrics.get(NAMING)
    if not isinstance(rows, list) or not rows:
        return
    from seda.figures.tables import naming_table  # pandas: after the figures above

    st.subheader("What it names, unseen", anchor=False)
    percent = st.column_config.NumberColumn(format="percent")
    table = naming_table(rows)
    st.dataframe(
        table,
        column_config=dict.fromkeys(table.columns[2:], percent),
        hide_index=True,
        key="aligner.naming",
        width="stretch",
        placeholder="",  # not measured in that language
    )
    st.caption(
        "Share of pictures whose right text comes first (recall@1), on pictures that nothing was fitted to, beside simple methods "
        "on the same features. `python -m seda evaluate` measures it again; docs/open-vocabulary.md says more."
    )


def show_maps(card: AlignerCard) -> None:
    """How far each of the aligner's maps can be trusted, where the card says so."""
    maps = card.metrics.get("maps")
    if not isinstance(maps, Mapping) or not maps:
        return
    from seda.figures.tables import map_table  # pandas: after the figures above

    st.subheader("How far the maps can be trusted", anchor=False)
    explained = {
        "trustworthiness": "Are neighbours on the map neighbours in feature space? 1 is always.",
        "continuity": "Are neighbours in feature space neighbours on the map? 1 is always.",
        "step lengths": "Rank correlation of the lengths of steps in feature space and on the map.",
        "straightness": "Direct distance over the way gone, median over paths.",
        "jumps": "99th percentile of step lengths over the map's width: lower is smoother.",
    }
    columns = {
        name: st.column_config.NumberColumn(name.capitalize(), help=text, format="%.3f")
        for name, text in explained.items()
    }
    st.dataframe(map_table(maps), column_config=columns, hide_index=True, key="aligner.maps", width="stretch")
    held_out = "the unlabelled pictures" if WORDS_ALONE in card.data else "validation images"
    st.caption(f"On reference features and on paths of {held_out} that no map was fitted to.")


def _is_short(value: Any) -> bool:
    return isinstance(value, str | int | float)


def show_classes(card: AlignerCard) -> None:
    """The names of the categories; many of them folded."""
    made = "words it was made of" if WORDS_ALONE in card.data else "categories it was trained on"
    st.subheader(f"The {len(card.class_names):,} {made}", anchor=False)
    names = "  ·  ".join(plain(name) for name in card.class_names)
    if len(card.class_names) > MANY:
        with st.expander("All of them"):
            st.markdown(names)
    else:
        st.markdown(names)
    template = "alone" if card.template == "{}" else f"as “{card.template}”"
    st.caption(plain(f"Class texts go to the encoder {template}. Other class texts may be typed at any time."))


def show_data(card: AlignerCard) -> None:
    """What it was trained on."""
    alone = WORDS_ALONE in card.data
    st.subheader("Made of words alone" if alone else "Training data", anchor=False)
    hidden = (EVALUATION, VALIDATION, WORDS_ALONE, _ENCODER)
    own = {"your_own_words": _shortened(card.data[WORDS_ALONE])} if alone else {}
    _table(own | {name: value for name, value in card.data.items() if name not in hidden})


def show_provenance(card: AlignerCard) -> None:
    """Encoder, sizes, versions, and the command that trains it again."""
    st.subheader("Encoder", anchor=False)
    _table({"name": card.encoder, "fingerprint": card.encoder_fingerprint, "preprocessing": _preprocessing(card)})
    st.subheader("Sizes and versions", anchor=False)
    _table({"common width": card.model.dim, "feature scale": f"{card.model.feature_norm:.3g}", **card.versions})
    st.subheader("Train it again", anchor=False)
    st.code(without_paths(_command(card)), language=None, wrap_lines=True)
    if WORDS_ALONE not in card.data:
        with st.expander("All training settings"):
            _table(card.training.to_dict())


def _preprocessing(card: AlignerCard) -> str:
    return looks_of(card.encoder) or str(card.data.get(_ENCODER) or "the checkpoint's own")


def _command(card: AlignerCard) -> str:
    if WORDS_ALONE in card.data:
        return f"python -m seda pretrain open-vocabulary --encoder {shlex.quote(card.encoder)}{_own(card)} --out FOLDER"
    if EVALUATION in card.data:
        return "python -m seda pretrain open-vocabulary --out FOLDER"
    dataset = str(card.data.get("dataset"))
    if dataset == UploadedPictures.name:  # kept nowhere
        dataset = "folder:FOLDER_OF_THE_PICTURES"
    return (
        f"python -m seda train --dataset {shlex.quote(dataset)} --limit {card.data.get('count')} --encoder "
        f"{shlex.quote(card.encoder)} --seed {card.training.seed} --epochs {card.training.max_epochs} --path {card.model.path} "
        f"--denoiser {card.model.denoiser} --out FOLDER"
    )


def _own(card: AlignerCard) -> str:
    """Options for the user's own words and pictures."""
    words = card.data[WORDS_ALONE]
    options = " --pictures FOLDER_OF_THE_PICTURES" if card.data.get("measured_on") == OWN_PICTURES else ""
    if not words:
        return options
    if len(words) > MOST_WORDS or any("," in word for word in words) or words[0].startswith("@"):
        return f" --words @FILE_OF_THE_WORDS{options}"
    return f" --words {shlex.quote(', '.join(words))}{options}"


def _shortened(words: list[str]) -> list[str]:
    more = len(words) - MOST_WORDS
    return words if more <= 0 else [*words[:MOST_WORDS], f"and {more:,} more"]


def _table(values: Mapping[str, Any]) -> None:
    shown = {name: ", ".join(map(str, value)) if isinstance(value, list) else value for name, value in values.items()}
    rows = [f"| {plain(str(name).replace('_', ' '))} | {plain(str(value))} |" for name, value in shown.items()]
    st.markdown("\n".join(["| | |", "|---|---|", *rows]))
