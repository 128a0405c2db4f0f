"""What fitting a map costs at 2,000, 8,000 and 32,000 points: `python tests/benchmarks/map_fit.py [--points N ...] [--json]`.

The points are states of the shipped aligner's paths (Fashion-MNIST, 384-d) and its reference features, drawn with a
seed. Prints the seconds of the neighbour graph and of the training, their cost per point relative to the first
row, and the map's trustworthiness on at most 5,000 of the points. umap-learn is imported and compiled before the clock starts.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402

from seda.aligner import load_aligner  # noqa: E402
from seda.evaluation.maps import MAX_SCORED, thinning, trustworthiness  # noqa: E402
from seda.projection.aligner_map import aligner_material  # noqa: E402
from seda.projection.fit import MapConfig, MapMaterial, fit_parametric, fuzzy_graph  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--points", type=int, nargs="+", default=[2_000, 8_000, 32_000])
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    material = aligner_material(load_aligner("fashion-mnist")).material
    states = material.paths.reshape(-1, material.paths.shape[2])
    pool = np.concatenate([material.reference, states])
    config = MapConfig()
    rows = []
    for count in arguments.points:
        chosen = np.random.default_rng(0).permutation(len(pool))[: count - len(material.anchors)]
        part = MapMaterial(pool[chosen], material.anchors, material.paths, 0)
        start = time.perf_counter()
        graph = fuzzy_graph(part.points, config.n_neighbors)
        between = time.perf_counter()
        projector, _ = fit_parametric(part, config, graph=graph)
        end = time.perf_counter()
        every = thinning(len(chosen), MAX_SCORED)
        scored = part.reference[::every]
        rows.append(
            {
                "points": len(part.points),
                "graph_s": round(between - start, 1),
                "training_s": round(end - between, 1),
                "fit_s": round(end - start, 1),
                "per_point_to_first": round((end - start) / count / (rows[0]["fit_s"] / rows[0]["points"]), 2)
                if rows
                else 1.0,
                "trustworthiness": round(trustworthiness(scored, projector.place(scored)), 3),
            }
        )
        if not arguments.json:
            print("  ".join(f"{name} {value}" for name, value in rows[-1].items()), flush=True)
    if arguments.json:
        print(json.dumps(rows))


if __name__ == "__main__":
    main()
