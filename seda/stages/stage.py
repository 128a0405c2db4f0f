"""What both stages share: running a denoiser from a source to clean features."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from seda.config import ModelConfig, SamplingConfig
from seda.diffusion import DenoisingPath, StepEvent, denoise, item_generators, make_scheduler
from seda.diffusion.schedule import inference_timesteps
from seda.models.denoiser import AnchorDenoiser, Candidates


class Stage(AnchorDenoiser):
    """A denoiser that knows its noise schedule."""

    number: int

    def __init__(self, config: ModelConfig, condition_dim: int) -> None:
        super().__init__(config, condition_dim)
        self.register_buffer("alphas_cumprod", make_scheduler("ddim").alphas_cumprod, persistent=False)

    def run(
        self,
        candidates: Candidates,
        sampling: SamplingConfig,
        item_seeds: Sequence[int],
        on_step: Callable[[StepEvent], object] | None = None,
    ) -> DenoisingPath:
        """Walk the candidates' source [n, d] to clean features; see `seda.diffusion.denoise`."""
        first = inference_timesteps(make_scheduler(sampling.sampler), sampling)[0]
        start = self.alphas_cumprod[first].reshape(1)
        device = candidates.source.device

        def denoiser(x_t: Tensor, timestep: int) -> Tensor:
            t = torch.tensor([timestep], device=device)
            return self(x_t, t, self.alphas_cumprod[t], start, candidates).x_0

        generators = item_generators(item_seeds, self.number, sampling.seed)
        return denoise(denoiser, candidates.source, sampling, generators, stage=self.number, on_step=on_step)
