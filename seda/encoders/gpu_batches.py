"""An encoder on a GPU that stays within its memory."""

from __future__ import annotations

import gc
import logging
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch import Tensor

from seda.device import LARGEST_BATCH, alone, batch_size, encoder_precision, is_out_of_memory, release
from seda.encoders.batches import encode_all

if TYPE_CHECKING:
    from PIL.Image import Image

    from seda.encoders.base import Encoder

logger = logging.getLogger(__name__)
_Items = TypeVar("_Items", Tensor, Sequence[str])


class GpuEncoder:
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
        self._lock = threading.Lock()
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
        return encode_all(self, images)

    def encode_views(self, views: Tensor) -> Tensor:
        """Features of prepared views [n, 3, h, w], float32 [n, image_dim] on the CPU, in order."""
        return self._encode(lambda encoder, part: encoder.encode_views(part), views)

    def encode_texts(self, texts: Sequence[str]) -> Tensor:
        """Features of texts, float32 [n, text_dim] on the CPU, in order."""
        return self._encode(lambda encoder, part: encoder.encode_texts(part), texts)

    def _encode(self, encode: Callable[[Encoder, _Items], Tensor], items: _Items) -> Tensor:
        if len(items) == 0:
            return encode(self._encoder, items)
        parts: list[Tensor] = []
        first = 0
        while first < len(items):
            encoder, device = self._encoder, self._device  # another thread may have moved on to the CPU meanwhile
            part = items[first : first + self._size]
            try:
                with alone(device), encoder_precision(device):
                    parts.append(encode(encoder, part).float())
                first += len(part)
                continue
            except (RuntimeError, MemoryError) as error:
                if device == "cpu" or not is_out_of_memory(error):
                    raise
            del encoder
            self._shrink(device, len(part))  # outside of except: the error holds the tensors of the failed batch
        return torch.cat(parts)

    def _shrink(self, device: str, failed: int) -> None:
        """Smaller batches after one on the device did not fit, or the CPU."""
        with self._lock:
            release(device)
            if self._device != device:  # another thread was here first
                return
            if failed > 1:
                self._size = min(self._size, failed // 2)
                logger.warning("%s has no memory for %d at a time; going on with %d.", device, failed, self._size)
                return
            logger.warning("%s has no memory for a single one; going on with the CPU, which is slower.", device)
            self._encoder, self._device, self._size = self._on_cpu(), "cpu", LARGEST_BATCH
            gc.collect()
            release(device)  # now without the model
