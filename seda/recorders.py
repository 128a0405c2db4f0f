"""What other libraries do step by step, recorded as states [n, s, d] for `seda.journey`.

recorder = LayerRecorder(vit.transformer.resblocks, project=to_joint_space)
with recorder:
    vit(pixels)
seda.journey(recorder.states(), texts=words, stages=[("layers", len(recorder))])
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from seda.errors import ShapeError

if TYPE_CHECKING:
    from torch import Tensor, nn


class StepRecorder:
    """Keeps what a loop hands over, one state a step.

    As `callback_on_step_end` of a diffusers pipeline it keeps the latents (ask for them by
    `callback_on_step_end_tensor_inputs=["latents"]`, which is the default there); in a loop of one's own it is called with the state.

    Args:
        project: from what is handed over, [n, ...], to features [n, d]; by default everything but the first dimension is laid flat.

    Attributes:
        timesteps: of the noise schedule, at which each of diffusers' steps began. Where the noise was recorded first, by `recorder(noise)`,
            [*timesteps, 0] are those of the states.
    """

    def __init__(self, project: Callable[[Any], Any] | None = None) -> None:
        self._project, self._kept, self.timesteps = project, list[np.ndarray](), list[int]()

    def __call__(self, *given: Any) -> Any:
        """Keep a state [n, ...]; or, as diffusers calls it, of (pipeline, step, timestep, tensors), and hand the tensors back."""
        if len(given) == 1:
            self._keep(given[0])
            return given[0]
        _, _, timestep, tensors = given
        self.timesteps.append(int(timestep))
        self._keep(tensors["latents"])
        return tensors

    def _keep(self, state: Any) -> None:
        made = _numbers(state if self._project is None else self._project(state))
        made = made.reshape(len(made), -1)
        if self._kept and made.shape != self._kept[0].shape:
            raise ShapeError(
                f"Step {len(self._kept)} has the shape {list(made.shape)}; the first had {list(self._kept[0].shape)}."
            )
        self._kept.append(made)

    def __len__(self) -> int:
        return len(self._kept)

    def states(self) -> np.ndarray:
        """float32 [n, s, d], as they came.

        Raises:
            ShapeError: nothing was recorded.
        """
        if not self._kept:
            raise ShapeError("Nothing was recorded: the recorder was never called.")
        return np.stack(self._kept, axis=1)


class LayerRecorder:
    """Keeps what the layers of a torch network make of a batch, by forward hooks, while it is entered.

    Args:
        layers: in their order; each gives a tensor, or a tuple that begins with one.
        project: from a layer's output to features [n, d] in the space where the network ends, such as its last norm and projection. Where
            layers are of different widths it can only pool them, and `layers` has what is to be brought to one space.
    """

    def __init__(self, layers: Iterable[nn.Module], project: Callable[[Tensor], Tensor]) -> None:
        self._layers, self._project = list(layers), project
        self._batches: list[list[np.ndarray]] = [[] for _ in self._layers]
        self._hooks: list[Any] = []

    def __enter__(self) -> Self:
        self._hooks = [layer.register_forward_hook(self._hook(place)) for place, layer in enumerate(self._layers)]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for hook in self._hooks:
            hook.remove()
        self._hooks = []

    def _hook(self, place: int) -> Callable[[Any, Any, Any], None]:
        def keep(layer: Any, inputs: Any, output: Any) -> None:
            import torch

            with torch.no_grad():
                made = self._project(output[0] if isinstance(output, tuple) else output)
            self._batches[place].append(_numbers(made))

        return keep

    def __len__(self) -> int:
        return len(self._layers)

    def layers(self) -> list[np.ndarray]:
        """What each layer made, float32 [n, ...], batches one after the other; widths may differ.

        Raises:
            ShapeError: nothing was recorded.
        """
        if not self._layers or not all(self._batches):
            missing = next((place for place, batches in enumerate(self._batches) if not batches), 0)
            raise ShapeError(f"Layer {missing} has made nothing while it was recorded.")
        return [np.concatenate(batches) for batches in self._batches]

    def states(self) -> np.ndarray:
        """float32 [n, s, d], one state a layer; batches one after the other.

        Raises:
            ShapeError: nothing was recorded, a layer did not see all batches, or they are of different widths.
        """
        made = self.layers()
        if len({one.shape for one in made}) > 1 or made[0].ndim != 2:
            raise ShapeError(
                f"The layers give {[list(one.shape) for one in made]}; `project` has to bring all of them to [n, d], or else what "
                "`layers()` gives is brought there."
            )
        return np.stack(made, axis=1)


class EpochRecorder:
    """Keeps what a network makes of the same items after each epoch of its training.

    Args:
        encode: gives features [n, d] of the items as the network is now; called by `record`, without gradients.
    """

    def __init__(self, encode: Callable[[], Any]) -> None:
        self._encode, self._steps = encode, StepRecorder()

    def record(self) -> None:
        """At the end of an epoch, and once before the first."""
        import torch

        with torch.no_grad():
            self._steps(self._encode())

    def __len__(self) -> int:
        return len(self._steps)

    def states(self) -> np.ndarray:
        """float32 [n, s, d], one state a call.

        Raises:
            ShapeError: nothing was recorded.
        """
        return self._steps.states()


def record_flow(velocity: Callable[[Any, float], Any], start: Any, times: Sequence[float]) -> np.ndarray:
    """The paths of dx/dt = velocity(x, t), solved by scipy's `solve_ivp` (RK45, relative error 1e-5).

    Args:
        velocity: of points float32 [n, d] at a time, [n, d]. Points come as `start` did: as an array, or as a tensor of its device, and then
            without gradients.
        start: [n, d] at times[0].
        times: s of them, rising or falling; steps in between are the solver's.
    Returns:
        float32 [n, s, d].
    Raises:
        ShapeError: start or times are too few, velocity gives another shape, or the flow cannot be followed to its end.
    """
    from scipy.integrate import solve_ivp

    begin = _numbers(start)
    if begin.ndim != 2 or len(times) < 2:
        raise ShapeError(
            f"start is {list(begin.shape)} with {len(times)} times; [n, d] and two times at least are needed."
        )
    at = _velocity_of_tensors(velocity, start) if hasattr(start, "detach") else velocity

    def slope(time: float, flat: np.ndarray) -> np.ndarray:
        found = _numbers(at(flat.reshape(begin.shape).astype(np.float32), time))
        if found.shape != begin.shape:
            raise ShapeError(f"velocity gives {list(found.shape)} at points of {list(begin.shape)}.")
        return found.astype(np.float64).ravel()

    solved = solve_ivp(
        slope, (times[0], times[-1]), begin.ravel().astype(np.float64), t_eval=times, rtol=1e-5, atol=1e-6
    )
    if not solved.success:
        raise ShapeError(f"The flow cannot be followed to its end: {solved.message}")
    return np.ascontiguousarray(solved.y.reshape(*begin.shape, len(times)).transpose(0, 2, 1), np.float32)


def _velocity_of_tensors(velocity: Callable[[Any, float], Any], start: Tensor) -> Callable[[np.ndarray, float], Any]:
    """A network's velocity at points that are arrays."""
    import torch

    def at(points: np.ndarray, time: float) -> Any:
        with torch.no_grad():
            return velocity(torch.from_numpy(points).to(start.device), time)

    return at


def _numbers(values: Any) -> np.ndarray:
    from seda.journeys.given_paths import as_array

    return np.asarray(as_array(values), np.float32)
