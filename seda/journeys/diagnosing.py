"""Labelled items through an aligner, and what `seda.evaluation.diagnosis` says of them; in batches, without keeping their paths."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from seda.aligner import PretrainedAligner
from seda.config import SamplingConfig
from seda.errors import Stopped
from seda.journeys.diagnosis import Asked, Diagnosis, PathsSeen, check_labels, diagnosis_of, looked_at, seen_on

BATCH = 256  # items whose paths are in memory; chosen here: 100 MB with 50 steps a stage

Progress = Callable[[int, int], object]  # told of what is done, of how much; returns True to stop


def ask_aligner(
    aligner: PretrainedAligner,
    image_features: Tensor,
    class_text_features: Tensor,
    labels: np.ndarray,
    sampling: SamplingConfig,
    *,
    item_seeds: Sequence[int],
    answers: np.ndarray,
    rephrased: Sequence[Tensor] = (),
    seeds: int = 0,
    on_progress: Progress | None = None,
) -> Asked:
    """Whether other phrasings, no right word, and other noise would change what becomes of items.

    Args:
        image_features: as the encoder gives them [n, D].
        class_text_features: as the encoder gives them [k, d].
        labels: int [n].
        item_seeds: n numbers, of the items' noise.
        answers: int [n], the class texts answered.
        rephrased: the same class texts in other phrasings, [k, d] each.
        seeds: how often each path is walked again with other noise.
        on_progress: told of items asked, of how many, each phrasing, seed and list of words counted; return True to stop.
    Raises:
        Stopped: on_progress returned True.
    """
    wrong, compared = np.flatnonzero(answers != labels), looked_at(len(labels))
    count = _Counted(len(wrong) * len(rephrased) + seeds * len(labels) + 2 * len(compared), on_progress)
    right = np.zeros(len(labels), bool)
    for rows in _batches(wrong) if len(rephrased) else ():
        part, numbers = image_features[torch.from_numpy(rows)], [item_seeds[item] for item in rows]
        votes = []
        for texts in rephrased:
            told = aligner.aligner.classify(part, texts, sampling, item_seeds=numbers, tell_fit=False)
            votes.append(told.argmax(1).cpu().numpy())
            count.add(len(rows))
        right[rows] = np.mean([vote == labels[rows] for vote in votes], axis=0) > 0.5
    ends = np.zeros((seeds, len(labels)), np.int64)
    others = [(sampling.seed + seed) % (SamplingConfig.MAX_SEED + 1) for seed in range(1, seeds + 1)]
    for seed, rows in itertools.product(range(seeds), _batches(np.arange(len(labels)))):
        run = aligner.aligner.align(
            image_features[torch.from_numpy(rows)], class_text_features, replace(sampling, seed=others[seed]),
            item_seeds=[item_seeds[item] for item in rows], tell_fit=False,
        )  # fmt: skip
        ends[seed, rows] = run.nearest_text(-1).cpu().numpy()
        count.add(len(rows))
    scaled = [
        aligner.aligner.text_scaler(texts.to(aligner.aligner.device, torch.float32)).cpu().numpy()
        for texts in (class_text_features, *rephrased)
    ]
    fits = _fits(
        aligner, image_features[torch.from_numpy(compared)], class_text_features, labels[compared], sampling,
        [item_seeds[item] for item in compared], count,
    )  # fmt: skip
    if count.done < count.total:  # a closed vocabulary has no fits
        count.add(count.total - count.done)
    return Asked(right, fits, ends, np.stack(scaled))


class _Counted:
    """How far the asking is, told at each step."""

    def __init__(self, total: int, on_progress: Progress | None) -> None:
        self.done, self.total, self._tell = 0, total, on_progress

    def add(self, count: int) -> None:
        """
        Raises:
            Stopped: whoever is told wants no more.
        """
        self.done += count
        if self._tell is not None and self._tell(self.done, self.total):
            raise Stopped


def _batches(items: np.ndarray) -> list[np.ndarray]:
    """Indices [n], BATCH at a time."""
    return [items[first : first + BATCH] for first in range(0, len(items), BATCH)]


@torch.inference_mode()
def _fits(
    aligner: PretrainedAligner,
    image_features: Tensor,
    texts: Tensor,
    labels: np.ndarray,
    sampling: SamplingConfig,
    item_seeds: Sequence[int],
    count: _Counted,
) -> np.ndarray | None:
    """See `Asked.fits`; None also where nothing is left to compare with."""
    if len(texts) < 3 or aligner.aligner.translator.word_posterior is None:
        return None
    if not len(labels):
        return np.zeros((0, 2))

    def fit(items: np.ndarray, words: Tensor) -> Tensor | None:
        part, seeds = image_features[torch.from_numpy(items)], [item_seeds[item] for item in items]
        return aligner.aligner.align(part, words, sampling, item_seeds=seeds, answer_only=True).fit

    whole = fit(np.arange(len(labels)), texts)
    if whole is None:
        return None
    count.add(len(labels))
    without = np.zeros(len(labels))
    for label in np.unique(labels):
        items = np.flatnonzero(labels == label)
        part = fit(items, texts[torch.arange(len(texts)) != int(label)])
        assert part is not None
        without[items] = part.cpu().numpy()
        count.add(len(items))
    return np.stack([whole.cpu().numpy().astype(np.float64), without], axis=1)


def diagnose(
    aligner: PretrainedAligner,
    image_features: Tensor,
    class_text_features: Tensor,
    labels: np.ndarray,
    sampling: SamplingConfig,
    *,
    item_seeds: Sequence[int] | None = None,
    rephrased: Sequence[Tensor] = (),
    seeds: int = 0,
    on_progress: Progress | None = None,
    on_asked: Progress | None = None,
) -> Diagnosis:
    """Let labelled items travel, and say of each who has lost it.

    Args:
        image_features: as the encoder gives them [n, D].
        class_text_features: as the encoder gives them [k, d].
        labels: int [n], index of the right class text.
        item_seeds: one number an item for its noise; 0 .. n - 1 where None.
        rephrased, seeds: as for `ask_aligner`.
        on_progress: told of items done, of how many; return True to stop.
        on_asked: the same of what comes then, see `ask_aligner`.
    Raises:
        ShapeError: widths do not fit, there are no items, or labels that are no index of a class text.
        Stopped: one of both returned True.
    """
    check_labels(labels, len(image_features), len(class_text_features))
    n, names = len(image_features), [str(place) for place in range(len(class_text_features))]
    numbers = list(range(n)) if item_seeds is None else list(item_seeds)
    compared = looked_at(n)
    seen: list[PathsSeen] = []
    for first in range(0, n, BATCH):
        rows = slice(first, first + BATCH)
        part, part_seeds = image_features[rows], numbers[rows]
        path = aligner.trace(part, class_text_features, [""] * len(part), names, sampling, item_seeds=part_seeds)
        here = compared[(compared >= first) & (compared < first + BATCH)] - first
        seen.append(seen_on(path, labels[rows], here, len(compared)))
        if on_progress is not None and on_progress(min(first + BATCH, n), n):
            raise Stopped
    asked = ask_aligner(
        aligner, image_features, class_text_features, labels, sampling, item_seeds=numbers,
        answers=np.concatenate([part.probabilities for part in seen]).argmax(1), rephrased=rephrased, seeds=seeds,
        on_progress=on_asked,
    )  # fmt: skip
    return diagnosis_of(image_features.to(torch.float32).cpu().numpy(), labels, seen, asked)
