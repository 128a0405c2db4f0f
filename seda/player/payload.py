"""The player's payload: a journey as one JSON value of bounded size, read by seda/player/web/payload.js.

Nothing here knows Streamlit; the component and the standalone page send the same value.

Layout of the binary parts (base64, little endian): see `_map_part`, `_similarity_part`, `_neighbor_part`, `_ghost_part` and
`_cloud_part`.
"""

from __future__ import annotations

import base64
import io
import json
import struct
import threading
from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from seda.errors import ConfigError, ProjectionError
from seda.evaluation.sentences import arrived_at, class_margins, cloud_ends, cloud_sentence, path_sentences
from seda.evaluation.trajectories import commitment_step, decisions, flips
from seda.figures.palette import class_style, style_indices
from seda.images import png_url
from seda.journeys.journey import Ghost, Journey, Neighbors, SeedCloud
from seda.journeys.trajectory import MapPositions, hand_overs
from seda.map_forms import MAP_KINDS
from seda.picture_bounds import bare_png, bounds_of
from seda.player.binary import base64_of
from seda.player.live_numbers import live_numbers
from seda.player.wording import wording
from seda.storage import fingerprint

PAYLOAD_VERSION = 8

# Limits, chosen here so that 64 items x 103 states over 20,000 reference points on six maps stay below 3 MB, with
# neighbours, a ghost and a seed cloud.
MAX_ITEMS = 1024
MAX_STATES = 100_000  # items times states
MAX_MAPS = 8
MAX_REFERENCE = 20_000
MAX_CLOUDS = 8
MAX_CLOUD_STATES = 100_000  # seeds times states, of all clouds
PAYLOAD_LENGTH = 2_900_000  # characters that neighbours may fill up to: they come in what room the rest leaves
NEIGHBOR_COUNTS = (6, 4, 2, 1)  # neighbours of a state, tried in turn
SIMILARITY_BYTES = 900_000
THUMBNAIL_BYTES = 900_000  # all thumbnails together, before base64
THUMBNAIL_SIDE = 96  # pixels; the largest that the player draws on a HiDPI screen
MAX_THUMBNAIL_SIDE = 2048  # pixels; a PNG header that claims more is not decoded
MADE_SMALLER = 20_000_000  # pixels of all thumbnails that are decoded to be made smaller; takes a second
SOUND_BYTES = 900_000  # all sounds together, before base64; seven of four seconds
MAX_SHEET_SIDE = 4096  # pixels of a contact sheet; every browser decodes that
MAX_PICTURES = 65_536  # training pictures; their numbers are sent as 16 bits
NAME_LENGTH = 200  # characters
MAX_KEPT = 64  # payloads in memory, 3 MB each at most; chosen here: every session plays one or two


