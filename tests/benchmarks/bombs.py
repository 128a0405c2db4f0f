"""Known bombs: files that are small, or that claim to be, and cost much where their reader trusts them.

Each is a function of a seeded generator that gives the content (of what is read as a folder, writes it). attack.py mixes them among
files that are altered by chance.
"""

from __future__ import annotations

import io
import json
import os
import random
import struct
import warnings
import zipfile
import zlib
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tests import heif

Bomb = Callable[[random.Random], bytes]
# turn a line, join, do not show, stack up, are half of a character, are more than one sign wide
NAMES = ("\u202egnp.cat", "a\u2066b\u2069\u202d", "ca\u200bt\u200d\ufeff", "e" + "\u0301\u0316" * 140, "\U0010ffff", "\ufdfd" * 60, "a\u0000b\u001b[2J",
         "<img src=x onerror=alert(1)>", "![x](http://127.0.0.1/x.png)", "$\\frac{1}{0}$ :smile: **x**", "\u2028\u2029\u0085", "x" * 299)  # fmt: skip


# ---------------------------------------------------------------------------------------------------- pictures


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@cache
def plain(width: int, height: int, kind: str, mode: str = "RGB", **options: Any) -> bytes:
    return encoded(Image.new(mode, (width, height)), kind, **options)


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(width: int, height: int, bits: int = 8, color: int = 2, extra: bytes = b"", interlaced: int = 0) -> bytes:
    samples = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[color]
    row = bytes(1 + (width * samples * bits + 7) // 8)
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, interlaced))
    packer = zlib.compressobj(1)
    body = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    return b"\x89PNG\r\n\x1a\n" + head + extra + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def tiff(entries: list[tuple[int, int, int, int]], following: int = 0, body: bytes = b"") -> bytes:
    """One directory of (tag, type, count, value or offset), where the next one begins, and what comes after both."""
    tags = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + tags + struct.pack("<I", following) + body


def _grey_tiff(side: int, compression: int = 1, **more: tuple[int, int, int]) -> bytes:
    """Of one strip of 64 kB, whatever its sides claim."""
    entries = {256: (4, 1, side), 257: (4, 1, side), 258: (3, 1, 8), 259: (3, 1, compression), 262: (3, 1, 1), 273: (4, 1, 200),
               277: (3, 1, 1), 278: (4, 1, side), 279: (4, 1, 2**16)}  # fmt: skip
    entries |= {int(tag[1:]): value for tag, value in more.items()}
    return tiff([(tag, *entry) for tag, entry in sorted(entries.items())]).ljust(200, b"\0") + bytes(2**16)


@cache
def _packed_zeros(megabytes: int) -> bytes:
    return zlib.compress(bytes(megabytes * 10**6), 1)


def _webp_chunks(*chunks: tuple[bytes, bytes]) -> bytes:
    body = b"".join(kind + struct.pack("<I", len(part)) + part + b"\0" * (len(part) % 2) for kind, part in chunks)
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def _webp_canvas(side: int, flags: int) -> tuple[bytes, bytes]:
    return b"VP8X", bytes([flags, 0, 0, 0]) + (side - 1).to_bytes(3, "little") * 2


def _webp_frame(side: int = 1) -> tuple[bytes, bytes]:
    still = plain(side, side, "WEBP", lossless=True)
    return b"ANMF", bytes(6) + (side - 1).to_bytes(3, "little") * 2 + b"\1\0\0\0" + still[12:]


def _jpeg_with(*segments: tuple[int, bytes], of: bytes | None = None) -> bytes:
    data = plain(64, 48, "JPEG") if of is None else of
    return (
        data[:2]
        + b"".join(b"\xff" + bytes([kind]) + struct.pack(">H", len(part) + 2) + part for kind, part in segments)
        + data[2:]
    )


def _exif(rng: random.Random) -> bytes:
    """Directories that point at themselves or at one another, values that claim gigabytes, thousands of tags."""
    match rng.randrange(4):
        case 0:
            return tiff([(0x8769, 4, 1, 8), (0x8825, 4, 1, 8), (0xA005, 4, 1, 8)], following=8)
        case 1:
            return tiff([(0x0112, 3, 2**31 - 1, 8), (0x010F, 2, 2**32 - 1, 8), (0x927C, 7, 2**30, 8)])
        case 2:
            return tiff([(n, 5, 200, 8) for n in range(3000)], body=bytes(1600))
        case _:
            return tiff([(0x0112, 12, 1, 8), (0x0112, 2, 4, 0x41414141), (0x0112, 3, 1, 77), (0x0112, 3, 0, 0)])


