"""FeatureInteraction: the Progressive Feature Interaction Network (PFIN)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class InteractionTokens:
    """Keys and values of one block, computed once a run because they do not change from step to step.

    Shapes: h heads, w width of a head, b bank texts, n items.
    """

    bank_keys: Tensor  # [h, w, b]
    bank_values: Tensor  # [h, b, w]
    condition_keys: Tensor  # [n, h, w]
    condition_values: Tensor  # [n, h, w]


def interactions(blocks: nn.ModuleList) -> Iterator[FeatureInteraction]:
    """The blocks; a ModuleList knows no more of them than that they are modules."""
    for block in blocks:
        assert isinstance(block, FeatureInteraction)
        yield block


class FeatureInteraction(nn.Module):
    """One block of the Progressive Feature Interaction Network (PFIN).

    At every denoising step the noisy state attends to its condition and to the bank of class texts, so that textual
    information enters the mapped feature little by little. The timestep modulates the block (adaLN-Zero, Peebles and Xie
    2023, arXiv:2212.09748, section 3.2): its gates start at zero, so that a new block changes nothing.

    The bank holds the texts of *all* candidate classes, never the true one alone; attention has no positions, so the
    order of the classes does not matter.

    Shapes: n items, b bank texts, width the block's width.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.head_width = width // heads
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.modulation = nn.Linear(width, 6 * width)
        nn.init.zeros_(self.modulation.weight)
        nn.init.zeros_(self.modulation.bias)
        self.query = nn.Linear(width, width)
        self.bank_key_value = nn.Linear(width, 2 * width)
        self.condition_key_value = nn.Linear(width, 2 * width)
        self.output = nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def tokens(self, condition: Tensor, bank: Tensor) -> InteractionTokens:
        """Keys and values of the condition [n, width] and the bank [b, width]."""
        bank_keys, bank_values = (
            self.bank_key_value(bank).view(len(bank), 2, self.heads, self.head_width).permute(1, 2, 0, 3)
        )
        condition_keys, condition_values = (
            self.condition_key_value(condition).view(len(condition), 2, self.heads, -1).unbind(1)
        )
        return InteractionTokens(bank_keys.transpose(1, 2), bank_values, condition_keys, condition_values)

    def modulate(self, time: Tensor) -> Tensor:
        """Shifts, scales and gates [m, 6 width] of m embedded timesteps [m, width]."""
        return self.modulation(nn.functional.silu(time))

    def forward(
        self, state: Tensor, modulation: Tensor, tokens: InteractionTokens, visible: Tensor | None = None
    ) -> Tensor:
        """One interaction: state [n, width], under `modulate`'s result [n or 1, 6 width], to the new state [n, width].

        Where each item has a list of its own in training, bool [n, b] says which texts of the bank are visible to it.
        """
        shift_a, scale_a, gate_a, shift_m, scale_m, gate_m = modulation.chunk(6, dim=1)

        modulated = self.norm(state) * (1 + scale_a) + shift_a
        query = self.query(modulated).view(len(state), self.heads, self.head_width) / self.head_width**0.5  # [n, h, w]
        to_bank = torch.einsum("nhw,hwb->nhb", query, tokens.bank_keys)
        if visible is not None:
            to_bank = to_bank.masked_fill(~visible[:, None], -torch.inf)
        to_condition = (query * tokens.condition_keys).sum(-1, keepdim=True)  # [n, h, 1]
        attention = torch.cat([to_condition, to_bank], dim=-1).softmax(-1)  # [n, h, 1 + b]
        read = attention[..., :1] * tokens.condition_values
        read = read + torch.einsum("nhb,hbw->nhw", attention[..., 1:], tokens.bank_values)
        state = state + gate_a * self.output(read.flatten(1))

        modulated = self.norm(state) * (1 + scale_m) + shift_m
        return state + gate_m * self.mlp(modulated)
