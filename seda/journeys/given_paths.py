"""Paths that were made elsewhere: what may come, checked all at once, in the form that a journey is made of.

torch tensors are taken too, on any device; nothing here imports torch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from seda.class_texts import quoted
from seda.errors import DataError
from seda.evaluation.trajectories import evenly
from seda.journeys.labels import match_labels
from seda.journeys.replay_schema import LIMITS, MAX_STAGES, MAX_THUMBNAIL

MOST_SAID = 8  # problems in a message
MAX_NAME = 300  # characters
SHOWN_ITEMS, SHOWN_STATES = 1024, 100_000  # that the player animates: items, and items times states
REMEDY = "docs/paths.md says what paths have to hold."


@dataclass(frozen=True, eq=False)
class GivenPaths:
    """Paths of n items through s states, checked, and thinned to what can be shown.

    Attributes:
        states: float32 [n, s, d].
        stages: int8 [s], 0 at the start, then the number of the stage.
        stage_names: of the stages.
        class_names, class_text_features: k texts and float32 [k, d] of them; none and [0, d] where the paths lead to nothing in particular.
        probabilities: float32 [n, k] of the texts, [n, 0] where nobody has answered.
        labels: int16 [n], the text that is right for each item, -1 where nobody knows; None without labels or texts.
        groups, group_names: int16 [n] and names, of labels where there are no texts.
        thumbnails: of the n items as PNG, empty where there is none.
        item_names: of the items.
        timesteps: int16 [s].
        reference: float32 [m, d], points that the maps show beside the paths.
        places: float32 [n, s, 2 or 3], where a map that came with the paths has them; None without one.
        text_places: float32 [k, 2 or 3], where it has the texts.
        notes: sentences on what was left out.
    """

    states: np.ndarray
    stages: np.ndarray
    stage_names: tuple[str, ...]
    class_names: tuple[str, ...]
    class_text_features: np.ndarray
    probabilities: np.ndarray
    labels: np.ndarray | None
    groups: np.ndarray | None
    group_names: tuple[str, ...]
    thumbnails: tuple[bytes, ...]
    item_names: tuple[str, ...]
    timesteps: np.ndarray
    reference: np.ndarray
    places: np.ndarray | None
    text_places: np.ndarray
    notes: tuple[str, ...]


@dataclass
class _Checks:
    """Collects what is wrong, so that all of it is said at once."""

    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def wrong(self, problem: str) -> None:
        self.problems.append(problem)

    def end(self) -> None:
        """
        Raises:
            DataError: something is wrong.
        """
        if self.problems:
            shown, more = self.problems[:MOST_SAID], len(self.problems) - MOST_SAID
            raise DataError(" ".join(shown) + (f" And {more} more." if more > 0 else ""), remedy=REMEDY)


def check_paths(
    states: Any,
    *,
    texts: Any = None,
    class_names: Sequence[str] | None = None,
    probabilities: Any = None,
    labels: Sequence[Any] | None = None,
    thumbnails: Sequence[Any] | None = None,
    stages: Sequence[tuple[str, int]] | None = None,
    item_names: Sequence[str] | None = None,
    timesteps: Any = None,
    reference: Any = None,
    coordinates: Any = None,
    text_coordinates: Any = None,
) -> GivenPaths:
    """Paths from plain arrays or tensors; arguments as for `seda.journey`.

    Raises:
        DataError: everything that does not fit, with its row.
    """
    checks = _Checks()
    moved = _floats(checks, "states", states, 3)
    if moved is None:
        checks.end()
    assert moved is not None
    n, s, d = moved.shape
    if n == 0 or s < 2 or d == 0:
        checks.wrong(
            f"states are [n, s, d] with at least one item, two states and one number each; {list(moved.shape)} came."
        )
        checks.end()
    _say_not_finite(checks, moved, item_names)
    steps, stage_names = _stages(checks, stages, s)
    names, text_features = _texts(checks, texts, class_names, d)
    k, places = len(names), _places(checks, coordinates, n, s)
    found = GivenPaths(
        states=moved,
        stages=steps,
        stage_names=stage_names,
        class_names=names,
        class_text_features=text_features,
        probabilities=_probabilities(checks, probabilities, n, k),
        labels=None,
        groups=None,
        group_names=(),
        thumbnails=_thumbnails(checks, thumbnails, n),
        item_names=_names(checks, "item_names", item_names, n, [f"item {item}" for item in range(n)]),
        timesteps=_timesteps(checks, timesteps, s),
        reference=_matrix(checks, "reference", reference, d),
        places=places,
        text_places=_text_places(checks, places, text_coordinates, k, coordinates is not None),
        notes=(),
    )
    labelled = _labels(checks, labels, n, names)
    checks.end()
    return thin(replace(found, **labelled, notes=tuple(checks.notes)))


def thin(paths: GivenPaths) -> GivenPaths:
    """The paths of as many items as the player animates, evenly chosen; a note says so."""
    n, s, _ = paths.states.shape
    chosen = shown_items(n, s)
    if len(chosen) == n:
        return paths
    of_items: dict[str, Any] = {
        name: None if (whole := getattr(paths, name)) is None else whole[chosen]
        for name in ("states", "probabilities", "labels", "groups", "places")
    }
    texts: dict[str, Any] = {
        name: tuple(getattr(paths, name)[item] for item in chosen) for name in ("thumbnails", "item_names")
    }
    note = f"{len(chosen):,} of {n:,} items are shown, evenly chosen: the player animates at most {SHOWN_ITEMS:,} items and {SHOWN_STATES:,} states."
    return replace(paths, **of_items, **texts, notes=(*paths.notes, note))


def shown_items(count: int, states: int) -> np.ndarray:
    """Indices of as many of `count` items of so many states as the player animates, evenly chosen."""
    return evenly(count, min(SHOWN_ITEMS, SHOWN_STATES // states))


def as_array(values: Any) -> np.ndarray:
    """numpy's array of an array, a sequence, or a tensor of torch on any device."""
    if hasattr(values, "detach"):  # torch's; numpy has no bfloat16
        values = values.detach().cpu()
        values = values.float() if str(values.dtype) == "torch.bfloat16" else values
        return values.numpy()
    return np.asarray(values)


