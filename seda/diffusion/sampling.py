"""The denoising loop, in plain sight: every state and every x_0 estimate is kept."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from seda.diffusion.noise import item_noise
from seda.diffusion.paths import Walk
from seda.errors import ShapeError, Stopped

LARGE_PAGE = 2 * 2**20  # bytes, of Linux on most processors

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
        states: [n, K + 1, d]; the first is where the path starts (the noised source, or on a bridge the source itself), the
            last is clean.
        x_0: [n, K + 1, d]; the estimate made at each state, at the last the state itself.
        timesteps: K + 1 timesteps; the last is 0.
        shares: [K + 1, 3], what each state is made of if the estimates are right: shares of target, source and noise
            (`PathShares`, the noise as a standard deviation); None where that was not asked for.
        weights: [n, K, k], how much each of the k candidates weighed in each estimate; None likewise.
    """

    states: Tensor
    x_0: Tensor
    timesteps: tuple[int, ...]
    shares: Tensor | None = None
    weights: Tensor | None = None


# odd constants spread neighbouring seeds; torch's generators take any 63-bit number
_ITEM, _RUN, _NUMBERS = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 2**63


def item_generators(item_seeds: Sequence[int], stage: int, seed: int) -> list[torch.Generator]:
    """One CPU generator per item, so that an item's noise depends neither on its batch nor on its place in it.

    Args:
        item_seeds: one number per item, for instance from the item's content.
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


@torch.inference_mode()
def denoise(
    denoiser: Denoiser,
    source: Tensor,
    walk: Walk,
    generators: Sequence[torch.Generator],
    *,
    stage: int = 1,
    on_step: Callable[[StepEvent], object] | None = None,
) -> DenoisingPath:
    """Walk from a source to clean features, one step at a time.

    Args:
        denoiser: predicts x_0 [n, d] from (x_t [n, d], timestep).
        source: float32 [n, d], scaled units. Not modified.
        walk: start and steps of a new run, from `PathFamily.walk`; the seed is in the generators already.
        generators: n generators, one per item (item_generators).
        stage: only told to on_step.
        on_step: called after each step; return True to stop.
    Returns:
        every state and every estimate, on the source's device.
    Raises:
        ShapeError: the source is not 2-D, or the number of generators is not n.
        Stopped: on_step returned True.
    Shapes: n items, d feature width, K denoising steps.
    """
    if source.ndim != 2 or len(generators) != len(source):
        raise ShapeError(f"The source has shape {tuple(source.shape)} and came with {len(generators)} generators.")
    timesteps = walk.timesteps.tolist()
    noise = item_noise(generators, source, walk.draws)
    x_t = walk.start(source, noise)
    # written in place: lists of states would hold everything twice, and memory that is new costs more than copying
    states, estimates = _empty((2, len(source), len(timesteps) + 1, source.shape[1]), source)
    states[:, 0] = x_t
    for index, t in enumerate(timesteps):
        x_0 = denoiser(x_t, t)
        x_t = walk.step(index, x_0, x_t, source, noise)
        states[:, index + 1], estimates[:, index] = x_t, x_0
        if on_step is not None and on_step(StepEvent(index + 1, len(timesteps), stage)):
            raise Stopped
    estimates[:, -1] = x_t
    return DenoisingPath(states, estimates, (*timesteps, 0))


def _empty(shape: tuple[int, ...], like: Tensor) -> Tensor:
    """float32 memory on the device of another tensor.

    On the CPU it is numpy's, begun where a large page begins: numpy asks Linux for such pages and torch does not, and 64 items
    touch 5,000 small ones, which takes longer than all that is written there.
    """
    count = math.prod(shape)
    if like.device.type != "cpu" or 4 * count < LARGE_PAGE:
        return like.new_empty(shape, dtype=torch.float32)
    memory = np.empty(4 * count + LARGE_PAGE, np.uint8)
    start = -memory.ctypes.data % LARGE_PAGE
    return torch.from_numpy(memory[start : start + 4 * count].view(np.float32).reshape(shape))
