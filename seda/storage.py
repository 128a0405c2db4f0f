"""Files: written beside and renamed, read with checks, known by their sha256.

Only safetensors and JSON are read back; nothing here can execute code from a file.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load, save

from seda.errors import FileFormatError, StorageError


def cache_dir() -> Path:
    """Folder for features that can be computed again: $SEDA_CACHE, else $XDG_CACHE_HOME/seda, else ~/.cache/seda."""
    if chosen := os.environ.get("SEDA_CACHE"):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "seda"


def write_bytes(path: Path | str, data: bytes) -> Path:
    """Write a file so that a reader sees the old content or the new, never half of it.

    Raises:
        StorageError: the disk is full or the folder cannot be written. The old file, if any, is unchanged.
    """
    path = Path(path)
    beside: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        beside = Path(name)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.chmod(0o644)  # mkstemp gives 0600, which would hide a shared aligner from other users
        beside.replace(path)
    except OSError as error:
        if beside is not None:
            beside.unlink(missing_ok=True)
        raise StorageError(
            f"{path} could not be written: {error.strerror or error}.",
            remedy="Free some space or choose another folder, then try again.",
        ) from error
    return path


def write_json(path: Path | str, value: Any) -> Path:
    """Write JSON with sorted keys, so that equal values give equal files."""
    return write_bytes(path, (json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode())


def read_json(path: Path | str) -> Any:
    """Read a JSON file.

    Raises:
        FileFormatError: the file is missing or is not JSON.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise FileFormatError(f"{path} does not exist.") from error
    except (OSError, ValueError) as error:
        raise FileFormatError(
            f"{path} is not readable JSON ({error}).", remedy="Restore the file or make it again."
        ) from error


def write_arrays(path: Path | str, arrays: Mapping[str, np.ndarray], metadata: Mapping[str, Any] | None = None) -> Path:
    """Write arrays and JSON metadata as one safetensors file."""
    return write_bytes(path, arrays_to_bytes(arrays, metadata))


def arrays_to_bytes(arrays: Mapping[str, np.ndarray], metadata: Mapping[str, Any] | None = None) -> bytes:
    """The safetensors form of arrays and JSON metadata (kept under the one key "json")."""
    text = json.dumps(metadata or {}, sort_keys=True, ensure_ascii=False)
    # order="C" and not ascontiguousarray, which gives a number without dimensions one
    return save({name: np.asarray(array, order="C") for name, array in arrays.items()}, metadata={"json": text})


def read_arrays(path: Path | str) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Read what `write_arrays` wrote: arrays by name, and the metadata.

    Raises:
        FileFormatError: the file is missing, damaged or not safetensors.
    """
    path = Path(path)
    if not path.is_file():
        raise FileFormatError(f"{path} does not exist.")
    try:
        with safe_open(path, framework="numpy") as file:
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
            metadata = json.loads((file.metadata() or {}).get("json", "{}"))
    except (SafetensorError, OSError, ValueError) as error:
        raise _damaged(path, error) from error
    return arrays, metadata


def arrays_from_bytes(content: bytes, name: str) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Arrays by name and the metadata of what `arrays_to_bytes` made; the name is for messages.

    Raises:
        FileFormatError: the content is damaged or not safetensors.
    """
    try:
        arrays = load(content)
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
        return arrays, json.loads(header.get("__metadata__", {}).get("json", "{}"))
    except (SafetensorError, ValueError) as error:
        raise _damaged(name, error) from error


def _damaged(name: Path | str, error: Exception) -> FileFormatError:
    return FileFormatError(
        f"{name} is damaged or not a safetensors file ({error}).",
        remedy="Restore the file from its source or make it again.",
    )


def read_metadata(path: Path | str) -> dict[str, Any]:
    """The metadata alone of what `write_arrays` wrote.

    Raises:
        FileFormatError: the file is missing, damaged or not safetensors.
    """
    try:
        with safe_open(Path(path), framework="numpy") as file:
            return json.loads((file.metadata() or {}).get("json", "{}"))
    except (SafetensorError, OSError, ValueError) as error:
        raise FileFormatError(f"{path} is missing, damaged or not a safetensors file ({error}).") from error


def sha256_file(path: Path | str) -> str:
    """Hexadecimal sha256 of a file's bytes."""
    with open(path, "rb") as file:
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
