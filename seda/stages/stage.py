"""What both stages share: running a denoiser from a source to clean features."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor

from seda.config import ModelConfig, SamplingConfig
from seda.diffusion import DenoisingPath, StepEvent, alphas_cumprod, denoise, item_generators
from seda.models.denoiser import AnchorDenoiser, Candidates


class Stage(AnchorDenoiser):
    """A denoiser that knows its noise schedule."""

    number: int
    alphas_cumprod: Tensor

    def __init__(self, config: ModelConfig, condition_dim: int) -> None:
        super().__init__(config, condition_dim)
        self.register_buffer("alphas_cumprod", alphas_cumprod().clone(), persistent=False)

    def run(
        self,
        candidates: Candidates,
        sampling: SamplingConfig,
        item_seeds: Sequence[int],
        on_step: Callable[[StepEvent], object] | None = None,
    ) -> DenoisingPath:
        """Walk the candidates' source [n, d] to clean features; see `seda.diffusion.denoise`."""
        walk = self.path.walk(sampling)
        timesteps = walk.timesteps.to(candidates.source.device)
        # one row a timestep, for all items
        alphas_bar = self.alphas_cumprod[timesteps].split(1)
        modulations = zip(*(block.split(1) for block in self.embed_time(timesteps)), strict=True)
        times = dict(zip(walk.timesteps.tolist(), zip(modulations, alphas_bar, strict=True), strict=True))

        def denoiser(x_t: Tensor, timestep: int) -> Tensor:
            modulation, alpha_bar = times[timestep]
            return self(x_t, modulation, alpha_bar, alphas_bar[0], candidates).x_0

        generators = item_generators(item_seeds, self.number, sampling.seed)
        return denoise(denoiser, candidates.source, walk, generators, stage=self.number, on_step=on_step)
