"""Arrays in the player's payload."""

from __future__ import annotations

import base64

import numpy as np


def base64_of(array: np.ndarray, dtype: str) -> str:
    """The array's numbers as base64, little endian, converted to a type such as "<f4"."""
    return base64.b64encode(np.ascontiguousarray(array, dtype=dtype).tobytes()).decode("ascii")
