"""What this server opens to whom, and how much each visitor may ask of it.

On one's own machine everything is open. Who is reached from elsewhere opens what the operator names, and nothing else; see
docs/operating.md.

    SEDA_OPEN     parts that are open to everybody, joined by commas: train, paths, hub, rooms; empty for none
    SEDA_WARM_UP  on or off: whether models are loaded before anybody asks for them
    SEDA_SERVER   a TOML file with the same as `open`, with `warm_up = false` for the second, with `behind_proxy = true` where a proxy of
                  the operator's tells the visitors' addresses, and with a table `[limits]`
"""

from __future__ import annotations

import ipaddress
import os
import re
import tempfile
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import streamlit as st
from pydantic import Field
from streamlit import runtime

from seda.card import aligner_home
from seda.errors import ConfigError, SedaError
from seda.schema import Schema, check
from seda.storage import MAX_JSON, cache_dir, read_plain_file
from seda.ui.state import read_widget, set_widget

MAY_TRAIN, MAY_NAME_PATHS, MAY_DOWNLOAD, MAY_OPEN_ROOMS, MAY_SHOW_STANDS = "train", "paths", "hub", "rooms", "stand"
PARTS = {
    MAY_TRAIN: "the page Train, which keeps the cores busy for minutes and writes to the disk",
    MAY_NAME_PATHS: "folders and files of the server by their path: aligners, weights, pictures to train on",
    MAY_DOWNLOAD: "downloads by name: repositories of the hub, published weights, data sets",
    MAY_SHOW_STANDS: "pictures of visitors on the page /stand, which plays by itself",
    MAY_OPEN_ROOMS: "rooms, in which phones send pictures to a screen and bet where pictures land",
}
_FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip")  # what proxies add
_SWITCH = {"on": True, "off": False}
_KEY = "seda.at_home"
_PATH = re.compile(
    r"(?<![^\s'\"(=:@])(?:/[^\s/'\"():,]+){2,}/?"
)  # of two parts or more, not within an address of the web
_ROOT = Path(__file__).resolve().parents[3]

_Whole = Annotated[int, Field(ge=1, le=10**9)]


