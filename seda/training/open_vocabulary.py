"""The open-vocabulary aligner: any photo, any words, fitted without a photo.

Material: the encoder's ImageNet head with names from open_clip and words from WordNet; emoji of three artists, Openclipart and a
game's drawings, each picture with its name. Photographs choose five weights and a threshold and are never fitted to. One reading of
the answer is a small learned map; the denoisers that walk the paths are trained on the same drawings and around the same categories.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from seda.aligner import Aligner, PretrainedAligner, ReferenceFeatures, package_versions
from seda.card import CROSSFIT_LEAST_FIT, CROSSFIT_WEIGHTS, EVALUATION, VALIDATION, AlignerCard
from seda.config import ModelConfig, TrainingConfig
from seda.data.base import ImageDataset
from seda.data.emoji import ARTISTS
from seda.data.feature_set import FeatureSet
from seda.data.features import encode_split, feature_file_name
from seda.data.named_pictures import (
    OTHER,
    clip_art,
    emoji_people,
    emoji_things,
    fluent_emoji,
    game_drawings,
    photographs,
    without_names,
)
from seda.data.wordnet import WORDS_PER_CATEGORY, CategoryWord, WordNet, imagenet_words
from seda.encoders.base import Encoder, HeadedEncoder, has_head
from seda.encoders.families import OPEN_VOCABULARY as ENCODER
from seda.errors import EncoderError
from seda.journeys.reference_pictures import ReferencePictures
from seda.models.word_posterior import WordPosterior
from seda.projection.fit import MapConfig
from seda.training.checkpoint import drop_checkpoints
from seda.training.denoisers import FOLDS, train_denoisers
from seda.training.pair_map import SAME, CategoryFeatures, learn_pair_map
from seda.training.pairs import OpenPairs
from seda.training.recipe import Progress, finish_with_maps, save_for_maps
from seda.training.word_closed_forms import (
    MODEL,
    SUGGESTED,
    Held,
    belief_of,
    fit_of,
    losses_of,
    most_likely_weights,
    readings_of,
    ridge,
    round_to_half,
    set_head,
    set_least_fit,
    untrained_aligner,
    word_posterior_of,
)

# Chosen on held-out names and on the photographs' first half; halves and doubles came out alike
NEARNESS, WORD_SHARING = 10.0, 0.7
PAIR_WIDTH = 512
CENTERS_PENALTY, PAIRS_PENALTY = 1.0, 1.0  # of the ridges, in units of the features' mean squared length
NAME_FOLDS = 5
DENOISER_STEPS = 1500  # chosen here: from 1,000 on the loss on held-out names falls by less than .001 in 250
HELD_OUT_NAMES = 0.1  # share of the drawings' names that the denoisers are chosen by
SPREAD = 0.7  # of features around a center, as a share of the deviation of all drawings; chosen here
REFUSED_OF_RIGHT = 0.05  # chosen here: a warning that cries wolf is not read
SHORT_LISTS = 40  # of random groups, beside the list of all, for the threshold of "none of these"
NAMED = 3  # of the sets of drawings, emoji of things by three artists
SHOWN = 4  # of them have licences under which small copies may lie beside the maps without a word
REFERENCE_COUNT, FIT_PATHS, SCORED_PATHS = 600, 160, 60


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """The 1,000 categories of the encoder's head and the words that they are known by.

    Attributes:
        names: of the categories.
        words: of each category, nearest first; the first is its name.
        head_weight, head_bias: float32 [c, D] and [c].
    """

    names: tuple[str, ...]
    words: Sequence[Sequence[CategoryWord]]
    head_weight: Tensor
    head_bias: Tensor

    @property
    def texts(self) -> list[str]:
        """Every distinct word, in a fixed order."""
        return list(dict.fromkeys(word.text for row in self.words for word in row))


@dataclass(frozen=True, eq=False)
class OpenMaterial:
    """All that the open vocabulary is made of and judged by, as features.

    Attributes:
        encoder: multilingual.
        drawn: data sets of named drawings, the first NAMED of the same names; pairs are their training features.
        tests: of the first two, with names that are in no training features.
        judged: photographs; photos the half that chooses the pool's weights, other_photos the other half.
        vocabulary: the encoder's categories; words [A, d] the features of its texts.
        groups: text features [g, d] of the photographs' groups.
    """

    encoder: HeadedEncoder
    drawn: Sequence[ImageDataset]
    pairs: Sequence[FeatureSet]
    tests: Sequence[FeatureSet]
    judged: ImageDataset
    photos: FeatureSet
    other_photos: FeatureSet
    vocabulary: Vocabulary
    words: Tensor
    groups: Tensor

    @classmethod
    def encoded(cls, encoder: Encoder, data_dir: Path | str | None, report: Progress) -> OpenMaterial:
        """Encode what the cache does not hold.

        Raises:
            EncoderError: another encoder, which has no head or cuts pictures.
            DataError: a source is missing; says how to install it.
        """
        if encoder.name != ENCODER or not has_head(encoder):
            raise EncoderError(f"The open vocabulary is made for {ENCODER!r}; {encoder.name!r} came.")
        wordnet = WordNet()
        named = [*(emoji_things(artist, data_dir) for artist in ARTISTS), fluent_emoji("things", data_dir)]
        more = [clip_art(wordnet.words.__contains__), *(emoji_people(artist, data_dir) for artist in ARTISTS)]
        more += [fluent_emoji("people", data_dir), game_drawings()]
        unseen = named[0].image_texts("test", range(named[0].count("test")))
        drawn: list[ImageDataset] = [*named, *(without_names(one, unseen) for one in more)]
        judged = photographs()

        def features(dataset: ImageDataset, split: str) -> FeatureSet:
            about = f"encoding {dataset.name}"
            return encode_split(dataset, split, encoder, seed=None, on_progress=lambda i, n: report(about, i, n, ""))

        pairs = [features(dataset, "train") for dataset in drawn]
        photos, tests = features(judged, "train"), [features(dataset, "test") for dataset in drawn[: len(ARTISTS)]]
        other_photos = features(judged, "test")
        report("encoding words", 0, 1, "")
        vocabulary = imagenet_vocabulary(encoder, wordnet)
        words = encoder.encode_texts(vocabulary.texts)
        groups = encoder.encode_texts([name for name in judged.class_names if name != OTHER])
        return cls(encoder, drawn, pairs, tests, judged, photos, other_photos, vocabulary, words, groups)


def open_config(seed: int = 0, denoiser: str = "learned") -> TrainingConfig:
    """How the open vocabulary's denoisers are trained: a batch costs more than with few classes, and says more."""
    return TrainingConfig(seed=seed, denoiser=denoiser, denoiser_steps=DENOISER_STEPS)


