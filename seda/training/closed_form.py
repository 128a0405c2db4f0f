"""Fitting stage 1's closed-form belief: no gradient step, and answers for training images that have not seen them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.linalg import solve
from sklearn.covariance import ledoit_wolf_shrinkage
from torch import Tensor

from seda.errors import DataError
from seda.evaluation.classification import fit_temperature
from seda.models.center_posterior import CenterPosterior, pooled

# of the ridge, in units of the features' mean squared length; about what helps at 1 to 16 shots
PENALTIES = (0.1, 0.3, 1.0, 3.0)
# without folds one more: Fashion-MNIST asks for it at 1 and 2 shots (digits for .3), with folds it costs accuracy at 4
FEW_PENALTIES = (*PENALTIES, 10.0)
FOLDS = 5
# images a category from which on there are folds: with one left a fold's fit says nothing of the scale of the whole one
FOLDED = 3
# of three read-outs: all mixes in quarters, exact in half precision
SHARES = [torch.tensor([i, j, 4 - i - j], dtype=torch.float64) / 4 for i in range(5) for j in range(5 - i)]


def fit_center_posterior(
    posterior: CenterPosterior,
    features: Tensor,
    labels: Tensor,
    validation_features: Tensor,
    validation_labels: Tensor,
    *,
    seed: int,
    zero_shot: tuple[np.ndarray, np.ndarray] | None = None,
) -> Tensor:
    """Fit the read-outs in place, and return what they would say of each training image had they not seen it.

    Those log probabilities [n, c] come from folds (cross-fitting); what is learned on top of the belief learns from them,
    as the belief is surer of images that it was fitted to. They choose penalty and temperatures, too. With fewer than
    FOLDED images in some category there are no folds: the answers are those of the fit itself, and validation images
    choose.

    Args:
        features, validation_features: scaled image features [n, D] and [m, D].
        labels, validation_labels: categories [n] and [m].
        seed: of the folds.
        zero_shot: weight [D, c] and bias [c] of the third read-out, which looks at no label; what the others answer chooses the
            shares of all three, by likelihood.
    Raises:
        DataError: the images of each category have the same features.
    Source: linear discriminant analysis with the shrinkage of Ledoit and Wolf 2004; ridge regression to one-hot labels.
    """
    count = posterior.bias.shape[1]
    x, y = features.double().numpy(), labels.numpy()
    smallest = int(np.bincount(y, minlength=count).min())
    folded = smallest >= FOLDED
    penalties = PENALTIES if folded else FEW_PENALTIES
    within = _within(x, y, count)
    if np.abs(within).max(initial=0) <= 1e-9 * np.abs(x).max(initial=0):  # means of equal numbers are not exact
        raise DataError(
            "The pictures of each class are all alike to the encoder.",
            remedy="Give different pictures of at least one class.",
        )
    shrinkage = float(ledoit_wolf_shrinkage(within, assume_centered=True))

    def heads(rows: _Rows, labels: np.ndarray) -> list[_Head]:
        """The Gaussian's, a ridge's for each penalty, and the zero-shot one where there is one."""
        one = _gaussian(rows, labels, count, shrinkage)
        return [one, *_ridges(rows, labels, count, penalties), *([] if zero_shot is None else [zero_shot])]

    fitted = heads(everything := _Rows.of(x), y)
    if folded:
        fold = _folds(y, min(FOLDS, smallest), seed)
        judged, answers = np.empty((len(fitted), len(y), count)), y
        for out in (fold == index for index in range(fold.max() + 1)):
            judged[:, out] = _scores(heads(everything.without(x[out], x[~out]), y[~out]), x[out])
    else:
        judged, answers = _scores(fitted, validation_features.double().numpy()), validation_labels.numpy()
    best = min(range(1, 1 + len(penalties)), key=lambda index: fit_temperature(judged[index], answers)[1])
    kept = [0, best, *([] if zero_shot is None else [len(fitted) - 1])]
    fitted, judged = [fitted[index] for index in kept], judged[kept]
    temperatures = np.array([fit_temperature(scores, answers)[0] for scores in judged])[:, None, None]
    unseen = judged if folded else _scores(fitted, x)
    shares, sharpness = _settle(posterior, fitted, temperatures, torch.from_numpy(judged / temperatures), answers)
    return pooled(torch.from_numpy(unseen / temperatures), sharpness, shares).float()


def _settle(
    posterior: CenterPosterior, fitted: Sequence[_Head], temperatures: np.ndarray, cooled: Tensor, answers: np.ndarray
) -> tuple[Tensor | None, float]:
    """Write the read-outs that were kept into the belief; the shares of three, which the answers choose, and its sharpness.

    Args:
        temperatures: [h, 1, 1] of each read-out.
        cooled: [h, n, c] scores of items with answers [n], over the temperatures.
    """
    shares = None
    if len(fitted) > 2:  # a zero-shot one is among them
        shares = min(SHARES, key=lambda shares: fit_temperature(pooled(cooled, 1.0, shares).numpy(), answers)[1])
        assert posterior.shares is not None, "A belief of three read-outs has shares."
        posterior.shares.copy_(shares)
    sharpness = 1 / fit_temperature(pooled(cooled, 1.0, shares).numpy(), answers)[0]
    weight, bias = (np.stack(part) for part in zip(*fitted, strict=True))
    posterior.weight.copy_(torch.from_numpy(weight / temperatures))
    posterior.bias.copy_(torch.from_numpy(bias / temperatures[:, 0]))
    posterior.sharpness.fill_(sharpness)
    return shares, sharpness


def _scores(heads: Sequence[_Head], x: np.ndarray) -> np.ndarray:
    """Of h read-outs for features [n, D], [h, n, c]."""
    return np.stack([x @ weight + bias for weight, bias in heads])


@dataclass(frozen=True, eq=False)
class _Rows:
    """Features x [n, D], and x'x [D, D] where that is the smaller of the two Gram matrices."""

    x: np.ndarray
    gram: np.ndarray | None

    @classmethod
    def of(cls, x: np.ndarray) -> _Rows:
        return cls(x, x.T @ x if len(x) >= x.shape[1] else None)

    def without(self, out: np.ndarray, kept: np.ndarray) -> _Rows:
        """Those that are kept: what is left out is the smaller part."""
        if self.gram is None or len(kept) < kept.shape[1]:
            return _Rows.of(kept)
        return _Rows(kept, self.gram - out.T @ out)

    def solver(self, means: np.ndarray, of_row: np.ndarray) -> tuple[_Solve, float]:
        """(a S + b)^-1 B for any a, b > 0 and B [D, k], S = r'r of the differences r = x - means[of_row]; and tr(S)."""
        if self.gram is not None:
            scatter = self.gram - (means.T * np.bincount(of_row, minlength=len(means))) @ means
            identity = np.eye(len(scatter))
            return lambda a, b, right: solve(a * scatter + b * identity, right, assume_a="pos"), float(scatter.trace())
        rows = self.x - means[of_row]
        values, vectors = np.linalg.eigh(rows @ rows.T)
        kept = values > 1e-10 * values[-1]
        axes, values = rows.T @ (vectors[:, kept] / np.sqrt(values[kept])), values[kept]
        return (
            lambda a, b, right: axes @ ((1 / (a * values + b) - 1 / b)[:, None] * (axes.T @ right)) + right / b,
            float(values.sum()),
        )


