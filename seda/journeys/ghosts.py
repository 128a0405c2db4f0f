"""Ghosts: an earlier run of the same items, drawn beside a journey, and what differs between the two."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from seda.evaluation.sentences import quoted, statistic
from seda.journeys.journey import Ghost, Journey
from seda.journeys.trajectory import Trajectory
from seda.projection.words import fit_words

SAME_FEATURES = 0.05  # of a feature's length: between bf16's rounding (.01) and any other item
LISTED = 5  # class texts that a change names
LENGTH = 40  # characters of a setting
SETTINGS = {  # of a sampling, in the order of the screen
    "denoiser": "denoiser",
    "sampler": "sampler",
    "num_inference_steps": "steps per stage",
    "strength": "strength",
    "eta": "eta",
    "guidance": "guidance",
    "seed": "seed",
}


def with_ghost(journey: Journey, earlier: Journey) -> Journey:
    """The journey with an earlier run of the same items as its ghost.

    Items are matched by content. Only maps that both have, with identical reference positions, are shared: positions
    on a refitted map, or on another aligner's, cannot be compared.

    Returns:
        the journey itself where no item is in both, or no map is shared. Where nothing was changed, the earlier
        journey's ghost goes on, if it has one.
    """
    here, there = journey.trajectory, earlier.trajectory
    items, matched = matching_items(here, there)
    names = shared_maps(journey, earlier)
    changes = changes_between(here, there)
    if not changes:
        return _with_same_ghost(journey, earlier, names) if _is_whole(items, matched, here, there) else journey
    if not len(items) or not names:
        return journey
    probabilities = there.class_probabilities[matched]
    answers = probabilities.argmax(1)
    at_same_share = resample(there.states[matched], there.stages, here.stages)
    placed = {name: (earlier.maps[name].states[matched], earlier.maps[name].texts) for name in names}
    placed |= _on_the_words(journey, there, matched)
    differences = np.linalg.norm(here.states[items] - at_same_share, axis=-1) / here.feature_norm  # [g, s]
    ghost = Ghost(
        items=items.astype(np.int32),
        stages=there.stages,
        class_names=there.class_names,
        states={name: placed[name][0] for name in placed},
        texts={name: placed[name][1] for name in placed},
        answers=answers.astype(np.int16),
        answer_probabilities=probabilities[np.arange(len(answers)), answers],
        differences=differences.astype(np.float32),
        changes=changes,
    )
    return replace(journey, ghost=ghost)


def _is_of_words(journey: Journey, name: str) -> bool:
    return name in journey.maps and journey.maps[name].kind == "words"


def _on_the_words(journey: Journey, there: Trajectory, matched: np.ndarray) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Paths [g, s2, q] and class texts [k2, q] of an earlier run on the journey's own planes of words, by the maps' names."""
    found = {}
    for name, positions in journey.maps.items():
        if positions.kind == "words":
            place = fit_words(journey.trajectory, positions.dimensions).place
            found[name] = (
                place(there.states[matched]).astype(np.float32),
                place(there.class_text_features).astype(np.float32),
            )
    return found


def _is_whole(items: np.ndarray, matched: np.ndarray, here: Trajectory, there: Trajectory) -> bool:
    """Whether the matched items are all items of both, in the same order."""
    return np.array_equal(items, matched) and len(items) == len(here.item_names) == len(there.item_names)


def _with_same_ghost(journey: Journey, earlier: Journey, names: Sequence[str]) -> Journey:
    """The journey with the ghost of an earlier run of the very same, on the maps of these names."""
    ghost = earlier.ghost
    kept = [] if ghost is None else [name for name in ghost.states if name in names or _is_of_words(journey, name)]
    if ghost is None or not kept:
        return journey
    states, texts = ({name: part[name] for name in kept} for part in (ghost.states, ghost.texts))
    return replace(journey, ghost=replace(ghost, states=states, texts=texts))


