"""Where the fit of a map stands, written every few seconds: killed, the same fit goes on from there, to the same map."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from seda.config import Config
from seda.errors import FileFormatError
from seda.storage import fingerprint, read_arrays, write_arrays

SECONDS = 5.0  # between two; chosen here: a kill loses little more, and writing a megabyte or two takes some ms


def kept_array(path: Path | None, identity: Any, make: Callable[[], np.ndarray]) -> np.ndarray:
    """What `make` gives, kept in a file: an ended call's is taken from there.

    Args:
        path: of the file; None keeps nothing.
        identity: of what is made, for `fingerprint`.
    """
    if path is None:
        return make()
    identity = fingerprint(identity)
    try:
        arrays, about = read_arrays(path)
        if about.get("identity") == identity:
            return arrays["made"]
    except (FileFormatError, KeyError):  # none there, or of no use
        pass
    made = make()
    write_arrays(path, {"made": made}, {"identity": identity})
    return made


@dataclass
class KeptFit:
    """A file of a fit that is under way.

    Attributes:
        path: of the file.
        identity: of material and settings; a file of another fit is not gone on with.
    """

    path: Path
    identity: str
    _saved_at: float = field(default_factory=time.monotonic)

    @classmethod
    def of(cls, path: Path, config: Config, arrays: Mapping[str, np.ndarray]) -> KeptFit:
        """The file for a fit of exactly these settings and arrays; of others it takes nothing."""
        return cls(path, fingerprint({"config": asdict(config), "torch": torch.__version__, **arrays}))

    def resume(
        self,
        network: nn.Module,
        optimizer: torch.optim.Optimizer,
        schedule: torch.optim.lr_scheduler.LRScheduler,
        rng: np.random.Generator,
    ) -> int:
        """Bring all of them to where the fit stood; returns the steps that are done, 0 where there is nothing."""
        if not self.path.is_file():
            return 0
        try:
            arrays, about = read_arrays(self.path)
            if about.get("identity") != self.identity:
                return 0
            tensors = {name: torch.from_numpy(value) for name, value in arrays.items()}
            state: dict[int, dict[str, torch.Tensor]] = {}
            for name, value in tensors.items():
                kind, _, rest = name.partition(".")
                if kind == "optimizer":
                    index, _, key = rest.partition(".")
                    state.setdefault(int(index), {})[key] = value
            network.load_state_dict({name[8:]: value for name, value in tensors.items() if name.startswith("network.")})
            groups = optimizer.state_dict()["param_groups"]
            for group, kept in zip(groups, about["groups"], strict=True):
                group |= {"lr": kept["lr"], "betas": tuple(kept["betas"])}
            optimizer.load_state_dict({"state": state, "param_groups": groups})
            rng.bit_generator.state = about["rng"]
            schedule.last_epoch = int(about["steps"])
            schedule._step_count = schedule.last_epoch + 1  # torch counts calls, to warn where it is not called
            return schedule.last_epoch
        except (FileFormatError, KeyError, TypeError, ValueError, RuntimeError):
            self.path.unlink(missing_ok=True)  # of no use: the fit begins anew
            return 0

    def save(self, steps: int, network: nn.Module, optimizer: torch.optim.Optimizer, rng: np.random.Generator) -> None:
        """Write where the fit stands, if the last time is SECONDS ago.

        Raises:
            StorageError: the disk is full or the folder cannot be written.
        """
        if time.monotonic() - self._saved_at < SECONDS:
            return
        arrays = {f"network.{name}": value.numpy() for name, value in network.state_dict().items()}
        for index, state in optimizer.state_dict()["state"].items():
            arrays |= {f"optimizer.{index}.{name}": value.numpy() for name, value in state.items()}
        groups = [{"lr": group["lr"], "betas": list(group["betas"])} for group in optimizer.param_groups]
        about: dict[str, Any] = {
            "identity": self.identity,
            "steps": steps,
            "groups": groups,
            "rng": rng.bit_generator.state,
        }
        write_arrays(self.path, arrays, about)
        self._saved_at = time.monotonic()