def _many_frames(rng: random.Random) -> bytes:
    """100,000 frames of one pixel."""
    count = rng.choice((1000, 100_000))
    match rng.randrange(4):
        case 0:
            head = b"GIF89a\x08\0\x08\0\x80\0\0" + b"\0\0\0\xff\xff\xff"
            return head + b",\0\0\0\0\1\0\1\0\0\2\2D\1\0" * count + b";"
        case 1:
            first = struct.pack(">IIIIIHHBB", 0, 1, 1, 0, 0, 1, 10, 0, 0)
            frames = b"".join(
                chunk(b"fcTL", struct.pack(">I", 2 * n + 1) + first[4:])
                + chunk(b"fdAT", struct.pack(">I", 2 * n + 2) + zlib.compress(b"\0\0\0\0"))
                for n in range(count)
            )
            data = png(1, 1, extra=chunk(b"acTL", struct.pack(">II", count + 1, 0)) + chunk(b"fcTL", first))
            return data[:-12] + frames + data[-12:]
        case 2:
            return _webp_chunks(_webp_canvas(8, 2), (b"ANIM", bytes(6)), *([_webp_frame()] * count))
        case _:
            pages = [tiff([(256, 4, 1, 1), (257, 4, 1, 1)], 0)[8:]] * count
            size = len(pages[0])
            linked = (page[:-4] + struct.pack("<I", 8 + size * (n + 1)) for n, page in enumerate(pages))
            return b"II*\0\x08\0\0\0" + b"".join(linked)


def _jpeg_claims(rng: random.Random) -> bytes:
    """Sides, parts and precision that its content has not."""
    data = bytearray(plain(64, 48, "JPEG", progressive=rng.random() < 0.5))
    at = max(data.find(b"\xff\xc0"), data.find(b"\xff\xc2"))
    match rng.randrange(4):
        case 0:
            data[at + 5 : at + 9] = struct.pack(
                ">HH", *rng.choice(((65_535, 65_535), (7071, 7071), (65_535, 700), (1, 65_535)))
            )
        case 1:
            data[at + 1] = rng.choice((0xC1, 0xC3, 0xC5, 0xC9, 0xCA, 0xCB))  # lossless, hierarchical, arithmetic
        case 2:
            data[at + 4] = rng.choice((0, 1, 12, 16, 255))
        case _:
            data[at + 9] = rng.choice((0, 2, 255))
    return bytes(data)


def _jpeg_parts(rng: random.Random) -> bytes:
    """A colour profile of 16 MB, 16,000 tables, or a restart after each block of 49 million pixels."""
    match rng.randrange(3):
        case 0:
            return _jpeg_with(*((0xE2, b"ICC_PROFILE\0" + bytes([n, 255]) + bytes(65_000)) for n in range(1, 256)))
        case 1:
            return _jpeg_with(*([(0xDB, bytes(65))] * rng.choice((3000, 16_000))))
        case _:
            return _jpeg_with((0xDD, b"\0\1"), of=plain(7000, 7000, "JPEG", mode="L"))


def _png_parts(rng: random.Random) -> bytes:
    """A profile or a text that unpacks to 500 MB, and profiles of broken kinds."""
    packed = _packed_zeros(rng.choice((1, 500)))
    part = rng.choice(
        (
            chunk(b"iCCP", b"p\0\0" + packed), chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + packed), chunk(b"zTXt", b"Raw profile type exif\0\0" + packed),
            chunk(b"iTXt", b"a\0\1\0\0\0" + packed) * 3, chunk(b"PLTE", bytes(768)) * 300, chunk(b"tRNS", bytes(10**6)), chunk(b"IHDR", bytes(13)),
            chunk(b"eXIf", _exif(rng)), chunk(b"gAMA", b"\xff" * 4) + chunk(b"cHRM", b"\xff" * 32) + chunk(b"pHYs", b"\xff" * 9),
        )
    )  # fmt: skip
    return png(8, 8, color=rng.choice((2, 3)), extra=part)