def pretrain_open_vocabulary(
    encoder: Encoder,
    out_dir: Path | str,
    *,
    data_dir: Path | str | None = None,
    config: TrainingConfig | None = None,
    map_config: MapConfig | None = None,
    on_progress: Progress | None = None,
) -> PretrainedAligner:
    """Fit the aligner, train its denoisers, fit its maps, and save all. A call after a stop goes on where it was.

    Args:
        encoder: multilingual.
        out_dir: folder of the new aligner.
        data_dir: where the emoji packages are.
        config: which denoisers, and how they are trained; the learned ones where None.
        on_progress: told what is under way.
    Raises:
        EncoderError: another encoder, which has no head or cuts pictures.
        DataError: a source is missing; says how to install it.
        StorageError: out_dir cannot be written.
        Stopped: on_progress returned True.
    """
    config = config or open_config()
    report, out_dir = on_progress or (lambda *_: None), Path(out_dir)
    material = OpenMaterial.encoded(encoder, data_dir, report)
    pairs, photos = material.pairs, material.photos
    report("fitting", 0, 1, "")
    aligner, metrics = settled_closed_forms(material, config)
    report("fitting", 1, 1, "")
    metrics |= train_denoisers(
        aligner, denoising_pairs(aligner, material, config), config, checkpoint_dir=out_dir, on_progress=report
    )

    card = _card(out_dir.name, encoder, aligner, material, metrics, config)
    reference, pictures = _reference(aligner, pairs, photos, material.words)
    pretrained = save_for_maps(aligner, card, reference, out_dir)
    _drawings(material.drawn, pairs, pictures).save(pretrained.folder)
    finished = finish_with_maps(pretrained, card, out_dir, map_config, report)
    drop_checkpoints(out_dir)
    return finished


