"""Uploads of this session: what came is told at once, and each item is shown and can be taken away again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import streamlit as st

from seda.errors import ImageError
from seda.ui.errors import plain
from seda.ui.pictures import ReadPicture, one_by_one
from seda.ui.serving.refusals import log_refusal
from seda.ui.serving.uploaded import show_lost
from seda.ui.state import AppState, NamedFile, begin_widget
from seda.ui.texts import UPLOADS_STAY

if TYPE_CHECKING:
    from streamlit.runtime.uploaded_file_manager import UploadedFile

SUFFIXES = ["png", "jpg", "jpeg", "webp", "gif", "bmp", "tif", "tiff", "heic", "heif", "avif"]
MAX_ITEMS = 64  # at once; chosen here: more thumbnails than that hide each other on the map
MAX_TOTAL_BYTES = 256 * 2**20  # of all uploads of a visitor; chosen here: 64 phone photos
MANY = 20  # items; more scroll within their box
_LISTED = 3  # names in a sentence


def check_size(files: Iterable[NamedFile]) -> None:
    """
    Raises:
        ImageError: too many MB together.
    """
    if (total := sum(len(file.content) for file in files)) > MAX_TOTAL_BYTES:
        raise ImageError(
            f"The pictures have {total / 2**20:.0f} MB together; at most {MAX_TOTAL_BYTES // 2**20} MB are allowed.",
            remedy="Remove some of them, or save them smaller.",
        )


def choose_uploads(state: AppState, page: str) -> None:
    """Upload items, see them, and take some or all away again."""
    folder = st.toggle(
        "A whole folder", key=begin_widget(f"{page}.folder", False),
        help="Takes all pictures of a folder and of the folders in it.",
    )  # fmt: skip
    key = f"{page}.uploads.{'folder' if folder else 'files'}.{state.upload_round}"
    files = st.file_uploader(
        "Upload pictures", type=SUFFIXES, accept_multiple_files="directory" if folder else True, key=key,
        label_visibility="collapsed",
    )  # fmt: skip
    show_lost(key)
    if _take(state, files or ()):
        st.rerun()  # an uploader that holds what was left out begins anew
    if state.upload_notes:
        st.info("  \n".join(map(plain, state.upload_notes)), icon=":material/info:")
    if state.uploads:
        _show(state, page)
    st.caption(UPLOADS_STAY)


def _take(state: AppState, files: Sequence[UploadedFile]) -> bool:
    """Add what is new in an uploader. Returns whether something was left out, which it need not hold any longer."""
    new = sorted((file for file in files if file.file_id not in state.upload_ids), key=lambda file: file.name)
    if not new:
        return False
    state.upload_ids |= {file.file_id for file in new}
    taken, known = list(state.uploads), {item.sha256 for item in state.uploads}
    total = sum(len(item.content) for item in taken)
    twice: list[str] = []
    over = heavy = 0
    for file in new:
        item = NamedFile(_name(file.name), file.getvalue())
        if item.sha256 in known:
            twice.append(item.name)
        elif len(taken) >= MAX_ITEMS:
            over += 1
        elif total + len(item.content) > MAX_TOTAL_BYTES:
            heavy += 1
        else:
            taken.append(item)
            known.add(item.sha256)
            total += len(item.content)
    state.uploads = tuple(taken)
    state.upload_notes = tuple(filter(None, (_over(over), _heavy(heavy), _twice(twice), _folders(new))))
    if over or heavy:
        state.upload_round += 1
    return bool(over or heavy)


def _name(path: str) -> str:
    """Of a file in a folder, from that folder on."""
    return path.partition("/")[2] or path


def _over(count: int) -> str:
    left = "1 more was left out" if count == 1 else f"{count} more were left out"
    return f"At most {MAX_ITEMS} pictures travel at once. The first {MAX_ITEMS} are kept, {left}." if count else ""


def _heavy(count: int) -> str:
    left = "1 picture was left out" if count == 1 else f"{count} pictures were left out"
    return f"At most {MAX_TOTAL_BYTES // 2**20} MB are taken together; {left}." if count else ""


def _twice(names: Sequence[str]) -> str:
    if not names:
        return ""
    listed = ", ".join(names[:_LISTED]) + (f" and {len(names) - _LISTED} more" if len(names) > _LISTED else "")
    return f"Here already, and taken once: {listed}."


def _folders(files: Sequence[UploadedFile]) -> str:
    """Which folders in a folder items came from."""
    inner = [str(PurePosixPath(_name(file.name)).parent) for file in files if "/" in _name(file.name)]
    if not inner:
        return ""
    names = list(dict.fromkeys(inner))
    listed = ", ".join(names[:_LISTED]) + (f" and {len(names) - _LISTED} more" if len(names) > _LISTED else "")
    count = "1 picture comes" if len(inner) == 1 else f"{len(inner)} pictures come"
    return f"{count} from {'a folder' if len(names) == 1 else f'{len(names)} folders'} inside: {listed}."


def _show(state: AppState, page: str) -> None:
    """The grid, how many there are, and what cannot be read."""
    read = read_uploads(state)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(f"{len(read)} picture{'s' if len(read) > 1 else ''}", width="content")
        st.button("Remove all", key=f"{page}.forget", type="tertiary", on_click=_remove_all, args=(state,))
    with (
        st.container(height=236 if len(read) > MANY else "content", border=False, key=f"{page}.tiles"),
        st.container(horizontal=True, gap="xsmall"),
    ):
        for place, item in enumerate(read):
            with st.container(width=48, gap=None, key=f"{page}.tile.{place}"):
                st.html(item.html)
                st.button(
                    f"Remove {plain(item.file.name)}", icon=":material/close:", type="tertiary",
                    key=f"{page}.remove.{place}", on_click=_remove, args=(state, item.file),
                )  # fmt: skip
    for item in read:
        if item.problem:
            st.caption(f":material/broken_image: {plain(item.problem)}")


def read_uploads(state: AppState) -> list[ReadPicture]:
    """The uploads as they can be shown, each read once; what is gone is forgotten."""
    missing = [file for file in state.uploads if file.sha256 not in state.read_uploads]
    found = dict(state.read_uploads)
    if missing:
        bar = st.progress(0.0, "Looking at the pictures")
        for done, item in enumerate(one_by_one(ReadPicture.of, missing), start=1):
            found[item.file.sha256] = item
            if item.problem:
                log_refusal("picture", "ImageError")
            bar.progress(done / len(missing), plain(f"Looking at the pictures: {done} of {len(missing)}"))
        bar.empty()
    state.read_uploads = {file.sha256: found[file.sha256] for file in state.uploads}
    return [state.read_uploads[file.sha256] for file in state.uploads]


def _remove(state: AppState, file: NamedFile) -> None:
    state.uploads = tuple(other for other in state.uploads if other is not file)
    state.upload_notes = ()


def _remove_all(state: AppState) -> None:
    """Streamlit's uploaders begin anew, too: they hold the files as long as they are there."""
    state.uploads, state.upload_notes, state.read_uploads = (), (), {}
    state.upload_round += 1
