"""Path families: what lies between a source and its target, and how a run walks it.

Everything in which the families differ is here: the states that training draws, the closed-form posterior over targets at
a state, where a run starts and how it steps. The network, the loop and the trajectories are the same for both. Both share
the clock of the noise schedule: a state at timestep t belongs to abar_t, the cumulative product of alphas.

Shapes: n items, k anchors (possible targets), d feature width.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from seda.config import SAMPLERS, SamplingConfig
from seda.diffusion.closed_form import bridge_log_weights, max_leftover, posterior_log_weights
from seda.diffusion.schedule import (
    NUM_TRAIN_TIMESTEPS,
    Scheduler,
    add_noise,
    alphas_cumprod,
    check_scheduler,
    ddim_timesteps,
    make_scheduler,
    set_up,
)


class Drawn(NamedTuple):
    """States for training: x_t [n, d], their timesteps [n], the timestep [n] at which each one's run began, and how much of the
    source each still holds [n]."""

    x_t: Tensor
    timesteps: Tensor
    start: Tensor
    source_share: Tensor


class PathShares(NamedTuple):
    """What a state is made of: target share * target + source share * source + sqrt(variance) noise; [n, 1] each, or [1, 1]."""

    target: Tensor
    source: Tensor
    variance: Tensor


class Walk(Protocol):
    """One run along a path; it may count its steps, so it is walked once.

    Attributes:
        timesteps: int64 [K], falling; a denoiser looks at the state at each of them.
        source_shares: how much of the source the state still holds at each of them [K], if the estimates are right.
        draws: how often it takes noise, start and steps together.
    """

    timesteps: Tensor
    source_shares: Tensor
    draws: int

    def start(self, source: Tensor, noise: Iterator[Tensor]) -> Tensor:
        """The first state [n, d] from the source [n, d] and noise [n, d] as `item_noise` gives it."""

    def step(self, index: int, x_0: Tensor, x_t: Tensor, source: Tensor, noise: Iterator[Tensor]) -> Tensor:
        """From the state x_t at `timesteps[index]` and its x_0 estimate, both [n, d], to the next state; the last is clean."""


class PathFamily(Protocol):
    """A family of paths from a source s to a target m."""

    def draw(
        self,
        target: Tensor,
        source: Tensor,
        alphas_cumprod: Tensor,
        generator: torch.Generator,
        *,
        warm_start_share: float,
        exact_share: float = 0.0,
    ) -> Drawn:
        """States of runs from sources [n, d] to targets [n, d] at random timesteps.

        Args:
            alphas_cumprod: abar of every timestep.
            warm_start_share: see `TrainingConfig`.
            exact_share: of the states that hold as much of the source as those of DDIM; the others hold less.
        """

    def shares(self, alpha_bar: Tensor, source_share: Tensor) -> PathShares:
        """What states are made of at noise levels [n] or [1] that hold so much of their source, [n] or [1]."""

    def log_weights(
        self,
        x_t: Tensor,
        alpha_bar: Tensor,
        alpha_bar_start: Tensor,
        anchors: Tensor,
        log_prior: Tensor,
        source: Tensor,
    ) -> Tensor:
        """Normalised log posterior [n, k] of the anchors [k, d] at states [n, d].

        Args:
            alpha_bar: at each state's timestep, [n] or [1].
            alpha_bar_start: where the run started, [n] or [1].
            log_prior: log p_c, [n, k].
            source: what the run started from [n, d].
        """

    def walk(self, sampling: SamplingConfig) -> Walk:
        """A run with these settings."""


class ConditionalPath:
    """x_t = sqrt(abar) m + sqrt(1 - abar) noise, walked by a scheduler of diffusers from the noised source.

    A run starts at `strength` of the schedule, where sqrt(abar) s + sqrt(1 - abar) noise still holds a part of the source;
    `seda.diffusion.closed_form` says what follows for the posterior.
    """

    def draw(
        self,
        target: Tensor,
        source: Tensor,
        alphas_cumprod: Tensor,
        generator: torch.Generator,
        *,
        warm_start_share: float,
        exact_share: float = 0.0,
    ) -> Drawn:
        count = len(target)
        start = torch.randint(1, len(alphas_cumprod), (count,), generator=generator)
        t = (torch.rand(count, generator=generator) * (start + 1)).long()  # 0 .. start
        alpha_bar = alphas_cumprod[t]
        most = max_leftover(alpha_bar, alphas_cumprod[start])
        left = warm_start_share * torch.rand(count, generator=generator) * most
        if exact_share:
            left = torch.where(torch.rand(count, generator=generator) < exact_share, most, left)
        noise = torch.randn(source.shape, generator=generator)
        mean = alpha_bar.sqrt()[:, None] * target + left[:, None] * (source - target)
        return Drawn(mean + (1 - alpha_bar).sqrt()[:, None] * noise, t, start, left)

    def log_weights(
        self,
        x_t: Tensor,
        alpha_bar: Tensor,
        alpha_bar_start: Tensor,
        anchors: Tensor,
        log_prior: Tensor,
        source: Tensor,
    ) -> Tensor:
        leftover = max_leftover(alpha_bar, alpha_bar_start)
        return posterior_log_weights(x_t, alpha_bar, anchors, log_prior, source, leftover)

    def shares(self, alpha_bar: Tensor, source_share: Tensor) -> PathShares:
        alpha_bar, source_share = alpha_bar[:, None], source_share[:, None]
        return PathShares(alpha_bar.sqrt() - source_share, source_share, 1 - alpha_bar)

    def walk(self, sampling: SamplingConfig) -> Walk:
        if sampling.sampler == "ddim" and sampling.eta == 0:
            return _DdimWalk(sampling)
        return _DdpmWalk(sampling) if sampling.sampler == "ddpm" else _SchedulerWalk(sampling)


class _DdimWalk:
    """DDIM without fresh noise: see `ConditionalPath`.

    A step (arXiv:2010.02502, eq. 12) is linear in the x_0 estimate and the state; as one, it takes a quarter of the time of diffusers'
    eight operations on small tensors, 7 % of a whole run.
    """

    draws = 1

    def __init__(self, sampling: SamplingConfig) -> None:
        self.timesteps = ddim_timesteps(sampling)
        levels = alphas_cumprod()[self.timesteps]
        self.source_shares = max_leftover(levels, levels[0])
        now = levels.double()
        then = torch.cat([now[1:], now.new_ones(1)])
        kept = ((1 - then) / (1 - now)).sqrt()
        self._mix = list(zip((then.sqrt() - kept * now.sqrt()).tolist(), kept.tolist(), strict=True))

    def start(self, source: Tensor, noise: Iterator[Tensor]) -> Tensor:
        return add_noise(source, next(noise), self.timesteps[0])

    def step(self, index: int, x_0: Tensor, x_t: Tensor, source: Tensor, noise: Iterator[Tensor]) -> Tensor:
        estimate, state = self._mix[index]
        return torch.add(estimate * x_0, x_t, alpha=state)


class _SchedulerWalk:
    """By a scheduler of diffusers: see `ConditionalPath`.

    Raises:
        SchedulerError: the scheduler would clip features.
    """

    def __init__(self, sampling: SamplingConfig) -> None:
        self._scheduler = make_scheduler(sampling.sampler)
        check_scheduler(self._scheduler)
        self.timesteps = set_up(self._scheduler, sampling)
        self.source_shares = _source_shares(replace(sampling, seed=0, guidance=None, denoiser=""))
        self._options: dict[str, Any] = {"eta": sampling.eta} if "eta" in SAMPLERS[sampling.sampler].uses else {}
        self._is_noisy = self._options.get("eta", 0.0) > 0
        self.draws = 1 + len(self.timesteps) * self._is_noisy

    def start(self, source: Tensor, noise: Iterator[Tensor]) -> Tensor:
        return add_noise(source, next(noise), self.timesteps[0])

    def step(self, index: int, x_0: Tensor, x_t: Tensor, source: Tensor, noise: Iterator[Tensor]) -> Tensor:
        options = self._options | ({"variance_noise": next(noise)} if self._is_noisy else {})
        return self._scheduler.step(x_0, self.timesteps[index], x_t, **options).prev_sample


class _DdpmWalk(_SchedulerWalk):
    """Ancestral steps, arXiv:2006.11239, eq. 7, with the variance of the posterior: see `ConditionalPath`.

    diffusers' step draws its noise itself, in a call an item; so its formula is here, operation for operation: the numbers are
    the same to the last bit.
    """

    def __init__(self, sampling: SamplingConfig) -> None:
        super().__init__(sampling)
        self.draws = 1 + int((self.timesteps > 0).sum())
        now = alphas_cumprod()[self.timesteps]
        then = torch.cat([now[1:], now.new_ones(1)])
        kept = now / then  # alpha of each step
        estimate, state = then.sqrt() * (1 - kept) / (1 - now), kept.sqrt() * (1 - then) / (1 - now)
        spread = ((1 - then) / (1 - now) * (1 - kept)).clamp(min=1e-20).sqrt()
        self._mix = list(zip(estimate.tolist(), state.tolist(), spread.tolist(), strict=True))

    def step(self, index: int, x_0: Tensor, x_t: Tensor, source: Tensor, noise: Iterator[Tensor]) -> Tensor:
        estimate, state, spread = self._mix[index]
        mean = estimate * x_0 + state * x_t
        return mean + spread * next(noise) if self.timesteps[index] > 0 else mean


def _step_options(scheduler: Scheduler, sampling: SamplingConfig, generator: torch.Generator) -> dict[str, Any]:
    """What a scheduler's `step` takes beside the states to draw its noise itself; some add none."""
    options: dict[str, Any] = {"eta": sampling.eta} if "eta" in SAMPLERS[sampling.sampler].uses else {}
    if "generator" in inspect.signature(scheduler.step).parameters:
        options["generator"] = generator
    return options


