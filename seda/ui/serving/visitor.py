"""Who a visitor is, which is a secret that only the own browser tells, and which aligners and trainings are the visitor's.

What a visitor trains lies in a home of its own below the aligners' home. The folder's name is a hash of the secret, so who reads
the disk cannot pose as the visitor.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from pathlib import Path

import streamlit as st

from seda.card import CARD_FILE, VISITORS, aligner_home, list_aligners, named_aligner
from seda.errors import AlignerError
from seda.storage import local_path
from seda.ui.serving.rules import MAY_NAME_PATHS, has_server, rules
from seda.ui.state import begin_widget, read_widget

COOKIE = "seda_visitor"
_SECRET = re.compile(r"[A-Za-z0-9_-]{43}")  # of 32 bytes
KEY = "seda.visitor"  # for a browser without cookies: as long as the session lasts


def new_secret() -> str:
    """For a cookie; 256 random bits."""
    return secrets.token_urlsafe(32)


def is_secret(text: str | None) -> bool:
    """Whether a cookie's value was made here, as far as its form tells."""
    return text is not None and _SECRET.fullmatch(text) is not None


def own_home() -> Path:
    """Where the visitor's trainings and own aligners lie; there may be nothing yet."""
    if read_widget(KEY) is None:  # once a session: while a browser is away it tells no cookie
        told = st.context.cookies.get(COOKIE) if has_server() else None
        begin_widget(KEY, told if is_secret(told) else new_secret())
    return home_of(read_widget(KEY))


def home_of(secret: str) -> Path:
    """Where a browser's own trainings lie; its secret is not in the name."""
    return aligner_home() / VISITORS / hashlib.sha256(secret.encode()).hexdigest()[:32]


def aligner_names() -> list[str]:
    """Names of the aligners that the visitor may choose: everybody's, then the own ones."""
    return list_aligners(own_home())


def has_aligner(name: str) -> bool:
    """Whether it is one of `aligner_names`."""
    return named_aligner(name, own_home()) is not None


def aligner_folder(name: str) -> Path:
    """The folder of an aligner that the visitor chose by its name; by its path only where paths are open.

    Raises:
        AlignerError: there is none, or none of this visitor; both read the same.
    """
    if (folder := named_aligner(name, own_home())) is not None:
        return folder
    if rules().allows(MAY_NAME_PATHS):
        path = local_path(name, AlignerError).resolve()
        others = (aligner_home() / VISITORS).resolve()
        own = not path.is_relative_to(others) or path.is_relative_to(own_home().resolve())
        if own and local_path(path / CARD_FILE, AlignerError).is_file():
            return path
    folders = ", or a folder that `python -m seda train` wrote" if rules().allows(MAY_NAME_PATHS) else ""
    raise AlignerError(
        f"There is no aligner {name!r:.100}; known are {', '.join(aligner_names()) or 'none'}.",
        remedy=f"Choose one of these{folders}.",
    )
