"""A small model of open_clip that really is a pair: trained in seconds on drawn pictures and what they show.

Its two towers start apart and are brought together by the cosines of pairs alone, as CLIP's are, so that there is a gap between
the modalities as in CLIP. For tests only; nothing is downloaded.
"""

from __future__ import annotations

import itertools
import json
import logging
from functools import cache
from pathlib import Path

import numpy as np
import open_clip
import torch
from PIL import Image, ImageDraw
from safetensors.torch import save_file
from torch import Tensor

COLORS = {
    "red": (205, 35, 40), "green": (40, 165, 60), "blue": (40, 70, 205), "yellow": (225, 205, 45),
    "purple": (140, 50, 165), "orange": (235, 130, 30), "white": (245, 245, 245), "black": (20, 20, 20),
}  # fmt: skip
SHAPES = ("circle", "square", "triangle", "ring", "cross", "stripe")
SIZES = ("small", "large")
GROUNDS = {"grey": (128, 128, 128), "brown": (120, 80, 50), "pink": (240, 175, 190)}
NAMES = tuple(f"{color} {shape}" for color, shape in itertools.product(COLORS, SHAPES))
PHRASES = ("{}", "a photo of a {}", "a picture of a {}", "a drawing of a {}", "a close-up of the {}")
SIDE = 32
LAYOUT = {
    "embed_dim": 48,
    "vision_cfg": {"image_size": SIDE, "layers": 1, "width": 64, "head_width": 32, "patch_size": 16},
    "text_cfg": {"context_length": 14, "vocab_size": 49408, "width": 48, "heads": 2, "layers": 1},
}
PREPROCESSING = {"mean": [0.5] * 3, "std": [0.25] * 3, "interpolation": "bilinear", "resize_mode": "squash"}
PAIRS, STEPS, BATCH, RATE = 3_000, 500, 64, 4e-3


def drawn(name: str, seed: int) -> Image.Image:
    """A picture of "red circle" and the like; size, place, ground and grain differ with the seed."""
    return _draw(name, np.random.default_rng([NAMES.index(name), seed]))[0]


def image_folder(folder: Path, names: tuple[str, ...], seeds: range) -> Path:
    """One sub-folder a name, as `--dataset folder:DIR` takes it."""
    for name in names:
        (folder / name).mkdir(parents=True, exist_ok=True)
        for seed in seeds:
            drawn(name, seed).save(folder / name / f"{seed}.png")
    return folder


def write_clip(folder: Path, seed: int = 0) -> Path:
    """A folder for `open_clip:local-dir:DIR`, with the model that was trained with that seed."""
    return write_model(folder, LAYOUT, trained(seed))


def write_model(folder: Path, layout: dict, weights: dict[str, Tensor]) -> Path:
    """A folder as open_clip writes it for the hub."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": layout, "preprocess_cfg": PREPROCESSING}))
    save_file(weights, folder / "open_clip_model.safetensors")
    return folder


def random_weights(layout: dict, seed: int = 0) -> dict[str, Tensor]:
    """Of an untrained model."""
    return _model(layout, seed).state_dict()


@cache
def trained(seed: int = 0) -> dict[str, Tensor]:
    """Weights of the pair, trained once a process."""
    model, tokenizer = (
        _model(LAYOUT, seed),
        open_clip.SimpleTokenizer(context_length=LAYOUT["text_cfg"]["context_length"]),
    )
    rng = np.random.default_rng([seed, 1])
    pictures, captions = zip(*(_draw(str(rng.choice(NAMES)), rng) for _ in range(PAIRS)), strict=True)
    pixels = torch.from_numpy(np.stack([np.asarray(picture) for picture in pictures])).permute(0, 3, 1, 2).float()
    pixels = (pixels / 255 - 0.5) / 0.25  # as PREPROCESSING says
    tokens = tokenizer(list(captions))
    generator = torch.Generator().manual_seed(seed)
    # random directions tell tokens apart well enough; learning all 49,408 of them would take most of the time
    model.token_embedding.weight.requires_grad_(False).mul_(50)
    optimizer = torch.optim.AdamW(
        [p for p in model.parameters() if p.requires_grad], betas=(0.9, 0.98), weight_decay=0.05
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=STEPS, pct_start=0.1)
    labels = torch.arange(BATCH)
    model.train()
    for _ in range(STEPS):
        rows = torch.randint(PAIRS, (BATCH,), generator=generator)
        images, texts, scale = model(pixels[rows], tokens[rows])
        logits = scale * images @ texts.T
        loss = (
            torch.nn.functional.cross_entropy(logits, labels) + torch.nn.functional.cross_entropy(logits.T, labels)
        ) / 2
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        with torch.no_grad():
            model.logit_scale.clamp_(max=float(np.log(100)))
    return {name: value.detach().clone() for name, value in model.state_dict().items()}


def _model(layout: dict, seed: int) -> open_clip.CLIP:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        logging.disable(logging.WARNING)  # it says that the weights are random
        try:
            return open_clip.CLIP(**layout)
        finally:
            logging.disable(logging.NOTSET)


def _draw(name: str, rng: np.random.Generator) -> tuple[Image.Image, str]:
    """A picture, and what its caption says: not always the size and the ground, and in one of several phrases."""
    color, shape = name.split()
    size, ground = str(rng.choice(SIZES)), str(rng.choice(list(GROUNDS)))
    half = SIDE * 4 * (rng.uniform(0.22, 0.28) if size == "small" else rng.uniform(0.36, 0.44))
    x, y = SIDE * 4 * rng.uniform(0.42, 0.58, 2)
    paint = tuple(int(np.clip(value + rng.normal(0, 22), 0, 255)) for value in COLORS[color])
    image = Image.new("RGB", (SIDE * 4, SIDE * 4), GROUNDS[ground])
    draw = ImageDraw.Draw(image)
    box = (x - half, y - half, x + half, y + half)
    if shape == "circle":
        draw.ellipse(box, fill=paint)
    elif shape == "ring":
        draw.ellipse(box, outline=paint, width=int(half / 2.2))
    elif shape == "square":
        draw.rectangle(box, fill=paint)
    elif shape == "triangle":
        draw.polygon([(x, y - half), (x + half, y + half), (x - half, y + half)], fill=paint)
    elif shape == "cross":
        draw.rectangle((x - half, y - half / 4, x + half, y + half / 4), fill=paint)
        draw.rectangle((x - half / 4, y - half, x + half / 4, y + half), fill=paint)
    else:
        draw.rectangle((0, y - half / 3, SIDE * 4, y + half / 3), fill=paint)
    small = np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BOX), np.float32)
    grainy = Image.fromarray(np.clip(small + rng.normal(0, 10, small.shape), 0, 255).astype(np.uint8))
    said = (f"{size} " if rng.random() < 0.4 else "") + name + (f" on {ground}" if rng.random() < 0.4 else "")
    return grainy, str(rng.choice(PHRASES)).replace("{}", said)
