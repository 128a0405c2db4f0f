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
    """Ridge regression from image features to text features (scikit-learn's Ridge), cosine read-out.

    Attributes:
        penalty: scikit-learn's alpha; features have length 1.
        preparation: see `Preparation`.
        target: see `text_targets`.
    """

    penalty: float = 1.0
    preparation: str = "centred unit"
    target: str = "class"

    def fit(self, train: LabelledFeatures, texts: ClassTextFeatures, validation: LabelledFeatures) -> LinearTextMap:
        prepare = Preparation.fit(train.image_features, self.preparation)
        model = Ridge(alpha=self.penalty)
        model.fit(prepare(train.image_features).astype(np.float64), text_targets(train, texts, self.target))
        weight, bias = model.coef_.T.astype(np.float32), model.intercept_.astype(np.float32)
        return LinearTextMap(prepare, weight, bias, texts)


@dataclass(frozen=True)
class ProcrustesToText:
    """The rotation that brings image features nearest to their texts, cosine read-out.

    W = U V' from the singular value decomposition U S V' of X' T, X [n, D] and T [n, d] centred. Where the widths are the
    same and classes enough, this is the orthogonal W that minimises ||X W - T|| (Schonemann 1966). With D > d it is the W
    with orthonormal columns that maximises tr(W' X' T). Directions in which X' T vanishes are left out: with k classes
    at most k - 1 remain.

    Attributes:
        preparation: see `Preparation`.
        whitening: penalty of the whitening of X before and after the rotation, in units of its mean squared singular
            value; None for no whitening. Directions that vary within classes then count less.
        power: U S^power V' in place of U V'; between a rotation (0) and the plain cross-covariance (1).
        target: see `text_targets`.
    """

    preparation: str = "centred unit"
    whitening: float | None = None
    power: float = 0.0
    target: str = "class"

    def fit(self, train: LabelledFeatures, texts: ClassTextFeatures, validation: LabelledFeatures) -> LinearTextMap:
        prepare = Preparation.fit(train.image_features, self.preparation)
        features = prepare(train.image_features).astype(np.float64)
        mean = features.mean(0)
        targets = text_targets(train, texts, self.target)
        goal = targets.mean(0)
        targets = targets - goal
        if self.whitening is None:
            weight = procrustes(features, targets, self.power)
        else:
            whitened = _whitener(features - mean, self.whitening)
            weight = whitened @ procrustes((features - mean) @ whitened, targets, self.power)
        # the mean image goes to the mean of the targets
        return LinearTextMap(prepare, weight.astype(np.float32), (goal - mean @ weight).astype(np.float32), texts)


def text_targets(train: LabelledFeatures, texts: ClassTextFeatures, target: str) -> np.ndarray:
    """What training images are mapped to [n, d]: the text of the class ("class"), or of the image itself ("image").

    Where images have no texts of their own, "image" means the text of the class.
    """
    own = train.image_text_features if target == "image" else None
    return texts.features[train.labels] if own is None else own


def procrustes(features: np.ndarray, targets: np.ndarray, power: float = 0.0) -> np.ndarray:
    """Rotation [D, d] of features [n, D] onto targets [n, d], of the rank of their product; `power` as ProcrustesToText."""
    left, strengths, right = np.linalg.svd(features.T.astype(np.float64) @ targets, full_matrices=False)
    kept = strengths > 1e-6 * strengths[0]  # chosen here: far below any class, above rounding
    return (left[:, kept] * (strengths[kept] / strengths[0]) ** power @ right[kept]).astype(np.float32)


def _whitener(centred: np.ndarray, penalty: float) -> np.ndarray:
    """(X' X + penalty * mean squared singular value * I)^(-1/2) [D, D] of centred features X [n, D]."""
    _, strengths, right = np.linalg.svd(centred, full_matrices=False)
    floor = max(penalty * np.square(strengths).mean(), 1e-12)
    inside = (np.square(strengths) + floor) ** -0.5
    outside = floor**-0.5  # where X has nothing
    return (right.T * (inside - outside)) @ right + outside * np.eye(centred.shape[1])


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


RIDGE_SETTINGS = (
    *(RidgeToText(penalty) for penalty in (1.0, 0.3, 3.0)),
    RidgeToText(target="image"),
    RidgeToText(10.0),
    RidgeToText(0.1),
)
# the whitening was chosen on held-out training images of Fashion-MNIST; power 1 with whitening is nearly a ridge regression
PROCRUSTES_SETTINGS = (
    ProcrustesToText(whitening=1.0),
    ProcrustesToText(),
    ProcrustesToText(whitening=1.0, power=0.5),
    ProcrustesToText(whitening=1.0, target="image"),
    ProcrustesToText(whitening=0.1),
    ProcrustesToText(whitening=10.0),
)
