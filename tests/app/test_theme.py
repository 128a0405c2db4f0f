"""Colours that can be read: contrasts of .streamlit/config.toml and of the style, by WCAG 2's formula."""

from __future__ import annotations

import tomllib
from itertools import product
from pathlib import Path

import pytest

from seda.ui.theme import CAPTION_OPACITY, ON_PRIMARY

ROOT = Path(__file__).resolve().parents[2]
AA = 4.5
TINT = 0.15  # of the accent on its background: badges and chosen parts of a control

Colour = tuple[float, float, float]


def colour(text: str) -> Colour:
    return tuple(int(text[place : place + 2], 16) for place in (1, 3, 5))


def mixed(above: Colour, below: Colour, share: float) -> Colour:
    return tuple(share * a + (1 - share) * b for a, b in zip(above, below, strict=True))


def luminance(shown: Colour) -> float:
    parts = [v / 255 / 12.92 if v / 255 <= 0.04045 else ((v / 255 + 0.055) / 1.055) ** 2.4 for v in shown]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def contrast(one: Colour, other: Colour) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_the_formula_gives_what_is_known():
    assert contrast(colour("#FFFFFF"), colour("#000000")) == pytest.approx(21)
    assert contrast(colour("#FFFFFF"), colour("#2DD4BF")) == pytest.approx(1.86, abs=0.01)  # what it was on Run


@pytest.mark.parametrize("variant", ["light", "dark"])
def test_text_has_the_contrast_of_aa(variant):
    theme = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())["theme"][variant]
    shades = [
        part[name] for part in (theme, theme["sidebar"]) for name in ("backgroundColor", "secondaryBackgroundColor")
    ]
    accent, text = colour(theme["primaryColor"]), colour(theme["textColor"])
    assert contrast(colour(ON_PRIMARY[variant]), accent) >= AA
    for shade, (what, shown) in product(
        shades, {"text": text, "accent": accent, "link": colour(theme["linkColor"])}.items()
    ):
        assert contrast(shown, colour(shade)) >= AA, (what, shade)
    for shade in map(colour, shades):
        assert contrast(mixed(text, shade, CAPTION_OPACITY), shade) >= AA
        assert contrast(accent, mixed(accent, shade, TINT)) >= AA
