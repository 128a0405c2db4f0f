"""From a method's settings to one fitted method: chosen on validation data, under one budget for all."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import numpy as np
from scipy.special import softmax

from seda.baselines.base import Baseline, ClassTextFeatures, Fitted, LabelledFeatures
from seda.evaluation.classification import fit_temperature

BUDGET = 6  # settings; chosen here: what a user would try by hand


@dataclass(frozen=True, eq=False)
class Tuned:
    """The chosen setting, fitted.

    Attributes:
        fitted: the method.
        setting: its hyper-parameters.
        temperature: of its scores.
        validation_nll: nats, under the smoothed targets that the choice was made by.
        tried: settings that were fitted.
        seconds: of fitting and judging them all.
    """

    fitted: Fitted
    setting: dict[str, Any]
    temperature: float
    validation_nll: float
    tried: int
    seconds: float

    def probabilities(self, image_features: np.ndarray) -> np.ndarray:
        """Class probabilities [n, k] of features [n, D]."""
        return softmax(self.fitted.class_scores(image_features).astype(np.float64) / self.temperature, axis=1)


def fit_best(
    settings: Sequence[Baseline],
    train: LabelledFeatures,
    texts: ClassTextFeatures,
    validation: LabelledFeatures,
    *,
    seed: int,
    budget: int = BUDGET,
) -> Tuned:
    """Fit the first `budget` settings and keep the one with the lowest validation loss, each at its own temperature.

    Args:
        seed: for settings that have one.
    """
    start, saved = time.perf_counter(), 0.0
    best: tuple[float, float, Fitted, Baseline] | None = None
    for setting in settings[:budget]:
        if any(field.name == "seed" for field in fields(setting)):
            setting = replace(setting, seed=seed)
        fitted = setting.fit(train, texts, validation)
        saved += getattr(fitted, "earlier_seconds", 0.0)
        temperature, nll = fit_temperature(fitted.class_scores(validation.image_features), validation.labels)
        if best is None or nll < best[0]:
            best = nll, temperature, fitted, setting
    assert best is not None, "There is a setting at least."
    nll, temperature, fitted, setting = best
    seconds = time.perf_counter() - start + saved
    return Tuned(fitted, asdict(setting), temperature, nll, len(settings[:budget]), seconds)
