"""A small part of `python tests/benchmarks/attack.py`, in this process: altered files give an answer or a SedaError, nothing else."""

from __future__ import annotations

import random
import warnings

import pytest

from seda.errors import SedaError
from tests.benchmarks.attack import KINDS

FILES = {
    "pictures": 40,
    "class_lists": 50,
    "replays": 25,
    "aligners": 20,
    "feature_files": 40,
    "configurations": 30,
    "folders": 5,
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_altered_files(kind, tmp_path):
    make, read = KINDS[kind]
    for what, path in make(tmp_path, random.Random(f"suite-{kind}"), FILES[kind]):
        try:
            with warnings.catch_warnings(action="ignore"):  # libraries warn of what they pass over
                read(path)
        except SedaError as error:
            assert what != "good", error
            assert str(error)
    assert not list(tmp_path.glob("RAN-*"))
