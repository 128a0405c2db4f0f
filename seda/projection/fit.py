"""Fitting the frozen map: UMAP's own objective on a small network, with time as additional neighbourhood.

Plain UMAP tears trajectories apart: states of one step are nearer to each other than to the next step, and its
transform places a point differently depending on the other rows of its batch. Here the fuzzy neighbour graph is
umap-learn's, the network is trained with UMAP's fuzzy cross-entropy by negative sampling (as parametric UMAP does, Sainburg,
McInnes and Gentner 2021, arXiv:2009.12981), and consecutive states of one item are neighbours too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from seda.config import Config
from seda.errors import ProjectionError
from seda.projection.parametric import FrozenMap, MapNetwork


@dataclass(frozen=True)
class MapConfig(Config):
    """How a map is fitted.

    Attributes:
        seed: of initial weights and samples.
        n_neighbors: of UMAP's graph.
        min_dist: UMAP's; smallest distance of neighbours on the map.
        temporal_weight: edges between consecutive states, as a share of all sampled edges relative to the graph's.
        negatives: negative samples per edge, as in UMAP.
        steps: optimiser steps; 0 leaves the two principal axes (PCA).
        batch_size: edges a step.
        learning_rate: peak of a one-cycle schedule with Adam.
        speed_weight: of a term that asks for steps of equal length in feature space to be equally long on the map.
    """

    seed: int = 0
    n_neighbors: int = 15
    min_dist: float = 0.2
    temporal_weight: float = 1.0
    negatives: int = 5
    steps: int = 3000
    batch_size: int = 512
    learning_rate: float = 2e-3
    speed_weight: float = 0.0


def fit_map(
    reference: np.ndarray,
    anchors: np.ndarray,
    paths: np.ndarray,
    config: MapConfig | None = None,
    *,
    card: dict[str, Any] | None = None,
    on_progress: Callable[[int, int], object] | None = None,
) -> FrozenMap:
    """Fit a map to reference features, anchors and trajectories, and freeze it.

    Args:
        reference: float32 [m, d], scaled features that form the clouds.
        anchors: float32 [a, d], category centers and class texts.
        paths: float32 [n, s, d], sampled trajectories.
        config: how.
        card: JSON values kept in the map's file.
        on_progress: told steps done and of how many.
    Raises:
        ProjectionError: fewer points than neighbours, or points that are not finite.
    """
    config = config or MapConfig()
    n, s, d = paths.shape
    points = np.concatenate([reference, anchors, paths.reshape(n * s, d)]).astype(np.float32)
    if not np.isfinite(points).all():
        raise ProjectionError("Some points are not finite; a map cannot be fitted to them.")
    if len(points) <= config.n_neighbors:
        raise ProjectionError(
            f"{len(points)} points came; a map with n_neighbors {config.n_neighbors} needs more than that.",
            remedy="Give more points or lower n_neighbors.",
        )
    with torch.random.fork_rng(devices=[]):  # nn's initialisers know only the global generator: lend it, seeded
        torch.manual_seed(config.seed)
        network = MapNetwork(d)
    _fit_linear_part(network, points)
    if config.steps:
        _train(network, points, len(reference) + len(anchors), (n, s), config, on_progress)
    network.eval().requires_grad_(False)
    frozen = FrozenMap(network, np.zeros((0, 2), np.float32), {"config": config.to_dict(), **(card or {})})
    return FrozenMap(network, frozen.place(reference), frozen.card)


def _train(
    network: MapNetwork,
    points: np.ndarray,
    first: int,
    path_shape: tuple[int, int],
    config: MapConfig,
    on_progress: Callable[[int, int], object] | None,
) -> None:
    """Train the residual on points [p, d], of which those from `first` on are n paths of s states."""
    n, s = path_shape
    heads, tails, weights = fuzzy_graph(points, config)
    index = first + np.arange(n * s).reshape(n, s)
    step_heads, step_tails = index[:, :-1].ravel(), index[:, 1:].ravel()
    a, b = _curve(config.min_dist)
    rng = np.random.default_rng(config.seed)
    data = torch.from_numpy(points)
    optimizer = torch.optim.Adam(network.network.parameters(), lr=config.learning_rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, config.learning_rate, total_steps=config.steps)

    probability = np.cumsum(weights / weights.sum())
    graph_count = round(config.batch_size / (1 + config.temporal_weight * (len(step_heads) > 0)))
    step_count = config.batch_size - graph_count if len(step_heads) else 0
    for step in range(config.steps):
        edges = np.minimum(np.searchsorted(probability, rng.random(graph_count)), len(heads) - 1)
        consecutive = rng.integers(0, max(len(step_heads), 1), step_count)
        head = np.concatenate([heads[edges], step_heads[consecutive]])
        tail = np.concatenate([tails[edges], step_tails[consecutive]])
        # negatives come from one uniform pool a step: placing points is the cost, not comparing them
        pool = rng.integers(0, len(points), len(head))
        head_at, tail_at, pool_at = network(data[np.concatenate([head, tail, pool])]).chunk(3)
        others_at = pool_at[rng.integers(0, len(pool), (len(head), config.negatives))]  # [e, r, 2]
        loss = _cross_entropy(head_at, tail_at, others_at, a, b)
        if config.speed_weight and step_count:
            moved = (head_at[graph_count:] - tail_at[graph_count:]).norm(dim=1)
            walked = (data[step_heads[consecutive]] - data[step_tails[consecutive]]).norm(dim=1)
            loss = loss + config.speed_weight * _unequal_speed(walked, moved)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        schedule.step()
        if on_progress is not None and step % 50 == 49:
            on_progress(step + 1, config.steps)


def fuzzy_graph(points: np.ndarray, config: MapConfig) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """UMAP's fuzzy simplicial set of points [n, d]: heads, tails [e] and membership strengths [e]."""
    from umap.umap_ import fuzzy_simplicial_set  # seconds to import, and only needed here

    graph, _, _ = fuzzy_simplicial_set(
        points,
        n_neighbors=config.n_neighbors,
        random_state=np.random.RandomState(config.seed),  # umap takes no other kind of generator
        metric="euclidean",
    )
    graph = graph.tocoo()
    return graph.row, graph.col, graph.data.astype(np.float64)


