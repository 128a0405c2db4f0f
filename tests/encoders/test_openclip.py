"""A tiny model of open_clip with random weights stands in for the published ones."""

from __future__ import annotations

import hashlib
import itertools
import json
import logging
import shutil
import time
from pathlib import Path

import huggingface_hub.constants
import open_clip
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from seda.encoders import download, load_encoder, openclip
from seda.encoders.families import shares_space
from seda.encoders.openclip import OpenClipName, _settings
from seda.encoders.openclip_list import list_open_clip
from seda.errors import EncoderError, Stopped, WeightsError
from tests.local_server import running_server

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
    write_config(folder)
    return folder


def write_config(folder, layout=TINY, **preprocessing):
    """What open_clip writes beside weights."""
    stated = {"mean": [0.5] * 3, "std": [0.25] * 3, "interpolation": "bicubic", "resize_mode": "shortest"}
    config = {"model_cfg": layout, "preprocess_cfg": {**stated, **preprocessing}}
    (folder / "open_clip_config.json").write_text(json.dumps(config))


@pytest.fixture
def empty_cache(monkeypatch, tmp_path):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SEDA_CACHE", str(tmp_path / "cache"))


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
    model, _, preprocess = open_clip.create_model_and_transforms(
        "seda-tiny", pretrained=str(path), image_mean=(0.5,) * 3, image_std=(0.25,) * 3
    )
    model.eval()
    with torch.no_grad():
        images = model.encode_image(torch.stack([preprocess(picture) for picture in pictures()]))
        texts = model.encode_text(open_clip.get_tokenizer("seda-tiny")(["a cat"]))
    encoder = load_encoder(f"open_clip:seda-tiny@{path}")
    torch.testing.assert_close(encoder.encode_images(pictures()), images)
    torch.testing.assert_close(encoder.encode_texts(["a cat"]), texts)


def test_padding_is_left_out_and_changes_nothing(tiny, monkeypatch):
    encoder = load_encoder(f"open_clip:seda-tiny@{tiny / 'a.safetensors'}")
    texts = ["a cat", "a photo of a very long sentence about dogs", "", "word " * 200]
    lengths = []
    real = open_clip.CLIP.encode_text
    monkeypatch.setattr(
        open_clip.CLIP, "encode_text", lambda model, tokens: lengths.append(tokens.shape[1]) or real(model, tokens)
    )
    alone = torch.cat([encoder.encode_texts([text]) for text in texts])
    assert lengths == [4, 11, 2, 77]
    assert encoder._model.positional_embedding.shape[0] == 77  # the model itself is whole
    together = encoder.encode_texts(texts)
    whole = real(encoder._model, encoder._tokenizer(texts))
    torch.testing.assert_close(alone, together)
    torch.testing.assert_close(alone, whole)


def test_the_scale_of_its_logits(tiny):
    encoder = load_encoder(f"open_clip:seda-tiny@{tiny / 'a.safetensors'}")
    assert encoder.logit_scale == pytest.approx(1 / 0.07) and encoder.logit_bias is None
    assert shares_space(encoder) and not shares_space(load_encoder("bundled"))


def test_fingerprint_follows_the_weights(tiny):
    a, b, again, other_form = (
        load_encoder(f"open_clip:seda-tiny@{tiny / name}").fingerprint
        for name in ("a.safetensors", "b.safetensors", "a.safetensors", "b.pt")
    )
    assert a == again and len({a, b, other_form}) == 3


def test_damaged_and_foreign_checkpoints(tiny, tmp_path):
    write_config(tmp_path)
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


def test_preprocessing_belongs_to_the_weights(tmp_path):
    # A path alone would give OpenAI's mean and std to SigLIP, and the wrong activation to OpenAI's weights.
    siglip = _settings(OpenClipName.parse("ViT-B-16-SigLIP@file.safetensors"), tmp_path / "file.safetensors")
    assert siglip["mean"] == (0.5, 0.5, 0.5) and siglip["resize_mode"] == "squash"
    assert _settings(OpenClipName.parse("ViT-B-32/openai@file.pt"), tmp_path / "file.pt")["quick_gelu"] is True


