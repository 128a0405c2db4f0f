"""Journey: the one result that player, figures, exports and replays read, and its file form."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, get_args

import numpy as np

from seda.errors import ConfigError, FileFormatError, ShapeError
from seda.journeys.replay_schema import (
    FORMAT,
    FORMAT_VERSION,
    MAX_THUMBNAIL,
    REMEDY,
    CloudEntry,
    GhostEntry,
    ReplayHeader,
    Shape,
    Sheet,
)
from seda.journeys.trajectory import MAP_ARRAYS, MapPositions, Trajectory, check_stages
from seda.storage import arrays_from_bytes, arrays_to_bytes, read_arrays, write_bytes

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

# of the file in half precision
HALVED = ("trajectory.states", "trajectory.x_0", "trajectory.center_weights", "trajectory.text_weights")


@dataclass(frozen=True, eq=False)
class Neighbors:
    """The training pictures whose features are nearest to each state, by cosine in feature space.

    Attributes:
        indices: int32 [n, s, t], into the u training pictures that occur at all, nearest first.
        similarities: float32 [n, s, t], their cosines to the state.
        labels: int16 [u], index of each picture's category into the trajectory's center_names; -1 for another.
        sheet: the u pictures side by side, row by row, as one PNG or WebP; empty where the aligner has no pictures.
        columns: pictures in a row of the sheet.
        tile: side of one picture on the sheet, px.

    Shapes: n items, s states, t neighbours of a state, u different training pictures.
    """

    indices: np.ndarray
    similarities: np.ndarray
    labels: np.ndarray
    sheet: bytes
    columns: int
    tile: int

    def __post_init__(self) -> None:
        if self.indices.ndim != 3 or self.similarities.shape != self.indices.shape or self.labels.ndim != 1:
            raise ShapeError(
                f"Neighbours of shape {self.indices.shape} came with similarities {self.similarities.shape} and labels "
                f"{self.labels.shape}; expected [n, s, t] twice and [u]."
            )
        _check_indices("Neighbours", self.indices, len(self.labels))
        if self.sheet and (self.columns < 1 or self.tile < 1):
            raise ShapeError(f"A sheet has {self.columns} columns of {self.tile} px; both are 1 or more.")


@dataclass(frozen=True, eq=False)
class Ghost:
    """An earlier run of the same items, to be compared with.

    Attributes:
        items: int32 [g], indices into this journey's items.
        stages: int8 [s2], of the earlier run's states; its number of steps may differ.
        class_names: k2 class texts of the earlier run.
        states: by name of a map that both runs share, float32 [g, s2, q].
        texts: by the same names, float32 [k2, q].
        answers: int16 [g], the earlier run's most probable class, index into class_names.
        answer_probabilities: float32 [g].
        differences: float32 [g, s], distance in feature space between path and ghost at each of this journey's states, in
            units of the features' length; the ghost is interpolated at the same share of the same stage.
        changes: what differs between the runs, parts of a sentence.

    Shapes: g items with a ghost, s states here, s2 there, k2 class texts there, q dimensions of a map.
    """

    items: np.ndarray
    stages: np.ndarray
    class_names: tuple[str, ...]
    states: Mapping[str, np.ndarray]
    texts: Mapping[str, np.ndarray]
    answers: np.ndarray
    answer_probabilities: np.ndarray
    differences: np.ndarray
    changes: tuple[str, ...]

    def __post_init__(self) -> None:
        g, k = len(self.items), len(self.class_names)
        expected = {"items": (g,), "answers": (g,), "answer_probabilities": (g,)}
        _check_shapes("of a ghost", {name: getattr(self, name) for name in expected}, expected)
        if not self.states or self.states.keys() != self.texts.keys():
            raise ShapeError(f"A ghost has states on the maps {list(self.states)} and texts on {list(self.texts)}.")
        for name, states in self.states.items():
            q = states.shape[-1]
            parts = {"states": states, "texts": self.texts[name]}
            _check_shapes(f"of a ghost on map {name!r}", parts, {"states": (g, len(self.stages), q), "texts": (k, q)})
        if len(np.unique(self.items)) != g:
            raise ShapeError("An item has more than one ghost.")
        check_stages(self.stages, int(self.stages.max(initial=0)))
        _check_indices("Answers of a ghost", self.answers, k)


@dataclass(frozen=True, eq=False)
class SeedCloud:
    """The ways of one item under different noise.

    Attributes:
        item: index into the journey's items.
        seeds: int64 [r], of the noise; the first is the journey's own.
        states: by name of a map, float32 [r, s, q].
        low: float32 [s, k], 10 % quantile over the seeds of the cosine to each class text.
        high: float32 [s, k], 90 % quantile.
        spread: float32 [s], root mean square distance of the seeds' states to their mean in feature space, in units of the
            features' length.
        ends: int16 [r], the class text that the path ends at; -1 for none, see `seda.evaluation.trajectories.landed`.
        answers: int16 [r], the most probable class.
        average: the class text nearest to the mean of the last states; -1 where that is not known.

    Shapes: r seeds, s states, k class texts, q dimensions of a map.
    """

    item: int
    seeds: np.ndarray
    states: Mapping[str, np.ndarray]
    low: np.ndarray
    high: np.ndarray
    spread: np.ndarray
    ends: np.ndarray
    answers: np.ndarray
    average: int = -1

    def __post_init__(self) -> None:
        r, (s, k) = len(self.seeds), self.low.shape
        expected = {"seeds": (r,), "low": (s, k), "high": (s, k), "spread": (s,), "ends": (r,), "answers": (r,)}
        _check_shapes("of a seed cloud", {name: getattr(self, name) for name in expected}, expected)
        if r == 0 or not self.states:
            raise ShapeError(f"A seed cloud has {r} seeds on {len(self.states)} maps; it needs one of each at least.")
        for name, states in self.states.items():
            _check_shapes(f"of a seed cloud on map {name!r}", {"states": states}, {"states": (r, s, states.shape[-1])})
        _check_indices("answers of a seed cloud", self.answers, k)
        _check_indices("ends of a seed cloud", self.ends, k, lowest=-1)
        if not -1 <= self.average < k:
            raise ShapeError(f"The average of a seed cloud is at text {self.average} of {k}.")


SHAPES: tuple[Shape, ...] = get_args(Shape)


@dataclass(frozen=True, eq=False)
class Journey:
    """A trajectory with its maps and its thumbnails: all that a player, an export or a replay needs.

    Attributes:
        trajectory: the paths in feature space.
        maps: the same on maps, by name ("umap-2d", "timeline"), in the order of the screen; the first is shown first.
        reference_labels: int16 [m], index of each reference point into the trajectory's center_names; -1 for another
            category than those.
        reference_total: how many reference points there are; m of them, evenly thinned, are on the maps.
        thumbnails: of the n items, small pictures as PNG bytes.
        title: a line for the screen.
        note: a sentence on what to look at; may be empty.
        neighbors: the training pictures nearest to each state; None where they were not looked for.
        ghost: an earlier run to compare with; None where there is none.
        clouds: paths of single items under other noise, at most one an item.
        labels: int16 [n], the class text that is right for each item, index into the trajectory's class_names; -1 where nobody
            knows, or none of them is. None where nobody has said anything.
        groups: int16 [n], what items are told apart by where there are no class texts, index into group_names; -1 for none of them.
        group_names: of the groups; empty where there are none.
        shapes: of the n items' heads, each one of SHAPES, where a journey holds several kinds of items; empty where all are round.
        sounds: of the n items, a short WAV file each, heard where the pointer rests on a head; b"" for none, empty where nobody has
            one. They are not kept in replays.
    """

    trajectory: Trajectory
    maps: Mapping[str, MapPositions]
    reference_labels: np.ndarray
    reference_total: int
    thumbnails: tuple[bytes, ...]
    title: str = ""
    note: str = ""
    neighbors: Neighbors | None = None
    ghost: Ghost | None = None
    clouds: tuple[SeedCloud, ...] = ()
    labels: np.ndarray | None = None
    groups: np.ndarray | None = None
    group_names: tuple[str, ...] = ()
    shapes: tuple[Shape, ...] = ()
    sounds: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        n = len(self.trajectory.states)
        k, c, m = len(self.trajectory.class_names), len(self.trajectory.center_names), len(self.reference_labels)
        if not self.maps:
            raise ShapeError("A journey needs at least one map.")
        for name, positions in self.maps.items():
            q = positions.dimensions
            expected = {
                "states": (*self.trajectory.states.shape[:2], q),
                "texts": (k, q),
                "centers": (c, q),
                "reference": (m, q),
            }
            _check_shapes(f"of map {name!r}", {part: getattr(positions, part) for part in expected}, expected)
        if self.reference_labels.ndim != 1:
            raise ShapeError("reference_labels must be [m].")
        _check_indices("reference_labels", self.reference_labels, c, lowest=-1)
        if self.reference_total < m:
            raise ShapeError(f"{m} reference points are drawn of {self.reference_total} in all.")
        if len(self.thumbnails) != n:
            raise ShapeError(f"{len(self.thumbnails)} thumbnails came for {n} items.")
        if self.neighbors is not None:
            self._check_neighbors(self.neighbors)
        if self.ghost is not None:
            self._check_ghost(self.ghost)
        for cloud in self.clouds:
            self._check_cloud(cloud)
        if len({cloud.item for cloud in self.clouds}) != len(self.clouds):
            raise ShapeError("An item has more than one seed cloud.")
        if self.labels is not None:
            _check_shapes("of the items", {"labels": self.labels}, {"labels": (n,)})
            _check_indices("labels of the items", self.labels, k, lowest=-1)
        if self.shapes and (len(self.shapes) != n or not set(self.shapes) <= set(SHAPES)):
            raise ShapeError(
                f"{len(self.shapes)} shapes came for {n} items; one each is needed, of {', '.join(SHAPES)}."
            )
        if self.sounds and len(self.sounds) != n:
            raise ShapeError(f'{len(self.sounds)} sounds came for {n} items; one each is needed, b"" for none.')
        if self.groups is not None:
            _check_shapes("of the items", {"groups": self.groups}, {"groups": (n,)})
            _check_indices("groups of the items", self.groups, len(self.group_names), lowest=-1)

    def _check_neighbors(self, neighbors: Neighbors) -> None:
        shape = (*self.trajectory.states.shape[:2], neighbors.indices.shape[-1])
        _check_shapes("of neighbours", {"indices": neighbors.indices}, {"indices": shape})
        _check_indices("Labels of neighbours", neighbors.labels, len(self.trajectory.center_names), lowest=-1)

    def _check_ghost(self, ghost: Ghost) -> None:
        n, s, _ = self.trajectory.states.shape
        _check_indices("Items of a ghost", ghost.items, n)
        _check_shapes("of a ghost", {"differences": ghost.differences}, {"differences": (len(ghost.items), s)})
        self._check_maps("A ghost", ghost.states)

    def _check_cloud(self, cloud: SeedCloud) -> None:
        n, s, _ = self.trajectory.states.shape
        _check_indices("Items of seed clouds", np.array([cloud.item]), n)
        _check_shapes("of a seed cloud", {"low": cloud.low}, {"low": (s, len(self.trajectory.class_names))})
        self._check_maps("A seed cloud", cloud.states)

    def _check_maps(self, what: str, states: Mapping[str, np.ndarray]) -> None:
        for name, placed in states.items():
            if name not in self.maps or placed.shape[-1] != self.maps[name].dimensions:
                raise ShapeError(f"{what} is on a map {name!r} that the journey does not have.")

    def __repr__(self) -> str:
        """Title, numbers and maps in a line, instead of the arrays."""
        items, states = self.trajectory.states.shape[:2]
        title = f"“{self.title}”, " if self.title else ""
        return (
            f"Journey: {title}{items} items, {len(self.trajectory.class_names)} class texts, steps 0 to {states - 1}, "
            f"maps {', '.join(self.maps)}"
        )

    def show(self) -> Any:
        """Play it in a notebook's cell; elsewhere in the browser."""
        return _way_out("show")(self)

    def to_html(self, path: Path | str | None = None, *, loop: bool = False) -> str:
        """The player as one page that needs no server and no network; written too where a path is given."""
        html: str = _way_out("to_html")(self, path, loop=loop)
        return html

    def to_pandas(self) -> Any:
        """A row for each item and state: where it is, what it is nearest to, how far maps can be trusted (see `seda.export.csv`)."""
        return _way_out("to_pandas")(self)

    @property
    def positions(self) -> MapPositions:
        """The map that is shown first."""
        return next(iter(self.maps.values()))

    def to_bytes(self, *, exact: bool = False) -> bytes:
        """The replay file: safetensors.

        Args:
            exact: whether all numbers stay as they are. Else an aligner's states, x_0 and weights are float16 (relative rounding error
                below .001), which halves the file; paths that were made elsewhere stay as they are.
        """
        return arrays_to_bytes(self._arrays(exact or not self.trajectory.is_aligned), self._metadata())

    def _arrays(self, exact: bool) -> dict[str, np.ndarray]:
        arrays = _arrays("trajectory", self.trajectory)
        if self.trajectory.x_0 is self.trajectory.states:
            del arrays["trajectory.x_0"]
        for name in () if exact else HALVED:
            if name in arrays:
                arrays[name] = arrays[name].astype(np.float16)
        for name, positions in self.maps.items():
            arrays |= _arrays(f"maps.{name}", positions)
        arrays["reference_labels"] = self.reference_labels
        arrays["thumbnails.bytes"] = np.frombuffer(b"".join(self.thumbnails), dtype=np.uint8)
        arrays["thumbnails.lengths"] = np.array([len(png) for png in self.thumbnails], dtype=np.int64)
        if self.neighbors is not None:
            arrays |= _arrays("neighbors", self.neighbors)
            arrays["neighbors.sheet"] = np.frombuffer(self.neighbors.sheet, dtype=np.uint8)
        if self.ghost is not None:
            arrays |= _arrays("ghost", self.ghost)
        for number, cloud in enumerate(self.clouds):
            arrays |= _arrays(f"clouds.{number}", cloud)
        if self.labels is not None:
            arrays["labels"] = self.labels
        if self.groups is not None:
            arrays["groups"] = self.groups
        return arrays

    def _metadata(self) -> dict[str, Any]:
        trajectory, neighbors, ghost = self.trajectory, self.neighbors, self.ghost
        return {
            "format": FORMAT,
            "version": FORMAT_VERSION,
            "title": self.title,
            "note": self.note,
            "item_names": trajectory.item_names,
            "class_names": trajectory.class_names,
            "center_names": trajectory.center_names,
            "settings": trajectory.settings.to_dict(),
            # a list, because the order of the maps counts and a JSON object is written sorted
            "maps": [{"name": name, "about": dict(positions.about)} for name, positions in self.maps.items()],
            "reference_total": self.reference_total,
            "neighbors": neighbors and {"columns": neighbors.columns, "tile": neighbors.tile},
            "ghost": ghost and {"class_names": ghost.class_names, "changes": ghost.changes, "maps": list(ghost.states)},
            "clouds": [
                {"item": cloud.item, "maps": list(cloud.states), "average": cloud.average} for cloud in self.clouds
            ],
            **({} if trajectory.is_aligned else {"stage_names": trajectory.stage_names}),
            **({"group_names": self.group_names} if self.group_names else {}),
            **({"shapes": self.shapes} if self.shapes else {}),
        }

    def save(self, path: Path | str, *, exact: bool = True) -> Path:
        """Write the replay file, which `load` reads: see `to_bytes`.

        Raises:
            StorageError: the disk is full or the folder cannot be written.
        """
        return write_bytes(path, self.to_bytes(exact=exact))

    @classmethod
    def load(cls, path: Path | str) -> Self:
        """Read a replay file.

        Raises:
            FileFormatError: damaged, not a replay, of another version, or its parts do not fit one another.
        """
        header = ReplayHeader(str(path))
        return cls._of(read_arrays(path, header.check)[0], header)

    @classmethod
    def from_bytes(cls, content: bytes, name: str) -> Self:
        """Read a replay file's content, without a file; the name is for messages.

        Raises:
            FileFormatError: as `load`.
        """
        header = ReplayHeader(name)
        return cls._of(arrays_from_bytes(content, name, header.check)[0], header)

    @classmethod
    def _of(cls, arrays: Mapping[str, np.ndarray], header: ReplayHeader) -> Self:
        about = header.metadata
        try:
            parts = _part(arrays, "trajectory.")
            parts.setdefault("x_0", parts["states"])
            trajectory = Trajectory(
                **parts,
                stage_names=about.stage_names,
                item_names=about.item_names,
                class_names=about.class_names,
                center_names=about.center_names,
                settings=about.settings,
            )
            _check_finite(arrays)
            return cls(
                trajectory,
                {one.name: _map(arrays, one.name, one.about.model_dump(exclude_unset=True)) for one in about.maps},
                arrays["reference_labels"],
                about.reference_total,
                _thumbnails(arrays["thumbnails.bytes"], arrays["thumbnails.lengths"]),
                about.title,
                about.note,
                _neighbors(arrays, about.neighbors),
                _ghost(arrays, about.ghost),
                tuple(_cloud(arrays, f"clouds.{number}", entry) for number, entry in enumerate(about.clouds)),
                arrays.get("labels"),
                arrays.get("groups"),
                about.group_names,
                about.shapes,
            )
        except (KeyError, IndexError, TypeError, ValueError, AttributeError, ConfigError, ShapeError) as error:
            raise FileFormatError(f"{header.name} is an incomplete replay file ({error}).", remedy=REMEDY) from error


