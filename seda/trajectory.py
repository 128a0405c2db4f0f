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

from seda.errors import ConfigError, FileFormatError, ShapeError
from seda.storage import arrays_to_bytes, read_arrays, write_bytes

FORMAT = "seda-journey"
FORMAT_VERSION = 2

MAP_KINDS = ("umap", "pca", "timeline", "umap-learn")
MAP_LABELS = {  # maps that an aligner may have, in the order of the screen
    "umap-2d": "UMAP",
    "umap-3d": "UMAP 3-D",
    "timeline": "Timeline",
    "pca-2d": "PCA",
    "pca-3d": "PCA 3-D",
    "umap-learn": "umap-learn",
}
MAP_ARRAYS = ("states", "texts", "centers", "reference", "neighbors_kept", "step_flags")


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
        if np.unique(self.stages).tolist() != [0, 1, 2] or (np.diff(self.stages) < 0).any():
            raise ShapeError("stages must begin with 0, go on with 1 and end with 2.")

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
    """Where everything lies on one frozen map, in its own units, and how far the map can be trusted there.

    Attributes:
        states: float32 [n, s, q].
        texts: float32 [k, q], the class texts.
        centers: float32 [c, q], the category centers.
        reference: float32 [m, q], training features that give the map its clouds.
        neighbors_kept: float32 [n, s], 0..1: the share of a state's nearest neighbours in feature space that are its
            neighbours on this map too.
        step_flags: int8 [n, s - 1], of the step from each state to the next: 1 the map jumps and the features do not,
            -1 the features jump and the map does not, 0 neither.
        about: JSON values: "kind" (one of MAP_KINDS), "label" for the screen, "scores" (name -> number, may be empty),
            "n_neighbors" (how many neighbours neighbors_kept counts), and optionally "drift".

    On a timeline q is 2: column 0 is the way along the path, 0 at the visual feature and the reference, 1 at the last
    state and the class texts, in between at the category centers; column 1 is a map of one dimension.

    Shapes: n items, s states, k class texts, c category centers, m reference points, q 2 or 3 dimensions.
    """

    states: np.ndarray
    texts: np.ndarray
    centers: np.ndarray
    reference: np.ndarray
    neighbors_kept: np.ndarray
    step_flags: np.ndarray
    about: Mapping[str, Any]

    def __post_init__(self) -> None:
        n, s, q = self.states.shape
        if q not in ((2,) if self.kind == "timeline" else (2, 3)):
            raise ShapeError(f"A map of kind {self.kind!r} has {q} dimensions; 2 (or 3, unless a timeline) are drawn.")
        expected = {
            "texts": (len(self.texts), q),
            "centers": (len(self.centers), q),
            "reference": (len(self.reference), q),
            "neighbors_kept": (n, s),
            "step_flags": (n, s - 1),
        }
        for name, shape in expected.items():
            if getattr(self, name).shape != shape:
                raise ShapeError(
                    f"{name} has shape {getattr(self, name).shape}; states {self.states.shape} need {shape}."
                )

    @property
    def kind(self) -> str:
        """How the map was made, one of MAP_KINDS."""
        kind = self.about.get("kind")
        if kind not in MAP_KINDS:
            raise ConfigError(f"A map of kind {kind!r} is not known; it is one of {', '.join(MAP_KINDS)}.")
        return kind

    @property
    def dimensions(self) -> int:
        """2 or 3."""
        return self.states.shape[-1]


@dataclass(frozen=True, eq=False)
class Journey:
    """A trajectory with its maps and its pictures: all that a player, an export or a replay needs.

    Attributes:
        trajectory: the paths in feature space.
        maps: the same on maps, by name ("umap-2d", "timeline"), in the order of the screen; the first is shown first.
        reference_labels: int16 [m], index of each reference point into the trajectory's center_names.
        reference_total: how many reference points there are; m of them, evenly thinned, are on the maps.
        thumbnails: n small pictures as PNG bytes.
        title: a line for the screen.
        note: a sentence on what to look at; may be empty.
    """

    trajectory: Trajectory
    maps: Mapping[str, MapPositions]
    reference_labels: np.ndarray
    reference_total: int
    thumbnails: tuple[bytes, ...]
    title: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        n, s, _ = self.trajectory.states.shape
        k, c, m = len(self.trajectory.class_names), len(self.trajectory.center_names), len(self.reference_labels)
        if not self.maps:
            raise ShapeError("A journey needs at least one map.")
        for name, positions in self.maps.items():
            q = positions.dimensions
            expected = {"states": (n, s, q), "texts": (k, q), "centers": (c, q), "reference": (m, q)}
            for part, shape in expected.items():
                if getattr(positions, part).shape != shape:
                    raise ShapeError(
                        f"{part} of map {name!r} has shape {getattr(positions, part).shape}; the journey needs {shape}."
                    )
        if self.reference_labels.ndim != 1 or not ((self.reference_labels >= 0) & (self.reference_labels < c)).all():
            raise ShapeError(f"reference_labels must be [m], each an index below {c}.")
        if self.reference_total < m:
            raise ShapeError(f"{m} reference points are drawn of {self.reference_total} in all.")
        if len(self.thumbnails) != n:
            raise ShapeError(f"{len(self.thumbnails)} thumbnails came for {n} items.")

    @property
    def positions(self) -> MapPositions:
        """The map that is shown first."""
        return next(iter(self.maps.values()))

    def to_bytes(self) -> bytes:
        """The replay file: safetensors, states and x_0 as float16 (relative rounding error below .001)."""
        trajectory = self.trajectory
        arrays = {f"trajectory.{name}": value for name, value in _arrays(trajectory).items()}
        for name in ("trajectory.states", "trajectory.x_0"):
            arrays[name] = arrays[name].astype(np.float16)
        for name, positions in self.maps.items():
            arrays |= {f"maps.{name}.{part}": value for part, value in _arrays(positions).items()}
        arrays["reference_labels"] = self.reference_labels
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
            # a list, because the order of the maps counts and a JSON object is written sorted
            "maps": [{"name": name, "about": dict(positions.about)} for name, positions in self.maps.items()],
            "reference_total": self.reference_total,
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
            FileFormatError: damaged, not a replay, of another version, or its parts do not fit one another.
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
            return cls(
                trajectory,
                {str(entry["name"]): _map(arrays, entry["name"], entry["about"]) for entry in metadata["maps"]},
                arrays["reference_labels"],
                int(metadata["reference_total"]),
                _thumbnails(arrays["thumbnails.bytes"], arrays["thumbnails.lengths"]),
                metadata["title"],
                metadata["note"],
            )
        except (KeyError, TypeError, ValueError, AttributeError, ConfigError, ShapeError) as error:
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


def _map(arrays: Mapping[str, np.ndarray], name: str, about: Mapping[str, Any]) -> MapPositions:
    return MapPositions(**{part: arrays[f"maps.{name}.{part}"] for part in MAP_ARRAYS}, about=about)


def _thumbnails(content: np.ndarray, lengths: np.ndarray) -> tuple[bytes, ...]:
    if (lengths < 0).any() or lengths.sum() != len(content):
        raise ValueError(f"thumbnails of {lengths.sum()} bytes in all, {len(content)} are there")
    ends = np.cumsum(lengths)
    whole = content.tobytes()
    return tuple(whole[end - length : end] for end, length in zip(ends, lengths, strict=True))
