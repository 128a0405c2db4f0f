"""Runs of items that ship with the program, kept for whoever asks for the same: thirty phones on one link compute once.

Who asks while another visitor is at the same waits for that result. What visitors bring themselves is never kept here. A run is a pure function of what its key names, so that nobody sees by it
anything but what an own run would have shown.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from seda.images import ImageFailure
from seda.journeys.journey import Journey

KEPT_BYTES = 16 * 2**20  # of states, by far the most of a journey; chosen here: some eight runs of the proposed samples
SILENT = (
    10.0  # seconds without a sign of who is at a run, after which another begins it; chosen here: models load in less
)


@dataclass(frozen=True, eq=False)
class Traced:
    """A run's result.

    Attributes:
        journey: the paths.
        failures: items that could not be read.
        seconds: that it took.
        notes: sentences on the words.
    """

    journey: Journey
    failures: tuple[ImageFailure, ...]
    seconds: float
    notes: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Bytes of its arrays."""
        return self.journey.trajectory.nbytes


class SharedRuns:
    """The runs that were asked for last, by key; for several threads.

    Args:
        most: bytes that are kept; a single larger run is not.
        clock: seconds that only grow.
    """

    def __init__(self, most: int = KEPT_BYTES, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._guard, self._clock = most, threading.Condition(), clock
        self._kept: OrderedDict[Hashable, Traced] = OrderedDict()
        self._begun: dict[Hashable, tuple[str, float]] = {}  # who is at what is asked for, and when that was last seen

    @property
    def is_empty(self) -> bool:
        """Whether nothing is kept."""
        return not self._kept

    def find(self, key: Hashable) -> Traced | None:
        """The run, which counts as asked for just now."""
        with self._guard:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)

    def keep(self, key: Hashable, traced: Traced) -> None:
        """Keep a run; those that nobody asked for the longest make room."""
        if traced.size > self._most:
            return
        with self._guard:
            self._kept[key] = traced
            self._kept.move_to_end(key)
            while sum(one.size for one in self._kept.values()) > self._most:
                self._kept.popitem(last=False)

    def begin(self, asked: Hashable, who: str) -> bool:
        """Be at a run, unless another visitor is; also a sign that one still is.

        Args:
            asked: what a run is asked for by: whoever asks by the same waits for the same.
        """
        now = self._clock()
        with self._guard:
            other, seen = self._begun.get(asked, (who, now))
            if other != who and now - seen <= SILENT:
                return False
            self._drop(who)
            self._begun[asked] = who, now
            return True

    def end(self, who: str) -> None:
        """Be at no run any longer, whether it is done or not; those who wait for it are woken."""
        with self._guard:
            self._drop(who)
            self._guard.notify_all()

    def _drop(self, who: str) -> None:
        self._begun = {asked: begun for asked, begun in self._begun.items() if begun[0] != who}

    def wait(self, asked: Hashable, seconds: float) -> None:
        """Until nobody is at it, at most so long."""
        with self._guard:
            self._guard.wait_for(lambda: asked not in self._begun, seconds)

    def clear(self) -> None:
        """Forget all."""
        with self._guard:
            self._kept.clear()
            self._begun.clear()


SHARED_RUNS = SharedRuns()
