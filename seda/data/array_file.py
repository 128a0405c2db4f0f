"""Arrays and texts from a file that another program has written: .npz, .safetensors or .parquet. Nothing in it is executed.

In npz everything is an array of its name, texts too. In safetensors texts are entries of the metadata, lists of them as JSON. In parquet
what belongs to a row is a column, and everything else an entry of the schema's metadata, as JSON.
"""

from __future__ import annotations

import struct
import tempfile
import tokenize
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field
from safetensors import SafetensorError

from seda.errors import DataError, FileFormatError, SedaError
from seda.schema import check
from seda.storage import open_plain_file, parse_json, read_foreign_arrays

if TYPE_CHECKING:
    from pyarrow import ChunkedArray

SUFFIXES = (".safetensors", ".npz", ".parquet")
# pyarrow's errors are ValueErrors, OSErrors, TypeErrors and KeyErrors
UNREADABLE = (
    SafetensorError, OSError, ValueError, TypeError, LookupError, AttributeError, EOFError, zipfile.BadZipFile, zlib.error,
    NotImplementedError, MemoryError, RuntimeError, SyntaxError, ArithmeticError, struct.error, tokenize.TokenError,
)  # fmt: skip
MAX_TEXT_BYTES = 2**28  # of a column of texts
MAX_NAME = 300  # characters of a name; numpy gives every name the room of the longest
METADATA_BYTES = 2**28  # of arrays as JSON
UNPACKED_BYTES, UNPACKED_TIMES = 2**26, 20  # what a packed file may unpack to; floats pack to a half at best
Names = Annotated[tuple[Annotated[str, Field(max_length=MAX_NAME)], ...], Field(max_length=100_000)]
OneText = Annotated[str, Field(max_length=4096)]


@dataclass(frozen=True)
class ArrayForm:
    """What a kind of file may hold.

    Attributes:
        what: its name in messages.
        names: lists of texts.
        texts: single texts.
        lists, plain: columns of parquet, of lists of numbers and of single values.
        arrays: of parquet's metadata.
        remedy: where it is described.
    """

    what: str
    names: tuple[str, ...]
    texts: tuple[str, ...]
    lists: tuple[str, ...]
    plain: tuple[str, ...]
    arrays: tuple[str, ...]
    remedy: str


def read_array_file(path: Path, form: ArrayForm) -> dict[str, np.ndarray]:
    """Arrays by name; those of `form.names` and `form.texts` are arrays of texts.

    Raises:
        FileFormatError: missing, damaged, or of another kind.
        DataError: a column of parquet lacks a row, or one has another length; names it.
    """
    if not path.exists():
        raise FileFormatError(f"The {form.what} {path} does not exist.")
    with open_plain_file(path):
        pass  # a pipe or a device would not end
    readers: dict[str, Callable[[Path, ArrayForm], dict[str, np.ndarray]]] = {
        ".npz": _read_npz,
        ".safetensors": _read_safetensors,
        ".parquet": _read_parquet,
    }
    if path.suffix not in readers:
        raise FileFormatError(
            f"{path.name} ends with {path.suffix!r}; {form.what}s end with {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}."
        )
    try:
        return readers[path.suffix](path, form)
    except FileFormatError as error:
        if str(path) in error.message:
            raise
        raise FileFormatError(f"{path} is damaged ({error.message})", remedy=form.remedy) from error
    except UNREADABLE as error:
        raise FileFormatError(
            f"{path} is damaged, or holds more than arrays and texts ({error!s:.300}).", remedy=form.remedy
        ) from error


def plain_name(name: str) -> str:
    """An upload's name without the folders that some browsers put before it."""
    return Path(name.replace("\\", "/")).name


