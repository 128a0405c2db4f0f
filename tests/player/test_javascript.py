"""The player's modules: their types, those of their tests and of the canvases of exports hold, and what is computed without a page is
computed rightly (tests/player/js)."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import playwright
import pytest

TESTS = Path(__file__).parent / "js"
DRAWING = Path(__file__).parents[2] / "seda" / "export" / "drawing"


def find_node() -> str:
    """Node on the PATH, else the one that playwright brings along."""
    return shutil.which("node") or str(Path(playwright.__file__).parent / "driver" / "node")


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*map(str, command)], capture_output=True, text=True, encoding="utf-8", timeout=300)


@pytest.mark.slow
@pytest.mark.parametrize("project", [TESTS, DRAWING], ids=["player", "export"])  # TESTS checks the player's modules too
def test_the_types_hold(project: Path):
    checker = shutil.which("tsc")
    if checker is None:
        reason = "no TypeScript on the PATH (install Debian's node-typescript)"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    found = run(checker, "--project", project)
    assert (found.stdout + found.stderr).strip() == "" and found.returncode == 0


def test_unit_tests_pass():
    files = sorted(TESTS.glob("*.test.mjs"))  # by name: newer versions of Node take no folder
    assert files
    found = run(find_node(), "--test", *files)
    assert found.returncode == 0, found.stdout + found.stderr
