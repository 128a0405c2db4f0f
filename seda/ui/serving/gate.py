"""What comes to the server from outside is looked at here before Streamlit does anything with it.

A visitor's browser gets a cookie with a secret, by which it finds its own trainings again. Strangers' connections and uploads are
counted: an upload needs no uploader on the page, only Streamlit's address for it, so the page's own limits do not hold there.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, cast

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse
from streamlit import get_option, runtime
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager

from seda.card import aligner_home
from seda.storage import free_mb
from seda.ui import cache
from seda.ui.serving.line import RUNS, TRAININGS
from seda.ui.serving.rate import Rate
from seda.ui.serving.refusals import log_refusal, refusal_counts
from seda.ui.serving.rules import Limits, limits_for, server_settings
from seda.ui.serving.visitor import COOKIE, is_secret, new_secret

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

UPLOAD, METRICS = "/_stcore/upload_file/", "/_stcore/metrics"
LIVE, READY = "/_seda/live", "/_seda/ready"
A_YEAR = 365 * 86_400  # s
REFUSED = {"cache-control": "no-store", "connection": "close"}  # headers; what still comes is not read
TRY_LATER = 1013  # how a websocket is closed by a server that has too much to do


class Gate:
    """ASGI middleware; everything runs in the server's one event loop, so nothing is locked."""

    def __init__(self, app: App) -> None:
        self.app = app
        self._connections, self._uploads = Rate(), Rate()
        self._open: dict[str, int] = {}  # connections by address
        self._coming: dict[str, tuple[int, int]] = {}  # files and bytes on their way, by session

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):  # the server's start and end
            await self.app(scope, receive, send)
            return
        path, request = scope.get("path", ""), HTTPConnection(scope)
        limits = limits_for(request.headers)
        if scope["type"] == "websocket":
            await self._connect(scope, receive, send, limits)
        elif path.endswith((LIVE, READY)):
            await _health(ready=path.endswith(READY))(scope, receive, send)
        elif path.endswith(METRICS) and limits is not None:
            await JSONResponse({"detail": "Not Found"}, 404, REFUSED)(scope, receive, send)
        elif UPLOAD in path and scope["method"] == "PUT":
            await self._upload(scope, receive, send, limits)
        elif scope["method"] == "GET" and _lacks_secret(request):
            await self.app(_unconditional(scope), receive, _with_cookie(send, request))
        else:
            await self.app(scope, receive, send)

    async def _connect(self, scope: Message, receive: Receive, send: Send, limits: Limits | None) -> None:
        who = address_of(scope)
        if limits is not None:
            rule = ""
            if not self._connections.allows(who, limits.connections_per_minute):
                rule = "connections_per_minute"
            elif self._open.get(who, 0) >= limits.sessions_per_address:
                rule = "sessions_per_address"
            elif sum(self._open.values()) >= limits.sessions:
                rule = "sessions"
            if rule:
                log_refusal("connection", rule)
                await send({"type": "websocket.close", "code": TRY_LATER})
                return
        self._open[who] = self._open.get(who, 0) + 1
        try:
            await self.app(scope, receive, send)
        finally:
            self._open[who] -= 1
            if not self._open[who]:
                del self._open[who]

    async def _upload(self, scope: Message, receive: Receive, send: Send, limits: Limits | None) -> None:
        if limits is None:
            await self.app(scope, receive, send)
            return
        session = scope["path"].partition(UPLOAD)[2].partition("/")[0]
        told = Headers(scope=scope).get("content-length", "")
        size = int(told) if told.isascii() and told.isdigit() else get_option("server.maxUploadSize") * 2**20
        files, held = _held(session)
        coming, on_its_way = self._coming.get(session, (0, 0))
        rule = ""
        if not self._uploads.allows(address_of(scope), limits.uploads_per_minute):
            rule = "uploads_per_minute"
        elif files + coming >= limits.upload_files:
            rule = "upload_files"
        elif held + on_its_way + size > limits.upload_mb * 2**20:
            rule = "upload_mb"
        if rule:
            log_refusal("upload", rule)
            said = {"detail": f"Too many uploads ({rule}). Remove some, or try again in a minute."}
            await JSONResponse(said, 429, REFUSED)(scope, receive, send)
            return
        self._coming[session] = coming + 1, on_its_way + size
        try:
            await self.app(scope, receive, send)
        finally:
            coming, on_its_way = self._coming.pop(session)
            if coming > 1:
                self._coming[session] = coming - 1, on_its_way - size


def _held(session: str) -> tuple[int, int]:
    """Number and bytes of the files that Streamlit holds for a session."""
    manager = cast(MemoryUploadedFileManager, runtime.get_instance().uploaded_file_mgr)  # of Streamlit's own server
    files = manager.file_storage.get(session, {})
    return len(files), sum(len(file.data) for file in list(files.values()))


def address_of(scope: Message) -> str:
    """Where a request comes from: as the proxy on this machine or beside it says, else as the connection does."""
    client = (scope.get("client") or ("", 0))[0]
    told = ",".join(Headers(scope=scope).getlist("x-forwarded-for"))
    return told.rpartition(",")[2].strip()[:64] if told and server_settings().behind_proxy else client


def _lacks_secret(request: HTTPConnection) -> bool:
    """Whether a browser asks for a page and has no cookie of ours."""
    return "text/html" in request.headers.get("accept", "") and not is_secret(request.cookies.get(COOKIE))


def _unconditional(scope: Message) -> Message:
    """The same request, whose answer is whole: a page that the browser has already brings no cookie."""
    asked = (b"if-none-match", b"if-modified-since")
    return {**scope, "headers": [(name, value) for name, value in scope["headers"] if name.lower() not in asked]}


def _with_cookie(send: Send, request: HTTPConnection) -> Send:
    """What is sent, with a secret for the visitor where it is a page."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start" and _is_html(message["headers"]):
            schemes = (request.scope.get("scheme"), request.headers.get("x-forwarded-proto"))
            secure = "; Secure" if "https" in schemes else ""
            cookie = f"{COOKIE}={new_secret()}; Path=/; Max-Age={A_YEAR}; HttpOnly; SameSite=Lax{secure}"
            kept = [(name, value) for name, value in message["headers"] if name.lower() != b"cache-control"]
            # a cache between here and the browser would hand one visitor's secret to others
            added = [(b"cache-control", b"private, no-store"), (b"set-cookie", cookie.encode())]
            message = {**message, "headers": [*kept, *added]}
        await send(message)

    return sending


def _is_html(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    return any(name.lower() == b"content-type" and value.startswith(b"text/html") for name, value in headers)


def _health(*, ready: bool) -> JSONResponse:
    """Nothing of anybody's."""
    fresh = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
    if not ready:
        return JSONResponse({"live": True}, headers=fresh)
    (running, waiting), limits, free = RUNS.counts, server_settings().limits, free_mb(aligner_home())
    good = waiting < limits.waiting and free >= limits.free_mb
    told = {
        "ready": good, "models_loaded": cache.models_loaded(), "disk_free_mb": free, "running": running, "waiting": waiting,
        "training": sum(TRAININGS.counts), "refused": refusal_counts(),
    }  # fmt: skip
    return JSONResponse(told, 200 if good else 503, fresh)
