"""An aligner for any encoder of one shared space, such as CLIP, made of words alone: prompts stand in for pictures.

Connect, collapse, corrupt: pictures and texts of such an encoder lie in one space but for a constant gap between their means, and
noise. So a prompt with the texts' mean exchanged for the pictures', and with Gaussian noise, is as good as a picture of what it
says. Unlabelled pictures measure that one mean; nothing else is fitted to pictures, and no label is read.

Notation: u a picture's feature and t a prompt's, both of length 1; s the encoder's logit scale.

    prompt with noise   t + e,    e ~ N(0, I / s)
    pseudo-picture      mean_u + r (t - mean_t + e),    r such that it is as far from mean_u as pictures are

The noise has no setting: the posterior of the texts given t + e is softmax(s (t + e).t_k), which is how the encoder was trained
to read pictures. With the sigmoid loss (SigLIP) it is the same: its bias is the odds of a pair before anything is seen, alike for
all texts.

That reading, softmax(s u.t), is stage 1's belief about the words, and one of stage 2's four about a user's texts, as it stands. It
needs no collapse: in theory the gap is orthogonal to what texts differ in. Where the others need it, the mean is taken away.

Source: Zhang, Sui and Yeung-Levy, "Connect, Collapse, Corrupt", ICLR 2024, arXiv:2401.08567. Ridge regression is training with
noise: Bishop, "Training with noise is equivalent to Tikhonov regularization", 1995.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from seda.aligner import Aligner, PretrainedAligner, ReferenceFeatures, package_versions
from seda.card import OWN_PICTURES, SAMPLE_PICTURES, WORDS_ALONE, AlignerCard
from seda.class_texts import fill_template, parse_class_texts
from seda.config import ModelConfig, TrainingConfig
from seda.encoders.base import Encoder, PairedEncoder
from seda.encoders.families import shares_space
from seda.errors import DataError, EncoderError, FileFormatError, Stopped, StorageError
from seda.images import find_images, read_image
from seda.projection.fit import MapConfig
from seda.shipped import ASSETS
from seda.storage import cache_dir, fingerprint, read_arrays, write_arrays
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

if TYPE_CHECKING:
    from PIL.Image import Image

SAMPLES = ASSETS / "samples"
# Chosen here: short everyday phrasings; the first is the one that class texts are put into
TEMPLATES = ("a photo of a {}", "{}", "a close-up of the {}", "a drawing of a {}")
MIN_PICTURES = 8  # chosen here: the mean of fewer says more of what they show than of the gap
CHUNK, BATCH = 256, 32  # texts that a stop can lose; pictures and texts between two calls of on_progress
FOLDS, LIST = 5, 12  # parts of the words that are held out in turn; of a list such as a user types
# of the likeness of words, in units of the s |t|^2 that a noiseless picture of a word would have; chosen by likelihood
NEARNESS_SHARES = (0.125, 0.25, 0.5, 1.0)
REFERENCE_COUNT, FIT_PATHS, SCORED_PATHS = 600, 60, 60
# Chosen here: maps are fitted as those of so few training pictures. On a small CLIP nearly twice the steps kept no more neighbours
# (trustworthiness .69 and .68), and with all of them the maps were most of the time that such an aligner takes
MAPS_AS = 60

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Material:
    """What an aligner is made of.

    Attributes:
        prompts: of length 1 [c, p, d], p phrasings of each of c words, the shown one first.
        pictures: features of unlabelled pictures as the encoder gives them [n, d].
        logit_scale: the encoder's.
    """

    prompts: Tensor
    pictures: Tensor
    logit_scale: float

    @property
    def noise_variance(self) -> float:
        """Of the noise in each dimension of a pseudo-picture: what makes the encoder's own softmax the posterior."""
        return 1 / self.logit_scale

    @property
    def collapsed(self) -> Tensor:
        """The prompts [c, p, d] without the mean of their phrasing."""
        return self.prompts - self.prompts.mean(0)

    @property
    def clean(self) -> Tensor:
        """One feature a word [c, d]: the direction of its phrasings' mean, without the words' mean."""
        mixed = torch.nn.functional.normalize(self.prompts.mean(1), dim=1)
        return mixed - mixed.mean(0)

    def take(self, words: Tensor) -> Material:
        """The same with these words only."""
        return replace(self, prompts=self.prompts[words])


