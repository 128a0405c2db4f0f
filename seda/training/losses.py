"""Losses of both stages."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize

# Chosen here: cosine similarities times 10, so that the cross-entropy of a perfect estimate is close to zero
COSINE_SCALE = 10.0


def alignment_loss(
    x_0: Tensor, anchors: Tensor, target: Tensor, feature_norm: float, *, squared_weight: float = 1.0
) -> Tensor:
    """Squared error to the target anchor plus cross-entropy over the cosine similarities to all anchors.

    The first constrains the interactive feature to its category center (stage 1) or class text (stage 2), the second
    keeps it apart from the others.

    Args:
        x_0: estimates [n, d].
        anchors: [k, d].
        target: index of each item's anchor [n].
        feature_norm: norm of scaled features; errors are measured in its units.
        squared_weight: of the squared error.
    Returns:
        scalar, mean over items.
    """
    squared = (x_0 - anchors[target]).square().sum(1).mean() / feature_norm**2
    cosine = normalize(x_0, dim=1) @ normalize(anchors, dim=1).T
    return squared_weight * squared + cross_entropy(COSINE_SCALE * cosine, target)


def soft_cross_entropy(logits: Tensor, first: Tensor, second: Tensor, share: Tensor) -> Tensor:
    """Cross-entropy against mixed labels: share of `first`, the rest of `second`; all [n]."""
    log_p = logits.log_softmax(-1)
    rows = torch.arange(len(logits), device=logits.device)
    return -(share * log_p[rows, first] + (1 - share) * log_p[rows, second]).mean()
