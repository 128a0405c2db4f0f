"""Files of weights over http(s): told of on the way, stopped at will, gone on with where they ended."""

from __future__ import annotations

import http.client
import json
import re
import shutil
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from seda.errors import Stopped, StorageError, WeightsError
from seda.storage import sha256_file, write_json

CHUNK = 1 << 20  # bytes between two calls of on_progress
TIMEOUT = 30.0  # seconds without a byte
AGAIN = "The same call goes on where this one ended."

# told (bytes there, bytes in all, 0 where the server does not say); return True to stop
Progress = Callable[[int, int], object]


class NotThere(WeightsError):
    """The server has no file at this address."""


def download_file(url: str, target: Path, *, sha256: str = "", on_progress: Progress | None = None) -> Path:
    """Download into target; what is there already of an earlier call is not downloaded again.

    The beginning lies beside the target as NAME.part, and the server's mark of its version (ETag) with it: a file that was
    changed in between is downloaded anew.

    Args:
        url: http or https.
        target: where the whole file will lie; its folder is made.
        sha256: expected, hexadecimal; "" where none is known.
        on_progress: see `Progress`.
    Raises:
        NotThere: the server has no such file.
        WeightsError: it refuses, the connection broke off, or the content is not the expected one.
        StorageError: the disk is full or the folder cannot be written.
        Stopped: on_progress asked for it; the beginning is kept.
    """
    part, mark = target.with_name(f"{target.name}.part"), target.with_name(f"{target.name}.part.json")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _fetch(url, part, mark, on_progress)
        if sha256 and (found := sha256_file(part)) != sha256:
            part.unlink()
            raise WeightsError(
                f"{target.name} from {url} is not the expected file (sha256 {found[:16]}…, expected {sha256[:16]}…).",
                remedy="Try again, or take it from elsewhere.",
            )
        part.replace(target)
        mark.unlink(missing_ok=True)
    except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as error:
        reason = getattr(error, "reason", None) or " ".join(str(error).split()) or type(error).__name__
        raise WeightsError(f"The download of {target.name} from {url} broke off ({reason}).", remedy=AGAIN) from error
    except OSError as error:
        raise StorageError(
            f"{target} could not be written: {error.strerror or error}.", remedy="Free some space, or set SEDA_CACHE."
        ) from error
    return target


def _fetch(url: str, part: Path, mark: Path, on_progress: Progress | None) -> None:
    """Bring the part up to the whole file."""
    there, version = _beginning(url, part, mark)
    request = urllib.request.Request(url)
    if there:
        request.add_header("Range", f"bytes={there}-")
        request.add_header("If-Range", version)
    try:
        response = urllib.request.urlopen(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416 and there:  # nothing is left, or the beginning is longer than the file
            if error.headers.get("Content-Range", "") == f"bytes */{there}":
                return None  # it was whole when an earlier call ended
            part.unlink()
            return _fetch(url, part, mark, on_progress)
        raise _refusal(url, error.code) from error
    with response:
        if response.status != 206:  # the whole file comes
            there = 0
        total = _total(response, there)
        if (free := shutil.disk_usage(part.parent).free) < total - there:
            raise StorageError(
                f"{part.name.removesuffix('.part')} needs {(total - there) / 1e6:,.0f} MB more; {free / 1e6:,.0f} MB are free "
                f"in {part.parent}.",
                remedy="Free some space, or set SEDA_CACHE to a folder on another disk.",
            )
        if not there:  # first: what is there is of another version than the mark will say
            part.unlink(missing_ok=True)
        write_json(mark, {"url": url, "version": response.headers.get("ETag", "")})
        with open(part, "r+b" if there else "wb") as file:
            file.seek(there)
            file.truncate()
            while chunk := response.read(CHUNK):
                file.write(chunk)
                there += len(chunk)
                if on_progress is not None and on_progress(there, total) and there != total:
                    raise Stopped
    if total and there != total:
        raise http.client.IncompleteRead(b"", total - there)
    return None


def _beginning(url: str, part: Path, mark: Path) -> tuple[int, str]:
    """Bytes that are there of the same version of this address, and that version; 0 where it is not known."""
    try:
        known = json.loads(mark.read_text(encoding="utf-8"))
        size = part.stat().st_size
    except (OSError, ValueError):
        return 0, ""
    version = known.get("version", "") if isinstance(known, dict) and known.get("url") == url else ""
    if not version or version.startswith("W/"):  # a weak mark promises no equal bytes (RFC 9110, section 13.1.5)
        return 0, ""
    return size, version


def _total(response: http.client.HTTPResponse, there: int) -> int:
    """Bytes of the whole file; 0 where the server does not say."""
    if there:
        span = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
        if span is None or int(span[1]) != there:
            raise http.client.HTTPException(
                f"asked for bytes from {there}, got {response.headers.get('Content-Range')}"
            )
        return 0 if span[2] == "*" else int(span[2])
    return int(response.headers.get("Content-Length") or 0)


def _refusal(url: str, code: int) -> WeightsError:
    if code == 404:
        return NotThere(f"The server has no file at {url}.")
    if code in (401, 403):
        return WeightsError(
            f"The server wants an account for {url} (status {code}).",
            remedy="Accept the model's terms on its page and download it with `hf download`; the cache is looked at.",
        )
    return WeightsError(f"The server answered {url} with status {code}.", remedy="Try again later.")
