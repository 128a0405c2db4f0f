"""Whether time and memory for an item stay the same from a hundred items to ten thousand, and as reference points grow.

Each row is measured in a process of its own, so that its memory is its own: `python -m seda.benchmark.scale ROW COUNT ALIGNER`.
Features are those that an aligner keeps, repeated with a little noise; what they show changes no time.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from seda.card import find_aligner
from seda.config import SamplingConfig
from seda.errors import ConfigError, SedaError
from seda.shipped import HOME

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from seda.aligner import PretrainedAligner

    Work = Callable[[], object]

ITEMS, POINTS = (100, 1_000, 10_000), (1_000, 10_000, 100_000)
COMPARED = 1_000  # whose time for an item the others' is divided by
JITTER = 0.05  # of the features' own spread
TRAVELLERS = 16  # items whose neighbours are looked for among the reference points
BEFORE = 8  # items of the run that warms up
SECONDS, MAX_ROUNDS = 2.0, 5  # short rows are repeated for so long, at most so often
PATIENCE = 1800.0  # seconds for one row


@dataclass(frozen=True)
class ScaleRow:
    """One measured row.

    Attributes:
        name: a key of ROWS.
        count: items, or reference points.
        seconds: of the processor, on one thread, median of its rounds, without what is loaded before; what else the machine does moves
            them less than those of the clock.
        ms_per_item: milliseconds for each of `count`.
        ratio_to_1000: of that to the same at COMPARED; None where that was not measured.
        before_mb: what the process held when the work began, models included; MB of 10^6 bytes, None where the system does not tell.
        peak_mb: the most that it held, likewise.
        kb_per_item: of what came on top, for each of `count`, kB of 10^3 bytes.
    """

    name: str
    count: int
    seconds: float
    ms_per_item: float
    ratio_to_1000: float | None
    before_mb: float | None
    peak_mb: float | None
    kb_per_item: float | None


def measure_scale(
    names: Sequence[str] | None = None,
    *,
    aligner: str,
    items: Sequence[int] = ITEMS,
    points: Sequence[int] = POINTS,
    on_row: Callable[[ScaleRow, int, int], object] | None = None,
) -> list[ScaleRow]:
    """Measure rows, each at its counts.

    Args:
        names: keys of ROWS; None for all.
        aligner: name or folder of the one that is measured.
        items: counts of the rows whose items travel.
        points: counts of those with many reference points.
        on_row: told of each row, rows done, of how many.
    Raises:
        ConfigError: a name is not known.
        AlignerError: there is no such aligner.
        SedaError: a process failed; with the end of what it said.
    """
    if unknown := [name for name in names or () if name not in ROWS]:
        raise ConfigError(f"There is no row {', '.join(unknown)} to measure; known are {', '.join(ROWS)}.")
    folder = find_aligner(aligner)
    chosen = [name for name in ROWS if names is None or name in names]
    tasks = [(name, count) for name in chosen for count in (items if name in OF_ITEMS else points)]
    found = []
    for name, count in tasks:
        found.append(_in_a_process(name, count, folder))
        if on_row is not None:
            on_row(found[-1], len(found), len(tasks))
    base = {row.name: row.ms_per_item for row in found if row.count == COMPARED}
    return [replace(row, ratio_to_1000=row.ms_per_item / base[row.name] if row.name in base else None) for row in found]


def _in_a_process(name: str, count: int, aligner: Path) -> ScaleRow:
    """
    Raises:
        SedaError: it failed.
    """
    call = [sys.executable, "-m", "seda.benchmark.scale", name, str(count), str(aligner.resolve())]
    one = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")}
    done = subprocess.run(call, cwd=HOME, env={**os.environ, **one}, capture_output=True, text=True, timeout=PATIENCE)
    if done.returncode:
        raise SedaError(f"{name} of {count:,} ended with status {done.returncode}: {done.stderr[-500:]}")
    return ScaleRow(**json.loads(done.stdout.splitlines()[-1]))


def measure_one(name: str, count: int, aligner: str) -> ScaleRow:
    """Measure a row in this process, whose memory is part of the figures."""
    from seda.aligner import load_aligner
    from seda.benchmark.speed import peak_mb, reset_peak

    loaded = load_aligner(aligner)
    with tempfile.TemporaryDirectory(prefix="seda-scale-") as folder:
        ROWS[name](loaded, min(BEFORE, count), Path(folder))()
        work = ROWS[name](loaded, count, Path(folder))
        reset_peak("cpu")
        before = peak_mb("cpu")
        seconds: list[float] = []
        while not seconds or (len(seconds) < MAX_ROUNDS and sum(seconds) < SECONDS):
            start = time.process_time()
            work()
            seconds.append(time.process_time() - start)
        peak = peak_mb("cpu")
    taken = statistics.median(seconds)
    more = None if before is None or peak is None else 1e3 * (peak - before) / count
    return ScaleRow(name, count, taken, 1e3 * taken / count, None, before, peak, more)


def _features(aligner: PretrainedAligner, count: int) -> Tensor:
    """Image features [n, D]."""
    return _many(aligner.reference.fit_images, count)


def _many(features: Tensor, count: int) -> Tensor:
    """Features [n, d] from a few [m, d]: repeated, each with noise of its own."""
    import torch

    noise = torch.randn(count, features.shape[1], generator=torch.Generator().manual_seed(0))
    return features[torch.arange(count) % len(features)] + JITTER * features.std() * noise


def _answer(aligner: PretrainedAligner, count: int, folder: Path) -> Work:
    """Class probabilities alone."""
    features, texts = _features(aligner, count), aligner.reference.texts[:, 0]
    return lambda: aligner.aligner.classify(features, texts, SamplingConfig())


def _align(aligner: PretrainedAligner, count: int, folder: Path) -> Work:
    """All states, as tensors."""
    features, texts = _features(aligner, count), aligner.reference.texts[:, 0]
    return lambda: aligner.aligner.align(features, texts, SamplingConfig())


def _trace(aligner: PretrainedAligner, count: int, folder: Path) -> Work:
    """All states, and what weighed in them."""
    features, texts = _features(aligner, count), aligner.reference.texts[:, 0]
    return lambda: aligner.trace(features, texts, [""] * count, aligner.card.class_names, SamplingConfig())


def _journey(aligner: PretrainedAligner, count: int, folder: Path) -> Work:
    """The same on all maps, with neighbours."""
    from seda.journeys.tracing import bare_workbench, trace_features

    features, texts, bench = _features(aligner, count), aligner.reference.texts[:, 0], bare_workbench(aligner)
    return lambda: trace_features(
        features, texts, [""] * count, aligner.card.class_names, bench, SamplingConfig(), item_seeds=range(count),
        thumbnails=[b""] * count, template=aligner.card.template,
    )  # fmt: skip


def _command(aligner: PretrainedAligner, count: int, folder: Path) -> Work:
    """What `trace features:FILE` does, from the file to the replay; of many rows as many travel as the player shows."""
    import numpy as np

    from seda.data.feature_file import read_feature_file
    from seda.export import write_export
    from seda.journeys.given_paths import shown_items
    from seda.journeys.labelled_items import items_of_file
    from seda.journeys.tracing import bare_workbench, trace_features

    file, names, template = folder / f"{count}.npz", aligner.card.class_names, aligner.card.template
    np.savez(
        file, image_features=_features(aligner, count).numpy(), labels=np.arange(count) % len(names),
        class_text_features=aligner.reference.texts[:, 0].numpy(), class_names=np.array(names), encoder=aligner.card.encoder,
        encoder_fingerprint=aligner.card.encoder_fingerprint,
    )  # fmt: skip

    def encode(texts: Sequence[str]) -> Tensor:
        raise AssertionError("The file has features of its texts.")

    def trace() -> None:
        read = read_feature_file(str(file), needs_test=False, needs_train=False)
        items = items_of_file(read, aligner, encode, on_note=lambda note: None)
        chosen = shown_items(len(items.labels), 2 * SamplingConfig().num_inference_steps + 3)
        journey = trace_features(
            items.image_features[chosen], items.class_texts(template), [items.names[row] for row in chosen], items.class_names,
            bare_workbench(aligner), SamplingConfig(), item_seeds=[items.item_seeds[row] for row in chosen],
            thumbnails=[b""] * len(chosen), template=template,
        )  # fmt: skip
        write_export(journey, folder / f"{count}.safetensors")

    return trace


def _points(aligner: PretrainedAligner, count: int) -> np.ndarray:
    """Reference points float32 [p, d], scaled units."""
    return _many(aligner.reference.features, count).numpy()


def _place(aligner: PretrainedAligner, count: int, folder: Path) -> Work:
    """Points on each of the aligner's maps."""
    import numpy as np

    from seda.projection import load_maps

    points, maps, progress = _points(aligner, count), load_maps(aligner.folder), np.zeros(count, np.float32)
    return lambda: [frozen.place(points, progress) for frozen in maps.values()]