def pretrain_from_words(
    encoder: Encoder,
    out_dir: Path | str,
    *,
    words: Sequence[str] = (),
    pictures: Sequence[Image] | None = None,
    seed: int = 0,
    map_config: MapConfig | None = None,
    on_progress: Progress | None = None,
) -> PretrainedAligner:
    """Make an aligner and its maps without training pictures, and save them.

    Features of prompts are cached in parts of CHUNK: a call after a stop goes on with the part that was under way. Pictures
    and maps begin anew.

    Args:
        encoder: of one space for pictures and texts, such as open_clip's.
        out_dir: folder of the new aligner.
        words: the user's own, beside the names of ImageNet's categories; limits as for class texts.
        pictures: unlabelled ones, MIN_PICTURES or more, like those that will be looked at; None for the samples. They measure
            the mean of picture features.
        seed: of the noise and of what is held out.
        map_config: how the maps are fitted; as for MAPS_AS pictures where None.
        on_progress: told what is under way; return True to stop.
    Raises:
        EncoderError: the encoder has two spaces.
        ClassTextError: a word is too long, or there are too many.
        DataError: too few pictures, or pictures that do not differ.
        StorageError: out_dir cannot be written.
        Stopped: on_progress asked for it.
    """
    encoder, out_dir, report = _paired(encoder), Path(out_dir), on_progress or (lambda *_: None)
    own = parse_class_texts(words, at_least=0).names
    names = vocabulary(own)
    images = _enough(_sample_pictures() if pictures is None else pictures)
    measured = _encode_pictures(encoder, images, report)
    prompts = _encode_prompts(encoder, names, report)
    material = Material(torch.nn.functional.normalize(prompts, dim=2), measured, encoder.logit_scale)

    _tell(report, "fitting", 0, 2)
    aligner = closed_forms(material)
    _tell(report, "fitting", 1, 2)
    metrics = settle_weights(aligner, material, seed)
    _tell(report, "fitting", 2, 2)
    card = _card(out_dir.name, encoder, aligner, metrics, own, names, len(images), pictures is None, seed)
    pretrained = save_for_maps(aligner, card, _reference(aligner, material, prompts[:, 0], seed), out_dir)
    return finish_with_maps(pretrained, card, out_dir, map_config or MapConfig.for_pictures(MAPS_AS), report)


def _card(
    name: str,
    encoder: PairedEncoder,
    aligner: Aligner,
    metrics: dict[str, Any],
    own: tuple[str, ...],
    names: tuple[str, ...],
    pictures: int,
    samples: bool,
    seed: int,
) -> AlignerCard:
    """What it is and what it was made of: how many pictures, and whether they are the program's samples."""
    return AlignerCard(
        name=name,
        description=_description(encoder, len(names), len(own), pictures, samples),
        encoder=encoder.name,
        encoder_fingerprint=encoder.fingerprint,
        class_names=names,
        template=TEMPLATES[0],
        model=aligner.config,
        training=TrainingConfig(seed=seed),
        data=_data(encoder, names, own, pictures, samples),
        metrics=metrics,
        versions=package_versions(),
        suggested=tuple(dict.fromkeys([*own, *(() if len(own) > 1 else SUGGESTED)])),
    )


def _enough(images: Sequence[Image]) -> Sequence[Image]:
    if len(images) < MIN_PICTURES:
        raise DataError(
            f"{len(images)} pictures came to measure the modality gap; at least {MIN_PICTURES} are needed.",
            remedy="Give more of them, without labels, or none: then the program's samples are taken.",
        )
    return images


def vocabulary(own: Sequence[str] = ()) -> tuple[str, ...]:
    """The names of ImageNet's categories and then the user's own words, none twice but for case."""
    from open_clip import IMAGENET_CLASSNAMES

    names: dict[str, str] = {}
    for name in (*IMAGENET_CLASSNAMES, *own):
        names.setdefault(name.casefold(), name)
    return tuple(names.values())