def settled_closed_forms(material: OpenMaterial, config: TrainingConfig) -> tuple[Aligner, dict[str, Any]]:
    """`closed_forms` whose pool's weights are chosen, and figures for the card, among them the weights and the least fit that the
    photographs' other half chose."""
    vocabulary, pairs = material.vocabulary, material.pairs
    aligner = closed_forms(vocabulary, material.words, pairs, config.denoiser, config.seed)
    held = unseen_names(aligner, vocabulary, pairs[:NAMED], pairs[NAMED:], config.seed)
    crossfit = copy.deepcopy(aligner)
    settle_weights(crossfit, held, material.other_photos, material.groups)
    metrics = settle_weights(aligner, held, material.photos, material.groups)
    other = word_posterior_of(crossfit)
    return aligner, {
        **metrics, CROSSFIT_WEIGHTS: other.weights.tolist(), CROSSFIT_LEAST_FIT: float(other.least_fit)
    }  # fmt: skip


def _card(
    name: str,
    encoder: Encoder,
    aligner: Aligner,
    material: OpenMaterial,
    metrics: dict[str, Any],
    training: TrainingConfig,
) -> AlignerCard:
    """What it is, what it was made of, and the sets that judge it."""
    pairs, photos, judged, drawn = material.pairs, material.photos, material.judged, material.drawn
    vocabulary = material.vocabulary
    return AlignerCard(
        name=name,
        description=f"Any photo, any words: {len(vocabulary.names):,} categories of ImageNet, and "
        f"{sum(map(len, pairs)):,} drawings with their names, carried over to words by how words are like each other.",
        encoder=encoder.name,
        encoder_fingerprint=encoder.fingerprint,
        class_names=vocabulary.names,
        template="{}",
        model=aligner.config,
        training=training,
        data={
            "dataset": "open-vocabulary",
            "source": "; ".join(dict.fromkeys([*(dataset.source for dataset in drawn), "WordNet 3.0, Princeton"])),
            "split": "train",
            "count": sum(map(len, pairs)),
            "fingerprint": [part.data_fingerprint for part in (*pairs, photos)],
            EVALUATION: {
                dataset.name: _file_name(encoder, dataset, "test") for dataset in (judged, *drawn[: len(ARTISTS)])
            },
            VALIDATION: {judged.name: _file_name(encoder, judged, "train")},
        },
        metrics=metrics,
        versions=package_versions(),
        suggested=SUGGESTED,
    )


def _drawings(drawn: Sequence[ImageDataset], pairs: Sequence[FeatureSet], chosen: np.ndarray) -> ReferencePictures:
    """The small pictures of chosen drawings [m], counted through all sets."""
    owner = np.concatenate([np.full(len(part), which) for which, part in enumerate(pairs)])[chosen]
    starts = np.cumsum([0, *map(len, pairs[:-1])])
    return ReferencePictures.from_images(
        next(iter(drawn[which].images("train", [index - starts[which]])))
        for which, index in zip(owner, chosen, strict=True)
    )


def _file_name(encoder: Encoder, dataset: ImageDataset, split: str) -> str:
    return feature_file_name(encoder.fingerprint, dataset.fingerprint(split), split)


def imagenet_vocabulary(encoder: HeadedEncoder, wordnet: WordNet) -> Vocabulary:
    """The head's categories with open_clip's names and WordNet's words."""
    from open_clip import IMAGENET_CLASSNAMES

    weight, bias = encoder.imagenet_head
    return Vocabulary(tuple(IMAGENET_CLASSNAMES), imagenet_words(IMAGENET_CLASSNAMES, wordnet), weight, bias)


