"""From a data set and an encoder to a FeatureSet: found on disk, else encoded in chunks that survive a stop."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from seda.data.base import ImageDataset, image_texts
from seda.data.feature_set import FeatureSet
from seda.encoders.base import Encoder
from seda.errors import DataError, FileFormatError, StorageError
from seda.shipped import ASSETS
from seda.storage import cache_dir, read_arrays, write_arrays

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

    from seda.data.ray_engine import RayEngine

SHIPPED = ASSETS / "features"  # read-only
CHUNK = 512  # images; chosen here: about 12 s on two cores, the most that a kill can lose

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Shard:
    """Images [n] by their positions in the split, and the file that their features go to."""

    path: Path
    indices: np.ndarray


class EncodingStopped(DataError):
    """on_progress asked to stop before all images were encoded."""


def encode_split(
    dataset: ImageDataset,
    split: str,
    encoder: Encoder,
    *,
    limit: int | None = None,
    seed: int | None = 0,
    on_progress: Callable[[int, int], object] | None = None,
    cache: Path | None = None,
    engine: RayEngine | None = None,
) -> FeatureSet:
    """Features of a split, or of a part of it.

    Looked for in the files shipped with the program, then in the cache. Else encoded, each chunk of CHUNK images written
    to the cache, so that a second run goes on where the first one ended. Where images have texts of their own, these are
    encoded too. Without a cache that can be written it warns in the log and encodes all the same.

    Args:
        limit: number of images, see `chosen_indices`; None for all, in the data set's order.
        seed: of the choice; None takes the first images in the data set's order.
        on_progress: called with (images done, images in all) after each batch; return True to stop.
        cache: folder for features; None for the usual one.
        engine: encodes the chunks that are missing, several at a time; None encodes them here.
    Raises:
        EncodingStopped: on_progress returned True; what is done stays in the cache.
        DataError: the data set cannot be read.
        WeightsError: the encoder's weights are missing or not the expected ones.
    """
    count = dataset.count(split)
    limit, seed = _canonical(count, limit, seed)
    cache = cache_dir() / "features" if cache is None else Path(cache)
    name = feature_file_name(encoder.fingerprint, dataset.fingerprint(split), split, limit, seed)
    if (found := find_features(name, cache)) is not None:
        return found
    indices = chosen_indices(count, limit, seed)
    parts = cache / f"{name}.parts"
    if engine is not None:
        _encode_elsewhere(dataset, split, indices, encoder, parts, on_progress, engine)
    features = _encode(dataset, split, indices, encoder, parts, on_progress)
    texts = image_texts(dataset, split, indices)
    result = FeatureSet(
        features,
        dataset.labels(split)[indices],
        tuple(dataset.class_names),
        split,
        encoder.fingerprint,
        dataset.fingerprint(split),
        None if texts is None else encoder.encode_texts(texts).numpy(),
    )
    try:
        result.save(cache / name)
        shutil.rmtree(cache / f"{name}.parts", ignore_errors=True)
    except StorageError as error:
        logger.warning("The features are not kept for the next time. %s", error)
    return result


def chosen_indices(count: int, limit: int | None = None, seed: int | None = 0) -> np.ndarray:
    """Positions of the images that `encode_split` takes, int64 [n]: the first `limit` of a seeded permutation.

    All in their own order without a limit; the first `limit` in their own order when seed is None.

    Raises:
        DataError: limit is below 1, or the split is empty.
    """
    limit, seed = _canonical(count, limit, seed)
    if limit is None or seed is None:
        return np.arange(count if limit is None else limit)
    return np.random.default_rng(seed).permutation(count)[:limit]


def feature_file_name(
    encoder_fingerprint: str, data_fingerprint: str, split: str, limit: int | None = None, seed: int | None = 0
) -> str:
    """Name of the file that holds these features, in the cache and among the shipped files."""
    part = "" if limit is None else f"-first{limit}" if seed is None else f"-random{limit}-seed{seed}"
    return f"{encoder_fingerprint}-{data_fingerprint}-{split}{part}.safetensors"


def find_features(name: str, cache: Path | None = None) -> FeatureSet | None:
    """A finished file of that name, shipped or in the cache; one that is damaged is passed over with a warning."""
    for folder in (SHIPPED, cache_dir() / "features" if cache is None else cache):
        if (folder / name).is_file():
            try:
                return FeatureSet.load(folder / name)
            except FileFormatError as error:
                logger.warning("Features on disk are not used. %s", error)
    return None


def _canonical(count: int, limit: int | None, seed: int | None) -> tuple[int | None, int | None]:
    """One form for each choice: no limit where it takes all, and no seed where there is no limit."""
    if count < 1:
        raise DataError("The split has no images.", remedy="Add pictures, or choose another split.")
    if limit is not None and limit < 1:
        raise DataError(f"The limit is {limit}; at least 1 image is needed.")
    return (None, None) if limit is None or limit >= count else (limit, seed)


def _encode(
    dataset: ImageDataset,
    split: str,
    indices: np.ndarray,
    encoder: Encoder,
    parts: Path,
    on_progress: Callable[[int, int], object] | None,
) -> np.ndarray:
    """float32 [n, D], chunk by chunk: read back when an earlier run wrote it, else encoded and written."""

    def report(done: int) -> None:
        if on_progress is not None and on_progress(done, len(indices)) and done < len(indices):
            raise _stopped(done, len(indices))

    chunks: list[np.ndarray] = []
    writable = True
    for start, path, chosen in _chunks(indices, parts):
        chunk = _read_chunk(path, (len(chosen), encoder.image_dim))
        if chunk is None:
            done = []
            with closing(encode_images_of(dataset, split, chosen, encoder)) as batches:
                for features in batches:
                    done.append(features.numpy())
                    if (count := sum(map(len, done))) < len(chosen):
                        report(start + count)
            chunk = np.concatenate(done)
            writable = writable and _write_chunk(path, chunk)
        chunks.append(chunk)
        report(start + len(chosen))  # after it was written, so that a stop here loses nothing
    return np.concatenate(chunks)


def encode_images_of(
    dataset: ImageDataset, split: str, indices: np.ndarray, encoder: Encoder
) -> Generator[Tensor, None, None]:
    """Features [b, D] of some of a data set's images, batch by batch."""
    from seda.encoders.batches import encode_batches  # and torch with it

    def read(place: int) -> Image:
        (picture,) = dataset.images(split, indices[place : place + 1])
        return picture

    return encode_batches(encoder, len(indices), read)


