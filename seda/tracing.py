"""From pictures and words to a journey: the one path that pages, command line and exports share."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from seda.aligner import PretrainedAligner
from seda.class_texts import fill_template
from seda.config import SamplingConfig
from seda.diffusion.sampling import StepEvent
from seda.encoders.base import Encoder
from seda.images import NamedImage, thumbnail_png
from seda.projection import FrozenMap
from seda.trajectory import Journey, MapPositions, Trajectory


@dataclass(frozen=True)
class Workbench:
    """What a run needs, loaded once: an aligner, its encoder and its map. Read-only."""

    aligner: PretrainedAligner
    encoder: Encoder
    frozen_map: FrozenMap

    def __post_init__(self) -> None:
        self.aligner.check_encoder(self.encoder.name, self.encoder.fingerprint)


def trace_images(
    images: Sequence[NamedImage],
    class_names: Sequence[str],
    workbench: Workbench,
    sampling: SamplingConfig,
    *,
    title: str = "",
    note: str = "",
    on_step: Callable[[StepEvent], object] | None = None,
) -> Journey:
    """Encode pictures and class texts, run both stages, place every state on the map.

    Args:
        images: one or more.
        class_names: two or more, as a user typed them (seda.class_texts).
        workbench: aligner, encoder and map.
        sampling: how.
        title: a line for the screen.
        note: a sentence on what to look at.
        on_step: told of each denoising step; return True to stop.
    Raises:
        SedaError: see the parts; each names what came and what to do.
    """
    aligner, encoder = workbench.aligner, workbench.encoder
    image_features = encoder.encode_images([item.image for item in images])
    class_text_features = encoder.encode_texts(fill_template(aligner.card.template, class_names))
    trajectory = aligner.trace(
        image_features,
        class_text_features,
        [item.name for item in images],
        class_names,
        sampling,
        item_seeds=[content_seed(item) for item in images],
        on_step=on_step,
    )
    thumbnails = tuple(thumbnail_png(item.image) for item in images)
    return Journey(trajectory, place_trajectory(trajectory, workbench), thumbnails, title, note)


def place_trajectory(trajectory: Trajectory, workbench: Workbench) -> MapPositions:
    """Positions of every state, class text and center on the frozen map."""
    n, s, d = trajectory.states.shape
    k = len(trajectory.class_names)
    points = np.concatenate(
        [trajectory.states.reshape(n * s, d), trajectory.class_text_features, trajectory.class_centers]
    )
    placed = workbench.frozen_map.place(points)  # [n s + k + c, 2]
    return MapPositions(
        states=placed[: n * s].reshape(n, s, 2),
        texts=placed[n * s : n * s + k],
        centers=placed[n * s + k :],
        reference=workbench.frozen_map.reference,
        reference_labels=workbench.aligner.reference.labels.cpu().numpy().astype(np.int16),
    )


def content_seed(item: NamedImage) -> int:
    """A number from a picture's pixels: the same picture meets the same noise in any batch, under any name."""
    return int.from_bytes(hashlib.sha256(item.image.tobytes()).digest()[:6])