def _curve(min_dist: float, spread: float = 1.0) -> tuple[float, float]:
    """UMAP's a and b: 1 / (1 + a x^(2 b)) approaches exp(-(x - min_dist) / spread) beyond min_dist."""
    from umap.umap_ import find_ab_params

    a, b = find_ab_params(spread, min_dist)
    return float(a), float(b)


def _fit_linear_part(network: MapNetwork, points: np.ndarray) -> None:
    """First two principal axes, scaled so that the map is about ten units wide, UMAP's usual extent."""
    mean = points.mean(0)
    centred = (points - mean).astype(np.float64)
    _, vectors = np.linalg.eigh(centred.T @ centred / len(points))
    axes = vectors[:, [-1, -2]]
    axes = axes * np.sign(axes[np.abs(axes).argmax(0), [0, 1]])  # an eigenvector's sign is arbitrary: fix it
    spread = np.abs(centred @ axes).max() or 1.0
    network.mean.copy_(torch.from_numpy(mean))
    network.axes.copy_(torch.from_numpy(axes * 5.0 / spread))
    network.input_scale.fill_(float(centred.std()) or 1.0)


def _cross_entropy(head: Tensor, tail: Tensor, others: Tensor, a: float, b: float) -> Tensor:
    """UMAP's fuzzy set cross-entropy: pull [e, 2] pairs together, push [e, r, 2] negatives away."""

    def log_odds(difference: Tensor) -> Tensor:
        # q = 1 / (1 + a d^(2b)), so that log q - log(1 - q) = -log(a d^(2b)); stable at both ends
        squared = difference.square().sum(-1).clamp_min(1e-6)
        return -(np.log(a) + b * squared.log())

    attraction = -logsigmoid(log_odds(head - tail)).mean()
    repulsion = -logsigmoid(-log_odds(head.unsqueeze(1) - others)).sum(1).mean()
    return attraction + repulsion


def _unequal_speed(walked: Tensor, moved: Tensor) -> Tensor:
    """Variance of the log ratio of step lengths on the map [e] and in feature space [e]; 0 where they are proportional."""
    ratio = (moved + 1e-2).log() - (walked + 1e-2).log()
    return ratio.var()
