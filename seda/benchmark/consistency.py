"""How consistent several modalities are through SeDA, on things that nothing was fitted to, beside simpler methods on the same features.

Kins of things are dealt into folds; each fold's things are seen by a space that was fitted to the others, and by one-step maps and
read-outs that were too. Nothing is chosen on what is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import permutations
from typing import Any

import numpy as np
import torch

from seda.config import SamplingConfig
from seda.data.modal_set import TEXT, ModalSet
from seda.errors import Stopped
from seda.evaluation.consistency import (
    MISSING,
    agreement,
    anchor_agreement,
    class_geometry,
    disagreement,
    mutual_neighbors,
    pair_distance,
    pair_margin,
    pairs_of,
    ranks_of,
    retrieval,
    rsa,
    unit,
)
from seda.models.center_posterior import CenterPosterior
from seda.models.scaler import FeatureScaler
from seda.training.closed_form import fit_center_posterior
from seda.training.modalities import fit_modalities, names_of, one_step_maps, peer_features

FOLDS = 14
STEPS = 10  # of each stage; chosen here: distances are told at 23 states
SAME = 0.9  # cosine of two texts from which on they are taken for one name; chosen here
LANGUAGES = ("de", "fr", "es")  # that have to agree
Progress = Callable[[int, int], object]


@dataclass(frozen=True, eq=False)
class Unseen:
    """What was said of the r rows of a modality by methods that had not seen their kin.

    Attributes:
        classes: SeDA's probabilities of the classes [r, k].
        ends: the class text next to the end of each path [r].
        places: where SeDA places them among texts, length 1 [r, d].
        names: SeDA's log probabilities of the q names [r, q].
        states: float16 [r, s, d].
        one_step: cosines of the one-step map's place to the class texts [r, k].
        one_step_names: to the names [r, q].
        read_out: probabilities of the classes by the best read-out, Gaussians and ridge pooled [r, k].
    """

    classes: np.ndarray
    ends: np.ndarray
    places: np.ndarray
    names: np.ndarray
    states: np.ndarray
    one_step: np.ndarray
    one_step_names: np.ndarray
    read_out: np.ndarray


def cross_fit(
    data: ModalSet, *, folds: int = FOLDS, seed: int = 0, on_progress: Progress | None = None
) -> dict[str, Unseen]:
    """For each modality what is said of rows whose kin was left out.

    Args:
        folds: into which kins are dealt; 0 leaves out one kin at a time.
        on_progress: told (folds done, of how many); return True to stop.
    Raises:
        DataError: a modality has too few rows.
        Stopped: on_progress asked for it.
    """
    kins = np.unique(data.kin)
    folds = len(kins) if not 0 < folds < len(kins) else folds
    order = np.random.default_rng(seed).permutation(len(kins))
    fold = {int(kins[one]): place % folds for place, one in enumerate(order)}
    of_thing = np.array([fold[int(kin)] for kin in data.kin])
    parts: dict[str, list[tuple[np.ndarray, Unseen]]] = {name: [] for name in data.modalities}
    for index in range(folds):
        if on_progress is not None and on_progress(index, folds):
            raise Stopped
        left_out = of_thing == index
        for name, found in _one_fold(data, left_out, seed).items():
            rows = np.flatnonzero(left_out[data.modalities[name].items])
            if len(rows):
                parts[name].append((rows, found))
    return {name: _joined(found, len(data.modalities[name].items)) for name, found in parts.items()}


def _joined(parts: Sequence[tuple[np.ndarray, Unseen]], count: int) -> Unseen:
    order = np.argsort(np.concatenate([rows for rows, _ in parts]), kind="stable")
    assert len(order) == count, "Each row is left out once."
    fields = Unseen.__dataclass_fields__
    return Unseen(**{name: np.concatenate([getattr(one, name) for _, one in parts])[order] for name in fields})


def _one_fold(data: ModalSet, left_out: np.ndarray, seed: int) -> dict[str, Unseen]:
    given = _without(data, left_out)
    space, maps = fit_modalities(given, seed=seed), one_step_maps(given)
    texts = torch.from_numpy(data.class_text_features.mean(1))
    _, name_features, _ = names_of(data)
    names = torch.from_numpy(name_features)
    mean = torch.from_numpy(given.modalities[TEXT].features.mean(0))
    centred = [torch.nn.functional.normalize(one - mean, dim=1) for one in (texts, names)]
    sampling = SamplingConfig(num_inference_steps=STEPS, seed=seed)
    found = {}
    for name, rows in data.modalities.items():
        out = np.flatnonzero(left_out[rows.items])
        if not len(out):
            continue
        x = torch.from_numpy(rows.features[out])
        run = space.align(name, x, texts, sampling, classes=True, item_seeds=rows.items[out].tolist())
        by_name = space.align(name, x, names, sampling, answer_only=True)
        center, weight, bias = maps[name]
        placed = (torch.from_numpy(peer_features(rows.features[out])) - center) @ weight + bias
        if name == TEXT:  # its one-step map is itself: nothing is lost on the way
            placed = x
        placed = torch.nn.functional.normalize(placed - mean, dim=1)
        states = torch.cat([run.visual.unsqueeze(1), run.learner.states, run.translator.states], 1)
        found[name] = Unseen(
            run.class_probabilities.numpy(),
            run.nearest_text(-1).numpy(),
            space.places(name, x).numpy(),
            by_name.class_probabilities.clamp_min(1e-30).log().numpy(),
            states.numpy().astype(np.float16),
            (placed @ centred[0].T).numpy(),
            (placed @ centred[1].T).numpy(),
            _read_out(given, name, x, seed),
        )
    return found


def _without(data: ModalSet, left_out: np.ndarray) -> ModalSet:
    """Rows of the other things, and words that are none of the names that were left out."""
    texts = data.modalities[TEXT]
    names = unit(texts.features[left_out[texts.items]])
    given = data.keep(~left_out)
    if not len(names) or not len(data.known_labels):
        return given
    other = (unit(data.known_texts) @ names.T).max(1) < SAME
    return replace(given, known_texts=data.known_texts[other], known_labels=data.known_labels[other])


def _read_out(given: ModalSet, name: str, x: torch.Tensor, seed: int) -> np.ndarray:
    """Probabilities [r, k] by what reads this encoder best, with the same scaling."""
    rows = given.modalities[name]
    fitted = torch.from_numpy(rows.features)
    scaler = FeatureScaler(fitted.shape[1], fitted.shape[1], fitted.shape[1] ** 0.5, fixed_norm=False).fit(fitted)
    labels = given.labels[rows.items]
    known, of = np.unique(labels, return_inverse=True)
    posterior, condition = CenterPosterior(fitted.shape[1], len(known)), scaler(fitted)
    told = torch.from_numpy(of)
    fit_center_posterior(posterior, condition, told, condition, told, seed=seed)
    found = np.zeros((len(x), len(given.class_names)), np.float32)
    found[:, known] = posterior(scaler(x)).exp().numpy()
    return found


# ---------------------------------------------------------------------------------------------------- what it says


def consistency(data: ModalSet, unseen: Mapping[str, Unseen]) -> dict[str, Any]:
    """Every measure of `cross_fit`'s result, as JSON values."""
    names, _, index = names_of(data)
    decided = decisions_of(data, unseen)
    methods = {method: list(rows.values()) for method, rows in decided.items()}
    return {
        "things": len(data),
        "rows": {name: len(rows.items) for name, rows in data.modalities.items()},
        "classes": list(data.class_names),
        "majority": float(np.bincount(data.labels).max() / len(data)),
        "class_accuracy": _accuracies(data, unseen),
        "agreement": {
            method: dict(zip(("share", "things"), agreement(rows), strict=True)) for method, rows in methods.items()
        },
        "agreement_of_languages": _languages(data, unseen),
        "agreement_of_languages_known_in_english": across_languages(data, english=True),
        "agreement_of_languages_all_known": across_languages(data, english=False),
        "names": _names(data, unseen, index, len(names)),
        "between": _between(data, unseen),
        "geometry": _geometry(data, unseen),
        "steps": _steps(data, unseen),
    }


