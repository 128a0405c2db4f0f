"""Encoders of open_clip: published weights by tag or from the hub, or a checkpoint of the user's own.

Features are the raw float32 outputs of both towers, not normalised; image and text share one space. Preprocessing and
tokenizer are those that belong to the weights, or the weights are refused: with the ones of another model nothing fails,
and every feature is wrong (open_clip issue 1068).
"""

from __future__ import annotations

import copy
import difflib
import os
import pickle
import re
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import huggingface_hub
import open_clip
import torch
from huggingface_hub import constants as hub
from open_clip.constants import HF_CONFIG_NAME, HF_SAFE_WEIGHTS_NAME, HF_WEIGHTS_NAME
from PIL import Image
from safetensors import SafetensorError
from torch import Tensor

from seda.data.network import is_reachable
from seda.encoders import pinned
from seda.encoders.batches import encode_all
from seda.encoders.download import NotThere, Progress, download_file
from seda.encoders.foreign_config import check_fits, read_foreign_config
from seda.encoders.json_tokenizer import JsonTokenizer
from seda.errors import EncoderError, FileFormatError, WeightsError
from seda.storage import cache_dir, fingerprint, local_path, sha256_file, write_json

ENCODER_VERSION = 2  # raise it when the code below gives other features for the same weights and preprocessing
BATCH_SIZE = 32  # images or texts; chosen here: a batch of ViT-L at 336 px stays below 1 GB
SUFFIXES = (".safetensors", ".pt", ".pth", ".bin")
PREPROCESSING_KEYS = ("mean", "std", "interpolation", "resize_mode")
# in the order that open_clip prefers
FOLDER_WEIGHTS = (
    HF_SAFE_WEIGHTS_NAME, "open_clip_pytorch_model.safetensors", HF_WEIGHTS_NAME, "open_clip_pytorch_model.pth",
    "model.safetensors", "pytorch_model.bin", "pytorch_model.pth", "model.pth",
)  # fmt: skip
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")
# what tokenizers differ in: case, accents, signs, spaces, other scripts, and length
PROBE_TEXTS = ("A photo of a CAT.", "naïve café №1", "don't -- stop!?", "  two  spaces ", "猫 и собака", "long " * 100)

_WAYS_ON = (
    "Use a local checkpoint (open_clip:MODEL/PRETRAINED@FILE or open_clip:local-dir:DIR), weights that an earlier run with a "
    "network left in the cache, or the encoder bundled, which needs no network."
)


@dataclass(frozen=True)
class OpenClipName:
    """The parts of MODEL/PRETRAINED, MODEL@FILE, MODEL/PRETRAINED@FILE, hf-hub:ORG/REPO[@REVISION] or local-dir:DIR.

    Attributes:
        model: architecture as open_clip lists it; "" where a configuration beside the weights says it.
        tag: published weights, "" when none were named.
        file: path of a checkpoint or of a folder with one, "" when published weights are meant.
        repository: ORG/REPO on the Hugging Face hub, "" for the others.
        revision: commit, branch or tag of it; "" where the first download chooses, and stays with it.
    """

    model: str
    tag: str
    file: str
    repository: str = ""
    revision: str = ""

    @classmethod
    def parse(cls, text: str) -> OpenClipName:
        """
        Raises:
            EncoderError: no weights were named, or the model or the tag is not known to open_clip.
        """
        kind, _, rest = text.partition(":")
        if kind == "hf-hub":
            parts = re.fullmatch(r"([\w.-]{1,100}/[\w.-]{1,100})(?:@([\w.-]{1,100}))?", rest, re.ASCII)
            if not parts or ".." in rest:
                raise EncoderError(
                    f"open_clip:{text!s:.80} names no repository.",
                    remedy="Write open_clip:hf-hub:ORG/REPO, or ORG/REPO@REVISION.",
                )
            return cls("", "", "", parts[1], parts[2] or "")
        if kind == "local-dir":
            return cls("", "", rest)
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
                remedy=f"Close are: {', '.join(close)}." if close else "`python -m seda list --open-clip` lists them.",
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