def test_weights_of_unknown_preprocessing_are_refused_and_not_guessed(tiny, tmp_path):
    shutil.copy(tiny / "a.safetensors", tmp_path)
    with pytest.raises(WeightsError, match=r"with which preprocessing .* a\.safetensors was trained: ViT-B-32 \d+ published "
                       r"weights differ.*open_clip:ViT-B-32/TAG@FILE \(openai, .*open_clip_config\.json beside it"):  # fmt: skip
        load_encoder(f"open_clip:ViT-B-32@{tmp_path / 'a.safetensors'}")
    with pytest.raises(WeightsError, match=r"seda-tiny has no published weights\. Put its open_clip_config\.json"):
        load_encoder(f"open_clip:seda-tiny@{tmp_path / 'a.safetensors'}")
    for config in ({}, {"model_cfg": TINY}, {"model_cfg": TINY, "preprocess_cfg": {"mean": [0, 0, 0]}}, []):
        (tmp_path / "open_clip_config.json").write_text(json.dumps(config))
        for name in (f"seda-tiny@{tmp_path / 'a.safetensors'}", f"local-dir:{tmp_path}"):
            with pytest.raises(WeightsError, match=r"config\.json: .*(is missing|is \[).*not guessed"):
                load_encoder(f"open_clip:{name}")


def test_a_configuration_beside_the_file_says_it(tiny, tmp_path):
    shutil.copy(tiny / "a.safetensors", tmp_path)
    write_config(tmp_path, {**TINY, "quick_gelu": True}, interpolation="bilinear", resize_mode="squash")
    encoder = load_encoder(f"open_clip:seda-tiny@{tmp_path / 'a.safetensors'}")
    assert "(squash, bilinear), mean 0.5/0.5/0.5, std 0.25/0.25/0.25" in encoder.description
    other = load_encoder(f"open_clip:seda-tiny@{tiny / 'a.safetensors'}")
    assert encoder.fingerprint != other.fingerprint
    assert encoder.preprocessing_fingerprint != other.preprocessing_fingerprint
    assert encoder.preprocessing_fingerprint in encoder.description
    assert not torch.allclose(encoder.encode_texts(["a cat"]), other.encode_texts(["a cat"]))  # the other activation


def test_a_preprocessing_that_open_clip_does_not_follow_is_refused(tiny, monkeypatch):
    real = open_clip.get_model_preprocess_cfg
    monkeypatch.setattr(open_clip, "get_model_preprocess_cfg", lambda model: {**real(model), "mean": (0.1, 0.2, 0.3)})
    with pytest.raises(WeightsError, match=r"prepares pictures for .* with mean \(0\.1, 0\.2, 0\.3\); .* trained with"):
        load_encoder(f"open_clip:seda-tiny@{tiny / 'a.safetensors'}")


def test_a_folder_as_open_clip_writes_it(tiny, tmp_path):
    layout = {**TINY, "embed_dim": 16}
    write_config(tmp_path, layout)
    with pytest.raises(
        WeightsError, match=r"has 0 checkpoints.* Call the one that is meant open_clip_model\.safetensors"
    ):
        load_encoder(f"open_clip:local-dir:{tmp_path}")
    shutil.copy(tiny / "a.safetensors", tmp_path / "open_clip_model.safetensors")
    shutil.copy(tiny / "b.safetensors", tmp_path / "a_checkpoint.safetensors")
    encoder = load_encoder(f"open_clip:local-dir:{tmp_path}")
    named = load_encoder(f"open_clip:seda-tiny@{tiny / 'a.safetensors'}")
    torch.testing.assert_close(encoder.encode_images(pictures()), named.encode_images(pictures()))
    torch.testing.assert_close(encoder.encode_texts(["a cat"]), named.encode_texts(["a cat"]))
    assert encoder.preprocessing_fingerprint == named.preprocessing_fingerprint
    assert load_encoder(f"open_clip:seda-tiny@{tmp_path}").fingerprint == named.fingerprint  # a folder after the @
    with pytest.raises(WeightsError, match=r"folder .*none does not exist"):
        load_encoder(f"open_clip:local-dir:{tmp_path / 'none'}")
    with pytest.raises(WeightsError, match=r"has no open_clip_config\.json\. .* not guessed"):
        load_encoder(f"open_clip:local-dir:{tmp_path.parent}")


