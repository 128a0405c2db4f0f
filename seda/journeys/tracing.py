"""From items and words to a journey: the one path that pages, command line and exports share."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from seda.aligner import PretrainedAligner, load_aligner
from seda.class_texts import fill_template, unread_notes
from seda.config import SamplingConfig
from seda.device import best_device
from seda.diffusion.sampling import StepEvent
from seda.encoders import load_encoder
from seda.encoders.base import AbsentEncoder, Encoder
from seda.encoders.kept_texts import KeptTexts
from seda.errors import ConfigError, FileFormatError, FingerprintError
from seda.evaluation.maps import N_NEIGHBORS, map_scores, nearest_neighbors, neighbors_kept, step_flags, thinning
from seda.images import NamedImage, thumbnail_png
from seda.journeys.journey import Journey
from seda.journeys.labels import moved_labels
from seda.journeys.neighbors import nearest_points, shown_neighbors
from seda.journeys.reference_pictures import ReferencePictures
from seda.journeys.trajectory import MapPositions, Trajectory
from seda.map_forms import MAPS
from seda.projection import FrozenMap, load_maps
from seda.projection.word_rows import on_word_rows
from seda.projection.words import word_maps

MAX_REFERENCE = 20_000  # points drawn of the reference clouds; beyond, every k-th is
LANDMARK_PATHS, LANDMARK_EVERY = 20, 3


@dataclass(frozen=True)
class Workbench:
    """What a run needs, loaded once: an aligner, its encoder and its maps by name. Read-only.

    Raises:
        FingerprintError: the encoder or a map was made for another aligner.
    """

    aligner: PretrainedAligner
    encoder: Encoder
    maps: Mapping[str, FrozenMap]

    def __post_init__(self) -> None:
        self.aligner.check_encoder(self.encoder.name, self.encoder.fingerprint)
        for frozen in self.maps.values():
            made_for = frozen.card.get("aligner_fingerprint", self.aligner.fingerprint)
            if made_for != self.aligner.fingerprint:
                raise FingerprintError(
                    f"The map {frozen.label} was fitted for an aligner with fingerprint {made_for}; "
                    f"{self.aligner.card.name!r} has {self.aligner.fingerprint}.",
                    remedy="Fit it again: `python -m seda map fit --aligner DIR`.",
                )

    @cached_property
    def landmarks(self) -> tuple[np.ndarray, np.ndarray]:
        """Points [l, d] that stand for the space of all states, and their progress [l].

        Reference features (all, or evenly thinned), category centers, and states of some training images' paths: the
        pool among which the neighbours of a state are looked for.
        """
        aligner, reference = self.aligner.aligner, self.aligner.reference
        sample = reference.features[reference.sample].cpu().numpy()
        centers = aligner.class_centers.cpu().numpy()
        run = self.aligner.trace(
            reference.fit_images[:LANDMARK_PATHS],
            reference.texts[:, 0],
            [""] * min(LANDMARK_PATHS, len(reference.fit_images)),
            self.aligner.card.class_names,
            SamplingConfig(),
        )
        states = run.states[:, ::LANDMARK_EVERY]  # [p, s', d]
        n, s, d = states.shape
        points = np.concatenate([sample, centers, states.reshape(n * s, d)])
        way = np.linspace(0, 1, run.states.shape[1], dtype=np.float32)
        progress = [np.zeros(len(sample)), np.full(len(centers), way[run.hand_over]), np.tile(way[::LANDMARK_EVERY], n)]
        return points, np.concatenate(progress).astype(np.float32)

    @cached_property
    def sample_labels(self) -> np.ndarray:
        """Category [m] of the reference features among the landmarks, which come first there."""
        reference = self.aligner.reference
        return reference.labels[reference.sample].cpu().numpy()

    @cached_property
    def pictures(self) -> ReferencePictures | None:
        """Of the reference features among the landmarks; None where the aligner came without.

        Raises:
            FileFormatError: the file is damaged, or holds another number of pictures.
        """
        pictures = ReferencePictures.load(self.aligner.folder)
        if pictures is not None and len(pictures.tiles) != len(self.sample_labels):
            raise FileFormatError(
                f"{len(pictures.tiles)} reference pictures came for {len(self.sample_labels)} reference features.",
                remedy="Train the aligner again.",
            )
        return pictures

    def encode_class_texts(self, class_names: Sequence[str], template: str) -> Tensor:
        """Features [k, d] of class texts in their template, as the encoder gives them.

        Raises:
            ClassTextError: the template does not hold {} exactly once.
        """
        return self._texts(fill_template(template, class_names))

    @cached_property
    def _texts(self) -> KeptTexts:
        return KeptTexts(self.encoder.encode_texts)

    def notes_on(self, class_names: Sequence[str]) -> tuple[str, ...]:
        """Sentences for the user on class texts that the encoder cannot read; none where it reads all."""
        return unread_notes(self.encoder.unread_texts(class_names), self.encoder.languages)


def load_workbench(
    aligner: str | Path, device: str = "", encoder: Encoder | None = None, *, maps: bool = True
) -> Workbench:
    """An aligner with its maps and its encoder.

    Args:
        aligner: name of one that is on this machine, or its folder.
        device: of torch; empty for the fastest that is there.
        encoder: where it is loaded already.
        maps: whether its maps are read too; answers need none, journeys do.
    Raises:
        SedaError: one of them cannot be loaded, or they do not belong together.
    """
    device = device or best_device()
    loaded = load_aligner(aligner, device, check_maps=maps)
    encoder = encoder or load_encoder(loaded.card.encoder, device)
    return Workbench(loaded, encoder, load_maps(loaded.folder) if maps else {})


def bare_workbench(aligner: PretrainedAligner) -> Workbench:
    """An aligner with its maps, for features that came from elsewhere: its encoder is not loaded, and refuses what it is asked."""
    card = aligner.card
    absent = AbsentEncoder(card.encoder, card.encoder_fingerprint, card.model.image_dim, card.model.dim)
    return Workbench(aligner, absent, load_maps(aligner.folder))


def trace_images(
    items: Sequence[NamedImage],
    class_names: Sequence[str],
    workbench: Workbench,
    sampling: SamplingConfig,
    *,
    template: str | None = None,
    title: str = "",
    note: str = "",
    on_step: Callable[[StepEvent], object] | None = None,
) -> Journey:
    """Encode items and class texts, run both stages, place every state on every map.

    Args:
        items: one or more, as pictures.
        class_names: two or more, as a user typed them (seda.class_texts).
        workbench: aligner, encoder and maps.
        sampling: how.
        template: put around each class text, "{}" stands for the text; None for the aligner's own.
        title: a line for the screen.
        note: a sentence on what to look at.
        on_step: told of each denoising step; return True to stop.
    Raises:
        SedaError: see the parts; each names what came and what to do.
    """
    template = workbench.aligner.card.template if template is None else template
    texts = workbench.encode_class_texts(class_names, template)  # first: a wrong template is said at once
    trajectory = workbench.aligner.trace(
        workbench.encoder.encode_images([item.image for item in items]),
        texts,
        [item.name for item in items],
        class_names,
        sampling,
        item_seeds=[content_seed(item) for item in items],
        template=template,
        on_step=on_step,
    )
    return _journey(trajectory, tuple(thumbnail_png(item.image) for item in items), workbench, title, note)


def retrace(
    journey: Journey,
    class_names: Sequence[str],
    workbench: Workbench,
    sampling: SamplingConfig,
    *,
    template: str | None = None,
    title: str = "",
    note: str = "",
    on_step: Callable[[StepEvent], object] | None = None,
) -> Journey:
    """The journey's items again, from the features and thumbnails that it holds; arguments as for `trace_images`.

    Its labels go to the class texts of the same words; where a word has gone, nobody knows any more.

    Raises:
        FingerprintError: the journey was made with another encoder.
        SedaError: as `trace_images`.
    """
    earlier, aligner = journey.trajectory, workbench.aligner
    aligner.check_encoder(earlier.settings.encoder, earlier.settings.encoder_fingerprint)
    template = aligner.card.template if template is None else template
    traced = trace_features(
        torch.from_numpy(earlier.image_features), workbench.encode_class_texts(class_names, template), earlier.item_names,
        class_names, workbench, sampling, item_seeds=earlier.item_seeds.tolist(), thumbnails=journey.thumbnails,
        template=template, title=title, note=note, on_step=on_step,
    )  # fmt: skip
    return replace(traced, labels=moved_labels(journey.labels, earlier.class_names, class_names))


def trace_features(
    image_features: Tensor,
    class_text_features: Tensor,
    item_names: Sequence[str],
    class_names: Sequence[str],
    workbench: Workbench,
    sampling: SamplingConfig,
    *,
    item_seeds: Sequence[int],
    thumbnails: Sequence[bytes],
    template: str,
    title: str = "",
    note: str = "",
    on_step: Callable[[StepEvent], object] | None = None,
) -> Journey:
    """Let features travel, of items that need not be there, and place them on every map.

    Args:
        image_features: as the encoder gives them [n, D].
        class_text_features: as the encoder gives them [k, d].
        workbench: aligner and maps; its encoder is not asked.
        item_seeds: n numbers, of the items' noise.
        thumbnails: of the n items, small pictures as PNG bytes.
        template: that the class texts were encoded in.
    Raises:
        SedaError: as `trace_images`.
    """
    trajectory = workbench.aligner.trace(
        image_features, class_text_features, item_names, class_names, sampling,
        item_seeds=item_seeds, template=template, on_step=on_step,
    )  # fmt: skip
    return _journey(trajectory, tuple(thumbnails), workbench, title, note)


def _journey(
    trajectory: Trajectory, thumbnails: tuple[bytes, ...], workbench: Workbench, title: str, note: str
) -> Journey:
    """Place a trajectory on every map and look for its nearest training pictures."""
    n, s, d = trajectory.states.shape
    nearest, indices, similarities = nearest_points(trajectory.states.reshape(n * s, d), *_pool(trajectory, workbench))
    labels = _shown_labels(trajectory, workbench.aligner.reference.labels.cpu().numpy())
    maps = maps_of(trajectory, workbench)
    return Journey(
        trajectory,
        _scored(place_trajectory(trajectory, workbench, maps, nearest), maps, trajectory, workbench),
        labels[:: thinning(len(labels), MAX_REFERENCE)],
        len(labels),
        thumbnails,
        title,
        note,
        shown_neighbors(
            indices.reshape(n, s, -1), similarities.reshape(n, s, -1),
            _shown_labels(trajectory, workbench.sample_labels), workbench.pictures,
        ),
    )  # fmt: skip


def _shown_labels(trajectory: Trajectory, labels: np.ndarray) -> np.ndarray:
    """An aligner's labels [m] as indices into the trajectory's centers, int16; -1 where the center is not shown."""
    if not trajectory.open_vocabulary:
        return labels.astype(np.int16)
    shown = np.full(int(labels.max(initial=0)) + 1, -1, np.int16)
    for index, center in enumerate(trajectory.settings.center_indices):
        if center < len(shown):
            shown[center] = index
    return shown[labels]


def _pool(trajectory: Trajectory, workbench: Workbench) -> tuple[np.ndarray, slice]:
    """Points [p, d] among which neighbours are looked for, and which of them are reference features.

    The class texts on the screen are neighbours too; the centers are landmarks already.
    """
    k, m = len(trajectory.class_names), len(workbench.sample_labels)
    return np.concatenate([trajectory.class_text_features, workbench.landmarks[0]]), slice(k, k + m)


def maps_of(trajectory: Trajectory, workbench: Workbench) -> dict[str, FrozenMap]:
    """The maps that a trajectory is drawn on, in the order of the screen: the aligner's, its timeline with rows for the words, and the
    plane of its own words.

    Principal axes of everything, which pile up the words in their middle, are not among them: that plane takes their place.
    """
    texts = trajectory.class_text_features
    own = {
        name: on_word_rows(frozen, texts) for name, frozen in workbench.maps.items() if frozen.projector.kind != "pca"
    }
    reference = workbench.aligner.reference.features.cpu().numpy()
    found = own | word_maps(trajectory, reference)
    return {name: found[name] for name in MAPS if name in found}


def _scored(
    placed: dict[str, MapPositions], maps: Mapping[str, FrozenMap], trajectory: Trajectory, workbench: Workbench
) -> dict[str, MapPositions]:
    """The placed maps, each with its trust measures: those of the aligner's maps stand in their cards, the others are taken, on the sample
    of the reference features: their cost grows with its square, and somebody waits."""
    sample = workbench.aligner.reference.sample
    reference = workbench.aligner.reference.features[sample].cpu().numpy()
    return {
        name: positions
        if positions.about["scores"]
        else _with_scores(
            positions, map_scores(reference, maps[name].reference[sample], trajectory.states, positions.states)
        )
        for name, positions in placed.items()
    }


def _with_scores(positions: MapPositions, scores: Mapping[str, float]) -> MapPositions:
    return replace(positions, about={**positions.about, "scores": dict(scores)})


def place_trajectory(
    trajectory: Trajectory, workbench: Workbench, maps: Mapping[str, FrozenMap], nearest: np.ndarray | None = None
) -> dict[str, MapPositions]:
    """Positions of every state, class text and center on each map, and how far each can be trusted there.

    The nearest points of each state in feature space may be given, as `nearest_points` found them; else it is asked.
    """
    n, s, d = trajectory.states.shape
    k, c = len(trajectory.class_names), len(trajectory.center_names)
    states = trajectory.states.reshape(n * s, d)
    if nearest is None:
        nearest, _, _ = nearest_points(states, *_pool(trajectory, workbench))
    landmarks, landmark_progress = workbench.landmarks
    points = np.concatenate([states, trajectory.class_text_features, trajectory.class_centers, landmarks])
    way = np.linspace(0, 1, s, dtype=np.float32)
    parts = np.tile(way, n), np.ones(k), np.full(c, way[trajectory.hand_over]), landmark_progress
    progress = np.concatenate(parts).astype(np.float32)
    pool = np.r_[n * s : n * s + k, n * s + k + c : len(points)]  # as in _pool
    every = thinning(len(workbench.aligner.reference.features), MAX_REFERENCE)

    placed_on = {}
    for name, frozen in maps.items():
        placed = frozen.place(points, progress)  # [n s + k + c + l, q]
        on_map = nearest_neighbors(placed[: n * s], placed[pool])
        positions = placed[: n * s].reshape(n, s, -1)
        placed_on[name] = MapPositions(
            states=positions,
            texts=placed[n * s : n * s + k],
            centers=placed[n * s + k : n * s + k + c],
            reference=frozen.reference[::every],
            neighbors_kept=neighbors_kept(nearest, on_map).reshape(n, s),
            step_flags=step_flags(trajectory.states, positions),
            about=_about(frozen),
        )
    return placed_on


def refittable(workbench: Workbench) -> list[str]:
    """Names of the maps that `refit_journey` refits."""
    from seda.projection.projectors import ParametricProjector, TimelineProjector

    kinds = (ParametricProjector, TimelineProjector)
    return [name for name, frozen in workbench.maps.items() if isinstance(frozen.projector, kinds)]


def refit_journey(
    journey: Journey,
    workbench: Workbench,
    *,
    on_progress: Callable[[str, int, int], object] | None = None,
) -> Journey:
    """The journey on maps that were refitted for its class texts; maps that cannot be refitted stay.

    Its neighbours stay. A ghost and seed clouds are left out: they were placed on the old maps, and their features are not
    kept.

    Each refitted map's `about` holds its "drift" (see seda.projection.refit) and scores on the journey's own paths.

    Args:
        journey: traced with the workbench's aligner.
        workbench: its maps are not changed.
        on_progress: told (name of the map, steps done, of how many); return True to stop.
    Raises:
        FingerprintError: the journey was traced with another aligner.
        Stopped: on_progress returned True.
    """
    from seda.projection.aligner_map import map_anchors  # umap-learn is imported when it fits
    from seda.projection.refit import refit_map

    aligner, trajectory = workbench.aligner, journey.trajectory
    check_traced_with(journey, aligner)
    reference, anchors = aligner.reference.features.cpu().numpy(), map_anchors(aligner)
    texts, states = trajectory.class_text_features, trajectory.states
    refitted = {
        name: on_word_rows(
            refit_map(workbench.maps[name], reference, anchors, texts, states, on_progress=on_progress), texts
        )
        for name in refittable(workbench)
    }
    placed = place_trajectory(
        trajectory, workbench, refitted
    )  # at once: neighbours in feature space are the same for all
    for name, positions in placed.items():
        scores = map_scores(reference, refitted[name].reference, trajectory.states, positions.states)
        placed[name] = _with_scores(positions, scores)
    return replace(journey, maps={**journey.maps, **placed}, ghost=None, clouds=())


def own_maps(journey: Journey, workbench: Workbench) -> dict[str, FrozenMap]:
    """The maps that the journey was placed on, the very same ones; a refitted map is another one."""
    every = thinning(len(workbench.aligner.reference.features), MAX_REFERENCE)
    return {
        name: frozen
        for name, frozen in maps_of(journey.trajectory, workbench).items()
        if name in journey.maps and _same_places(journey.maps[name].reference, frozen.reference[::every])
    }


def _same_places(here: np.ndarray, there: np.ndarray) -> bool:
    """Equal but for what a replay's half precision does to a plane of the words."""
    return here.shape == there.shape and np.allclose(here, there, rtol=0, atol=2e-3)


