"""What the journey player costs in a browser: `python tests/benchmarks/player.py [--json] [--size 1280x720] [--rounds 5]`.

Real pictures, traced with the shipped aligner, in a small Streamlit app and a real Chromium without a GPU. Prints each
figure, the median of the rounds, beside its bar:

    first frame   from the call of show_player on a warm page that shows another journey to one animation frame after the
                  first frame was drawn (server and browser share this machine's clock)
    fps           frames drawn in a second over a whole play at 1x, on the first (flat) map
    scrub         from a pointer's press on the scrubber to one animation frame after the frame that answers it
    payload       length of the JSON that the browser receives
    memory growth of the JavaScript heap after a collection, or of the renderer's resident memory where that is more, from
                  after the first play to after ten more; once

Needs Linux for the resident memory. Takes about three minutes.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402
import torch  # noqa: E402
from PIL import ImageChops, ImageOps  # noqa: E402
from playwright.sync_api import Page, sync_playwright  # noqa: E402

from seda.aligner import load_aligner  # noqa: E402
from seda.config import SamplingConfig  # noqa: E402
from seda.data.feature_set import FeatureSet  # noqa: E402
from seda.data.features import SHIPPED  # noqa: E402
from seda.encoders import load_encoder  # noqa: E402
from seda.images import NamedImage, read_images  # noqa: E402
from seda.journeys.journey import Journey  # noqa: E402
from seda.journeys.tracing import Workbench, maps_of, trace_images  # noqa: E402
from seda.player.payload import player_payload  # noqa: E402
from seda.projection import load_maps  # noqa: E402
from tests.browser.conftest import find_chromium  # noqa: E402
from tests.browser.served import served  # noqa: E402

POINTS = 20_000
MANY, STEPS = 64, 50  # pictures, and steps of each stage
REPLAYS = 10

# What each figure is called on the screen, its unit, and its bar: the most, or with a minus sign the least.
BARS = {
    "first_frame_ms_64": ("first frame, 64 images, 2 x 50 steps", "ms", 1000),
    "fps_64": ("frames a second while playing them", "fps", -30),
    "scrub_ms_64": ("scrubber to picture", "ms", 100),
    "payload_mb_64": ("payload", "MB", 3),
    "first_frame_ms_16": ("first frame, 16 images, 2 x 25 steps", "ms", 500),
    "fps_20k": ("frames a second, 64 images over 20,000 points", "fps", -30),
    "memory_growth": ("memory, after ten more plays", "", 0.2),
}

# The button stands for the end of a run: a journey that was never sent, on a page whose player shows another one. The
# title makes it another journey for the browser too. Reruns for the player's reports show the same object again.
APP = """
import os, time
from dataclasses import replace
from pathlib import Path
import streamlit as st
from seda.journeys.journey import Journey
from seda.ui.trajectories.player import show_player

st.set_page_config(layout="wide")
folder = Path(os.environ["SEDA_BENCHMARK"])
state = st.session_state
with st.container(horizontal=True):
    pressed = [path.stem for path in sorted(folder.glob("*.safetensors")) if st.button(path.stem)]
if pressed:
    state.round = state.get("round", 0) + 1
    loaded = Journey.load(folder / f"{pressed[0]}.safetensors")
    state.journey = replace(loaded, title=f"{pressed[0]}, round {state.round}")
    (folder / "started").write_text(repr(time.time()))
if "journey" in state:
    show_player(state.journey, key="player")
"""

# In the page. A time is taken one animation frame after a frame was drawn: the drawn one has then been handed on.
HELPERS = """
const findRoot = () => [document, ...[...document.querySelectorAll("*")].map((one) => one.shadowRoot)]
  .map((root) => root?.querySelector("[data-testid=player-root]")).find(Boolean);

const afterNextFrame = (drawn, time) => new Promise((resolve) => {
  const look = () => drawn() ? requestAnimationFrame(() => resolve(time())) : requestAnimationFrame(look);
  look();
});

