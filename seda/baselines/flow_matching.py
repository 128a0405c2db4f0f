"""Flow matching from image features to class texts, in the form of FMA."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from seda.baselines.base import ClassTextFeatures, LabelledFeatures
from seda.baselines.network_training import Schedule, noised, parameter_count, seeded, train_network
from seda.baselines.preparation import Preparation
from seda.baselines.text_regression import procrustes
from seda.evaluation.alignment import unit

TIME_FREQUENCIES = 16  # of the embedded time
EDGE = 0.01  # of time, from which on the bridge's noise no longer changes


@dataclass(frozen=True)
class FlowMatching:
    """A velocity field learned on straight lines from each image to the text of its class, walked by Euler steps.

        x_t = (1 - t) x_0 + t x_1 + noise s(t) e,   s(t) = sqrt(t (1 - t)),   e ~ N(0, I),   x_0 image, x_1 text of its class
        loss = || v(x_t, t) - (x_1 - x_0 + noise s'(t) e) ||^2

    As in the source: the pairs are fixed by class, the noise of a Brownian bridge augments few images, steps have one
    length, and the walk may stop before t = 1. Theirs is a tower of residual blocks trained for 600 epochs; ours has three
    layers, and noise on x_0 besides.
    Encoders of different widths: images come into the texts' space by principal axes and Procrustes' rotation, both
    fitted to the shots.
    Source: "Exploring Cross-Modal Flows for Few-Shot Learning" (FMA), arXiv:2510.14543; Lipman et al. 2023,
    arXiv:2210.02747, eq. 23 for straight paths.

    Attributes:
        steps: Euler steps.
        stop: time at which the walk ends, above 0 to 1.
        noise: of the bridge, in standard deviations of a dimension; their gamma.
        feature_noise: on x_0, in standard deviations.
        hidden: width of the three layers.
        learning_rate: peak of a cosine decay.
        seed: of everything random.
    """

    steps: int = 10
    stop: float = 1.0
    noise: float = 0.0
    feature_noise: float = 0.5
    hidden: int = 512
    learning_rate: float = 1e-3
    seed: int = 0

    def fit(self, train: LabelledFeatures, texts: ClassTextFeatures, validation: LabelledFeatures) -> FittedFlow:
        prepare = Preparation.fit(train.image_features, "raw" if texts.shared_space else "scaled")
        prepared, dim = prepare(train.image_features), texts.features.shape[1]
        entry = np.eye(dim) if texts.shared_space else _into_text_space(prepared, train.labels, texts)
        scale = dim**0.5  # unit variance a dimension, as in SeDA
        goals = scale * torch.from_numpy(unit(texts.features - texts.mean).astype(np.float32))  # [k, d]
        network = seeded(self.seed, lambda: Velocity(dim, self.hidden))
        fitted = FittedFlow(self, prepare, entry.astype(np.float32), scale, network, texts)
        start, held_out = fitted.start(train.image_features), fitted.start(validation.image_features)
        labels, answers = torch.from_numpy(train.labels), torch.from_numpy(validation.labels)
        std = start.std(0, correction=0)

        def loss(batch: Tensor, generator: torch.Generator) -> Tensor:
            x_0, x_1 = noised(start[batch], std, self.feature_noise, generator), goals[labels[batch]]
            t = torch.rand(len(batch), 1, generator=generator)
            x_t, velocity = bridge(x_0, x_1, t, self.noise * torch.randn(x_0.shape, generator=generator))
            return (network(x_t, t) - velocity).square().mean()

        def validation_loss() -> Tensor:
            # what is asked of it: the class at the end of the walk, at the scale that SeDA's networks start with
            cosines = nn.functional.normalize(fitted.walk(held_out), dim=1) @ nn.functional.normalize(goals, dim=1).T
            return nn.functional.cross_entropy(10 * cosines, answers)

        train_network(network, loss, validation_loss, len(labels), Schedule(self.learning_rate, seed=self.seed))
        return fitted


def bridge(x_0: Tensor, x_1: Tensor, t: Tensor, drawn: Tensor) -> tuple[Tensor, Tensor]:
    """State and velocity [n, d] at times [n, 1] of a Brownian bridge from x_0 to x_1 whose noise is `drawn` [n, d]."""
    inside = t.clamp(EDGE, 1 - EDGE)  # the velocity has no bound at the ends
    spread = (inside * (1 - inside)).sqrt()
    return (1 - t) * x_0 + t * x_1 + spread * drawn, x_1 - x_0 + (1 - 2 * inside) / (2 * spread) * drawn


class Velocity(nn.Module):
    """Velocity [n, d] at states [n, d] and times [n, 1]."""

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.network = nn.Sequential(
            nn.Linear(dim + 2 * TIME_FREQUENCIES, hidden), nn.GELU(),
            nn.Linear(hidden, hidden), nn.GELU(),
            nn.Linear(hidden, dim),
        )  # fmt: skip

    def forward(self, x_t: Tensor, t: Tensor) -> Tensor:
        angles = t * torch.arange(1, TIME_FREQUENCIES + 1) * torch.pi / 2  # [n, f]
        return self.network(torch.cat([x_t, angles.sin(), angles.cos()], dim=1))


@dataclass(frozen=True, eq=False)
class FittedFlow:
    """See `FlowMatching`: entry [D, d] brings prepared features into the texts' space."""

    config: FlowMatching
    prepare: Preparation
    entry: np.ndarray
    scale: float
    network: Velocity
    texts: ClassTextFeatures

    @property
    def parameters(self) -> int:
        return parameter_count(self.network) + (0 if self.texts.shared_space else self.entry.size)

    def start(self, image_features: np.ndarray) -> Tensor:
        """x_0 [n, d] of image features [n, D]: centred, in text space, at the texts' length."""
        entered = self.prepare(image_features) @ self.entry
        if self.texts.shared_space:
            entered = entered - self.texts.mean
        return torch.from_numpy((self.scale * unit(entered)).astype(np.float32))

    def walk(self, x_0: Tensor) -> Tensor:
        """The state [n, d] at time `stop`."""
        x_t, step = x_0, self.config.stop / self.config.steps
        for index in range(self.config.steps):
            x_t = x_t + step * self.network(x_t, torch.full((len(x_t), 1), index * step))
        return x_t

    def to_text_space(self, image_features: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            end = self.walk(self.start(image_features)).numpy()
        length = np.linalg.norm(self.texts.features - self.texts.mean, axis=1).mean()
        return end * (length / self.scale) + self.texts.mean

    def class_scores(self, image_features: np.ndarray) -> np.ndarray:
        return self.texts.cosines(self.to_text_space(image_features))


def _into_text_space(features: np.ndarray, labels: np.ndarray, texts: ClassTextFeatures) -> np.ndarray:
    """[D, d] of orthonormal columns: the images' first d principal axes, turned toward the texts."""
    dim = texts.features.shape[1]
    axes = np.linalg.svd(features.astype(np.float64), full_matrices=False)[2][:dim].T  # [D, r], r at most d
    turned = procrustes(features @ axes, (texts.features - texts.mean)[labels])  # [r, d], of rank k - 1 at most
    # the rest of the axes goes where the texts are not, so that nothing of the image is lost
    left, _, right = np.linalg.svd(turned.astype(np.float64))
    rank = axes.shape[1]
    return axes @ (left @ right[:rank])


SETTINGS = (
    FlowMatching(),
    FlowMatching(stop=0.5, steps=5),
    FlowMatching(noise=0.5),
    FlowMatching(stop=0.2, steps=2),
    FlowMatching(steps=1),
    FlowMatching(learning_rate=3e-3),
)
