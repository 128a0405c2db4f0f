"""From a data set, or a file of features, to a saved aligner: encode, fit, fit the maps, write the card."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import normalize

from seda.aligner import (
    WEIGHTS_FILE,
    Aligner,
    PretrainedAligner,
    ReferenceFeatures,
    load_aligner,
    package_versions,
)
from seda.card import AlignerCard
from seda.class_texts import TEMPLATE, quoted
from seda.config import SamplingConfig, TrainingConfig
from seda.data.base import ImageDataset
from seda.data.feature_file import FeatureFile
from seda.data.feature_set import FeatureSet
from seda.data.features import chosen_indices, encode_split
from seda.encoders.base import Encoder
from seda.encoders.families import shares_space
from seda.errors import ConfigError, DataError
from seda.evaluation.trajectories import accuracy_along_path, bootstrap_band, decisions
from seda.journeys.reference_pictures import FILE as PICTURES_FILE
from seda.journeys.reference_pictures import ReferencePictures
from seda.making import finish_aligner, keep_maps, making_folder, put_in_place
from seda.projection.aligner_map import TRACING, fit_aligner_maps
from seda.projection.fit import MapConfig
from seda.storage import sha256_file
from seda.training.checkpoint import drop_checkpoints
from seda.training.fit import TrainingEvent, TrainingResult, TrainingSet, fit_aligner, split_validation
from seda.training.phrases import class_phrasings

if TYPE_CHECKING:
    from seda.data.ray_engine import RayEngine

# told (what is under way, done, of how many, a detail for the screen); return True to stop
Progress = Callable[[str, int, int, str], object]

# Chosen here: enough for clouds and paths, small enough to be shipped
REFERENCE_COUNT, FIT_PATHS, SCORED_PATHS = 2000, 180, 100
MAX_REFERENCE_COUNT = 100_000  # clouds that maps were tried with
SAME_TEXT = 1e-7  # one minus cosine: what rounding leaves of no difference
MAX_HALF = float(np.finfo(np.float16).max)

logger = logging.getLogger(__name__)


def train_aligner(
    dataset: ImageDataset,
    encoder: Encoder,
    config: TrainingConfig,
    out_dir: Path | str,
    *,
    name: str = "",
    limit: int | None = None,
    reference_count: int = REFERENCE_COUNT,
    map_config: MapConfig | None = None,
    on_progress: Progress | None = None,
    on_epoch: Callable[[TrainingEvent], object] | None = None,
    on_batch: Callable[[int, int, int], object] | None = None,
    train_further: bool = True,
    checkpoint_seconds: float = 0.0,
    feature_cache: Path | None = None,
    engine: RayEngine | None = None,
    pictures_to: Callable[[ReferencePictures], object] | None = None,
) -> PretrainedAligner:
    """Train an aligner on a data set's training split and save it.

    Features are cached and every epoch is checkpointed in out_dir: after a kill, the same call goes on where it was. The
    test split is never read.

    Args:
        dataset: images with labels and class names.
        encoder: of images and texts.
        config: how.
        out_dir: folder of the new aligner.
        name: for the card; the folder's name where empty.
        limit: train on the first so many images of the split only.
        reference_count: training features kept for the maps' clouds, 1 to MAX_REFERENCE_COUNT; fewer where there are fewer.
        map_config: how the maps are fitted.
        on_progress: told what is under way.
        on_epoch, on_batch, train_further, checkpoint_seconds: see `fit_aligner`.
        feature_cache: folder for features, see `encode_split`.
        engine: encodes the images elsewhere, see `encode_split`.
        pictures_to: given the small pictures of some training images, which else lie in out_dir.
    Raises:
        ConfigError: reference_count is outside its range.
        DataError: the data cannot be used, or encoding was stopped.
        StorageError: out_dir cannot be written.
        Stopped: on_batch returned True, or on_progress in the fit of a map; the same call goes on after the last epoch.
    """
    _check_reference_count(reference_count)
    report = on_progress or (lambda *_: None)
    features = encode_split(
        dataset, "train", encoder, limit=limit, seed=None, cache=feature_cache, engine=engine,
        on_progress=lambda done, total: report("encoding images", done, total, ""),
    )  # fmt: skip
    report("encoding texts", 0, 1, "")
    texts = _encode_phrasings(encoder, class_phrasings(dataset.class_names, dataset.other_words))
    material = _Material(
        dataset.name, dataset.source, encoder.name, encoder.description, features, texts, shares_space(encoder), dataset
    )
    return _train(
        material, config, Path(out_dir), name, reference_count, map_config, report,
        on_epoch=on_epoch, on_batch=on_batch, train_further=train_further, checkpoint_seconds=checkpoint_seconds,
        pictures_to=pictures_to,
    )  # fmt: skip


def train_on_features(
    file: FeatureFile,
    config: TrainingConfig,
    out_dir: Path | str,
    *,
    text_encoder: Callable[[], Encoder] | None = None,
    name: str = "",
    limit: int | None = None,
    reference_count: int = REFERENCE_COUNT,
    map_config: MapConfig | None = None,
    on_progress: Progress | None = None,
) -> PretrainedAligner:
    """Train an aligner on a file's training features and save it, without pictures; otherwise as `train_aligner`.

    The card names the encoder that the file names, so that features of another one are refused.

    Args:
        file: from `read_feature_file`.
        text_encoder: gives the encoder of the class names; called only where the file lacks their features.
    Raises:
        ConfigError: reference_count is outside its range.
        DataError: a class has fewer than two training images, there is nothing to encode the class names with, texts of
            images and of classes differ in width, or a value is beyond half precision, in which an aligner keeps features.
        StorageError: out_dir cannot be written.
    """
    _check_reference_count(reference_count)
    report = on_progress or (lambda *_: None)
    features = file.train.take(chosen_indices(len(file.train), limit, None))
    counts = np.bincount(features.labels, minlength=len(features.class_names))
    if counts.min() < 2:
        label = int(counts.argmin())
        raise DataError(
            f"{file.name} has {counts[label]} training images of {features.class_names[label]!r:.60} (label {label}) among "
            f"its first {len(features):,}; training needs two of each class.",
            remedy="Leave the class out, or raise --limit where one was given.",
        )
    if file.class_text_features is not None:
        texts = torch.from_numpy(file.class_text_features)
    elif text_encoder is not None:
        report("encoding texts", 0, 1, "")
        texts = _encode_phrasings(text_encoder(), class_phrasings(features.class_names, {}))
    else:
        raise DataError(f"{file.name} has no class_text_features.", remedy="Name an encoder for its class names.")
    own = features.image_text_features
    if own is not None and own.shape[1] != texts.shape[2]:
        raise DataError(
            f"{file.name} has image_text_features of width {own.shape[1]}, but class texts have width {texts.shape[2]}.",
            remedy="Put class_text_features of the same encoder into the file.",
        )
    largest = np.abs(features.image_features).max(1)
    if largest.max() > MAX_HALF:
        raise DataError(
            f"{file.name} has the value {largest.max():.4g} in row {largest.argmax()} of its training images; an aligner "
            f"keeps features in half precision, up to {MAX_HALF:.0f}.",
            remedy="Divide image_features by a constant.",
        )
    material = _Material(file.name, "", file.encoder, "", features, texts, file.shared_space, None)
    return _train(material, config, Path(out_dir), name, reference_count, map_config, report)


def _check_reference_count(reference_count: int) -> None:
    if not 1 <= reference_count <= MAX_REFERENCE_COUNT:
        raise ConfigError(
            f"{reference_count} reference points were asked for; allowed is 1 to {MAX_REFERENCE_COUNT:,}."
        )


def _encode_phrasings(encoder: Encoder, phrasings: list[list[str]]) -> Tensor:
    """float32 [c, p, d] of p phrasings of each of c classes."""
    texts = encoder.encode_texts([text for texts in phrasings for text in texts])
    return texts.view(len(phrasings), -1, texts.shape[1])


@dataclass(frozen=True, eq=False)
class _Material:
    """What an aligner is trained on.

    Attributes:
        name, source: of the data set.
        encoder: its name; its fingerprint is that of the features.
        encoder_description: with its preprocessing; "" where nothing is known of it.
        features: of training images.
        texts: float32 [c, p, d], see `TrainingSet`.
        shared_space: whether the encoder was trained on pairs of image and text.
        dataset: whose first training images the features are of; None where there are no pictures.
    """

    name: str
    source: str
    encoder: str
    encoder_description: str
    features: FeatureSet
    texts: Tensor
    shared_space: bool
    dataset: ImageDataset | None


def _train(
    material: _Material,
    config: TrainingConfig,
    out_dir: Path,
    name: str,
    reference_count: int,
    map_config: MapConfig | None,
    report: Progress,
    *,
    on_epoch: Callable[[TrainingEvent], object] | None = None,
    on_batch: Callable[[int, int, int], object] | None = None,
    train_further: bool = True,
    checkpoint_seconds: float = 0.0,
    pictures_to: Callable[[ReferencePictures], object] | None = None,
) -> PretrainedAligner:
    """Fit, fit the maps, write the card."""
    features, own = material.features, material.features.image_text_features
    _check_texts_differ(material)
    data = TrainingSet(
        torch.from_numpy(features.image_features), torch.from_numpy(features.labels), material.texts,
        None if own is None else torch.from_numpy(own), material.shared_space,
    )  # fmt: skip

    def after_epoch(event: TrainingEvent) -> bool:
        detail = f"validation accuracy {event.validation_accuracy:.3f}, best epoch {event.best_epoch}"
        told = report("training", event.epoch, event.max_epochs, detail), on_epoch and on_epoch(event)
        return any(told)

    result = fit_aligner(
        data, config, checkpoint_dir=out_dir, checkpoint_seconds=checkpoint_seconds, on_epoch=after_epoch,
        on_batch=on_batch, on_denoiser=report, train_further=train_further,
    )  # fmt: skip
    card = _card(name or out_dir.name, material, config, result)
    made = making_folder(out_dir)
    reference = reference_features(result.aligner, data, config, reference_count)
    chosen = chosen_images(data.labels, config, reference_count).reference[reference.sample]
    pretrained = save_for_maps(result.aligner, card, reference, out_dir)
    if material.dataset is None:
        (made / PICTURES_FILE).unlink(missing_ok=True)  # another training's
    else:
        save_pictures(material.dataset, chosen.numpy(), made, pictures_to)
    scores = fit_and_save_maps(pretrained, map_config, report)
    path_accuracy = validation_path_accuracy(pretrained, data, config)
    card = replace(card, metrics={**card.metrics, "maps": scores, "path_accuracy": path_accuracy})
    finish_aligner(out_dir, card)
    drop_checkpoints(out_dir)
    return replace(pretrained, card=card, folder=out_dir)


def save_for_maps(
    aligner: Aligner, card: AlignerCard, reference: ReferenceFeatures, out_dir: Path
) -> PretrainedAligner:
    """Save an aligner where it is made, see `seda.making`; maps of an ended call stay there if they are of the same weights.

    It comes back as it was saved, so that `map fit` gives these very maps again.

    Raises:
        StorageError: the folder cannot be written.
    """
    put_in_place(out_dir)  # what an ended call had whole
    made = making_folder(out_dir)
    old = sha256_file(made / WEIGHTS_FILE) if (made / WEIGHTS_FILE).is_file() else ""
    aligner.save(made, card, reference)
    keep_maps(out_dir, WEIGHTS_FILE, old)
    return load_aligner(made, aligner.device, check_maps=False)


def _check_texts_differ(material: _Material) -> None:
    """
    Raises:
        DataError: two classes have the very same text features: no path could end at one and not at the other.
    """
    texts = normalize(material.texts.flatten(1).double(), dim=1)  # [c, p d]
    alike = (texts @ texts.T > 1 - SAME_TEXT).triu(1).nonzero()
    if len(alike):
        first, second = (quoted(material.features.class_names[index]) for index in alike[0])
        raise DataError(
            f"The classes {first} and {second} of {material.name} have the same text features: the text encoder cannot tell "
            "them apart.",
            remedy="Give them other names, such as English words.",
        )


def finish_with_maps(
    pretrained: PretrainedAligner, card: AlignerCard, out_dir: Path, config: MapConfig | None, report: Progress
) -> PretrainedAligner:
    """Fit the maps of what `save_for_maps` gave, write the card with their scores, and put all in its place."""
    scores = fit_and_save_maps(pretrained, config, report)
    finish_aligner(out_dir, replace(card, metrics={**card.metrics, "maps": scores}))
    return load_aligner(out_dir)


def fit_and_save_maps(
    pretrained: PretrainedAligner, config: MapConfig | None, report: Progress
) -> dict[str, dict[str, float]]:
    """Fit an aligner's maps, each saved in its folder as soon as it is there. Returns each map's scores, for the card."""

    def on_progress(name: str, done: int, total: int) -> object:
        what = "tracing paths for the maps" if name == TRACING else f"fitting the map {name}"
        return report(what, done, total, "")

    maps = fit_aligner_maps(pretrained, config, on_progress=on_progress, keep_in=pretrained.folder)
    return {name: frozen.card["scores"] for name, frozen in maps.items()}


@dataclass(frozen=True)
class ChosenImages:
    """Which of the training data's images an aligner keeps something of: int64 indices.

    Attributes:
        reference: [m], whose features form the maps' clouds.
        fitted: [p], whose paths the maps are fitted to.
        held_out: [q], of the validation images, whose paths the maps are scored on.
    """

    reference: Tensor
    fitted: Tensor
    held_out: Tensor


def chosen_images(labels: Tensor, config: TrainingConfig, count: int = REFERENCE_COUNT) -> ChosenImages:
    """Drawn with the seed; clouds and fitted paths never show validation images."""
    training, validation = split_validation(labels, config.validation_share, config.seed)
    generator = torch.Generator().manual_seed(config.seed)
    return ChosenImages(
        reference=training[torch.randperm(len(training), generator=generator)[:count]],
        fitted=training[torch.randperm(len(training), generator=generator)[:FIT_PATHS]],
        held_out=validation[torch.randperm(len(validation), generator=generator)[:SCORED_PATHS]],
    )


def reference_features(
    aligner: Aligner, data: TrainingSet, config: TrainingConfig, count: int = REFERENCE_COUNT
) -> ReferenceFeatures:
    """What the map is made of, see `chosen_images`. Values are rounded to half precision, as they are saved."""
    chosen = chosen_images(data.labels, config, count)
    return ReferenceFeatures(
        features=aligner.image_scaler(data.image_features[chosen.reference]).half().float(),
        labels=data.labels[chosen.reference],
        texts=data.class_text_features.half().float(),
        fit_images=data.image_features[chosen.fitted].half().float(),
        held_out_images=data.image_features[chosen.held_out].half().float(),
    )


def save_pictures(
    dataset: ImageDataset,
    indices: np.ndarray,
    folder: Path,
    pictures_to: Callable[[ReferencePictures], object] | None = None,
) -> None:
    """Write small pictures of these images of the training split beside an aligner, or give them to somebody else instead.

    Features may come from the cache when the images are gone: then there are no pictures, and the log says so.

    Raises:
        StorageError: the folder cannot be written.
    """
    (folder / PICTURES_FILE).unlink(missing_ok=True)  # another training's
    try:
        pictures = ReferencePictures.from_images(dataset.images("train", indices))
    except DataError as error:
        logger.warning("The aligner is saved without pictures of its training images. %s", error)
        return
    if pictures_to is None:
        pictures.save(folder)
    else:
        pictures_to(pictures)


def validation_path_accuracy(
    pretrained: PretrainedAligner, data: TrainingSet, config: TrainingConfig, count: int = 500
) -> dict[str, object]:
    """Accuracy of the state (nearest class text) along the path on validation images, with a 95 % bootstrap band."""
    _, validation = split_validation(data.labels, config.validation_share, config.seed)
    chosen = validation[:count]
    trajectory = pretrained.trace(
        data.image_features[chosen],
        data.class_text_features[:, 0],
        [str(int(index)) for index in chosen],
        pretrained.card.class_names,
        SamplingConfig(),
    )
    decided = decisions(trajectory.class_similarities())
    labels = data.labels[chosen].numpy()
    low, high = bootstrap_band(decided, labels, seed=config.seed)
    accuracy = accuracy_along_path(decided, labels)
    return {
        "split": "validation",
        "count": len(chosen),
        "steps": list(range(len(accuracy))),
        "accuracy": np.round(accuracy, 4).tolist(),
        "low": np.round(low, 4).tolist(),
        "high": np.round(high, 4).tolist(),
        "hand_over": trajectory.hand_over,
        "sampling": SamplingConfig().to_dict(),
    }


def _card(name: str, material: _Material, config: TrainingConfig, result: TrainingResult) -> AlignerCard:
    features = material.features
    return AlignerCard(
        name=name,
        description=f"Trained on {len(features):,} images of {material.name} with the encoder {material.encoder}.",
        encoder=material.encoder,
        encoder_fingerprint=features.encoder_fingerprint,
        class_names=features.class_names,
        template=TEMPLATE,
        model=result.aligner.config,
        training=config,
        data={
            "dataset": material.name,
            "source": material.source,
            "split": "train",
            "count": len(features),
            "fingerprint": features.data_fingerprint,
            "encoder_description": material.encoder_description,
        },
        metrics=result.metrics,
        versions=package_versions(),
    )
