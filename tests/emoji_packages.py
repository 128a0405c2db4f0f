"""Small packages of emoji like npm's, drawn here: one colour a class, another shade for each artist."""

from __future__ import annotations

import colorsys
import json
from pathlib import Path

from PIL import Image

COUNTS = {
    "animal-mammal": 44,
    "animal-bird": 10,
    "hand-prop": 12,
    "hand-fingers-open": 13,
    "other-object": 30,
    "tool": 24,
}


def entry(number: int, name: str, subcategory: str, **changes: object) -> dict[str, object]:
    codes = f"1F{number:03X}"
    return {
        "name": name, "short_name": name.lower().replace(" ", "_"), "unified": codes, "image": f"{codes.lower()}.png",
        "subcategory": subcategory, "has_img_google": True, "has_img_twitter": True, **changes,
    }  # fmt: skip


def entries() -> list[dict[str, object]]:
    """COUNTS plain emoji, and beside them what the rule leaves out."""
    found: list[dict[str, object]] = []
    for subcategory, count in COUNTS.items():
        for number in range(count):
            word = subcategory.split("-")[-1].upper()
            found.append(entry(len(found), f"{word} NUMBER {number}", subcategory))
    found[1] |= {"name": "MAMMAL NUMBER 0 FACE"}  # of the same animal as found[0]
    found += [
        entry(len(found), "WOMAN AS A TOOL", "tool", unified="1F469-200D-1F527"),
        entry(len(found), "TOOL OF ONE ARTIST", "tool", has_img_twitter=False),
        entry(len(found), "SARK FLAG", "tool", short_name="flag-sark"),
    ]
    return found


def write_packages(folder: Path, *, artists: tuple[str, ...] = ("google", "twitter")) -> Path:
    """The packages below folder/node_modules; returns folder."""
    for artist in artists:
        package = folder / "node_modules" / f"emoji-datasource-{artist}"
        pictures = package / "img" / artist / "64"
        pictures.mkdir(parents=True)
        (package / "emoji.json").write_text(json.dumps(entries()))
        for number, one in enumerate(entries()):
            hue = list(COUNTS).index(one["subcategory"]) / len(COUNTS)
            bright = (1 if artist == "google" else 0.8) - 0.1 * (number % 7) / 7
            colour = tuple(round(255 * part) for part in colorsys.hsv_to_rgb(hue, 0.9, bright))
            picture = Image.new("RGBA", (64, 64), (0, 0, 0, 0))
            picture.paste((*colour, 255), (10 + number % 9, 10, 50, 50))
            picture.save(pictures / str(one["image"]))
    return folder
