"""One federation: rounds of sending, training, averaging and measuring; after a kill the same call goes on where it was."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch

from seda.errors import FileFormatError
from seda.federation.adapter import Adapter, Weights, message_bytes, part_for, weights_of
from seda.federation.engines import Trainer
from seda.federation.local import adapter_with, log_belief, make_adapter, one_thread
from seda.federation.material import Items, Material
from seda.federation.measures import class_centers, mean_rsa, spread
from seda.federation.settings import Settings, Task
from seda.federation.splits import MODALITIES, modalities_of
from seda.federation.strategies import average
from seda.storage import fingerprint, read_arrays, write_arrays

VERSION = 1  # raise it when the same settings come out differently
MEASURED = 500  # validation items that clients' class centers are taken of, evenly chosen
STATE = "state.safetensors"


@dataclass(frozen=True)
class Round:
    """What one round came to. Accuracies 0 to 1 are of the averaged adapter on pictures.

    Attributes:
        number: from 1 on.
        test_accuracy, validation_accuracy: of it.
        text_accuracy: on the test items' own texts, None without.
        rsa: between the class geometries of the clients before averaging, mean over pairs.
        spread: how far their class centers lie apart, see measures.py.
        bytes_down, bytes_up: of all messages to and from clients.
        seconds: of the round.
    """

    number: int
    test_accuracy: float
    validation_accuracy: float
    text_accuracy: float | None
    rsa: float | None
    spread: float
    bytes_down: int
    bytes_up: int
    seconds: float


@dataclass(frozen=True, eq=False)
class Federated:
    """A finished federation.

    Attributes:
        settings: what it followed from.
        rounds: in order.
        weights: the last.
        folder: of its files; None where nothing was kept.
    """

    settings: Settings
    rounds: tuple[Round, ...]
    weights: Weights = field(repr=False)
    folder: Path | None = None

    @property
    def accuracy(self) -> float:
        """Of the last round, on the test split; no round is chosen."""
        return self.rounds[-1].test_accuracy


def federate(
    material: Material,
    settings: Settings,
    trainer: Trainer,
    folder: Path | None = None,
    *,
    keep_centers: bool = False,
    on_round: Callable[[Round], object] | None = None,
) -> Federated:
    """Run the rounds that are not there yet.

    Args:
        material: from `material_of`.
        settings: how.
        trainer: reaches the clients.
        folder: where the state of each round is written, beside and renamed; None keeps nothing.
        keep_centers: whether clients' class centers are written for each round, for the player.
        on_round: told of each round, also of those that were there.
    Raises:
        SedaError: a client failed; the rounds before stay.
    """
    identity = fingerprint({"settings": settings.to_dict(), "material": material.fingerprint, "version": VERSION})
    weights, rounds = _begun(material, settings, folder, identity)
    for done in rounds:
        _tell(on_round, done)
    view = Measuring(material, settings)
    if keep_centers and folder is not None and not rounds:
        _keep(folder, 0, {"aggregated": view.centers(weights)})
    while len(rounds) < settings.rounds:
        number, begun = len(rounds) + 1, time.monotonic()
        jobs = [
            (Task(settings, client, number), part_for(weights, modalities_of(client, settings.deal.holding)))
            for client in range(settings.deal.clients)
        ]
        answers = trainer.train(jobs)
        local = view.client_centers(weights, [sent for sent, _ in answers])
        weights = average(answers, weights)
        if keep_centers and folder is not None:
            _keep(folder, number, {"local": local, "aggregated": view.centers(weights)})
        down, up = (
            sum(map(message_bytes, sent)) for sent in ([sent for _, sent in jobs], [sent for sent, _ in answers])
        )
        rounds.append(view.round(number, weights, local, down, up, time.monotonic() - begun))
        if folder is not None:
            told = {"identity": identity, "settings": settings.to_dict(), "rounds": [asdict(one) for one in rounds]}
            write_arrays(folder / STATE, weights, told)
        _tell(on_round, rounds[-1])
    return Federated(settings, tuple(rounds), weights, folder)


def _tell(on_round: Callable[[Round], object] | None, one: Round) -> None:
    if on_round is not None:
        on_round(one)


def _begun(material: Material, settings: Settings, folder: Path | None, identity: str) -> tuple[Weights, list[Round]]:
    """Weights and rounds of an earlier call with the same settings and material, else those of the start."""
    if folder is not None and (folder / STATE).is_file():
        arrays, told = read_arrays(folder / STATE)
        if told.get("identity") == identity:
            return arrays, [Round(**one) for one in told["rounds"]]
        raise FileFormatError(
            f"{folder / STATE} is of another federation, or of other data.", remedy="Give another --out, or delete it."
        )
    widths = MODALITIES if material.has_texts and settings.deal.holding != "images" else MODALITIES[:1]
    return weights_of(make_adapter(material, settings.head, settings.hidden, settings.seed, widths)), []


def _keep(folder: Path, number: int, centers: Mapping[str, np.ndarray]) -> None:
    write_arrays(
        folder / f"centers-{number:04d}.safetensors", {name: part.astype(np.float32) for name, part in centers.items()}
    )


class Measuring:
    """Looks at weights from outside: on test and validation items, which no client trains on."""

    def __init__(self, material: Material, settings: Settings) -> None:
        self._material, self._settings = material, settings
        self._texts = torch.from_numpy(material.class_texts)
        count = len(material.validation)
        self._shown = material.validation.take(np.linspace(0, count - 1, min(MEASURED, count)).astype(np.int64))

    def _adapter(self, weights: Weights) -> Adapter:
        return adapter_with(self._material, self._settings.head, self._settings.hidden, weights).requires_grad_(False)

    def mapped(self, weights: Weights, items: Items, modality: str = "image") -> torch.Tensor:
        """Items [n, d] in the common space."""
        inputs, base, _ = items.view(modality)
        with one_thread():
            return self._adapter(weights)(torch.from_numpy(inputs), torch.from_numpy(base), modality)

    def accuracy(self, weights: Weights, items: Items, modality: str = "image") -> float:
        """Share of items whose most probable class is right."""
        with one_thread():
            logits = self._adapter(weights).logits(self.mapped(weights, items, modality), self._texts)
            if self._settings.strategy.belief and modality == "image":
                logits = logits + self._settings.strategy.belief * log_belief(self._material, items.inputs)
            answers = logits.argmax(1)
        return float((answers.numpy() == items.labels).mean())

    def centers(self, weights: Weights) -> np.ndarray:
        """Class centers [k, d] of some validation items, the same for all weights."""
        return class_centers(
            self.mapped(weights, self._shown).numpy(), self._shown.labels, len(self._material.class_names)
        )

    def client_centers(self, before: Weights, sent: list[Weights]) -> np.ndarray:
        """Those of each client [c, k, d], with the server's own where a client has no pictures."""
        return np.stack([self.centers({**before, **one}) for one in sent])

    def round(self, number: int, weights: Weights, local: np.ndarray, down: int, up: int, seconds: float) -> Round:
        """All figures of a round."""
        test, rsa = self._material.test, mean_rsa(local)
        has_texts = len(test.texts) and any(key.startswith("branches.text.") for key in weights)
        return Round(
            number,
            self.accuracy(weights, test),
            self.accuracy(weights, self._material.validation),
            self.accuracy(weights, test, "text") if has_texts else None,
            None if np.isnan(rsa) else rsa,
            spread(local),
            down,
            up,
            round(seconds, 3),
        )
