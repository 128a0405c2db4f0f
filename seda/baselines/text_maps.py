"""Maps from pictures to texts that learn from the same pairs as SeDA's denoisers: what the learned diffusion is compared with.

All see the condition (the scaled visual feature) alone, with the same noise on it, for as many batches as SeDA's networks, and
keep the weights of the lowest loss on the same held-out pairs. Each is asked for ends: features in the scaled text space, a new
draw for each seed where the method draws at all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from seda.baselines.flow_matching import Velocity
from seda.baselines.network_training import Schedule, descend, seeded
from seda.config import TrainingConfig
from seda.training.augmentation import noised
from seda.training.denoisers import HELD_OUT_COUNT, VALIDATE_EVERY, Pairs, PairSource
from seda.training.word_closed_forms import ridge

CONTRAST = 15.0  # of cosines within a batch; chosen here, no other was tried
COMPONENTS = 16  # of the mixture density network
FLOW_STEPS = 25  # as many as SeDA's
RIDGE_PAIRS = 8192  # drawn for the ridge, which takes all at once
PENALTIES = (0.1, 0.3, 1.0, 3.0)  # of the ridge, in units of the conditions' mean squared length


class TextMap(Protocol):
    """A fitted map."""

    def ends(self, condition: Tensor, seed: int) -> Tensor:
        """Scaled text features [n, d] of scaled visual ones [n, D]."""


@dataclass(frozen=True, eq=False)
class OneStep:
    """A network that answers at once.

    Attributes:
        network: from conditions [n, D] to [n, d].
        length: that every end is brought to; None leaves them as they are.
    """

    network: nn.Module
    length: float | None = None

    @torch.no_grad()
    def ends(self, condition: Tensor, seed: int) -> Tensor:
        found = self.network(condition)
        return found if self.length is None else self.length * nn.functional.normalize(found, dim=1)


def perceptron(condition_dim: int, dim: int, config: TrainingConfig, hidden: int = 512) -> nn.Module:
    """As SeDA's one-step estimate."""
    return seeded(
        config.seed,
        lambda: nn.Sequential(nn.Linear(condition_dim, hidden), nn.GELU(), nn.Dropout(0.2), nn.Linear(hidden, dim)),
    )


def fit_squared(pairs: PairSource, sizes: tuple[int, int], config: TrainingConfig) -> nn.Module:
    """One step by squared error: the mean of the texts that a picture may have."""
    network = perceptron(*sizes, config)
    _train(network, pairs, config, lambda one, condition, _: (network(condition) - one.text).square().mean())
    return network


def fit_contrastive(pairs: PairSource, sizes: tuple[int, int], config: TrainingConfig) -> nn.Module:
    """One step by telling the texts of a batch apart (InfoNCE); says nothing of lengths."""
    network = perceptron(*sizes, config)

    def loss(one: Pairs, condition: Tensor, _: torch.Generator) -> Tensor:
        texts, own = torch.unique(one.text, dim=0, return_inverse=True)
        cosines = nn.functional.normalize(network(condition), dim=1) @ nn.functional.normalize(texts, dim=1).T
        return nn.functional.cross_entropy(CONTRAST * cosines, own)

    _train(network, pairs, config, loss)
    return network


def fit_ridge(pairs: PairSource, config: TrainingConfig) -> nn.Module:
    """A linear map by squared error; its penalty is chosen on held-out pairs."""
    generator = torch.Generator().manual_seed(config.seed)
    drawn, held = pairs.draw(RIDGE_PAIRS, generator), pairs.draw(HELD_OUT_COUNT, generator, held_out=True)
    found = []
    for penalty in PENALTIES:
        weight, bias = ridge(drawn.condition, drawn.text, penalty)
        linear = nn.Linear(*weight.shape)
        linear.weight.data.copy_(weight.T)
        linear.bias.data.copy_(bias)
        linear.requires_grad_(False)
        found.append((float((linear(held.condition) - held.text).square().mean()), linear))
    return min(found, key=lambda tried: tried[0])[1]


