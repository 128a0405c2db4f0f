"""The closed form against a naive version, and what follows from it (an oracle denoiser in place of the network)."""

import numpy as np
import pytest
import torch

from seda.config import SAMPLERS, SamplingConfig
from seda.diffusion import PATHS, alphas_cumprod, denoise, item_generators, posterior_log_weights
from seda.diffusion.closed_form import max_leftover
from seda.diffusion.sampling import item_seed_under
from seda.diffusion.schedule import ddim_timesteps
from seda.errors import ShapeError, Stopped

P = np.array([0.50, 0.20, 0.15, 0.10, 0.05])
DIM = 8
walk = PATHS["conditional"].walk


def anchors_of(scale: float) -> torch.Tensor:
    generator = torch.Generator().manual_seed(7)
    return scale * torch.nn.functional.normalize(torch.randn(len(P), DIM, generator=generator), dim=1)


def oracle(anchors: torch.Tensor, source: torch.Tensor, sampling: SamplingConfig, p=P):
    """The exact denoiser for targets m_c with probability p_c."""
    start = alphas_cumprod()[ddim_timesteps(sampling)[0]].reshape(1)
    log_prior = torch.from_numpy(np.log(p)).float().expand(len(source), -1)

    def denoiser(x_t, t):
        alpha_bar = alphas_cumprod()[t].reshape(1)
        leftover = max_leftover(alpha_bar, start)
        return posterior_log_weights(x_t, alpha_bar, anchors, log_prior, source, leftover).exp() @ anchors

    return denoiser


def naive_log_weights(x_t, alpha_bar, anchors, log_prior, source, leftover):
    """The same by loops and a fine grid over the leftover of the source."""
    logits = np.empty(log_prior.shape)
    for i, x in enumerate(x_t):
        for c, m in enumerate(anchors):
            shares = np.linspace(0, leftover, 20_001)[:, None]
            mean = np.sqrt(alpha_bar) * m + shares * (source[i] - m)
            logits[i, c] = log_prior[i, c] - ((x - mean) ** 2).sum(1).min() / (2 * (1 - alpha_bar))
    return logits - np.log(np.exp(logits).sum(1, keepdims=True))


@pytest.mark.parametrize(("alpha_bar", "leftover"), [(0.3, 0.0), (0.3, 0.4), (0.8, 0.2)])
def test_against_a_naive_version(alpha_bar, leftover):
    rng = np.random.default_rng(0)
    x_t, source = rng.normal(size=(2, 6, DIM))
    anchors = rng.normal(size=(4, DIM))
    log_prior = np.log(rng.dirichlet(np.ones(4), size=6))
    arguments = [torch.from_numpy(part) for part in (x_t, np.array([alpha_bar]), anchors, log_prior, source)]
    found = posterior_log_weights(*arguments, torch.tensor([leftover], dtype=torch.float64))
    expected = naive_log_weights(x_t, alpha_bar, anchors, log_prior, source, leftover)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_at_pure_noise_the_estimate_is_the_prior_mean():
    anchors = anchors_of(1.0)
    x_t = torch.randn(3, DIM, generator=torch.Generator().manual_seed(0))
    log_prior = torch.from_numpy(np.log(P)).float().expand(3, -1)
    weights = posterior_log_weights(x_t, torch.tensor([1e-9]), anchors, log_prior, x_t, torch.zeros(1)).exp()
    np.testing.assert_allclose(weights, np.tile(P, (3, 1)), atol=1e-3)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_runs_end_in_class_c_with_its_probability(sampler):
    """A single sampled run ends in class c with probability p(c | v), not at the arg max."""
    count = 4000
    anchors = anchors_of(DIM**0.5)
    sampling = SamplingConfig(sampler, 40, strength=1.0, guidance=1.0)
    source = torch.zeros(count, DIM)
    path = denoise(oracle(anchors, source, sampling), source, walk(sampling), item_generators(range(count), 1, 0))
    ended = torch.cdist(path.states[:, -1], anchors)
    assert float(ended.min(1).values.max()) < 1e-2  # each at an anchor
    frequency = np.bincount(ended.argmin(1), minlength=len(P)) / count
    error = np.sqrt(P * (1 - P) / count)  # of sampling
    assert (np.abs(frequency - P) < 4.5 * error + 0.02).all(), frequency  # .02: finitely many steps


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_source_that_leans_to_a_class_does_not_count_as_evidence(sampler):
    """From a noised source beside anchor 4 the run still ends where the prior says."""
    count = 300
    anchors = anchors_of(DIM**0.5 * 3)
    sampling = SamplingConfig(sampler, 25, strength=0.5)
    source = anchors[4].expand(count, -1) + 0.1
    p = np.array([0.96, 0.01, 0.01, 0.01, 0.01])
    path = denoise(oracle(anchors, source, sampling, p), source, walk(sampling), item_generators(range(count), 1, 0))
    ended = torch.cdist(path.states[:, -1], anchors).argmin(1)
    assert float((ended == 0).float().mean()) > 0.85


