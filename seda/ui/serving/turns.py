"""Pages are drawn one after the other.

Each element that a page's script draws wakes the event loop, and the interpreter changes threads there: fifty scripts at once take half
as long again as the same fifty in turns, and all of them end last (`python tests/benchmarks/load.py --sessions 50`). A page with a
picture lets others draw theirs before it goes on below it (`--link 30`).
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

PATIENCE = 0.25  # seconds; chosen here: a page takes .05. Who takes longer goes on beside the others


class Turns:
    """First come, first served; a turn is a courtesy, so nobody waits for somebody who takes long.

    Args:
        patience: seconds that a turn may take before the next begins.
    """

    def __init__(self, patience: float = PATIENCE) -> None:
        self._patience = patience
        self._guard = threading.Lock()
        self._waiting: deque[tuple[int, threading.Event]] = deque()  # thread, and what wakes it
        self._drawing: int | None = None  # the thread whose turn it is
        self._since = 0.0

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for one's turn and have it."""
        self.take()
        try:
            yield
        finally:
            self.give_way()

    def take(self) -> None:
        """Wait for one's turn, as after `give_way`."""
        awake = threading.Event()
        with self._guard:
            self._waiting.append((threading.get_ident(), awake))
            self._wake_next()
        while not awake.wait(self._patience):
            with self._guard:
                if time.monotonic() - self._since >= self._patience:
                    self._drawing = None
                    self._wake_next()

    def give_way(self) -> None:
        """End one's turn early: what follows is waiting or computing. Without a turn, nothing."""
        with self._guard:
            if self._drawing == threading.get_ident():
                self._drawing = None
                self._wake_next()

    def go_last(self) -> None:
        """Go on when those who wait have had their turn: what follows is less urgent than what they begin with. Without a turn, nothing."""
        with self._guard:
            if self._drawing != threading.get_ident() or not self._waiting:
                return
        self.give_way()
        self.take()

    def _wake_next(self) -> None:
        if self._drawing is None and self._waiting:
            self._drawing, awake = self._waiting.popleft()
            self._since = time.monotonic()
            awake.set()


PAGE_TURNS = Turns()
