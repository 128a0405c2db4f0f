"""Which device to compute on, and how to stay within its memory."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

    from seda.encoders.base import Encoder

LARGEST_BATCH = 256  # pictures; chosen here: a GPU gains nothing from more
PICTURE_BYTES = 64_000_000  # of activations; chosen here: what ViT-L at 336 px takes in bf16, with room
SHARE = 0.5  # of the free memory that a batch may take by that estimate

logger = logging.getLogger(__name__)


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

    if device.startswith("cuda") and torch.cuda.is_available() and torch.cuda.is_bf16_supported():
        return torch.autocast("cuda", dtype=torch.bfloat16)
    return nullcontext()


def free_bytes(device: str) -> int | None:
    """Memory of a GPU that is free now; None where nothing tells."""
    import torch

    if device.startswith("cuda") and torch.cuda.is_available():
        return torch.cuda.mem_get_info(device)[0]
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
    return isinstance(error, RuntimeError) and ("out of memory" in said or "can't allocate memory" in said)


def release(device: str) -> None:
    """Give back what torch keeps for later."""
    import torch

    if device.startswith("cuda") and torch.cuda.is_available():
        torch.cuda.empty_cache()
    elif device.startswith("mps") and torch.backends.mps.is_available():
        torch.mps.empty_cache()


class SteadyEncoder:
    """See `Encoder`: one on a GPU, in batches that fit into its memory, and on the CPU where not even one picture does.

    Everything else is the encoder's own. Features differ from those of the CPU by bf16's rounding, about .01 of their
    length, so the fingerprint is the same.

    Args:
        encoder: on the device.
        device: torch's name of it.
        on_cpu: gives the same encoder on the CPU; called once, when it is needed.
    """

    def __init__(self, encoder: Encoder, device: str, on_cpu: Callable[[], Encoder]) -> None:
        self._encoder, self._device, self._on_cpu = encoder, device, on_cpu
        self._size = batch_size(device)
        if hasattr(encoder, "batch_size"):
            encoder.batch_size = LARGEST_BATCH  # batches are made here

    @property
    def wanted_batch(self) -> int:
        """Pictures that go best together at present."""
        return self._size

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # a copy has no encoder yet when it is asked for its methods
            raise AttributeError(name)
        return getattr(self._encoder, name)

    def encode_images(self, images: Sequence[Image]) -> Tensor:
        """Features of RGB pictures, float32 [n, image_dim] on the CPU, in order."""
        return self._encode(lambda encoder, part: encoder.encode_images(part), images)

    def encode_texts(self, texts: Sequence[str]) -> Tensor:
        """Features of texts, float32 [n, text_dim] on the CPU, in order."""
        return self._encode(lambda encoder, part: encoder.encode_texts(part), texts)

    def _encode(self, encode: Callable[[Encoder, Sequence[Any]], Tensor], items: Sequence[Any]) -> Tensor:
        import torch

        if len(items) == 0:
            return encode(self._encoder, items)
        parts: list[Tensor] = []
        first = 0
        while first < len(items):
            part = items[first : first + self._size]
            try:
                with encoder_precision(self._device):
                    parts.append(encode(self._encoder, part).float())
                first += len(part)
                continue
            except (RuntimeError, MemoryError) as error:
                if self._device == "cpu" or not is_out_of_memory(error):
                    raise
            self._shrink(len(part))  # outside of except: the error holds the tensors of the failed batch
        return torch.cat(parts)

    def _shrink(self, failed: int) -> None:
        """Smaller batches after one that did not fit, or the CPU."""
        release(self._device)
        if failed > 1:
            self._size = failed // 2
            logger.warning("%s has no memory for %d at a time; going on with %d.", self._device, failed, self._size)
            return
        logger.warning("%s has no memory for a single one; going on with the CPU, which is slower.", self._device)
        self._encoder, self._device, self._size = self._on_cpu(), "cpu", LARGEST_BATCH
