"""From a method's settings to one fitted method: chosen on validation data, under one budget for all."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import numpy as np
from scipy.special import log_softmax, softmax

from seda.baselines.base import Baseline, ClassTextFeatures, Fitted, LabelledFeatures

BUDGET = 6  # settings; chosen here: what a user would try by hand
INVERSE_TEMPERATURES = np.geomspace(1e-2, 1e3, 201)  # in units of the scores' own spread


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
    nll, temperature, fitted, setting = best
    seconds = time.perf_counter() - start + saved
    return Tuned(fitted, asdict(setting), temperature, nll, len(settings[:budget]), seconds)


def fit_temperature(scores: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """The temperature with the lowest negative log-likelihood of scores [n, k] at labels [n], and that value in nats.

    A handful of images that are all answered right would ask for a temperature of zero. So the label gets (n + 1) / (n + 2)
    of the target and the other classes share the rest, as in Platt's calibration (Platt 1999, section 2.2).
    """
    scores = scores.astype(np.float64)
    spread = float(scores.std(1).mean())
    if spread < 1e-12:  # a method that cannot tell anything apart
        return 1.0, float(np.log(scores.shape[1]))
    count, classes = scores.shape
    rest = 1 / (count + 2)
    losses = []
    for inverse in INVERSE_TEMPERATURES / spread:
        log_p = log_softmax(inverse * scores, axis=1)
        right = log_p[np.arange(count), labels]
        losses.append(-((1 - rest) * right + rest * (log_p.sum(1) - right) / (classes - 1)).mean())
    lowest = int(np.argmin(losses))
    return float(spread / INVERSE_TEMPERATURES[lowest]), float(losses[lowest])
