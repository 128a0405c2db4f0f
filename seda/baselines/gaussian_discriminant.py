"""Gaussian discriminant analysis with class texts (GDA)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.covariance import LedoitWolf

from seda.baselines.base import ClassTextFeatures, LabelledFeatures, class_means
from seda.baselines.linear import LinearClassifier
from seda.baselines.preparation import Preparation
from seda.baselines.zero_shot import zero_shot_classifier

ESTIMATORS = ("ledoit-wolf", "empirical-bayes")


@dataclass(frozen=True)
class GaussianDiscriminant:
    """One Gaussian a class with a shared covariance; beside the zero-shot scores where texts and images share a space.

        scores = 100 cos(x, t_c) + weight (x' P mu_c - mu_c' P mu_c / 2),    P the shared precision

    With encoders that were never trained together there is no first term.
    Source: Wang et al., "A Hard-to-Beat Baseline for Training-free CLIP-based Adaptation", ICLR 2024, eq. 3 to 6; their
    precision is the empirical-bayes one, the other is Ledoit and Wolf 2004 as in scikit-learn.

    Attributes:
        estimator: of the precision, one of ESTIMATORS.
        preparation: see `Preparation`.
        weight: of the Gaussian beside the zero-shot scores.
    """

    estimator: str = "ledoit-wolf"
    preparation: str = "unit"
    weight: float = 1.0

    def fit(self, train: LabelledFeatures, texts: ClassTextFeatures, validation: LabelledFeatures) -> LinearClassifier:
        prepare = Preparation.fit(train.image_features, self.preparation)
        features, classes = prepare(train.image_features).astype(np.float64), len(texts.features)
        centers = class_means(features, train.labels, classes)  # [k, D]
        precision = self._precision(features, centers, train.labels)
        weight = precision @ centers.T  # [D, k]
        bias = -(centers.T * weight).sum(0) / 2
        if texts.shared_space:
            zero_shot = zero_shot_classifier(prepare, texts)
            weight, bias = 100 * zero_shot.weight + self.weight * weight, self.weight * bias
        return LinearClassifier(prepare, weight.astype(np.float32), bias.astype(np.float32))

    def _precision(self, features: np.ndarray, centers: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Inverse [D, D] of the covariance within classes; of all images where each class has one only."""
        alone = len(features) == len(centers)
        within = features - (features.mean(0) if alone else centers[labels])
        if self.estimator == "ledoit-wolf":
            return np.linalg.inv(LedoitWolf(assume_centered=True).fit(within).covariance_)
        covariance = within.T @ within / max(len(within) - 1, 1)
        width = len(covariance)
        # (n - 1) S + tr(S) I over d, whose inverse is the ridge estimate of the precision (Kubokawa and Srivastava 2008)
        return width * np.linalg.inv((len(within) - 1) * covariance + np.trace(covariance) * np.eye(width))


SETTINGS = tuple(
    GaussianDiscriminant(estimator, preparation)
    for preparation in ("unit", "centred unit", "scaled")
    for estimator in ESTIMATORS
)
POWER_SETTINGS = tuple(GaussianDiscriminant(estimator, "power unit") for estimator in ESTIMATORS)
SHARED_SETTINGS = tuple(GaussianDiscriminant("ledoit-wolf", "unit", weight) for weight in (1, 0.3, 3, 0.1, 10, 0.03))
