"""Journeys of paths that were made elsewhere: `python tests/benchmarks/paths.py [--items 1000] [--many 20000] [--json]`.

Real paths: Fashion-MNIST's shipped test features, led by the shipped aligner through 2 x 24 steps (51 states), then turned into a space of 768
numbers by a fixed rotation, so that nothing of the aligner's own is known any more. Prints

    journey       seconds of `seda.journey` with its maps (UMAP, the plane of the texts, timeline): at most 60
    payload       MB of the JSON that the browser receives: at most 8
    fps           frames a second over a whole play at 1x in a real Chromium without a GPU, 1280 x 720: at least 30; --no-browser leaves it out
    many          seconds for --many items of 20 states of 512 numbers, which are thinned, and the sentence that says so

Exit status 1 where a figure is missed.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import seda  # noqa: E402

WIDTH, STEPS = 768, 24
SECONDS, MEGABYTES, FPS = 60.0, 8.0, 30.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--items", type=int, default=1000)
    parser.add_argument("--many", type=int, default=20_000)
    parser.add_argument("--no-browser", action="store_true")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    states, texts, labels, names = real_paths(arguments.items)
    begin = time.monotonic()
    journey = seda.journey(
        states, texts=texts, class_names=names, labels=labels, stages=[("to its category", STEPS + 1), ("to a word", STEPS + 1)], title="Paths"
    )  # fmt: skip
    figures: dict[str, Any] = {"items": len(states), "states": states.shape[1], "journey_s": time.monotonic() - begin}
    figures["payload_mb"] = payload_mb(journey)
    figures["maps"] = {name: placed.about["scores"] for name, placed in journey.maps.items()}
    if not arguments.no_browser:
        figures["fps"] = frames_a_second(journey)
    if arguments.many:
        figures |= many(states, arguments.many)
    reached = figures["journey_s"] <= SECONDS and figures["payload_mb"] <= MEGABYTES and figures.get("fps", FPS) >= FPS
    print(json.dumps(figures) if arguments.json else show(figures))
    return 0 if reached else 1


def real_paths(count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[str]]:
    """States [n, 51, 768], texts [k, 768], labels [n] and names [k]."""
    import torch

    from seda.aligner import load_aligner
    from seda.config import SamplingConfig
    from seda.data.feature_set import FeatureSet
    from seda.data.features import SHIPPED

    aligner = load_aligner("fashion-mnist")
    sets = (FeatureSet.load(path) for path in sorted(SHIPPED.glob("*-test.safetensors")))
    shipped = next(one for one in sets if set(one.class_names) == set(aligner.card.class_names))
    run = aligner.aligner.align(
        torch.from_numpy(shipped.image_features[:count]), aligner.reference.texts[:, 0], SamplingConfig(num_inference_steps=STEPS)
    )  # fmt: skip
    states = torch.cat([run.visual.unsqueeze(1), run.learner.states, run.translator.states], 1).cpu().numpy()
    rotation = np.linalg.qr(np.random.default_rng(0).normal(size=(WIDTH, states.shape[2])))[0].T.astype(
        np.float32
    )  # [d, 768]
    names = list(aligner.card.class_names)
    own = np.array([names.index(name) for name in shipped.class_names])
    return states @ rotation, run.class_texts.cpu().numpy() @ rotation, own[shipped.labels[:count]], names


def payload_mb(journey: seda.Journey) -> float:
    from seda.player.payload import encoded_payload

    return len(encoded_payload(journey)) / 1e6


def frames_a_second(journey: seda.Journey) -> float:
    """Of the standalone page; the player is the same in each of its hosts."""
    from playwright.sync_api import sync_playwright

    from tests.benchmarks.player import HELPERS
    from tests.browser.conftest import find_chromium

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        page_file = Path(folder) / "journey.html"
        journey.to_html(page_file)
        browser = playwright.chromium.launch(
            executable_path=find_chromium(), args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        page = browser.new_page(viewport={"width": 1280, "height": 720})
        page.add_init_script(HELPERS)
        page.goto(page_file.as_uri())
        page.get_by_test_id("map").wait_for()
        page.evaluate("benchmark.rest()")
        rate: float = page.evaluate("benchmark.play()")
        browser.close()
    return rate


def many(states: np.ndarray, count: int) -> dict[str, Any]:
    """The same paths again and again with noise of their own, until there are so many."""
    rng = np.random.default_rng(0)
    part = states[:, :: max(1, states.shape[1] // 20)][:, :20, :512]
    chosen = rng.integers(0, len(part), count)
    grown = part[chosen] + rng.normal(0, 0.05 * part.std(), (count, *part.shape[1:])).astype(np.float32)
    begin = time.monotonic()
    journey = seda.journey(grown)
    return {
        "many": count,
        "many_s": time.monotonic() - begin,
        "shown": len(journey.thumbnails),
        "said": journey.note,
        "many_mb": payload_mb(journey),
    }


def show(figures: dict[str, Any]) -> str:
    lines = [
        f"{figures['items']:,} items x {figures['states']} states x {WIDTH} numbers: journey with maps {figures['journey_s']:.1f} s (at most {SECONDS:g}), "
        f"payload {figures['payload_mb']:.2f} MB (at most {MEGABYTES:g})"
    ]
    if "fps" in figures:
        lines.append(f"{figures['fps']:.0f} frames a second (at least {FPS:g})")
    if "many" in figures:
        lines.append(
            f"{figures['many']:,} items: {figures['many_s']:.1f} s, payload {figures['many_mb']:.2f} MB. {figures['said']}"
        )
    for name, scores in figures["maps"].items():
        lines.append(f"{name:10} " + ", ".join(f"{score} {value:.3f}" for score, value in scores.items()))
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
