"""How values are distributed, as a smooth curve. Functions on arrays."""

from __future__ import annotations

import numpy as np

from seda.errors import ShapeError

BLOCK = 2**22  # differences that are in memory at a time


def scott_bandwidth(values: np.ndarray) -> float:
    """Width of the Gaussian at each of n values [n]: their standard deviation times n^(-1/5); 0 of fewer than two.

    Source: Scott 1992, Multivariate Density Estimation, as `scipy.stats.gaussian_kde` has it for one dimension.
    """
    return float(np.std(values, ddof=1) * len(values) ** -0.2) if len(values) > 1 else 0.0


def kernel_density(values: np.ndarray, grid: np.ndarray, *, least: float) -> np.ndarray:
    """Density of values at the points of a grid: the mean of Gaussians around them.

    Args:
        values: [n].
        grid: [g].
        least: bandwidth at least, in the values' unit, above 0: equal values would be a needle of no width.
    Returns:
        float64 [g], in one over the values' unit; its integral is 1.
    Raises:
        ShapeError: there are no values, or they are not [n].
    """
    if values.ndim != 1 or not len(values) or grid.ndim != 1 or least <= 0:
        raise ShapeError(
            f"Values {values.shape}, a grid {grid.shape} and {least} came; [n >= 1], [g] and a width above 0 are needed."
        )
    values, width = values.astype(np.float64), max(scott_bandwidth(values.astype(np.float64)), least)
    total = np.zeros(len(grid))
    size = max(BLOCK // max(len(grid), 1), 1)
    for first in range(0, len(values), size):
        away = (grid[:, None] - values[None, first : first + size]) / width  # [g, b]
        total += np.exp(-0.5 * away**2).sum(1)
    return np.asarray(total / (len(values) * width * np.sqrt(2 * np.pi)))
