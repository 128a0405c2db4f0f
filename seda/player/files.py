"""The player's own files, which the Streamlit component and the exported page share.

The player is a handful of ES modules in seda/player/web. Both places take one script without a file beside it, so the
modules are joined in the order of their imports, without the import lines.
"""

from __future__ import annotations

import base64
import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path

FOLDER = Path(__file__).parent / "web"
ENTRY = "player.js"
STAND = "stand.js"  # the entry of the page that plays by itself
WIDGET = "widget.js"  # the entry of a notebook's widget
PAPER = "paper.js"  # the entry where the map is drawn without a page
FONT = "static/static/media/SourceSansVF-Upright*.woff2"

_IMPORT = re.compile(r'^import \{[^}]*\} from "\./([\w-]+\.js)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:const|class|function) )", re.MULTILINE)
_COMMENT = re.compile(
    r"^[ \t]*(?:/\*\*(?:(?!\*/).)*\*/|//[^\n]*)[ \t]*\n", re.MULTILINE | re.DOTALL
)  # on lines of their own


@cache
def player_script(entry: str = ENTRY) -> str:
    """One ES module: every module that the entry needs, each once, and the entry's own exports at the end.

    What PAPER exports is left as plain declarations: its script is not a module.

    Comments stay in the modules: a third of what each page would be sent.
    """
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

    add(entry)
    return _COMMENT.sub("", "\n".join(joined))


@cache
def player_font() -> str:
    """A style rule with the app's own font inside, so that an exported page looks as the app does; empty where it is not found.

    It is Source Sans (SIL Open Font License 1.1), which comes with Streamlit; only its file is read.
    """
    file = player_font_file()
    if file is None:
        return ""
    content = base64.b64encode(file.read_bytes()).decode("ascii")
    return (
        '@font-face { font-family: "Source Sans"; font-weight: 200 900; '
        f'src: url("data:font/woff2;base64,{content}") format("woff2"); }}\n'
    )


@cache
def player_font_file() -> Path | None:
    """The app's own font, woff2; None where it is not found."""
    package = find_spec("streamlit")
    folders = [] if package is None else package.submodule_search_locations or []
    found = [path for folder in folders for path in sorted(Path(folder).glob(FONT))]
    return found[0] if found else None


@cache
def script_families() -> tuple[str, ...]:
    """Fonts for scripts that the app's own font lacks, in the order of the style sheet; the last is for whatever is left."""
    rule = re.search(r"--sp-scripts:([^;]*);", player_style())
    return tuple(name.strip().strip('"') for name in rule[1].split(",")) if rule else ()


@cache
def player_style() -> str:
    """The style sheet."""
    return (FOLDER / "player.css").read_text(encoding="utf-8")
