"""Mel spectrograms: what of a sound an encoder looks at, and a picture of it for people.

Shapes: t samples, f frames, b bands.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from PIL import Image

from seda.sounds import Sound

RATE = 16_000  # samples a second that models of sounds and of speech were trained on, and so
WINDOW, HOP = 400, 160  # samples: 25 and 10 ms
# YAMNet's own
TONES = 512  # points of the Fourier transform
BANDS, LOWEST, HIGHEST = 64, 125.0, 7_500.0  # Hz
OFFSET = 1e-3  # of a band, so that its logarithm is finite


def log_mel(samples: np.ndarray) -> np.ndarray:
    """log(magnitude + OFFSET) in mel bands, float32 [f, b], of samples [t] at RATE; the loudest sample is brought to 1.

    Windows stand on multiples of HOP; what is shorter than one ends in silence.
    """
    samples = samples / max(float(np.abs(samples).max(initial=0.0)), 1e-9)
    samples = np.pad(samples, (0, max(0, WINDOW - len(samples))))
    return np.log(spectrum(samples, TONES) @ _bands().T + OFFSET).astype(np.float32)


def spectrum(samples: np.ndarray, points: int = WINDOW) -> np.ndarray:
    """Magnitudes [f, points / 2 + 1] of samples [t], WINDOW and more, in windows of Hann's form that stand on multiples of HOP."""
    frames = np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[::HOP]  # [f, WINDOW]
    return np.abs(np.fft.rfft(frames * _window(), points, axis=1))


def triangles(tones: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """How much each of q tones belongs to each of b bands [b, q]: 1 at a band's middle, falling straight to 0 at both neighbours' [b + 2]."""
    low, middle, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    return np.minimum((tones - low) / (middle - low), (high - tones) / (high - middle)).clip(0)


def mel_picture(sound: Sound, size: int = 96) -> Image.Image:
    """The sound as a square picture of `size` px: time to the right, low tones below, light where it is loud."""
    mel = log_mel(sound.at(RATE)).T[::-1] - np.log(OFFSET)  # [b, f], high tones first
    shade = mel.clip(0) / max(float(mel.max()), 1e-6)
    dark, middle, light = (np.array(color, np.float32) for color in ((18, 24, 58), (201, 72, 91), (255, 236, 168)))
    below = dark + (middle - dark) * np.minimum(2 * shade, 1)[..., None]
    colored = below + (light - middle) * np.maximum(2 * shade - 1, 0)[..., None]
    return Image.fromarray(np.clip(colored, 0, 255).astype(np.uint8)).resize((size, size), Image.Resampling.BILINEAR)


@cache
def _window() -> np.ndarray:
    return np.hanning(WINDOW + 1)[:-1].astype(np.float32)


@cache
def _bands() -> np.ndarray:
    """Triangles between points that are equally far apart in mel (O'Shaughnessy 1987), straight in mel [b, TONES / 2 + 1]."""
    tones = _mel(np.linspace(0, RATE / 2, TONES // 2 + 1))
    bands = triangles(tones, np.linspace(_mel(np.array(LOWEST)), _mel(np.array(HIGHEST)), BANDS + 2))
    bands[:, 0] = 0  # what stands still is no tone
    return bands.astype(np.float32)


def _mel(hertz: np.ndarray) -> np.ndarray:
    return 1127 * np.log1p(hertz / 700)
