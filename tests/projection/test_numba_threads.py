"""numba's workqueue layer, which a machine without OpenMP and TBB gets, ends the process when two threads use it at once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import sys, threading
import numpy as np
from seda.projection import fit
import numba

if sys.argv[1] == "without":
    import contextlib
    fit.ONE_AT_A_TIME = contextlib.nullcontext()
points = np.random.default_rng(0).normal(size=(3000, 8)).astype(np.float32)
expected, failures = fit.fuzzy_graph(points, 10).tocsr(), []

def work():
    try:
        for _ in range(4):
            assert (fit.fuzzy_graph(points, 10).tocsr() != expected).nnz == 0
    except BaseException as error:
        failures.append(repr(error))

threads = [threading.Thread(target=work) for _ in range(6)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(numba.threading_layer(), failures)
"""


@pytest.mark.slow
def test_six_threads_on_the_layer_that_takes_one():
    root = str(Path(__file__).resolve().parents[2])
    environment = {**os.environ, "NUMBA_THREADING_LAYER": "workqueue", "NUMBA_NUM_THREADS": "2", "PYTHONPATH": root}
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SCRIPT, "with"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert (ended.returncode, ended.stdout.strip()) == (0, "workqueue []"), ended.stderr[-2000:]
