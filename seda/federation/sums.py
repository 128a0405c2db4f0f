"""Sums that clients send once, and what SeDA's stage 1 makes of them: a belief p(c | v) in closed form, the same as on all data together.

Counts, class sums and second moments add up over clients, so that the ridge regression of the totals is that of all items: no round, no gap. What
a client sends says more of it the fewer items it has; a real system would add up in secret (secure aggregation), which is not built here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import solve

from seda.evaluation.classification import fit_temperature

PENALTIES = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0)  # of the ridge, in units of a dimension's mean variance


@dataclass(frozen=True, eq=False)
class Sums:
    """Of items x [n, D] in k classes, float64.

    Attributes:
        counts: [k].
        classes: sums of each class [k, D].
        moments: x'x [D, D].
    """

    counts: np.ndarray
    classes: np.ndarray
    moments: np.ndarray

    @classmethod
    def of(cls, inputs: np.ndarray, labels: np.ndarray, classes: int) -> Sums:
        """What one client sends."""
        x, members = inputs.astype(np.float64), np.eye(classes)[labels]
        return cls(members.sum(0), members.T @ x, x.T @ x)

    def __add__(self, other: Sums) -> Sums:
        return Sums(self.counts + other.counts, self.classes + other.classes, self.moments + other.moments)

    @property
    def message_bytes(self) -> int:
        """Of one client's message in float32; moments are symmetric."""
        k, d = self.classes.shape
        return 4 * (k + k * d + d * (d + 1) // 2)

    def ridge(self, penalty: float) -> tuple[np.ndarray, np.ndarray]:
        """Weight [D, k] and bias [k] of the ridge regression to one-hot labels, as on all items together."""
        n = self.counts.sum()
        mean = self.classes.sum(0) / n
        scatter = self.moments - n * np.outer(mean, mean)
        scatter[np.diag_indices_from(scatter)] += penalty * scatter.trace() / len(scatter)
        weight = solve(scatter, self.classes.T - np.outer(mean, self.counts), assume_a="pos")  # [D, k]
        return weight, self.counts / n - mean @ weight

    def belief(self, inputs: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Weight and bias, float32, whose softmax is p(c | v); penalty and temperature by the likelihood of validation items [m, D]."""
        found = []
        for penalty in PENALTIES:
            weight, bias = self.ridge(penalty)
            temperature, loss = fit_temperature(inputs @ weight + bias, labels)
            found.append((loss, (weight / temperature).astype(np.float32), (bias / temperature).astype(np.float32)))
        _, weight, bias = min(found, key=lambda one: one[0])
        return weight, bias
