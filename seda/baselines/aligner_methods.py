"""SeDA behind the protocol: its answer in closed form with controls and ablations, and its learned paths."""

from __future__ import annotations

import copy
import time
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from seda.aligner import Aligner
from seda.baselines.base import ClassTextFeatures, LabelledFeatures
from seda.config import ModelConfig, SamplingConfig, TrainingConfig
from seda.training.denoisers import train_denoisers
from seda.training.fit import TrainingResult, TrainingSet, fit_aligner

BATCH = 500  # images; chosen here: the states of both stages then take 40 MB
# chosen here: few shots make epochs of one step. On held-out training images of Fashion-MNIST 75, 150 and 300 steps came
# out alike at 4 shots, 75 and 300 at 16 (one or two runs each)
MIN_STEPS = 150
READ_OUTS = ("seda", "one-step", "closed-form")  # as fingerprints of finished cells hold them
# Of the trajectories that look for errors: at guidance 1 a run ends in a class with that class's probability
DOUBTING = tuple(SamplingConfig(num_inference_steps=10, guidance=1.0, seed=seed) for seed in range(4))
DOUBT_WEIGHT = 0.1  # of runs that end elsewhere, beside the answer's probability; small: it only parts near ties
# of cosines before the softmax; chosen here. The protocol fits a temperature to the scores of every method, so it only weighs
# the top probability against the disagreement of ends where errors are looked for
SHARPNESS = 20.0
LEARNED: dict[str, Any] = {"denoiser": "learned"}  # what of a `ModelConfig` the learned paths add


@dataclass(frozen=True)
class SedaAligner:
    """The two stages trained on the shots, without maps.

    "seda" answers as the app does: the paths are the closed form, the answer is p(c | v). "one-step" is the same networks
    with a single denoising step a stage. "closed-form" is the oracle for one goal a class: nothing learned by gradient is
    left in p(c | v) and in the denoisers; its difference to "seda" is what training adds.

    Attributes:
        read_out: one of READ_OUTS.
        seed: of everything random.
        learning_rate, feature_noise, mixup, center_weight: see `TrainingConfig`.
        power, semantic_space, bank, path: see `ModelConfig`.
        relative_scale: of scaled features, in units of sqrt(d).
        sampler, steps, strength: see `SamplingConfig`.
        averaged: seeds of the noise whose answers are averaged.
    """

    read_out: str = "seda"
    seed: int = 0
    learning_rate: float = TrainingConfig.learning_rate
    feature_noise: float = TrainingConfig.feature_noise
    mixup: float = TrainingConfig.mixup
    center_weight: float = TrainingConfig.center_weight
    power: float = ModelConfig.power
    semantic_space: bool = ModelConfig.semantic_space
    bank: bool = ModelConfig.bank
    path: str = ModelConfig.path
    relative_scale: float = 1.0
    sampler: str = SamplingConfig.sampler
    steps: int = SamplingConfig.num_inference_steps
    strength: float = SamplingConfig.strength
    averaged: int = 1

    def fit(self, train: LabelledFeatures, texts: ClassTextFeatures, validation: LabelledFeatures) -> FittedAligner:
        result, seconds = trained(self, train, texts, validation)
        aligner = without_learning(result.aligner) if self.read_out == "closed-form" else result.aligner
        steps = 1 if self.read_out == "one-step" else self.steps
        sampling = SamplingConfig(self.sampler, steps, self.strength)
        return FittedAligner(aligner, sampling, texts, self.averaged, seconds)


