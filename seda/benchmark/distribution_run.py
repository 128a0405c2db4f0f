"""The distribution benchmark as a run: data, trainings and rows on disk, so that the same call goes on where one ended."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from seda.aligner import Aligner
from seda.benchmark.distribution import ENDS, OURS, TextTask, along_the_path, measure
from seda.config import DENOISERS, TrainingConfig
from seda.data.datasets import load_anywhere
from seda.data.features import chosen_indices, encode_split
from seda.encoders.base import Encoder
from seda.errors import ConfigError
from seda.evaluation.paired import half_width
from seda.storage import read_arrays, read_json, write_arrays, write_bytes, write_json
from seda.training.denoisers import PairSource, train_denoisers
from seda.training.fit import TrainingSet, fit_aligner
from seda.training.open_vocabulary import (
    ENCODER,
    OpenMaterial,
    denoising_pairs,
    open_config,
    settled_closed_forms,
)
from seda.training.phrases import class_phrasings

OPEN, FASHION = "open-vocabulary", "fashion-mnist"
DATA = (OPEN, FASHION)
TRAIN_LIMIT, TEST_LIMIT = 14_000, 1000  # of Fashion-MNIST, as in the benchmark of classification

# told (what is under way, done, of how many, detail); True stops
Report = Callable[[str, int, int, str], object]
Trained = tuple[Aligner, PairSource, list[TextTask], Tensor]


def run_distribution(
    data: Sequence[str],
    seeds: Sequence[int],
    out: Path,
    encoder: Callable[[str], Encoder],
    *,
    data_dir: Path | None = None,
    config: TrainingConfig | None = None,
    call: str = "",
    report: Report,
) -> list[dict[str, Any]]:
    """Train and measure on every data set with every seed that is not in `out` yet; writes the tables. Returns all rows.

    Args:
        data: names of DATA.
        seeds: of training.
        out: folder of rows, weights and tables.
        encoder: gives an encoder by its name.
        data_dir: where the data sets' files are.
        config: how denoisers and peers are trained; its seed is replaced.
        call: the command, for the page.
        report: told of all progress.
    Raises:
        ConfigError: a name is not known.
        DataError: a source is missing.
        Stopped: report returned True.
    """
    if unknown := [name for name in data if name not in DATA]:
        raise ConfigError(f"There is no data {', '.join(unknown)} here; known are {', '.join(DATA)}.")
    for name in data:
        for seed in seeds:
            file = out / "rows" / f"{name}-{seed}.json"
            if file.is_file():
                continue
            usual = open_config() if name == OPEN else TrainingConfig()
            settings = replace(config or usual, seed=seed, denoiser="learned")
            folder = out / "trainings" / f"{name}-{seed}"
            made = _open(settings, folder, encoder, data_dir, report) if name == OPEN else _fashion(
                settings, folder, encoder, data_dir, report
            )  # fmt: skip
            aligner, pairs, tasks, others = made
            rows = measure(
                aligner, pairs, tasks, others, settings,
                lambda row: report("measuring", 0, 1, f"{row['data']}, {row['method']}, MMD^2 {row['mmd2']:.4f}"),
            )  # fmt: skip
            paths = [along_the_path(aligner, task, others) for task in tasks]
            write_json(file, {"rows": rows, "paths": paths})
    return write_tables(out, call)


def write_tables(out: Path, call: str = "") -> list[dict[str, Any]]:
    """distribution.csv with a row a seed, distribution.json with means, intervals and the paths of the first seed, and the page."""
    import pandas as pd

    kept = [read_json(file) for file in sorted((out / "rows").glob("*.json"))]
    rows = [row for one in kept for row in one["rows"]]
    if not rows:
        return []
    write_bytes(out / "distribution.csv", pd.DataFrame(rows).round(5).to_csv(index=False).encode())
    paths: dict[str, Any] = {}
    for one in kept:
        for path in one["paths"]:
            paths.setdefault(path["task"], path)
    write_bytes(out / "distribution.json", (json.dumps({"summary": summary(rows), "paths": paths}) + "\n").encode())
    write_bytes(out / "distribution.md", report_text(rows, call).encode())
    return rows


COLUMNS = {
    "mmd2": "MMD^2", "class_wise_mmd2": "class-wise MMD^2", "energy": "energy", "density": "density", "coverage": "coverage",
    "mean_length": "length", "spread": "spread", "r1_one_end": "R@1, one end", f"r1_mean_of_{ENDS}": f"R@1, mean of {ENDS}",
    f"r10_mean_of_{ENDS}": f"R@10, mean of {ENDS}", "ends_per_second": "ends a second",
}  # fmt: skip
ABOUT = """# What steps are for

