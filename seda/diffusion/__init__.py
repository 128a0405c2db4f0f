"""Noise schedules, the closed-form denoiser, and the denoising loop in plain sight."""

from seda.diffusion.closed_form import posterior_log_weights
from seda.diffusion.sampling import DenoisingPath, StepEvent, denoise, item_generators
from seda.diffusion.schedule import make_scheduler

__all__ = ["DenoisingPath", "StepEvent", "denoise", "item_generators", "make_scheduler", "posterior_log_weights"]
