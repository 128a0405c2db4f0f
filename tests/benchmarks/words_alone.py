"""How words alone, zero-shot and few shots name held-out pictures: docs/words-alone.md.

    python tests/benchmarks/words_alone.py [--seeds 3]

On the small CLIP of tests/local_clip.py, trained anew for each seed: some minutes on a core. Nothing is chosen on the held-out
pictures.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import numpy as np
import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from seda.aligner import PretrainedAligner
from seda.config import SamplingConfig, TrainingConfig
from seda.data.image_folder import ImageFolder
from seda.encoders import Encoder, load_encoder
from seda.evaluation.classification import expected_calibration_error, negative_log_likelihood, top1_accuracy
from seda.training import recipe
from seda.training.words_alone import TEMPLATES, pretrain_from_words
from tests.local_clip import NAMES, drawn, image_folder, write_clip

HELD_OUT, UNLABELLED = range(5_000, 5_020), range(9_000, 9_004)  # seeds of pictures of each name
SHOTS = (4, 16, 64)
normalize = torch.nn.functional.normalize


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=3)
    rows: dict[str, list[tuple[float, float, float]]] = {}
    for seed in range(parser.parse_args().seeds):
        with (
            tempfile.TemporaryDirectory() as folder,
            mock.patch.dict(os.environ, {"SEDA_CACHE": folder}),
            mock.patch.object(recipe, "fit_aligner_maps", lambda *_, **__: {}),
        ):
            for method, figures in measured(Path(folder), seed):
                rows.setdefault(method, []).append(figures)
                print(f"seed {seed}, {method}: {' '.join(f'{value:.3f}' for value in figures)}", file=sys.stderr)
    count = len(NAMES) * len(HELD_OUT)
    print(f"| {count} held-out pictures, {len(NAMES)} names | recall@1 | nll | ece |\n|---|---|---|---|")
    for method, figures in rows.items():
        mean, spread = np.mean(figures, 0), np.std(figures, 0)
        print(f"| {method} | {mean[0]:.3f} ± {spread[0]:.3f} | {mean[1]:.2f} | {mean[2]:.3f} |")


def measured(folder: Path, seed: int) -> Iterator[tuple[str, tuple[float, float, float]]]:
    """Each method with recall@1, negative log-likelihood and calibration error."""
    encoder = load_encoder(f"open_clip:local-dir:{write_clip(folder / 'clip', seed)}")
    labels = np.repeat(np.arange(len(NAMES)), len(HELD_OUT))
    pictures = encoder.encode_images([drawn(name, each) for name in NAMES for each in HELD_OUT])
    unlabelled = [drawn(name, each) for name in NAMES for each in UNLABELLED]

    def figures(probabilities: Tensor) -> tuple[float, float, float]:
        found = probabilities.double().numpy()
        measures = (top1_accuracy, negative_log_likelihood, expected_calibration_error)
        return tuple(float(measure(found, labels)) for measure in measures)

    def seda(aligner: PretrainedAligner) -> tuple[float, float, float]:
        texts = encode(encoder, aligner.card.template)
        return figures(aligner.aligner.classify(pictures, texts, SamplingConfig()))

    texts = normalize(encode(encoder, TEMPLATES[0]), dim=1)
    images, gap = normalize(pictures, dim=1), normalize(encoder.encode_images(unlabelled), dim=1).mean(0)
    yield "zero-shot", figures((encoder.logit_scale * images @ texts.T).softmax(1))
    moved, meant = images - gap, texts - texts.mean(0)
    yield "zero-shot, means taken away", figures((encoder.logit_scale * moved @ meant.T).softmax(1))
    cosines = normalize(moved, dim=1) @ normalize(meant, dim=1).T
    yield "zero-shot, centred cosines", figures((encoder.logit_scale * cosines).softmax(1))

    for what, words, measured_on in (
        ("own words, 192 unlabelled pictures of their kind", NAMES, unlabelled),
        ("own words, the program's samples", NAMES, None),
        ("no own words", (), unlabelled),
    ):
        out = folder / what.replace(" ", "-")
        yield (
            f"SeDA from words alone: {what}",
            seda(pretrain_from_words(encoder, out, words=words, pictures=measured_on)),
        )
    for shots in SHOTS:
        image_folder(folder / f"{shots} shots" / "train", NAMES, range(shots))
        image_folder(
            folder / f"{shots} shots" / "test", NAMES, range(shots, shots + 1)
        )  # a folder has both; not looked at
        data = ImageFolder(folder / f"{shots} shots")
        trained = recipe.train_aligner(data, encoder, TrainingConfig(max_epochs=40), folder / f"trained-{shots}")
        yield f"SeDA from pictures: {shots} a name", seda(trained)


def encode(encoder: Encoder, template: str) -> Tensor:
    return encoder.encode_texts([template.replace("{}", name) for name in NAMES])


if __name__ == "__main__":
    main()
