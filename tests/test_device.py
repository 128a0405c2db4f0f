"""The device is chosen once; batches that do not fit become smaller, and move to the CPU at last."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from seda import device
from seda.device import alone, batch_size, best_device, encoder_precision, is_out_of_memory
from seda.encoders import load_encoder
from seda.encoders.gpu_batches import GpuEncoder


@pytest.fixture(autouse=True)
def asked_anew():
    best_device.cache_clear()
    yield
    best_device.cache_clear()


class Greedy:
    """A fake encoder that has memory for so many items at a time."""

    name, image_dim, text_dim, fingerprint, description = "greedy", 2, 1, "f", "For tests."
    extra = "its own"

    def __init__(self, room, error=None):
        self.room, self.error, self.sizes = room, error or torch.OutOfMemoryError("CUDA out of memory"), []

    def encode_views(self, views):
        self.sizes.append(len(views))
        if len(views) > self.room:
            raise self.error
        return torch.stack([views, -views], 1)

    def encode_texts(self, texts):
        return self.encode_views(torch.tensor(texts))[:, :1]


def on_gpu(encoder, on_cpu=lambda: pytest.fail("the CPU is not needed")):
    return GpuEncoder(encoder, "cuda", on_cpu)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("MPS backend out of memory (MPS allocated: 9 GB)"),
        MemoryError(),
    ],
)
def test_batches_are_halved_until_they_fit_and_stay_small(caplog, error):
    encoder = Greedy(5, error)
    found = on_gpu(encoder).encode_views(torch.arange(40.0))
    assert found[:, 0].tolist() == list(range(40)) and found.dtype == torch.float32
    assert encoder.sizes == [40, 20, 10] + [5] * 8
    assert caplog.records[-1].getMessage() == "cuda has no memory for 10 at a time; going on with 5."


def test_what_does_not_fit_alone_goes_on_on_the_cpu(caplog):
    cpu = Greedy(1000)
    encoder = on_gpu(Greedy(0), lambda: cpu)
    with caplog.at_level(logging.WARNING):
        assert encoder.encode_views(torch.arange(3.0))[:, 1].tolist() == [0, -1, -2]
    assert cpu.sizes == [3] and "going on with the CPU, which is slower" in caplog.text
    assert encoder.encode_texts([7]).tolist() == [[7]] and cpu.sizes == [3, 1]
    full = on_gpu(Greedy(0), lambda: Greedy(0))  # the computer itself is full: there is nowhere to go on
    with pytest.raises(torch.OutOfMemoryError):
        full.encode_views(torch.arange(3.0))


def test_parts_that_were_done_are_not_done_again():
    class Tiring(Greedy):
        def encode_views(self, views):
            self.room = 8 if sum(self.sizes) < 16 else 2
            return super().encode_views(views)

    encoder = Tiring(8)
    guarded = on_gpu(encoder)
    guarded._size = 8
    assert guarded.encode_views(torch.arange(24.0))[:, 0].tolist() == list(range(24))
    assert encoder.sizes == [8, 8, 8, 4, 2, 2, 2, 2]


def test_threads_that_fail_together_move_on_together():
    """While one thread's batch still fails on the GPU, another has gone on to the CPU: neither raises, one loads the CPU's."""
    both = threading.Barrier(2)

    class Full(Greedy):
        def encode_views(self, views):
            both.wait(timeout=10)
            return super().encode_views(views)

    loaded = []
    encoder = on_gpu(Full(0), lambda: loaded.append(Greedy(1000)) or loaded[-1])
    with ThreadPoolExecutor(2) as pool:
        found = [pool.submit(encoder.encode_views, torch.full((1,), float(number))) for number in range(2)]
        assert [each.result(timeout=30)[0, 0].item() for each in found] == [0, 1]
    assert len(loaded) == 1


def test_weights_that_do_not_fit_are_loaded_on_the_cpu(monkeypatch, caplog):
    built = []

    def build(name, device, on_progress):
        built.append(device)
        if device == "cuda":
            raise torch.OutOfMemoryError("CUDA out of memory")
        return Greedy(9)

    monkeypatch.setattr("seda.encoders.check_device", lambda _: None)
    monkeypatch.setattr("seda.encoders._build", build)
    assert isinstance(load_encoder("open_clip:ViT-bigG-14", "cuda"), Greedy) and built == ["cuda", "cpu"]
    assert "going on with the CPU" in caplog.text


def test_only_mps_computes_for_one_thread_at_a_time():
    with alone("cuda"), alone("cpu"), alone("mps"), alone("mps"):
        asked = threading.Thread(target=lambda: outcome.append(alone("mps").acquire(blocking=False)))
        outcome = []
        asked.start()
        asked.join()
    assert outcome == [False]


def test_other_errors_are_not_hidden():
    error = RuntimeError("mat1 and mat2 shapes cannot be multiplied")
    with pytest.raises(RuntimeError, match="mat1"):
        on_gpu(Greedy(0, error)).encode_views(torch.arange(4.0))
    assert is_out_of_memory(RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"))
    assert is_out_of_memory(RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"))
    assert not is_out_of_memory(ValueError("out of memory"))


def test_everything_else_is_the_encoders_own():
    encoder = on_gpu(Greedy(9))
    assert (encoder.name, encoder.fingerprint, encoder.extra, encoder.image_dim) == ("greedy", "f", "its own", 2)
    assert not hasattr(encoder, "imagenet_head")
    assert encoder.encode_views(torch.zeros(0)).shape == encoder.encode_images([]).shape == (0, 2)


def test_the_encoders_own_batches_make_room_for_these():
    encoder = Greedy(9)
    encoder.batch_size = 32
    assert on_gpu(encoder).wanted_batch == encoder.batch_size == 256


def test_batches_follow_the_free_memory(monkeypatch):
    for free, size in ((None, 256), (10**12, 256), (1_280_000_000, 10), (1000, 1)):
        monkeypatch.setattr(device, "free_bytes", lambda _, free=free: free)
        assert batch_size("cuda") == size


@pytest.mark.parametrize(("cuda", "mps", "best"), [(True, True, "cuda"), (False, True, "mps"), (False, False, "cpu")])
def test_the_fastest_device_is_chosen_once(monkeypatch, cuda, mps, best):
    monkeypatch.delenv("SEDA_DEVICE", raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    assert best_device() == best
    monkeypatch.setattr(torch.cuda, "is_available", lambda: pytest.fail("asked again"))
    assert best_device() == best
    best_device.cache_clear()
    monkeypatch.setenv("SEDA_DEVICE", "cuda:1")
    assert best_device() == "cuda:1"


def test_only_encoders_on_cuda_compute_in_bf16(monkeypatch):
    with encoder_precision("cpu"):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.float32
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (8, 0))
    seen = []
    monkeypatch.setattr(torch, "autocast", lambda kind, dtype: seen.append((kind, dtype)))
    for name in ("cpu", "mps", "cuda", "cuda:1"):
        encoder_precision(name)
    assert seen == [("cuda", torch.bfloat16)] * 2
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (7, 5))  # only emulates it
    encoder_precision("cuda")
    assert len(seen) == 2


def test_encoders_on_a_gpu_are_guarded_and_those_on_the_cpu_are_not(monkeypatch):
    assert not isinstance(load_encoder("bundled", "cpu"), GpuEncoder)
    monkeypatch.setattr("seda.encoders.check_device", lambda _: None)
    guarded = load_encoder("bundled", "cuda")
    assert isinstance(guarded, GpuEncoder) and guarded.fingerprint == load_encoder("bundled").fingerprint


HOLDS_ON = """
import numpy as np
from seda.device import give_back

def held():
    return int(next(line for line in open("/proc/self/status") if line.startswith("VmRSS")).split()[1]) / 1000

pieces = [np.ones(20_000, np.uint8) for _ in range(10_000)]
pieces = pieces[::50]  # those that stay lie between those that go
before = held()
give_back()
print(before - held())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc; other C libraries are left alone")
def test_what_was_freed_is_given_back():
    ran = subprocess.run([sys.executable, "-c", HOLDS_ON], capture_output=True, text=True, check=True)
    assert float(ran.stdout) > 100  # MB, of 200
