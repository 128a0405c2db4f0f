"""Which device to compute on, and how to stay within its memory."""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any

from seda.errors import ConfigError

LARGEST_BATCH = 256  # pictures; chosen here: a GPU gains nothing from more
PICTURE_BYTES = 64_000_000  # of activations; chosen here: what ViT-L at 336 px takes in bf16, with room
SHARE = 0.5  # of the free memory that a batch may take by that estimate
M_ARENA_MAX = -8  # of glibc's malloc.h


@cache
def best_device() -> str:
    """torch's name of the device to use: $SEDA_DEVICE, else the first that is there of "cuda", "mps" and "cpu".

    Found once a process. Imports torch.
    """
    import torch

    if chosen := os.environ.get("SEDA_DEVICE"):
        return chosen
    if torch.cuda.is_available():
        return "cuda"
    if torch.backends.mps.is_available():
        return "mps"
    return "cpu"


def encoder_precision(device: str) -> AbstractContextManager[Any]:
    """bf16 autocast on a CUDA device that has it, else nothing. For encoders alone: an aligner is always in float32."""
    import torch

    # torch.cuda.is_bf16_supported() also counts GPUs that emulate it, slowly
    if (
        device.startswith("cuda")
        and torch.cuda.is_available()
        and (torch.version.hip or torch.cuda.get_device_capability(device)[0] >= 8)
    ):
        return torch.autocast("cuda", dtype=torch.bfloat16)
    return nullcontext()


def check_device(device: str) -> None:
    """
    Raises:
        ConfigError: the device is not known, or not there.
    """
    import torch

    try:
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, ValueError) as error:  # torch without CUDA raises AssertionError
        raise ConfigError(
            f"The device {device!r:.40} cannot be used here.", remedy='Choose "cpu", or "cuda" on a machine with a GPU.'
        ) from error


_ALONE = threading.RLock()


def alone(device: str) -> AbstractContextManager[Any]:
    """For work that several threads may ask for: on MPS one at a time, as two that compute at once can end the process
    (pytorch issue 197805, open in torch 2.14).
    """
    return _ALONE if device.startswith("mps") else nullcontext()


def free_bytes(device: str) -> int | None:
    """Memory of a GPU that is free now; None where nothing tells."""
    import torch

    if device.startswith("cuda") and torch.cuda.is_available():
        unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)  # kept by torch for later
        return torch.cuda.mem_get_info(device)[0] + unused
    if device.startswith("mps") and torch.backends.mps.is_available():
        return torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory()
    return None


def batch_size(device: str) -> int:
    """Pictures to encode at a time, by the memory that is free now; 1 to LARGEST_BATCH."""
    free = free_bytes(device)
    return LARGEST_BATCH if free is None else max(1, min(LARGEST_BATCH, int(SHARE * free / PICTURE_BYTES)))


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a device, or the computer, has run out of memory. Of MPS and of the CPU only the words tell."""
    import torch

    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    said = str(error).lower()
    # a library on a full GPU says CUBLAS_STATUS_ALLOC_FAILED
    return isinstance(error, RuntimeError) and any(
        words in said for words in ("out of memory", "can't allocate memory", "alloc_failed")
    )


def release(device: str) -> None:
    """Give back what torch keeps for later."""
    import torch

    if device.startswith("cuda") and torch.cuda.is_available():
        torch.cuda.empty_cache()
    elif device.startswith("mps") and torch.backends.mps.is_available():
        torch.mps.empty_cache()


def give_back() -> None:
    """Give memory that was freed, which the C library keeps for later, back to the system. Takes .05 s for half a GB.

    A run frees some hundred MB in pieces that lie between others, and glibc gives back only what lies at an arena's end. To let it map
    large pieces one by one instead (M_MMAP_THRESHOLD) costs a third more of processor time. Other C libraries are left alone.
    """
    if sys.platform == "linux" and (trim := getattr(ctypes.CDLL(None), "malloc_trim", None)) is not None:
        trim(0)


def share_arenas() -> None:
    """Let all threads of a server allocate from two arenas of the C library, before any thread has one of its own.

    By default glibc gives each of up to eight threads a core an arena, none of which gives back what another could use: each visitor's
    script is a thread. Other C libraries are left alone.
    """
    if sys.platform == "linux" and (set_option := getattr(ctypes.CDLL(None), "mallopt", None)) is not None:
        set_option(M_ARENA_MAX, 2)
