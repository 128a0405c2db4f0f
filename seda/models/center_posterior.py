"""CenterPosterior: p(category | visual feature) in closed form, where stage 1's belief begins."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class CenterPosterior(nn.Module):
    """Linear read-outs that need no gradient step, pooled: log p = (log p_Gauss + log p_ridge) / 2 + constant.

    The first is the posterior of one Gaussian a category around its center with a shared covariance, the second a ridge
    regression to the categories. Where pictures and texts share a space a third is the encoder's own zero-shot comparison with
    the class texts, and the three have shares that need not be equal. All are fitted by `seda.training.closed_form.fit_center_posterior`, temperatures
    included.

    Shapes: n images, D width of their scaled features, c categories, e read-outs: two, three with the zero-shot one,
    or one where it is a classifier's head that came with the encoder.
    """

    weight: Tensor
    bias: Tensor
    sharpness: Tensor
    shares: Tensor | None

    def __init__(self, condition_dim: int, class_count: int, read_outs: int = 2) -> None:
        super().__init__()
        self.register_buffer("weight", torch.zeros(read_outs, condition_dim, class_count))
        self.register_buffer("bias", torch.zeros(read_outs, class_count))
        self.register_buffer("sharpness", torch.ones(()))
        self.register_buffer("shares", torch.full((read_outs,), 1 / read_outs) if read_outs > 2 else None)

    def forward(self, condition: Tensor) -> Tensor:
        """Log probabilities [n, c] of scaled features [n, D]."""
        logits = torch.einsum("nd,edc->enc", condition, self.weight) + self.bias[:, None]
        return pooled(logits, self.sharpness, self.shares)


def pooled(logits: Tensor, sharpness: Tensor | float, shares: Tensor | None = None) -> Tensor:
    """The read-outs' logits [e, n, c] to log probabilities [n, c]; shares [e] sum to 1, equal ones where None."""
    each = logits.log_softmax(-1)
    mixed = each.mean(0) if shares is None else torch.einsum("e,enc->nc", shares, each)
    return (sharpness * mixed).log_softmax(-1)
