"""Files: written beside and renamed, read with checks, known by their sha256.

Only safetensors and JSON are read back; nothing here can execute code from a file.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import json
import math
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load, save

from seda.errors import FileFormatError, SedaError, StorageError

Source = Path | str | bytes | BinaryIO  # of what strangers hand over

MAX_JSON = 4 * 2**20  # bytes; chosen here: the largest card that is shipped has 36 kB
MAX_DEPTH = 32  # chosen here: our own files are 7 deep
MAX_HEADER = 2 * MAX_JSON  # bytes before the arrays of a safetensors file: metadata, escaped, and what the arrays are
MAX_ARRAYS = 5_000
MAX_DIMENSIONS = 6
# O_NONBLOCK: opening a pipe that nobody writes to would wait for ever
_READ = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
MKSTEMP_SIGNS = 8  # that tempfile puts behind a prefix
LEFT_OVER = 3600.0  # seconds; chosen here: nobody writes a file for as long
MAX_NAME = 255  # bytes of a file's or a folder's name, as Linux, macOS and Windows have it


def cache_dir() -> Path:
    """Folder for features that can be computed again: $SEDA_CACHE, else $XDG_CACHE_HOME/seda, else ~/.cache/seda."""
    if chosen := os.environ.get("SEDA_CACHE"):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "seda"


def free_mb(folder: Path) -> int:
    """Free on the disk that a folder is on, or would be."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return shutil.disk_usage(folder).free // 2**20


def write_bytes(path: Path | str, data: bytes) -> Path:
    """Write a file so that a reader sees the old content or the new, never half of it.

    In a folder that only its owner can enter, the file is for its owner alone, and so are folders that are made for it.

    Raises:
        StorageError: the disk is full or the folder cannot be written. The old file, if any, is unchanged.
    """
    path = Path(path)
    beside: Path | None = None
    try:
        private = make_folder(path.parent)
        begins = f".{path.name[:50]}."
        _sweep(path.parent, begins)
        handle, name = tempfile.mkstemp(prefix=begins, dir=path.parent)
        beside = Path(name)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if not private:
            beside.chmod(0o644)  # mkstemp gives 0600, which would hide a shared aligner from other users
        beside.replace(path)
    except (OSError, ValueError) as error:  # ValueError: a null character
        if beside is not None:
            beside.unlink(missing_ok=True)
        raise StorageError(
            f"{path!s:.300} could not be written: {reason_of(error)}.",
            remedy="Free some space or choose another folder, then try again.",
        ) from error
    return path


def _sweep(folder: Path, begins: str) -> None:
    """Delete what a process that was killed while it wrote a file has left beside it."""
    for entry in os.scandir(folder):
        if entry.name.startswith(begins) and len(entry.name) == len(begins) + MKSTEMP_SIGNS:
            with contextlib.suppress(OSError):  # another process was faster, or it is not ours
                if entry.is_file(follow_symlinks=False) and time.time() - entry.stat().st_mtime > LEFT_OVER:
                    os.unlink(entry.path)


def check_target(path: Path | str, *, folder: bool = False) -> Path:
    """A path that will be written at the end of long work, as a file or as a folder, tried before the work.

    Raises:
        StorageError: it cannot be written.
    """
    path = local_path(path, StorageError)
    above = path if folder else path.parent
    while not above.exists() and above != above.parent:
        above = above.parent
    if not above.is_dir():
        problem = f"{above} is not a folder"
    elif path.is_dir() and not folder:
        problem = "it is a folder"
    elif not os.access(above, os.W_OK | os.X_OK):
        problem = f"{above} may not be written to"
    elif readable(str(path)) != str(path):
        problem = "its name is not UTF-8, and would be written into its own files"
    else:
        return path
    raise StorageError(f"{path!s:.300} could not be written: {problem}.", remedy="Choose another place.")


