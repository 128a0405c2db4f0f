"""How often something happens within a minute."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

MOST_KNOWN = 10_000  # who are remembered; chosen here: 10 MB


class Rate:
    """How often each came within the last minute.

    Args:
        clock: seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._times: dict[str, deque[float]] = {}

    def allows(self, who: str, most: int) -> bool:
        """Count one more, unless there were as many already."""
        now = self._clock()
        times = self._times.pop(who, deque())
        while times and now - times[0] > 60:
            times.popleft()
        self._times[who] = times  # the last in the order
        while len(self._times) > MOST_KNOWN:
            del self._times[next(iter(self._times))]
        if len(times) >= most:
            return False
        times.append(now)
        return True
