"""Two diagnoses of the same items: what flipped, which way, whether that is more than chance, and what moved the most."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from seda.errors import DataError
from seda.evaluation.paired import Flips, drift, flips_between, mcnemar, paired_difference
from seda.journeys.diagnosis import Diagnosis

FLIP_NAMES = ("", "right to wrong", "wrong to right", "to another wrong one")  # by the codes of `flips_between`


@dataclass(frozen=True, eq=False)
class NamedDiagnosis:
    """A diagnosis with what its numbers mean.

    Attributes:
        names: of its n items.
        class_names: k class texts.
        space: the same for runs whose states can be compared: of one aligner.
    """

    diagnosis: Diagnosis
    names: Sequence[str]
    class_names: Sequence[str]
    space: str

    def answers(self) -> list[str]:
        """The words answered."""
        return [self.class_names[answer] for answer in self.diagnosis.verdicts.answer]

    def truths(self) -> list[str]:
        """The right words."""
        return [self.class_names[label] for label in self.diagnosis.verdicts.labels]


@dataclass(frozen=True, eq=False)
class Comparison:
    """What m items that are in both runs do in the first and in the second.

    Attributes:
        names: of the items.
        first, second: int [m], their place in each run.
        flips: what became of their answers.
        right: bool [2, m].
        answers: words answered in the first and in the second run, m each.
        drift: float64 [m], how far the path's end moved, in units of the states' length; None between two aligners.
    """

    names: tuple[str, ...]
    first: np.ndarray
    second: np.ndarray
    flips: Flips
    right: np.ndarray
    answers: tuple[tuple[str, ...], tuple[str, ...]]
    drift: np.ndarray | None

    def order(self) -> np.ndarray:
        """The items with the most change first: flips, those that went wrong on top, then by drift."""
        moved = np.zeros(len(self.names)) if self.drift is None else self.drift
        rank = np.array([3, 0, 1, 2])[self.flips.codes]
        return np.lexsort((-moved, rank))

    def to_dict(self, seed: int = 0) -> dict[str, Any]:
        """JSON values.

        Args:
            seed: of the interval's draws.
        """
        only_first, only_second, p = mcnemar(self.right[0], self.right[1])
        difference = paired_difference(self.right[1], self.right[0], seed=seed)
        return {
            "count": len(self.names),
            "accuracy": [round(float(part.mean()), 6) for part in self.right],
            "difference": [round(value, 6) for value in difference],
            "flips": self.flips.to_dict(),
            "mcnemar": {"only_first": only_first, "only_second": only_second, "p": float(f"{p:.4g}")},
            "items": [
                {
                    "file": self.names[item],
                    "first": self.answers[0][item],
                    "second": self.answers[1][item],
                    "flip": FLIP_NAMES[self.flips.codes[item]],
                    **({} if self.drift is None else {"drift": round(float(self.drift[item]), 6)}),
                }
                for item in self.order()
            ],
        }


def compare(first: NamedDiagnosis, second: NamedDiagnosis) -> Comparison:
    """Match the items of two runs by their names.

    Of lists of as many words each, a word that is not in the other list stands for the one in its place there.

    Items of one name are matched in their order where both runs have as many of them, and left out where not: any could be any.

    Raises:
        DataError: they have no labelled item in common, or differ in what is right for one.
    """
    pairs = _matched(first.names, second.names)
    if not pairs:
        raise DataError("The two runs have no labelled picture in common.", remedy="Let the same pictures travel.")
    a, b = (np.array(side, np.int64) for side in zip(*pairs, strict=True))
    truths = [np.array(run.truths(), object)[rows] for run, rows in ((first, a), (second, b))]
    answers = [np.array(run.answers(), object)[rows] for run, rows in ((first, a), (second, b))]
    words = list(dict.fromkeys([*truths[0], *truths[1], *answers[0], *answers[1]]))
    labels, labels_b, told_a, told_b = (np.array([words.index(word) for word in rows]) for rows in (*truths, *answers))
    if (labels != labels_b).any() and len(first.class_names) == len(
        second.class_names
    ):  # a word in another wording has its place
        verdicts = first.diagnosis.verdicts, second.diagnosis.verdicts
        labels, labels_b = verdicts[0].labels[a], verdicts[1].labels[b]
        told_a, told_b = verdicts[0].answer[a], verdicts[1].answer[b]
    if (labels != labels_b).any():
        item = int(np.flatnonzero(labels != labels_b)[0])
        raise DataError(
            f"{first.names[a[item]]!r:.80} is {truths[0][item]!r:.60} in one run and {truths[1][item]!r:.60} in the other.",
            remedy="Label the pictures alike, by the same words.",
        )
    ends = [run.diagnosis.seen.compared for run in (first, second)]
    same_space = first.space == second.space and all(
        len(end) == len(run.names) for end, run in zip(ends, (first, second), strict=True)
    )
    return Comparison(
        tuple(second.names[row] for row in b), a, b, flips_between(labels, told_a, told_b),
        np.stack([told_a == labels, told_b == labels]), (tuple(answers[0]), tuple(answers[1])),
        drift(ends[0][a, -1], ends[1][b, -1]) if same_space else None,
    )  # fmt: skip


def _matched(first: Sequence[str], second: Sequence[str]) -> list[tuple[int, int]]:
    """Places of the same items in both, in the order of the second."""
    counts, places = (Counter(first), Counter(second)), dict[str, list[int]]()
    for place, name in enumerate(first):
        places.setdefault(name, []).append(place)
    unclear = {name for name in counts[0] if counts[0][name] != counts[1][name]}
    return [(places[name].pop(0), place) for place, name in enumerate(second) if name in places and name not in unclear]
