"""Two runs on the same items: which answers changed, and whether the difference is more than chance. Functions on arrays.

Shapes: n items, d width of states. `right_a` and `right_b` are bool [n], whether each run's answer is the item's label.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seda.errors import ShapeError

SAME, LOST, WON, OTHER = 0, 1, 2, 3  # codes of `flips_between`
FLIPS = {
    SAME: "the same answer",
    LOST: "right in the first run, wrong in the second",
    WON: "wrong in the first run, right in the second",
    OTHER: "wrong in both, with another answer",
}


def half_width(values: np.ndarray, level: float = 0.95) -> float:
    """Half of Student's interval of the mean of a few values [r]; NaN of a single one."""
    from scipy.stats import t

    if len(values) < 2:
        return float("nan")
    return float(t.ppf((1 + level) / 2, len(values) - 1) * np.std(values, ddof=1) / len(values) ** 0.5)


def paired_difference(
    right_a: np.ndarray, right_b: np.ndarray, *, seed: int, draws: int = 2000, level: float = 0.95
) -> tuple[float, float, float]:
    """Accuracy of run a minus that of run b, with the ends of its bootstrap interval: (difference, low, high).

    Items are drawn anew with return, each with both of its answers. Of a drawn item only matters which run alone has it right, so
    the counts of these are drawn, which is the same. Where no item differs the interval has no width, however few there are.

    Args:
        seed: of the draws.
        draws: of n items each.
        level: share of the draws within the interval.
    Raises:
        ShapeError: the two are not bool [n], of one n above 0.
    """
    only_a, only_b = _discordant(right_a, right_b)
    n = len(right_a)
    drawn = np.random.default_rng(seed).multinomial(n, np.array([only_a, only_b, n - only_a - only_b]) / n, size=draws)
    low, high = np.quantile((drawn[:, 0] - drawn[:, 1]) / n, [(1 - level) / 2, (1 + level) / 2])
    return (only_a - only_b) / n, float(low), float(high)


def mcnemar(right_a: np.ndarray, right_b: np.ndarray) -> tuple[int, int, float]:
    """How many items run a alone has right, how many run b alone, and how probable a split at least as uneven is by chance.

    The exact two-sided binomial test with one half; 1 where no item differs.
    Source: McNemar 1947; exact form as in Dietterich 1998, section 3.1, without its approximation.

    Raises:
        ShapeError: as `paired_difference`.
    """
    only_a, only_b = _discordant(right_a, right_b)
    differ, fewer = only_a + only_b, min(only_a, only_b)
    # whole numbers of any size: 2^-differ is no float from 1,075 items on
    term = tail = 1
    for count in range(fewer):  # each coefficient from the one before: 10,000 items take seconds otherwise
        term = term * (differ - count) // (count + 1)
        tail += term
    return only_a, only_b, min(1.0, 2 * tail / 2**differ)


@dataclass(frozen=True, eq=False)
class Flips:
    """How n answers changed between two runs.

    Attributes:
        codes: int8 [n], a key of FLIPS for each item.
    """

    codes: np.ndarray

    def count(self, code: int) -> int:
        """Of items with a code."""
        return int((self.codes == code).sum())

    def to_dict(self) -> dict[str, int]:
        """JSON values: the number of items by what happened."""
        names = {"same": SAME, "right_to_wrong": LOST, "wrong_to_right": WON, "wrong_to_other_wrong": OTHER}
        return {name: self.count(code) for name, code in names.items()}


def flips_between(labels: np.ndarray, answers_a: np.ndarray, answers_b: np.ndarray) -> Flips:
    """What became of each item's answer from run a to run b; int [n] all three, by one list of class texts.

    Raises:
        ShapeError: they do not have one shape [n].
    """
    if labels.ndim != 1 or not labels.shape == answers_a.shape == answers_b.shape:
        raise ShapeError(
            f"Labels {labels.shape} came with answers {answers_a.shape} and {answers_b.shape}; [n] of one n is needed."
        )
    codes = np.full(len(labels), SAME, np.int8)
    changed, right_a, right_b = answers_a != answers_b, answers_a == labels, answers_b == labels
    codes[changed] = OTHER
    codes[changed & right_a] = LOST
    codes[changed & right_b] = WON
    return Flips(codes)


def drift(states_a: np.ndarray, states_b: np.ndarray) -> np.ndarray:
    """How far each item's state lies from the same item's in another run, in units of their mean length: [n, d] twice to [n].

    For ranking, and only of runs of one aligner: spaces of two have nothing to do with each other. With [n, s, d] twice, all states of
    runs with equally many, it is [n, s].

    Raises:
        ShapeError: the shapes differ, or are of other than 2 or 3 dimensions.
    """
    if states_a.shape != states_b.shape or states_a.ndim not in (2, 3):
        raise ShapeError(
            f"States have shapes {states_a.shape} and {states_b.shape}; the same [n, d] or [n, s, d] is needed of runs of one aligner."
        )
    a, b = states_a.astype(np.float64), states_b.astype(np.float64)
    if not a.size:
        return np.zeros(a.shape[:-1])
    length = (np.linalg.norm(a, axis=-1).mean() + np.linalg.norm(b, axis=-1).mean()) / 2
    return np.asarray(np.linalg.norm(a - b, axis=-1) / max(length, 1e-12))


def stratified_halves(labels: np.ndarray, *, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Two halves of labelled items, each with every class that has two items or more: positions int64 [a] and [b], sorted.

    Of an odd number one half gets one more, of a class as of all.

    Args:
        labels: int [n].
        seed: of the choice.
    Raises:
        ShapeError: fewer than two items came.
    """
    if labels.ndim != 1 or len(labels) < 2:
        raise ShapeError(f"Labels of shape {labels.shape} came; two items or more are needed for two halves.")
    rng = np.random.default_rng(seed)
    # shuffled within their class, the classes one after the other: every second one is of the first half
    order = np.concatenate([rng.permutation(np.flatnonzero(labels == label)) for label in np.unique(labels)])
    return np.sort(order[::2]), np.sort(order[1::2])


def _discordant(right_a: np.ndarray, right_b: np.ndarray) -> tuple[int, int]:
    """Number of items that only the first has right, and that only the second has."""
    for right in (right_a, right_b):
        if right.ndim != 1 or right.dtype != bool or right.shape != right_a.shape or not len(right):
            raise ShapeError(
                f"Right answers are {right_a.dtype} {right_a.shape} and {right_b.dtype} {right_b.shape}; bool [n] of one n above 0 is needed."
            )
    return int((right_a & ~right_b).sum()), int((right_b & ~right_a).sum())
