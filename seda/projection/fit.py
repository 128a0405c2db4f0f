"""Fitting a parametric map: UMAP's own objective on a small network, with time as additional neighbourhood.

Plain UMAP tears trajectories apart: states of one step are nearer to each other than to the next step, and its
transform places a point differently depending on the other rows of its batch. Here the fuzzy neighbour graph is
umap-learn's, the network is trained with UMAP's fuzzy cross-entropy by negative sampling (as parametric UMAP does, Sainburg,
McInnes and Gentner 2021, arXiv:2009.12981), consecutive states of one item are neighbours too, and whole paths are asked
to be direct, without jumps, and (at first) short, so that texts come to lie on their own class's side of the map.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path
from types import ModuleType
from typing import Self

import numpy as np
import torch
from scipy.sparse import coo_matrix
from threadpoolctl import threadpool_limits
from torch import Tensor
from torch.nn.functional import logsigmoid

from seda.config import Config, check_range
from seda.errors import ProjectionError, Stopped
from seda.projection.kept_fit import KeptFit
from seda.projection.projectors import MapNetwork, ParametricProjector, PcaProjector

EXACT_NEIGHBORS = 20_000  # points; up to here the exact search is as fast as pynndescent's first, compiling run
MIN_POINTS = 3
# numba's layer "workqueue", which a machine without OpenMP and TBB gets, aborts the process when two threads use it at once
ONE_AT_A_TIME = threading.RLock()
REDUCED = 96  # numbers of a point that a wide one is fitted by
FULL_FIT = 2_000  # training pictures; the defaults below were chosen on so many


@dataclass(frozen=True)
class MapConfig(Config):
    """How a parametric map is fitted. Defaults were chosen here, on validation images' paths; see docs/maps.md.

    Attributes:
        seed: of initial weights and samples.
        dimensions: of the map, 1 to 3.
        n_neighbors: of UMAP's graph; lowered where there are not more points than that.
        min_dist: UMAP's; smallest distance of neighbours on the map.
        steps: optimiser steps; 0 leaves the principal axes.
        batch_size: edges a step.
        negatives: negative samples per edge, as in UMAP.
        learning_rate: peak of a one-cycle schedule with AdamW.
        weight_decay: AdamW's; keeps the network from learning the noise of the fitted paths by heart.
        reference_share: of the graph's edges that begin at reference points, whatever the number of path states.
        temporal_weight: edges between consecutive states, as a share of all sampled edges relative to the graph's.
        paths_per_step: whole paths that the following terms see in a step.
        straight_weight: of the log of a path's length over its direct distance, as far as that exceeds `detour`.
        detour: what is not punished.
        jump_weight: of squared steps beyond `jump_limit`, both in percent of the map's width.
        jump_limit: length of a step over the map's width from which on it counts as a jump; where paths have so few steps
            that even ones come near it, one and a half even steps.
        gather_weight: of a path's length at the start of the fit; sinks to nothing over the first `gather_share` of it.
        gather_share: see there.
    """

    seed: int = 0
    dimensions: int = 2
    n_neighbors: int = 15
    min_dist: float = 0.2
    steps: int = 3000
    batch_size: int = 512
    negatives: int = 5
    learning_rate: float = 6e-3
    weight_decay: float = 0.3
    reference_share: float = 0.85
    temporal_weight: float = 0.5
    paths_per_step: int = 24
    straight_weight: float = 0.6
    detour: float = 0.12
    jump_weight: float = 0.05
    jump_limit: float = 0.03
    gather_weight: float = 3.0
    gather_share: float = 0.4

    def __post_init__(self) -> None:
        check_range("dimensions", self.dimensions, 1, 3)
        check_range("seed", self.seed, 0, 2**31 - 1)
        check_range("n_neighbors", self.n_neighbors, 2, 1000)
        check_range("min_dist", self.min_dist, 0.0, 1.0)  # UMAP's curve has no other
        check_range("steps", self.steps, 0, 1_000_000)
        check_range("batch_size", self.batch_size, 1, 65_536)
        check_range("negatives", self.negatives, 1, 1000)
        check_range("paths_per_step", self.paths_per_step, 0, 10_000)
        for name in (
            "learning_rate",
            "weight_decay",
            "temporal_weight",
            "straight_weight",
            "detour",
            "jump_weight",
            "gather_weight",
        ):
            check_range(name, getattr(self, name), 0.0, 1000.0)
        for name in ("reference_share", "jump_limit", "gather_share"):
            check_range(name, getattr(self, name), 0.0, 1.0)

    @classmethod
    def for_pictures(cls, count: int) -> Self:
        """For an aligner of `count` training pictures: with few, fewer and cheaper steps reach as much.

        Chosen here: steps grow with the root of the number up to the 2,000 that the defaults were chosen for. On 24
        pictures a tenth of the steps kept more neighbours than all of them, in a tenth of the time.
        """
        full = cls()
        if count >= FULL_FIT:
            return full
        steps = max(round(full.steps * (count / FULL_FIT) ** 0.5), full.steps // 10)
        return replace(full, steps=steps, batch_size=full.batch_size // 2, paths_per_step=full.paths_per_step // 2)


@dataclass(frozen=True, eq=False)
class MapMaterial:
    """What a map is fitted to, in scaled units.

    Attributes:
        reference: float32 [m, d], features that form the clouds.
        anchors: float32 [a, d], category centers and class texts.
        paths: float32 [n, s, d], sampled trajectories.
        graph_paths: the first so many of them are points of the neighbour graph as well; the others only say which ways
            are gone, which is much cheaper.
    """

    reference: np.ndarray
    anchors: np.ndarray
    paths: np.ndarray
    graph_paths: int

    @cached_property
    def points(self) -> np.ndarray:
        """float32 [p, d], the points of the neighbour graph: reference, anchors, states."""
        states = self.paths[: self.graph_paths].reshape(-1, self.reference.shape[1])
        return np.concatenate([self.reference, self.anchors, states]).astype(np.float32)

    @property
    def graph_states(self) -> np.ndarray:
        """int64 [g, s], where in `points` the states of the graph's paths are."""
        count, states = min(self.graph_paths, len(self.paths)), self.paths.shape[1]
        return len(self.reference) + len(self.anchors) + np.arange(count * states).reshape(count, states)


