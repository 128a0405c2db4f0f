"""Kernel densities against scipy's, and where scipy has none."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import gaussian_kde

from seda.errors import ShapeError
from seda.evaluation import densities
from seda.evaluation.densities import kernel_density, scott_bandwidth

GRID = np.linspace(-1.5, 1.5, 301)


@pytest.mark.parametrize("count", [2, 7, 400])
def test_densities_are_those_of_scipy(count, monkeypatch):
    values = np.random.default_rng(count).normal(0.2, 0.3, count).astype(np.float32)
    expected = gaussian_kde(values)(GRID)
    assert kernel_density(values, GRID, least=1e-6) == pytest.approx(expected, rel=1e-4, abs=1e-6)
    monkeypatch.setattr(densities, "BLOCK", 3 * len(GRID))  # three values at a time
    assert kernel_density(values, GRID, least=1e-6) == pytest.approx(expected, rel=1e-4, abs=1e-6)


def test_what_has_no_width_gets_the_least():
    for values in (np.array([0.3]), np.full(5, 0.3)):
        density = kernel_density(values, GRID, least=0.05)
        naive = np.exp(-0.5 * ((GRID - 0.3) / 0.05) ** 2) / (0.05 * np.sqrt(2 * np.pi))
        assert density == pytest.approx(naive) and np.trapezoid(density, GRID) == pytest.approx(1, abs=1e-3)
    assert scott_bandwidth(np.array([0.3])) == 0


def test_what_cannot_be_drawn_is_refused():
    for values, least in ((np.zeros(0), 0.1), (np.zeros((2, 2)), 0.1), (np.zeros(3), 0.0)):
        with pytest.raises(ShapeError, match="are needed"):
            kernel_density(values, GRID, least=least)
