"""Maps that close the modality gap and know nothing: what a gap metric alone would praise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seda.baselines.base import ClassTextFeatures, LabelledFeatures
from seda.baselines.linear import LinearTextMap
from seda.baselines.preparation import Preparation


@dataclass(frozen=True)
class MeanShift:
    """Image features moved so that their mean is that of the class texts, at the texts' spread.

    Encoders of different widths: the first d principal axes of the images, in an order that has nothing to do with the
    texts. Answers are near chance; the centroid gap is zero.
    """

    def fit(self, train: LabelledFeatures, texts: ClassTextFeatures, validation: LabelledFeatures) -> LinearTextMap:
        prepare = Preparation.fit(train.image_features, "scaled")
        width, dim = train.image_features.shape[1], texts.features.shape[1]
        weight = np.eye(width) if texts.shared_space else _axes(prepare(train.image_features), dim)
        spread = np.linalg.norm(texts.features - texts.mean, axis=1).mean()
        return LinearTextMap(prepare, (spread * weight).astype(np.float32), texts.mean, texts)


@dataclass(frozen=True)
class CollapseToMean:
    """Every image becomes the mean of the class texts: all gaps shrink, and nothing can be told apart."""

    def fit(self, train: LabelledFeatures, texts: ClassTextFeatures, validation: LabelledFeatures) -> LinearTextMap:
        prepare = Preparation.fit(train.image_features, "scaled")
        weight = np.zeros((train.image_features.shape[1], texts.features.shape[1]), np.float32)
        return LinearTextMap(prepare, weight, texts.mean, texts)


def _axes(features: np.ndarray, count: int) -> np.ndarray:
    """Principal axes [D, count] of centred features [n, D], zeros where there are fewer."""
    right = np.linalg.svd(features, full_matrices=False)[2][:count]
    # an axis's sign is arbitrary: fix it, so that the same data gives the same answers everywhere
    right = right * np.sign(right[np.arange(len(right)), np.abs(right).argmax(1)])[:, None]
    return np.pad(right.T, ((0, 0), (0, count - len(right))))
