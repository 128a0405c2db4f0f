"""Whether what is listed can be used, for the tests and benchmarks that end programs in the middle."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from seda.aligner import load_aligner
from seda.card import list_aligners
from seda.config import SamplingConfig
from seda.projection import load_maps
from seda.storage import sha256_file

LEAST_MAPS = 2


def usable(folder: Path) -> bool:
    """Whether an aligner of the home is listed; then it must be whole: it is loaded, asked, and its maps place the answer.

    Raises:
        SedaError, AssertionError: it is listed, and is not.
    """
    if folder.name not in list_aligners():
        return False
    loaded, maps = load_aligner(folder), load_maps(folder)
    assert len(maps) >= LEAST_MAPS, f"{sorted(maps)} are the maps of {folder}"
    model, generator = loaded.card.model, torch.Generator().manual_seed(0)
    images = torch.rand(2, model.image_dim, generator=generator)
    texts = torch.randn(3, model.dim, generator=generator)
    run = loaded.aligner.align(images, texts, SamplingConfig(num_inference_steps=2))
    states = run.learner.states[0].cpu().numpy()
    for name, frozen in maps.items():
        placed = frozen.place(states, np.linspace(0, 1, len(states), dtype=np.float32))
        assert np.isfinite(placed).all(), f"the map {name} of {folder} places nothing"
    return True


def contents(folder: Path) -> dict[str, str]:
    """Sums of a folder's files, by name, without those that are hidden."""
    return {path.name: sha256_file(path) for path in folder.iterdir() if path.is_file() and path.name[0] != "."}