def _tiff_claims(rng: random.Random) -> bytes:
    """Compressions of all kinds, parts of a pixel by thousands, tiles and strips without end."""
    side = rng.choice((100, 7000))
    match rng.randrange(6):
        case 0:
            return _grey_tiff(
                side,
                rng.choice(
                    (
                        2,
                        3,
                        4,
                        5,
                        6,
                        7,
                        8,
                        32_766,
                        32_771,
                        32_773,
                        32_809,
                        32_946,
                        34_676,
                        34_925,
                        50_000,
                        50_001,
                        34_712,
                    )
                ),
            )
        case 1:
            return _grey_tiff(side, t277=(3, 1, rng.choice((0, 5, 65_535))), t258=(3, 65_535, 8))
        case 2:
            return _grey_tiff(side, t278=(4, 1, rng.choice((0, 1))), t273=(4, 2**20, 8), t279=(4, 2**20, 8))
        case 3:
            return _grey_tiff(side, t322=(4, 1, 2**31), t323=(4, 1, 16), t324=(4, 1, 8), t325=(4, 1, 2**31 - 1))
        case 4:
            return _grey_tiff(
                side, t339=(3, 1, rng.choice((2, 3, 4, 6))), t258=(3, 1, rng.choice((1, 2, 12, 16, 24, 32, 64)))
            )
        case _:
            name = rng.choice(
                (
                    "group3",
                    "group4",
                    "tiff_ccitt",
                    "tiff_lzw",
                    "tiff_adobe_deflate",
                    "lzma",
                    "zstd",
                    "webp",
                    "packbits",
                    "jpeg",
                )
            )
            mode = (
                "1"
                if name.startswith(("group", "tiff_ccitt"))
                else "RGB"
                if name in ("webp", "jpeg")
                else rng.choice(("L", "RGBA", "I;16", "F", "CMYK"))
            )
            try:
                return plain(rng.choice((64, 5000)), 5000, "TIFF", mode=mode, compression=name)
            except (OSError, ValueError):  # not of this Pillow
                return plain(64, 64, "TIFF")


def _webp_claims(rng: random.Random) -> bytes:
    """A canvas of 268 million pixels around one, and parts beside it."""
    side = rng.choice((8, 7000, 16_383, 2**24))
    parts = rng.choice(
        ((b"ICCP", bytes(2**24)), (b"EXIF", _exif(rng)), (b"XMP ", b"<x>" * 10**6), (b"ALPH", b"\1" + bytes(1000)))
    )
    return _webp_chunks(
        _webp_canvas(side, rng.choice((2, 0x3E))), parts, (b"ANIM", bytes(6)), _webp_frame(rng.choice((1, 8)))
    )


def _bmp_claims(rng: random.Random) -> bytes:
    """Runs that leave most of 49 million pixels out, headers and palettes of other sizes."""
    sides = rng.choice(((7000, 7000), (7000, -7000), (-1, 7000), (2**31 - 1, 2**31 - 1), (1, 2**24)))
    kind, bits = rng.choice(((0, 1), (0, 24), (1, 8), (2, 4), (3, 32), (3, 16), (4, 24), (5, 24), (0, 64)))
    runs = rng.choice((b"\0\2\xff\xff" * 1000, b"\xff\1" * 200_000, b"\0\0" * 10_000, b"")) + b"\0\1"
    head = struct.pack("<IiiHHIIiiII", 40, *sides, 1, bits, kind, len(runs), 1, 1, rng.choice((0, 256, 2**31)), 0)
    return (
        b"BM"
        + struct.pack("<IHHI", 54 + 1024 + len(runs), 0, 0, rng.choice((54, 54 + 1024, 2**31)))
        + head
        + bytes(1024)
        + runs
    )


def _gif_claims(rng: random.Random) -> bytes:
    """A screen of 4 billion pixels, a frame outside of it, codes without an end."""
    screen, frame = (
        rng.choice(((65_535, 65_535), (7000, 7000), (8, 8))),
        rng.choice(((65_535, 65_535), (7000, 7000), (0, 0))),
    )
    codes = rng.choice(
        (b"\xffD" + b"D" * 254) * 1000 if rng.random() < 0.5 else (b"\1\x04" * 50_000, b"\xff" + bytes(255) * 3, b"")
    )
    codes = codes if isinstance(codes, bytes) else bytes([codes])
    frame_head = b"," + struct.pack("<HHHHB", rng.choice((0, 60_000)), 0, *frame, rng.choice((0, 0x40)))
    return (
        b"GIF89a"
        + struct.pack("<HHBBB", *screen, 0x80, 9, 0)
        + b"\0\0\0\xff\xff\xff"
        + frame_head
        + bytes([rng.choice((2, 8, 11, 12, 255))])
        + codes
        + b"\0;"
    )


