"""A phone's picture, read where pictures of strangers are read, and written anew: where and when it was taken goes no further."""

from __future__ import annotations

from dataclasses import dataclass, field

from PIL import Image

from seda.errors import ImageError
from seda.images import read_image
from seda.ui.pictures import jpeg, jpeg_url, one_by_one

TYPES = [
    "image/jpeg",
    "image/png",
    "image/webp",
    "image/gif",
    "image/bmp",
    "image/tiff",
]  # iPhones turn theirs into JPEG, which is smaller and faster to read than HEIC
SIDE = 1024  # px; chosen here: encoders look at 224 to 512
PREVIEW = 320  # px, on the phone and while it waits
NAME = "Your picture"

_NOT_READ = "Take a screenshot of the photo and send that, or set the camera to JPEG."


@dataclass(frozen=True)
class Photo:
    """A picture that may be sent.

    Attributes:
        content: JPEG, at most SIDE px a side.
        preview: data URL, at most PREVIEW px a side.
    """

    content: bytes = field(repr=False)
    preview: str = field(repr=False)


def read_photo(content: bytes) -> Photo:
    """Read what a phone has sent, in the few threads that all visitors share.

    Raises:
        ImageError: it is no picture, damaged or too large; with what to do on a phone.
    """
    (photo,) = one_by_one(_read, [content])
    return photo


def picture_of(content: bytes) -> Image.Image:
    """A visitor's picture, whose file nobody there can change.

    Raises:
        ImageError: it is no picture, damaged or too large; with what to do where there is a camera.
    """
    try:
        return read_image(content, NAME)
    except ImageError as error:
        remedy = _NOT_READ if content[4:8] == b"ftyp" else "Choose another one."
        raise ImageError(error.message, remedy=remedy) from error


def _read(content: bytes) -> Photo:
    picture = picture_of(content)
    picture.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    small = picture.copy()
    small.thumbnail((PREVIEW, PREVIEW), Image.Resampling.LANCZOS)
    return Photo(jpeg(picture), jpeg_url(small))
