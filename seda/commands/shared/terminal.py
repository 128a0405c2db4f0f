"""The terminal: answers to stdout as JSON or tables, messages and progress to stderr.

Commands call these through the module (terminal.say), so that a test that watches one of them has one place to put itself.
"""

from __future__ import annotations

import json
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

_TURNS = ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")  # Unicode's embeddings, overrides and isolates


def say(text: str) -> None:
    """One line to stderr, whatever the names in it hold."""
    print(_printable(text), file=sys.stderr, flush=True)


def say_all(lines: Iterable[str]) -> None:
    """Each line to stderr."""
    for line in lines:
        say(line)


def progress(stage: str, done: int, total: int, detail: str = "") -> None:
    """One line that renews itself on a terminal; elsewhere a line at the end of each stage and for each detail."""
    line = _printable(f"{stage} {done}/{total}" + (f", {detail}" if detail else ""))
    if sys.stderr.isatty():
        print(f"\r\x1b[K{line}", end="\n" if done >= total else "", file=sys.stderr, flush=True)
    elif done >= total or detail:
        say(line)


def print_json(answer: Any) -> None:
    """An answer for programs, in UTF-8 as it is."""
    print(json.dumps(answer, ensure_ascii=False, indent=2))


def print_figures(rows: Sequence[dict[str, Any]], as_json: bool) -> None:
    """Rows of the same keys, as JSON or as a table with a heading."""
    if as_json:
        print_json(rows)
        return
    cells = [[f"{value:.3f}" if isinstance(value, float) else str(value) for value in row.values()] for row in rows]
    print_table([[key.replace("_", " ") for key in rows[0]], *cells])


def print_table(rows: Sequence[Sequence[str]], indent: str = "") -> None:
    """Columns of equal width; the last cell of a row is not padded and does not widen its column."""
    rows = [[_printable(cell) for cell in row] for row in rows]
    widths: dict[int, int] = {}
    for row in rows:
        for column, cell in enumerate(row[:-1]):
            widths[column] = max(widths.get(column, 0), _width(cell))
    for row in rows:
        padded = [cell + " " * (widths[column] - _width(cell)) for column, cell in enumerate(row[:-1])]
        print(indent + "  ".join([*padded, row[-1]]).rstrip())


def _printable(text: str) -> str:
    """Without control characters and those that turn a line's direction: a file name must not steer the terminal."""
    steers = (unicodedata.category(c) == "Cc" or unicodedata.bidirectional(c) in _TURNS for c in text)
    return "".join("?" if turns else c for c, turns in zip(text, steers, strict=True))


def _width(text: str) -> int:
    """Terminal columns of a text: wide characters take two, combining ones none."""
    return sum(
        0
        if unicodedata.combining(c) or unicodedata.category(c) == "Cf"
        else 1 + (unicodedata.east_asian_width(c) in "WF")
        for c in text
    )