def _floats(checks: _Checks, name: str, values: Any, dimensions: int) -> np.ndarray | None:
    try:
        array = as_array(values)
    except (TypeError, ValueError, RuntimeError) as error:
        checks.wrong(f"{name} is no array ({str(error).splitlines()[0]:.80}).")
        return None
    if array.dtype.kind not in "fiub" or array.ndim != dimensions:
        checks.wrong(f"{name} needs numbers in {dimensions} dimensions; {array.dtype} {list(array.shape)} came.")
        return None
    return np.ascontiguousarray(array, dtype=np.float32)


def _say_not_finite(checks: _Checks, states: np.ndarray, item_names: Sequence[str] | None) -> None:
    bad = ~np.isfinite(states).all(2)  # [n, s]
    rows = np.flatnonzero(bad.any(1))
    for item in rows[:MOST_SAID].tolist():
        name = f" ({quoted(str(item_names[item]))})" if item_names is not None and item < len(item_names) else ""
        checks.wrong(f"Row {item}{name} of states is not finite at step {int(bad[item].argmax())}.")
    if len(rows) > MOST_SAID:
        checks.wrong(f"{len(rows)} of {len(states)} rows of states are not finite.")


def _stages(checks: _Checks, stages: Sequence[tuple[str, int]] | None, s: int) -> tuple[np.ndarray, tuple[str, ...]]:
    """Counts are of the states behind the start, or of all states: then the start is the first stage's first state."""
    given = [("path", s - 1)] if stages is None else [(str(name), count) for name, count in stages]
    counts = [count for _, count in given]
    if not given or len(given) > MAX_STAGES:
        checks.wrong(f"{len(given)} stages came; 1 to {MAX_STAGES} are possible.")
    elif not all(isinstance(count, int | np.integer) and count >= 1 for count in counts):
        checks.wrong(f"A stage is a name and how many states it has, at least 1; {given[:4]} came.")
    elif sum(counts) == s and counts[0] > 1:
        counts[0] -= 1
    elif sum(counts) != s - 1:
        checks.wrong(f"The stages have {sum(counts)} states in all; {s - 1} come behind the start ({s} with it).")
    names = tuple(name[:MAX_NAME] or f"stage {number}" for number, (name, _) in enumerate(given, 1))
    if checks.problems:
        return np.zeros(s, np.int8), names
    return np.repeat(np.arange(len(counts) + 1, dtype=np.int8), [1, *counts]), names


