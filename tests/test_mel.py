"""Mel spectrograms beside a slow version of the same."""

from __future__ import annotations

import numpy as np

from seda.mel import BANDS, HIGHEST, HOP, LOWEST, OFFSET, RATE, TONES, WINDOW, log_mel, mel_picture
from seda.sounds import Sound


def test_a_frame_is_what_the_formula_says():
    samples = np.random.default_rng(0).standard_normal(3 * WINDOW).astype(np.float32)
    found = log_mel(samples)
    frame = (samples / np.abs(samples).max())[2 * HOP : 2 * HOP + WINDOW]
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)
    magnitude = np.abs(np.fft.rfft(frame * window, TONES))
    tones = 1127 * np.log(1 + np.arange(TONES // 2 + 1) * RATE / TONES / 700)
    edges = np.linspace(1127 * np.log(1 + LOWEST / 700), 1127 * np.log(1 + HIGHEST / 700), BANDS + 2)
    for band in (0, 20, 63):
        weight = np.clip(np.minimum((tones - edges[band]) / (edges[band + 1] - edges[band]),
                                    (edges[band + 2] - tones) / (edges[band + 2] - edges[band + 1])), 0, None)  # fmt: skip
        assert abs(found[2, band] - np.log((magnitude * weight).sum() + OFFSET)) < 1e-3
    assert found.shape == (1 + (len(samples) - WINDOW) // HOP, BANDS)


def test_loudness_changes_nothing_and_a_higher_tone_lies_higher():
    time = np.arange(RATE) / RATE
    low, high = (np.sin(2 * np.pi * hertz * time).astype(np.float32) for hertz in (300, 3_000))
    assert np.allclose(log_mel(low), log_mel(0.1 * low), atol=1e-3)
    assert log_mel(low)[5].argmax() < log_mel(high)[5].argmax()
    rows = [np.asarray(mel_picture(Sound("a", one, RATE), 64)).sum((1, 2)).argmax() for one in (low, high)]
    assert rows[1] < rows[0]  # high tones are drawn above
