"""How long training takes with features at hand: `python tests/benchmarks/training.py [--json]`.

Fashion-MNIST, maps not included: the first 10,000 training images (a seventh of them for validation), and 16 shots a class with
four for validation. Features come from the cache, or are encoded first.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import torch

from seda.baselines.aligner_methods import SedaAligner, training_config
from seda.benchmark.shots import choose_shots
from seda.config import TrainingConfig
from seda.data.datasets import load_dataset
from seda.data.features import encode_split
from seda.encoders import load_encoder
from seda.training import TrainingSet, fit_aligner
from seda.training.phrases import class_phrasings

DATASET = "fashion-mnist"
POOL, IMAGES = 14_000, 10_000  # those of the shipped aligner lie in the cache


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    dataset, encoder = load_dataset(DATASET), load_encoder("bundled")
    features = encode_split(dataset, "train", encoder, limit=POOL, seed=None)
    images, labels = torch.from_numpy(features.image_features)[:IMAGES], torch.from_numpy(features.labels)[:IMAGES]
    phrasings = class_phrasings(dataset.class_names, dataset.other_words)
    texts = encoder.encode_texts([text for texts in phrasings for text in texts]).view(
        len(phrasings), len(phrasings[0]), -1
    )

    shots = choose_shots(labels.numpy(), len(phrasings), 16, 0)
    few = torch.from_numpy(shots.training), torch.from_numpy(shots.validation)
    rows = []
    for name, config, split in (
        ("full", TrainingConfig(), None),
        ("16 shots", training_config(SedaAligner(), len(shots.training)), few),
    ):
        start = time.perf_counter()
        result = fit_aligner(TrainingSet(images, labels, texts), config, split=split)
        seconds = time.perf_counter() - start
        rows.append({"name": name, "seconds": round(seconds, 1), "threads": torch.get_num_threads(), **result.metrics})
    if arguments.json:
        print(json.dumps(rows, indent=2))
        return
    for row in rows:
        print(
            f"{row['name']}: {row['seconds']} s for {row['training_count']:,} images and {row['epochs']} epochs, "
            f"validation accuracy {row['validation_top1_accuracy']:.3f}, {row['threads']} threads"
        )


if __name__ == "__main__":
    main()
