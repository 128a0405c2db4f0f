"""Embedded V8s, all started and stopped by one thread.

Where the processor has memory protection keys, V8 guards its tables with one, and only the thread that started V8 first
and those that it started may read them: a second engine, started by another thread, ends the whole process.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from seda.export.drawing.needs import need

if TYPE_CHECKING:
    from py_mini_racer import MiniRacer

_STARTER = ThreadPoolExecutor(1, thread_name_prefix="seda-engines")


def start_engine() -> MiniRacer:
    """An engine that any thread without an event loop may use; let it go by `stop_engine`.

    Raises:
        ConfigError: the library is missing.
    """
    make = need("py_mini_racer").MiniRacer
    engine: MiniRacer = _STARTER.submit(make).result()
    return engine


def stop_engine(engine: MiniRacer) -> None:
    """Let an engine go."""
    _STARTER.submit(engine.close).result()
