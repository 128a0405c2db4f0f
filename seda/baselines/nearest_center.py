"""Nearest class center."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seda.baselines.base import ClassTextFeatures, LabelledFeatures, class_means
from seda.baselines.linear import LinearClassifier
from seda.baselines.preparation import Preparation
from seda.evaluation.alignment import unit


@dataclass(frozen=True)
class NearestCenter:
    """Scores are similarities to the mean of each class's training features.

    Both similarities are linear in x: x . mu / ||mu|| (cosine up to the length of x, the same for all classes), and
    x . mu - ||mu||^2 / 2 (Euclidean distance up to the length of x).
    Source: nearest class mean (Mensink et al. 2013); the prototypes of Snell et al. 2017, arXiv:1703.05175, eq. 1.
    """

    preparation: str = "centred unit"
    cosine: bool = True

    def fit(self, train: LabelledFeatures, texts: ClassTextFeatures, validation: LabelledFeatures) -> LinearClassifier:
        prepare = Preparation.fit(train.image_features, self.preparation)
        centers = class_means(prepare(train.image_features), train.labels, len(texts.features))  # [k, D]
        if self.cosine:
            return LinearClassifier(prepare, unit(centers).T, np.zeros(len(centers), np.float32))
        return LinearClassifier(prepare, centers.T, -np.square(centers).sum(1) / 2)


SETTINGS = tuple(
    NearestCenter(preparation, cosine) for cosine in (True, False) for preparation in ("centred unit", "unit", "scaled")
)
