"""Training: loop, losses, events, checkpoints. What a screen reads of a training (history, unfinished) needs no torch."""

from __future__ import annotations

from typing import Any

__all__ = ["TrainingEvent", "TrainingResult", "TrainingSet", "fit_aligner"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from seda.training import fit

        return getattr(fit, name)
    raise AttributeError(f"module 'seda.training' has no attribute {name!r}")
