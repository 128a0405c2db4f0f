"""Items dealt to clients: exact partitions, by seed, as unlike as asked for."""

from __future__ import annotations

import numpy as np
import pytest

from seda.errors import ConfigError, DataError
from seda.federation import splits
from seda.federation.splits import LEAST_ITEMS, modalities_of, split_clients

LABELS = np.random.default_rng(0).integers(0, 10, 3000)


@pytest.mark.parametrize("kind", ["dirichlet", "classes"])
@pytest.mark.parametrize("clients", [1, 3, 10, 17])
def test_every_item_is_at_exactly_one_client(kind, clients):
    parts = split_clients(LABELS, clients, kind, 0.2, seed=1)
    assert len(parts) == clients and min(map(len, parts)) >= LEAST_ITEMS
    assert np.array_equal(np.sort(np.concatenate(parts)), np.arange(len(LABELS)))
    assert all(np.array_equal(part, np.sort(part)) for part in parts)


def class_counts(labels: np.ndarray, parts: list[np.ndarray], classes: int) -> np.ndarray:
    """How many items of each class every client has [clients, k]."""
    return np.stack([np.bincount(labels[part], minlength=classes) for part in parts])


def test_a_seed_makes_the_split():
    def dealt(seed):
        return [part.tolist() for part in split_clients(LABELS, 5, "dirichlet", 0.2, seed)]

    assert dealt(3) == dealt(3) != dealt(4)


def test_small_alpha_makes_clients_that_differ():
    def largest_share(alpha):
        counts = class_counts(LABELS, split_clients(LABELS, 10, "dirichlet", alpha, 0), 10)
        return (counts.max(1) / counts.sum(1)).mean()

    assert largest_share(1000.0) < 0.2 < largest_share(0.2)


def test_classes_are_disjoint_where_there_are_enough_and_else_shared_evenly():
    counts = class_counts(LABELS, split_clients(LABELS, 4, "classes", 0.2, 0), 10)
    assert ((counts > 0).sum(0) == 1).all() and ((counts > 0).sum(1) >= 2).all()
    counts = class_counts(LABELS, split_clients(LABELS, 20, "classes", 0.2, 0), 10)
    assert ((counts > 0).sum(1) == 1).all() and ((counts > 0).sum(0) == 2).all()
    assert (np.abs(np.diff(np.sort(counts, 0)[-2:], axis=0)) <= 1).all()


def test_a_third_holds_pictures_a_third_texts_and_a_third_both():
    assert [modalities_of(client, "mixed") for client in range(4)] == [
        ("image",),
        ("text",),
        ("image", "text"),
        ("image",),
    ]
    assert {modalities_of(client, "images") for client in range(5)} == {("image",)}


def test_what_cannot_be_dealt_is_said(monkeypatch):
    monkeypatch.setattr(splits, "TRIES", 20)
    with pytest.raises(DataError, match="3000 training items are too few for 301 clients with 10 items each"):
        split_clients(LABELS, 301, "classes", 0.2, 0)
    with pytest.raises(
        DataError, match=r"With alpha 0\.001 none of 20 draws gave each of 200 clients 10 of 3000 items"
    ):
        split_clients(LABELS, 200, "dirichlet", 0.001, 0)
    with pytest.raises(DataError, match=r"A class with .* items is too small for 20 clients"):
        split_clients(np.repeat([0, 1], [190, 3000]), 40, "classes", 0.2, 0)
    for clients, kind, alpha, said in (
        (0, "classes", 0.2, "0 clients"), (3, "dirichlet", 0.0, r"alpha is 0\.0"), (3, "dirichlet", float("nan"), "alpha is nan"),
        (3, "none", 0.2, "split"),
    ):  # fmt: skip
        with pytest.raises(ConfigError, match=said):
            split_clients(LABELS, clients, kind, alpha, 0)
