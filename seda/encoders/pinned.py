"""What was downloaded from a repository stays what it was: its revision and the sha256 of each file are kept beside them."""

from __future__ import annotations

import re
import urllib.error
import urllib.request
from pathlib import Path
from typing import Annotated

from pydantic import Field

from seda.errors import FileFormatError, WeightsError
from seda.schema import Line, Schema, check
from seda.storage import read_json, sha256_file, write_json

FILE = "source.json"
TIMEOUT = 30.0  # seconds
MAIN = "main"  # where the server does not name a revision


class Source(Schema):
    """Where the files of a folder come from.

    Attributes:
        revision: commit, branch or tag that they are from, all of them.
        files: sha256 by name, of those that are whole.
    """

    revision: Annotated[str, Field(pattern=r"^[\w.-]{1,100}$")]
    files: dict[Line, Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]] = Field(default_factory=dict)


def read_source(folder: Path) -> Source | None:
    """What is kept of a folder's files; None where nothing is.

    Raises:
        WeightsError: it is damaged.
    """
    path = folder / FILE
    if not path.is_file():
        return None
    try:
        return check(Source, read_json(path), str(path))
    except FileFormatError as error:
        raise WeightsError(error.message, remedy=f"Delete {folder}; it is downloaded again.") from error


def keep_source(folder: Path, revision: str, *names: str) -> None:
    """Add the sums of files that are whole."""
    known = read_source(folder)
    files = {} if known is None else dict(known.files)
    files |= {name: sha256_file(folder / name) for name in names}
    write_json(folder / FILE, {"revision": revision, "files": files})


def check_source(folder: Path, known_sums: dict[str, str]) -> None:
    """Refuse files that changed since they were downloaded.

    Args:
        known_sums: sha256 of files that are read anyway, by name, so that they are not read twice.
    Raises:
        WeightsError: names the file.
    """
    source = read_source(folder)
    if source is None:
        return
    for name, expected in source.files.items():
        if not (folder / name).is_file() or (known_sums.get(name) or sha256_file(folder / name)) != expected:
            raise WeightsError(
                f"{folder / name} is not what was downloaded (revision {source.revision:.12}): its sha256 is another.",
                remedy=f"Delete {folder}; it is downloaded again.",
            )


def commit_of(url: str) -> str:
    """The commit that the server answers an address of MAIN with; MAIN where it does not say."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=TIMEOUT) as response:
            commit = response.headers.get("X-Repo-Commit", "")
    except (urllib.error.URLError, TimeoutError, ConnectionError):
        return MAIN
    return commit if re.fullmatch("[0-9a-f]{40}", commit) else MAIN