def _texts(
    checks: _Checks, texts: Any, class_names: Sequence[str] | None, d: int
) -> tuple[tuple[str, ...], np.ndarray]:
    empty = np.zeros((0, d), np.float32)
    if texts is None:
        if class_names is not None:
            checks.wrong("class_names came without texts, their features [k, d].")
        return (), empty
    if isinstance(texts, Mapping):
        class_names, texts = list(texts), [as_array(vector) for vector in texts.values()]
    features = _matrix(checks, "texts", texts, d)
    names = _names(
        checks, "class_names", class_names, len(features), [f"text {place}" for place in range(len(features))]
    )
    if len(names) > LIMITS["k"]:
        checks.wrong(f"{len(names):,} texts came; at most {LIMITS['k']:,} are shown.")
    if len(features) and not features.any(1).all():
        checks.wrong(f"Row {int((~features.any(1)).argmax())} of texts is zero and has no direction.")
    return names, features


def _matrix(checks: _Checks, name: str, values: Any, d: int) -> np.ndarray:
    empty = np.zeros((0, d), np.float32)
    if values is None:
        return empty
    array = _floats(checks, name, values, 2)
    if array is None:
        return empty
    if array.shape[1] != d:
        checks.wrong(f"{name} has rows of {array.shape[1]} numbers; the states have {d}.")
        return empty
    bad = ~np.isfinite(array).all(1)
    if bad.any():
        checks.wrong(f"Row {int(bad.argmax())} of {name} is not finite ({int(bad.sum())} of {len(array)} rows).")
    return array


def _probabilities(checks: _Checks, values: Any, n: int, k: int) -> np.ndarray:
    if values is None:
        return np.zeros((n, 0), np.float32)
    array = _floats(checks, "probabilities", values, 2)
    if array is None:
        return np.zeros((n, 0), np.float32)
    if array.shape != (n, k) or k == 0:
        checks.wrong(f"probabilities are {list(array.shape)}; {n} items and {k} texts need [{n}, {k}].")
    elif (bad := ~((array >= 0).all(1) & (abs(array.sum(1) - 1) <= 1e-2))).any():  # also where a number is none
        checks.wrong(f"Row {int(bad.argmax())} of probabilities is none: each is 0 or more, and a row sums to 1.")
    return array


def _labels(checks: _Checks, labels: Sequence[Any] | None, n: int, class_names: Sequence[str]) -> dict[str, Any]:
    if labels is None:
        return {}
    given = as_array(labels) if hasattr(labels, "detach") or isinstance(labels, np.ndarray) else list(labels)
    if len(given) != n:
        checks.wrong(f"{len(given)} labels came for {n} items.")
        return {}
    numbers = all(isinstance(label, int | np.integer) and not isinstance(label, bool | np.bool_) for label in given)
    if numbers and class_names:
        indices = np.array([int(label) for label in given])
        if (wrong := (indices < -1) | (indices >= len(class_names))).any():
            row = int(wrong.argmax())
            checks.wrong(
                f"Label {indices[row]} of row {row} is no text; there are {len(class_names)}, from 0, and -1 for none."
            )
            return {}
        return {"labels": indices.astype(np.int16)}
    said = ["" if label is None else str(label)[:MAX_NAME] for label in given]
    if class_names:
        matched = match_labels(said, class_names)
        unknown = sorted({label for label, place in zip(said, matched.tolist(), strict=True) if label and place < 0})
        if unknown:
            checks.notes.append(
                f"{len(unknown)} labels are none of the texts, such as {quoted(unknown[0])}: nobody knows what is right there."
            )
        return {"labels": matched}
    names = list(dict.fromkeys(label for label in said if label))
    if len(names) > LIMITS["k"]:
        checks.wrong(f"{len(names):,} different labels came; at most {LIMITS['k']:,} are told apart.")
        return {}
    places = {name: place for place, name in enumerate(names)}
    return {"groups": np.array([places.get(label, -1) for label in said], np.int16), "group_names": tuple(names)}