def closed_forms(
    vocabulary: Vocabulary, words: Tensor, pairs: Sequence[FeatureSet], denoiser: str = "closed-form", seed: int = 0
) -> Aligner:
    """An aligner whose stages hold the closed forms; the pool's weights are still all one, and its denoisers untrained.

    Args:
        vocabulary: c categories.
        words: features [A, d] of `vocabulary.texts`.
        pairs: pictures with texts of their own, to fit to.
        denoiser: see `ModelConfig`.
        seed: of what is learned from the pairs.
    """
    drawn = torch.from_numpy(np.concatenate([part.image_features for part in pairs]))
    own = torch.from_numpy(np.concatenate([part.image_text_features for part in pairs]))
    centers = head_centers(vocabulary.head_weight, drawn)
    model = ModelConfig(
        dim=words.shape[1], image_dim=drawn.shape[1], words=len(words), words_per_category=WORDS_PER_CATEGORY,
        word_sharing=WORD_SHARING, pair_width=PAIR_WIDTH, told_place=denoiser == "learned", denoiser=denoiser, **MODEL,
    )  # fmt: skip
    aligner = untrained_aligner(model, len(vocabulary.names))
    place = {text: index for index, text in enumerate(vocabulary.texts)}
    members = torch.tensor(
        [[place[row[min(i, len(row) - 1)].text] for i in range(WORDS_PER_CATEGORY)] for row in vocabulary.words]
    )
    steps = torch.tensor(
        [[row[min(i, len(row) - 1)].steps for i in range(WORDS_PER_CATEGORY)] for row in vocabulary.words]
    )

    aligner.text_scaler.fit(words[members[:, 0]])
    everything = torch.cat([drawn, centers])
    aligner.image_scaler.fit(everything)
    aligner.condition_scaler.fit(everything)
    aligner.class_centers.copy_(aligner.image_scaler(centers))

    set_head(aligner, vocabulary.head_weight, vocabulary.head_bias)
    aligner.translator.log_nearness.fill_(float(np.log(NEARNESS)))
    posterior = word_posterior_of(aligner)
    posterior.words.copy_(aligner.text_scaler(words))
    posterior.members.copy_(members)
    posterior.steps.copy_(steps)
    from_centers = ridge(aligner.condition_scaler(centers), posterior.category_texts, CENTERS_PENALTY)
    from_pairs = ridge(aligner.condition_scaler(drawn), own - aligner.text_scaler.mean, PAIRS_PENALTY)
    for index, (weight, bias) in enumerate((from_centers, from_pairs)):
        posterior.maps[index], posterior.map_bias[index] = weight, bias
    condition, texts = aligner.condition_scaler(drawn), aligner.text_scaler(own)
    posterior.pair_map = learn_pair_map(
        condition, texts, _categories(aligner, condition, centers), PAIR_WIDTH, seed=seed
    )
    round_to_half(aligner)
    return aligner


def _categories(aligner: Aligner, condition: Tensor, centers: Tensor) -> CategoryFeatures:
    """Features around centers [c, D] that spread as those of drawings [n, D] do."""
    posterior = word_posterior_of(aligner)
    return CategoryFeatures(
        aligner.condition_scaler(centers), SPREAD * spread_of(condition), posterior.words, posterior.members,
        word_weights(posterior),
    )  # fmt: skip


def word_weights(posterior: WordPosterior) -> Tensor:
    """What a word of a category is drawn by [c, P]: all alike, as a list may hold "flower" as well as "daisy"; what fills a row is
    no word."""
    weights = torch.ones(posterior.members.shape)
    weights[:, 1:] *= posterior.members[:, 1:] != posterior.members[:, :-1]
    return weights / weights.sum(1, keepdim=True)


def spread_of(features: Tensor) -> Tensor:
    """A matrix [D, D] that turns standard normal draws into deviations like those of features [n, D]."""
    centred = features - features.mean(0)
    covariance = centred.T @ centred / (len(features) - 1)
    floor = 1e-4 * covariance.diag().mean() * torch.eye(len(covariance))  # dead activations have no variance
    return torch.linalg.cholesky(covariance + floor)


def denoising_pairs(aligner: Aligner, material: OpenMaterial, config: TrainingConfig) -> OpenPairs:
    """What the denoisers of `closed_forms` are trained on: the same drawings, and features around the same centers."""
    pairs = material.pairs
    features = torch.from_numpy(np.concatenate([part.image_features for part in pairs]))
    own = aligner.text_scaler(torch.from_numpy(np.concatenate([part.image_text_features for part in pairs])))
    condition, posterior = aligner.condition_scaler(features), word_posterior_of(aligner)
    distinct, name = distinct_texts(own)
    order = torch.randperm(len(distinct), generator=torch.Generator().manual_seed(config.seed))
    out = order[name] < HELD_OUT_NAMES * len(distinct)  # all drawings of a name, whoever drew them
    fold, centers = order[name] % FOLDS, head_centers(material.vocabulary.head_weight, features)
    pair_maps = []
    if aligner.config.told_place:
        categories = _categories(aligner, condition, centers)
        pair_maps = [
            learn_pair_map(condition[rows], own[rows], categories, PAIR_WIDTH, seed=config.seed)
            for rows in (*(~out & (fold != number) for number in range(FOLDS)), ~out)
        ]
    return OpenPairs(
        aligner, condition, aligner.image_scaler(features), own, belief_of(aligner, condition).exp(), fold,
        torch.nonzero(~out).flatten(), torch.nonzero(out).flatten(), centers, SPREAD * spread_of(features),
        posterior.words, posterior.members, word_weights(posterior), config.listed_share, pair_maps,
    )  # fmt: skip


