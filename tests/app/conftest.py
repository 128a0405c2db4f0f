"""The app's pages over assets of their own: a small aligner, two stored examples (one of them its own), samples."""

from __future__ import annotations

import gc
import shutil
from collections.abc import Callable, Iterator
from functools import cache as cached
from pathlib import Path
from types import SimpleNamespace

import pytest
from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import AppTest

import seda.card
from seda.config import SamplingConfig
from seda.images import read_images
from seda.journeys.journey import Journey
from seda.ui import cache
from seda.ui.serving.shared_runs import SHARED_RUNS
from seda.ui.state import AppState
from tests.tiny import CLASSES
from tests.toy import toy_journey

ROOT = Path(__file__).resolve().parents[2]
STEPS = 4  # of the stored example


@pytest.fixture(scope="session")
def assets_folder(
    aligner_dir: Path, learned_dir: Path, pictures: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    folder = tmp_path_factory.mktemp("assets")
    shutil.copytree(aligner_dir, folder / "aligners" / seda.card.DEFAULT_ALIGNER)
    shutil.copytree(learned_dir, folder / "aligners" / "learned")
    shutil.copytree(pictures, folder / "samples" / "shapes")
    _shapes(aligner_dir, pictures).save(folder / "journeys" / "01-shapes.safetensors")
    toy_journey().save(folder / "journeys" / "toy.safetensors")
    return folder


def _shapes(aligner_dir: Path, pictures: Path) -> Journey:
    """Three of the pictures, traced; its settings differ from the defaults, as a stored example's may."""
    from seda.aligner import load_aligner
    from seda.encoders import load_encoder
    from seda.journeys.tracing import Workbench, trace_images
    from seda.projection import load_maps

    aligner = load_aligner(aligner_dir)
    workbench = Workbench(aligner, load_encoder(aligner.card.encoder), load_maps(aligner_dir))
    images, _ = read_images((path.stem, path.read_bytes()) for path in sorted(pictures.glob("*.png"))[::2])
    sampling = SamplingConfig(num_inference_steps=STEPS, guidance=4.0)
    return trace_images(images, (*CLASSES, "a toy"), workbench, sampling, title="Three shapes")


@pytest.fixture(scope="module")
def assets(assets_folder: Path) -> Iterator[Path]:
    """In place of the shipped assets, for one module: other tests need the real ones."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(seda.card, "ASSETS", assets_folder / "aligners")
        patch.setenv("SEDA_ALIGNERS", str(assets_folder / "no-home"))  # what was trained on this machine is not seen
        patch.setattr(cache, "JOURNEYS", assets_folder / "journeys")
        patch.setattr(cache, "SAMPLES", assets_folder / "samples")
        cache.samples.clear()  # of what else is kept the key says where it was
        yield assets_folder
    cache.samples.clear()


@pytest.fixture(autouse=True, scope="session")
def packages_are_looked_through_once() -> Iterator[None]:
    """For components, all that are installed; each AppTest does it, and it takes as long as a page."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manifest_scanner, "scan_component_manifests", cached(manifest_scanner.scan_component_manifests))
        yield


@pytest.fixture(autouse=True, scope="session")
def what_pytest_holds_is_not_looked_through() -> Iterator[None]:
    """Whenever a model is replaced, a server looks for garbage among all that it has; here that would be a second each."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cache, "gc", SimpleNamespace(collect=gc.collect, freeze=gc.freeze, unfreeze=lambda: None))
        yield


@pytest.fixture(autouse=True)
def nothing_shared() -> None:
    """Each test runs what it asks for itself."""
    SHARED_RUNS.clear()


@pytest.fixture
def open_app(assets: Path) -> Callable[[], AppTest]:
    """A new visitor on the first page, with the parameters of a link if any are given."""

    def open_it(**params: str) -> AppTest:
        app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
        app.query_params.update(params)
        app.run()
        assert not app.exception
        return app

    return open_it


def state_of(app: AppTest) -> AppState:
    return app.session_state["seda.state"]


def said(app: AppTest, kind: str) -> str:
    """What stands on the page in elements of a kind ("error", "info", "caption", ...), without Markdown's escapes."""
    assert not app.exception
    return " ".join(element.value.replace("\\", "") for element in app.get(kind))


def press(app: AppTest, key: str = "trajectories.run") -> AppTest:
    app.button(key=key).click().run()
    assert not app.exception
    return app


def upload(
    app: AppTest, files: list[tuple[str, bytes, str]], page: str = "trajectories", kind: str = "files"
) -> AppTest:
    """Files (name, content, type) into the page's uploader, which is there already."""
    app.file_uploader(key=f"{page}.uploads.{kind}.{state_of(app).upload_round}").set_value(files).run()
    assert not app.exception
    return app


def type_classes(app: AppTest, text: str) -> AppTest:
    return app.text_area(key="trajectories.classes").set_value(text).run()


@pytest.fixture
def labelled(assets, monkeypatch):
    """The samples of these tests have no samples.json: their labels are their names without the number."""
    plain = cache._sample

    def with_label(folder, entry):
        sample = plain(folder, entry)
        return sample if sample.label else type(sample)(**{**vars(sample), "label": sample.path.stem.rsplit(" ", 1)[0]})

    monkeypatch.setattr(cache, "_sample", with_label)
    cache.samples.clear()
    yield
    cache.samples.clear()


def upload_paths(app: AppTest, name: str, content: bytes) -> AppTest:
    """Give a file to "Open a replay, or paths of your own"."""
    app.file_uploader(key="trajectories.replay").set_value((name, content, "")).run()
    assert not app.exception
    return app
