"""Encoders of open_clip: published weights by tag, or a checkpoint of the user's own.

Features are the raw float32 outputs of both towers, not normalised; image and text share one space.
"""

from __future__ import annotations

import difflib
import os
import pickle
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import huggingface_hub
import open_clip
import torch
from huggingface_hub import constants as hub
from open_clip.constants import HF_SAFE_WEIGHTS_NAME, HF_WEIGHTS_NAME
from PIL import Image
from safetensors import SafetensorError
from torch import Tensor

from seda.data.network import is_reachable
from seda.errors import EncoderError, WeightsError
from seda.storage import fingerprint, sha256_file

ENCODER_VERSION = 1  # raise it when the code below gives other features for the same weights and preprocessing
BATCH_SIZE = 32  # images or texts; chosen here: a batch of ViT-L at 336 px stays below 1 GB
SUFFIXES = (".safetensors", ".pt", ".pth", ".bin")
PREPROCESSING_KEYS = ("mean", "std", "interpolation", "resize_mode")

_WAYS_ON = (
    "Use a local checkpoint (open_clip:MODEL/PRETRAINED@FILE), weights that an earlier run with a network left in the "
    "cache, or the encoder bundled, which needs no network."
)


@dataclass(frozen=True)
class OpenClipName:
    """The parts of MODEL/PRETRAINED, MODEL@FILE or MODEL/PRETRAINED@FILE.

    Attributes:
        model: architecture as open_clip lists it.
        tag: published weights, "" when none were named.
        file: path of a checkpoint, "" when the published weights are meant.
    """

    model: str
    tag: str
    file: str

    @classmethod
    def parse(cls, text: str) -> OpenClipName:
        """
        Raises:
            EncoderError: no weights were named, or the model or the tag is not known to open_clip.
        """
        front, _, file = text.partition("@")
        known = set(open_clip.list_models())
        model, _, tag = front.rpartition("/")
        if front.replace("/", "-") in known:
            model, tag = front, ""
        model = model.replace("/", "-")  # open_clip takes ViT-B/32 for ViT-B-32
        if not model:
            model, tag = front, ""
        if model not in known:
            close = difflib.get_close_matches(model, sorted(known), n=5, cutoff=0.4)
            raise EncoderError(
                f"open_clip has no model {model!r:.80}.",
                remedy=f"Close are: {', '.join(close)}." if close else "open_clip.list_models() lists them.",
            )
        tags = open_clip.list_pretrained_tags_by_model(model)
        if not tag and not file:
            raise EncoderError(
                f"The name open_clip:{text} says no weights.",
                remedy=f"Add one of {', '.join(tags)} after a /, or a checkpoint of your own after an @."
                if tags
                else "This model has no published weights: add a checkpoint of your own after an @.",
            )
        if tag and not open_clip.get_pretrained_cfg(model, tag):
            close = difflib.get_close_matches(tag, tags, n=5, cutoff=0.3) or tags
            raise EncoderError(
                f"open_clip has no weights {tag!r:.80} for {model}.",
                remedy=f"Close are: {', '.join(close)}." if close else "This model has no published weights.",
            )
        return cls(model, tag, file)


