"""From pictures to features: threads read and prepare pictures while the batch before them is encoded."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from PIL.Image import Image

    from seda.encoders.base import Encoder

BATCH = 64  # pictures; larger is not faster on two CPU cores
# Pillow computes without Python's lock. On the CPU the model needs the cores more than the pictures do; a GPU waits for them.
THREADS_CPU, THREADS_GPU = 2, 16


def encode_all(encoder: Encoder, images: Sequence[Image]) -> Tensor:
    """Features of RGB pictures, float32 [n, image_dim] on the CPU, in order: an encoder's `encode_images`."""
    for image in images:
        image.load()  # here, as one that stands in the list twice must not be read from its file by two threads
    return torch.cat([torch.empty(0, encoder.image_dim), *encode_batches(encoder, len(images), images.__getitem__)])


def encode_batches(encoder: Encoder, count: int, read: Callable[[int], Image]) -> Generator[Tensor, None, None]:
    """Features of pictures batch by batch, float32 [b, image_dim] on the CPU, in order.

    Only what the encoder looks at of a picture is kept in memory, of two batches at most. Close the iterator to stop.

    Args:
        count: pictures.
        read: gives the picture at a place, 0 to count - 1; called in threads, once for each.
    Raises:
        whatever `read` and the encoder raise.
    """
    wanted = getattr(encoder, "wanted_batch", 0)  # known where the device is a GPU
    size, threads = max(BATCH, wanted), min(os.cpu_count() or 1, THREADS_GPU if wanted else THREADS_CPU)

    def prepared(place: int) -> Tensor:
        return encoder.prepare_image(read(place))

    def begin(first: int) -> list[Future[Tensor]]:
        return [pool.submit(prepared, place) for place in range(first, min(first + size, count))]

    pool = ThreadPoolExecutor(threads, thread_name_prefix="pictures")
    try:
        ahead = begin(0)
        for first in range(0, count, size):
            batch, ahead = ahead, begin(first + size)
            yield _encode([future.result() for future in batch], encoder)
    finally:
        pool.shutdown(cancel_futures=True)


def _encode(pictures: Sequence[Tensor], encoder: Encoder) -> Tensor:
    """The mean feature [n, D] of each picture's views [v, 3, h, w]."""
    features = encoder.encode_views(torch.cat(list(pictures)))
    views = [len(picture) for picture in pictures]
    return features if max(views) == 1 else torch.stack([part.mean(0) for part in features.split(views)])
