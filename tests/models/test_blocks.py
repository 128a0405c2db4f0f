"""Building blocks: scaler, feature interaction, denoiser."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from seda.config import ModelConfig
from seda.errors import ConfigError, ShapeError
from seda.models.denoiser import AnchorDenoiser, ClassPrior
from seda.models.interaction import FeatureInteraction
from seda.models.scaler import FeatureScaler
from seda.models.timestep import TimestepEncoder

CONFIG = ModelConfig(dim=8, image_dim=12, width=16, heads=2, blocks=2, prior_width=16)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def random(*shape, seed=0):
    return torch.randn(*shape, generator=generator(seed))


@pytest.mark.parametrize("width", [12, 8, 20])
def test_scaled_features_have_the_stated_norm_and_the_inverse_keeps_the_direction(width):
    features = random(50, 12) @ random(12, 12, seed=1) + 5
    scaler = FeatureScaler(12, width, 3.0).fit(features)
    scaled = scaler(features)
    np.testing.assert_allclose(scaled.norm(dim=1), 3.0, rtol=1e-5)
    np.testing.assert_allclose(scaler(scaler.inverse(scaled)), scaled, atol=1e-4)


def test_the_projection_is_the_pca_of_the_training_features():
    features = random(200, 12) * torch.linspace(3, 0.1, 12)
    scaler = FeatureScaler(12, 4, 1.0).fit(features)
    centred = features - features.mean(0)
    _, _, axes = torch.linalg.svd(centred, full_matrices=False)
    overlap = (axes[:4] @ scaler.projection).abs()
    np.testing.assert_allclose(overlap, torch.eye(4), atol=1e-3)


def test_features_without_negative_values_are_bent_and_others_are_not():
    features = random(80, 12).abs() ** 2
    scaler = FeatureScaler(12, 12, 3.0, fixed_norm=False).fit(features)
    assert float(scaler.power) == 0.5
    bent = features.sqrt() / features.sqrt().norm(dim=1, keepdim=True)
    centred = bent - bent.mean(0)
    expected = 3.0 * centred / centred.norm(dim=1).mean()
    torch.testing.assert_close(scaler(features), expected, rtol=1e-4, atol=1e-5)
    back = scaler.inverse(scaler(features))
    torch.testing.assert_close(back / back.norm(dim=1, keepdim=True), features / features.norm(dim=1, keepdim=True))
    assert float(back.norm(dim=1).mean()) == pytest.approx(float(features.norm(dim=1).mean()), rel=0.2)
    assert float(FeatureScaler(12, 12, 3.0).fit(features - 0.1).power) == 1
    assert float(FeatureScaler(12, 12, 3.0, power=1.0).fit(features).power) == 1
    assert torch.isfinite(scaler(-features)).all()  # another image may be unlike the training images


@pytest.mark.parametrize("power", [0.4, 0.5])
def test_what_is_bent_by_any_power_is_straightened_again(power):
    features = random(80, 12).abs() + 0.1
    scaler = FeatureScaler(12, 12, 3.0, power=power, fixed_norm=False).fit(features)
    assert float(scaler.power) == pytest.approx(power)
    back = scaler.inverse(scaler(features))
    torch.testing.assert_close(back / back.norm(dim=1, keepdim=True), features / features.norm(dim=1, keepdim=True))


def test_scaler_refuses_another_width():
    with pytest.raises(ShapeError, match=r"\[n, 12\]"):
        FeatureScaler(12, 8, 1.0)(torch.zeros(3, 8))


def woken(module, seed=3):
    """Random weights instead of the zeros that gates and outputs begin with."""
    for index, parameter in enumerate(module.parameters()):
        parameter.data = 0.3 * torch.randn(parameter.shape, generator=generator(seed + index))
    return module.eval()


def test_interaction_changes_nothing_at_first():
    block = FeatureInteraction(16, 2)
    state = random(5, 16)
    tokens = block.tokens(random(5, 16, seed=1), random(7, 16, seed=2))
    torch.testing.assert_close(block(state, block.modulate(random(1, 16, seed=3)), tokens), state)


def test_interaction_against_torchs_own_attention():
    block = woken(FeatureInteraction(16, 2))
    state, condition, bank, time = random(5, 16), random(5, 16, seed=1), random(7, 16, seed=2), random(1, 16, seed=3)
    found = block(state, block.modulate(time), block.tokens(condition, bank))

    shift_a, scale_a, gate_a, shift_m, scale_m, gate_m = block.modulation(torch.nn.functional.silu(time)).chunk(6, 1)
    rows = []
    for i in range(5):
        keys, values = [], []
        for layer, tokens in ((block.condition_key_value, condition[i : i + 1]), (block.bank_key_value, bank)):
            key, value = layer(tokens).chunk(2, dim=1)
            keys.append(key)
            values.append(value)
        query = block.query(block.norm(state[i : i + 1]) * (1 + scale_a) + shift_a)
        heads = [part.view(-1, 2, 8).transpose(0, 1) for part in (query, torch.cat(keys), torch.cat(values))]
        rows.append(torch.nn.functional.scaled_dot_product_attention(*heads).transpose(0, 1).reshape(1, 16))
    expected = state + gate_a * block.output(torch.cat(rows))
    expected = expected + gate_m * block.mlp(block.norm(expected) * (1 + scale_m) + shift_m)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_a_prior_begins_as_the_belief_that_it_is_given():
    prior = ClassPrior(12, 8, 16, dropout=0.0).eval()
    condition, candidates = random(5, 12), random(3, 8, seed=1)
    belief = random(5, 3, seed=2).log_softmax(1)
    torch.testing.assert_close(prior(condition, candidates, belief), belief)
    prior.gate.data.fill_(0.5)
    learned = prior(condition, candidates, belief) - belief
    torch.testing.assert_close(learned, 0.5 * prior(condition, candidates))
    prior.residual_share.fill_(0.25)
    torch.testing.assert_close(prior(condition, candidates, belief) - belief, 0.25 * learned)
    prior.residual_share.fill_(0.0)
    torch.testing.assert_close(prior(condition, candidates, belief), belief)


def test_without_a_bank_the_residual_hears_no_text():
    denoiser = woken(AnchorDenoiser(replace(CONFIG, bank=False), 12))
    source, condition, anchors = random(4, 8, seed=1), random(4, 12, seed=3), random(6, 8)
    one, other = (denoiser.prepare(condition, anchors, bank, source, 1.0) for bank in (anchors, random(6, 8, seed=9)))
    at = torch.ones(1)
    found = [denoiser(source, denoiser.embed_time(300 * at), 0.5 * at, 0.3 * at, run).x_0 for run in (one, other)]
    torch.testing.assert_close(*found)


def estimate(denoiser, bank_order=None, item_order=None):
    anchors, source, x_t, condition = random(6, 8), random(4, 8, seed=1), random(4, 8, seed=2), random(4, 12, seed=3)
    if item_order is not None:
        source, x_t, condition = source[item_order], x_t[item_order], condition[item_order]
    if bank_order is not None:
        anchors = anchors[bank_order]
    run = denoiser.prepare(condition, anchors, anchors, source, guidance=2.0)
    one = torch.ones(1)
    return denoiser(x_t, denoiser.embed_time(300 * one), 0.5 * one, 0.3 * one, run)


def test_a_new_denoiser_is_the_closed_form():
    result = estimate(AnchorDenoiser(CONFIG, 12).eval())
    torch.testing.assert_close(result.x_0, result.log_weights.exp() @ random(6, 8))


@pytest.mark.parametrize("guidance", [0.5, 1.0, 3.0])
def test_guidance_is_a_power_on_the_prior(guidance):
    denoiser = woken(AnchorDenoiser(CONFIG, 12))
    anchors, source, condition, belief = random(6, 8), random(4, 8, seed=1), random(4, 12, seed=3), random(4, 6, seed=4)
    plain = denoiser.prior(condition, anchors, belief).detach().exp()
    expected = plain**guidance / (plain**guidance).sum(1, keepdim=True)
    run = denoiser.prepare(condition, anchors, anchors, source, guidance, belief)
    torch.testing.assert_close(run.log_prior.exp(), expected)


def test_order_of_classes_and_items_does_not_matter():
    denoiser = woken(AnchorDenoiser(CONFIG, 12))
    result = estimate(denoiser)
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    reordered = estimate(denoiser, bank_order=order)
    torch.testing.assert_close(reordered.x_0, result.x_0, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(reordered.log_weights, result.log_weights[:, order], rtol=1e-4, atol=1e-4)
    items = torch.tensor([2, 0, 3, 1])
    torch.testing.assert_close(estimate(denoiser, item_order=items).x_0, result.x_0[items], rtol=1e-4, atol=1e-4)


def test_the_residual_listens_to_the_text_bank():
    denoiser = woken(AnchorDenoiser(CONFIG, 12))
    anchors, source, x_t, condition = random(6, 8), random(4, 8, seed=1), random(4, 8, seed=2), random(4, 12, seed=3)
    one = torch.ones(1)
    with_bank, with_other = (
        denoiser(
            x_t,
            denoiser.embed_time(300 * one),
            0.5 * one,
            0.3 * one,
            denoiser.prepare(condition, anchors, bank, source, 1.0),
        ).x_0
        for bank in (anchors, random(6, 8, seed=9))
    )
    assert float((with_bank - with_other).detach().abs().max()) > 1e-3


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"dim": 1}, "dim is 1"),
        ({"image_dim": 1}, "image_dim is 1"),
        ({"width": 10}, "multiple"),
        ({"scale": -1.0}, "scale"),
    ],
)
def test_sizes_that_cannot_work(values, message):
    with pytest.raises(ConfigError, match=message):
        ModelConfig(**values)


def test_unknown_settings_are_noticed():
    with pytest.raises(ConfigError, match=r"unknown settings \['depth'\]"):
        ModelConfig.from_dict({"depth": 3})
    assert ModelConfig.from_dict(CONFIG.to_dict()) == CONFIG


def test_the_timestep_embedding_is_that_of_diffusers():
    from diffusers.models.embeddings import TimestepEmbedding, Timesteps

    own = TimestepEncoder(48)
    theirs = TimestepEmbedding(own.FREQUENCIES, 48)
    theirs.load_state_dict(own.mlp.state_dict())
    frequencies = Timesteps(own.FREQUENCIES, flip_sin_to_cos=True, downscale_freq_shift=0)
    timesteps = torch.tensor([0, 1, 17, 500, 999])
    torch.testing.assert_close(own(timesteps), theirs(frequencies(timesteps)))
