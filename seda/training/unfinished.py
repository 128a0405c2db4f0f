"""Trainings that are under way, stopped, or done and not kept yet; readable without importing torch.

Each has a folder of its own below `.unfinished` in a home, which nobody else on the machine can enter, with a record of what was
asked for beside checkpoints and features. Keeping it moves the folder into that home, or into everybody's, where it is an aligner
by its name.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import Field

from seda.card import CARD_FILE, MAX_NAMES, aligner_home, check_aligner_name, list_aligners
from seda.config import TrainingConfig
from seda.errors import AlignerError, FileFormatError, StorageError
from seda.schema import Count, Line, check
from seda.storage import make_folder, read_json, write_json
from seda.training.history import Epoch, read_history

FOLDER, RECORD_FILE, FEATURES = ".unfinished", "training.json", "features"
PRIVATE, READABLE = 0o700, 0o755  # modes of folders
UPLOADS, DATASET, WORDS = "uploads", "dataset", "words"

_running: set[Path] = set()  # folders that a session of this process trains in
_guard = threading.Lock()


@dataclass(frozen=True)
class TrainingRecord:
    """What was asked for; everything that is needed to go on, but for uploaded pictures.

    Attributes:
        name: of the aligner.
        encoder: as `load_encoder` takes it.
        kind: UPLOADS, DATASET or WORDS.
        dataset: name of a data set, as `load_dataset` takes it.
        limit: its first so many images; 0 for all.
        words: more words, for WORDS.
        class_names: of uploads, in their order.
        fingerprint: of uploads.
        config: how.
        finish: whether the best epoch so far is to be taken, without more.
        done: whether the aligner is whole.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid", "allow_inf_nan": False}

    name: Line
    encoder: Annotated[str, Field(max_length=4096)]  # may be a path
    kind: Line
    dataset: Annotated[str, Field(max_length=4096)] = ""
    limit: Count = 0
    words: Annotated[tuple[Line, ...], Field(max_length=MAX_NAMES)] = ()
    class_names: Annotated[tuple[Line, ...], Field(max_length=MAX_NAMES)] = ()
    fingerprint: Line = ""
    config: TrainingConfig = field(default_factory=TrainingConfig)
    finish: bool = False
    done: bool = False

    def to_dict(self) -> dict[str, Any]:
        """As the record's file holds it."""
        return asdict(self) | {"config": self.config.to_dict()}

    def asks_for_the_same(self, other: TrainingRecord) -> bool:
        """Whether a training of the one can go on as the other."""
        return replace(self, finish=False, done=False) == replace(other, finish=False, done=False)


@dataclass(frozen=True)
class Unfinished:
    """A training that was begun.

    Attributes:
        record: what was asked for.
        history: its epochs so far.
    """

    record: TrainingRecord
    history: tuple[Epoch, ...] = ()


def folder_of(name: str, home: Path | None = None) -> Path:
    """Where an unfinished training lies.

    Args:
        home: here and below: whose it is; the aligners' home where left out.
    Raises:
        AlignerError: the name cannot be one.
    """
    return (home or aligner_home()) / FOLDER / check_aligner_name(name)


def begin(record: TrainingRecord, home: Path | None = None) -> Path:
    """Make the folder of a training, or find that of the same one; returns it.

    Raises:
        AlignerError: the name cannot be one, or is taken by an aligner or by another training.
        StorageError: the home cannot be written.
    """
    folder = folder_of(record.name, home)
    if _is_taken(record.name, home):
        raise AlignerError(f"There is an aligner {record.name!r} already.", remedy="Give the new one another name.")
    if folder.exists():
        try:
            same = read_record(folder).asks_for_the_same(record)
        except FileFormatError as error:
            if (folder / CARD_FILE).is_file():  # a whole aligner is never deleted unasked
                raise AlignerError(
                    f"There is an aligner in {folder} already, whose training's record is damaged.",
                    remedy="Give the new one another name.",
                ) from error
            discard(record.name, home)  # of no use to anybody
            same = True
        if not same:
            raise AlignerError(
                f"There is an unfinished training {record.name!r} already, with other pictures or settings.",
                remedy="Give the new one another name, or discard the unfinished one below.",
            )
    _make_private(folder)
    write_record(record, home)
    return folder


def _is_taken(name: str, home: Path | None) -> bool:
    """Whether everybody's home or this one has an aligner of that name, whatever its case: some disks do not tell it."""
    return name.lower() in {other.lower() for other in list_aligners(*([] if home is None else [home]))}


