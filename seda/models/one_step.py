"""GaussianDenoiser: the posterior around a one-step estimate. The control of the learned denoiser, and what it begins from."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from seda.config import ModelConfig
from seda.diffusion.paths import PathShares
from seda.models.denoiser import Denoised


@dataclass(frozen=True)
class Estimated:
    """What a run is about, prepared once.

    Attributes:
        mean: one-step estimate of the target [n, d]; the mean of all targets, 0, where the condition is left out.
        variance: of the target around it, per dimension, [n, 1].
        source: what the run starts from [n, d].
        guidance: see `SamplingConfig`; rows beyond the n of the source are those without condition, there unless it is 1.
    """

    mean: Tensor
    variance: Tensor
    source: Tensor
    guidance: float

    @property
    def rows(self) -> int:
        """How often each state is looked at: once, or also without the condition."""
        return len(self.mean) // max(len(self.source), 1)

    def guided(self, x_0: Tensor) -> Tensor:
        """Estimates of all rows, to one an item [n, d]: without condition + guidance (with it - without it).

        Source: classifier-free guidance, Ho and Salimans 2022 (arXiv:2207.12598), eq. 6.
        """
        if self.rows == 1:
            return x_0
        given, left_out = x_0.chunk(2)
        return left_out + self.guidance * (given - left_out)


class GaussianDenoiser(nn.Module):
    """x_0 = the posterior mean of a target that is N(m(v), s^2) under the condition v.

        x_0 = m + s^2 a / (s^2 a^2 + w) (x_t - b source - a m),    with x_t = a target + b source + sqrt(w) noise

    m is a small network, fitted by squared error: what one step can say. s^2 is its mean squared error per dimension on
    pairs that were held out. Sampled to the end it gives N(m, s^2), and so the range of the targets back, but no shape
    that is not a ball.

    Shapes: n items, d feature width, c condition width.
    """

    variance: Tensor

    def __init__(self, config: ModelConfig, condition_dim: int) -> None:
        super().__init__()
        self.network = nn.Sequential(
            nn.Linear(condition_dim, config.one_step_width), nn.GELU(), nn.Dropout(config.dropout),
            nn.Linear(config.one_step_width, config.dim),
        )  # fmt: skip
        self.prior_variance = config.feature_norm**2 / config.dim  # of targets where nothing is known of them
        self.register_buffer("variance", torch.ones(()))

    def prepare(
        self,
        condition: Tensor,
        source: Tensor,
        guidance: float,
        dropped: Tensor | None = None,
        mean: Tensor | None = None,
    ) -> Estimated:
        """Everything about a run that is the same at each of its steps.

        Args:
            condition: [n, c], scaled.
            source: [n, d].
            guidance: 1 takes the estimate as it is.
            dropped: bool [n], rows whose condition is left out, in training.
            mean: the estimate [n, d] itself, where it is at hand.
        """
        mean = self.network(condition) if mean is None else mean
        variance = self.variance.expand(len(mean), 1)
        if dropped is not None:
            mean, variance = self._without(mean, variance, dropped)
        if guidance != 1:
            mean = torch.cat([mean, torch.zeros_like(mean)])
            variance = torch.cat([variance, torch.full_like(variance, self.prior_variance)])
        return Estimated(mean, variance, source, guidance)

    def _without(self, mean: Tensor, variance: Tensor, dropped: Tensor) -> tuple[Tensor, Tensor]:
        rows = dropped[:, None]
        return mean.masked_fill(rows, 0), variance.masked_fill(rows, self.prior_variance)

    def embed_time(self, timesteps: Tensor) -> tuple[Tensor, ...]:
        """Nothing: the noise level says all."""
        return ()

    def forward(self, x_t: Tensor, time: tuple[Tensor, ...], shares: PathShares, run: Estimated) -> Denoised:
        """Estimate x_0 from states [n, d] that are made of such shares. There are no candidates to weigh: [n, 0]."""
        state = (x_t - shares.source * run.source).repeat(run.rows, 1)
        x_0 = posterior_mean(state, run.mean, run.variance, shares)
        return Denoised(run.guided(x_0), x_t.new_zeros(len(x_t), 0))


def posterior_mean(state: Tensor, mean: Tensor, variance: Tensor | float, shares: PathShares) -> Tensor:
    """E[target | state] [n, d] of a target N(mean [n, d], variance [n, 1]) and a state [n, d] without its source's share."""
    total = shares.target.square() * variance + shares.variance
    return mean + variance * shares.target / total * (state - shares.target * mean)
