"""`pip install -e .` gives the command `seda`; the requirement files stay the one place of what is needed."""

from __future__ import annotations

import tomllib
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_every_file_of_the_package_is_package_data():
    patterns = PROJECT["tool"]["setuptools"]["package-data"]
    packed = {
        path
        for name, globs in patterns.items()
        for glob in globs
        for path in (ROOT / name.replace(".", "/")).glob(glob)
    }
    left = {path for path in (ROOT / "seda").rglob("*") if path.is_file() and path.suffix not in (".py", ".pyc")}
    assert left - packed == set() and (ROOT / "seda/player/web/player.js") in packed


def test_every_folder_is_a_package():
    folders = {path.parent for path in (ROOT / "seda").rglob("*.py")}
    assert [folder for folder in sorted(folders) if not (folder / "__init__.py").is_file()] == []


def test_the_command_is_there_and_the_dependencies_are_read():
    module, _, name = PROJECT["project"]["scripts"]["seda"].partition(":")
    assert callable(getattr(import_module(module), name))
    listed = ROOT / PROJECT["tool"]["setuptools"]["dynamic"]["dependencies"]["file"]
    lines = [line.split("#")[0].strip() for line in listed.read_text(encoding="utf-8").splitlines()]
    assert not any(line.startswith("-") for line in lines) and any(line.startswith("streamlit") for line in lines)
