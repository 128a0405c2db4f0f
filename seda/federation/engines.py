"""Who runs the clients: Flower's simulation, or a plain loop in this process that does the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import Protocol, TypeVar

from seda.config import check_name
from seda.errors import ConfigError
from seda.federation.adapter import Weights
from seda.federation.local import train_client
from seda.federation.material import Material
from seda.federation.settings import Task

ENGINES = ("auto", "flower", "here")
INSTALL = "Run: pip install -r requirements-federate.txt, best into an environment of its own."
_Result = TypeVar("_Result")


class Trainer(Protocol):
    """Reaches the clients of a federation."""

    def train(self, jobs: Sequence[tuple[Task, Weights]]) -> list[tuple[Weights, int]]:
        """Send each client its task and weights; their weights and numbers of items, in the order of the jobs."""


class Engine(Protocol):
    """Runs clients while a server's work goes on.

    Attributes:
        name: a name of ENGINES.
        description: a sentence that says what ran.
    """

    name: str
    description: str

    def run(self, work: Callable[[Trainer], _Result], material: Material, clients: int) -> _Result:
        """Do the server's work, which trains so many clients at most at once, and return what it returns."""


class HereEngine:
    """Clients one after the other in this process; no message leaves it."""

    name = "here"
    description = "a loop in this process, one client after the other"

    def run(self, work: Callable[[Trainer], _Result], material: Material, clients: int) -> _Result:
        """See `Engine`."""
        return work(_Here(material))


class _Here:
    def __init__(self, material: Material) -> None:
        self._material = material

    def train(self, jobs: Sequence[tuple[Task, Weights]]) -> list[tuple[Weights, int]]:
        return [train_client(self._material, task, weights) for task, weights in jobs]


def has_flower() -> bool:
    """Whether Flower and what its simulation needs are installed."""
    return all(find_spec(name) is not None for name in ("flwr", "ray"))


def choose_engine(name: str, say: Callable[[str], object]) -> Engine:
    """The engine of that name; "auto" is Flower where it is installed, and says so where it is not.

    Raises:
        ConfigError: there is none of that name, or Flower is not installed.
    """
    check_name("engine", name, ENGINES)
    if name == "flower" and not has_flower():
        raise ConfigError("Flower is not installed.", remedy=f"{INSTALL} Or give --engine here.")
    if name == "here" or not has_flower():
        if name == "auto":
            say(f"Flower is not installed: the clients run in {HereEngine.description}. {INSTALL}")
        return HereEngine()
    from seda.federation.flower import FlowerEngine

    return FlowerEngine()
