"""The map of one aligner: fitted to its own clouds, centers, texts and paths, and scored on held-out paths."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from seda.aligner import PretrainedAligner
from seda.config import SamplingConfig
from seda.evaluation.maps import map_scores
from seda.projection.fit import MapConfig, fit_map
from seda.projection.parametric import FrozenMap, Projector

# the fitted paths show the ways that a user may choose: smooth, noisy, and from pure noise
FIT_SAMPLINGS = (SamplingConfig(), SamplingConfig(sampler="ddpm", seed=1), SamplingConfig(strength=1.0, seed=2))
SCORE_SAMPLING = SamplingConfig(seed=3)


def fit_aligner_map(
    pretrained: PretrainedAligner,
    config: MapConfig | None = None,
    *,
    on_progress: Callable[[int, int], object] | None = None,
) -> FrozenMap:
    """Fit a map to an aligner's reference features, centers, texts and training paths; its scores are in its card.

    Raises:
        ProjectionError: fewer points than neighbours.
    """
    frozen = fit_map(
        pretrained.reference.features.cpu().numpy(),
        map_anchors(pretrained),
        fit_paths(pretrained),
        config,
        card={"aligner": pretrained.card.name, "encoder_fingerprint": pretrained.card.encoder_fingerprint},
        on_progress=on_progress,
    )
    scores = score_map(frozen, frozen.reference, pretrained, held_out_paths(pretrained))
    return replace(frozen, card={**frozen.card, "scores": scores})


def map_anchors(pretrained: PretrainedAligner) -> np.ndarray:
    """Category centers and every phrasing of the class texts, float32 [a, d], scaled units."""
    aligner = pretrained.aligner
    # classes with fewer phrasings repeat theirs; a point twice would be its own neighbour
    texts = torch.unique(aligner.text_scaler(pretrained.reference.texts.flatten(0, 1)), dim=0)
    return torch.cat([aligner.class_centers, texts]).cpu().numpy()


def fit_paths(pretrained: PretrainedAligner) -> np.ndarray:
    """Paths float32 [p, s, d] of training images, a third for each way of sampling."""
    parts = pretrained.reference.fit_images.tensor_split(len(FIT_SAMPLINGS))
    return np.concatenate(
        [_states(pretrained, part, sampling) for part, sampling in zip(parts, FIT_SAMPLINGS, strict=True)]
    )


def held_out_paths(pretrained: PretrainedAligner) -> np.ndarray:
    """Paths float32 [q, s, d] of validation images."""
    return _states(pretrained, pretrained.reference.held_out_images, SCORE_SAMPLING)


def score_map(
    projector: Projector, reference_at: np.ndarray, pretrained: PretrainedAligner, paths: np.ndarray
) -> dict[str, float]:
    """`map_scores` of a projector on an aligner's reference features (placed at [m, 2]) and paths [q, s, d]."""
    q, s, d = paths.shape
    placed = projector.place(paths.reshape(q * s, d)).reshape(q, s, -1)
    return map_scores(pretrained.reference.features.cpu().numpy(), reference_at, paths, placed)


def _states(pretrained: PretrainedAligner, image_features: Tensor, sampling: SamplingConfig) -> np.ndarray:
    run = pretrained.aligner.align(image_features, pretrained.reference.texts[:, 0], sampling)
    return torch.cat([run.visual.unsqueeze(1), run.learner.states, run.translator.states], 1).cpu().numpy()
