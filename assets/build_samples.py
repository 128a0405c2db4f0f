"""Rebuild the emoji and the photographs among the samples: `python assets/build_samples.py --packages DIR`.

Needs scikit-image and scikit-learn installed, the emoji packages where `seda.data.emoji` looks (or --data-dir), and in DIR:

    npm install emoji-datasource-google@16.0.0 emoji-datasource-twitter@16.0.0
    apt-get download palapeli-data gnome-taquin lomiri-wallpapers-16.04
    pip download --no-deps scipy==1.11.4        # the last line of versions that has scipy/misc/face.dat

Everything is chosen by rule, nothing by looking at results. Emoji: of each of twelve sub-categories the first name that the open
vocabulary was not fitted to (`seda.data.named_pictures`, test split), as both artists drew it. Photographs: those in the
packages that show one thing a word names, and that are in the public domain, under CC0 or under CC BY (not ShareAlike, and none without a stated licence).
"""

from __future__ import annotations

import argparse
import bz2
import io
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np
from PIL import Image

ASSETS = Path(__file__).resolve().parent
sys.path.insert(0, str(ASSETS.parent))

from seda.data.emoji import ARTISTS  # noqa: E402
from seda.data.named_pictures import emoji_things  # noqa: E402
from seda.images import read_image  # noqa: E402
from seda.storage import write_bytes, write_json  # noqa: E402

SIDE = 320  # px, the longer side of a photograph
QUALITY = 85  # of JPEG
EMOJI_GROUPS = (
    "animal mammal",
    "animal bird",
    "animal bug",
    "animal reptile",
    "plant flower",
    "food fruit",
    "food prepared",
)
EMOJI_GROUPS += ("transport ground", "household", "tool", "clothing", "science")
EMOJI_LICENCES = {"google": "Apache-2.0", "twitter": "CC BY 4.0"}
EMOJI_ARTISTS = {"google": "Noto", "twitter": "Twemoji"}


@dataclass(frozen=True)
class Photo:
    """A photograph of a package.

    Attributes:
        label: the thing that it shows, in a word or two; also the stem of its file.
        package: key of `readers`.
        file: in the package.
        author: as far as the package names one.
        licence: as the package states it.
    """

    label: str
    package: str
    file: str
    author: str
    licence: str


_CC_BY, _CC0, _FREE = "CC BY 4.0", "CC0 1.0", "public domain"
PHOTOS = (
    # scikit-image 0.26: licences in the docstrings of skimage.data
    Photo("cat", "scikit-image", "chelsea.png", "Stefan van der Walt", _CC0),
    Photo("cup of coffee", "scikit-image", "coffee.png", "Rachel Michetti", _CC0),
    Photo("astronaut", "scikit-image", "astronaut.png", "NASA", _FREE),
    Photo("rocket", "scikit-image", "rocket.jpg", "SpaceX", _FREE),
    Photo("man with a camera", "scikit-image", "camera.png", "Lav Varshney", _CC0),
    Photo("coins", "scikit-image", "coins.png", "Brooklyn Museum", "no known copyright restrictions"),
    Photo("brick wall", "scikit-image", "brick.png", "CC0Textures", _CC0),
    # scikit-learn: sklearn/datasets/images/README.txt
    Photo("flower", "scikit-learn", "flower.jpg", "vultilion", "CC BY 2.0"),
    Photo("pagoda", "scikit-learn", "china.jpg", "danielbuechele", "CC BY 2.0"),
    # scipy 1.11: docstring of scipy.misc.face
    Photo("raccoon", "scipy", "scipy/misc/face.dat", "public-domain-image.com", _FREE),
    # palapeli-data: the .desktop file beside each picture
    Photo("bridge", "palapeli-data", "palapeli/collection/cincinnati-bridge.jpg", "Derek Jensen", _FREE),
    Photo("honey bee", "palapeli-data", "palapeli/collection/european-honey-bee.jpg", "John Severns", _FREE),
    Photo("citrus fruits", "palapeli-data", "palapeli/collection/citrus-fruits.jpg", "US Department of Agriculture", _FREE),
    # gnome-taquin and lomiri-wallpapers-16.04: debian/copyright
    Photo("kitten", "gnome-taquin", "gnome-taquin/themes/cats/1-Tortoiseshell.jpg", "Toyah", _FREE),
    Photo("paintbrushes", "lomiri-wallpapers-16.04", "backgrounds/Picture_1A_by_freespace.jpg", 'Trevor "Freespace"', _CC_BY),
    Photo("bowl with a fruit", "lomiri-wallpapers-16.04", "backgrounds/Picture_0B_by_freespace.jpg", 'Trevor "Freespace"', _CC_BY),
    Photo("drum", "lomiri-wallpapers-16.04", "backgrounds/Wine_by_Jakkub_Mede.jpg", "Jakub Mede", _CC_BY),
    Photo("dogs", "lomiri-wallpapers-16.04", "backgrounds/friends_by_Aitzol_Berasategi.jpg", "Aitzol Berasategi", _CC_BY),
    Photo("brook", "lomiri-wallpapers-16.04", "backgrounds/life_by_Aitzol_Berasategi.jpg", "Aitzol Berasategi", _CC_BY),
    Photo("mountain", "lomiri-wallpapers-16.04", "backgrounds/picosdeeuropa_by_Aitzol_Berasategi.jpg", "Aitzol Berasategi", _CC_BY),
    Photo("sunset", "lomiri-wallpapers-16.04", "backgrounds/sunset_by_Aitzol_Berasategi.jpg", "Aitzol Berasategi", _CC_BY),
    Photo("dandelions", "lomiri-wallpapers-16.04", "backgrounds/seeding_by_Clements_Engelhardt.jpg", "Clemens Engelhardt", _CC0),
)  # fmt: skip


