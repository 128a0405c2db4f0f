"""Where labelled items go wrong: at which of the method's parts, and at which step. Functions on arrays; no model is known here.

A path is looked at in four places. What each says is one of the k class texts, or UNKNOWN:

    features    the majority of the nearest labelled items, by the image features alone
    categories  the labelled class whose mean is nearest to the state at the hand-over
    end         the class text that is nearest to the last state
    answer      the most probable class text

Who made it wrong for good has lost the item; see `culprits`.

Shapes: n items, s states, k class texts, D width of image features, d width of states, p other phrasings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from seda.errors import ShapeError

UNKNOWN = -1
PLACES = ("features", "categories", "end", "answer")
NEIGHBORS = 5  # labelled items that are asked; chosen here: few classes have more than ten
BLOCK = 1024  # items that are compared with all at a time

WORDING, ENCODER, LEARNER, TRANSLATOR, UNCLEAR = "wording", "encoder", "learner", "translator", "unclear"
CULPRITS = {
    WORDING: "right with most other phrasings",
    ENCODER: "wrong at the hand-over, and its labelled neighbours are of another class already",
    LEARNER: "its features are right, its category at the hand-over is not",
    TRANSLATOR: "right at the hand-over",
    UNCLEAR: "too few labelled items of its class to tell",
}


def neighbor_labels(features: np.ndarray, labels: np.ndarray, *, count: int = NEIGHBORS) -> np.ndarray:
    """What the nearest other items say: the label that most of them have, of equal ones the nearest's.

    Of an item whose class has fewer others than `count`, only as many are asked: else they would be outvoted by strangers.

    Args:
        features: [n, D]; compared by cosine after their mean is taken away.
        labels: int [n], UNKNOWN for items that nobody has labelled: they are told, and not asked.
        count: neighbours, at most.
    Returns:
        int64 [n]; UNKNOWN where nobody else is labelled, or no other item of its own class is.
    Raises:
        ShapeError: the two do not fit.
    """
    _check(features, labels)
    centred = features - features.mean(0)
    unit = centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-12)
    known = np.flatnonzero(labels != UNKNOWN)
    told = np.full(len(labels), UNKNOWN, np.int64)
    values, own, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    asked = np.where(values[own] == UNKNOWN, count, np.minimum(sizes[own] - 1, count))
    for first in range(0, len(labels), BLOCK):
        rows = np.arange(first, min(first + BLOCK, len(labels)))
        cosines = unit[rows] @ unit[known].T
        cosines[rows[:, None] == known[None]] = -np.inf  # nobody is asked about itself
        most = min(count, len(known))
        nearest = np.argpartition(-cosines, most - 1, axis=1)[:, :most] if most else np.zeros((len(rows), 0), np.int64)
        for row, line, places in zip(rows, cosines, nearest, strict=True):
            others = sorted(
                (place for place in places if np.isfinite(line[place])), key=lambda place: (-line[place], place)
            )
            told[row] = _majority(labels[known[others[: asked[row]]]])
    return np.where(_alone(labels), UNKNOWN, told)


def mean_labels(states: np.ndarray, visual: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The class whose mean of visual features is nearest to each state, by cosine; an item is not part of its own class's mean.

    Args:
        states: [n, d], such as those at the hand-over.
        visual: [n, d], the same items' states before the first step.
        labels: int [n], UNKNOWN for items that nobody has labelled.
    Returns:
        int64 [n]; UNKNOWN where no other item of its class is labelled.
    Raises:
        ShapeError: they do not fit.
    """
    _check(states, labels)
    _check(visual, labels)
    classes = np.unique(labels[labels != UNKNOWN])
    if not len(classes):
        return np.full(len(labels), UNKNOWN, np.int64)
    members = labels[None] == classes[:, None]  # [k, n]
    sums, counts = members.astype(np.float64) @ visual, members.sum(1)
    unit = states / np.maximum(np.linalg.norm(states, axis=1, keepdims=True), 1e-12)
    cosines = unit @ _unit(sums / np.maximum(counts, 1)[:, None]).T
    for place, one in enumerate(classes):
        own = np.flatnonzero(labels == one)
        if counts[place] > 1:
            without = _unit((sums[place] - visual[own]) / (counts[place] - 1))
            cosines[own, place] = (unit[own] * without).sum(1)
    return np.where(_alone(labels), UNKNOWN, classes[cosines.argmax(1)])


