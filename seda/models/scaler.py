"""FeatureScaler: brings the value ranges of both modalities together."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from seda.errors import ShapeError

POWER = 0.5  # Yang et al. 2021, section 4.2: the square root served best on all their data sets


class FeatureScaler(nn.Module):
    """Bend, centre, project and scale the features of one modality.

        u(x) = x, x / ||x||, or x^power / ||x^power||,    scaled(x) = scale * P'(u(x) - mean) / ||P'(u(x) - mean)||

    The two modalities differ in the range of their values, which a one-step map has to bridge together with everything
    else. After scaling, every feature of either modality has norm `scale`; at sqrt(d) that is unit variance per
    dimension, comparable to the N(0, 1) noise of the diffusion. P is the PCA of the training features where the width has
    to be reduced to the common d, zeros appended where it has to grow, and the identity otherwise.

    Activations behind a rectifier are many small values and a few large ones. Where no training feature is negative their
    square root is taken (Tukey's ladder of powers), which makes classes look more like Gaussians; elsewhere the power is 1.

    Args:
        power: for features without negative values; 1 bends nothing.
        fixed_norm: whether each feature ends at norm `scale`, or only their mean does and differences in length stay.
        unit: whether features are brought to length 1 before all else, as encoders that were trained on cosines want it.

    Shapes: D input width, d output width, n items.
    Source: our reading of "the range of their values" in the paper's abstract; the power transform is that of Yang, Liu and
    Xu, "Free Lunch for Few-shot Learning: Distribution Calibration", ICLR 2021, eq. 3.
    """

    mean: Tensor
    projection: Tensor | None
    power: Tensor
    typical_norm: Tensor
    typical_length: Tensor

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        scale: float,
        *,
        power: float = POWER,
        fixed_norm: bool = True,
        unit: bool = False,
    ) -> None:
        super().__init__()
        self.scale, self.fixed_norm, self.wanted_power, self.unit = scale, fixed_norm, power, unit
        self.missing = max(output_dim - input_dim, 0)  # dimensions that the features lack
        self.register_buffer("mean", torch.zeros(input_dim))
        # [D, d], orthonormal columns once fitted; None stands for the identity, which would be large for nothing
        self.register_buffer("projection", torch.zeros(input_dim, output_dim) if output_dim < input_dim else None)
        self.register_buffer("power", torch.ones(()))
        self.register_buffer("typical_norm", torch.ones(()))  # behind P
        self.register_buffer("typical_length", torch.ones(()))  # of the features as they came

    @property
    def input_dim(self) -> int:
        """Width D of the features that it takes."""
        return len(self.mean)

    @torch.no_grad()
    def fit(self, features: Tensor) -> FeatureScaler:
        """Take power, mean, principal axes and typical norms from training features [n, D]. Returns self."""
        self._check(features)
        self.power.fill_(self.wanted_power if bool((features >= 0).all()) else 1.0)
        bent = self._bend(features)
        self.mean.copy_(bent.mean(0))
        centred = bent - self.mean
        if self.projection is not None:
            output_dim = self.projection.shape[1]
            covariance = centred.double().T @ centred.double() / len(features)  # [D, D]
            _, vectors = torch.linalg.eigh(covariance)  # ascending eigenvalues
            axes = vectors[:, -output_dim:].flip(1)
            # an eigenvector's sign is arbitrary: fix it, so that the same data gives the same map everywhere
            largest = axes.gather(0, axes.abs().argmax(0, keepdim=True))
            self.projection.copy_((axes * largest.sign()).to(features.dtype))
        self.typical_norm.copy_(self._project(centred).norm(dim=1).mean())
        self.typical_length.copy_((features.norm(dim=1) / self._straighten(bent).norm(dim=1)).nanmean())
        return self

    def forward(self, features: Tensor) -> Tensor:
        """Scale features [n, D] to [n, d].

        Raises:
            ShapeError: the width is not the one the scaler was fitted for.
        """
        self._check(features)
        projected = self._project(self._bend(features) - self.mean)
        if self.fixed_norm:
            return self.scale * nn.functional.normalize(projected, dim=1)
        return projected * (self.scale / self.typical_norm)

    def inverse(self, scaled: Tensor) -> Tensor:
        """Back from [n, d] to [n, D], at typical norms: directions are exact within the span of P, lengths are lost."""
        centred = (scaled / self.scale * self.typical_norm)[:, : scaled.shape[1] - self.missing]
        bent = (centred if self.projection is None else centred @ self.projection.T) + self.mean
        return self.typical_length * self._straighten(bent)

    def _bend(self, features: Tensor) -> Tensor:
        if float(self.power) == 1:
            return nn.functional.normalize(features, dim=1) if self.unit else features
        # an image unlike the training images may have negative values: they keep their sign
        return nn.functional.normalize(features.sign() * features.abs() ** self.power, dim=1)

    def _straighten(self, bent: Tensor) -> Tensor:
        return bent if float(self.power) == 1 else bent.sign() * bent.abs() ** (1 / self.power)

    def _project(self, centred: Tensor) -> Tensor:
        if self.missing:
            return nn.functional.pad(centred, (0, self.missing))
        return centred if self.projection is None else centred @ self.projection

    def _check(self, features: Tensor) -> None:
        if features.ndim != 2 or features.shape[1] != self.input_dim:
            raise ShapeError(f"Features have shape {tuple(features.shape)}; expected [n, {self.input_dim}].")
