"""Cross-modal linear probe: class texts as further training samples of a linear classifier."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seda.baselines.base import ClassTextFeatures, LabelledFeatures
from seda.baselines.linear import LinearClassifier
from seda.baselines.logistic_regression import fit_classifier
from seda.baselines.preparation import Preparation
from seda.baselines.text_regression import texts_in_image_space
from seda.evaluation.alignment import unit


@dataclass(frozen=True)
class CrossModalProbe:
    """Logistic regression on images and class texts together, both at length 1 in one space.

    Encoders that were never trained together have no such space: the texts are then turned into that of the images by a
    rotation learned from the shots (`texts_in_image_space`).
    Source: Lin et al., "Multimodality Helps Unimodality", CVPR 2023, arXiv:2301.06267, eq. 3. They train by gradient
    steps with half of each batch texts; here the same loss is minimised to its end, texts weighted.

    Attributes:
        inverse_penalty: scikit-learn's C.
        text_weight: of a class text, in units of the number of images of a class; 1 as in the source.
    """

    inverse_penalty: float = 10.0
    text_weight: float = 1.0

    def fit(self, train: LabelledFeatures, texts: ClassTextFeatures, validation: LabelledFeatures) -> LinearClassifier:
        prepare = Preparation.fit(train.image_features, "unit" if texts.shared_space else "centred unit")
        features, classes = prepare(train.image_features), len(texts.features)
        samples = unit(texts_in_image_space(features, train.labels, texts))  # [k, D]
        per_class = self.text_weight * len(features) / classes
        return fit_classifier(
            prepare,
            np.concatenate([features, samples]),
            np.concatenate([train.labels, np.arange(classes)]),
            classes,
            self.inverse_penalty,
            np.concatenate([np.ones(len(features)), np.full(classes, per_class)]),
        )


SETTINGS = tuple(CrossModalProbe(c, weight) for weight in (1.0, 0.1) for c in (10.0, 100.0, 1.0))
