"""What encoding, aligning, placing on a map and training cost, and how much of it is the networks' own forward passes.

Every row is measured against the bare forward passes that it contains: one run is watched for its calls of the networks,
and then those calls are repeated alone and without gradients, in turns with whole runs. What a ratio is above 1 is what
everything around the networks costs; of training, mostly gradients.
"""

from __future__ import annotations

import itertools
import re
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from seda.aligner import PretrainedAligner
from seda.config import SamplingConfig, TrainingConfig
from seda.device import encoder_precision
from seda.encoders.base import Encoder
from seda.encoders.lite_network import EfficientNetLite
from seda.errors import ConfigError
from seda.images import NamedImage
from seda.models.mixture_denoiser import MixtureDenoiser
from seda.models.one_step import GaussianDenoiser
from seda.projection import FrozenMap
from seda.projection.projectors import MapNetwork
from seda.stages.stage import Stage
from seda.training.fit import TrainingSet, fit_aligner

ENCODED, ALIGNED, STEPS = (1, 64), (1, 64, 4096), (25, 50)
LEARNED_COUNT = 64  # images that walk by the learned denoiser, too
PLACED = 64 * 2 * 51  # states of 64 images on 2 x 50 steps
TRACED, TRACED_STEPS = 16, 25  # a small upload at the default steps
TRAINED, TRAINED_EPOCHS, TRAINED_CLASSES = 1024, 2, 10
MIN_ROUNDS, MAX_ROUNDS = 5, 60
SECONDS = 8.0  # a row is repeated for; chosen here: the quartiles of the short rows then agree from call to call
PIXELS_CPU, PIXELS_GPU = 64, 1024
IMAGE_SIDE = 224  # px of the drawn pictures

DENOISING = Stage, MixtureDenoiser, GaussianDenoiser  # modules whose call is a step's forward pass

Work = Callable[[], object]


@dataclass(frozen=True)
class SpeedRow:
    """One measured row; times are seconds of wall clock.

    Attributes:
        name: what was done, to how many: "align-64x2x50" is 64 images through two stages of 50 steps in closed form,
            "align-64x2x50-learned" by the learned denoiser.
        device: torch's name of it.
        items: images, or points of "project".
        rounds: whole runs that were timed, each beside its forward passes.
        median_s: of a whole run.
        spread_s: between the first and the third quartile of the runs.
        items_per_s: items by median_s.
        forward_s: median of the bare forward passes.
        ratio_to_forward: median over the rounds of run by forward passes.
        ratio_spread: between the first and the third quartile of those.
        peak_mb: most memory while it ran: the process's on the CPU, models included; the tensors' on a GPU. MB of 10^6 bytes;
            None where the system does not tell.
    """

    name: str
    device: str
    items: int
    rounds: int
    median_s: float
    spread_s: float
    items_per_s: float
    forward_s: float
    ratio_to_forward: float
    ratio_spread: float
    peak_mb: float | None


@dataclass(frozen=True)
class SpeedTask:
    """A row that can be measured.

    Attributes:
        device: torch's name of where it computes.
        prepare: gives the whole work that is repeated; called when the row is measured.
        counts: whether calls of a module are among the forward passes; calls within one that counts are part of it.
    """

    name: str
    device: str
    items: int
    prepare: Callable[[], Work]
    counts: Callable[[nn.Module], bool]


def encoder_tasks(encoder: Encoder, device: str, seed: int = 0) -> list[SpeedTask]:
    """Rows of an encoder alone: whole pictures, and pixels that were prepared before.

    Pictures are drawn noise: what a picture shows changes no time.
    """

    def encode(count: int) -> Work:
        pictures = _pictures(count, seed)
        return lambda: encoder.encode_images(pictures)

    def encode_pixels(count: int) -> Work:
        views = torch.cat([encoder.prepare_image(picture)[:1] for picture in _pictures(min(count, max(ENCODED)), seed)])
        views = _repeated(views, count)
        return lambda: encoder.encode_views(views)

    pixels = PIXELS_CPU if device == "cpu" else PIXELS_GPU
    return [
        *(SpeedTask(f"encode-{count}", device, count, partial(encode, count), _is_any) for count in ENCODED),
        SpeedTask(f"encode-pixels-{pixels}", device, pixels, partial(encode_pixels, pixels), _is_any),
    ]


