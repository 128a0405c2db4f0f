"""The player in JupyterLab, with a kernel, and on pages that nbconvert wrote, without one."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from socket import socket

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.served import ROOT
from tests.optional import need
from tests.toy import toy_journey

pytestmark = [pytest.mark.browser, pytest.mark.slow]

STEPS = 2 * 8 + 2  # last step of the toy journey
CELLS = (
    "from seda.journeys.journey import Journey\njourney = Journey.load('journey.safetensors')",
    "journey",
    "from seda.player.widget import PlayerWidget\nplayer = PlayerWidget(journey, height=500)\nplayer",
    "print('told', player.step, player.selection, player.map)",
    "player.step, player.selection, player.map = 5, [4, 2], 'timeline'",
)
TOKEN = secrets.token_hex(16)
PLAYERS, TELL, SET = (1, 2), 3, 4  # indices of those cells
TOLD = "() => document.querySelector('.jp-Notebook').innerText.match(/^told .*/m)?.[0]"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a notebook and the journey that it opens."""
    need("anywidget", "jupyterlab", "nbconvert")
    place = tmp_path_factory.mktemp("notebooks")
    toy_journey(items=6).save(place / "journey.safetensors")
    empty = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None}
    cells = [{**empty, "id": f"cell-{number}", "source": source} for number, source in enumerate(CELLS)]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = {"nbformat": 4, "nbformat_minor": 5, "metadata": {"kernelspec": kernel}, "cells": cells}
    (place / "play.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
    return place


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Jupyter with settings of its own, none of who runs the tests."""
    home = tmp_path_factory.mktemp("jupyter")
    news = home / "settings" / "@jupyterlab" / "apputils-extension" / "notification.jupyterlab-settings"
    news.parent.mkdir(parents=True)
    news.write_text(json.dumps({"fetchNews": "false", "checkForUpdates": False}))
    names = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR", "JUPYTERLAB_WORKSPACES_DIR")
    folders = {name: str(home / name.lower()) for name in names}
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("JUPYTER", "COV_", "PYTEST"))}
    return {**kept, **folders, "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"), "PYTHONPATH": str(ROOT)}


@pytest.fixture(scope="module")
def lab(folder: Path, environment: dict[str, str]) -> Iterator[str]:
    """The address of a JupyterLab that serves the folder."""
    with socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ("--no-browser", "--allow-root", f"--port={port}", "--ip=127.0.0.1", f"--ServerApp.root_dir={folder}")
    ours = (
        f"--IdentityProvider.token={TOKEN}",
        "--LabApp.expose_app_in_browser=True",
        "--LabApp.extension_manager=readonly",
    )
    log = folder / "log.txt"
    with log.open("wb") as output:
        server = subprocess.Popen([sys.executable, "-m", "jupyterlab", *options, *ours], env=environment, stdout=output, stderr=output)  # fmt: skip
        try:
            _wait_for(f"http://127.0.0.1:{port}/api", server, log)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            server.wait(timeout=20)


def _wait_for(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end and server.poll() is None:
        try:
            with urllib.request.urlopen(address, timeout=2):
                return
        except OSError:
            time.sleep(0.2)
    pytest.fail(f"JupyterLab did not start:\n{log.read_text(errors='replace')}")


@pytest.fixture
def desk(chromium: Browser) -> Iterator[Page]:
    """A page in which no script may fail; what Jupyter itself logs is its own."""
    context = chromium.new_context(viewport={"width": 1280, "height": 720})
    page, problems = context.new_page(), list[str]()
    page.on("pageerror", lambda error: problems.append(str(error)))
    yield page
    context.close()
    assert problems == []


def run_cell(page: Page, index: int) -> None:
    """Run one cell as its button does, and wait for its answer."""
    page.evaluate(
        """async (index) => {
            const { shell, commands } = window.jupyterapp;
            shell.currentWidget.content.activeCellIndex = index;
            await commands.execute("notebook:run-cell");
        }""",
        index,
    )


def told(page: Page) -> str:
    """What Python knows of the second player."""
    run_cell(page, TELL)
    page.wait_for_function(TOLD)
    return page.evaluate(TOLD).removeprefix("told ")


def rests(root: Locator, step: int) -> None:
    expect(root).to_have_attribute("data-playing", "false")
    expect(root).to_have_attribute("data-step", str(step))
    root.page.wait_for_timeout(500)  # what has come to rest is told after a pause


def test_plays_in_jupyterlab_and_tells_python(desk: Page, lab: str, folder: Path, environment, artifacts: Path):
    page = desk
    page.goto(f"{lab}/lab/tree/play.ipynb?token={TOKEN}")
    page.wait_for_function(
        "() => window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'"
    )
    for index in (0, *PLAYERS):
        run_cell(page, index)
    players = page.get_by_test_id("player-root")
    expect(players).to_have_count(2)
    for number in range(2):  # the journey as the last line, and the widget by its name
        players.nth(number).get_by_test_id("speed").select_option("4")
        rests(players.nth(number), STEPS)
    assert players.nth(0).evaluate("root => root.sedaPlayer.theme.paper") == [255, 255, 255]  # the notebook's own
    players.nth(0).evaluate("root => root.scrollIntoView()")
    page.screenshot(path=artifacts / "notebook.png")
    assert told(page) == f"{STEPS} [] umap-2d"

    second = players.nth(1)
    second.get_by_test_id("gallery-card").nth(3).click()
    second.get_by_test_id("map").focus()
    for key in ("Home", "ArrowRight", "ArrowRight", "m", "x"):  # to a notebook: make this cell text, and cut it
        page.keyboard.press(key)
    rests(second, 2)
    assert told(page) == "2 [3] umap-3d"
    assert page.evaluate("() => window.jupyterapp.shell.currentWidget.content.widgets.map((cell) => cell.model.type)") == ["code"] * len(CELLS)  # fmt: skip

    run_cell(page, SET)
    rests(second, 5)
    expect(second).to_have_attribute("data-selection", "2,4")
    expect(second).to_have_attribute("data-map", "timeline")
    assert told(page) == "5 [2, 4] timeline"
    expect(players.nth(0)).to_have_attribute("data-selection", "")  # each widget is its own

    page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    saved = folder / "saved.ipynb"
    shutil.copy(folder / "play.ipynb", saved)
    plays_without_kernel(page, exported(saved, environment))
    page.screenshot(path=artifacts / "notebook-exported.png")


def test_a_notebook_that_nobody_sits_at_is_exported_playing(desk: Page, folder: Path, environment):
    alone = shutil.copy(folder / "play.ipynb", folder / "alone.ipynb")
    plays_without_kernel(desk, exported(Path(alone), environment, "--execute"))


def exported(notebook: Path, environment: dict[str, str], *options: str) -> Path:
    """The notebook as a page."""
    command = [sys.executable, "-m", "nbconvert", "--to", "html", *options, str(notebook)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    return notebook.with_suffix(".html")


def plays_without_kernel(page: Page, file: Path) -> None:
    """Both players of a page play to their end, and can be used, while nothing comes from any server."""
    page.route("http*://**", lambda route: route.abort())
    page.goto(file.as_uri())
    frames = page.locator("iframe[title='Journey player']")
    expect(frames).to_have_count(2)
    for number in range(2):
        frames.nth(number).scroll_into_view_if_needed()  # a frame out of sight waits until it is seen
        frame = frames.nth(number).content_frame
        frame.get_by_test_id("speed").select_option("4")
        root = frame.get_by_test_id("player-root")
        expect(root).to_have_attribute("data-step", str(STEPS))
        frame.get_by_test_id("gallery-card").nth(1).click()
        expect(root).to_have_attribute("data-selection", "1")
