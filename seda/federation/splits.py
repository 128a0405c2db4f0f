"""Who holds what: items dealt to clients, each to one of them. Functions on labels; everything follows from a seed."""

from __future__ import annotations

import numpy as np

from seda.config import check_name
from seda.errors import ConfigError, DataError

SPLITS = ("dirichlet", "classes")
MODALITIES = ("image", "text")  # what an item may be looked at by: its features, or those of its own text
HOLDINGS = ("images", "mixed")  # what clients hold: all pictures, or in turn pictures, texts and both
LEAST_ITEMS = 10  # of a client; chosen here, as usual: fewer make one batch that says nothing
TRIES = 2000  # draws of a Dirichlet split until every client has LEAST_ITEMS


def split_clients(labels: np.ndarray, clients: int, kind: str, alpha: float, seed: int) -> list[np.ndarray]:
    """Positions of each client's items, int64 [n_i], sorted: a partition of all of them.

    Args:
        labels: int [n].
        clients: how many, at least 1.
        kind: "dirichlet", or "classes" for clients without a class in common.
        alpha: of the Dirichlet distribution; small ones make clients that differ. Of no use to "classes".
        seed: of the choice.
    Raises:
        ConfigError: kind, clients or alpha are none that are allowed.
        DataError: there are too few items for so many clients.
    """
    check_name("split", kind, SPLITS)
    if clients < 1:
        raise ConfigError(f"{clients} clients were asked for; at least 1 is needed.")
    if len(labels) < clients * LEAST_ITEMS:
        raise DataError(
            f"{len(labels)} training items are too few for {clients} clients with {LEAST_ITEMS} items each.",
            remedy="Take fewer clients or more items.",
        )
    rng = np.random.default_rng(seed)
    if kind == "classes":
        return class_split(labels, clients, rng)
    return dirichlet_split(labels, clients, alpha, rng)


def dirichlet_split(labels: np.ndarray, clients: int, alpha: float, rng: np.random.Generator) -> list[np.ndarray]:
    """Of each class every client gets a share, the shares drawn from Dir(alpha); drawn anew until all have LEAST_ITEMS.

    Source: Hsu, Qi and Brown, arXiv:1909.06335, as Li et al., arXiv:2102.02079, draw it: class by class.
    """
    if not 0 < alpha <= 1e6:
        raise ConfigError(f"alpha is {alpha}; allowed is more than 0, up to 1,000,000.")
    members = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    for _ in range(TRIES):
        parts: list[list[np.ndarray]] = [[] for _ in range(clients)]
        for rows in members:
            shares = rng.dirichlet(np.full(clients, alpha))
            cuts = np.round(np.cumsum(np.nan_to_num(shares))[:-1] * len(rows)).astype(np.int64)
            for part, dealt in zip(parts, np.split(rng.permutation(rows), cuts), strict=True):
                part.append(dealt)
        dealt_to = [np.sort(np.concatenate(part)) for part in parts]
        if min(map(len, dealt_to)) >= LEAST_ITEMS:
            return dealt_to
    raise DataError(
        f"With alpha {alpha} none of {TRIES:,} draws gave each of {clients} clients {LEAST_ITEMS} of {len(labels)} items.",
        remedy="Take a larger --alpha, fewer clients or more items.",
    )


def class_split(labels: np.ndarray, clients: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Classes are dealt round. Where there are more clients than classes, those of one class share its items evenly."""
    classes = rng.permutation(np.unique(labels))
    if clients <= len(classes):
        return [np.flatnonzero(np.isin(labels, classes[client::clients])) for client in range(clients)]
    parts: list[np.ndarray] = [np.empty(0, np.int64)] * clients
    for place, label in enumerate(classes):
        holders = range(place, clients, len(classes))
        rows = rng.permutation(np.flatnonzero(labels == label))
        if len(rows) < len(holders) * LEAST_ITEMS:
            raise DataError(
                f"A class with {len(rows)} items is too small for {len(holders)} clients with {LEAST_ITEMS} items each.",
                remedy="Take fewer clients or more items.",
            )
        for holder, dealt in zip(holders, np.array_split(rows, len(holders)), strict=True):
            parts[holder] = np.sort(dealt)
    return parts


def modalities_of(client: int, holding: str) -> tuple[str, ...]:
    """What a client looks at its items by: with "mixed" each third one pictures alone, each third one texts alone, the others both."""
    check_name("holding", holding, HOLDINGS)
    if holding == "images":
        return MODALITIES[:1]
    return (MODALITIES[:1], MODALITIES[1:], MODALITIES)[client % 3]