@contextmanager
def as_file(content: bytes, name: str, what: str) -> Iterator[Path]:
    """A file that was uploaded, for as long as it is read; errors name it as the visitor does.

    Args:
        name: as it came, for its ending and for errors.
        what: its name on the disk, without ending; a visitor's may be longer than a file system takes.
    """
    plain = plain_name(name) or what
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{what}{Path(plain).suffix[:20]}"
        path.write_bytes(content)
        try:
            yield path
        except SedaError as error:
            told = error.message.replace(str(path), plain).replace(path.name, plain)
            raise type(error)(told, remedy=error.remedy) from error


class Problem(Exception):
    """What is wrong with an array, in a sentence; whoever reads a file says in which."""


def array_of(arrays: Mapping[str, np.ndarray], name: str) -> np.ndarray:
    """One that has to be there.

    Raises:
        Problem: it is not.
    """
    if name not in arrays:
        raise Problem(f"it has no {name}; there are {', '.join(sorted(arrays)) or 'no arrays'}.")
    return arrays[name]


def floats_of(arrays: Mapping[str, np.ndarray], name: str, dims: tuple[int, ...]) -> np.ndarray:
    """An array of floats with one of these numbers of dimensions, none empty, all finite, as float32.

    Raises:
        Problem: it is missing or another.
    """
    array = array_of(arrays, name)
    if array.dtype.kind != "f" or array.ndim not in dims or 0 in array.shape:
        wanted = " or ".join(str(dim) for dim in dims)
        raise Problem(
            f"{name} is {array.dtype} {list(array.shape)}; floats with {wanted} dimensions, none empty, are needed."
        )
    with np.errstate(over="ignore"):
        array = array.astype(np.float32)
    bad = ~np.isfinite(array)
    if bad.any():
        first = [int(place) for place in np.unravel_index(bad.argmax(), bad.shape)]
        rows = int(bad.reshape(len(bad), -1).any(1).sum())
        raise Problem(
            f"{name} is not finite at {first}, in {int(bad.sum())} places in all, in {rows} of {len(array)} rows."
        )
    return array


def _check_size(path: Path, unpacked: int) -> None:
    """
    Raises:
        ValueError: a packed file holds so much more than its own size that it was made to fill the memory.
    """
    if unpacked > max(UNPACKED_BYTES, UNPACKED_TIMES * path.stat().st_size):
        raise ValueError(f"it unpacks to {unpacked / 1e6:,.0f} MB, more than {UNPACKED_TIMES} times its size")


