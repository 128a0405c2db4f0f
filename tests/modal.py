"""A small set of things in three modalities, with classes and kins that can be told, and not all of everything."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest

from seda.data.modal_set import Modality, ModalSet
from seda.training import modalities

KINS, EACH, CLASSES, WIDTH = 12, 2, ("beast", "fowl", "tool"), 16
LANGUAGES = ("en", "de", "fr", "es")


def modal_set(seed: int = 0, noise: float = 0.4) -> ModalSet:
    """24 things of 12 kins in 3 classes; one thing has no picture and two have no sound."""
    rng = np.random.default_rng(seed)
    classes = rng.standard_normal((len(CLASSES), WIDTH))
    kins = 0.7 * rng.standard_normal((KINS, WIDTH)) + classes[np.arange(KINS) % len(CLASSES)]
    kin = np.repeat(np.arange(KINS), EACH)
    labels = kin % len(CLASSES)
    names = [f"{CLASSES[label]} {one}" for one, label in zip(kin, labels, strict=True)]

    def rows(
        items: np.ndarray, mixed: np.ndarray, kinds: tuple[str, ...], called: tuple[str, ...], name: str
    ) -> Modality:
        clean = kins[kin[items]] @ mixed
        features = clean + noise * rng.standard_normal(clean.shape)
        return Modality(features.astype(np.float32), items, kinds, called, name, f"{name}-1")

    every = np.arange(len(kin))
    text = np.repeat(every, len(LANGUAGES))
    called = tuple(f"{names[item]} ({code})" for item in every for code in LANGUAGES)
    seen, heard = every[1:], every[2:]
    return ModalSet(
        "toy",
        tuple(names),
        labels,
        kin,
        CLASSES,
        classes[:, None].astype(np.float32),
        {
            "picture": rows(seen, rng.standard_normal((WIDTH, 20)), ("",) * len(seen), ("",) * len(seen), "eye"),
            "sound": rows(heard, rng.standard_normal((WIDTH, 10)), ("",) * len(heard), ("",) * len(heard), "ear"),
            "text": rows(text, np.eye(WIDTH), LANGUAGES * len(every), called, "word"),
        },
        (classes + 0.1 * rng.standard_normal(classes.shape)).astype(np.float32),
        np.arange(len(CLASSES)),
    )


def heard_by_name(data: ModalSet) -> ModalSet:
    """The same things, and an ear whose 12 features are scores of kins, which it knows by their texts."""
    texts, rng = data.modalities["text"], np.random.default_rng(9)
    kin = data.kin[texts.items]
    meanings = np.stack([texts.features[kin == one].mean(0) for one in range(KINS)]).astype(np.float32)
    heard = np.arange(2, len(data))
    scores = 0.8 * np.eye(KINS)[data.kin[heard]] + 0.2 * rng.random((len(heard), KINS))
    nothing = ("",) * len(heard)
    ear = Modality(scores.astype(np.float32), heard, nothing, nothing, "ear", "ear-2", meanings)
    return replace(data, modalities={**data.modalities, "sound": ear})


@contextmanager
def few_choices() -> Iterator[None]:
    """Fits that choose between two settings on two folds: the same ways, in a fifth of the time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(modalities, "SHARPNESSES", ((20.0, 0.5), (40.0, 0.0)))
        patch.setattr(modalities, "NEARNESSES", (20.0,))
        patch.setattr(modalities, "STEPS_EACH", modalities.STEPS_EACH - modalities.FOLDS + 2)
        patch.setattr(modalities, "FOLDS", 2)
        yield