class Limits(Schema):
    """How much is done for strangers; all chosen here for a machine of two to eight cores.

    Attributes:
        runs_at_once: computed beside each other; the others stand in line.
        waiting: places in that line.
        run_seconds: after which a run is given up.
        cells: items x words x steps of a run; the largest of the samples has 65,000.
        link_cells: of a run that a link starts by itself.
        drawn_pixels: of a picture that is taken away; A3 at 300 dpi has 17.4 million.
        upload_files, upload_mb: that a session holds, in all uploaders together, and where no uploader is on the page.
        sessions: of all visitors.
        sessions_per_address: of those from one address; a class room has one.
        connections_per_minute, uploads_per_minute: from one address.
        trainings: of a visitor that are not kept.
        free_mb: on the disk, below which no training begins.
    """

    runs_at_once: _Whole = max(1, min(4, (os.cpu_count() or 2) // 2))
    waiting: _Whole = 60
    run_seconds: _Whole = 120
    cells: _Whole = 200_000
    link_cells: _Whole = 20_000
    drawn_pixels: _Whole = 20_000_000
    upload_files: _Whole = 128
    upload_mb: _Whole = 300
    sessions: _Whole = 300
    sessions_per_address: _Whole = 100
    connections_per_minute: _Whole = 300
    uploads_per_minute: _Whole = 1_000
    trainings: _Whole = 4
    free_mb: _Whole = 1_024


class _Settings(Schema):
    open: tuple[Annotated[str, Field(max_length=20)], ...] | None = None
    behind_proxy: bool = False
    warm_up: bool = True
    limits: Limits = Limits()


@dataclass(frozen=True)
class Rules:
    """For one visitor.

    Attributes:
        opened: parts that are open, of PARTS.
        limits: what may be asked for; None on one's own machine.
    """

    opened: frozenset[str]
    limits: Limits | None

    def allows(self, part: str) -> bool:
        """Whether a part of the program, such as MAY_TRAIN, is open to this visitor."""
        return part in self.opened

    def require(self, part: str, error: type[SedaError]) -> None:
        """
        Raises:
            SedaError: of that kind, where the part is not open.
        """
        if part not in self.opened:
            raise error(
                f"Not open on this server: {PARTS[part]}.",
                remedy="Use what the page offers, or the program on a machine of your own.",
            )


def rules() -> Rules:
    """Those for the visitor whose page is run."""
    return _rules(_visitor_is_at_home())


def rules_for(headers: Mapping[str, str]) -> Rules:
    """Those for a request, by its headers, whose names are in small letters."""
    return _rules(is_at_home(headers))


def _rules(at_home: bool) -> Rules:
    settings = server_settings()
    opened = set(PARTS if at_home else ()) if settings.open is None else set(settings.open)
    if os.environ.get("SEDA_TRAINING") == "off":
        opened.discard(MAY_TRAIN)
    return Rules(frozenset(opened), _limits(at_home))


def server_settings() -> _Settings:
    """The operator's.

    Raises:
        ConfigError: a setting cannot be used; nothing is opened by mistake.
    """
    return _read_settings(*(os.environ.get(name) for name in ("SEDA_OPEN", "SEDA_WARM_UP", "SEDA_SERVER")))


@cache
def _read_settings(opened: str | None, warm_up: str | None, file: str | None) -> _Settings:
    values: dict[str, Any] = {}
    if file:
        try:
            values = tomllib.loads(read_plain_file(file, MAX_JSON).decode())
        except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise ConfigError(f"{file} is no TOML file: {error}.", remedy="See docs/operating.md.") from error
    settings: _Settings = check(
        _Settings, values, f"SEDA_SERVER={file}", remedy="See docs/operating.md.", error=ConfigError
    )
    if opened is not None:
        settings = settings.model_copy(
            update={"open": tuple(part.strip() for part in opened.split(",") if part.strip())}
        )
    if unknown := sorted(set(settings.open or ()) - set(PARTS)):
        raise ConfigError(
            f"There is no {unknown[0]!r:.40} to open; there are {', '.join(PARTS)}.",
            remedy="Correct SEDA_OPEN or the file that SEDA_SERVER names.",
        )
    if warm_up is not None:
        if warm_up not in _SWITCH:
            raise ConfigError(
                f"SEDA_WARM_UP is {warm_up!r:.40}; it can be {' or '.join(_SWITCH)}.",
                remedy="Correct it, or leave it out: models are loaded beforehand then.",
            )
        settings = settings.model_copy(update={"warm_up": _SWITCH[warm_up]})
    return settings


def limits_for(headers: Mapping[str, str]) -> Limits | None:
    """Those for a request, by its headers, whose names are in small letters; None on one's own machine."""
    return _limits(is_at_home(headers))


def _limits(at_home: bool) -> Limits | None:
    settings = server_settings()
    return None if at_home and settings.open is None else settings.limits


def _visitor_is_at_home() -> bool:
    if not has_server():
        return True
    if read_widget(_KEY) is None and (headers := st.context.headers):  # there are none while a browser is away
        set_widget(_KEY, is_at_home({name.lower(): headers[name] for name in headers}))
    return bool(read_widget(_KEY))


def has_server() -> bool:
    """Whether there is one; Streamlit's AppTest puts an object of its own in its place."""
    return runtime.exists() and type(runtime.get_instance()) is runtime.Runtime


def is_at_home(headers: Mapping[str, str]) -> bool:
    """Whether a request was sent at the machine that the server runs on: it listens to nobody else, and no proxy asked."""
    if not is_loopback(st.get_option("server.address") or "0.0.0.0"):
        return False
    if any(name in headers for name in _FORWARDED):
        return False
    return is_loopback(_host(headers.get("host", "")))


def _host(text: str) -> str:
    """Of a Host header, without its port."""
    return text[1:].partition("]")[0] if text.startswith("[") else text.partition(":")[0]


def is_loopback(address: str) -> bool:
    """Whether an address or a host's name is that of this machine, for itself alone."""
    if address.lower().rstrip(".") == "localhost":
        return True
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def without_paths(text: str) -> str:
    """A message without the folders of this server, for visitors to whom its paths are not open."""
    if ("/" not in text and "\\" not in text) or rules().allows(MAY_NAME_PATHS):
        return text
    for folder in sorted(_own_folders(), key=len, reverse=True):
        text = text.replace(folder, "…")  # it may have a space in it
    return _PATH.sub(lambda path: "…/" + path[0].rstrip("/").rpartition("/")[2], text)


def _own_folders() -> set[str]:
    makers: tuple[Callable[[], Path], ...] = (
        Path.home, Path.cwd, aligner_home, cache_dir, lambda: _ROOT, lambda: Path(tempfile.gettempdir()),
    )  # fmt: skip
    found = {str(make()) for make in makers}
    return {folder for folder in found if len(folder) > 1}
