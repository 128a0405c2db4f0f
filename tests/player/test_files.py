"""The player's modules: each imports what it uses, and joined they are one script."""

from __future__ import annotations

import re

import pytest

from seda.player.files import ENTRY, FOLDER, PAPER, STAND, WIDGET, player_script, player_style
from seda.player.stand_page import WORKER

MODULES = {path.name: path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("*.js"))}
_DECLARED = re.compile(r"^(export )?(?:class|function|const|let) (\w+)", re.MULTILINE)
_IMPORTED = re.compile(r'^import \{ (.*?) \} from "\./([\w-]+\.js)";$', re.MULTILINE)


def declared(name: str) -> dict[str, bool]:
    """Names that a module declares at its top level, and whether it exports them."""
    return {word: bool(export) for export, word in _DECLARED.findall(MODULES[name])}


def used_words(name: str) -> set[str]:
    """Words of a module's code that do not follow a dot, without comments, texts and imports."""
    code = re.sub(r"/\*.*?\*/", "", _IMPORTED.sub("", MODULES[name]), flags=re.DOTALL)
    code = re.sub(r'(?<!:)//.*|"(?:[^"\\\n])*"', '""', code)
    return set(re.findall(r"(?:(?<=\.\.\.)|(?<![.\w#]))[A-Za-z_]\w*", code))


@pytest.mark.parametrize("name", MODULES)
def test_imports_are_exported_there_and_used_here(name: str):
    for words, source in _IMPORTED.findall(MODULES[name]):
        for word in words.split(", "):
            assert declared(source).get(word), f"{name} imports {word}, which {source} does not export"
            assert word in used_words(name), f"{name} imports {word} and does not use it"


@pytest.mark.parametrize("name", MODULES)
def test_nothing_is_used_without_an_import(name: str):
    imported = {word for words, _ in _IMPORTED.findall(MODULES[name]) for word in words.split(", ")}
    elsewhere = {word for other in MODULES if other != name for word, export in declared(other).items() if export}
    assert not (used_words(name) & elsewhere) - imported - set(declared(name))


def test_joined_they_are_one_script():
    script = player_script()
    assert "import {" not in script
    exports = re.findall(r"^export .*", script, re.MULTILINE)
    assert [line.split("(")[0] for line in exports] == [
        "export function mount",
        "export default function streamlitComponent",
    ]
    names = [word for name in MODULES for word in declared(name)]
    assert len(names) == len(set(names)), "two modules declare one name: joined they would clash"
    for name in MODULES:  # every module is needed, and stands before those that import it
        assert name in (ENTRY, PAPER, STAND, WIDGET, WORKER) or any(
            name == source for text in MODULES.values() for _, source in _IMPORTED.findall(text)
        )
    alone = ("stand_settings.js", "stand_asking.js", STAND, WIDGET, WORKER, PAPER)
    in_order(script, [name for name in MODULES if name not in alone])


def in_order(script: str, names: list[str]) -> None:
    positions = {
        name: re.search(rf"(const|class|function) {next(iter(declared(name)))}\b", script).start() for name in names
    }
    for name in names:
        assert all(positions[source] < positions[name] for _, source in _IMPORTED.findall(MODULES[name]))


def test_the_widget_is_a_module_of_the_player_alone():
    script = player_script(WIDGET)
    assert re.findall(r"^(?:import|export) .*", script, re.MULTILINE) == ["export default { render: renderWidget };"]
    needed = [name for name in MODULES if re.search(rf"(const|class|function) {next(iter(declared(name)))}\b", script)]
    assert WIDGET in needed and ENTRY not in needed and STAND not in needed
    in_order(script, needed)


def test_the_stand_begins_by_itself():
    script = player_script(STAND)
    assert not re.search(r"^(import|export) ", script, re.MULTILINE)
    needed = [name for name in MODULES if re.search(rf"(const|class|function) {next(iter(declared(name)))}\b", script)]
    assert STAND in needed and ENTRY not in needed and WORKER not in needed
    in_order(script, needed)


def test_what_draws_on_paper_is_a_plain_script_of_what_it_needs():
    script = player_script(PAPER)
    assert not re.search(r"^(import|export) ", script, re.MULTILINE)
    assert "class MapPainter" in script and "class Player " not in script
    needed = [name for name in MODULES if re.search(rf"(const|class|function) {next(iter(declared(name)))}\b", script)]
    assert PAPER in needed and ENTRY not in needed
    in_order(script, needed)


def test_the_style_sheet_loads_nothing_from_elsewhere():
    assert "url(" not in player_style() and "@import" not in player_style()
