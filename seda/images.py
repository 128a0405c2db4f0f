"""Safe reading of untrusted images: limits before decoding, every mode to upright RGB, one clear error a file."""

from __future__ import annotations

import base64
import io
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

from seda.errors import DataError, ImageError
from seda.picture_bounds import bounds_of, is_heif, read_tags
from seda.storage import Source, local_path, read_source, reason_of

PICTURE_FORMATS = (
    "JPEG",
    "PNG",
    "WEBP",
    "GIF",
    "BMP",
    "TIFF",
)  # Pillow's JPEG reader also takes MPO, which some phones write
HEIF_FORMATS = ("HEIF", "AVIF")  # where the content says that it is one: Pillow reads the second by itself
SUFFIXES = frozenset({
    ".jpg", ".jpeg", ".jfif", ".mpo", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".heic", ".heif", ".hif", ".avif",
})  # fmt: skip
MAX_FILE_BYTES = 32 * 2**20  # chosen here: phone photos have 2 to 12 MB
MAX_PIXELS = 50_000_000  # chosen here: 150 MB as RGB; the largest common phone sensor modes have 50 million pixels
MAX_SIDE = 2048  # px; chosen here: encoders look at 224 to 512 px, and an uploaded batch has to fit into memory

STRIP = 4_000_000  # pixels that are in memory in other modes at a time

_ALLOWED = "JPEG, PNG, WebP, GIF, BMP, TIFF, HEIC and AVIF"
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE, 8: Image.Transpose.ROTATE_90,
}  # fmt: skip
_SAVE_AGAIN = "Open it in a picture program, save it as JPEG or PNG, and try again."


@dataclass(frozen=True, eq=False)
class NamedImage:
    """A picture that was read: upright RGB, at most MAX_SIDE px a side."""

    name: str
    image: Image.Image


@dataclass(frozen=True)
class ImageFailure:
    """A picture that could not be read, and why, in words for the user."""

    name: str
    message: str


def read_image(source: Source, name: str) -> Image.Image:
    """Read one picture as RGB: upright (EXIF), transparency on white, 16 bits scaled to 8, first frame of an animation.

    The content decides, not the extension. Pictures above MAX_SIDE px are reduced after reading.

    Args:
        source: a path (also as str), the bytes of a file, or an open binary file (read from where it stands).
        name: how messages call the picture.
    Raises:
        ImageError: missing, empty, larger than MAX_FILE_BYTES or MAX_PIXELS, not one of PICTURE_FORMATS or HEIF_FORMATS, or damaged.
    """
    data = read_source(
        source, name, MAX_FILE_BYTES, ImageError, what="picture", smaller="Save it smaller, or as JPEG, and try again."
    )
    bounds = bounds_of(data)
    if bounds.problem:
        raise ImageError(f"{name} {bounds.problem}.", remedy=_SAVE_AGAIN)
    if bounds.unusual or bounds.is_heavy(_pixels(data, name)):
        from seda.picture_apart import read_apart

        return read_apart(data, name)
    return decode(data, name)


def decode(data: bytes, name: str) -> Image.Image:
    """See `read_image`: a file's content, whose bounds were checked.

    Raises:
        ImageError: it is damaged, or needs more memory than there is.
    """
    try:
        with _open(data, name) as image:
            _check_pixels(image.size, name)
            image.draft(None, (MAX_SIDE, MAX_SIDE))  # a large JPEG is decoded at 1/2, 1/4 or 1/8 of its size
            image.load()  # verify() lets truncated JPEG and GIF files pass
            turn = _turn(image)
            upright = _reduced_rgb(image)
            if turn is not None:
                upright = upright.transpose(turn)
    except ImageError:
        raise
    except MemoryError as error:
        raise ImageError(f"{name} needs more memory than there is to be decoded.", remedy=_SAVE_AGAIN) from error
    except (Exception, Warning) as error:  # decoders raise OSError, SyntaxError, struct.error, zlib.error and more
        raise ImageError(f"{name} is damaged: {reason_of(error)}.", remedy=_SAVE_AGAIN) from error
    upright.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.BICUBIC)
    upright.info = {}  # profiles, comments and EXIF are not needed any more and may be large
    return upright


def read_images(sources: Iterable[tuple[str, Source]]) -> tuple[list[NamedImage], list[ImageFailure]]:
    """Read many pictures, each a (name, source); one that cannot be read does not stop the others."""
    images: list[NamedImage] = []
    failures: list[ImageFailure] = []
    for name, source in sources:
        try:
            images.append(NamedImage(name, read_image(source, name)))
        except ImageError as error:
            failures.append(ImageFailure(name, str(error)))
    return images, failures


PRINTED = 448  # px of a picture on paper; chosen here: A0 at 300 dpi draws them with 390