def _heif_claims(rng: random.Random) -> bytes:
    """Photos of phones, whose boxes claim other sizes, places, brands and pixels than they have."""
    data = bytearray(rng.choice((heif.PLAIN, heif.TURNED, plain(64, 48, "AVIF"))))
    big = struct.pack(">I", rng.choice((0, 1, 65_535, 2**24, 2**31, 2**32 - 1)))
    match rng.randrange(5):
        case 0:
            at = data.find(
                rng.choice((b"ispe", b"clap", b"hvcC", b"av1C", b"iloc", b"ipma", b"iinf", b"mdat", b"meta"))
            )
            data[at + 8 : at + 12] = big  # a size, a count, or where something lies
        case 1:
            at = data.find(
                rng.choice((b"ispe", b"hvcC", b"av1C", b"iloc", b"iprp", b"ipco", b"mdat", b"meta", b"ftyp"))
            )
            data[max(at - 4, 0) : max(at, 4)] = big  # how long a box is
        case 2:
            for _ in range(rng.randrange(1, 40)):
                data[rng.randrange(16, len(data))] = rng.randrange(256)
        case 3:
            del data[rng.randrange(32, len(data)) :]
        case _:
            at = data.find(b"ispe")
            data[at + 8 : at + 16] = struct.pack(
                ">II", *rng.choice(((60_000, 60_000), (2**31, 1), (7_000, 7_000), (0, 0)))
            )
    return bytes(data) + bytes(rng.choice((0, 0, 2**20)))


def _other_formats(rng: random.Random) -> bytes:
    """What Pillow would open and is not asked for, and what is no picture."""
    kinds = [
        ("JPEG2000", "RGB"),
        ("ICO", "RGB"),
        ("TGA", "RGB"),
        ("PPM", "RGB"),
        ("SGI", "RGB"),
        ("EPS", "RGB"),
        ("PDF", "RGB"),
        ("PCX", "L"),
        ("DDS", "RGB"),
        ("IM", "L"),
    ]
    if rng.random() < 0.5:
        kind, mode = rng.choice(kinds)
        try:
            return plain(64, 48, kind, mode=mode)
        except (KeyError, OSError, ValueError):
            pass
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("../../cat.png", bytes(10**7))
    return rng.choice(
        (
            b"<svg xmlns='http://www.w3.org/2000/svg' width='1e9' height='1e9'><image href='http://127.0.0.1/x.png'/></svg>", archive.getvalue(),
            b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 99999 99999\n(/etc/passwd) run\n", b"\x1f\x8b\x08" + bytes(100), b"%PDF-1.7\n", b"MZ" + bytes(100),
            b"\0\0\0\x18ftypheic" + bytes(100), b"8BPS\0\1" + bytes(22), b"#!/bin/sh\nexit\n", b"", b"\0", b"<!doctype html><script>alert(1)</script>",
            b"P6 7000 7000 255\n", b"P7\nWIDTH 99999\nHEIGHT 99999\nDEPTH 4\nMAXVAL 255\nENDHDR\n", b"qoif" + struct.pack(">IIBB", 7000, 7000, 4, 0) + b"\xfd" * 10**6,
        )
    )  # fmt: skip