@pytest.fixture
def hub(monkeypatch, empty_cache):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(download, "CHUNK", 1000)
    with running_server() as server:
        monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", server.url)
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
        yield server


def test_a_repository_of_the_hub(hub, tiny, monkeypatch):
    for name, file in (("open_clip_config.json",) * 2, ("open_clip_model.safetensors", "a.safetensors")):
        hub.content[f"/someone/tiny/resolve/main/{name}"] = (tiny / file).read_bytes()
    told = []
    encoder = load_encoder("open_clip:hf-hub:someone/tiny", on_progress=lambda *at: told.append(at) and None)
    assert told and told[-1][0] == told[-1][1] == (tiny / "a.safetensors").stat().st_size
    named = load_encoder(f"open_clip:seda-tiny@{tiny / 'a.safetensors'}")
    torch.testing.assert_close(encoder.encode_images(pictures()), named.encode_images(pictures()))
    hub.asked.clear()
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    again = load_encoder("open_clip:hf-hub:someone/tiny")  # without a network, and with the same preprocessing
    assert again.fingerprint == encoder.fingerprint and not hub.asked


def test_all_files_of_a_repository_are_of_one_revision_and_stay_what_they_were(hub, tiny, monkeypatch):
    hub.commit = commit = "c" * 40
    for revision in (commit, "main"):
        for name, file in (("open_clip_config.json",) * 2, ("open_clip_model.safetensors", "a.safetensors")):
            hub.content[f"/someone/tiny/resolve/{revision}/{name}"] = (tiny / file).read_bytes()
    size = (tiny / "a.safetensors").stat().st_size
    with pytest.raises(Stopped):
        load_encoder("open_clip:hf-hub:someone/tiny", on_progress=lambda there, total: there > size / 2)
    hub.commit = "d" * 40  # somebody pushed in between
    encoder = load_encoder("open_clip:hf-hub:someone/tiny")
    assert {path.split("/")[4] for path, _ in hub.asked} == {commit}
    folder = openclip.downloads() / "someone--tiny"
    kept = json.loads((folder / "source.json").read_text())
    assert kept["revision"] == commit and len(kept["files"]) == 2
    assert load_encoder(f"open_clip:hf-hub:someone/tiny@{commit}").fingerprint == encoder.fingerprint
    shutil.copy(tiny / "b.safetensors", folder / "open_clip_model.safetensors")
    with pytest.raises(WeightsError, match=r"is not what was downloaded \(revision c+\)"):
        load_encoder("open_clip:hf-hub:someone/tiny")


def test_a_repository_that_cannot_be_used(hub, tiny, monkeypatch):
    with pytest.raises(WeightsError, match=r"someone/tiny on 127.* has none of open_clip_config\.json.*bundled"):
        load_encoder("open_clip:hf-hub:someone/tiny")
    for name in ("hf-hub:tiny", "hf-hub:", "hf-hub:../../etc", "hf-hub:a/b/c"):
        with pytest.raises(EncoderError, match="names no repository"):
            load_encoder(f"open_clip:{name}")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(WeightsError, match="files of someone/tiny are not in the cache and HF_HUB_OFFLINE is set"):
        load_encoder("open_clip:hf-hub:someone/tiny")


