"""Encoders by name. Torch and the model libraries are imported when one is loaded, not before."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from seda.device import check_device, is_out_of_memory, release
from seda.encoders.base import Encoder
from seda.encoders.families import FAMILIES, EncoderFamily, OnProgress, family_of
from seda.errors import EncoderError
from seda.storage import readable

__all__ = ["Encoder", "EncoderInfo", "fetch_weights", "list_encoders", "load_encoder", "local_weights"]

logger = logging.getLogger(__name__)


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
    return [
        EncoderInfo(form.name, form.description, all(find_spec(module) is not None for module in family.packages))
        for family in FAMILIES.values()
        for form in family.forms
    ]


def load_encoder(name: str, device: str = "cpu", *, on_progress: OnProgress = None) -> Encoder:
    """The encoder of that name.

    Args:
        name: "bundled", "bundled:whole", "multilingual", "open_clip:MODEL/PRETRAINED", "open_clip:MODEL@FILE",
            "open_clip:MODEL/PRETRAINED@FILE" for a local copy of published weights, used with their own preprocessing,
            "open_clip:local-dir:DIR" or "open_clip:hf-hub:ORG/REPO".
        device: a torch device, such as "cpu" or "cuda". Features come back on the CPU all the same.
        on_progress: told of a download of weights, (bytes there, bytes in all or 0); return True to stop.
    Raises:
        EncoderError: the name is not known.
        ConfigError: the device is not known or not there.
        WeightsError: the weights are missing, cannot be reached, or are not the expected ones. Those that come with
            the program find this out when they first encode.
        Stopped: on_progress asked for it; the next call goes on with the download.
    """
    name = name.strip()
    _family(name)
    check_device(device)
    if device == "cpu":
        return _build(name, device, on_progress)
    from seda.encoders.gpu_batches import GpuEncoder

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
    return GpuEncoder(encoder, device, lambda: _build(name, "cpu", on_progress))


def fetch_weights(name: str, on_progress: OnProgress = None) -> None:
    """Bring an encoder's published weights to this machine, without building it; nothing to do where they are there.

    Raises:
        EncoderError, WeightsError, Stopped: see `load_encoder`.
    """
    family, rest = _family(name.strip())
    family.fetch(rest, on_progress)


def local_weights(name: str) -> Path | None:
    """The file or folder that an encoder's name points to on this machine; None where the weights are published ones.

    Raises:
        WeightsError: the path cannot be looked at.
    """
    family, rest = family_of(name)
    return None if family is None else family.local(rest)


def _family(name: str) -> tuple[EncoderFamily, str]:
    """The family of an encoder's name, and what follows the colon.

    Raises:
        EncoderError: there is none of that name.
    """
    kind, _, rest = name.partition(":")
    if kind == "features" and rest:
        raise EncoderError(
            f"Features came in the file {rest:.80}, which does not name its encoder: pictures cannot be encoded like them.",
            remedy="Evaluate with --dataset features:FILE, or use an aligner whose encoder is on this machine.",
        )
    family, rest = family_of(name)
    if family is None or not family.accepts(rest):
        forms = [form.name for one in FAMILIES.values() for form in one.forms]
        raise EncoderError(
            f"The encoder {name!r:.80} is not known.", remedy=f"Choose {', '.join(forms[:-1])} or {forms[-1]}."
        )
    if readable(name) != name:
        raise EncoderError(
            f"The encoder {name!r:.80} has a name that is not UTF-8, and no aligner could be written for it.",
            remedy="Rename its file or folder.",
        )
    return family, rest


def _build(name: str, device: str, on_progress: OnProgress) -> Encoder:
    family, rest = _family(name)
    return family.build(rest, device, on_progress)
