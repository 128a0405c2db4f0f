"""Phrasings of class texts, so that stage 2 learns a distribution of texts and not one point a class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from seda.class_texts import fill_template

# Chosen here: short everyday phrasings; the first is the one that is shown.
TEMPLATES = ("{}", "a photo of a {}", "a picture of a {}", "the {} in a shop", "a small grey image of a {}")


def class_phrasings(class_names: Sequence[str], other_words: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """For each class the same number of phrasings; the first is the class's own name as it is.

    Args:
        class_names: c texts.
        other_words: further words for a class, such as "sneaker": ("trainer", "running shoe"); may be empty.
    """
    phrasings = []
    for name in class_names:
        words = [name, *other_words.get(name, ())]
        phrasings.append([text for template in TEMPLATES for text in fill_template(template, words)])
    most = max(map(len, phrasings))
    # classes with fewer words repeat theirs: one tensor [c, p, d] holds all
    return [[texts[index % len(texts)] for index in range(most)] for texts in phrasings]
