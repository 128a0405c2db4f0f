"""Files are written beside and renamed; what a killed process left beside them goes."""

import os
import time

from seda.storage import write_bytes


def test_what_a_killed_process_left_beside_a_file_goes(tmp_path):
    path = tmp_path / "card.json"
    old, new, other = (
        tmp_path / name for name in (".card.json.ab12cd3_", ".card.json.zz12cd3_", ".other.json.ab12cd3_")
    )
    for left in (old, new, other):
        left.write_bytes(b"half")
    long_ago = time.time() - 7200
    os.utime(old, (long_ago, long_ago))
    os.utime(other, (long_ago, long_ago))
    write_bytes(path, b"whole")
    assert sorted(found.name for found in tmp_path.iterdir()) == [new.name, other.name, path.name]
    assert path.read_bytes() == b"whole"
