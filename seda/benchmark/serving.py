"""A Streamlit script behind a free port of this machine, for as long as it is looked at."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from seda.shipped import HOME

WAIT = 60  # seconds for the server's first answer
LOOK = 0.05  # seconds between two questions for it


@contextmanager
def serving(
    script: Path,
    log: Path,
    environment: Mapping[str, str] | None = None,
    options: Sequence[str] = (),
    below: str = "",
) -> Iterator[tuple[str, int]]:
    """Run a script by `streamlit run`; gives its address and the server's process id.

    Args:
        script: run in its own folder, whose .streamlit/config.toml counts; `seda` can be imported.
        log: file for what the server prints.
        environment: further variables.
        options: of `streamlit run`, beside those that a server without a person needs; later ones win.
        below: what `server.baseUrlPath` says among them, with a slash at its end.
    Raises:
        RuntimeError: the server ended or did not answer; with what it printed.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        *(sys.executable, "-m", "streamlit", "run", str(script), "--server.headless=true"),
        *(f"--server.port={port}", "--server.address=127.0.0.1", *options),
    ]
    variables = {**os.environ, "PYTHONPATH": str(HOME), **(environment or {})}
    with log.open("wb") as output:
        server = subprocess.Popen(command, cwd=script.parent, env=variables, stdout=output, stderr=output)
        try:
            url = f"http://127.0.0.1:{port}"
            _wait_until_healthy(f"{url}/{below}", server, log)
            yield url, server.pid
        finally:
            server.terminate()
            server.wait(timeout=20)


def _wait_until_healthy(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + WAIT
    while time.monotonic() < end and server.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}_stcore/health", timeout=2):
                return
        except OSError:
            time.sleep(LOOK)
    raise RuntimeError(f"Streamlit did not start:\n{log.read_text(errors='replace')}")
