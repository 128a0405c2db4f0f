"""How well an open-vocabulary aligner names what it has never seen, beside ConSE and a ridge map."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
import torch

from seda.aligner import PretrainedAligner
from seda.baselines.base import ClassTextFeatures, NamedHead
from seda.baselines.zero_shot import FittedConse
from seda.card import CROSSFIT_LEAST_FIT, CROSSFIT_WEIGHTS, EVALUATION, VALIDATION
from seda.config import SamplingConfig
from seda.data.feature_set import FeatureSet
from seda.data.features import find_features
from seda.data.named_pictures import OTHER, STAMP_GROUPS, STAMP_GROUPS_IN
from seda.encoders.base import Encoder, has_head
from seda.errors import DataError
from seda.evaluation.alignment import recall_of_scores
from seda.models.word_posterior import WordPosterior
from seda.training.open_vocabulary import list_fits, lists_of, photo_lists
from seda.training.word_closed_forms import word_posterior_of

# image features [n, D] and text features [k, d] to scores [n, k]
Scores = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Naming:
    """One method on one list of texts. Recalls are fractions; recall@1 is the accuracy.

    Attributes:
        task: what is named.
        method: how.
        pictures, texts: how many.
        recall_1, recall_10: how often the right text is among the first.
    """

    task: str
    method: str
    pictures: int
    texts: int
    recall_1: float
    recall_10: float

    def to_dict(self) -> dict[str, Any]:
        """As the card holds it."""
        return asdict(self)


@dataclass(frozen=True, eq=False)
class NamingTask:
    """Pictures that were never fitted to, and the texts that they are to be told by.

    Attributes:
        name: for the table.
        image_features: float32 [n, D].
        texts: float32 [k, d], as the encoder gives them.
        labels: the right text of each picture [n].
        translated: whether the texts are those of another task in another language.
        chosen_by: bool [n], whether the aligner's weights were chosen by the picture; it is named with those that the
            others chose, so that no picture is named by what it chose itself.
    """

    name: str
    image_features: np.ndarray
    texts: np.ndarray
    labels: np.ndarray
    chosen_by: np.ndarray
    translated: bool = False


@dataclass(frozen=True)
class Refusals:
    """How often "none of these" is said of photographs that neither the threshold nor the pool's weights were chosen by.

    Attributes:
        lists: which words stand beside a photograph.
        right, wrong: how many photographs beside lists with their group, and without.
        right_refused, wrong_refused: shares of them that are refused.
    """

    lists: str
    right: int
    wrong: int
    right_refused: float
    wrong_refused: float

    def to_dict(self) -> dict[str, Any]:
        """For the command's JSON."""
        return asdict(self)


def naming_tasks(aligner: PretrainedAligner, encoder: Encoder) -> list[NamingTask]:
    """What the aligner's card lists: photographs and emoji with unseen names, by their own words and by groups.

    Raises:
        DataError: the features are not there.
        FingerprintError: the encoder is not the aligner's.
    """
    aligner.check_encoder(encoder.name, encoder.fingerprint)
    files = aligner.card.data.get(EVALUATION)
    if not isinstance(files, Mapping):
        raise DataError(
            f"The aligner {aligner.card.name!r} has no open vocabulary.", remedy="Name a data set with --dataset."
        )
    tasks = []
    for name, file in files.items():
        halves = [_features(name, str(file))]
        if other := (aligner.card.data.get(VALIDATION) or {}).get(name):
            halves.append(_features(name, str(other)))
        features, labels, own = (
            np.concatenate([getattr(half, part) for half in halves])
            for part in ("image_features", "labels", "image_text_features")
        )
        chosen_by = np.repeat([index > 0 for index in range(len(halves))], [len(half) for half in halves])
        texts, label = np.unique(own, axis=0, return_inverse=True)
        tasks.append(NamingTask(f"{name}, own words", features, texts, label, chosen_by))
        groups = [group for group in halves[0].class_names if group != OTHER]
        inside = labels < len(groups)
        texts = encoder.encode_texts(groups).numpy()
        tasks.append(NamingTask(f"{name}, groups", features[inside], texts, labels[inside], chosen_by[inside]))
        for language, words in STAMP_GROUPS_IN.items() if tuple(groups) == tuple(STAMP_GROUPS.values()) else ():
            if language in encoder.languages:
                texts = encoder.encode_texts(words).numpy()
                task = f"{name}, groups in {language}"
                tasks.append(NamingTask(task, features[inside], texts, labels[inside], chosen_by[inside], True))
    return tasks


def name_pictures(aligner: PretrainedAligner, encoder: Encoder, *, ends: int = 0) -> list[Naming]:
    """Every method on every task of the aligner.

    Args:
        ends: how many paths of each picture are walked, for the reading of the mean of their ends; 0 for none.
    Raises:
        DataError: the features are not there.
        FingerprintError: the encoder is not the aligner's.
    """
    usual = _baselines(aligner, encoder)
    rows = []
    for task in naming_tasks(aligner, encoder):
        places = np.arange(len(task.texts))
        walked: dict[str, Scores] = (
            {f"mean of {ends} ends": partial(_mean_end, aligner, ends)} if ends and not task.translated else {}
        )
        baselines = {**walked, **usual}
        named = {method: scores(task.image_features, task.texts) for method, scores in baselines.items()}
        for method, found in {"seda": _named(aligner, task), **named}.items():
            first, ten = (recall_of_scores(found, task.labels, places, k) for k in (1, min(10, len(places))))
            rows.append(Naming(task.name, method, len(task.labels), len(places), first, ten))
    return rows


