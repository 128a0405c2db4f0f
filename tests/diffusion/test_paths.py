"""Path families: what holds for each of them, from the states that training draws to where runs end; then what is the bridge's alone."""

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal

from seda.config import PATH_FAMILIES, SAMPLERS, ModelConfig, SamplingConfig
from seda.diffusion import PATHS, alphas_cumprod, bridge_log_weights, denoise, item_generators
from seda.diffusion.closed_form import max_leftover
from seda.diffusion.noise import item_noise
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


def oracle(anchors, source, name, start):
    """The exact denoiser for targets m_c with probability p_c, of runs that start at a timestep."""
    log_prior = torch.from_numpy(np.log(P)).float().expand(len(source), -1)

    def denoiser(x_t, t):
        near, near_start = ALPHAS_BAR[t : t + 1], ALPHAS_BAR[start : start + 1]
        return PATHS[name].log_weights(x_t, near, near_start, anchors, log_prior, source).exp() @ anchors

    return denoiser


# What a state at abar is made of, as the families' docstrings have it: share of the target, of the source, variance of the noise.
# A new family has its line here.
LAWS = {
    "conditional": lambda near: (near**0.5, 0.0, 1 - near),
    "bridge": lambda near: (near, 1 - near, near * (1 - near)),
}
# All ways to walk: with each sampler where the family does not ignore it.
WALKS = [
    (name, sampler)
    for name in PATHS
    for sampler in SAMPLERS
    if sampler == "ddim" or "sampler" not in PATH_FAMILIES[name].ignores
]
every_family = pytest.mark.parametrize("name", PATHS)


def known(name, target, source, near, noise):
    """A state of the family, from all that it is made of."""
    toward, back, variance = LAWS[name](near)
    return toward * target + back * source + variance**0.5 * noise


def run(anchors, source, sampling, items=None, name="bridge"):
    generators = item_generators(range(len(source)) if items is None else items, 1, sampling.seed)
    walk = PATHS[name].walk(sampling)
    return denoise(oracle(anchors, source, name, int(walk.timesteps[0])), source, walk, generators)


def noise_for(source, walk):
    return item_noise(item_generators(range(len(source)), 1, 0), source, walk.draws)


@every_family
@pytest.mark.parametrize("near", [0.98, 0.6, 0.03])
def test_the_closed_form_is_bayes_rule(name, near):
    """Of runs from pure noise, where what is left of a source is known in both families."""
    rng = np.random.default_rng(0)
    x_t, source, anchors = rng.normal(size=(6, DIM)), rng.normal(size=(6, DIM)), rng.normal(size=(4, DIM))
    prior = rng.dirichlet(np.ones(4), size=6)
    tensors = [torch.from_numpy(part) for part in (x_t, np.array([near]), np.zeros(1), anchors, np.log(prior), source)]
    found = PATHS[name].log_weights(*tensors).exp().numpy()
    toward, back, variance = LAWS[name](near)
    for i in range(6):
        means = [toward * anchor + back * source[i] for anchor in anchors]
        spread = variance * np.eye(DIM)
        log_joint = np.log(prior[i]) + [multivariate_normal.logpdf(x_t[i], mean, spread) for mean in means]
        joint = np.exp(
            log_joint - log_joint.max()
        )  # with little noise a state can be too far from all means for a density
        np.testing.assert_allclose(found[i], joint / joint.sum(), rtol=1e-9, atol=1e-12)


@every_family
def test_a_posterior_depends_neither_on_the_batch_nor_on_the_order_of_targets_and_follows_a_prior_that_is_sure(name):
    x_t, source, anchors = drawn(5, DIM), drawn(5, DIM, seed=1), drawn(4, DIM, seed=2)
    near, start, log_prior = ALPHAS_BAR[[700, 500, 300, 200, 40]], ALPHAS_BAR[[700]], drawn(5, 4, seed=3)
    found = PATHS[name].log_weights(x_t, near, start, anchors, log_prior, source)
    torch.testing.assert_close(found.exp().sum(1), torch.ones(5))
    alone = PATHS[name].log_weights(x_t[[3]], near[[3]], start, anchors, log_prior[[3]], source[[3]])
    torch.testing.assert_close(alone, found[[3]])
    order = [2, 0, 3, 1]
    turned = PATHS[name].log_weights(x_t, near, start, anchors[order], log_prior[:, order], source)
    torch.testing.assert_close(turned, found[:, order])
    sure = torch.tensor([0.0, -torch.inf, -torch.inf, -torch.inf]).expand(5, -1)
    assert (PATHS[name].log_weights(x_t, near, start, anchors, sure, source)[:, 0] == 0).all()


