"""A visitor without a browser: speaks Streamlit's protocol over a websocket, so that fifty of them need no fifty browsers.

It does what the browser's page does as far as the server can tell: asks for the script at once, sends the values of widgets that
were touched and the address that the server last wrote, and reads all that is drawn. It fetches no pictures.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # Streamlit's messages, and websockets that come with it, are imported by who visits
    from google.protobuf.message import Message
    from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
    from websockets.asyncio.client import ClientConnection

PATH = "/_stcore/stream"
FINISHED = 0  # `ForwardMsg.FINISHED_SUCCESSFULLY`


@dataclass
class Screen:
    """What one run of the script has drawn.

    Attributes:
        widgets: Streamlit's names of those with a key, by their key.
        elements: by their place; a later one replaces an earlier one.
        status: of the script's end; None while it runs.
    """

    widgets: dict[str, str] = field(default_factory=dict)
    elements: dict[tuple[int, ...], Any] = field(default_factory=dict)
    status: int | None = None

    @property
    def problems(self) -> list[str]:
        """What is said in red."""
        said = []
        for element in self.elements.values():
            if element.WhichOneof("type") == "exception":
                said.append(f"{element.exception.type}: {element.exception.message}")
            elif element.WhichOneof("type") == "alert" and element.alert.format == element.alert.ERROR:
                said.append(element.alert.body)
        return said

    @property
    def texts(self) -> list[str]:
        """Of Markdown, captions among it."""
        return [element.markdown.body for element in self.elements.values() if element.WhichOneof("type") == "markdown"]


class Visitor:
    """One session of the app; from `visiting`."""

    def __init__(self, connection: ClientConnection, query: str, page: str = "") -> None:
        self.screen = Screen()
        self.progress: list[tuple[float, str]] = []  # when, and what it said
        self.first_drawn: dict[str, float] = {}  # when each widget with a key first was there, by its key
        self.bytes = 0
        self._connection, self._query = connection, query
        self._values: dict[str, dict[str, Any]] = {}
        self._page, self._page_name = "", page

    async def send(self, pressed: str | None = None, **values: Any) -> None:
        """Let the script run.

        Args:
            pressed: key of a button.
            values: of widgets, by their key, with "." written as "__": a float, a text or a list of texts.
        Raises:
            LookupError: the page has no such widget; with what it says instead.
        """
        from streamlit.proto.BackMsg_pb2 import BackMsg

        message = BackMsg()
        state = message.rerun_script
        state.query_string, state.page_script_hash = self._query, self._page
        state.page_name = self._page_name if not self._page else ""
        state.context_info.timezone, state.context_info.locale = "UTC", "en-US"
        for key, value in values.items():
            kind = {float: "double_value", str: "string_value", list: "string_array_value"}[type(value)]
            self._values[self._widget(key.replace("__", "."))] = {kind: value}
        for name, held in self._values.items():
            widget = state.widget_states.widgets.add(id=name)
            for kind, value in held.items():
                widget.string_array_value.data.extend(value) if isinstance(value, list) else setattr(
                    widget, kind, value
                )
        if pressed is not None:
            state.widget_states.widgets.add(id=self._widget(pressed), trigger_value=True)
        self.screen.status = None
        await self._connection.send(message.SerializeToString())

    async def until(self, done: Callable[[Screen], bool], seconds: float) -> Screen:
        """Read until a run of the script has ended that satisfies `done`.

        Raises:
            TimeoutError: that took too long.
        """
        from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

        async with asyncio.timeout(seconds):
            while not (self.screen.status is not None and done(self.screen)):
                self._read(ForwardMsg.FromString(await self._connection.recv(decode=False)))
        return self.screen

    async def idle(self, seconds: float) -> Screen:
        """Read until the script has ended and is not to run again."""
        return await self.until(lambda screen: screen.status == FINISHED, seconds)

    def _widget(self, key: str) -> str:
        if key not in self.screen.widgets:
            raise LookupError(f"the page has no {key}, and says {self.screen.problems or self.screen.texts[:3]}")
        return self.screen.widgets[key]

    def _read(self, message: ForwardMsg) -> None:
        self.bytes += message.ByteSize()
        match message.WhichOneof("type"):
            case "new_session":
                self._page = message.new_session.page_script_hash
                if message.metadata.run.fragment_ids:
                    self.screen.status = None
                else:
                    self.screen = Screen()
            case "navigation":
                self._page = message.navigation.page_script_hash
            case "script_finished":
                self.screen.status = message.script_finished
            case "page_info_changed":
                self._query = message.page_info_changed.query_string
            case "delta" if message.delta.WhichOneof("type") == "new_element":
                self._draw(tuple(message.metadata.delta_path), message.delta.new_element)

    def _draw(self, place: tuple[int, ...], element: Any) -> None:
        self.screen.elements[place] = element
        kind = element.WhichOneof("type")
        drawn: Message = getattr(element, kind)
        if kind == "progress":
            self.progress.append((time.monotonic(), drawn.text))
        if name := getattr(drawn, "id", ""):
            key = name.split("-", 2)[-1]  # "$$ID-SUM-KEY"
            self.screen.widgets[key] = name
            self.first_drawn.setdefault(key, time.monotonic())


@asynccontextmanager
async def visiting(url: str, query: str = "", page: str = "", **headers: str) -> AsyncIterator[Visitor]:
    """Connect and ask for a page; read it with `idle`.

    Args:
        url: of the server, as http.
        query: of the address, without "?".
        page: its name in the address; the first one where empty.
        headers: more of the request's.
    """
    from websockets.asyncio.client import connect
    from websockets.typing import Origin, Subprotocol

    address = url.replace("http", "ws", 1) + PATH
    async with connect(
        address,
        subprotocols=[Subprotocol("streamlit")],
        origin=Origin(url),
        max_size=None,
        open_timeout=60,
        additional_headers=headers,
    ) as connection:
        visitor = Visitor(connection, query, page)
        await visitor.send()
        yield visitor
