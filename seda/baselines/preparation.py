"""What is done to image features before a method sees them, fitted to training features."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seda.errors import ConfigError
from seda.evaluation.alignment import unit

PREPARATIONS = ("raw", "scaled", "unit", "centred unit")


@dataclass(frozen=True, eq=False)
class Preparation:
    """(x - mean) / scale, then, where asked for, to length 1.

    Attributes:
        mean: [D].
        scale: one number for all dimensions, so that geometry stays.
        to_unit: whether rows end at length 1.
    """

    mean: np.ndarray
    scale: float
    to_unit: bool

    @classmethod
    def fit(cls, features: np.ndarray, kind: str) -> Preparation:
        """
        Args:
            features: training features [n, D].
            kind: "raw" (nothing), "scaled" (centred, mean length 1), "unit" (length 1) or "centred unit".
        Raises:
            ConfigError: the kind is not known.
        """
        if kind not in PREPARATIONS:
            raise ConfigError(f"The preparation {kind!r} is not known; allowed are {', '.join(PREPARATIONS)}.")
        mean = features.mean(0) if kind in ("scaled", "centred unit") else np.zeros(features.shape[1], np.float32)
        scale = np.linalg.norm(features - mean, axis=1).mean() if kind == "scaled" else 1.0
        return cls(mean, float(max(scale, 1e-12)), kind.endswith("unit"))

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """Features [n, D] to [n, D]."""
        prepared = (features - self.mean) / self.scale
        return unit(prepared) if self.to_unit else prepared
