"""Where pictures are mapped to in text space: gaps, what can be retrieved from there, and whether it is spread as texts are."""

from __future__ import annotations

import numpy as np

from seda.baselines.base import ClassTextFeatures, DrawsInText, MapsToText
from seda.data.feature_set import FeatureSet
from seda.errors import ShapeError
from seda.evaluation.alignment import (
    centroid_gap,
    recall_at_k,
    relative_modality_gap,
    unbiased_cka,
    unbiased_mmd,
)
from seda.evaluation.distribution import distribution_figures

RECALL_AT = 5
KEPT = ("mmd2", "energy", "density", "coverage", "mean_length", "real_length", "spread")


def mapped_figures(fitted: MapsToText, part: FeatureSet, texts: ClassTextFeatures) -> dict[str, float]:
    """All figures of where a method maps the images of a set. Of one that draws several ends the first stands for all, but
    where their mean is named.
    """
    if isinstance(fitted, DrawsInText):
        ends = fitted.text_space_ends(part.image_features)
    else:
        ends = fitted.to_text_space(part.image_features)[None]
    return {
        **alignment_figures(ends[0], part.labels, texts.features),
        **end_figures(ends, part.labels, texts, part.image_text_features),
    }


def alignment_figures(mapped: np.ndarray, labels: np.ndarray, texts: np.ndarray) -> dict[str, float]:
    """How mapped images [n, d] of classes [n] lie to the class texts [k, d]; each gap beside its retrieval."""
    own, classes = texts[labels], np.arange(len(texts))
    return {
        "image_to_text_R@1": recall_at_k(mapped, texts, labels, classes, 1),
        "text_to_image_R@1": recall_at_k(texts, mapped, classes, labels, 1),
        f"text_to_image_R@{RECALL_AT}": recall_at_k(texts, mapped, classes, labels, RECALL_AT),
        "centroid_gap": centroid_gap(mapped, own),
        "relative_modality_gap": relative_modality_gap(mapped, own),
        "cka": unbiased_cka(mapped, own),
        "mmd": unbiased_mmd(mapped, own),
    }


def end_figures(
    ends: np.ndarray, labels: np.ndarray, texts: ClassTextFeatures, own_texts: np.ndarray | None = None
) -> dict[str, float]:
    """Whether ends are distributed as texts are, and how often the mean of the class's phrasings is the nearest one to them.

    The real texts are the images' own, or a random phrasing of each image's class. All is centred on the class texts and
    measured in units in which their mean length is the square root of d, as in the benchmark of distributions, so that
    lengths and energies of different encoders can be compared; differences in length stay.

    Args:
        ends: [e, n, d], in the text encoder's units.
        labels: class of each image [n].
        own_texts: of each image [n, d]; None where images have none.
    Returns:
        KEPT of `distribution_figures` for the first ends, without them where there are too few distinct texts for
        neighbourhoods; "r1_one_end", the mean over ends; and "r1_mean_of_e" where there are several.
    """
    phrasings = texts.phrasings.reshape(-1, texts.phrasings.shape[2])
    mean = phrasings.mean(0)
    length = max(float(np.linalg.norm(phrasings - mean, axis=1).mean()), 1e-12)

    def scaled(features: np.ndarray) -> np.ndarray:
        return (features - mean) * (len(mean) ** 0.5 / length)

    classes, read_by, made = np.arange(len(texts.features)), scaled(texts.phrasing_means), scaled(ends)

    def recall(mapped: np.ndarray) -> float:
        return recall_at_k(mapped, read_by, labels, classes, 1)

    figures = {"r1_one_end": float(np.mean([recall(end) for end in made]))}
    if len(made) > 1:
        figures[f"r1_mean_of_{len(made)}"] = recall(made.mean(0))
    said = np.random.default_rng(0).integers(texts.phrasings.shape[1], size=len(labels))
    real = texts.phrasings[labels, said] if own_texts is None else own_texts
    try:
        found = distribution_figures(scaled(real), made[0]).to_dict()
    except ShapeError:  # ten classes of one phrasing each have no neighbourhoods
        return figures
    return figures | {name: found[name] for name in KEPT}
