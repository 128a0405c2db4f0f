"""Clients as apps of Flower's simulation: an optional extra, `pip install -r requirements-federate.txt`.

Flower carries the messages and runs the clients, in processes of Ray; what a client does and how the server joins weights is ours,
as with the other engine, so that both come to the same numbers. Nothing is reported to anybody.
"""

from __future__ import annotations

import json
import logging
import os
import tempfile
import threading
import warnings
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from seda import errors
from seda.errors import DataError, SedaError
from seda.federation.adapter import Weights
from seda.federation.local import Diverged, train_client
from seda.federation.material import Material
from seda.federation.settings import Task

if TYPE_CHECKING:
    from seda.federation.engines import Trainer

QUIET = {
    "FLWR_TELEMETRY_ENABLED": "0", "RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_DEDUP_LOGS": "0",
}  # fmt: skip
STARTS = 3  # of Ray
_Result = TypeVar("_Result")


class FlowerEngine:
    """See `Engine` of engines.py."""

    name = "flower"

    def __init__(self) -> None:
        os.environ.update({name: os.environ.get(name, value) for name, value in QUIET.items()})  # before its import
        import flwr

        self.description = f"Flower {flwr.__version__}, its clients in processes of Ray"

    def run(self, work: Callable[[Trainer], _Result], material: Material, clients: int) -> _Result:
        """See `Engine`.

        Raises:
            SedaError: what the work or a client raised.
        """
        import ray
        from flwr.serverapp import ServerApp
        from flwr.simulation import run_simulation

        outcome: list[_Result] = []
        failed: list[BaseException] = []
        over = threading.Event()
        server = ServerApp()

        @server.main()
        def main(grid: Any, context: Any) -> None:
            try:
                outcome.append(work(_Grid(grid, clients, over)))
            except BaseException as error:  # Flower would print it and go on
                failed.append(error)

        logging.getLogger("flwr").setLevel(logging.ERROR)
        with tempfile.TemporaryDirectory(prefix="seda-federate-") as folder, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            path = material.save(Path(folder) / "material.safetensors")
            _start_ray(clients)
            try:
                resources: dict[str, Any] = {"num_cpus": 1, "num_gpus": 0.0}
                run_simulation(server, client_app(str(path)), clients, backend_config={"client_resources": resources})
            except RuntimeError as error:
                failed.append(_ended(error))
            finally:
                over.set()  # or a server that waits for nodes would wait for ever
                ray.shutdown()
        if failed:
            raise failed[0]
        if not outcome:
            raise DataError("Flower ended before the server's work was done.", remedy="Give --engine here.")
        return outcome[0]


def _start_ray(clients: int) -> None:
    """Before Flower does, which tries once: on a busy machine Ray's first start may take longer than the half minute that it has.

    Raises:
        DataError: it did not start.
    """
    import ray

    if ray.is_initialized():
        return
    for attempt in range(STARTS):
        try:
            ray.init(
                num_cpus=min(clients, os.cpu_count() or 1), include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR,
                runtime_env={"env_vars": {"OMP_NUM_THREADS": "1"}},
            )  # fmt: skip
            return
        except Exception as error:  # Ray raises a bare one
            ray.shutdown()
            if attempt == STARTS - 1:
                raise _ended(error) from error


def _ended(error: Exception) -> DataError:
    why = error.__cause__ or error
    return DataError(
        f"Flower's simulation did not run ({' '.join(str(why).split())[:300]}).",
        remedy="Try again when less runs on this machine, or give --engine here.",
    )


class _Grid:
    """A `Trainer` over Flower's grid of nodes."""

    def __init__(self, grid: Any, clients: int, over: threading.Event) -> None:
        self._grid, self._clients, self._over, self._nodes = grid, clients, over, list[int]()

    def train(self, jobs: Sequence[tuple[Task, Weights]]) -> list[tuple[Weights, int]]:
        from flwr.app import ConfigRecord, Message, RecordDict

        nodes = self._found()
        messages = [
            Message(
                RecordDict({"weights": _packed(weights), "task": ConfigRecord({"json": json.dumps(task.to_dict())})}),
                nodes[task.client],
                "train",
            )
            for task, weights in jobs
        ]
        answers: dict[int, tuple[Weights, int]] = {}
        for reply in self._grid.send_and_receive(messages):
            if reply.has_error():
                raise DataError(
                    f"A client of Flower failed ({str(reply.error.reason).strip()[-300:]}).",
                    remedy="Give --engine here.",
                )
            said = json.loads(str(reply.content["answer"]["json"]))
            if "error" in said:
                kind = Diverged if said["error"] == Diverged.__name__ else getattr(errors, said["error"], SedaError)
                raise kind(said["message"], remedy=said["remedy"])
            answers[said["client"]] = (_unpacked(reply.content["weights"]), said["items"])
        if missing := [task.client for task, _ in jobs if task.client not in answers]:
            raise DataError(f"Client {missing[0]} of Flower did not answer.", remedy="Give --engine here.")
        return [answers[task.client] for task, _ in jobs]

    def _found(self) -> list[int]:
        """Nodes come up one after the other."""
        while len(self._nodes) < self._clients:
            self._nodes = sorted(self._grid.get_node_ids())
            if self._over.wait(0.05):
                raise DataError("Flower ended before its clients were there.", remedy="Give --engine here.")
        return self._nodes


def client_app(material: str) -> Any:
    """Flower's app of any client: it answers a task with weights.

    Args:
        material: path of what `Material.save` wrote.
    """
    from flwr.clientapp import ClientApp

    app = ClientApp()

    @app.train()
    def train(message: Any, context: Any) -> Any:
        return _answer(message, material)

    return app


def _answer(message: Any, material: str) -> Any:
    from flwr.app import ConfigRecord, Message, RecordDict

    task = Task.from_dict(json.loads(str(message.content["task"]["json"])))
    try:
        weights, items = train_client(_loaded(material), task, _unpacked(message.content["weights"]))
    except SedaError as error:  # Flower would put its own trace around the sentence
        said = {"error": type(error).__name__, "message": error.message, "remedy": error.remedy}
        return Message(RecordDict({"answer": ConfigRecord({"json": json.dumps(said)})}), reply_to=message)
    answer = ConfigRecord({"json": json.dumps({"client": task.client, "items": items})})
    return Message(RecordDict({"answer": answer, "weights": _packed(weights)}), reply_to=message)


@cache
def _loaded(material: str) -> Material:
    """Once a process."""
    return Material.load(Path(material))


def _packed(weights: Weights) -> Any:
    from flwr.app import Array, ArrayRecord

    return ArrayRecord({name: Array(value) for name, value in weights.items()})


def _unpacked(record: Any) -> Weights:
    return {name: np.array(array.numpy()) for name, array in record.items()}