def closed_forms(material: Material, *, gap: bool = True) -> Aligner:
    """An aligner whose stages hold the closed forms; the pool's weights are still all one.

    Args:
        gap: whether what is read has the mean of pictures, or that of texts, as prompts with noise have.
    """
    clean, collapsed = material.clean, material.collapsed
    count, dim = clean.shape
    model = ModelConfig(dim=dim, image_dim=dim, words=count, words_per_category=1, unit_features=True, **MODEL)
    aligner = untrained_aligner(model, count)
    aligner.text_scaler.fit(material.prompts[:, 0])
    for scaler in (aligner.image_scaler, aligner.condition_scaler):
        scaler.fit(material.pictures)
    if not float(aligner.condition_scaler.typical_norm) > 0:
        raise DataError(
            "The pictures that measure the modality gap have all the same features.", remedy="Give other pictures."
        )
    aligner.class_centers.copy_(aligner.image_scaler.scale * torch.nn.functional.normalize(clean, dim=1))

    # the encoder's own reading, s u.t, among the words and among a user's texts; what all texts share changes neither
    mean = aligner.condition_scaler.mean
    shift = mean if gap else aligner.text_scaler.mean
    head = material.logit_scale * clean
    set_head(aligner, head, head @ (shift - mean))
    own = torch.eye(dim) / _as_conditions(aligner, torch.ones(1)), shift
    # words from pseudo-pictures; this penalty is training with noise, on as many draws as one likes
    x = collapsed.flatten(0, 1)
    penalty = len(x) * material.noise_variance / float(x.square().sum(1).mean())
    denoising = ridge(_as_conditions(aligner, x), clean.repeat_interleave(collapsed.shape[1], 0), penalty)

    posterior = word_posterior_of(aligner)
    assert posterior.text_mean is not None, "Its features have length 1."
    posterior.text_mean.copy_(aligner.text_scaler.mean)
    posterior.words.copy_(aligner.text_scaler(material.prompts[:, 0]))
    posterior.members.copy_(torch.arange(count)[:, None])
    for index, (weight, bias) in enumerate((own, denoising)):
        posterior.maps[index], posterior.map_bias[index] = weight, bias
    round_to_half(aligner)
    return aligner


def pseudo_pictures(material: Material, words: Tensor, phrasings: Tensor, generator: torch.Generator) -> Tensor:
    """Prompts with noise for n words and phrasings [n], without any mean and not yet at the length of pictures [n, d]."""
    prompts = material.collapsed[words, phrasings]
    return prompts + material.noise_variance**0.5 * torch.randn(prompts.shape, generator=generator)


def picture_length(aligner: Aligner, pseudo: Tensor) -> float:
    """The r that brings pseudo-pictures [n, d] to the typical distance of pictures from their mean."""
    return float(aligner.condition_scaler.typical_norm / pseudo.norm(dim=1).mean())


def settle_weights(aligner: Aligner, material: Material, seed: int = 0) -> dict[str, float]:
    """Choose the pool's weights and the nearness of words on prompts of held-out words with noise, in place.

    Each fold of words is told by closed forms that were made without it. Likelihood chooses the mix of the readings. Their common
    scale is the encoder's: the right text leads on average by as much as in its own reading, s u.t. Prompts with noise are told
    apart more easily than pictures, so the likelihood's scale would be too sure.

    Returns:
        negative log-likelihood in nats and accuracy on pseudo-pictures, and the shares of both errors of "none of these".
    """
    folds = _folds(material, torch.Generator().manual_seed(seed))
    natural = material.logit_scale * float(material.clean.square().sum(1).mean())
    held, found = [fold.held() for fold in folds], []
    for nearness in (share * natural for share in NEARNESS_SHARES):
        for fold in folds:
            _set_nearness(fold.aligner, nearness)
        readings = [readings_of(fold.aligner, one) for fold, one in zip(folds, held, strict=True)]
        weights = most_likely_weights(held, readings, signed=False)
        found.append((sum(losses_of(weights, held, readings)), nearness, weights))
    _, nearness, weights = min(found, key=lambda tried: tried[0])
    for made in (aligner, *(fold.aligner for fold in folds)):
        _set_nearness(made, nearness)

    weights = weights * folds[0].shortening
    held = [fold.held(fold.length) for fold in folds]
    readings = [readings_of(fold.aligner, one) for fold, one in zip(folds, held, strict=True)]
    own, pooled = _mean_lead(held, readings, _OWN), _mean_lead(held, readings, weights)
    # where prompts say nothing of their words, as in an encoder that was not trained, there is no mix to choose
    weights = weights * (own / pooled) if min(own, pooled) > 0 else _OWN
    weights = (material.logit_scale * weights).half().float()
    for made in (aligner, *(fold.aligner for fold in folds)):
        word_posterior_of(made).weights.copy_(weights)
        round_to_half(made)
    fits = [part for fold, one in zip(folds, held, strict=True) for part in _fits(fold.aligner, one)]
    own_list, other_list = (torch.cat(part) for part in zip(*fits, strict=True))
    right = torch.cat([(read @ weights).argmax(1) == one.labels for read, one in zip(readings, held, strict=True)])
    return {
        "held_out_words_nll": float(np.mean(losses_of(weights, held, readings))),
        "held_out_words_top1": float(right.float().mean()),
        **set_least_fit(aligner, [own_list], [other_list]),
    }