def _make_private(folder: Path) -> None:
    """Make a folder of a home, and those between, for the user of this program alone.

    Raises:
        StorageError: the home cannot be written.
    """
    home = aligner_home()
    top = home / folder.relative_to(home).parts[0]
    try:
        make_folder(home)
        top.mkdir(mode=PRIVATE, exist_ok=True)
        top.chmod(PRIVATE)  # also where it was made by an earlier version, as the folder itself
        make_folder(folder)  # as private as those above it
        folder.chmod(PRIVATE)
    except OSError as error:
        raise StorageError(
            f"{folder} could not be made: {error.strerror or error}.",
            remedy="Free some space, or set SEDA_ALIGNERS to another folder.",
        ) from error


def write_record(record: TrainingRecord, home: Path | None = None) -> None:
    """
    Raises:
        AlignerError: the name cannot be one.
        StorageError: the home cannot be written.
    """
    write_json(folder_of(record.name, home) / RECORD_FILE, record.to_dict())


def read_record(folder: Path) -> TrainingRecord:
    """
    Raises:
        FileFormatError: there is none, or it is damaged.
    """
    return check(TrainingRecord, read_json(folder / RECORD_FILE), f"The record in {folder} is damaged")


def list_unfinished(home: Path | None = None) -> list[Unfinished]:
    """All that were begun in a home, by name; one whose record is damaged is left out, a damaged checkpoint has no epochs."""
    found = []
    for path in sorted(((home or aligner_home()) / FOLDER).glob(f"*/{RECORD_FILE}")):
        try:
            record = read_record(path.parent)
            if folder_of(record.name, home) != path.parent:  # copied or renamed by hand
                continue
        except (AlignerError, FileFormatError):
            continue
        try:
            found.append(Unfinished(record, read_history(path.parent)))
        except FileFormatError:
            found.append(Unfinished(record))
    return found


@contextmanager
def working_on(name: str, home: Path | None = None) -> Iterator[Path]:
    """The folder of an unfinished training, for one session at a time.

    Raises:
        AlignerError: another session of this server trains there now.
    """
    folder = folder_of(name, home)
    with _guard:
        if folder in _running:
            raise AlignerError(
                f"The aligner {name!r} is being trained right now.",
                remedy="Where it was just stopped, try again in some seconds; else stop it in its own window.",
            )
        _running.add(folder)
    try:
        yield folder
    finally:
        with _guard:
            _running.discard(folder)


def is_running(name: str, home: Path | None = None) -> bool:
    """Whether a session of this server trains it now."""
    with _guard:
        return folder_of(name, home) in _running


def keep(
    name: str, home: Path | None = None, *, shared: bool = True, before: Callable[[Path], object] = lambda _: None
) -> Path:
    """Move a training that is done into its home, or into everybody's; returns the aligner's folder.

    Args:
        shared: whether it goes to everybody's, and can be read by all users of the machine.
        before: what is to be done in the folder first.
    Raises:
        AlignerError: it is not done, or an aligner of that name has come in between.
        StorageError: the home cannot be written.
    """
    target = (aligner_home() if shared or home is None else home) / check_aligner_name(name)
    with working_on(name, home) as folder:
        if not (folder / CARD_FILE).is_file() or not read_record(folder).done:
            raise AlignerError(f"The aligner {name!r} is not finished.", remedy="Let it go on first.")
        if target.exists() or _is_taken(name, home):
            raise AlignerError(f"There is an aligner {name!r} already.", remedy="Discard this one.")
        before(folder)
        shutil.rmtree(folder / FEATURES, ignore_errors=True)
        try:
            if shared:
                _make_readable(folder)
            # in this order: without its record it would be in neither list, and the next training of its name would delete it
            folder.rename(target)
            (target / RECORD_FILE).unlink()
        except OSError as error:
            raise StorageError(f"{target} could not be written: {error.strerror or error}.") from error
    return target


def _make_readable(folder: Path) -> None:
    for path in folder.rglob("*"):
        path.chmod(READABLE if path.is_dir() else 0o644)
    folder.chmod(READABLE)


def discard(name: str, home: Path | None = None) -> None:
    """Delete an unfinished training with all that lies in its folder.

    Raises:
        AlignerError: the name cannot be one, or a session trains it now.
        StorageError: it cannot be deleted.
    """
    with working_on(name, home) as folder:
        _delete(folder)


def delete_aligner(name: str, home: Path | None = None) -> None:
    """Delete an aligner of a home; one that is shipped is never touched.

    Raises:
        AlignerError: the name cannot be one.
        StorageError: it cannot be deleted.
    """
    _delete((home or aligner_home()) / check_aligner_name(name))


def _delete(folder: Path) -> None:
    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        return
    except OSError as error:
        raise StorageError(f"{folder} could not be deleted: {error.strerror or error}.") from error