def readable(name: str) -> str:
    """A file's name as text that can be written: names on Linux are bytes, and those that are not UTF-8 come in half characters."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def make_folder(folder: Path) -> bool:
    """Make a folder with those above it. Returns whether only its owner can enter it.

    Raises:
        OSError: it cannot be made.
    """
    if folder.is_dir():
        return os.name == "posix" and not folder.stat().st_mode & 0o077
    private = make_folder(folder.parent) if folder.parent != folder else False
    folder.mkdir(mode=0o700 if private else 0o777, exist_ok=True)
    return private


def write_json(path: Path | str, value: Any) -> Path:
    """Write JSON with sorted keys, so that equal values give equal files; numbers that are not finite, which JSON has not, as null."""
    return write_bytes(path, (json.dumps(_finite(value), indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode())


def read_json(path: Path | str, *, max_bytes: int = MAX_JSON) -> Any:
    """Read a JSON file, see `parse_json`.

    Raises:
        FileFormatError: the file is missing, is no plain file, is too large or is not JSON.
    """
    return parse_json(read_plain_file(path, max_bytes), str(path), max_bytes=max_bytes)


def local_path(text: Path | str, error: type[SedaError] = FileFormatError) -> Path:
    """A path as a user typed it, ~ for the home; there may be nothing at it.

    Raises:
        SedaError: of that kind, where it cannot be looked at: a name that is too long, a folder that may not be entered, whether
            it is above or the path itself, a ~ of nobody, a null character.
    """
    try:
        path = Path(text).expanduser()
        if any(len(os.fsencode(part)) > MAX_NAME for part in path.parts):  # also below what is not there yet
            raise OSError(errno.ENAMETOOLONG, "a name in it is too long")
        if stat.S_ISDIR(path.stat().st_mode):
            (path / "any name").stat()  # fails where the folder may not be entered
    except (FileNotFoundError, NotADirectoryError):
        pass
    except (OSError, RuntimeError, ValueError) as failed:  # RuntimeError: ~ of nobody
        raise error(
            f"The path {text!s:.100} cannot be looked at: {reason_of(failed)}.", remedy="Check how it is written."
        ) from failed
    return path


def reason_of(error: BaseException) -> str:
    """The system's or a decoder's own words on one line, without a full stop."""
    said = getattr(error, "error_string", None) or getattr(error, "strerror", None) or str(error)
    return " ".join((said or type(error).__name__).split())[:200].rstrip(".")


def read_source(source: Source, name: str, most: int, error: type[SedaError], *, what: str, smaller: str) -> bytes:
    """What strangers hand over; its size is known before much is read.

    Args:
        source: a path (also as str), the bytes of a file, or an open binary file (read from where it stands).
        name: how messages call it.
        most: bytes that are allowed.
        error: what is raised.
        what: the kind of thing, for messages, such as "picture".
        smaller: the remedy where it is too large.
    Raises:
        SedaError: of that kind: missing, no file, empty, larger than `most`, or it may not be read.
    """
    try:
        if isinstance(source, bytes | bytearray | memoryview):
            data = bytes(source)
        elif isinstance(source, Path | str):
            path = local_path(source, error)
            if not path.is_file():
                kind = "is a folder or a device, not a file" if path.exists() else "does not exist"
                raise error(f"{name} {kind}.", remedy=f"Give the path of a {what}.")
            with path.open("rb") as file:
                data = file.read(most + 1)
        else:
            data = source.read(most + 1)
    except (OSError, ValueError) as failed:  # ValueError: a closed file, or a path with a null character
        raise error(f"{name} cannot be read: {reason_of(failed)}.", remedy="Check the file and try again.") from failed
    if not data:
        raise error(f"{name} is empty (0 bytes).", remedy="Choose another file, or copy it again.")
    if len(data) > most:
        raise error(f"{name} is larger than the {most // 2**20} MB allowed for a {what}.", remedy=smaller)
    return data


def read_plain_file(path: Path | str, max_bytes: int) -> bytes:
    """The content of a file; a pipe or a device, which may never end, is refused before a byte of it is read.

    Raises:
        FileFormatError: it is missing, is no plain file, holds more than max_bytes or may not be read.
    """
    with open_plain_file(path) as file:
        content = file.read(max_bytes + 1)
    if len(content) > max_bytes:
        raise FileFormatError(
            f"{path} is larger than the {_size(max_bytes)} allowed for such a file.",
            remedy="Check that it is the right one.",
        )
    return content


@contextlib.contextmanager
def open_plain_file(path: Path | str) -> Iterator[BinaryIO]:
    """A file for reading; see `read_plain_file`."""
    try:
        with open(os.open(path, _READ), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise FileFormatError(
                    f"{path} is a folder, a pipe or a device, not a file.", remedy="Give a plain file."
                )
            yield file
    except FileNotFoundError as error:
        raise FileFormatError(f"{path!s:.300} does not exist.", remedy="Check the path.") from error
    except (OSError, ValueError) as error:  # ValueError: a null character
        raise FileFormatError(f"{path!s:.300} cannot be read: {reason_of(error)}.", remedy="Check the path.") from error


def parse_json(content: bytes | str, name: str, *, max_bytes: int = MAX_JSON, max_depth: int = MAX_DEPTH) -> Any:
    """Plain JSON values: finite numbers, lists and objects at most max_depth deep; the name is for messages.

    Raises:
        FileFormatError: the content is larger than max_bytes or is not such JSON.
    """
    if len(content) > max_bytes:
        raise FileFormatError(f"{name} holds {_size(len(content))} of JSON; at most {_size(max_bytes)} are allowed.")
    remedy = "Restore the file or make it again."
    try:
        value = json.loads(content, parse_constant=_refuse_constant)
    except RecursionError as error:
        raise FileFormatError(f"{name} is not readable JSON (it is nested too deeply).", remedy=remedy) from error
    except ValueError as error:  # not JSON, not UTF-8, or a number of thousands of digits
        raise FileFormatError(f"{name} is not readable JSON ({error}).", remedy=remedy) from error
    level, depth = [value], 0
    while level:  # breadth first: recursion would end where the depth is the fault
        if depth > max_depth:
            raise FileFormatError(f"{name} is nested more than {max_depth} levels deep.", remedy=remedy)
        if any(isinstance(part, float) and not math.isfinite(part) for part in level):  # 1e999 is read as infinity
            raise FileFormatError(f"{name} holds a number that is not finite.", remedy=remedy)
        level = [part for outer in level if isinstance(outer, dict | list)
                 for part in (outer.values() if isinstance(outer, dict) else outer)]  # fmt: skip
        depth += 1
    return value


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(part) for key, part in value.items()}
    return [_finite(part) for part in value] if isinstance(value, list | tuple) else value


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a number of JSON")


def _size(count: int) -> str:
    return f"{count / 2**20:,.0f} MB" if count >= 2**20 else f"{count:,} bytes"


def write_arrays(path: Path | str, arrays: Mapping[str, np.ndarray], metadata: Mapping[str, Any] | None = None) -> Path:
    """Write arrays and JSON metadata as one safetensors file."""
    return write_bytes(path, arrays_to_bytes(arrays, metadata))


def arrays_to_bytes(arrays: Mapping[str, np.ndarray], metadata: Mapping[str, Any] | None = None) -> bytes:
    """The safetensors form of arrays and JSON metadata (kept under the one key "json")."""
    text = json.dumps(_finite(metadata or {}), sort_keys=True, ensure_ascii=False)
    # order="C" and not ascontiguousarray, which gives a number without dimensions one
    return save({name: np.asarray(array, order="C") for name, array in arrays.items()}, metadata={"json": text})


@dataclass(frozen=True)
class ArrayInfo:
    """What a file's header says of an array: "F" for floats, "I" whole numbers, "U" whole ones without a sign, "B" truths."""

    kind: str
    shape: tuple[int, ...]


