"""Many visitors of one server: `python tests/benchmarks/load.py [--sessions 50] [--runs 20] [--link 30] [--memory 1000] [--json]`.

The app as README starts it, on this machine, and visitors that speak its protocol without a browser, so what a browser takes to draw
is not in the figures. Their computing shares the machine with the server's. A part for each of the options; without any, the
first two:

    --sessions N    N visitors open the first page at once, on a server that one visitor has been to. From connecting to the page's end:
                    p95 at most 3 s, none over 10
    --runs N        N visitors press Run at the same moment, after one has run alone three times. Waiting and running, as a multiple
                    of place in line x one run alone: p95 at most 1.5. The place is the order in which they end
    --link N        N visitors open one link at once that nobody has opened: the example's pictures on the way to other words. From
                    connecting to the picture (what stands below it comes later): p95 at most 3 x what one visitor of another such link waits
    --memory N      N runs one after the other, RUNS_A_VISIT by each visitor: what the server and its children hold of the memory after
                    50, 100, ... runs; at most 10 % more than after 50. Stops after --minutes

A run is of the samples that the page proposes, with its own settings; each has a seed of its own, drawn from --seed. Exit status 1
where a figure is missed, or a page or a run failed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import random
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from seda.benchmark.visiting import Visitor, visiting  # noqa: E402
from seda.ui.state import PLAYER_KEY  # noqa: E402
from tests.browser.served import serving  # noqa: E402

SESSIONS, RUNS, LINK, MEMORY = 50, 20, 30, 1000
PAGE_P95, PAGE_MOST = 3.0, 10.0  # seconds
RUN_P95 = 1.5  # x place in line x one run alone
LINK_P95 = 3.0  # x one visitor of a link
GROWTH = 0.10  # of what was held after the first EVERY runs
EVERY = 50  # runs between two looks at the memory
ALONE = 3  # runs that say what one takes
RUNS_A_VISIT = 10
PATIENCE = 1200.0  # seconds for one answer
KEPT = 120.0  # seconds that Streamlit keeps the session of a visitor who left
PLACE = re.compile(r"\b(\d+)(?:st|nd|rd|th) in line")


# ---------------------------------------------------------------------------------------------------- visits


async def open_page(url: str) -> dict[str, Any]:
    """Seconds from connecting to the end of the first page's script, what came, and what was wrong."""
    start = time.monotonic()
    try:
        async with visiting(url) as visitor:
            screen = await visitor.idle(PATIENCE)
            problems = screen.problems or ([] if "trajectories.run" in screen.widgets else ["the page has no Run"])
            return {"seconds": time.monotonic() - start, "bytes": visitor.bytes, "problems": problems}
    except Exception as error:
        return {"seconds": time.monotonic() - start, "bytes": 0, "problems": [repr(error)]}


async def open_link(url: str, query: str) -> dict[str, Any]:
    """Seconds from connecting to the picture that a link asks for, and to the page's end; and what was wrong."""
    start = time.monotonic()
    try:
        async with visiting(url, query) as visitor:
            screen = await visitor.until(
                lambda screen: screen.status == 0 and "trajectories.run" in screen.widgets and "trajectories.stop" not in screen.widgets,
                PATIENCE,
            )  # fmt: skip
            end, drawn, problems = time.monotonic(), visitor.first_drawn.get(PLAYER_KEY), screen.problems
            if not problems and (drawn is None or not any("Your run" in text for text in screen.texts)):
                problems = ["no run was shown"]
            return {"seconds": (drawn or end) - start, "page": end - start, "problems": problems}
    except Exception as error:
        spent = time.monotonic() - start
        return {"seconds": spent, "page": spent, "problems": [repr(error)]}


async def choose_samples(visitor: Visitor, seed: int) -> None:
    """Open the page and choose what to run, up to the press of Run."""
    await visitor.idle(PATIENCE)
    await visitor.send(trajectories__source=["Samples"])
    await visitor.idle(PATIENCE)
    await choose_seed(visitor, seed)


async def choose_seed(visitor: Visitor, seed: int) -> None:
    await visitor.send(trajectories__seed=float(seed))
    await visitor.idle(PATIENCE)