def left_for_good(decided: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The first state from which on the nearest class text is never the right one again.

    Args:
        decided: int [n, s], the nearest class text at each state.
        labels: int [n].
    Returns:
        int64 [n]; 0 where it never was, s where it is at the end.
    """
    right = decided == labels[:, None]
    return np.where(right.any(1), decided.shape[1] - np.flip(right, 1).argmax(1), 0)


@dataclass(frozen=True, eq=False)
class Verdicts:
    """What four places say of n labelled items; see the module.

    Attributes:
        labels: int [n], the truth.
        features, categories, end, answer: int [n].
        left: int [n], see `left_for_good`.
        rephrased: bool [n], whether most other phrasings give the right answer; False where none were tried.
    """

    labels: np.ndarray
    features: np.ndarray
    categories: np.ndarray
    end: np.ndarray
    answer: np.ndarray
    left: np.ndarray
    rephrased: np.ndarray

    def culprits(self, of: str = "answer") -> list[str]:
        """Who has lost each item: one of CULPRITS, "" where the answer (or another place, such as the path's "end") is right.

        In this order: the wording, where most other phrasings are right (of the answer; paths are walked with one); the translator, where
        the category at the hand-over is right; the encoder, where the features are wrong already; else the learner.
        """
        last = getattr(self, of)
        found = []
        for item in range(len(self.labels)):
            truth = self.labels[item]
            if last[item] == truth:
                found.append("")
            elif self.rephrased[item] and of == "answer":
                found.append(WORDING)
            elif UNKNOWN in (self.features[item], self.categories[item]):
                found.append(UNCLEAR)
            elif self.categories[item] == truth:
                found.append(TRANSLATOR)
            else:
                found.append(ENCODER if self.features[item] != truth else LEARNER)
        return found

    def accuracies(self) -> dict[str, float]:
        """Share of items that each place has right; of those places that can be told."""
        found = {}
        for name in PLACES:
            told = getattr(self, name)
            known = told != UNKNOWN
            if known.any():
                found[name] = float((told[known] == self.labels[known]).mean())
        return found

    def to_dict(self, class_names: Sequence[str]) -> dict[str, Any]:
        """JSON values: accuracies, and how many each culprit has lost."""
        counts = {
            of: {name: self.culprits(of).count(name) for name in CULPRITS} for of in ("categories", "end", "answer")
        }
        return {
            "count": len(self.labels),
            "known": {name: int((getattr(self, name) != UNKNOWN).sum()) for name in PLACES},
            "accuracy": {name: round(value, 6) for name, value in self.accuracies().items()},
            "lost_by": counts,
            "classes": list(class_names),
        }


def confusion_of(labels: np.ndarray, told: np.ndarray, classes: int) -> np.ndarray:
    """How often each class text is told for each: int64 [k, k + 1], the truth in rows; the last column counts UNKNOWN.

    Args:
        labels: int [n].
        told: int [n], such as an attribute of `Verdicts`.
        classes: k.
    """
    counts = np.zeros((classes, classes + 1), np.int64)
    np.add.at(counts, (labels, np.where(told == UNKNOWN, classes, told)), 1)
    return counts


def confused_pairs(
    labels: np.ndarray, answer: np.ndarray, class_names: Sequence[str], text_cosines: np.ndarray, *, most: int = 20
) -> list[dict[str, Any]]:
    """Pairs of class texts, the most confused ones first: how many items of the one were answered as the other, of how many, and the
    cosine of the two texts [k, k]; JSON values.
    """
    counts = confusion_of(labels, answer, len(class_names))[:, :-1]
    totals = counts.sum(1)
    wrong = [(int(truth), int(told)) for truth, told in zip(*np.nonzero(counts), strict=True) if truth != told]
    wrong.sort(key=lambda pair: (-counts[pair] / totals[pair[0]], pair))
    return [
        {
            "truth": class_names[truth],
            "answer": class_names[told],
            "count": int(counts[truth, told]),
            "of": int(totals[truth]),
            "text_cosine": round(float(text_cosines[truth, told]), 6),
        }
        for truth, told in wrong[:most]
    ]


def _check(rows: np.ndarray, labels: np.ndarray) -> None:
    if rows.ndim != 2 or labels.shape != rows.shape[:1]:
        raise ShapeError(f"{rows.shape} features came with {labels.shape} labels; expected [n, width] and [n].")


def _alone(labels: np.ndarray) -> np.ndarray:
    """Items whose class no other item has [n]."""
    values, places, counts = np.unique(labels, return_inverse=True, return_counts=True)
    return (counts[places] < 2) & (values[places] != UNKNOWN)


def _majority(labels: np.ndarray) -> int:
    """The most frequent of labels that stand in their order; of equal ones the first."""
    if not len(labels):
        return UNKNOWN
    values, counts = np.unique(labels, return_counts=True)
    most = set(values[counts == counts.max()].tolist())
    return next(int(label) for label in labels if label in most)


def _unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