@dataclass(frozen=True, eq=False)
class FittedAligner:
    """See `SedaAligner`.

    Attributes:
        aligner: trained.
        sampling: how it is asked.
        texts: of the classes.
        averaged: runs with seeds of their own whose answers are averaged.
        earlier_seconds: spent on this training for another read-out; 0 where it was trained just now.
    """

    aligner: Aligner
    sampling: SamplingConfig
    texts: ClassTextFeatures
    averaged: int = 1
    earlier_seconds: float = 0.0

    @property
    def parameters(self) -> int:
        return _size(self.aligner)

    def class_scores(self, image_features: np.ndarray) -> np.ndarray:
        """Log probabilities [n, k]; an image's noise does not depend on its batch."""
        return self._probabilities(image_features).clamp_min(1e-12).log().numpy()

    def to_text_space(self, image_features: np.ndarray) -> np.ndarray:
        """Where the second stage ends, in the text encoder's units."""
        texts, ends = torch.from_numpy(self.texts.features), []
        for batch, seeds in _batches(image_features):
            run = self.aligner.align(batch, texts, self.sampling, item_seeds=seeds)
            ends.append(self.aligner.text_scaler.inverse(run.translator.states[:, -1]).numpy())
        return np.concatenate(ends)

    def error_scores(self, image_features: np.ndarray) -> np.ndarray:
        """How probably each answer is wrong [n]: one minus its probability, and the trajectories that end elsewhere."""
        probabilities = self._probabilities(image_features)
        answers, texts = probabilities.argmax(1), torch.from_numpy(self.texts.features)
        elsewhere = []
        for sampling in DOUBTING:
            ends = []
            for batch, seeds in _batches(image_features):
                run = self.aligner.align(batch, texts, sampling, item_seeds=seeds)
                ends.append(run.nearest_text(-1))
            elsewhere.append(torch.cat(ends) != answers)
        doubt = torch.stack(elsewhere).float().mean(0)
        return (1 - probabilities.amax(1) + DOUBT_WEIGHT * doubt).numpy()

    def _probabilities(self, image_features: np.ndarray) -> Tensor:
        texts, found = torch.from_numpy(self.texts.features), []
        for batch, seeds in _batches(image_features):
            runs = [
                self.aligner.classify(batch, texts, replace(self.sampling, seed=seed), item_seeds=seeds)
                for seed in range(self.averaged)
            ]
            found.append(torch.stack(runs).mean(0))
        return torch.cat(found)


@dataclass(frozen=True)
class LearnedSeda:
    """SeDA by its learned paths: the same training, then the denoisers on the same shots; the answer is where the paths end.

    Few images are soon known by heart, so they get fewer steps: the share of all steps is the square root of images over
    `enough`, from `least_share` to 1. Chosen here, and not tried otherwise.

    Attributes:
        ends: of each image, whose mean is the answer.
        seed: of everything random in training.
        steps: of each stage when a path is walked.
        one_step_steps, denoiser_steps: see `TrainingConfig`; on `enough` images or more.
        enough: images.
        least_share: of the steps.
    """

    ends: int
    seed: int = 0
    steps: int = SamplingConfig.num_inference_steps
    one_step_steps: int = TrainingConfig.one_step_steps
    denoiser_steps: int = TrainingConfig.denoiser_steps
    enough: int = 4096
    least_share: float = 0.25

    def fit(self, train: LabelledFeatures, texts: ClassTextFeatures, validation: LabelledFeatures) -> FittedPaths:
        result, seconds = trained(SedaAligner(seed=self.seed), train, texts, validation)
        aligner = with_learned_denoisers(result, self.training_config(len(train)))
        # guidance 1: as the distribution is, as the benchmark of distributions walks it
        sampling = SamplingConfig(num_inference_steps=self.steps, guidance=1.0, denoiser="learned")
        return FittedPaths(aligner, sampling, texts, self.ends, seconds)

    def training_config(self, count: int) -> TrainingConfig:
        """As for the closed form, and the denoisers' steps on `count` images."""
        share = min(1.0, max(self.least_share, (count / self.enough) ** 0.5))
        return replace(
            training_config(SedaAligner(seed=self.seed), count),
            denoiser="learned",
            one_step_steps=max(1, round(share * self.one_step_steps)),
            denoiser_steps=max(1, round(share * self.denoiser_steps)),
        )


def with_learned_denoisers(result: TrainingResult, config: TrainingConfig) -> Aligner:
    """A copy of a trained aligner with learned denoisers, trained on its pairs: what `fit_aligner` makes in one go."""
    closed = result.aligner
    with torch.random.fork_rng(devices=[]):  # nn's initialisers know only the global generator: lend it, seeded
        torch.manual_seed(config.seed)
        aligner = Aligner(replace(closed.config, **LEARNED), *closed.translator.category_texts.shape[:2])
    # denoisers begin in half precision, as they would behind the epochs of the others
    fresh = {name: value.half().float() for name, value in aligner.state_dict().items()}
    aligner.load_state_dict(fresh | closed.state_dict())
    aligner.eval().requires_grad_(False)
    train_denoisers(aligner, result.pairs, config)
    return aligner