def decisions_of(data: ModalSet, unseen: Mapping[str, Unseen]) -> dict[str, dict[str, np.ndarray]]:
    """By method and modality which class is decided for each thing [n], MISSING where it has no row; of several rows the sum decides."""
    read = {
        "SeDA": lambda one: one.classes, "SeDA, end of the path": lambda one: np.eye(len(data.class_names))[one.ends],
        "one step": lambda one: one.one_step, "read-out": lambda one: one.read_out,
    }  # fmt: skip
    found: dict[str, dict[str, np.ndarray]] = {}
    for method, of in read.items():
        found[method] = {name: _of_things(data, name, of(one)) for name, one in unseen.items()}
    return found


def _of_things(data: ModalSet, name: str, scores: np.ndarray) -> np.ndarray:
    rows = data.modalities[name]
    chosen = _english(data) if name == TEXT else np.arange(len(rows.items))
    total = np.zeros((len(data), scores.shape[1]))
    np.add.at(total, rows.items[chosen], scores[chosen])
    there = np.isin(np.arange(len(data)), rows.items[chosen])
    return np.where(there, total.argmax(1), MISSING)


def _english(data: ModalSet) -> np.ndarray:
    """Rows of names in English, or all where no language is told."""
    rows = data.modalities[TEXT].of_kind("en")
    return rows if len(rows) else data.modalities[TEXT].of_kind("")


