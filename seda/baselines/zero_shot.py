"""Without any training picture: zero-shot where both encoders share a space, ConSE where the encoder has a head."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seda.baselines.base import ClassTextFeatures, LabelledFeatures, NamedHead
from seda.baselines.linear import LinearClassifier
from seda.baselines.preparation import Preparation
from seda.errors import ConfigError
from seda.evaluation.alignment import unit


@dataclass(frozen=True)
class ZeroShot:
    """Cosine of a picture with each class text; defined for encoders that were trained together only.

    Source: Radford et al. 2021, arXiv:2103.00020, section 3.1.
    """

    def fit(self, train: LabelledFeatures, texts: ClassTextFeatures, validation: LabelledFeatures) -> LinearClassifier:
        """
        Raises:
            ConfigError: images and texts do not share a space.
        """
        if not texts.shared_space:
            raise ConfigError(
                "Zero-shot needs encoders that were trained together; these were not.",
                remedy="Choose conse, or an encoder of open_clip.",
            )
        return zero_shot_classifier(Preparation.fit(train.image_features, "unit"), texts)


def zero_shot_classifier(prepare: Preparation, texts: ClassTextFeatures) -> LinearClassifier:
    """Cosines with the class texts, of prepared features of length 1."""
    return LinearClassifier(prepare, unit(texts.features).T, np.zeros(len(texts.features), np.float32))


@dataclass(frozen=True)
class Conse:
    """The names of what the encoder's own classifier sees, averaged by their probabilities, compared with the texts.

    Source: Norouzi et al. 2014, arXiv:1312.5650, eq. 3 and 4.

    Attributes:
        names: how many of the most probable names count.
    """

    names: int = 10

    def fit(self, train: LabelledFeatures, texts: ClassTextFeatures, validation: LabelledFeatures) -> FittedConse:
        """
        Raises:
            ConfigError: the encoder has no classifier of its own.
        """
        if texts.head is None:
            raise ConfigError(
                "ConSE needs an image encoder with a classifier of named classes; this one has none.",
                remedy="Choose zero-shot, or the bundled encoder.",
            )
        return FittedConse(texts, texts.head, min(self.names, len(texts.head.bias)))


@dataclass(frozen=True, eq=False)
class FittedConse:
    """See `Conse`; nothing is learned."""

    texts: ClassTextFeatures
    head: NamedHead
    names: int
    parameters: int = 0

    def to_text_space(self, image_features: np.ndarray) -> np.ndarray:
        logits = image_features @ self.head.weight.T + self.head.bias  # [n, m]
        probable = np.exp(logits - logits.max(1, keepdims=True))
        floor = np.partition(probable, -self.names, axis=1)[:, -self.names]
        probable = np.where(probable >= floor[:, None], probable, 0)
        return probable / probable.sum(1, keepdims=True) @ self.head.name_features

    def class_scores(self, image_features: np.ndarray) -> np.ndarray:
        # not centred on the class texts: the names lie around another mean
        return unit(self.to_text_space(image_features)) @ unit(self.texts.features).T


CONSE_SETTINGS = tuple(Conse(names) for names in (10, 1, 3, 30, 100, 1000))
