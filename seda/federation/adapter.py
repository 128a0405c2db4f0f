"""The network that clients train: a small residual adapter over frozen features, toward class texts; and its weights as messages."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, normalize

from seda.config import check_name
from seda.errors import ShapeError

HEADS = ("learned", "texts")
HIDDEN = 128  # width of the adapter; chosen here: a message of a megabyte
TEXT_SCALE = 20.0  # of cosines with class texts where they are the head: one over the temperature .05

Weights = dict[str, np.ndarray]  # float32 by the name of a parameter


class Branch(nn.Module):
    """z = base + W2 gelu(W1 x): W2 begins at zero, so that nothing has moved before training.

    Shapes: n items, D width of x, h hidden width, d width of the text space.
    """

    def __init__(self, width: int, hidden: int, dim: int) -> None:
        super().__init__()
        self.entry, self.out = nn.Linear(width, hidden), nn.Linear(hidden, dim)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, inputs: Tensor, base: Tensor) -> Tensor:
        """Inputs [n, D] and the place [n, d] that each item starts from, to [n, d]."""
        return base + self.out(gelu(self.entry(inputs)))


class Adapter(nn.Module):
    """A branch for each modality, into one space, and a head over it.

    The head is learned, a linear layer over directions (at norm sqrt(d), so that each dimension has unit variance), as FedAvg has
    it; or it is the class texts themselves, TEXT_SCALE times the cosine with each.

    Args:
        widths: D of each modality, by its name.
        dim: d.
        classes: k.
        head: a name of HEADS.
        hidden: h.
        seed: of the first weights; the global generator is given back as it was.
    """

    def __init__(
        self,
        widths: Mapping[str, int],
        dim: int,
        classes: int,
        head: str = "learned",
        hidden: int = HIDDEN,
        seed: int = 0,
    ) -> None:
        super().__init__()
        check_name("head", head, HEADS)
        self.scale = dim**0.5
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.branches = nn.ModuleDict({name: Branch(width, hidden, dim) for name, width in widths.items()})
            self.head = nn.Linear(dim, classes) if head == "learned" else None
        if self.head is not None:
            nn.init.zeros_(self.head.weight)
            nn.init.zeros_(self.head.bias)

    def forward(self, inputs: Tensor, base: Tensor, modality: str = "image") -> Tensor:
        """Items of one modality to the common space [n, d], at norm sqrt(d)."""
        return self.scale * normalize(self.branches[modality](inputs, base), dim=1)

    def logits(self, mapped: Tensor, class_texts: Tensor) -> Tensor:
        """What the head says of mapped items [n, d] and class texts [k, d]: [n, k]."""
        if self.head is not None:
            return self.head(mapped)
        return TEXT_SCALE * normalize(mapped, dim=1) @ normalize(class_texts, dim=1).T


def weights_of(adapter: Adapter) -> Weights:
    """A copy of all weights."""
    return {name: value.detach().numpy().copy() for name, value in adapter.state_dict().items()}


def load_weights(adapter: Adapter, weights: Weights) -> None:
    """Put weights in place.

    Raises:
        ShapeError: they are not this adapter's.
    """
    own = adapter.state_dict()
    for name in sorted(own.keys() | weights.keys()):
        came = weights[name].shape if name in weights else "none"
        wanted = tuple(own[name].shape) if name in own else "none"
        if came != wanted:
            raise ShapeError(f"The weights {name} are {came}; {wanted} is needed.")
    # assigned: those of an adapter without numbers have no place to copy to
    adapter.load_state_dict({name: torch.from_numpy(value.copy()) for name, value in weights.items()}, assign=True)


def part_for(weights: Weights, modalities: tuple[str, ...]) -> Weights:
    """What a client with these modalities is sent and sends back: their branches, and the head."""
    return {
        name: value
        for name, value in weights.items()
        if not name.startswith("branches.") or name.split(".")[1] in modalities
    }


def message_bytes(weights: Weights) -> int:
    """Bytes of the numbers in a message, without what an engine puts around them."""
    return sum(value.nbytes for value in weights.values())
