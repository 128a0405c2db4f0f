"""What training does to its inputs: noise and mixup. SeDA's stages and the baselines that are networks share them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from torch import Tensor


def noised(features: Tensor, std: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    """Features [n, D] plus N(0, std^2) noise of a strength drawn uniformly from 0 to `strength`, one per row.

    Args:
        std: standard deviation of the features [D].
    """
    drawn = strength * torch.rand(len(features), 1, generator=generator)
    return features + drawn * std * torch.randn(features.shape, generator=generator)


@dataclass(frozen=True)
class Mixup:
    """Mixes any rows: each with its partner's [n], by its own share [n] (arXiv:1710.09412)."""

    partner: Tensor
    share: Tensor

    @classmethod
    def drawn(cls, count: int, beta: float, generator: torch.Generator) -> Self:
        """Random partners, shares from Beta(beta, beta); at 0 every share is 1 and nothing is mixed."""
        partner, share = torch.randperm(count, generator=generator), torch.ones(count)
        if beta > 0:
            # torch's Beta takes no generator
            rng = np.random.default_rng(int(torch.randint(2**31, (1,), generator=generator)))
            share = torch.from_numpy(rng.beta(beta, beta, count)).float()
        return cls(partner, share)

    def __call__(self, rows: Tensor) -> Tensor:
        """Rows [n, ..] with the n partners' mixed in."""
        return self.share[:, None] * rows + (1 - self.share[:, None]) * rows[self.partner]
