"""A small network straight from image features to the text of the class, with and without the center loss."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize

from seda.baselines.base import ClassTextFeatures, LabelledFeatures
from seda.baselines.network_training import Schedule, noised, parameter_count, seeded, train_network
from seda.baselines.preparation import Preparation
from seda.baselines.text_regression import text_targets
from seda.training.augmentation import Mixup

SCALE = 10.0  # of cosines at the start of training, as in SeDA's networks


@dataclass(frozen=True)
class OneStepMlp:
    """One hidden layer to text space; squared error to the text and cross-entropy over cosines with all class texts.

    It starts small: at unit variance of the hidden layer the random part of the first weights answers for all directions
    that a handful of images says nothing about, and costs accuracy at few shots (held-out training images of
    Fashion-MNIST).

    The alignment in one step that the paper sets itself apart from, with every help that SeDA's networks get: the same
    hidden width, dropout, noise, mixup and early stopping, and no fewer steps.
    Source: a one-step mapping to text, as the papers before SeDA do it; center loss of Wen et al. 2016, eq. 2, on the hidden features, its centers
    learned by gradient.

    Attributes:
        learning_rate: peak of a cosine decay.
        feature_noise: strength of the input noise, in standard deviations of the features.
        mixup: Beta parameter; 0 switches it off.
        center_weight: of the center loss; 0 switches it off.
        hidden: width.
        dropout: behind the hidden layer.
        preparation: see `Preparation`.
        weight_decay: AdamW's.
        start: size of the first weights; 1 gives the hidden layer unit variance before training.
        target: of the squared error, see `text_targets`.
        seed: of everything random.
    """

    learning_rate: float = 3e-3
    feature_noise: float = 1.0
    mixup: float = 0.4
    center_weight: float = 0.0
    hidden: int = 512
    dropout: float = 0.2
    preparation: str = "centred unit"
    weight_decay: float = 0.02
    start: float = 0.1
    target: str = "class"
    seed: int = 0

    def fit(self, train: LabelledFeatures, texts: ClassTextFeatures, validation: LabelledFeatures) -> FittedMlp:
        prepare = Preparation.fit(train.image_features, self.preparation)
        features, labels = _tensor(prepare(train.image_features)), torch.from_numpy(train.labels)
        held_out, answers = _tensor(prepare(validation.image_features)), torch.from_numpy(validation.labels)
        targets = normalize(_tensor(texts.features - texts.mean), dim=1)  # [k, d]
        goals = normalize(_tensor(text_targets(train, texts, self.target) - texts.mean), dim=1)  # [n, d]
        std = features.std(0, correction=0)
        network = seeded(self.seed, lambda: _Network(features.shape[1], self, targets))

        def loss(batch: Tensor, generator: torch.Generator) -> Tensor:
            inputs = noised(features[batch], std, self.feature_noise, generator)
            blend = Mixup.drawn(len(batch), self.mixup, generator)
            hidden = network.hidden(blend(inputs))
            predicted = network.predicted(hidden)
            logits = network.scale.exp() * predicted @ targets.T
            total = torch.zeros(())
            for index, part in ((batch, blend.share), (batch[blend.partner], 1 - blend.share)):
                squared = 2 - 2 * (predicted * goals[index]).sum(1)  # ||a - b||^2 of unit vectors
                entropy = cross_entropy(logits, labels[index], reduction="none")
                pull = (hidden - network.centers[labels[index]]).square().sum(1) / 2
                total = total + (part * (squared + entropy + self.center_weight * pull)).mean()
            return total

        def validation_loss() -> Tensor:
            return cross_entropy(network.scale.exp() * network.cosines(network.hidden(held_out)), answers)

        schedule = Schedule(self.learning_rate, self.weight_decay, self.seed)
        train_network(network, loss, validation_loss, len(labels), schedule)
        return FittedMlp(prepare, network, texts)


class _Network(nn.Module):
    """Shapes: n images, D their width, h hidden width, k classes, d text width."""

    targets: Tensor

    def __init__(self, width: int, config: OneStepMlp, targets: Tensor) -> None:
        super().__init__()
        entry = nn.Linear(width, config.hidden)
        self.hidden = nn.Sequential(entry, nn.GELU())
        self.output = nn.Sequential(nn.Dropout(config.dropout), nn.Linear(config.hidden, targets.shape[1]))
        self.scale = nn.Parameter(torch.tensor(SCALE).log())
        self.centers = nn.Parameter(torch.zeros(len(targets), config.hidden), requires_grad=config.center_weight > 0)
        self.register_buffer("targets", targets)
        with torch.no_grad():  # prepared features have length 1: bring them to unit variance a dimension
            entry.weight.mul_(config.start * width**0.5)

    def predicted(self, hidden: Tensor) -> Tensor:
        return normalize(self.output(hidden), dim=1)

    def cosines(self, hidden: Tensor) -> Tensor:
        return self.predicted(hidden) @ self.targets.T


@dataclass(frozen=True, eq=False)
class FittedMlp:
    """See `OneStepMlp`."""

    prepare: Preparation
    network: _Network
    texts: ClassTextFeatures

    @property
    def parameters(self) -> int:
        return parameter_count(self.network)

    def to_text_space(self, image_features: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            predicted = self.network.predicted(self.network.hidden(_tensor(self.prepare(image_features)))).numpy()
        length = np.linalg.norm(self.texts.features - self.texts.mean, axis=1).mean()
        return length * predicted + self.texts.mean

    def class_scores(self, image_features: np.ndarray) -> np.ndarray:
        return self.texts.cosines(self.to_text_space(image_features))


def _tensor(array: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32))


SETTINGS = (
    OneStepMlp(),
    OneStepMlp(start=0.03),
    OneStepMlp(learning_rate=1e-3),
    OneStepMlp(target="image"),
    OneStepMlp(mixup=0.0),
    OneStepMlp(weight_decay=1.0),
)
CENTER_SETTINGS = (
    OneStepMlp(center_weight=0.1),
    OneStepMlp(center_weight=0.1, start=0.03),
    OneStepMlp(center_weight=0.1, learning_rate=1e-3),
    OneStepMlp(center_weight=0.1, target="image"),
    OneStepMlp(center_weight=1.0),
    OneStepMlp(center_weight=0.01, weight_decay=1.0),
)