async def run(visitor: Visitor, seed: int) -> dict[str, Any]:
    """Press Run and wait for the picture; the page has to say that it is the one of this seed."""
    visitor.progress.clear()
    start = time.monotonic()
    try:
        await visitor.send("trajectories.run")
        screen = await visitor.until(
            # a run that waits may draw its page again; while it is not done there is a Stop
            lambda screen: screen.status == 0 and "trajectories.stop" not in screen.widgets,
            PATIENCE,
        )
        problems = screen.problems
        if not problems and not any(re.search(rf"\bseed {seed}\b", text) for text in screen.texts):
            problems = ["the picture is not the one that was asked for"]
    except Exception as error:
        problems = [repr(error)]
    end = time.monotonic()
    places = [int(found[1]) for _, text in visitor.progress if (found := PLACE.search(text))]
    waited = [when for when, text in visitor.progress if PLACE.search(text)]
    return {
        "seconds": end - start,
        "waited": max(waited) - start if waited else 0.0,
        "told_place": places[0] if places else None,
        "end": end,
        "problems": problems,
    }


# ---------------------------------------------------------------------------------------------------- the three parts


async def measure_sessions(url: str, count: int) -> dict[str, Any]:
    first = await open_page(url)
    opened = await asyncio.gather(*(open_page(url) for _ in range(count)))
    seconds = [one["seconds"] for one in opened]
    problems = [problem for one in opened for problem in one["problems"]]
    p95, most = share_below(seconds, 0.95), max(seconds)
    return {
        "sessions": count,
        "first_s": first["seconds"],
        "page_mb": statistics.median(one["bytes"] for one in opened) / 1e6,
        "p50_s": share_below(seconds, 0.5),
        "p95_s": p95,
        "max_s": most,
        "failed": sum(bool(one["problems"]) for one in opened),
        "problems": sorted(set(problems))[:5],
        "reached": p95 <= PAGE_P95 and most <= PAGE_MOST and not problems,
    }


async def measure_runs(url: str, count: int, seeds: random.Random) -> dict[str, Any]:
    async with visiting(url) as visitor:
        await choose_samples(visitor, seed := draw(seeds))
        cold = await run(visitor, seed)
        alone = []
        for _ in range(ALONE):
            await choose_seed(visitor, seed := draw(seeds))
            alone.append(await run(visitor, seed))
    one = statistics.median(each["seconds"] for each in alone)
    ready, pressed = asyncio.Barrier(count), []

    async def visit(seed: int) -> None:
        async with visiting(url) as visitor:
            try:
                await choose_samples(visitor, seed)
            finally:
                await ready.wait()
            pressed.append(await run(visitor, seed))

    ended = await asyncio.gather(*(visit(draw(seeds)) for _ in range(count)), return_exceptions=True)
    lost = [repr(error) for error in ended if error is not None]
    pressed.sort(key=lambda each: each["end"])
    rows = [
        {
            "place": place,
            "told_place": each["told_place"],
            "seconds": each["seconds"],
            "waited": each["waited"],
            "ratio": each["seconds"] / (place * one),
        }
        for place, each in enumerate(pressed, start=1)
    ]
    problems = [problem for each in [cold, *alone, *pressed] for problem in each["problems"]] + lost
    p95 = share_below([row["ratio"] for row in rows], 0.95)
    return {
        "sessions": count,
        "first_run_s": cold["seconds"],
        "one_run_s": one,
        "all_s": max((row["seconds"] for row in rows), default=math.inf),
        "p50_ratio": share_below([row["ratio"] for row in rows], 0.5),
        "p95_ratio": p95,
        "max_ratio": max((row["ratio"] for row in rows), default=math.inf),
        "queue": any(row["told_place"] for row in rows),
        "failed": sum(bool(each["problems"]) for each in pressed) + len(lost),
        "problems": sorted(set(problems))[:5],
        "rows": rows,
        "reached": p95 <= RUN_P95 and not problems,
    }


async def measure_link(url: str, count: int, seeds: random.Random) -> dict[str, Any]:
    def link() -> str:
        return f"classes=animal,building,flower&seed={draw(seeds)}"

    cold = await open_link(url, link())
    alone = [await open_link(url, link()) for _ in range(ALONE)]
    one, same = statistics.median(each["seconds"] for each in alone), link()
    opened = await asyncio.gather(*(open_link(url, same) for _ in range(count)))
    again = await open_link(url, same)
    seconds = [each["seconds"] for each in opened]
    problems = [problem for each in [cold, *alone, *opened, again] for problem in each["problems"]]
    p95 = share_below(seconds, 0.95)
    return {
        "sessions": count,
        "one_s": one,
        "p50_s": share_below(seconds, 0.5),
        "p95_s": p95,
        "max_s": max(seconds),
        "pages_s": max(each["page"] for each in opened),
        "one_page_s": statistics.median(each["page"] for each in alone),
        "again_s": again["seconds"],
        "ratio": p95 / one,
        "failed": sum(bool(each["problems"]) for each in opened),
        "problems": sorted(set(problems))[:5],
        "reached": p95 <= LINK_P95 * one and not problems,
    }


