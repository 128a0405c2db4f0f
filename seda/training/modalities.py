"""Fitting one semantic space for several modalities: closed forms alone, no gradient step.

Categories are the kins of things that were given. Their centers are shared: the mean of a kin's names in all languages, as text
features, which every modality's first stage walks to. A modality's belief is linear in its features,

    log p(kin | x) = beta <p_kin, x> + alpha log p(group | x) - log n_group + constant

with p_kin the mean feature of the kin, and p(group | x) the pooled Gaussians and ridge of `fit_center_posterior`: which of few groups a
thing is of can be told from many examples, which thing it is like from one. What is not there of a kin leaves it to the others.
Where features are scores of an encoder's own classes, such as a sound's, the texts of these classes are further examples of the
translator's first map: it knows what things sound like that are not among the kins.

The translator is that of an open vocabulary (`WordPosterior`): a kin is known by its names, and by the word for its group as what it is
a kind of. alpha, beta and the pool's weights are chosen on kins that were left out in turn, once for lists of names, which may be any
words, and once for the classes: what is known of few groups is worth nothing among names.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import count as counting

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import normalize

from seda.aligner import Aligner
from seda.config import ModelConfig
from seda.data.modal_set import TEXT, Modality, ModalSet
from seda.errors import DataError, FileFormatError, StorageError
from seda.modal_aligner import ModalAligner, load_modal_aligner
from seda.models.center_posterior import CenterPosterior
from seda.storage import cache_dir, fingerprint
from seda.training.closed_form import fit_center_posterior
from seda.training.word_closed_forms import (
    MODEL,
    Held,
    belief_of,
    losses_of,
    most_likely_weights,
    readings_of,
    ridge,
    round_to_half,
    untrained_aligner,
    word_posterior_of,
)

VERSION = 2  # raise it when this file fits another space to the same features
# beta and alpha, of which kins that are left out choose: likeness to kins, their groups, and both
SHARPNESSES = ((0.0, 1.0), (10.0, 1.0), (20.0, 0.5), (20.0, 1.0), (40.0, 0.0), (40.0, 0.5))
PENALTY = 1.0  # of the ridge maps from kins and from rows, see `ridge`
WORDS = 16  # by which a kin is known at most
FOLDS = 4  # parts of the kins that are left out in turn when the pool is weighed
UNKNOWN = -100.0  # log probability, about, of a kin that a modality has never met
MIN_ROWS = 4  # of a modality, and of its kins
STEPS_EACH = 1 + FOLDS + 2  # of a modality's fit: all of it, each fold, and what is chosen for names and for classes
NEARNESSES = (20.0, 5.0, 10.0, 40.0)  # of likeness between words, of which held-out kins choose

Progress = Callable[[int, int], object]
logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class _Frame:
    """What all modalities share.

    Attributes:
        kins: the c categories, as numbers of `ModalSet.kin`.
        group: of each, index into the class names [c].
        centers: text features of length 1 [c, d], before they are scaled.
        words, members, steps: see `WordPosterior`; words unscaled [A, d].
        texts: all names [r, d] and the classes' [k, d], which the text scaler is fitted to.
    """

    kins: np.ndarray
    group: np.ndarray
    centers: Tensor
    words: Tensor
    members: Tensor
    steps: Tensor
    texts: Tensor


def fit_modalities(
    data: ModalSet, *, seed: int = 0, name: str = "things", on_progress: Progress | None = None
) -> ModalAligner:
    """Fit every modality of a set.

    Args:
        seed: of the folds.
        name: of the space.
        on_progress: told (done, of how many) after each of STEPS_EACH steps of a modality; where it raises, nothing is fitted.
    Raises:
        DataError: a modality has too few rows, or its rows are all alike.
    """
    frame = _frame(data)
    done = counting(1)

    def tell() -> None:
        if on_progress is not None:
            on_progress(next(done), STEPS_EACH * len(data.modalities))

    fitted = {one: _fit(data, frame, one, seed, tell) for one in data.modalities}
    first = {int(kin): index for index, kin in reversed(list(enumerate(data.kin)))}
    return ModalAligner(
        name,
        {one: pair[_NAMES] for one, pair in fitted.items()},
        {one: pair[_CLASSES] for one, pair in fitted.items()},
        tuple(data.item_names[first[int(kin)]] for kin in frame.kins),
        {one: (rows.encoder, rows.encoder_fingerprint) for one, rows in data.modalities.items()},
        {"dataset": data.name, "things": len(data), "class_names": list(data.class_names), "seed": seed},
    )


def _frame(data: ModalSet) -> _Frame:
    texts = data.modalities[TEXT]
    kins = np.unique(data.kin[texts.items])
    classes = torch.from_numpy(data.class_text_features.mean(1))
    words, members, steps, centers, groups = [classes], [], [], [], []
    count = len(classes)
    for kin in kins:
        rows = torch.from_numpy(texts.features[data.kin[texts.items] == kin])
        groups.append(int(np.bincount(data.labels[data.kin == kin]).argmax()))
        mean = normalize(normalize(rows, dim=1).mean(0, keepdim=True), dim=1)
        own = torch.cat([mean, torch.unique(rows, dim=0)])[: WORDS - 1]
        centers.append(mean)
        words.append(own)
        at = [*range(count, count + len(own)), *[groups[-1]] * (WORDS - len(own))]
        members.append(at)
        steps.append([0] * len(own) + [1] * (WORDS - len(own)))
        count += len(own)
    every = torch.cat([torch.from_numpy(texts.features), classes])
    return _Frame(
        kins, np.array(groups), torch.cat(centers), torch.cat(words), torch.tensor(members), torch.tensor(steps), every
    )  # fmt: skip


def _fit(data: ModalSet, frame: _Frame, name: str, seed: int, tell: Callable[[], object]) -> tuple[Aligner, Aligner]:
    """The aligners of a modality, for any words and for the classes; how sharp its belief is and how much each reading weighs is chosen on kins that were left out in turn."""
    rows = data.modalities[name]
    kin = data.kin[rows.items]
    present = np.unique(kin)
    if len(rows.items) < MIN_ROWS or len(present) < MIN_ROWS:
        raise DataError(
            f"The modality {name} has {len(rows.items)} rows of {len(present)} kins; at least {MIN_ROWS} of both are needed.",
            remedy="Add more, or leave the modality out.",
        )
    known = (data.known_texts, data.known_labels) if name == TEXT else None
    fold_of = {int(one): place % FOLDS for place, one in enumerate(np.random.default_rng(seed).permutation(present))}
    fold = np.array([fold_of[int(one)] for one in kin])
    whole, folds = _closed_forms(data, frame, rows, known, seed), []
    tell()
    for index in range(FOLDS):
        made = _closed_forms(data, frame, rows.take(fold != index), known, seed, whole.aligner)
        folds.append((made, rows.take(fold == index)))
        tell()

    def chosen(which: int) -> Aligner:
        """The settings and weights of the largest likelihood on kins that were left out, told by one of the lists of `_held`."""

        def tried(settings: tuple[float, float, float]) -> tuple[float, Tensor]:
            held = []
            for made, out in folds:
                made.settle(*settings)
                held.append((_held(data, frame, made.aligner, out)[which], made.aligner))
            lists, readings = [one for one, _ in held], [readings_of(aligner, one) for one, aligner in held]
            weights = most_likely_weights(lists, readings, signed=False)
            return sum(losses_of(weights, lists, readings)), weights

        found = {(beta, alpha, NEARNESSES[0]): tried((beta, alpha, NEARNESSES[0])) for beta, alpha in SHARPNESSES}
        beta, alpha, _ = min(found, key=lambda one: found[one][0])
        found |= {(beta, alpha, nearness): tried((beta, alpha, nearness)) for nearness in NEARNESSES[1:]}
        best = min(found, key=lambda one: found[one][0])
        whole.settle(*best)
        made = copy.deepcopy(whole.aligner)
        word_posterior_of(made).weights.copy_(found[best][1])
        round_to_half(made)
        tell()
        return made

    return chosen(_NAMES), chosen(_CLASSES)


_NAMES, _CLASSES = 0, 1


def _held(data: ModalSet, frame: _Frame, made: Aligner, out: Modality) -> list[Held]:
    """Rows that were left out, to be told by the list of all kins and by that of the classes."""
    condition = made.condition_scaler(torch.from_numpy(out.features))
    belief = belief_of(made, condition)
    lists = (
        (frame.centers, np.searchsorted(frame.kins, data.kin[out.items])),
        (torch.from_numpy(data.class_text_features.mean(1)), data.labels[out.items]),
    )
    return [
        Held(condition, belief, made.text_scaler(texts), torch.from_numpy(labels), 1.0 / FOLDS)
        for texts, labels in lists
    ]


@dataclass(frozen=True, eq=False)
class _Made:
    """Closed forms whose sharpness is not chosen yet.

    Attributes:
        like: weight [D, c] of being like a kin.
        group, group_bias: weight [D, c] and bias [c] of being of its group.
        bias: minus the logarithm of the group's number of kins, and UNKNOWN for kins that the modality has never met [c].
    """

    aligner: Aligner
    like: Tensor
    group: Tensor
    group_bias: Tensor
    bias: Tensor

    def settle(self, beta: float, alpha: float, nearness: float) -> None:
        """Write the belief, in place."""
        head = self.aligner.learner.center_posterior
        head.weight[0] = beta * self.like + alpha * self.group
        head.bias[0] = self.bias + alpha * self.group_bias
        self.aligner.translator.log_nearness.fill_(nearness).log_()


def _closed_forms(
    data: ModalSet,
    frame: _Frame,
    rows: Modality,
    known: tuple[np.ndarray, np.ndarray] | None,
    seed: int,
    scaled_as: Aligner | None = None,
) -> _Made:
    """Everything but what `_Made.settle` and the pool's weights say, fitted to some rows of a modality.

    Args:
        known: words and their classes beside the rows.
        scaled_as: whose scalers are taken; they look at no label.
    """
    x = torch.from_numpy(rows.features)
    dim, kin = frame.centers.shape[1], data.kin[rows.items]
    sizes = ModelConfig(dim=dim, image_dim=x.shape[1], words=len(frame.words), words_per_category=WORDS, **MODEL)
    model = replace(sizes, power=ModelConfig.power)  # many small values and a few large ones, where none is negative
    aligner = untrained_aligner(model, len(frame.kins))
    if scaled_as is None:
        aligner.text_scaler.fit(frame.texts)
        for scaler in (aligner.image_scaler, aligner.condition_scaler):
            scaler.fit(x)
    else:
        for part in ("text_scaler", "image_scaler", "condition_scaler"):
            getattr(aligner, part).load_state_dict(getattr(scaled_as, part).state_dict())
    if not float(aligner.condition_scaler.typical_norm) > 1e-6 * float(aligner.condition_scaler.typical_length):
        raise DataError("The rows of a modality all have the same features.", remedy="Give rows that differ.")
    centers = aligner.text_scaler(frame.centers)
    aligner.class_centers.copy_(centers)
    posterior = word_posterior_of(aligner)
    posterior.words.copy_(aligner.text_scaler(frame.words))
    posterior.members.copy_(frame.members)
    posterior.steps.copy_(frame.steps)
    posterior.least_fit.fill_(-6e4)  # nothing is refused

    condition, place = aligner.condition_scaler(x), np.searchsorted(frame.kins, kin)
    present = np.unique(place)
    means = torch.stack([condition[torch.from_numpy(place == one)].mean(0) for one in present])
    directions = normalize(centers, dim=1)
    from_kins = means, directions[torch.from_numpy(present)]
    if rows.class_texts is not None:
        own, texts = _named(rows.class_texts)
        named = aligner.condition_scaler(own), normalize(aligner.text_scaler(texts), dim=1)
        from_kins = torch.cat([from_kins[0], named[0]]), torch.cat([from_kins[1], named[1]])
    for index, (given, to) in enumerate((from_kins, (condition, directions[torch.from_numpy(place)]))):
        posterior.maps[index], posterior.map_bias[index] = ridge(given, to, PENALTY)
    labels = data.labels[rows.items]
    if known is not None and len(known[1]):
        more = aligner.condition_scaler(torch.from_numpy(known[0]))
        told, labels = torch.cat([condition, more]), np.concatenate([labels, known[1]])
    else:
        told = condition
    made = _Made(aligner, *_likeness(frame, condition, present, means), *_groups(frame, told, labels, present, seed))
    round_to_half(aligner)
    return made


def _named(class_texts: np.ndarray) -> tuple[Tensor, Tensor]:
    """Features [D, D] of what is of one class alone to an encoder whose features are scores of classes, and their texts [D, d]."""
    return torch.eye(len(class_texts)), torch.from_numpy(class_texts)


def _likeness(frame: _Frame, condition: Tensor, present: np.ndarray, means: Tensor) -> tuple[Tensor]:
    """Weight [D, c]: about the cosine to the mean of each kin that is there."""
    weight = torch.zeros(condition.shape[1], len(frame.kins))
    weight[:, present] = normalize(means, dim=1).T / float(condition.square().sum(1).mean()) ** 0.5
    return (weight,)


def _groups(
    frame: _Frame, condition: Tensor, labels: np.ndarray, present: np.ndarray, seed: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Weight [D, c] and bias [c] of the groups of kins, and what stands beside both, see `_Made`."""
    count = int(frame.group.max()) + 1
    known = np.unique(labels)
    weight, bias = torch.zeros(condition.shape[1], count), torch.full((count,), UNKNOWN)
    if len(known) > 1:
        posterior = CenterPosterior(condition.shape[1], len(known))
        told = torch.from_numpy(np.searchsorted(known, labels))
        fit_center_posterior(posterior, condition, told, condition, told, seed=seed)
        at = torch.from_numpy(known)
        weight[:, at] = posterior.sharpness * posterior.weight.mean(0)
        bias[at] = posterior.sharpness * posterior.bias.mean(0)
    group = torch.from_numpy(frame.group)
    size = torch.from_numpy(np.bincount(frame.group[present], minlength=count)).clamp_min(1)
    rest = torch.full((len(frame.kins),), UNKNOWN)
    rest[present] = -size.log()[group[present]]
    return weight[:, group], bias[group], rest