def aligner_tasks(
    pretrained: PretrainedAligner, encoder: Encoder, frozen: FrozenMap, device: str, seed: int = 0
) -> list[SpeedTask]:
    """Rows of an aligner with its encoder; maps and training stay on the CPU whatever the device is.

    Image features are those that the aligner keeps, repeated.
    """
    aligner, reference = pretrained.aligner, pretrained.reference
    features, texts = reference.fit_images, reference.texts[:, 0]

    def align(count: int, steps: int, denoiser: str = "closed-form") -> Work:
        images = _repeated(features, count)
        sampling = SamplingConfig(num_inference_steps=steps, denoiser=denoiser)
        return lambda: aligner.align(images, texts, sampling)

    def project() -> Work:
        points = np.random.default_rng(seed).standard_normal((PLACED, frozen.projector.dim), np.float32)
        return lambda: frozen.place(points)

    def trace() -> Work:
        """From pictures to what the player draws."""
        from seda.journeys.tracing import Workbench, trace_images
        from seda.player.payload import player_payload

        workbench = Workbench(pretrained, encoder, {frozen.name: frozen})
        images = [NamedImage(str(index), picture) for index, picture in enumerate(_pictures(TRACED, seed))]
        sampling, names = SamplingConfig(num_inference_steps=TRACED_STEPS), pretrained.card.class_names
        return lambda: player_payload(trace_images(images, names, workbench, sampling))

    def train() -> Work:
        taught = reference.texts[:TRAINED_CLASSES].cpu()
        data = TrainingSet(_repeated(features, TRAINED).cpu(), torch.arange(TRAINED) % len(taught), taught)
        return lambda: fit_aligner(data, TrainingConfig(max_epochs=TRAINED_EPOCHS))

    return [
        *(
            SpeedTask(f"align-{count}x2x{steps}", device, count, partial(align, count, steps), _is_denoiser)
            for count, steps in itertools.product(ALIGNED, STEPS)
        ),
        *(
            SpeedTask(
                f"align-{LEARNED_COUNT}x2x{steps}-learned",
                device,
                LEARNED_COUNT,
                partial(align, LEARNED_COUNT, steps, "learned"),
                _is_denoiser,
            )
            for steps in STEPS
            if "learned" in pretrained.aligner.config.denoisers
        ),
        SpeedTask(f"project-{PLACED}", "cpu", PLACED, project, _is_any),
        SpeedTask(f"trace-{TRACED}x2x{TRACED_STEPS}", device, TRACED, trace, _is_network),
        SpeedTask(f"train-{TRAINED}x{TRAINED_EPOCHS}", "cpu", TRAINED * TRAINED_EPOCHS, train, _is_denoiser),
    ]


def _pictures(count: int, seed: int) -> list[Image.Image]:
    drawn = np.random.default_rng(seed).integers(0, 256, (count, IMAGE_SIDE, IMAGE_SIDE, 3), np.uint8)
    return [Image.fromarray(pixels) for pixels in drawn]


def _repeated(features: Tensor, count: int) -> Tensor:
    """float32 [count, D]: the rows over and over."""
    return features[torch.arange(count, device=features.device) % len(features)]


def _is_denoiser(module: nn.Module) -> bool:
    return isinstance(module, DENOISING)


def _is_any(module: nn.Module) -> bool:
    return True


def _is_network(module: nn.Module) -> bool:
    """Image encoder (EfficientNet-Lite, or open_clip's), denoiser or map."""
    networks = *DENOISING, MapNetwork, EfficientNetLite
    return isinstance(module, networks) or type(module).__module__.startswith(("timm.", "open_clip."))


def measure_speed(
    tasks: Sequence[SpeedTask],
    *,
    names: Sequence[str] | None = None,
    seconds: float = SECONDS,
    on_row: Callable[[SpeedRow, int, int], object] | None = None,
) -> list[SpeedRow]:
    """Measure rows one after the other.

    Args:
        tasks: from `encoder_tasks` and `aligner_tasks`.
        names: only these; None for all.
        seconds: that each row is repeated for, within MIN_ROUNDS and MAX_ROUNDS.
        on_row: told of each row, rows done, of how many.
    Raises:
        ConfigError: a name is not among the tasks.
    """
    known = [task.name for task in tasks]
    if unknown := [name for name in names or () if name not in known]:
        raise ConfigError(f"There is no row {', '.join(unknown)} to measure; known are {', '.join(known)}.")
    chosen = [task for task in tasks if names is None or task.name in names]
    rows: list[SpeedRow] = []
    for task in chosen:
        rows.append(_measure(task, seconds))
        if on_row is not None:
            on_row(rows[-1], len(rows), len(chosen))
    return rows