class OpenClipEncoder:
    """See `Encoder`. Image and text features have the same width; neither is normalised.

    Args:
        name: what follows "open_clip:".
        device: a torch device.
    Raises:
        EncoderError: the model or the tag is not known.
        WeightsError: the checkpoint is missing, damaged or of another model, or the network is needed and not there.
    """

    def __init__(self, name: str, device: str = "cpu") -> None:
        parts = OpenClipName.parse(name)
        published = _published_settings(parts)
        path = _local_file(parts.file) if parts.file else _published_file(parts)
        _check_hub_for_parts(parts.model)
        self.name = f"open_clip:{name}"
        self._device = device
        self._lock = threading.Lock()
        self._model, self._preprocess = _load(parts.model, path, published)
        self._model.to(device)
        self._tokenizer = _build(parts.model, lambda: open_clip.get_tokenizer(parts.model))
        settings = open_clip.get_model_preprocess_cfg(self._model)
        settings = {key: settings[key] for key in ("size", *PREPROCESSING_KEYS)}
        self.image_dim = self.text_dim = int(open_clip.get_model_config(parts.model)["embed_dim"])
        self.fingerprint = fingerprint(
            {
                "encoder": "open_clip",
                "version": ENCODER_VERSION,
                "model": parts.model,
                "quick_gelu": published.get("quick_gelu", False),
                "weights": sha256_file(path),
                "preprocessing": settings,
            }
        )
        self.description = (
            f"{parts.model} of open_clip {open_clip.__version__}, weights {parts.tag or Path(parts.file).name}; "
            f"{_size(settings['size'])} px ({settings['resize_mode']}, {settings['interpolation']}), "
            f"mean {_numbers(settings['mean'])}, std {_numbers(settings['std'])}."
        )

    def encode_images(self, images: Sequence[Image.Image]) -> Tensor:
        """Features of RGB pictures, float32 [n, image_dim] on the CPU, in order; not normalised."""
        parts = [torch.empty(0, self.image_dim)]
        for start in range(0, len(images), BATCH_SIZE):
            batch = [self._preprocess(image.convert("RGB")) for image in images[start : start + BATCH_SIZE]]
            with torch.inference_mode():
                parts.append(self._model.encode_image(torch.stack(batch).to(self._device)).float().cpu())
        return torch.cat(parts)  # outside of inference_mode, so that the result can be trained on

    def encode_texts(self, texts: Sequence[str]) -> Tensor:
        """Features of texts, float32 [n, text_dim] on the CPU, in order; not normalised. Long texts are cut."""
        parts = [torch.empty(0, self.text_dim)]
        for start in range(0, len(texts), BATCH_SIZE):
            with self._lock:  # some tokenizers refuse two threads at once ("Already borrowed")
                tokens = self._tokenizer(list(texts[start : start + BATCH_SIZE]))  # [b, context length]
            with torch.inference_mode():
                parts.append(self._model.encode_text(tokens.to(self._device)).float().cpu())
        return torch.cat(parts)


def _published_settings(parts: OpenClipName) -> dict[str, Any]:
    """Preprocessing and activation that belong to the weights; loading a file by its path alone would lose them.

    With a file and no tag: what all published weights of the model agree on, else nothing, which leaves open_clip's
    defaults.
    """
    keys = (*PREPROCESSING_KEYS, "quick_gelu")
    tags = [parts.tag] if parts.tag else open_clip.list_pretrained_tags_by_model(parts.model)
    found = [
        {key: value for key, value in open_clip.get_pretrained_cfg(parts.model, tag).items() if key in keys}
        for tag in tags
    ]
    agreed = found[0] if found and all(settings == found[0] for settings in found) else {}
    return {key: value for key, value in agreed.items() if value is not None}


def _local_file(file: str) -> Path:
    path = Path(file).expanduser()
    if not path.is_file():
        raise WeightsError(f"The checkpoint {path} does not exist.", remedy="Give the path of a file after the @.")
    if path.suffix.lower() not in SUFFIXES:
        raise WeightsError(
            f"The checkpoint {path.name} is not of a kind that is read; these are {', '.join(SUFFIXES)}.",
            remedy="Save the model's state_dict as .safetensors.",
        )
    return path


