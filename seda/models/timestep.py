"""Timestep embedding."""

from __future__ import annotations

from diffusers.models.embeddings import TimestepEmbedding, Timesteps
from torch import Tensor, nn


class TimestepEncoder(nn.Module):
    """Sinusoidal frequencies and a two-layer network (diffusers' own), timestep [n] to [n, width]."""

    FREQUENCIES = 64

    def __init__(self, width: int) -> None:
        super().__init__()
        self.frequencies = Timesteps(self.FREQUENCIES, flip_sin_to_cos=True, downscale_freq_shift=0)
        self.mlp = TimestepEmbedding(self.FREQUENCIES, width)

    def forward(self, timesteps: Tensor) -> Tensor:
        """Timesteps [n] to embeddings [n, width]."""
        return self.mlp(self.frequencies(timesteps))