async def measure_memory(url: str, process: int, count: int, seeds: random.Random, until: float) -> dict[str, Any]:
    rows, seconds, problems = [], [], []
    mark = time.monotonic()

    def look() -> None:
        nonlocal mark
        own, children = held_mb(process)
        now = time.monotonic()
        since = len(seconds) - (rows[-1]["runs"] if rows else 0)
        rows.append(
            {
                "runs": len(seconds),
                "mb": own + children,
                "children_mb": children,
                "run_s": statistics.median(seconds[-since:]) if since else 0.0,
                "all_s": now - mark,  # pages, and choosing, too
            }
        )
        mark = now
        print(show_memory(rows[-1]), file=sys.stderr, flush=True)

    while len(seconds) < count and time.monotonic() < until and not problems:
        async with visiting(url) as visitor:
            await choose_samples(visitor, seed := draw(seeds))
            for number in range(min(RUNS_A_VISIT, count - len(seconds))):
                if number:
                    await choose_seed(visitor, seed := draw(seeds))
                done = await run(visitor, seed)
                seconds.append(done["seconds"])
                problems += done["problems"]
                if len(seconds) % EVERY == 0:
                    look()
                if time.monotonic() > until:
                    break
    if not rows or rows[-1]["runs"] != len(seconds):
        look()
    base = rows[0]["mb"]
    growth = max(row["mb"] for row in rows) / base - 1
    return {
        "runs": len(seconds),
        "after_50_mb": base,
        "most_mb": max(row["mb"] for row in rows),
        "last_mb": rows[-1]["mb"],
        "growth": growth,
        "run_s": statistics.median(seconds),
        "failed": len(problems),
        "problems": sorted(set(problems))[:5],
        "rows": rows,
        "reached": growth <= GROWTH and not problems,
    }


def held_mb(process: int) -> tuple[float, float]:
    """Resident memory of a process, and of all that it started. Of Linux only."""
    own, children = resident_mb(process), 0.0
    left = [process]
    while left:
        for task in Path(f"/proc/{left.pop()}/task").glob("*/children"):
            started = [int(number) for number in read(task).split()]
            children += sum(map(resident_mb, started))
            left += started
    return own, children


def resident_mb(process: int) -> float:
    found = re.search(r"^VmRSS:\s+(\d+) kB", read(Path(f"/proc/{process}/status")), re.MULTILINE)
    return int(found[1]) / 1000 if found else 0.0


def read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:  # it has ended
        return ""


def share_below(values: Sequence[float], share: float) -> float:
    """The smallest value that so large a share of them is not above; infinite where there are none."""
    return math.inf if not values else sorted(values)[math.ceil(share * len(values)) - 1]


def draw(seeds: random.Random) -> int:
    return seeds.randrange(10_000)


# ---------------------------------------------------------------------------------------------------- the command


