"""What is done to image features before a method sees them, fitted to training features."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seda.config import check_name
from seda.evaluation.alignment import unit
from seda.models.scaler import POWER

PREPARATIONS = ("raw", "scaled", "unit", "centred unit", "power unit", "centred power unit")


@dataclass(frozen=True, eq=False)
class Preparation:
    """(x^power - mean) / scale, then, where asked for, to length 1.

    Attributes:
        power: 1, or the .5 that SeDA's scaler takes where no training feature is negative; signs are kept.
        mean: [D].
        scale: one number for all dimensions, so that geometry stays.
        to_unit: whether rows end at length 1.
    """

    power: float
    mean: np.ndarray
    scale: float
    to_unit: bool

    @classmethod
    def fit(cls, features: np.ndarray, kind: str) -> Preparation:
        """
        Args:
            features: training features [n, D].
            kind: "raw" (nothing), "scaled" (centred, mean length 1), "unit" (length 1) or "centred unit", the last
                two also behind a power transform.
        Raises:
            ConfigError: the kind is not known.
        """
        check_name("preparation", kind, PREPARATIONS)
        power = POWER if "power" in kind and (features >= 0).all() else 1.0
        features = _bent(features, power)
        centred = kind == "scaled" or kind.startswith("centred")
        mean = features.mean(0) if centred else np.zeros(features.shape[1], np.float32)
        scale = np.linalg.norm(features - mean, axis=1).mean() if kind == "scaled" else 1.0
        return cls(power, mean, float(max(scale, 1e-12)), kind.endswith("unit"))

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """Features [n, D] to [n, D]."""
        prepared = (_bent(features, self.power) - self.mean) / self.scale
        return unit(prepared) if self.to_unit else prepared


def _bent(features: np.ndarray, power: float) -> np.ndarray:
    """Values to a power, signs kept."""
    return features if power == 1 else np.sign(features) * np.abs(features) ** power
