"""All published weights of open_clip: what they are called, how large they are, and which are on this machine."""

from __future__ import annotations

from dataclasses import dataclass

import open_clip

from seda.encoders.openclip import cached_file
from seda.encoders.openclip_sizes import known_parameters

BYTES = 4  # a parameter; a few files hold half precision and are half as large

# by the beginning or a part of a model's name, the first that fits
FAMILIES = (
    ("coca_", "CoCa"),
    ("nllb-clip", "NLLB-CLIP"),
    ("roberta", "CLIP with RoBERTa"),
    ("SigLIP2", "SigLIP 2"),
    ("SigLIP", "SigLIP"),
    ("CLIPA", "CLIPA"),
    ("worldwide", "MetaCLIP 2"),
    ("MobileCLIP2", "MobileCLIP 2"),
    ("MobileCLIP", "MobileCLIP"),
    ("PE-Core", "Perception Encoder"),
    ("EVA", "EVA-CLIP"),
    ("ViTamin", "ViTamin"),
    ("convnext", "CLIP with ConvNeXt"),
    ("RN", "CLIP with ResNet"),
    ("ViT", "CLIP with ViT"),
)


@dataclass(frozen=True)
class OpenClipInfo:
    """Published weights that can be asked for.

    Attributes:
        name: for `load_encoder`.
        family: what kind of model it is, for grouping.
        model, tag: the name's parts.
        parameters_m: millions of parameters; None where not known.
        image_size: px, side of the square that pictures are brought to, or (height, width).
        dim: width of the features.
        size_mb: of the file, MB of 10^6 bytes: as it lies in the cache, else from the parameters; None where not known.
        cached: whether the file is on this machine.
        tokenizer: repository on the hub that the tokenizer is taken from; "" for a built-in one.
    """

    name: str
    family: str
    model: str
    tag: str
    parameters_m: float | None
    image_size: int | tuple[int, int]
    dim: int
    size_mb: float | None
    cached: bool
    tokenizer: str


def list_open_clip() -> list[OpenClipInfo]:
    """All weights of `open_clip.list_pretrained()`, by family, then by size, model and tag. Nothing is downloaded."""
    infos = [_describe(model, tag) for model, tag in open_clip.list_pretrained()]
    order = {family: place for place, (_, family) in enumerate(reversed(FAMILIES))}
    return sorted(infos, key=lambda info: (order[info.family], info.parameters_m or 1e9, info.model, info.tag))


def family(model: str) -> str:
    """What kind of model it is."""
    return next((name for part, name in FAMILIES if part in model), FAMILIES[-1][1])


def _describe(model: str, tag: str) -> OpenClipInfo:
    layout, file = open_clip.get_model_config(model), cached_file(model, tag)
    millions, size = known_parameters().get(model), layout["vision_cfg"].get("image_size", 224)
    size_mb = None if millions is None else round(millions * BYTES, 0)
    return OpenClipInfo(
        name=f"open_clip:{model}/{tag}",
        family=family(model),
        model=model,
        tag=tag,
        parameters_m=millions,
        image_size=tuple(size) if isinstance(size, list) else size,
        dim=layout["embed_dim"],
        size_mb=size_mb if file is None else round(file.stat().st_size / 1e6, 1),
        cached=file is not None,
        tokenizer=layout["text_cfg"].get("hf_tokenizer_name") or "",
    )
