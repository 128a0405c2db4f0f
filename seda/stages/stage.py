"""What both stages share: running a denoiser from a source to clean features."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from seda.config import ModelConfig, SamplingConfig
from seda.diffusion import DenoisingPath, StepEvent, alphas_cumprod, denoise, item_generators
from seda.diffusion.paths import PathShares, Walk
from seda.diffusion.sampling import Denoiser
from seda.models.denoiser import AnchorDenoiser, Candidates, Denoised
from seda.models.mixture_denoiser import Mixture, MixtureDenoiser
from seda.models.one_step import Estimated, GaussianDenoiser

Prepared = Candidates | Estimated | Mixture


class Stage(AnchorDenoiser):
    """A denoiser that knows its noise schedule: itself the closed form, and beside it those of `ModelConfig.denoiser`."""

    number: int
    alphas_cumprod: Tensor

    def __init__(self, config: ModelConfig, condition_dim: int, told_place: bool = False) -> None:
        super().__init__(config, condition_dim)
        names = config.denoisers
        with torch.random.fork_rng(devices=[]):  # all else begins with the same weights, whatever denoisers there are
            self.gaussian = GaussianDenoiser(config, condition_dim) if "gaussian" in names else None
            self.learned = MixtureDenoiser(config, condition_dim, told_place) if "learned" in names else None
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
        place: Tensor | None = None,
    ) -> Estimated | Mixture:
        """Prepare a run of the denoiser "gaussian" or "learned"; see `GaussianDenoiser.prepare` and `MixtureDenoiser.prepare`."""
        assert self.gaussian is not None, "SamplingConfig.settled refuses what an aligner lacks."
        estimated = self.gaussian.prepare(condition, source, guidance, dropped)
        if denoiser == "gaussian":
            return estimated
        assert self.learned is not None
        return self.learned.prepare(estimated, condition, anchors, bank, dropped, belief, among, visible, place)

    def run(
        self,
        prepared: Prepared,
        sampling: SamplingConfig,
        item_seeds: Sequence[int],
        on_step: Callable[[StepEvent], object] | None = None,
        *,
        keep_weights: bool = False,
    ) -> DenoisingPath:
        """Walk a prepared run's source [n, d] to clean features; see `seda.diffusion.denoise`.

        Args:
            keep_weights: whether the path says what its states are made of and how much each candidate weighed.
        """
        source = prepared.estimated.source if isinstance(prepared, Mixture) else prepared.source
        walk = self.path.walk(sampling)
        generators = item_generators(item_seeds, self.number, sampling.seed)
        kept: list[Tensor] | None = [] if keep_weights else None
        denoiser = self._denoiser(prepared, walk, kept)
        path = denoise(denoiser, source, walk, generators, stage=self.number, on_step=on_step)
        return path if kept is None else replace(path, shares=self._shares(walk), weights=torch.stack(kept, 1).exp())

    def _shares(self, walk: Walk) -> Tensor:
        """What the states of a walk are made of [K + 1, 3]; see `DenoisingPath`."""
        parts = self.path.shares(alphas_cumprod()[walk.timesteps], walk.source_shares)
        made = torch.cat([parts.target, parts.source, parts.variance.sqrt()], 1)
        return torch.cat([made, made.new_tensor([[1.0, 0.0, 0.0]])])  # the last state is clean

    def _denoiser(self, prepared: Prepared, walk: Walk, kept: list[Tensor] | None) -> Denoiser:
        """What predicts x_0 [n, d] at the timesteps of a walk, which are embedded once for all items; log weights go into `kept`."""
        device = self.alphas_cumprod.device
        timesteps = walk.timesteps.to(device)
        levels = self.alphas_cumprod[timesteps]
        index_of = {t: index for index, t in enumerate(walk.timesteps.tolist())}
        if isinstance(prepared, Candidates):
            embedded = self.embed_time(timesteps)

            def closed_form(x_t: Tensor, timestep: int) -> Tensor:
                at = slice(index_of[timestep], index_of[timestep] + 1)
                return _noted(self(x_t, tuple(part[at] for part in embedded), levels[at], levels[:1], prepared), kept)

            return closed_form
        model = self.learned if isinstance(prepared, Mixture) else self.gaussian
        assert model is not None, "It prepared the run."
        embedded = model.embed_time(timesteps)
        shares = self.path.shares(levels, walk.source_shares.to(device))

        def learned(x_t: Tensor, timestep: int) -> Tensor:
            at = slice(index_of[timestep], index_of[timestep] + 1)
            denoised = model(
                x_t, tuple(part[at] for part in embedded), PathShares(*(part[at] for part in shares)), prepared
            )
            return _noted(denoised, kept)

        return learned


def _noted(denoised: Denoised, kept: list[Tensor] | None) -> Tensor:
    """The estimate x_0; its log weights are noted down where they are kept."""
    if kept is not None:
        kept.append(denoised.log_weights)
    return denoised.x_0
