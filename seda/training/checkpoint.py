"""Checkpoints: everything needed to go on after a kill, as safetensors and JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from seda.card import CHECKPOINT_FILE, DENOISERS_CHECKPOINT
from seda.errors import FileFormatError
from seda.storage import read_arrays, write_arrays


def write_checkpoint(
    path: Path, module: nn.Module, best: dict[str, Tensor], optimizer: torch.optim.Optimizer, progress: dict[str, Any]
) -> None:
    """Save weights, the best weights so far, the optimiser's moments and the JSON progress in a file."""
    arrays = {f"module.{name}": value.numpy() for name, value in module.state_dict().items()}
    arrays |= {f"best.{name}": value.numpy() for name, value in best.items()}
    for index, state in optimizer.state_dict()["state"].items():
        arrays |= {f"optimizer.{index}.{name}": value.numpy() for name, value in state.items()}
    write_arrays(path, arrays, progress)


def read_checkpoint(
    path: Path, module: nn.Module, optimizer: torch.optim.Optimizer, identity: str
) -> tuple[dict[str, Tensor], dict]:
    """Restore what `write_checkpoint` saved. Returns the best weights and the progress.

    Raises:
        FileFormatError: the checkpoint is damaged, or its progress has another identity.
    """
    arrays, progress = read_arrays(path)
    if progress.get("identity") != identity:  # before anything is restored: weights of other sizes do not fit
        raise FileFormatError(
            f"The checkpoint in {path.parent} belongs to another training (other data or settings).",
            remedy="Choose another folder, or delete the checkpoint to begin anew.",
        )
    tensors = {name: torch.from_numpy(value) for name, value in arrays.items()}

    def part(prefix: str) -> dict[str, Tensor]:
        return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}

    state: dict[int, dict[str, Tensor]] = {}
    try:
        module.load_state_dict(part("module."))
        for name, value in part("optimizer.").items():
            index, field = name.split(".", 1)
            state.setdefault(int(index), {})[field] = value
        optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
        best, wanted = part("best."), module.state_dict()
        if {name: value.shape for name, value in best.items()} != {name: value.shape for name, value in wanted.items()}:
            raise ValueError("its best weights are of another model")
    except (RuntimeError, ValueError, KeyError) as error:
        raise FileFormatError(
            f"The checkpoint in {path.parent} is damaged ({error!s:.300}).", remedy="Delete it to begin anew."
        ) from error
    return best, progress


def drop_checkpoints(folder: Path) -> None:
    """Those of a training that is over."""
    for path in (folder / CHECKPOINT_FILE, *folder.glob(f"*{DENOISERS_CHECKPOINT}")):
        path.unlink(missing_ok=True)