def on_own_maps(journey: Journey, workbench: Workbench) -> Journey:
    """The journey on the workbench's own maps, where it was on others by the same names, as after a refit.

    Returns:
        the journey itself where it is on the own ones already, or was traced with another aligner; else one without ghost
        and clouds, which were placed on the other maps.
    """
    if not _is_traced_with(journey, workbench.aligner):  # its features may have another width
        return journey
    own = own_maps(journey, workbench)
    others = {
        name: frozen
        for name, frozen in maps_of(journey.trajectory, workbench).items()
        if name in journey.maps and name not in own
    }
    if not others:
        return journey
    placed = place_trajectory(journey.trajectory, workbench, others)
    return replace(journey, maps={**journey.maps, **placed}, ghost=None, clouds=())


def _is_traced_with(journey: Journey, aligner: PretrainedAligner) -> bool:
    found, centers = journey.trajectory.class_centers, aligner.aligner.class_centers.cpu().numpy()
    if journey.trajectory.open_vocabulary:  # those that were shown
        indices = journey.trajectory.settings.center_indices
        if any(index >= len(centers) for index in indices):
            return False
        centers = centers[list(indices)]
    return found.shape == centers.shape and np.allclose(found, centers, atol=1e-3)


def check_traced_with(journey: Journey, aligner: PretrainedAligner) -> None:
    """
    Raises:
        FingerprintError: the journey was traced with another aligner.
    """
    if not _is_traced_with(journey, aligner):
        raise FingerprintError(
            f"The journey was traced with the aligner {journey.trajectory.settings.aligner!r}, not with this "
            f"{aligner.card.name!r}.",
            remedy="Choose that aligner, or trace the pictures again.",
        )


def sampling_of(journey: Journey) -> SamplingConfig:
    """How a journey was drawn.

    Raises:
        ConfigError: its settings do not say.
    """
    sampling = journey.trajectory.settings.sampling
    if sampling is None:
        raise ConfigError("The journey does not say how it was drawn.", remedy="Trace the pictures again.")
    return sampling


def content_seed(item: NamedImage) -> int:
    """A number from a picture's pixels: the same picture meets the same noise in any batch, under any name."""
    return _number_of(item.image.tobytes())


def feature_seed(feature: np.ndarray) -> int:
    """The same for a feature [D] whose item is not at hand."""
    return _number_of(np.ascontiguousarray(feature, np.float32).tobytes())


def _number_of(content: bytes) -> int:
    return int.from_bytes(hashlib.sha256(content).digest()[:6])


def _about(frozen: FrozenMap) -> dict[str, object]:
    """What the screen says of a map."""
    about = {
        "kind": frozen.projector.kind,
        "label": frozen.label,
        "scores": frozen.card.get("scores", {}),
        "n_neighbors": N_NEIGHBORS,
    }
    return about | ({"drift": frozen.card["drift"]} if "drift" in frozen.card else {})
