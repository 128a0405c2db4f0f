"""Timestep embedding."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

LONGEST = 10_000  # the slowest frequency turns once in 2 pi times so many timesteps


class TimestepEncoder(nn.Module):
    """Sinusoidal frequencies and a two-layer network, timestep [n] to [n, width].

    Source: Ho, Jain and Abbeel, "Denoising Diffusion Probabilistic Models", arXiv:2006.11239, appendix B; the frequencies are those of
    Vaswani et al., arXiv:1706.03762, section 3.5.
    """

    FREQUENCIES = 64

    def __init__(self, width: int) -> None:
        super().__init__()
        self.mlp = nn.Sequential()
        self.mlp.add_module("linear_1", nn.Linear(self.FREQUENCIES, width))
        self.mlp.add_module("activation", nn.SiLU())
        self.mlp.add_module("linear_2", nn.Linear(width, width))

    def forward(self, timesteps: Tensor) -> Tensor:
        """Timesteps [n] to embeddings [n, width]."""
        half = self.FREQUENCIES // 2
        places = torch.arange(half, dtype=torch.float32, device=timesteps.device)
        angles = timesteps[:, None].float() * torch.exp(-math.log(LONGEST) * places / half)
        return self.mlp(torch.cat([angles.cos(), angles.sin()], dim=1))
