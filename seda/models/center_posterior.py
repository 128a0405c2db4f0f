"""CenterPosterior: p(category | visual feature) in closed form, where stage 1's belief begins."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class CenterPosterior(nn.Module):
    """Two linear read-outs that need no gradient step, pooled: log p = (log p_Gauss + log p_ridge) / 2 + constant.

    The first is the posterior of one Gaussian a category around its center with a shared covariance, the second a ridge
    regression to the categories. Both are fitted by `seda.training.closed_form.fit_center_posterior`, temperatures
    included.

    Shapes: n images, D width of their scaled features, c categories, e read-outs: two, or one where it is a classifier's
    head that came with the encoder.
    """

    def __init__(self, condition_dim: int, class_count: int, read_outs: int = 2) -> None:
        super().__init__()
        self.register_buffer("weight", torch.zeros(read_outs, condition_dim, class_count))
        self.register_buffer("bias", torch.zeros(read_outs, class_count))
        self.register_buffer("sharpness", torch.ones(()))

    def forward(self, condition: Tensor) -> Tensor:
        """Log probabilities [n, c] of scaled features [n, D]."""
        logits = torch.einsum("nd,edc->enc", condition, self.weight) + self.bias[:, None]
        return pooled(logits, self.sharpness)


def pooled(logits: Tensor, sharpness: Tensor | float) -> Tensor:
    """The read-outs' logits [e, n, c] to log probabilities [n, c]."""
    return (sharpness * logits.log_softmax(-1).mean(0)).log_softmax(-1)