_Solve = Callable[[float, float, np.ndarray], np.ndarray]
_Head = tuple[np.ndarray, np.ndarray]  # weight [D, c] and bias [c]


def _folds(labels: np.ndarray, count: int, seed: int) -> np.ndarray:
    """A fold number for each image [n], every category spread evenly over the folds."""
    rng, fold = np.random.default_rng(seed), np.empty(len(labels), np.int64)
    for label in np.unique(labels):
        members = rng.permutation(np.flatnonzero(labels == label))
        fold[members] = np.arange(len(members)) % count
    return fold


def _means(x: np.ndarray, y: np.ndarray, count: int) -> np.ndarray:
    return np.stack([x[y == label].mean(0) for label in range(count)])


def _spread_around(x: np.ndarray, y: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Means, and which of them each row [n] is compared with: its center, or the mean of all where centers are images."""
    if len(x) == count:
        return x.mean(0, keepdims=True), np.zeros(len(x), np.int64)
    return _means(x, y, count), y


def _within(x: np.ndarray, y: np.ndarray, count: int) -> np.ndarray:
    """Differences [n, D] to what each row is compared with."""
    means, of_row = _spread_around(x, y, count)
    return x - means[of_row]


def _gaussian(rows: _Rows, y: np.ndarray, count: int, shrinkage: float) -> _Head:
    """Weight [D, c] and bias [c] of linear discriminant analysis with the categories' own frequencies."""
    centers, size = _means(rows.x, y, count), rows.x.shape
    inverse, trace = rows.solver(*_spread_around(rows.x, y, count))
    weight = inverse((1 - shrinkage) / size[0], shrinkage * trace / (size[0] * size[1]), centers.T)
    frequency = np.bincount(y, minlength=count) / len(y)
    return weight, np.log(frequency) - (centers.T * weight).sum(0) / 2


def _ridges(rows: _Rows, y: np.ndarray, count: int, penalties: tuple[float, ...]) -> list[_Head]:
    """Weight [D, c] and bias [c] of a ridge regression to one-hot labels, for each penalty."""
    targets, mean = np.eye(count)[y], rows.x.mean(0)
    base = targets.mean(0)
    inverse, trace = rows.solver(mean[None], np.zeros(len(y), np.int64))
    toward = rows.x.T @ (targets - base)
    weights = [inverse(1.0, penalty * trace / len(y), toward) for penalty in penalties]
    return [(weight, base - mean @ weight) for weight in weights]
