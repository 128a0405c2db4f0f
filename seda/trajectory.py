"""Trajectory: the one result that figures, metrics, exports and replays read.

Arrays are numpy, so that a stored trajectory is drawn without importing torch.

State index s runs over both stages on one axis, with K denoising steps a stage (2 K + 3 states):

    0              the visual feature itself                     stage 0
    1              the visual feature, noised                    stage 1 (semantic learner)
    2 .. K+1       after each denoising step; K+1 is at a category center: the hand-over
    K+2            the semantic feature, noised                  stage 2 (semantic translator)
    K+3 .. 2K+2    after each denoising step; the last is at a class text
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self

import numpy as np

from seda.errors import FileFormatError, ShapeError
from seda.storage import arrays_to_bytes, read_arrays, write_bytes

FORMAT = "seda-journey"
FORMAT_VERSION = 1


@dataclass(frozen=True, eq=False)
class Trajectory:
    """Paths of n items through s states in the common feature space of width d.

    Attributes:
        states: float32 [n, s, d], scaled units (FeatureScaler).
        x_0: float32 [n, s, d], the denoiser's estimate of the clean feature at each state. At states that no denoiser
            looked at (the visual feature, and the last state of each stage) it is the state itself.
        stages: int8 [s], 0 visual feature, 1 semantic learner, 2 semantic translator.
        timesteps: int16 [s], the noise schedule's timestep of each state; 0 where the state is clean.
        class_probabilities: float32 [n, k], the answer, rows sum to 1.
        class_text_features: float32 [k, d], scaled units.
        class_centers: float32 [c, d], scaled units.
        item_names: n file or sample names.
        class_names: k class texts, as typed.
        center_names: c names of the training classes whose centers span the semantic space.
        settings: JSON values that say how this was made (aligner, encoder, sampling).

    Shapes: n items, s states, d feature width, k class texts, c category centers.
    """

    states: np.ndarray
    x_0: np.ndarray
    stages: np.ndarray
    timesteps: np.ndarray
    class_probabilities: np.ndarray
    class_text_features: np.ndarray
    class_centers: np.ndarray
    item_names: tuple[str, ...]
    class_names: tuple[str, ...]
    center_names: tuple[str, ...]
    settings: Mapping[str, Any]

    def __post_init__(self) -> None:
        n, s, d = self.states.shape
        k, c = len(self.class_names), len(self.center_names)
        expected = {
            "x_0": (n, s, d),
            "stages": (s,),
            "timesteps": (s,),
            "class_probabilities": (n, k),
            "class_text_features": (k, d),
            "class_centers": (c, d),
        }
        for name, shape in expected.items():
            if getattr(self, name).shape != shape:
                raise ShapeError(
                    f"{name} has shape {getattr(self, name).shape}; states {self.states.shape} need {shape}."
                )
        if len(self.item_names) != n:
            raise ShapeError(f"{len(self.item_names)} item names came for {n} items.")

    @property
    def hand_over(self) -> int:
        """Index of the last state of stage 1, where the path is handed to the translator."""
        return int(np.flatnonzero(self.stages == 1)[-1])

    @property
    def translator_start(self) -> int:
        """Index of stage 2's noised state, its first."""
        return self.hand_over + 1

    def class_similarities(self, source: str = "states") -> np.ndarray:
        """Cosine of each state (or of its x_0 estimate, with source "x_0") to each class text, float32 [n, s, k]."""
        return _cosine(getattr(self, source), self.class_text_features)

    def center_similarities(self) -> np.ndarray:
        """Cosine of each state to each category center, float32 [n, s, c]."""
        return _cosine(self.states, self.class_centers)


def _cosine(states: np.ndarray, anchors: np.ndarray) -> np.ndarray:
    unit_states = states / np.maximum(np.linalg.norm(states, axis=-1, keepdims=True), 1e-12)
    unit_anchors = anchors / np.maximum(np.linalg.norm(anchors, axis=-1, keepdims=True), 1e-12)
    return unit_states @ unit_anchors.T  # [n, s, k]


