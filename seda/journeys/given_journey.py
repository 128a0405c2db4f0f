"""A journey of paths that were made elsewhere: its maps are fitted on the spot."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from seda.errors import ConfigError
from seda.evaluation.maps import N_NEIGHBORS, map_scores, neighbors_kept, step_flags, thinning
from seda.evaluation.trajectories import evenly
from seda.journeys.ghosts import changes_between, resample
from seda.journeys.given_paths import GivenPaths, check_paths
from seda.journeys.journey import Ghost, Journey
from seda.journeys.neighbors import nearest_points
from seda.journeys.settings import TraceSettings
from seda.journeys.trajectory import MapPositions, Trajectory
from seda.map_forms import MAPS

if TYPE_CHECKING:
    from seda.projection.fit import MapMaterial, ReducedFits
    from seda.projection.projectors import Projector

GRAPH_POINTS = 6_000  # that a map is fitted to; chosen here: the graph of more takes longer than the fit
POOL_POINTS = 2_400  # among which the neighbours of a state are looked for, so that trust can be told
LIMIT_REFERENCE = 20_000  # points that a map shows beside the paths
FIT_COUNT = 400  # items whose number of steps a fit gets, see MapConfig.for_pictures; chosen here: 1,341 steps

# told (name of the map, steps done, of how many); return True to stop
OnMap = Callable[[str, int, int], object]


def journey_of(
    paths: GivenPaths,
    *,
    maps: Sequence[str] | None = None,
    title: str = "",
    note: str = "",
    on_progress: OnMap | None = None,
) -> Journey:
    """The journey of checked paths.

    Args:
        paths: from `check_paths`.
        maps: names of `MAPS`, in the order of the screen; None for those that suit: a map that came with the paths, else UMAP, the plane of
            the texts (principal axes where there are fewer than three), and the timeline.
        on_progress: told how far the fits are; return True to stop.
    Raises:
        ConfigError: a name of no map, or one that these paths cannot have.
        Stopped: on_progress returned True.
    """
    trajectory = _trajectory(paths)
    names = _names(paths, maps)
    pool, own = _pool(paths)
    nearest = _nearest(paths.states.reshape(-1, paths.states.shape[2]), pool, own)
    shown, fits = (
        paths.reference[:: thinning(len(paths.reference), LIMIT_REFERENCE)],
        _Fits(paths, trajectory, on_progress),
    )
    placed = {name: _positions(name, paths, fits, shown, pool, own, nearest) for name in names}
    return Journey(
        trajectory,
        placed,
        np.full(len(shown), -1, np.int16),
        len(paths.reference),
        paths.thumbnails,
        title,
        " ".join(filter(None, [note, *paths.notes])),
        labels=paths.labels,
        groups=paths.groups,
        group_names=paths.group_names,
    )


def _trajectory(paths: GivenPaths) -> Trajectory:
    n, _, d = paths.states.shape
    return Trajectory(
        states=paths.states,
        x_0=paths.states,
        stages=paths.stages,
        timesteps=paths.timesteps,
        class_probabilities=paths.probabilities,
        class_text_features=paths.class_text_features,
        class_centers=np.zeros((0, d), np.float32),
        image_features=np.zeros((n, 0), np.float32),
        item_seeds=np.arange(n, dtype=np.int64),
        item_names=paths.item_names,
        class_names=paths.class_names,
        center_names=(),
        settings=TraceSettings(),
        stage_names=paths.stage_names,
    )


def _names(paths: GivenPaths, maps: Sequence[str] | None) -> list[str]:
    n, s, d = paths.states.shape
    given = [] if paths.places is None else [f"given-{paths.places.shape[2]}d"]
    possible = [
        *given,
        *(["given-2d"] if d == 2 and not given else []),
        "umap-2d",
        "umap-3d",
        "timeline",
        "pca-2d",
        "pca-3d",
    ]
    if paths.class_names:
        possible += ["words-2d", "words-3d"]
    if n * s < 3:
        possible = [name for name in possible if MAPS[name].kind in ("given", "pca", "words")]
    if maps is None:
        if given or d == 2:
            return possible[:1]
        flat = "words-2d" if len(paths.class_names) > 2 else "pca-2d"
        return [name for name in ("umap-2d", flat, "timeline") if name in possible]
    if wrong := [name for name in maps if name not in possible]:
        raise ConfigError(
            f"These paths have no map {wrong[0]!r}; they may have {', '.join(possible)}.",
            remedy="Choose some of those.",
        )
    if not maps or len(set(maps)) < len(maps):
        raise ConfigError(
            f"maps are one or more different names; {list(maps)} came.", remedy=f"Choose some of {', '.join(possible)}."
        )
    return list(maps)


def _pool(paths: GivenPaths) -> tuple[np.ndarray, np.ndarray]:
    """Points [p, d] that stand for the space: reference points, or states evenly chosen; and where each state [n s] is among them, or -1."""
    states = paths.states.reshape(-1, paths.states.shape[2])
    own = np.full(len(states), -1, np.int64)
    if len(paths.reference):
        return paths.reference[:: thinning(len(paths.reference), POOL_POINTS)], own
    chosen = evenly(len(states), POOL_POINTS)
    own[chosen] = np.arange(len(chosen))
    return states[chosen], own


def _nearest(points: np.ndarray, pool: np.ndarray, own: np.ndarray) -> np.ndarray:
    """Indices [q, t] of the nearest points of a pool, no point counted as its own neighbour; t is at least 1."""
    found, _, _ = nearest_points(points, pool, slice(0, 1), N_NEIGHBORS + 1, 1)
    if found.shape[1] < 2:
        return found
    order = np.argsort(found == own[:, None], axis=1, kind="stable")  # itself last
    return np.take_along_axis(found, order, 1)[:, : min(N_NEIGHBORS, found.shape[1] - 1)]


def _positions(
    name: str, paths: GivenPaths, fits: _Fits, shown: np.ndarray, pool: np.ndarray, own: np.ndarray, nearest: np.ndarray
) -> MapPositions:  # fmt: skip
    n, s, d = paths.states.shape
    k = len(paths.class_names)
    if MAPS[name].kind == "given":
        places = paths.states if paths.places is None else paths.places
        texts = paths.class_text_features if paths.places is None else paths.text_places
        # reference points have no place on a map that somebody else made, unless it is the features themselves
        reference = shown if paths.places is None else np.zeros((len(shown), places.shape[2]), np.float32)
        pool_at = None
    else:
        projector = fits.projector(name)
        way = np.linspace(0, 1, s, dtype=np.float32)
        progress = np.concatenate([np.tile(way, n), np.ones(k), np.zeros(len(shown) + len(pool))]).astype(np.float32)
        if not len(paths.reference):
            progress[n * s + k :] = np.tile(way, n)[own >= 0]
        points = np.concatenate([paths.states.reshape(n * s, d), paths.class_text_features, shown, pool])
        at = projector.place(points, progress).astype(np.float32)
        places, texts = at[: n * s].reshape(n, s, -1), at[n * s : n * s + k]
        reference, pool_at = at[n * s + k : n * s + k + len(shown)], at[n * s + k + len(shown) :]
    flat = places.reshape(n * s, -1)
    if pool_at is None:
        pool_at = flat[own >= 0] if (own >= 0).any() else flat[:0]
    kept = (
        neighbors_kept(nearest, _nearest(flat, pool_at, own))
        if len(pool_at) == len(pool)
        else np.ones(n * s, np.float32)
    )
    return MapPositions(
        states=places,
        texts=texts,
        centers=np.zeros((0, places.shape[2]), np.float32),
        reference=reference,
        neighbors_kept=kept.reshape(n, s),
        step_flags=step_flags(paths.states, places),
        about=_about(name, paths, places, pool, pool_at, nearest.shape[1]),
    )


def _about(
    name: str, paths: GivenPaths, places: np.ndarray, pool: np.ndarray, pool_at: np.ndarray, neighbors: int
) -> Mapping[str, Any]:
    scores = map_scores(pool, pool_at, paths.states, places) if len(pool) == len(pool_at) > 2 else {}
    return {"kind": MAPS[name].kind, "label": MAPS[name].label, "scores": scores, "n_neighbors": neighbors}


class _Fits:
    """The projectors of some paths; what several of them need is made once. torch and umap-learn are imported by those that need them."""

    def __init__(self, paths: GivenPaths, trajectory: Trajectory, on_progress: OnMap | None) -> None:
        self._paths, self._trajectory, self._on_progress = paths, trajectory, on_progress

    @cached_property
    def _material(self) -> MapMaterial:
        from seda.projection.fit import MapMaterial

        paths, (n, s, _) = self._paths, self._paths.states.shape
        first = evenly(n, max(1, GRAPH_POINTS // s))  # whole paths: their steps are edges
        order = np.concatenate([first, np.setdiff1d(np.arange(n), first)])
        reference = paths.reference[:: thinning(len(paths.reference), GRAPH_POINTS)]
        return MapMaterial(reference, paths.class_text_features, paths.states[order], len(first))

    @cached_property
    def _reduced(self) -> ReducedFits:
        from seda.projection.fit import ReducedFits

        return ReducedFits(self._material)

    def projector(self, name: str) -> Projector:
        """That of a map of MAPS."""
        from seda.projection.aligner_map import PARAMETRIC_KINDS, own_config, timeline_of
        from seda.projection.fit import MapConfig, fit_pca
        from seda.projection.word_rows import with_word_rows
        from seda.projection.words import fit_words

        form, on_progress = MAPS[name], self._on_progress
        if form.kind == "words":
            return fit_words(self._trajectory, form.dimensions)
        if form.kind == "pca":
            return fit_pca(self._material.points, form.dimensions)
        assert form.kind in PARAMETRIC_KINDS
        report = None if on_progress is None else (lambda done, total: on_progress(name, done, total))
        fitted = self._reduced.fit(own_config(name, MapConfig.for_pictures(FIT_COUNT)), on_progress=report)
        if form.kind != "timeline":
            return fitted
        return with_word_rows(timeline_of(fitted, self._material.points), self._paths.class_text_features)


def compared(now: Journey, before: Journey) -> Journey:
    """Two journeys of paths that were made elsewhere, on maps that are fitted to both; the second is the ghost of the first.

    Items are matched by their names. A ghost that has other numbers of states is read at the same share of each stage.

    Raises:
        ConfigError: no item is in both, or widths, stages or class texts do not fit.
    """
    here, there = now.trajectory, before.trajectory
    _check_comparable(here, there)
    places = {name: place for place, name in enumerate(there.item_names)}
    pairs = [(place, places[name]) for place, name in enumerate(here.item_names) if name in places]
    if not pairs:
        raise ConfigError(
            "No name of an item is in both journeys.", remedy="Name the items by item_names, the same ones in both."
        )
    items, matched = (np.array(column, np.int64) for column in zip(*pairs, strict=True))
    earlier = resample(there.states[matched], there.stages, here.stages)  # [g, s, d]
    both = check_paths(
        np.concatenate([here.states, earlier]), texts=np.concatenate([here.class_text_features, there.class_text_features]),
        stages=[(name, int((here.stages == stage).sum())) for stage, name in enumerate(here.stage_names, 1)],
    )  # fmt: skip
    fitted = journey_of(both, maps=[name for name in now.maps if MAPS[name].kind != "given"] or None).maps
    n, k = len(here.states), len(here.class_names)
    if len(both.states) < n + len(items):
        raise ConfigError(f"{n} and {len(items)} items are more than can be compared.", remedy="Compare fewer.")
    answers = there.answers[matched]
    probabilities = (
        there.class_probabilities[matched, answers] if there.is_answered else np.zeros(len(items), np.float32)
    )
    ghost = Ghost(
        items=items.astype(np.int32),
        stages=here.stages,
        class_names=there.class_names,
        states={name: placed.states[n:] for name, placed in fitted.items()},
        texts={name: placed.texts[k:] for name, placed in fitted.items()},
        answers=answers.astype(np.int16),
        answer_probabilities=probabilities,
        differences=(np.linalg.norm(here.states[items] - earlier, axis=-1) / here.feature_norm).astype(np.float32),
        changes=changes_between(here, there) or ("the paths",),
    )
    maps = {
        name: replace(
            placed,
            states=placed.states[:n],
            texts=placed.texts[:k],
            neighbors_kept=placed.neighbors_kept[:n],
            step_flags=placed.step_flags[:n],
        )
        for name, placed in fitted.items()
    }
    return replace(now, maps=maps, reference_labels=np.zeros(0, np.int16), reference_total=0, ghost=ghost)


def _check_comparable(here: Trajectory, there: Trajectory) -> None:
    if here.states.shape[2] != there.states.shape[2] or here.stage_names != there.stage_names:
        raise ConfigError(
            f"Journeys of {here.states.shape[2]} and {there.states.shape[2]} numbers a state, and of the stages {', '.join(here.stage_names)} and "
            f"{', '.join(there.stage_names)}, cannot be laid over one another.",
            remedy="Compare paths in the same space that go through the same stages.",
        )
    if not here.class_names or not there.class_names:
        raise ConfigError(
            "The journeys have no class texts, by which a comparison is told.", remedy="Make both with texts."
        )
