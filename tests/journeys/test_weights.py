"""What a trace keeps of its states beside where they are: shares and weights."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

import seda.aligner
from seda.aligner import load_aligner
from seda.config import SamplingConfig
from seda.diffusion.schedule import alphas_cumprod
from seda.errors import ShapeError

STEPS = 5


def traced(folder, **sampling):
    loaded = load_aligner(folder)
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(3, loaded.card.model.image_dim, generator=generator).abs()
    texts = torch.randn(4, loaded.card.model.dim, generator=generator)
    names = [f"word {i}" for i in range(4)]
    return loaded, loaded.trace(
        features, texts, ["a", "b", "c"], names, SamplingConfig(num_inference_steps=STEPS, **sampling)
    )


def test_states_are_signal_and_noise_by_the_schedule(aligner_dir):
    _, path = traced(aligner_dir)
    assert path.shares is not None
    target, source, noise = path.shares.T
    clean = np.isin(np.arange(len(path.stages)), [0, path.hand_over, len(path.stages) - 1])
    abar = np.where(clean, 1.0, alphas_cumprod().numpy()[path.timesteps])
    assert np.allclose((target + source) ** 2, abar, atol=1e-5)
    assert np.allclose(noise[~clean] ** 2, 1 - abar[~clean], atol=1e-5)
    assert (noise[clean] == 0).all() and source[0] == 1 and target[-1] == 1


def test_weights_are_those_of_the_closed_forms_estimates(aligner_dir):
    loaded, path = traced(aligner_dir, denoiser="closed-form")
    h, last = path.hand_over, path.states.shape[1] - 1
    for weights, looked in ((path.center_weights, range(1, h)), (path.text_weights, range(h + 1, last))):
        assert weights is not None
        others = [state for state in range(last + 1) if state not in looked]
        assert (weights[:, others] == 0).all()
        assert np.allclose(weights[:, list(looked)].sum(2), 1, atol=1e-4)
    # where the network adds nothing the estimate is the weighted mean itself
    stage = loaded.aligner.translator
    stage.residual_out.weight.data.zero_()
    stage.residual_out.bias.data.zero_()
    again = loaded.trace(
        torch.from_numpy(path.image_features), torch.randn(4, loaded.card.model.dim, generator=torch.Generator().manual_seed(5)),
        path.item_names, path.class_names, SamplingConfig(num_inference_steps=STEPS, denoiser="closed-form"),
    )  # fmt: skip
    assert again.text_weights is not None
    mean = again.text_weights[:, h + 1 : last] @ again.class_text_features
    assert np.allclose(again.x_0[:, h + 1 : last], mean, atol=1e-3)


def test_a_learned_denoisers_weights_leave_room_for_none_of_them(learned_dir):
    _, path = traced(learned_dir, denoiser="learned")
    assert path.text_weights is not None
    sums = path.text_weights[:, path.hand_over + 1 : -1].sum(2)
    assert (sums <= 1 + 1e-4).all() and (path.text_weights >= 0).all()


def test_too_many_candidates_are_not_kept(aligner_dir, monkeypatch):
    monkeypatch.setattr(seda.aligner, "MAX_WEIGHTS", 10)
    _, path = traced(aligner_dir)
    assert path.shares is None and path.center_weights is None and path.text_weights is None


def test_weights_of_another_shape_are_refused(aligner_dir):
    _, path = traced(aligner_dir)
    with pytest.raises(ShapeError, match="text_weights has shape"):
        replace(path, text_weights=path.text_weights[:, :, :2])
