"""Paths that were made elsewhere, in one file: .npz, .safetensors or .parquet; docs/paths.md has the table.

A .safetensors file that this program wrote as a replay is one, too, and comes with its maps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from seda.data.array_file import ArrayForm, as_file, plain_name, read_array_file
from seda.errors import DataError
from seda.journeys.given_journey import journey_of
from seda.journeys.given_paths import MAX_NAME, REMEDY, check_paths
from seda.journeys.journey import Journey
from seda.journeys.replay_schema import FORMAT
from seda.storage import read_metadata, readable

NUMBERS = (
    "states",
    "texts",
    "probabilities",
    "labels",
    "stage_states",
    "timesteps",
    "reference",
    "coordinates",
    "text_coordinates",
    "thumbnails",
)
TEXTS = ("class_names", "item_names", "stage_names", "label_names", "title", "note")
FORM = ArrayForm(
    "path file", names=TEXTS[:4], texts=TEXTS[4:], lists=("state", "coordinates"), plain=("item", "step", "label"),
    arrays=("texts", "probabilities", "stage_states", "timesteps", "reference", "text_coordinates"), remedy=REMEDY,
)  # fmt: skip


def read_journey(
    path: Path, *, maps: Sequence[str] | None = None, on_progress: Callable[[str, int, int], object] | None = None
) -> Journey:
    """The journey of a file: a replay as it is, paths with maps that are fitted now.

    Args:
        maps: as for `seda.journey`; a replay has its own.
        on_progress: told how far the maps are.
    Raises:
        FileFormatError: missing, damaged, or of another kind.
        DataError: everything that does not fit, with its row.
    """
    if path.suffix == ".safetensors" and read_metadata(path).get("format") == FORMAT:
        return Journey.load(path)
    arrays = read_array_file(path, FORM)
    if path.suffix == ".parquet" and "state" in arrays:
        arrays = _of_rows(arrays)
    if unknown := sorted(set(arrays) - {*NUMBERS, *TEXTS}):
        raise DataError(
            f"{readable(path.name)} holds {unknown[0]!r:.60}, which is no part of paths; those are {', '.join((*NUMBERS, *TEXTS))}.",
            remedy=REMEDY,
        )
    if "states" not in arrays:
        raise DataError(
            f"{readable(path.name)} has no states; there are {', '.join(sorted(arrays)) or 'no arrays'}.", remedy=REMEDY
        )
    try:
        paths = check_paths(**_arguments(arrays))
    except DataError as error:
        raise DataError(f"{readable(path.name)}: {error.message}", remedy=error.remedy) from error
    return journey_of(
        paths,
        maps=maps,
        title=_line(arrays, "title") or path.stem[:MAX_NAME],
        note=_line(arrays, "note"),
        on_progress=on_progress,
    )


def journey_of_content(
    content: bytes, name: str, *, on_progress: Callable[[str, int, int], object] | None = None
) -> Journey:
    """The same of a file that was uploaded; `name` is for its ending, its title and for errors."""
    with as_file(content, name, "paths") as path:
        made = read_journey(path, on_progress=on_progress)
    return replace(made, title=Path(plain_name(name)).stem[:MAX_NAME]) if made.title == path.stem else made


def _arguments(arrays: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """As `check_paths` takes them."""
    names = ("states", "texts", "probabilities", "timesteps", "reference", "coordinates", "text_coordinates")
    found: dict[str, Any] = {name: arrays[name] for name in names if name in arrays}
    for name in ("class_names", "item_names"):
        if name in arrays:
            found[name] = [str(one) for one in np.atleast_1d(arrays[name]).tolist()]
    if "stage_names" in arrays or "stage_states" in arrays:
        found["stages"] = _stages(arrays)
    if "labels" in arrays:
        found["labels"] = _labels(arrays)
    if "thumbnails" in arrays:
        found["thumbnails"] = _pictures(arrays["thumbnails"])
    return found


def _stages(arrays: Mapping[str, np.ndarray]) -> list[tuple[str, int]]:
    names, counts = (np.atleast_1d(arrays.get(name, np.zeros(0))) for name in ("stage_names", "stage_states"))
    if len(names) != len(counts) or counts.dtype.kind not in "iu":
        raise DataError(
            f"{len(names)} stage_names came with {len(counts)} stage_states, how many states each has.", remedy=REMEDY
        )
    return [(str(name), int(count)) for name, count in zip(names, counts, strict=True)]


def _labels(arrays: Mapping[str, np.ndarray]) -> list[Any]:
    labels = np.atleast_1d(arrays["labels"])
    if labels.dtype.kind not in "iu" or "label_names" not in arrays:
        return [str(label) if labels.dtype.kind == "U" else label for label in labels.tolist()]
    names = [str(name) for name in np.atleast_1d(arrays["label_names"]).tolist()]
    if len(wrong := np.flatnonzero((labels < -1) | (labels >= len(names)))):
        raise DataError(
            f"Label {labels[wrong[0]]} of row {wrong[0]} has no name among {len(names)} label_names.", remedy=REMEDY
        )
    return [names[label] if label >= 0 else "" for label in labels.tolist()]


def _pictures(pixels: np.ndarray) -> list[Any]:
    """uint8 [n, h, w, 3] as pictures."""
    if pixels.dtype != np.uint8 or pixels.ndim != 4 or pixels.shape[3] != 3 or 0 in pixels.shape:
        raise DataError(
            f"thumbnails are {pixels.dtype} {list(pixels.shape)}; uint8 [n, height, width, 3] is needed.", remedy=REMEDY
        )
    from PIL import Image

    return [Image.fromarray(one) for one in pixels]


def _of_rows(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Rows of (item, step, state), in any order, as [n, s, d].

    Raises:
        DataError: an item lacks a step, or has one twice; names it.
    """
    if "item" not in arrays or "step" not in arrays:
        raise DataError("Rows with a state need the columns item and step.", remedy=REMEDY)
    names, places, first = _in_order(arrays["item"])
    steps, at = np.unique(arrays["step"], return_inverse=True)
    n, s = len(names), len(steps)
    seen = np.zeros((n, s), np.int64)
    np.add.at(seen, (places, at), 1)
    if (seen != 1).any():
        item, step = (int(index) for index in np.argwhere(seen != 1)[0])
        raise DataError(
            f"Item {str(names[item])!r:.60} has step {steps[step]} {seen[item, step]} times; once is needed.",
            remedy=REMEDY,
        )
    order = np.empty((n, s), np.int64)
    order[places, at] = np.arange(len(places))
    found = {
        name: value for name, value in arrays.items() if name not in ("item", "step", "state", "label", "coordinates")
    }
    found["states"], found["item_names"] = arrays["state"][order], names.astype(str)
    if "coordinates" in arrays:
        found["coordinates"] = arrays["coordinates"][order]
    if "label" in arrays:
        found["labels"] = arrays["label"][first]
    return found


def _in_order(items: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Different items in the order in which they come first, the place of each row's among them, and the first row of each."""
    names, first, places = np.unique(items, return_index=True, return_inverse=True)
    rank = np.argsort(np.argsort(first))
    order = np.argsort(first)
    return names[order], rank[places], first[order]


def _line(arrays: Mapping[str, np.ndarray], name: str) -> str:
    return str(arrays[name])[:MAX_NAME] if name in arrays and arrays[name].ndim == 0 else ""