def distinct_texts(texts: Tensor) -> tuple[Tensor, Tensor]:
    """Of text features [n, d] those that differ [k, d], and which of them each is [n].

    The same words may differ in the last bit, as a text's features depend a little on what was encoded with it.
    """
    directions = torch.nn.functional.normalize(texts, dim=1)
    places, index = (directions @ directions.T > SAME).float().argmax(1).unique(return_inverse=True)
    return texts[places], index


def head_centers(weight: Tensor, features: Tensor) -> Tensor:
    """Category centers [c, D] that a classifier's weights [c, D] stand for.

    Under a covariance S that all categories share, linear discriminant analysis has w_c = S^-1 (mu_c - mu) + constant, so
    mu_c = mu + S (w_c - mean w). S is taken from other features [n, D]; what is negative becomes 0, as activations are.
    """
    mean = features.mean(0)
    centred = (features - mean).double()
    covariance = centred.T @ centred / (len(features) - 1)
    return (mean + ((weight - weight.mean(0)).double() @ covariance).float()).clamp_min(0)


def settle_weights(aligner: Aligner, names: Sequence[Held], photos: FeatureSet, groups: Tensor) -> dict[str, float]:
    """Choose the pool's weights by likelihood on what was not fitted to, in place.

    On names, see `unseen_names`. On photographs: by their groups and among all their descriptions. Each of the three counts
    alike.

    Args:
        names: drawings that are read by maps which were made without their names.
        photos: with texts of their own; labels below len(groups) have a group.
        groups: text features [g, d].
    Returns:
        negative log-likelihoods in nats, for the card.
    """
    held = [*names, *photo_lists(aligner, photos, groups)]
    readings = [readings_of(aligner, one) for one in held]
    weights = most_likely_weights(held, readings)
    word_posterior_of(aligner).weights.copy_(weights)
    refused = _settle_least_fit(aligner, held[-2])
    losses = losses_of(weights, held, readings)
    return {
        "validation_names_nll": float(np.mean(losses[:-2])),
        "validation_groups_nll": losses[-2],
        "validation_descriptions_nll": losses[-1],
        **refused,
    }


def _settle_least_fit(aligner: Aligner, held: Held) -> dict[str, float]:
    """See `set_least_fit`: photographs beside all groups, and beside all but their own; and beside shorter lists of groups, with
    their own and without."""
    kinds = lists_of(len(held.texts))
    right, wrong = zip(*(list_fits(aligner, held, lists) for lists in kinds), strict=True)
    return set_least_fit(aligner, right, wrong, REFUSED_OF_RIGHT)


@dataclass(frozen=True, eq=False)
class WordList:
    """Some of a number of texts.

    Attributes:
        chosen: which, int64 [k].
        for_right: whether pictures whose text is on it are judged by it, as well as those whose is not.
    """

    chosen: Tensor
    for_right: bool = True


def lists_of(count: int) -> list[list[WordList]]:
    """Two kinds of lists of so many texts, two or more: all of them, and all but one; and SHORT_LISTS random short ones."""
    generator, everything = torch.Generator().manual_seed(0), torch.arange(count)
    whole = [WordList(everything), *(WordList(everything[everything != left_out], False) for left_out in range(count))]
    lengths = torch.randint(min(3, count - 1), min(9, count), (SHORT_LISTS,), generator=generator).tolist()
    return [whole, [WordList(torch.randperm(count, generator=generator)[:length]) for length in lengths]]


def list_fits(aligner: Aligner, held: Held, lists: Sequence[WordList]) -> tuple[Tensor, Tensor]:
    """Fits of every picture beside each list with its text [n], and beside each without it [m]."""
    right, wrong = [], []
    for one in lists:
        chosen = one.chosen.to(held.labels.device)
        there = torch.isin(held.labels, chosen)
        fits = fit_of(aligner, held.condition, held.belief, held.texts[chosen])
        wrong.append(fits[~there])
        if one.for_right:
            right.append(fits[there])
    return torch.cat(right), torch.cat(wrong)


