"""LP++: a linear probe whose weights blend class prototypes and class texts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import softmax

from seda.baselines.base import ClassTextFeatures, LabelledFeatures, class_means, one_hot
from seda.baselines.linear import LinearClassifier
from seda.baselines.preparation import Preparation
from seda.baselines.text_regression import texts_in_image_space
from seda.evaluation.alignment import unit


@dataclass(frozen=True)
class LpPlusPlus:
    """Scores x . (w_c + a_c t_c); w and a are found by block coordinate majorise-minimise steps on the cross-entropy.

    A step of size 1 / L never raises the loss, L being a bound on the curvature of its block. With the Hessian of the
    cross-entropy in the logits at most 1/2: L_w = lambda_max(X' X) / (2 n) and L_a = max_c sum_i (x_i . t_c)^2 / (2 n).
    As in the source it starts at the class means and at one blend for all classes, the mean agreement of images with the
    text of their class, both times one factor. Texts of encoders that were never trained together are turned
    into the images' space first (`texts_in_image_space`).
    Source: Huang et al., "LP++", CVPR 2024, arXiv:2404.02285; the bounds are derived here (the source's are smaller, by an
    approximation).

    Attributes:
        steps: of both blocks.
        start: that factor; the source fixes it, here it is searched.
    """

    steps: int = 30
    start: float = 1.0

    def fit(self, train: LabelledFeatures, texts: ClassTextFeatures, validation: LabelledFeatures) -> LinearClassifier:
        prepare = Preparation.fit(train.image_features, "unit" if texts.shared_space else "centred unit")
        features, classes = prepare(train.image_features).astype(np.float64), len(texts.features)
        directions = unit(texts_in_image_space(features, train.labels, texts))  # [k, D]
        weight, blend = self.descend(features, train.labels, directions)
        weight = (weight + blend[:, None] * directions).T.astype(np.float32)  # [D, k]
        return LinearClassifier(prepare, weight, np.zeros(classes, np.float32))

    def descend(
        self, features: np.ndarray, labels: np.ndarray, directions: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Weights [k, D] and blends [k] for features [n, D] of length 1 and directions of the texts [k, D]."""
        count, classes = len(features), len(directions)
        target, along = one_hot(labels, classes), features @ directions.T  # [n, k] both
        means = class_means(features, labels, classes)
        weight = self.start * means
        blend = np.full(classes, self.start * (means * directions).sum(1).mean())
        bound_weight = np.linalg.norm(features, 2) ** 2 / (2 * count)
        bound_blend = np.square(along).sum(0).max() / (2 * count)
        for _ in range(self.steps):
            error = (softmax(features @ weight.T + along * blend, axis=1) - target) / count  # [n, k]
            weight = weight - error.T @ features / bound_weight
            error = (softmax(features @ weight.T + along * blend, axis=1) - target) / count
            blend = blend - (error * along).sum(0) / bound_blend
        return weight, blend


SETTINGS = tuple(LpPlusPlus(*both) for both in ((30, 1.0), (100, 1.0), (30, 3.0), (10, 3.0), (300, 1.0), (30, 10.0)))
