"""EfficientNet-Lite: the network that timm builds, without timm."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from seda.encoders.efficientnet import LITE0, LITE2, ImageWeights, load_image_model, match_weights, package_folder
from seda.encoders.lite_network import EfficientNetLite, fold_normalisation, rounded_channels


def _as_after_training(model: nn.Module) -> nn.Module:
    torch.manual_seed(0)
    for part in model.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.running_mean.normal_(std=0.1), part.running_var.uniform_(0.5, 2), part.weight.data.uniform_(0.5, 2)
    return model.eval()


@pytest.mark.parametrize("weights", [LITE0, LITE2], ids=lambda weights: weights.label)
def test_it_is_the_network_of_timm(weights: ImageWeights):
    import timm

    theirs = _as_after_training(timm.create_model(weights.model, pretrained=False))
    ours = EfficientNetLite(weights.width, weights.depth).eval()
    ours.load_state_dict(match_weights(theirs.state_dict(), ours.state_dict(), "p==1"))
    theirs.reset_classifier(0)
    pixels = torch.rand(2, 3, 75, 64)  # odd sizes are padded unevenly
    with torch.inference_mode():
        torch.testing.assert_close(ours(pixels), theirs(pixels), atol=1e-5, rtol=1e-5)


def test_a_folded_network_gives_the_same_features():
    model = _as_after_training(EfficientNetLite())
    pixels = torch.rand(2, 3, 64, 64)
    with torch.inference_mode():
        expected = model(pixels)
        found = fold_normalisation(model)(pixels)
    assert (found - expected).abs().max() < 1e-3 * expected.abs().max()
    assert not any(isinstance(part, nn.BatchNorm2d) for part in model.modules())


def test_published_weights_are_read_whole():
    path = package_folder(LITE0.module, LITE0.package) / LITE0.file
    model, weight, bias = load_image_model(path, LITE0)
    assert weight.shape == (1000, 1280) and bias.shape == (1000,)
    parts = [*model.parameters(), *model.buffers(), weight, bias]
    assert all(part.device.type == "cpu" and not part.requires_grad and part.isfinite().all() for part in parts)
    stored = torch.load(path, map_location="cpu", weights_only=True)
    torch.testing.assert_close(weight, stored["_fc.weight"], atol=0, rtol=0)


@pytest.mark.parametrize(
    ("asked", "made"), [(16, 16), (17.6, 16), (26.4, 24), (88, 88), (123.2, 120), (1.0, 8), (9.5, 16)]
)
def test_channels_come_in_eights(asked: float, made: int):
    assert rounded_channels(asked) == made
