"""The denoising loop, in plain sight: every state and every x_0 estimate is kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from seda.config import SamplingConfig
from seda.diffusion.schedule import add_noise, check_scheduler, inference_timesteps, make_scheduler
from seda.errors import ShapeError, Stopped

Denoiser = Callable[[Tensor, int], Tensor]


@dataclass(frozen=True)
class StepEvent:
    """What `on_step` is told after each step: steps done, of how many, in which stage (1 or 2)."""

    done: int
    total: int
    stage: int


@dataclass(frozen=True)
class DenoisingPath:
    """One stage's run.

    Attributes:
        states: [n, K + 1, d]; the first is the noised source, the last is clean.
        x_0: [n, K + 1, d]; the estimate made at each state, at the last the state itself.
        timesteps: K + 1 timesteps; the last is 0.
    """

    states: Tensor
    x_0: Tensor
    timesteps: tuple[int, ...]


# odd constants spread neighbouring seeds; torch's generators take any 63-bit number
_ITEM, _RUN, _NUMBERS = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 2**63


def item_generators(item_seeds: Sequence[int], stage: int, seed: int) -> list[torch.Generator]:
    """One CPU generator per item, so that an item's noise depends neither on its batch nor on its place in it.

    Args:
        item_seeds: one number per item, for instance from the image's content.
        stage: 1 or 2; the stages have noise of their own.
        seed: of the whole run.
    """
    mixed = [(item * _ITEM + seed * _RUN + stage) % _NUMBERS for item in item_seeds]
    return [torch.Generator().manual_seed(number) for number in mixed]


def item_seed_under(item_seed: int, seed: int, other_seed: int) -> int:
    """The item seed that gives, in a run with `seed`, the noise which `item_seed` meets in a run with `other_seed`.

    With it one batch holds the same item under many seeds.
    """
    return (item_seed + (other_seed - seed) * _RUN * pow(_ITEM, -1, _NUMBERS)) % _NUMBERS


@torch.no_grad()
def denoise(
    denoiser: Denoiser,
    source: Tensor,
    sampling: SamplingConfig,
    generators: Sequence[torch.Generator],
    *,
    stage: int = 1,
    on_step: Callable[[StepEvent], object] | None = None,
) -> DenoisingPath:
    """Noise the source to the chosen strength, then walk to clean features, one scheduler step at a time.

    Args:
        denoiser: predicts x_0 [n, d] from (x_t [n, d], timestep).
        source: float32 [n, d], scaled units. Not modified.
        sampling: sampler, steps, strength and eta; its seed is in the generators already.
        generators: n generators, one per item (item_generators).
        stage: only told to on_step.
        on_step: called after each step; return True to stop.
    Returns:
        every state and every estimate, on the source's device.
    Raises:
        ShapeError: the source is not 2-D, or the number of generators is not n.
        SchedulerError: the scheduler would clip features.
        Stopped: on_step returned True.
    Shapes: n items, d feature width, K = sampling.num_inference_steps.
    Source: DDPM (arXiv:2006.11239), DDIM (arXiv:2010.02502), DPM-Solver++ (arXiv:2211.01095), as in diffusers.
    """
    if source.ndim != 2 or len(generators) != len(source):
        raise ShapeError(f"The source has shape {tuple(source.shape)} and came with {len(generators)} generators.")
    scheduler = make_scheduler(sampling.sampler)
    check_scheduler(scheduler)
    timesteps = inference_timesteps(scheduler, sampling)

    extra = {"generator": list(generators)}
    if sampling.sampler == "ddim":
        extra["eta"] = sampling.eta
    noise = torch.stack([torch.randn(source.shape[1], generator=generator) for generator in generators]).to(source)
    x_t = add_noise(scheduler, source, noise, timesteps[0])
    states, estimates = [x_t], []
    for done, t in enumerate(timesteps, start=1):
        x_0 = denoiser(x_t, int(t))
        x_t = scheduler.step(x_0, t, x_t, **extra).prev_sample
        states.append(x_t)
        estimates.append(x_0)
        if on_step is not None and on_step(StepEvent(done, len(timesteps), stage)):
            raise Stopped
    estimates.append(x_t)
    return DenoisingPath(torch.stack(states, 1), torch.stack(estimates, 1), (*timesteps.tolist(), 0))
