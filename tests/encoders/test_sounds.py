"""The encoder of sounds."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest
import torch

from seda.encoders import sounds
from seda.encoders.sounds import FRAMES, MAX_LOOKS, AisfxEncoder, SoundNet, load_sound_encoder, load_sound_net, looks_of
from seda.errors import EncoderError, WeightsError
from seda.mel import BANDS, RATE
from seda.sounds import Sound

needs_weights = pytest.mark.skipif(find_spec("aisfx") is None, reason="pip install --no-deps -r requirements-sound.txt")


def noise(seconds: float, seed: int = 0) -> Sound:
    return Sound("noise", np.random.default_rng(seed).standard_normal(int(seconds * RATE)).astype(np.float32), RATE)


def test_a_short_sound_ends_in_silence_and_a_long_one_has_several_looks():
    short = looks_of(noise(0.5))
    assert short.shape == (1, FRAMES, BANDS) and float(short[0, -1].abs().max()) == 0
    assert looks_of(noise(5.0)).shape[0] == 3
    assert looks_of(noise(50.0)).shape[0] == MAX_LOOKS


def test_folding_the_normalisation_changes_nothing(tmp_path, monkeypatch):
    torch.manual_seed(0)
    net = SoundNet()
    for value in net.state_dict().values():
        if value.dtype == torch.float32:
            value.uniform_(0.01, 0.1)
    path = tmp_path / "weights.pth"
    torch.save(({f"embedding_net.{name}": value for name, value in net.state_dict().items()}, {}), path)
    monkeypatch.setattr(sounds, "check_sha256", lambda *_: None)
    x = torch.rand(2, FRAMES, BANDS)
    expected = net.eval()(x)
    assert torch.allclose(load_sound_net(path)(x), expected, rtol=1e-4)


def test_a_changed_file_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "weights.pth"
    path.write_bytes(b"anything")
    with pytest.raises(WeightsError, match="not the expected ones"):
        load_sound_net(path)


def test_a_file_that_would_run_code_is_refused(tmp_path, monkeypatch):
    class Evil:
        def __reduce__(self):
            return (print, ("ran",))

    path = tmp_path / "weights.pth"
    torch.save((Evil(), {}), path)
    monkeypatch.setattr(sounds, "check_sha256", lambda *_: None)
    with pytest.raises(WeightsError, match="not a readable checkpoint"):
        load_sound_net(path)


def test_a_missing_package_says_how_to_install_it(monkeypatch):
    monkeypatch.setattr(sounds, "MODULE", "no_such_package_of_weights")
    with pytest.raises(WeightsError) as caught:
        AisfxEncoder().encode_sounds([noise(0.2)])
    assert "--no-deps" in caught.value.remedy


def test_an_unknown_name_is_refused():
    with pytest.raises(EncoderError, match="not known"):
        load_sound_encoder("whatever")


@needs_weights
def test_features_do_not_depend_on_the_batch():
    encoder = load_sound_encoder()
    one, two = noise(0.5), noise(3.0, 1)
    both = encoder.encode_sounds([one, two])
    assert both.shape == (2, encoder.sound_dim) and bool((both >= 0).all())
    assert torch.equal(encoder.encode_sounds([two])[0], both[1])
    assert encoder.encode_sounds([]).shape == (0, 512)
    assert len(encoder.fingerprint) == 16 and "aiSFX" in encoder.description