@dataclass(frozen=True, eq=False)
class MapPositions:
    """Where everything lies on one frozen map; map units, the same for all.

    Attributes:
        states: float32 [n, s, 2].
        texts: float32 [k, 2], the class texts.
        centers: float32 [c, 2], the category centers.
        reference: float32 [m, 2], training features that give the map its clouds.
        reference_labels: int16 [m], index into the trajectory's center_names.
    """

    states: np.ndarray
    texts: np.ndarray
    centers: np.ndarray
    reference: np.ndarray
    reference_labels: np.ndarray


@dataclass(frozen=True, eq=False)
class Journey:
    """A trajectory with its map and its pictures: all that a player, an export or a replay needs.

    Attributes:
        trajectory: the paths in feature space.
        positions: the same on the map.
        thumbnails: n small pictures as PNG bytes.
        title: a line for the screen.
        note: a sentence on what to look at; may be empty.
    """

    trajectory: Trajectory
    positions: MapPositions
    thumbnails: tuple[bytes, ...]
    title: str = ""
    note: str = ""

    def to_bytes(self) -> bytes:
        """The replay file: safetensors, states and x_0 as float16 (relative rounding error below .001)."""
        trajectory, positions = self.trajectory, self.positions
        arrays = {f"trajectory.{name}": value for name, value in _arrays(trajectory).items()}
        arrays |= {f"positions.{name}": value for name, value in _arrays(positions).items()}
        for name in ("trajectory.states", "trajectory.x_0"):
            arrays[name] = arrays[name].astype(np.float16)
        arrays["thumbnails.bytes"] = np.frombuffer(b"".join(self.thumbnails), dtype=np.uint8)
        arrays["thumbnails.lengths"] = np.array([len(png) for png in self.thumbnails], dtype=np.int64)
        metadata = {
            "format": FORMAT,
            "version": FORMAT_VERSION,
            "title": self.title,
            "note": self.note,
            "item_names": trajectory.item_names,
            "class_names": trajectory.class_names,
            "center_names": trajectory.center_names,
            "settings": dict(trajectory.settings),
        }
        return arrays_to_bytes(arrays, metadata)

    def save(self, path: Path | str) -> Path:
        """Write the replay file.

        Raises:
            StorageError: the disk is full or the folder cannot be written.
        """
        return write_bytes(path, self.to_bytes())

    @classmethod
    def load(cls, path: Path | str) -> Self:
        """Read a replay file.

        Raises:
            FileFormatError: damaged, not a replay, or of another version.
        """
        arrays, metadata = read_arrays(path)
        if metadata.get("format") != FORMAT:
            raise FileFormatError(
                f"{path} is not a replay file (its format is {metadata.get('format')!r}, expected {FORMAT!r}).",
                remedy="Choose a .safetensors file that `python -m seda trace` or the app's replay download wrote.",
            )
        if metadata.get("version") != FORMAT_VERSION:
            raise FileFormatError(
                f"{path} is a replay of version {metadata.get('version')}; this program reads version {FORMAT_VERSION}.",
                remedy="Trace the images again with this version.",
            )
        try:
            trajectory = Trajectory(
                **_part(arrays, "trajectory."),
                item_names=tuple(metadata["item_names"]),
                class_names=tuple(metadata["class_names"]),
                center_names=tuple(metadata["center_names"]),
                settings=metadata["settings"],
            )
            positions = MapPositions(**_part(arrays, "positions."))
            ends = np.cumsum(arrays["thumbnails.lengths"])
            content = arrays["thumbnails.bytes"].tobytes()
            starts = ends - arrays["thumbnails.lengths"]
            thumbnails = tuple(content[a:b] for a, b in zip(starts, ends, strict=True))
            return cls(trajectory, positions, thumbnails, metadata["title"], metadata["note"])
        except (KeyError, TypeError, ValueError, ShapeError) as error:
            raise FileFormatError(
                f"{path} is an incomplete replay file ({error}).", remedy="Trace the images again."
            ) from error


def _arrays(record: Trajectory | MapPositions) -> dict[str, np.ndarray]:
    values = {field.name: getattr(record, field.name) for field in fields(record)}
    return {name: value for name, value in values.items() if isinstance(value, np.ndarray)}


def _part(arrays: Mapping[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    """The arrays under a prefix, float16 widened again."""
    part = {name.removeprefix(prefix): value for name, value in arrays.items() if name.startswith(prefix)}
    return {name: value.astype(np.float32) if value.dtype == np.float16 else value for name, value in part.items()}
