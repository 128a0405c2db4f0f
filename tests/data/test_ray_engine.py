"""Encoding by two local workers of Ray; the rest needs no Ray."""

from __future__ import annotations

import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch

from seda.data import features, ray_engine
from seda.data.features import EncodingStopped, encode_split
from seda.data.image_folder import ImageFolder
from seda.data.ray_engine import RayEngine, Shard, Worker
from seda.encoders import load_encoder
from seda.errors import ConfigError, DataError, FingerprintError, StorageError
from seda.storage import read_arrays
from tests.tiny import image_folder

needs_ray = pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed (requirements-ray.txt)")


@pytest.fixture
def shapes(tmp_path):
    """24 pictures in 3 classes, 18 of them for training."""
    return ImageFolder(image_folder(tmp_path / "shapes", per_class=8))


class Here:
    """In the place of Ray: the same workers, one shard after the other in this process."""

    def __init__(self):
        self.done = []

    def encode(self, dataset, split, shards, encoder, fingerprint, on_shard):
        worker = Worker(dataset, split, encoder, fingerprint, "cpu")
        for shard in shards:
            answer = worker.encode(str(shard.path), shard.indices)
            self.done.append(shard.path.name)
            if on_shard(answer):
                return


def test_shards_give_the_features_of_one_process_and_survive_a_stop(tmp_path, shapes, monkeypatch):
    monkeypatch.setattr(features, "CHUNK", 5)
    encoder, cache = load_encoder("bundled"), tmp_path / "cache"
    engine, told = Here(), []
    with pytest.raises(EncodingStopped, match="stopped at 10 of 18 images"):
        encode_split(shapes, "train", encoder, cache=cache, engine=engine, on_progress=lambda done, _: done == 10)
    (parts,) = cache.glob("*.parts")
    assert sorted(path.name for path in parts.iterdir()) == ["00000000.safetensors", "00000005.safetensors"]
    engine.done.clear()
    found = encode_split(
        shapes,
        "train",
        encoder,
        cache=cache,
        engine=engine,
        on_progress=lambda done, total: told.append((done, total)) and None,
    )
    assert engine.done == ["00000010.safetensors", "00000015.safetensors"]  # what was done is not done again
    assert told[0] == (15, 18) and told[-1] == (18, 18)
    alone = encode_split(shapes, "train", encoder, cache=tmp_path / "other")
    np.testing.assert_allclose(found.image_features, alone.image_features, atol=1e-5)
    np.testing.assert_array_equal(found.labels, alone.labels)


def test_a_worker_answers_with_what_went_wrong(tmp_path, shapes):
    encoder = load_encoder("bundled")
    worker = Worker(shapes, "train", "bundled", "another", "cpu")
    kind, message, _ = worker.encode(str(tmp_path / "a.safetensors"), np.arange(2))
    assert kind is FingerprintError and "a worker has the fingerprint" in message
    worker = Worker(shapes, "train", "bundled", encoder.fingerprint, "cpu")
    assert worker.encode(str(tmp_path / "a.safetensors"), np.arange(2)) == 2
    assert read_arrays(tmp_path / "a.safetensors")[0]["image_features"].shape == (2, 1280)
    (tmp_path / "file").touch()
    kind, _, remedy = worker.encode(str(tmp_path / "file" / "a.safetensors"), np.arange(2))
    assert kind is StorageError and "every worker can write" in remedy
    for path in (tmp_path / "shapes").rglob("*.png"):
        path.unlink()
    assert worker.encode(str(tmp_path / "b.safetensors"), np.arange(2))[0] is DataError


def test_without_ray_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(ray_engine, "find_spec", lambda _: None)
    with pytest.raises(
        ConfigError, match=r"Ray is not installed\. Run: pip install ray; requirements-ray\.txt says which\."
    ):
        RayEngine()
    monkeypatch.setattr(ray_engine, "find_spec", lambda _: True)
    with pytest.raises(ConfigError, match="0 workers"):
        RayEngine(0)


@pytest.mark.slow
@needs_ray
@pytest.mark.filterwarnings("default")  # Ray's own
def test_two_workers_on_this_machine(tmp_path, shapes, monkeypatch, request):
    monkeypatch.setattr(features, "CHUNK", 6)
    monkeypatch.setenv("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    import ray

    encoder, told, ended = load_encoder("bundled"), [], []
    request.addfinalizer(ray.shutdown)
    monkeypatch.setattr(ray, "shutdown", lambda: ended.append("by the engine"))  # the second call joins what runs
    found = encode_split(
        shapes, "train", encoder, cache=tmp_path / "cache", engine=RayEngine(2),
        on_progress=lambda done, total: told.append((done, total)) and None,
    )  # fmt: skip
    assert told[:3] == [(6, 18), (12, 18), (18, 18)] and len(ended) == 1
    pictures = list(shapes.images("train", range(18)))
    torch.testing.assert_close(
        torch.from_numpy(found.image_features), encoder.encode_images(pictures), atol=1e-4, rtol=1e-3
    )
    for path in Path(tmp_path / "shapes").rglob("*.png"):
        path.unlink()
    for _ in range(300):  # until the first call's workers have gone
        if ray.available_resources().get("CPU") == 2:
            break
        time.sleep(0.1)
    with pytest.raises(DataError, match="has changed"):
        RayEngine(2).encode(
            shapes,
            "train",
            [Shard(tmp_path / "x.safetensors", np.arange(3))],
            "bundled",
            encoder.fingerprint,
            lambda _: None,
        )
    assert len(ended) == 1  # who joins does not end it
