"""What a beginning costs: of a process that answers once, of a server, of its first page and of its first run.

Each row's floor is measured in the same run, in turns with it. Visitors speak Streamlit's protocol without a browser: what a browser takes
to draw is not in the figures.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from seda.benchmark.serving import serving
from seda.benchmark.visiting import FINISHED, Visitor, visiting
from seda.errors import ConfigError, SedaError
from seda.shipped import APP, ASSETS, HOME

ROUNDS = 3
PICTURE, WORDS = ASSETS / "samples" / "photos" / "cat.jpg", "a cat, a wolf"
PRESSED_AFTER = 20.0  # seconds between the page and the first press of Run
LATER_RUNS = 3  # that the first is compared with
PATIENCE = 300.0  # seconds for one answer
PLAYER, RUN, STOP = "trajectories.player", "trajectories.run", "trajectories.stop"  # keys of the page's widgets


@dataclass(frozen=True)
class StartRow:
    """One measured row; times are seconds of wall clock.

    Attributes:
        name: a key of BARS.
        rounds: that it and its floor were measured in turns.
        median_s: of the program.
        floor_s: of what it is compared with; None for a bar in seconds.
        ratio: median over the rounds of program by floor.
        bar: the most that `ratio` may be, or `median_s` where there is no floor.
        reached: whether it is not above.
        cpu_s: median seconds of processor time, where a process was begun for it and the system tells.
        peak_mb: most memory that such a process held, MB of 10^6 bytes; not less than what the process that began it held.
    """

    name: str
    rounds: int
    median_s: float
    floor_s: float | None
    ratio: float | None
    bar: float
    reached: bool
    cpu_s: float | None = None
    peak_mb: float | None = None


# the most that each row's ratio to its floor may be; of "page-load-warm" seconds
BARS = {"first-answer": 1.8, "page-load-fresh": 1.5, "page-load-warm": 3.0, "first-run-app": 1.3}
FLOORS = {
    "first-answer": "a process that imports torch, reads both encoders' weights and makes one forward pass of each",
    "page-load-fresh": "`streamlit hello` from its start to its first page",
    "page-load-warm": "none: seconds",
    "first-run-app": "later runs of the same server",
}


@dataclass(frozen=True)
class Spent:
    """What a process took; see `StartRow`."""

    seconds: float
    cpu: float | None = None
    peak_mb: float | None = None


@dataclass(frozen=True)
class Visit:
    """What one fresh server made its visitors wait, seconds; see `BARS`."""

    fresh: float
    hello: float
    warm: float
    first_run: float | None
    later_run: float | None


def measure_start(
    names: Sequence[str] | None = None,
    rounds: int = ROUNDS,
    on_row: Callable[[StartRow, int, int], object] | None = None,
) -> list[StartRow]:
    """Measure rows, each with its floor.

    Args:
        names: keys of BARS; None for all.
        rounds: of program and floor in turns.
        on_row: told of each row, rows done, of how many.
    Raises:
        ConfigError: a name is not known.
        SedaError: a process ended with an error, or a page or a run failed.
    """
    if unknown := [name for name in names or () if name not in BARS]:
        raise ConfigError(f"There is no row {', '.join(unknown)} to measure; known are {', '.join(BARS)}.")
    chosen = [name for name in BARS if names is None or name in names]
    rows: list[StartRow] = []

    def add(row: StartRow) -> None:
        rows.append(row)
        if on_row is not None:
            on_row(row, len(rows), len(chosen))

    if "first-answer" in chosen:
        add(_first_answer(rounds))
    if others := [name for name in chosen if name != "first-answer"]:
        visits = [_visit(runs="first-run-app" in others) for _ in range(rounds)]
        for name in others:
            add(_row_of(name, visits))
    return rows


def _first_answer(rounds: int) -> StartRow:
    floor_call = [sys.executable, "-m", "seda.benchmark.start_floor"]
    answer_call = [sys.executable, "-m", "seda", "classify", str(PICTURE), "--classes", WORDS]
    _spend(floor_call), _spend(answer_call)  # the files of both are in memory from here on
    floors, answers = [], []
    for _ in range(rounds):
        floors.append(_spend(floor_call))
        answers.append(_spend(answer_call))
    cpu = [one.cpu for one in answers if one.cpu is not None]
    peaks = [one.peak_mb for one in answers if one.peak_mb is not None]
    return _row(
        "first-answer", [one.seconds for one in answers], [one.seconds for one in floors],
        cpu_s=statistics.median(cpu) if cpu else None, peak_mb=max(peaks, default=None),
    )  # fmt: skip


def _row_of(name: str, visits: Sequence[Visit]) -> StartRow:
    match name:
        case "page-load-fresh":
            return _row(name, [one.fresh for one in visits], [one.hello for one in visits])
        case "page-load-warm":
            return _row(name, [one.warm for one in visits], None)
    pairs = [
        (one.first_run, one.later_run) for one in visits if one.first_run is not None and one.later_run is not None
    ]
    return _row(name, [first for first, _ in pairs], [later for _, later in pairs])


def _row(
    name: str, seconds: Sequence[float], floors: Sequence[float] | None, *, cpu_s: float | None = None, peak_mb: float | None = None
) -> StartRow:  # fmt: skip
    median, bar = statistics.median(seconds), BARS[name]
    if floors is None:
        return StartRow(name, len(seconds), median, None, None, bar, median <= bar, cpu_s, peak_mb)
    ratio = statistics.median(one / floor for one, floor in zip(seconds, floors, strict=True))
    return StartRow(
        name, len(seconds), median, statistics.median(floors), ratio, bar, ratio <= bar, cpu_s, peak_mb
    )  # fmt: skip


def _spend(call: Sequence[str]) -> Spent:
    """Run a process to its end.

    Raises:
        SedaError: it failed; with the end of what it said.
    """
    with tempfile.TemporaryFile() as said:
        start = time.monotonic()
        process = subprocess.Popen(call, cwd=HOME, stdout=said, stderr=said)
        usage = None
        if hasattr(os, "wait4"):  # Unix
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        else:
            process.wait()
        seconds = time.monotonic() - start
        if process.returncode:
            said.seek(0)
            end = said.read().decode(errors="replace")[-500:]
            raise SedaError(f"{' '.join(call[1:4])} ended with status {process.returncode}: {end}")
    if usage is None:
        return Spent(seconds)
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, else KiB (man 2 getrusage)
    return Spent(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * unit / 1e6)


def _visit(*, runs: bool) -> Visit:
    """One fresh server, and one of `streamlit hello` after it."""
    with tempfile.TemporaryDirectory(prefix="seda-start-") as name:
        folder = Path(name)
        begun = time.monotonic()
        environment = {"SEDA_ALIGNERS": str(folder / "aligners"), "SEDA_CACHE": str(folder / "cache")}
        with serving(APP, folder / "app.txt", environment) as (url, _):
            fresh, first, later = asyncio.run(_be_first(url, begun, runs=runs))
            warm = asyncio.run(_open(url, PLAYER))
        begun = time.monotonic()
        with serving(_hello(), folder / "hello.txt", options=("--browser.gatherUsageStats=false",)) as (url, _):
            hello = asyncio.run(_open(url, "", begun))
    return Visit(fresh, hello, warm, first, later)


def _hello() -> Path:
    """The script that `streamlit hello` runs."""
    import streamlit.hello

    return Path(streamlit.hello.__file__).parent / "streamlit_app.py"


async def _open(url: str, key: str, begun: float | None = None) -> float:
    """Seconds until a page has drawn the widget of that key; until it is whole where that is empty."""
    begun = time.monotonic() if begun is None else begun
    async with visiting(url) as visitor:
        return await _until_drawn(visitor, key) - begun


async def _until_drawn(visitor: Visitor, key: str) -> float:
    """When the widget of that key was drawn, or the page whole; the page is, either way, afterwards.

    Raises:
        SedaError: the page says that something is wrong, or has no such widget.
    """
    screen = await visitor.idle(PATIENCE)
    drawn = visitor.first_drawn.get(key)
    if screen.problems or (key and drawn is None):
        raise SedaError(f"The page was not drawn: {'; '.join(screen.problems) or f'it has no {key}'}.")
    return time.monotonic() if drawn is None else drawn


async def _be_first(url: str, begun: float, *, runs: bool) -> tuple[float, float | None, float | None]:
    """A server's first visitor: seconds to the first picture, of the first run and, at the median, of later ones."""
    async with visiting(url) as visitor:
        fresh = await _until_drawn(visitor, PLAYER) - begun
        if not runs:
            return fresh, None, None
        await asyncio.sleep(PRESSED_AFTER)
        await visitor.send(trajectories__source=["Samples"])
        await visitor.idle(PATIENCE)
        # a seed that nobody asked for: nothing of such a run is kept, its pictures are looked at again
        first, *later = [await _run(visitor, float(seed)) for seed in range(101, 102 + LATER_RUNS)]
        return fresh, first, statistics.median(later)


async def _run(visitor: Visitor, seed: float) -> float:
    """Seconds from a press of Run to its picture.

    Raises:
        SedaError: the run failed.
    """
    await visitor.send(trajectories__seed=seed)
    await visitor.idle(PATIENCE)
    start = time.monotonic()
    await visitor.send(pressed=RUN)
    screen = await visitor.until(lambda screen: screen.status == FINISHED and STOP not in screen.widgets, PATIENCE)
    if screen.problems or not any(f"seed {seed:.0f}" in text for text in screen.texts):
        raise SedaError(f"The run failed: {'; '.join(screen.problems) or 'its picture is not there'}.")
    return time.monotonic() - start
