"""What everything except the encoder's forward pass costs: `python tests/benchmarks/overhead.py [--json]`.

Warm, on this machine's CPU: 16 sample images, 2 x 25 steps. Prints the encoder's forward pass, the whole run, the rest, and the
ratio of the rest to the pass within each round, as medians.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import torch  # noqa: E402

from seda.aligner import load_aligner  # noqa: E402
from seda.config import SamplingConfig  # noqa: E402
from seda.encoders import load_encoder  # noqa: E402
from seda.encoders.bundled import preprocess  # noqa: E402
from seda.export.payload import player_payload  # noqa: E402
from seda.images import read_images  # noqa: E402
from seda.projection import load_maps  # noqa: E402
from seda.tracing import Workbench, trace_images  # noqa: E402

IMAGES, ROUNDS = 16, 15


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    aligner = load_aligner()
    encoder = load_encoder("bundled")
    workbench = Workbench(aligner, encoder, load_maps(aligner.folder))
    paths = sorted((ROOT / "assets" / "samples" / "fashion-mnist").glob("*.png"))[:IMAGES]
    images, _ = read_images((path.name, path) for path in paths)
    pixels = preprocess([item.image for item in images]).contiguous(memory_format=torch.channels_last)
    sampling = SamplingConfig(num_inference_steps=25)
    encoder.encode_images([images[0].image])  # loads the model
    model = encoder.image_model

    forward, whole = [], []
    for _ in range(ROUNDS + 2):
        start = time.perf_counter()
        with torch.inference_mode():
            model(pixels)
        between = time.perf_counter()
        player_payload(trace_images(images, aligner.card.class_names, workbench, sampling))
        forward.append(between - start)
        whole.append(time.perf_counter() - between)
    forward, whole = forward[2:], whole[2:]  # the first two rounds warm up
    result = {
        "images": len(images),
        "steps": "2 x 25",
        "threads": torch.get_num_threads(),
        "encoder_forward_s": round(statistics.median(forward), 4),
        "whole_run_s": round(statistics.median(whole), 4),
        "rest_s": round(statistics.median(w - f for f, w in zip(forward, whole, strict=True)), 4),
        "rest_to_forward": round(statistics.median((w - f) / f for f, w in zip(forward, whole, strict=True)), 3),
    }
    if arguments.json:
        print(json.dumps(result))
    else:
        for name, value in result.items():
            print(f"{name.replace('_', ' '):20} {value}")


if __name__ == "__main__":
    main()
