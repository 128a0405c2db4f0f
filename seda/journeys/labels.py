"""Which class text is the right one for each item: labels of people, matched with class texts by their words."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from seda.class_texts import quoted
from seda.data.truth import MOST_SAID, plain_label, raw_labels
from seda.errors import DataError
from seda.evaluation.diagnosis import UNKNOWN


def match_labels(labels: Sequence[str], class_names: Sequence[str]) -> np.ndarray:
    """Index of each label's class text, int16 [n]; UNKNOWN for an empty one, and for what is none of the class texts.

    Labels are compared as `plain_label` has them.
    """
    places = {plain_label(name): place for place, name in reversed(tuple(enumerate(class_names)))}  # the first counts
    return np.array([places.get(plain_label(label), UNKNOWN) if label else UNKNOWN for label in labels], np.int16)


def moved_labels(labels: np.ndarray | None, class_names: Sequence[str], new_names: Sequence[str]) -> np.ndarray | None:
    """Labels into other class texts: the same word by its name, UNKNOWN where it has gone; None where there were none.

    Args:
        labels: int16 [n], index into class_names or UNKNOWN.
        class_names: k class texts that the labels are of.
        new_names: class texts that take their place.
    """
    if labels is None:
        return None
    return match_labels(["" if label == UNKNOWN else class_names[label] for label in labels.tolist()], new_names)


def item_labels(
    files: Sequence[Path], source: str, class_names: Sequence[str]
) -> tuple[dict[Path, int], tuple[str, ...]]:
    """What is known of items before they travel, however few of them are labelled.

    Args:
        files: of the items.
        source: where their labels are, see `seda.data.truth.raw_labels`.
        class_names: what they are compared with.
    Returns:
        By file the index of its class text or UNKNOWN, and sentences on labels that cannot be used.
    Raises:
        DataError: the table cannot be read, or no label is one of the class texts.
    """
    notes: list[str] = []
    labels = raw_labels(files, source, on_note=notes.append)
    matched = match_labels(labels, class_names)
    named = [
        label for label, place in zip(labels, matched.tolist(), strict=True) if place == UNKNOWN and plain_label(label)
    ]
    if not (matched != UNKNOWN).any():
        found = f"such as {quoted(named[0])}" if named else "there are none"
        raise DataError(
            f"No label of {len(files)} pictures is one of the class texts ({found}).",
            remedy="Name the class texts as the labels are, or give another --labels: folders, names or a CSV file.",
        )
    if unlabelled := sum(not plain_label(label) for label in labels):
        notes.append(f"{unlabelled} of {len(files)} pictures have no label.")
    if unknown := sorted(set(named)):
        more = f" and {len(unknown) - MOST_SAID} more" if len(unknown) > MOST_SAID else ""
        notes.append(
            f"{len(named)} of {len(files)} pictures are labelled with what is none of the class texts "
            f"({', '.join(map(quoted, unknown[:MOST_SAID]))}{more}): no answer could be right, and none is called wrong."
        )
    return dict(zip(files, matched.tolist(), strict=True)), tuple(notes)
