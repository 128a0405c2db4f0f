"""Tip-Adapter and Tip-Adapter-F: a cache of the training images beside zero-shot scores."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from seda.baselines.base import ClassTextFeatures, Fitted, LabelledFeatures, one_hot
from seda.baselines.network_training import Schedule, train_network
from seda.baselines.preparation import Preparation
from seda.baselines.text_regression import RidgeToText
from seda.baselines.zero_shot import ZeroShot

ZERO_SHOT_SCALE = 10.0  # chosen here for cosines in centred text space, in place of CLIP's 100 for raw ones


@dataclass(frozen=True)
class TipAdapter:
    """scores = zero-shot + blend * sum_i exp(-sharpness (1 - x . f_i)) y_i over the training images f_i.

    Encoders that were never trained together have no zero-shot scores: they come from a ridge map to text, which has seen
    the same shots.
    Source: Zhang et al. 2022, arXiv:2207.09519, eq. 3 to 5; the tuned form: section 3.2 (only the keys are trained).

    Attributes:
        blend: their alpha.
        sharpness: their beta.
        tuned: whether the keys are trained (Tip-Adapter-F).
        learning_rate: of the keys.
        preparation: see `Preparation`.
        seed: of batches.
    """

    blend: float = 1.0
    sharpness: float = 5.5
    tuned: bool = False
    learning_rate: float = 1e-3
    preparation: str = "centred unit"
    seed: int = 0

    def fit(self, train: LabelledFeatures, texts: ClassTextFeatures, validation: LabelledFeatures) -> FittedTipAdapter:
        prepare = Preparation.fit(train.image_features, self.preparation)
        zero_shot = (ZeroShot() if texts.shared_space else RidgeToText()).fit(train, texts, validation)
        keys = prepare(train.image_features).astype(np.float32)
        fitted = FittedTipAdapter(self, prepare, zero_shot, keys, one_hot(train.labels, len(texts.features)))
        return self._tune(fitted, train, validation) if self.tuned else fitted

    def _tune(
        self, fitted: FittedTipAdapter, train: LabelledFeatures, validation: LabelledFeatures
    ) -> FittedTipAdapter:
        cache = _Cache(torch.from_numpy(fitted.keys), torch.from_numpy(fitted.values), self)
        (features, given, labels), (held_out, given_held_out, answers) = (
            (
                torch.from_numpy(fitted.prepare(part.image_features).astype(np.float32)),
                torch.from_numpy(fitted.zero_shot_scores(part.image_features)),
                torch.from_numpy(part.labels),
            )
            for part in (train, validation)
        )

        def loss(batch: Tensor, generator: torch.Generator) -> Tensor:
            return cross_entropy(given[batch] + cache(features[batch]), labels[batch])

        train_network(
            cache, loss, lambda: cross_entropy(given_held_out + cache(held_out), answers), len(labels),
            Schedule(self.learning_rate, weight_decay=0.01, seed=self.seed),
        )  # fmt: skip
        return FittedTipAdapter(self, fitted.prepare, fitted.zero_shot, cache.keys.numpy(), fitted.values)


class _Cache(nn.Module):
    """Keys [n, D], trained; values [n, k], fixed."""

    values: Tensor

    def __init__(self, keys: Tensor, values: Tensor, config: TipAdapter) -> None:
        super().__init__()
        self.keys, self.config = nn.Parameter(keys.clone()), config
        self.register_buffer("values", values)

    def forward(self, features: Tensor) -> Tensor:
        affinity = torch.exp(-self.config.sharpness * (1 - features @ self.keys.T))  # [b, n]
        return self.config.blend * affinity @ self.values


@dataclass(frozen=True, eq=False)
class FittedTipAdapter:
    """See `TipAdapter`: keys [n, D], values [n, k]."""

    config: TipAdapter
    prepare: Preparation
    zero_shot: Fitted
    keys: np.ndarray
    values: np.ndarray

    @property
    def parameters(self) -> int:
        return self.keys.size + self.zero_shot.parameters

    def zero_shot_scores(self, image_features: np.ndarray) -> np.ndarray:
        """Scores without the cache: cosines of pictures to class texts x ZERO_SHOT_SCALE, float32 [n, k]."""
        return (ZERO_SHOT_SCALE * self.zero_shot.class_scores(image_features)).astype(np.float32)

    def class_scores(self, image_features: np.ndarray) -> np.ndarray:
        affinity = np.exp(-self.config.sharpness * (1 - self.prepare(image_features) @ self.keys.T))  # [n, keys]
        return self.zero_shot_scores(image_features) + self.config.blend * affinity @ self.values


_GRID = ((1.0, 5.5), (3.0, 5.5), (10.0, 5.5), (1.0, 2.0), (3.0, 2.0), (0.3, 5.5))
SETTINGS = tuple(TipAdapter(blend, sharpness) for blend, sharpness in _GRID)
TUNED_SETTINGS = tuple(TipAdapter(blend, sharpness, tuned=True) for blend, sharpness in _GRID)
