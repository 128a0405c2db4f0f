"""Schedulers: nothing is clipped, steps are exact, noise is checked."""

import itertools

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler

from seda.config import PATH_FAMILIES, SAMPLERS, SamplingConfig
from seda.diffusion.paths import PATHS
from seda.diffusion.schedule import (
    add_noise,
    alphas_cumprod,
    check_scheduler,
    ddim_timesteps,
    make_scheduler,
    set_up,
)
from seda.errors import ConfigError, SchedulerError


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("strength", [0.05, 0.3, 0.6, 1.0])
@pytest.mark.parametrize("steps", [1, 7, 25])
def test_exactly_the_asked_steps_from_the_asked_strength(sampler, strength, steps):
    sampling = SamplingConfig(sampler, steps, strength)
    timesteps = set_up(make_scheduler(sampler), sampling)
    if SAMPLERS[sampler].scheduler == "DDIMScheduler":  # whose timesteps are also computed without diffusers
        assert torch.equal(timesteps, ddim_timesteps(sampling))
    assert len(timesteps) == steps
    assert all(a > b for a, b in itertools.pairwise(timesteps))
    # one step of the divided schedule is the best that any spacing can promise
    assert abs(int(timesteps[0]) / 1000 - strength) <= strength / steps + 0.05


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_perfect_estimate_is_reached_exactly_even_far_outside_of_one(sampler):
    target = torch.full((2, 4), 12.5)
    scheduler = make_scheduler(sampler)
    sampling = SamplingConfig(sampler, 10, 0.7)
    x_t = torch.randn(2, 4, generator=torch.Generator().manual_seed(0))
    for t in set_up(scheduler, sampling):
        x_t = scheduler.step(target, t, x_t).prev_sample
    np.testing.assert_allclose(x_t, target, atol=1e-4)


def test_ddim_follows_its_equation():
    """x_prev = sqrt(abar_prev) x_0 + sqrt(1 - abar_prev) noise_hat, arXiv:2010.02502 eq. 12 at eta 0."""
    scheduler = make_scheduler("ddim")
    sampling = SamplingConfig("ddim", 7, 0.7)  # ten steps in all: 100 timesteps each
    timesteps = set_up(scheduler, sampling)
    generator = torch.Generator().manual_seed(1)
    x_t, x_0 = torch.randn(3, 5, generator=generator), torch.randn(3, 5, generator=generator)
    for t, previous in itertools.pairwise(timesteps):
        now, then = alphas_cumprod()[t], alphas_cumprod()[previous]
        noise = (x_t - now.sqrt() * x_0) / (1 - now).sqrt()
        expected = then.sqrt() * x_0 + (1 - then).sqrt() * noise
        stepped = scheduler.step(x_0, t, x_t).prev_sample
        np.testing.assert_allclose(stepped, expected, atol=1e-5)
        x_t = stepped


def test_a_clipping_scheduler_is_refused():
    with pytest.raises(SchedulerError, match="clips"):
        check_scheduler(DDIMScheduler(prediction_type="sample"))  # diffusers' default is clip_sample=True
    with pytest.raises(SchedulerError, match="prediction_type is 'epsilon'"):
        check_scheduler(DDIMScheduler(clip_sample=False))


def test_unknown_sampler():
    with pytest.raises(SchedulerError, match="euler"):
        make_scheduler("euler")
    with pytest.raises(ConfigError, match="allowed are ddim"):
        SamplingConfig(sampler="euler")


def test_more_steps_than_the_strength_holds():
    SamplingConfig(num_inference_steps=50, strength=0.05)
    with pytest.raises(ConfigError, match=r"51 steps do not fit into strength 0.05: it holds 50 timesteps"):
        SamplingConfig(num_inference_steps=51, strength=0.05)


def test_noise_of_another_shape_is_refused():
    with pytest.raises(SchedulerError, match=r"\(1, 4\)"):
        add_noise(torch.zeros(3, 4), torch.zeros(1, 4), 100)


def test_add_noise_mixes_by_the_schedule():
    features, noise = torch.ones(2, 3), torch.full((2, 3), 2.0)
    noised = add_noise(features, noise, torch.tensor([0, 600]))
    for row, t in enumerate([0, 600]):
        alpha_bar = float(alphas_cumprod()[t])
        np.testing.assert_allclose(noised[row], alpha_bar**0.5 + 2 * (1 - alpha_bar) ** 0.5, rtol=1e-5)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_the_schedule_is_the_one_that_the_schedulers_go_by(sampler):
    assert torch.equal(alphas_cumprod(), make_scheduler(sampler).alphas_cumprod)


def test_families_that_can_be_named_are_those_that_there_are():
    assert set(PATHS) == set(PATH_FAMILIES)
