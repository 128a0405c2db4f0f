"""A button that copies a text in the browser. Streamlit's own is silent on pages without TLS, as in a class room's network."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

_SCRIPT = Path(__file__).parent / "assets" / "copy.js"
_HTML = '<button type="button">Copy the link</button>'
_CSS = """
button {
  font: inherit; padding: .4rem .9rem; border-radius: var(--st-button-radius, .6rem); cursor: pointer;
  color: var(--st-text-color); background: var(--st-background-color); border: 1px solid var(--st-border-color);
}
button:is(:hover, :focus-visible) { border-color: var(--st-primary-color); color: var(--st-primary-color); }
"""


def copy_button(text: str, key: str) -> None:
    """
    Args:
        text: what is copied.
        key: identity of the widget.
    """
    _component()(key=key, data={"text": text}, height="content")


@cache
def _component() -> Any:
    return st.components.v2.component(
        "seda.copy", html=_HTML, css=_CSS, js=_SCRIPT.read_text(encoding="utf-8"), isolate_styles=True
    )
