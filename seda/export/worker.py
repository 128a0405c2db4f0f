"""The process in which `seda.export.apart` has something drawn: `python -m seda.export.worker FOLDER`.

The folder holds the journey and asked.json; the file is written there, too. On stdout goes a line of JSON for each step of progress, then
one with the notes, or with what is wrong.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from seda.errors import SedaError
from seda.export.formats import FORMATS
from seda.export.options import ExportOptions
from seda.journeys.journey import Journey

POLITE = 5  # of the scale of `nice`: pages are answered first


def main(folder: str) -> None:
    """Draw what is asked for."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what is open is closed, and the encoder ends
    with suppress(OSError, AttributeError):
        os.nice(POLITE)
    place = Path(folder)
    asked = json.loads((place / "asked.json").read_text(encoding="utf-8"))
    _limit(asked["cpu_seconds"])
    options = ExportOptions.from_dict(asked["options"])
    try:
        journey = Journey.load(place / "journey.safetensors")
        encoded = FORMATS[asked["suffix"]].encode(
            journey, options, lambda done, total: _say({"done": done, "total": total})
        )
    except SedaError as error:
        _say({"message": error.message, "remedy": error.remedy})
        return
    except MemoryError:
        _say({"message": "There is not enough memory for a picture of that size.", "remedy": "Choose a smaller one."})
        return
    (place / "drawn").write_bytes(encoded.content)
    _say({"notes": encoded.notes})


def _limit(cpu_seconds: int) -> None:
    try:
        import resource
    except ImportError:  # Windows has none
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if cpu_seconds:
        resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds + 1))


def _say(told: dict[str, Any]) -> None:
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
