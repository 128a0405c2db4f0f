"""What users bring (names of files, class texts) is drawn as text, never as Markdown: no call of a progress line leaves it out."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

UI = sorted((Path(__file__).parents[2] / "seda" / "ui").glob("*.py"))


def _is_safe(text: ast.expr) -> bool:
    """A constant of ours, or through the one function that draws foreign text."""
    called = isinstance(text, ast.Call) and isinstance(text.func, ast.Name) and text.func.id == "plain"
    return called or isinstance(text, ast.Constant)


@pytest.mark.parametrize("path", UI, ids=lambda path: path.stem)
def test_every_progress_line_is_plain(path: Path):
    for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "progress":
            assert len(call.args) == 2 and _is_safe(call.args[1]), f"{path.name}:{call.lineno}"