# told optimiser steps done and of how many; return True to stop
Progress = Callable[[int, int], object]


def fit_parametric(
    material: MapMaterial,
    config: MapConfig | None = None,
    *,
    graph: coo_matrix | None = None,
    on_progress: Progress | None = None,
    keep_at: Path | None = None,
    threads: int | None = None,
) -> tuple[ParametricProjector, list[str]]:
    """Fit a network to the material.

    Args:
        material: what to fit to.
        config: how.
        graph: `fuzzy_graph` of the material's points, where it was made before.
        on_progress: told how far it is; return True to stop.
        keep_at: file of where the fit stands, see `KeptFit`; deleted at its end.
        threads: of the training; None for as many as there are. Where products are small, two save a third of the time if nothing else runs,
            and take six times as long beside a browser that draws: they wait for one another.
    Returns:
        the projector, and sentences on what was lowered or left out because the material did not allow it.
    Raises:
        ProjectionError: fewer than three points, or points that are not finite.
        Stopped: on_progress returned True.
    """
    config = config or MapConfig()
    check_points(material.points)
    with torch.random.fork_rng(devices=[]):  # nn's initialisers know only the global generator: lend it, seeded
        torch.manual_seed(config.seed)
        network = MapNetwork(material.reference.shape[1], config.dimensions)
    pca = fit_pca(material.points, config.dimensions)
    network.mean.copy_(torch.from_numpy(pca.mean))
    network.axes.copy_(torch.from_numpy(pca.axes))
    network.input_scale.fill_(float((material.points - pca.mean).std()) or 1.0)
    notes = []
    if identical(material.points):
        notes.append("All points are the same: the map is its principal axes, and everything lies in one place.")
    elif config.steps:
        if len(material.points) <= config.n_neighbors:
            notes.append(f"Neighbours were lowered from {config.n_neighbors}: there are {len(material.points)} points.")
        graph = fuzzy_graph(material.points, config.n_neighbors, config.seed) if graph is None else graph
        kept = None
        if keep_at is not None:
            kept = KeptFit.of(keep_at, config, {"points": material.points, "paths": material.paths})
        with threadpool_limits(threads):  # here: numba, which makes the graph, sets the number of threads anew
            train(network, material, graph, config, on_progress=on_progress, kept=kept)
        if keep_at is not None:
            keep_at.unlink(missing_ok=True)
        _turn(network, material.points)
    return ParametricProjector(network.eval().requires_grad_(False)), notes