window.benchmark = {
  firstFrame() {
    const before = findRoot()?.sedaPlayer, journey = before?.journey, frames = before?.framesDrawn ?? 0;
    const drawn = () => {
      const player = findRoot()?.sedaPlayer;
      return player && player.journey !== journey && player.framesDrawn > (player === before ? frames : 0);
    };
    return afterNextFrame(drawn, () => performance.timeOrigin + performance.now());
  },

  scrub() {
    const root = findRoot(), scrub = root.querySelector("[data-testid=scrub]");
    return new Promise((resolve) => scrub.addEventListener("pointerdown", (event) => {
      const frames = root.sedaPlayer.framesDrawn;
      const drawn = () => root.sedaPlayer.framesDrawn > frames;
      afterNextFrame(drawn, () => performance.now() - event.timeStamp).then(resolve);
    }, { once: true, capture: true }));
  },

  play() {
    const root = findRoot(), player = root.sedaPlayer;
    player.replay();
    const frames = player.framesDrawn, start = performance.now();
    const rate = () => (1000 * (player.framesDrawn - frames)) / (performance.now() - start);
    return new Promise((resolve) => {
      // It says that it plays from its first frame on.
      const look = () => root.dataset.playing === "true" || performance.now() - start < 1000 ? requestAnimationFrame(look) : resolve(rate());
      look();
    });
  },

  rest() {
    const { sedaPlayer: player } = findRoot();
    player.pause();
    return new Promise((resolve) => {
      let frames = -1;
      const look = () => {
        if (player.framesDrawn === frames) return resolve();
        frames = player.framesDrawn;
        return setTimeout(look, 400);
      };
      look();
    });
  },
};
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--size", default="1280x720", help="of the browser's window")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--show", action="store_true", help="show the browser's window; it may then draw with a GPU")
    arguments = parser.parse_args()
    width, height = map(int, arguments.size.split("x"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        payload_mb = write_journeys(folder)
        script = folder / "app.py"
        script.write_text(APP, encoding="utf-8")
        environment = {"SEDA_BENCHMARK": str(folder)}
        with (
            served(script, folder / "log.txt", environment) as url,
            opened(url, width, height, show=arguments.show) as page,
        ):
            figures = measure(page, folder, arguments.rounds)
    figures["payload_mb_64"] = payload_mb
    figures = {key: round(figures[key], 3) for key in BARS}
    print(json.dumps(figures) if arguments.json else table(figures))


def table(figures: dict[str, float]) -> str:
    lines = []
    for key, (label, unit, bar) in BARS.items():
        value, least = figures[key], bar < 0
        held = value >= -bar if least else value <= bar
        limit = f"{'at least' if least else 'at most'} {abs(bar):g}"
        lines.append(f"{label:46} {value:9.2f} {unit:4} {limit:14} {'' if held else 'MISSED'}".rstrip())
    return "\n".join(lines)


# ---- the journeys


def write_journeys(folder: Path) -> float:
    """Write 64.safetensors, 16.safetensors and 20k.safetensors; returns the payload of the first in MB."""
    aligner = load_aligner("fashion-mnist")
    workbench = Workbench(aligner, load_encoder("bundled"), load_maps(aligner.folder))
    images, names = pictures(MANY), aligner.card.class_names
    many = trace_images(images, names, workbench, SamplingConfig(num_inference_steps=STEPS))
    few = trace_images(images[: MANY // 4], names, workbench, SamplingConfig(num_inference_steps=STEPS // 2))
    for name, journey in {"64": many, "16": few, "20k": over_many_points(many, workbench)}.items():
        journey.save(folder / f"{name}.safetensors")
    return len(json.dumps(player_payload(many)).encode()) / 1e6


def pictures(count: int) -> list[NamedImage]:
    """The samples, then the samples mirrored and shifted: other pixels, so other features and other noise."""
    paths = sorted((ROOT / "assets" / "samples" / "fashion-mnist").glob("*.png"))
    images, _ = read_images((path.name, path) for path in paths)
    mirrored = [NamedImage(f"mirrored {item.name}", ImageOps.mirror(item.image)) for item in images]
    shifted = [NamedImage(f"shifted {item.name}", ImageChops.offset(item.image, 2, 0)) for item in images]
    return [*images, *mirrored, *shifted][:count]


def over_many_points(journey: Journey, workbench: Workbench) -> Journey:
    """The journey over POINTS reference points: the shipped test features on the frozen maps, then jittered copies."""
    sets = (FeatureSet.load(path) for path in sorted(SHIPPED.glob("*-test.safetensors")))
    shipped = next(one for one in sets if one.class_names == journey.trajectory.center_names)
    scaler = workbench.aligner.aligner.image_scaler
    with torch.inference_mode():
        features = scaler(torch.from_numpy(shipped.image_features)).numpy()
    chosen = np.arange(POINTS) % len(features)
    center_of = [journey.trajectory.center_names.index(name) for name in shipped.class_names]
    rng = np.random.default_rng(0)
    maps, frozen = {}, maps_of(journey.trajectory, workbench)
    for name, positions in journey.maps.items():
        placed = frozen[name].place(features, np.zeros(len(features), dtype=np.float32))
        jitter = rng.normal(0, 0.01 * placed.std(axis=0), (POINTS, placed.shape[1]))
        jitter[: len(features)] = 0
        maps[name] = replace(positions, reference=(placed[chosen] + jitter).astype(np.float32))
    labels = np.array(center_of, dtype=np.int16)[shipped.labels[chosen]]
    return replace(journey, maps=maps, reference_labels=labels, reference_total=POINTS)


# ---- server and browser


@contextmanager
def opened(url: str, width: int, height: int, *, show: bool) -> Iterator[Page]:
    """A page of APP in Chromium; no player stands there yet."""
    path = find_chromium()
    if path is None:
        raise SystemExit("No Chromium on the PATH (install Debian's chromium, or set SEDA_CHROMIUM).")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, headless=not show, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        page = browser.new_page(viewport={"width": width, "height": height})
        page.add_init_script(HELPERS)
        page.goto(url)
        page.get_by_role("button", name="64", exact=True).wait_for(timeout=60_000)
        yield page
        browser.close()


# ---- the figures


def measure(page: Page, folder: Path, rounds: int) -> dict[str, float]:
    """All figures but the payload."""

    def repeated(one: Callable[[], float]) -> float:
        return statistics.median(one() for _ in range(rounds))

    figures = {}
    for name in ("64", "16"):
        first_frame_ms(page, folder, name)  # warms up: fonts, compiled scripts, the server's imports
        figures[f"first_frame_ms_{name}"] = repeated(lambda name=name: first_frame_ms(page, folder, name))
    first_frame_ms(page, folder, "64")
    positions = random.Random(0)
    figures["scrub_ms_64"] = repeated(lambda: scrub_ms(page, positions.random()))
    figures["fps_64"] = repeated(lambda: page.evaluate("benchmark.play()"))
    figures["memory_growth"] = memory_growth(page)
    first_frame_ms(page, folder, "20k")
    figures["fps_20k"] = repeated(lambda: page.evaluate("benchmark.play()"))
    return figures


def first_frame_ms(page: Page, folder: Path, name: str) -> float:
    """Show a journey in place of the one on the page; the player is at rest before and after."""
    page.evaluate("() => { window.pending = benchmark.firstFrame(); }")
    page.get_by_role("button", name=name, exact=True).click()
    drawn = page.evaluate("pending") / 1000
    started = float((folder / "started").read_text())
    page.evaluate("benchmark.rest()")
    return (drawn - started) * 1000


def scrub_ms(page: Page, position: float) -> float:
    page.evaluate("benchmark.rest()")
    page.get_by_test_id("scrub").scroll_into_view_if_needed()
    page.evaluate("() => { window.pending = benchmark.scrub(); }")
    box = page.get_by_test_id("scrub").bounding_box()
    page.mouse.move(box["x"] + box["width"] * position, box["y"] + box["height"] / 2)
    page.wait_for_timeout(100)  # whatever the pointer's coming changes is drawn
    page.mouse.down()
    taken = page.evaluate("pending")
    page.mouse.up()
    return taken


def memory_growth(page: Page) -> float:
    """The larger share by which heap and resident memory grow over REPLAYS plays at 4x."""
    speed = page.get_by_test_id("speed")
    speed.select_option("4")
    page.evaluate("benchmark.play()")
    before = memory(page)
    for _ in range(REPLAYS):
        page.evaluate("benchmark.play()")
    after = memory(page)
    speed.select_option("1")
    return max(now / then for now, then in zip(after, before, strict=True)) - 1


def memory(page: Page) -> tuple[float, float]:
    """Bytes of the page's JavaScript heap after a collection, and of its process."""
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")
    session.send("HeapProfiler.collectGarbage")
    page.wait_for_timeout(1000)  # memory of what was collected goes back to the system a little later
    metrics = {metric["name"]: metric["value"] for metric in session.send("Performance.getMetrics")["metrics"]}
    session.detach()
    return metrics["JSHeapUsedSize"], resident_bytes(page)


def resident_bytes(page: Page) -> float:
    """Resident memory of the renderer that has worked most: Chromium keeps spare ones."""
    session = page.context.browser.new_browser_cdp_session()
    processes = session.send("SystemInfo.getProcessInfo")["processInfo"]
    session.detach()
    renderer = max((one for one in processes if one["type"] == "renderer"), key=lambda one: one["cpuTime"])
    pages = int(Path(f"/proc/{renderer['id']}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    main()
