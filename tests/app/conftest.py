"""The app's pages over assets of their own: a small aligner, a stored example, samples."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

import seda.card
from seda.ui import cache
from tests.toy import toy_journey

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def assets_folder(aligner_dir: Path, pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("assets")
    shutil.copytree(aligner_dir, folder / "aligners" / seda.card.DEFAULT_ALIGNER)
    shutil.copytree(pictures, folder / "samples" / "shapes")
    toy_journey().save(folder / "journeys" / "toy.safetensors")
    return folder


@pytest.fixture(scope="module")
def assets(assets_folder: Path) -> Iterator[Path]:
    """In place of the shipped assets, for one module: other tests need the real ones."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(seda.card, "ASSETS", assets_folder / "aligners")
        patch.setattr(cache, "JOURNEYS", assets_folder / "journeys")
        patch.setattr(cache, "SAMPLES", assets_folder / "samples")
        st.cache_resource.clear()
        yield assets_folder
        st.cache_resource.clear()


@pytest.fixture
def open_app(assets: Path) -> Callable[[], AppTest]:
    """A new visitor on the first page."""

    def open_it() -> AppTest:
        app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120).run()
        assert not app.exception
        return app

    return open_it