def matching_items(here: Trajectory, there: Trajectory) -> tuple[np.ndarray, np.ndarray]:
    """Indices [g] and [g] of the items that are the same, by the number of its noise and its features.

    An item that came twice is matched twice where it did so in both.
    """
    waiting: dict[int, list[int]] = {}
    for index, seed in enumerate(there.item_seeds.tolist()):
        waiting.setdefault(seed, []).append(index)
    items, matched = [], []
    for index, seed in enumerate(here.item_seeds.tolist()):
        candidates = waiting.get(seed, [])
        if candidates and _same_features(here.image_features[index], there.image_features[candidates[0]]):
            items.append(index)
            matched.append(candidates.pop(0))
    return np.array(items, dtype=np.int64), np.array(matched, dtype=np.int64)


def shared_maps(journey: Journey, earlier: Journey) -> list[str]:
    """Names of the aligner's maps that both journeys were placed on, the very same ones."""
    here, there = journey.trajectory, earlier.trajectory
    if here.center_names == there.center_names and not np.array_equal(here.class_centers, there.class_centers):
        return []  # another aligner: another space
    return [
        name
        for name, positions in journey.maps.items()
        if positions.kind != "words"
        and name in earlier.maps
        and np.array_equal(positions.reference, earlier.maps[name].reference)
    ]


def resample(states: np.ndarray, stages: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Paths [g, s2, d] with stages [s2] at the states of other stages [s]: each at the same share of the same stage.

    Between two states it is interpolated linearly.

    Returns:
        float32 [g, s, d].
    """
    found = np.empty((len(states), len(wanted), states.shape[-1]), dtype=np.float32)
    for stage in np.unique(wanted):
        part = states[:, stages == stage]
        count = int((wanted == stage).sum())
        at = np.linspace(0, part.shape[1] - 1, count)
        low = np.minimum(at.astype(np.int64), max(part.shape[1] - 2, 0))
        high = np.minimum(low + 1, part.shape[1] - 1)
        weight = (at - low).astype(np.float32)[:, None]
        found[:, wanted == stage] = (1 - weight) * part[:, low] + weight * part[:, high]
    return found


def changes_between(here: Trajectory, there: Trajectory) -> tuple[str, ...]:
    """What the run `here` does otherwise than the run `there`, as parts of a sentence; empty where nothing."""
    changes = _text_changes(there.class_names, here.class_names)
    if not here.is_aligned:
        return tuple(changes)
    before, after = there.settings.template, here.settings.template
    if before != after:
        changes.append(f"template {quoted(str(before))} → {quoted(str(after))}")
    for key, label in SETTINGS.items():
        earlier, now = (getattr(trajectory.settings.sampling, key, None) for trajectory in (there, here))
        if earlier != now:
            noise = " (other noise)" if key == "seed" else ""
            changes.append(f"{label} {_shown(earlier)} → {_shown(now)}{noise}")
    return tuple(changes)


def _same_features(here: np.ndarray, there: np.ndarray) -> bool:
    """Equal but for what the batch that they were encoded in does to the last digits, and bf16 on a GPU to the third."""
    if here.shape != there.shape:
        return False
    apart, length = np.linalg.norm(here - there, axis=-1), np.linalg.norm(here, axis=-1)
    return bool(np.all(apart <= SAME_FEATURES * length))


def _text_changes(before: Sequence[str], after: Sequence[str]) -> list[str]:
    removed = [name for name in before if name not in set(after)]
    added = [name for name in after if name not in set(before)]
    pairs = [pair for pair in zip(before, after, strict=False) if pair[0] != pair[1]]
    if len(before) == len(after) and 0 < len(pairs) <= LISTED and [old for old, _ in pairs] == removed:
        return [f"word {quoted(old)} became {quoted(new)}" for old, new in pairs]
    lists = (("words removed", removed), ("words added", added))
    return [f"{what}: {_listed(names)}" for what, names in lists if names]


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return ", ".join(quoted(name) for name in names[:LISTED]) + more


def _shown(value: Any) -> str:
    """Numbers as statistics are printed, without zeros at their end."""
    if isinstance(value, float):
        return statistic(value, 3).rstrip("0").rstrip(".") or "0"
    return "unknown" if value is None else str(value)[:LENGTH]
