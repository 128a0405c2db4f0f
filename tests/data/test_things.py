"""Things with pictures, sounds and names, out of small stand-ins for the packages."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
import soundfile
from PIL import Image

from seda.data.degraded import cropped_picture, gapped_name, noisy_sound
from seda.data.qt_resource import read_qt_resource
from seda.data.things import INSTRUMENT, MAMMAL, drawn_svg, names_of, read_things
from seda.errors import DataError, FileFormatError
from seda.sounds import Sound

SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="20" height="10"><rect width="20" height="10" fill="red"/></svg>'


def ogg() -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, np.sin(np.arange(9_000) / 9).astype(np.float32), 44_100, format="OGG", subtype="VORBIS")
    return buffer.getvalue()


def collection(files: dict[str, bytes], version: int = 3, packed: bool = True) -> bytes:
    """A Qt resource collection with these files, all in one folder path each."""
    names, tree, data = b"", [], b""

    def name(text: str) -> int:
        nonlocal names
        at = len(names)
        names += struct.pack(">HI", len(text), 0) + text.encode("utf-16-be")
        return at

    root: dict = {}
    for path, content in files.items():
        place = root
        *folders, last = path.split("/")
        for folder in folders:
            place = place.setdefault(folder, {})
        place[last] = content
    rest = b"" if version == 1 else bytes(8)

    def lay(folder: dict, index: int) -> None:
        nonlocal data
        first = len(tree)
        tree.extend([b""] * len(folder))
        tree[index] = struct.pack(">IHII", tree[index] or 0, 2, len(folder), first) + rest
        for offset, (text, content) in enumerate(folder.items()):
            at = first + offset
            if isinstance(content, dict):
                tree[at] = name(text)
                lay(content, at)
            else:
                stored = struct.pack(">I", len(content)) + zlib.compress(content) if packed else content
                tree[at] = struct.pack(">IHHHI", name(text), int(packed), 0, 0, len(data)) + rest
                data += struct.pack(">I", len(stored)) + stored

    tree.append(0)
    lay(root, 0)
    head = 20
    body = b"".join(tree)
    return (
        struct.pack(">4sIIII", b"qres", version, head, head + len(body), head + len(body) + len(data))
        + body
        + data
        + names
    )


@pytest.mark.parametrize("version", [1, 3])
@pytest.mark.parametrize("packed", [True, False])
def test_files_come_out_of_a_collection(tmp_path, version, packed):
    files = {"a/b/one.ogg": b"x" * 50, "a/two.svg": SVG, "a/photo.webp": b"no"}
    path = tmp_path / "some.rcc"
    path.write_bytes(collection(files, version, packed))
    assert read_qt_resource(path, lambda name: not name.endswith(".webp")) == {
        "a/b/one.ogg": b"x" * 50,
        "a/two.svg": SVG,
    }


@pytest.mark.parametrize("cut", [0, 10, 60, 120])
def test_a_damaged_collection_is_said(tmp_path, cut):
    path = tmp_path / "some.rcc"
    path.write_bytes(collection({"a/one.ogg": b"x" * 200}, packed=False)[:cut])
    with pytest.raises(FileFormatError, match="no Qt resource collection, or is damaged"):
        read_qt_resource(path, lambda name: True)


def test_a_folder_that_holds_itself_ends(tmp_path):
    content = bytearray(collection({"a/one.ogg": b"x"}))
    struct.pack_into(">II", content, 20 + 6, 2, 0)  # the root holds itself
    path = tmp_path / "some.rcc"
    path.write_bytes(content)
    with pytest.raises(FileFormatError):
        read_qt_resource(path, lambda name: True)


def test_names_lose_articles_and_remarks():
    described = "A baby sheep (a lamb).\nde.utf8=Ein Dachs.\nfr.utf8=L’âne.\nes.utf8=Un tejón.\nxx.utf8=nothing\nru.utf8=Барсук."
    assert names_of(described) == {
        "en": "baby sheep", "de": "Dachs", "fr": "âne", "es": "tejón", "ru": "Барсук",
    }  # fmt: skip
    assert names_of("Hard candy—yum!")["en"] == "hard candy"
    assert names_of("") == {}


@pytest.fixture
def packages(tmp_path):
    stamps, gcompris = tmp_path / "stamps", tmp_path / "rcc"
    dog = stamps / "animals" / "mammals" / "dogs"
    dog.mkdir(parents=True)
    gcompris.mkdir()
    (dog / "dog.ogg").write_bytes(ogg())
    (dog / "dog_desc.ogg").write_bytes(ogg())
    (dog / "dog.txt").write_text("A dog.\nde.utf8=Ein Hund.\n", encoding="utf-8")
    Image.new("RGB", (30, 20), "brown").save(dog / "dog.png")
    sign = stamps / "town" / "roadsigns"
    sign.mkdir(parents=True)
    (sign / "stop.ogg").write_bytes(ogg())
    (sign / "stop.txt").write_text("Stop!", encoding="utf-8")
    base = "gcompris/src/activities"
    music, farm = f"{base}/instruments/resource", f"{base}/explore_farm_animals/resource/animals"
    (gcompris / "instruments.rcc").write_bytes(
        collection({f"{music}/piano.ogg": ogg(), f"{music}/piano.svg": SVG, f"{music}/click.ogg": ogg()})
    )
    (gcompris / "explore_farm_animals.rcc").write_bytes(
        collection({f"{farm}/dog.ogg": ogg(), f"{farm}/dog.webp": b"a photograph that is not looked at"})
    )
    return stamps, gcompris


def test_things_are_read_with_what_there_is_of_them(packages):
    found = {thing.key: thing for thing in read_things(*packages)}
    assert list(found) == ["animals/mammals/dogs/dog", "gcompris/dog", "gcompris/piano"]
    dog, other, piano = found.values()
    assert (dog.name, dog.names["de"], dog.group) == ("dog", "Hund", MAMMAL)
    assert dog.image().size == (30, 20) and dog.kin == other.kin
    assert other.picture is None and other.image() is None  # the photograph beside it is kept for measurements
    assert piano.group == INSTRUMENT and piano.names["fr"] == "piano"


def test_a_missing_package_says_which(tmp_path):
    with pytest.raises(DataError) as caught:
        read_things(tmp_path, tmp_path / "gone")
    assert "gcompris-qt-data" in caught.value.remedy


def test_svg_is_drawn_and_nothing_is_none():
    image = drawn_svg(SVG, 40)
    assert image.size == (40, 20) and image.getpixel((20, 10)) == (255, 0, 0)
    assert drawn_svg(b'<svg xmlns="http://www.w3.org/2000/svg" width="20" height="10"/>') is None
    assert drawn_svg(b"no svg") is None


def test_worse_is_worse_and_nothing_is_nothing():
    sound = Sound("a", np.sin(np.arange(20_000) / 9).astype(np.float32), 44_100)
    assert noisy_sound(sound, 0) is sound
    off = [float(np.abs(noisy_sound(sound, amount).samples - sound.samples).mean()) for amount in (0.1, 0.5, 1.0)]
    assert off[0] < off[1] < off[2]
    assert np.array_equal(noisy_sound(sound, 0.5).samples, noisy_sound(sound, 0.5).samples)
    image = Image.new("RGB", (100, 50))
    assert cropped_picture(image, 0) is image and cropped_picture(image, 1.0).size == (30, 15)
    assert cropped_picture(Image.new("RGB", (3, 3)), 1.0).size == (8, 8)
    assert gapped_name("dog", 0) == "dog" and len(gapped_name("elephant", 0.5)) == 4
    assert gapped_name("dog", 1.0) in ("d", "o", "g") and gapped_name("", 1.0) == ""