class MixtureDensity(nn.Module):
    """A mixture of Gaussians whose weights, means and variances a network gives (Bishop 1994)."""

    def __init__(self, condition_dim: int, dim: int, hidden: int = 512) -> None:
        super().__init__()
        self.dim = dim
        self.body = nn.Sequential(nn.Linear(condition_dim, hidden), nn.GELU(), nn.Dropout(0.2))
        self.out = nn.Linear(hidden, COMPONENTS * (dim + 2))

    def parts(self, condition: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Log weights [n, m], means [n, m, d] and log variances [n, m]."""
        out = self.out(self.body(condition))
        logits, log_variance = out[:, :COMPONENTS], out[:, COMPONENTS : 2 * COMPONENTS]
        means = out[:, 2 * COMPONENTS :].view(-1, COMPONENTS, self.dim)
        return logits.log_softmax(1), means, log_variance.clamp(-6, 2)

    def loss(self, condition: Tensor, text: Tensor) -> Tensor:
        """Negative log-likelihood a dimension, up to a constant."""
        log_weights, means, log_variance = self.parts(condition)
        squared = (means - text[:, None]).square().sum(2)
        log_p = log_weights - squared / (2 * log_variance.exp()) - self.dim / 2 * log_variance
        return -log_p.logsumexp(1).mean() / self.dim

    @torch.no_grad()
    def ends(self, condition: Tensor, seed: int) -> Tensor:
        """A draw from each mixture."""
        generator = torch.Generator().manual_seed(seed)
        log_weights, means, log_variance = self.parts(condition)
        which = torch.multinomial(log_weights.exp(), 1, generator=generator)
        mean = means.gather(1, which[..., None].expand(-1, -1, self.dim))[:, 0]
        noise = torch.randn(mean.shape, generator=generator)
        return mean + (log_variance.gather(1, which) / 2).exp() * noise


def fit_mixture_density(pairs: PairSource, sizes: tuple[int, int], config: TrainingConfig) -> MixtureDensity:
    """By likelihood."""
    network = seeded(config.seed, lambda: MixtureDensity(*sizes))
    _train(network, pairs, config, lambda one, condition, _: network.loss(condition, one.text))
    return network


class FlowFromPicture(nn.Module):
    """Flow matching on straight lines from each picture to its text, as FMA does; see `seda.baselines.flow_matching`.

    Pictures enter the texts' space as SeDA's do (`Pairs.visual`), with noise, so that one picture has many lines.
    """

    def __init__(self, dim: int, hidden: int = 512) -> None:
        super().__init__()
        self.velocity = Velocity(dim, hidden)

    def loss(self, visual: Tensor, text: Tensor, generator: torch.Generator) -> Tensor:
        """Squared error of the velocity."""
        start = visual + torch.randn(visual.shape, generator=generator)
        t = torch.rand(len(start), 1, generator=generator)
        return (self.velocity((1 - t) * start + t * text, t) - (text - start)).square().mean()

    @torch.no_grad()
    def walk(self, visual: Tensor, seed: int) -> Tensor:
        """The end [n, d] of the walk from pictures in the texts' space [n, d]."""
        generator = torch.Generator().manual_seed(seed)
        x_t = visual + torch.randn(visual.shape, generator=generator)
        for index in range(FLOW_STEPS):
            x_t = x_t + self.velocity(x_t, torch.full((len(x_t), 1), index / FLOW_STEPS)) / FLOW_STEPS
        return x_t


def fit_flow(pairs: PairSource, dim: int, config: TrainingConfig) -> FlowFromPicture:
    """By the squared error of the velocity."""
    network = seeded(config.seed, lambda: FlowFromPicture(dim))
    _train(network, pairs, config, lambda one, _, generator: network.loss(one.visual, one.text, generator))
    return network


def _train(
    network: nn.Module,
    pairs: PairSource,
    config: TrainingConfig,
    loss: Callable[[Pairs, Tensor, torch.Generator], Tensor],
) -> None:
    """As other baselines' networks, for as many steps as SeDA's denoisers, each on pairs that are drawn for it."""
    held = pairs.draw(HELD_OUT_COUNT, torch.Generator().manual_seed(config.seed), held_out=True)

    def loss_at(step: int) -> Tensor:
        generator = torch.Generator().manual_seed(config.seed * 1_000_003 + step)
        drawn = pairs.draw(config.batch_size, generator)
        return loss(drawn, noised(drawn.condition, pairs.condition_std, config.feature_noise, generator), generator)

    def validation_loss() -> Tensor:
        return loss(held, held.condition, torch.Generator().manual_seed(0))

    schedule = Schedule(config.learning_rate, config.weight_decay, config.seed)
    descend(network, loss_at, validation_loss, schedule, config.denoiser_steps, VALIDATE_EVERY)
