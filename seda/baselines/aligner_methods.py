"""SeDA itself behind the protocol, and two controls that share its training: one step, and the closed form alone."""

from __future__ import annotations

import copy
import time
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import nn

from seda.aligner import Aligner
from seda.baselines.base import ClassTextFeatures, LabelledFeatures
from seda.config import SamplingConfig, TrainingConfig
from seda.training.fit import TrainingSet, fit_aligner

BATCH = 500  # images; chosen here: the states of both stages then take 40 MB
# chosen here: few shots make epochs of one step. On held-out training images of Fashion-MNIST 75, 150 and 300 steps came
# out alike at 4 shots, 75 and 300 at 16 (one or two runs each)
MIN_STEPS = 150
READ_OUTS = ("seda", "one-step", "closed-form")


@dataclass(frozen=True)
class SedaAligner:
    """The two stages trained on the shots, without maps.

    "seda" answers as the app does. "one-step" is the same networks with a single denoising step a stage. "closed-form" is
    the oracle for one goal a class: the same p(c | v), and the posterior-weighted mean of the anchors as the denoiser,
    nothing from PFIN; its difference to "seda" is what the learned steps add.

    Attributes:
        read_out: one of READ_OUTS.
        learning_rate, feature_noise, mixup: see `TrainingConfig`.
        seed: of everything random.
    """

    read_out: str = "seda"
    learning_rate: float = TrainingConfig.learning_rate
    feature_noise: float = TrainingConfig.feature_noise
    mixup: float = TrainingConfig.mixup
    seed: int = 0

    def fit(self, train: LabelledFeatures, texts: ClassTextFeatures, validation: LabelledFeatures) -> FittedAligner:
        aligner, seconds = trained_aligner(replace(self, read_out="seda"), train, texts, validation)
        if self.read_out == "closed-form":
            aligner = without_residuals(aligner)
        steps = 1 if self.read_out == "one-step" else SamplingConfig.num_inference_steps
        return FittedAligner(aligner, SamplingConfig(num_inference_steps=steps), texts, seconds)


@dataclass(frozen=True, eq=False)
class FittedAligner:
    """See `SedaAligner`.

    Attributes:
        aligner: trained.
        sampling: how it is asked.
        texts: of the classes.
        earlier_seconds: spent on this training for another read-out; 0 where it was trained just now.
    """

    aligner: Aligner
    sampling: SamplingConfig
    texts: ClassTextFeatures
    earlier_seconds: float = 0.0

    @property
    def parameters(self) -> int:
        return sum(parameter.numel() for parameter in self.aligner.parameters())

    def class_scores(self, image_features: np.ndarray) -> np.ndarray:
        return self._run(image_features)[0]

    def to_text_space(self, image_features: np.ndarray) -> np.ndarray:
        """Where the second stage ends, in the text encoder's units."""
        return self._run(image_features)[1]

    def _run(self, image_features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Log probabilities [n, k] and ends of the paths [n, d]; an image's noise does not depend on its batch."""
        texts, scores, ends = torch.from_numpy(self.texts.features), [], []
        for first in range(0, len(image_features), BATCH):
            batch = torch.from_numpy(image_features[first : first + BATCH])
            run = self.aligner.align(batch, texts, self.sampling, item_seeds=range(first, first + len(batch)))
            scores.append(run.class_probabilities.clamp_min(1e-12).log().numpy())
            ends.append(self.aligner.text_scaler.inverse(run.translator.states[:, -1]).numpy())
        return np.concatenate(scores), np.concatenate(ends)


class _Trainings:
    """Aligners of the last data seen, so that the read-outs of one training do not repeat it."""

    def __init__(self) -> None:
        self.data: tuple[object, ...] = ()
        self.found: dict[SedaAligner, tuple[Aligner, float]] = {}

    def of(self, *data: object) -> dict[SedaAligner, tuple[Aligner, float]]:
        if len(data) != len(self.data) or any(one is not other for one, other in zip(data, self.data, strict=True)):
            self.data, self.found = data, {}
        return self.found


_trainings = _Trainings()


def trained_aligner(
    config: SedaAligner, train: LabelledFeatures, texts: ClassTextFeatures, validation: LabelledFeatures
) -> tuple[Aligner, float]:
    """The trained aligner, and the seconds of its training where that happened in an earlier call."""
    found = _trainings.of(train, texts, validation)
    if config in found:
        return found[config]
    start = time.perf_counter()
    count = len(train)
    data = TrainingSet(
        torch.from_numpy(np.concatenate([train.image_features, validation.image_features])),
        torch.from_numpy(np.concatenate([train.labels, validation.labels])),
        torch.from_numpy(texts.phrasings),
    )
    split = torch.arange(count), torch.arange(count, len(data.labels))
    aligner = fit_aligner(data, training_config(config, count), split=split).aligner
    found[config] = aligner, time.perf_counter() - start
    return aligner, 0.0


def training_config(config: SedaAligner, count: int) -> TrainingConfig:
    """As for the shipped aligner, with at least MIN_STEPS steps on `count` images and patience for a third of them."""
    steps_an_epoch = -(-count // TrainingConfig.batch_size)
    epochs = max(TrainingConfig.max_epochs, -(-MIN_STEPS // steps_an_epoch))
    return TrainingConfig(
        seed=config.seed,
        max_epochs=epochs,
        patience=max(TrainingConfig.patience, epochs // 3),
        learning_rate=config.learning_rate,
        feature_noise=config.feature_noise,
        mixup=config.mixup,
    )


def without_residuals(aligner: Aligner) -> Aligner:
    """A copy whose denoisers are the closed form under the learned p(c | v)."""
    bare = copy.deepcopy(aligner)
    for stage in (bare.learner, bare.translator):
        for value in (stage.residual_out.weight, stage.residual_out.bias):
            nn.init.zeros_(value)
    return bare.eval()


_SETTINGS = (
    SedaAligner(),
    SedaAligner(mixup=0.0),
    SedaAligner(feature_noise=2.0),
    SedaAligner(learning_rate=3e-3),
    SedaAligner(learning_rate=3e-4),
    SedaAligner(feature_noise=0.0, mixup=0.0),
)
SETTINGS = {read_out: tuple(replace(setting, read_out=read_out) for setting in _SETTINGS) for read_out in READ_OUTS}
