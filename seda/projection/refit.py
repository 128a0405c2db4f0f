"""Refitting frozen maps for other class texts: from where they are, with a limit on how far old points may drift."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from seda.config import Config
from seda.errors import ConfigError
from seda.evaluation.maps import thinning
from seda.map_forms import MAPS
from seda.projection.aligner_map import Progress, place_reference
from seda.projection.fit import MapConfig, MapMaterial, check_points, fuzzy_graph, train
from seda.projection.frozen import FrozenMap
from seda.projection.projectors import ParametricProjector, Projector, TimelineProjector

MAX_HELD = 5_000  # reference points that a refit looks at; chosen here: it is meant to take seconds


@dataclass(frozen=True)
class RefitConfig(Config):
    """How a map is refitted for the class texts and paths on the screen.

    Attributes:
        max_drift: the 95th percentile of the old points' moves, over the map's width, that may be reached; chosen here: a
            twentieth is seen when two journeys are compared, and does not carry a cloud to another's place.
        drift_weight: of the squared moves of old points, in percent of the map's width.
        steps: optimiser steps.
        path_weight: of straightness and jumps, relative to the first fit: its many paths are gone, a few new ones are here.
        learning_rate: peak.
        seed: of the samples.
    """

    max_drift: float = 0.05
    drift_weight: float = 0.3
    steps: int = 600
    path_weight: float = 2.0
    learning_rate: float = 1e-3
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.max_drift <= 1:
            raise ConfigError(
                f"max_drift is {self.max_drift}; allowed is more than 0 to 1, a share of the map's width."
            )


def refit_map(
    frozen: FrozenMap,
    reference: np.ndarray,
    anchors: np.ndarray,
    new_texts: np.ndarray,
    paths: np.ndarray,
    config: RefitConfig | None = None,
    *,
    on_progress: Progress | None = None,
) -> FrozenMap:
    """A new map for new class texts and the paths toward them; the old one is not changed.

    Training starts from the frozen network, old points are held where they were, and it ends early, with the last state
    that was inside, before they drift further than the limit.

    Args:
        frozen: a parametric map or a timeline.
        reference: float32 [m, d], the reference features that the map was fitted to; of more than MAX_HELD every k-th is held.
        anchors: float32 [a, d], its centers and class texts.
        new_texts: float32 [k, d], the class texts to fit to.
        paths: float32 [n, s, d], the paths toward them.
        config: how.
        on_progress: told how far it is; return True to stop.
    Returns:
        the map; its card holds "drift": limit, median, 95th percentile and maximum of the old points' moves over the map's
        width, steps done, and whether the limit ended it.
    Raises:
        ConfigError: the map is of a kind that is not refitted (PCA, umap-learn).
        ProjectionError: points that are not finite.
        Stopped: on_progress returned True.
    """
    config = config or RefitConfig()
    projector = frozen.projector
    parametric = projector.height if isinstance(projector, TimelineProjector) else projector
    if not isinstance(parametric, ParametricProjector):
        raise ConfigError(
            f"The map {frozen.label} is not refitted; a parametric map or a timeline is.",
            remedy="Look at another map, or fit this one anew: `python -m seda map fit`.",
        )
    old = np.concatenate([reference[:: thinning(len(reference), MAX_HELD)], anchors]).astype(np.float32)
    material = _material(old, anchors, new_texts, paths)
    fitted = _refit_config(frozen, config)
    network = deepcopy(parametric.network).requires_grad_(True)
    held = _Held(network, old, config)

    train(
        network,
        material,
        fuzzy_graph(material.points, fitted.n_neighbors),
        fitted,
        more_loss=held.loss,
        on_progress=None if on_progress is None else (lambda done, total: on_progress(frozen.name, done, total)),
        check=held.check,
    )
    network.load_state_dict(held.last_inside)
    moved = ParametricProjector(network.eval().requires_grad_(False))
    refitted: Projector = replace(projector, height=moved) if isinstance(projector, TimelineProjector) else moved
    card = {**frozen.card, "drift": held.report(), "refitted": config.to_dict()}
    return FrozenMap(frozen.name, refitted, place_reference(refitted, reference), card)


def _material(old: np.ndarray, anchors: np.ndarray, new_texts: np.ndarray, paths: np.ndarray) -> MapMaterial:
    """The old points, reference before anchors, the class texts that are none of them, and the paths."""
    known = {row.tobytes() for row in anchors.astype(np.float32)}
    fresh = np.array([row for row in new_texts.astype(np.float32) if row.tobytes() not in known], np.float32)
    fixed = np.concatenate([anchors, fresh.reshape(-1, old.shape[1])])
    material = MapMaterial(old[: len(old) - len(anchors)], fixed, paths, len(paths))
    check_points(material.points)
    return material


def _refit_config(frozen: FrozenMap, config: RefitConfig) -> MapConfig:
    """How the map was fitted, with this refit's steps, and its weights of the paths."""
    fitted = MapConfig.from_dict(frozen.card.get("config", {}))
    return replace(
        fitted,
        seed=config.seed,
        steps=round(config.steps * MAPS[frozen.name].steps_share),
        learning_rate=config.learning_rate,
        weight_decay=0.0,
        straight_weight=config.path_weight * fitted.straight_weight,
        jump_weight=config.path_weight * fitted.jump_weight,
        gather_weight=0.0,
    )


class _Held:
    """Old points, where they were, and how far they have drifted."""

    def __init__(self, network: torch.nn.Module, old: np.ndarray, config: RefitConfig) -> None:
        self.network, self.config = network, config
        self.points = torch.from_numpy(old)
        with torch.no_grad():
            self.positions = network(self.points)
        extent = self.positions.amax(0) - self.positions.amin(0)
        self.width = float(extent.max()) or 1.0
        self.rng = np.random.default_rng(config.seed)
        self.last_inside, self.moves, self.steps_done, self.ended_early = deepcopy(network.state_dict()), None, 0, False

    def loss(self) -> Tensor:
        chosen = self.rng.integers(0, len(self.points), 512)
        moved = (self.network(self.points[chosen]) - self.positions[chosen]) * (100 / self.width)
        return self.config.drift_weight * moved.square().sum(1).mean()

    @torch.no_grad()
    def check(self, step: int) -> bool:
        moves = (self.network(self.points) - self.positions).norm(dim=1).numpy() / self.width
        if np.quantile(moves, 0.95) > self.config.max_drift:
            self.ended_early = True
            return False
        self.last_inside, self.moves, self.steps_done = deepcopy(self.network.state_dict()), moves, step
        return True

    def report(self) -> dict[str, Any]:
        moves = np.zeros(1) if self.moves is None else self.moves
        return {
            "limit": self.config.max_drift,
            "median": round(float(np.median(moves)), 4),
            "p95": round(float(np.quantile(moves, 0.95)), 4),
            "max": round(float(moves.max()), 4),
            "steps": self.steps_done,
            "ended_at_limit": self.ended_early,
        }
