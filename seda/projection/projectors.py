"""Projectors R^d -> R^q: each places a point as a pure function of that point, whatever else is in its batch.

Fitting lives in seda.projection.fit and seda.projection.aligner_map, which alone need umap-learn.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Protocol, Self

import numpy as np
import torch
from torch import Tensor, nn

from seda.errors import ProjectionError

PLACED = 16_384  # points that are placed at a time, 70 MB; chosen here: a run of 64 pictures is one piece


class Projector(Protocol):
    """Places feature points on a map.

    Attributes:
        kind: how the map is made: "umap" (parametric), "umap-learn", "pca" or "timeline".
        dim: width d of the points that it takes.
        dimensions: q, 2 or 3.
    """

    kind: ClassVar[str]

    @property
    def dim(self) -> int:
        """Width d of the points that it takes."""

    @property
    def dimensions(self) -> int:
        """Of the map: 2 or 3."""

    def place(self, points: np.ndarray, progress: np.ndarray | None = None) -> np.ndarray:
        """Positions float32 [n, q] of finite points float32 [n, d] in scaled units.

        `progress` [n] is how far along its path each point is, 0 at the visual feature to 1 at the class text; a timeline
        needs it, the other maps do not look at it.
        """

    def arrays(self) -> dict[str, np.ndarray]:
        """All that `from_arrays` needs."""

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Self:
        """Back from what `arrays` gave."""


class MapNetwork(nn.Module):
    """Principal axes plus a residual that starts at zero.

    The linear part keeps the coarse shape and makes far-away points land far away; the residual bends it so that
    neighbours stay together.

    Shapes: n points, d their width, q dimensions of the map.
    """

    mean: Tensor
    axes: Tensor
    input_scale: Tensor

    def __init__(self, dim: int, dimensions: int = 2, width: int = 128) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(dim))
        self.register_buffer("axes", torch.zeros(dim, dimensions))
        self.register_buffer("input_scale", torch.ones(()))
        last = nn.Linear(width, dimensions)
        self.network = nn.Sequential(nn.Linear(dim, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU(), last)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)

    def forward(self, points: Tensor) -> Tensor:
        """Points [n, d] to places on the map [n, q]."""
        centred = points - self.mean
        return centred @ self.axes + self.network(centred / self.input_scale)


@dataclass(frozen=True, eq=False)
class ParametricProjector:
    """A trained MapNetwork, in eval mode on the CPU."""

    kind: ClassVar[str] = "umap"
    network: MapNetwork

    @property
    def dim(self) -> int:
        return self.network.axes.shape[0]

    @property
    def dimensions(self) -> int:
        return self.network.axes.shape[1]

    @torch.no_grad()
    def place(self, points: np.ndarray, progress: np.ndarray | None = None) -> np.ndarray:
        return torch.cat([self.network(part) for part in torch.from_numpy(points).split(PLACED)]).numpy()

    def arrays(self) -> dict[str, np.ndarray]:
        return {name: value.numpy() for name, value in self.network.state_dict().items()}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Self:
        dim, dimensions = arrays["axes"].shape
        network = MapNetwork(dim, dimensions, len(arrays["network.0.weight"]))
        network.load_state_dict({name: torch.from_numpy(value) for name, value in arrays.items()})
        return cls(network.eval().requires_grad_(False))


@dataclass(frozen=True, eq=False)
class PcaProjector:
    """Principal axes: mean [d] and axes [d, q], scaled so that the map is about ten units wide."""

    kind: ClassVar[str] = "pca"
    mean: np.ndarray
    axes: np.ndarray

    @property
    def dim(self) -> int:
        return self.axes.shape[0]

    @property
    def dimensions(self) -> int:
        return self.axes.shape[1]

    def place(self, points: np.ndarray, progress: np.ndarray | None = None) -> np.ndarray:
        parts = [points[first : first + PLACED] for first in range(0, max(len(points), 1), PLACED)]
        return np.concatenate([(part - self.mean) @ self.axes for part in parts])

    def arrays(self) -> dict[str, np.ndarray]:
        return {"mean": self.mean, "axes": self.axes}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Self:
        return cls(arrays["mean"], arrays["axes"])


@dataclass(frozen=True, eq=False)
class TimelineProjector:
    """Progress along the path as x, a one-dimensional parametric map as y, brought to 0 .. 1 on the fitted points."""

    kind: ClassVar[str] = "timeline"
    height: ParametricProjector
    low: float
    span: float

    @property
    def dim(self) -> int:
        return self.height.dim

    @property
    def dimensions(self) -> int:
        return 2

    def place(self, points: np.ndarray, progress: np.ndarray | None = None) -> np.ndarray:
        if progress is None:
            raise ProjectionError("A timeline needs the progress of each point, 0 to 1, beside the points.")
        y = (self.height.place(points)[:, 0] - self.low) / self.span
        return np.stack([np.asarray(progress, np.float32), y], axis=1)

    def arrays(self) -> dict[str, np.ndarray]:
        return {"bounds": np.array([self.low, self.span], np.float32), **self.height.arrays()}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Self:
        low, span = (float(value) for value in arrays["bounds"])
        height = {name: value for name, value in arrays.items() if name != "bounds"}
        return cls(ParametricProjector.from_arrays(height), low, span)


@dataclass(frozen=True, eq=False)
class NeighborProjector:
    """umap-learn's own map of its fitted points; new points land at the distance-weighted mean of their neighbours.

    That mean is close to where UMAP.transform starts. What transform does then, moving all points of the batch against
    each other, is left out: it makes a point's place depend on its batch.

    Attributes:
        points: float16 [p, d], the fitted points.
        positions: float32 [p, q], where umap-learn put them.
        n_neighbors: how many are averaged.
    """

    kind: ClassVar[str] = "umap-learn"
    points: np.ndarray
    positions: np.ndarray
    n_neighbors: int = 15

    @property
    def dim(self) -> int:
        return self.points.shape[1]

    @property
    def dimensions(self) -> int:
        return self.positions.shape[1]

    def place(self, points: np.ndarray, progress: np.ndarray | None = None) -> np.ndarray:
        return self._regressor.predict(points).astype(np.float32)

    @cached_property
    def _regressor(self):
        from sklearn.neighbors import KNeighborsRegressor

        neighbors = min(self.n_neighbors, len(self.points))
        regressor = KNeighborsRegressor(neighbors, weights="distance", algorithm="brute")
        return regressor.fit(self.points.astype(np.float32), self.positions)

    def arrays(self) -> dict[str, np.ndarray]:
        return {"points": self.points, "positions": self.positions, "n_neighbors": np.array(self.n_neighbors)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Self:
        return cls(arrays["points"], arrays["positions"], int(arrays["n_neighbors"]))


PROJECTORS: dict[str, type[Projector]] = {
    projector.kind: projector for projector in (ParametricProjector, PcaProjector, TimelineProjector, NeighborProjector)
}
