"""Feature files of strangers that ask for more memory than there is, or do not end."""

from __future__ import annotations

import io
import os
import zipfile

import numpy as np
import pytest

from seda.data.feature_file import read_feature_file
from seda.errors import DataError, FileFormatError
from seda.storage import write_arrays

GOOD = {
    "image_features": np.ones((4, 3), np.float32),
    "labels": np.array([0, 1, 0, 1]),
    "test": np.array([0, 0, 1, 1]),
    "class_text_features": np.eye(2, dtype=np.float32),
}


def npz(path, **members: bytes):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, array in GOOD.items():
            buffer = io.BytesIO()
            np.save(buffer, array)
            file.writestr(f"{name}.npy", buffer.getvalue())
        for name, content in members.items():
            file.writestr(f"{name}.npy", content)
    return path


def claim(shape: tuple[int, ...]) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": "<f4", "fortran_order": False, "shape": shape})
    return buffer.getvalue()


def test_the_good_one(tmp_path):
    assert len(read_feature_file(npz(tmp_path / "f.npz")).train) == 2


def test_packed_files_that_unpack_to_much(tmp_path):
    for members, match in (
        ({"more": bytes(65 * 2**20)}, "unpacks to 68 MB, more than 20 times its size"),
        ({"more": claim((10**12,))}, r"less content than its shape \[1000000000000\]"),
        ({"more": claim((2**62, 8))}, "less content"),
        ({"more": b"no array"}, "damaged"),
        ({"more": b"\x93NUMPY\x01\x00\xff\xff" + b"(" * 70_000}, "damaged"),
    ):
        with pytest.raises(FileFormatError, match=match):
            read_feature_file(npz(tmp_path / "f.npz", **members))


def test_parquet_that_unpacks_to_much(tmp_path):
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    rows = 17_000_000
    table = pa.table({"labels": pa.array(np.zeros(rows, np.int32))})
    parquet.write_table(table, tmp_path / "f.parquet", compression="zstd")
    assert (tmp_path / "f.parquet").stat().st_size < 2**20
    with pytest.raises(FileFormatError, match="unpacks to 68 MB"):
        read_feature_file(tmp_path / "f.parquet")


def test_names_and_numbers(tmp_path):
    path = tmp_path / "f.safetensors"
    for metadata, match in (
        ({"class_names": ["x" * 100_000, *"abcdefgh"]}, r"class_names: 0 is 'xxx.*at most 300 characters"),
        ({"class_names": {"a": 1}}, "class_names"),
        ({"class_names": [1, 2]}, r"class_names: 0 is 1"),
        ({"encoder": ["x"]}, "encoder"),
    ):
        write_arrays(path, GOOD, metadata)
        with pytest.raises(FileFormatError, match=match):
            read_feature_file(path)
    write_arrays(path, GOOD | {"image_features": np.full((4, 3), 1e300)})
    with pytest.raises(
        DataError, match=r"image_features is not finite at \[0, 0\], in 12 places in all, in 4 of 4 rows"
    ):
        read_feature_file(path)


def test_what_is_no_file(tmp_path):
    pipe = tmp_path / "f.npz"
    os.mkfifo(pipe)
    folder = tmp_path / "g.npz"
    folder.mkdir()
    for path, match in ((pipe, "pipe or a device"), (folder, "not a file|cannot be read"), ("~nobody-of-that-name/f.npz", "cannot be looked at"),
                        ("x" * 300 + ".npz", "cannot be looked at")):  # fmt: skip
        with pytest.raises(FileFormatError, match=match):
            read_feature_file(path)