def _way_out(name: str) -> Callable[..., Any]:
    """What rooms above this one make of a journey. By name and when it is asked for: a journey knows none of them."""
    made: Callable[..., Any] = getattr(import_module("seda.api"), name)
    return made


def _check_shapes(where: str, arrays: Mapping[str, np.ndarray], expected: Mapping[str, tuple[int, ...]]) -> None:
    for name, shape in expected.items():
        if arrays[name].shape != shape:
            raise ShapeError(f"{name} {where} has shape {arrays[name].shape}; the journey needs {shape}.")


def _check_finite(arrays: Mapping[str, np.ndarray]) -> None:
    """A run never gives other numbers; a file may hold anything."""
    for name, value in arrays.items():
        if value.dtype.kind == "f" and not np.isfinite(value).all():
            raise ValueError(f"{name} holds values that are not finite")


def _check_indices(what: str, indices: np.ndarray, count: int, lowest: int = 0) -> None:
    if indices.dtype.kind not in "iu" or not ((indices >= lowest) & (indices < count)).all():
        raise ShapeError(f"{what} must be indices below {count}.")


def _arrays(prefix: str, record: DataclassInstance) -> dict[str, np.ndarray]:
    """The arrays of a dataclass, and those in its mappings, under a prefix."""
    found: dict[str, np.ndarray] = {}
    for field in fields(record):
        value = getattr(record, field.name)
        parts = {f".{key}": part for key, part in value.items()} if isinstance(value, Mapping) else {"": value}
        found |= {f"{prefix}.{field.name}{key}": part for key, part in parts.items() if isinstance(part, np.ndarray)}
    return found


