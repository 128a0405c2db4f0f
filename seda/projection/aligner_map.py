"""The maps of one aligner: fitted to its own clouds, centers, texts and paths, and scored on held-out paths."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.sparse import coo_matrix
from torch import Tensor

from seda.aligner import PretrainedAligner
from seda.config import SamplingConfig
from seda.diffusion.sampling import StepEvent
from seda.errors import ConfigError, FileFormatError
from seda.evaluation.maps import map_scores
from seda.map_forms import FITTED, FITTED_ALWAYS, MAPS
from seda.projection.fit import (
    ONE_AT_A_TIME,
    MapConfig,
    MapMaterial,
    check_points,
    fit_parametric,
    fit_pca,
    fuzzy_graph,
    identical,
    umap_learn,
)
from seda.projection.frozen import FrozenMap, load_map
from seda.projection.kept_fit import kept_array
from seda.projection.projectors import NeighborProjector, ParametricProjector, Projector, TimelineProjector

# The fitted paths show the ways that a user may choose, most of them the default one: each noise is another way, and too
# few of them are learnt by heart. The first sampling's paths are points of the neighbour graph too.
FIT_SAMPLINGS = (
    *(SamplingConfig(seed=seed) for seed in range(10, 17)),
    SamplingConfig(sampler="ddpm", seed=1),
    SamplingConfig(strength=1.0, seed=2),
    SamplingConfig(sampler="dpmsolver++", strength=0.8, seed=4),
    SamplingConfig(strength=0.3, seed=5),
    SamplingConfig(sampler="ddpm", strength=1.0, seed=6),
)
GRAPH_PATHS = 90
SCORE_SAMPLING = SamplingConfig(seed=3)

PARAMETRIC_KINDS = ("umap", "timeline")  # kinds that a network is fitted for
TRACING = "paths"  # what is under way before the first map
# told (name of the map or TRACING, steps done, of how many); return True to stop
Progress = Callable[[str, int, int], object]


@dataclass(frozen=True, eq=False)
class AlignerMaterial:
    """All that fitting and scoring the maps of an aligner takes, computed once.

    Attributes:
        material: what the maps are fitted to.
        held_out: float32 [q, s, d], paths of validation images.
        graph: UMAP's fuzzy graph of the material's points; None where each fit makes its own.
        about: JSON values for every map's card: aligner, fingerprints.
    """

    material: MapMaterial
    held_out: np.ndarray
    graph: coo_matrix | None
    about: dict[str, Any]


def aligner_material(
    pretrained: PretrainedAligner,
    config: MapConfig | None = None,
    *,
    on_progress: Progress | None = None,
    keep_in: Path | None = None,
) -> AlignerMaterial:
    """Trace the aligner's kept images and build the neighbour graph; paths are kept in `keep_in`, see `fit_aligner_maps`.

    Raises:
        ProjectionError: fewer than three points, or points that are not finite.
        Stopped: on_progress returned True.
    """
    config = config or MapConfig()
    reference = pretrained.reference.features.cpu().numpy()
    count = len(FIT_SAMPLINGS) + 1  # the held-out paths too

    def states(image_features: Tensor, sampling: SamplingConfig, done: int) -> np.ndarray:
        on_step = None if on_progress is None else (lambda event: on_progress(TRACING, done, count))
        path = None if keep_in is None else keep_in / f"paths-{done}.part"
        identity = [pretrained.fingerprint, sampling.to_dict(), image_features.cpu().numpy()]
        return kept_array(path, identity, lambda: _states(pretrained, image_features, sampling, on_step))

    paths = np.concatenate(
        [states(pretrained.reference.fit_images, way, done) for done, way in enumerate(FIT_SAMPLINGS)]
    )
    graph_paths = min(GRAPH_PATHS, len(pretrained.reference.fit_images))
    material = MapMaterial(reference, map_anchors(pretrained), paths, graph_paths)
    check_points(material.points)
    held_out = states(pretrained.reference.held_out_images, SCORE_SAMPLING, count - 1)
    graph = None
    if config.steps and not identical(material.points):
        graph = fuzzy_graph(material.points, config.n_neighbors)
    about = {
        "aligner": pretrained.card.name,
        "aligner_fingerprint": pretrained.fingerprint,
        "encoder_fingerprint": pretrained.card.encoder_fingerprint,
        "points": {"reference": len(reference), "anchors": len(material.anchors), "states": material.graph_states.size},
        "paths": len(paths),
    }
    return AlignerMaterial(material, held_out, graph, about)


def fit_aligner_maps(
    pretrained: PretrainedAligner,
    config: MapConfig | None = None,
    *,
    names: Sequence[str] | None = None,
    on_progress: Progress | None = None,
    keep_in: Path | None = None,
) -> dict[str, FrozenMap]:
    """Fit maps to an aligner's reference features, centers, texts and training paths; scores are in their cards.

    Args:
        pretrained: the aligner.
        config: how parametric maps are fitted; `dimensions` is the map's own.
        names: of the maps; None for FITTED_ALWAYS.
        on_progress: told how far it is; return True to stop.
        keep_in: folder that each map is saved in as soon as it is fitted. Those that lie there of a call that was ended are
            not fitted again: they are the aligner's of exactly these weights, or the caller deletes them.
    Raises:
        ProjectionError: fewer than three points, or points that are not finite.
        Stopped: on_progress returned True.
    """
    names = FITTED_ALWAYS if names is None else names
    kept = {} if keep_in is None else {name: kept_map(keep_in, name, pretrained, config) for name in names}
    maps = {name: frozen for name, frozen in kept.items() if frozen is not None}
    if all(name in maps for name in names):
        return {name: maps[name] for name in names}
    prepared = aligner_material(pretrained, config, on_progress=on_progress, keep_in=keep_in)
    for name in names:
        if name not in maps:
            keep_at = None if keep_in is None else keep_in / f"{name}.part"
            maps[name] = with_scores(
                fit_map(name, prepared, config, on_progress=on_progress, keep_at=keep_at), prepared
            )
            if keep_in is not None:
                maps[name].save(keep_in)
    return {name: maps[name] for name in names}


def kept_map(folder: Path, name: str, pretrained: PretrainedAligner, config: MapConfig | None) -> FrozenMap | None:
    """The map that an earlier call left in a folder, if it was fitted to this aligner in this way."""
    try:
        kept = load_map(folder, name)
    except FileFormatError:
        return None
    if kept.projector.kind != MAPS[name].kind:
        return None
    asked = {"aligner_fingerprint": pretrained.fingerprint, "config": own_config(name, config).to_dict()}
    return kept if "scores" in kept.card and {key: kept.card.get(key) for key in asked} == asked else None


def own_config(name: str, config: MapConfig | None = None) -> MapConfig:
    """How one map is fitted where `config` says how maps are."""
    config, form = config or MapConfig(), MAPS[name]
    if form.kind not in PARAMETRIC_KINDS:
        return config
    settings: dict[str, Any] = dict(form.settings)
    return replace(config, dimensions=form.dimensions, steps=round(config.steps * form.steps_share), **settings)


def check_names(names: Sequence[str]) -> None:
    """Refuse names of maps that are not known or come twice, before anything is computed.

    Raises:
        ConfigError: names them, and the known ones.
    """
    if unknown := sorted(set(names) - set(FITTED)):
        raise ConfigError(f"There is no map {', '.join(unknown)}; known are {', '.join(FITTED)}.")
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ConfigError(f"The map {', '.join(twice)} is named twice.", remedy="Name each once.")


def fit_map(
    name: str,
    prepared: AlignerMaterial,
    config: MapConfig | None = None,
    *,
    on_progress: Progress | None = None,
    keep_at: Path | None = None,
) -> FrozenMap:
    """Fit one map, without scores in its card; see `fit_aligner_maps` and, for keep_at, `fit_parametric`.

    Raises:
        ConfigError: nothing here fits a map of its kind.
    """
    config, form = own_config(name, config), MAPS[name]
    report = None if on_progress is None else (lambda done, total: on_progress(name, done, total))
    reference, notes = prepared.material.reference, list[str]()
    projector: Projector
    if form.kind == "pca":
        projector = fit_pca(prepared.material.points, form.dimensions)
    elif form.kind == "umap-learn":
        points = prepared.material.points.astype(np.float16)  # as they are saved
        model = fit_umap_learn(points.astype(np.float32), config)
        projector = NeighborProjector(points, model.embedding_, model.n_neighbors)
    elif form.kind in PARAMETRIC_KINDS:
        fitted, notes = fit_parametric(
            prepared.material, config, graph=prepared.graph, on_progress=report, keep_at=keep_at
        )
        projector = timeline_of(fitted, prepared.material.points) if form.kind == "timeline" else fitted
    else:
        raise ConfigError(f"Nothing here fits a map of kind {form.kind!r}, which {name!r} is.")
    card = {**prepared.about, "config": config.to_dict(), "notes": notes}
    return FrozenMap(name, projector, place_reference(projector, reference), card)


def place_reference(projector: Projector, reference: np.ndarray) -> np.ndarray:
    """Positions [m, q] of reference features [m, d], which are at the start of a timeline."""
    return projector.place(reference, np.zeros(len(reference), np.float32))


def with_scores(frozen: FrozenMap, prepared: AlignerMaterial) -> FrozenMap:
    """The map with its trust measures in its card, on the reference features and the held-out paths."""
    scores = score_map(frozen.projector, frozen.reference, prepared.material.reference, prepared.held_out)
    return replace(frozen, card={**frozen.card, "scores": scores})


def score_map(
    projector: Projector, reference_at: np.ndarray, reference: np.ndarray, paths: np.ndarray
) -> dict[str, float]:
    """`map_scores` of a projector on reference features [m, d], placed at [m, q], and paths [n, s, d]."""
    return map_scores(reference, reference_at, paths, place_paths(projector, paths))


def place_paths(projector: Projector, paths: np.ndarray) -> np.ndarray:
    """Positions [n, s, q] of paths [n, s, d]."""
    n, s, d = paths.shape
    progress = np.tile(np.linspace(0, 1, s, dtype=np.float32), n)
    return projector.place(paths.reshape(n * s, d), progress).reshape(n, s, -1)


def map_anchors(pretrained: PretrainedAligner) -> np.ndarray:
    """Category centers and every phrasing of the class texts, float32 [a, d], scaled units."""
    aligner = pretrained.aligner
    # classes with fewer phrasings repeat theirs; a point twice would be its own neighbour
    texts = torch.unique(aligner.text_scaler(pretrained.reference.texts.flatten(0, 1)), dim=0)
    return torch.cat([aligner.class_centers, texts]).cpu().numpy()


def timeline_of(height: ParametricProjector, points: np.ndarray) -> TimelineProjector:
    """The timeline whose height is a map of one dimension, stretched to 0 .. 1 on points float32 [p, d]."""
    placed = height.place(points)
    low, high = float(placed.min()), float(placed.max())
    return TimelineProjector(height, low, (high - low) or 1.0)


def fit_umap_learn(points: np.ndarray, config: MapConfig) -> Any:
    """umap-learn's UMAP, fitted to points float32 [p, d] with the config's neighbours, distance and seed."""
    neighbors = min(config.n_neighbors, len(points) - 1)
    with ONE_AT_A_TIME:
        model = umap_learn().UMAP(
            n_neighbors=neighbors, min_dist=config.min_dist, random_state=config.seed, n_jobs=1
        )  # fmt: skip
        return model.fit(points)


def _states(
    pretrained: PretrainedAligner,
    image_features: Tensor,
    sampling: SamplingConfig,
    on_step: Callable[[StepEvent], object] | None,
) -> np.ndarray:
    texts = pretrained.reference.texts[:, 0]
    run = pretrained.aligner.align(image_features, texts, sampling, on_step=on_step)
    return torch.cat([run.visual.unsqueeze(1), run.learner.states, run.translator.states], 1).cpu().numpy()
