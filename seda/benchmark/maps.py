"""The maps that could be drawn of an aligner, side by side: fitted anew, scored on held-out paths, timed."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from seda.aligner import PretrainedAligner
from seda.projection.aligner_map import fit_aligner_map, fit_paths, held_out_paths, map_anchors, score_map
from seda.projection.fit import MapConfig
from seda.projection.parametric import Projector

PLACED = 3200  # points that are placed for the timing: 64 images x 2 x 25 steps


def score_projectors(
    pretrained: PretrainedAligner,
    *,
    seed: int = 0,
    on_progress: Callable[[str, int, int], object] | None = None,
) -> list[dict[str, Any]]:
    """Fit every projector to the same points and score it on the same held-out paths.

    "parametric" is the map that aligners are saved with, "parametric, no temporal edges" its ablation, "pca" the two
    principal axes that it starts from, "umap-learn" UMAP fitted to all states and its transform.

    Returns:
        a row each: projector, the measures of `map_scores`, place_ms for 3,200 points, fit_s.
    """
    paths = held_out_paths(pretrained)
    fits: dict[str, Callable[[], tuple[Projector, np.ndarray]]] = {
        "parametric": lambda: _parametric(pretrained, MapConfig(seed=seed)),
        "parametric, no temporal edges": lambda: _parametric(pretrained, MapConfig(seed=seed, temporal_weight=0.0)),
        "pca": lambda: _parametric(pretrained, MapConfig(seed=seed, steps=0)),
        "umap-learn": lambda: _umap(pretrained, seed),
    }
    points = np.resize(paths.reshape(-1, paths.shape[2]), (PLACED, paths.shape[2]))
    rows = []
    for number, (name, fit) in enumerate(fits.items(), start=1):
        start = time.perf_counter()
        projector, reference_at = fit()
        fitted = time.perf_counter()
        scores = score_map(projector, reference_at, pretrained, paths)
        begun = time.perf_counter()
        projector.place(points)
        seconds = time.perf_counter() - begun
        rows.append({"projector": name, **scores, "place_ms": 1000 * seconds, "fit_s": fitted - start})
        if on_progress is not None:
            on_progress(name, number, len(fits))
    return rows


def _parametric(pretrained: PretrainedAligner, config: MapConfig) -> tuple[Projector, np.ndarray]:
    frozen = fit_aligner_map(pretrained, config)
    return frozen, frozen.reference


class _Umap:
    """umap-learn as it is usually used; its transform depends on the other rows of its batch."""

    def __init__(self, points: np.ndarray, seed: int) -> None:
        from umap import UMAP

        self.model = UMAP(n_neighbors=15, min_dist=0.2, random_state=seed, n_jobs=1).fit(points)

    def place(self, points: np.ndarray) -> np.ndarray:
        return self.model.transform(points)


def _umap(pretrained: PretrainedAligner, seed: int) -> tuple[Projector, np.ndarray]:
    reference = pretrained.reference.features.cpu().numpy()
    paths = fit_paths(pretrained)
    fitted = _Umap(np.concatenate([reference, map_anchors(pretrained), paths.reshape(-1, paths.shape[2])]), seed)
    return fitted, fitted.model.embedding_[: len(reference)]
