"""One look per class over all pages: a colour and a shape, so that neither has to carry the class alone.

The first eight colours are Okabe and Ito's (2008), chosen to stay apart for colour-blind eyes; their black became a
mid grey and their yellow a little darker, since both themes are drawn with them. Then the same hues come back darker
and lighter. Seven shapes against eight hues: a pair of hue and shape repeats only after 56 classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

# Blue, vermillion, green, purple, orange, sky, yellow, grey: ordered so that neighbours differ in hue and lightness.
HUES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#D9C72E", "#8C8C8C")
# The same hues, darker, then lighter; kept within a luminance that is legible on white and on near-black.
DARKER = ("#1F4E8C", "#9C3D0C", "#0B6B50", "#8F4A77", "#A8720A", "#2B7FA8", "#8F8312", "#5F6670")
LIGHTER = ("#6FA8DC", "#F0935A", "#66C7A3", "#E3A9CB", "#F3C36B", "#9AD3F2", "#E8DC7C", "#B9BDC2")
COLORS = HUES + DARKER + LIGHTER

# Names as plotly spells them. Diamond and star are missing because on the map they mean center and class text.
SYMBOLS = ("circle", "square", "triangle-up", "cross", "hexagon", "triangle-down", "pentagon")


@dataclass(frozen=True)
class ClassStyle:
    """How one class is drawn: a colour `#rrggbb` and a shape in plotly's spelling."""

    color: str
    symbol: str


def class_style(index: int) -> ClassStyle:
    """The style of the class at an index; any index from 0, styles repeat after 168."""
    return ClassStyle(COLORS[index % len(COLORS)], SYMBOLS[index % len(SYMBOLS)])


def style_indices(
    class_names: Sequence[str], center_names: Sequence[str], *, classes_first: bool = False
) -> tuple[list[int], list[int]]:
    """Which style each class text and each category center takes.

    Centers take the first styles, so that clouds keep theirs whatever words are chosen; class texts with classes_first, for
    an open vocabulary, whose centers are others for every item. A class text that equals a center's name (case and outer blanks aside) shares its
    style; the others take the next free ones, in order.

    Returns:
        k indices for the class texts, c indices for the centers.
    """
    taken: dict[str, int] = {}
    for name in (*class_names, *center_names) if classes_first else (*center_names, *class_names):
        taken.setdefault(_plain(name), len(taken))
    return [taken[_plain(name)] for name in class_names], [taken[_plain(name)] for name in center_names]


def _plain(name: str) -> str:
    return name.strip().casefold()
