"""Runs of pictures that ship with the program, kept for whoever asks for the same: thirty phones on one link compute once.

What visitors bring themselves is never kept here. A run is a pure function of what its key names, so that nobody sees by it
anything but what an own run would have shown.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass

from seda.images import ImageFailure
from seda.journeys.journey import Journey

KEPT_BYTES = 16 * 2**20  # of states, by far the most of a journey; chosen here: some eight runs of the proposed samples


@dataclass(frozen=True, eq=False)
class Traced:
    """A run's result.

    Attributes:
        journey: the paths.
        failures: pictures that could not be read.
        seconds: that it took.
    """

    journey: Journey
    failures: tuple[ImageFailure, ...]
    seconds: float

    @property
    def size(self) -> int:
        """Bytes of its states and estimates."""
        trajectory = self.journey.trajectory
        return trajectory.states.nbytes + trajectory.x_0.nbytes


class SharedRuns:
    """The runs that were asked for last, by key; for several threads.

    Args:
        most: bytes that are kept; a single larger run is not.
    """

    def __init__(self, most: int = KEPT_BYTES) -> None:
        self._most, self._guard = most, threading.Lock()
        self._kept: OrderedDict[Hashable, Traced] = OrderedDict()

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

    def clear(self) -> None:
        """Forget all."""
        with self._guard:
            self._kept.clear()


SHARED_RUNS = SharedRuns()
