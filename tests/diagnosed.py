"""Diagnoses of toy journeys: ordinary ones, and those at the edge of what there is to say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np

from seda.journeys.diagnosis import Asked, Diagnosis, diagnose_trajectory
from seda.journeys.trajectory import Trajectory
from tests.toy import toy_journey

HOSTILE = ("<b>x</b>", "y" * 300, "=1+1", "</script><script>alert(1)</script>")
EDGES = (
    "plain",
    "one class",
    "all right",
    "all wrong",
    "two items",
    "one item",
    "never lands",
    "equally sure",
    "asked",
)


@dataclass(frozen=True, eq=False)
class Toy:
    """A diagnosis with what it was made of."""

    trajectory: Trajectory
    labels: np.ndarray
    asked: Asked | None
    diagnosis: Diagnosis

    @property
    def names(self) -> Sequence[str]:
        return self.trajectory.item_names

    @property
    def summary(self) -> dict[str, Any]:
        return self.diagnosis.to_dict(self.names, self.trajectory.class_names)


def toy_diagnosis(edge: str = "plain", *, items: int = 14, class_names: Sequence[str] | None = None) -> Toy:
    """Of an edge among EDGES, read-only; the toy's paths are lost here and there because every third label is another."""
    return _diagnosed(edge, items, class_names and tuple(class_names))


@cache
def _diagnosed(edge: str, items: int, class_names: tuple[str, ...] | None) -> Toy:
    items = {"two items": 2, "one item": 1}.get(edge, items)
    path = toy_journey(items, steps=5, classes=4, neighbors=False, class_names=class_names).trajectory
    order = np.arange(items)
    labels = (order + (order % 3 == 0)) % 4
    if edge == "never lands":
        path = replace(path, states=np.random.default_rng(1).normal(size=path.states.shape).astype(np.float32))
    if edge == "equally sure":
        path = replace(path, class_probabilities=np.eye(4, dtype=np.float32)[order % 4])
    answers = path.class_probabilities.argmax(1)
    labels = {"one class": np.zeros_like(labels), "all right": answers, "all wrong": (answers + 1) % 4}.get(
        edge, labels
    )
    asked = _asked(path, labels) if edge == "asked" else None
    return Toy(path, labels, asked, diagnose_trajectory(path, labels, asked))


def with_weights(path: Trajectory, *, seed: int = 0) -> Trajectory:
    """The same with invented weights of all candidates, none where no denoiser looked."""
    rng = np.random.default_rng(seed)
    n, s, _ = path.states.shape
    found = {}
    for name, stage, width in (
        ("center_weights", 1, len(path.center_names)), ("text_weights", 2, len(path.class_names))
    ):  # fmt: skip
        weights = rng.dirichlet(np.full(width, 0.5), size=(n, s))
        looked = path.stages == stage
        looked[np.flatnonzero(looked)[-1]] = False  # the last state of a stage is its own estimate
        found[name] = np.where(looked[:, None], weights, 0).astype(np.float16)
    return replace(path, **found)


def _asked(path: Trajectory, labels: np.ndarray) -> Asked:
    rng, texts = np.random.default_rng(3), path.class_text_features
    return Asked(
        rephrased=rng.random(len(labels)) < 0.3,
        fits=rng.normal([0.5, -0.5], size=(len(labels), 2)),
        ends=rng.integers(0, 4, (5, len(labels))),
        phrasings=np.stack([texts + 0.3 * rng.normal(size=texts.shape).astype(np.float32) for _ in range(4)]),
    )
