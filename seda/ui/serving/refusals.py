"""A log of what was refused, and how often: the kind and its rule, never what came with it."""

from __future__ import annotations

import logging
import threading
from collections import Counter

logger = logging.getLogger("seda.refused")

_counts: Counter[str] = Counter()
_guard = threading.Lock()


def log_refusal(what: str, why: BaseException | str) -> None:
    """
    Args:
        what: was refused, such as "run" or "upload".
        why: an error, of which only the kind is told, or the name of a rule.
    """
    rule = why if isinstance(why, str) else type(why).__name__
    with _guard:
        _counts[f"{what}: {rule}"] += 1
    logger.warning("refused %s: %s", what, rule)


def refusal_counts() -> dict[str, int]:
    """How often since the server started, by what and why."""
    with _guard:
        return dict(_counts)