class ReducedFits:
    """`fit_parametric` on the principal axes of wide points: as many of them as `width`, orthonormal, so that distances along them stay.

    What is fitted takes points of the whole width: axes and first layer are multiplied into one. Chosen here: paths of 768 numbers fit in a
    fifth of the time, and their map keeps as many neighbours. Axes and neighbour graphs are made once for all maps of a material.

    Raises:
        ProjectionError: fewer than three points, or points that are not finite.
    """

    def __init__(self, material: MapMaterial, width: int = REDUCED) -> None:
        check_points(material.points)
        self._mean = self._axes = None
        self._graphs: dict[tuple[int, int], coo_matrix] = {}
        if material.reference.shape[1] > width:
            mean = material.points.mean(0, dtype=np.float64)
            centred = material.points - mean
            _, vectors = np.linalg.eigh(centred.T @ centred)
            self._axes = np.ascontiguousarray(vectors[:, ::-1][:, :width]).astype(np.float32)  # [d, width]
            self._mean = mean.astype(np.float32)
            reference, anchors, paths = (
                (part - self._mean) @ self._axes for part in (material.reference, material.anchors, material.paths)
            )
            material = MapMaterial(reference, anchors, paths, material.graph_paths)
        self._material = material

    def fit(self, config: MapConfig, *, on_progress: Progress | None = None) -> ParametricProjector:
        """One map.

        Raises:
            Stopped: on_progress returned True.
        """
        points, key = self._material.points, (config.n_neighbors, config.seed)
        if key not in self._graphs and config.steps and not identical(points):
            self._graphs[key] = fuzzy_graph(points, *key)
        fitted, _ = fit_parametric(
            self._material, config, graph=self._graphs.get(key), on_progress=on_progress, threads=1
        )
        if self._axes is None or self._mean is None:
            return fitted
        with torch.random.fork_rng(devices=[]):  # of what nn's initialisers draw nothing is kept
            whole = MapNetwork(len(self._mean), config.dimensions)
        turn, state = torch.from_numpy(self._axes), fitted.network.state_dict()
        state["mean"] = torch.from_numpy(self._mean) + turn @ state["mean"]
        state["axes"] = turn @ state["axes"]
        state["network.0.weight"] = state["network.0.weight"] @ turn.T
        whole.load_state_dict(state)
        return ParametricProjector(whole.eval().requires_grad_(False))


def check_points(points: np.ndarray) -> None:
    """Refuse what no map can be fitted to.

    Raises:
        ProjectionError: fewer than three points, or some that are not finite.
    """
    if len(points) < MIN_POINTS:
        raise ProjectionError(
            f"{len(points)} points came; a map needs at least {MIN_POINTS}.", remedy="Give more images or classes."
        )
    bad = int((~np.isfinite(points).all(1)).sum())
    if bad:
        raise ProjectionError(
            f"{bad} of {len(points)} points are not finite; a map cannot be fitted to them.",
            remedy="Look for images whose features are broken, and leave them out.",
        )


def identical(points: np.ndarray) -> bool:
    """Whether all points [n, d] are one and the same, so that there is nothing to fit."""
    return bool((points == points[0]).all())


def fit_pca(points: np.ndarray, dimensions: int) -> PcaProjector:
    """Principal axes of points [p, d], scaled so that the map is about ten units wide, UMAP's usual extent."""
    from sklearn.decomposition import PCA

    count = min(dimensions, *points.shape)
    mean = points.mean(0, dtype=np.float64)
    axes = np.zeros((points.shape[1], dimensions))
    if not identical(points):
        axes[:, :count] = PCA(count, svd_solver="full").fit((points - mean).astype(np.float64)).components_.T
    spread = np.abs((points - mean) @ axes).max() or 1.0
    return PcaProjector(mean.astype(np.float32), (axes * 5.0 / spread).astype(np.float32))


