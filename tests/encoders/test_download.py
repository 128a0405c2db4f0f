"""Downloads, from a server of our own on this machine."""

from __future__ import annotations

import hashlib

import pytest

from seda.encoders import download
from seda.encoders.download import NotThere, download_file
from seda.errors import Stopped, StorageError, WeightsError
from tests.local_server import running_server

CONTENT = bytes(range(256)) * 40  # 10 kB


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(download, "CHUNK", 1000)
    with running_server() as running:
        running.content["/model.bin"] = CONTENT
        yield running


def fetch(server, folder, **options):
    return download_file(f"{server.url}/model.bin", folder / "sub" / "model.bin", **options)


def test_it_tells_how_far_it_is_and_leaves_one_file(server, tmp_path):
    told = []
    path = fetch(server, tmp_path, on_progress=lambda *at: told.append(at) and None)
    assert path.read_bytes() == CONTENT and [file.name for file in path.parent.iterdir()] == ["model.bin"]
    assert told[0] == (1000, 10240) and told[-1] == (10240, 10240) and len(told) == 11


def test_stopped_at_will_it_goes_on_where_it_was(server, tmp_path):
    with pytest.raises(Stopped):
        fetch(server, tmp_path, on_progress=lambda there, total: there >= 4000)
    assert not (tmp_path / "sub" / "model.bin").exists()
    told = []
    path = fetch(server, tmp_path, on_progress=lambda *at: told.append(at) and None)
    assert path.read_bytes() == CONTENT
    assert server.asked[-1] == ("/model.bin", "bytes=4000-") and told[0] == (5000, 10240)


def test_a_broken_connection_goes_on_where_it_was(server, tmp_path):
    server.cut = 3500
    with pytest.raises(WeightsError, match=r"model\.bin from http.* broke off .*goes on where this one ended"):
        fetch(server, tmp_path)
    server.cut = None
    assert fetch(server, tmp_path).read_bytes() == CONTENT
    assert server.asked[-1][1] is not None


def test_a_file_that_was_changed_in_between_is_taken_anew(server, tmp_path):
    with pytest.raises(Stopped):
        fetch(server, tmp_path, on_progress=lambda there, total: there >= 4000)
    server.version, server.content["/model.bin"] = '"v2"', CONTENT[::-1]
    assert fetch(server, tmp_path).read_bytes() == CONTENT[::-1]


def test_a_kill_between_two_versions_mixes_nothing(server, tmp_path, monkeypatch):
    with pytest.raises(Stopped):
        fetch(server, tmp_path, on_progress=lambda there, total: there >= 4000)
    server.version, server.content["/model.bin"] = '"v2"', CONTENT[::-1]
    write = download.write_json

    def killed_after(*mark):
        write(*mark)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(download, "write_json", killed_after)
        fetch(server, tmp_path)
    assert fetch(server, tmp_path).read_bytes() == CONTENT[::-1]


def test_what_was_whole_when_it_was_killed_is_not_fetched_again(server, tmp_path, monkeypatch):
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(download, "sha256_file", lambda path: (_ for _ in ()).throw(KeyboardInterrupt))
        fetch(server, tmp_path, sha256="0" * 64)
    assert fetch(server, tmp_path).read_bytes() == CONTENT
    assert [asked for _, asked in server.asked] == [None, f"bytes={len(CONTENT)}-"]


@pytest.mark.parametrize(("version", "ranges"), [("", True), ('W/"v1"', True), ('"v1"', False)])
def test_without_marks_or_ranges_it_begins_again(server, tmp_path, version, ranges):
    server.version, server.ranges = version, ranges
    with pytest.raises(Stopped):
        fetch(server, tmp_path, on_progress=lambda there, total: there >= 4000)
    assert fetch(server, tmp_path).read_bytes() == CONTENT


def test_a_beginning_that_is_longer_than_the_file(server, tmp_path):
    with pytest.raises(Stopped):
        fetch(server, tmp_path, on_progress=lambda there, total: there >= 4000)
    server.content["/model.bin"] = CONTENT[:3000]  # the same mark: a careless server
    assert fetch(server, tmp_path).read_bytes() == CONTENT[:3000]


def test_the_sum_is_checked(server, tmp_path):
    good = hashlib.sha256(CONTENT).hexdigest()
    assert fetch(server, tmp_path, sha256=good).is_file()
    (tmp_path / "sub" / "model.bin").unlink()
    with pytest.raises(WeightsError, match=r"is not the expected file \(sha256 "):
        fetch(server, tmp_path, sha256="0" * 64)
    assert not list((tmp_path / "sub").glob("model.bin"))


def test_what_a_server_refuses(server, tmp_path):
    with pytest.raises(NotThere, match="no file at"):
        download_file(f"{server.url}/other", tmp_path / "other")
    for status, message in ((403, "wants an account .* `hf download`"), (500, "with status 500")):
        server.status = status
        with pytest.raises(WeightsError, match=message):
            fetch(server, tmp_path)
    with pytest.raises(WeightsError, match="broke off"):
        download_file("http://127.0.0.1:9/model.bin", tmp_path / "model.bin")


def test_a_full_disk_is_seen_before(server, tmp_path, monkeypatch):
    usage = download.shutil.disk_usage(tmp_path)
    monkeypatch.setattr(download.shutil, "disk_usage", lambda _: usage._replace(free=10))
    with pytest.raises(StorageError, match="needs 0 MB more"):
        fetch(server, tmp_path)
