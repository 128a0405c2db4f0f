"""MixtureDenoiser: the learned denoiser, PFIN's weights over what a target may be and PFIN's correction of it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from seda.config import ModelConfig
from seda.diffusion.paths import PathShares
from seda.models.denoiser import Denoised
from seda.models.interaction import FeatureInteraction, InteractionTokens, interactions
from seda.models.one_step import Estimated, posterior_mean
from seda.models.timestep import TimestepEncoder

HIDDEN = -1e4  # a log probability of nothing that stays finite
LIKENESS = 12.0  # of the one-step estimate to anchors, where training begins; chosen here, it is learned


@dataclass(frozen=True)
class Mixture:
    """What a run is about, prepared once.

    Attributes:
        estimated: the part of `GaussianDenoiser`: rows r are its.
        anchors: means of what targets near them are [k, d].
        likeness: cosine of the one-step estimate to the anchors [r, k].
        belief: that is known of the anchors [r, k]; None where nothing is.
        near_place: cosine of the place that the denoiser was told to the anchors [r, k]; None where it was told none.
        keys: of the anchors [k, d].
        embedded: condition [r, width].
        tokens: per block, keys and values of condition and text bank.
        among: bool [r, k], the anchors that each row may be near; None for all.
        visible: bool [r, b], the texts of the bank that each row sees; None for all.
    """

    estimated: Estimated
    anchors: Tensor
    likeness: Tensor
    belief: Tensor | None
    near_place: Tensor | None
    keys: Tensor
    embedded: Tensor
    tokens: tuple[InteractionTokens, ...]
    among: Tensor | None = None
    visible: Tensor | None = None


class MixtureDenoiser(nn.Module):
    """Predicts x_0 from a noisy state, by a mixture whose weights are learned and a residual that is.

    A target is near one of the anchors (category centers in stage 1, the texts of the bank in stage 2), or none of them is
    its own and it lies free around a one-step estimate. With component i = N(mean_i, variance_i) and 0 the free one,

        x_0 = sum_i w_i E[target | x_t, i] + deviation * residual,    log w_i = log p_i(x_t, t, v) + e_t log p(x_t | i) + constant
        p_0 = 1 - q,    p_i = q softmax_i( scores ),    q = sigmoid( gate ): whether any of the anchors is the target's own

    The scores, the gate and the residual come from PFIN's blocks, in which the state attends to condition and bank; q knows how
    well the best anchors score, and not how many they are. The weight e_t of the exact likelihood is learned with the timestep
    and begins at 1. The residual is in units of the mixture's own
    deviation and begins at zero. All of it is trained by the loss of denoising (and the anchors' cross-entropy), on pairs.
    Each stage is told what the one before it found, and learns how much of that to believe: stage 1 the classifier's belief, stage 2
    where stage 1 ended, carried over to the texts. In an open vocabulary stage 2 is also told where a map that was learned by
    contrast places the picture: squared error spends itself on what all texts share. No probability of a word given the picture is an input. A fitted one ends near words of the list where one of them fits, and away from
    all of them where none does.

    Where the condition is left out (see `Estimated`), a learned vector stands in its place.

    Shapes: n items, r rows (n, or 2 n with guidance), d feature width, k anchors, b texts in the bank, c condition width.
    """

    anchor_scale: Tensor
    anchor_variance: Tensor

    def __init__(self, config: ModelConfig, condition_dim: int, told_place: bool = False) -> None:
        super().__init__()
        dim, width = config.dim, config.denoiser_width
        self.reads_bank = config.bank
        self.feature_norm = config.feature_norm
        self.prior_variance = config.feature_norm**2 / dim  # of targets where nothing is known of them
        self.state_in = nn.Linear(dim, width)
        self.condition_in = nn.Sequential(nn.Dropout(config.dropout), nn.Linear(condition_dim + dim, width))
        self.bank_in = nn.Linear(dim, width)
        self.no_condition = nn.Parameter(torch.zeros(width))
        self.time = TimestepEncoder(width)
        self.blocks = nn.ModuleList(
            FeatureInteraction(width, config.denoiser_heads) for _ in range(config.denoiser_blocks)
        )
        self.norm = nn.LayerNorm(width)
        self.residual_out = nn.Linear(width, dim)
        self.query_out = nn.Linear(width, dim)
        self.key_in = nn.Linear(dim, dim)
        self.gate_out = nn.Linear(width, 1)
        self.fit_scale = nn.Parameter(torch.full((), 0.1))
        self.evidence = nn.Linear(width, 1)
        self.log_likeness = nn.Parameter(torch.tensor(math.log(LIKENESS)))
        self.log_near_place = nn.Parameter(torch.tensor(math.log(LIKENESS))) if told_place else None
        # more or less of likeness, belief and place, for this picture and timestep
        self.trust_out = nn.Linear(width, 3 if told_place else 2)
        self.belief_gate = nn.Parameter(torch.ones(()))
        # targets of an anchor are N(scale * anchor, variance); measured in training
        self.register_buffer("anchor_scale", torch.ones(()))
        self.register_buffer("anchor_variance", torch.full((), 0.05))
        for layer in (self.residual_out, self.evidence, self.trust_out):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def prepare(
        self,
        estimated: Estimated,
        condition: Tensor,
        anchors: Tensor,
        bank: Tensor,
        dropped: Tensor | None = None,
        belief: Tensor | None = None,
        among: Tensor | None = None,
        visible: Tensor | None = None,
        place: Tensor | None = None,
    ) -> Mixture:
        """Everything about a run that is the same at each of its steps.

        Args:
            estimated: from `GaussianDenoiser.prepare`, with the same rows dropped.
            condition: [n, c], scaled.
            anchors: what targets may be near [k, d].
            bank: features of all candidate class texts [b, d], for PFIN.
            dropped: bool [n], rows whose condition is left out, in training.
            belief: log p(anchor | condition) [n, k] that is known of the anchors; a learned share of it counts.
            among: bool [n, k], anchors that each item may be near, in training; all where None.
            visible: bool [n, b], texts of the bank that each item sees, in training; all where None.
            place: where the texts of the items lie by a map that tells texts apart [n, d], of any length.
        """
        mean = estimated.mean[: len(condition)]
        given = torch.cat([condition, mean / self.feature_norm * mean.shape[1] ** 0.5], dim=1)
        embedded = self.condition_in(given)
        if dropped is not None:
            embedded = torch.where(dropped[:, None], self.no_condition, embedded)
        if estimated.rows > 1:
            embedded = torch.cat([embedded, self.no_condition.expand_as(embedded)])
        normalize = nn.functional.normalize
        keys, directions = self.key_in(anchors) / anchors.shape[1] ** 0.5, normalize(anchors, dim=1)
        likeness = normalize(estimated.mean, dim=1) @ directions.T
        near_place = None if place is None else normalize(place, dim=1) @ directions.T
        belief, near_place = (_of_all_rows(told, dropped, estimated.rows) for told in (belief, near_place))
        texts = self.bank_in(bank if self.reads_bank else bank[:0])
        tokens = tuple(block.tokens(embedded, texts) for block in interactions(self.blocks))
        means = self.anchor_scale * anchors
        return Mixture(estimated, means, likeness, belief, near_place, keys, embedded, tokens, among, visible)

    def embed_time(self, timesteps: Tensor) -> tuple[Tensor, ...]:
        """What m timesteps [m] do to each block, [m, 6 width] each, and last the likelihood's weight e_t [m, 1]."""
        time = self.time(timesteps)
        weight = 1 + self.evidence(nn.functional.silu(time))
        return (*(block.modulate(time) for block in interactions(self.blocks)), weight)

    def forward(self, x_t: Tensor, time: tuple[Tensor, ...], shares: PathShares, run: Mixture) -> Denoised:
        """Estimate x_0 from states [n, d] that are made of such shares, at timesteps that `embed_time` took: one, or n.

        The log weights are those of the anchors, with the condition [n, k]; what they lack to 1 is the free component's.
        """
        x_0, log_weights, _ = self.estimate(x_t, time, shares, run)
        return Denoised(run.estimated.guided(x_0), log_weights[: len(x_t), 1:])

    def _log_prior(self, hidden: Tensor, run: Mixture) -> Tensor:
        """Log p_0 and log p_i [r, 1 + k] of rows' hidden states [r, width]."""
        trust = self.trust_out(hidden)
        scores = (self.log_likeness + trust[:, :1]).exp() * run.likeness + self.query_out(hidden) @ run.keys.T
        if run.belief is not None:
            scores = scores + (self.belief_gate + trust[:, 1:2]) * run.belief
        if run.near_place is not None and self.log_near_place is not None:
            scores = scores + (self.log_near_place + trust[:, 2:]).exp() * run.near_place
        if not scores.shape[1]:  # an empty list
            return scores.new_zeros(len(scores), 1)
        count = torch.full_like(scores[:, :1], scores.shape[1])
        if run.among is not None:
            scores = scores.masked_fill(~run.among, HIDDEN)
            count = run.among.sum(1, keepdim=True).to(scores)
        total = scores.logsumexp(1, keepdim=True)
        gate = self.gate_out(hidden) + self.fit_scale * (total - count.clamp_min(1).log())
        gate = gate.masked_fill(count == 0, HIDDEN)
        return torch.cat([-nn.functional.softplus(gate), scores - total - nn.functional.softplus(-gate)], dim=1)

    def estimate(
        self, x_t: Tensor, time: tuple[Tensor, ...], shares: PathShares, run: Mixture
    ) -> tuple[Tensor, Tensor, Tensor]:
        """x_0 of all rows [r, d], the log weights of free component and anchors [r, 1 + k], and the deviation [r, 1]."""
        estimated, anchors = run.estimated, run.anchors
        a, noise = shares.target, shares.variance
        state = (x_t - shares.source * estimated.source).repeat(estimated.rows, 1)
        *modulations, evidence = time
        typical = (a.square() * self.prior_variance + noise).sqrt()
        hidden = self.state_in(state / typical) + run.embedded
        for block, modulation, tokens in zip(interactions(self.blocks), modulations, run.tokens, strict=True):
            hidden = block(hidden, modulation, tokens, run.visible)
        hidden = self.norm(hidden)

        free_total = a.square() * estimated.variance + noise  # [r, 1]
        anchor_total = a.square() * self.anchor_variance + noise
        # log p(x_t | i), less what all have in common
        near = (a * (state @ anchors.T) - a.square() / 2 * anchors.square().sum(1)) / anchor_total
        squared = state.square().sum(1, keepdim=True)
        free = squared / (2 * anchor_total) - (state - a * estimated.mean).square().sum(1, keepdim=True) / (
            2 * free_total
        )
        free = free - state.shape[1] / 2 * (free_total / anchor_total).log()
        log_prior = self._log_prior(hidden, run)
        log_weights = (log_prior + evidence * torch.cat([free, near], dim=1)).log_softmax(1)
        weights = log_weights.exp()
        alone, anchored = weights[:, :1], weights[:, 1:]
        taken = self.anchor_variance * a / anchor_total
        share = 1 - alone
        x_0 = alone * posterior_mean(state, estimated.mean, estimated.variance, shares)
        x_0 = x_0 + (1 - taken * a) * (anchored @ anchors) + share * taken * state
        deviation = (
            alone * estimated.variance * noise / free_total + share * self.anchor_variance * noise / anchor_total
        ).sqrt()
        return x_0 + deviation * self.residual_out(hidden), log_weights, deviation


def _of_all_rows(told: Tensor | None, dropped: Tensor | None, rows: int) -> Tensor | None:
    """What a run is told of its anchors [n, k], for all its rows [r, k]: nothing, 0, where the condition is left out."""
    if told is None:
        return None
    if dropped is not None:
        told = told.masked_fill(dropped[:, None], 0)
    return told if rows == 1 else torch.cat([told, torch.zeros_like(told)])
