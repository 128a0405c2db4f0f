"""Every kind of bad or unusual picture is made here by Pillow or numpy."""

from __future__ import annotations

import contextlib
import io
import os
import struct
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, features

from seda import images
from seda.errors import DataError, ImageError
from seda.images import find_images, read_image, read_images, thumbnail_png
from seda.picture_bounds import is_heif
from tests import heif


def encoded(image: Image.Image, kind: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def red_and_blue(width: int = 40, height: int = 20) -> Image.Image:
    """Left half red, right half blue."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[:, : width // 2, 0] = 255
    pixels[:, width // 2 :, 2] = 255
    return Image.fromarray(pixels)


def noise(size: int = 64) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (size, size, 3), dtype=np.uint8))


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds no pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
def test_common_formats_are_read(kind):
    image = read_image(encoded(red_and_blue(), kind), "picture")
    assert image.mode == "RGB" and image.size == (40, 20)
    red, _, blue = image.getpixel((5, 10))
    assert red > 200 and blue < 60


def test_all_kinds_of_sources(tmp_path):
    data = encoded(red_and_blue(), "PNG")
    path = tmp_path / "picture.png"
    path.write_bytes(data)
    for source in (path, str(path), data, bytearray(data), io.BytesIO(data)):
        assert read_image(source, "picture").tobytes() == red_and_blue().tobytes()


def test_two_pictures_of_a_stereo_file_give_the_first():
    stereo = encoded(red_and_blue(), "MPO", save_all=True, append_images=[noise(20)])
    assert read_image(stereo, "stereo").size == (40, 20)


def test_content_decides_not_the_extension(tmp_path):
    path = tmp_path / "really-a-png.jpg"
    path.write_bytes(encoded(red_and_blue(), "PNG"))
    assert read_image(path, path.name).size == (40, 20)
    script = tmp_path / "script.png"
    script.write_text("#!/bin/sh\necho hello\n")
    with pytest.raises(ImageError, match=r"script\.png is not a picture.*JPEG, PNG"):
        read_image(script, script.name)


def test_what_is_not_a_picture():
    with pytest.raises(ImageError, match=r"a\.png is empty \(0 bytes\)"):
        read_image(b"", "a.png")
    with pytest.raises(ImageError, match="photo is not a picture"):
        read_image(b"hello" * 100, "photo")
    with pytest.raises(ImageError, match=r"clip\.mp4 seems to be a video; read are JPEG.*HEIC"):
        read_image(b"\x00\x00\x00\x18ftypmp42" + bytes(100), "clip.mp4")
    svg = b'<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10"/>'
    with pytest.raises(ImageError, match="not a picture"):
        read_image(svg, "drawing.svg")


def test_missing_file_folder_and_closed_file(tmp_path):
    with pytest.raises(ImageError, match="gone does not exist"):
        read_image(tmp_path / "gone.png", "gone")
    with pytest.raises(ImageError, match="is a folder"):
        read_image(tmp_path, "place")
    closed = io.BytesIO(b"x")
    closed.close()
    with pytest.raises(ImageError, match="closed cannot be read"):
        read_image(closed, "closed")


def test_photos_as_phones_write_them():
    image = read_image(heif.PLAIN, "IMG_0001.HEIC")
    assert image.mode == "RGB" and image.size == (48, 32)
    assert image.getpixel((6, 16))[0] > 200 and image.getpixel((42, 16))[2] > 200
    upright = read_image(heif.TURNED, "IMG_0002.HEIC")
    assert upright.size == (32, 48)
    assert upright.getpixel((16, 6))[0] > 200 and upright.getpixel((16, 42))[2] > 200
    assert "pi_heif" not in sys.modules  # they are decoded in a process of their own


def test_avif():
    if not features.check("avif") and not os.environ.get("CI"):  # all wheels for common machines have it
        pytest.skip("this Pillow was built without AVIF")
    turned = Image.Exif()
    turned[0x0112] = 6
    for exif, size in ((Image.Exif(), (40, 20)), (turned, (20, 40))):
        image = read_image(encoded(red_and_blue(), "AVIF", quality=90, exif=exif), "picture")
        assert image.size == size and image.getpixel((2, 2))[0] > 200 > 60 > image.getpixel((2, 2))[2]


def test_damaged_photos_of_phones_are_told():
    half = heif.PLAIN[: len(heif.PLAIN) // 2]
    vast = heif.PLAIN.replace(struct.pack(">II", 64, 64), struct.pack(">II", 60_000, 60_000))
    assert vast != heif.PLAIN
    for data in (half, vast, heif.PLAIN[:28] + bytes(100), b"\0\0\0\x18ftypheic" + bytes(100)):
        with pytest.raises(ImageError, match=r"phone\.heic (is|has|cannot).*try again"):
            read_image(data, "phone.heic")


@pytest.mark.parametrize(
    ("brands", "still"),
    [
        (b"heic\0\0\0\0mif1heic", True), (b"mp42\0\0\0\0isomheic", True), (b"avif\0\0\0\0", True),
        (b"mp42heic", False), (b"qt  \0\0\0\0qt  ", False), (b"M4A \0\0\0\0M4A mp42", False), (b"", False),
    ],
)  # fmt: skip
def test_what_says_that_it_is_a_photo(brands, still):
    """The second four bytes are a version, and no brand."""
    assert is_heif(struct.pack(">I", 8 + len(brands)) + b"ftyp" + brands + b"heic") == still


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
def test_truncated_files(kind):
    data = encoded(noise(), kind)
    with pytest.raises(ImageError, match=r"half (is damaged|is not a picture)"):
        read_image(data[: len(data) // 2], "half")


def test_every_cut_of_a_file_is_an_image_error_or_a_picture():
    data = encoded(noise(16), "PNG")
    for end in range(1, len(data), 7):
        with contextlib.suppress(ImageError):
            read_image(data[:end], "cut")


def test_damaged_bytes_never_raise_anything_else():
    rng = np.random.default_rng(0)
    for kind in ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"):
        data = np.frombuffer(encoded(noise(24), kind), np.uint8)
        for _ in range(40):
            damaged = data.copy()
            damaged[rng.integers(0, len(data), 6)] = rng.integers(0, 256, 6)
            with contextlib.suppress(ImageError):
                read_image(damaged.tobytes(), "damaged")


@pytest.mark.parametrize("side", [8_000, 10_000, 50_000])
def test_too_many_pixels_are_refused_before_decoding(side):
    # 64 million pixels: our limit. 100 million: Pillow's warning. 2,500 million: Pillow's error.
    with pytest.raises(ImageError, match=r"bomb has .*pixels; at most 50 million are allowed"):
        read_image(png_header(side, side), "bomb")


def test_limit_of_bytes(monkeypatch, tmp_path):
    monkeypatch.setattr(images, "MAX_FILE_BYTES", 2**20)
    path = tmp_path / "large.png"
    path.write_bytes(bytes(2**20 + 1))
    for source in (path, path.read_bytes(), io.BytesIO(path.read_bytes())):
        with pytest.raises(ImageError, match="larger than the 1 MB allowed"):
            read_image(source, "large")


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_large_pictures_are_reduced(kind):
    image = read_image(encoded(red_and_blue(4200, 300), kind), "panorama")
    assert image.width == images.MAX_SIDE and image.height == pytest.approx(300 * 2048 / 4200, abs=1)


def test_first_frame_of_an_animation():
    frames = [Image.new("RGB", (8, 8), color) for color in ("red", "lime", "blue")]
    for kind in ("GIF", "WEBP", "PNG"):
        data = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
        red, green, blue = read_image(data, "animation").getpixel((4, 4))
        assert red > 200 and green < 60 and blue < 60, kind


def test_cmyk():
    image = read_image(encoded(red_and_blue().convert("CMYK"), "JPEG", quality=95), "print")
    red, green, blue = image.getpixel((5, 10))
    assert red > 200 and green < 60 and blue < 60


def test_16_bits_are_scaled_not_clipped():
    ramp = np.linspace(0, 65535, 256).astype(np.uint16)[None].repeat(4, 0)
    for kind in ("PNG", "TIFF"):
        grey = np.asarray(read_image(encoded(Image.fromarray(ramp), kind), "x-ray"))[0, :, 0]
        np.testing.assert_allclose(grey, np.arange(256), atol=1)
    whole = Image.fromarray(ramp.astype(np.int32))  # mode I
    grey = np.asarray(read_image(encoded(whole, "TIFF"), "x-ray"))[0, :, 0]
    np.testing.assert_allclose(grey, np.arange(256), atol=1)


@pytest.mark.parametrize(("low", "high"), [(0, 1), (0, 255), (-5, 5), (0, 1e6)])
def test_float_pictures(low, high):
    ramp = np.linspace(low, high, 256, dtype=np.float32)[None].repeat(4, 0)
    ramp[1, 0] = np.nan
    grey = np.asarray(read_image(encoded(Image.fromarray(ramp), "TIFF"), "depth"))[0, :, 0]
    np.testing.assert_allclose(grey, np.arange(256), atol=1)


def test_palette():
    image = read_image(encoded(red_and_blue().convert("P", palette=Image.Palette.ADAPTIVE), "PNG"), "palette")
    assert image.getpixel((5, 10)) == (255, 0, 0)


def test_transparency_is_laid_on_white():
    clear_red = Image.new("RGBA", (4, 4), (255, 0, 0, 0))
    half_red = Image.new("RGBA", (4, 4), (255, 0, 0, 128))
    clear_grey = Image.new("LA", (4, 4), (0, 0))
    palette = Image.new("P", (4, 4), 0)
    palette.putpalette([255, 0, 0, 0, 0, 255])
    assert read_image(encoded(clear_red, "PNG"), "a").getpixel((1, 1)) == (255, 255, 255)
    assert read_image(encoded(clear_red, "WEBP", lossless=True), "a").getpixel((1, 1)) == (255, 255, 255)
    assert read_image(encoded(half_red, "PNG"), "b").getpixel((1, 1)) == (255, 127, 127)
    assert read_image(encoded(clear_grey, "PNG"), "c").getpixel((1, 1)) == (255, 255, 255)
    assert read_image(encoded(palette, "PNG", transparency=0), "d").getpixel((1, 1)) == (255, 255, 255)
    assert read_image(encoded(palette, "PNG", transparency=bytes([0, 255])), "e").getpixel((1, 1)) == (255, 255, 255)
    assert read_image(encoded(palette, "GIF", transparency=0), "f").getpixel((1, 1)) == (255, 255, 255)


def test_one_bit_and_grey():
    assert read_image(encoded(Image.new("1", (4, 4), 1), "PNG"), "fax").getpixel((1, 1)) == (255, 255, 255)
    assert read_image(encoded(Image.new("L", (4, 4), 77), "PNG"), "grey").getpixel((1, 1)) == (77, 77, 77)


def test_exif_rotation_stands_upright():
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned by 90 degrees
    image = read_image(encoded(red_and_blue(), "JPEG", exif=exif), "phone")
    assert image.size == (20, 40)
    assert image.getpixel((10, 5))[0] > 200 and image.getpixel((10, 35))[2] > 200
    assert not image.getexif()


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")  # Pillow's note to the log; the picture is read all the same
def test_damaged_exif_does_not_lose_the_picture():
    data = encoded(red_and_blue(), "JPEG", exif=b"Exif\x00\x00II*\x00\x08\x00\x00\x00\xff\xff\x12\x01")
    assert read_image(data, "phone").size == (40, 20)


def test_a_batch_goes_on():
    good = encoded(red_and_blue(), "PNG")
    read, failures = read_images([("a", good), ("b", b""), ("c", b"no picture"), ("d", good)])
    assert [item.name for item in read] == ["a", "d"]
    assert [failure.name for failure in failures] == ["b", "c"]
    assert "empty" in failures[0].message and "save it as JPEG" in failures[1].message


def test_thumbnail():
    small = Image.open(io.BytesIO(thumbnail_png(red_and_blue(400, 200), size=96)))
    assert small.format == "PNG" and small.size == (96, 48)
    assert Image.open(io.BytesIO(thumbnail_png(red_and_blue()))).size == (40, 20)


def test_find_images(tmp_path):
    for name in ("b/2.JPG", "a.png", "b/1.webp", "notes.txt", ".hidden/x.png", "b/._1.png"):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(b"x")
    assert find_images(tmp_path) == [tmp_path / "a.png", tmp_path / "b" / "1.webp", tmp_path / "b" / "2.JPG"]
    assert find_images(str(tmp_path / "notes.txt")) == [tmp_path / "notes.txt"]  # asked for by name: the reader judges
    with pytest.raises(DataError, match="does not exist"):
        find_images(Path("no/such/place"))
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(DataError, match=r"holds no pictures.*\.webp"):
        find_images(empty)
