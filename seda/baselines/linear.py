"""Fitted methods whose scores or whose map to text are linear in the prepared features."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seda.baselines.base import ClassTextFeatures, size
from seda.baselines.preparation import Preparation


@dataclass(frozen=True, eq=False)
class LinearClassifier:
    """Scores x W + b: weight [D, k], bias [k]."""

    prepare: Preparation
    weight: np.ndarray
    bias: np.ndarray

    @property
    def parameters(self) -> int:
        return size([self.weight, self.bias])

    def class_scores(self, image_features: np.ndarray) -> np.ndarray:
        return self.prepare(image_features) @ self.weight + self.bias


@dataclass(frozen=True, eq=False)
class LinearTextMap:
    """Map x W + b to text space, read out by cosine: weight [D, d], bias [d]."""

    prepare: Preparation
    weight: np.ndarray
    bias: np.ndarray
    texts: ClassTextFeatures

    @property
    def parameters(self) -> int:
        return size([self.weight, self.bias])

    def to_text_space(self, image_features: np.ndarray) -> np.ndarray:
        return self.prepare(image_features) @ self.weight + self.bias

    def class_scores(self, image_features: np.ndarray) -> np.ndarray:
        return self.texts.cosines(self.to_text_space(image_features))
