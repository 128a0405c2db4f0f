"""Sounds, pictures and names made worse on purpose: what still holds then?

An amount is 0 to 1: 0 changes nothing, 1 leaves little. Each has a seed or none to draw, so the same comes out again.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from PIL import Image

from seda.sounds import Sound

LOUDEST, SOFTEST = 20.0, -10.0  # dB of the sound above the noise, at amounts near 0 and at 1
SMALLEST = 0.3  # of each side of a picture, at 1


def noisy_sound(sound: Sound, amount: float, seed: int = 0) -> Sound:
    """White noise under a sound, 20 dB below it where the amount is little and 10 dB above it at 1."""
    if amount <= 0:
        return sound
    noise = np.random.default_rng(seed).standard_normal(len(sound.samples)).astype(np.float32)
    power = float(np.mean(np.square(sound.samples)))
    below = LOUDEST + (SOFTEST - LOUDEST) * min(amount, 1.0)
    noise *= (power / 10 ** (below / 10)) ** 0.5
    return replace(sound, samples=sound.samples + noise)


def cropped_picture(image: Image.Image, amount: float) -> Image.Image:
    """The middle of a picture: all of it at 0, SMALLEST of each side at 1."""
    if amount <= 0:
        return image
    share = 1 - (1 - SMALLEST) * min(amount, 1.0)
    width, height = (max(8, round(side * share)) for side in image.size)
    left, top = (image.width - width) // 2, (image.height - height) // 2
    return image.crop((max(left, 0), max(top, 0), max(left, 0) + width, max(top, 0) + height))


def gapped_name(name: str, amount: float, seed: int = 0) -> str:
    """A name without some of its letters: as many as the amount says, and at least one stays."""
    if amount <= 0:
        return name
    places = [place for place, letter in enumerate(name) if letter.isalnum()]
    count = min(round(min(amount, 1.0) * len(places)), len(places) - 1)
    if count <= 0:
        return name
    gone = set(np.random.default_rng(seed).permutation(places)[:count].tolist())
    return " ".join("".join("" if place in gone else letter for place, letter in enumerate(name)).split())
