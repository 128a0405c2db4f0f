"""SedaError on the screen: message and remedy, as text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import streamlit as st

from seda.errors import SedaError
from seda.images import ImageFailure
from seda.ui.serving.rules import without_paths

_PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")
_TURNS = re.compile("[\u202a-\u202e\u2066-\u2069]")  # they would turn the direction of our own words behind them
_MOST_SHOWN = 64


def plain(text: str) -> str:
    """Text that Markdown leaves as it is: names of files and classes come from users.

    Visitors to whom the server's paths are not open do not read them either.
    """
    return _PUNCTUATION.sub(r"\\\1", " ".join(_TURNS.sub("", without_paths(text)).split()))


def show_error(error: SedaError) -> None:
    """What came, what is allowed, what to do."""
    remedy = f"\n\n{plain(error.remedy)}" if error.remedy else ""
    st.error(plain(error.message) + remedy, icon=":material/error:")


@contextmanager
def errors_on_screen() -> Iterator[None]:
    """Show a SedaError where it happened and go on with the page; every other error surfaces."""
    try:
        yield
    except SedaError as error:
        show_error(error)


def show_notes(notes: Iterable[str]) -> None:
    """What is no error and still has to be known."""
    for note in notes:
        st.info(plain(note), icon=":material/info:")


def show_failures(failures: Sequence[ImageFailure]) -> None:
    """One line an item that could not be read."""
    if not failures:
        return
    if len(failures) == 1:
        text = f"1 picture was left out; the others went on. {plain(failures[0].message)}"
    else:
        lines = [f"- {plain(failure.message)}" for failure in failures[:_MOST_SHOWN]]
        text = "\n".join([f"{len(failures)} pictures were left out; the others went on.", "", *lines])
    st.warning(text, icon=":material/broken_image:")
