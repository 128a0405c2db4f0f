"""How moving features lie to the texts that they are to reach, step by step: gaps, kernels, ranges, each beside accuracy.

A gap alone means nothing, see `seda.evaluation.alignment`: accuracy and recall stand beside it at each step.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from seda.errors import ShapeError
from seda.evaluation.alignment import (
    centroid_gap,
    recall_at_k,
    relative_modality_gap,
    unbiased_cka,
    unbiased_mmd,
    unit,
)
from seda.evaluation.distribution import class_wise_mmd2

QUANTILES = (0.05, 0.5, 0.95)  # of lengths and of single values


def gap_at(
    states: np.ndarray, labels: np.ndarray, texts: np.ndarray, phrasings: np.ndarray | None = None
) -> dict[str, Any]:
    """All figures of one step.

    Args:
        states: [n, d], where the items are.
        labels: int [n], index of the right class text.
        texts: [k, d], the class texts in the same space.
        phrasings: [p, k, d], several phrasings of each; None where only one is known.
    Returns:
        JSON values: accuracy (nearest text), recall (share of the labelled texts whose nearest item is of theirs), centroid_gap in units
        of the texts' mean length, relative_gap, cka, mmd2 to the items' own texts, class_wise_mmd2 to the phrasings, length and value
        (each QUANTILES of the states') with text_length and text_value beside them. A figure that cannot be had is None, such as cka
        where all items have one text.
    Raises:
        ShapeError: they do not fit, or there are fewer than two items.
    """
    if states.ndim != 2 or len(states) < 2 or labels.shape != states.shape[:1] or texts.shape[1:] != states.shape[1:]:
        raise ShapeError(
            f"States {states.shape} came with labels {labels.shape} and texts {texts.shape}; expected [n >= 2, d], [n], [k, d]."
        )
    own, scale = texts[labels], float(np.linalg.norm(texts, axis=1).mean())
    present = np.unique(labels)
    if phrasings is None:
        within = float("nan")
    else:
        flat = phrasings.reshape(-1, texts.shape[1])  # [p k, d]
        within = class_wise_mmd2(flat, np.tile(np.arange(len(texts)), len(phrasings)), states, labels)
    figures: dict[str, Any] = {
        "accuracy": ((unit(states) @ unit(texts).T).argmax(1) == labels).mean(),
        "recall": recall_at_k(texts[present], states, present, labels, 1),
        "centroid_gap": centroid_gap(states, own) / max(scale, 1e-12),
        "relative_gap": relative_modality_gap(states, own),
        "cka": unbiased_cka(states, own)
        if len(present) > 1
        else float("nan"),  # of rows that are all one it would say 0
        "mmd2": unbiased_mmd(states, own),
        "class_wise_mmd2": within,
    }
    found: dict[str, Any] = {name: _told(value) for name, value in figures.items()}
    for name, rows in (("", states), ("text_", texts)):
        lengths = np.linalg.norm(rows, axis=1)
        found[f"{name}length"] = [_told(value) for value in np.quantile(lengths, QUANTILES)]
        found[f"{name}value"] = [_told(value) for value in np.quantile(rows, QUANTILES)]
    return found


def gap_along_path(
    states: np.ndarray, labels: np.ndarray, texts: np.ndarray, phrasings: np.ndarray | None = None
) -> dict[str, list[Any]]:
    """`gap_at` for each of the steps of states [n, s, d]: lists of length s, by figure.

    Raises:
        ShapeError: as `gap_at`.
    """
    steps = [gap_at(states[:, step], labels, texts, phrasings) for step in range(states.shape[1])]
    return {name: [one[name] for one in steps] for name in steps[0]} if steps else {}


def _told(value: float) -> float | None:
    return round(float(value), 6) if np.isfinite(value) else None