def _measure(task: SpeedTask, seconds: float) -> SpeedRow:
    device, run = task.device, task.prepare()
    with watched_calls(task.counts) as calls:
        run()  # warms up too

    @torch.inference_mode()
    def forward() -> None:
        for call in calls:
            with encoder_precision(device) if call.autocast else nullcontext():
                for _ in range(call.count):
                    call.module(*call.inputs)

    forward()
    runs: list[float] = []
    passes: list[float] = []
    peaks: list[float] = []
    start = time.perf_counter()
    while len(runs) < MIN_ROUNDS or (len(runs) < MAX_ROUNDS and time.perf_counter() - start < seconds):
        passes.append(_seconds(forward, device))
        reset_peak(device)
        runs.append(_seconds(run, device))
        peaks += [peak] if (peak := peak_mb(device)) is not None else []
    median, ratios = statistics.median(runs), [run / bare for run, bare in zip(runs, passes, strict=True)]
    return SpeedRow(
        task.name, device, task.items, len(runs), median, _quartile_range(runs), task.items / median,
        statistics.median(passes), statistics.median(ratios), _quartile_range(ratios), max(peaks, default=None),
    )  # fmt: skip


@dataclass
class WatchedCall:
    """How often a module was called with inputs of one shape, the first such inputs, and whether under autocast."""

    module: nn.Module
    inputs: tuple[Any, ...]
    autocast: bool
    count: int = 0


@contextmanager
def watched_calls(counts: Callable[[nn.Module], bool]) -> Iterator[list[WatchedCall]]:
    """The calls of modules that count, made while the context is open; those within another such call are left out."""
    calls: list[WatchedCall] = []
    found: dict[object, WatchedCall] = {}
    inside: list[nn.Module] = []

    def enter(module: nn.Module, inputs: tuple[Any, ...]) -> None:
        if not counts(module):
            return
        if not inside:
            key = id(module), tuple(getattr(value, "shape", None) for value in inputs)
            if key not in found:
                found[key] = WatchedCall(module, inputs, torch.is_autocast_enabled("cuda"))
                calls.append(found[key])
            found[key].count += 1
        inside.append(module)

    def leave(module: nn.Module, inputs: tuple[Any, ...], output: object) -> None:
        if inside and inside[-1] is module:
            inside.pop()

    hooks = [
        nn.modules.module.register_module_forward_pre_hook(enter),
        nn.modules.module.register_module_forward_hook(leave, always_call=True),
    ]
    try:
        yield calls
    finally:
        for hook in hooks:
            hook.remove()


def _seconds(work: Work, device: str) -> float:
    synchronize(device)
    start = time.perf_counter()
    work()
    synchronize(device)
    return time.perf_counter() - start


def synchronize(device: str) -> None:
    """Wait until the device has done what it was given; the CPU is never behind."""
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)
    elif device.startswith("mps"):
        torch.mps.synchronize()


# Linux: 5 written here sets the process's high-water mark of memory back to what it holds now (man 5 proc)
CLEAR_REFS, STATUS = Path("/proc/self/clear_refs"), Path("/proc/self/status")


def reset_peak(device: str) -> None:
    """Forget the most memory so far, where the system can."""
    if device.startswith("cuda"):
        torch.cuda.reset_peak_memory_stats(device)
    elif device == "cpu" and sys.platform == "linux":
        with suppress(OSError):  # a sandbox may forbid it: then the peak is the whole process's
            CLEAR_REFS.write_text("5")


def peak_mb(device: str) -> float | None:
    """Most memory since `reset_peak`, MB: of the process on the CPU, of tensors on a GPU; None where nothing tells."""
    if device.startswith("cuda"):
        return torch.cuda.max_memory_allocated(device) / 1e6
    if device == "cpu" and STATUS.is_file():
        found = re.search(r"VmHWM:\s+(\d+) kB", STATUS.read_text())
        return None if found is None else int(found[1]) * 1024 / 1e6
    return None


def _quartile_range(values: Sequence[float]) -> float:
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return high - low
