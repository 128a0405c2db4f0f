"""Drawing a picture or a film in a process of its own: it keeps no visitor waiting, can be stopped at any time, and takes its memory along
when it is gone.

The process is `seda.export.worker`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO, Any

from seda.errors import ConfigError, Stopped
from seda.export.encoded import Encoded
from seda.export.options import ExportOptions, OnProgress
from seda.journeys.journey import Journey

ENDS = 10.0  # seconds that a stopped process may take; chosen here: a step of drawing takes less than one


def encode_apart(
    journey: Journey, suffix: str, options: ExportOptions, on_progress: OnProgress, *, cpu_seconds: int = 0
) -> Encoded:
    """`ExportFormat.encode` in a process of its own. Whatever on_progress raises ends it, too.

    Args:
        cpu_seconds: of a processor, after which the system ends it; 0 for as many as it takes.
    Raises:
        ConfigError: as there; or the process ended without an answer.
        Stopped: on_progress returned True.
    """
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    with tempfile.TemporaryDirectory(prefix="seda-draw-") as folder:
        place = Path(folder)
        (place / "journey.safetensors").write_bytes(journey.to_bytes())
        (place / "asked.json").write_text(
            json.dumps({"suffix": suffix, "options": options.to_dict(), "cpu_seconds": cpu_seconds}), encoding="utf-8"
        )
        with subprocess.Popen(
            [sys.executable, "-m", "seda.export.worker", folder], env=environment, stdout=subprocess.PIPE, text=True, encoding="utf-8"
        ) as process:  # fmt: skip
            assert process.stdout is not None
            try:
                answer = _follow(process.stdout, on_progress)
            except BaseException:  # also Streamlit's interruptions, which are no Exception
                _end(process)
                raise
        if "message" in answer:
            raise ConfigError(answer["message"], remedy=answer["remedy"])
        return Encoded((place / "drawn").read_bytes(), tuple(answer["notes"]))


def _end(process: subprocess.Popen[str]) -> None:
    """Ask it to close what is open; one that does not in time is ended."""
    process.terminate()
    try:
        process.wait(ENDS)
    except subprocess.TimeoutExpired:
        process.kill()


def _follow(lines: IO[str], on_progress: OnProgress) -> dict[str, Any]:
    """The worker's last word: notes, or what is wrong."""
    for line in lines:
        told: dict[str, Any] = json.loads(line)
        if "done" not in told:
            return told
        if on_progress(told["done"], told["total"]):
            raise Stopped
    raise ConfigError(
        "The picture could not be drawn: the process that drew it ended.", remedy="Choose a smaller size, or try again."
    )
