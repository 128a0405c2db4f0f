"""The maps that could be drawn of an aligner, side by side: fitted anew for each seed, scored on held-out paths, timed."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypedDict, cast

import numpy as np

from seda.aligner import PretrainedAligner
from seda.errors import ConfigError
from seda.projection.aligner_map import (
    AlignerMaterial,
    aligner_material,
    fit_map,
    fit_umap_learn,
    place_paths,
    score_map,
)
from seda.projection.fit import MapConfig
from seda.projection.projectors import NeighborProjector, Projector

PLACED = 3200  # points that are placed for the timing: 64 images x 2 x 25 steps
REPEATS = 5  # of placing; the median counts


class _Changes(TypedDict, total=False):
    straight_weight: float
    jump_weight: float
    gather_weight: float
    temporal_weight: float
    paths_per_step: int


# row -> (map, what its configuration has other than the default)
PARAMETRIC: dict[str, tuple[str, _Changes]] = {
    "parametric": ("umap-2d", {}),
    "parametric 3-D": ("umap-3d", {}),
    "timeline": ("timeline", {}),
}
TRADE_OFF: dict[str, tuple[str, _Changes]] = {
    "parametric, no path terms": ("umap-2d", {"straight_weight": 0.0, "jump_weight": 0.0, "gather_weight": 0.0}),
    "parametric, neither path terms nor temporal edges": ("umap-2d", {"paths_per_step": 0, "temporal_weight": 0.0}),
    "parametric, temporal weight 0": ("umap-2d", {"temporal_weight": 0.0}),
    "parametric, temporal weight 0.25": ("umap-2d", {"temporal_weight": 0.25}),
    "parametric, temporal weight 1": ("umap-2d", {"temporal_weight": 1.0}),
    "parametric, temporal weight 2": ("umap-2d", {"temporal_weight": 2.0}),
}
PCA = {"pca": "pca-2d", "pca 3-D": "pca-3d"}
UMAP_LEARN, UMAP_LEARN_FROZEN = "umap-learn", "umap-learn, placed by neighbours"
ROW_OF = {which: row for row, (which, _) in PARAMETRIC.items()} | {which: row for row, which in PCA.items()}
ROW_OF["umap-learn"] = UMAP_LEARN_FROZEN
ROWS = (*PARAMETRIC, *PCA, UMAP_LEARN, UMAP_LEARN_FROZEN)


def score_projectors(
    pretrained: PretrainedAligner,
    *,
    seeds: Sequence[int] = (0, 1, 2),
    projectors: Sequence[str] = ROWS,
    on_progress: Callable[[str, int, int], object] | None = None,
) -> list[dict[str, Any]]:
    """Fit projectors to the same points and score them on the same held-out paths.

    "parametric" is the map that aligners are saved with; "umap-learn" is UMAP fitted to all states, and its transform;
    the row after it places points on that same fit by their neighbours. TRADE_OFF holds further rows.

    Args:
        pretrained: the aligner.
        seeds: of the fits; figures are medians over them. PCA has no seed and is fitted once.
        projectors: rows, of ROWS and TRADE_OFF.
        on_progress: told of each fit: its row, fits done, of how many.
    Returns:
        a row each: projector, the measures of `map_scores`, place_ms for 3,200 points, fit_s, seeds.
    Raises:
        ConfigError: a row is not known.
    """
    if unknown := [name for name in projectors if name not in (*ROWS, *TRADE_OFF)]:
        raise ConfigError(
            f"There is no projector {', '.join(unknown)}; known are {'; '.join((*ROWS, *TRADE_OFF))}.",
        )
    prepared = aligner_material(pretrained)
    fits = [(name, seed) for name in projectors for seed in (seeds[:1] if name in PCA else seeds)]
    found: dict[str, list[dict[str, float]]] = {name: [] for name in projectors}
    umap_fits: dict[int, tuple[_Umap, float]] = {}
    for done, (name, seed) in enumerate(fits, start=1):
        found[name].append(_score(name, seed, prepared, umap_fits))
        if on_progress is not None:
            on_progress(f"{name}, seed {seed}", done, len(fits))
    return [
        {
            "projector": name,
            **{key: statistics.median(row[key] for row in rows) for key in rows[0]},
            "seeds": len(rows),
        }
        for name, rows in found.items()
    ]


def _score(
    name: str, seed: int, prepared: AlignerMaterial, umap_fits: dict[int, tuple[_Umap, float]]
) -> dict[str, float]:
    """Measures and times of one fit."""
    start = time.perf_counter()
    if name in (UMAP_LEARN, UMAP_LEARN_FROZEN):
        if seed not in umap_fits:  # both rows look at one fit
            model = _Umap(prepared.material.points, seed)
            umap_fits[seed] = model, time.perf_counter() - start
        model, fit_s = umap_fits[seed]
        # of a projector only its places are looked at, and umap-learn's transform has no more
        projector = cast(Projector, model) if name == UMAP_LEARN else model.frozen
        reference_at = model.frozen.positions[: len(prepared.material.reference)]
    else:
        which, changes = (PARAMETRIC | TRADE_OFF).get(name) or (PCA[name], {})
        # the graph is part of what a fit costs
        frozen = fit_map(which, replace(prepared, graph=None), MapConfig(seed=seed, **changes))
        fit_s = time.perf_counter() - start
        projector, reference_at = frozen.projector, frozen.reference
    scores = score_map(projector, reference_at, prepared.material.reference, prepared.held_out)
    return {**scores, "place_ms": place_ms(projector, prepared.held_out), "fit_s": fit_s}


def place_ms(projector: Projector, paths: np.ndarray) -> float:
    """Milliseconds for placing PLACED states, warm."""
    count = -(-PLACED // paths.shape[1])
    part = np.ascontiguousarray(np.resize(paths, (count, *paths.shape[1:])))
    times = []
    for _ in range(REPEATS + 1):
        start = time.perf_counter()
        place_paths(projector, part)
        times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times[1:]) * PLACED / (count * paths.shape[1])


class _Umap:
    """umap-learn as it is usually used; its transform depends on the other rows of its batch."""

    kind = "umap-learn"

    def __init__(self, points: np.ndarray, seed: int) -> None:
        self.model = fit_umap_learn(points, MapConfig(seed=seed))
        self.frozen = NeighborProjector(points.astype(np.float16), self.model.embedding_, self.model.n_neighbors)

    def place(self, points: np.ndarray, progress: np.ndarray | None = None) -> np.ndarray:
        return self.model.transform(points)
