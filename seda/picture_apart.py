"""Decoding one heavy picture in a process of its own, with limits on time and memory.

Counts before decoding (`seda.picture_bounds`) hold for what we know of the formats; for what we do not know of their decoders, a
process holds that the kernel ends: it is made for one picture and gone after it, so there is nothing to repair when it was killed.
That costs a fifth of a second, which is why only heavy and unusual pictures come here; a pool of workers would save it and would
have to be watched. A fork of this process would be faster too, but the app's threads hold locks that a fork never releases.

The process is `seda.picture_worker`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

from PIL import Image

from seda.errors import ImageError

CPU_SECONDS = 8  # chosen here: 50 million pixels of 4 x 16 bits take 2
WALL_SECONDS = 30.0  # where the machine is busy with other things
MEMORY = 1_500 * 2**20  # bytes; the same picture takes .8 GB
AT_ONCE = 2  # chosen here: memory for two
STAND_IN = "\0picture\0"  # stands for the name, which the worker need not know

_places = threading.BoundedSemaphore(AT_ONCE)
_SMALLER = "Make the picture smaller, or save it as JPEG, and try again."


def read_apart(data: bytes, name: str) -> Image.Image:
    """`seda.images.read_image` of a file's content, in a process of its own.

    Raises:
        ImageError: as there; or decoding took more than CPU_SECONDS or MEMORY, or ended the process.
    """
    threads = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL")}  # each one takes address space
    environment = {**os.environ, **threads, "PYTHONPATH": str(Path(__file__).resolve().parent.parent)}
    with _places:
        try:
            ended = subprocess.run(
                [sys.executable, "-m", "seda.picture_worker"], input=data, env=environment, timeout=WALL_SECONDS,
                capture_output=True, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise ImageError(
                f"{name} takes too long to decode (more than {WALL_SECONDS:.0f} s).", remedy=_SMALLER
            ) from error
        except OSError as error:
            raise ImageError(f"{name} is too large to be decoded now ({error.strerror}).", remedy=_SMALLER) from error
    head, _, pixels = ended.stdout.partition(b"\n")
    if ended.returncode or not head:
        raise ImageError(
            f"{name} cannot be decoded within {CPU_SECONDS} s and {MEMORY // 2**20:,} MB of memory.", remedy=_SMALLER
        )
    answer = json.loads(head)
    if "message" in answer:
        raise ImageError(answer["message"].replace(STAND_IN, name), remedy=answer["remedy"])
    return Image.frombytes("RGB", tuple(answer["size"]), pixels)