Whether pictures that are mapped to texts are distributed as texts are: SeDA's learned denoisers (`seda`) without one or the other
of their parts, and maps of other kinds, all trained on the same pairs. Texts and pictures here were seen by none of them, but the
photographs' first half, which chose the four weights of the closed form. Made by

```sh
{call}
```

Means over seeds of training; ± is half the width of the 95 % interval (Student's t). *MMD^2* and *energy* are distances between all
ends and all real texts, about 0 where both are drawn alike; *density* and *coverage* (Naeem et al. 2020) count ends in the
neighbourhoods of one half of the real texts, and mean something only where the *length* is right; *other real texts* is what real
texts in another order come to. *Spread* is the median over dimensions of the standard deviation in units of the real one. *R@1* is
how often the right text is the nearest: to one end (the mean over ends), and to the mean of {ends} ends. On Fashion-MNIST the text
of a picture is any phrasing of its class, all phrasings are on the list, and an end is read by the means of each class's phrasings:
many a real phrasing lies nearer to another class's bare name. SeDA sees the list, the other maps cannot; *bank emptied* is SeDA
without it. Row *seda* draws what was learned (guidance 1), *guided* is walked as the app begins (guidance {guidance:g}): nearer to the
right text, and a little farther from a fair draw. *closed form* is the oracle of the app's answers.
"""


def report_text(rows: Sequence[Mapping[str, Any]], call: str) -> str:
    """distribution.md: a table for each set of pictures, a row a method."""
    found, parts = summary(rows), [ABOUT.format(call=call, ends=ENDS, guidance=DENOISERS["learned"].guidance)]
    for task in dict.fromkeys(one["data"] for one in found):
        group = [one for one in found if one["data"] == task]
        about = next(row for row in rows if row["data"] == task)
        shown = {name: title for name, title in COLUMNS.items() if name in group[0]["figures"]}
        parts.append(
            f"\n## {task}\n\n{about['pictures']} pictures, {about['texts']} texts, {group[0]['seeds']} seeds.\n\n"
        )
        parts.append(f"| | {' | '.join(shown.values())} |\n|{' --- |' * (len(shown) + 1)}\n")
        for one in group:
            cells = [_cell(name, *one["figures"].get(name, (None, None))) for name in shown]
            parts.append(f"| {one['method']} | {' | '.join(cells)} |\n")
    return "".join(parts)


def _cell(name: str, mean: float | None, half: float | None) -> str:
    digits = {"mmd2": 4, "class_wise_mmd2": 4, "energy": 3, "mean_length": 1, "ends_per_second": 0}.get(name, 3)
    if mean is None or mean != mean:
        return ""
    return f"{mean:.{digits}f}" + ("" if half is None or name == "ends_per_second" else f" ± {half:.{digits}f}")


def summary(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Of each task and method the mean of every figure over seeds, and half the width of its 95 % interval (Student's t)."""
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for row in rows:
        groups.setdefault((row["data"], row["method"]), []).append(row)
    found = []
    for (task, method), group in groups.items():
        figures = {}
        for name in group[0]:
            if name in ("data", "method", "seed", "pictures", "texts"):
                continue
            values = np.array([np.nan if row[name] is None else row[name] for row in group], float)
            half = half_width(values)
            figures[name] = [round(float(values.mean()), 5), None if np.isnan(half) else round(half, 5)]
        found.append({"data": task, "method": method, "seeds": len(group), "figures": figures})
    return found


def _keep(folder: Path, aligner: Aligner) -> None:
    arrays = {name: value.numpy() for name, value in aligner.state_dict().items()}
    write_arrays(folder / "aligner.safetensors", arrays)


def _kept(folder: Path, aligner: Aligner) -> bool:
    """Whether the weights of an ended call were there; they are in the aligner then."""
    file = folder / "aligner.safetensors"
    if not file.is_file():
        return False
    aligner.load_state_dict({name: torch.from_numpy(value) for name, value in read_arrays(file)[0].items()})
    aligner.eval().requires_grad_(False)
    return True


def _open(
    config: TrainingConfig, folder: Path, encoder: Callable[[str], Encoder], data_dir: Path | None, report: Report
) -> Trained:
    """Held-out names of both artists' emoji, and photographs by their descriptions."""
    material = OpenMaterial.encoded(encoder(ENCODER), data_dir, report)
    aligner, _ = settled_closed_forms(material, config)
    pairs = denoising_pairs(aligner, material, config)
    if not _kept(folder, aligner):
        train_denoisers(aligner, pairs, config, checkpoint_dir=folder, on_progress=report)
        _keep(folder, aligner)
    tasks = []
    for name, parts in {"emoji": material.tests, "photographs": (material.photos, material.other_photos)}.items():
        features, own = (
            torch.from_numpy(np.concatenate([getattr(part, kind) for part in parts]))
            for kind in ("image_features", "image_text_features")
        )
        texts, labels = torch.unique(own, dim=0, return_inverse=True)
        tasks.append(TextTask(name, features, texts, labels.numpy(), own))
    names = torch.unique(torch.from_numpy(np.concatenate([part.image_text_features for part in material.pairs])), dim=0)
    order = torch.randperm(len(names), generator=torch.Generator().manual_seed(0))
    return aligner, pairs, tasks, names[order]


def _fashion(
    config: TrainingConfig, folder: Path, encoder: Callable[[str], Encoder], data_dir: Path | None, report: Report
) -> Trained:
    """Fashion-MNIST: the text of a picture is any phrasing of its class, and all phrasings are on the list."""
    from open_clip import IMAGENET_CLASSNAMES

    dataset, encodes = load_anywhere(FASHION, data_dir), encoder("bundled")

    def encoding(done: int, total: int) -> object:
        return report(f"encoding {dataset.name}", done, total, "")

    train = encode_split(dataset, "train", encodes, limit=TRAIN_LIMIT, seed=None, on_progress=encoding)
    test = encode_split(dataset, "test", encodes, seed=None, on_progress=encoding)
    test = test.take(chosen_indices(len(test), TEST_LIMIT))
    phrasings = class_phrasings(dataset.class_names, dataset.other_words)
    texts = encodes.encode_texts([text for texts in phrasings for text in texts]).view(
        len(phrasings), len(phrasings[0]), -1
    )
    data = TrainingSet(torch.from_numpy(train.image_features), torch.from_numpy(train.labels), texts)
    result = fit_aligner(data, config, checkpoint_dir=folder, on_denoiser=report)
    labels = test.labels
    said = torch.randint(texts.shape[1], (len(labels),), generator=torch.Generator().manual_seed(0))
    listed = torch.unique(texts.flatten(0, 1), dim=0)
    task = TextTask(
        FASHION, torch.from_numpy(test.image_features), listed, labels, texts[torch.from_numpy(labels), said], labels,
        texts.mean(1),
    )  # fmt: skip
    return result.aligner, result.pairs, [task], encodes.encode_texts(IMAGENET_CLASSNAMES[: len(listed)])


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """The means that matter, for the terminal."""
    columns = ("mmd2", "coverage", "mean_length", "spread", "r1_one_end", "r1_mean_of_16")
    lines = [f"{'data':16} {'method':34} " + " ".join(f"{name:>14}" for name in columns)]
    for one in summary(rows):
        cells = [f"{one['figures'][name][0]:>14.4f}" for name in columns]
        lines.append(f"{one['data']:16} {one['method']:34} " + " ".join(cells))
    return "\n".join(lines)


__all__ = ["DATA", "OURS", "run_distribution", "summary", "table", "write_tables"]
