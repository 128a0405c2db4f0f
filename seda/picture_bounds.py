"""What decoding a picture will cost, read from its bytes before anything is decoded.

A decoder is one C call that nothing interrupts, and its work is not in the size of the file: a progressive JPEG of 600 kB may hold
thousands of scans over 50 million pixels, a PNG millions of empty chunks, a TIFF tags that each claim the whole file. So
segments, chunks, scans and tags are counted here; what is more than any camera or program writes is refused, and what is much but
possible is marked as heavy, to be decoded in a process of its own (see `seda.picture_apart`).

Frames are not counted: only the first one is decoded.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

# Chosen here, beyond what is found in the wild
MAX_SCANS = 100  # of a progressive JPEG; encoders write 3 to 14, optimisers up to 30
MAX_SEGMENTS = 4_000  # of a JPEG before its first scan: a 32 MB file of tables and profiles has 500
MAX_COUNTED = 100_000  # segments between scans, at which counting ends
MAX_FILL = 100_000  # bytes between two segments of a JPEG
MAX_CHUNKS = 50_000  # of a PNG: 32 MB in chunks of 8 kB are 4,000
MAX_SMALL_CHUNKS = 100  # of a thumbnail; ours have 3
MAX_BRANDS = 256  # bytes of a HEIF file's first box that are looked at; cameras write 24 to 48
MAX_TAGS = 2_000  # of a TIFF, or of the EXIF block of another picture
PLAIN_TIFF_BYTES = 2**22
LIGHT_PIXELS = 16_000_000  # decoded in less than half a second
LIGHT_SCANNED = 150_000_000  # pixels times scans of a JPEG: as long

_MARKER = re.compile(rb"\xff+[^\x00\xff\xd0-\xd7]")  # neither a stuffed byte nor a restart
_SIZES = {
    1: 1,
    2: 1,
    3: 2,
    4: 4,
    5: 8,
    6: 1,
    7: 1,
    8: 2,
    9: 4,
    10: 8,
    11: 4,
    12: 8,
}  # bytes of a TIFF tag's values by type
_PIXEL_CHUNKS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
# brands of a HEIF file whose pictures are read, AVIF among them; a video's begins in the same way
_STILL = frozenset((b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1", b"avif", b"avis"))
_COMPRESSION = 259
_PLAIN = {1, 5, 8, 32773, 32946}  # none, LZW, deflate, PackBits: work is linear in the pixels


@dataclass(frozen=True)
class Bounds:
    """What was counted.

    Attributes:
        problem: what is beyond every limit, the end of a sentence that begins with the picture's name; "" where nothing is.
        scans: passes over all pixels.
        unusual: whether the work may not be in proportion to the pixels.
    """

    problem: str = ""
    scans: int = 1
    unusual: bool = False

    def is_heavy(self, pixels: int) -> bool:
        """Whether decoding so many pixels belongs into a process of its own."""
        if self.scans > 1:
            return self.unusual or pixels * self.scans > LIGHT_SCANNED
        return self.unusual or pixels > LIGHT_PIXELS


def bounds_of(data: bytes) -> Bounds:
    """Count what the content's format has; the content decides, not a name."""
    if data[:2] == b"\xff\xd8":
        return _jpeg(data)
    if data[:8] == b"\x89PNG\r\n\x1a\n":
        return _png(data)
    if data[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        tags = read_tags(data)
        plain = tags is not None and len(data) <= PLAIN_TIFF_BYTES and tags.get(_COMPRESSION, 1) in _PLAIN
        return Bounds(unusual=not plain)
    if is_heif(data):  # boxes within boxes, and a video's frame: what its decoder has to do is not counted
        return Bounds(unusual=True)
    return Bounds()


def is_heif(data: bytes) -> bool:
    """Whether it says that it is a HEIF picture (HEIC, as phones write it, or AVIF), and not a video."""
    if data[4:8] != b"ftyp":
        return False
    brands = data[8 : min(int.from_bytes(data[:4], "big"), MAX_BRANDS)]
    places = (0, *range(8, len(brands), 4))  # behind the first brand is its version
    return not _STILL.isdisjoint(brands[at : at + 4] for at in places)


def read_tags(data: bytes) -> dict[int, int] | None:
    """The first directory of a TIFF or of an EXIF block: short values by tag; None where it is unsound.

    Unsound are more than MAX_TAGS, and tags whose values are together larger than the data: they lie over one another.
    """
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(data[:4])
    if order is None or len(data) < 10:
        return None
    (start,) = struct.unpack_from(f"{order}I", data, 4)
    if start + 2 > len(data):
        return None
    (count,) = struct.unpack_from(f"{order}H", data, start)
    if count > MAX_TAGS or start + 2 + 12 * count > len(data):
        return None
    found: dict[int, int] = {}
    claimed = 0
    for place in range(start + 2, start + 2 + 12 * count, 12):
        tag, kind, many = struct.unpack_from(f"{order}HHI", data, place)
        claimed += many * _SIZES.get(kind, 0)
        if kind in (3, 4) and many == 1:
            (found[tag],) = struct.unpack_from(f"{order}{'H' if kind == 3 else 'I'}", data, place + 8)
    return found if claimed <= len(data) else None


def bare_png(data: bytes) -> bytes:
    """A small PNG with nothing but its pixels: what a decoder would unpack beside them (texts, profiles, frames) is left out.

    Returns:
        b"" where it is no PNG of at most MAX_SMALL_CHUNKS chunks that begins with its header.
    """
    if data[:8] != b"\x89PNG\r\n\x1a\n" or data[8:16] != b"\0\0\0\rIHDR":
        return b""
    at, kept = 8, [data[:8]]
    for _ in range(MAX_SMALL_CHUNKS):
        end, kind = at + 12 + int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        if end > len(data):
            return b""
        if kind in _PIXEL_CHUNKS:
            kept.append(data[at:end])
        if kind == b"IEND":
            return b"".join(kept)
        at = end
    return b""


def _jpeg(data: bytes) -> Bounds:
    at, scans, segments, fill, sound = 2, 0, 0, 0, True
    while (found := _MARKER.search(data, at)) is not None:
        if not scans:
            fill += found.end() - at - 2
        marker, at = data[found.end() - 1], found.end()
        if marker == 0xD9 and scans:
            break
        if marker in (0x01, 0xD8, 0xD9):  # without a length
            continue
        segments += 1
        scans += marker == 0xDA
        if not scans and segments > MAX_SEGMENTS:
            return Bounds(f"has more than {MAX_SEGMENTS:,} segments before its first pixel")
        if fill > MAX_FILL:
            return Bounds(f"has more than {MAX_FILL:,} bytes between its segments")
        if segments > MAX_COUNTED or at + 2 > len(data):
            break
        length = int.from_bytes(data[at : at + 2], "big")
        if marker == 0xE1 and data[at + 2 : at + 8] == b"Exif\0\0":
            sound &= read_tags(data[at + 8 : at + length]) is not None
        if marker == 0xE2 and data[at + 2 : at + 6] == b"MPF\0":
            sound &= read_tags(data[at + 6 : at + length]) is not None
        at += max(length, 2)
    if scans > MAX_SCANS:
        return Bounds(
            f"has {scans:,} scans; at most {MAX_SCANS} are allowed, and cameras and programs write up to 14", scans
        )
    return Bounds(scans=max(scans, 1), unusual=not sound)


def _png(data: bytes) -> Bounds:
    at, chunks, sound = 8, 0, True
    while at + 8 <= len(data):
        chunks += 1
        if chunks > MAX_CHUNKS:
            return Bounds(f"has more than {MAX_CHUNKS:,} chunks")
        length, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        if kind == b"IEND":
            break
        if kind == b"eXIf":
            sound &= read_tags(data[at + 8 : at + 8 + length]) is not None
        at += 12 + length
    return Bounds(unusual=not sound)
