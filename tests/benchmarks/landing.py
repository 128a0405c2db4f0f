"""Where pictures come to rest on the screen: `python tests/benchmarks/landing.py [--json] [--examples A,B] [--sizes WxH,WxH]`.

The app in a real Chromium, all stored examples and one run of 64 of the samples, on every map, at four sizes, the last step
reached by playing, by the End key and by scrubbing. A row each:

    nearest_star_wrong      pictures that are drawn nearest to the star of another word than the one that their path ends at in
                            feature space
    true_point_wrong        the same of the true ends of their paths on the screen: what the map itself gets wrong
    answer_elsewhere        pictures whose path ends at another word than their answer: a path is one draw, the answer weighs
                            all (half of their ring has that word's colour)
    away                    pictures whose path ends away from all words: half of their ring is grey, they gather nowhere
    max_offset_radii        largest distance of a picture from its true point, in radii of a whole picture (Heads.headRadius)
    labels_covered          names of words that a picture lies on
    words_without_label     words of the list whose name is not written
    map_share               of the window's area that the map takes
    play_above_fold         whether the play button lies in the first screen

Without --json the worst of each example and map is printed. Takes about ten minutes on a quiet machine.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from playwright.sync_api import Browser, Locator, Page, sync_playwright  # noqa: E402

from tests.browser.conftest import find_chromium  # noqa: E402
from tests.browser.served import served  # noqa: E402

SIZES = ("390x844", "1280x720", "1366x768", "1920x1080")
MANY = "64 pictures"
WORDS = "animal,vehicle,building,food,plant,person,clothes,furniture"
HOW = ("played", "end", "scrubbed")
PLAY_SPEED = 6  # times; playing still goes through every frame that the browser draws
COVERED = 60  # px^2 of a name under a picture: less is a touch of its edge

MEASURE = """
(root, covered) => {
    const { map, journey, clock, view } = root.sedaPlayer;
    const { heads, landmarks, scene } = map;
    const wrong = (point, end) => {
        const gaps = landmarks.textPoints.map((star) => Math.hypot(star.x - point.x, star.y - point.y));
        return gaps[end] > Math.min(...gaps) + 0.01; // stars on one another are one
    };
    const points = journey.items.map((_, item) => scene.paths.pointAt(item, clock.position));
    const ends = journey.items.map(({ nearest }) => nearest);
    const count = (places) => places.filter((place, item) => journey.items[item].landed && wrong(place, ends[item])).length;
    const written = landmarks.names.filter(({ word }) => word !== undefined);
    const stage = root.querySelector("[data-testid=map]").getBoundingClientRect();
    const play = root.querySelector("[data-testid=play]").getBoundingClientRect();
    return {
        pictures: points.length,
        nearest_star_wrong: count(heads.places), true_point_wrong: count(points),
        answer_elsewhere: journey.items.filter(({ answer, nearest, landed }) => landed && answer !== nearest).length,
        away: journey.items.filter(({ landed }) => !landed).length,
        max_offset_radii: Math.max(...points.map(({ x, y, size }, item) =>
            Math.hypot(heads.places[item].x - x, heads.places[item].y - y) / (heads.headRadius * Math.min(1.3, Math.max(0.7, size))))),
        labels_covered: written.filter((name) => name.covered > covered).length,
        words_without_label: journey.classes.length - written.length,
        map_share: (stage.width * stage.height) / (innerWidth * innerHeight),
        play_above_fold: play.bottom + scrollY <= innerHeight && play.height > 0,
    };
}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--examples", help=f"names of stored examples, and {MANY!r}; default: all")
    parser.add_argument("--sizes", default=",".join(SIZES), help="of the browser's window")
    arguments = parser.parse_args()
    names = [path.stem for path in sorted((ROOT / "assets" / "journeys").glob("*.safetensors"))] + [MANY]
    chosen = arguments.examples.split(",") if arguments.examples else names
    rows = []
    with (
        tempfile.TemporaryDirectory() as folder,
        served(ROOT / "app.py", Path(folder) / "log.txt") as url,
        browsed() as browser,
    ):
        for size in arguments.sizes.split(","):
            for name in chosen:
                found = list(measured(browser, f"{url}/?{urlencode(address(name))}", name, size))
                rows += found
                print(f"{size} {name}: {len(found)} rows", file=sys.stderr, flush=True)
    print(json.dumps(rows) if arguments.json else table(rows))


