"""Paired differences between two methods on the same test images and seeds, with bootstrap intervals."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from seda.benchmark.cells import Cell

DRAWS = 1000
LEVEL = 0.95


@dataclass(frozen=True)
class Difference:
    """Accuracy of one method minus another's, as fractions.

    Attributes:
        mean: over shots, within each over its seeds, within each over the test images.
        low, high: ends of the 95 % interval.
        seeds: that both have been measured with, at one number of shots or more.
    """

    mean: float
    low: float
    high: float
    seeds: int

    @property
    def verdict(self) -> str:
        """ "ahead" or "behind" where the interval leaves zero out, else "level"."""
        return "ahead" if self.low > 0 else "behind" if self.high < 0 else "level"


def paired_difference(ours: Iterable[Cell], theirs: Iterable[Cell], *, seed: int = 0) -> Difference | None:
    """Difference over all shots that both have, each with all seeds that both have there; None where there is none.

    Seeds and test images are drawn anew, both with return: what another choice of shots and another test set would have
    given. An image keeps its answers at all shots and seeds. A seed that is drawn is drawn at all shots, since its fewer
    shots are a part of its more, and counts wherever it was measured. With few seeds the interval is too narrow rather
    than too wide; 5 are the least that should be read.
    Source: n - 1 of n seeds are drawn, which makes the variance of a mean unbiased at few seeds (McCarthy and Snowden
    1985; of n drawn it is too small by (n - 1) / n).

    Args:
        ours, theirs: cells of one data set.
        seed: of the draws.
    """
    own, other = ({(cell.shots, cell.seed): cell for cell in cells} for cells in (ours, theirs))
    both = sorted(set(own) & set(other))
    if not both:
        return None
    gains = np.stack([_gain(own[key], other[key]) for key in both])  # [c, n], a row each shots and seed
    shots, seeds = (sorted(set(part)) for part in zip(*both, strict=True))
    measured = np.zeros((len(shots), len(seeds)), bool)
    rows = tuple(np.array([[shots.index(part), seeds.index(number)] for part, number in both]).T)
    measured[rows] = True
    mean = _over_shots(gains.mean(1)[:, None], np.ones((1, len(seeds))), rows, measured)
    images = gains.astype(np.float32) @ _image_draws(gains.shape[1], seed).T  # [c, b]
    drawn = _over_shots(images, _seed_draws(len(seeds), seed), rows, measured)
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Difference(float(mean[0]), float(low), float(high), len(seeds))


def _gain(own: Cell, other: Cell) -> np.ndarray:
    """Right minus right for each test image [n]."""
    return own.answers.astype(float) - other.answers.astype(float)


def _over_shots(
    values: np.ndarray, weights: np.ndarray, rows: tuple[np.ndarray, ...], measured: np.ndarray
) -> np.ndarray:
    """Mean over shots of the weighted means over their seeds [b]; without the shots whose seeds have no weight.

    Args:
        values: [c, b], one each number of shots and seed.
        weights: [b, s] of the seeds.
        rows: numbers of shots and of seed of the values, [c] both.
        measured: [k, s], which seeds each number of shots has.
    """
    at_shots, of_seeds = rows
    total = np.zeros((len(measured), values.shape[1]))  # [k, b]
    np.add.at(total, at_shots, values * weights.T[of_seeds])
    weight = measured @ weights.T
    return (total / np.maximum(weight, 1)).sum(0) / (weight > 0).sum(0)


def _seed_draws(count: int, seed: int) -> np.ndarray:
    """How often each of `count` seeds is drawn [b, s]."""
    return np.random.default_rng([seed, 1]).multinomial(max(1, count - 1), np.full(count, 1 / count), size=DRAWS)


@lru_cache(maxsize=4)
def _image_draws(count: int, seed: int) -> np.ndarray:
    """Shares of the images in each draw, float32 [b, n]; kept, since all comparisons on a test set use the same."""
    rng = np.random.default_rng([seed, 0])
    return (rng.multinomial(count, np.full(count, 1 / count), size=DRAWS) / count).astype(np.float32)
