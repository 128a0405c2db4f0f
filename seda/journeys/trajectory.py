"""Trajectory: paths in feature space, and MapPositions: where they lie on one map.

Arrays are numpy, so that a stored trajectory is drawn without importing torch.

State index s runs over all stages on one axis. Of SeDA's own two, with K denoising steps each, there are 2 K + 3 states:

    0              the visual feature itself                     stage 0
    1              the visual feature, noised                    stage 1 (semantic learner)
    2 .. K+1       after each denoising step; K+1 is near a category center: the hand-over
    K+2            the semantic feature, noised                  stage 2 (semantic translator)
    K+3 .. 2K+2    after each denoising step; the last is at a class text, or where none is the item's own
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from seda.errors import ConfigError, ShapeError
from seda.journeys.settings import TraceSettings
from seda.map_forms import MAP_KINDS

SEDA_STAGES = ("semantic learner", "semantic translator")
MAP_ARRAYS = ("states", "texts", "centers", "reference", "neighbors_kept", "step_flags")


@dataclass(frozen=True, eq=False)
class Trajectory:
    """Paths of n items through s states in the common feature space of width d.

    Attributes:
        states: float32 [n, s, d], scaled units (FeatureScaler).
        x_0: float32 [n, s, d], the denoiser's estimate of the clean feature at each state. At states that no denoiser
            looked at (the visual feature, and the last state of each stage) it is the state itself.
        stages: int8 [s], 0 at the start (the visual feature), then the number of the stage, from 1 on.
        timesteps: int16 [s], the noise schedule's timestep of each state; 0 where the state is clean.
        class_probabilities: float32 [n, k], the answer, rows sum to 1; [n, 0] where nobody has answered.
        class_text_features: float32 [k, d], scaled units.
        class_centers: float32 [c, d], scaled units: all of the aligner's, or those that the paths came near.
        image_features: float32 [n, D], as the encoder gave them: enough to trace the items again without their files.
        item_seeds: int64 [n], the number of each item's noise.
        item_names: n file or sample names.
        class_names: k class texts, as typed.
        center_names: c names of the training classes whose centers span the semantic space, or of those that are shown.
        settings: how this was made.
        shares: float32 [s, 3], what each state is made of if the estimates are right: shares of the target, of what the stage
            began with, and of noise (standard deviation); None where that was not kept.
        center_weights: float16 [n, s, c] (float32 from a file), how much each of the centers weighed in the estimate at each state, 0 where no learner
            looked; what lacks to 1 is that of centers that are not here, and of none of them. None where that was not kept.
        text_weights: [n, s, k], the same of the class texts and the translator.
        stage_names: of the stages; SEDA_STAGES of an aligner's own paths, anything else of paths that were made elsewhere.

    Shapes: n items, s states, d feature width, D width of image features, k class texts, c category centers; D, k and c may be 0 for paths
    that were made elsewhere.
    """

    states: np.ndarray
    x_0: np.ndarray
    stages: np.ndarray
    timesteps: np.ndarray
    class_probabilities: np.ndarray
    class_text_features: np.ndarray
    class_centers: np.ndarray
    image_features: np.ndarray
    item_seeds: np.ndarray
    item_names: tuple[str, ...]
    class_names: tuple[str, ...]
    center_names: tuple[str, ...]
    settings: TraceSettings
    shares: np.ndarray | None = None
    center_weights: np.ndarray | None = None
    text_weights: np.ndarray | None = None
    stage_names: tuple[str, ...] = SEDA_STAGES

    def __post_init__(self) -> None:
        n, s, d = self.states.shape
        k, c = len(self.class_names), len(self.center_names)
        expected = {
            "x_0": (n, s, d),
            "stages": (s,),
            "timesteps": (s,),
            "class_probabilities": (n, self.class_probabilities.shape[-1] and k),
            "class_text_features": (k, d),
            "class_centers": (c, d),
            "image_features": (n, self.image_features.shape[-1]),
            "item_seeds": (n,),
            "shares": (s, 3),
            "center_weights": (n, s, c),
            "text_weights": (n, s, k),
        }
        for name, shape in expected.items():
            if getattr(self, name) is not None and getattr(self, name).shape != shape:
                raise ShapeError(
                    f"{name} has shape {getattr(self, name).shape}; states {self.states.shape} need {shape}."
                )
        if len(self.item_names) != n:
            raise ShapeError(f"{len(self.item_names)} item names came for {n} items.")
        check_stages(self.stages, len(self.stage_names))

    @property
    def is_answered(self) -> bool:
        """Whether there are probabilities of the class texts, or only the paths."""
        return self.class_probabilities.shape[1] > 0

    @property
    def answers(self) -> np.ndarray:
        """int64 [n], the most probable class text; where nobody has answered the one that the last state is nearest to, -1 without any."""
        if self.is_answered:
            return self.class_probabilities.argmax(1)
        if not self.class_names:
            return np.full(len(self.states), -1)
        return cosines(self.states[:, -1], self.class_text_features).argmax(1)

    @property
    def is_aligned(self) -> bool:
        """Whether the paths are an aligner's own, by way of category centers to class texts."""
        return self.stage_names == SEDA_STAGES

    @property
    def open_vocabulary(self) -> bool:
        """Whether the centers are those that these paths came near, of many more."""
        return self.settings.vocabulary == "open"

    @property
    def hints(self) -> tuple[str, ...]:
        """For each item the category that it looks like most where none of the class texts fits it, else ""."""
        told, count = self.settings.hints, len(self.item_names)
        return told if len(told) == count else ("",) * count  # a replay may hold anything

    @property
    def fits(self) -> tuple[float | None, ...]:
        """For each item how far the class texts are above the least fit, in nats; None where that was not kept."""
        told, count = self.settings.fits, len(self.item_names)
        return told if len(told) == count else (None,) * count

    @property
    def nbytes(self) -> int:
        """Of all its arrays."""
        arrays = (getattr(self, field.name) for field in fields(self))
        return sum(array.nbytes for array in arrays if isinstance(array, np.ndarray))

    def take(self, items: Sequence[int] | np.ndarray) -> Trajectory:
        """The paths of some of the items, by their indices, in this order."""
        chosen = np.asarray(items, np.int64)
        hints, fits = self.hints, self.fits
        of_items = (
            "states",
            "x_0",
            "class_probabilities",
            "image_features",
            "item_seeds",
            "center_weights",
            "text_weights",
        )
        arrays: dict[str, Any] = {
            name: None if (whole := getattr(self, name)) is None else whole[chosen] for name in of_items
        }
        return replace(
            self,
            item_names=tuple(self.item_names[item] for item in chosen),
            settings=self.settings.model_copy(
                update={
                    "hints": tuple(hints[item] for item in chosen) if any(hints) else (),
                    "fits": tuple(fit for item in chosen if (fit := fits[item]) is not None),
                }
            ),
            **arrays,
        )

    @property
    def hand_over(self) -> int:
        """Index of the last state of stage 1, where the path is handed to the translator."""
        return hand_overs(self.stages)[0] if len(self.stage_names) > 1 else len(self.stages) - 1

    @property
    def feature_norm(self) -> float:
        """The length that all scaled features have, texts as well as items: the unit in which distances are told.

        Without class texts the mean length of the last states.
        """
        features = self.class_text_features if len(self.class_names) else self.states[:, -1]
        return float(np.linalg.norm(features, axis=1).mean())

    def class_similarities(self, source: str = "states") -> np.ndarray:
        """Cosine of each state (or of its x_0 estimate, with source "x_0") to each class text, float32 [n, s, k]."""
        return cosines(getattr(self, source), self.class_text_features)

    def center_similarities(self) -> np.ndarray:
        """Cosine of each state to each category center, float32 [n, s, c]."""
        return cosines(self.states, self.class_centers)