@cache
def umap_learn() -> ModuleType:
    """umap-learn's module `umap_`, to be used under ONE_AT_A_TIME; seconds to import, and only needed where maps are fitted.

    Its functions are kept as compiled, where numba keeps those that umap-learn lets it keep: the first map of each process
    would otherwise wait for 4 to 10 s of compiling.
    """
    from numba.core.dispatcher import Dispatcher
    from umap import layouts, umap_

    for function in (*vars(umap_).values(), *vars(layouts).values()):
        if isinstance(function, Dispatcher):
            with suppress(RuntimeError):  # there is no folder that numba may write to
                function.enable_caching()
    return umap_


def fuzzy_graph(points: np.ndarray, n_neighbors: int, seed: int = 0) -> coo_matrix:
    """UMAP's fuzzy simplicial set of points [p, d]: membership strengths [p, p], sparse.

    Neighbours are exact up to EXACT_NEIGHBORS points and pynndescent's beyond, whose cost grows close to linearly.
    """
    from sklearn.neighbors import NearestNeighbors

    n_neighbors = min(n_neighbors, len(points) - 1)
    known = {}
    if len(points) <= EXACT_NEIGHBORS:
        search = NearestNeighbors(n_neighbors=n_neighbors, algorithm="brute").fit(points)
        with threadpool_limits(
            1
        ):  # by how many threads share the work distances differ in the last bit, and neighbours that are as near
            distances, indices = search.kneighbors(points)
        known = {"knn_indices": indices, "knn_dists": distances.astype(np.float32)}
    with ONE_AT_A_TIME:
        graph, _, _ = umap_learn().fuzzy_simplicial_set(
            points,
            n_neighbors=n_neighbors,
            random_state=np.random.RandomState(seed),  # umap takes no other kind of generator
            metric="euclidean",
            **known,
        )
    return graph.tocoo()


def train(
    network: MapNetwork,
    material: MapMaterial,
    graph: coo_matrix,
    config: MapConfig,
    *,
    more_loss: Callable[[], Tensor] | None = None,
    on_progress: Progress | None = None,
    check: Callable[[int], bool] | None = None,
    kept: KeptFit | None = None,
) -> None:
    """Train the network's residual in place.

    Args:
        network: starts where it is.
        material: points and paths.
        graph: of the material's points.
        config: how.
        more_loss: added to the objective at each step.
        on_progress: told how far it is; return True to stop.
        check: asked every five steps with the steps done; False ends the training.
        kept: where an earlier call stood and this one stands.
    Raises:
        Stopped: on_progress returned True.
    """
    curve = _curve(config.min_dist)
    rng = np.random.default_rng(config.seed)
    points, paths = torch.from_numpy(material.points), torch.from_numpy(material.paths)
    edges = _Edges(material, graph, config)
    optimizer = torch.optim.AdamW(
        network.network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, config.learning_rate, total_steps=config.steps)
    begin = 0 if kept is None else kept.resume(network, optimizer, schedule, rng)
    for step in range(begin, config.steps):
        heads, tails = edges.sample(rng)
        # negatives come from one uniform pool a step: placing points is the cost, not comparing them
        pool = rng.integers(0, len(points), len(heads))
        head_at, tail_at, pool_at = network(points[np.concatenate([heads, tails, pool])]).chunk(3)
        others_at = pool_at[rng.integers(0, len(pool), (len(heads), config.negatives))]  # [e, r, q]
        loss = _cross_entropy(head_at, tail_at, others_at, curve)
        if len(paths) and config.paths_per_step:
            chosen = paths[rng.integers(0, len(paths), config.paths_per_step)]  # [p, s, d]
            placed = network(chosen.flatten(0, 1)).unflatten(0, chosen.shape[:2])
            gather = config.gather_weight * max(0.0, 1 - step / max(config.steps * config.gather_share, 1))
            loss = loss + _path_loss(placed, 4 * head_at.detach().std(0).mean(), gather, config)
        if more_loss is not None:
            loss = loss + more_loss()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        schedule.step()
        if kept is not None:
            kept.save(step + 1, network, optimizer, rng)
        if step % 25 == 24 and on_progress is not None and on_progress(step + 1, config.steps):
            raise Stopped
        if step % 5 == 4 and check is not None and not check(step + 1):
            return