def _chunks(indices: np.ndarray, parts: Path) -> Iterator[tuple[int, Path, np.ndarray]]:
    """Each chunk's place among the images, its file and its images."""
    for start in range(0, len(indices), CHUNK):
        yield start, parts / f"{start:08d}.safetensors", indices[start : start + CHUNK]


def _encode_elsewhere(
    dataset: ImageDataset,
    split: str,
    indices: np.ndarray,
    encoder: Encoder,
    parts: Path,
    on_progress: Callable[[int, int], object] | None,
    engine: RayEngine,
) -> None:
    """Let an engine write the chunks that are missing.

    Raises:
        EncodingStopped: on_progress asked for it.
    """
    missing = [
        Shard(path, chosen)
        for _, path, chosen in _chunks(indices, parts)
        if _read_chunk(path, (len(chosen), encoder.image_dim)) is None
    ]
    if not missing:
        return
    done, stop = len(indices) - sum(len(shard.indices) for shard in missing), False

    def on_shard(count: int) -> bool:
        nonlocal done, stop
        done += count
        stop = bool(on_progress is not None and on_progress(done, len(indices)) and done < len(indices))
        return stop

    engine.encode(dataset, split, missing, encoder.name, encoder.fingerprint, on_shard)
    if stop:
        raise _stopped(done, len(indices))


def _stopped(done: int, total: int) -> EncodingStopped:
    return EncodingStopped(
        f"Encoding was stopped at {done:,} of {total:,} images.", remedy="Run it again to go on from there."
    )


def _read_chunk(path: Path, shape: tuple[int, int]) -> np.ndarray | None:
    if not path.is_file():
        return None
    try:
        chunk = read_arrays(path)[0]["image_features"]
    except (FileFormatError, KeyError):
        return None
    return chunk if chunk.shape == shape and chunk.dtype == np.float32 else None


def _write_chunk(path: Path, chunk: np.ndarray) -> bool:
    """Whether the cache took it; the log says so where it did not."""
    try:
        write_arrays(path, {"image_features": chunk})
        return True
    except StorageError as error:
        logger.warning("Features are encoded without a cache, a stop will lose them. %s", error)
        return False
