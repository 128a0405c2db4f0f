"""FeatureScaler: brings the value ranges of both modalities together."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from seda.errors import ShapeError


class FeatureScaler(nn.Module):
    """Centre, project, normalise and scale the features of one modality.

        scaled(x) = scale * P'(x - mean) / ||P'(x - mean)||

    The two modalities differ in the range of their values, which a one-step map has to bridge together with everything
    else. After scaling, every feature of either modality has norm `scale`; at sqrt(d) that is unit variance per
    dimension, comparable to the N(0, 1) noise of the diffusion. P is the PCA of the training features where the width has
    to be reduced to the common d, and the identity otherwise.

    Shapes: D input width, d output width, n items.
    Source: our reading of "the range of their values" in the paper's abstract.
    """

    def __init__(self, input_dim: int, output_dim: int, scale: float) -> None:
        super().__init__()
        self.scale = scale
        self.register_buffer("mean", torch.zeros(input_dim))
        # [D, d], orthonormal columns; None stands for the identity, which would be large for nothing
        self.register_buffer("projection", torch.eye(input_dim, output_dim) if output_dim < input_dim else None)
        self.register_buffer("typical_norm", torch.ones(()))

    @property
    def input_dim(self) -> int:
        return len(self.mean)

    @torch.no_grad()
    def fit(self, features: Tensor) -> FeatureScaler:
        """Take mean, principal axes and typical norm from training features [n, D]. Returns self."""
        self._check(features)
        self.mean.copy_(features.mean(0))
        centred = features - self.mean
        if self.projection is not None:
            output_dim = self.projection.shape[1]
            covariance = centred.double().T @ centred.double() / len(features)  # [D, D]
            _, vectors = torch.linalg.eigh(covariance)  # ascending eigenvalues
            axes = vectors[:, -output_dim:].flip(1)
            # an eigenvector's sign is arbitrary: fix it, so that the same data gives the same map everywhere
            largest = axes.gather(0, axes.abs().argmax(0, keepdim=True))
            self.projection.copy_((axes * largest.sign()).to(features.dtype))
        self.typical_norm.copy_(self._project(centred).norm(dim=1).mean())
        return self

    def forward(self, features: Tensor) -> Tensor:
        """Scale features [n, D] to [n, d].

        Raises:
            ShapeError: the width is not the one the scaler was fitted for.
        """
        self._check(features)
        return self.scale * nn.functional.normalize(self._project(features - self.mean), dim=1)

    def inverse(self, scaled: Tensor) -> Tensor:
        """Back from [n, d] to [n, D], at the typical norm: the direction is exact within the span of P, the norm is lost."""
        centred = scaled / self.scale * self.typical_norm
        return (centred if self.projection is None else centred @ self.projection.T) + self.mean

    def _project(self, centred: Tensor) -> Tensor:
        return centred if self.projection is None else centred @ self.projection

    def _check(self, features: Tensor) -> None:
        if features.ndim != 2 or features.shape[1] != self.input_dim:
            raise ShapeError(f"Features have shape {tuple(features.shape)}; expected [n, {self.input_dim}].")