def _neighbors(aligner: PretrainedAligner, count: int, folder: Path) -> Work:
    """The states of a few items among many points: nearest in feature space and on a map."""
    from seda.evaluation.maps import nearest_neighbors
    from seda.journeys.neighbors import nearest_points
    from seda.projection.frozen import load_map

    pool, frozen = _points(aligner, count), load_map(aligner.folder)
    states = _points(aligner, TRAVELLERS * (2 * SamplingConfig().num_inference_steps + 3))
    on_map, placed = frozen.place(states), frozen.place(pool)
    return lambda: (nearest_points(states, pool, slice(0, count)), nearest_neighbors(on_map, placed))


def _reference(aligner: PretrainedAligner, count: int, folder: Path) -> Work:
    """A journey of a few items with an aligner that keeps so many reference features."""
    import torch

    from seda.journeys.tracing import Workbench, bare_workbench, trace_features

    features, labels = torch.from_numpy(_points(aligner, count)), aligner.reference.labels
    kept = replace(aligner.reference, features=features, labels=labels[torch.arange(count) % len(labels)])
    bench = bare_workbench(aligner)
    own = {"aligner_fingerprint": (larger := replace(aligner, reference=kept)).fingerprint}
    maps = {
        name: replace(frozen, reference=frozen.place(kept.features.numpy(), torch.zeros(count).numpy()), card=frozen.card | own)
        for name, frozen in bench.maps.items()
    }  # fmt: skip
    many = Workbench(larger, bench.encoder, maps)
    vars(many)["pictures"] = None  # those of the aligner are of its own reference features
    images, texts = _features(aligner, TRAVELLERS), aligner.reference.texts[:, 0]
    return lambda: trace_features(
        images, texts, [""] * TRAVELLERS, aligner.card.class_names, many, SamplingConfig(), item_seeds=range(TRAVELLERS),
        thumbnails=[b""] * TRAVELLERS, template=aligner.card.template,
    )  # fmt: skip


OF_ITEMS = {"answer": _answer, "align": _align, "trace": _trace, "journey": _journey, "command": _command}
ROWS: dict[str, Callable[[PretrainedAligner, int, Path], Work]] = {
    **OF_ITEMS, "place": _place, "neighbors": _neighbors, "reference": _reference,
}  # fmt: skip


if __name__ == "__main__":
    print(json.dumps(vars(measure_one(sys.argv[1], int(sys.argv[2]), sys.argv[3]))))