def _thumbnails(checks: _Checks, thumbnails: Sequence[Any] | None, n: int) -> tuple[bytes, ...]:
    """PNG bytes, or pictures of Pillow, or None for an item without."""
    if thumbnails is None:
        return (b"",) * n
    if len(thumbnails) != n:
        checks.wrong(f"{len(thumbnails)} thumbnails came for {n} items.")
        return (b"",) * n
    from seda.images import thumbnail_png
    from seda.picture_bounds import bare_png

    small: list[bytes] = []
    for row, one in enumerate(thumbnails):
        if one is None:
            small.append(b"")
            continue
        content = thumbnail_png(one) if hasattr(one, "thumbnail") else one
        if (
            not isinstance(content, bytes | bytearray | memoryview)
            or len(content) > MAX_THUMBNAIL
            or (content and not bare_png(bytes(content)))
        ):
            checks.wrong(f"Thumbnail {row} is no PNG of at most {MAX_THUMBNAIL:,} bytes, nor a picture of Pillow.")
            content = b""
        small.append(bytes(content))
    return tuple(small)


def _names(checks: _Checks, what: str, names: Sequence[str] | None, count: int, own: Sequence[str]) -> tuple[str, ...]:
    if names is None:
        return tuple(own)
    if len(names) != count:
        checks.wrong(f"{len(names)} {what} came for {count}.")
        return tuple(own)
    return tuple(str(name)[:MAX_NAME] or place for name, place in zip(names, own, strict=True))


def _timesteps(checks: _Checks, values: Any, s: int) -> np.ndarray:
    none = np.zeros(s, np.int16)
    if values is None:
        return none
    array = as_array(values)
    if array.shape != (s,) or array.dtype.kind not in "iuf" or not ((array >= 0) & (array < 2**15)).all():
        checks.wrong(f"timesteps are {s} whole numbers of 0 to {2**15 - 1:,}; {array.dtype} {list(array.shape)} came.")
        return none
    return array.astype(np.int16)


def _places(checks: _Checks, coordinates: Any, n: int, s: int) -> np.ndarray | None:
    if coordinates is None:
        return None
    array = _floats(checks, "coordinates", coordinates, 3)
    if array is None:
        return None
    if array.shape[:2] != (n, s) or array.shape[2] not in (2, 3):
        checks.wrong(
            f"coordinates are {list(array.shape)}; {n} items of {s} states need [{n}, {s}, 2] or [{n}, {s}, 3]."
        )
        return None
    if not np.isfinite(array).all():
        checks.wrong(f"Row {int((~np.isfinite(array).all((1, 2))).argmax())} of coordinates is not finite.")
    return array


def _text_places(checks: _Checks, places: np.ndarray | None, text_coordinates: Any, k: int, came: bool) -> np.ndarray:
    if places is None:
        if text_coordinates is not None and not came:  # what is wrong with coordinates is said already
            checks.wrong("text_coordinates came without coordinates.")
        return np.zeros((0, 2), np.float32)
    q = places.shape[2]
    if text_coordinates is None:
        if k:
            checks.wrong(
                f"coordinates of the items came without text_coordinates [{k}, {q}]: the texts have no place on that map."
            )
        return np.zeros((k, q), np.float32)
    array = _matrix(checks, "text_coordinates", text_coordinates, q)
    if len(array) != k:
        checks.wrong(f"{len(array)} text_coordinates came for {k} texts.")
    return array