def test_published_weights_are_downloaded_once_stopped_and_gone_on_with(hub, tiny, monkeypatch):
    published = {"hf_hub": "someone/tiny/", "mean": (0.5,) * 3, "std": (0.5,) * 3, "interpolation": "bilinear"}
    monkeypatch.setitem(open_clip.pretrained._PRETRAINED, "seda-tiny", {"v1": published})
    size = (tiny / "b.safetensors").stat().st_size
    hub.content["/someone/tiny/resolve/main/open_clip_model.safetensors"] = (tiny / "b.safetensors").read_bytes()
    with pytest.raises(Stopped):
        load_encoder("open_clip:seda-tiny/v1", on_progress=lambda there, total: there > size / 2)
    encoder = load_encoder("open_clip:seda-tiny/v1")
    assert hub.asked[-1][1].startswith("bytes=")
    assert encoder.fingerprint == load_encoder(f"open_clip:seda-tiny/v1@{tiny / 'b.safetensors'}").fingerprint
    assert openclip.cached_file("seda-tiny", "v1").parent.name == "someone--tiny"
    hub.status = 403
    openclip.cached_file("seda-tiny", "v1").unlink()
    with pytest.raises(
        WeightsError, match=r"seda-tiny/v1 could not be downloaded\. The server wants an account.*@FILE"
    ):
        load_encoder("open_clip:seda-tiny/v1")


def test_openais_files_are_checked_by_the_sum_in_their_address(hub, tiny, monkeypatch):
    content = (tiny / "b.pt").read_bytes()
    address = f"/{hashlib.sha256(content).hexdigest()}/b.pt"
    hub.content[address] = content
    published = {"url": hub.url + address, "mean": (0.5,) * 3, "std": (0.5,) * 3}
    monkeypatch.setitem(open_clip.pretrained._PRETRAINED, "seda-tiny", {"v1": published})
    assert load_encoder("open_clip:seda-tiny/v1").image_dim == 16
    openclip.cached_file("seda-tiny", "v1").unlink()
    hub.content[address] = content + b"x"
    with pytest.raises(WeightsError, match="is not the expected file"):
        load_encoder("open_clip:seda-tiny/v1")


def test_the_list_holds_all_published_weights(empty_cache, tmp_path):
    infos = list_open_clip()
    assert {(info.model, info.tag) for info in infos} == set(open_clip.list_pretrained())
    assert len({info.name for info in infos}) == len(infos) and not any(info.cached for info in infos)
    assert all(OpenClipName.parse(info.name.removeprefix("open_clip:")).tag == info.tag for info in infos)
    by_name = {info.name: info for info in infos}
    known = by_name["open_clip:ViT-B-32/openai"]
    assert (known.family, known.image_size, known.dim, known.tokenizer) == ("CLIP with ViT", 224, 512, "")
    assert known.parameters_m == pytest.approx(151.3, abs=0.1) and known.size_mb == pytest.approx(605, abs=1)
    assert by_name["open_clip:ViT-B-16-SigLIP/webli"].tokenizer == "timm/ViT-B-16-SigLIP"
    families = [info.family for info in infos]
    assert [name for name, _ in itertools.groupby(families)] == list(dict.fromkeys(families))  # each in one piece
    assert sum(info.parameters_m is None for info in infos) < 10
    url = open_clip.get_pretrained_cfg("RN50", "yfcc15m")["url"]
    held = tmp_path / ".cache" / "clip" / url.rpartition("/")[2]
    held.parent.mkdir(parents=True)
    held.write_bytes(b"x" * 2_000_000)
    found = {info.name: info for info in list_open_clip()}["open_clip:RN50/yfcc15m"]
    assert found.cached and found.size_mb == 2


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
        text = open_clip.get_model_config("ViT-B-16-SigLIP")["text_cfg"]
        openclip._check_hub_for_parts(openclip.Checkpoint("ViT-B-16-SigLIP", Path(), {}, False, "SigLIP"), text)
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
