"""The one training loop of all baselines that are networks. Early stopping looks at validation data only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from seda.training.augmentation import noised as noised  # for the baselines, which take all their training from here

_Module = TypeVar("_Module", bound=nn.Module)

BATCH = 256  # images
MIN_STEPS = 300  # chosen here: few shots make epochs of one step; twice what SeDA gets
EPOCHS = 20
CHECKS = 30  # looks at the validation split


@dataclass(frozen=True)
class Schedule:
    """AdamW with a cosine decay.

    Attributes:
        learning_rate: its peak.
        weight_decay: AdamW's.
        seed: of initial weights, batches and noise.
    """

    learning_rate: float
    weight_decay: float = 0.02
    seed: int = 0


def seeded(seed: int, make: Callable[[], _Module]) -> _Module:
    """A module whose initial weights follow the seed; the global generator is given back as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return make()


def train_network(
    network: nn.Module,
    loss: Callable[[Tensor, torch.Generator], Tensor],
    validation_loss: Callable[[], Tensor],
    count: int,
    schedule: Schedule,
) -> None:
    """Train in place, then go back to the weights with the lowest validation loss.

    Args:
        network: ends in eval mode without gradients.
        loss: of a batch, given the indices [b] of its training images.
        validation_loss: scalar; called in eval mode.
        count: training images.
        schedule: how.
    """
    generator, order = torch.Generator().manual_seed(schedule.seed + 1), torch.empty(0, dtype=torch.int64)

    def next_loss(step: int) -> Tensor:
        nonlocal order
        if not len(order):
            order = torch.randperm(count, generator=generator)
        batch, order = order[:BATCH], order[BATCH:]
        return loss(batch, generator)

    steps = max(MIN_STEPS, EPOCHS * -(-count // BATCH))
    descend(network, next_loss, validation_loss, schedule, steps, max(1, steps // CHECKS))


def descend(
    network: nn.Module,
    loss: Callable[[int], Tensor],
    validation_loss: Callable[[], Tensor],
    schedule: Schedule,
    steps: int,
    check_every: int,
) -> None:
    """See `train_network`; the loss is told the number of the step, from 1 on."""
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=schedule.learning_rate, weight_decay=schedule.weight_decay, fused=True
    )
    best, lowest = _weights(network), float("inf")
    with torch.random.fork_rng(devices=[]):  # dropout knows only the global generator
        torch.manual_seed(schedule.seed + 1)
        for step in range(1, steps + 1):
            for group in optimizer.param_groups:
                group["lr"] = schedule.learning_rate * 0.5 * (1 + np.cos(np.pi * (step - 1) / steps))
            network.train()
            optimizer.zero_grad(set_to_none=True)
            loss(step).backward()
            optimizer.step()
            if step % check_every == 0 or step == steps:
                network.eval()
                with torch.no_grad():
                    found = float(validation_loss())
                if found < lowest:
                    best, lowest = _weights(network), found
    network.load_state_dict(best)
    network.eval().requires_grad_(False)


def parameter_count(network: nn.Module) -> int:
    """Trained numbers of a network."""
    return sum(parameter.numel() for parameter in network.parameters())


def _weights(network: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in network.state_dict().items()}