def _accuracies(data: ModalSet, unseen: Mapping[str, Unseen]) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for name, one in unseen.items():
        labels = data.labels[data.modalities[name].items]
        by = {"SeDA": one.classes, "one step": one.one_step, "read-out": one.read_out}
        found[name] = {method: float((scores.argmax(1) == labels).mean()) for method, scores in by.items()}
        found[name]["SeDA, end of the path"] = float((one.ends == labels).mean())
        found[name]["standard error"] = float((found[name]["SeDA"] * (1 - found[name]["SeDA"]) / len(data)) ** 0.5)
    return found


def _languages(data: ModalSet, unseen: Mapping[str, Unseen]) -> dict[str, Any]:
    """Whether names of one thing in LANGUAGES end at one class."""
    texts, one = data.modalities[TEXT], unseen[TEXT]
    found: dict[str, Any] = {"languages": list(LANGUAGES)}
    for method, scores in (("SeDA", one.classes), ("one step", one.one_step), ("read-out", one.read_out)):
        decided = []
        for code in LANGUAGES:
            rows = texts.of_kind(code)
            of = np.full(len(data), MISSING)
            of[texts.items[rows]] = scores[rows].argmax(1)
            decided.append(of)
        found[method], found["things"] = agreement(decided)
    return found


def across_languages(data: ModalSet, *, english: bool, seed: int = 0) -> dict[str, Any]:
    """Whether names in LANGUAGES of known things end at one class.

    Args:
        english: whether the space knows things by their English names alone, so that these names are new to it; else it was
            fitted to all of them, and this only says what a visitor sees.
    """
    texts = data.modalities[TEXT]
    known = texts.take(texts.of_kind("en")) if english else texts
    if not len(known.items):
        return {"things": 0}
    space = fit_modalities(replace(data, modalities={TEXT: known}), seed=seed)
    classes = torch.from_numpy(data.class_text_features.mean(1))
    mean = known.features.mean(0)
    anchors = unit(data.class_text_features.mean(1) - mean)
    decided: dict[str, list[np.ndarray]] = {"SeDA": [], "SeDA, end of the path": [], "one step": []}
    for code in LANGUAGES:
        rows = texts.take(texts.of_kind(code))
        sampling = SamplingConfig(num_inference_steps=STEPS, seed=seed)
        run = space.align(TEXT, torch.from_numpy(rows.features), classes, sampling, classes=True)
        one_step = (unit(rows.features - mean) @ anchors.T).argmax(1)
        by = (run.class_probabilities.argmax(1).numpy(), run.nearest_text(-1).numpy(), one_step)
        for method, answers in zip(decided, by, strict=True):
            of = np.full(len(data), MISSING)
            of[rows.items] = answers
            decided[method].append(of)
    found: dict[str, Any] = {}
    for method, rows_of in decided.items():
        found[method], found["things"] = agreement(rows_of)
    return found


def _names(data: ModalSet, unseen: Mapping[str, Unseen], index: np.ndarray, count: int) -> dict[str, Any]:
    """From a row of each modality to its thing's name among all, held out."""
    found: dict[str, Any] = {}
    for name, one in unseen.items():
        truth = index[data.modalities[name].items]
        found[name] = {
            method: retrieval(ranks_of(scores, truth), count)
            for method, scores in (("SeDA", one.names), ("one step", one.one_step_names))
        }
    return found | {"texts": count}


