"""open_clip configurations that came with weights from elsewhere: every key is on this list, or the weights are refused.

open_clip hands what it finds on to transformers, timm and its own builders: `text_cfg.tokenizer_kwargs` with
"trust_remote_code" runs a Python file that lies beside the weights, `timm_model_name` may name another repository, a width may
ask for more memory than there is. So nothing goes there that was not checked here.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

import open_clip
from pydantic import Field

from seda.encoders.openclip_sizes import known_parameters
from seda.errors import WeightsError
from seda.schema import Schema, check
from seda.storage import parse_json, read_plain_file

CONFIG_BYTES = 2**20
# Limits are chosen here, two to four times what the largest published model has
Width = Annotated[int, Field(ge=1, le=8192)]
Layers = Annotated[int, Field(ge=1, le=128)]
Heads = Annotated[int, Field(ge=1, le=256)]
Ratio = Annotated[float, Field(gt=0, le=16)]
Share = Annotated[float, Field(ge=0, le=1)]
Pixels = Annotated[int, Field(ge=1, le=2048)]
Token = Annotated[int, Field(ge=0, le=2_000_000)]
MAX_TOKENS = 4096  # patches of a picture, or tokens of a text: attention grows with their square
MAX_PARAMETERS = 6e9  # the largest published model has 5.0e9
# Text towers of transformers that open_clip's own models use, whose layout (data) comes from the hub; and how many parameters
# each has at least
TEXT_MODELS = {
    "roberta-base": 1.2e8, "xlm-roberta-base": 2.6e8, "xlm-roberta-large": 5.0e8, "google/mt5-base": 2.5e8, "google/mt5-xl": 1.2e9,
    "facebook/nllb-200-distilled-600M": 3.5e8, "facebook/nllb-200-distilled-1.3B": 6.0e8,
}  # fmt: skip

_REMEDY = (
    "Take the file from where the weights come from: preprocessing is not guessed, and keys that open_clip does not need to build a "
    "model are refused."
)


class ActKwargs(Schema):
    """Of GELU."""

    approximate: Literal["none", "tanh"] = "none"


class NormKwargs(Schema):
    """Of LayerNorm."""

    eps: Annotated[float, Field(ge=1e-12, le=0.1)] = 1e-5


class TokenizerKwargs(Schema):
    """No key that reaches a constructor of transformers."""

    clean: Literal["lower", "whitespace", "canonicalize"] | None = None
    strip_sep_token: bool = False


class Attention(Schema):
    """Keys that the towers of pictures and of texts share."""

    width: Width = 1
    mlp_ratio: Ratio = 4.0
    ls_init_value: Annotated[float, Field(ge=0, le=10)] | None = None
    final_ln_after_pool: bool = False
    output_tokens: bool = False
    act_kwargs: ActKwargs | None = None
    norm_kwargs: NormKwargs | None = None
    block_type: Literal["default", "custom"] | None = None
    qk_norm: bool = False
    scaled_cosine_attn: bool = False
    scale_heads: bool = False
    scale_attn_inner: bool = False
    scale_attn: bool = False
    scale_fc: bool = False


class VisionConfig(Attention):
    """open_clip's CLIPVisionCfg."""

    layers: Layers | tuple[Layers, Layers, Layers, Layers] = 12
    width: Width = 768
    head_width: Width = 64
    patch_size: Pixels | None = 16
    image_size: Pixels | tuple[Pixels, Pixels] = 224
    patch_dropout: Share = 0.0
    attentional_pool: bool = False
    attn_pooler_queries: Annotated[int, Field(ge=1, le=1024)] = 256
    attn_pooler_heads: Heads = 8
    no_ln_pre: bool = False
    pos_embed_type: Literal["learnable", "sin_cos_2d"] = "learnable"
    pool_type: Literal["tok", "avg", "none"] = "tok"
    timm_model_name: str | None = None
    timm_model_pretrained: Literal[False] = False
    timm_pool: Literal["", "avg", "max", "avgmax", "map", "token", "abs_attn", "rot_attn"] = "avg"
    timm_proj: Literal["", "linear", "mlp", "none"] | None = "linear"
    timm_proj_bias: bool = False
    timm_drop: Share = 0.0
    timm_drop_path: Share | None = None


