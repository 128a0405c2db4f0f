"""Real features, damaged in four known ways: the verdicts name the right culprit, and none for what was not damaged."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

from seda.aligner import PretrainedAligner, load_aligner
from seda.config import SamplingConfig
from seda.data.datasets import load_dataset
from seda.data.features import encode_split
from seda.encoders import load_encoder
from seda.evaluation.diagnosis import ENCODER, LEARNER, TRANSLATOR, WORDING
from seda.journeys.diagnosing import Diagnosis, diagnose

COUNT = 250  # images, the first of the test split
BAR = 0.95
SAMPLING = SamplingConfig(num_inference_steps=6, denoiser="learned")
TEMPLATES = ("a photo of a {}", "a picture of a {}", "this is a {}")
ONE, OTHER = "bag", "sneaker"  # the two that are confused on purpose; they are never confused by themselves


@pytest.fixture(scope="module")
def encoder():
    return load_encoder("bundled")


@pytest.fixture(scope="module")
def shipped() -> PretrainedAligner:
    return load_aligner("fashion-mnist")


@pytest.fixture(scope="module")
def data(encoder):
    features = encode_split(load_dataset("fashion-mnist"), "test", encoder, seed=None).take(np.arange(COUNT))
    return torch.from_numpy(features.image_features), features.labels.astype(np.int64), tuple(features.class_names)


@pytest.fixture(scope="module")
def texts(encoder, data):
    return [encoder.encode_texts([template.format(name) for name in data[2]]) for template in ("{}", *TEMPLATES)]


@pytest.fixture(scope="module")
def sound(shipped, data, texts):
    """Bool [n]: right in every place before anything is damaged; only these are judged."""
    verdicts = diagnosed(shipped, data[0], texts, data[1]).verdicts
    told = (verdicts.features, verdicts.categories, verdicts.end, verdicts.answer)
    found = np.all([one == data[1] for one in told], axis=0)
    assert found.mean() > 0.6 and not any(np.array(verdicts.culprits(), dtype=object)[found])
    return found


def diagnosed(aligner: PretrainedAligner, features, texts, labels) -> Diagnosis:
    return diagnose(aligner, features, texts[0], labels, SAMPLING, rephrased=texts[1:])


def damaged_copy(aligner: PretrainedAligner) -> PretrainedAligner:
    return PretrainedAligner(copy.deepcopy(aligner.aligner), aligner.card, aligner.reference, aligner.folder)


def check(diagnosis: Diagnosis, damaged: np.ndarray, sound: np.ndarray, culprit: str, of: str = "answer") -> None:
    """The culprit of nearly all damaged items, and hardly any for the others."""
    named = np.array(diagnosis.verdicts.culprits(of), dtype=object)
    lost = damaged & sound & (named != "")
    assert lost.sum() >= 10, f"{lost.sum()} items were lost: the damage does nothing"
    assert (named[lost] == culprit).mean() >= BAR, dict(
        zip(*np.unique(named[lost].astype(str), return_counts=True), strict=True)
    )
    others = ~damaged & sound
    assert (named[others] == "").mean() >= BAR, dict(
        zip(*np.unique(named[others].astype(str), return_counts=True), strict=True)
    )


@pytest.mark.slow
def test_swapped_pictures_are_the_encoders(shipped, data, texts, sound):
    features, labels, _ = data
    swapped, damaged = features.clone(), np.zeros(COUNT, bool)
    rng = np.random.default_rng(0)
    for _ in range(12):
        a = int(rng.choice(np.flatnonzero(sound & ~damaged)))
        b = int(rng.choice(np.flatnonzero(sound & ~damaged & (labels != labels[a]))))
        swapped[[a, b]] = features[[b, a]]
        damaged[[a, b]] = True
    check(diagnosed(shipped, swapped, texts, labels), damaged, sound, ENCODER)


def test_a_moved_center_is_the_learners(shipped, data, texts, sound):
    features, labels, names = data
    broken = damaged_copy(shipped)
    one, other = names.index(ONE), names.index(OTHER)
    broken.aligner.class_centers[one] = broken.aligner.class_centers[other]
    check(diagnosed(broken, features, texts, labels), labels == one, sound, LEARNER, of="categories")


def test_swapped_class_texts_are_the_translators(shipped, data, texts, sound):
    features, labels, names = data
    broken = damaged_copy(shipped)
    pair = [names.index(ONE), names.index(OTHER)]
    broken.aligner.translator.category_texts[pair] = broken.aligner.translator.category_texts[pair[::-1]]
    check(diagnosed(broken, features, texts, labels), np.isin(labels, pair), sound, TRANSLATOR)


def test_a_misleading_phrasing_is_the_wordings(shipped, encoder, data, texts, sound):
    features, labels, names = data
    one = names.index(OTHER)
    misled = texts[0].clone()
    misled[one] = encoder.encode_texts(["a t-shirt"])[0]  # what another class is called
    check(diagnosed(shipped, features, [misled, *texts[1:]], labels), labels == one, sound, WORDING)