def _part(arrays: Mapping[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    """The arrays under a prefix, float16 widened again."""
    part = {name.removeprefix(prefix): value for name, value in arrays.items() if name.startswith(prefix)}
    return {name: value.astype(np.float32) if value.dtype == np.float16 else value for name, value in part.items()}


def _map(arrays: Mapping[str, np.ndarray], name: str, about: Mapping[str, Any]) -> MapPositions:
    return MapPositions(**{part: arrays[f"maps.{name}.{part}"] for part in MAP_ARRAYS}, about=about)


def _neighbors(arrays: Mapping[str, np.ndarray], about: Sheet | None) -> Neighbors | None:
    if about is None:
        return None
    parts = {name: arrays[f"neighbors.{name}"] for name in ("indices", "similarities", "labels")}
    sheet = arrays["neighbors.sheet"].tobytes()
    return Neighbors(**parts, sheet=sheet, columns=about.columns, tile=about.tile)


def _ghost(arrays: Mapping[str, np.ndarray], about: GhostEntry | None) -> Ghost | None:
    if about is None:
        return None
    return Ghost(
        items=arrays["ghost.items"],
        stages=arrays["ghost.stages"],
        answers=arrays["ghost.answers"],
        answer_probabilities=arrays["ghost.answer_probabilities"],
        differences=arrays["ghost.differences"],
        states=_by_map(arrays, "ghost.states", about.maps),
        texts=_by_map(arrays, "ghost.texts", about.maps),
        class_names=about.class_names,
        changes=about.changes,
    )


def _cloud(arrays: Mapping[str, np.ndarray], prefix: str, about: CloudEntry) -> SeedCloud:
    single = ("seeds", "low", "high", "spread", "ends", "answers")
    states = _by_map(arrays, f"{prefix}.states", about.maps)
    parts = {name: arrays[f"{prefix}.{name}"] for name in single}
    return SeedCloud(about.item, states=states, average=about.average, **parts)


def _by_map(arrays: Mapping[str, np.ndarray], prefix: str, names: Sequence[str]) -> dict[str, np.ndarray]:
    return {name: arrays[f"{prefix}.{name}"] for name in names}


def _thumbnails(content: np.ndarray, lengths: np.ndarray) -> tuple[bytes, ...]:
    if (lengths < 0).any() or lengths.sum() != len(content):
        raise ValueError(f"thumbnails of {lengths.sum()} bytes in all, {len(content)} are there")
    if len(lengths) and lengths.max() > MAX_THUMBNAIL:
        raise ValueError(f"a thumbnail of {lengths.max():,} bytes; at most {MAX_THUMBNAIL:,} are allowed")
    ends = np.cumsum(lengths)
    whole = content.tobytes()
    return tuple(whole[end - length : end] for end, length in zip(ends, lengths, strict=True))
