"""A tiny model of open_clip with random weights stands in for the published ones."""

from __future__ import annotations

import json
import logging
import time

import huggingface_hub.constants
import open_clip
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from seda.encoders import load_encoder, openclip
from seda.encoders.openclip import OpenClipName, _published_settings
from seda.errors import EncoderError, WeightsError

TINY = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 32, "head_width": 16, "patch_size": 16},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A folder with checkpoints of the registered model "seda-tiny"."""
    folder = tmp_path_factory.mktemp("openclip")
    (folder / "seda-tiny.json").write_text(json.dumps(TINY))
    open_clip.add_model_config(folder / "seda-tiny.json")
    for name in ("a", "b"):
        torch.manual_seed(ord(name))
        weights = open_clip.create_model("seda-tiny").state_dict()
        save_file(weights, folder / f"{name}.safetensors")
    torch.save(weights, folder / "b.pt")
    return folder


@pytest.fixture
def empty_cache(monkeypatch, tmp_path):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))


def pictures() -> list[Image.Image]:
    return [Image.new("RGB", (50, 40), color) for color in ("red", "green", "blue")]


def test_local_checkpoint(tiny):
    encoder = load_encoder(f"open_clip:seda-tiny@{tiny / 'a.safetensors'}")
    assert encoder.image_dim == encoder.text_dim == 16
    assert encoder.name.startswith("open_clip:seda-tiny@") and "32 x 32 px (shortest, bicubic)" in encoder.description
    images, texts = encoder.encode_images(pictures()), encoder.encode_texts(["a cat", "a dog"])
    for features, count in ((images, 3), (texts, 2)):
        assert features.shape == (count, 16) and features.dtype == torch.float32 and not features.is_inference()
    assert encoder.encode_images([]).shape == encoder.encode_texts([]).shape == (0, 16)


def test_features_are_those_of_open_clip(tiny):
    path = tiny / "a.safetensors"
    model, _, preprocess = open_clip.create_model_and_transforms("seda-tiny", pretrained=str(path))
    model.eval()
    with torch.no_grad():
        images = model.encode_image(torch.stack([preprocess(picture) for picture in pictures()]))
        texts = model.encode_text(open_clip.get_tokenizer("seda-tiny")(["a cat"]))
    encoder = load_encoder(f"open_clip:seda-tiny@{path}")
    torch.testing.assert_close(encoder.encode_images(pictures()), images)
    torch.testing.assert_close(encoder.encode_texts(["a cat"]), texts)


def test_fingerprint_follows_the_weights(tiny):
    a, b, again, other_form = (
        load_encoder(f"open_clip:seda-tiny@{tiny / name}").fingerprint
        for name in ("a.safetensors", "b.safetensors", "a.safetensors", "b.pt")
    )
    assert a == again and len({a, b, other_form}) == 3


def test_damaged_and_foreign_checkpoints(tiny, tmp_path):
    whole = (tiny / "a.safetensors").read_bytes()
    (tmp_path / "half.safetensors").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "half.pt").write_bytes((tiny / "b.pt").read_bytes()[:5000])
    (tmp_path / "text.pt").write_bytes(b"not a checkpoint")
    save_file({"weight": torch.zeros(2)}, tmp_path / "foreign.safetensors")
    save_file({}, tmp_path / "nothing.safetensors")
    torch.save({"state_dict": {"f": print}}, tmp_path / "code.pt")
    for name in ("half.safetensors", "half.pt", "text.pt", "foreign.safetensors", "nothing.safetensors", "code.pt"):
        with pytest.raises(WeightsError, match=rf"{name} could not be loaded into seda-tiny.*Check that the file"):
            load_encoder(f"open_clip:seda-tiny@{tmp_path / name}")
    with pytest.raises(WeightsError, match=r"none\.pt does not exist"):
        load_encoder("open_clip:seda-tiny@none.pt")
    (tmp_path / "weights.npz").write_bytes(b"x")
    with pytest.raises(WeightsError, match=r"weights\.npz is not of a kind that is read; these are \.safetensors"):
        load_encoder(f"open_clip:seda-tiny@{tmp_path / 'weights.npz'}")


def test_unknown_names_list_close_ones():
    with pytest.raises(EncoderError, match=r"no model 'ViT-B-23'\. Close are: .*ViT-B-32"):
        load_encoder("open_clip:ViT-B-23/openai")
    with pytest.raises(EncoderError, match=r"no weights 'laion2b' for ViT-B-32\. Close are: .*laion2b_s34b_b79k"):
        load_encoder("open_clip:ViT-B-32/laion2b")
    with pytest.raises(EncoderError, match=r"says no weights\. Add one of openai, "):
        load_encoder("open_clip:ViT-B-32")
    with pytest.raises(EncoderError, match="no model"):
        load_encoder("open_clip:zzzzzz@file.pt")


def test_names():
    assert OpenClipName.parse("ViT-B-32/openai") == OpenClipName("ViT-B-32", "openai", "")
    assert OpenClipName.parse("ViT-B/32/openai") == OpenClipName("ViT-B-32", "openai", "")
    assert OpenClipName.parse("ViT-B-32@/a/b@c.pt") == OpenClipName("ViT-B-32", "", "/a/b@c.pt")
    assert OpenClipName.parse("ViT-B-32/openai@x.pt") == OpenClipName("ViT-B-32", "openai", "x.pt")


def test_preprocessing_belongs_to_the_weights():
    # A path alone would give OpenAI's mean and std to SigLIP, and the wrong activation to OpenAI's weights.
    siglip = _published_settings(OpenClipName.parse("ViT-B-16-SigLIP@file.safetensors"))
    assert siglip["mean"] == (0.5, 0.5, 0.5) and siglip["resize_mode"] == "squash"
    assert _published_settings(OpenClipName.parse("ViT-B-32/openai@file.pt"))["quick_gelu"] is True
    assert _published_settings(OpenClipName.parse("ViT-B-32@file.pt")) == {}  # its published weights differ


@pytest.mark.parametrize("offline", [True, False])
def test_without_a_network_it_says_so_at_once(monkeypatch, empty_cache, offline):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", offline)
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")  # nothing listens there
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    start = time.monotonic()
    reason = "HF_HUB_OFFLINE is set" if offline else r"127\.0\.0\.1:9 cannot be reached"
    with pytest.raises(WeightsError, match=rf"B-32/openai are not in the cache and {reason}.*@FILE.*cache.*bundled"):
        load_encoder("open_clip:ViT-B-32/openai")
    with pytest.raises(WeightsError, match=r"takes its tokenizer from .*cannot be reached"):
        openclip._check_hub_for_parts("ViT-B-16-SigLIP")
    assert time.monotonic() - start < 5


def test_cached_weights_need_no_network(monkeypatch, tiny, empty_cache, caplog):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    published = {"hf_hub": "someone/tiny/", "mean": (0.5,) * 3, "std": (0.5,) * 3, "interpolation": "bilinear"}
    monkeypatch.setitem(open_clip.pretrained._PRETRAINED, "seda-tiny", {"v1": published})
    monkeypatch.setattr(
        huggingface_hub,
        "try_to_load_from_cache",
        lambda repository, file: str(tiny / "a.safetensors") if repository == "someone/tiny" else None,
    )
    with caplog.at_level(logging.WARNING):
        encoder = load_encoder("open_clip:seda-tiny/v1")
    assert "bilinear" in encoder.description and "mean 0.5/0.5/0.5" in encoder.description
    assert encoder.fingerprint != load_encoder(f"open_clip:seda-tiny/v1@{tiny / 'b.safetensors'}").fingerprint
    assert encoder.fingerprint == load_encoder(f"open_clip:seda-tiny/v1@{tiny / 'a.safetensors'}").fingerprint
    assert not caplog.records
