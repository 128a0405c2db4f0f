"""Shared by all tests: a small real aligner and pictures for it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.tiny import CLASSES, picture, tiny_aligner

if "PYTEST_XDIST_WORKER" in os.environ:  # workers share the cores; before torch is imported
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    # numba's first parallel call sets OpenMP's number for its thread, and so torch's: trainings after a map took 60 times as long
    os.environ.setdefault("NUMBA_NUM_THREADS", "1")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """For `-n 2`: a file's tests share fixtures and stay together, and no two browsers run at a time. The longest part first."""
    for item in items:
        in_browser = item.get_closest_marker("browser") is not None
        item.add_marker(pytest.mark.xdist_group("browser" if in_browser else str(item.path)))
    items.sort(key=lambda item: item.get_closest_marker("browser") is None)


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
