"""Material of a few made-up items: classes are clouds, and every class has a text."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from seda.federation.material import Items, Material
from seda.federation.settings import Deal, Settings
from seda.federation.strategies import FEDAVG

CLASSES, WIDTH, DIM = 4, 12, 8


def material(per_class: int = 40, seed: int = 0, texts: bool = False, anchors: bool = True) -> Material:
    """Training, validation and test items of CLASSES classes; text features of each item where asked for."""
    rng = np.random.default_rng(seed)
    clouds, words = rng.normal(size=(CLASSES, WIDTH)), rng.normal(size=(CLASSES, DIM))

    def items(count: int) -> Items:
        labels = np.repeat(np.arange(CLASSES), count)
        inputs, own = (
            clouds[labels] + rng.normal(size=(len(labels), WIDTH)),
            words[labels] + 0.3 * rng.normal(size=(len(labels), DIM)),
        )
        base = rng.normal(size=(len(labels), DIM))
        none = np.zeros((0, DIM), np.float32)
        parts = (inputs, base, words[labels] if anchors else none, own if texts else none)
        return Items(*(part.astype(np.float32) for part in parts), labels=labels.astype(np.int64))

    names = tuple(f"thing {label}" for label in range(CLASSES))
    return Material(items(per_class), items(10), items(12), words.astype(np.float32), names)


def settings(**changes: object) -> Settings:
    """Three clients, three rounds."""
    return replace(
        Settings(Deal(clients=3, alpha=0.5), FEDAVG, 0.05, rounds=3, epochs=1, batch=16, hidden=6), **changes
    )