@dataclass(frozen=True, eq=False)
class FittedPaths:
    """See `LearnedSeda`.

    Attributes:
        aligner: with learned denoisers.
        sampling: how a path is walked; its seed counts the ends.
        texts: of the classes.
        ends: of each image.
        earlier_seconds: spent on the part of the training that another method had done; 0 where it was done just now.
    """

    aligner: Aligner
    sampling: SamplingConfig
    texts: ClassTextFeatures
    ends: int
    earlier_seconds: float = 0.0
    _last: list[tuple[np.ndarray, Tensor]] = field(default_factory=list, repr=False)

    @property
    def parameters(self) -> int:
        return _size(self.aligner)

    def class_scores(self, image_features: np.ndarray) -> np.ndarray:
        """Log probabilities [n, k] by the cosines of the mean of all ends with the means of the classes' phrasings, scaled."""
        return self._log_probabilities(image_features).numpy()

    def to_text_space(self, image_features: np.ndarray) -> np.ndarray:
        """The first of the ends, in the text encoder's units."""
        return self.text_space_ends(image_features)[0]

    def text_space_ends(self, image_features: np.ndarray) -> np.ndarray:
        """All ends [e, n, d], in the text encoder's units."""
        return torch.stack([self.aligner.text_scaler.inverse(end) for end in self._walked(image_features)]).numpy()

    def error_scores(self, image_features: np.ndarray) -> np.ndarray:
        """How probably each answer is wrong [n]: one minus its probability, and the share of ends nearest to another text."""
        log_probabilities = self._log_probabilities(image_features)
        elsewhere = self._cosines(self._walked(image_features)).argmax(2) != log_probabilities.argmax(1)  # [e, n]
        return (1 - log_probabilities.amax(1).exp() + elsewhere.float().mean(0)).numpy()

    def _log_probabilities(self, image_features: np.ndarray) -> Tensor:
        return (SHARPNESS * self._cosines(self._walked(image_features).mean(0))).log_softmax(1)

    def _cosines(self, states: Tensor) -> Tensor:
        """[..., k] of states [..., d]."""
        texts = self.aligner.text_scaler(torch.from_numpy(self.texts.phrasing_means))
        return normalize(states, dim=-1) @ normalize(texts, dim=1).T

    def _walked(self, image_features: np.ndarray) -> Tensor:
        """All ends [e, n, d] in scaled units; an image's noise does not depend on its batch.

        Those of the features last asked for are kept, since answers and doubts are asked for one after the other.
        """
        if not self._last or self._last[0][0] is not image_features:
            ends = []
            # all phrasings are on the list: an image's text may be any of its class's
            texts = torch.unique(torch.from_numpy(self.texts.phrasings).flatten(0, 1), dim=0)
            for batch, seeds in _batches(image_features):
                runs = [
                    self.aligner.align(batch, texts, replace(self.sampling, seed=seed), item_seeds=seeds)
                    for seed in range(self.ends)
                ]
                ends.append(torch.stack([run.translator.states[:, -1] for run in runs]))
            self._last[:] = [(image_features, torch.cat(ends, 1))]
        return self._last[0][1]


def _size(aligner: Aligner) -> int:
    """Numbers that an aligner keeps from training."""
    posterior = aligner.learner.center_posterior
    return sum(part.numel() for part in (*aligner.parameters(), posterior.weight, posterior.bias))


def _batches(image_features: np.ndarray) -> list[tuple[Tensor, range]]:
    """Batches of features with their images' seeds."""
    starts = range(0, len(image_features), BATCH)
    batches = [torch.from_numpy(image_features[first : first + BATCH]) for first in starts]
    return [(batch, range(first, first + len(batch))) for first, batch in zip(starts, batches, strict=True)]


