"""What both stages share: running a denoiser from a source to clean features."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from seda.config import ModelConfig, SamplingConfig
from seda.diffusion import DenoisingPath, StepEvent, alphas_cumprod, denoise, item_generators
from seda.diffusion.paths import PathShares, Walk
from seda.diffusion.sampling import Denoiser
from seda.models.denoiser import AnchorDenoiser, Candidates
from seda.models.mixture_denoiser import Mixture, MixtureDenoiser
from seda.models.one_step import Estimated, GaussianDenoiser

Prepared = Candidates | Estimated | Mixture


class Stage(AnchorDenoiser):
    """A denoiser that knows its noise schedule: itself the closed form, and beside it those of `ModelConfig.denoiser`."""

    number: int
    alphas_cumprod: Tensor

    def __init__(self, config: ModelConfig, condition_dim: int) -> None:
        super().__init__(config, condition_dim)
        names = config.denoisers
        with torch.random.fork_rng(devices=[]):  # all else begins with the same weights, whatever denoisers there are
            self.gaussian = GaussianDenoiser(config, condition_dim) if "gaussian" in names else None
            self.learned = MixtureDenoiser(config, condition_dim) if "learned" in names else None
        self.register_buffer("alphas_cumprod", alphas_cumprod().clone(), persistent=False)

    def prepare_learned(
        self,
        denoiser: str,
        condition: Tensor,
        source: Tensor,
        anchors: Tensor,
        bank: Tensor,
        guidance: float = 1.0,
        dropped: Tensor | None = None,
        belief: Tensor | None = None,
        among: Tensor | None = None,
        visible: Tensor | None = None,
    ) -> Estimated | Mixture:
        """Prepare a run of the denoiser "gaussian" or "learned"; see `GaussianDenoiser.prepare` and `MixtureDenoiser.prepare`."""
        assert self.gaussian is not None, "SamplingConfig.settled refuses what an aligner lacks."
        estimated = self.gaussian.prepare(condition, source, guidance, dropped)
        if denoiser == "gaussian":
            return estimated
        assert self.learned is not None
        return self.learned.prepare(estimated, condition, anchors, bank, dropped, belief, among, visible)

    def run(
        self,
        prepared: Prepared,
        sampling: SamplingConfig,
        item_seeds: Sequence[int],
        on_step: Callable[[StepEvent], object] | None = None,
    ) -> DenoisingPath:
        """Walk a prepared run's source [n, d] to clean features; see `seda.diffusion.denoise`."""
        source = prepared.estimated.source if isinstance(prepared, Mixture) else prepared.source
        walk = self.path.walk(sampling)
        generators = item_generators(item_seeds, self.number, sampling.seed)
        return denoise(self._denoiser(prepared, walk), source, walk, generators, stage=self.number, on_step=on_step)

    def _denoiser(self, prepared: Prepared, walk: Walk) -> Denoiser:
        """What predicts x_0 [n, d] at the timesteps of a walk, which are embedded once for all items."""
        device = self.alphas_cumprod.device
        timesteps = walk.timesteps.to(device)
        levels = self.alphas_cumprod[timesteps]
        index_of = {t: index for index, t in enumerate(walk.timesteps.tolist())}
        if isinstance(prepared, Candidates):
            embedded = self.embed_time(timesteps)

            def closed_form(x_t: Tensor, timestep: int) -> Tensor:
                at = slice(index_of[timestep], index_of[timestep] + 1)
                return self(x_t, tuple(part[at] for part in embedded), levels[at], levels[:1], prepared).x_0

            return closed_form
        model = self.learned if isinstance(prepared, Mixture) else self.gaussian
        assert model is not None, "It prepared the run."
        embedded = model.embed_time(timesteps)
        shares = self.path.shares(levels, walk.source_shares.to(device))

        def learned(x_t: Tensor, timestep: int) -> Tensor:
            at = slice(index_of[timestep], index_of[timestep] + 1)
            return model(
                x_t, tuple(part[at] for part in embedded), PathShares(*(part[at] for part in shares)), prepared
            ).x_0

        return learned
