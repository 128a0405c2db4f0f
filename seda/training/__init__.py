"""Training: loop, losses, events, checkpoints."""

from seda.training.fit import TrainingEvent, TrainingResult, TrainingSet, fit_aligner

__all__ = ["TrainingEvent", "TrainingResult", "TrainingSet", "fit_aligner"]
