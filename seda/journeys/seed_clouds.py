"""Seed clouds: the ways that one item takes under other noise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch

from seda.config import SamplingConfig
from seda.diffusion.sampling import StepEvent, item_seed_under
from seda.errors import ConfigError, ProjectionError
from seda.evaluation.trajectories import decisions, landed
from seda.journeys.journey import Journey, SeedCloud
from seda.journeys.tracing import Workbench, check_traced_with, own_maps, sampling_of
from seda.journeys.trajectory import cosines
from seda.projection import FrozenMap
from seda.projection.aligner_map import place_paths

SEEDS = 16
MAX_SEEDS = 64  # chosen here: more lines than that are a blot
MAX_CLOUDS = 4  # kept in a journey; chosen here: the payload stays small
LOW, HIGH = 0.1, 0.9  # quantiles of the band


def seed_cloud(
    journey: Journey,
    item: int,
    workbench: Workbench,
    *,
    count: int = SEEDS,
    on_step: Callable[[StepEvent], object] | None = None,
) -> SeedCloud:
    """Trace one item under several seeds in one batch, with the journey's class texts, template and sampling.

    The first seed is the journey's own, the others follow it. Each path is the one that a run with that seed draws. It is
    placed on those of the workbench's maps that the journey was placed on; a refitted map is another one.

    Args:
        journey: traced with the workbench's aligner and encoder.
        item: its index.
        workbench: aligner, encoder and maps.
        count: seeds, 1 to MAX_SEEDS.
        on_step: told of each denoising step; return True to stop.
    Raises:
        ConfigError: item or count is out of range, or the journey does not say how it was drawn.
        FingerprintError: the journey was traced with another aligner.
        ProjectionError: the journey is on none of the workbench's maps.
    """
    trajectory, aligner = journey.trajectory, workbench.aligner
    if not 0 <= item < len(trajectory.item_names):
        raise ConfigError(f"Item {item} is not in this journey of {len(trajectory.item_names)} items.")
    if not 1 <= count <= MAX_SEEDS:
        raise ConfigError(f"{count} seeds were asked for; allowed is 1 to {MAX_SEEDS}.")
    check_traced_with(journey, aligner)
    maps = _shared_maps(journey, workbench)
    sampling = sampling_of(journey)
    seeds = [(sampling.seed + number) % (SamplingConfig.MAX_SEED + 1) for number in range(count)]
    own = int(trajectory.item_seeds[item])
    template = aligner.card.template if trajectory.settings.template is None else trajectory.settings.template
    runs = aligner.trace(
        torch.from_numpy(trajectory.image_features[item : item + 1]).expand(count, -1),
        workbench.encode_class_texts(trajectory.class_names, template),
        [trajectory.item_names[item]] * count,
        trajectory.class_names,
        sampling,
        item_seeds=[item_seed_under(own, sampling.seed, seed) for seed in seeds],
        template=template,
        on_step=on_step,
    )
    similarities = runs.class_similarities()  # [r, s, k]
    low, high = np.quantile(similarities, [LOW, HIGH], axis=0)
    return SeedCloud(
        item=item,
        seeds=np.array(seeds, dtype=np.int64),
        states={name: place_paths(frozen.projector, runs.states) for name, frozen in maps.items()},
        low=low.astype(np.float32),
        high=high.astype(np.float32),
        spread=spread(runs.states) / trajectory.feature_norm,
        ends=np.where(landed(similarities), decisions(similarities[:, -1]), -1).astype(np.int16),
        average=int(cosines(runs.states[:, -1].mean(0), runs.class_text_features).argmax()),
        answers=runs.class_probabilities.argmax(1).astype(np.int16),
    )


def with_cloud(journey: Journey, cloud: SeedCloud) -> Journey:
    """The journey with one more seed cloud; it replaces an earlier one of the same item. The latest MAX_CLOUDS are kept.

    Raises:
        ShapeError: the cloud is not of this journey.
    """
    others = tuple(other for other in journey.clouds if other.item != cloud.item)
    return replace(journey, clouds=(*others, cloud)[-MAX_CLOUDS:])


def spread(states: np.ndarray) -> np.ndarray:
    """Root mean square distance of states [r, s, d] to their mean over r, float32 [s]."""
    squares = np.square(states - states.mean(0)).sum(-1)  # [r, s]
    return np.sqrt(squares.mean(0)).astype(np.float32)


def _shared_maps(journey: Journey, workbench: Workbench) -> dict[str, FrozenMap]:
    shared = own_maps(journey, workbench)
    if not shared:
        raise ProjectionError(
            f"The journey's maps ({', '.join(journey.maps)}) are not the aligner's own: they were refitted.",
            remedy="Trace the pictures again, then ask for their seeds.",
        )
    return shared