@every_family
def test_training_draws_states_of_its_family(name):
    count = 20_000
    target, source = torch.full((count, 1), 2.0), torch.full((count, 1), -1.0)
    states = PATHS[name].draw(target, source, ALPHAS_BAR, torch.Generator().manual_seed(0), warm_start_share=0.0)
    x_t, t, start = states.x_t, states.timesteps, states.start
    assert ((t >= 0) & (t <= start) & (start <= 999)).all() and t.max() > 950
    toward, back, variance = LAWS[name](ALPHAS_BAR[t][:, None])
    noise = (x_t - toward * target - back * source) / variance.sqrt()
    for part in (noise, noise[t < 200], noise[t > 600]):
        assert abs(float(part.mean())) < 0.05 and abs(float(part.std()) - 1) < 0.03
    found = PATHS[name].shares(ALPHAS_BAR[t], states.source_share)
    assert torch.allclose(found.target, toward) and torch.allclose(found.variance, variance)
    assert torch.allclose(found.source, torch.as_tensor(back))
    again = PATHS[name].draw(target, source, ALPHAS_BAR, torch.Generator().manual_seed(0), warm_start_share=0.0)
    assert torch.equal(again.x_t, x_t)


@every_family
@pytest.mark.parametrize("steps", [1, 2, 25, 200])
def test_a_run_starts_at_its_source_as_noised_as_its_first_timestep_says(name, steps):
    source = 3 * drawn(4, 2000, seed=3)
    kept = source.clone()
    walk = PATHS[name].walk(SamplingConfig(num_inference_steps=steps))
    assert len(walk.timesteps) == steps and (walk.timesteps.diff() < 0).all() and walk.timesteps[-1] >= 0
    found, near = walk.start(source, noise_for(source, walk)), ALPHAS_BAR[walk.timesteps[0]]
    toward, back, variance = LAWS[name](near)
    assert torch.equal(source, kept)
    rest = found - (toward + back) * source  # its target is not known yet: it stands for that, too
    assert float(rest.var()) == pytest.approx(float(variance), rel=0.05, abs=1e-4)
    assert abs(float(rest.mean())) < 0.05 and abs(float((rest * source).mean())) < 0.1


@pytest.mark.parametrize(("name", "sampler"), WALKS)
@pytest.mark.parametrize("steps", [1, 2, 25])
def test_a_run_ends_exactly_at_its_last_estimate(name, sampler, steps):
    anchors, source = anchors_of(3.0), drawn(4, DIM, seed=3)
    sampling = SamplingConfig(sampler, steps, eta=1.0)
    path = run(anchors, source, sampling, name=name)
    assert path.states.shape == (4, steps + 1, DIM) and path.timesteps[-1] == 0
    np.testing.assert_allclose(path.states[:, -1], path.x_0[:, -2], atol=1e-5)
    ended = PATHS[name].walk(sampling)
    x_t = ended.start(source, noise := noise_for(source, ended))
    for index in range(steps):  # an estimate that does not change
        x_t = ended.step(index, anchors[:4], x_t, source, noise)
    torch.testing.assert_close(x_t, anchors[:4], atol=1e-5, rtol=1e-5)


@every_family
@pytest.mark.parametrize("eta", [0.0, 0.5, 1.0])
def test_a_step_keeps_states_of_the_family_in_it(name, eta):
    """With the target that they belong to for an estimate: their mean and variance are those of the next timestep."""
    count, width = 200, 300
    target, source = torch.full((count, width), 3.0), torch.full((count, width), -1.0)
    walk = PATHS[name].walk(SamplingConfig(num_inference_steps=5, strength=1.0, eta=eta))
    noise = noise_for(source, walk)
    x_t = known(name, target, source, float(ALPHAS_BAR[walk.timesteps[1]]), drawn(count, width))
    for index, t in enumerate(walk.timesteps[2:].tolist(), start=1):
        x_t = walk.step(index, target, x_t, source, noise)
        toward, back, variance = LAWS[name](float(ALPHAS_BAR[t]))
        assert float(x_t.mean()) == pytest.approx(3 * toward - back, abs=0.015)
        assert float(x_t.var()) == pytest.approx(variance, rel=0.03)


