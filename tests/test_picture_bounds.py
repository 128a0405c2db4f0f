"""Files whose work is not in their size: counted before decoding, or decoded in a process that ends."""

from __future__ import annotations

import io
import struct
import time
import zlib

import numpy as np
import pytest
from PIL import Image, TiffImagePlugin

from seda import picture_apart
from seda.errors import ImageError
from seda.images import decode, read_image
from seda.picture_bounds import LIGHT_PIXELS, MAX_CHUNKS, MAX_SCANS, MAX_SEGMENTS, bounds_of, read_tags


def encoded(image: Image.Image, kind: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def gradient(size: int = 64) -> Image.Image:
    return Image.fromarray(np.add.outer(np.arange(size), np.arange(size)).astype(np.uint8)).convert("RGB")


def with_scans(times: int, size: int = 64) -> bytes:
    """A progressive JPEG whose last scan comes again and again."""
    data = encoded(gradient(size), "JPEG", progressive=True)
    last = data.rfind(b"\xff\xda")
    return data[:last] + data[last:-2] * times + b"\xff\xd9"


def chunk(kind: bytes, content: bytes = b"") -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def tiff_tags(count: int, claimed: int) -> bytes:
    """The directory of a TIFF whose tags each claim so many bytes."""
    tags = b"".join(struct.pack("<HHII", 1000 + number, 7, claimed, 8) for number in range(count))
    return b"II*\0" + struct.pack("<IH", 8, count) + tags + bytes(4)


def test_scans_are_counted_and_their_number_is_said():
    ordinary = encoded(gradient(), "JPEG", progressive=True)
    scans = bounds_of(ordinary).scans
    assert 5 < scans < 15 and bounds_of(encoded(gradient(), "JPEG")).scans == 1
    assert bounds_of(with_scans(20)).scans == scans + 19
    assert read_image(with_scans(20), "many").size == (64, 64)
    start = time.perf_counter()
    with pytest.raises(ImageError, match=rf"bomb has {scans + 19_999:,} scans; at most {MAX_SCANS} are allowed"):
        read_image(with_scans(20_000), "bomb")
    assert time.perf_counter() - start < 1


def test_what_looks_like_a_scan_inside_of_a_segment_is_none():
    data = encoded(gradient(), "JPEG", comment=b"\xff\xda" * 500)
    assert bounds_of(data).scans == 1
    two = encoded(gradient(), "MPO", save_all=True, append_images=[gradient(32)])
    assert bounds_of(two).scans == 1  # the second picture is not read


def test_segments_fill_and_chunks_are_counted():
    jpeg, png = encoded(gradient(), "JPEG"), encoded(gradient(), "PNG")
    for what, data in (
        ("segments", jpeg[:2] + b"\xff\xfe\0\2" * (MAX_SEGMENTS + 1) + jpeg[2:]),
        ("bytes between", jpeg[:2] + b"\xff" * 1_000_000 + jpeg[2:]),
        ("bytes between", jpeg[:2] + b"\xff\0" * 1_000_000 + jpeg[2:]),
        ("chunks", png[:33] + chunk(b"teSt") * (MAX_CHUNKS + 1) + png[33:]),
    ):
        with pytest.raises(ImageError, match=f"bomb has more than .* {what}"):
            read_image(data, "bomb")
    assert read_image(png[:33] + chunk(b"teSt") * 100 + png[33:], "some").size == (64, 64)


def test_compressed_texts_beyond_pillows_limit_are_one_clear_error():
    png = encoded(gradient(), "PNG")
    text = chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(1_000_000)))
    with pytest.raises(ImageError, match="bomb is damaged"):
        read_image(png[:33] + text * 200 + png[33:], "bomb")


def test_tags_that_lie_over_one_another_are_unsound():
    assert read_tags(tiff_tags(3, 4)) == {}
    assert read_tags(tiff_tags(1000, 10_000)) is None
    assert read_tags(b"II*\0" + struct.pack("<IH", 8, 60_000)) is None
    assert read_tags(b"no tags at all") is None
    assert not bounds_of(encoded(gradient(), "TIFF")).unusual
    assert bounds_of(encoded(gradient(), "TIFF", compression="jpeg")).unusual
    bomb = tiff_tags(1000, 2**20)
    png = encoded(gradient(), "PNG")
    for data in (
        bomb,
        png[:33] + chunk(b"eXIf", bomb) + png[33:],
        encoded(gradient(), "JPEG", exif=b"Exif\0\0" + bomb),
    ):
        assert bounds_of(data).unusual


def test_heavy_pictures_are_read_in_another_process_with_the_same_result(monkeypatch):
    assert bounds_of(encoded(gradient(), "PNG")).is_heavy(LIGHT_PIXELS + 1)
    exif = Image.Exif()
    exif[0x0112] = 6
    tiff = encoded(gradient(), "TIFF", compression="jpeg")
    for data in (tiff, encoded(gradient(), "PNG", exif=exif)):
        apart = picture_apart.read_apart(data, "picture")
        assert apart.mode == "RGB" and apart.tobytes() == decode(data, "picture").tobytes()
    with pytest.raises(ImageError, match=r"half\.tif is damaged|half\.tif is not a picture"):
        read_image(tiff[: len(tiff) // 2], "half.tif")
    monkeypatch.setattr(picture_apart, "WALL_SECONDS", 0.001)
    with pytest.raises(ImageError, match="takes too long to decode"):
        read_image(tiff, "slow")


def test_a_tile_larger_than_the_memory():
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    for tag, value in (
        (256, 8),
        (257, 8),
        (258, 8),
        (259, 8),
        (262, 1),
        (277, 1),
        (322, 2**17),
        (323, 2**17),
        (324, 8),
        (325, 64),
    ):
        tags[tag] = value
    buffer = io.BytesIO(b"II*\0\x08\0\0\0")
    buffer.seek(8)
    tags.save(buffer)
    with pytest.raises(ImageError, match="bomb"):
        read_image(buffer.getvalue() + bytes(5_000_000), "bomb")


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "I;16", "P", "1", "LA"])
def test_strips_give_what_the_whole_gives(monkeypatch, mode):
    from seda import images

    image = gradient(300).resize((300, 130)).convert("L").convert("RGB" if mode in ("RGB", "P") else "L")
    if mode == "I;16":
        image = Image.fromarray(np.asarray(image).astype(np.uint16) * 257)
    elif mode != "RGB":
        image = image.convert(mode)
    data = encoded(image, "PNG")
    whole = read_image(data, "whole").tobytes()
    monkeypatch.setattr(images, "STRIP", 700)
    assert read_image(data, "strips").tobytes() == whole
    monkeypatch.setattr(images, "MAX_SIDE", 60)
    parts = np.asarray(read_image(data, "reduced"), float)
    monkeypatch.setattr(images, "STRIP", 10**9)
    assert parts.shape == (26, 60, 3)
    np.testing.assert_array_equal(parts, np.asarray(read_image(data, "reduced"), float))
    plain = Image.open(io.BytesIO(data)).convert("I" if mode == "I;16" else "RGBA")
    if mode != "I;16":
        plain = Image.alpha_composite(Image.new("RGBA", plain.size, "white"), plain).convert("RGB")
        plain.thumbnail((60, 60), Image.Resampling.BICUBIC)
        assert np.abs(parts - np.asarray(plain, float)).mean() < (12 if mode == "1" else 3)
