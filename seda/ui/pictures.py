"""Pictures as the pages show them: inside the page itself, because a file would be gone when the next run comes quickly."""

from __future__ import annotations

import base64
import html
import io
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

from PIL import Image, ImageOps

from seda.errors import ImageError
from seda.images import read_image
from seda.ui.state import NamedFile

THUMBNAIL = 112  # px; shown at half of it
REDUCED = 512  # px of the shorter side; chosen here: no common encoder looks at more
TILE = 96  # px, of a picture in a strip
_In = TypeVar("_In")
_Out = TypeVar("_Out")
# a phone photo takes a third of a second of one core; chosen here: two threads on a small machine, half of a large one
_readers = ThreadPoolExecutor(max(2, (os.cpu_count() or 2) // 2), "seda-pictures")


@dataclass(frozen=True)
class ReadPicture:
    """An upload, looked at once.

    Attributes:
        file: as it came.
        thumbnail: data URL; empty where the picture cannot be read.
        reduced: a JPEG of at most REDUCED px, for what looks at the picture later; empty where nothing does.
        problem, remedy: why it cannot be read, and what to do; "" where it can.
    """

    file: NamedFile
    thumbnail: str = field(default="", repr=False)
    reduced: bytes = field(default=b"", repr=False)
    problem: str = ""
    remedy: str = ""

    @classmethod
    def of(cls, file: NamedFile, *, reduce: bool = False) -> ReadPicture:
        """Read an upload, and make it small; with `reduce` for a second look too, which takes a fiftieth of a photo's first."""
        try:
            small = read_image(file.content, file.name)
        except ImageError as error:
            return cls(file, problem=error.message, remedy=error.remedy)
        reduced = b""
        if reduce:
            longer = REDUCED * max(small.size) / min(small.size)
            small.thumbnail((longer, longer), Image.Resampling.BICUBIC)
            reduced = jpeg(small, quality=98)  # features of it have a cosine of .9995 to the whole picture's
        small.thumbnail((THUMBNAIL, THUMBNAIL), Image.Resampling.LANCZOS)
        return cls(file, jpeg_url(small), reduced)

    @property
    def html(self) -> str:
        """A tile that tells its name on hover; a sign where there is no picture."""
        name = html.escape(self.file.name)
        if self.thumbnail:
            return f'<img class="seda-tile" src="{self.thumbnail}" alt="{name}" title="{name}">'
        problem = html.escape(self.problem)
        return f'<div class="seda-tile seda-broken" role="img" aria-label="{problem}" title="{problem}">?</div>'


def one_by_one(read: Callable[[_In], _Out], items: Iterable[_In]) -> Iterator[_Out]:
    """The results in the items' order, computed by few threads that all visitors share: theirs take turns.

    What is not begun when the caller goes away is not done.
    """
    coming = [_readers.submit(read, item) for item in items]
    try:
        for one in coming:
            yield one.result()
    finally:
        for one in coming:
            one.cancel()


def picture_strip(pictures: Sequence[bytes]) -> str:
    """PNGs side by side, each cut to a square around its middle, as one data URL.

    Raises:
        ImageError: one of them is none.
    """
    strip = Image.new("RGB", (TILE * len(pictures), TILE), "white")
    for place, content in enumerate(pictures):
        tile = ImageOps.fit(read_image(content, "A thumbnail"), (TILE, TILE), Image.Resampling.LANCZOS)
        strip.paste(tile, (place * TILE, 0))
    return jpeg_url(strip)


def jpeg_url(picture: Image.Image) -> str:
    """A JPEG as a data URL: a quarter of the bytes of a PNG, and dozens of thumbnails are sent with a page."""
    return "data:image/jpeg;base64," + base64.b64encode(jpeg(picture)).decode("ascii")


def jpeg(picture: Image.Image, quality: int = 88) -> bytes:
    """A JPEG file with nothing in it but the pixels."""
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality, subsampling=0 if quality > 90 else -1)
    return buffer.getvalue()