def _between(data: ModalSet, unseen: Mapping[str, Unseen]) -> dict[str, Any]:
    """From a thing in one modality to the same thing in another, by where SeDA places both."""
    found = {}
    for first, second in permutations(unseen, 2):
        a, b, things = _paired(data, unseen, first, second)
        found[f"{first} to {second}"] = retrieval(ranks_of(a @ b.T, np.arange(len(things))), len(things))
        found[f"{first} to {second}"]["things"] = len(things)
    return found


def _first_rows(data: ModalSet, name: str) -> dict[int, int]:
    rows = data.modalities[name]
    chosen = _english(data) if name == TEXT else np.arange(len(rows.items))
    return {int(rows.items[row]): int(row) for row in chosen[::-1]}


def _paired(
    data: ModalSet, unseen: Mapping[str, Unseen], first: str, second: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Places of things that have both [p, d], and which things [p]."""
    of_first, of_second = _first_rows(data, first), _first_rows(data, second)
    things = np.array(sorted(of_first.keys() & of_second.keys()))
    a = unseen[first].places[[of_first[int(one)] for one in things]]
    b = unseen[second].places[[of_second[int(one)] for one in things]]
    return a, b, things


def _geometry(data: ModalSet, unseen: Mapping[str, Unseen]) -> dict[str, Any]:
    """Class-anchor agreement of each modality; rank correlation of class geometries and common neighbours of each pair, of the encoders'
    own features before, and of where SeDA places them after."""
    anchors = unit(data.class_text_features.mean(1) - data.modalities[TEXT].features.mean(0))
    found: dict[str, Any] = {"anchor_agreement": {}}
    for name, one in unseen.items():
        labels = data.labels[data.modalities[name].items]
        found["anchor_agreement"][name] = anchor_agreement(one.places, anchors, labels)
    for first, second in pairs_of(tuple(unseen)):
        a, b, things = _paired(data, unseen, first, second)
        labels = data.labels[things]
        rows = [[_first_rows(data, name)[int(one)] for one in things] for name in (first, second)]
        raw = [
            peer_features(data.modalities[name].features)[of] for name, of in zip((first, second), rows, strict=True)
        ]
        classes = np.unique(labels)
        pair: dict[str, Any] = {}
        for when, (x, y) in (("before", raw), ("after", (a, b))):
            near, chance = mutual_neighbors(x - x.mean(0), y - y.mean(0))
            geometry = rsa(class_geometry(x, labels, classes), class_geometry(y, labels, classes))
            pair[when] = {"rsa": geometry, "mutual_neighbors": near, "chance": chance}
        found[f"{first} and {second}"] = pair
    return found


def _steps(data: ModalSet, unseen: Mapping[str, Unseen]) -> dict[str, Any]:
    """Distance and margin between two modalities of one thing at every state."""
    found = {}
    for first, second in pairs_of(tuple(unseen)):
        of_first, of_second = _first_rows(data, first), _first_rows(data, second)
        things = sorted(of_first.keys() & of_second.keys())
        a = unseen[first].states[[of_first[one] for one in things]].astype(np.float32)
        b = unseen[second].states[[of_second[one] for one in things]].astype(np.float32)
        found[f"{first} and {second}"] = {
            "distance": [round(float(x), 4) for x in pair_distance(a, b)],
            "margin": [round(float(x), 4) for x in pair_margin(a, b, data.labels[things])],
        }
    return found


def by_disagreement(data: ModalSet, unseen: Mapping[str, Unseen], method: str = "SeDA") -> list[dict[str, Any]]:
    """All things, those first whose modalities decide most differently; a row holds the thing, its class and each decision."""
    decided = decisions_of(data, unseen)[method]
    apart = np.nan_to_num(disagreement(list(decided.values())), nan=-1.0)
    found = []
    for item in np.argsort(-apart, kind="stable"):
        of = {name: "" if rows[item] == MISSING else data.class_names[rows[item]] for name, rows in decided.items()}
        found.append(
            {
                "thing": data.item_names[item],
                "class": data.class_names[data.labels[item]],
                **of,
                "disagreement": float(apart[item]),
            }
        )
    return found