def unseen_names(
    aligner: Aligner, vocabulary: Vocabulary, named: Sequence[FeatureSet], more: Sequence[FeatureSet], seed: int = 0
) -> list[Held]:
    """Each artist's pictures of one fold of names, among all names, beside maps that were made without these names.

    Args:
        vocabulary: the categories.
        named: sets of drawings of the same names.
        more: sets of others, which the maps are fitted to as well where their names are in other folds.
        seed: of what is learned, as for the final map.
    """
    posterior = word_posterior_of(aligner)
    sets = [*named, *more]
    features = torch.from_numpy(np.concatenate([part.image_features for part in sets]))
    own = torch.from_numpy(np.concatenate([part.image_text_features for part in sets]))
    condition, scaled = aligner.condition_scaler(features), aligner.text_scaler(own)
    names, name = distinct_texts(scaled)
    fold = torch.randperm(len(names), generator=torch.Generator().manual_seed(0))[name] % NAME_FOLDS
    owner = torch.repeat_interleave(torch.arange(len(sets)), torch.tensor([len(part) for part in sets]))
    listed, label = name[owner < len(named)].unique(return_inverse=True)
    label = torch.cat([label, label.new_full((len(name) - len(label),), -1)])
    categories = _categories(aligner, condition, head_centers(vocabulary.head_weight, features))
    from_centers = posterior.maps[0], posterior.map_bias[0]
    found = []
    for index in range(NAME_FOLDS):
        inside = fold != index
        fitted = ridge(condition[inside], own[inside] - aligner.text_scaler.mean, PAIRS_PENALTY)
        weights, biases = (torch.stack(part) for part in zip(from_centers, fitted, strict=True))
        learned = learn_pair_map(condition[inside], scaled[inside], categories, PAIR_WIDTH, seed=seed)
        for artist in range(len(named)):
            rows = torch.nonzero(~inside & (owner == artist)).flatten()
            belief, share = belief_of(aligner, condition[rows]), 1 / NAME_FOLDS / len(named)
            found.append(Held(condition[rows], belief, names[listed], label[rows], share, (weights, biases), learned))
    return found


def photo_lists(aligner: Aligner, photos: FeatureSet, groups: Tensor) -> list[Held]:
    features, labels, own_texts = (
        torch.from_numpy(part).to(aligner.device)
        for part in (photos.image_features, photos.labels, photos.image_text_features)
    )
    condition, groups = aligner.condition_scaler(features), groups.to(aligner.device)
    belief = belief_of(aligner, condition)
    texts, own = aligner.text_scaler(own_texts).unique(dim=0, return_inverse=True)
    grouped = labels < len(groups)
    return [
        Held(condition[grouped], belief[grouped], aligner.text_scaler(groups), labels[grouped], 1.0),
        Held(condition, belief, texts, own, 1.0),
    ]


def _reference(
    aligner: Aligner, pairs: Sequence[FeatureSet], photos: FeatureSet, words: Tensor
) -> tuple[ReferenceFeatures, np.ndarray]:
    """What maps are made of, and which of the pairs' pictures form the clouds.

    Paths are those of drawings and of photographs, which the maps are to show.
    """
    drawn = torch.from_numpy(np.concatenate([part.image_features for part in pairs[:SHOWN]]))
    generator = torch.Generator().manual_seed(0)
    cloud = torch.randperm(len(drawn), generator=generator)[:REFERENCE_COUNT].sort().values
    paths = torch.randperm(len(drawn), generator=generator)[: FIT_PATHS // 2]
    shown = torch.from_numpy(photos.image_features)[torch.randperm(len(photos), generator=generator)]
    belief = belief_of(aligner, aligner.condition_scaler(drawn[cloud]))
    reference = ReferenceFeatures(
        features=aligner.image_scaler(drawn[cloud]).half().float(),
        labels=belief.argmax(1),
        texts=words[word_posterior_of(aligner).members[:, 0]].unsqueeze(1).half().float(),
        fit_images=torch.cat([drawn[paths], shown[: FIT_PATHS // 2]]).half().float(),
        held_out_images=shown[FIT_PATHS // 2 :][:SCORED_PATHS].half().float(),
    )
    return reference, cloud.numpy()
