"""How often a map draws a path's end nearer to another word than to the one that it has come to:
`python tests/benchmarks/ends_on_maps.py [--lists N] [--seed N] [--json]`.

Random lists of words with random samples, through both shipped aligners, and paths of random numbers to texts that have nothing
to do with each other, which no map of few dimensions can keep apart. The player marks such ends with dots to their word.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np

import seda
from seda.evaluation.trajectories import landed
from seda.journeys.journey import Journey
from seda.shipped import ASSETS

CLOTHES = [
    "footwear", "clothing", "bag", "hat", "trousers", "shirt", "jumper", "sock", "glove", "scarf", "skirt", "coat",
    "boot", "sandal", "trainer", "slipper", "purse", "suitcase", "jeans", "dress", "pullover", "blouse", "jacket",
    "shoe", "heel", "cap", "tie", "belt", "shorts", "pyjamas"
]  # fmt: skip
THINGS = [
    "cat", "kitten", "dog", "puppy", "wolf", "fox", "raccoon", "panda", "bear", "cow", "bull", "calf", "horse",
    "ladybird", "beetle", "bee", "insect", "flower", "hibiscus", "daisy", "rose", "melon", "watermelon", "lemon",
    "orange", "fruit", "meat", "food", "drink", "cup", "coffee", "tea", "train", "locomotive", "vehicle", "door",
    "gate", "house", "building", "pagoda", "temple", "bow", "arrow", "weapon", "microscope", "telescope", "camera",
    "hat", "cap", "dragon", "snake", "bird", "duck", "hen", "mountain", "landscape", "lake", "bus", "apple"
]  # fmt: skip
ALIGNERS = {"fashion-mnist": (CLOTHES, ("fashion-mnist",)), "open-vocabulary": (THINGS, ("photos", "emoji"))}
ITEMS = 12  # samples with each list
RANDOM = {4: 20, 10: 40, 20: 40}  # texts of paths of random numbers, and how many paths
MAPS = ["umap-2d", "umap-3d", "timeline", "words-2d", "words-3d"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lists", type=int, default=8, help="of words an aligner; default %(default)s")
    parser.add_argument("--seed", type=int, default=0, help="of words, samples and random paths; default %(default)s")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    rows = []
    for name, (words, folders) in ALIGNERS.items():
        rng = np.random.default_rng(arguments.seed)
        aligner = seda.load_aligner(name)
        files = [file for folder in folders for file in sorted((ASSETS / "samples" / folder).glob("*.[pj][np]g"))]
        found: dict[str, list[int]] = defaultdict(lambda: [0, 0])
        for _ in range(arguments.lists):
            chosen = rng.choice(words, rng.integers(4, 25), replace=False).tolist()
            items = [files[i] for i in rng.choice(len(files), ITEMS, replace=False)]
            count(seda.trace(items, chosen, aligner=aligner), found)
        rows.append({"paths": f"{name}, {arguments.lists} lists of 4 to 24 words", **found})
    for texts, items in RANDOM.items():
        found = defaultdict(lambda: [0, 0])
        count(random_paths(texts, items, arguments.seed), found)
        rows.append({"paths": f"random numbers, {texts} texts", **found})
    print(json.dumps(rows, indent=2) if arguments.json else table(rows))
    return 0


def count(journey: Journey, found: dict[str, list[int]]) -> None:
    """Add the journey's ends, by map: how many lie nearer to another word, and how many have come to a word."""
    similarities = journey.trajectory.class_similarities()
    here, own = landed(similarities), similarities[:, -1].argmax(1)
    for name, positions in journey.maps.items():
        gaps = np.linalg.norm(positions.states[:, -1, None] - positions.texts, axis=2)  # [n, k]
        least = gaps.min(1)
        found[name][0] += int((here & (gaps[np.arange(len(own)), own] > least * (1 + 1e-6))).sum())
        found[name][1] += int(here.sum())


def random_paths(texts: int, items: int, seed: int) -> Journey:
    """Paths [n, 20, d] from noise to texts that have nothing to do with each other, with noise of their own at the end."""
    rng = np.random.default_rng(seed)
    goals = rng.normal(size=(texts, 6 * texts))
    start = 0.8 * rng.normal(size=(items, goals.shape[1]))
    end = goals[rng.integers(0, texts, items)] + 0.5 * rng.normal(size=start.shape)
    way = np.linspace(0, 1, 20)[:, None]
    states = (
        (1 - way) * start[:, None]
        + way * end[:, None]
        + 0.3 * np.sin(np.pi * way) * rng.normal(size=start.shape)[:, None]
    )
    names = [f"text {number}" for number in range(texts)]
    return seda.journey(
        states.astype(np.float32), texts=dict(zip(names, goals.astype(np.float32), strict=True)), maps=MAPS
    )


def table(rows: list[dict]) -> str:
    """Markdown: of the ends that have come to a word, those that lie nearer to another one on the map."""
    lines = ["| paths | " + " | ".join(MAPS) + " |", "|---" * (len(MAPS) + 1) + "|"]
    for row in rows:
        lines.append(f"| {row['paths']} | " + " | ".join("{} of {}".format(*row[name]) for name in MAPS) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
