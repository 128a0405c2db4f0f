"""Noise that is drawn for many steps at once is that of a call an item and step, to the last bit; the way before is written out here."""

import itertools

import pytest
import torch
from diffusers.utils.torch_utils import randn_tensor

from seda.config import SamplingConfig
from seda.diffusion import PATHS, alphas_cumprod, denoise, item_generators, noise
from seda.diffusion.noise import item_noise
from seda.diffusion.schedule import add_noise, make_scheduler, set_up

ITEMS = (0, 7, 2**47 + 3)
WIDTHS = (
    3,
    8,
    16,
    200,
    384,
    512,
)  # torch draws fewer than 16 numbers, whole sixteens, and what is left of them, each in another way
SAMPLINGS = {
    "ddim": SamplingConfig("ddim", 9),
    "ddim-half": SamplingConfig("ddim", 9, eta=0.5),
    "ddim-one-step": SamplingConfig("ddim", 1, eta=1.0),
    "ddpm": SamplingConfig("ddpm", 9),
    "ddpm-long": SamplingConfig("ddpm", 40, strength=1.0),
    "dpmsolver++": SamplingConfig("dpmsolver++", 9),
}


def one_by_one(generators, width):
    return torch.stack([torch.randn(width, generator=generator) for generator in generators])


def estimate(x_t, timestep):
    return 2 * torch.tanh(x_t) + timestep / 1000


def through_noise_as_before(source, sampling, generators):
    """By diffusers' own steps, which draw for each item in each step."""
    scheduler = make_scheduler(sampling.sampler)
    timesteps = set_up(scheduler, sampling)
    x_t = add_noise(source, one_by_one(generators, source.shape[1]), timesteps[0])
    states = [x_t]
    for t in timesteps:
        options = {"eta": sampling.eta} if sampling.sampler == "ddim" else {}
        x_t = scheduler.step(estimate(x_t, int(t)), t, x_t, generator=generators, **options).prev_sample
        states.append(x_t)
    return torch.stack(states, 1)


def bridge_as_before(source, sampling, generators):
    """Its formula, see `BridgePath`."""
    timesteps = torch.linspace(999, 0, sampling.num_inference_steps + 1).round().long()[:-1]
    times = [1.0, *(1 - alphas_cumprod()[timesteps]).double()[1:].tolist(), 0.0]
    x_t, states = source, [source]
    for index, (now, then) in enumerate(itertools.pairwise(times)):
        x_0 = estimate(x_t, int(timesteps[index]))
        if then == 0:
            states.append(x_0)
            break
        eta = 1.0 if index == 0 else sampling.eta
        variance = eta**2 * then * (now - then) / now
        own = x_t - ((1 - now) * x_0 + now * source)
        kept = 0.0 if index == 0 else ((then * (1 - then) - variance) / (now * (1 - now))) ** 0.5
        x_t = (1 - then) * x_0 + then * source + kept * own
        if variance:
            x_t = x_t + variance**0.5 * one_by_one(generators, source.shape[1])
        states.append(x_t)
    return torch.stack(states, 1)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("held", [1, 40_000, noise.MAX_HELD])
def test_noise_is_that_of_a_call_an_item_and_draw(monkeypatch, width, held):
    """However many draws there is room for."""
    monkeypatch.setattr(noise, "MAX_HELD", held)
    before, draws = item_generators(ITEMS, 1, 5), 21
    found = item_noise(item_generators(ITEMS, 1, 5), torch.zeros(len(ITEMS), width), draws)
    for _ in range(draws):
        drawn = next(found)
        assert drawn.dtype == torch.float32 and torch.equal(drawn, one_by_one(before, width))
    assert next(found, None) is None


@pytest.mark.parametrize("width", WIDTHS)
def test_diffusers_drew_the_same(width):
    (drawn,) = item_noise(item_generators(ITEMS, 2, 1), torch.zeros(len(ITEMS), width), 1)
    assert torch.equal(drawn, randn_tensor((len(ITEMS), width), generator=item_generators(ITEMS, 2, 1)))


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", SAMPLINGS)
@pytest.mark.parametrize("family", PATHS)
def test_paths_are_those_of_before_to_the_last_bit(family, name, width):
    sampling = SAMPLINGS[name]
    source = 2 * torch.randn(len(ITEMS), width, generator=torch.Generator().manual_seed(1))
    walk = PATHS[family].walk(sampling)
    found = denoise(estimate, source, walk, item_generators(ITEMS, 2, 4)).states
    before = through_noise_as_before if family == "conditional" else bridge_as_before
    expected = before(source, sampling, item_generators(ITEMS, 2, 4))
    if family == "conditional" and name == "ddim":  # whose step is one operation instead of diffusers' eight
        torch.testing.assert_close(found, expected)
    else:
        assert torch.equal(found, expected)


@pytest.mark.parametrize("family", PATHS)
@pytest.mark.parametrize("name", SAMPLINGS)
def test_a_walk_takes_as_much_noise_as_it_says(family, name):
    """More would be drawn for nothing, less would end a run."""
    walk, source, taken = PATHS[family].walk(SAMPLINGS[name]), torch.zeros(2, 4), []

    def counted():
        while True:
            taken.append(1)
            yield torch.zeros_like(source)

    given = counted()
    x_t = walk.start(source, given)
    for index, t in enumerate(walk.timesteps.tolist()):
        x_t = walk.step(index, estimate(x_t, t), x_t, source, given)
    assert len(taken) == walk.draws


@pytest.mark.parametrize("width", [5, 384])
def test_an_items_noise_depends_neither_on_its_batch_nor_on_its_place(monkeypatch, width):
    monkeypatch.setattr(noise, "MAX_HELD", 16 * width)  # one draw at a time for four items, three for one

    def of(items):
        like = torch.zeros(len(items), width)
        return torch.stack([part.clone() for part in item_noise(item_generators(items, 1, 0), like, 3)], 1)

    together = of([4, 9, 2, 6])
    assert torch.equal(of([2])[0], together[2])
    assert torch.equal(of([6, 2, 9, 4]), together.flip(0))


def test_noise_that_is_held_is_bounded():
    for count in (1, 500, 4096):
        drawn = next(item_noise(item_generators(range(count), 1, 0), torch.zeros(count, 384), 101))
        assert drawn.untyped_storage().nbytes() <= noise.MAX_HELD