def _published_file(parts: OpenClipName) -> Path:
    """The file of published weights: from the cache, else downloaded."""
    settings = open_clip.get_pretrained_cfg(parts.model, parts.tag)
    if settings.get("hf_hub"):
        repository, file = os.path.split(settings["hf_hub"])
        wanted = [file] if file else [HF_SAFE_WEIGHTS_NAME, HF_WEIGHTS_NAME]
        if file.endswith((".bin", ".pth")):
            wanted.insert(0, file[:-4] + ".safetensors")
        for candidate in wanted:
            if isinstance(cached := huggingface_hub.try_to_load_from_cache(repository, candidate), str):
                return Path(cached)
        server = hub.ENDPOINT
    else:
        server = settings["url"]
        cached = Path.home() / ".cache" / "clip" / server.rpartition("/")[2]  # open_clip's own place
        if cached.is_file():
            return cached
    what = f"The weights {parts.model}/{parts.tag}"
    if hub.is_offline_mode():
        raise WeightsError(f"{what} are not in the cache and HF_HUB_OFFLINE is set.", remedy=_WAYS_ON)
    if not is_reachable(server):
        raise WeightsError(f"{what} are not in the cache and {_host(server)} cannot be reached.", remedy=_WAYS_ON)
    try:
        return Path(open_clip.download_pretrained(settings))
    except (OSError, RuntimeError, ValueError) as error:
        raise WeightsError(f"{what} could not be downloaded ({_first_words(error)}).", remedy=_WAYS_ON) from error


def _check_hub_for_parts(model: str) -> None:
    """Some models take their tokenizer or text layout from the hub: find out quickly whether it is away."""
    text = open_clip.get_model_config(model)["text_cfg"]
    names = {text.get("hf_tokenizer_name"), text.get("hf_model_name")} - {None, ""}
    for name in sorted(names):
        wanted = ("tokenizer_config.json", "config.json")
        if any(isinstance(huggingface_hub.try_to_load_from_cache(name, file), str) for file in wanted):
            continue
        if hub.is_offline_mode() or not is_reachable(hub.ENDPOINT):
            raise WeightsError(
                f"The model {model} takes its tokenizer from {name} on {_host(hub.ENDPOINT)}, which cannot be reached.",
                remedy="Choose a model with a built-in tokenizer, such as ViT-B-32, or the encoder bundled.",
            )


def _load(model: str, path: Path, published: dict[str, Any]) -> tuple[torch.nn.Module, Any]:
    """The model in eval mode with these weights, and its preprocessing of one picture."""
    preprocessing = {f"image_{key}": published[key] for key in PREPROCESSING_KEYS if key in published}

    def create() -> tuple[torch.nn.Module, Any, Any]:
        return open_clip.create_model_and_transforms(
            model,
            pretrained=str(path),
            precision="fp32",
            force_quick_gelu=published.get("quick_gelu", False),
            weights_only=True,
            **preprocessing,
        )

    built, _, preprocess = _build(model, create, path.name)
    return built.eval().requires_grad_(False), preprocess


def _build(model: str, create: Callable[[], Any], file: str = "") -> Any:
    """Run one of open_clip's builders and say in one sentence what went wrong."""
    what = f"The checkpoint {file} could not be loaded into {model}" if file else f"{model} could not be built"
    try:
        return create()
    except (SafetensorError, pickle.UnpicklingError, EOFError, StopIteration) as error:
        raise WeightsError(f"{what}: it is damaged or not a checkpoint.", remedy=_check_file(model)) from error
    except (RuntimeError, KeyError, TypeError, AttributeError, ValueError, OSError, ImportError) as error:
        raise WeightsError(f"{what} ({_first_words(error)}).", remedy=_check_file(model)) from error


def _check_file(model: str) -> str:
    return f"Check that the file is a state_dict of {model}, saved as tensors only; {SUFFIXES[0]} is the safest form."


def _first_words(error: BaseException) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 240 else f"{text[:240]}…"


def _host(url: str) -> str:
    return url.split("//")[-1].split("/")[0]


def _size(size: int | Sequence[int]) -> str:
    return str(size) if isinstance(size, int) else " x ".join(str(side) for side in size)


def _numbers(values: float | Sequence[float]) -> str:
    return "/".join(f"{value:.3g}" for value in ([values] if isinstance(values, int | float) else values))
