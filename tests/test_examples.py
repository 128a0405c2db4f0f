"""The notebooks of examples/: each runs from start to end, its last cell that shows anything plays, and what it computed is sane."""

from __future__ import annotations

import json
import os
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.optional import need

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
ARTIFACTS = Path(__file__).resolve().parent / "artifacts"
NOTEBOOKS = sorted(EXAMPLES.glob("*.ipynb"))
# run behind the notebook's last cell, in its kernel: the journey's numbers
ASK = """
import json
print(json.dumps({
    "shape": list(journey.trajectory.states.shape),
    "finite": bool(np.isfinite(journey.trajectory.states).all()),
    "moved": float(np.linalg.norm(np.diff(journey.trajectory.states, axis=1), axis=2).max(1).min()),
    "right": float((journey.trajectory.answers == journey.labels).mean()),
    "words": len(journey.trajectory.class_names),
    "thumbnails": sum(map(bool, journey.thumbnails)),
    "ghost": journey.ghost is not None,
}))
"""
# items, states, class texts, and the least share of right answers: between guessing and what was measured (.8, .58, .9, 1 and 1)
EXPECTED = {
    "a-flow-beside-seda": (30, 26, 10, 0.6),
    "emoji-by-two-artists": (24, 53, 12, 0.3),
    "epochs-of-a-training": (60, 41, 10, 0.8),
    "layers-of-a-network": (11, 8, 10, 0.8),
    "steps-of-a-diffusers-pipeline": (40, 26, 10, 0.5),
}


class _Frames(HTMLParser):
    """The pages inside of frames."""

    def __init__(self) -> None:
        super().__init__()
        self.pages: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "iframe":
            self.pages.append(dict(attrs).get("srcdoc") or "")


def players(cell: dict) -> list[dict]:
    """What the players' pages in a cell's outputs play."""
    frames = _Frames()
    for output in cell.get("outputs", []):
        frames.feed(output.get("data", {}).get("text/html", ""))
    pages = [re.search(r'<script type="application/json" id="journey">(.*?)</script>', page) for page in frames.pages]
    return [json.loads(page[1]) for page in pages if page]


def test_there_is_one_of_each_and_the_readme_lists_them():
    assert [path.stem for path in NOTEBOOKS] == sorted(EXPECTED)
    readme = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    assert sorted(set(re.findall(r"\]\(([\w-]+)\.ipynb\)", readme))) == sorted(EXPECTED)
    code = "".join("".join(cell["source"]) for path in NOTEBOOKS for cell in read(path)["cells"])
    for recorder in ("StepRecorder", "LayerRecorder", "EpochRecorder", "record_flow", "seda.trace", "seda.compare"):
        assert recorder in code


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_kept_without_outputs(path: Path):
    cells = [cell for cell in read(path)["cells"] if cell["cell_type"] == "code"]
    assert cells and all(cell["outputs"] == [] and cell["execution_count"] is None for cell in cells)
    assert all(len(cell["source"]) <= 25 for cell in cells)  # lines of a cell
    assert path.stat().st_size < 20_000


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_from_start_to_end(path: Path, tmp_path: Path):
    need("nbclient", "nbformat", "ipykernel")
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(path, as_version=4)
    shown = max(at for at, cell in enumerate(notebook.cells) if cell.cell_type == "code")
    notebook.cells.append(nbformat.v4.new_code_cell(ASK))
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("COV_", "PYTEST"))}
    folders = {name: str(tmp_path / name.lower()) for name in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR")}
    # one thread each: after numba's first parallel call torch's threads wait for one another, see conftest.py
    threads = {"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
    env = {**kept, **folders, **threads, "PYTHONPATH": str(EXAMPLES.parent), "HF_HUB_OFFLINE": "1"}
    work = tmp_path / "work"
    work.mkdir()
    client = NotebookClient(notebook, timeout=400, kernel_name="python3", resources={"metadata": {"path": str(work)}})
    client.execute(env=env)
    ARTIFACTS.mkdir(exist_ok=True)
    nbformat.write(notebook, ARTIFACTS / path.name)  # to be looked at
    (player,) = players(notebook.cells[shown])
    found = json.loads(notebook.cells[-1].outputs[0].text)
    items, states, words, least = EXPECTED[path.stem]
    assert found["shape"][:2] == [items, states] and found["words"] == words and found["thumbnails"] == items
    assert len(player["items"]) == items and player["title"]
    assert found["finite"] and found["moved"] > 0 and least <= found["right"] <= 1
    assert found["ghost"] == (path.stem == "a-flow-beside-seda")
    assert list(work.iterdir()) == []  # it leaves nothing behind


def read(path: Path) -> dict:
    """A notebook's JSON."""
    content: dict = json.loads(path.read_text(encoding="utf-8"))
    return content
