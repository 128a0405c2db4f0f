"""From a data set to a saved aligner: encode, fit, fit the map, write the card."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from seda.aligner import Aligner, PretrainedAligner, ReferenceFeatures, package_versions
from seda.card import AlignerCard, write_card
from seda.class_texts import TEMPLATE
from seda.config import SamplingConfig, TrainingConfig
from seda.data.datasets import ImageDataset
from seda.data.feature_set import FeatureSet
from seda.data.features import encode_split
from seda.encoders.base import Encoder
from seda.evaluation.maps import map_scores
from seda.evaluation.trajectories import accuracy_along_path, bootstrap_band, decisions
from seda.projection import FrozenMap
from seda.projection.fit import MapConfig, fit_map
from seda.training.checkpoint import FILE as CHECKPOINT_FILE
from seda.training.fit import TrainingEvent, TrainingResult, TrainingSet, fit_aligner, split_validation
from seda.training.phrases import class_phrasings

# told (what is under way, done, of how many, a detail for the screen); return True to stop
Progress = Callable[[str, int, int, str], object]

REFERENCE_COUNT = 2000  # chosen here: enough for clouds, small enough to be shipped
MAP_PATHS = 60  # training images whose paths the map is fitted to, for each way of sampling
MAP_SAMPLINGS = (SamplingConfig(), SamplingConfig(sampler="ddpm", seed=1), SamplingConfig(strength=1.0, seed=2))


def train_aligner(
    dataset: ImageDataset,
    encoder: Encoder,
    config: TrainingConfig,
    out_dir: Path | str,
    *,
    name: str = "",
    limit: int | None = None,
    map_config: MapConfig | None = None,
    on_progress: Progress | None = None,
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
        map_config: how the map is fitted.
        on_progress: told what is under way.
    Raises:
        DataError: the data cannot be used, or encoding was stopped.
        StorageError: out_dir cannot be written.
    """
    report = on_progress or (lambda *_: None)
    out_dir = Path(out_dir)
    features = encode_split(
        dataset,
        "train",
        encoder,
        limit=limit,
        seed=None,
        on_progress=lambda done, total: report("encoding images", done, total, ""),
    )
    report("encoding texts", 0, 1, "")
    phrasings = class_phrasings(dataset.class_names, dataset.other_words)
    texts = encoder.encode_texts([text for texts in phrasings for text in texts])
    texts = texts.view(len(phrasings), -1, texts.shape[1])  # [c, p, d]
    data = TrainingSet(torch.from_numpy(features.image_features), torch.from_numpy(features.labels), texts)

    def on_epoch(event: TrainingEvent) -> object:
        detail = f"validation accuracy {event.validation_accuracy:.3f}, best epoch {event.best_epoch}"
        return report("training", event.epoch, event.max_epochs, detail)

    result = fit_aligner(data, config, checkpoint_dir=out_dir, on_epoch=on_epoch)
    card = _card(name or out_dir.name, dataset, encoder, config, features, result)
    reference = reference_features(result.aligner, data, config)
    folder = result.aligner.save(out_dir, card, reference).parent
    pretrained = PretrainedAligner(result.aligner, card, reference, folder)

    frozen_map, scores = fit_aligner_map(pretrained, data, config, map_config, report)
    frozen_map.save(folder)
    path_accuracy = validation_path_accuracy(pretrained, data, config)
    card = replace(card, metrics={**card.metrics, "map": scores, "path_accuracy": path_accuracy})
    write_card(folder, card, exclude=(CHECKPOINT_FILE,))
    (folder / CHECKPOINT_FILE).unlink(missing_ok=True)
    return replace(pretrained, card=card)


def reference_features(aligner: Aligner, data: TrainingSet, config: TrainingConfig) -> ReferenceFeatures:
    """Up to REFERENCE_COUNT training images, drawn with the seed; never validation images."""
    training, _ = split_validation(data.labels, config.validation_share, config.seed)
    generator = torch.Generator().manual_seed(config.seed)
    chosen = training[torch.randperm(len(training), generator=generator)[:REFERENCE_COUNT]]
    # rounded as they are saved, so that a map fitted now belongs to the features that are loaded later
    scaled = aligner.image_scaler(data.image_features[chosen]).half().float()
    return ReferenceFeatures(scaled, data.labels[chosen])


def fit_aligner_map(
    pretrained: PretrainedAligner,
    data: TrainingSet,
    config: TrainingConfig,
    map_config: MapConfig | None = None,
    report: Progress = lambda *_: None,
) -> tuple[FrozenMap, dict[str, float]]:
    """Fit the map to reference features, centers, all phrasings and paths of training images; score it on validation
    images' paths."""
    aligner, reference = pretrained.aligner, pretrained.reference
    training, validation = split_validation(data.labels, config.validation_share, config.seed)
    shown = data.class_text_features[:, 0]
    batches = data.image_features[training[: MAP_PATHS * len(MAP_SAMPLINGS)]].split(MAP_PATHS)
    paths = np.concatenate(
        [_states(aligner, batch, shown, sampling) for batch, sampling in zip(batches, MAP_SAMPLINGS, strict=False)]
    )
    texts = aligner.text_scaler(data.class_text_features.flatten(0, 1)).numpy()
    anchors = np.concatenate([aligner.class_centers.numpy(), np.unique(texts, axis=0)])
    frozen_map = fit_map(
        reference.features.numpy(),
        anchors,
        paths,
        map_config,
        card={"aligner": pretrained.card.name, "encoder_fingerprint": pretrained.card.encoder_fingerprint},
        on_progress=lambda done, total: report("fitting the map", done, total, ""),
    )
    tested = _states(aligner, data.image_features[validation[:100]], shown, SamplingConfig(seed=3))
    n, s, d = tested.shape
    placed = frozen_map.place(tested.reshape(n * s, d)).reshape(n, s, 2)
    scores = map_scores(reference.features.numpy(), frozen_map.reference, tested, placed)
    return replace(frozen_map, card={**frozen_map.card, "scores": scores}), scores


def _states(aligner: Aligner, image_features: Tensor, texts: Tensor, sampling: SamplingConfig) -> np.ndarray:
    run = aligner.align(image_features, texts, sampling)
    return torch.cat([run.visual.unsqueeze(1), run.learner.states, run.translator.states], 1).numpy()


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


def _card(
    name: str,
    dataset: ImageDataset,
    encoder: Encoder,
    config: TrainingConfig,
    features: FeatureSet,
    result: TrainingResult,
) -> AlignerCard:
    return AlignerCard(
        name=name,
        description=f"Trained on {len(features):,} images of {dataset.name} with the encoder {encoder.name}.",
        encoder=encoder.name,
        encoder_fingerprint=encoder.fingerprint,
        class_names=tuple(dataset.class_names),
        template=TEMPLATE,
        model=result.aligner.config,
        training=config,
        data={
            "dataset": dataset.name,
            "source": dataset.source,
            "split": "train",
            "count": len(features),
            "fingerprint": features.data_fingerprint,
        },
        metrics=result.metrics,
        versions=package_versions(),
    )
