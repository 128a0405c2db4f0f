"""EfficientNet-Lite as a network in torch alone.

timm builds the same one; its import brings torchvision and torch's compiler, and takes longer than torch itself, for ninety convolutions.
"""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

STEM, FEATURES, CATEGORIES = (
    32,
    1280,
    1000,
)  # channels after the first convolution and after the last; ImageNet's classes
EXPANSION = 6  # of channels inside a block; the first stage has none
# (blocks, kernel, stride of the first block, channels) of each stage of Lite0; Source: Tan and Le 2019, arXiv:1905.11946, table 1
STAGES = (
    (1, 3, 1, 16),
    (2, 3, 2, 24),
    (2, 5, 2, 40),
    (3, 3, 2, 80),
    (3, 5, 1, 112),
    (4, 5, 2, 192),
    (1, 3, 1, 320),
)
EPSILON = 1e-3  # of the batch normalisation that the weights were trained with


class SameConvolution(nn.Conv2d):
    """A convolution without bias whose output is its input's size by its stride, padded as TensorFlow does: more at the right and below."""

    def __init__(self, channels: int, made: int, kernel: int = 1, stride: int = 1, groups: int = 1) -> None:
        super().__init__(channels, made, kernel, stride, kernel // 2 if stride == 1 else 0, groups=groups, bias=False)

    def forward(self, pixels: Tensor) -> Tensor:
        """[n, c, h, w] to [n, made, h / stride, w / stride], rounded up."""
        if self.stride[0] > 1:
            (down, right) = (self._missing(size) for size in pixels.shape[2:])
            pixels = nn.functional.pad(pixels, (right // 2, right - right // 2, down // 2, down - down // 2))
        return super().forward(pixels)

    def _missing(self, size: int) -> int:
        stride, kernel = self.stride[0], self.kernel_size[0]
        return max((math.ceil(size / stride) - 1) * stride + kernel - size, 0)


def _normalised(convolution: SameConvolution, *, bends: bool = True) -> list[nn.Module]:
    after = nn.BatchNorm2d(convolution.out_channels, eps=EPSILON)
    return [convolution, after, *([nn.ReLU6(inplace=True)] if bends else [])]


class Block(nn.Sequential):
    """Channels are widened, each is looked at by itself, and they are narrowed again; the input is added where sizes allow it."""

    def __init__(self, channels: int, made: int, kernel: int, stride: int, expansion: int) -> None:
        wide = channels * expansion
        super().__init__(
            *(_normalised(SameConvolution(channels, wide)) if expansion > 1 else ()),
            *_normalised(SameConvolution(wide, wide, kernel, stride, groups=wide)),
            *_normalised(SameConvolution(wide, made), bends=False),
        )
        self.adds = stride == 1 and channels == made

    def forward(self, pixels: Tensor) -> Tensor:
        """[n, channels, h, w] to [n, made, h / stride, w / stride]."""
        found = super().forward(pixels)
        return found + pixels if self.adds else found


class EfficientNetLite(nn.Module):
    """Pictures [n, 3, s, s] to features [n, 1280]; `classifier` is ImageNet's, which `forward` does not ask.

    Its tensors come in the order of the published weights.

    Args:
        width: of the channels, by Lite0's.
        depth: blocks of a stage, by Lite0's; the first and the last stage keep theirs.
    """

    def __init__(self, width: float = 1.0, depth: float = 1.0) -> None:
        super().__init__()
        self.stem = nn.Sequential(*_normalised(SameConvolution(3, STEM, 3, 2)))
        stages: list[nn.Module] = []
        channels = STEM
        for place, (count, kernel, stride, made) in enumerate(STAGES):
            repeats = count if place in (0, len(STAGES) - 1) else math.ceil(count * depth)
            made = rounded_channels(made * width)
            blocks = []
            for number in range(repeats):
                blocks.append(Block(channels, made, kernel, stride if number == 0 else 1, EXPANSION if place else 1))
                channels = made
            stages.append(nn.Sequential(*blocks))
        self.blocks = nn.Sequential(*stages)  # seven, each of several
        self.last = nn.Sequential(*_normalised(SameConvolution(channels, FEATURES)))
        self.classifier = nn.Linear(FEATURES, CATEGORIES)

    def forward(self, pixels: Tensor) -> Tensor:
        """Pooled features, 0 and above."""
        return self.last(self.blocks(self.stem(pixels))).mean((2, 3))


def rounded_channels(channels: float) -> int:
    """To a multiple of 8, at least 8, and never below nine tenths of what was asked for."""
    rounded = max(8, int(channels + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * channels else rounded


def fold_normalisation(model: nn.Module) -> nn.Module:
    """The same network with each batch normalisation in the convolution before it, in place; for a model in eval mode.

    Two thirds of the time, and features that differ by 1e-5.
    """
    for parent in model.modules():
        children = list(parent.named_children())
        for (name, convolution), (next_name, after) in itertools.pairwise(children):
            if isinstance(convolution, nn.Conv2d) and isinstance(after, nn.BatchNorm2d):
                setattr(parent, name, fuse_conv_bn_eval(convolution, after))
                setattr(parent, next_name, nn.Identity())
    return model


def empty_network(width: float, depth: float) -> EfficientNetLite:
    """A network in eval mode whose weights follow (`load_state_dict` with `assign`): nothing is drawn that is thrown away."""
    with torch.device("meta"):
        return EfficientNetLite(width, depth).eval()