@every_family
def test_without_fresh_noise_a_step_keeps_a_states_own_and_can_be_undone(name):
    walk = PATHS[name].walk(SamplingConfig(num_inference_steps=6, strength=1.0, eta=0.0))
    target, source, noise = (drawn(3, DIM, seed=seed) for seed in range(3))
    now, then = (float(ALPHAS_BAR[t]) for t in walk.timesteps[2:4])
    x_t = known(name, target, source, now, noise)
    stepped = walk.step(2, target, x_t, source, noise_for(source, walk))
    torch.testing.assert_close(stepped, known(name, target, source, then, noise), atol=1e-4, rtol=1e-4)
    toward, back, variance = LAWS[name](then)
    recovered = known(name, target, source, now, (stepped - toward * target - back * source) / variance**0.5)
    torch.testing.assert_close(recovered, x_t, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(("name", "sampler"), WALKS)
def test_an_items_path_depends_neither_on_its_batch_nor_on_its_place_but_on_its_seed(name, sampler):
    anchors, source = anchors_of(2.0), drawn(4, DIM, seed=3)
    sampling = SamplingConfig(sampler, 9, eta=1.0, seed=5)
    together = run(anchors, source, sampling, name=name).states
    alone = run(anchors, source[[2]], sampling, items=[2], name=name).states
    np.testing.assert_allclose(together[2], alone[0], atol=1e-5)
    other = run(anchors, source, SamplingConfig(sampler, 9, eta=1.0, seed=6), name=name).states
    assert not torch.allclose(together[:, 1], other[:, 1])


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_training_on_the_conditional_path_leaves_up_to_so_much_of_the_source(share):
    """As much as DDIM may leave, evenly: from nothing to the share of it."""
    count, far = 5000, 1e6
    target, source = torch.zeros(count, 1), torch.full((count, 1), far)
    states = CONDITIONAL.draw(
        target, source, ALPHAS_BAR, torch.Generator().manual_seed(0), warm_start_share=share
    )  # fmt: skip
    x_t, t, start = states.x_t, states.timesteps, states.start
    most = max_leftover(ALPHAS_BAR[t], ALPHAS_BAR[start])
    left = (x_t[:, 0] / far)[most > 0.01] / most[most > 0.01]  # the noise is a millionth of it
    assert left.min() > -1e-3 and left.max() < share + 1e-3
    assert float(left.mean()) == pytest.approx(share / 2, abs=0.01)
    torch.testing.assert_close(states.source_share, x_t[:, 0] / far, atol=1e-4, rtol=1e-3)


# ------------------------------------------------------------------------------------------------ the bridge


def test_at_the_source_the_prior_is_left():
    anchors, source = 20 * drawn(5, DIM), 20 * drawn(3, DIM, seed=1)
    log_prior = torch.from_numpy(np.log(P)).float().expand(3, -1)
    for times in (torch.ones(1), torch.ones(3), 1 - ALPHAS_BAR[-1:]):
        found = bridge_log_weights(source, times, anchors, log_prior, source)
        torch.testing.assert_close(found, log_prior, rtol=0, atol=2e-5)


@pytest.mark.parametrize("steps", [1, 2, 25, 200])
def test_a_bridges_run_starts_exactly_at_its_source_and_ends_at_an_estimate(steps):
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


def test_full_noise_is_the_brownian_bridges_transition():
    walk = BRIDGE.walk(SamplingConfig(num_inference_steps=5, eta=1.0))
    x_0, x_t, source = (drawn(3, DIM, seed=seed) for seed in range(3))
    now, then = (1 - float(ALPHAS_BAR[t]) for t in walk.timesteps[2:4])
    found = walk.step(2, x_0, x_t, source, noise_for(source, walk))
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


def test_sampler_and_strength_mean_nothing_on_a_bridge():
    anchors, source = anchors_of(2.0), drawn(4, DIM, seed=3)
    one, other = SamplingConfig("ddim", 9, 0.6), SamplingConfig("dpmsolver++", 9, 1.0)
    assert torch.equal(run(anchors, source, one).states, run(anchors, source, other).states)


def test_another_path_family_is_refused():
    with pytest.raises(ConfigError, match=f"'straight' is not known; allowed are {', '.join(PATH_FAMILIES)}"):
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