def _two_at_once(rng: random.Random) -> bytes:
    """One format in another's clothes, and much behind the end."""
    first, second = rng.sample([plain(64, 48, kind) for kind in ("JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF")], 2)
    return rng.choice(
        (
            first + second,
            second[:20] + first,
            first + bytes(30 * 2**20),
            first[: len(first) // 2] + second,
            bytes(512) + first,
        )
    )


PICTURES: dict[str, Bomb] = {
    "frames": _many_frames,
    "jpeg claims": _jpeg_claims,
    "jpeg parts": _jpeg_parts,
    "png parts": _png_parts,
    "tiff claims": _tiff_claims,
    "webp claims": _webp_claims,
    "bmp claims": _bmp_claims,
    "gif claims": _gif_claims,
    "heif claims": _heif_claims,
    "other formats": _other_formats,
    "two at once": _two_at_once,
    "exif": lambda rng: rng.choice(
        (
            _jpeg_with((0xE1, b"Exif\0\0" + _exif(rng))),
            _exif(rng) + bytes(1000),
            png(8, 8, extra=chunk(b"eXIf", _exif(rng))),
            _webp_chunks(_webp_canvas(1, 8), *[_webp_frame()], (b"EXIF", _exif(rng))),
        )
    ),
    "interlaced": lambda rng: png(*rng.choice(((7000, 7000), (49_000_000, 1), (1, 1_000_000))), 16, 6, interlaced=1) if rng.random() < 0.3 else png(3000, 3000, 16, 6, interlaced=1),
}  # fmt: skip


# ---------------------------------------------------------------------------------------------------- arrays


def repeated_header(content: bytes, rng: random.Random) -> bytes:
    """A safetensors file whose arrays overlap, leave holes, wrap around, or are named and typed as none is."""
    length = int.from_bytes(content[:8], "little")
    header, body = json.loads(content[8 : 8 + length]), content[8 + length :]
    names = [name for name in header if name != "__metadata__"]
    one, other = header[rng.choice(names)], header[rng.choice(names)]
    match rng.randrange(9):
        case 0:
            one["data_offsets"] = list(other["data_offsets"])
        case 1:
            one["data_offsets"] = [2**64 - 8, rng.choice((8, 2**64 - 1))]
        case 2:
            one["data_offsets"] = one["data_offsets"][::-1]
        case 3:
            one["shape"] = rng.choice(([2**63, 2], [2**32, 2**32, 0], [0] * 6, [1] * 70, [-1], [True], [1.0], [10**30]))
        case 4:
            one["dtype"] = rng.choice(("F4", "F8_E4M3", "BF16", "C64", "U64", "BOOL", "object", "", "F32" * 1000))
        case 5:
            header = {(name if rng.random() < 0.5 else rng.choice(NAMES)): value for name, value in header.items()}
        case 6:
            text = json.dumps(header)
            text = text[:-1] + ", " + text[1:]  # every key twice
            return struct.pack("<Q", len(text)) + text.encode() + body
        case 7:
            header["__metadata__"] = rng.choice(
                (
                    {"json": 5},
                    {"json": '"\\ud800"'},
                    {"json": '{"a": NaN}'},
                    {"json": '{"title": 1, "title": "\\ud800"}'},
                    [],
                    "json",
                    {"json": "[" * 10**5},
                )
            )
        case _:
            padding = b" " * rng.choice((2**20, 2**25))
            text = json.dumps(header).encode() + padding
            return struct.pack("<Q", len(text)) + text + body
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


def _npy(header: str, version: int = 1, body: bytes = b"") -> bytes:
    return (
        b"\x93NUMPY"
        + bytes([version, 0])
        + struct.pack("<H" if version == 1 else "<I", len(header) & (0xFFFF if version == 1 else -1))
        + header.encode("latin-1", "replace")
        + body
    )


def npz(rng: random.Random) -> bytes:
    """Archives that unpack to gigabytes, or lie; arrays that are objects, structures or texts of a gigabyte each."""
    shape = rng.choice(
        ("(2, 2)", "(10**9, 10**9)", "(1000000000000,)", "(-1, 2)", "(2**70,)", "()", "(0, 5)", "(True, 2)", "('a',)")
    )
    kind = rng.choice(
        (
            "'<f4'",
            "'|O'",
            "'<U1000000000'",
            "'|V2000000000'",
            "[('a', '<f4')]",
            "'M8[s]'",
            "'<c16'",
            "'|S0'",
            "'f4,f4'",
            "'<f4' * 10**9",
            "'>f8'",
            "'|b1'",
        )
    )
    header = rng.choice(
        (
            f"{{'descr': {kind}, 'fortran_order': False, 'shape': {shape}, }}\n",
            "{" * 5000,
            "__import__('os').abort()",
            "[" * 10**5,
            "{'descr': '<f4'}",
            "\0",
        )
    )
    array = _npy(header, rng.choice((1, 2, 3, 9)), bytes(rng.choice((0, 16, 10**6))))
    method = rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA))
    buffer = io.BytesIO()
    with (
        warnings.catch_warnings(action="ignore"),
        zipfile.ZipFile(buffer, "w", method) as file,
    ):  # of a name that comes twice
        for name in (
            "image_features",
            "labels",
            "test",
            "class_text_features",
            rng.choice(("class_names", "../../x", "labels")),
        ):
            file.writestr(f"{name}.npy", array)
        if rng.random() < 0.2:
            file.writestr(
                "more.npy",
                _npy("{'descr': '|u1', 'fortran_order': False, 'shape': (300000000,), }\n") + bytes(3 * 10**8),
            )
    content = bytearray(buffer.getvalue())
    for mark, places in ((b"PK\1\2", (20, 24, 42, 8, 10)), (b"PK\3\4", (18, 22, 6, 8))):  # sizes, offset, flags, method
        at = content.find(mark)
        if rng.random() < 0.4 and at >= 0:
            place = at + rng.choice(places)
            content[place : place + 2] = rng.choice((b"\xff\xff", b"\0\0", b"\1\0"))
    return bytes(content)


