"""Diagnosis: who has lost which labelled item, when, and all that stands beside it; arrays, without a model.

The JSON of `Diagnosis.to_dict` is what page, report and command line show: each of their numbers is in it.

Shapes: n items, s states, k class texts, d their width, p phrasings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from seda.errors import ShapeError
from seda.evaluation.alignment import unit
from seda.evaluation.classification import error_auroc, expected_calibration_error, reliability, risk_coverage
from seda.evaluation.densities import kernel_density
from seda.evaluation.diagnosis import (
    PLACES,
    UNKNOWN,
    Verdicts,
    confused_pairs,
    confusion_of,
    left_for_good,
    mean_labels,
    neighbor_labels,
)
from seda.evaluation.gap import gap_along_path
from seda.evaluation.trajectories import (
    RIGHT,
    UNDECIDED,
    WRONG,
    commitment_step,
    decisions,
    evenly,
    flips,
    landed,
    standing_at,
    straightness,
    true_margins,
    weight_entropy,
)
from seda.journeys.trajectory import Trajectory, hand_overs

COMPARED_ITEMS, COMPARED_STATES = 256, 26  # of the gap's figures; chosen here: a second's work
FEW_STEPS = 10  # of each stage, where many items travel; chosen here: ten thousand in some seconds
MOST_LISTED = 100_000  # items that are in the JSON one by one, 400 bytes each; the table has all of them
MOST_COSINES = 500_000  # numbers of the similarity matrix in the JSON, all its steps together; chosen here: 4 MB
GRID_POINTS = 160  # of ridges
LEAST_WIDTH = 0.01  # of a ridge, a cosine; chosen here: what two items of one kind differ by
CURVE_POINTS = 200
LETTERS = {RIGHT: "r", WRONG: "w", UNDECIDED: "u"}  # of `Diagnosis.standing` in JSON


def looked_at(count: int) -> np.ndarray:
    """Which of so many items the gap's figures are of: all, or evenly thinned."""
    return evenly(count, COMPARED_ITEMS)


@dataclass(frozen=True, eq=False)
class PathsSeen:
    """What is kept of some items' paths.

    Attributes:
        visual, semantic: float32 [n, d], the first state and the one at the hand-over.
        decided: int16 [n, s], the nearest class text.
        standing: int8 [n, s], see `seda.evaluation.trajectories.standing_at`.
        margins: float32 [n, s], cosine to the right class text less that to the nearest other.
        own: float32 [n, 3], cosine to the right class text at the first state, at the hand-over and at the end.
        entropies: float32 [n, s], of the candidates' weights, bits; NaN where that was not kept, and up to the hand-over of an open
            vocabulary: of its candidates only those are kept that some path came near, and the others weigh the most at first.
        landed: bool [n].
        straightness: float32 [n].
        probabilities: float32 [n, k].
        compared: float32 [m, s', d], the states that the gap's figures are of.
        cosines: float32 [m, t, k], of the same items to the class texts at the states of `states_listed`.
        stages: int8 [s].
        texts: float32 [k, d].
    """

    visual: np.ndarray
    semantic: np.ndarray
    decided: np.ndarray
    standing: np.ndarray
    margins: np.ndarray
    own: np.ndarray
    entropies: np.ndarray
    landed: np.ndarray
    straightness: np.ndarray
    probabilities: np.ndarray
    compared: np.ndarray
    cosines: np.ndarray
    stages: np.ndarray
    texts: np.ndarray


def seen_on(
    trajectory: Trajectory, labels: np.ndarray, compared: np.ndarray, compared_in_all: int | None = None
) -> PathsSeen:
    """Look at the paths of labelled items.

    Args:
        labels: int [n], index of the right class text.
        compared: indices of the items whose states the gap's figures are of.
        compared_in_all: how many there are in all parts; as many as here where None.
    """
    similarities, turn = trajectory.class_similarities(), trajectory.hand_over
    count = len(compared) if compared_in_all is None else compared_in_all
    listed = states_listed(trajectory.states.shape[1], turn, count * len(trajectory.class_names))
    own = similarities[np.arange(len(labels)), :, labels]  # [n, s]
    return PathsSeen(
        visual=trajectory.states[:, 0],
        semantic=trajectory.states[:, turn],
        decided=decisions(similarities).astype(np.int16),
        standing=standing_at(similarities, labels),
        margins=true_margins(similarities, labels),
        own=own[:, [0, turn, -1]],
        entropies=_entropies(trajectory),
        landed=landed(similarities),
        straightness=straightness(trajectory.states),
        probabilities=trajectory.class_probabilities,
        compared=trajectory.states[compared][:, states_compared(trajectory.states.shape[1], turn)],
        cosines=similarities[compared][:, listed],
        stages=trajectory.stages,
        texts=trajectory.class_text_features,
    )