class _Kept:
    """The payload of one journey and its JSON, None until they are made, and the lock of those who wait for them."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.payload: dict[str, Any] | None = None
        self.encoded: bytes | None = None


_kept: WeakKeyDictionary[Journey, _Kept] = WeakKeyDictionary()  # the one asked for last is last
_lock = threading.Lock()  # all visitors share it: held for a look into _kept, never while a payload is made


def player_payload(journey: Journey) -> dict[str, Any]:
    """Everything that the player draws, as JSON values; made once per journey object, and remembered for the last MAX_KEPT of them.

    Two who ask for the same journey make it once; who asks for another one does not wait for them.

    Returns:
        A dict that must not be modified: the next caller receives the same one.
    Raises:
        ConfigError: more items or states than the player can animate.
        ProjectionError: a position on a map, or a number that belongs to one, is not finite.
    """
    kept = _kept_of(journey)
    with kept.lock:
        if kept.payload is None:
            kept.payload = _build(journey)
        return kept.payload


def encoded_payload(journey: Journey) -> bytes:
    """The payload as JSON in UTF-8, made once as well: a page sends it each time that it is drawn.

    Raises:
        ConfigError: more items or states than the player can animate.
        ProjectionError: a position on a map, or a number that belongs to one, is not finite.
    """
    payload, kept = player_payload(journey), _kept_of(journey)
    with kept.lock:
        if kept.encoded is None:
            kept.encoded = json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()
        return kept.encoded


def _kept_of(journey: Journey) -> _Kept:
    with _lock:
        _kept[journey] = kept = _kept.pop(journey, None) or _Kept()
        for oldest in list(_kept)[:-MAX_KEPT]:
            del _kept[oldest]
    return kept


def _build(journey: Journey) -> dict[str, Any]:
    trajectory = journey.trajectory
    _check(journey)
    similarities = trajectory.class_similarities()  # [n, s, k]
    similarity_part = _similarity_part(similarities)
    every = -(-len(journey.reference_labels) // MAX_REFERENCE) or 1
    class_styles, center_styles = style_indices(
        trajectory.class_names, trajectory.center_names, classes_first=trajectory.open_vocabulary
    )
    payload = {
        "version": PAYLOAD_VERSION,
        "title": _short(journey.title)
        or ("How images travel to their class texts" if trajectory.is_aligned else "How features move"),
        "note": _short(journey.note, 600),
        "stages": trajectory.stages.tolist(),
        "timesteps": trajectory.timesteps.tolist(),
        "hand_overs": hand_overs(trajectory.stages),
        # the features jump where noise comes in: at the start of each of an aligner's stages
        "jumps": [0, trajectory.hand_over] if trajectory.is_aligned else [],
        "wording": wording(trajectory),
        "classes": [_styled(name, index) for name, index in zip(trajectory.class_names, class_styles, strict=True)],
        "centers": [_styled(name, index) for name, index in zip(trajectory.center_names, center_styles, strict=True)],
        "kinds": [_styled(name, index) for index, name in enumerate(journey.group_names)],
        "items": _items(journey, similarities),
        "maps": [_map_part(name, positions, every) for name, positions in journey.maps.items()],
        "reference_labels": base64_of(journey.reference_labels[::every], "<i2"),
        "reference_total": journey.reference_total,
        "similarities": similarity_part,
        "ghost": None if journey.ghost is None else _ghost_part(journey, journey.ghost),
        "clouds": [_cloud_part(journey, cloud, similarity_part["classes"]) for cloud in journey.clouds],
        "settings": _settings(trajectory.settings.to_dict()),
        "numbers": live_numbers(trajectory),
    }
    payload["neighbors"] = _neighbor_part(journey.neighbors, PAYLOAD_LENGTH - _length(payload))
    # Over the finished content: whatever is drawn differently gets another identity in the browser.
    return {"fingerprint": fingerprint(payload), **payload}


def _check(journey: Journey) -> None:
    trajectory = journey.trajectory
    n, s, _ = trajectory.states.shape
    if n == 0 or (trajectory.is_aligned and not trajectory.class_names):
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
        parts = ("states", "texts", "centers", "reference", "neighbors_kept")
        _check_finite(f"of map {name!r}", {part: getattr(positions, part) for part in parts}, "Fit the map again.")
    if journey.neighbors is not None:
        _check_finite("of neighbours", {"similarities": journey.neighbors.similarities})
    if journey.ghost is not None:
        _check_ghost(journey.ghost)
    _check_clouds(journey.clouds)


def _check_ghost(ghost: Ghost) -> None:
    if len(ghost.items) * len(ghost.stages) > MAX_STATES:
        raise ConfigError(
            f"A ghost of {len(ghost.items)} items with {len(ghost.stages)} states is more than the player draws "
            f"(at most {MAX_STATES:,} states in all).",
            remedy="Compare with a run of fewer items or fewer steps.",
        )
    numbers = {"answer_probabilities": ghost.answer_probabilities, "differences": ghost.differences}
    _check_finite("of a ghost", numbers)
    for name in ghost.states:
        _check_finite(f"of a ghost on map {name!r}", {"states": ghost.states[name], "texts": ghost.texts[name]})


def _check_clouds(clouds: Sequence[SeedCloud]) -> None:
    states = sum(len(cloud.seeds) * len(cloud.spread) for cloud in clouds)
    if len(clouds) > MAX_CLOUDS or states > MAX_CLOUD_STATES:
        raise ConfigError(
            f"{len(clouds)} seed clouds of {states:,} states are more than the player draws "
            f"(at most {MAX_CLOUDS} clouds and {MAX_CLOUD_STATES:,} states in all).",
            remedy="Ask for fewer seeds.",
        )
    for cloud in clouds:
        _check_finite("of a seed cloud", {"low": cloud.low, "high": cloud.high, "spread": cloud.spread})
        for name, placed in cloud.states.items():
            _check_finite(f"of a seed cloud on map {name!r}", {"states": placed})


def _check_finite(where: str, arrays: Mapping[str, np.ndarray], remedy: str = "Trace the pictures again.") -> None:
    for name, values in arrays.items():
        if not np.isfinite(values).all():
            raise ProjectionError(f"{name} {where} holds values that are not finite.", remedy=remedy)


def _styled(name: str, index: int) -> dict[str, str]:
    style = class_style(index)
    return {"name": _short(name), "color": style.color, "symbol": style.symbol}


def _items(journey: Journey, similarities: np.ndarray) -> list[dict[str, Any]]:
    trajectory = journey.trajectory
    # -1 stands for no class text
    decided = decisions(similarities) if trajectory.class_names else np.full(similarities.shape[:2], -1)
    commitments, changes, margins = commitment_step(decided), flips(decided), class_margins(similarities[:, -1])
    sentences = path_sentences(trajectory, similarities)
    arrived = arrived_at(trajectory, similarities) & (decided[:, -1] >= 0)
    thumbnails, answers = _thumbnails(journey.thumbnails), trajectory.answers.tolist()
    # the right class text, -1 where nobody knows; without class texts the group; absent where nothing is labelled, or there are texts
    own: list[dict[str, int]] = [{} for _ in thumbnails]
    if journey.labels is not None:
        own = [{"truth": label} for label in journey.labels.tolist()]
    elif not trajectory.class_names:
        own = [{"kind": kind} for kind in (journey.groups if journey.groups is not None else decided[:, -1]).tolist()]
    items, sounds = [], _sounds(journey.sounds)
    for index, name in enumerate(trajectory.item_names):
        probabilities = trajectory.class_probabilities[index]
        top = np.argsort(-probabilities, kind="stable")[:5]  # none where nobody has answered
        items.append(
            {
                "name": _short(name),
                "thumbnail": thumbnails[index],
                # What the item is drawn as (most probable) and what its last state is nearest to; they may differ.
                "answer": answers[index],
                "nearest": int(decided[index, -1]),
                "landed": bool(arrived[index]),  # or its path ends away from all of them
                "top": [[int(k), round(float(probabilities[k]), 4)] for k in top],
                "commitment": int(commitments[index]),
                "flips": int(changes[index]),
                "margin": round(float(np.nan_to_num(margins[index])), 4),  # a single class text has no second nearest
                "sentences": [list(sentence) for sentence in sentences[index]],
                "hint": _short(trajectory.hints[index]),  # where none of the class texts fits
                **own[index],
                **({"shape": journey.shapes[index]} if journey.shapes else {}),
                **({"sound": sounds[index]} if sounds and sounds[index] else {}),
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
        "note": MAP_KINDS[positions.kind],
        "states": base64_of(positions.states, "<f4"),
        "texts": base64_of(positions.texts, "<f4"),
        "centers": base64_of(positions.centers, "<f4"),
        "reference": base64_of(np.rint((reference - low) / span * 65535), "<u2"),
        "reference_low": [float(value) for value in low],
        "reference_span": [float(value) for value in span],
        "neighbors_kept": base64_of(np.rint(np.clip(positions.neighbors_kept, 0, 1) * 255), "<u1"),
        "step_flags": base64_of(np.sign(positions.step_flags), "<i1"),
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
    if k == 0:
        return {"encoding": "int16", "scale": 1 / 32767, "data": "", "classes": []}
    wide = n * s * k * 2 <= SIMILARITY_BYTES
    kept = min(k, max(1, SIMILARITY_BYTES // (n * s)))
    # The largest similarity that a class text reaches anywhere decides; the order of the class list stays.
    classes = np.sort(np.argsort(-similarities.max(axis=(0, 1)), kind="stable")[:kept])
    dtype, scale = ("<i2", 32767) if wide else ("<i1", 127)
    quantised = np.rint(np.clip(similarities[:, :, classes], -1, 1) * scale)
    return {
        "encoding": "int16" if wide else "int8",
        "scale": 1 / scale,
        "data": base64_of(quantised, dtype),
        "classes": classes.tolist(),
    }


def _ghost_part(journey: Journey, ghost: Ghost) -> dict[str, Any]:
    """The earlier run: positions float32 [g, s2, q] and [k2, q] a map, differences float32 [g, s].

    A class that the journey has too keeps its style; the others take the next free ones.
    """
    trajectory = journey.trajectory
    styles, _ = style_indices(
        (*trajectory.class_names, *ghost.class_names), trajectory.center_names, classes_first=trajectory.open_vocabulary
    )
    styles = styles[len(trajectory.class_names) :]
    answers = zip(ghost.answers.tolist(), ghost.answer_probabilities.tolist(), strict=True)
    return {
        "changes": [_short(change) for change in ghost.changes],
        "items": ghost.items.tolist(),
        "stages": ghost.stages.tolist(),
        "hand_overs": hand_overs(ghost.stages),
        "classes": [_styled(name, index) for name, index in zip(ghost.class_names, styles, strict=True)],
        "answers": [[answer, round(probability, 4)] for answer, probability in answers],
        "differences": base64_of(ghost.differences, "<f4"),
        "maps": {
            _short(name): {"states": base64_of(ghost.states[name], "<f4"), "texts": base64_of(ghost.texts[name], "<f4")}
            for name in ghost.states
        },
    }


def _cloud_part(journey: Journey, cloud: SeedCloud, classes: Sequence[int]) -> dict[str, Any]:
    """One item under other noise: positions float32 [r, s, q] a map, spread float32 [s].

    The band of cosines is int16 [s, kept] (value * 32767) over the class texts that the similarities keep.
    """
    low, high = (np.rint(np.clip(band[:, classes], -1, 1) * 32767) for band in (cloud.low, cloud.high))
    return {
        "item": cloud.item,
        "seeds": cloud.seeds.tolist(),
        "maps": {_short(name): base64_of(states, "<f4") for name, states in cloud.states.items()},
        "low": base64_of(low, "<i2"),
        "high": base64_of(high, "<i2"),
        "spread": base64_of(cloud.spread, "<f4"),
        "ends": cloud.ends.tolist(),
        "answers": cloud.answers.tolist(),
        "sentence": cloud_sentence(cloud.ends, cloud.spread, journey.trajectory.class_names, cloud.average),
        "short": cloud_ends(cloud.ends, journey.trajectory.class_names, cloud.average),
    }


def _neighbor_part(neighbors: Neighbors | None, room: int) -> dict[str, Any] | None:
    """The training pictures nearest to each state, in so many characters: fewer a state, then no sheet, then none.

    indices are uint16 [n, s, t], similarities uint8 [n, s, t] (cosine within 0..1 times 255).
    """
    if neighbors is None or len(neighbors.labels) > MAX_PICTURES:
        return None
    for sheet in (_sheet(neighbors), ""):
        for count in NEIGHBOR_COUNTS:
            count = min(count, neighbors.indices.shape[-1])
            part = {
                "count": count,
                "indices": base64_of(neighbors.indices[..., :count], "<u2"),
                "similarities": base64_of(np.rint(np.clip(neighbors.similarities[..., :count], 0, 1) * 255), "<u1"),
                "labels": neighbors.labels.tolist(),
                "sheet": sheet,
                "columns": neighbors.columns,
                "tile": neighbors.tile,
            }
            if _length(part) <= room:
                return part
    return None


def _sheet(neighbors: Neighbors) -> str:
    """The contact sheet as a data URL; empty where there is none, or it is not the one that it is said to be."""
    # by name: Pillow else imports all of its forty formats to read one that is not among its usual ones, .1 s of a first page
    from PIL import Image, WebPImagePlugin  # noqa: F401

    rows = -(-len(neighbors.labels) // max(neighbors.columns, 1))
    size = (neighbors.columns * neighbors.tile, rows * neighbors.tile)
    if not neighbors.sheet or max(size) > MAX_SHEET_SIDE or bounds_of(neighbors.sheet).problem:
        return ""
    try:
        with Image.open(io.BytesIO(neighbors.sheet), formats=("PNG", "WEBP")) as image:
            if image.size != size:
                return ""
            kind = str(image.format).lower()
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return ""
    return f"data:image/{kind};base64," + base64.b64encode(neighbors.sheet).decode("ascii")


def _length(value: Any) -> int:
    """About the characters of a value as JSON; never fewer, but for characters that are escaped."""
    if isinstance(value, Mapping):
        return sum(len(key) + 6 + _length(part) for key, part in value.items()) + 2
    if isinstance(value, list):
        return sum(_length(part) + 2 for part in value) + 2
    return len(value) + 2 if isinstance(value, str) else len(str(value))


def _thumbnails(pngs: Sequence[bytes]) -> list[str]:
    """The thumbnails as data URLs; "" (a dot is drawn) where the bytes are no PNG or cannot be made small enough."""
    budget, room, urls = THUMBNAIL_BYTES // len(pngs), MADE_SMALLER, []
    for content in pngs:
        png = bare_png(content)
        width, height = struct.unpack(">II", png[16:24]) if png else (0, 0)
        side = max(width, height)
        if side > THUMBNAIL_SIDE or len(png) > budget:
            room -= width * height
            png = _smaller(png, budget) if side <= MAX_THUMBNAIL_SIDE and room >= 0 else b""
        urls.append(png_url(png) if side and png else "")
    return urls


def _smaller(png: bytes, budget: int) -> bytes:
    from PIL import Image  # only when a thumbnail came too large

    try:
        with Image.open(io.BytesIO(png), formats=("PNG",)) as opened:
            image = opened.convert("RGB")
    except (OSError, ValueError, SyntaxError):
        return b""
    for side in (THUMBNAIL_SIDE, 64, 48, 32, 24, 16):
        if side**2 > 4 * budget and side > 16:  # of a photograph a pixel takes two bytes, of a drawing a quarter
            continue
        image.thumbnail((side, side))
        buffer = io.BytesIO()
        image.save(buffer, "PNG", compress_level=6)  # the best one takes many times as long for a few per cent
        if buffer.tell() <= budget:
            return buffer.getvalue()
    return b""


def _sounds(wavs: Sequence[bytes]) -> list[str]:
    """The sounds as data URLs; "" (nothing is heard) where the bytes are no WAV file, or more than their share of SOUND_BYTES."""
    budget = SOUND_BYTES // max(1, sum(bool(wav) for wav in wavs))
    kept = [wav if wav[:4] == b"RIFF" and wav[8:12] == b"WAVE" and len(wav) <= budget else b"" for wav in wavs]
    return ["data:audio/wav;base64," + base64.b64encode(wav).decode("ascii") if wav else "" for wav in kept]


def _settings(settings: Mapping[str, Any]) -> list[list[str]]:
    """Settings as lines of text; nested values become "outer · inner". Lists (indices, hints) are for programs, not for readers, and what
    is not set says nothing."""
    lines: list[list[str]] = []

    def walk(prefix: str, value: Any) -> None:
        if isinstance(value, Mapping):
            for key, inner in value.items():
                walk(f"{prefix} · {key}" if prefix else str(key), inner)
        elif not isinstance(value, list | tuple) and value not in (None, ""):
            text = f"{value:.4g}" if isinstance(value, float) else str(value)
            lines.append([_short(prefix.replace("_", " ")), _short(text)])

    walk("", settings)
    return lines[:40]


def _short(text: str, length: int = NAME_LENGTH) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"
