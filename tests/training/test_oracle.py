"""A trained denoiser on a toy mixture whose p(c | v) is known, against the closed form under the truth."""

import numpy as np
import pytest
import torch

from seda.config import ModelConfig, SamplingConfig, TrainingConfig
from seda.diffusion import posterior_log_weights
from seda.training import TrainingSet, fit_aligner

CLASSES, WIDTH, DIM = 3, 6, 4
RNG = np.random.default_rng(0)
CENTERS = 1.2 * RNG.normal(size=(CLASSES, WIDTH))
TEXTS = torch.from_numpy(RNG.normal(size=(CLASSES, 1, DIM))).float()


def drawn(count, seed):
    """Features of three Gaussians with unit variance, labels, and the true p(c | v) [n, 3]."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(CLASSES, size=count)
    features = CENTERS[labels] + rng.normal(size=(count, WIDTH))
    logits = -np.square(features[:, None] - CENTERS).sum(2) / 2
    truth = np.exp(logits - logits.max(1, keepdims=True))
    return torch.from_numpy(features).float(), torch.from_numpy(labels), truth / truth.sum(1, keepdims=True)


@pytest.fixture(scope="module")
def aligner():
    config = TrainingConfig(max_epochs=15, learning_rate=3e-3, feature_noise=0.0, mixup=0.0)
    model = ModelConfig(dim=DIM, image_dim=WIDTH, width=32, heads=2, blocks=1, prior_width=64, dropout=0.0)
    features, labels, _ = drawn(3000, 1)
    return fit_aligner(TrainingSet(features, labels, TEXTS), config, model).aligner


def test_its_belief_is_the_true_posterior(aligner):
    features, _, truth = drawn(500, 2)
    found = aligner.classify(features, TEXTS[:, 0], SamplingConfig()).numpy()
    assert (
        np.abs(found - truth).mean() < 0.05
    )  # the scaler takes lengths and 2 of 6 dimensions from the path, not from p


def test_its_estimates_are_those_of_the_closed_form_under_the_truth(aligner):
    features, labels, truth = drawn(400, 3)
    condition, visual = aligner.condition_scaler(features), aligner.image_scaler(features)
    texts, centers, stage = aligner.text_scaler(TEXTS[:, 0]), aligner.class_centers, aligner.learner
    run = stage.candidates(condition, visual, centers, texts, 1.0)
    generator = torch.Generator().manual_seed(0)
    for timestep in (50, 300, 700, 980):
        alpha_bar = stage.alphas_cumprod[timestep : timestep + 1]
        start = stage.alphas_cumprod[-1:]  # from pure noise nothing is left of the source
        noise = torch.randn(visual.shape, generator=generator)
        x_t = alpha_bar.sqrt() * centers[labels] + (1 - alpha_bar).sqrt() * noise
        found = stage(x_t, stage.embed_time(torch.tensor([timestep])), alpha_bar, start, run).x_0
        log_truth = torch.from_numpy(truth).float().clamp_min(1e-9).log()
        weights = posterior_log_weights(x_t, alpha_bar, centers, log_truth, visual, torch.zeros(1)).exp()
        error = (found - weights @ centers).norm(dim=1).mean() / aligner.config.feature_norm
        assert float(error) < 0.12, timestep


@pytest.mark.parametrize("sampler", ["ddim", "ddpm"])
def test_runs_end_in_a_class_with_its_probability(aligner, sampler):
    """At guidance 1, from pure noise; the end classes of 600 seeds against p(c | v), within four standard errors."""
    count = 600
    features, _, _ = drawn(40, 4)
    for feature in features[:3]:
        batch = feature[None].expand(count, -1)
        sampling = SamplingConfig(sampler, num_inference_steps=50, strength=1.0, guidance=1.0)
        run = aligner.align(batch, TEXTS[:, 0], sampling, item_seeds=range(count))
        believed = (
            aligner.learner.belief(aligner.condition_scaler(feature[None]), aligner.class_centers).exp()[0].numpy()
        )
        ends = torch.cdist(run.learner.states[:, -1], aligner.class_centers).argmin(1).numpy()
        found = np.bincount(ends, minlength=CLASSES) / count
        error = np.sqrt(believed * (1 - believed) / count)
        assert (np.abs(found - believed) < 4 * error + 0.02).all(), (found, believed)