def read_debian(package: str, packages: Path) -> Callable[[str], bytes]:
    """Files below /usr/share of the .deb in a folder, by path.

    Raises:
        SystemExit: it is not there.
    """
    found = sorted(packages.glob(f"{package}_*.deb"))
    if not found:
        raise SystemExit(f"{packages} has no {package}_*.deb; run: apt-get download {package}")
    unpacked = subprocess.run(["dpkg-deb", "--fsys-tarfile", str(found[-1])], check=True, capture_output=True).stdout

    def read(file: str) -> bytes:
        with tarfile.open(fileobj=io.BytesIO(unpacked)) as archive:
            return archive.extractfile(f"./usr/share/{file}").read()

    return read


def read_face(packages: Path) -> Callable[[str], bytes]:
    """The raccoon of scipy's wheel as PNG: bzip2 of 768 x 1024 RGB values, see scipy.misc.face.

    Raises:
        SystemExit: the wheel is not there.
    """
    found = sorted(packages.glob("scipy-1.11.4-*.whl"))
    if not found:
        raise SystemExit(f"{packages} has no scipy-1.11.4-*.whl; run: pip download --no-deps scipy==1.11.4")

    def read(file: str) -> bytes:
        with zipfile.ZipFile(found[-1]) as wheel:
            values = np.frombuffer(bz2.decompress(wheel.read(file)), np.uint8).reshape(768, 1024, 3)
        buffer = io.BytesIO()
        Image.fromarray(values).save(buffer, "PNG")
        return buffer.getvalue()

    return read


def build_photos(packages: Path, folder: Path) -> None:
    """Photographs at most SIDE px a side, and samples.json: colour as JPEG, grey values as PNG, which has no loss."""
    shutil.rmtree(folder, ignore_errors=True)
    readers = {
        "scikit-image": lambda file: (files("skimage.data") / file).read_bytes(),
        "scikit-learn": lambda file: (files("sklearn.datasets.images") / file).read_bytes(),
        "scipy": read_face(packages),
        **{name: read_debian(name, packages) for name in ("palapeli-data", "gnome-taquin", "lomiri-wallpapers-16.04")},
    }
    listing = []
    for photo in PHOTOS:
        image = read_image(readers[photo.package](photo.file), photo.file)
        image.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
        red, green, blue = image.split()
        grey = red.tobytes() == green.tobytes() == blue.tobytes()
        name, buffer = f"{photo.label.replace(' ', '-')}.{'png' if grey else 'jpg'}", io.BytesIO()
        if grey:
            red.save(buffer, "PNG", optimize=True)
        else:
            image.save(buffer, "JPEG", quality=QUALITY, optimize=True)
        write_bytes(folder / name, buffer.getvalue())
        kind = (
            "Debian package"
            if photo.package in ("palapeli-data", "gnome-taquin") or "lomiri" in photo.package
            else "PyPI package"
        )
        source = f"{photo.author}, by the {kind} {photo.package} ({Path(photo.file).name}), {photo.licence}"
        listing.append(
            {"file": name, "name": photo.label, "label": photo.label, "source": source, "licence": photo.licence}
        )
    write_json(folder / "samples.json", listing)


def build_emoji(data_dir: Path | None, folder: Path) -> None:
    """The first test name of each of EMOJI_GROUPS by each artist, 64 px PNG, and samples.json."""
    shutil.rmtree(folder, ignore_errors=True)
    listing = []
    for artist in ARTISTS:
        data = emoji_things(artist, data_dir)
        labels = data.labels("test")
        for name in EMOJI_GROUPS:
            indices = np.flatnonzero(labels == data.class_names.index(name))[:1]
            for text, image in zip(data.image_texts("test", indices), data.images("test", indices), strict=True):
                file, buffer = f"{text.replace(' ', '-')}-{EMOJI_ARTISTS[artist].lower()}.png", io.BytesIO()
                image.save(buffer, "PNG", optimize=True)
                write_bytes(folder / file, buffer.getvalue())
                listing.append(
                    {
                        "file": file,
                        "name": f"{text}, {EMOJI_ARTISTS[artist]}",
                        "label": text,
                        "source": data.source,
                        "licence": EMOJI_LICENCES[artist],
                    }
                )
    write_json(folder / "samples.json", listing)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--packages", required=True, type=Path, help="folder with the .deb files and the wheel")
    parser.add_argument("--data-dir", type=Path, help="folder with the emoji packages")
    arguments = parser.parse_args()
    build_photos(arguments.packages, ASSETS / "samples" / "photos")
    build_emoji(arguments.data_dir, ASSETS / "samples" / "emoji")


if __name__ == "__main__":
    main()
