"""Ended by kill -9 at random moments: `python tests/benchmarks/killed.py [--times 30] [--only train,keep] [--seed S] [--json]`.

Each kind of work is begun, killed, begun again and so on, from beginning to end as often as it takes for so many kills. Half of
them come at a moment drawn evenly over the time that the work takes, from the imports' end on; the other half right before a
change of the disk that is drawn evenly over all of them, because the moments between two writes are too short to be hit by chance.

After every kill what is listed has to be usable:

    train, pretrain, map fit    aligners of the home: loaded, asked, placed on their maps
    keep                        in the list of unfinished trainings or in that of aligners, always in one
    benchmark                   cells and table
    export                      the file of before, or the new one
    download                    a file under its own name is whole, and of one version: the server's file changes now and then

Then the same call goes on. `lost` are the seconds that it takes, from the imports' end on, to come farther than the killed one was,
without those that an undisturbed run takes to its first sign of progress (models are loaded then). At most 60. `gap` is the longest
time without a change of the disk in the undisturbed run: what a kill can take at most where nothing is done twice. Both are of data
as small as --pictures and --steps say; with more of both they are those of real trainings.

Exit status 1 where something that is listed cannot be used, a call does not go on, or more is lost.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import hashlib
import itertools
import json
import multiprocessing
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

TIMES = 30
MOST_LOST = 60.0  # seconds
KILLS_A_RUN = 5  # chosen here: a piece of work is killed about as often before it is done
AT_ONCE = 0.25  # of the kills come before the killed call has caught up with the one before
FEW_CHANGES = 20  # of work that has no more, each is as likely
RENEWED = 0.3  # of the kills of a download are followed by another version of the file
HANG = 1800.0  # seconds without a sign
# imported before the first piece of work is begun, so that no moment falls on an import
MODULES = ["torch", "open_clip", "umap", "pandas", "seda.cli", "seda.training.recipe", "seda.training.words_alone",
           "seda.benchmark.report", "seda.journeys.tracing", "seda.export", "seda.encoders.download"]  # fmt: skip
WRITING = os.O_WRONLY | os.O_RDWR
CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.chmod", "os.truncate", "shutil.rmtree"}

Mark = tuple[str, int]  # what is under way, and how much of it is done


# ---------------------------------------------------------------------------------------------------- in the child


class Watch:
    """Tells the parent of every sign of progress and every change below a folder; ends the process where it was asked to."""

    def __init__(
        self, told: Connection, folder: Path, known: frozenset[Mark], change: int | None, at_once: bool
    ) -> None:
        self.told, self.folder, self.known = told, os.fsencode(folder), known
        self.left, self.armed, self.quiet = change, at_once or not known, False

    def mark(self, stage: str, done: int, *_: object) -> None:
        if (stage, done) not in self.known:
            self.armed = True
        self.tell("mark", (stage, done))

    def audit(self, event: str, values: tuple) -> None:
        if self.quiet or (event not in CHANGES and event != "open"):
            return
        if event == "open" and not ((values[2] or 0) & WRITING):
            return
        if not isinstance(values[0], str | bytes | os.PathLike):  # a file's number
            return
        within = event in ("os.remove", "os.rmdir") and values[1] != -1  # of a folder that is being deleted
        if not within and not os.fsencode(values[0]).startswith(self.folder):
            return
        if self.armed and self.left is not None:
            self.left -= 1
            if self.left == 0:
                self.tell("kill", None)
                os.kill(os.getpid(), signal.SIGKILL)
        self.tell("change", event)

    def tell(self, kind: str, value: object) -> None:
        self.quiet = True
        self.told.send((kind, time.monotonic(), value))
        self.quiet = False


def child(
    told: Connection, work: str, folder: Path, steps: int, options: Mapping[str, Any],
    known: frozenset[Mark], change: int | None, at_once: bool,
) -> None:  # fmt: skip
    """Do a piece of work in a folder, in a process of its own."""
    os.environ |= home_of(folder)
    log = os.open(folder.parent / "log.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(log, 1)
    os.dup2(log, 2)
    shorten_maps(steps)
    watch = Watch(told, folder, known, change, at_once)
    hear_progress(watch.mark)
    sys.addaudithook(watch.audit)
    watch.tell("begun", None)
    try:
        WORKS[work].do(folder, options, watch.mark)
    except BaseException:
        watch.tell("failed", traceback.format_exc())
        raise
    watch.tell("done", None)


def hear_progress(mark: Callable[..., None]) -> None:
    """Let what the commands tell of their progress be told to `mark`."""
    from seda.commands.shared import terminal

    terminal.progress = mark


def home_of(folder: Path) -> dict[str, str]:
    return {"SEDA_ALIGNERS": str(folder / "home"), "SEDA_CACHE": str(folder / "cache"), "HF_HUB_OFFLINE": "1",
            "no_proxy": "127.0.0.1"}  # fmt: skip


def shorten_maps(steps: int) -> None:
    """Let maps be fitted with so many steps where a call does not say how many; the command line never does."""
    import inspect

    from seda.projection.fit import MapConfig

    defaults = {name: one.default for name, one in inspect.signature(MapConfig).parameters.items()}
    MapConfig.__init__.__defaults__ = tuple((defaults | {"steps": steps}).values())


def call(*arguments: object) -> None:
    from seda.cli import main

    status = main([str(argument) for argument in arguments])
    if status != 0:
        raise RuntimeError(f"{arguments} ended with {status}")


# ---------------------------------------------------------------------------------------------------- kinds of work


@dataclass(frozen=True)
class Work:
    """A kind of work.

    Attributes:
        prepare: make in an empty folder what it begins with.
        do: the work itself; also goes on with what an ended call has left.
        check: raise where something that is listed in the folder cannot be used.
        outcome: what equals that of an undisturbed run, when it is done.
    """

    prepare: Callable[[Path, Mapping[str, Any]], None]
    do: Callable[[Path, Mapping[str, Any], Callable[[str, int], None]], None]
    check: Callable[[Path, Mapping[str, Any]], None]
    outcome: Callable[[Path], Any]


def nothing(folder: Path, options: Mapping[str, Any]) -> None:
    pass


def train(folder: Path, options: Mapping[str, Any], mark: object) -> None:
    call("train", "--dataset", f"folder:{options['pictures']}", "--epochs", 4, "--out", folder / "home" / "toy",
         "--device", "cpu")  # fmt: skip


def pretrain(folder: Path, options: Mapping[str, Any], mark: object) -> None:
    call("pretrain", "open-vocabulary", "--encoder", f"open_clip:local-dir:{options['clip']}", "--out",
         folder / "home" / "toy", "--device", "cpu")  # fmt: skip


def with_aligner(folder: Path, options: Mapping[str, Any]) -> None:
    shutil.copytree(options["aligner"], folder / "home" / "toy")


def fit_maps(folder: Path, options: Mapping[str, Any], mark: object) -> None:
    call("map", "fit", "--aligner", folder / "home" / "toy", "--seed", 7)


def check_aligners(folder: Path, options: Mapping[str, Any]) -> None:
    from tests.whole import usable

    for path in sorted((folder / "home").glob("*")):
        usable(path)


def check_old_or_new(folder: Path, options: Mapping[str, Any]) -> None:
    from tests.whole import usable

    assert usable(folder / "home" / "toy"), "the aligner whose maps are fitted is not listed"


def to_be_kept(folder: Path, options: Mapping[str, Any]) -> None:
    from seda.training.unfinished import DATASET, FEATURES, TrainingRecord, begin

    made = begin(TrainingRecord("toy", "bundled", DATASET, "digits", done=True))
    shutil.copytree(options["aligner"], made, dirs_exist_ok=True)
    (made / FEATURES).mkdir()
    for number in range(4):
        (made / FEATURES / f"{number}.safetensors").write_bytes(bytes(10_000))


def keep(folder: Path, options: Mapping[str, Any], mark: object) -> None:
    from seda.card import list_aligners
    from seda.training.unfinished import keep

    if "toy" not in list_aligners():
        keep("toy")


def check_kept(folder: Path, options: Mapping[str, Any]) -> None:
    from seda.training.unfinished import list_unfinished
    from tests.whole import usable

    listed = [one.record.name for one in list_unfinished()]
    kept = usable(folder / "home" / "toy")
    assert ("toy" in listed) != kept, f"unfinished are {listed}, and it is {'' if kept else 'not '}kept"


def benchmark(folder: Path, options: Mapping[str, Any], mark: object) -> None:
    call("benchmark", "--data", f"folder:{options['pictures']}", "--shots", "1,2", "--seeds", 3, "--budget", 1,
         "--methods", "seda,ridge,mlp,nearest-center", "--out", folder / "out", "--device", "cpu")  # fmt: skip


def check_cells(folder: Path, options: Mapping[str, Any]) -> None:
    from seda.benchmark.cells import read_cells

    cells = read_cells(folder / "out")
    if (table := folder / "out" / "results.csv").exists():
        first, *rows = csv.reader(table.read_text().splitlines())
        assert all(len(row) == len(first) for row in rows) and len(rows) <= len(cells), "the table is not whole"


def accuracies(folder: Path) -> Any:
    from seda.benchmark.cells import read_cells

    return [(cell.key, cell.right) for cell in read_cells(folder / "out")]


SUFFIXES = (".html", ".csv", ".safetensors")


def exported_before(folder: Path, options: Mapping[str, Any]) -> None:
    for suffix in SUFFIXES:
        shutil.copy(options[f"journey{suffix}"], folder / f"journey{suffix}")


def export(folder: Path, options: Mapping[str, Any], mark: object) -> None:
    pictures = sorted(Path(options["pictures"]).glob("*/1*.png"))
    for suffix in SUFFIXES:
        call("trace", *pictures, "--classes", "a red square, a green disc, blue stripes", "--aligner",
             options["aligner"], "--out", folder / f"journey{suffix}", "--seed", 5)  # fmt: skip


def check_exports(folder: Path, options: Mapping[str, Any]) -> None:
    from seda.journeys.journey import Journey

    html, table, replay = (folder / f"journey{suffix}" for suffix in SUFFIXES)
    assert html.read_text().rstrip().endswith("</html>"), f"{html} is half"
    first, *rows = csv.reader(table.read_text(encoding="utf-8-sig").splitlines())
    assert rows and all(len(row) == len(first) for row in rows), f"{table} is half"
    Journey.load(replay)


def download(folder: Path, options: Mapping[str, Any], mark: Callable[[str, int], None]) -> None:
    from seda.encoders.download import download_file

    download_file(options["url"], folder / "weights.bin", on_progress=lambda there, total: mark("MB", there >> 20))


def check_download(folder: Path, options: Mapping[str, Any]) -> None:
    path = folder / "weights.bin"
    assert not path.exists() or hashlib.sha256(path.read_bytes()).hexdigest() in options["sums"], (
        "it is of two versions"
    )


def aligner_files(folder: Path) -> Any:
    from tests.whole import contents

    return contents(folder / "home" / "toy")


WORKS = {
    "train": Work(nothing, train, check_aligners, aligner_files),
    "pretrain": Work(nothing, pretrain, check_aligners, aligner_files),
    "map fit": Work(with_aligner, fit_maps, check_old_or_new, aligner_files),
    "keep": Work(to_be_kept, keep, check_kept, aligner_files),
    "benchmark": Work(nothing, benchmark, check_cells, accuracies),
    "export": Work(exported_before, export, check_exports, lambda folder: None),
    "download": Work(nothing, download, check_download, lambda folder: None),
}  # fmt: skip


# ---------------------------------------------------------------------------------------------------- killing


@dataclass
class Life:
    """What became of one process.

    Attributes:
        begun, ended: seconds of a clock.
        marks: signs of progress, with their time.
        changes: times of changes of the disk.
        done: whether the work was done; else it was killed.
        failed: the traceback where it was neither.
    """

    begun: float = 0.0
    ended: float = 0.0
    marks: list[tuple[float, Mark]] = field(default_factory=list)
    changes: list[float] = field(default_factory=list)
    done: bool = False
    failed: str = ""

    def farther(self, known: frozenset[Mark]) -> float | None:
        """Seconds until it was farther than the known marks; None where it never was."""
        for when, mark in self.marks:
            if mark not in known:
                return when
        return self.ended if self.done else None

    @property
    def gap(self) -> float:
        times = [self.begun, *self.changes, self.ended]
        return max(later - earlier for earlier, later in itertools.pairwise(times))


class Killer:
    """Begins and kills one kind of work, in folders of its own."""

    def __init__(
        self, name: str, options: dict[str, Any], steps: int, place: Path, seed: int, renew: Callable[[], None]
    ) -> None:
        self.name, self.work, self.options, self.steps, self.place = name, WORKS[name], options, steps, place
        self.renew = renew
        self.rng = random.Random(f"{seed}-{name}")
        self.processes = multiprocessing.get_context("forkserver")
        self.count = 0

    def new_folder(self) -> Path:
        self.count += 1
        folder = self.place / f"{self.name.replace(' ', '-')}-{self.count}"
        folder.mkdir(parents=True)
        os.environ |= home_of(folder)
        self.work.prepare(folder, self.options)
        return folder

    def live(
        self,
        folder: Path,
        known: frozenset[Mark] = frozenset(),
        *,
        seconds: float | None = None,
        change: int | None = None,
        at_once: bool = False,
    ) -> Life:
        """Begin, or go on, and kill after so many seconds, or before such a change, of new work; of any where at_once."""
        told, tells = self.processes.Pipe(duplex=False)
        process = self.processes.Process(
            target=child, args=(tells, self.name, folder, self.steps, self.options, known, change, at_once)
        )
        process.start()
        tells.close()
        life, end = Life(), None
        while True:
            wait = HANG if end is None else max(end - time.monotonic(), 0)
            if not told.poll(wait):
                if end is None:
                    life.failed = f"no sign for {HANG:g} s"
                process.kill()
                end = None
                life.ended = life.ended or time.monotonic()
                if life.failed:
                    break
                continue
            try:
                kind, when, value = told.recv()
            except (EOFError, OSError):
                break
            if kind == "begun":
                life.begun = when
            elif kind == "mark":
                life.marks.append((when, value))
            elif kind == "change":
                life.changes.append(when)
            elif kind == "failed":
                life.failed = value
            life.done = life.done or kind == "done"
            if kind in ("done", "kill", "failed"):
                life.ended = when
            starts = (kind == "begun" and (at_once or not known)) or (kind == "mark" and value not in known)
            if seconds is not None and starts and end is None and not life.ended:
                end = when + seconds
        process.join()
        life.ended = life.ended or time.monotonic()
        if not (life.done or life.failed) and process.exitcode != -signal.SIGKILL:
            life.failed = f"the process ended with {process.exitcode}"
        return life

    def kill(self, times: int) -> dict[str, Any]:
        folder = self.new_folder()
        whole = self.live(folder)
        self.say(f"undisturbed, {whole.ended - whole.begun:.1f} s, {len(whole.changes)} changes of the disk")
        if not whole.done:
            return {"kills": 0, "failed": 1, "problems": [f"undisturbed: {whole.failed}"], "reached": False}
        self.work.check(folder, self.options)
        outcome = self.work.outcome(folder)
        shutil.rmtree(folder)
        ready = (whole.marks[0][0] if whole.marks else whole.ended) - whole.begun
        lasts, changes = whole.ended - whole.begun, max(len(whole.changes), 1)

        rows: list[dict[str, Any]] = []
        problems: list[str] = []
        folder, known, waiting, finished, others = self.new_folder(), frozenset(), None, 0, 0
        renewed = 0  # kills that are to come before the file may be renewed again
        while len(rows) < times or waiting is not None:
            moment = self.moment(lasts, changes) if len(rows) < times else {}
            if renewed and moment:  # what was written of the old version must not be taken for the new one
                moment = {"change": self.rng.randint(1, changes), "at_once": True} if renewed == 2 else {}
                renewed -= 1
            life = self.live(folder, known, **moment)
            again = life.farther(known)
            if waiting is not None and again is not None:
                waiting["lost_s"] = max(0.0, again - life.begun - ready)
                waiting = None
            known |= {mark for _, mark in life.marks}
            problems += self.problems(folder, life)
            if life.done or life.failed:
                finished += life.done
                self.say(f"run {finished} came to its end" if life.done else life.failed)
                others += life.done and self.work.outcome(folder) != outcome
                shutil.rmtree(folder)
                folder, known, waiting = self.new_folder(), frozenset(), None
                continue
            rows.append(
                {
                    "at_s": life.ended - life.begun,
                    "before": life.marks[-1][1] if life.marks else None,
                    "lost_s": 0.0,
                    **moment,
                }
            )
            waiting = rows[-1]
            self.say(
                f"kill {len(rows)} of {times} after {rows[-1]['at_s']:.1f} s, at {rows[-1]['before'] or 'the start'}"
            )
            if self.name == "download" and not renewed and self.rng.random() < RENEWED:
                self.renew()
                renewed = 2
                known, waiting = frozenset(), None  # what is there is of no use any more
        shutil.rmtree(folder)
        lost = [row["lost_s"] for row in rows]
        return {
            "kills": len(rows),
            "runs": finished,
            "run_s": lasts,
            "changes": changes,
            "gap_s": whole.gap,
            "lost_median_s": sorted(lost)[len(lost) // 2] if lost else 0.0,
            "lost_most_s": max(lost, default=0.0),
            "other_outcomes": others,
            "failed": len(problems),
            "problems": problems[:5],
            "rows": rows,
            "reached": not problems and max(lost, default=0.0) <= MOST_LOST,
        }

    def say(self, what: str) -> None:
        print(f"{self.name}: {what}", file=sys.stderr, flush=True)

    def moment(self, lasts: float, changes: int) -> dict[str, Any]:
        at_once = self.rng.random() < AT_ONCE
        if self.rng.random() < 0.5:
            return {"seconds": self.rng.random() * lasts * 2 / KILLS_A_RUN, "at_once": at_once}
        most = max(changes * 2 // KILLS_A_RUN, min(changes, FEW_CHANGES))
        return {"change": self.rng.randint(1, most), "at_once": at_once}

    def problems(self, folder: Path, life: Life) -> list[str]:
        found = [life.failed] if life.failed else []
        os.environ |= home_of(folder)
        try:
            self.work.check(folder, self.options)
        except Exception as error:
            found.append(f"{type(error).__name__}: {error}, after {life.marks[-1][1] if life.marks else 'nothing'}")
        return found


# ---------------------------------------------------------------------------------------------------- material


@contextlib.contextmanager
def material(
    place: Path, names: Sequence[str], per_class: int, seed: int
) -> Iterator[tuple[dict[str, Any], Callable[[], None]]]:
    """What the works of these names begin with: pictures, an aligner, a small model of open_clip, journeys, a file on a server; and
    what gives that file another version."""
    from tests.local_server import running_server
    from tests.tiny import image_folder, tiny_aligner

    options: dict[str, Any] = {"pictures": str(image_folder(place / "pictures", per_class))}
    if {"map fit", "keep", "export"} & set(names):
        options["aligner"] = str(tiny_aligner(place / "aligner"))
    if "pretrain" in names:
        from tests.local_clip import LAYOUT, random_weights, write_model

        options["clip"] = str(write_model(place / "clip", LAYOUT, random_weights(LAYOUT)))
    if "export" in names:
        from seda.export import write_export
        from tests.toy import toy_journey

        for suffix in SUFFIXES:
            options[f"journey{suffix}"] = str(write_export(toy_journey(), place / f"journey{suffix}"))
    versions = [random.Random(seed + number).randbytes(24 * 2**20) for number in range(2)]
    options["sums"] = [hashlib.sha256(content).hexdigest() for content in versions]
    with running_server() as server:
        server.pace = 0.02

        def renew() -> None:
            versions.reverse()
            server.content["/weights.bin"], server.version = versions[0], f'"{versions[0][:4].hex()}"'

        renew()
        yield options | {"url": f"{server.url}/weights.bin"}, renew


def show(figures: dict[str, Any]) -> str:
    lines = ["work       kills  runs  run s  changes  gap s  lost s: median  most"]
    for name, part in figures.items():
        if part["kills"]:
            lines.append(
                f"{name:10} {part['kills']:5} {part['runs']:5} {part['run_s']:6.1f} {part['changes']:8} {part['gap_s']:6.1f} "
                f"{part['lost_median_s']:15.1f} {part['lost_most_s']:5.1f}"
                + (f"   {part['other_outcomes']} outcomes differ" if part["other_outcomes"] else "")
                + ("" if part["reached"] else "   MISSED")
            )
        lines += [f"    {problem.strip()[-1500:]}" for problem in part["problems"]]
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=TIMES, help="kills of each kind of work; default %(default)s")
    parser.add_argument("--only", metavar="A,B", help=f"of {', '.join(WORKS)}; default: all")
    parser.add_argument("--pictures", type=int, default=12, help="of each of three classes; default %(default)s")
    parser.add_argument(
        "--steps", type=int, default=200, help="of the maps' fits; the program's own are 3000; default %(default)s"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the moments; default %(default)s")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    names = [name.strip() for name in arguments.only.split(",")] if arguments.only else list(WORKS)
    if unknown := sorted(set(names) - set(WORKS)):
        parser.error(f"no such work: {', '.join(unknown)}")
    multiprocessing.get_context("forkserver").set_forkserver_preload(MODULES)
    figures = {}
    with tempfile.TemporaryDirectory(prefix="seda-killed-") as folder:
        place = Path(folder)
        with material(place / "material", names, arguments.pictures, arguments.seed) as (options, renew):
            for name in names:
                start = time.monotonic()
                figures[name] = Killer(name, options, arguments.steps, place / "works", arguments.seed, renew).kill(
                    arguments.times
                )
                print(
                    f"{name}: {figures[name]['kills']} kills in {time.monotonic() - start:.0f} s\n"
                    + show({name: figures[name]}),
                    file=sys.stderr,
                    flush=True,
                )
    reached = all(part["reached"] for part in figures.values())
    print(json.dumps({**figures, "reached": reached}, indent=2) if arguments.json else show(figures))
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main())