def test_every_state_and_estimate_is_kept_and_the_last_is_clean():
    anchors = anchors_of(2.0)
    sampling = SamplingConfig("ddim", 9, 0.6)
    source = torch.randn(3, DIM, generator=torch.Generator().manual_seed(3))
    path = denoise(oracle(anchors, source, sampling), source, walk(sampling), item_generators(range(3), 1, 0))
    assert path.states.shape == path.x_0.shape == (3, 10, DIM)
    assert path.timesteps[-1] == 0 and len(path.timesteps) == 10
    assert torch.equal(path.states[:, -1], path.x_0[:, -1])


@pytest.mark.parametrize("item", [0, 7, 2**47 + 3, 2**63 - 1])
def test_an_item_meets_the_noise_of_another_seed(item):
    for seed, other in [(0, 1), (5, 5), (9, 2), (0, 2**31 - 1)]:
        moved = item_seed_under(item, seed, other)
        assert 0 <= moved < 2**63
        for stage in (1, 2):
            (wanted,), (found,) = item_generators([item], stage, other), item_generators([moved], stage, seed)
            assert found.initial_seed() == wanted.initial_seed()


def test_an_items_path_depends_neither_on_its_batch_nor_on_its_place():
    anchors = anchors_of(2.0)
    sampling = SamplingConfig("ddpm", 9, 0.6, seed=5)
    source = torch.randn(4, DIM, generator=torch.Generator().manual_seed(3))

    def run(items):
        part = source[items]
        return denoise(oracle(anchors, part, sampling), part, walk(sampling), item_generators(items, 1, 5)).states

    together, alone = run([0, 1, 2, 3]), run([2])
    np.testing.assert_allclose(together[2], alone[0], atol=1e-5)
    np.testing.assert_allclose(run([3, 2, 1, 0]).flip(0), together, atol=1e-5)


def test_seed_stage_and_item_give_noise_of_their_own():
    draws = {
        tuple(torch.randn(3, generator=item_generators([item], stage, seed)[0]).tolist())
        for item in (0, 1, 2**48 - 1)
        for stage in (1, 2)
        for seed in (0, 1)
    }
    assert len(draws) == 12


def test_the_global_generator_is_left_alone():
    before = torch.get_rng_state()
    sampling = SamplingConfig("ddpm", 4, 0.6)
    source = torch.zeros(2, DIM)
    denoise(oracle(anchors_of(2.0), source, sampling), source, walk(sampling), item_generators(range(2), 1, 0))
    assert torch.equal(before, torch.get_rng_state())


def test_stop_and_wrong_shapes():
    sampling = SamplingConfig("ddim", 9, 0.6)
    source = torch.zeros(2, DIM)
    seen = []

    def on_step(event):
        seen.append(event.done)
        return event.done == 3

    with pytest.raises(Stopped):
        denoise(
            oracle(anchors_of(2.0), source, sampling),
            source,
            walk(sampling),
            item_generators(range(2), 1, 0),
            on_step=on_step,
        )
    assert seen == [1, 2, 3]
    with pytest.raises(ShapeError, match="came with 3 generators"):
        denoise(lambda x, t: x, source, walk(sampling), item_generators(range(3), 1, 0))
