"""Shared by all tests: a small real aligner and pictures for it."""

from __future__ import annotations

import fcntl
import gc
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.tiny import CLASSES, picture, tiny_aligner

if TYPE_CHECKING:
    from xdist.remote import Producer
    from xdist.scheduler import LoadScopeScheduling

if "PYTEST_XDIST_WORKER" in os.environ:  # workers share the cores; before torch is imported
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    # numba's first parallel call sets OpenMP's number for its thread, and so torch's: trainings after a map took 60 times as long
    os.environ.setdefault("NUMBA_NUM_THREADS", "1")


ALONE = "SEDA_TEST_ALONE"  # set where a test has a process of its own
BROWSERS = ("tests/browser/", "tests/test_benchmarks.py")  # where tests are that drive one


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest parts first: browsers, then what needs no aligner that another worker is making.

    Slow tests and browsers run without coverage, whose tracing makes Python a third slower.
    """
    for item in items:
        browser = item.get_closest_marker("browser") is not None
        if browser and not item.nodeid.startswith(BROWSERS):
            raise pytest.UsageError(f"{item.nodeid} drives a browser; such tests are in {' and '.join(BROWSERS)}.")
        if browser or item.get_closest_marker("slow") is not None:
            item.add_marker("no_cover")
    items.sort(key=lambda item: (not item.nodeid.startswith(BROWSERS), not item.nodeid.startswith("tests/baselines/")))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """What is imported and collected stays: meanwhile there is no garbage to look for."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


def pytest_collection_finish() -> None:
    """What stays is never looked at again: a full collection of garbage, one a minute, would."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """A test marked `alone` runs in a process of its own: what it does to its process cannot be undone."""
    if pyfuncitem.get_closest_marker("alone") is None or ALONE in os.environ:
        return None
    call = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "0", "--no-cov", pyfuncitem.nodeid]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("COV_", "PYTEST"))}
    found = subprocess.run(
        call, env=kept | {ALONE: "1"}, cwd=pyfuncitem.config.rootpath, capture_output=True, text=True
    )
    assert found.returncode == 0 and "1 passed" in found.stdout, found.stdout[-5000:] + found.stderr[-2000:]
    return True


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling | None:
    """For `-n 2 --dist loadgroup`: a file's tests share fixtures and stay together, and no two browsers run at a time.

    xdist's own groups are not heeded under pytest 9.2 (xdist's issue 1386).
    """
    if config.getvalue("dist") != "loadgroup":
        return None
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return BROWSERS[0] if nodeid.startswith(BROWSERS) else nodeid.partition("::")[0]

    config.option.loadscopereorder = False  # as they were collected
    return ByFile(config, log)


@pytest.fixture(scope="session")
def aligner_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small aligner for drawn shapes; read-only."""
    return made_once(tmp_path_factory, "tiny", tiny_aligner)


@pytest.fixture(scope="session")
def learned_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with a learned denoiser."""
    return made_once(tmp_path_factory, "learned", partial(tiny_aligner, denoiser="learned"))


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], Path]) -> Path:
    """A folder that the first worker makes who needs it, and the others wait for."""
    base = factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / f"shared-{name}"
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            make(folder.with_suffix(".part")).rename(folder)
    return folder


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of six drawn shapes; read-only."""
    folder = tmp_path_factory.mktemp("pictures")
    for label, name in enumerate(CLASSES):
        for seed in (100, 101):
            picture(label, seed).save(folder / f"{name} {seed}.png")
    return folder