_OWN = torch.tensor([0.0, 0.0, 1.0, 0.0])  # the encoder's own reading alone


def _mean_lead(held: Sequence[Held], readings: Sequence[Tensor], weights: Tensor) -> float:
    """By how much the right text is above the mean of its list, averaged over pictures."""
    above = [
        (read @ weights).gather(1, one.labels[:, None])[:, 0] - (read @ weights).mean(1)
        for read, one in zip(readings, held, strict=True)
    ]
    return float(torch.cat(above).mean())


def _fits(aligner: Aligner, held: Held) -> list[tuple[Tensor, Tensor]]:
    """For lists of LIST of the words: how well they fit their own pseudo-pictures, and how well the next list does."""
    lists = list(torch.arange(len(held.texts)).split(LIST))
    found = []
    for own, other in zip(lists, lists[1:] + lists[:1], strict=True):
        rows = torch.isin(held.labels, own)
        parts = [fit_of(aligner, held.condition[rows], held.belief[rows], held.texts[part]) for part in (own, other)]
        found.append((parts[0], parts[1]))
    return found


@dataclass(frozen=True, eq=False)
class _Fold:
    """Closed forms without some words, and prompts of these with noise.

    Attributes:
        pseudo: the prompts [n, d], see `pseudo_pictures`; the i-th says the i-th word.
        texts: of the words, scaled [n, d].
    """

    aligner: Aligner
    pseudo: Tensor
    texts: Tensor

    @property
    def length(self) -> float:
        return picture_length(self.aligner, self.pseudo)

    @property
    def shortening(self) -> Tensor:
        """How much shorter what each reading looks at is in pictures than in prompts with noise [4].

        Stage 1's belief knows lengths. The encoder's own reading looks at the whole feature, the others at its way from the mean.
        """
        whole = 1 / (self.pseudo + self.aligner.text_scaler.mean).norm(dim=1).mean()
        return torch.tensor([1.0, self.length, float(whole), self.length])

    def held(self, length: float = 1.0) -> Held:
        """The prompts with noise, at that part of their length."""
        condition = _as_conditions(self.aligner, length * self.pseudo)
        return Held(condition, belief_of(self.aligner, condition), self.texts, torch.arange(len(condition)), 1 / FOLDS)


def _folds(material: Material, generator: torch.Generator) -> list[_Fold]:
    count, phrasings = material.prompts.shape[:2]
    fold_of = torch.randperm(count, generator=generator) % FOLDS
    found = []
    for index in range(FOLDS):
        out = torch.nonzero(fold_of == index).flatten()
        made = closed_forms(material.take(fold_of != index), gap=False)
        which = torch.randint(phrasings, (len(out),), generator=generator)
        pseudo = pseudo_pictures(material, out, which, generator)
        found.append(_Fold(made, pseudo, made.text_scaler(material.prompts[out, 0])))
    return found


def _as_conditions(aligner: Aligner, pseudo: Tensor) -> Tensor:
    """Scaled like the features of pictures, whose mean they are without; their length is kept."""
    scaler = aligner.condition_scaler
    return pseudo * (scaler.scale / scaler.typical_norm)


def _set_nearness(aligner: Aligner, nearness: float) -> None:
    aligner.translator.log_nearness.fill_(nearness).log_()


def _reference(aligner: Aligner, material: Material, texts: Tensor, seed: int) -> ReferenceFeatures:
    """What maps are made of: pseudo-pictures in the clouds and on the fitted paths. The paths that they are scored on are those of
    the measured pictures."""
    generator = torch.Generator().manual_seed(seed)
    count, phrasings = material.prompts.shape[:2]

    def drawn(number: int) -> tuple[Tensor, Tensor]:
        words = torch.randperm(count, generator=generator)[:number]
        which = torch.randint(phrasings, (len(words),), generator=generator)
        pseudo = pseudo_pictures(material, words, which, generator)
        return words, aligner.image_scaler.mean + picture_length(aligner, pseudo) * pseudo

    labels, clouds = drawn(REFERENCE_COUNT)
    scored = torch.randperm(len(material.pictures), generator=generator)[:SCORED_PATHS]
    return ReferenceFeatures(
        features=aligner.image_scaler(clouds).half().float(),
        labels=labels,
        texts=texts.unsqueeze(1).half().float(),
        fit_images=drawn(FIT_PATHS)[1].half().float(),
        held_out_images=material.pictures[scored].half().float(),
    )


