"""Pictures of an aligner's reference features: small, on one contact sheet, kept beside the aligner."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil, sqrt
from pathlib import Path
from typing import Annotated, Literal, Self

import numpy as np
from PIL import Image, ImageOps
from pydantic import Field

from seda.errors import FileFormatError
from seda.schema import Schema, check
from seda.storage import read_arrays, write_arrays

FILE = "reference-pictures.safetensors"
FORMAT = "seda-reference-pictures"
FORMAT_VERSION = 1
MAX_TILE = 32  # px; chosen here: enough to know a shirt from a coat, 2,000 of them stay a small file
MAX_PIXELS = 2**24  # of the sheet; 4,000 pictures have 4 million
_AGAIN = "Train the aligner again, or delete the file: it works without pictures."


class _Metadata(Schema):
    format: Literal["seda-reference-pictures"]
    version: Literal[1]
    tile: Annotated[int, Field(ge=1, le=256)]
    columns: Annotated[int, Field(ge=1, le=4096)]
    count: Annotated[int, Field(ge=1, le=100_000)]


@dataclass(frozen=True, eq=False)
class ReferencePictures:
    """Square pictures of one size.

    Attributes:
        tiles: uint8 [m, side, side] for grey pictures, [m, side, side, 3] for coloured ones.
    """

    tiles: np.ndarray

    @classmethod
    def from_images(cls, images: Iterable[Image.Image]) -> Self:
        """Pictures reduced to at most MAX_TILE px a side, those that are not square cut around their middle."""
        squares = [_square(image) for image in images]
        side = max(square.width for square in squares)
        mode = "L" if all(square.mode == "L" for square in squares) else "RGB"
        return cls(np.stack([np.asarray(square.resize((side, side)).convert(mode)) for square in squares]))

    @property
    def side(self) -> int:
        """Of each picture, px."""
        return self.tiles.shape[1]

    def sheet(self, chosen: np.ndarray) -> tuple[bytes, int]:
        """The chosen pictures [u] on one contact sheet, and how many are in a row.

        Grey ones are a PNG. Coloured ones are a WebP: as a PNG they would be four times as large.
        """
        image, columns = self._contact_sheet(chosen)
        buffer = io.BytesIO()
        if image.mode == "L":
            image.save(buffer, "PNG", compress_level=1)  # made at every run; more effort saves a tenth
        else:
            image.save(buffer, "WEBP", quality=75, method=0)
        return buffer.getvalue(), columns

    def save(self, folder: Path | str) -> Path:
        """Write all pictures beside the aligner, without loss.

        Raises:
            StorageError: the disk is full or the folder cannot be written.
        """
        image, columns = self._contact_sheet(np.arange(len(self.tiles)))
        buffer = io.BytesIO()
        image.save(buffer, "PNG", optimize=True)
        metadata = {"format": FORMAT, "version": FORMAT_VERSION, "tile": self.side, "columns": columns}
        metadata["count"] = len(self.tiles)
        arrays = {"sheet": np.frombuffer(buffer.getvalue(), dtype=np.uint8)}
        return write_arrays(Path(folder) / FILE, arrays, metadata)

    @classmethod
    def load(cls, folder: Path | str) -> Self | None:
        """The pictures beside an aligner; None where it has none.

        Raises:
            FileFormatError: the file is damaged or of another version.
        """
        path = Path(folder) / FILE
        if not path.is_file():
            return None
        arrays, metadata = read_arrays(path)
        if metadata.get("format") != FORMAT or metadata.get("version") != FORMAT_VERSION:
            raise FileFormatError(f"{path} does not hold pictures of version {FORMAT_VERSION}.", remedy=_AGAIN)
        about: _Metadata = check(_Metadata, metadata, f"{path} is incomplete", remedy=_AGAIN)
        try:
            with Image.open(io.BytesIO(arrays["sheet"].tobytes()), formats=("PNG",)) as image:
                if image.width * image.height > MAX_PIXELS or image.mode not in ("L", "RGB"):
                    raise ValueError(f"its sheet is {image.mode} of {image.width:,} x {image.height:,} pixels")
                return cls(_tiles(np.asarray(image), about.tile, about.columns, about.count))
        except (KeyError, ValueError, OSError, SyntaxError, Image.DecompressionBombError, Warning) as error:
            raise FileFormatError(f"{path} is incomplete ({error}).", remedy=_AGAIN) from error

    def _contact_sheet(self, chosen: np.ndarray) -> tuple[Image.Image, int]:
        columns = max(1, ceil(sqrt(len(chosen))))
        rows = -(-len(chosen) // columns)
        side, colors = self.side, self.tiles.shape[3:]
        cells = np.zeros((rows * columns, side, side, *colors), dtype=np.uint8)
        cells[: len(chosen)] = self.tiles[chosen]
        grid = cells.reshape(rows, columns, side, side, *colors).swapaxes(1, 2)  # [rows, side, columns, side]
        return Image.fromarray(grid.reshape(rows * side, columns * side, *colors)), columns


def _square(image: Image.Image) -> Image.Image:
    image = image if image.mode in ("L", "RGB") else image.convert("RGB")
    side = min(MAX_TILE, *image.size)
    return ImageOps.fit(image, (side, side), Image.Resampling.LANCZOS)


def _tiles(pixels: np.ndarray, side: int, columns: int, count: int) -> np.ndarray:
    """Cut a contact sheet [rows * side, columns * side] or [.., 3] into its first `count` pictures."""
    rows, colors = len(pixels) // side, pixels.shape[2:]
    grid = pixels.reshape(rows, side, columns, side, *colors).swapaxes(1, 2)
    tiles = grid.reshape(rows * columns, side, side, *colors)
    if len(tiles) < count:
        raise ValueError(f"{len(tiles)} pictures of {count} are there")
    return np.ascontiguousarray(tiles[:count])
