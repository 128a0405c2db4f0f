"""What a federation follows from, and what its server asks of a client."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from seda.config import check_range
from seda.errors import ConfigError
from seda.federation.adapter import HIDDEN
from seda.federation.splits import split_clients
from seda.federation.strategies import Strategy


@dataclass(frozen=True)
class Deal:
    """Which client holds what; a client works its own rows out of it.

    Attributes:
        clients, split, alpha, seed: see `split_clients`.
        holding: a name of HOLDINGS.
    """

    clients: int = 10
    split: str = "dirichlet"
    alpha: float = 0.2
    holding: str = "images"
    seed: int = 0

    def parts(self, labels: np.ndarray) -> list[np.ndarray]:
        """Rows of each client."""
        return split_clients(labels, self.clients, self.split, self.alpha, self.seed)


@dataclass(frozen=True)
class Settings:
    """All that a federation follows from, with the material.

    Attributes:
        deal: who holds what.
        strategy: clients' loss.
        learning_rate, momentum: of plain SGD; its memory begins anew each round.
        rounds: how many.
        seed: of first weights and batches; the split's is the deal's.
        epochs: passes over a client's items in a round.
        batch: items a step.
        head, hidden: of the adapter.
    """

    deal: Deal
    strategy: Strategy
    learning_rate: float
    rounds: int = 20
    seed: int = 0
    momentum: float = 0.9
    epochs: int = 1
    batch: int = 64
    head: str = "learned"
    hidden: int = HIDDEN

    def __post_init__(self) -> None:
        for name, low, high in (("rounds", 1, 10_000), ("epochs", 1, 1000), ("batch", 1, 100_000), ("hidden", 1, 8192)):
            check_range(name, getattr(self, name), low, high)
        if not 0 < self.learning_rate <= 100:
            raise ConfigError(f"The learning rate is {self.learning_rate:g}; allowed is more than 0, up to 100.")
        if not 0 <= self.momentum < 1:
            raise ConfigError(f"momentum is {self.momentum}; allowed is 0 to 1, without 1.")

    def to_dict(self) -> dict[str, Any]:
        """JSON values. What sums of clients would add is left out where it has no part."""
        values = asdict(self)
        for name in ("centers", "belief"):
            if not values["strategy"][name]:
                del values["strategy"][name]
        return values

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Settings:
        """What `to_dict` gave."""
        return cls(**{**values, "deal": Deal(**values["deal"]), "strategy": Strategy(**values["strategy"])})


@dataclass(frozen=True)
class Task:
    """What the server asks a client for.

    Attributes:
        settings: of the federation.
        client: its number in the deal.
        round: from 1 on.
    """

    settings: Settings
    client: int
    round: int

    def to_dict(self) -> dict[str, Any]:
        """JSON values, which a message holds."""
        return {"settings": self.settings.to_dict(), "client": self.client, "round": self.round}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Task:
        """What `to_dict` gave."""
        return cls(**{**values, "settings": Settings.from_dict(values["settings"])})
