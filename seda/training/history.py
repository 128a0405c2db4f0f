"""The epochs of a training so far, as its checkpoint tells them; readable without importing torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from seda.card import CHECKPOINT_FILE
from seda.errors import FileFormatError
from seda.storage import read_metadata


@dataclass(frozen=True)
class Epoch:
    """What an epoch reached; losses in nats where they are log-likelihoods, accuracy in 0..1.

    Attributes:
        training_loss: mean over the epoch, of both stages.
        validation_nll: mean negative log-likelihood of the right candidate, over all that is chosen between.
        validation_accuracy: top-1 of stage 2's answer.
    """

    training_loss: float
    validation_nll: float
    validation_accuracy: float

    def to_dict(self) -> dict[str, float]:
        """As the history's file holds it."""
        return {"loss": self.training_loss, "nll": self.validation_nll, "accuracy": self.validation_accuracy}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Back from `to_dict`."""
        return cls(float(values["loss"]), float(values["nll"]), float(values["accuracy"]))


def best_epoch(history: Sequence[Epoch]) -> int:
    """Index of the epoch whose weights are kept: the lowest validation loss, the first of equals.

    Raises:
        ValueError: there is no epoch.
    """
    return min(range(len(history)), key=lambda epoch: history[epoch].validation_nll)


def read_history(folder: Path) -> tuple[Epoch, ...]:
    """The epochs of the checkpoint in a folder; none where there is no checkpoint.

    Raises:
        FileFormatError: the checkpoint is damaged.
    """
    if not (folder / CHECKPOINT_FILE).is_file():
        return ()
    try:
        return tuple(Epoch.from_dict(values) for values in read_metadata(folder / CHECKPOINT_FILE)["history"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise FileFormatError(
            f"The checkpoint in {folder} is incomplete ({error}).", remedy="Discard this training and begin anew."
        ) from error
