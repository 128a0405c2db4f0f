"""The few lines of style that .streamlit/config.toml cannot say."""

from __future__ import annotations

import streamlit as st

# Streamlit leaves a hand's width above the page and between the side panel's parts; the picture needs it more.
_STYLE = """
<style>
.stMainBlockContainer { padding-top: 4rem; padding-bottom: 2rem; }
[data-testid="stSidebarUserContent"] { padding-top: 0; padding-bottom: 2rem; }
[data-testid="stSidebarUserContent"] h3 { padding-top: .2rem; padding-bottom: .1rem; font-size: 1.05rem; }
.st-key-trajectories_gallery [data-testid="stCheckbox"] { justify-content: center; }
.st-key-trajectories_gallery img { border-radius: .4rem; }
@media (max-width: 640px) { .stMainBlockContainer { padding: 3.6rem .8rem 2rem; } }
</style>
"""


def apply_style() -> None:
    st.html(_STYLE)
