"""The Gaussian denoiser against its formula, the mixture against a mixture, and what both do without their condition."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from seda.config import ModelConfig, SamplingConfig
from seda.diffusion.paths import PATHS
from seda.diffusion.schedule import alphas_cumprod
from seda.errors import ConfigError
from seda.models.mixture_denoiser import MixtureDenoiser
from seda.models.one_step import Estimated, GaussianDenoiser
from seda.stages.stage import Stage

SIZES = ModelConfig(
    dim=6, image_dim=5, denoiser="learned", one_step_width=8, denoiser_width=8, denoiser_heads=2, denoiser_blocks=1,
    width=8, heads=2, blocks=1, prior_width=4,
)  # fmt: skip
N, K, C = 4, 3, 5


def randn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def made(config: ModelConfig = SIZES) -> tuple[GaussianDenoiser, MixtureDenoiser]:
    torch.manual_seed(0)
    gaussian, mixture = GaussianDenoiser(config, C).eval(), MixtureDenoiser(config, C).eval()
    gaussian.variance.fill_(0.7)
    mixture.anchor_variance.fill_(0.2)
    mixture.anchor_scale.fill_(0.9)
    return gaussian.requires_grad_(False), mixture.requires_grad_(False)


def shares_at(path: str, timestep: int, source_share: float):
    level = alphas_cumprod()[timestep].reshape(1)
    return PATHS[path].shares(level, torch.tensor([source_share]))


@pytest.mark.parametrize("path", PATHS)
def test_gaussian_is_the_posterior_mean(path):
    gaussian, _ = made(replace(SIZES, path=path))
    condition, source, x_t = randn(N, C), randn(N, 6, seed=1), randn(N, 6, seed=2)
    shares = shares_at(path, 400, 0.3)
    found = gaussian(x_t, (), shares, gaussian.prepare(condition, source, 1.0)).x_0
    mean = gaussian.network(condition)
    a, noise = float(shares.target), float(shares.variance)
    # precision-weighted: prior N(mean, .7), likelihood N(state / a, noise / a^2)
    seen = (x_t - 0.3 * source) / a
    wanted = (mean / 0.7 + seen * a**2 / noise) / (1 / 0.7 + a**2 / noise)
    assert torch.allclose(found, wanted, atol=1e-5)


def test_gaussian_walked_to_its_end_gives_its_gaussian():
    torch.manual_seed(0)
    stage = Stage(replace(SIZES, denoiser="gaussian"), C).eval().requires_grad_(False)
    stage.number = 1
    assert stage.gaussian is not None
    stage.gaussian.variance.fill_(0.5)
    condition, count = randn(1, C).expand(4000, -1), 4000
    source = randn(1, 6, seed=1).expand(count, -1)
    prepared = stage.prepare_learned("gaussian", condition, source, source[:0], source[:0])
    for sampler in ("ddim", "ddpm"):
        ends = stage.run(prepared, SamplingConfig(sampler, 60, denoiser="gaussian"), range(count)).states[:, -1]
        mean = stage.gaussian.network(condition[:1])[0]
        assert torch.allclose(ends.mean(0), mean, atol=0.05), sampler
        assert torch.allclose(ends.var(0), torch.full((6,), 0.5), atol=0.06), sampler


@pytest.mark.parametrize("path", PATHS)
def test_an_untrained_mixture_is_the_posterior_of_a_mixture(path):
    """With equal scores and an open gate: anchors N(scale * anchor, .2), the free one N(mean, .7); by brute force over components."""
    gaussian, mixture = made(replace(SIZES, path=path))
    mixture.fit_scale.zero_()
    for layer in (mixture.query_out, mixture.gate_out):
        layer.weight.zero_()
        layer.bias.zero_()
    mixture.log_likeness.fill_(-30.0)  # of weight 0
    condition, source, x_t, anchors = randn(N, C), randn(N, 6, seed=1), randn(N, 6, seed=2), randn(K, 6, seed=3)
    shares = shares_at(path, 300, 0.2)
    run = mixture.prepare(gaussian.prepare(condition, source, 1.0), condition, anchors, anchors)
    found = mixture(x_t, mixture.embed_time(torch.tensor([300])), shares, run)
    a, noise = float(shares.target), float(shares.variance)
    means = torch.cat([gaussian.network(condition)[:, None], 0.9 * anchors.expand(N, K, 6)], 1)  # [n, 1 + k, d]
    variances = torch.tensor([0.7, *[0.2] * K])
    state = (x_t - 0.2 * source)[:, None]
    total = a**2 * variances + noise
    prior = torch.tensor([0.5, *[0.5 / K] * K]).log()
    log_p = prior - (state - a * means).square().sum(2) / (2 * total) - 3 * total.log()  # d / 2 = 3
    weights = log_p.softmax(1)
    posterior = means + (variances * a / total)[:, None] * (state - a * means)
    assert torch.allclose(found.x_0, (weights[..., None] * posterior).sum(1), atol=1e-4)
    assert torch.allclose(found.log_weights.exp(), weights[:, 1:], atol=1e-4)


def test_a_belief_is_added_to_the_anchors_scores_by_its_gate():
    gaussian, mixture = made()
    mixture.fit_scale.zero_()
    condition, source, x_t, anchors = randn(N, C), randn(N, 6, seed=1), randn(N, 6, seed=2), randn(K, 6, seed=3)
    belief = randn(N, K, seed=4).log_softmax(1)
    mixture.belief_gate.fill_(0.5)
    shares, time = shares_at("conditional", 400, 0.1), mixture.embed_time(torch.tensor([400]))

    def log_weights(told: torch.Tensor | None, dropped: torch.Tensor | None = None) -> torch.Tensor:
        estimated = gaussian.prepare(condition, source, 1.0, dropped)
        return mixture(
            x_t, time, shares, mixture.prepare(estimated, condition, anchors, anchors, dropped, told)
        ).log_weights

    change = log_weights(belief) - log_weights(None)
    wanted = 0.5 * belief
    assert torch.allclose(change - change[:, :1], wanted - wanted[:, :1], atol=1e-4)
    dropped = torch.tensor([True, False, True, False])
    assert torch.allclose(log_weights(belief, dropped)[dropped], log_weights(None, dropped)[dropped], atol=1e-5)


def test_a_place_is_added_to_the_anchors_scores_by_how_near_they_are():
    torch.manual_seed(0)
    gaussian, mixture = GaussianDenoiser(SIZES, C).eval(), MixtureDenoiser(SIZES, C, told_place=True).eval()
    mixture.fit_scale.data.zero_()
    assert mixture.log_near_place is not None
    mixture.log_near_place.data.fill_(math.log(2.0))
    condition, source, x_t, anchors = randn(N, C), randn(N, 6, seed=1), randn(N, 6, seed=2), randn(K, 6, seed=3)
    place = randn(N, 6, seed=4)
    shares, time = shares_at("conditional", 400, 0.1), mixture.embed_time(torch.tensor([400]))

    def log_weights(
        told: torch.Tensor | None, dropped: torch.Tensor | None = None, guidance: float = 1.0
    ) -> torch.Tensor:
        run = mixture.prepare(
            gaussian.prepare(condition, source, guidance, dropped), condition, anchors, anchors, dropped, place=told
        )
        return mixture(x_t, time, shares, run).log_weights

    change = log_weights(place) - log_weights(None)
    wanted = 2 * torch.nn.functional.cosine_similarity(place[:, None], anchors[None], dim=2)
    assert torch.allclose(change - change[:, :1], wanted - wanted[:, :1], atol=1e-4)
    assert torch.allclose(log_weights(3 * place), log_weights(place), atol=1e-5)
    assert torch.allclose(
        log_weights(place, guidance=2.0), log_weights(place), atol=1e-5
    )  # rows without condition have no place
    dropped = torch.tensor([True, False, True, False])
    assert torch.allclose(log_weights(place, dropped)[dropped], log_weights(None, dropped)[dropped], atol=1e-5)


@pytest.mark.parametrize("denoiser", ["gaussian", "learned"])
def test_guidance_goes_on_from_the_estimate_without_condition(denoiser):
    gaussian, mixture = made()
    condition, source, x_t, anchors = randn(N, C), randn(N, 6, seed=1), randn(N, 6, seed=2), randn(K, 6, seed=3)
    shares = shares_at("conditional", 500, 0.1)

    def estimate(guidance: float, dropped: torch.Tensor | None = None) -> torch.Tensor:
        estimated: Estimated = gaussian.prepare(condition, source, guidance, dropped)
        if denoiser == "gaussian":
            return gaussian(x_t, (), shares, estimated).x_0
        run = mixture.prepare(estimated, condition, anchors, anchors, dropped)
        return mixture(x_t, mixture.embed_time(torch.tensor([500])), shares, run).x_0

    given, left_out = estimate(1.0), estimate(1.0, torch.ones(N, dtype=torch.bool))
    assert not torch.allclose(given, left_out, atol=1e-3)
    assert torch.allclose(estimate(0.0), left_out, atol=1e-5)
    assert torch.allclose(estimate(2.5), left_out + 2.5 * (given - left_out), atol=1e-4)


def test_the_order_of_the_list_does_not_matter_and_an_empty_one_leaves_the_free_component():
    gaussian, mixture = made()
    condition, source, x_t, anchors = randn(N, C), randn(N, 6, seed=1), randn(N, 6, seed=2), randn(K, 6, seed=3)
    shares, time = shares_at("conditional", 200, 0.1), mixture.embed_time(torch.tensor([200]))
    estimated = gaussian.prepare(condition, source, 1.0)

    def at(texts: torch.Tensor) -> torch.Tensor:
        return mixture(x_t, time, shares, mixture.prepare(estimated, condition, texts, texts)).x_0

    assert torch.allclose(at(anchors), at(anchors.flip(0)), atol=1e-5)
    alone = at(anchors[:0])
    assert torch.allclose(alone, gaussian(x_t, (), shares, estimated).x_0, atol=1e-5)  # the residual begins at zero


def test_an_item_sees_its_own_list_alone():
    """In training each item has a list; what is not on it might as well not be there."""
    gaussian, mixture = made()
    torch.manual_seed(1)
    for layer in (mixture.residual_out, mixture.gate_out, mixture.blocks[0].modulation):
        torch.nn.init.normal_(layer.weight, std=0.3)
    condition, source, x_t, texts = randn(N, C), randn(N, 6, seed=1), randn(N, 6, seed=2), randn(K, 6, seed=3)
    shares, time = shares_at("conditional", 200, 0.1), mixture.embed_time(torch.tensor([200]))
    visible = torch.tensor([[True, False, True], [False, True, False], [False, False, False], [True, True, True]])
    estimated = gaussian.prepare(condition, source, 1.0)
    run = mixture.prepare(estimated, condition, texts, texts, among=visible, visible=visible)
    found = mixture(x_t, time, shares, run)
    for row in range(N):
        one = slice(row, row + 1)
        own = texts[visible[row]]
        alone = gaussian.prepare(condition[one], source[one], 1.0)
        wanted = mixture(x_t[one], time, shares, mixture.prepare(alone, condition[one], own, own))
        assert torch.allclose(found.x_0[one], wanted.x_0, atol=1e-4), row
        assert torch.allclose(found.log_weights[row, visible[row]], wanted.log_weights[0], atol=1e-4)
        assert (found.log_weights[row, ~visible[row]] < -1000).all()


def test_whether_any_fits_does_not_depend_on_how_many_there_are():
    gaussian, mixture = made()
    condition, source, x_t, texts = randn(N, C), randn(N, 6, seed=1), torch.zeros(N, 6), randn(1, 6, seed=3)
    shares, time = shares_at("conditional", 999, 0.0), mixture.embed_time(torch.tensor([999]))

    def weight_of_all(count: int) -> torch.Tensor:
        same = texts.expand(count, -1)
        run = mixture.prepare(gaussian.prepare(condition, source, 1.0), condition, same, same[:0])
        return mixture(x_t, time, shares, run).log_weights.exp().sum(1)

    assert torch.allclose(weight_of_all(2), weight_of_all(200), atol=1e-4)


def test_nothing_is_lost_to_rounding_at_either_end_of_a_path():
    gaussian, mixture = made(replace(SIZES, path="bridge"))
    condition, source, anchors = randn(N, C), randn(N, 6, seed=1), 2 * randn(K, 6, seed=3)
    run = mixture.prepare(gaussian.prepare(condition, source, 1.0), condition, anchors, anchors)
    for timestep, x_t in ((999, source), (1, anchors[[0, 1, 2, 0]])):
        level = alphas_cumprod()[timestep].reshape(1)
        shares = PATHS["bridge"].shares(level, 1 - level)
        found = mixture(x_t, mixture.embed_time(torch.tensor([timestep])), shares, run)
        assert torch.isfinite(found.x_0).all() and math.isfinite(float(found.log_weights.max()))


def test_settings_are_those_of_the_denoisers_that_an_aligner_has():
    closed, learned = ModelConfig(), ModelConfig(denoiser="learned")
    assert closed.denoisers == ("closed-form",)
    assert learned.denoisers == ("closed-form", "gaussian", "learned")
    assert SamplingConfig().settled(closed).guidance == 3
    own = SamplingConfig().settled(learned)
    assert (own.denoiser, own.guidance) == ("learned", 2)
    chosen = SamplingConfig(guidance=2.0, denoiser="closed-form").settled(learned)
    assert (chosen.denoiser, chosen.guidance) == ("closed-form", 2)
    with pytest.raises(Exception, match="'gaussian' was asked for; this aligner has closed-form"):
        SamplingConfig(denoiser="gaussian").settled(closed)
    with pytest.raises(ConfigError, match="told_place needs words and pair_width"):
        ModelConfig(denoiser="learned", told_place=True, words=3)
    with pytest.raises(Exception, match="'oracle' is not known"):
        SamplingConfig(denoiser="oracle")
