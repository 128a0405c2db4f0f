"""What users bring (names of files, class texts) is drawn as text, never as Markdown.

Every call in seda/ui, pages and app.py that draws text as Markdown is looked at in its source: what it is given has to be words of
ours, numbers, or to come through `seda.ui.errors.plain`, the one function that draws foreign text. What a name stands for is looked
up where it is assigned, what a function of ours gives where it returns, and the types of attributes where they are annotated.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from seda.ui.errors import plain

ROOT = Path(__file__).parents[2]
SCREENS = [ROOT / "app.py", *sorted((ROOT / "pages").glob("*.py")), *sorted((ROOT / "seda" / "ui").rglob("*.py"))]

# Streamlit's methods, and which of their arguments are drawn as Markdown, by place or by name; help is one of each of them.
# Others show text as it is: code, json, text, dataframe; values and placeholders of inputs, choices of a selectbox, alt.
FIRST = ("body", 0), ("label", 0)
MARKDOWN: dict[str, tuple[tuple[str, int], ...]] = {
    **dict.fromkeys(("markdown", "caption", "title", "header", "subheader", "info", "warning", "error", "success", "html"), FIRST),
    **dict.fromkeys(("button", "checkbox", "toggle", "radio", "selectbox", "multiselect", "slider", "select_slider"), FIRST),
    **dict.fromkeys(("text_input", "text_area", "number_input", "file_uploader", "date_input", "chat_input"), FIRST),
    **dict.fromkeys(("download_button", "link_button", "form_submit_button", "expander", "popover", "badge", "status"), FIRST),
    **dict.fromkeys(("segmented_control", "pills", "radio"), (*FIRST, ("options", 1), ("format_func", 99))),
    **dict.fromkeys(("spinner", "toast", "dialog"), (("text", 0), ("title", 0))),
    "write": tuple(("body", place) for place in range(9)),
    "progress": (("text", 1),),
    "metric": (("label", 0), ("value", 1), ("delta", 2)),
    "tabs": (("tabs", 0),),
    "image": (("caption", 1),),
    "page_link": (("label", 1),),
    "Page": (("title", 99),),
}  # fmt: skip
NUMBERS = {"int", "float", "bool", "int | None", "float | None"}
COUNTING = {"len", "int", "float", "round", "abs"}
ALIKE = {
    "strip",
    "lower",
    "upper",
    "capitalize",
    "format",
    "replace",
    "join",
    "get",
    "items",
    "values",
    "keys",
    "removesuffix",
}
# Arguments that are safe all the same, and why. One that is there no longer is an error, too
KNOWN = {
    "aligner/card.py: label": "ours, with a number that the card's schema has checked",
    "aligner/card.py: explanation": "the same",
    "trajectories/controls.py: list(presets)": "the names of the presets, not their words",
    "diagnose/page.py: '; '.join(said) + '.' if said else 'No answer is wrong.'": "names of culprits and what they are, with counts",
    "diagnose/page.py: list(parts)": "the names of the page's parts",
    "diagnose/features.py: label": "of PRESETS, ours",
    "diagnose/sweep.py: str.capitalize": "of the kinds of variants, ours",
    "train/encoder_choice.py: label": "ours, of the calls of this function",
    "ui/theme.py: _STYLE.substitute(on_light=ON_PRIMARY['light'], on_dark=ON_PRIMARY['dark'], "
    "accent_light=st.get_option('theme.light.primaryColor'), accent_dark=st.get_option('theme.dark.primaryColor'), "
    "caption=CAPTION_OPACITY, smallest=SMALLEST)": "the operator's colours",
    "ui/uploads.py: item.html": "escaped where it is made",
    "ui/gallery.py: sample.name": "of the samples that come with the program",
    "search/results.py: f'**{rank}.** {score(hit.score)}{mark}  \\n{plain(name)}'": "a score is a number as text",
}


class Sources:
    """All functions by name and all attributes by their annotation, of the whole program."""

    def __init__(self) -> None:
        self.functions: dict[str, list[tuple[Path, ast.FunctionDef]]] = {}
        self.types: dict[str, set[str]] = {}
        for path in [*SCREENS, *(ROOT / "seda").rglob("*.py")]:
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.FunctionDef):
                    self.functions.setdefault(node.name, []).append((path, node))
                    if any(isinstance(one, ast.Name) and one.id.endswith("property") for one in node.decorator_list):
                        self.types.setdefault(node.name, set()).add(ast.unparse(node.returns) if node.returns else "")
                elif isinstance(node, ast.ClassDef):
                    for part in node.body:
                        if isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name):
                            self.types.setdefault(part.target.id, set()).add(ast.unparse(part.annotation))

    def functions_called(self, name: str, module: Path | None) -> list[tuple[Path, ast.FunctionDef]]:
        """Those of the same module, else all of that name."""
        found = self.functions.get(name, [])
        return [one for one in found if one[0] == module] or found


@cache
def sources() -> Sources:
    """Read at the first question: each worker collects this file, and one runs it."""
    return Sources()


class Scope:
    """A function (or a module), what its names stand for, and what makes text safe: plain() in Markdown, escape() in HTML."""

    def __init__(self, owner: ast.AST, outer: Scope | None, module: Path | None, safe: str = "plain") -> None:
        self.outer, self.module, self.safe, self.found, self.asked = outer, module, safe, {}, set()
        if isinstance(owner, ast.FunctionDef | ast.Lambda):
            arguments = owner.args
            for one in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
                number = one.annotation is not None and ast.unparse(one.annotation) in NUMBERS
                self.found[one.arg] = [ast.Constant(0)] if number else [one]
        for node in ast.walk(owner):
            if isinstance(node, ast.Assign):
                for target in node.targets:
                    self._bind(target, node.value)
            elif isinstance(node, ast.AugAssign | ast.AnnAssign | ast.NamedExpr) and node.value is not None:
                self._bind(node.target, node.value)
            elif isinstance(node, ast.For | ast.comprehension):
                self._bind_each(node.target, node.iter)

    def _bind(self, target: ast.AST, value: ast.AST) -> None:
        if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts):
            for one, part in zip(target.elts, value.elts, strict=True):
                self._bind(one, part)
            return
        for name in ast.walk(target):
            if isinstance(name, ast.Name):
                self.found.setdefault(name.id, []).append(value)

    def _bind_each(self, target: ast.AST, values: ast.AST) -> None:
        """A loop."""
        if isinstance(values, ast.Name) and len(self.found.get(values.id, ())) == 1:
            values = self.found[values.id][0]
        if isinstance(values, ast.Tuple | ast.List):
            for row in values.elts:
                self._bind(target, row)
        elif isinstance(target, ast.Tuple) and isinstance(values, ast.Call) and ast.unparse(values.func) == "enumerate":
            self._bind(target.elts[0], ast.Constant(0))
            self._bind_each(target.elts[1], values.args[0])
        else:
            self._bind(target, values)

    def is_safe(self, text: ast.AST) -> bool:
        """Whether nothing of it comes from a user as it is."""
        match text:
            case ast.Constant():
                return True
            case ast.JoinedStr() | ast.Tuple() | ast.List() | ast.Set():
                return all(map(self.is_safe, text.values if isinstance(text, ast.JoinedStr) else text.elts))
            case ast.FormattedValue():
                spec = (
                    ""
                    if text.format_spec is None
                    else "".join(str(getattr(one, "value", "")) for one in text.format_spec.values)
                )
                return spec.endswith(tuple(",fegd%")) or self.is_safe(text.value)
            case ast.Dict():
                return all(self.is_safe(part) for part in (*text.keys, *text.values) if part is not None)
            case ast.DictComp():
                return self.is_safe(text.key) and self.is_safe(text.value)
            case ast.ListComp() | ast.GeneratorExp() | ast.SetComp():
                return self.is_safe(text.elt)
            case ast.IfExp():
                return self.is_safe(text.body) and self.is_safe(text.orelse)
            case ast.BoolOp():
                return all(map(self.is_safe, text.values))
            case ast.Compare():
                return True
            case ast.BinOp():
                number = isinstance(text.op, ast.Sub | ast.Div | ast.FloorDiv | ast.Pow)
                return number or (self.is_safe(text.left) and self.is_safe(text.right))
            case ast.UnaryOp() | ast.Starred() | ast.Subscript():
                return self.is_safe(text.operand if isinstance(text, ast.UnaryOp) else text.value)
            case ast.NamedExpr():
                return self.is_safe(text.value)
            case ast.Lambda():
                return Scope(text, self, self.module, self.safe).is_safe(text.body)
            case ast.Name():
                return self._is_safe_name(text.id)
            case ast.Attribute():
                types = sources().types.get(text.attr)
                ours = isinstance(text.value, ast.Name) and self.is_safe(text.value)  # of a row of a table of ours
                return text.attr.isupper() or bool(types and types <= NUMBERS) or ours or self._is_method_of_ours(text)
            case ast.Call():
                return self._is_safe_call(text)
        return False

    def _is_safe_name(self, name: str) -> bool:
        if name.strip("_").isupper() or name in COUNTING or name == self.safe:
            return True
        if name in self.asked:  # of itself: text = text + ...
            return True
        values = self.found.get(name)
        if values is None:
            if self.outer is not None:
                return self.outer.is_safe(ast.Name(name))
            return _returns_are_safe(name, self.module, self.safe)
        self.asked.add(name)
        safe = all(map(self.is_safe, values))
        self.asked.discard(name)
        return safe

    def _is_method_of_ours(self, text: ast.Attribute) -> bool:
        """Of a table of constants, as in format_func=NAMES.get."""
        return text.attr in ALIKE and self.is_safe(text.value)

    def _is_safe_call(self, call: ast.Call) -> bool:
        arguments = [*call.args, *(keyword.value for keyword in call.keywords)]
        name = ast.unparse(call.func)
        if name in COUNTING or name.rpartition(".")[2] == self.safe:
            return True
        if name in ("map", "filter"):
            first = call.args[0]
            drawn_by = name == "map" and isinstance(first, ast.Name) and self.is_safe(first)
            return drawn_by or self.is_safe(call.args[1])
        if name in (
            "str",
            "list",
            "tuple",
            "sorted",
            "min",
            "max",
            "sum",
            "dict",
            "zip",
            "next",
            "iter",
            "dict.fromkeys",
        ):
            return all(map(self.is_safe, arguments))
        if isinstance(call.func, ast.Attribute) and call.func.attr in ALIKE:
            shown = arguments[1:] if call.func.attr == "get" else arguments  # a key is not shown
            return self.is_safe(call.func.value) and all(map(self.is_safe, shown))
        return _returns_are_safe(name.rpartition(".")[2], self.module, self.safe)


_judged: dict[tuple[str, Path | None, str], bool] = {}


def _returns_are_safe(name: str, module: Path | None, safe: str) -> bool:
    key, found = (name, module, safe), sources().functions_called(name, module)
    if key not in _judged:
        _judged[key] = True  # while it is asked: it may call itself
        _judged[key] = bool(found) and all(_returns_safe_text(function, path, safe) for path, function in found)
    return _judged[key]


def _returns_safe_text(function: ast.FunctionDef, module: Path, safe: str) -> bool:
    if function.returns is not None and ast.unparse(function.returns) in NUMBERS:
        return True
    scope = Scope(function, None, module, safe)
    values = [node.value for node in ast.walk(function) if isinstance(node, ast.Return) and node.value is not None]
    return bool(values) and all(map(scope.is_safe, values))


def foreign_texts(source: str, module: Path | None = None) -> Iterator[tuple[int, str]]:
    """Line and source of every argument that is drawn as Markdown or HTML and may be a user's."""

    def look(owner: ast.AST, scopes: dict[str, Scope]) -> Iterator[tuple[int, str]]:
        for node in ast.iter_child_nodes(owner):
            inner = scopes
            if isinstance(node, ast.FunctionDef | ast.Lambda):
                inner = {safe: Scope(node, scope, module, safe) for safe, scope in scopes.items()}
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                scope = scopes["escape" if node.func.attr == "html" else "plain"]
                for text in _drawn(node):
                    if not scope.is_safe(text):
                        yield text.lineno, ast.unparse(text)
            yield from look(node, inner)

    tree = ast.parse(source)
    yield from look(tree, {safe: Scope(tree, None, module, safe) for safe in ("plain", "escape")})