def parquet(rng: random.Random) -> bytes:
    """Columns that take nothing in the file and gigabytes in memory, of types and names that none should have."""
    import pyarrow as pa
    from pyarrow import parquet as files

    count = rng.choice((8, 8, 3_000_000))
    labels = rng.choice(
        (
            pa.array([0] * count, pa.int8()), pa.array([NAMES[n % len(NAMES)] for n in range(count)]).dictionary_encode(), pa.nulls(count),
            pa.array([1.5] * count), pa.array([b"\xff"] * count), pa.array([[n] for n in range(count)]) if count < 10 else pa.nulls(count),
            pa.array([2**63 - 1] * count), pa.array([{"a": 1}] * count) if count < 10 else pa.nulls(count),
        )
    )  # fmt: skip
    wide = rng.choice((1, 100_000)) if count < 10 else 1
    features = pa.FixedSizeListArray.from_arrays(pa.array(np.zeros(count * wide, np.float32)), wide)
    table = pa.table(
        {"image_features": features, "labels": labels, "test": pa.array([n % 2 for n in range(count)], pa.int8())}
    )
    text = rng.choice(
        (
            json.dumps([[1e999]]),
            "[[" + "1," * 10**6 + "1]]",
            json.dumps([["a"]]),
            "[[1],[1,2]]",
            '[["\\ud800"]]',
            json.dumps({"0": [1]}),
            "[" * 10**5,
        )
    )
    names = rng.choice(
        (json.dumps([0, 1]), json.dumps(list(NAMES)), json.dumps(["a", "a"]), '["\\ud800", "b"]', "{}", "null")
    )
    buffer = io.BytesIO()
    files.write_table(
        table.replace_schema_metadata({"class_text_features": text, "class_names": names, "encoder": rng.choice(NAMES)}), buffer,
        compression=rng.choice(("none", "snappy", "zstd", "gzip", "brotli")),
    )  # fmt: skip
    return buffer.getvalue()


# ---------------------------------------------------------------------------------------------------- tokenizers

PATTERNS = (
    "(a+)+$", "(a|aa)+$", "(?:a*)*b", "(.*)*x", "a{1,999}{1,999}", r"(?=(a+))\1+b", "[[a]&&[^a]]", "(?<n>a|b\\g<n>c)+", r"\p{L}{60000}", "a?" * 30 + "a" * 30,
    "(?<!(a|aa)+)b", "(?i:" * 300 + ")" * 300, "[" + "a-z" * 600 + "]+", "", "(", "\\", "a**", r"(\w+\s?)+$", ".*.*.*=", r"\X+", r"(?>a+)+b", r"\R{0,5000}x", "^(?:.?)+$", "a|" * 900,
    r"'s|'t|'re|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+", r"(?=[^\S\r\n]+)[a-z]*[a-z]*[a-z]*1",
)  # fmt: skip


def _deep(part: dict[str, Any], key: str, depth: int) -> dict[str, Any]:
    for _ in range(depth):
        part = {"type": "Sequence", key: [part]}
    return part


