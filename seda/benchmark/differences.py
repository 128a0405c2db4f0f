"""Paired differences between two methods on the same test images and seeds, with bootstrap intervals."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from seda.benchmark.cells import Cell

DRAWS = 1000
LEVEL = 0.95


@dataclass(frozen=True)
class Difference:
    """Accuracy of one method minus another's, as fractions.

    Attributes:
        mean: over shots, seeds and test images.
        low, high: ends of the 95 % interval.
        seeds: that both have been measured with.
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
    """Difference over all shots that both have, on the seeds that they have at each of them; None where there is none.

    Seeds and test images are drawn anew, both with return: what another choice of shots and another test set would have
    given. An image keeps its answers at all shots and seeds. With few seeds the interval is too narrow rather than too
    wide; 5 are the least that should be read.

    Args:
        ours, theirs: cells of one data set.
        seed: of the draws.
    """
    own, other = ({(cell.shots, cell.seed): cell for cell in cells} for cells in (ours, theirs))
    shots = sorted({key[0] for key in own} & {key[0] for key in other})
    both = set(own) & set(other)
    seeds = [number for number in sorted({key[1] for key in both}) if all((part, number) in both for part in shots)]
    if not shots or not seeds:
        return None
    gains = np.stack([_gain(own, other, shots, number) for number in seeds])  # [s, n]
    rng = np.random.default_rng(seed)
    of_seeds, of_images = (
        rng.multinomial(count, np.full(count, 1 / count), size=DRAWS) / count for count in gains.shape
    )
    drawn = np.einsum("bs,sn,bn->b", of_seeds, gains, of_images, optimize=True)
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Difference(float(gains.mean()), float(low), float(high), len(seeds))


def _gain(
    own: dict[tuple[str, int], Cell], other: dict[tuple[str, int], Cell], shots: list[str], seed: int
) -> np.ndarray:
    """Mean over shots of right minus right, for each test image [n]."""
    return np.mean(
        [own[part, seed].answers.astype(float) - other[part, seed].answers.astype(float) for part in shots], axis=0
    )
