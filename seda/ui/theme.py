"""The few lines of style that .streamlit/config.toml cannot say."""

from __future__ import annotations

from pathlib import Path
from string import Template

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from seda.images import png_url

_ASSETS = Path(__file__).parent / "assets"
# of our own: the named icons come from the network; in the page itself: a file of Streamlit's is gone with the session
ICON, LOGO = png_url((_ASSETS / "icon.png").read_bytes()), str(_ASSETS / "logo.svg")

SIDEBAR_WIDTH = 300  # px, until the visitor drags it; chosen here: five words of a list on a line, and room for the map
ON_PRIMARY = {
    "light": "#FFFFFF",
    "dark": "#04211D",
}  # Streamlit's white has a contrast of 1.9 on the dark theme's accent
CAPTION_OPACITY = 0.72  # Streamlit's .6 has a contrast of 4.2 on the light theme
SMALLEST = 13  # px, of any text

# Streamlit leaves a hand's width above the page and between the side panel's parts; the picture needs it more.
_STYLE = Template("""
<style>
.stApp { --on-primary: light-dark($on_light, $on_dark); --accent: light-dark($accent_light, $accent_dark); }
.stMain { scrollbar-gutter: stable; }
.stMainBlockContainer { padding: 3.75rem 1.25rem 2rem; }
[data-testid="stSidebarContent"] { padding-inline: 1rem; }
[data-testid="stSidebarContent"] > [data-testid="stSidebarUserContent"] { padding: 0 0 2rem; }
[data-testid="stSidebarUserContent"] .st-key-trajectories-source button { padding-inline: .5rem; }
[data-testid="stSidebarUserContent"] h3 { padding-top: .2rem; padding-bottom: .1rem; font-size: 1.05rem; }
[data-testid="stSidebarCollapseButton"] { visibility: visible; }
[data-testid="stCaptionContainer"] { opacity: $caption; }
[data-testid="stCaptionContainer"] code { color: inherit; }
[data-testid="stCaptionContainer"] code, [data-testid="stMarkdownContainer"] code { font-size: max(${smallest}px, .85em); }
[data-testid="stBaseButton-primary"], [data-testid="stBaseButton-primaryFormSubmit"] { color: var(--on-primary); }
[data-testid="stBaseButton-primary"]:is(:hover, :focus, :active):not(:disabled),
[data-testid="stBaseButton-primaryFormSubmit"]:is(:hover, :focus, :active):not(:disabled) { color: var(--on-primary); }
/* Streamlit's grey of charts has a contrast of 3.6. */
.js-plotly-plot .main-svg > g:not(.hoverlayer) text { fill: currentColor !important; }
[data-testid="stCheckbox"] svg { stroke: var(--on-primary); }
.st-key-trajectories-gallery { gap: .5rem; padding: .6rem; }
.st-key-trajectories-gallery [data-testid="stColumn"] [data-testid="stVerticalBlock"] { gap: .15rem; align-items: center; }
.st-key-trajectories-gallery img { border-radius: .4rem; }
.st-key-trajectories-cards { display: grid; align-items: stretch; grid-template-columns: repeat(auto-fill, minmax(min(100%, 17rem), 1fr)); gap: .75rem; }
.st-key-trajectories-cards > div { height: 100%; }
[class*="st-key-trajectories-card-"]:not([class*="-open-"]) { position: relative; padding: .6rem .75rem .75rem; height: 100%; gap: .35rem; }
[class*="st-key-trajectories-card-"]:not([class*="-open-"]):hover { border-color: var(--accent); }
[class*="st-key-trajectories-card-here-"] { border-color: var(--accent); box-shadow: inset 0 0 0 1px var(--accent); }
[class*="st-key-trajectories-card-"] [data-testid="stElementToolbar"] { display: none; }
.st-key-trajectories-examples h3 { font-size: 1.25rem; padding-bottom: .5rem; }
[class*="st-key-trajectories-card-"] img { border-radius: .4rem; }
[class*="st-key-trajectories-card-open-"] button { justify-content: start; text-align: start; min-height: 0; padding: 0; }
[class*="st-key-trajectories-card-open-"] button > div { justify-content: start; width: 100%; }
[class*="st-key-trajectories-card-open-"] button p { font-weight: 600; white-space: normal; }
[class*="st-key-trajectories-card-open-"] button::after { content: ""; position: absolute; inset: 0; border-radius: inherit; }
.st-key-trajectories-thumbnails { gap: .25rem; margin-bottom: -.4rem; }
.st-key-trajectories-thumbnails img { border-radius: .3rem; }
/* Of the files in an uploader those that are on their way or were refused; the others are shown as pictures below it. */
:is([class*="st-key-trajectories-uploads-"], [class*="st-key-search-uploads-"]) [data-testid="stFileChips"] > div > div:not(
  :has([aria-invalid="true"], [data-testid="stFileChipIconSpinner"], [aria-label="Add files"])) { display: none; }
[data-testid="stFileChips"] [aria-label="Add files"]::after { content: "Add more"; margin-inline-start: .35rem; }
[data-testid="stFileChips"] [aria-label="Add files"] { width: auto; padding-inline: .5rem; white-space: nowrap; }
.seda-tile { display: block; width: 48px; height: 48px; object-fit: cover; border-radius: .4rem; }
.seda-room-code { font-weight: 700; font-size: 1.5rem; letter-spacing: .08em; line-height: 1.2; }
.seda-room-large { font-size: min(12vw, 5.5rem); letter-spacing: .06em; line-height: 1; }
.seda-room-link { font-size: 1.35rem; overflow-wrap: anywhere; }
.seda-sent { display: block; width: 100%; max-height: 7rem; object-fit: contain; border-radius: .4rem; }
.st-key-rooms-panel { padding: .6rem; }
.st-key-rooms-panel button { min-height: 0; }
.st-key-rooms-panel [data-testid="stColumn"] { min-width: 0; }
.seda-broken { display: grid; place-items: center; border: 1px dashed currentColor; font-weight: 600; opacity: $caption; }
[class*="-tiles"][class*="st-key-"] { padding: .25rem .1rem; }
[class*="-tile-"][class*="st-key-"] { position: relative; }
[class*="-tile-"][class*="st-key-"] > :last-child { position: absolute; top: -.3rem; inset-inline-end: -.3rem; width: auto; }
[class*="-tile-"][class*="st-key-"] button {
  min-height: 0; width: 1.25rem; height: 1.25rem; padding: 0; border-radius: 50%; opacity: 0;
  color: var(--on-primary); background: var(--accent);
}
[class*="-tile-"][class*="st-key-"] button p { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
[class*="-tile-"][class*="st-key-"]:hover button, [class*="-tile-"][class*="st-key-"] button:focus-visible { opacity: 1; }
@media (hover: none) { [class*="-tile-"][class*="st-key-"] button { opacity: 1; } }
[class*="st-key-train-class-"] { gap: .6rem; padding: .8rem; }
[class*="st-key-train-class-"] [data-testid="stFileChips"] > div { max-height: 6.4rem; overflow-y: auto; }
[class*="st-key-train-thumbnails-"] { gap: .25rem; }
[class*="st-key-train-thumbnails-"] img { border-radius: .3rem; }
.seda-heading { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
[data-testid="stElementContainer"]:has(.seda-heading) { position: absolute; left: 0; width: 1px; }
.st-key-reading { max-width: 76rem; margin: 0 auto; padding-top: .75rem; }
.st-key-reading h1 { font-size: 2rem; padding: .25rem 0 .5rem; }
.st-key-reading h2, .st-key-reading h3 { font-size: 1.375rem; }
.st-key-reading thead { display: none; }
@media (max-width: 640px) { .stMainBlockContainer { padding: 3.75rem .625rem 2rem; } }
@media (forced-colors: active) {
  [data-testid^="stBaseButton"]:not([data-testid*="ertiary"], [data-testid*="eader"], [data-testid*="inimal"]),
  [data-testid="stExpander"] details { border: 1px solid ButtonBorder; }
  [data-testid="stCheckbox"] svg { stroke: CanvasText; }
  [data-testid="stCheckbox"] label > div:not([data-testid]) { border: 1px solid CanvasText; }
  [data-testid="stCheckbox"] label > div:not([data-testid]) > div { background: CanvasText; forced-color-adjust: none; }
  [data-testid="stButtonGroup"] :is([aria-checked="true"], [aria-pressed="true"]) { outline: 2px solid Highlight; outline-offset: -3px; }
  [data-testid^="stBaseButton"]:focus-visible { outline: 2px solid Highlight; }
}
</style>
""")


def apply_style() -> None:
    """The style sheet that goes beyond Streamlit's theme."""
    st.html(
        _STYLE.substitute(
            on_light=ON_PRIMARY["light"],
            on_dark=ON_PRIMARY["dark"],
            accent_light=st.get_option("theme.light.primaryColor"),
            accent_dark=st.get_option("theme.dark.primaryColor"),
            caption=CAPTION_OPACITY,
            smallest=SMALLEST,
        )
    )


def reading_column() -> DeltaGenerator:
    """A container no wider than text reads well, in the middle of the page."""
    return st.container(key="reading")
