"""Shared by all tests: a small real aligner and pictures for it."""

from __future__ import annotations

import gc
import os
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


BROWSERS = ("tests/browser/", "tests/test_benchmarks.py")  # where tests are that drive one; the longest part


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest part first."""
    for item in items:
        if item.get_closest_marker("browser") is not None and not item.nodeid.startswith(BROWSERS):
            raise pytest.UsageError(f"{item.nodeid} drives a browser; such tests are in {' and '.join(BROWSERS)}.")
    items.sort(key=lambda item: not item.nodeid.startswith(BROWSERS))


def pytest_collection_finish() -> None:
    """What was imported and collected stays: a full collection of garbage, one a minute, would look at all of it."""
    gc.collect()
    gc.freeze()


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
    return tiny_aligner(tmp_path_factory.mktemp("aligner") / "tiny")


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of six drawn shapes; read-only."""
    folder = tmp_path_factory.mktemp("pictures")
    for label, name in enumerate(CLASSES):
        for seed in (100, 101):
            picture(label, seed).save(folder / f"{name} {seed}.png")
    return folder