def _paired(encoder: Encoder) -> PairedEncoder:
    if shares_space(encoder) and encoder.image_dim == encoder.text_dim:
        return encoder
    raise EncoderError(
        f"The encoder {encoder.name!r:.80} came, whose pictures ({encoder.image_dim} numbers) and texts ({encoder.text_dim}) lie "
        "in two spaces: words cannot stand in for its pictures.",
        remedy="Use a model of open_clip, such as open_clip:ViT-B-32/laion2b_s34b_b79k, or multilingual, which knows pictures of its own.",
    )


def _sample_pictures() -> list[Image]:
    return [read_image(path, path.name) for path in find_images(SAMPLES)]


def _encode_pictures(encoder: Encoder, pictures: Sequence[Image], report: Progress) -> Tensor:
    parts = []
    for first in range(0, len(pictures), BATCH):
        _tell(report, "encoding unlabelled pictures", first, len(pictures))
        parts.append(encoder.encode_images(pictures[first : first + BATCH]))
    _tell(report, "encoding unlabelled pictures", len(pictures), len(pictures))
    return torch.cat(parts)


def _encode_prompts(encoder: Encoder, names: Sequence[str], report: Progress) -> Tensor:
    """Features of every prompt of every name [c, p, d], as the encoder gives them."""
    texts = [text for name in names for template in TEMPLATES for text in fill_template(template, [name])]
    parts = []
    for first in range(0, len(texts), CHUNK):
        chunk = texts[first : first + CHUNK]
        path = cache_dir() / "texts" / f"{fingerprint({'encoder': encoder.fingerprint, 'texts': chunk})}.safetensors"
        features = _cached(path, (len(chunk), encoder.text_dim))
        if features is None:
            batches = []
            for start in range(0, len(chunk), BATCH):
                _tell(report, "encoding words", first + start, len(texts))
                batches.append(encoder.encode_texts(chunk[start : start + BATCH]))
            features = torch.cat(batches)
            _keep(path, features)
        parts.append(features)
    _tell(report, "encoding words", len(texts), len(texts))
    return torch.cat(parts).view(len(names), len(TEMPLATES), -1)


def _cached(path: Path, shape: tuple[int, int]) -> Tensor | None:
    try:
        features = read_arrays(path)[0]["text_features"] if path.is_file() else None
    except (FileFormatError, KeyError):
        return None
    return None if features is None or features.shape != shape else torch.from_numpy(features)


def _keep(path: Path, features: Tensor) -> None:
    try:
        write_arrays(path, {"text_features": features.numpy()})
    except StorageError as error:
        logger.warning("Words are encoded without a cache, a stop will lose them. %s", error)


def _tell(report: Progress, stage: str, done: int, total: int) -> None:
    if report(stage, done, total, ""):
        raise Stopped


def _description(encoder: Encoder, count: int, own: int, pictures: int, samples: bool) -> str:
    words = f"{count:,} words" + (f", {own:,} of them the user's own" if own else "")
    return (
        f"Any picture, any words, with {encoder.name}: made of words alone ({words}). {pictures:,} unlabelled "
        f"{'sample ' if samples else ''}pictures measured the modality gap; nothing was trained on a picture. To refine it for "
        "classes of your own, train on labelled pictures (`python -m seda train`)."
    )


def _data(
    encoder: PairedEncoder, names: Sequence[str], own: Sequence[str], pictures: int, samples: bool
) -> dict[str, Any]:
    return {
        WORDS_ALONE: list(own),
        "source": "names of ImageNet's categories from open_clip (MIT)" + (", and the user's words" if own else ""),
        "count": len(names),
        "prompts": list(TEMPLATES),
        "measured_pictures": pictures,
        "measured_on": SAMPLE_PICTURES if samples else OWN_PICTURES,
        "logit_scale": encoder.logit_scale,
        "noise_variance": 1 / encoder.logit_scale,
        "reference_features": "pseudo-pictures: prompts with noise; the maps are scored on paths of the measured pictures",
        "encoder_description": encoder.description,
    }