def refusals(aligner: PretrainedAligner, encoder: Encoder) -> list[Refusals]:
    """Of the photographs, beside all groups and beside short lists; each half is judged by what the other half chose.

    Raises:
        DataError: the features are not there.
        FingerprintError: the encoder is not the aligner's.
    """
    aligner.check_encoder(encoder.name, encoder.fingerprint)
    data = aligner.card.data
    (name,) = data[VALIDATION]
    groups = encoder.encode_texts(tuple(STAMP_GROUPS.values()))
    judged = {str(data[EVALUATION][name]): False, str(data[VALIDATION][name]): True}
    found: dict[int, list[tuple[np.ndarray, np.ndarray]]] = {}
    kinds = lists_of(len(groups))
    for file, chosen_by in judged.items():
        held, _ = photo_lists(aligner.aligner, _features(name, file), groups)
        with _chosen_by_others(aligner, chosen_by) as posterior:
            for kind, lists in enumerate(kinds):
                right, wrong = (
                    (part < posterior.least_fit).cpu().numpy() for part in list_fits(aligner.aligner, held, lists)
                )
                found.setdefault(kind, []).append((right, wrong))
    rows = []
    for kind, words in enumerate((f"all {len(groups)} groups, or all but its own", "3 to 8 random groups")):
        right, wrong = (np.concatenate(part) for part in zip(*found[kind], strict=True))
        rows.append(Refusals(words, len(right), len(wrong), float(right.mean()), float(wrong.mean())))
    return rows


def _mean_end(aligner: PretrainedAligner, ends: int, image_features: np.ndarray, texts: np.ndarray) -> np.ndarray:
    """Cosines [n, k] of the texts to the mean of so many ends of each picture's paths, one a seed."""
    images, words = torch.from_numpy(image_features), torch.from_numpy(texts)
    runs = (aligner.aligner.align(images, words, SamplingConfig(seed=seed)) for seed in range(ends))
    normalize, total = torch.nn.functional.normalize, torch.zeros(())
    for run in runs:
        total, scaled = total + run.translator.states[:, -1].cpu(), run.class_texts.cpu()
    return (normalize(total, dim=1) @ normalize(scaled, dim=1).T).numpy()


def _features(name: str, file: str) -> FeatureSet:
    found = find_features(file)
    if found is None or found.image_text_features is None:
        raise DataError(
            f"The features of {name} are not there ({file}).",
            remedy="Restore assets/features from the repository; for an aligner of your own run `python -m seda pretrain` again, which "
            "keeps them in the cache.",
        )
    return found


def _named(aligner: PretrainedAligner, task: NamingTask) -> np.ndarray:
    """Log probabilities [n, k] of the aligner."""
    texts, found = torch.from_numpy(task.texts), np.empty((len(task.labels), len(task.texts)), np.float32)
    for chosen_by in np.unique(task.chosen_by):
        rows = task.chosen_by == chosen_by
        with _chosen_by_others(aligner, bool(chosen_by)):
            part = aligner.aligner.classify(torch.from_numpy(task.image_features[rows]), texts, SamplingConfig())
        found[rows] = part.log().cpu().numpy()
    return found


@contextmanager
def _chosen_by_others(aligner: PretrainedAligner, crossfit: bool) -> Iterator[WordPosterior]:
    """The aligner's pool as it is, or with the weights and the least fit that the other half of the photographs chose."""
    posterior, metrics = word_posterior_of(aligner.aligner), aligner.card.metrics
    own = posterior.weights, posterior.least_fit
    if crossfit:
        posterior.weights = torch.tensor(metrics[CROSSFIT_WEIGHTS]).to(own[0])
        if CROSSFIT_LEAST_FIT in metrics:  # cards of before it was kept
            posterior.least_fit = torch.tensor(metrics[CROSSFIT_LEAST_FIT]).to(own[1])
    try:
        yield posterior
    finally:
        posterior.weights, posterior.least_fit = own


def _baselines(aligner: PretrainedAligner, encoder: Encoder) -> dict[str, Scores]:
    """ConSE with so many names, plain and centred on the names' mean, and the map that was fitted to pairs, alone."""
    from open_clip import IMAGENET_CLASSNAMES

    assert has_head(encoder), "The open vocabulary is made for an encoder with a classifier."
    weight, bias = (part.numpy() for part in encoder.imagenet_head)
    names = encoder.encode_texts(IMAGENET_CLASSNAMES).numpy()
    mean = names.mean(0)
    head, centred = NamedHead(weight, bias, names), NamedHead(weight, bias, names - mean)

    def conse(head: NamedHead, count: int, shift: np.ndarray | float) -> Scores:
        def scores(image_features: np.ndarray, texts: np.ndarray) -> np.ndarray:
            classes = ClassTextFeatures((texts - shift)[:, None], shared_space=False, head=head)
            return FittedConse(classes, head, count).class_scores(image_features)

        return scores

    def ridge(image_features: np.ndarray, texts: np.ndarray) -> np.ndarray:
        model = aligner.aligner
        posterior = word_posterior_of(model)
        condition = model.condition_scaler(torch.from_numpy(image_features).to(model.device))
        mapped = torch.nn.functional.normalize(condition @ posterior.maps[1] + posterior.map_bias[1], dim=1)
        directions = torch.nn.functional.normalize(model.text_scaler(torch.from_numpy(texts).to(model.device)), dim=1)
        return (mapped @ directions.T).cpu().numpy()

    counts = (1, 5, 10, len(names))
    found = {f"conse, {count} name{'s' if count > 1 else ''}": conse(head, count, 0.0) for count in counts}
    return found | {f"centred conse, {len(names)} names": conse(centred, len(names), mean), "ridge from pairs": ridge}
