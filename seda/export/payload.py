"""The player's payload: a journey as one JSON value of bounded size, read by seda/ui/assets/player.js.

Nothing here knows Streamlit; the component and the standalone page send the same value.

Layout of the binary parts (base64, little endian): see `_map_part` and `_similarity_part`.
"""

from __future__ import annotations

import base64
import io
import struct
import threading
from collections.abc import Mapping
from math import isfinite
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from seda.errors import ConfigError, ProjectionError
from seda.evaluation.trajectories import commitment_step, decisions
from seda.figures.palette import class_style, style_indices
from seda.storage import fingerprint
from seda.trajectory import Journey, MapPositions

PAYLOAD_VERSION = 2

# Limits, chosen here so that 64 items x 103 states over 20,000 reference points on six maps stay below 3 MB.
MAX_ITEMS = 1024
MAX_STATES = 100_000  # items times states
MAX_MAPS = 8
MAX_REFERENCE = 20_000
SIMILARITY_BYTES = 900_000
THUMBNAIL_BYTES = 900_000  # all thumbnails together, before base64
THUMBNAIL_SIDE = 96  # pixels; the largest that the player draws on a HiDPI screen
MAX_THUMBNAIL_SIDE = 2048  # pixels; a PNG header that claims more is not decoded
NAME_LENGTH = 200  # characters

# What may be read from distances, by the kind of map: the line below it.
_NEIGHBOR_NOTE = (
    "Near one another mostly means alike; how far apart groups lie, and in which direction, means little on this map."
)
MAP_NOTES = {
    "umap": _NEIGHBOR_NOTE,
    "umap-learn": _NEIGHBOR_NOTE,
    "pca": "A straight shadow of the feature space: what lies far apart is far apart, what lies close may still differ.",
    "timeline": (
        "Left to right are the steps, only the height is a map: level mostly means alike, yet crossing lines need not meet."
    ),
}

_payloads: WeakKeyDictionary[Journey, dict[str, Any]] = WeakKeyDictionary()
_lock = threading.Lock()


def player_payload(journey: Journey) -> dict[str, Any]:
    """Everything that the player draws, as JSON values; made once per journey object and then remembered.

    Returns:
        A dict that must not be modified: the next caller receives the same one.
    Raises:
        ConfigError: more items or states than the player can animate.
        ProjectionError: a position on a map, or a share of kept neighbours, is not finite.
    """
    with _lock:
        if journey not in _payloads:
            _payloads[journey] = _build(journey)
        return _payloads[journey]


def player_asset(name: str) -> str:
    """Text of a file of the player ("player.js", "player.css"), which component and export share."""
    return (Path(__file__).parents[1] / "ui" / "assets" / name).read_text(encoding="utf-8")


