"""Features of lists of texts that were asked for before, by all who share an encoder."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence

from torch import Tensor

KEPT_BYTES = 8 * 2**20  # of features and texts; chosen here: a hundred lists of forty words, or one of four thousand


class KeptTexts:
    """An encoder's `encode_texts` with a memory; for several threads.

    Whole lists are kept, and not single texts: a batch moves the last digit of its features, and the same list has to give the same
    numbers whatever was asked for before it.

    Args:
        encode: texts to features [n, d].
        most: bytes that are kept; a larger list is not.
    """

    def __init__(self, encode: Callable[[Sequence[str]], Tensor], most: int = KEPT_BYTES) -> None:
        self._encode, self._most, self._guard = encode, most, threading.Lock()
        self._kept: OrderedDict[tuple[str, ...], Tensor] = OrderedDict()
        self._bytes = 0

    def __call__(self, texts: Sequence[str]) -> Tensor:
        """Features [n, d], the caller's own."""
        key = tuple(texts)
        with self._guard:
            if (found := self._kept.get(key)) is not None:
                self._kept.move_to_end(key)
                return found.clone()
        features = self._encode(key)  # two who ask at once both compute: neither waits for a long list of the other's
        self._keep(key, features.clone())
        return features

    @property
    def held_bytes(self) -> int:
        """That are kept now."""
        return self._bytes

    def _keep(self, key: tuple[str, ...], features: Tensor) -> None:
        size = _size(key, features)
        with self._guard:
            if size > self._most or key in self._kept:
                return
            self._kept[key] = features
            self._bytes += size
            while self._bytes > self._most:
                self._bytes -= _size(*self._kept.popitem(last=False))


def _size(key: tuple[str, ...], features: Tensor) -> int:
    return features.nbytes + sum(4 * len(text) for text in key)
