"""Lines that visitors stand in for what keeps the machine busy: first come, first served, one place a visitor.

A place is kept while its visitor comes back for it: a click on the page starts the page's script anew, which takes the same place
again. Who stays away for PATIENCE seconds has given it up.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from seda.errors import LimitError
from seda.ui.serving.rules import server_settings
from seda.ui.serving.turns import PAGE_TURNS

AT_FRONT = 30.0  # seconds; chosen here: whose runs were interrupted for longer than that goes to the end of the line
PATIENCE = 10.0  # seconds; chosen here: a reload of the page takes two
BETWEEN = 1.0  # seconds between two looks of those who wait; who is next is woken at once


class Line:
    """A line before what only so many may do at once.

    Args:
        at_once: how many; asked for each time.
        most: how many may wait.
        clock: seconds that only grow.
    """

    def __init__(
        self, at_once: Callable[[], int], most: Callable[[], int], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._at_once, self._most, self._clock = at_once, most, clock
        self._guard = threading.Condition()
        self._busy: set[str] = set()
        self._waiting: dict[str, float] = {}  # when each was last seen, in their order
        self._began: dict[str, float] = {}  # when each was first busy with what it is not done with

    def place(self, who: str) -> int:
        """Take a place, or look at the own one: 0 is one's turn, which `leave` ends; 1 is next.

        Raises:
            LimitError: there are too many before.
        """
        now = self._clock()
        with self._guard:
            if who in self._busy:
                return 0
            for other in [other for other, seen in self._waiting.items() if now - seen > PATIENCE]:
                del self._waiting[other]
                self._began.pop(other, None)
            if who not in self._waiting and len(self._waiting) >= self._most():
                raise LimitError(
                    f"{len(self._waiting)} visitors are waiting already; more are not taken.",
                    remedy="Try again in a minute.",
                )
            self._waiting[who] = now
            if not self._is_next(who):
                return list(self._waiting).index(who) + 1
            del self._waiting[who]
            self._busy.add(who)
            self._began.setdefault(who, now)
            return 0

    def leave(self, who: str, *, for_good: bool = True) -> None:
        """Make room; who was only interrupted is the next again, unless that goes on for long."""
        now = self._clock()
        with self._guard:
            if for_good:
                self._waiting.pop(who, None)
                self._began.pop(who, None)
            elif who in self._busy:
                at_front = now - self._began[who] < AT_FRONT
                self._waiting = {who: now, **self._waiting} if at_front else {**self._waiting, who: now}
            self._busy.discard(who)
            self._guard.notify_all()

    @property
    def counts(self) -> tuple[int, int]:
        """How many are busy, and how many wait."""
        with self._guard:
            return len(self._busy), len(self._waiting)

    def _is_next(self, who: str) -> bool:
        ahead = list(self._waiting).index(who) if who in self._waiting else 0
        return ahead < self._at_once() - len(self._busy)

    @contextmanager
    def turn(self, who: str, report: Callable[[int], object]) -> Iterator[None]:
        """Wait for one's turn and have it.

        Args:
            report: told the place while waiting; where it raises, as when the visitor clicks elsewhere, the place is kept.
        Raises:
            LimitError: there are too many before.
        """
        PAGE_TURNS.give_way()
        while place := self.place(who):
            report(place)
            with self._guard:
                self._guard.wait_for(lambda: self._is_next(who), BETWEEN)
        for_good = False
        try:
            yield
            for_good = True
        except Exception:
            for_good = True
            raise
        finally:  # Streamlit's own interruptions are no Exception
            self.leave(who, for_good=for_good)


def place_text(place: int) -> str:
    """For the screen: 1st in line is next."""
    ending = "th" if place % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(place % 10, "th")
    return f"{place}{ending} in line"


RUNS = Line(lambda: server_settings().limits.runs_at_once, lambda: server_settings().limits.waiting)
TRAININGS = Line(lambda: 1, lambda: server_settings().limits.waiting)
