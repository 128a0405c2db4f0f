"""Mel spectrograms: what of a sound an encoder looks at, and a picture of it for people.

Shapes: t samples, f frames, b bands.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from PIL import Image

from seda.sounds import Sound

RATE = 44_100  # samples a second that bands are laid over
WINDOW, HOP = 2048, 1024  # samples: 46 and 23 ms
BANDS = 96
DYNAMIC = 1e4  # what powers are multiplied by before their logarithm


def log_mel(samples: np.ndarray) -> np.ndarray:
    """log10(1 + 1e4 power) in mel bands, float32 [f, b], of samples [t] at RATE.

    The loudest sample is brought to 1; windows stand on multiples of HOP, with zeros beyond both ends.
    """
    samples = samples / max(float(np.abs(samples).max(initial=0.0)), 1e-9)
    padded = np.pad(samples, WINDOW // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP]  # [f, WINDOW]
    power = np.abs(np.fft.rfft(frames * _window(), axis=1)) ** 2
    return np.log10(1 + DYNAMIC * (power @ _bands().T)).astype(np.float32)


def mel_picture(sound: Sound, size: int = 96) -> Image.Image:
    """The sound as a square picture of `size` px: time to the right, low tones below, light where it is loud."""
    mel = log_mel(sound.at(RATE)).T[::-1]  # [b, f], high tones first
    shade = mel / max(float(mel.max()), 1e-6)
    dark, middle, light = (np.array(color, np.float32) for color in ((18, 24, 58), (201, 72, 91), (255, 236, 168)))
    below = dark + (middle - dark) * np.minimum(2 * shade, 1)[..., None]
    colored = below + (light - middle) * np.maximum(2 * shade - 1, 0)[..., None]
    return Image.fromarray(np.clip(colored, 0, 255).astype(np.uint8)).resize((size, size), Image.Resampling.BILINEAR)


@cache
def _window() -> np.ndarray:
    return np.hanning(WINDOW + 1)[:-1].astype(np.float32)


@cache
def _bands() -> np.ndarray:
    """Triangles between points that are equally far apart in mel (O'Shaughnessy 1987), each with the sum 1 [b, WINDOW / 2 + 1]."""
    highest = 2595 * np.log10(1 + RATE / 2 / 700)
    edges = 700 * (10 ** (np.linspace(0, highest, BANDS + 2) / 2595) - 1)  # Hz
    tones = np.linspace(0, RATE / 2, WINDOW // 2 + 1)
    low, middle, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    triangles = np.maximum(0, np.minimum((tones - low) / (middle - low), (high - tones) / (high - middle)))
    return (triangles / np.maximum(triangles.sum(1, keepdims=True), 1e-12)).astype(np.float32)
