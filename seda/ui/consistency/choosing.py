"""A thing of one's own: a picture, a sound, names typed and a name spoken, each as it is wanted."""

from __future__ import annotations

import streamlit as st

from seda.encoders.base import LANGUAGES
from seda.sounds import SUFFIXES as SOUNDS
from seda.ui import cache
from seda.ui.consistency.state import SPOKEN, TOLD, ConsistencyState
from seda.ui.errors import plain
from seda.ui.serving.uploaded import present, show_lost
from seda.ui.state import NamedFile, begin_widget, read_widget
from seda.ui.uploads import SUFFIXES as PICTURES

SPEECH_RATE = 16_000  # samples a second; what hears names takes no more
NO_SPEECH = "To say a name as well: `pip install -r requirements-speech.txt`, and start again."


def choose_own(own: ConsistencyState) -> None:
    """All controls of it, and what came so far."""
    left, right = st.columns(2)
    with left:
        _choose_picture(own)
    with right:
        _choose_sound(own)
    left, right = st.columns(2)
    with left:
        own.typed = st.text_input(
            "Names, in any language", key=begin_widget("consistency.typed", own.typed), placeholder="dog, Hund, perro"
        )
    with right:
        _choose_spoken(own)
    _show_came(own)


def _choose_picture(own: ConsistencyState) -> None:
    key = f"consistency.picture.{own.round}"
    st.file_uploader("A picture", type=PICTURES, key=key, on_change=_take, args=(own, "picture", key))
    show_lost(key)
    own.camera = st.toggle("Use the camera", key=begin_widget("consistency.camera", own.camera))
    if own.camera:
        key = f"consistency.photo.{own.round}"
        st.camera_input(
            "Take a picture",
            key=key,
            on_change=_take,
            args=(own, "picture", key, "The photo"),
            label_visibility="collapsed",
        )


def _choose_sound(own: ConsistencyState) -> None:
    key = f"consistency.sound.{own.round}"
    st.file_uploader("A sound, up to 60 s", type=SOUNDS, key=key, on_change=_take, args=(own, "sound", key))
    show_lost(key)
    key = f"consistency.record.{own.round}"
    st.audio_input(
        "Or record one", sample_rate=48_000, key=key, on_change=_take, args=(own, "sound", key, "The recording")
    )


def _choose_spoken(own: ConsistencyState) -> None:
    if not cache.speech_is_there():
        st.caption(NO_SPEECH)
        return
    key = f"consistency.spoken.{own.round}"
    st.audio_input(
        "A name, spoken", sample_rate=SPEECH_RATE, key=key, on_change=_take, args=(own, "spoken", key, SPOKEN)
    )
    own.language = st.selectbox(
        "Its language", [TOLD, *LANGUAGES], key=begin_widget("consistency.language", own.language),
        help="A word of a second often is not enough to tell its language: choose it, where another one is heard.",
    )  # fmt: skip


def _take(own: ConsistencyState, kind: str, key: str, name: str = "") -> None:
    """What a widget holds now takes the place of what came before, under its own name or `name`; where it was emptied, its own file goes."""
    files = present(read_widget(key))
    if files:
        setattr(own, kind, NamedFile(name or files[0].name, files[0].getvalue()))
        own.came_by[kind] = key
    elif own.came_by.get(kind) == key:
        setattr(own, kind, None)


def _show_came(own: ConsistencyState) -> None:
    """One line on the files that travel: their widgets are empty once the page was left."""
    came = [file for file in (own.picture, own.sound, own.spoken) if file is not None]
    if not came:
        return
    told = "; ".join(f"{file.name}, {max(1, len(file.content) // 1024):,} KB" for file in came)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(plain(told), width="content")
        st.button("Remove all", type="tertiary", key="consistency.forget", on_click=_forget, args=(own,))


def _forget(own: ConsistencyState) -> None:
    own.picture = own.sound = own.spoken = None
    own.round += 1
