"""The player's own files, which the Streamlit component and the exported page share.

The player is a handful of ES modules in seda/ui/assets/player. Both places take one script without a file beside it, so the
modules are joined in the order of their imports, without the import lines.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "ui" / "assets" / "player"
ENTRY = "player.js"

_IMPORT = re.compile(r'^import \{[^}]*\} from "\./([\w-]+\.js)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:const|class|function) )", re.MULTILINE)


@cache
def player_script() -> str:
    """One ES module: every module that the entry needs, each once, and the entry's own exports at the end."""
    joined: list[str] = []
    seen: set[str] = set()

    def add(name: str) -> None:
        if name in seen:
            return
        seen.add(name)
        text = (FOLDER / name).read_text(encoding="utf-8")
        for imported in _IMPORT.findall(text):
            add(imported)
        body = _IMPORT.sub("", text)
        joined.append(body if name == ENTRY else _EXPORT.sub("", body))

    add(ENTRY)
    return "\n".join(joined)


@cache
def player_style() -> str:
    """The style sheet."""
    return (FOLDER / "player.css").read_text(encoding="utf-8")