def _build(journey: Journey) -> dict[str, Any]:
    trajectory = journey.trajectory
    _check(journey)
    similarities = trajectory.class_similarities()  # [n, s, k]
    every = -(-len(journey.reference_labels) // MAX_REFERENCE) or 1
    class_styles, center_styles = style_indices(trajectory.class_names, trajectory.center_names)
    payload = {
        "version": PAYLOAD_VERSION,
        "title": _short(journey.title) or "How images travel to their class texts",
        "note": _short(journey.note, 600),
        "stages": trajectory.stages.tolist(),
        "timesteps": trajectory.timesteps.tolist(),
        "hand_over": trajectory.hand_over,
        "classes": [_styled(name, index) for name, index in zip(trajectory.class_names, class_styles, strict=True)],
        "centers": [_styled(name, index) for name, index in zip(trajectory.center_names, center_styles, strict=True)],
        "items": _items(journey, similarities),
        "maps": [_map_part(name, positions, every) for name, positions in journey.maps.items()],
        "reference_labels": _base64(journey.reference_labels[::every], "<i2"),
        "reference_total": journey.reference_total,
        "similarities": _similarity_part(similarities),
        "settings": _settings(trajectory.settings),
    }
    # Over the finished content: whatever is drawn differently gets another identity in the browser.
    return {"fingerprint": fingerprint(payload), **payload}


def _check(journey: Journey) -> None:
    trajectory = journey.trajectory
    n, s, _ = trajectory.states.shape
    if n == 0 or not trajectory.class_names:
        raise ConfigError(
            f"A journey of {n} items and {len(trajectory.class_names)} class texts cannot be played.",
            remedy="Choose at least one image and one class text.",
        )
    if n > MAX_ITEMS or n * s > MAX_STATES:
        raise ConfigError(
            f"{n} items of {s} states are more than the player animates "
            f"(at most {MAX_ITEMS} items and {MAX_STATES:,} states in all).",
            remedy="Choose fewer items or fewer steps.",
        )
    if len(journey.maps) > MAX_MAPS:
        raise ConfigError(
            f"{len(journey.maps)} maps are more than the player shows (at most {MAX_MAPS}).",
            remedy="Choose fewer maps.",
        )
    for name, positions in journey.maps.items():
        for part in ("states", "texts", "centers", "reference", "neighbors_kept"):
            if not np.isfinite(getattr(positions, part)).all():
                raise ProjectionError(
                    f"{part} of map {name!r} holds values that are not finite.", remedy="Fit the map again."
                )


def _styled(name: str, index: int) -> dict[str, str]:
    style = class_style(index)
    return {"name": _short(name), "color": style.color, "symbol": style.symbol}


def _items(journey: Journey, similarities: np.ndarray) -> list[dict[str, Any]]:
    trajectory = journey.trajectory
    commitments = commitment_step(decisions(similarities))
    budget = THUMBNAIL_BYTES // len(trajectory.item_names)
    items = []
    for index, name in enumerate(trajectory.item_names):
        probabilities = trajectory.class_probabilities[index]
        top = np.argsort(-probabilities, kind="stable")[:5]
        items.append(
            {
                "name": _short(name),
                "thumbnail": _thumbnail(journey.thumbnails[index], budget),
                # What the item is drawn as (most probable) and what its last state is nearest to; they may differ.
                "answer": int(top[0]),
                "nearest": int(similarities[index, -1].argmax()),
                "top": [[int(k), round(float(probabilities[k]), 4)] for k in top],
                "commitment": int(commitments[index]),
            }
        )
    return items


def _map_part(name: str, positions: MapPositions, every: int) -> dict[str, Any]:
    """One map, every so many-th reference point of it.

    Positions are float32 [n, s, q], [k, q], [c, q]; the reference is uint16 [m, q] within its own bounds;
    neighbors_kept is uint8 [n, s], 255 for all of them; step_flags is int8 [n, s - 1].
    """
    about, q = positions.about, positions.dimensions
    neighbors = about.get("n_neighbors")  # a replay may hold anything
    reference = positions.reference[::every]
    low = reference.min(axis=0) if len(reference) else np.zeros(q)
    high = reference.max(axis=0) if len(reference) else np.ones(q)
    span = np.maximum(high - low, 1e-9)
    return {
        "name": _short(name),
        "label": _label(positions),
        "kind": positions.kind,
        "dims": q,
        "scores": _scores(about.get("scores")),
        "n_neighbors": neighbors if isinstance(neighbors, int) and neighbors > 0 else 0,
        "note": MAP_NOTES[positions.kind],
        "states": _base64(positions.states, "<f4"),
        "texts": _base64(positions.texts, "<f4"),
        "centers": _base64(positions.centers, "<f4"),
        "reference": _base64(np.rint((reference - low) / span * 65535), "<u2"),
        "reference_low": [float(value) for value in low],
        "reference_span": [float(value) for value in span],
        "neighbors_kept": _base64(np.rint(np.clip(positions.neighbors_kept, 0, 1) * 255), "<u1"),
        "step_flags": _base64(np.sign(positions.step_flags), "<i1"),
    }


def _label(positions: MapPositions) -> str:
    """The map's name on its button; a solid one says so."""
    label = _short(str(positions.about.get("label") or positions.kind), 24)
    return f"{label} 3-D" if positions.dimensions == 3 and "3" not in label else label


def _scores(scores: Any) -> dict[str, float]:
    """The scores that are numbers."""
    if not isinstance(scores, Mapping):
        return {}
    numbers = {name: value for name, value in scores.items() if isinstance(value, int | float) and isfinite(value)}
    return {_short(str(name), 40): round(float(value), 4) for name, value in list(numbers.items())[:8]}


def _similarity_part(similarities: np.ndarray) -> dict[str, Any]:
    """Cosines [n, s, kept] as signed integers (value * scale): int16, or int8 and the nearest classes when too many.

    `classes` lists which class texts were kept, so that the player can say so when it is not all of them.
    """
    n, s, k = similarities.shape
    wide = n * s * k * 2 <= SIMILARITY_BYTES
    kept = min(k, max(1, SIMILARITY_BYTES // (n * s)))
    # The largest similarity that a class text reaches anywhere decides; the order of the class list stays.
    classes = np.sort(np.argsort(-similarities.max(axis=(0, 1)), kind="stable")[:kept])
    dtype, scale = ("<i2", 32767) if wide else ("<i1", 127)
    quantised = np.rint(np.clip(similarities[:, :, classes], -1, 1) * scale)
    return {
        "encoding": "int16" if wide else "int8",
        "scale": 1 / scale,
        "data": _base64(quantised, dtype),
        "classes": classes.tolist(),
    }


def _base64(array: np.ndarray, dtype: str) -> str:
    return base64.b64encode(np.ascontiguousarray(array, dtype=dtype).tobytes()).decode("ascii")


def _thumbnail(png: bytes, budget: int) -> str:
    """The picture as a data URL; empty (a dot is drawn) where the bytes are no PNG or cannot be made small enough."""
    side = _png_side(png)
    if not 0 < side <= MAX_THUMBNAIL_SIDE:
        return ""
    if side > THUMBNAIL_SIDE or len(png) > budget:
        png = _smaller(png, budget)
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii") if png else ""


def _png_side(png: bytes) -> int:
    """The longer side that a PNG's header claims; 0 when it is no PNG."""
    if len(png) < 24 or not png.startswith(b"\x89PNG\r\n\x1a\n"):
        return 0
    return max(struct.unpack(">II", png[16:24]))


def _smaller(png: bytes, budget: int) -> bytes:
    from PIL import Image  # only when a thumbnail came too large

    try:
        with Image.open(io.BytesIO(png), formats=("PNG",)) as opened:
            image = opened.convert("RGB")
    except (OSError, ValueError, SyntaxError):
        return b""
    for side in (THUMBNAIL_SIDE, 64, 48, 32, 24, 16):
        image.thumbnail((side, side))
        buffer = io.BytesIO()
        image.save(buffer, "PNG", optimize=True)
        if buffer.tell() <= budget:
            return buffer.getvalue()
    return b""


def _settings(settings: Mapping[str, Any]) -> list[list[str]]:
    """Settings as lines of text; nested values become "outer · inner"."""
    lines: list[list[str]] = []

    def walk(prefix: str, value: Any) -> None:
        if isinstance(value, Mapping):
            for key, inner in value.items():
                walk(f"{prefix} · {key}" if prefix else str(key), inner)
        else:
            lines.append([_short(prefix.replace("_", " ")), _short(str(value))])

    walk("", settings)
    return lines[:40]


def _short(text: str, length: int = NAME_LENGTH) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"