@dataclass(frozen=True)
class Checkpoint:
    """Weights that are on this machine, and what belongs to them.

    Attributes:
        model: of open_clip's own models, by name; "" where layout is the model.
        weights: their file.
        preprocessing: PREPROCESSING_KEYS that are stated for them; mean and std at least.
        quick_gelu: whether they were trained with the approximate activation, where the model's own layout does not say so.
        title: for the screen.
        layout: checked, of a configuration that lies beside the weights; None for open_clip's own models.
    """

    model: str
    weights: Path
    preprocessing: dict[str, Any]
    quick_gelu: bool
    title: str
    layout: dict[str, Any] | None = None

    @property
    def folder(self) -> Path:
        """Where configuration and tokenizer lie beside the weights."""
        return self.weights.parent


class OpenClipEncoder:
    """See `Encoder`. Image and text features have the same width; neither is normalised.

    Attributes:
        batch_size: images or texts at a time.
        languages, logit_scale, logit_bias: see `Encoder` and `PairedEncoder`; most of the models learned English, and none says it.
        preprocessing: size, mean, std, interpolation and resize mode of pictures.
        preprocessing_fingerprint: 16 hexadecimal digits over these and over what the tokenizer makes of some texts.

    Args:
        name: what follows "open_clip:".
        device: a torch device.
        on_progress: told of a download, (bytes there, in all); return True to stop.
    Raises:
        EncoderError: the model or the tag is not known.
        WeightsError: the checkpoint is missing, damaged or of another model, nothing says which preprocessing it needs, or
            the network is needed and not there.
        Stopped: on_progress asked for it; what is there of a download is kept.
    """

    def __init__(self, name: str, device: str = "cpu", *, on_progress: Progress | None = None) -> None:
        checkpoint = find_checkpoint(OpenClipName.parse(name), on_progress)
        layout = checkpoint.layout or open_clip.get_model_config(checkpoint.model)
        _check_hub_for_parts(checkpoint, layout["text_cfg"])
        self.name = f"open_clip:{name}"
        self.batch_size, self.languages = BATCH_SIZE, ("English",)
        self._device = device
        self._lock = threading.Lock()
        self._model, self._preprocess = _load(checkpoint)
        self._model.to(device)
        bias = getattr(self._model, "logit_bias", None)
        self.logit_scale = float(self._model.logit_scale.detach().exp().mean())  # one number, in a tensor of any shape
        self.logit_bias = None if bias is None else float(bias.detach().mean())
        self._vocab_size = _vocab_size(self._model)
        self._tokenizer = _build(checkpoint.title, lambda: _make_tokenizer(checkpoint, layout["text_cfg"]))
        settings = open_clip.get_model_preprocess_cfg(self._model)
        self.preprocessing = {key: settings[key] for key in ("size", *PREPROCESSING_KEYS)}
        tokens = self._tokens(PROBE_TEXTS).tolist()
        self.preprocessing_fingerprint = fingerprint({"images": self.preprocessing, "texts": tokens})
        self.image_dim = self.text_dim = int(layout["embed_dim"])
        weights = sha256_file(checkpoint.weights)
        if checkpoint.layout is not None:
            pinned.check_source(checkpoint.folder, {checkpoint.weights.name: weights})
        self.fingerprint = fingerprint(
            {
                "encoder": "open_clip",
                "version": ENCODER_VERSION,
                "model": checkpoint.layout or checkpoint.model,
                "quick_gelu": checkpoint.quick_gelu,
                "weights": weights,
                "preprocessing": self.preprocessing_fingerprint,
            }
        )
        settings = self.preprocessing
        self.description = (
            f"{checkpoint.title}, open_clip {open_clip.__version__}; "
            f"{_size(settings['size'])} px ({settings['resize_mode']}, {settings['interpolation']}), "
            f"mean {_numbers(settings['mean'])}, std {_numbers(settings['std'])}; "
            f"preprocessing and tokenizer {self.preprocessing_fingerprint}."
        )

    def encode_images(self, images: Sequence[Image.Image]) -> Tensor:
        """Features of RGB pictures, float32 [n, image_dim] on the CPU, in order; not normalised."""
        return encode_all(self, images)

    def prepare_image(self, image: Image.Image) -> Tensor:
        """Pixels of the one view, float32 [1, 3, h, w], as the weights' own preprocessing makes them."""
        return self._preprocess(image.convert("RGB"))[None]

    def encode_views(self, views: Tensor) -> Tensor:
        """Features of prepared views [n, 3, h, w], float32 [n, image_dim] on the CPU, in order; not normalised."""
        parts = [torch.empty(0, self.image_dim)]
        for batch in views.split(self.batch_size):
            with torch.inference_mode():
                parts.append(self._model.encode_image(batch.to(self._device)).float().cpu())
        return torch.cat(parts)  # outside of inference_mode, so that the result can be trained on

    def encode_texts(self, texts: Sequence[str]) -> Tensor:
        """Features of texts, float32 [n, text_dim] on the CPU, in order; not normalised. Long texts are cut."""
        parts = [torch.empty(0, self.text_dim)]
        for start in range(0, len(texts), self.batch_size):
            tokens = self._tokens(texts[start : start + self.batch_size])
            model, tokens = _without_padding(self._model, tokens)
            with torch.inference_mode():
                parts.append(model.encode_text(tokens.to(self._device)).float().cpu())
        return torch.cat(parts)

    def _tokens(self, texts: Sequence[str]) -> Tensor:
        """Ids int64 [b, context length].

        Raises:
            WeightsError: the tokenizer knows tokens that the model does not: they are not of the same weights.
        """
        with self._lock:  # some tokenizers refuse two threads at once ("Already borrowed")
            tokens = self._tokenizer(list(texts))
        if self._vocab_size and tokens.numel() and int(tokens.max()) >= self._vocab_size:
            raise WeightsError(
                f"The tokenizer of {self.name} gives token {int(tokens.max())}; its model knows {self._vocab_size:,}.",
                remedy="Take configuration, tokenizer and weights from the same place.",
            )
        return tokens

    def unread_texts(self, texts: Sequence[str]) -> list[str]:
        """None: these tokenizers spell what they do not know in bytes, and what pages on the web taught the models varies."""
        return []


