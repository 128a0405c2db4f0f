"""Which device to compute on."""

from __future__ import annotations


def best_device() -> str:
    """torch's name of the fastest device that is there: "cuda", "mps" or "cpu". Imports torch."""
    import torch

    if torch.cuda.is_available():
        return "cuda"
    if torch.backends.mps.is_available():
        return "mps"
    return "cpu"
