"""The direction of imports: app.py -> pages -> seda.ui, seda.figures -> core, never back."""

from __future__ import annotations

import ast
import json
import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest

import seda
from seda.ui.page_list import PAGES

ROOT = Path(seda.__file__).resolve().parents[1]
NO_CORE = ("seda.ui", "seda.__main__")
OPTIONAL = {"seda.player.widget": "anywidget"}  # what a module needs that not everybody has
DRAWS = ("seda.figures", "seda.export", "seda.player")  # the only rooms outside of the screen that may know plotly
# From the ground up, as docs/architecture.md draws them: a room imports its own layer and those below. The longest name counts.
LAYERS = (
    ("seda", "seda.errors"),
    ("seda.array_layout", "seda.card", "seda.class_texts", "seda.config", "seda.device", "seda.images", "seda.making",
     "seda.map_forms", "seda.map_schema", "seda.mel", "seda.picture_apart", "seda.picture_bounds", "seda.picture_worker", "seda.schema", "seda.shipped", "seda.sounds",
     "seda.storage"),
    ("seda.diffusion", "seda.models"),
    ("seda.stages",),
    ("seda.journeys.settings", "seda.journeys.trajectory", "seda.evaluation"),
    ("seda.aligner", "seda.modal_aligner"),
    ("seda.data", "seda.encoders", "seda.projection"),
    ("seda.journeys", "seda.search"),
    ("seda.baselines", "seda.figures", "seda.training"),
    ("seda.federation",),
    ("seda.player",),
    ("seda.export",),
    ("seda.api", "seda.benchmark", "seda.recorders"),
    ("seda.commands", "seda.ui"),
    ("seda.__main__", "seda.cli"),
)  # fmt: skip
# what a single answer does without: schedulers of diffusers, a compiler, searches, tables, other encoders' libraries, drawings
NOT_FOR_AN_ANSWER = (
    "diffusers", "huggingface_hub", "open_clip", "pandas", "plotly", "sentence_transformers", "scipy", "sklearn", "streamlit",
    "sympy", "timm", "torch._dynamo", "torch._inductor", "torchvision", "transformers", "umap",
)  # fmt: skip
ANSWER = """
import sys
from seda.cli import main
status = main(["classify", "assets/samples/photos/cat.jpg", "--classes", "a cat, a wolf", "--json"])
print([name for name in {names!r} if name in sys.modules], file=sys.stderr)
sys.exit(status)
"""
BLOCKED_IMPORT = """
import importlib, sys
for name in {blocked!r}:
    sys.modules[name] = None
for name in {modules!r}:
    importlib.import_module(name)
"""


def core_modules() -> list[str]:
    found = [info.name for info in pkgutil.walk_packages(seda.__path__, "seda.")]
    return [name for name in found if not name.startswith(NO_CORE) and find_spec(OPTIONAL.get(name, "seda"))]


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=300)


def test_core_imports_neither_streamlit_nor_plotly():
    """As its text says; that nothing else brings them in is the slow test below."""
    known, seen = _all_modules(), set[str]()
    waiting = {name for name in core_modules() if not name.startswith(DRAWS)}
    assert "seda.aligner" in waiting and "seda.journeys.tracing" in waiting
    while waiting:
        seen.add(name := waiting.pop())
        at_once = list(_at_once(_tree(name)))
        packages = {one.split(".")[0] for node in at_once for one in _named(node)}
        assert not packages & {"streamlit", "plotly"}, name
        waiting |= {one for node in at_once for one in _of_seda(node, known)} - seen


@pytest.mark.slow
def test_an_answer_imports_only_what_it_uses():
    """What it costs is `python -m seda bench start --rows first-answer`."""
    result = run(ANSWER.format(names=NOT_FOR_AN_ANSWER))
    assert result.returncode == 0, result.stderr
    (answer,) = json.loads(result.stdout)
    assert answer["classes"][0]["name"] == "a cat" and answer["classes"][0]["probability"] > 0.9
    assert result.stderr.splitlines()[-1] == "[]"


@pytest.mark.slow
def test_core_needs_neither_streamlit_nor_plotly():
    modules = [name for name in core_modules() if not name.startswith(DRAWS)]
    result = run(BLOCKED_IMPORT.format(blocked=("streamlit", "plotly"), modules=modules))
    assert result.returncode == 0, result.stderr


