"""FrozenMap: a small network R^d -> R^2, and its file form.

Fitting lives in seda.projection.fit, which alone needs umap-learn; a frozen map places points without it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from seda.errors import FileFormatError, ProjectionError
from seda.storage import read_arrays, write_arrays

MAP_FILE = "map.safetensors"
FORMAT = "seda-map"
FORMAT_VERSION = 1


class Projector(Protocol):
    """Places feature points on a map. A pure function of each point: its batch does not matter."""

    def place(self, points: np.ndarray) -> np.ndarray:
        """Positions float32 [n, 2] of points [n, d] in scaled units."""


class MapNetwork(nn.Module):
    """Two principal axes plus a residual that starts at zero.

    The linear part keeps the coarse shape and makes far-away points land far away; the residual bends it so that
    neighbours stay together.

    Shapes: n points, d their width.
    """

    def __init__(self, dim: int, width: int = 128) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(dim))
        self.register_buffer("axes", torch.zeros(dim, 2))
        self.register_buffer("input_scale", torch.ones(()))
        self.network = nn.Sequential(
            nn.Linear(dim, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, 2)
        )
        nn.init.zeros_(self.network[-1].weight)
        nn.init.zeros_(self.network[-1].bias)

    def forward(self, points: Tensor) -> Tensor:
        centred = points - self.mean
        return centred @ self.axes + self.network(centred / self.input_scale)


@dataclass(frozen=True, eq=False)
class FrozenMap:
    """A fitted map with the positions of its reference points.

    Attributes:
        network: eval mode, on the CPU.
        reference: float32 [m, 2], positions of the aligner's reference features, in their order.
        card: JSON values: how it was fitted, its trust measures, the aligner's fingerprint.
    """

    network: MapNetwork
    reference: np.ndarray
    card: dict[str, Any]

    @torch.no_grad()
    def place(self, points: np.ndarray) -> np.ndarray:
        """Positions float32 [n, 2] of points [n, d], scaled units.

        Raises:
            ProjectionError: the width is not the map's, or a point is not finite.
        """
        dim = len(self.network.mean)
        if points.ndim != 2 or points.shape[1] != dim:
            raise ProjectionError(f"Points have shape {points.shape}; this map places [n, {dim}].")
        if not np.isfinite(points).all():
            bad = int((~np.isfinite(points).all(1)).sum())
            raise ProjectionError(f"{bad} of {len(points)} points are not finite and have no place on a map.")
        return self.network(torch.from_numpy(np.ascontiguousarray(points, dtype=np.float32))).numpy()

    def save(self, folder: Path | str) -> Path:
        """Write map.safetensors beside the aligner.

        Raises:
            StorageError: the disk is full or the folder cannot be written.
        """
        arrays = {f"network.{name}": value.numpy() for name, value in self.network.state_dict().items()}
        arrays["reference"] = self.reference
        metadata = {"format": FORMAT, "version": FORMAT_VERSION, "card": self.card}
        return write_arrays(Path(folder) / MAP_FILE, arrays, metadata)


def load_map(folder: Path | str) -> FrozenMap:
    """Load the frozen map of an aligner's folder.

    Raises:
        FileFormatError: there is none, or it is damaged or of another version.
    """
    path = Path(folder) / MAP_FILE
    arrays, metadata = read_arrays(path)
    if metadata.get("format") != FORMAT or metadata.get("version") != FORMAT_VERSION:
        raise FileFormatError(
            f"{path} is not a map of version {FORMAT_VERSION}.",
            remedy="Fit it again: `python -m seda map fit --aligner DIR`.",
        )
    try:
        reference = arrays.pop("reference")
        weights = {name.removeprefix("network."): torch.from_numpy(value) for name, value in arrays.items()}
        width, dim = weights["network.0.weight"].shape
        network = MapNetwork(dim, width)
        network.load_state_dict(weights)
    except (KeyError, RuntimeError) as error:
        raise FileFormatError(f"{path} is incomplete ({error}).", remedy="Fit the map again.") from error
    return FrozenMap(network.eval().requires_grad_(False), reference, metadata["card"])
