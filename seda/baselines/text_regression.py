"""Linear maps from image features to the texts of their classes: ridge regression and orthogonal Procrustes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import Ridge

from seda.baselines.base import ClassTextFeatures, LabelledFeatures
from seda.baselines.linear import LinearTextMap
from seda.baselines.preparation import Preparation


@dataclass(frozen=True)
class RidgeToText:
    """Ridge regression from image features to the text feature of the class (scikit-learn's Ridge), cosine read-out.

    Attributes:
        penalty: scikit-learn's alpha; features have length 1.
        preparation: see `Preparation`.
    """

    penalty: float = 1.0
    preparation: str = "centred unit"

    def fit(self, train: LabelledFeatures, texts: ClassTextFeatures, validation: LabelledFeatures) -> LinearTextMap:
        prepare = Preparation.fit(train.image_features, self.preparation)
        model = Ridge(alpha=self.penalty)
        model.fit(prepare(train.image_features).astype(np.float64), texts.features[train.labels])
        weight, bias = model.coef_.T.astype(np.float32), model.intercept_.astype(np.float32)
        return LinearTextMap(prepare, weight, bias, texts)


@dataclass(frozen=True)
class ProcrustesToText:
    """The rotation that brings image features nearest to the texts of their classes, cosine read-out.

    W = U V' from the singular value decomposition U S V' of X' T, X [n, D] and T [n, d] centred. Where the widths are the
    same and classes enough, this is the orthogonal W that minimises ||X W - T|| (Schonemann 1966). With D > d it is the W
    with orthonormal columns that maximises tr(W' X' T). Directions in which X' T vanishes are left out: with k classes
    at most k - 1 remain.
    """

    preparation: str = "centred unit"

    def fit(self, train: LabelledFeatures, texts: ClassTextFeatures, validation: LabelledFeatures) -> LinearTextMap:
        prepare = Preparation.fit(train.image_features, self.preparation)
        weight = procrustes(prepare(train.image_features), (texts.features - texts.mean)[train.labels])
        return LinearTextMap(prepare, weight, texts.mean, texts)


def procrustes(features: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Rotation [D, d] of features [n, D] onto targets [n, d], of the rank of their product."""
    left, strengths, right = np.linalg.svd(features.T.astype(np.float64) @ targets, full_matrices=False)
    kept = strengths > 1e-6 * strengths[0]  # chosen here: far below any class, above rounding
    return (left[:, kept] @ right[kept]).astype(np.float32)


def texts_in_image_space(prepared: np.ndarray, labels: np.ndarray, texts: ClassTextFeatures) -> np.ndarray:
    """Centred class texts [k, D] where a linear classifier on prepared image features [n, D] can use them.

    Encoders that were trained together share a space, and the texts are taken as they are. Elsewhere they are turned by
    Procrustes' rotation: unlike a regression it does not bend the texts onto the training images, so that they still tell
    something which the images do not.
    """
    centred = texts.features - texts.mean
    if texts.shared_space:
        return centred
    return centred @ procrustes(prepared - prepared.mean(0), centred[labels]).T


RIDGE_SETTINGS = tuple(RidgeToText(penalty) for penalty in (1.0, 0.1, 10.0, 0.3, 3.0, 0.03))
PROCRUSTES_SETTINGS = tuple(ProcrustesToText(kind) for kind in ("centred unit", "scaled"))
