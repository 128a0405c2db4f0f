"""Noise schedules, path families, the closed-form denoiser, and the denoising loop in plain sight."""

from seda.diffusion.closed_form import bridge_log_weights, posterior_log_weights
from seda.diffusion.paths import PATHS, PathFamily, Walk
from seda.diffusion.sampling import DenoisingPath, StepEvent, denoise, item_generators
from seda.diffusion.schedule import alphas_cumprod

__all__ = [
    "PATHS",
    "DenoisingPath",
    "PathFamily",
    "StepEvent",
    "Walk",
    "alphas_cumprod",
    "bridge_log_weights",
    "denoise",
    "item_generators",
    "posterior_log_weights",
]
