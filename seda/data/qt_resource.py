"""Files out of a Qt resource collection (.rcc), as games bring their pictures and sounds; nothing in it is executed.

Source: the format as Qt's documentation and rcc describe it, versions 1 to 3: a header, a tree of 14 or 22 bytes an entry, names in
UTF-16, and data, each with its length before it.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

from seda.errors import FileFormatError
from seda.storage import read_plain_file

MAX_BYTES = 2**27  # of a collection; chosen here
MAX_FILE = 2**25  # of one file, unpacked
MAX_ENTRIES = 100_000
_ZLIB, _FOLDER, _ZSTD = 1, 2, 4


def read_qt_resource(path: Path, wanted: Callable[[str], bool]) -> dict[str, bytes]:
    """Content of the files whose path inside the collection is wanted, by that path.

    Raises:
        FileFormatError: it is missing, damaged, of another kind, or packed in a way that is not read.
    """
    content = read_plain_file(path, MAX_BYTES)
    try:
        return _Collection(content).files(wanted)
    except (struct.error, IndexError, UnicodeDecodeError, zlib.error, ValueError) as error:
        raise FileFormatError(f"{path} is no Qt resource collection, or is damaged ({error!s:.100}).") from error


class _Collection:
    def __init__(self, content: bytes) -> None:
        magic, version, self._tree, self._data, self._names = struct.unpack_from(">4sIIII", content)
        if magic != b"qres" or not 1 <= version <= 3:
            raise ValueError("its first bytes are others")
        self._content, self._entry = content, 14 if version == 1 else 22

    def files(self, wanted: Callable[[str], bool]) -> dict[str, bytes]:
        """What is wanted, by path; each entry is visited once, whatever the tree claims."""
        found: dict[str, bytes] = {}
        waiting, seen = [(0, "")], 0
        while waiting:
            index, place = waiting.pop()
            if (seen := seen + 1) > MAX_ENTRIES:
                raise ValueError("its tree has no end")
            at = self._tree + index * self._entry
            name_at, flags = struct.unpack_from(">IH", self._content, at)
            path = f"{place}/{self._name(name_at)}" if index else ""
            if flags & _FOLDER:
                count, first = struct.unpack_from(">II", self._content, at + 6)
                if count > MAX_ENTRIES:
                    raise ValueError("a folder has no end")
                waiting += [(child, path) for child in range(first, first + count)]
            elif wanted(path.lstrip("/")):
                found[path.lstrip("/")] = self._file(struct.unpack_from(">I", self._content, at + 10)[0], flags)
        return dict(sorted(found.items()))

    def _name(self, offset: int) -> str:
        at = self._names + offset
        (length,) = struct.unpack_from(">H", self._content, at)
        return self._content[at + 6 : at + 6 + 2 * length].decode("utf-16-be")  # a hash of 4 bytes stands between

    def _file(self, offset: int, flags: int) -> bytes:
        at = self._data + offset
        (length,) = struct.unpack_from(">I", self._content, at)
        packed = self._content[at + 4 : at + 4 + length]
        if len(packed) < length:
            raise ValueError("a file ends too early")
        if flags & _ZSTD:
            raise ValueError("a file is packed with zstd, which is not read")
        if not flags & _ZLIB:
            return packed
        unpacker = zlib.decompressobj()
        content = unpacker.decompress(packed[4:], MAX_FILE)  # its length stands before it
        if unpacker.unconsumed_tail:
            raise ValueError(f"a file is larger than {MAX_FILE} bytes")
        return content
