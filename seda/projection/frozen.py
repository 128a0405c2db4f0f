"""FrozenMap: a projector with the positions of its reference points, and its file form.

An aligner's folder holds one file a map, map-NAME.safetensors.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from seda.errors import FileFormatError, ProjectionError
from seda.map_forms import MAPS
from seda.map_schema import check_map
from seda.projection.projectors import PROJECTORS, Projector
from seda.storage import read_arrays, write_arrays

FORMAT = "seda-map"
FORMAT_VERSION = 2
DEFAULT_MAP = "umap-2d"


@dataclass(frozen=True, eq=False)
class FrozenMap:
    """A fitted map with the positions of its reference points.

    Attributes:
        name: a key of MAPS.
        projector: places points.
        reference: float32 [m, q], positions of the aligner's reference features, in their order.
        card: JSON values: how it was fitted, its trust measures, the aligner's fingerprint, notes on fallbacks.
    """

    name: str
    projector: Projector
    reference: np.ndarray
    card: dict[str, Any]

    @property
    def label(self) -> str:
        """Name for the screen."""
        return MAPS[self.name].label if self.name in MAPS else self.name

    def place(self, points: np.ndarray, progress: np.ndarray | None = None) -> np.ndarray:
        """Positions float32 [n, q] of points [n, d], scaled units; see `Projector.place`.

        Raises:
            ProjectionError: the width is not the map's, a point is not finite, or a timeline gets no progress.
        """
        dim = self.projector.dim
        if points.ndim != 2 or points.shape[1] != dim:
            raise ProjectionError(f"Points have shape {points.shape}; this map places [n, {dim}].")
        if not np.isfinite(points).all():
            bad = int((~np.isfinite(points).all(1)).sum())
            raise ProjectionError(f"{bad} of {len(points)} points are not finite and have no place on a map.")
        return self.projector.place(np.ascontiguousarray(points, dtype=np.float32), progress)

    def save(self, folder: Path | str) -> Path:
        """Write map-NAME.safetensors beside the aligner.

        Raises:
            StorageError: the disk is full or the folder cannot be written.
        """
        arrays = {f"projector.{name}": value for name, value in self.projector.arrays().items()}
        metadata = {"format": FORMAT, "version": FORMAT_VERSION, "kind": self.projector.kind, "card": self.card}
        return write_arrays(map_path(folder, self.name), {"reference": self.reference, **arrays}, metadata)


def map_path(folder: Path | str, name: str) -> Path:
    """The file of a map in an aligner's folder."""
    return Path(folder) / f"map-{name}.safetensors"


def load_maps(folder: Path | str) -> dict[str, FrozenMap]:
    """All maps of an aligner's folder by name, in the order of the screen.

    Raises:
        FileFormatError: the default map is missing, or one is damaged or of another version.
    """
    names = [name for name in MAPS if name == DEFAULT_MAP or map_path(folder, name).is_file()]
    return {name: load_map(folder, name) for name in names}


def load_map(folder: Path | str, name: str = DEFAULT_MAP) -> FrozenMap:
    """Load one frozen map of an aligner's folder.

    Raises:
        FileFormatError: there is none, or it is damaged or of another version.
    """
    path = map_path(folder, name)
    again = "Fit it again: `python -m seda map fit --aligner DIR`."
    if not path.is_file():
        raise FileFormatError(f"{path} does not exist.", remedy=again)
    arrays, metadata = read_arrays(path, partial(check_map, path, again))
    try:
        if broken := [key for key, value in arrays.items() if value.dtype.kind == "f" and not np.isfinite(value).all()]:
            raise ValueError(f"{broken[0]} holds values that are not finite")
        parts = {key.removeprefix("projector."): value for key, value in arrays.items() if key != "reference"}
        projector = PROJECTORS[metadata["kind"]].from_arrays(parts)
        return FrozenMap(name, projector, arrays["reference"], metadata["card"])
    except (KeyError, RuntimeError, ValueError) as error:
        raise FileFormatError(f"{path} is incomplete ({error}).", remedy=again) from error