def _read_npz(path: Path, form: ArrayForm) -> dict[str, np.ndarray]:
    with zipfile.ZipFile(path) as packed:
        _check_size(path, sum(member.file_size for member in packed.infolist()))
        for member in packed.infolist():  # before numpy takes memory for what a header claims
            with packed.open(member) as file:
                version = np.lib.format.read_magic(file)
                read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
                shape, _, dtype = read(file)
                if prod(shape) * dtype.itemsize > member.file_size:
                    raise ValueError(f"{member.filename!r:.80} has less content than its shape {list(shape)}")
    with np.load(path, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def _read_safetensors(path: Path, form: ArrayForm) -> dict[str, np.ndarray]:
    arrays, ours, metadata = read_foreign_arrays(path)  # ours: where our own writer keeps all metadata
    told = {name: parse_json(metadata.get(name, "null"), name) or ours.get(name) for name in form.names}
    told |= {name: metadata.get(name) or ours.get(name) for name in form.texts}
    return arrays | {name: _texts(name, value, form) for name, value in told.items() if value}


def _texts(name: str, value: Any, form: ArrayForm) -> np.ndarray:
    """An array of texts, or of one: numpy gives each place the length of the longest."""
    return np.array(check(Names if name in form.names else OneText, value, name))


def _read_parquet(path: Path, form: ArrayForm) -> dict[str, np.ndarray]:
    try:
        from pyarrow import parquet
    except ImportError as error:
        raise FileFormatError(
            f"{path.name} is a parquet file, and pyarrow, which reads those, is not installed.",
            remedy="Run: pip install pyarrow",
        ) from error
    with parquet.ParquetFile(path) as file:
        columns = [name for name in (*form.lists, *form.plain) if name in file.schema_arrow.names]
        groups = [file.metadata.row_group(index) for index in range(file.metadata.num_row_groups)]
        values = sum(group.column(index).num_values for group in groups for index in range(group.num_columns))
        _check_size(path, 4 * values)  # runs of equal values take no room in the file
        table = file.read(columns=columns)
    metadata = {key.decode(): value.decode() for key, value in (table.schema.metadata or {}).items()}
    arrays: dict[str, np.ndarray] = {}
    for name in form.arrays:
        if name in metadata:
            arrays[name] = np.array(parse_json(metadata[name], name, max_bytes=METADATA_BYTES))
    told = {name: parse_json(metadata[name], name) for name in form.names if name in metadata}
    told |= {name: metadata[name] for name in form.texts if metadata.get(name)}
    arrays |= {name: _texts(name, value, form) for name, value in told.items()}
    for name in columns:
        read = _list_column if name in form.lists else _plain_column
        arrays[name] = read(path, name, table.column(name), form)
    return arrays


def _list_column(path: Path, name: str, column: ChunkedArray, form: ArrayForm) -> np.ndarray:
    """[n, D] of a column of lists.

    Raises:
        DataError: a row is missing or has another length than the first; names it.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    if not (pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)):
        raise DataError(f"{path}: the column {name} holds {kind}; lists of numbers are needed.", remedy=form.remedy)
    lengths = pc.fill_null(pc.list_value_length(column), -1).to_numpy()
    if len(wrong := np.flatnonzero(lengths != lengths[:1])) or (lengths[:1] < 0).any():
        row = int(wrong[0]) if len(wrong) and lengths[0] >= 0 else 0
        came = "is missing" if lengths[row] < 0 else f"has {lengths[row]} numbers"
        raise DataError(
            f"{path}: {name} of row {row} {came}, where row 0 has {max(lengths[0], 0)}; all need as many.",
            remedy=form.remedy,
        )
    values = pa.chunked_array([chunk.flatten() for chunk in column.chunks], kind.value_type).to_numpy()
    return values.reshape(len(column), -1)


def _plain_column(path: Path, name: str, column: ChunkedArray, form: ArrayForm) -> np.ndarray:
    """[n] of a column of numbers, truths or texts.

    Raises:
        DataError: a row is missing; names it.
    """
    import pyarrow as pa

    if column.null_count:
        row = int(np.flatnonzero(column.is_null().to_numpy())[0])
        raise DataError(f"{path}: {name} of row {row} is missing, {column.null_count} in all.", remedy=form.remedy)
    if pa.types.is_dictionary(column.type):
        _check_texts(
            path, name, len(column), [part for chunk in column.chunks for part in chunk.dictionary.to_pylist()]
        )
        column = column.cast(column.type.value_type)
    elif pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        _check_texts(path, name, len(column), (text for chunk in column.chunks for text in chunk.to_pylist()))
    values = column.to_numpy()
    if values.dtype != object:
        return values
    long = [row for row, value in enumerate(values.tolist()) if len(str(value)) > MAX_NAME]
    if long:
        raise DataError(f"{path}: {name} of row {long[0]} has more than {MAX_NAME} characters.", remedy=form.remedy)
    return values.astype(str)


def _check_texts(path: Path, name: str, rows: int, texts: Iterable[Any]) -> None:
    """
    Raises:
        DataError: as an array, which gives every row the room of the longest, the texts would fill the memory.
    """
    longest = min(max((len(str(text)) for text in texts), default=0), MAX_NAME)  # longer ones are named below
    if (size := 4 * rows * longest) > MAX_TEXT_BYTES:
        raise DataError(
            f"{path}: {name} of {rows:,} rows with up to {longest} characters needs {size / 2**20:,.0f} MB; at most "
            f"{MAX_TEXT_BYTES // 2**20} are taken.",
            remedy="Write whole numbers as labels, and their names as class_names.",
        )
