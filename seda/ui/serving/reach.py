"""The address by which others reach this server: what a link on the big screen has to begin with."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit, urlunsplit

import streamlit as st

from seda.ui.page_list import PAGES
from seda.ui.serving.rules import is_loopback

# Of TEST-NET-2 (RFC 5737), which nobody has: connecting a datagram socket only chooses the network card, nothing is sent
_ANYWHERE = ("198.51.100.1", 9)
_EVERY_ADDRESS = ("", "0.0.0.0", "::")


@dataclass(frozen=True)
class Reach:
    """How others reach this server.

    Attributes:
        url: of the first page, with a slash at its end.
        problem: why nobody else can open it, and what to do; "" where they can.
    """

    url: str
    problem: str = ""

    def link(self, params: dict[str, str]) -> str:
        """The first page with parameters."""
        query = urlencode(params, safe=",")  # a short link has a code of few squares
        return f"{self.url}?{query}" if params else self.url


def reach() -> Reach:
    """For the visitor whose page is run."""
    asked = st.context.url or f"http://localhost:{st.get_option('server.port')}/"
    return reach_of(asked, st.get_option("server.address"), st.get_option("browser.serverAddress"))


def reach_of(asked: str, listens: str | None, told: str | None = None) -> Reach:
    """
    Args:
        asked: address of the page in the visitor's browser.
        listens: Streamlit's server.address; None for all of the machine's.
        told: Streamlit's browser.serverAddress, where the operator has set one.
    """
    url = _first_page(asked)
    if not is_loopback(urlsplit(url).hostname or ""):
        return Reach(url)
    if told and not is_loopback(told):
        return Reach(_with_host(url, told))
    if is_loopback(listens or "0.0.0.0"):
        return Reach(
            url,
            "The server listens to this machine alone, so nobody else can open this link. Start it with "
            "--server.address 0.0.0.0; docs/operating.md says what that opens.",
        )
    address = lan_address() if (listens or "") in _EVERY_ADDRESS else listens
    if address is None:
        return Reach(url, "This machine seems to be in no network, so nobody else can open this link.")
    return Reach(_with_host(url, address))


def lan_address() -> str | None:
    """This machine's address in the network that it would reach others by; None without one. Nothing is sent."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as card:
            card.connect(_ANYWHERE)
            address = str(card.getsockname()[0])
    except OSError:
        return None
    return None if is_loopback(address) or address == "0.0.0.0" else address


def _first_page(asked: str) -> str:
    parts = urlsplit(asked)
    folder, _, last = parts.path.rpartition("/")
    path = folder if last in {page.name for page in PAGES} | {""} else parts.path
    return urlunsplit((parts.scheme, parts.netloc, path.rstrip("/") + "/", "", ""))


def _with_host(url: str, host: str) -> str:
    parts = urlsplit(url)
    port = "" if parts.port is None else f":{parts.port}"
    shown = f"[{host}]" if ":" in host else host
    return urlunsplit((parts.scheme, shown + port, parts.path, "", ""))