def check_stages(stages: np.ndarray, count: int) -> None:
    """
    Args:
        stages: [s].
        count: of the stages beside the start.
    Raises:
        ShapeError: they do not begin with 0 and go on with 1, 2, ..., count.
    """
    if count < 1 or np.unique(stages).tolist() != [*range(count + 1)] or (np.diff(stages) < 0).any():
        raise ShapeError(
            f"stages must begin with 0 and go on with {', '.join(map(str, range(1, count + 1)))}, in this order."
        )


def hand_overs(stages: np.ndarray) -> list[int]:
    """Index of the last state of each stage but the last one, of stages [s]; empty for a single stage."""
    return [int(at) for at in np.flatnonzero(np.diff(stages) > 0)[1:]]


def cosines(states: np.ndarray, anchors: np.ndarray) -> np.ndarray:
    """Of states [.., d] to anchors [k, d], [.., k]."""
    unit_states = states / np.maximum(np.linalg.norm(states, axis=-1, keepdims=True), 1e-12)
    unit_anchors = anchors / np.maximum(np.linalg.norm(anchors, axis=-1, keepdims=True), 1e-12)
    return unit_states @ unit_anchors.T


@dataclass(frozen=True, eq=False)
class MapPositions:
    """Where everything lies on one frozen map, in its own units, and how far the map can be trusted there.

    Attributes:
        states: float32 [n, s, q].
        texts: float32 [k, q], the class texts.
        centers: float32 [c, q], the category centers.
        reference: float32 [m, q], training features that give the map its clouds.
        neighbors_kept: float32 [n, s], 0..1: the share of a state's nearest neighbours in feature space that are its
            neighbours on this map too.
        step_flags: int8 [n, s - 1], of the step from each state to the next: 1 the map jumps and the features do not,
            -1 the features jump and the map does not, 0 neither.
        about: JSON values: "kind" (one of MAP_KINDS), "label" for the screen, "scores" (name -> number, may be empty),
            "n_neighbors" (how many neighbours neighbors_kept counts), and optionally "drift".

    On a timeline q is 2: column 0 is the way along the path, 0 at the visual feature and the reference, 1 at the last
    state and the class texts, in between at the category centers; column 1 is a map of one dimension.

    Shapes: n items, s states, k class texts, c category centers, m reference points, q 2 or 3 dimensions.
    """

    states: np.ndarray
    texts: np.ndarray
    centers: np.ndarray
    reference: np.ndarray
    neighbors_kept: np.ndarray
    step_flags: np.ndarray
    about: Mapping[str, Any]

    def __post_init__(self) -> None:
        n, s, q = self.states.shape
        if q not in ((2,) if self.kind == "timeline" else (2, 3)):
            raise ShapeError(f"A map of kind {self.kind!r} has {q} dimensions; 2 (or 3, unless a timeline) are drawn.")
        expected = {
            "texts": (len(self.texts), q),
            "centers": (len(self.centers), q),
            "reference": (len(self.reference), q),
            "neighbors_kept": (n, s),
            "step_flags": (n, s - 1),
        }
        for name, shape in expected.items():
            if getattr(self, name).shape != shape:
                raise ShapeError(
                    f"{name} has shape {getattr(self, name).shape}; states {self.states.shape} need {shape}."
                )

    @property
    def kind(self) -> str:
        """How the map was made, one of MAP_KINDS."""
        kind = self.about.get("kind")
        if kind not in MAP_KINDS:
            raise ConfigError(f"A map of kind {kind!r} is not known; it is one of {', '.join(MAP_KINDS)}.")
        return kind

    @property
    def dimensions(self) -> int:
        """2 or 3."""
        return self.states.shape[-1]