def names_of(data: ModalSet, kind: str = "") -> tuple[tuple[str, ...], np.ndarray, np.ndarray]:
    """The different names of all things, their text features [q, d] (the mean over languages), and which is each thing's [n]."""
    texts, found = data.modalities[TEXT], {}
    index = np.zeros(len(data), np.int64)
    features: list[np.ndarray] = []
    for item, name in enumerate(data.item_names):
        if name not in found:
            found[name] = len(features)
            rows = [row for row in texts.of_kind(kind) if texts.items[row] == item]
            features.append(texts.features[rows].mean(0) if rows else np.zeros(texts.features.shape[1], np.float32))
        index[item] = found[name]
    return tuple(found), np.stack(features), index


def one_step_maps(data: ModalSet, penalty: float = 1.0) -> Mapping[str, tuple[Tensor, Tensor, Tensor]]:
    """The peer: for each modality one ridge map from its features to its things' names; mean [D], weight [D, d] and bias [d]."""
    found = {}
    _, names, index = names_of(data)
    for name, rows in data.modalities.items():
        x = torch.from_numpy(peer_features(rows.features))
        y = torch.from_numpy(names[index[rows.items]])
        if rows.class_texts is not None:  # the peer knows what its features are scores of, too
            own, texts = _named(rows.class_texts)
            x, y = torch.cat([x, own]), torch.cat([y, texts])
        found[name] = (x.mean(0), *ridge(x - x.mean(0), normalize(y, dim=1), penalty))
    return found


def peer_features(features: np.ndarray) -> np.ndarray:
    """As `FeatureScaler` bends them: roots where nothing is negative, and length 1."""
    bent = np.sqrt(features) if (features >= 0).all() else features
    return bent / np.maximum(np.linalg.norm(bent, axis=1, keepdims=True), 1e-9)


def fitted_space(data: ModalSet, on_progress: Progress | None = None) -> ModalAligner:
    """The space of a set: fitted at the first call, which takes about half a minute on two cores, and read from the cache after that.

    Args:
        on_progress: see `fit_modalities`; not told where nothing is fitted.
    Raises:
        DataError: see `fit_modalities`.
    """
    folder = cache_dir() / "spaces" / fingerprint({"data": data.data_fingerprint, "version": VERSION})
    try:
        return load_modal_aligner(folder)
    except (FileFormatError, OSError):
        pass
    made = fit_modalities(data, on_progress=on_progress)
    try:
        made.save(folder)
    except StorageError as error:
        logger.warning("The space of %s is not kept, the next start fits it again. %s", data.name, error)
    return made
