"""Shared by all tests: a small real aligner and pictures for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tiny import CLASSES, picture, tiny_aligner


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