def test_figures_and_exports_need_neither_streamlit_nor_torch():
    modules = [name for name in core_modules() if name.startswith(DRAWS)]
    result = run(BLOCKED_IMPORT.format(blocked=("streamlit", "torch"), modules=modules))
    assert result.returncode == 0, result.stderr


def test_figures_metrics_and_maps_know_no_model():
    """evaluation and figures take arrays."""
    for folder in ("evaluation", "figures"):
        for path in (ROOT / "seda" / folder).glob("*.py"):
            known = {name for name in _imports(path) if name.startswith("seda.")}
            assert not {name for name in known if name.startswith(("seda.aligner", "seda.models", "seda.stages"))}, path


def test_pages_are_thin():
    """No tensor arithmetic, no caching, no classes, no session state: those have rooms of their own."""
    pages = sorted((ROOT / "pages").glob("*.py"))
    assert [page.stem for page in pages] == sorted(page.name for page in PAGES)
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert len(text.splitlines()) <= 100, page
        assert not any(word in text for word in ("st.cache", "session_state", "\nclass ", "assets/")), page
        assert not {name.split(".")[0] for name in _imports(page)} & {"torch", "numpy"}, page


def test_only_their_rooms_use_session_state_and_caches():
    for word, home in (("st.session_state", "state.py"), ("@st.cache_", "cache.py")):
        users = [path.name for path in (ROOT / "seda").rglob("*.py") if word in _code(path)]
        assert users == [home]


def _imports(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {name for node in ast.walk(tree) for name in _named(node)}


def _named(node: ast.AST) -> set[str]:
    """What a statement imports."""
    if isinstance(node, ast.Import):
        return {alias.name for alias in node.names}
    return {node.module} if isinstance(node, ast.ImportFrom) and node.module else set()


def _at_once(tree: ast.AST) -> Iterator[ast.AST]:
    """All that is run when a module is imported: what is not inside a function."""
    for node in ast.iter_child_nodes(tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield node
            yield from _at_once(node)


def _code(path: Path) -> str:
    """The file without its docstring."""
    text = path.read_text(encoding="utf-8")
    return text.split('"""', 2)[-1]


def test_rooms_import_from_below():
    layer = {room: height for height, rooms in enumerate(LAYERS) for room in rooms}

    def room_of(module: str) -> str:
        return max((room for room in layer if f"{module}.".startswith(f"{room}.")), key=len)

    modules = _all_modules()
    assert {room_of(name) for name in modules} | {"seda"} == set(layer)
    assert [name for name in modules if room_of(name) == "seda"] == []
    upward = [
        f"{name} imports {needed}"
        for name in sorted(modules)
        for needed in sorted(_needs(name, modules))
        if layer[room_of(needed)] > layer[room_of(name)]
        or {room_of(name), room_of(needed)} == {"seda.commands", "seda.ui"}
    ]
    assert upward == []


def _all_modules() -> set[str]:
    return {info.name for info in pkgutil.walk_packages(seda.__path__, "seda.")}


def test_no_module_needs_itself():
    """Imports inside functions count; those for a type checker alone do not."""
    known = _all_modules()
    needs = {name: _needs(name, known) for name in known}
    settled: set[str] = set()
    while ready := {name for name in needs.keys() - settled if needs[name] <= settled}:
        settled |= ready
    assert sorted(needs.keys() - settled) == []


def _needs(name: str, known: set[str]) -> set[str]:
    return {needed for node in ast.walk(_tree(name)) for needed in _of_seda(node, known)} - {name}


def _of_seda(node: ast.AST, known: set[str]) -> set[str]:
    if not isinstance(node, ast.ImportFrom) or not node.module or not node.module.startswith("seda"):
        return set()
    of_it = {f"{node.module}.{one.name}" for one in node.names} & known
    return of_it or {node.module} & known


@cache
def _tree(name: str) -> ast.Module:
    """A module without what is for a type checker alone."""
    path = ROOT / Path(*name.split("."))
    tree = ast.parse((path / "__init__.py" if path.is_dir() else path.with_suffix(".py")).read_text(encoding="utf-8"))
    for node in [
        node for node in ast.walk(tree) if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
    ]:
        node.body = []
    return tree