def address(name: str) -> dict[str, str]:
    """Parameters of a link that shows an example, or starts a run of 64 samples."""
    if name != MANY:
        return {"example": name}
    folder = ROOT / "assets" / "samples"
    stems = [
        entry["file"]
        for kind in ("photos", "emoji", "fashion-mnist")
        for entry in json.loads((folder / kind / "samples.json").read_text())
    ]
    return {"samples": ",".join(Path(stem).stem for stem in stems[:64]), "classes": WORDS}


@contextmanager
def browsed() -> Iterator[Browser]:
    path = find_chromium()
    if path is None:
        raise SystemExit("No Chromium on the PATH (install Debian's chromium, or set SEDA_CHROMIUM).")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield browser
        browser.close()


def measured(browser: Browser, url: str, name: str, size: str) -> Iterator[dict[str, Any]]:
    """Rows of one example at one size."""
    width, height = map(int, size.split("x"))
    page = browser.new_page(viewport={"width": width, "height": height})
    page.goto(url)
    root = page.get_by_test_id("player-root")
    root.wait_for(timeout=240_000)
    page.wait_for_timeout(1500)  # the side panel has come, and the player has its size
    for shown in root.evaluate("root => root.sedaPlayer.journey.maps.map(({ name }) => name)"):
        root.evaluate(
            "async (root, name) => { const p = root.sedaPlayer; p.pause(); p.showMap(p.journey.maps.findIndex((one) => one.name === name));"
            " while (p.morph) await new Promise(requestAnimationFrame); }",
            shown,
        )
        for how in HOW:
            reach(page, root, how)
            found = root.evaluate(MEASURE, COVERED)
            found = {key: round(value, 3) if isinstance(value, float) else value for key, value in found.items()}
            yield {"example": name, "map": shown, "size": size, "how": how, **found}
    page.close()


def reach(page: Page, root: Locator, how: str) -> None:
    """The last step, and rest."""
    root.evaluate("root => root.sedaPlayer.goTo(0)")
    if how == "played":
        root.evaluate("(root, speed) => { root.sedaPlayer.clock.speed = speed; root.sedaPlayer.play(); }", PLAY_SPEED)
        while root.get_attribute("data-playing") == "true" or root.evaluate("root => root.sedaPlayer.clock.playing"):
            page.wait_for_timeout(50)
    elif how == "end":
        page.get_by_test_id("map").focus()
        page.keyboard.press("End")
    else:
        for share in (0.2, 0.7, 1.0):  # the slider's own events: a pointer would have to find it on a page that scrolls
            page.get_by_test_id("scrub").evaluate(
                """(scrub, share) => {
                    scrub.value = String(share * scrub.max);
                    for (const kind of ["input", "change"]) scrub.dispatchEvent(new Event(kind));
                }""",
                share,
            )
            page.wait_for_timeout(60)
    page.wait_for_timeout(200)


def table(rows: list[dict[str, Any]]) -> str:
    """The worst of each example and map, and of all."""
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault((row["example"], row["map"]), []).append(row)
    lines = [f"{'example':20} {'map':10} wrong true-wrong offset covered unlabelled (>= 1280)"]
    for (example, shown), some in [*groups.items(), (("all", ""), rows)]:
        wide = [row["words_without_label"] for row in some if int(row["size"].split("x")[0]) >= 1280]
        worst = {
            key: max(row[key] for row in some)
            for key in ("nearest_star_wrong", "true_point_wrong", "max_offset_radii", "labels_covered")
        }
        lines.append(
            f"{example:20} {shown:10} {worst['nearest_star_wrong']:5} {worst['true_point_wrong']:10} {worst['max_offset_radii']:6.2f} "
            f"{worst['labels_covered']:7} {max(wide, default=0):10}"
        )
    least = {
        size: min(row["map_share"] for row in rows if row["size"] == size)
        for size in dict.fromkeys(row["size"] for row in rows)
    }
    lines.append("map's share of the window: " + ", ".join(f"{size} {share:.0%}" for size, share in least.items()))
    lines.append(f"play above the fold: {sum(row['play_above_fold'] for row in rows)} of {len(rows)}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
