"""Settings as frozen dataclasses: every default with its unit and its source.

`to_dict` and `from_dict` are the JSON form of the cards that are saved beside weights; an unknown key is an error, so a
card of another version is noticed instead of half-read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar, Self

from seda.errors import ConfigError

SAMPLERS = ("ddim", "ddpm", "dpmsolver++")


def _check_range(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise ConfigError(f"{name} is {value}; allowed is {low} to {high}.")


@dataclass(frozen=True)
class Config:
    """Base of all settings: conversion to and from plain JSON values."""

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Build from JSON values.

        Raises:
            ConfigError: a key is unknown, or a value is outside its range.
        """
        known = {field.name for field in fields(cls)}
        unknown = sorted(set(values) - known)
        if unknown:
            raise ConfigError(f"{cls.__name__} got unknown settings {unknown}; known are {sorted(known)}.")
        return cls(**values)


@dataclass(frozen=True)
class SamplingConfig(Config):
    """How a trajectory is drawn; the controls of the trajectories page.

    Attributes:
        sampler: "ddim" (deterministic at eta 0), "ddpm" (ancestral noise) or "dpmsolver++" (second order).
        num_inference_steps: denoising steps of each of the two stages.
        strength: share of the noise schedule that is run, 0 < strength <= 1. Each stage starts from its source noised to
            this level: at 1 from pure noise. Chosen here: .6 keeps the visual cloud visible at the start.
        eta: share of ancestral noise in DDIM steps, 0 to 1 (arXiv:2010.02502, eq. 16). Other samplers ignore it.
        guidance: power gamma on p(c | v) inside the denoiser. 1 samples a class with its probability, larger values
            commit to the most probable one. Chosen here: 3.
        seed: of the noise. Each item has a generator of its own, so an item's path does not depend on its batch.
    """

    MAX_STEPS: ClassVar[int] = 200
    MAX_SEED: ClassVar[int] = 2**31 - 1

    sampler: str = "ddim"
    num_inference_steps: int = 25
    strength: float = 0.6
    eta: float = 0.0
    guidance: float = 3.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.sampler not in SAMPLERS:
            raise ConfigError(f"The sampler {self.sampler!r} is not known; allowed are {', '.join(SAMPLERS)}.")
        _check_range("num_inference_steps", self.num_inference_steps, 1, self.MAX_STEPS)
        _check_range("strength", self.strength, 0.05, 1.0)
        _check_range("eta", self.eta, 0.0, 1.0)
        _check_range("guidance", self.guidance, 0.0, 20.0)
        _check_range("seed", self.seed, 0, self.MAX_SEED)