def thumbnail_png(image: Image.Image, size: int = 96) -> bytes:
    """PNG bytes of an RGB picture, reduced to at most `size` px a side; never enlarged."""
    small = image.convert("RGB")
    small.thumbnail((size, size), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    small.save(buffer, "PNG")
    return buffer.getvalue()


def png_url(png: bytes) -> str:
    """PNG bytes as a data URL: a page that holds the picture itself asks for it no second time."""
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")


def find_images(path: Path | str) -> list[Path]:
    """The picture itself, or all pictures in a folder and below, by extension, sorted; hidden files are left out.

    Raises:
        DataError: the path does not exist, or the folder holds no pictures.
    """
    path = local_path(path, DataError)
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise DataError(f"{path} does not exist.", remedy="Give the path of a picture or of a folder with pictures.")
    try:
        with os.scandir(path):  # rglob passes over a folder that may not be listed, and one below is no reason to stop
            found = sorted(file for file in path.rglob("*") if file.suffix.lower() in SUFFIXES and _may_be_file(file))
    except OSError as error:
        raise DataError(f"The folder {path} cannot be read: {error.strerror or error}.") from error
    visible = [file for file in found if not any(part.startswith(".") for part in file.relative_to(path).parts)]
    if not visible:
        raise DataError(
            f"The folder {path} holds no pictures.",
            remedy=f"Put pictures there; they are known by their extensions: {', '.join(sorted(SUFFIXES))}.",
        )
    return visible


def _may_be_file(path: Path) -> bool:
    """Where its folder may not be entered, reading it will say so."""
    try:
        return path.is_file()
    except OSError:
        return True


def _formats(data: bytes) -> tuple[str, ...]:
    """Names of Pillow's readers that may look at a file's content."""
    if not is_heif(data):
        return PICTURE_FORMATS
    from pi_heif import register_heif_opener  # only in the process that decodes such a picture

    register_heif_opener(thumbnails=False, decode_threads=1)
    return HEIF_FORMATS


def _open(data: bytes, name: str) -> Image.Image:
    """The picture with its header read and nothing decoded."""
    try:
        return Image.open(io.BytesIO(data), formats=_formats(data))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        # Pillow's own limit lies above ours. Its warning is only raised where the caller turns warnings into errors.
        pixels = re.search(r"\((\d+) pixels\)", str(error))
        raise _too_many_pixels(name, f"{int(pixels[1]):,} pixels" if pixels else "too many pixels") from error
    except (UnidentifiedImageError, Warning) as error:
        if is_heif(data):
            what = "is a HEIC or AVIF photo that is damaged, or of a kind that is not read"
        elif data[4:8] == b"ftyp":
            what = "seems to be a video"
        else:
            what = "is not a picture, or is damaged at its start"
        raise ImageError(f"{name} {what}; read are {_ALLOWED}.", remedy=_SAVE_AGAIN) from error
    except (
        Exception
    ) as error:  # ValueError where compressed texts are too large, and what damaged headers make of parsers
        raise ImageError(f"{name} is damaged: {reason_of(error)}.", remedy=_SAVE_AGAIN) from error


def _pixels(data: bytes, name: str) -> int:
    with _open(data, name) as image:
        _check_pixels(image.size, name)
        return image.width * image.height


def _check_pixels(size: tuple[int, int], name: str) -> None:
    width, height = size
    if width * height > MAX_PIXELS:
        raise _too_many_pixels(name, f"{width:,} x {height:,} pixels")


def _too_many_pixels(name: str, came: str) -> ImageError:
    return ImageError(
        f"{name} has {came}; at most {MAX_PIXELS // 10**6} million are allowed.",
        remedy="Make the picture smaller and try again.",
    )


def _turn(image: Image.Image) -> Image.Transpose | None:
    """What turns a picture upright by its EXIF orientation; None where it stands as stored, or the EXIF block is damaged."""
    block = (image.info.get("exif") or b"").removeprefix(b"Exif\0\0")
    if block and read_tags(block) is None:
        return None
    try:
        return _TURNS.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    except (Exception, Warning):  # parsers of a damaged block raise SyntaxError, struct.error, KeyError and more
        return None


def _reduced_rgb(image: Image.Image) -> Image.Image:
    """RGB, with sides at least MAX_SIDE where they were, made in strips: 50 million pixels with transparency would otherwise be in
    memory four times. Whole factors by averages; what is left is for `thumbnail`."""
    width, height = image.size
    factor = max(max(image.size) // MAX_SIDE, 1)
    across, down = min(factor, width), min(factor, height)
    rows = max(STRIP // width // down, 1) * down
    bounds = _grey_bounds(image, rows) if image.mode.startswith("I") or image.mode == "F" else None
    if rows >= height:
        return _to_rgb(image, bounds).reduce((across, down)) if factor > 1 else _to_rgb(image, bounds)
    whole = Image.new("RGB", (-(-width // across), -(-height // down)))
    for top in range(0, height, rows):
        part = _to_rgb(image.crop((0, top, width, min(top + rows, height))), bounds)
        whole.paste(part.reduce((across, down)) if factor > 1 else part, (0, top // down))
    return whole


def _to_rgb(image: Image.Image, bounds: tuple[float, float] | None) -> Image.Image:
    if bounds is not None:
        return Image.fromarray(_to_8_bits(np.asarray(image), *bounds)).convert("RGB")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, image).convert("RGB")
    return image.convert("RGB")


def _grey_bounds(image: Image.Image, rows: int) -> tuple[float, float]:
    """Smallest and largest finite value of a grey picture of more than 8 bits."""
    found = []
    for top in range(0, image.height, rows):
        values = _finite(np.asarray(image.crop((0, top, image.width, min(top + rows, image.height)))))
        found += [float(values.min()), float(values.max())]
    return min(found), max(found)


def _finite(values: np.ndarray) -> np.ndarray:
    return np.nan_to_num(values.astype(np.float32), nan=0.0, posinf=0.0, neginf=0.0)


def _to_8_bits(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Grey values uint8 [h, w] of a picture whose values go from low to high: integers by 65535, floats in 0..1 by 1 and in 0..255
    by 255, all else by its own range.

    Pillow's conversion would clip at 255, which turns a 16-bit picture white.
    """
    grey = _finite(values)
    full = (1.0 if high <= 1 else 255.0) if values.dtype.kind == "f" else 65535.0
    if low < 0 or high > full:
        grey, full = grey - low, high - low
    return np.rint(grey * (255.0 / full)).astype(np.uint8)
