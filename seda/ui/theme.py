"""The few lines of style that .streamlit/config.toml cannot say."""

from __future__ import annotations

from pathlib import Path

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

_ASSETS = Path(__file__).parent / "assets"
ICON, LOGO = str(_ASSETS / "icon.png"), str(_ASSETS / "logo.svg")  # of our own: the named icons come from the network

# Streamlit leaves a hand's width above the page and between the side panel's parts; the picture needs it more.
_STYLE = """
<style>
.stMainBlockContainer { padding: 4rem 2.2rem 2rem; }
[data-testid="stSidebarUserContent"] { padding-top: 0; padding-bottom: 2rem; }
[data-testid="stSidebarUserContent"] h3 { padding-top: .2rem; padding-bottom: .1rem; font-size: 1.05rem; }
.st-key-trajectories-gallery { gap: .5rem; padding: .6rem; }
.st-key-trajectories-gallery [data-testid="stColumn"] [data-testid="stVerticalBlock"] { gap: .15rem; align-items: center; }
.st-key-trajectories-gallery img { border-radius: .4rem; }
.st-key-trajectories-thumbnails { gap: .25rem; margin-bottom: -.4rem; }
.st-key-trajectories-thumbnails img { border-radius: .3rem; }
.st-key-trajectories-heading { min-height: 2.5rem; }
@media (min-width: 900px) {
  .st-key-trajectories-heading { flex-wrap: nowrap; }
  .st-key-trajectories-heading > * { flex: none; width: auto; }
  .st-key-trajectories-heading > :has(> [data-testid="stMarkdown"] [data-testid="stCaptionContainer"]),
  .st-key-trajectories-heading > :has(> [data-testid="stCaptionContainer"]) { flex: 1 1 0; min-width: 0; }
  .st-key-trajectories-heading [data-testid="stCaptionContainer"] p { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
}
[class*="st-key-train-class-"] { gap: .6rem; padding: .8rem; }
[class*="st-key-train-class-"] [data-testid="stFileChips"] > div { max-height: 6.4rem; overflow-y: auto; }
[class*="st-key-train-thumbnails-"] { gap: .25rem; }
[class*="st-key-train-thumbnails-"] img { border-radius: .3rem; }
.st-key-reading { max-width: 76rem; margin: 0 auto; }
.st-key-reading thead { display: none; }
@media (max-width: 640px) { .stMainBlockContainer { padding: 3.6rem .8rem 2rem; } }
</style>
"""


def apply_style() -> None:
    st.html(_STYLE)


def reading_column() -> DeltaGenerator:
    """A container no wider than text reads well, in the middle of the page."""
    return st.container(key="reading")
