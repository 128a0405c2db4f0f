"""The process in which `seda.picture_apart` has one picture decoded: `python -m seda.picture_worker`.

The file comes on stdin; on stdout goes a line of JSON, then the pixels as RGB.
"""

from __future__ import annotations

import json
import sys

from seda.errors import ImageError
from seda.picture_apart import CPU_SECONDS, MEMORY, STAND_IN


def main() -> None:
    """Decode the picture on standard input; to standard output, a line of JSON (size, or what is wrong) and the pixels."""
    _limit()
    from seda.images import decode

    data = sys.stdin.buffer.read()
    try:
        image = decode(data, STAND_IN)
    except ImageError as error:
        sys.stdout.buffer.write(json.dumps({"message": error.message, "remedy": error.remedy}).encode() + b"\n")
        return
    sys.stdout.buffer.write(json.dumps({"size": image.size}).encode() + b"\n" + image.tobytes())


def _limit() -> None:
    try:
        import resource
    except ImportError:  # Windows has none; WALL_SECONDS holds there
        return
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS + 1))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    main()