# told what a header says, arrays by name and the metadata, before any array is read; raises where that may not be
HeaderCheck = Callable[[Mapping[str, ArrayInfo], dict[str, Any]], None]


def read_foreign_arrays(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any], dict[str, str]]:
    """Arrays and metadata as `read_arrays` gives them, and the texts beside it, of a file that another program may have written.

    Raises:
        FileFormatError: the file is missing, damaged or not safetensors.
    """
    arrays, metadata = read_arrays(path)
    told = parse_json(_header_of(path), str(path), max_bytes=MAX_HEADER).get("__metadata__", {})
    return arrays, metadata, {key: value for key, value in told.items() if isinstance(value, str)}


def read_arrays(path: Path | str, check: HeaderCheck | None = None) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Read what `write_arrays` wrote: arrays by name, and the metadata.

    Raises:
        FileFormatError: the file is missing, damaged or not safetensors.
    """
    path = local_path(path)
    infos, metadata = _parse_header(_header_of(path), str(path))
    if check is not None:
        check(infos, metadata)
    try:
        with safe_open(path, framework="numpy") as file:
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    except (
        SafetensorError,
        OSError,
        ValueError,
        TypeError,
        AttributeError,
    ) as error:  # the last two: types numpy has not
        raise _damaged(path, error) from error
    return arrays, metadata


def arrays_from_bytes(
    content: bytes, name: str, check: HeaderCheck | None = None
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Arrays by name and the metadata of what `arrays_to_bytes` made; the name is for messages.

    Raises:
        FileFormatError: the content is damaged or not safetensors.
    """
    infos, metadata = _parse_header(_header(io.BytesIO(content), name), name)
    if check is not None:
        check(infos, metadata)
    try:
        return load(content), metadata
    except (SafetensorError, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise _damaged(name, error) from error


def _damaged(name: Path | str, error: Exception | str) -> FileFormatError:
    return FileFormatError(
        f"{name!s:.300} is damaged or not a safetensors file ({error!s:.300}).",
        remedy="Restore the file from its source or make it again.",
    )


def read_metadata(path: Path | str) -> dict[str, Any]:
    """The metadata alone of what `write_arrays` wrote.

    Raises:
        FileFormatError: the file is missing, damaged or not safetensors.
    """
    return _parse_header(_header_of(local_path(path)), str(path))[1]


def read_metadata_of(content: bytes, name: str) -> dict[str, Any]:
    """The same of a file's content.

    Raises:
        FileFormatError: damaged, or not safetensors.
    """
    return _parse_header(_header(io.BytesIO(content), name), name)[1]


def _header_of(path: Path) -> bytes:
    """The JSON at the beginning of a safetensors file, and nothing of what comes after it."""
    with open_plain_file(path) as file:
        return _header(file, str(path))


def _header(file: BinaryIO, name: str) -> bytes:
    length = int.from_bytes(file.read(8), "little")
    header = file.read(min(length, MAX_HEADER + 1))
    if len(header) > MAX_HEADER:
        raise _damaged(name, f"its header is larger than the {_size(MAX_HEADER)} allowed")
    if not length or len(header) < length:
        raise _damaged(name, "it ends within its header")
    return header


def _parse_header(header: bytes, name: str) -> tuple[dict[str, ArrayInfo], dict[str, Any]]:
    try:
        values = parse_json(header, name, max_bytes=MAX_HEADER)
        text = values.pop("__metadata__", {}).get("json", "{}")
        if len(values) > MAX_ARRAYS:
            raise ValueError(f"{len(values):,} arrays, at most {MAX_ARRAYS:,} are allowed")
        infos = {key: _info(key, value) for key, value in values.items()}
        metadata = parse_json(text, f"The metadata of {name}") if isinstance(text, str) else None
    except FileFormatError as error:
        raise _damaged(name, error.message) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _damaged(name, error) from error
    if not isinstance(metadata, dict):
        raise _damaged(name, "its metadata is no object")
    return infos, metadata


def _info(name: str, value: Any) -> ArrayInfo:
    dtype, shape = value["dtype"], value["shape"]
    if not isinstance(dtype, str) or not isinstance(shape, list) or len(shape) > MAX_DIMENSIONS:
        raise ValueError(f"the array {name!r:.80} is {dtype!r:.20} {shape!r:.60}")
    if any(type(side) is not int or not 0 <= side < 2**40 for side in shape):
        raise ValueError(f"the array {name!r:.80} has the shape {shape!r:.60}")
    return ArrayInfo("B" if dtype == "BOOL" else dtype[:1], tuple(shape))


def sha256_file(path: Path | str, *, max_bytes: int = 2**40) -> str:
    """Hexadecimal sha256 of a file's bytes.

    Raises:
        OSError: it cannot be read, is larger than max_bytes, or is a pipe or a device, which may never end.
    """
    with open(os.open(path, _READ), "rb") as file:
        about = os.fstat(file.fileno())
        if not stat.S_ISREG(about.st_mode):
            raise OSError(errno.EINVAL, "It is not a plain file", str(path))
        if about.st_size > max_bytes:
            raise OSError(errno.EFBIG, f"It is larger than the {_size(max_bytes)} allowed", str(path))
        return hashlib.file_digest(file, "sha256").hexdigest()


def fingerprint(value: Any) -> str:
    """Hexadecimal sha256, first 16 digits, of a JSON value in canonical form; arrays count by dtype, shape and bytes."""

    def plain(part: Any) -> Any:
        if isinstance(part, np.ndarray):
            digest = hashlib.sha256(np.ascontiguousarray(part).tobytes()).hexdigest()
            return [str(part.dtype), list(part.shape), digest]
        raise TypeError(f"cannot fingerprint {type(part).__name__}")

    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=plain)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
