"""Encoding spread over processes or machines by Ray: an optional extra, `pip install -r requirements-ray.txt`.

Each worker holds an encoder of its own and writes the shards that it is given as safetensors files, which the same call
finds after a stop. With RAY_ADDRESS set the workers are a cluster's, and the cache ($SEDA_CACHE) has to be a folder that
all of its machines see; else they are processes on this machine.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np

from seda.data.base import ImageDataset
from seda.data.features import Shard, encode_images_of
from seda.encoders.base import Encoder
from seda.errors import ConfigError, DataError, FingerprintError, SedaError, StorageError
from seda.storage import write_arrays


class RayEngine:
    """Encodes shards with Ray.

    Args:
        workers: processes, at most; None for one a CPU core, or one a GPU where the device is one. There are never more than
            free cores or GPUs.
        device: torch's name of what each worker computes on; "cuda" asks Ray for a GPU each.
    Raises:
        ConfigError: Ray is not installed, or the number of workers is below 1.
    """

    def __init__(self, workers: int | None = None, device: str = "cpu") -> None:
        if find_spec("ray") is None:
            raise ConfigError("Ray is not installed.", remedy="Run: pip install ray; requirements-ray.txt says which.")
        if workers is not None and workers < 1:
            raise ConfigError(f"{workers} workers were asked for; at least 1 is needed.")
        self._workers, self._device = workers, device

    def encode(
        self,
        dataset: ImageDataset,
        split: str,
        shards: Sequence[Shard],
        encoder: str,
        fingerprint: str,
        on_shard: Callable[[int], object],
    ) -> None:
        """Write all shards; returns when the last is done, or early when on_shard returns True.

        Args:
            encoder: a name for `load_encoder`; each worker loads it.
            fingerprint: that the encoder has to have on every worker.
            on_shard: told the number of images of each shard that was written.
        Raises:
            SedaError: what a worker met, such as a picture that cannot be read; shards that are done stay.
        """
        import ray

        started = not ray.is_initialized()
        if started:
            ray.init(
                num_cpus=self._workers, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR,
                runtime_env={"env_vars": {"OMP_NUM_THREADS": "1"}},
            )  # fmt: skip
        try:
            self._run(ray, dataset, split, shards, encoder, fingerprint, on_shard)
        finally:
            if started:
                ray.shutdown()

    def _run(
        self, ray: Any, dataset: ImageDataset, split: str, shards: Sequence[Shard], encoder: str, fingerprint: str,
        on_shard: Callable[[int], object],
    ) -> None:  # fmt: skip
        """Keep every worker busy with one shard at a time."""
        gpus = 1 if self._device.startswith("cuda") else 0
        kind = "GPU" if gpus else "CPU"
        free = int(ray.available_resources().get(kind, 0))
        if free < 1:
            raise ConfigError(
                f"Ray has no free {kind} for a worker; each asks for one.",
                remedy="Give --device cpu, or wait until others are done." if gpus else "Wait until others are done.",
            )
        count = min(self._workers or free, free, len(shards))  # a worker that finds none would wait for ever
        shared = ray.put(dataset)
        actor = ray.remote(num_cpus=1, num_gpus=gpus)(Worker)
        device = "cuda" if gpus else self._device  # Ray shows each worker its own GPU alone
        idle = [actor.remote(shared, split, encoder, fingerprint, device) for _ in range(count)]
        waiting = list(reversed(shards))
        running: dict[Any, Any] = {}  # worker by its answer to be; Ray's own kinds of both
        while waiting or running:
            while idle and waiting:
                worker, shard = idle.pop(), waiting.pop()
                running[worker.encode.remote(str(shard.path), shard.indices)] = worker
            (done,), _ = ray.wait(list(running), num_returns=1)
            idle.append(running.pop(done))
            try:
                answer = ray.get(done)
            except ray.exceptions.RayError as error:
                reason = " ".join(str(error).split())[-300:]
                raise DataError(
                    f"A worker of Ray failed ({reason}).", remedy="The same call goes on with the shards that are left."
                ) from error
            if isinstance(answer, tuple):
                kind, message, remedy = answer
                raise kind(message, remedy=remedy)
            if on_shard(answer):
                return


class Worker:
    """One process of Ray, with an encoder of its own."""

    def __init__(self, dataset: ImageDataset, split: str, encoder: str, fingerprint: str, device: str) -> None:
        self._dataset, self._split, self._device = dataset, split, device
        self._name, self._fingerprint = encoder, fingerprint
        self._encoder: Encoder | None = None

    def encode(self, path: str, indices: np.ndarray) -> int | tuple[type[SedaError], str, str]:
        """Write one shard; the number of its images, or an error as its class, message and remedy.

        An error is not raised, as Ray would put its own trace around the sentence.
        """
        try:
            encoder = self._loaded()
            batches = encode_images_of(self._dataset, self._split, indices, encoder)
            write_arrays(path, {"image_features": np.concatenate([features.numpy() for features in batches])})
            return len(indices)
        except StorageError as error:
            return StorageError, error.message, "Set SEDA_CACHE to a folder that every worker can write."
        except SedaError as error:
            return type(error), error.message, error.remedy

    def _loaded(self) -> Encoder:
        """
        Raises:
            FingerprintError: the encoder here is another than the one of the call.
        """
        if self._encoder is None:
            from seda.encoders import load_encoder

            encoder = load_encoder(self._name, self._device)
            if encoder.fingerprint != self._fingerprint:
                raise FingerprintError(
                    f"The encoder {self._name} of a worker has the fingerprint {encoder.fingerprint}; "
                    f"{self._fingerprint} is needed.",
                    remedy="Install the same versions and weights on every machine.",
                )
            self._encoder = encoder
        return self._encoder
