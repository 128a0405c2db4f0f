"""The items that can be searched: read, made small and shown."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import streamlit as st

from seda.errors import ImageError
from seda.images import ImageFailure, png_url, read_image, thumbnail_png
from seda.ui import cache
from seda.ui.errors import plain
from seda.ui.gallery import NO_SAMPLES, kind_of
from seda.ui.pictures import one_by_one
from seda.ui.search.state import THUMBNAIL, SearchedItems, SearchState
from seda.ui.state import UPLOAD, AppState, NamedFile


def items_to_search(state: AppState, search: SearchState) -> SearchedItems | None:
    """The items of the chosen place, read once; None where there are none, said on the page where none was chosen."""
    if search.place == UPLOAD:
        files, labels = state.uploads, [""] * len(state.uploads)
        empty = "Upload pictures above, then search among them."
    else:
        chosen = [sample for sample in cache.samples() if kind_of(sample) in (search.kinds or ())]
        files = tuple(NamedFile(sample.name, sample.path.read_bytes()) for sample in chosen)
        labels = [sample.label for sample in chosen]
        empty = "Choose a kind of samples above." if cache.samples() else NO_SAMPLES
    if not files:
        st.info(empty, icon=":material/image_search:")
        return None
    key = _fingerprint(files)
    if search.place not in search.items or search.items[search.place].key != key:
        search.items[search.place] = _read(key, files, labels)
    items = search.items[search.place]
    return items if items.files else None


def forget_gone(state: AppState, search: SearchState) -> None:
    """Let go of everything made from uploads that are not the session's uploads any more."""
    kept = search.items.get(UPLOAD)
    if kept is not None and kept.key != _fingerprint(state.uploads):
        if search.found is not None and search.found.items is kept:
            search.found = None
        del search.items[UPLOAD]
        search.galleries.pop(UPLOAD, None)


def _read(key: str, files: Sequence[NamedFile], labels: Sequence[str]) -> SearchedItems:
    read: list[tuple[NamedFile, str, str]] = []
    failures: list[ImageFailure] = []
    for file, label, thumbnail in zip(files, labels, one_by_one(_thumbnail, files), strict=True):
        if isinstance(thumbnail, ImageError):
            failures.append(ImageFailure(file.name, str(thumbnail)))
        else:
            read.append((file, label, thumbnail))
    files, labels, thumbnails = zip(*read, strict=True) if read else ((), (), ())
    return SearchedItems(key, files, labels, thumbnails, tuple(failures))


def _thumbnail(file: NamedFile) -> str | ImageError:
    try:
        return png_url(thumbnail_png(read_image(file.content, file.name), 2 * THUMBNAIL))
    except ImageError as error:
        return error


def _fingerprint(files: Sequence[NamedFile]) -> str:
    parts = hashlib.sha256()
    for file in files:
        parts.update(
            hashlib.sha256(file.name.encode(errors="replace")).digest() + hashlib.sha256(file.content).digest()
        )
    return parts.hexdigest()


def show_gallery(items: SearchedItems, *, can_ask: bool) -> int | None:
    """All items with their names; where these are buttons, the place of the one that was pressed."""
    asked = None
    with st.container(horizontal=True, gap="small"):
        for place, (file, thumbnail) in enumerate(zip(items.files, items.thumbnails, strict=True)):
            with st.container(width=92, gap=None, horizontal_alignment="center"):
                st.image(thumbnail, width=72, alt=file.name)
                if not can_ask:
                    st.caption(plain(file.name), text_alignment="center")
                elif st.button(plain(file.name), key=f"search.pick.{place}", type="tertiary"):
                    asked = place
    return asked
