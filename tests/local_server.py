"""A web server on this machine for tests of downloads: it can break off, refuse, dawdle, and forget how to go on."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Server(ThreadingHTTPServer):
    """Gives files of `content`; counts what was asked of it. `cut` ends answers after so many bytes; `pace` is waited before each
    megabyte, in seconds; `commit` is what the hub says of a revision."""

    def __init__(self):
        self.content: dict[str, bytes] = {}
        self.asked: list[tuple[str, str | None]] = []
        self.version, self.ranges, self.cut, self.status = '"v1"', True, None, None
        self.commit, self.pace = "", 0.0
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], ConnectionError):  # who asked may have been stopped
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    def do_HEAD(self):
        self.send_response(200 if self.path in self.server.content else 404)
        if self.server.commit:
            self.send_header("X-Repo-Commit", self.server.commit)
        self.end_headers()

    def do_GET(self):
        server = self.server
        asked = self.headers.get("Range")
        server.asked.append((self.path, asked))
        if server.status or self.path not in server.content:
            self.send_error(server.status or 404)
            return
        body, first = server.content[self.path], 0
        if asked and server.ranges and self.headers.get("If-Range") == server.version:
            first = int(asked.removeprefix("bytes=").rstrip("-"))
            if first >= len(body):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(body)}")
                self.end_headers()
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {first}-{len(body) - 1}/{len(body)}")
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(len(body) - first))
        if server.version:
            self.send_header("ETag", server.version)
        self.end_headers()
        end = len(body) if server.cut is None else first + server.cut
        step = 2**20 if server.pace else max(end - first, 1)
        for at in range(first, end, step):
            time.sleep(server.pace)
            self.wfile.write(body[at : min(at + step, end)])

    def log_message(self, *_):
        pass


@contextmanager
def running_server() -> Iterator[Server]:
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield running
        running.shutdown()
        thread.join()
