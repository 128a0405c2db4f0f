"""AnchorDenoiser: the closed form over possible targets, and a PFIN residual that starts at zero."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from seda.config import ModelConfig
from seda.diffusion.paths import PATHS
from seda.models.interaction import FeatureInteraction, InteractionTokens, interactions
from seda.models.timestep import TimestepEncoder

Modulations = tuple[Tensor, ...]


@dataclass(frozen=True)
class Candidates:
    """What a run is about, prepared once: everything that does not change from step to step.

    Attributes:
        anchors: the k possible targets [k, d].
        log_prior: log p(c | condition), normalised [n, k].
        source: what the run starts from [n, d].
        condition: embedded condition [n, width].
        tokens: per block, keys and values of condition and text bank.
    """

    anchors: Tensor
    log_prior: Tensor
    source: Tensor
    condition: Tensor
    tokens: tuple[InteractionTokens, ...]


class Denoised(NamedTuple):
    """x_0 estimate [n, d] and the log weights [n, k] of the closed form under it."""

    x_0: Tensor
    log_weights: Tensor


class ClassPrior(nn.Module):
    """p(c | condition) over any list of candidates: a belief that is given, and what a network adds to it.

    The network predicts a feature, which is compared with the candidates' by cosine. Its part is gated and starts at zero,
    so that the prior begins as the given belief; after training `residual_share` says how much of it validation data
    could confirm. Without a belief the network stands alone.

    Shapes: n items, k candidates, d their width.
    """

    residual_share: Tensor
    temperature: Tensor

    def __init__(self, condition_dim: int, dim: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.network = nn.Sequential(
            nn.Linear(condition_dim, hidden), nn.GELU(), nn.Dropout(dropout), nn.Linear(hidden, dim)
        )
        self.log_scale = nn.Parameter(torch.tensor(math.log(10.0)))
        self.gate = nn.Parameter(torch.zeros(()))
        # both are chosen on validation data after training
        self.register_buffer("residual_share", torch.ones(()))
        self.register_buffer("temperature", torch.ones(()))

    def forward(self, condition: Tensor, candidates: Tensor, belief: Tensor | None = None) -> Tensor:
        """Logits [n, k] of candidates [k, d] given conditions [n, condition_dim] and a belief, log probabilities [n, k]."""
        if belief is None:
            return self.network_logits(condition, candidates) / self.temperature
        if not self.training and float(self.residual_share) == 0:
            return belief / self.temperature
        learned = self.gate * self.network_logits(condition, candidates)
        return (belief + self.residual_share * learned) / self.temperature

    def network_logits(self, condition: Tensor, candidates: Tensor) -> Tensor:
        """The network's own logits [n, k]."""
        predicted = nn.functional.normalize(self.network(condition), dim=1)
        return predicted @ nn.functional.normalize(candidates, dim=1).T * self.log_scale.exp()


class AnchorDenoiser(nn.Module):
    """Predicts x_0 from a noisy state: the posterior-weighted mean of the anchors plus a gated residual from PFIN.

    Both stages are this network; they differ in what the anchors are (category centers, class texts) and in what they
    are conditioned on. It begins as the exact closed form under a learned p(c | v), so that whatever the steps and the
    text bank add shows as a difference.

    Shapes: n items, d feature width, k anchors, b texts in the bank, c condition width.
    """

    def __init__(self, config: ModelConfig, condition_dim: int) -> None:
        super().__init__()
        self.path = PATHS[config.path]
        self.reads_bank = config.bank
        self.prior = ClassPrior(condition_dim, config.dim, config.prior_width, config.dropout)
        self.state_in = nn.Linear(config.dim, config.width)
        self.condition_in = nn.Linear(condition_dim, config.width)
        self.bank_in = nn.Linear(config.dim, config.width)
        self.time = TimestepEncoder(config.width)
        self.blocks = nn.ModuleList(FeatureInteraction(config.width, config.heads) for _ in range(config.blocks))
        self.norm = nn.LayerNorm(config.width)
        self.residual_out = nn.Linear(config.width, config.dim)
        nn.init.zeros_(self.residual_out.weight)
        nn.init.zeros_(self.residual_out.bias)

    def prepare(
        self,
        condition: Tensor,
        anchors: Tensor,
        bank: Tensor,
        source: Tensor,
        guidance: float,
        belief: Tensor | None = None,
        log_prior: Tensor | None = None,
    ) -> Candidates:
        """Everything about a run that is the same at each of its steps.

        Args:
            condition: [n, c], scaled.
            anchors: the possible targets [k, d].
            bank: features of all candidate class texts [b, d], for PFIN.
            source: what the run starts from [n, d].
            guidance: power on p(c | condition).
            belief: that p(c | condition) begins from, log probabilities [n, k]; see `ClassPrior`.
            log_prior: log p(c | condition) [n, k] itself, where it is at hand.
        """
        with torch.no_grad():  # p(c | condition) learns from its own likelihood alone, so that it stays a probability
            if log_prior is None:
                log_prior = self.prior(condition, anchors, belief).log_softmax(-1)
            log_prior = (guidance * log_prior).log_softmax(-1)
        embedded = self.condition_in(condition)
        texts = self.bank_in(bank if self.reads_bank else bank[:0])
        tokens = tuple(block.tokens(embedded, texts) for block in interactions(self.blocks))
        return Candidates(anchors, log_prior, source, embedded, tokens)

    def embed_time(self, timesteps: Tensor) -> Modulations:
        """What m timesteps [m] do to each block, [m, 6 width] each; a run needs it once for all of its steps."""
        time = self.time(timesteps)
        return tuple(block.modulate(time) for block in interactions(self.blocks))

    def forward(
        self, x_t: Tensor, time: Modulations, alpha_bar: Tensor, alpha_bar_start: Tensor, run: Candidates
    ) -> Denoised:
        """Estimate x_0.

        Args:
            x_t: [n, d].
            time: from `embed_time`, for n timesteps or one.
            alpha_bar: at those timesteps, [n] or [1].
            alpha_bar_start: where the run started, [n] or [1].
            run: from `prepare`.
        """
        log_weights = self.path.log_weights(x_t, alpha_bar, alpha_bar_start, run.anchors, run.log_prior, run.source)
        state = self.state_in(x_t) + run.condition
        for block, modulation, tokens in zip(self.blocks, time, run.tokens, strict=True):
            state = block(state, modulation, tokens)
        return Denoised(log_weights.exp() @ run.anchors + self.residual_out(self.norm(state)), log_weights)