@cache
def _source_shares(sampling: SamplingConfig) -> Tensor:
    """How much of the source the states of a scheduler of diffusers hold [K], where each estimate is the target.

    A step is linear: what it does to the source's share is seen on a state that is the source, 1, on the way to a target 0,
    beside one that is nothing and meets the same noise.
    """

    def walked(first: float) -> list[float]:
        scheduler = make_scheduler(sampling.sampler)
        timesteps = set_up(scheduler, sampling)
        options = _step_options(scheduler, sampling, torch.Generator().manual_seed(0))
        state, found = torch.tensor([[first]], dtype=torch.float64), []
        for t in timesteps:
            found.append(float(state))
            state = scheduler.step(torch.zeros_like(state), t, state, **options).prev_sample
        return found

    scheduler = make_scheduler(sampling.sampler)
    start = float(alphas_cumprod()[set_up(scheduler, sampling)[0]].sqrt())
    return torch.tensor(walked(start)).sub(torch.tensor(walked(0.0))).float()


class BridgePath:
    """Brownian bridge between the target m (time 0) and the source s (time 1); a run starts exactly at the source.

        x = (1 - u) m + u s + sigma sqrt(u (1 - u)) noise,    u = 1 - abar_t,    sigma = 1

    Time u and sigma are chosen here so that the noise is that of the conditional family: at each timestep the state says
    as much about the target, (1 - u) / (sigma^2 u) = abar / (1 - abar). Indeed (x - u s) / sqrt(abar) is a state of the
    conditional family begun at pure noise. In linear time t = timestep / schedule length a run would meet most of what
    tells its targets apart (features have length sqrt(d)) in its very first steps, and commit before it could see it.

    A step goes by the bridge between the x_0 estimate and the present state. With r = x - (1 - u) x_0 - u s, the state's
    own noise, and u' the next time,

        x' = (1 - u') x_0 + u' s + sqrt((u'(1 - u') - v) / (u (1 - u))) r + sqrt(v) noise,    v = eta^2 u'(u - u') / u.

    At eta 1 this is the Brownian bridge, x_0 + (u'/u)(x - x_0) + sqrt(u'(u - u')/u) noise; at eta 0 the flow: the noise
    is drawn with the first step and only fades from there, as it is with DDIM. It has to be drawn at any eta: from one
    point a flow has one path, and every run would end in the same class instead of in class c with probability p(c | v).

    Of the sampling, steps, eta, guidance and seed count; `sampler` and `strength` mean nothing here: the whole bridge is
    walked. Nor does training's `warm_start_share`: how much of the source a state still holds is u.

    Source: Li et al., "BBDM: Image-to-Image Translation with Brownian Bridge Diffusion Models", CVPR 2023 (arXiv:2205.07680,
    their m_t is u); eta as in DDIM (arXiv:2010.02502), eq. 12 and 16.
    """

    def draw(
        self,
        target: Tensor,
        source: Tensor,
        alphas_cumprod: Tensor,
        generator: torch.Generator,
        *,
        warm_start_share: float,
        exact_share: float = 0.0,
    ) -> Drawn:
        last = len(alphas_cumprod) - 1
        t = torch.randint(1, last + 1, (len(target),), generator=generator)
        near = alphas_cumprod[t][:, None]  # 1 - u
        noise = torch.randn(source.shape, generator=generator)
        x_t = near * target + (1 - near) * source + (near * (1 - near)).sqrt() * noise
        return Drawn(x_t, t, torch.full_like(t, last), 1 - near[:, 0])

    def log_weights(
        self,
        x_t: Tensor,
        alpha_bar: Tensor,
        alpha_bar_start: Tensor,
        anchors: Tensor,
        log_prior: Tensor,
        source: Tensor,
    ) -> Tensor:
        return bridge_log_weights(x_t, 1 - alpha_bar, anchors, log_prior, source)

    def shares(self, alpha_bar: Tensor, source_share: Tensor) -> PathShares:
        near = alpha_bar[:, None]  # 1 - u
        return PathShares(near, source_share[:, None], near * (1 - near))

    def walk(self, sampling: SamplingConfig) -> Walk:
        return _BridgeWalk(sampling)


