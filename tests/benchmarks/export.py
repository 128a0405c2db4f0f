"""What pictures and films of a journey cost: `python tests/benchmarks/export.py [--json] [--docs] [--only NAME,...] [--pictures 16]`.

Sixteen of the shipped photographs, traced with the shipped aligner on 2 x 25 steps (which is not timed); each form is then drawn as the app
draws it, in a process of its own, from its start to its file. Prints seconds and megabytes beside their bars; --docs writes the table into
docs/takeaway.md. Takes two minutes.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from seda.config import SamplingConfig  # noqa: E402
from seda.export import ExportOptions  # noqa: E402
from seda.export.apart import encode_apart  # noqa: E402
from seda.export.options import go_on  # noqa: E402
from seda.images import read_images, thumbnail_png  # noqa: E402
from seda.journeys.journey import Journey  # noqa: E402
from seda.storage import write_bytes  # noqa: E402

STEPS = 25  # of each stage
EXAMPLE = ROOT / "assets" / "journeys" / "01-photos.safetensors"  # whose words they travel to
PAGE = ROOT / "docs" / "takeaway.md"
TABLE = re.compile(r"(<!-- measured -->\n).*?(?=<!-- /measured -->)", re.DOTALL)


@dataclass(frozen=True)
class Row:
    """One thing that is drawn, with the most seconds and megabytes that it may take; 0 where none were set."""

    what: str
    suffix: str
    options: ExportOptions
    seconds: float = 0
    megabytes: float = 0


ROWS = {
    "mp4": Row("MP4, 10 s at 1920 x 1080, 30 frames a second", ".mp4", ExportOptions(size=(1920, 1080), fps=30, seconds=10), seconds=60),
    "webm": Row("WebM, the same", ".webm", ExportOptions(size=(1920, 1080), fps=30, seconds=10)),
    "gif": Row("GIF, 10 s at 960 x 540", ".gif", ExportOptions(size=(960, 540), seconds=10, loop=True), megabytes=6),
    "png": Row("PNG, A4's width at 300 dpi (3,508 px)", ".png", ExportOptions(mm=(297.0, 0.0)), seconds=10),
    "svg": Row("SVG", ".svg", ExportOptions()),
    "pdf": Row("PDF", ".pdf", ExportOptions()),
    "poster": Row("PDF, poster of 6 steps", ".pdf", ExportOptions(mm=(841.0, 594.0), stills=6)),
    "a0": Row("PNG, A0's width at 300 dpi (9,933 px)", ".png", ExportOptions(mm=(841.0, 0.0))),
}  # fmt: skip


def traced(pictures: int) -> Journey:
    """Photographs on their way to the example's words."""
    from seda.aligner import load_aligner
    from seda.card import DEFAULT_ALIGNER
    from seda.encoders import load_encoder
    from seda.journeys.tracing import Workbench, trace_images
    from seda.projection import load_maps

    files = sorted((ROOT / "assets" / "samples" / "photos").glob("*.jpg"))[:pictures]
    images, _ = read_images((file.stem, file) for file in files)
    aligner = load_aligner(DEFAULT_ALIGNER, "cpu")
    workbench = Workbench(aligner, load_encoder(aligner.card.encoder, "cpu"), load_maps(aligner.folder))
    words = Journey.load(EXAMPLE).trajectory.class_names
    journey = trace_images(
        images, words, workbench, SamplingConfig(num_inference_steps=STEPS), title=f"{len(images)} photographs"
    )
    return replace(journey, thumbnails=tuple(thumbnail_png(item.image, 448) for item in images))


def measure(journey: Journey, row: Row) -> dict[str, Any]:
    """Seconds and megabytes."""
    begun = time.perf_counter()
    encoded = encode_apart(journey, row.suffix, row.options, go_on)
    seconds = time.perf_counter() - begun
    megabytes = len(encoded.content) / 1e6
    within = (not row.seconds or seconds <= row.seconds) and (not row.megabytes or megabytes <= row.megabytes)
    return {
        "what": row.what, "seconds": round(seconds, 1), "seconds_bar": row.seconds, "megabytes": round(megabytes, 2),
        "megabytes_bar": row.megabytes, "within": within,
    }  # fmt: skip


def table(found: list[dict[str, Any]]) -> str:
    """For the page."""
    lines = ["| | s | bar | MB | bar |", "|---|---|---|---|---|"]
    for row in found:
        bars = [f"{row[name]:g}" if row[name] else "" for name in ("seconds_bar", "megabytes_bar")]
        lines.append(f"| {row['what']} | {row['seconds']} | {bars[0]} | {row['megabytes']} | {bars[1]} |")
    return "\n".join(lines)


def main() -> int:
    """Measure and print; 1 where a bar was missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--docs", action="store_true")
    parser.add_argument("--only", default=",".join(ROWS), help="default: %(default)s")
    parser.add_argument("--pictures", type=int, default=16)
    arguments = parser.parse_args()
    journey = traced(arguments.pictures)
    items, states = journey.trajectory.states.shape[:2]
    about = f"{items} pictures, {states} states, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start"
    found = [measure(journey, ROWS[name]) for name in arguments.only.split(",")]
    if arguments.docs:
        page = PAGE.read_text(encoding="utf-8")
        text = f"{about[0].upper()}{about[1:]}:\n\n{table(found)}"
        write_bytes(PAGE, TABLE.sub(lambda begin: f"{begin[1]}{text}\n", page).encode())
    print(json.dumps({"about": about, "rows": found}, indent=2) if arguments.json else f"{about}\n\n{table(found)}")
    return int(not all(row["within"] for row in found))


if __name__ == "__main__":
    raise SystemExit(main())
