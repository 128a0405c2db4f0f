"""Logistic regression, by scikit-learn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression

from seda.baselines.base import ClassTextFeatures, LabelledFeatures
from seda.baselines.linear import LinearClassifier
from seda.baselines.preparation import Preparation

MAX_ITERATIONS = 1000  # of L-BFGS; scikit-learn's 100 are too few for 1,280 dimensions


@dataclass(frozen=True)
class LogisticProbe:
    """Multinomial logistic regression with an L2 penalty (scikit-learn's LogisticRegression, L-BFGS).

    Attributes:
        inverse_penalty: scikit-learn's C.
        preparation: "raw" features, or at length 1 ("unit").
    """

    inverse_penalty: float = 0.01
    preparation: str = "raw"

    def fit(self, train: LabelledFeatures, texts: ClassTextFeatures, validation: LabelledFeatures) -> LinearClassifier:
        prepare = Preparation.fit(train.image_features, self.preparation)
        return fit_classifier(
            prepare, prepare(train.image_features), train.labels, len(texts.features), self.inverse_penalty
        )


def fit_classifier(
    prepare: Preparation,
    features: np.ndarray,
    labels: np.ndarray,
    classes: int,
    inverse_penalty: float,
    weights: np.ndarray | None = None,
) -> LinearClassifier:
    """Fit to prepared features [n, D] of all classes; `weights` [n] are of the samples."""
    model = LogisticRegression(C=inverse_penalty, max_iter=MAX_ITERATIONS)
    model.fit(features.astype(np.float64), labels, weights)  # in float32 L-BFGS stops early
    weight, bias = model.coef_, model.intercept_
    if classes == 2:  # scikit-learn keeps the second class's half only
        weight, bias = np.concatenate([-weight, weight]) / 2, np.concatenate([-bias, bias]) / 2
    return LinearClassifier(prepare, weight.T.astype(np.float32), bias.astype(np.float32))


SETTINGS = tuple(LogisticProbe(c) for c in (0.01, 0.1, 0.001, 1.0, 0.0001, 10.0))
UNIT_SETTINGS = tuple(LogisticProbe(c, "unit") for c in (10.0, 100.0, 1.0, 30.0, 1000.0, 0.1))
