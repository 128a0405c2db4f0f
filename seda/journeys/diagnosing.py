"""Labelled items through an aligner, and what `seda.evaluation.diagnosis` says of them; in batches, without keeping their paths."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from seda.aligner import PretrainedAligner
from seda.config import SamplingConfig
from seda.errors import Stopped
from seda.evaluation.diagnosis import UNKNOWN, Verdicts, left_for_good, mean_labels, neighbor_labels
from seda.evaluation.trajectories import commitment_step, decisions, flips, landed

BATCH = 256  # items whose paths are in memory; chosen here: 100 MB with 50 steps a stage


@dataclass(frozen=True, eq=False)
class Diagnosis:
    """Verdicts on n labelled items, and what their paths did.

    Attributes:
        verdicts: who lost each.
        probabilities: float32 [n, k], the answer.
        landed: bool [n], whether a path ends at a word at all.
        commitment: int [n], the state from which on its nearest word stays.
        flips: int [n], how often that changes.
    """

    verdicts: Verdicts
    probabilities: np.ndarray
    landed: np.ndarray
    commitment: np.ndarray
    flips: np.ndarray


def diagnose(
    aligner: PretrainedAligner,
    image_features: Tensor,
    class_text_features: Tensor,
    labels: np.ndarray,
    sampling: SamplingConfig,
    *,
    item_seeds: Sequence[int] | None = None,
    rephrased: Sequence[Tensor] = (),
    on_progress: Callable[[int, int], object] | None = None,
) -> Diagnosis:
    """Let labelled items travel, and say of each who has lost it.

    Args:
        image_features: as the encoder gives them [n, D].
        class_text_features: as the encoder gives them [k, d].
        labels: int [n], index of the right class text.
        item_seeds: one number an item for its noise; 0 .. n - 1 where None.
        rephrased: the same class texts in other phrasings, [k, d] each.
        on_progress: told of items done, of how many; return True to stop.
    Raises:
        ShapeError: widths do not fit.
        Stopped: on_progress returned True.
    """
    n, names = len(image_features), [str(place) for place in range(len(class_text_features))]
    seeds = range(n) if item_seeds is None else item_seeds
    parts: dict[str, list[np.ndarray]] = {
        name: [] for name in ("visual", "semantic", "decided", "probabilities", "landed", "right")
    }
    for first in range(0, n, BATCH):
        rows = slice(first, first + BATCH)
        part, part_seeds = image_features[rows], list(seeds[rows])
        path = aligner.trace(part, class_text_features, [""] * len(part), names, sampling, item_seeds=part_seeds)
        similarities = path.class_similarities()
        parts["visual"].append(path.states[:, 0])
        parts["semantic"].append(path.states[:, path.hand_over])
        parts["decided"].append(decisions(similarities))
        parts["landed"].append(landed(similarities))
        parts["probabilities"].append(path.class_probabilities)
        votes = [
            aligner.aligner.classify(part, texts, sampling, item_seeds=part_seeds).argmax(1).cpu().numpy()
            == labels[rows]
            for texts in rephrased
        ]
        parts["right"].append(np.mean(votes, axis=0) > 0.5 if votes else np.zeros(len(part), bool))
        if on_progress is not None and on_progress(min(first + BATCH, n), n):
            raise Stopped
    whole = {name: np.concatenate(found) for name, found in parts.items()}
    decided = whole["decided"]
    verdicts = Verdicts(
        labels=labels,
        features=neighbor_labels(image_features.cpu().numpy(), labels),
        categories=mean_labels(whole["semantic"], whole["visual"], labels),
        end=np.where(whole["landed"], decided[:, -1], UNKNOWN),
        answer=whole["probabilities"].argmax(1),
        left=left_for_good(decided, labels),
        rephrased=whole["right"],
    )
    return Diagnosis(verdicts, whole["probabilities"], whole["landed"], commitment_step(decided), flips(decided))