def show(figures: dict[str, Any]) -> str:
    lines = []
    if part := figures.get("sessions"):
        lines += [
            f"{part['sessions']} sessions open the first page ({part['page_mb']:.1f} MB each): p50 {part['p50_s']:.2f} s, "
            f"p95 {part['p95_s']:.2f} s, max {part['max_s']:.2f} s (at most {PAGE_P95:g} and {PAGE_MOST:g}); the first alone "
            f"{part['first_s']:.2f} s",
            *ending(part),
        ]
    if part := figures.get("runs"):
        lines += [
            f"{part['sessions']} sessions press Run; one alone takes {part['one_run_s']:.2f} s, the server's first {part['first_run_s']:.2f} s"
            + ("" if part["queue"] else "; no place in line was told"),
            "place  told  seconds  waited  / (place x one)",
            *(
                f"{row['place']:5}  {row['told_place'] or '':>4}  {row['seconds']:7.2f}  {row['waited']:6.2f}  {row['ratio']:.2f}"
                for row in part["rows"]
            ),
            f"p50 {part['p50_ratio']:.2f}, p95 {part['p95_ratio']:.2f} (at most {RUN_P95:g}), max {part['max_ratio']:.2f}",
            *ending(part),
        ]
    if part := figures.get("link"):
        lines += [
            f"{part['sessions']} visitors open one link; one of another link waits {part['one_s']:.2f} s: p50 {part['p50_s']:.2f} s, p95 "
            f"{part['p95_s']:.2f} s = {part['ratio']:.2f} x (at most {LINK_P95:g}), max {part['max_s']:.2f} s; one more afterwards "
            f"{part['again_s']:.2f} s; pages are whole after {part['one_page_s']:.2f} s alone, {part['pages_s']:.2f} s the last",
            *ending(part),
        ]
    if part := figures.get("memory"):
        lines += [
            *map(show_memory, part["rows"]),
            f"{part['runs']} runs of {part['run_s']:.2f} s: {part['growth']:+.1%} at most (at most {GROWTH:.0%}), "
            f"{part['last_mb'] / part['after_50_mb'] - 1:+.1%} at the end",
            *ending(part),
        ]
    return "\n".join(lines)


def show_memory(row: dict[str, Any]) -> str:
    return f"after {row['runs']:5} runs {row['mb']:7.0f} MB, of children {row['children_mb']:.0f}; a run {row['run_s']:.2f} s"


def ending(part: dict[str, Any]) -> list[str]:
    failed = [f"{part['failed']} failed: {'; '.join(part['problems'])}"] if part["problems"] else []
    return [*failed, "reached" if part["reached"] else "MISSED", ""]


async def measure(arguments: argparse.Namespace, url: str, process: int) -> dict[str, Any]:
    figures: dict[str, Any] = {}
    if arguments.sessions:
        figures["sessions"] = await measure_sessions(url, arguments.sessions)
    if arguments.runs:
        figures["runs"] = await measure_runs(url, arguments.runs, random.Random(f"{arguments.seed}-runs"))
    if arguments.link:
        figures["link"] = await measure_link(url, arguments.link, random.Random(f"{arguments.seed}-link"))
    if arguments.memory:
        until = time.monotonic() + (60 * arguments.minutes if arguments.minutes else math.inf)
        seeds = random.Random(f"{arguments.seed}-memory")
        figures["memory"] = await measure_memory(url, process, arguments.memory, seeds, until)
    return figures


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default, what in (
        ("sessions", SESSIONS, "visitors who open the first page at once"),
        ("runs", RUNS, "visitors who press Run at once"),
        ("link", LINK, "visitors who open one link at once"),
        ("memory", MEMORY, "runs, one after the other"),
    ):
        parser.add_argument(f"--{name}", type=int, nargs="?", const=default, default=0, metavar="N", help=what)
    parser.add_argument("--minutes", type=float, metavar="M", help="end --memory after so many")
    parser.add_argument("--seed", type=int, default=0, help="of the runs' seeds; default %(default)s")
    parser.add_argument(
        "--option",
        action="append",
        default=[],
        metavar="--a.b=c",
        help="of `streamlit run`, such as --option=--server.address=0.0.0.0",
    )
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    if not (arguments.sessions or arguments.runs or arguments.link or arguments.memory):
        arguments.sessions, arguments.runs = SESSIONS, RUNS
    with tempfile.TemporaryDirectory(prefix="seda-load-") as name:
        folder = Path(name)
        environment = {"SEDA_ALIGNERS": str(folder / "aligners"), "SEDA_CACHE": str(folder / "cache")}
        with serving(ROOT / "app.py", folder / "log.txt", environment, arguments.option) as (url, process):
            figures = asyncio.run(measure(arguments, url, process))
        logged = (folder / "log.txt").read_text(errors="replace")
        figures["tracebacks"] = logged.count("Traceback (most recent call last)")
        if figures["tracebacks"]:
            print(logged[-4000:], file=sys.stderr)
    figures["reached"] = not figures["tracebacks"] and all(
        part["reached"] for part in figures.values() if isinstance(part, dict)
    )
    if arguments.json:
        print(json.dumps(figures, indent=2))
    else:
        print(show(figures) + f"tracebacks in the server's log: {figures['tracebacks']}")
    return 0 if figures["reached"] else 1


if __name__ == "__main__":
    sys.exit(main())
