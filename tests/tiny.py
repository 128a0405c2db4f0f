"""A small real aligner: the bundled encoder on drawn pictures, trained in seconds. For tests of command line and pages."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

CLASSES = ("red square", "green disc", "blue stripes")
PER_CLASS = 16


def picture(label: int, seed: int, side: int = 96) -> Image.Image:
    """A picture of its class, a little different for each seed."""
    rng = np.random.default_rng([label, seed])
    image = Image.new("RGB", (side, side), tuple(int(value) for value in rng.integers(215, 255, 3)))
    draw = ImageDraw.Draw(image)
    low, high = rng.integers(8, 24), side - rng.integers(8, 24)
    strong = int(rng.integers(170, 240))
    if label == 0:
        draw.rectangle((low, low, high, high), fill=(strong, 20, 30))
    elif label == 1:
        draw.ellipse((low, low, high, high), fill=(20, strong, 40))
    else:
        for left in range(int(low), int(high), 14):
            draw.rectangle((left, 0, left + 6, side), fill=(20, 40, strong))
    return image


def image_folder(folder: Path, per_class: int = PER_CLASS) -> Path:
    """One sub-folder a class, as `--dataset folder:DIR` takes it."""
    for label, name in enumerate(CLASSES):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for seed in range(per_class):
            picture(label, seed).save(folder / name / f"{seed}.png")
    return folder


@cache
def _encoded():
    import torch

    from seda.encoders import load_encoder
    from seda.training.fit import TrainingSet

    encoder = load_encoder("bundled")
    labels = torch.arange(len(CLASSES)).repeat_interleave(PER_CLASS)
    images = [picture(label, seed) for label in range(len(CLASSES)) for seed in range(PER_CLASS)]
    return encoder, TrainingSet(encoder.encode_images(images), labels, encoder.encode_texts(CLASSES)[:, None])


@cache
def _trained(denoiser: str = "closed-form"):
    from seda.config import ModelConfig, TrainingConfig
    from seda.training.fit import fit_aligner

    encoder, data = _encoded()
    config = TrainingConfig(max_epochs=6, batch_size=16, denoiser=denoiser, one_step_steps=20, denoiser_steps=40)
    model = ModelConfig(
        dim=encoder.text_dim, image_dim=encoder.image_dim, width=32, blocks=1, prior_width=64, denoiser=denoiser,
        one_step_width=32, denoiser_width=32, denoiser_blocks=1,
    )  # fmt: skip
    return encoder, fit_aligner(data, config, model), data


def tiny_aligner(folder: Path, denoiser: str = "closed-form") -> Path:
    """Write the aligner, with maps of principal axes, into a folder; its learned denoiser has seen a few batches only."""
    from seda.aligner import load_aligner, package_versions
    from seda.card import AlignerCard, write_card
    from seda.config import TrainingConfig
    from seda.journeys.reference_pictures import ReferencePictures
    from seda.projection import aligner_map
    from seda.projection.fit import MapConfig
    from seda.training.recipe import chosen_images, reference_features

    encoder, result, data = _trained(denoiser)
    aligner, config = result.aligner, TrainingConfig(max_epochs=6, batch_size=16)
    card = AlignerCard(
        name="tiny", description="Drawn shapes, for tests.", encoder=encoder.name,
        encoder_fingerprint=encoder.fingerprint, class_names=CLASSES, template="{}", model=aligner.config,
        training=config, data={"dataset": "drawn"}, metrics=result.metrics,
        versions=package_versions(),
    )  # fmt: skip
    aligner.save(folder, card, reference_features(aligner, data, config))
    shown = [divmod(index, PER_CLASS) for index in chosen_images(data.labels, config).reference.tolist()]
    ReferencePictures.from_images(picture(label, seed) for label, seed in shown).save(folder)
    pretrained = load_aligner(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(aligner_map, "FIT_SAMPLINGS", aligner_map.FIT_SAMPLINGS[:2])
        for frozen in aligner_map.fit_aligner_maps(pretrained, MapConfig(steps=0)).values():
            frozen.save(folder)
    write_card(folder, card)
    return folder
