"""How the house is kept, in three figures: `python tests/house.py`.

    documented      share of public functions and classes of seda/ that say what they are
    longest         lines of the longest functions, docstring and signature included
    largest         lines of the largest files

tests/test_house.py keeps them.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def definitions() -> Iterator[tuple[str, Definition, bool]]:
    """Every function and class below seda/: where it stands, its node, and whether it is public.

    Public is what another module may use: no name on the way to it begins with an underscore, nor does it stand in a function.
    """

    def walk(node: ast.AST, name: str, public: bool) -> Iterator[tuple[str, Definition, bool]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, Definition):
                shown = public and not child.name.startswith("_")
                yield f"{name}:{child.name}", child, shown
                yield from walk(child, f"{name}:{child.name}", shown and isinstance(child, ast.ClassDef))
            else:
                yield from walk(child, name, public)

    for path in sorted((ROOT / "seda").rglob("*.py")):
        yield from walk(ast.parse(path.read_text(encoding="utf-8")), str(path.relative_to(ROOT)), True)


def undocumented() -> tuple[list[str], float]:
    """Public functions and classes without a docstring, and the share of those that have one.

    A method that a class above it, or a protocol in the same folder, already describes need not be described again.
    """
    public = [(name, node) for name, node, shown in definitions() if shown]
    classes = {name: node for name, node in public if isinstance(node, ast.ClassDef)}
    described: dict[
        str, set[str]
    ] = {}  # names of methods, by where they are described: a class, or a folder's protocols
    for name, node in classes.items():
        methods = {part.name for part in node.body if isinstance(part, Definition) and ast.get_docstring(part)}
        described.setdefault(node.name, set()).update(methods)
        if any("Protocol" in ast.unparse(base) for base in node.bases):
            described.setdefault(name.rpartition("/")[0], set()).update(methods)

    def is_described(name: str, node: Definition) -> bool:
        owner = classes.get(name.rpartition(":")[0])
        if ast.get_docstring(node) or owner is None:
            return bool(ast.get_docstring(node))
        above = {ast.unparse(base).partition("[")[0] for base in owner.bases} | {name.rpartition("/")[0]}
        return any(node.name in described.get(one, ()) for one in above)

    bare = [name for name, node in public if not is_described(name, node)]
    return bare, 1 - len(bare) / len(public)


def longest() -> list[tuple[int, str]]:
    """Functions by their lines, the longest first."""
    return sorted(((node.end_lineno - node.lineno + 1, name) for name, node, _ in definitions() if not isinstance(node, ast.ClassDef)), reverse=True)  # fmt: skip


def largest() -> list[tuple[int, str]]:
    """Files by their lines, the largest first; the player's modules, too."""
    paths = [*(ROOT / "seda").rglob("*.py"), *(ROOT / "seda").rglob("*.js")]
    return sorted(((len(path.read_text(encoding="utf-8").splitlines()), str(path.relative_to(ROOT))) for path in paths), reverse=True)  # fmt: skip


if __name__ == "__main__":
    bare, share = undocumented()
    print(f"documented: {share:.1%}; without a docstring: {len(bare)}", *bare, sep="\n  ")
    for title, rows in (("longest functions", longest()), ("largest files", largest())):
        print(title, *(f"{lines:4} {name}" for lines, name in rows[:25]), sep="\n  ")
