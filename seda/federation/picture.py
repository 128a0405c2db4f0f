"""Clients' class centers over the rounds, as paths that the player plays: apart in training, together in averaging."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from seda.errors import DataError
from seda.federation.material import Material
from seda.federation.settings import Deal
from seda.storage import read_arrays, write_arrays

STAGE_ROUNDS = 5  # rounds of a stage of the player, which has at most MOST_STAGES
MOST_STAGES = 12


def center_paths(folder: Path, rounds: int) -> np.ndarray:
    """States [clients, k, 1 + 2 rounds, d]: the start, then of each round the client's own and the averaged one.

    Raises:
        DataError: a round was not kept.
    """
    try:
        start = read_arrays(folder / "centers-0000.safetensors")[0]["aggregated"]
        parts = [read_arrays(folder / f"centers-{number:04d}.safetensors")[0] for number in range(1, rounds + 1)]
        local = np.stack([part["local"] for part in parts], 2)  # [c, k, r, d]
        joined = np.stack([part["aggregated"] for part in parts], 1)  # [k, r, d]
    except (KeyError, ValueError) as error:
        raise DataError(
            f"The class centers in {folder} are incomplete ({error!s:.100}).",
            remedy="Delete the folder and run it again.",
        ) from error
    clients, k, count, d = local.shape
    states = np.empty((clients, k, 1 + 2 * count, d), np.float32)
    states[:, :, 0], states[:, :, 1::2], states[:, :, 2::2] = start, local, joined
    return states


def write_picture(path: Path, folder: Path, material: Material, deal: Deal, rounds: int, name: str) -> Path:
    """Write paths that `python -m seda open` and the app play, see docs/paths.md.

    Args:
        path: a .safetensors file.
        folder: of a federation that has kept its centers.
        material: that it was of.
        deal: who held what.
        rounds: how many.
        name: of the strategy.
    """
    states = center_paths(folder, rounds)
    clients, k, s, d = states.shape
    held = [np.bincount(material.train.labels[rows], minlength=k) for rows in deal.parts(material.train.labels)]
    items = [
        f"client {client + 1}: {word}, {held[client][label]:,} of its own"
        for client in range(clients)
        for label, word in enumerate(material.class_names)
    ]
    every = max(STAGE_ROUNDS, -(-rounds // MOST_STAGES))
    firsts = range(0, rounds, every)
    stages = [
        (f"rounds {first + 1} to {min(first + every, rounds)}", 2 * (min(first + every, rounds) - first))
        for first in firsts
    ]
    arrays = {
        "states": states.reshape(clients * k, s, d),
        "texts": material.class_texts,
        "labels": np.tile(np.arange(k, dtype=np.int64), clients),
        "stage_states": np.array([count for _, count in stages], np.int64),
    }
    told = {
        "class_names": list(material.class_names), "item_names": items, "stage_names": [stage for stage, _ in stages],
        "title": f"{clients} clients, {name}",
        "note": "Every item is where one client's adapter puts one class, by the same pictures for all clients. States 1, 3, 5, ... are after "
        "a client's own training, 2, 4, 6, ... after averaging, where all clients are at one place.",
    }  # fmt: skip
    return write_arrays(path, arrays, told)
