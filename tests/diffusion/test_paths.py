"""The Brownian bridge: its closed form by Bayes' rule, its start, its steps, and where its runs end."""

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal

from seda.config import ModelConfig, SamplingConfig
from seda.diffusion import PATHS, alphas_cumprod, bridge_log_weights, denoise, item_generators
from seda.diffusion.paths import _SchedulerWalk
from seda.errors import ConfigError

P = np.array([0.50, 0.20, 0.15, 0.10, 0.05])
DIM = 8
BRIDGE, CONDITIONAL = PATHS["bridge"], PATHS["conditional"]
ALPHAS_BAR = alphas_cumprod()


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def anchors_of(scale):
    return scale * torch.nn.functional.normalize(drawn(len(P), DIM, seed=7), dim=1)


def oracle(anchors, source, p=P):
    """The exact denoiser for targets m_c with probability p_c."""
    log_prior = torch.from_numpy(np.log(p)).float().expand(len(source), -1)

    def denoiser(x_t, t):
        return bridge_log_weights(x_t, 1 - ALPHAS_BAR[t : t + 1], anchors, log_prior, source).exp() @ anchors

    return denoiser


def run(anchors, source, sampling, p=P, items=None):
    generators = item_generators(range(len(source)) if items is None else items, 1, sampling.seed)
    return denoise(oracle(anchors, source, p), source, BRIDGE.walk(sampling), generators)


@pytest.mark.parametrize("time", [0.02, 0.4, 0.97])
def test_the_closed_form_is_bayes_rule(time):
    rng = np.random.default_rng(0)
    x_t, source, anchors = rng.normal(size=(6, DIM)), rng.normal(size=(6, DIM)), rng.normal(size=(4, DIM))
    prior = rng.dirichlet(np.ones(4), size=6)
    arguments = [torch.from_numpy(part) for part in (x_t, np.array([time]), anchors, np.log(prior), source)]
    found = bridge_log_weights(*arguments).exp().numpy()
    spread = time * (1 - time) * np.eye(DIM)
    for i in range(6):
        means = [(1 - time) * anchor + time * source[i] for anchor in anchors]
        joint = prior[i] * np.array([multivariate_normal.pdf(x_t[i], mean, spread) for mean in means])
        np.testing.assert_allclose(found[i], joint / joint.sum(), rtol=1e-9, atol=1e-12)


def test_at_the_source_the_prior_is_left():
    anchors, source = 20 * drawn(5, DIM), 20 * drawn(3, DIM, seed=1)
    log_prior = torch.from_numpy(np.log(P)).float().expand(3, -1)
    for times in (torch.ones(1), torch.ones(3), 1 - ALPHAS_BAR[-1:]):
        found = bridge_log_weights(source, times, anchors, log_prior, source)
        torch.testing.assert_close(found, log_prior, rtol=0, atol=2e-5)


@pytest.mark.parametrize("steps", [1, 2, 25, 200])
def test_a_run_starts_exactly_at_its_source_and_ends_at_an_estimate(steps):
    source = drawn(4, DIM, seed=3)
    kept = source.clone()
    path = run(anchors_of(3.0), source, SamplingConfig(num_inference_steps=steps, strength=1.0))
    assert torch.equal(path.states[:, 0], kept) and torch.equal(source, kept)
    assert torch.equal(path.states[:, -1], path.x_0[:, -2])
    assert len(set(path.timesteps)) == steps + 1
    assert (path.timesteps[0], path.timesteps[-1]) == (999, 0)


@pytest.mark.parametrize("eta", [0.0, 0.5, 1.0])
def test_runs_end_in_class_c_with_its_probability(eta):
    """At any eta: the noise that decides is drawn with the first step."""
    count, anchors = 4000, anchors_of(DIM**0.5)
    source = anchors[4].expand(count, -1) + 0.1  # which lies beside the least probable anchor
    path = run(anchors, source, SamplingConfig(num_inference_steps=40, eta=eta))
    ended = torch.cdist(path.states[:, -1], anchors)
    assert float(ended.min(1).values.max()) < 1e-2
    frequency = np.bincount(ended.argmin(1), minlength=len(P)) / count
    error = np.sqrt(P * (1 - P) / count)
    assert (np.abs(frequency - P) < 4.5 * error + 0.02).all(), frequency  # .02: finitely many steps


@pytest.mark.parametrize("eta", [0.0, 0.5, 1.0])
def test_a_step_keeps_the_bridges_mean_and_variance(eta):
    """States on the bridge to a known target stay on it."""
    count, width = 200, 300
    target, source = torch.full((count, width), 3.0), torch.full((count, width), -1.0)
    walk = BRIDGE.walk(SamplingConfig(num_inference_steps=4, eta=eta))
    generators, x_t = item_generators(range(count), 1, 0), source
    for index, t in enumerate(walk.timesteps[1:].tolist()):
        x_t = walk.step(index, target, x_t, source, generators)
        u = 1 - float(ALPHAS_BAR[t])
        assert float(x_t.mean()) == pytest.approx((1 - u) * 3 - u, abs=0.01)
        assert float(x_t.var()) == pytest.approx(u * (1 - u), rel=0.03)


