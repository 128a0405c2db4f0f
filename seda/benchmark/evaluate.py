"""How well an aligner does on a labelled data set, with the data set's class names as class texts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch

from seda.aligner import PretrainedAligner
from seda.class_texts import fill_template
from seda.config import SamplingConfig
from seda.data.feature_set import FeatureSet
from seda.encoders.base import TextEncoder
from seda.evaluation.classification import (
    brier_score,
    expected_calibration_error,
    negative_log_likelihood,
    top1_accuracy,
)

BATCH = 256  # images; chosen here: the states of both stages then take 20 MB


@dataclass(frozen=True)
class Evaluation:
    """Figures on one split. Accuracies are fractions, nll is in nats.

    Attributes:
        split: "train", "test" or "all".
        count: images.
        top1_accuracy: of the answer: the class text with the largest probability, before any path is walked to a word.
        nll, brier, ece: of the same probabilities; ece over 15 bins.
        state_accuracy_start: of the class text that is nearest to the path's state where stage 2 begins, in noise.
        state_accuracy_end: of the one that is nearest to the path's end. A path is one draw, led by guidance: for one picture it may end
            at another word than the answer, either way, so this may be above or below top1_accuracy.
    """

    split: str
    count: int
    top1_accuracy: float
    nll: float
    brier: float
    ece: float
    state_accuracy_start: float
    state_accuracy_end: float

    def to_dict(self) -> dict[str, Any]:
        """As the card and `evaluate --json` hold it."""
        return asdict(self)


def evaluate_aligner(
    aligner: PretrainedAligner,
    encoder: TextEncoder,
    features: FeatureSet,
    sampling: SamplingConfig | None = None,
    *,
    on_progress: Callable[[int, int], object] | None = None,
) -> Evaluation:
    """Classify every image of a feature set and compare with its labels.

    Args:
        on_progress: called with (images done, images in all) after each batch.
    Raises:
        FingerprintError: features, encoder and aligner do not belong together.
    """
    aligner.check_encoder(encoder.name, encoder.fingerprint)
    aligner.check_encoder("the feature set's encoder", features.encoder_fingerprint)
    sampling = sampling or SamplingConfig()
    texts = encoder.encode_texts(fill_template(aligner.card.template, features.class_names))
    count = len(features)
    probabilities, starts, ends = [], [], []
    for first in range(0, count, BATCH):
        batch = torch.from_numpy(features.image_features[first : first + BATCH])
        seeds = range(first, first + len(batch))
        run = aligner.aligner.align(batch, texts, sampling, item_seeds=seeds)
        probabilities.append(run.class_probabilities.cpu().numpy())
        starts.append(run.nearest_text(0).cpu().numpy())
        ends.append(run.nearest_text(-1).cpu().numpy())
        if on_progress is not None:
            on_progress(min(first + BATCH, count), count)
    answer, labels = np.concatenate(probabilities), features.labels
    return Evaluation(
        split=features.split,
        count=count,
        top1_accuracy=top1_accuracy(answer, labels),
        nll=negative_log_likelihood(answer, labels),
        brier=brier_score(answer, labels),
        ece=expected_calibration_error(answer, labels),
        state_accuracy_start=float((np.concatenate(starts) == labels).mean()),
        state_accuracy_end=float((np.concatenate(ends) == labels).mean()),
    )