def find_checkpoint(parts: OpenClipName, on_progress: Progress | None = None) -> Checkpoint:
    """The weights on this machine, after a download where one is needed, and what belongs to them.

    Raises:
        WeightsError: they are missing, or nothing says which preprocessing they need.
    """
    if parts.repository:
        return _of_folder(_repository_folder(parts, on_progress), f"hf-hub:{parts.repository}")
    if not parts.model:
        folder = local_path(parts.file, WeightsError)
        if not folder.is_dir():
            raise WeightsError(f"The folder {folder} does not exist.", remedy="Give a folder after local-dir:.")
        return _of_folder(folder, folder.name)
    path = _local_file(parts.file) if parts.file else _published_file(parts, on_progress)
    settings = _settings(parts, path)
    preprocessing = {key: settings[key] for key in PREPROCESSING_KEYS if key in settings}
    title = f"{parts.model}, weights {parts.tag or path.name}"
    return Checkpoint(parts.model, path, preprocessing, bool(settings.get("quick_gelu", False)), title)


def _settings(parts: OpenClipName, path: Path) -> dict[str, Any]:
    """Preprocessing and activation that belong to the weights.

    Stated by open_clip for the tag; without a tag by a configuration beside the file, else by what all published weights
    of the model agree on.

    Raises:
        WeightsError: neither says it. A guess would give wrong features without a word.
    """
    keys = (*PREPROCESSING_KEYS, "quick_gelu")
    tags = [parts.tag] if parts.tag else open_clip.list_pretrained_tags_by_model(parts.model)
    if not parts.tag and (path.parent / HF_CONFIG_NAME).is_file():
        layout, preprocessing = _read_config(path.parent)
        return {**preprocessing, "quick_gelu": layout.get("quick_gelu", False)}
    found = [
        {key: value for key, value in open_clip.get_pretrained_cfg(parts.model, tag).items() if key in keys}
        for tag in tags
    ]
    if not found or any(settings != found[0] for settings in found):
        why = f"{len(tags)} published weights differ in them" if tags else "has no published weights"
        raise WeightsError(
            f"Nothing says with which preprocessing and activation {path.name} was trained: {parts.model} {why}.",
            remedy=(f"Name the weights that it comes from, open_clip:{parts.model}/TAG@FILE ({', '.join(tags)}), or put its "
                    if tags else "Put its ") + f"{HF_CONFIG_NAME} beside it.",
        )  # fmt: skip
    return {key: value for key, value in found[0].items() if value is not None}