class TextConfig(Attention):
    """open_clip's CLIPTextCfg."""

    context_length: Annotated[int, Field(ge=4, le=MAX_TOKENS)] = 77
    vocab_size: Annotated[int, Field(ge=1, le=2_000_000)] = 49408
    hf_tokenizer_name: Annotated[str, Field(max_length=1000)] | None = None  # its tokenizer.json lies in the folder
    tokenizer_mode: Literal["", "clips"] | None = None
    tokenizer_kwargs: TokenizerKwargs | None = None
    width: Width = 512
    heads: Heads = 8
    layers: Layers = 12
    embed_cls: bool = False
    pad_id: Token = 0
    eos_id: Token = 2
    no_causal_mask: bool = False
    pool_type: Literal["first", "last", "argmax", "eos", "none"] = "argmax"
    proj_bias: bool = False
    proj_type: Literal["linear", "none"] = "linear"
    hf_model_name: str | None = None
    hf_model_pretrained: bool = False  # open_clip overrules it where there are weights
    hf_proj_type: Literal["linear", "mlp"] | None = "mlp"
    hf_pooler_type: Literal["mean_pooler", "max_pooler", "cls_pooler", "cls_last_hidden_state_pooler"] | None = None


class MultimodalConfig(TextConfig):
    """open_clip's MultimodalCfg, of CoCa."""

    dim_head: Width = 64
    n_queries: Annotated[int, Field(ge=1, le=1024)] = 256
    attn_pooler_heads: Heads = 8


class ModelLayout(Schema):
    """`model_cfg` of open_clip_config.json."""

    embed_dim: Width
    vision_cfg: VisionConfig
    text_cfg: TextConfig
    multimodal_cfg: MultimodalConfig | None = None
    custom_text: bool = False
    quick_gelu: bool = False
    init_logit_scale: Annotated[float, Field(ge=-20, le=20)] = 2.66
    init_logit_bias: Annotated[float, Field(ge=-1000, le=1000)] | None = None
    nonscalar_logit_scale: bool = False
    output_dict: bool = False


Channel = Annotated[float, Field(ge=-1000, le=1000)]
Spread = Annotated[float, Field(gt=1e-6, le=1000)]


class Preprocessing(Schema):
    """`preprocess_cfg` of open_clip_config.json."""

    mean: tuple[Channel, Channel, Channel]
    std: tuple[Spread, Spread, Spread]
    size: Pixels | tuple[Pixels, Pixels] | None = None
    mode: Literal["RGB"] = "RGB"
    interpolation: Literal["bicubic", "bilinear"] | None = None
    resize_mode: Literal["shortest", "longest", "squash"] | None = None
    fill_color: Annotated[int, Field(ge=0, le=255)] = 0


class ForeignConfig(Schema):
    """All that an open_clip_config.json may hold."""

    model_cfg: ModelLayout
    preprocess_cfg: Preprocessing


def read_foreign_config(path: Path) -> dict[str, Any]:
    """The checked content of an open_clip_config.json, as it stands there.

    Raises:
        WeightsError: a key is not allowed or missing, a value is of another type or outside its range; names the key.
        FileFormatError: the file is missing, is no plain file or is not JSON.
    """
    config = parse_json(read_plain_file(path, CONFIG_BYTES), str(path))
    checked: ForeignConfig = check(ForeignConfig, config, str(path), remedy=_REMEDY, error=WeightsError)
    layout = checked.model_cfg
    vision, text = layout.vision_cfg, layout.text_cfg
    _check_known(path, "model_cfg.vision_cfg.timm_model_name", vision.timm_model_name, frozenset(_timm_parameters()))
    _check_known(path, "model_cfg.text_cfg.hf_model_name", text.hf_model_name, frozenset(TEXT_MODELS))
    if not vision.timm_model_name and isinstance(vision.layers, int):
        if vision.patch_size is None or vision.patch_size > min(_sides(vision.image_size)):
            raise _refusal(path, "model_cfg.vision_cfg.patch_size", vision.patch_size, "1 px to the picture's side")
        patches = 1
        for side in _sides(vision.image_size):
            patches *= side // vision.patch_size
        if patches > MAX_TOKENS:
            raise _refusal(path, "model_cfg.vision_cfg.patch_size", vision.patch_size, f"at most {MAX_TOKENS} patches")
    if (least := least_parameters(config["model_cfg"])) > MAX_PARAMETERS:
        raise WeightsError(
            f"{path} describes a model of {least / 1e9:,.1f} billion parameters; at most {MAX_PARAMETERS / 1e9:.0f} are allowed.",
            remedy="Take a smaller model.",
        )
    return config