def _drawn(call: ast.Call) -> Iterator[ast.AST]:
    drawn = MARKDOWN.get(call.func.attr)
    owner = ast.unparse(call.func.value).strip("_")
    if drawn is None or owner in ("logger", "parser", "html"):
        return
    if any(keyword.arg == "format_func" for keyword in call.keywords):
        drawn = tuple(one for one in drawn if one[0] != "options")
    yield from (text for place, text in enumerate(call.args) if any(place == number for _, number in drawn))
    names = {name for name, _ in drawn} | {"help"}
    yield from (keyword.value for keyword in call.keywords if keyword.arg in names)


def _found() -> list[tuple[str, int, str]]:
    return [
        (f"{path.parent.name}/{path.name}", *one)
        for path in SCREENS
        for one in foreign_texts(path.read_text(encoding="utf-8"), path)
    ]


def test_what_users_bring_is_drawn_as_text():
    found = _found()
    wrong = [f"{name}:{line}: {text}" for name, line, text in found if f"{name}: {text}" not in KNOWN]
    assert not wrong, "\n".join(["wrap these in seda.ui.errors.plain:", *wrong])
    assert KNOWN.keys() == {f"{name}: {text}" for name, _, text in found}, "these are known and gone"


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("st.caption(name)", ["name"]),
        ("st.caption(f'It is {name}')", ["f'It is {name}'"]),
        ("st.caption(plain(name), help=name)", ["name"]),
        ("text = 'Its name is '\n    text += name\n    st.empty().markdown(text)", ["text"]),
        ("bar.progress(0.5, ' · '.join([name]))", ["' · '.join([name])"]),
        ("for one in names:\n        st.info(one)", ["one"]),
        ("for label, one in (('a', name), ('b', 'c')):\n        st.info(label)\n        st.button(one)", ["one"]),
        ("def told():\n        return name\n    st.error(told())", ["told()"]),
        ("st.caption(', '.join(one.label for one in TABLE.values()) + names[0].label)", ["', '.join((one.label for one in TABLE.values())) + names[0].label"]),
        ("for one in TABLE.values():\n        st.caption(one.label)", []),
        ("st.caption(NAMES.get(name, name))", ["NAMES.get(name, name)"]),
        ("st.pills('Names', names)\n    st.pills('Names', names, format_func=lambda one: one)", ["names", "lambda one: one"]),
        ("st.html(plain(name))\n    st.html(html.escape(name))", ["plain(name)"]),
        ("st.error(plain(name) + ', ' + error.message)", ["plain(name) + ', ' + error.message"]),
        ("st.caption(f'{plain(name)}: {len(names)} of {share:.0f} %')", []),
        ("st.caption(', '.join(map(plain, names)))\n    st.caption(', '.join(plain(one) for one in names))", []),
        ("st.code(name)\n    st.text_input('Name', name, placeholder=name)\n    st.image('a.png', alt=name)", []),
    ],
)  # fmt: skip
def test_what_is_planted_is_found(body, found):
    assert [text for _, text in foreign_texts(f"def page(name, names, share, error):\n    {body}\n")] == found


def test_plain_text_neither_marks_up_nor_turns_what_is_around_it():
    assert plain("a\n\u202e![x](y)\u2066 *b*") == r"a \!\[x\]\(y\) \*b\*"