class _Trainings:
    """Aligners of the last data seen, so that the read-outs of one training do not repeat it."""

    def __init__(self) -> None:
        self.data: tuple[object, ...] = ()
        self.found: dict[SedaAligner, tuple[TrainingResult, float]] = {}

    def of(self, *data: object) -> dict[SedaAligner, tuple[TrainingResult, float]]:
        if len(data) != len(self.data) or any(one is not other for one, other in zip(data, self.data, strict=True)):
            self.data, self.found = data, {}
        return self.found


_trainings = _Trainings()


def trained(
    config: SedaAligner, train: LabelledFeatures, texts: ClassTextFeatures, validation: LabelledFeatures
) -> tuple[TrainingResult, float]:
    """The training's result, and its seconds where it happened in an earlier call."""
    found = _trainings.of(train, texts, validation)
    asked = SedaAligner()  # how it is asked has no part in training
    key = replace(
        config, read_out=asked.read_out, sampler=asked.sampler, steps=asked.steps, strength=asked.strength,
        averaged=asked.averaged,
    )  # fmt: skip
    if key in found:
        return found[key]
    start = time.perf_counter()
    count, own, own_held_out = len(train), train.image_text_features, validation.image_text_features
    if own is not None:
        assert own_held_out is not None, "Training and validation images come from one set."
        own = np.concatenate([own, own_held_out])
    data = TrainingSet(
        torch.from_numpy(np.concatenate([train.image_features, validation.image_features])),
        torch.from_numpy(np.concatenate([train.labels, validation.labels])),
        torch.from_numpy(texts.phrasings),
        None if own is None else torch.from_numpy(own),
        texts.shared_space,
    )
    split = torch.arange(count), torch.arange(count, len(data.labels))
    width, image_width = texts.features.shape[1], train.image_features.shape[1]
    model = ModelConfig(
        dim=width, image_dim=image_width, scale=config.relative_scale * width**0.5, power=config.power,
        semantic_space=config.semantic_space, bank=config.bank, path=config.path,
        **data.space,
    )  # fmt: skip
    result = fit_aligner(data, training_config(config, count), model, split=split)
    found[key] = result, time.perf_counter() - start
    return result, 0.0


def training_config(config: SedaAligner, count: int) -> TrainingConfig:
    """As for the shipped aligner, with at least MIN_STEPS steps on `count` images and patience for a third of them."""
    return replace(
        TrainingConfig.for_pictures(count, seed=config.seed, min_steps=MIN_STEPS),
        learning_rate=config.learning_rate,
        feature_noise=config.feature_noise,
        mixup=config.mixup,
        center_weight=config.center_weight,
    )


def without_learning(aligner: Aligner) -> Aligner:
    """A copy that keeps the closed forms alone: the posterior over centers, and the weighted mean of anchors as denoiser."""
    bare = copy.deepcopy(aligner)
    for stage in (bare.learner, bare.translator):
        for value in (stage.residual_out.weight, stage.residual_out.bias):
            nn.init.zeros_(value)
        stage.prior.residual_share.zero_()
    return bare.eval()


# no other is tried: what the network adds is weighed on validation data within one training already
SETTINGS = {read_out: (SedaAligner(read_out),) for read_out in READ_OUTS}

ABLATIONS = {
    "no-stage-1": SedaAligner(semantic_space=False),
    "no-bank": SedaAligner(bank=False),
    "bridge": SedaAligner(path="bridge"),
    "no-center-loss": SedaAligner(center_weight=0.0),
    "no-power-transform": SedaAligner(power=1.0),
    "no-noise-no-mixup": SedaAligner(feature_noise=0.0, mixup=0.0),
    "half-scale": SedaAligner(relative_scale=0.5),
    "double-scale": SedaAligner(relative_scale=2.0),
    "ddpm": SedaAligner(sampler="ddpm"),
    "dpmsolver++": SedaAligner(sampler="dpmsolver++"),
    "5-steps": SedaAligner(steps=5),
    "50-steps": SedaAligner(steps=50),
    "strength-0.3": SedaAligner(strength=0.3),
    "strength-1": SedaAligner(strength=1.0),
    "8-seeds": SedaAligner(averaged=8),
}
