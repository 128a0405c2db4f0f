"""The documentation as pages: built strictly, so that every link leads somewhere, and with every public name."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import seda
from tests.optional import need

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def site_pages() -> ModuleType:
    """docs/site_pages.py."""
    need("mkdocs")
    spec = importlib.util.spec_from_file_location("site_pages", ROOT / "docs" / "site_pages.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_links_lead_to_where_files_are_among_the_pages(site_pages: ModuleType):
    text = (
        "[a](docs/app.md) [b](assets/README.md#x) ![c](docs/gallery/a.webp) [d](https://e.org/docs/f.md) [e](gone.md)"
    )
    assert site_pages.with_site_links(text, "README.md", "index.md") == (
        "[a](app.md) [b](assets.md#x) ![c](gallery/a.webp) [d](https://e.org/docs/f.md) [e](gone.md)"
    )
    text = "[a](../../README.md#start) [b](findings.md) [c](../maps.md)"
    assert site_pages.with_site_links(text, "docs/benchmark/README.md", "benchmark/README.md") == (
        "[a](../index.md#start) [b](findings.md) [c](../maps.md)"
    )


def test_a_public_name_that_the_page_does_not_name_is_added(site_pages: ModuleType, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(seda, "__all__", ["__version__", "SamplingConfig", "trace"])
    page = site_pages.with_public_names(f"::: seda.config.SamplingConfig\n\n{site_pages.REST}\n")
    found = re.findall(r"^::: (\S+)\n    options:\n      heading: (\S+)$", page, re.MULTILINE)
    assert found == [
        ("seda.config.SamplingConfig", "seda.SamplingConfig"),
        ("seda.__version__", "seda.__version__"),
        ("seda.api.trace", "seda.trace"),
    ]


@pytest.mark.slow
def test_the_pages_are_built_without_a_warning_and_hold_every_public_name(site_pages: ModuleType, tmp_path: Path):
    need("mkdocs", "material", "mkdocstrings", "anywidget")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    quiet = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    built = subprocess.run(command, cwd=ROOT, env=quiet, capture_output=True, text=True, timeout=300)
    assert built.returncode == 0, built.stdout + built.stderr
    page = (tmp_path / "api.html").read_text(encoding="utf-8")
    named = re.findall(r"^::: (\S+)$", (ROOT / "docs" / "api.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert len(named) >= 6
    for place in {*named, *site_pages.public_names()}:
        assert f'id="{place}"' in page, place
    assert set(site_pages.public_names().values()) == {f"seda.{name}" for name in seda.__all__}
    fetched = [url for file in tmp_path.rglob("*.html") for url in re.findall(r'<(?:script|link|img)[^>]+(?:src|href)="(https?:[^"]+)"', file.read_text(encoding="utf-8"))]  # fmt: skip
    assert fetched == []  # they can be read without a network
