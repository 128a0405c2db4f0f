"""One look per class: distinct, legible, shared between texts and centers of one name."""

import itertools

from seda.figures.palette import COLORS, class_style, style_indices


def _luminance(color: str) -> float:
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_no_two_of_the_first_hundred_classes_look_alike():
    styles = [class_style(index) for index in range(100)]
    assert len(set(styles)) == 100


def test_neighbours_differ_in_colour_and_in_shape():
    for first, second in itertools.pairwise(class_style(index) for index in range(60)):
        assert first.color != second.color and first.symbol != second.symbol


def test_colours_can_be_seen_on_a_dark_page():
    assert all((_luminance(color) + 0.05) / 0.055 > 1.9 for color in COLORS)


def test_texts_share_the_style_of_their_center_and_others_take_the_next_free():
    texts, centers = style_indices(("Bag ", "cloud", "coat", "rain"), ("coat", "bag", "dress"))
    assert centers == [0, 1, 2]
    assert texts == [1, 3, 0, 4]