def test_full_noise_is_the_brownian_bridges_transition():
    walk = BRIDGE.walk(SamplingConfig(num_inference_steps=5, eta=1.0))
    x_0, x_t, source = (drawn(3, DIM, seed=seed) for seed in range(3))
    now, then = (1 - float(ALPHAS_BAR[t]) for t in walk.timesteps[2:4])
    found = walk.step(2, x_0, x_t, source, item_generators(range(3), 1, 0))
    noise = torch.stack([torch.randn(DIM, generator=generator) for generator in item_generators(range(3), 1, 0)])
    expected = x_0 + then / now * (x_t - x_0) + (then * (now - then) / now) ** 0.5 * noise
    torch.testing.assert_close(found, expected)


def test_it_is_the_conditional_path_in_other_coordinates():
    """(x - u s) / sqrt(abar) follows DDIM, arXiv:2010.02502 eq. 12, with the same posterior."""
    walk = BRIDGE.walk(SamplingConfig(num_inference_steps=5))
    x_0, x_t, source = (drawn(3, DIM, seed=seed) for seed in range(3))
    now, then = (ALPHAS_BAR[t] for t in walk.timesteps[2:4])

    def moved(x, alpha_bar):
        return (x - (1 - alpha_bar) * source) / alpha_bar.sqrt()

    noise = (moved(x_t, now) - now.sqrt() * x_0) / (1 - now).sqrt()
    found = walk.step(2, x_0, x_t, source, [])
    torch.testing.assert_close(moved(found, then), then.sqrt() * x_0 + (1 - then).sqrt() * noise)

    anchors, log_prior = drawn(5, DIM, seed=5), drawn(3, 5, seed=6).log_softmax(1)
    pure = ALPHAS_BAR[-1:]
    weights = BRIDGE.log_weights(x_t, now[None], pure, anchors, log_prior, source)
    conditional = CONDITIONAL.log_weights(moved(x_t, now), now[None], pure, anchors, log_prior, source)
    torch.testing.assert_close(weights, conditional, atol=1e-3, rtol=1e-3)


def test_training_draws_states_of_the_bridge():
    count = 20_000
    target, source = torch.full((count, 1), 2.0), torch.full((count, 1), -1.0)
    x_t, t, start = BRIDGE.draw(
        target, source, ALPHAS_BAR, torch.Generator().manual_seed(0), warm_start_share=1.0
    )  # fmt: skip
    assert t.min() >= 1 and t.max() == 999 and (start == 999).all()
    near = ALPHAS_BAR[t][:, None]
    noise = (x_t - near * target - (1 - near) * source) / (near * (1 - near)).sqrt()
    assert abs(float(noise.mean())) < 0.03 and abs(float(noise.std()) - 1) < 0.03
    assert torch.equal(x_t[t == 999].round(decimals=2), source[t == 999])


def test_an_items_bridge_depends_neither_on_its_batch_nor_on_its_place():
    anchors, source = anchors_of(2.0), drawn(4, DIM, seed=3)
    sampling = SamplingConfig(num_inference_steps=9, eta=1.0, seed=5)
    together = run(anchors, source, sampling).states
    alone = run(anchors, source[[2]], sampling, items=[2]).states
    np.testing.assert_allclose(together[2], alone[0], atol=1e-5)
    other = run(anchors, source, SamplingConfig(num_inference_steps=9, eta=1.0, seed=6)).states
    assert not torch.allclose(together[:, 1], other[:, 1])


def test_sampler_and_strength_mean_nothing_on_a_bridge():
    anchors, source = anchors_of(2.0), drawn(4, DIM, seed=3)
    one, other = SamplingConfig("ddim", 9, 0.6), SamplingConfig("dpmsolver++", 9, 1.0)
    assert torch.equal(run(anchors, source, one).states, run(anchors, source, other).states)


def test_another_path_family_is_refused():
    with pytest.raises(ConfigError, match="'straight' is not known; allowed are conditional, bridge"):
        ModelConfig(path="straight")


@pytest.mark.parametrize(("steps", "strength"), [(1, 1.0), (7, 0.6), (50, 0.3)])
def test_the_short_form_of_ddim_is_that_of_diffusers(steps, strength):
    walk = PATHS["conditional"].walk(SamplingConfig("ddim", steps, strength))
    other = _SchedulerWalk(SamplingConfig("ddim", steps, strength))
    assert torch.equal(walk.timesteps, other.timesteps)
    generator = torch.Generator().manual_seed(0)
    x_t = 3 * torch.randn(5, 8, generator=generator)
    for index in range(steps):
        x_0 = torch.randn(5, 8, generator=generator)
        stepped = walk.step(index, x_0, x_t, x_t, ())
        torch.testing.assert_close(stepped, other.step(index, x_0, x_t, x_t, ()), atol=1e-5, rtol=1e-5)
        x_t = stepped
    torch.testing.assert_close(x_t, x_0, atol=1e-5, rtol=1e-5)