def _of_folder(folder: Path, title: str) -> Checkpoint:
    """See `find_checkpoint`: a folder as open_clip writes it for the hub."""
    layout, preprocessing = _read_config(folder)
    weights = _folder_weights(folder)
    check_fits(layout, weights)
    size = layout["vision_cfg"].get("image_size", 224)
    return Checkpoint("", weights, preprocessing, False, f"{title} ({weights.name}, made for {size} px)", layout)


def _folder_weights(folder: Path) -> Path:
    """The checkpoint that open_clip takes from a folder."""
    preferred = [folder / name for name in FOLDER_WEIGHTS if (folder / name).is_file()]
    others = [
        path for path in sorted(folder.glob("*")) if path.suffix in (".safetensors", ".bin", ".pth") and path.is_file()
    ]
    if preferred or len(others) == 1:
        chosen = (preferred or others)[0]
        _check_inside(chosen)
        return chosen
    raise WeightsError(
        f"The folder {folder} has {len(others)} checkpoints, none of a name that open_clip looks for.",
        remedy=f"Call the one that is meant {HF_SAFE_WEIGHTS_NAME}.",
    )


def _read_config(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Layout of the model, and preprocessing with mean and std at least, of a folder's configuration; every key was checked.

    Raises:
        WeightsError: it is missing, does not say both, or holds what is not allowed.
    """
    path = folder / HF_CONFIG_NAME
    if not path.exists():
        raise WeightsError(
            f"{folder} has no {HF_CONFIG_NAME}.",
            remedy="Take the file from where the weights come from; preprocessing is not guessed.",
        )
    _check_inside(path)
    try:
        config = read_foreign_config(path)
    except FileFormatError as error:
        raise WeightsError(error.message, remedy=error.remedy) from error
    stated = config["preprocess_cfg"]
    # files of before 2023 state no more than mean and std; the others were then always open_clip's defaults
    preprocessing = {key: stated[key] for key in PREPROCESSING_KEYS if stated.get(key) is not None}
    preprocessing |= {key: tuple(float(value) for value in stated[key]) for key in ("mean", "std")}
    return config["model_cfg"], preprocessing


def _check_inside(file: Path) -> None:
    """A folder of other people may hold links to what is not theirs.

    Raises:
        WeightsError: the file is a link that leaves its folder, other than into the same repository of the hub's cache.
    """
    target, folder = file.resolve(), file.parent.resolve()
    roots = [folder, *([folder.parent.parent / "blobs"] if folder.parent.name == "snapshots" else [])]
    if not any(target.is_relative_to(root) for root in roots):
        raise WeightsError(
            f"{file} is a link to a place outside of its folder.",
            remedy="Put the file itself there, or name it after an @: open_clip:MODEL@FILE.",
        )


def _local_file(file: str) -> Path:
    path = local_path(file, WeightsError)
    if path.is_dir():
        return _folder_weights(path)
    if not path.is_file():
        raise WeightsError(f"The checkpoint {path} does not exist.", remedy="Give the path of a file after the @.")
    if path.suffix.lower() not in SUFFIXES:
        raise WeightsError(
            f"The checkpoint {path.name} is not of a kind that is read; these are {', '.join(SUFFIXES)}.",
            remedy="Save the model's state_dict as .safetensors.",
        )
    return path


def downloads() -> Path:
    """Folder of weights that were downloaded here, one below it for each repository."""
    return cache_dir() / "open_clip"


def cached_file(model: str, tag: str) -> Path | None:
    """The file of published weights where it is on this machine: the hub's cache, open_clip's or ours. No network."""
    settings = open_clip.get_pretrained_cfg(model, tag)
    if repository := _repository(settings):
        for candidate in _candidates(settings):
            if isinstance(cached := huggingface_hub.try_to_load_from_cache(repository, candidate), str):
                return Path(cached)
            if (ours := _our_folder(repository) / candidate).is_file():
                return ours
    if settings.get("url"):
        name = settings["url"].rpartition("/")[2]
        for path in (Path.home() / ".cache" / "clip" / name, downloads() / name):  # the first is open_clip's own place
            if path.is_file():
                return path
    return None


def _repository(settings: dict[str, Any]) -> str:
    return os.path.split(settings.get("hf_hub") or "")[0]


def _our_folder(repository: str, revision: str = "") -> Path:
    return downloads() / (repository.replace("/", "--") + (f"@{revision}" if revision else ""))


def _candidates(settings: dict[str, Any]) -> list[str]:
    """Files of the repository that may hold the weights, safe forms first."""
    file = os.path.split(settings["hf_hub"])[1]
    if not file:
        return [HF_SAFE_WEIGHTS_NAME, HF_WEIGHTS_NAME]
    return [file[:-4] + ".safetensors", file] if file.endswith((".bin", ".pth")) else [file]


def _published_file(parts: OpenClipName, on_progress: Progress | None) -> Path:
    """The file of published weights: from a cache, else downloaded."""
    if (cached := cached_file(parts.model, parts.tag)) is not None:
        return cached
    settings = open_clip.get_pretrained_cfg(parts.model, parts.tag)
    what = f"The weights {parts.model}/{parts.tag}"
    if repository := _repository(settings):
        _check_network(what, hub.ENDPOINT)
        return _from_hub(what, repository, _candidates(settings), on_progress)
    url = settings["url"]
    _check_network(what, url)
    sha256 = next((part for part in url.split("/") if re.fullmatch("[0-9a-f]{64}", part)), "")  # OpenAI's addresses
    return download_file(url, downloads() / url.rpartition("/")[2], sha256=sha256, on_progress=on_progress)


def _repository_folder(parts: OpenClipName, on_progress: Progress | None) -> Path:
    """The folder with configuration, weights and tokenizer of a repository: the hub's cache, else ours, else downloaded.

    All files of ours are of one revision, that of the first one, also where a download goes on another day.
    """
    repository, folder = parts.repository, _our_folder(parts.repository, parts.revision)
    cached = huggingface_hub.try_to_load_from_cache(repository, HF_CONFIG_NAME, revision=parts.revision or None)
    for there in ([Path(cached).parent] if isinstance(cached, str) else []) + [folder]:
        if _is_whole(there):
            return there
    what = f"The files of {repository}"
    _check_network(what, hub.ENDPOINT)
    source = pinned.read_source(folder)
    first = f"{hub.ENDPOINT}/{repository}/resolve/{pinned.MAIN}/{HF_CONFIG_NAME}"
    revision = parts.revision or (pinned.commit_of(first) if source is None else source.revision)

    def fetch(*names: str, on_progress: Progress | None = None) -> None:
        path = _from_hub(what, repository, names, on_progress, revision=revision, folder=folder)
        pinned.keep_source(folder, revision, path.name)

    fetch(HF_CONFIG_NAME)
    layout, _ = _read_config(folder)  # before anything large comes
    if layout["text_cfg"].get("hf_tokenizer_name"):
        for name in TOKENIZER_FILES:
            try:
                fetch(name)
            except NotThere:  # which of them there are differs
                continue
    fetch(HF_SAFE_WEIGHTS_NAME, HF_WEIGHTS_NAME, on_progress=on_progress)
    return folder


def _is_whole(folder: Path) -> bool:
    """Whether configuration and weights are there, and a tokenizer where one is needed."""
    if not (folder / HF_CONFIG_NAME).is_file() or not any((folder / name).is_file() for name in FOLDER_WEIGHTS):
        return False
    needed = _read_config(folder)[0]["text_cfg"].get("hf_tokenizer_name")
    return not needed or (folder / TOKENIZER_FILES[0]).is_file()


def _from_hub(
    what: str,
    repository: str,
    names: Sequence[str],
    on_progress: Progress | None,
    *,
    revision: str = pinned.MAIN,
    folder: Path | None = None,
) -> Path:
    """The first of these files that the repository has, in our folder."""
    folder = folder or _our_folder(repository)
    for name in names:
        url = f"{hub.ENDPOINT}/{repository}/resolve/{revision}/{name}"
        try:
            return download_file(url, folder / name, on_progress=on_progress)
        except NotThere:
            continue
        except WeightsError as error:
            remedy = " ".join(part for part in (error.remedy, _WAYS_ON) if part)
            raise WeightsError(f"{what} could not be downloaded. {error.message}", remedy=remedy) from error
    raise NotThere(f"{repository} on {_host(hub.ENDPOINT)} has none of {', '.join(names)}.", remedy=_WAYS_ON)


def _check_network(what: str, server: str) -> None:
    """
    Raises:
        WeightsError: the network is away or switched off; names the ways on.
    """
    if hub.is_offline_mode():
        raise WeightsError(f"{what} are not in the cache and HF_HUB_OFFLINE is set.", remedy=_WAYS_ON)
    if not is_reachable(server):
        raise WeightsError(f"{what} are not in the cache and {_host(server)} cannot be reached.", remedy=_WAYS_ON)


def _check_hub_for_parts(checkpoint: Checkpoint, text: dict[str, Any]) -> None:
    """Some models take their tokenizer or text layout from the hub: find out quickly whether it is away."""
    parts = {text.get("hf_model_name")}
    if checkpoint.layout is None:  # else the tokenizer lies in the folder
        parts.add(text.get("hf_tokenizer_name"))
    for name in sorted(part for part in parts if part is not None and part != ""):
        wanted = ("tokenizer_config.json", "config.json")
        if any(isinstance(huggingface_hub.try_to_load_from_cache(name, file), str) for file in wanted):
            continue
        if hub.is_offline_mode() or not is_reachable(hub.ENDPOINT):
            raise WeightsError(
                f"The model {checkpoint.title} takes its tokenizer from {name} on {_host(hub.ENDPOINT)}, which cannot be reached.",
                remedy="Choose a model with a built-in tokenizer, such as ViT-B-32, or the encoder bundled.",
            )


def _make_tokenizer(checkpoint: Checkpoint, text: dict[str, Any]) -> Callable[[list[str]], Tensor]:
    """Of open_clip's own models what open_clip takes, of others their tokenizer.json; never code of a repository."""
    if checkpoint.layout is None:
        safe = {"trust_remote_code": False} if text.get("hf_tokenizer_name") else {}
        return open_clip.get_tokenizer(checkpoint.model, **safe)
    length = text.get("context_length", open_clip.tokenizer.DEFAULT_CONTEXT_LENGTH)
    wanted = text.get("tokenizer_kwargs") or {}
    if not text.get("hf_tokenizer_name"):
        return open_clip.SimpleTokenizer(context_length=length, clean=wanted.get("clean") or "lower")
    file = checkpoint.folder / TOKENIZER_FILES[0]
    if not file.is_file():
        raise WeightsError(
            f"{checkpoint.title} names a tokenizer, and {checkpoint.folder} has no {file.name}.",
            remedy="Only tokenizers that are data are read: put the tokenizer.json of the weights there.",
        )
    for name in TOKENIZER_FILES:
        if (checkpoint.folder / name).exists():
            _check_inside(checkpoint.folder / name)
    return JsonTokenizer(
        checkpoint.folder, length, clean=wanted.get("clean") or "whitespace",
        strip_sep_token=wanted.get("strip_sep_token", False), mode=text.get("tokenizer_mode") or "",
    )  # fmt: skip


def _vocab_size(model: torch.nn.Module) -> int:
    """How many tokens a model knows; 0 where it does not say."""
    found = getattr(model, "vocab_size", None) or getattr(getattr(model, "text", None), "vocab_size", None)
    return int(found or 0)


def _load(checkpoint: Checkpoint) -> tuple[open_clip.CLIP, Any]:
    """The model in eval mode with these weights, and its preprocessing of one picture.

    Raises:
        WeightsError: the file does not fit the model, or open_clip built another preprocessing than the stated one.
    """
    stated = {f"image_{key}": value for key, value in checkpoint.preprocessing.items()}

    def create() -> tuple[open_clip.CLIP, Any, Any]:
        with _as_open_clip_takes_it(checkpoint) as model:
            return open_clip.create_model_and_transforms(
                model,
                pretrained=None if checkpoint.layout else str(checkpoint.weights),
                precision="fp32",
                force_quick_gelu=checkpoint.quick_gelu,
                weights_only=True,
                **stated,
            )

    built, _, preprocess = _build(checkpoint.model or checkpoint.title, create, checkpoint.weights.name)
    found = open_clip.get_model_preprocess_cfg(built)
    for key, value in checkpoint.preprocessing.items():
        if _plain(found[key]) != _plain(value):
            raise WeightsError(
                f"open_clip {open_clip.__version__} prepares pictures for {checkpoint.title} with {key} {found[key]}; its "
                f"weights were trained with {value}.",
                remedy="Install the version of open_clip that requirements.txt names.",
            )
    return built.eval().requires_grad_(False), preprocess


@contextmanager
def _as_open_clip_takes_it(checkpoint: Checkpoint) -> Iterator[str]:
    """A model's name; for a layout, that of a folder of ours with what was checked and a link to the weights, nothing else.

    open_clip would read the foreign folder's files a second time, when they may have changed.
    """
    if checkpoint.layout is None:
        yield checkpoint.model
        return
    stated = {
        key: list(value) if isinstance(value, tuple) else value for key, value in checkpoint.preprocessing.items()
    }
    with tempfile.TemporaryDirectory(prefix="seda-") as ours:
        write_json(Path(ours) / HF_CONFIG_NAME, {"model_cfg": checkpoint.layout, "preprocess_cfg": stated})
        (Path(ours) / checkpoint.weights.name).symlink_to(checkpoint.weights.resolve())
        yield f"local-dir:{ours}"


def _without_padding(model: open_clip.CLIP, tokens: Tensor) -> tuple[open_clip.CLIP, Tensor]:
    """Model and tokens [b, l] cut at the end of the longest text, where what comes after it changes nothing: the text tower of
    CLIP proper looks back only, and is read at each text's end. A prompt is a sixth of the 77 tokens. Others come back as they are."""
    looks_back = isinstance(model, open_clip.CLIP) and model.attn_mask is not None and model.text_pool_type == "argmax"
    length = int(tokens.argmax(1).max()) + 1 if looks_back and len(tokens) else tokens.shape[1]
    if length >= tokens.shape[1]:
        return model, tokens
    short = copy.copy(model)  # the same weights
    short.__dict__["_parameters"] = {**model._parameters, "positional_embedding": model.positional_embedding[:length]}
    short.__dict__["_buffers"] = {**model._buffers, "attn_mask": model.attn_mask[:length, :length]}
    return short, tokens[:, :length]


def _plain(value: Any) -> Any:
    return tuple(value) if isinstance(value, list | tuple) else value


def _build(model: str, create: Callable[[], Any], file: str = "") -> Any:
    """Run one of open_clip's builders and say in one sentence what went wrong."""
    what = f"The checkpoint {file} could not be loaded into {model}" if file else f"{model} could not be built"
    try:
        return create()
    except WeightsError:
        raise
    except FileFormatError as error:
        raise WeightsError(error.message, remedy=error.remedy) from error
    except (SafetensorError, pickle.UnpicklingError, EOFError, StopIteration) as error:
        raise WeightsError(f"{what}: it is damaged or not a checkpoint.", remedy=_check_file(model)) from error
    except (
        RuntimeError, LookupError, TypeError, AttributeError, ValueError, OSError, ImportError, AssertionError, ArithmeticError,
        MemoryError,
    ) as error:  # fmt: skip
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
