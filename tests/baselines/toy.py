"""Small drawn features for methods and benchmark: classes apart by a few standard deviations, random class texts."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np

from seda.baselines.aligner_methods import LearnedSeda
from seda.baselines.base import ClassTextFeatures, LabelledFeatures, NamedHead
from seda.config import ModelConfig

CLASSES, IMAGE_DIM, DIM = 4, 24, 12
_RNG = np.random.default_rng(0)
CENTERS = 1.5 * _RNG.normal(size=(CLASSES, IMAGE_DIM)) + 2
PHRASINGS = (_RNG.normal(size=(CLASSES, 1, DIM)) + 0.1 * _RNG.normal(size=(CLASSES, 2, DIM)) + 1).astype(np.float32)


def shorten_trainings(monkeypatch) -> None:
    """Few steps and small networks for every method that is trained by gradient: enough for these classes."""
    monkeypatch.setattr("seda.baselines.network_training.MIN_STEPS", 30)
    monkeypatch.setattr("seda.baselines.aligner_methods.MIN_STEPS", 20)
    little = partial(ModelConfig, width=32, heads=2, blocks=1, prior_width=128)
    monkeypatch.setattr("seda.baselines.aligner_methods.ModelConfig", little)
    whole = LearnedSeda.training_config

    def short(self, count):
        settings = {"one_step_steps": 100, "denoiser_steps": 30, "batch_size": 32, "learning_rate": 3e-3}
        return replace(whole(self, count), **settings)

    monkeypatch.setattr(LearnedSeda, "training_config", short)
    fit = LearnedSeda.fit
    monkeypatch.setattr(LearnedSeda, "fit", lambda self, *data: fit(replace(self, steps=min(self.steps, 6)), *data))
    small = {"one_step_width": 64, "denoiser_width": 32, "denoiser_heads": 2, "denoiser_blocks": 1}
    monkeypatch.setattr("seda.baselines.aligner_methods.LEARNED", {"denoiser": "learned", **small})


def drawn(per_class: int, seed: int) -> LabelledFeatures:
    rng = np.random.default_rng(seed)
    labels = np.arange(per_class * CLASSES) % CLASSES
    features = CENTERS[labels] + rng.normal(size=(len(labels), IMAGE_DIM))
    return LabelledFeatures(features.astype(np.float32), labels)


def class_texts(*, shared: bool = False, head: bool = True) -> ClassTextFeatures:
    """Texts of their own width; with `shared`, in the images' space and near the class centers."""
    rng = np.random.default_rng(1)
    phrasings = PHRASINGS
    if shared:
        phrasings = (CENTERS[:, None] + 0.5 * rng.normal(size=(CLASSES, 2, IMAGE_DIM))).astype(np.float32)
    weight = (CENTERS - CENTERS.mean(0)).astype(np.float32)
    named = NamedHead(weight, np.zeros(CLASSES, np.float32) - (weight @ CENTERS.mean(0)), phrasings[:, 1])
    return ClassTextFeatures(phrasings, shared_space=shared, head=named if head else None)
