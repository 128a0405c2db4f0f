"""A stand-in for a GPU: a second device in torch's sense, on a computer that has none.

Its tensors compute on the CPU inside and refuse what a tensor on CUDA or MPS refuses:

    an operation on tensors of both devices; free are 0-dimensional tensors of the CPU beside tensors of the device, indices
    on the CPU into a tensor of the device, and `copy_`
    numpy: the way out is `.cpu()`, the way in `.to(DEVICE)`
    64-bit floats, which MPS does not have
    random numbers there from a generator of the CPU

So code that forgets a `.to(...)` or a `.cpu()` fails here as it would on a GPU, and code that does not gives the numbers of
the CPU.

It cannot show speed, what a device's own kernels round differently or lack, autocast, lack of memory, work that is not done
yet when a call returns, code that asks for "cuda" or "mps" by name, or the few operations that refuse a 0-dimensional tensor
of the CPU too.

    with StandInDevice():
        aligner = load_aligner("fashion-mnist", DEVICE)
        aligner.aligner.align(...)

The device is called "meta": torch takes no other name without a driver. Tensors that torch itself makes there, in
`torch.tensor(..., device=DEVICE)` or outside of the `with`, have no data; they are refused too.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map, tree_unflatten

DEVICE = torch.device("meta")

aten = torch.ops.aten
INDEXING = {aten.index, aten.index_put, aten.index_put_}
JOINING = {aten.cat, aten.concat, aten.stack, aten.hstack, aten.vstack}  # take no scalar of the other device
TOO_WIDE = {torch.float64, torch.complex128}


class StandInDevice(TorchDispatchMode):
    """While it is open tensors can be moved to DEVICE and made there."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _run(func, args, kwargs or {})


class StandInTensor(Tensor):
    """A tensor on DEVICE; `inner` is the tensor of the CPU that it computes on."""

    inner: Tensor
    __torch_function__ = torch._C._disabled_torch_function_impl

    @staticmethod
    def __new__(cls, inner: Tensor) -> StandInTensor:
        if inner.dtype in TOO_WIDE:
            raise TypeError(f"The device {DEVICE} has no {inner.dtype}.")
        with torch.inference_mode(False):  # or torch could not count the versions of its views
            tensor = Tensor._make_wrapper_subclass(
                cls,
                inner.shape,
                strides=inner.stride(),
                storage_offset=inner.storage_offset(),
                dtype=inner.dtype,
                device=DEVICE,
            )
        tensor.inner = inner
        return tensor

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _run(func, args, kwargs or {})

    def __getitem__(self, index: Any) -> Tensor:
        return super().__getitem__(_index(index))

    def __setitem__(self, index: Any, value: Any) -> None:
        super().__setitem__(_index(index), value)

    def numpy(self, *, force: bool = False) -> Any:
        """Refused; `np.asarray` asks here too."""
        if not force:
            raise TypeError(f"A tensor on the device {DEVICE} is no array. Use .cpu() first.")
        return self.cpu().numpy()

    def tolist(self) -> Any:
        return self.cpu().tolist()

    def __repr__(self) -> str:
        return f"{self.inner!r} on {DEVICE}"


def moved(module: nn.Module) -> nn.Module:
    """A copy of a module on DEVICE, parameters and buffers; the module itself stays where it is."""
    with StandInDevice():
        return copy.deepcopy(module).to(DEVICE)


def _index(index: Any) -> Any:
    """An index with tensors for lists, of which torch would make tensors on DEVICE that have no data."""
    if isinstance(index, tuple):
        return tuple(map(_index, index))
    return torch.tensor(index) if isinstance(index, list) else index


def _run(func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """An operation of torch, computed inside; its result is on the device that it is told, else on that of its tensors."""
    leaves, form = tree_flatten((args, kwargs))
    tensors = [leaf for leaf in leaves if isinstance(leaf, Tensor)]
    told = next((leaf for leaf in leaves if isinstance(leaf, torch.device)), None)
    there = any(isinstance(tensor, StandInTensor) for tensor in tensors) if told is None else told.type == DEVICE.type
    _check(func, args, tensors)
    if there and any(isinstance(leaf, torch.Generator) for leaf in leaves):
        raise RuntimeError(f"A generator of the CPU came for random numbers on the device {DEVICE}.")
    owners = {id(_inner(tensor)): tensor for tensor in tensors}

    def placed(result: Any) -> Any:
        if not isinstance(result, Tensor):
            return result
        owner = owners.get(id(result))
        if owner is not None and (told is None or isinstance(owner, StandInTensor) == there):
            assert owner.shape == result.shape, f"{func} changed a shape in place"
            return owner  # what was written in place, and x.to(...) of what is there already
        if owner is not None:
            result = result.clone()  # two devices share no memory
        return StandInTensor(result) if there else result

    args, kwargs = tree_unflatten([_inner(leaf) for leaf in leaves], form)
    return tree_map(placed, func(*args, **kwargs))


def _inner(leaf: Any) -> Any:
    if isinstance(leaf, torch.device):
        return torch.device("cpu") if leaf.type == DEVICE.type else leaf
    return leaf.inner if isinstance(leaf, StandInTensor) else leaf


def _check(func: Any, args: Sequence[Any], tensors: Sequence[Tensor]) -> None:
    """
    Raises:
        RuntimeError: tensors of both devices came to an operation that takes those of one, or one without data.
    """
    if any(tensor.is_meta and not isinstance(tensor, StandInTensor) for tensor in tensors):
        raise RuntimeError(f"A tensor on {DEVICE} without data came to {func}. Make it on the CPU, and move it.")
    kind = func.overloadpacket
    strangers = [tensor for tensor in tensors if not isinstance(tensor, StandInTensor)]
    if len(strangers) == len(tensors) or kind is aten.copy_:
        return
    if kind not in JOINING:
        written = [
            value for value, said in zip(args, func._schema.arguments, strict=False)
            if said.alias_info is not None and said.alias_info.is_write
        ]  # fmt: skip
        free = args[1] if kind in INDEXING and isinstance(args[0], StandInTensor) else ()
        strangers = [
            tensor for tensor in strangers
            if _is_among(tensor, written) or (tensor.ndim > 0 and not _is_among(tensor, free))
        ]  # fmt: skip
    if strangers:
        raise RuntimeError(
            f"Expected all tensors to be on the same device, but {func} got some on {DEVICE} and, on the CPU, "
            f"{[tuple(tensor.shape) for tensor in strangers]}."
        )


def _is_among(tensor: Tensor, others: Sequence[Any]) -> bool:
    return any(tensor is other for other in others)
