"""The noise schedule, and diffusers' schedulers with the settings that features need.

diffusers is imported when a scheduler of it takes a step: its import takes longer than everything else that a first answer needs, and
DDIM without fresh noise is one line (`seda.diffusion.paths`).
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from functools import cache
from typing import Any, Protocol

import torch
from torch import Tensor

from seda.config import SAMPLERS, SamplingConfig
from seda.errors import SchedulerError

NUM_TRAIN_TIMESTEPS = SamplingConfig.SCHEDULE_LENGTH
# Chosen here: the cosine schedule loses the signal evenly over time, so that every step of the picture shows a change.
BETA_SCHEDULE = "squaredcos_cap_v2"
OFFSET, MAX_BETA = 0.008, 0.999  # of that schedule, see `alphas_cumprod`


@cache
def alphas_cumprod() -> Tensor:
    """abar_t of every timestep, float32 [NUM_TRAIN_TIMESTEPS] on the CPU; read-only.

    abar_t = f(t / T) / f(0) with f(u) = cos^2( (u + s) / (1 + s) pi / 2 ), and no beta_t = 1 - abar_t / abar_{t-1} above MAX_BETA.

    Source: Nichol and Dhariwal, "Improved Denoising Diffusion Probabilistic Models", arXiv:2102.09672, eq. 17.
    """

    def signal(t: int) -> float:
        return math.cos((t / NUM_TRAIN_TIMESTEPS + OFFSET) / (1 + OFFSET) * math.pi / 2) ** 2

    betas = [min(1 - signal(t + 1) / signal(t), MAX_BETA) for t in range(NUM_TRAIN_TIMESTEPS)]
    with torch.device("cpu"):  # also where a model is built without memory: the schedule is kept for all
        return (1.0 - torch.tensor(betas, dtype=torch.float32)).cumprod(0)


class Scheduler(Protocol):
    """What is used of diffusers' schedulers, which share no type that says it.

    Attributes:
        config: how it was built.
        timesteps: int64, those of the last `set_timesteps`, from large to small.
    """

    config: Mapping[str, Any]
    timesteps: Tensor

    def set_timesteps(self, num_inference_steps: int) -> None:
        """Choose the timesteps."""

    def step(self, model_output: Tensor, timestep: Tensor, sample: Tensor, **options: Any) -> Any:
        """The state after one timestep, as `prev_sample` of the result."""


def make_scheduler(sampler: str) -> Scheduler:
    """A diffusers scheduler whose model output is x_0 (prediction_type "sample") and which never clips.

    Pixel defaults clamp to +-1: on features of standard deviation 3 that alone was an error of 1.5.

    Args:
        sampler: a name of SAMPLERS.
    Raises:
        SchedulerError: the sampler is not known.
    """
    with torch.device("cpu"):  # also where a model is built without memory: the scheduler is kept for all
        kept = _scheduler(sampler)
    return copy.deepcopy(kept)  # it counts steps; building one takes as long as two denoising steps


@cache
def _scheduler(sampler: str) -> Scheduler:
    common = {
        "num_train_timesteps": NUM_TRAIN_TIMESTEPS,
        "beta_schedule": BETA_SCHEDULE,
        "prediction_type": "sample",
        # "leading" is the spacing at which DDIM's previous timestep is exact for any number of steps
        # (huggingface/diffusers issues 11347 and 12633)
        "timestep_spacing": "leading",
    }
    if (known := SAMPLERS.get(sampler)) is None:
        raise SchedulerError(f"The sampler {sampler!r} is not known; allowed are {', '.join(SAMPLERS)}.")
    import diffusers

    return getattr(diffusers, known.scheduler)(**common, **known.options)


def check_scheduler(scheduler: Scheduler) -> None:
    """Refuse a scheduler that would damage features.

    Raises:
        SchedulerError: it clips or thresholds, or its model output is not x_0.
    """
    config = scheduler.config
    if config.get("clip_sample") or config.get("thresholding"):
        raise SchedulerError(
            "The scheduler clips its samples, which would clamp features to +-1.",
            remedy="Build it with clip_sample=False and thresholding=False, as make_scheduler does.",
        )
    if config["prediction_type"] != "sample":
        raise SchedulerError(
            f"The scheduler's prediction_type is {config['prediction_type']!r}; the denoisers predict x_0 ('sample')."
        )


def ddim_timesteps(sampling: SamplingConfig) -> Tensor:
    """The timesteps to run, int64 [num_inference_steps], from strength down to 0.

    As in diffusers' image-to-image pipelines, the whole schedule is divided finely enough that its last
    num_inference_steps steps begin at `strength` of its length; they are a whole number of timesteps apart ("leading").
    """
    apart = NUM_TRAIN_TIMESTEPS // _divisions(sampling)
    return apart * torch.arange(sampling.num_inference_steps - 1, -1, -1)


def set_up(scheduler: Scheduler, sampling: SamplingConfig) -> Tensor:
    """Let a new scheduler go from strength down to 0, as `ddim_timesteps` do. Returns its own timesteps: DPM-Solver++ ends above 0."""
    scheduler.set_timesteps(_divisions(sampling))
    first = len(scheduler.timesteps) - sampling.num_inference_steps
    if hasattr(scheduler, "set_begin_index"):  # DPM-Solver++ counts its steps and has to know where they begin
        scheduler.set_begin_index(first)
    return scheduler.timesteps[first:]


def _divisions(sampling: SamplingConfig) -> int:
    return min(round(sampling.num_inference_steps / sampling.strength), NUM_TRAIN_TIMESTEPS)


def add_noise(features: Tensor, noise: Tensor, timestep: int | Tensor) -> Tensor:
    """sqrt(abar_t) features + sqrt(1 - abar_t) noise, [n, d], at one timestep or one per row [n].

    Written out because diffusers' add_noise broadcasts noise [1, d] to all rows without a word, and DPM-Solver++'s reads
    its step counter instead of the timestep.

    Raises:
        SchedulerError: noise and features differ in shape.
    """
    if noise.shape != features.shape:
        raise SchedulerError(f"Noise has shape {tuple(noise.shape)}; features have {tuple(features.shape)}.")
    alpha_bar = alphas_cumprod()[torch.as_tensor(timestep)].to(features).reshape(-1, 1)
    return alpha_bar.sqrt() * features + (1 - alpha_bar).sqrt() * noise
