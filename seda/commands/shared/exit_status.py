"""The exit statuses of python -m seda, and what is said after Ctrl-C where nothing is lost."""

from __future__ import annotations

ANSWERED, UNANSWERED, WRONG_CALL, INTERRUPTED = 0, 1, 2, 130
GOES_ON = " The same command goes on where this one ended."