@torch.no_grad()
def _turn(network: MapNetwork, points: np.ndarray) -> None:
    """Turn a trained map so that its widest direction is x and its narrowest the last axis: screens are wider than high."""
    placed = network(torch.from_numpy(points)).double()
    _, _, turn = torch.linalg.svd(placed - placed.mean(0), full_matrices=False)
    turn = (
        (turn * turn.gather(1, turn.abs().argmax(1, keepdim=True)).sign()).float().T
    )  # a direction's sign is arbitrary
    network.axes.copy_(network.axes @ turn)
    for part in network.network[-1].parameters():  # weight and bias
        part.copy_(turn.T @ part)


class _Edges:
    """Draws edges: of the graph by their strength, and between consecutive states."""

    def __init__(self, material: MapMaterial, graph: coo_matrix, config: MapConfig) -> None:
        weights = graph.data.astype(np.float64)
        from_reference = graph.row < len(material.reference)
        if from_reference.any() and not from_reference.all():
            weights[from_reference] *= config.reference_share / weights[from_reference].sum()
            weights[~from_reference] *= (1 - config.reference_share) / weights[~from_reference].sum()
        self.heads, self.tails = graph.row, graph.col
        self.cumulative = np.cumsum(weights / weights.sum())
        states = material.graph_states
        self.before, self.after = states[:, :-1].ravel(), states[:, 1:].ravel()
        temporal = config.temporal_weight if len(self.before) else 0.0
        self.from_graph = round(config.batch_size / (1 + temporal))
        self.consecutive = config.batch_size - self.from_graph

    def sample(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Heads and tails [e], indices of points."""
        edges = np.minimum(np.searchsorted(self.cumulative, rng.random(self.from_graph)), len(self.heads) - 1)
        steps = rng.integers(0, max(len(self.before), 1), self.consecutive)
        return (
            np.concatenate([self.heads[edges], self.before[steps]]),
            np.concatenate([self.tails[edges], self.after[steps]]),
        )


def _curve(min_dist: float, spread: float = 1.0) -> tuple[float, float]:
    """UMAP's a and b: 1 / (1 + a x^(2 b)) approaches exp(-(x - min_dist) / spread) beyond min_dist."""
    with ONE_AT_A_TIME:
        a, b = umap_learn().find_ab_params(spread, min_dist)
    return float(a), float(b)


def _cross_entropy(head: Tensor, tail: Tensor, others: Tensor, curve: tuple[float, float]) -> Tensor:
    """UMAP's fuzzy set cross-entropy: pull [e, q] pairs together, push [e, r, q] negatives away."""
    a, b = curve

    def log_odds(difference: Tensor) -> Tensor:
        # q = 1 / (1 + a d^(2b)), so that log q - log(1 - q) = -log(a d^(2b)); stable at both ends
        squared = difference.square().sum(-1).clamp_min(1e-6)
        return -(np.log(a) + b * squared.log())

    attraction = -logsigmoid(log_odds(head - tail)).mean()
    repulsion = -logsigmoid(-log_odds(head.unsqueeze(1) - others)).sum(1).mean()
    return attraction + repulsion


def _path_loss(placed: Tensor, width: Tensor, gather: float, config: MapConfig) -> Tensor:
    """How crooked, jumping and (times `gather`) long paths [p, s, q] are on a map whose clouds are about `width` wide."""
    lengths = (placed.diff(dim=1).square().sum(-1) + 1e-8).sqrt()  # [p, s - 1]
    whole = lengths.sum(1)
    direct = ((placed[:, -1] - placed[:, 0]).square().sum(-1) + 1e-4).sqrt()
    crooked = torch.relu(whole.log() - direct.log() - config.detour).mean()
    extent = placed.detach().flatten(0, 1)
    extent = (extent.amax(0) - extent.amin(0)).max().clamp_min(1e-6)
    limit = max(config.jump_limit, 1.5 / lengths.shape[1])
    jumping = (100 * torch.relu(lengths / extent - limit)).square().mean()
    return config.straight_weight * crooked + config.jump_weight * jumping + gather * (whole / width).mean()
