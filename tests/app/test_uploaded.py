"""Uploads that the server has lost are said and passed over."""

from __future__ import annotations

import pytest
from streamlit.elements.widgets.file_uploader import FileUploaderSerde
from streamlit.runtime.uploaded_file_manager import DeletedFile
from streamlit.testing.v1 import AppTest

from seda.ui.state import AppState
from seda.ui.trajectories import controls


def _page(several: bool) -> None:
    import streamlit as st

    from seda.ui.serving.uploaded import present, show_lost

    def count() -> None:
        st.session_state.seen = [file.name for file in present(st.session_state["one.key"])]

    files = st.file_uploader("Files", key="one.key", accept_multiple_files=several, on_change=count)
    show_lost("one.key")
    st.text([file.name for file in present(files)])


@pytest.mark.parametrize("several", [True, False])
def test_a_lost_upload_is_said_and_passed_over(monkeypatch, several):
    read = FileUploaderSerde.deserialize

    def losing(self, value):
        found = read(self, value)
        return (
            [*found[:1], *(DeletedFile(file.file_id) for file in found[1:])] if several else found and DeletedFile("x")
        )

    monkeypatch.setattr(FileUploaderSerde, "deserialize", losing)
    app = AppTest.from_function(_page, args=(several,), default_timeout=30).run()
    assert not app.warning and app.text[0].value == "[]"
    files = [(f"{name}.txt", b"text", "text/plain") for name in "abc"]
    app.file_uploader(key="one.key").set_value(files if several else files[0]).run()
    assert not app.exception
    count, them = ("2 files are", "them") if several else ("1 file is", "it")
    assert app.warning[0].value == f"{count} no longer on the server. Choose {them} again."
    left = ["a.txt"] if several else []
    assert app.session_state.seen == left and app.text[0].value == str(left)


def test_a_lost_replay_leaves_the_page_as_it_is(monkeypatch):
    state = AppState()
    monkeypatch.setattr(controls, "read_widget", lambda _: DeletedFile("x"))
    controls._open_replay(state)
    assert state.problem is None and state.shown is None