class _BridgeWalk:
    """See `BridgePath`."""

    def __init__(self, sampling: SamplingConfig) -> None:
        count, last = sampling.num_inference_steps, NUM_TRAIN_TIMESTEPS - 1
        self.timesteps = torch.linspace(last, 0, count + 1).round().long()[:-1]
        self.source_shares = 1 - alphas_cumprod()[self.timesteps]
        times = self.source_shares.double()
        self._times = [1.0, *times[1:].tolist(), 0.0]  # the last timestep's is 1 to within 3e-9
        self._eta = sampling.eta
        self.draws = min(count - 1, count if self._eta else 1)  # the last step has none, nor at eta 0 any but the first

    def start(self, source: Tensor, noise: Iterator[Tensor]) -> Tensor:
        return source

    def step(self, index: int, x_0: Tensor, x_t: Tensor, source: Tensor, noise: Iterator[Tensor]) -> Tensor:
        now, then = self._times[index : index + 2]
        if then == 0:
            return x_0
        eta = 1.0 if index == 0 else self._eta
        variance = eta**2 * then * (now - then) / now
        x_t_mean = (1 - now) * x_0 + now * source
        kept = 0.0 if index == 0 else ((then * (1 - then) - variance) / (now * (1 - now))) ** 0.5
        stepped = (1 - then) * x_0 + then * source + kept * (x_t - x_t_mean)
        return stepped if variance == 0 else stepped + variance**0.5 * next(noise)


PATHS: dict[str, PathFamily] = {"conditional": ConditionalPath(), "bridge": BridgePath()}
