"""The house stays as it is kept: see tests/house.py."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house import largest, longest, undocumented


def test_what_is_public_says_what_it_is():
    bare, share = undocumented()
    assert share >= 0.99, bare


def test_functions_fit_on_a_screen():
    assert [(lines, name) for lines, name in longest() if lines > 60] == []


def test_files_stay_of_a_size():
    assert [(lines, name) for lines, name in largest() if lines > 660] == []


@pytest.mark.slow
def test_the_tests_of_a_file_run_in_one_worker():
    """Or each worker makes what they share, which no one notices but the clock."""
    files = ["tests/test_class_texts.py", "tests/test_storage.py", "tests/test_images.py"]
    call = [sys.executable, "-m", "pytest", "-n", "2", "--dist", "loadgroup", "-v", "-p", "no:cacheprovider", *files]
    alone = {name: value for name, value in os.environ.items() if "PYTEST" not in name}
    ran = subprocess.run(call, env=alone, cwd=Path(__file__).parents[1], capture_output=True, text=True, timeout=300)
    places = set(re.findall(r"^\[(gw\d)\].* (\S+)::", ran.stdout, re.MULTILINE))
    assert {worker for worker, _ in places} == {"gw0", "gw1"}, ran.stdout + ran.stderr
    assert sorted(file for _, file in places) == sorted(files)
