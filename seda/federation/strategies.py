"""What clients minimise, and how the server joins what they send."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from seda.errors import ConfigError, ShapeError
from seda.federation.adapter import Weights

# As the issue of SemanticFL (arXiv 2603.19337) has them: cross-entropy, distillation, contrast's temperature
CROSS_ENTROPY, DISTILLATION, TEMPERATURE = 1.0, 0.01, 0.05
PROXIMAL = 0.01  # FedProx's mu; chosen here: the middle of what its authors tried


@dataclass(frozen=True)
class Strategy:
    """A client's loss: cross-entropy + mu/2 ||w - w_server||^2 + distillation + contrast.

    Attributes:
        name: for tables.
        cross_entropy: weight of the cross-entropy of the head.
        proximal: FedProx's mu (Li et al., arXiv:1812.06127, eq. 2).
        distillation: weight of the mean squared difference, over dimensions of unit variance, to an item's SeDA state.
        contrast: weight of the contrast with the texts of the classes that the client holds.
        temperature: of that contrast.
        centers: weight of cross-entropy and contrast on the category centers of all classes, which each batch then holds, too: a
            client does not forget what it has not. Ours, not SemanticFL's.
        belief: how much of SeDA's log p(c | v) by sums is added to the head's logits of pictures, 0 to 1: the adapter then learns what
            is missing from it, as SeDA's own networks do. Ours, too.
    """

    name: str
    cross_entropy: float = CROSS_ENTROPY
    proximal: float = 0.0
    distillation: float = 0.0
    contrast: float = 0.0
    temperature: float = TEMPERATURE
    centers: float = 0.0
    belief: float = 0.0

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if name != "name" and not 0 <= value < 1e4:
                raise ConfigError(f"{name} is {value}; allowed is 0 to 10,000.")
        if self.temperature < 1e-3:
            raise ConfigError(f"The temperature is {self.temperature}; allowed is .001 to 10,000.")

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return asdict(self)


FEDAVG = Strategy("fedavg")
FEDPROX = Strategy("fedprox", proximal=PROXIMAL)
SEMANTIC = Strategy("semantic", distillation=DISTILLATION, contrast=1.0)
CENTERS = replace(SEMANTIC, name="centers", centers=1.0)  # semantic guidance with category centers
FEDAVG_CENTERS = Strategy("fedavg-centers", centers=1.0)  # what of it the centers do alone
SUMS = replace(SEMANTIC, name="sums", belief=1.0)  # semantic guidance over SeDA's belief by sums
FEDAVG_SUMS = Strategy("fedavg-sums", belief=1.0)
STRATEGIES = {one.name: one for one in (FEDAVG, FEDPROX, SEMANTIC, CENTERS, FEDAVG_CENTERS, SUMS, FEDAVG_SUMS)}
POOLED = "pooled"  # name of the training on all data, which is FedAvg of one client that holds everything


def average(updates: Sequence[tuple[Weights, int]], before: Weights) -> Weights:
    """The mean of clients' weights by their numbers of items; a part that only some have sent is the mean of these.

    What nobody has sent stays as it was. Summed in double precision, in the order of the clients.

    Source: McMahan et al., arXiv:1602.05629, algorithm 1.
    Raises:
        ShapeError: nothing came, a client has no items, or shapes differ.
    """
    if not updates or any(count < 1 for _, count in updates):
        raise ShapeError(f"{len(updates)} updates came; at least one is needed, each of a client with items.")
    joined: Weights = {}
    for name, old in before.items():
        sent = [(weights[name], count) for weights, count in updates if name in weights]
        if wrong := [value.shape for value, _ in sent if value.shape != old.shape]:
            raise ShapeError(f"A client sent {name} as {wrong[0]}; {old.shape} is needed.")
        total = sum(count for _, count in sent)
        mean = sum((value.astype(np.float64) * (count / total) for value, count in sent), np.zeros(old.shape))
        joined[name] = mean.astype(np.float32) if sent else old
    return joined
