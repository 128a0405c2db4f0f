"""The noise of a run: each item's from a generator of its own, drawn for many steps in one call."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

MAX_HELD = (
    64 * 2**20
)  # bytes of noise drawn ahead; chosen here: more gives no time, 4,096 items of 384 numbers fit ten times
IN_ORDER = 16  # torch turns uniform numbers into normal ones by so many; a piece of whole sixteens is the same in one call or in many


def item_noise(generators: Sequence[torch.Generator], like: Tensor, draws: int) -> Iterator[Tensor]:
    """N(0, 1) noise, `draws` times, each row from its item's generator: it depends neither on the batch nor on the place in it.

    Each row is what `torch.randn(d, generator=generator)` gives in its turn, to the last bit. It is drawn for as many steps at
    once as MAX_HELD has room for, at least one: a call of torch costs twice what it draws here. On a device it arrives with
    one copy for all of these.

    Args:
        generators: n generators of the CPU, one per item (`item_generators`).
        like: float32 [n, d], whose device and dtype the noise has.
        draws: how often at most.
    Yields:
        [n, d]; not to be kept, its memory is used again.
    """
    count, width = like.shape
    at_once = max(1, min(draws, MAX_HELD // max(4 * count * width, 1)))
    held = torch.empty(count, at_once, width, pin_memory=like.is_cuda)
    while draws > 0:
        drawn = held[:, :draws]  # [n, a, d], a draws at once
        for rows, generator in zip(drawn, generators, strict=True):
            _fill(rows, generator)
        yield from drawn.to(like).unbind(1)
        draws -= at_once


def _fill(rows: Tensor, generator: torch.Generator) -> None:
    """Noise into [a, d], as a calls for [d] would draw it."""
    if rows.shape[1] % IN_ORDER:
        for row in rows:
            row.normal_(generator=generator)
    else:
        rows.normal_(generator=generator)