def check_fits(layout: Mapping[str, Any], weights: Path) -> None:
    """Refuse a layout that needs more parameters than the file has bytes, before memory is taken for them.

    Raises:
        WeightsError: the file cannot hold that model.
    """
    least, there = least_parameters(layout), weights.stat().st_size
    if least > there:
        raise WeightsError(
            f"The model that is described beside {weights.name} has at least {least / 1e6:,.1f} million parameters; the file "
            f"holds {there / 1e6:,.1f} million bytes.",
            remedy="Take configuration and weights from the same place.",
        )


def least_parameters(layout: Mapping[str, Any]) -> float:
    """How many parameters a checked layout has at least: the large matrices alone."""
    model = ModelLayout.model_validate(layout, strict=False)
    vision = model.vision_cfg
    if vision.timm_model_name:
        count = _timm_parameters().get(vision.timm_model_name, 0.0)
    elif isinstance(vision.layers, tuple):
        # 3 x 3 convolutions; the width doubles from stage to stage
        count = sum(blocks * 9.0 * (vision.width * 2**stage) ** 2 for stage, blocks in enumerate(vision.layers))
    else:
        count = vision.layers * _block(vision) + 3.0 * vision.width * (vision.patch_size or 1) ** 2
    count += TEXT_MODELS.get(model.text_cfg.hf_model_name or "", 0.0) or _text_parameters(model.text_cfg)
    if model.multimodal_cfg is not None:
        count += model.multimodal_cfg.layers * _block(model.multimodal_cfg)
    return count


def _text_parameters(text: TextConfig) -> float:
    return text.layers * _block(text) + float(text.width) * (text.vocab_size + text.context_length)


def _block(tower: Attention) -> float:
    """Of a block of attention and its two layers."""
    return tower.width**2 * (4 + 2 * tower.mlp_ratio)


@cache
def _own_layouts() -> dict[str, ModelLayout]:
    """Layouts that come with open_clip, by model."""
    layouts = {name: open_clip.get_model_config(name) for name in open_clip.list_models()}
    return {
        name: ModelLayout.model_validate(layout, strict=False)
        for name, layout in layouts.items()
        if layout and layout["vision_cfg"] and "text_cfg" in layout
    }


@cache
def _timm_parameters() -> dict[str, float]:
    """Picture towers of timm that open_clip's own models use, and how many parameters each has at least."""

    found: dict[str, float] = {}
    for model, layout in _own_layouts().items():
        name, millions = layout.vision_cfg.timm_model_name, known_parameters().get(model)
        if name and millions:
            # a tenth less, as text towers have small parts that are not counted above
            least = 0.9 * (1e6 * millions - _text_parameters(layout.text_cfg))
            found[name] = min(found.get(name) or least, least)
        elif name:
            found.setdefault(name, 0.0)  # none of them is large
    return found


def _check_known(path: Path, key: str, value: str | None, known: frozenset[str]) -> None:
    if value and value not in known:
        raise _refusal(path, key, value, f"one that open_clip's own models use: {', '.join(sorted(known))}")


def _refusal(path: Path, key: str, value: Any, allowed: str) -> WeightsError:
    return WeightsError(f"{path}: {key} is {value!r:.80}; allowed is {allowed}.", remedy=_REMEDY)


def _sides(size: int | tuple[int, int]) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else size
