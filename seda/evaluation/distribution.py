"""Whether mapped features are distributed as real ones are: what a map of means misses, however right each mean is.

MMD^2 is `seda.evaluation.alignment.unbiased_mmd`. Density and coverage count neighbours: compare lengths first, between sets
of different length they say nothing.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from seda.errors import ShapeError
from seda.evaluation.alignment import unbiased_mmd

NEIGHBORS = 5  # Naeem et al. 2020, section 4
# of a dimension's standard deviation in the mean one: below, it is one that rounding alone moves
DEAD = 0.05
SPLITS = 10  # of the real features into halves, for coverage


def energy_distance(x: np.ndarray, y: np.ndarray) -> float:
    """2 E|x - y| - E|x - x'| - E|y - y'| of x [n, d] and y [m, d], unbiased; about 0 where they are drawn alike.

    Source: Szekely and Rizzo 2013, "Energy statistics", eq. 4.
    """
    from scipy.spatial.distance import cdist, pdist  # .3 s that no answer needs

    x, y = x.astype(np.float64), y.astype(np.float64)
    return float(2 * cdist(x, y).mean() - pdist(x).mean() - pdist(y).mean())


def density_and_coverage(real: np.ndarray, made: np.ndarray, k: int = NEIGHBORS) -> tuple[float, float]:
    """How densely made features [m, d] lie in the neighbourhoods of real ones [n, d], and the share of these that hold one.

    A real feature's neighbourhood reaches to its k-th neighbour among the real ones. Density is about 1 where both are drawn
    alike, and may be more; coverage is at most 1. Source: Naeem et al. 2020 (arXiv:2002.09797), eq. 7 and 9.

    Raises:
        ShapeError: there are not more than k real features.
    """
    if len(real) <= k:
        raise ShapeError(f"{len(real)} real features came; neighbourhoods of {k} need more than {k}.")
    from scipy.spatial.distance import cdist

    real, made = real.astype(np.float64), made.astype(np.float64)
    radius = np.partition(cdist(real, real), k, axis=1)[:, k]  # the 0-th is the feature itself
    inside = cdist(real, made) <= radius[:, None]  # [n, m]
    return float(inside.sum() / (k * len(made))), float(inside.any(1).mean())


def relative_spread(real: np.ndarray, made: np.ndarray) -> float:
    """Median over dimensions of made features' standard deviation [m, d] in units of the real ones' [n, d].

    Dimensions in which the real ones hardly differ are left out.
    """
    own = real.std(0)
    alive = own > DEAD * own.mean()
    return float(np.median(made.std(0)[alive] / own[alive])) if alive.any() else float("nan")


@dataclass(frozen=True)
class DistributionFigures:
    """Made features beside the real ones that they stand for.

    Attributes:
        mmd2, energy: distances between both distributions, 0 where they are drawn alike.
        density, coverage: means over random halves of the distinct real features: neighbourhoods in one half, as many made
            features as there are in the other.
        own_density, own_coverage: what the other half itself comes to.
        mean_length, real_length: of features.
        spread: see `relative_spread`.
    """

    mmd2: float
    energy: float
    density: float
    coverage: float
    own_density: float
    own_coverage: float
    mean_length: float
    real_length: float
    spread: float

    def to_dict(self) -> dict[str, float]:
        """By name."""
        return asdict(self)


def distribution_figures(real: np.ndarray, made: np.ndarray, seed: int = 0) -> DistributionFigures:
    """All figures of made features [n, d], row by row those of items whose real features are `real` [n, d].

    Items may share a real feature, as two drawings of one thing share its name.

    Raises:
        ShapeError: rows differ in number, or there are too few distinct ones for two halves with neighbourhoods.
    """
    if real.shape != made.shape:
        raise ShapeError(f"Real features have shape {real.shape}, made ones {made.shape}; as many are needed.")
    distinct, own = np.unique(real, axis=0, return_inverse=True)
    if len(distinct) < 2 * (NEIGHBORS + 1):
        raise ShapeError(f"{len(distinct)} distinct real features came; at least {2 * (NEIGHBORS + 1)} are needed.")
    rng = np.random.default_rng(seed)
    halves = []
    for _ in range(SPLITS):
        order = rng.permutation(len(distinct))
        first, second = np.array_split(order, 2)
        items = rng.permutation(len(own))
        _, chosen = np.unique(own[items], return_index=True)  # a random item of each distinct feature
        halves.append(
            (*density_and_coverage(distinct[first], made[items[chosen[second]]]),
             *density_and_coverage(distinct[first], distinct[second]))
        )  # fmt: skip
    density, coverage, own_density, own_coverage = np.mean(halves, axis=0)
    return DistributionFigures(
        mmd2=unbiased_mmd(made, real),
        energy=energy_distance(made, real),
        density=float(density),
        coverage=float(coverage),
        own_density=float(own_density),
        own_coverage=float(own_coverage),
        mean_length=float(np.linalg.norm(made, axis=1).mean()),
        real_length=float(np.linalg.norm(real, axis=1).mean()),
        spread=relative_spread(real, made),
    )


def class_wise_mmd2(real: np.ndarray, real_labels: np.ndarray, made: np.ndarray, made_labels: np.ndarray) -> float:
    """Mean over classes of MMD^2 between the made features [m, d] and the real ones [n, d] of each; classes of one item are left out."""
    found = []
    for label in np.unique(real_labels):
        own, other = real[real_labels == label], made[made_labels == label]
        if min(len(own), len(other)) > 1:
            found.append(unbiased_mmd(other, own))
    return float(np.mean(found)) if found else float("nan")
