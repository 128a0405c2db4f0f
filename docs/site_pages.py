"""Hooks of `mkdocs build`: pages that lie elsewhere in the repository, links to them, and all public names on the page of the interface."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path, PurePosixPath
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
# files outside docs/, and what they are called among the pages
MOVED = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "assets/README.md": "assets.md",
    "examples/README.md": "examples.md",
    "LICENSE": "LICENSE.txt",
    **{f"examples/{file.name}": f"examples/{file.name}" for file in sorted((ROOT / "examples").glob("*.ipynb"))},
}
SOURCES = {page: source for source, page in MOVED.items()}
REST = "<!-- the other public names -->"
_DIRECTIVE = re.compile(r"^::: (\S+)$", re.MULTILINE)
_LINK = re.compile(r"(\]\(|(?:src|href)=\")([^)\s\"#:]+)(?=[)#\"])")


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add the files that lie outside docs/."""
    for source, page in MOVED.items():
        files.append(File.generated(config, page, content=(ROOT / source).read_text(encoding="utf-8")))
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Links as they are among the pages, and the public names."""
    here = page.file.src_uri
    if here == "api.md":
        markdown = with_public_names(markdown)
    return with_site_links(markdown, SOURCES.get(here, f"docs/{here}"), here)


def with_site_links(markdown: str, source: str, page: str) -> str:
    """A page's text with links to where files are among the pages; a link that leads nowhere stays, and the strict build says so.

    Args:
        markdown: the text.
        source: the file that it is from, below the repository's top.
        page: what that is among the pages.
    """

    def moved(link: re.Match[str]) -> str:
        target = os.path.normpath(PurePosixPath(source).parent / link[2])
        if target in MOVED:
            place = MOVED[target]
        elif target.startswith("docs/"):
            place = target.removeprefix("docs/")
        else:
            return link[0]
        return link[1] + os.path.relpath(place, PurePosixPath(page).parent)

    return _LINK.sub(moved, markdown)


def with_public_names(markdown: str) -> str:
    """The page of the interface: in the place of REST each of `seda.__all__` that it does not name itself, all by their shortest names."""
    public = public_names()
    named = set(_DIRECTIVE.findall(markdown))
    markdown = markdown.replace(REST, "\n\n".join(f"::: {place}" for place in public if place not in named))

    def headed(directive: re.Match[str]) -> str:
        shown = public.get(directive[1], directive[1])
        return f"{directive[0]}\n    options:\n      heading: {shown}\n      toc_label: {shown.rpartition('.')[2]}"

    return _DIRECTIVE.sub(headed, markdown)


def public_names() -> dict[str, str]:
    """How each name of `seda.__all__` is imported, by where it is defined, which is where its documentation is."""
    import seda

    return {place_of(getattr(seda, name), name): f"seda.{name}" for name in seda.__all__}


def place_of(value: Any, name: str) -> str:
    """Where a public name is defined; a constant is where it is imported from."""
    module, qualified = getattr(value, "__module__", None), getattr(value, "__qualname__", None)
    return f"{module}.{qualified}" if module and qualified else f"seda.{name}"
