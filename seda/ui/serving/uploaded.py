"""What an uploader holds that is still on the server.

Streamlit keeps uploads in the memory of one process, for as long as their session lives there. After a restart, or with a browser that
asks for another one's file, an uploader names files that are gone: `st.file_uploader` passes over them without a word, and its
value in the state has a placeholder without content in their places.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st
from streamlit.runtime.uploaded_file_manager import DeletedFile

from seda.ui.state import read_widget

if TYPE_CHECKING:
    from streamlit.runtime.uploaded_file_manager import UploadedFile


def present(files: UploadedFile | DeletedFile | Sequence[UploadedFile | DeletedFile] | None) -> list[UploadedFile]:
    """The files with their content, of what an uploader returned or of its value in the state."""
    return [file for file in _listed(files) if not isinstance(file, DeletedFile)]


def lost(files: UploadedFile | DeletedFile | Sequence[UploadedFile | DeletedFile] | None) -> int:
    """How many of an uploader's value in the state are gone."""
    return sum(isinstance(file, DeletedFile) for file in _listed(files))


def show_lost(key: str) -> None:
    """Say, below an uploader, that files of it are gone; nothing where none is."""
    if count := lost(read_widget(key)):
        gone = (
            "1 file is no longer on the server. Choose it"
            if count == 1
            else f"{count} files are no longer on the server. Choose them"
        )
        st.warning(f"{gone} again.", icon=":material/sync_problem:")


def _listed(
    files: UploadedFile | DeletedFile | Sequence[UploadedFile | DeletedFile] | None,
) -> Sequence[UploadedFile | DeletedFile]:
    if files is None:
        return []
    # a placeholder is a sequence, too
    return files if isinstance(files, Sequence) and not isinstance(files, DeletedFile) else [files]