def tokenizer(values: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    """A tokenizer.json that would take for ever, fill the memory or run into what its reader takes for granted."""
    split = {
        "type": "Split",
        "pattern": {"Regex": rng.choice(PATTERNS)},
        "behavior": rng.choice(("Removed", "Isolated", "Own")),
        "invert": rng.random() < 0.5,
    }
    replace = {
        "type": "Replace",
        "pattern": rng.choice(({"Regex": rng.choice(PATTERNS)}, {"String": ""}, {"String": "a"})),
        "content": rng.choice(("", "a" * 60, "aa" * 10**5)),
    }
    words = {f"w{n}": n for n in range(rng.choice((10, 300_000)))}
    flags = {"single_word": False, "lstrip": True, "rstrip": True, "normalized": True, "special": False}
    match rng.randrange(12):
        case 0:
            values["pre_tokenizer"] = split
        case 1:
            values["normalizer"] = rng.choice(
                (
                    replace,
                    _deep(replace, "normalizers", rng.choice((3, 20, 500))),
                    {"type": "Sequence", "normalizers": [replace] * rng.choice((2, 8, 20_000))},
                )
            )
        case 2:
            values["pre_tokenizer"] = _deep(split, "pretokenizers", rng.choice((3, 500)))
        case 3:
            values["model"] = {
                "type": "WordPiece",
                "vocab": values["model"]["vocab"] | words,
                "unk_token": "<unk>",
                "continuing_subword_prefix": rng.choice(("##", "", "a" * 10**5)),
                "max_input_chars_per_word": rng.choice((0, 100, 2**63, 2**64)),
            }
        case 4:
            merges = [[f"w{n}", f"w{n + 1}"] for n in range(len(words) - 1)]
            values["model"] = {
                "type": "BPE",
                "vocab": values["model"]["vocab"] | words,
                "merges": rng.choice((merges, [["a", "a"]], ["a"], [[]])),
                "unk_token": rng.choice(("<unk>", "none")),
                "dropout": rng.choice((None, 0.5, 7, -1)),
                "byte_fallback": True,
                "ignore_merges": True,
            }
        case 5:
            scored = [[word, rng.choice((-1.0, 0.0, 1e308, -1e308))] for word in [*values["model"]["vocab"], *words]]
            values["model"] = {
                "type": "Unigram",
                "vocab": rng.choice((scored, [], [["", 0.0]] * 9)),
                "unk_id": rng.choice((3, None, 10**9, -1)),
            }
        case 6:
            values["model"]["vocab"] = rng.choice(
                (
                    {"a": 2**31},
                    {"a": 2**32},
                    {"a": -1},
                    {"<unk>": 0, "<pad>": 0, "a": 0},
                    {},
                    words,
                    {name: n for n, name in enumerate(NAMES)},
                )
            )
        case 7:
            contents = rng.choice(([""], ["a"], [f"t{n}" for n in range(100_000)], list(NAMES), ["x" * 10**6], [" "]))
            values["added_tokens"] = values["added_tokens"] + [
                {"id": rng.choice((4, 7 + n, 2**32 - 1)), "content": one, **flags} for n, one in enumerate(contents)
            ]
        case 8:
            values["normalizer"] = {
                "type": "Precompiled",
                "precompiled_charsmap": rng.choice(
                    ("", "AAAA", "A" * 40_000, "/////w==", "not base64", "AAAAAP////8=")
                ),
            }
        case 9:
            part = rng.choice(
                (
                    {"Sequence": {"id": "A", "type_id": 0}},
                    {"SpecialToken": {"id": "<s>", "type_id": 2**32 - 1}},
                    {"SpecialToken": {"id": "none", "type_id": 0}},
                )
            )
            values["post_processor"]["single"] = [part] * rng.choice((0, 1, 100, 10**5))
        case 10:
            values["padding"] = {
                "strategy": rng.choice(("BatchLongest", {"Fixed": 10**12})),
                "direction": "Right",
                "pad_to_multiple_of": rng.choice((0, 2**40)),
                "pad_id": 0,
                "pad_type_id": 0,
                "pad_token": "<pad>",
            }
            values["truncation"] = {
                "direction": "Right",
                "max_length": rng.choice((0, 1, 2**63)),
                "strategy": "LongestFirst",
                "stride": rng.choice((0, 10**9)),
            }
        case _:
            values["pre_tokenizer"] = rng.choice(
                (
                    {"type": "Metaspace", "replacement": "", "prepend_scheme": "always"},
                    {"type": "ByteLevel"},
                    {"type": "CharDelimiterSplit", "delimiter": "ab"},
                    {"type": "UnicodeScripts"},
                    {"type": "own.Own", "auto_map": {}},
                )
            )
    return values


def configuration(config: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    """Numbers that are truths, numbers without end, sides and parts whose products are beyond every memory."""
    towers = [
        config["model_cfg"]["vision_cfg"],
        config["model_cfg"]["text_cfg"],
        config["model_cfg"],
        config["preprocess_cfg"],
    ]
    for _ in range(rng.choice((1, 2))):
        part = rng.choice([tower for tower in towers if tower])
        key = rng.choice(sorted(part))
        part[key] = rng.choice(
            (
                True,
                False,
                10**400,
                -(10**18),
                1e308,
                2.0,
                16.5,
                "16",
                [16] * 10**4,
                None,
                0,
                128,
                4096,
                65_536,
                {"": {}},
            )
        )
    if rng.random() < 0.3 and isinstance(config["model_cfg"]["vision_cfg"], dict):
        config["model_cfg"]["vision_cfg"] |= rng.choice(
            (
                {"image_size": 4096, "patch_size": 1},
                {"layers": [3, 4, 6, 3], "width": 8192},
                {"width": 16_384, "layers": 96},
                {"head_width": 7},
                {"timm_model_name": "vit_giant"},
                {"mlp_ratio": 1e9},
            )
        )
    return config


# ---------------------------------------------------------------------------------------------------- replays and folders


@cache
def _replay(kind: str) -> bytes:
    from dataclasses import replace

    from seda.journeys.settings import TraceSettings
    from tests.toy import toy_journey

    if kind == "as large as may be":
        return toy_journey(items=1000, steps=10, classes=1000, reference=2000, neighbors=False).to_bytes()
    if kind == "long":
        return toy_journey(items=64, steps=195, classes=1000, reference=100, neighbors=False, clouds=True).to_bytes()
    journey = toy_journey(items=200, steps=2)
    if kind == "names":
        trajectory = replace(
            journey.trajectory, item_names=tuple(NAMES[n % len(NAMES)] for n in range(200)), class_names=NAMES[:4], center_names=NAMES[4:8],
            settings=TraceSettings.model_construct(
                **{name: name for name in NAMES}, hints=tuple(NAMES[n % len(NAMES)] for n in range(200))
            ),
        )  # fmt: skip
        return replace(journey, trajectory=trajectory, title=NAMES[3], note=NAMES[1] * 20).to_bytes()
    if kind == "sheet":
        rows = -(-len(journey.neighbors.labels) // journey.neighbors.columns)
        sheet = png(
            journey.neighbors.columns * journey.neighbors.tile,
            rows * journey.neighbors.tile,
            extra=chunk(b"teSt", b"") * 10**6,
        )
        return replace(journey, neighbors=replace(journey.neighbors, sheet=sheet)).to_bytes()
    pictures = {
        "large thumbnails": plain(2048, 2048, "PNG", mode="L"), "thumbnails with texts": png(96, 96, extra=chunk(b"zTXt", b"a\0\0" + _packed_zeros(50))),
        "thumbnails of chunks": png(8, 8, extra=chunk(b"teSt", b"") * 20_000), "thumbnails that lie": png(8, 8).replace(struct.pack(">II", 8, 8), struct.pack(">II", 2**31, 1)),
    }  # fmt: skip
    return replace(journey, thumbnails=(pictures[kind],) * 200).to_bytes()


REPLAYS = (
    "names",
    "sheet",
    "large thumbnails",
    "thumbnails with texts",
    "thumbnails of chunks",
    "thumbnails that lie",
    "long",
    "as large as may be",
)


def replay(rng: random.Random) -> bytes:
    """What is within every limit and heavy, or carries something heavy."""
    return _replay(rng.choice(REPLAYS))


def spoil_folder(folder: Path, rng: random.Random) -> None:
    """Put beside, or in the place of, one of a folder's files what never ends, is not there, or leads out of it."""
    target = rng.choice(sorted(folder.iterdir()))
    if rng.random() < 0.7:
        target.unlink()
    else:
        target = folder / rng.choice(
            ("map-umap-2d.safetensors", "tokenizer.json", "more.safetensors", "open_clip_model.safetensors")
        )
        target.unlink(missing_ok=True)
    match rng.randrange(6):
        case 0 | 1 | 2 as kind:
            no_file(target, kind, ("/dev/zero", "/dev/stdin", "/etc/passwd", "/proc/self/mem", target.name, ".."), rng)
        case 3:
            with target.open("wb") as file:
                file.truncate(rng.choice((2**40, 2**33)))  # of which nothing is written
        case 4:
            target.symlink_to(target.with_name("not-there"))
        case _:
            target.write_bytes(b"")


def no_file(path: Path, kind: int, places: Sequence[str], rng: random.Random) -> None:
    """Where a file is looked for: a link to one of the places (0), a pipe (1) or a folder (2)."""
    if kind == 0:
        path.symlink_to(rng.choice(places))
    elif kind == 1:
        os.mkfifo(path)
    else:
        path.mkdir()


def picture_folder(folder: Path, rng: random.Random) -> None:
    """Two classes of good pictures among links, pipes, devices, depth, names that are not UTF-8, and files by the thousand."""
    for name in ("cat", "dog"):
        (folder / name).mkdir(parents=True)
        for number in range(3):
            shade = tuple(rng.randrange(256) for _ in range(3))
            Image.new("RGB", (20, 20), shade).save(folder / name / f"good-{number}.png")
    bad = folder / rng.choice(("", "cat", "dog", "bird"))
    bad.mkdir(exist_ok=True)
    for number in range(rng.choice((1, 4))):
        path = bad / f"bad-{number}.png"
        match rng.randrange(9):
            case 0 | 1 | 2 as kind:
                places = ("/dev/zero", "/dev/stdin", "/proc/self/mem", "/etc/passwd", path.name, "not there")
                no_file(path, kind, places, rng)
            case 3:
                (bad / f"link-{number}").symlink_to(rng.choice((folder, "/", "..")), target_is_directory=True)
            case 4:
                deep = bad / "/".join(["d"] * 400)
                deep.mkdir(parents=True, exist_ok=True)
                (deep / "x.png").write_bytes(b"none")
            case 5:
                Path(os.fsdecode(os.fsencode(bad) + b"/caf\xe9-\x1b[2J.png")).write_bytes(plain(8, 8, "PNG"))
            case 6:
                for one in range(3000):
                    (bad / f"{one}.png").touch()
            case 7:
                with path.open("wb") as file:
                    file.truncate(2**40)
            case _:
                (bad / f"{rng.choice(NAMES[:5])[:60]}.png").write_bytes(rng.choice(sorted(PICTURES.items()))[1](rng))
