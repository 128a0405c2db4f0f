"""Classification and calibration. Accuracies are fractions, likelihoods are in nats."""

from __future__ import annotations

import numpy as np

CALIBRATION_BINS = 15  # as Guo et al. 2017: a reliability diagram and the error read off it have the same
INVERSE_TEMPERATURES = np.geomspace(1e-2, 1e3, 201)  # in units of the scores' own spread


def top1_accuracy(scores: np.ndarray, labels: np.ndarray) -> float:
    """Share of rows of scores [n, k] whose largest entry is the label's [n]."""
    return float((scores.argmax(1) == labels).mean())


def negative_log_likelihood(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Mean -log p(label), nats; probabilities [n, k] are floored at 1e-12."""
    chosen = probabilities[np.arange(len(labels)), labels]
    return float(-np.log(np.maximum(chosen, 1e-12)).mean())


def brier_score(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Mean squared distance of probabilities [n, k] from the one-hot label, 0 to 2 (Brier 1950)."""
    one_hot = np.eye(probabilities.shape[1])[labels]
    return float(((probabilities - one_hot) ** 2).sum(1).mean())


def expected_calibration_error(probabilities: np.ndarray, labels: np.ndarray, bins: int = CALIBRATION_BINS) -> float:
    """Mean gap between confidence and accuracy over equal-width bins of confidence (Guo et al. 2017, eq. 5)."""
    confidence = probabilities.max(1)
    correct = probabilities.argmax(1) == labels
    which = np.minimum((confidence * bins).astype(int), bins - 1)
    gap = 0.0
    for index in range(bins):
        inside = which == index
        if inside.any():
            gap += inside.mean() * abs(confidence[inside].mean() - correct[inside].mean())
    return float(gap)


def reliability(probabilities: np.ndarray, labels: np.ndarray, bins: int = CALIBRATION_BINS) -> list[dict[str, float]]:
    """What stands in a reliability diagram: for each bin of confidence that holds items, their mean confidence, how many are right, and
    how many they are (Guo et al. 2017, section 2).

    Args:
        probabilities: [n, k].
        labels: [n].
        bins: of equal width; the last holds 1 too.
    """
    confidence, right = probabilities.max(1), probabilities.argmax(1) == labels
    which = np.minimum((confidence * bins).astype(int), bins - 1)
    return [
        {
            "confidence": round(float(confidence[which == index].mean()), 6),
            "accuracy": round(float(right[which == index].mean()), 6),
            "count": int((which == index).sum()),
        }
        for index in np.unique(which)
    ]


def risk_coverage(confidence: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The share of items that are answered, and the share of wrong ones among these, if only the surest are answered.

    Args:
        confidence: [n].
        right: bool [n].
    Returns:
        Coverage and risk [m], one for each different confidence, from the surest alone to all (Geifman and El-Yaniv 2017, section 2).
        Items that are equally sure are answered together or not at all.
    """
    order = np.argsort(-confidence, kind="stable")
    answered = np.arange(1, len(order) + 1)
    risk = np.cumsum(~right[order]) / answered
    last = np.append(np.diff(confidence[order]) != 0, True)
    return (answered / len(order))[last], risk[last]


def error_auroc(error_scores: np.ndarray, right: np.ndarray) -> float:
    """How well scores [n], higher for what is probably wrong, tell wrong answers from right ones: 0 to 1, .5 is chance.

    The area under the ROC curve (Hendrycks and Gimpel 2017, section 2); nan where all answers are right or all are wrong.
    """
    from sklearn.metrics import roc_auc_score

    if right.all() or not right.any():
        return float("nan")
    return float(roc_auc_score(~right, error_scores))


def fit_temperature(scores: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """The temperature with the lowest negative log-likelihood of scores [n, k] at labels [n], and that value in nats.

    A handful of items that are all answered right would ask for a temperature of zero. So the label gets (n + 1) / (n + 2)
    of the target and the other classes share the rest, as in Platt's calibration (Platt 1999, section 2.2).
    """
    scores = scores.astype(np.float64)
    spread = float(scores.std(1).mean())
    if spread < 1e-12:  # a method that cannot tell anything apart
        return 1.0, float(np.log(scores.shape[1]))
    count, classes = scores.shape
    rest = 1 / (count + 2)
    below = scores - scores.max(1, keepdims=True)
    own = below[np.arange(count), labels]
    # of log p = below / T - log Z what grows with 1 / T is the same for every temperature
    gained = ((1 - rest) * own + rest * (below.sum(1) - own) / (classes - 1)).mean()
    inverses = INVERSE_TEMPERATURES / spread
    losses = np.array([np.log(np.exp(inverse * below).sum(1)).mean() for inverse in inverses]) - inverses * gained
    lowest = int(losses.argmin())
    return float(spread / INVERSE_TEMPERATURES[lowest]), float(losses[lowest])