def states_listed(count: int, hand_over: int, cells: int) -> np.ndarray:
    """The states at which the similarity matrix is kept, of so many cells: all, or evenly spaced with the hand-over among them."""
    most = max(MOST_COSINES // max(cells, 1), 3)
    return np.unique([*evenly(count, most), hand_over])


def states_compared(count: int, hand_over: int) -> np.ndarray:
    """The states that the gap's figures are of: evenly spaced, the hand-over among them."""
    return np.unique([*evenly(count, COMPARED_STATES), hand_over])


def _entropies(trajectory: Trajectory) -> np.ndarray:
    n, s = trajectory.states.shape[:2]
    if trajectory.center_weights is None or trajectory.text_weights is None:
        return np.full((n, s), np.nan, np.float32)
    translator = weight_entropy(trajectory.text_weights)
    learner = np.full((n, s), np.nan) if trajectory.open_vocabulary else weight_entropy(trajectory.center_weights)
    return np.where(trajectory.stages == 1, learner, translator).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Diagnosis:
    """Verdicts on n labelled items, and what their paths did.

    Attributes:
        verdicts: who lost each.
        seen: of their paths, all items together.
        commitment: int [n], the state from which on its nearest word stays.
        flips: int [n], how often that changes.
        gap: figures by name, at each of the states compared; see `seda.evaluation.gap`.
        text_cosines: float32 [k, k], of the class texts to each other.
        fits: float64 [m, 2] or None, see `Asked`.
        ends: int [r, n], the same.
    """

    verdicts: Verdicts
    seen: PathsSeen
    commitment: np.ndarray
    flips: np.ndarray
    gap: Mapping[str, Any]
    text_cosines: np.ndarray
    fits: np.ndarray | None
    ends: np.ndarray

    @property
    def probabilities(self) -> np.ndarray:
        """The answer, float32 [n, k]."""
        return self.seen.probabilities

    @property
    def hand_over(self) -> int:
        """Index of the last state of stage 1."""
        return hand_overs(self.seen.stages)[0]

    @property
    def disagreement(self) -> np.ndarray | None:
        """Share of the other seeds whose path ends at another class text [n]; None where none were walked."""
        return None if not len(self.ends) else (self.ends != self.seen.decided[None, :, -1]).mean(0)

    def by_trouble(self) -> np.ndarray:
        """Indices of all items, those with the most trouble first: wrong answers, then wrong ends, then by steps that are not right, then
        by the mean margin."""
        verdicts = self.verdicts
        not_right = (self.seen.standing != RIGHT).mean(1)
        return np.lexsort(
            (self.seen.margins.mean(1), -not_right, verdicts.end == verdicts.labels, verdicts.answer == verdicts.labels)
        )  # the last key counts first

    def item_rows(self, names: Sequence[str], class_names: Sequence[str]) -> list[dict[str, Any]]:
        """One mapping an item: truth, what each place says, who has lost it, how its path went; left_at is None where it ends right."""
        verdicts, words, turn = self.verdicts, [*class_names, ""], self.hand_over  # UNKNOWN, the last, is empty
        lost, path_lost, apart = verdicts.culprits(), verdicts.culprits("end"), self.disagreement
        return [
            {
                "file": name,
                "truth": words[verdicts.labels[item]],
                "answer": words[verdicts.answer[item]],
                "probability": round(float(self.probabilities[item].max()), 6),
                "right": bool(verdicts.answer[item] == verdicts.labels[item]),
                "lost_by": lost[item],
                "path_lost_by": path_lost[item],
                **{place: words[getattr(verdicts, place)[item]] for place in PLACES[:3]},
                "left_at": int(verdicts.left[item]) if verdicts.left[item] < self.seen.decided.shape[1] else None,
                "committed_at": int(self.commitment[item]),
                "changes": int(self.flips[item]),
                "margin_at_hand_over": round(float(self.seen.margins[item, turn]), 6),
                "margin_at_end": round(float(self.seen.margins[item, -1]), 6),
                **({} if apart is None else {"seeds_apart": round(float(apart[item]), 6)}),
            }
            for item, name in enumerate(names)
        ]  # fmt: skip

    def to_dict(self, names: Sequence[str], class_names: Sequence[str]) -> dict[str, Any]:
        """JSON values of everything that is shown; see docs/diagnosing.md.

        Args:
            names: n, of the items.
            class_names: k.
        """
        return {
            **self.verdicts.to_dict(class_names),
            "confusions": {
                place: confusion_of(self.verdicts.labels, getattr(self.verdicts, place), len(class_names)).tolist()
                for place in PLACES
            },
            "pairs": confused_pairs(self.verdicts.labels, self.verdicts.answer, class_names, self.text_cosines),
            "when": self._when(),
            "gap": dict(self.gap),
            "similarities": self._similarities(),
            **self._classes_apart(class_names),
            "sure": self._sure(),
            "items": self.item_rows(names, class_names) if len(names) <= MOST_LISTED else [],
        }

    def _when(self) -> dict[str, Any]:
        standing, listed = self.seen.standing, len(self.seen.standing) <= MOST_LISTED
        shares = {
            name: _rounded((standing == code).mean(0))
            for name, code in (("right", RIGHT), ("wrong", WRONG), ("undecided", UNDECIDED))
        }
        known = np.isfinite(self.seen.entropies)
        known &= known.any(1).all()  # kept of some batches only, a mean would be of their items alone
        entropy = np.where(known, self.seen.entropies, 0).sum(0) / np.maximum(known.sum(0), 1)
        return {
            "hand_over": self.hand_over,
            **shares,
            "margin": _rounded(self.seen.margins.mean(0)),
            "entropy": [
                value if some else None for value, some in zip(_rounded(entropy), known.any(0).tolist(), strict=True)
            ],
            "order": self.by_trouble().tolist() if listed else [],
            "standing": ["".join(LETTERS[code] for code in row) for row in standing.tolist()] if listed else [],
        }

    def _similarities(self) -> dict[str, Any]:
        """Cosines of the items that the gap's figures are of to all class texts, state by state; truth is an index of a class."""
        cosines, items = self.seen.cosines, looked_at(len(self.verdicts.labels))
        states = states_listed(self.seen.decided.shape[1], self.hand_over, len(items) * cosines.shape[2])
        return {
            "items": items.tolist(),
            "truth": self.verdicts.labels[items].tolist(),
            "states": states.tolist(),
            "cosines": np.round(cosines.astype(np.float64), 4).transpose(1, 0, 2).tolist(),
        }

    def _classes_apart(self, class_names: Sequence[str]) -> dict[str, Any]:
        """Quantiles and densities of the cosine to the right class text, for each class that occurs: first state, hand-over and end."""
        own, found = self.seen.own, []
        low, high = max(float(own.min()) - 0.05, -1.0), min(float(own.max()) + 0.05, 1.0)
        grid = np.round(np.linspace(low, high, GRID_POINTS), 4)
        places = ("start", "hand_over", "end")
        for label in np.unique(self.verdicts.labels):
            rows = own[self.verdicts.labels == label]
            quantiles = np.quantile(rows, (0.05, 0.25, 0.5, 0.75, 0.95), axis=0).T  # [3, 5]
            ridges = [np.round(kernel_density(column, grid, least=LEAST_WIDTH), 4).tolist() for column in rows.T]
            found.append(
                {
                    "class": class_names[label],
                    "count": len(rows),
                    **dict(zip(places, map(_rounded, quantiles), strict=True)),
                    "density": dict(zip(places, ridges, strict=True)),
                }
            )
        return {"classes_apart": found, "density_at": grid.tolist()}

    def _sure(self) -> dict[str, Any]:
        labels, probabilities = self.verdicts.labels, self.probabilities
        right, confidence = self.verdicts.answer == labels, probabilities.max(1)
        coverage, risk = risk_coverage(confidence, right)
        kept = evenly(len(risk), CURVE_POINTS)
        doubts = {
            "confidence": -confidence,
            "entropy": -(probabilities * np.log(np.maximum(probabilities, 1e-12))).sum(1),
            "path_length": -self.seen.straightness,
            "changes": self.flips,
            "committed_at": self.commitment,
        }
        if self.disagreement is not None:
            doubts["seeds_apart"] = self.disagreement
        return {
            "ece": round(expected_calibration_error(probabilities, labels), 6),
            "bins": reliability(probabilities, labels),
            "coverage": _rounded(coverage[kept]),
            "risk": _rounded(risk[kept]),
            "errors_found_by": {name: _rounded([error_auroc(doubt, right)])[0] for name, doubt in doubts.items()},
            "none_of_these": self._none_of_these(),
        }

    def _none_of_these(self) -> dict[str, Any] | None:
        """ROC of "none of these fits", each item once with its word on the list and once without."""
        if self.fits is None:
            return None
        from sklearn.metrics import roc_auc_score, roc_curve

        missing = np.repeat([False, True], len(self.fits))
        doubt = -self.fits.T.reshape(-1)
        false, true, _ = roc_curve(missing, doubt)
        kept = evenly(len(false), CURVE_POINTS)
        return {
            "auroc": round(float(roc_auc_score(missing, doubt)), 6),
            "false_alarms": _rounded(false[kept]),
            "found": _rounded(true[kept]),
            "at_zero": {
                "false_alarms": round(float((self.fits[:, 0] < 0).mean()), 6),
                "found": round(float((self.fits[:, 1] < 0).mean()), 6),
            },
        }


@dataclass(frozen=True, eq=False)
class Asked:
    """What an aligner says of n labelled items beside their paths.

    Attributes:
        rephrased: bool [n], whether most other phrasings give the right answer; asked of wrong answers alone.
        fits: float64 [m, 2], how well the best class text fits, with all of them and without the item's own, of the items that the
            gap's figures are of; None where the vocabulary is closed.
        ends: int [r, n], the class text nearest to the path's end under other noise, by seed.
        phrasings: [p, k, d], the class texts in their own and in other phrasings, scaled as the states are.
    """

    rephrased: np.ndarray
    fits: np.ndarray | None
    ends: np.ndarray
    phrasings: np.ndarray


def diagnosis_of(
    image_features: np.ndarray, labels: np.ndarray, seen: Sequence[PathsSeen], asked: Asked | None = None
) -> Diagnosis:
    """Put together what was seen of all items, in their order.

    Args:
        image_features: [n, D].
        labels: int [n].
        seen: of the same items, part by part.
        asked: what the aligner says beside; None where it was not asked.
    """
    shared = {"stages": seen[0].stages, "texts": seen[0].texts}
    names = [field.name for field in fields(PathsSeen) if field.name not in shared]
    whole = PathsSeen(**{name: np.concatenate([getattr(part, name) for part in seen]) for name in names}, **shared)
    decided, turn = whole.decided, hand_overs(whole.stages)[0]
    verdicts = Verdicts(
        labels=labels,
        features=neighbor_labels(image_features, labels),
        categories=mean_labels(whole.semantic, whole.visual, labels),
        end=np.where(whole.landed, decided[:, -1], UNKNOWN),
        answer=whole.probabilities.argmax(1),
        left=left_for_good(decided, labels),
        rephrased=np.zeros(len(labels), bool) if asked is None else asked.rephrased,
    )
    compared = looked_at(len(labels))
    figures = (
        gap_along_path(whole.compared, labels[compared], whole.texts, None if asked is None else asked.phrasings)
        if len(compared) > 1
        else {}
    )
    states = states_compared(decided.shape[1], turn).tolist()
    return Diagnosis(
        verdicts,
        whole,
        commitment_step(decided),
        flips(decided),
        {"items": len(compared), "states": states, **figures},
        unit(whole.texts) @ unit(whole.texts).T,
        None if asked is None else asked.fits,
        np.zeros((0, len(labels)), np.int64) if asked is None else asked.ends,
    )


def _rounded(values: Any) -> list[float | None]:
    """JSON numbers; None for what is none."""
    return [round(float(value), 6) if np.isfinite(value) else None for value in values]


def diagnose_trajectory(trajectory: Trajectory, labels: np.ndarray, asked: Asked | None = None) -> Diagnosis:
    """The same of paths that were walked before.

    Args:
        trajectory: of n items.
        labels: int [n], index of the right class text.
        asked: what the aligner says beside; None where it was not asked.
    Raises:
        ShapeError: they do not fit, there are no items, or labels that are no index of a class text.
    """
    check_labels(labels, len(trajectory.states), len(trajectory.class_names))
    seen = [seen_on(trajectory, labels, looked_at(len(labels)))]
    return diagnosis_of(trajectory.image_features, labels, seen, asked)


def check_labels(labels: np.ndarray, n: int, k: int) -> None:
    """
    Raises:
        ShapeError: labels are none of n items and k class texts.
    """
    if labels.shape != (n,) or not n or k < 2 or not np.issubdtype(labels.dtype, np.integer):
        raise ShapeError(
            f"{labels.dtype} {labels.shape} labels came for {n} items and {k} class texts; int [n >= 1] and 2 texts are needed."
        )
    if (
        labels.min() < 0 or labels.max() >= k
    ):  # -1, for a label that is not known, would be taken for the last class text
        raise ShapeError(
            f"Labels from {labels.min()} to {labels.max()} came for {k} class texts.",
            remedy="Leave out items without a label.",
        )
