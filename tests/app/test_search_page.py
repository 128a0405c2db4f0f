"""The search page: both ways, empty and with state, bad input; and where uploads are and are not."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
from starlette.datastructures import Headers
from starlette.formparsers import MultiPartParser
from streamlit.runtime.caching.cache_utils import CachedFunc
from streamlit.testing.v1 import AppTest

from seda.search import SAMPLES
from seda.ui import cache
from seda.ui.gallery import first_kind, kind_of
from seda.ui.search.choose import EXAMPLES
from seda.ui.search.state import TO_WORDS, SearchState
from seda.ui.state import UPLOAD
from seda.ui.uploads import MAX_ITEMS
from tests.app.conftest import press, said, state_of, type_classes
from tests.app.conftest import upload as send
from tests.tiny import CLASSES, picture

pytestmark = pytest.mark.usefixtures("labelled")
PAGE = "pages/search.py"
KEY = "search.run"  # of the button beside the words


def search_of(app: AppTest) -> SearchState:
    return app.session_state["search.state"]


def ask(app: AppTest, words: str) -> AppTest:
    app.text_input(key="search.query").set_value(words)
    return press(app, KEY)


def choose(app: AppTest, key: str, value: str) -> AppTest:
    app.segmented_control(key=key).set_value(value).run()
    assert not app.exception
    return app


def upload(app: AppTest, *files: tuple[str, bytes]) -> AppTest:
    choose(app, "search.place", UPLOAD)
    return send(app, [(name, content, "image/png") for name, content in files], "search")


def drawn(label: int, seed: int, folder: Path) -> bytes:
    path = folder / f"{label}-{seed}.png"
    picture(label, seed).save(path)
    return path.read_bytes()


@pytest.fixture
def open_search(open_app):
    def open_it() -> AppTest:
        app = open_app().switch_page(PAGE).run()
        assert said(app, "error") == ""
        return app

    return open_it


def test_before_the_first_search_the_page_shows_the_pictures_and_what_to_ask(open_search):
    app = open_search()
    assert "These pictures are searched." in said(app, "caption") and "red square 101" in said(app, "caption")
    app.button(key="search.example.1").click().run()
    assert search_of(app).found.query == EXAMPLES[1] == app.text_input(key="search.query").value
    assert "These pictures are searched." not in said(app, "caption")
    app.button(key="search.example.0").click().run()
    assert search_of(app).found.query == EXAMPLES[0]


def test_words_find_pictures_twice(open_search):
    app = open_search()
    for word in ("red square", "green disc"):
        ask(app, word)
        found = search_of(app).found
        assert found.query == word and len(found.items.files) == 6
        assert {found.items.labels[hit.index] for hit in found.after[:2]} == {word}
        shown = said(app, "markdown") + said(app, "caption")
        assert "Before alignment" in shown and "After alignment" in shown and "Picture to words, R@1" in shown
        assert f"“{word}” among 6 pictures" in said(app, "subheader")
    assert found.recall["text_to_image"].after[1] == 1


def test_the_result_survives_another_page(open_search):
    app = ask(open_search(), "blue stripes")
    found = search_of(app).found
    app.switch_page("pages/method.py").run()
    app.switch_page(PAGE).run()
    assert search_of(app).found is found and "“blue stripes” among" in said(app, "subheader")
    assert app.text_input(key="search.query").value == "blue stripes"


def test_a_picture_finds_words_twice(open_search):
    app = choose(open_search(), "search.direction", TO_WORDS)
    for place in (0, 5):
        press(app, f"search.pick.{place}")
        found = search_of(app).found
        assert found.scores.words == CLASSES and found.query == found.items.files[place].name
        assert CLASSES[found.after[0].index] == found.items.labels[place]
    assert "3 words for" in said(app, "subheader")


def test_own_words_compete(open_search):
    app = open_search()
    app.text_area(key="search.words").set_value("a sock, a hat").run()
    ask(app, "something red")
    assert search_of(app).found.scores.words == ("something red", "a sock", "a hat", *sorted(CLASSES))
    app.text_area(key="search.words").set_value("only one").run()
    ask(app, "something red")
    assert "At least 2" in said(app, "error")


@pytest.mark.parametrize("words", ["", "  ", "\u200b"])
def test_nothing_typed_is_said_and_the_result_before_stays(open_search, words):
    app = ask(open_search(), "red square")
    ask(app, words)
    assert "Nothing was typed" in said(app, "error")
    assert search_of(app).found.query == "red square"
    ask(app, "green disc")
    assert said(app, "error") == "" and "cannot make sense of" not in said(app, "info")
    ask(app, "赤い四角")
    assert "cannot make sense of" in said(app, "info")


def test_uploads_with_bad_files_among_them_and_forgetting(open_search, tmp_path):
    files = [("mine.png", drawn(0, 7, tmp_path)), ("other.png", drawn(1, 7, tmp_path)), ("[bad](x).png", b"no picture")]
    app = upload(open_search(), *files)
    assert said(app, "warning").count("left out") == 1 and "These pictures are searched." in said(app, "caption")
    found = search_of(ask(app, "red square")).found
    assert [file.name for file in found.items.files] == ["mine.png", "other.png"]
    assert found.after[0].index == 0 and found.recall == {}
    assert said(app, "warning").count("left out") == 1 and "[bad](x).png" in said(app, "warning")
    assert "No recall is shown" in said(app, "caption")
    assert "never written to disk, never shown to another session" in said(app, "caption")
    choose(app, "search.direction", TO_WORDS)
    press(app, "search.pick.1")
    assert said(app, "warning").count("left out") == 1
    assert CLASSES[search_of(app).found.after[0].index] == "green disc"
    press(app, "search.remove.0")
    assert [file.name for file in state_of(app).uploads] == ["mine.png", "other.png"]
    press(app, "search.forget")
    assert state_of(app).uploads == () and search_of(app).found is None
    assert search_of(app).items.get(UPLOAD) is None and UPLOAD not in search_of(app).galleries
    assert "Upload pictures above" in said(app, "info")


def test_without_uploads_it_says_what_is_missing(open_search):
    app = choose(open_search(), "search.place", UPLOAD)
    ask(app, "red square")
    assert "No picture is chosen" in said(app, "error")


def test_an_unknown_aligner_is_said(open_search):
    app = open_search()
    app.switch_page("pages/method.py").run()
    state_of(app).aligner = "nowhere"
    app.switch_page(PAGE).run()
    ask(app, "red square")
    assert "no aligner 'nowhere'" in said(app, "error")


def test_the_uploads_of_the_trajectories_page_are_those_of_this_page(open_app, tmp_path):
    app = open_app()
    app.segmented_control(key="trajectories.source").set_value(UPLOAD).run()
    send(app, [("mine.png", drawn(2, 8, tmp_path), "image/png")])
    assert "gone when this one ends" in said(app, "caption")
    app = choose(app.switch_page(PAGE).run(), "search.place", UPLOAD)
    ask(app, "blue stripes")
    assert [file.name for file in search_of(app).found.items.files] == ["mine.png"]


def test_two_sessions_do_not_see_each_others_uploads(open_search, tmp_path):
    one = ask(upload(open_search(), ("of-one.png", drawn(0, 11, tmp_path))), "red square")
    other = ask(upload(open_search(), ("of-the-other.png", drawn(1, 12, tmp_path))), "red square")
    third = choose(open_search(), "search.place", UPLOAD)
    one.run()
    for app, own, foreign in ((one, "of-one", "of-the-other"), (other, "of-the-other", "of-one"), (third, None, "of-")):
        text = " ".join(said(app, kind) for kind in ("markdown", "caption", "subheader", "info", "warning"))
        assert foreign not in text.replace(own or "-", "")
        assert own is None or own in text
        assert [file.name for file in state_of(app).uploads] == ([f"{own}.png"] if own else [])
        assert app.query_params == {} or "of-" not in str(app.query_params)


@pytest.fixture
def shipped_samples(monkeypatch):
    monkeypatch.setattr(cache, "SAMPLES", SAMPLES)
    cache.samples.clear()
    yield
    cache.samples.clear()


def test_kinds_of_samples_are_searched_together_or_alone(open_search, shipped_samples):
    app = open_search()
    kinds = app.button_group(key="search.kinds")
    assert len(kinds.value) == 1
    kinds.set_value(["photos", "emoji"]).run()
    choose(app, "search.direction", TO_WORDS)
    names = {file.name for file in search_of(app).items["Samples"].files}
    assert {"cat", "cow, Noto", "cow, Twemoji"} <= names and "coat 6" not in names
    app.button_group(key="search.kinds").set_value([]).run()
    assert "Choose a kind of samples" in said(app, "info")


def test_kinds_of_samples_on_the_trajectories_page(open_app, shipped_samples):
    app = open_app()
    app.segmented_control(key="trajectories.source").set_value("Samples").run()
    total = len(cache.samples())
    assert f"12 of {total} chosen" in said(app, "caption")
    app.button_group(key="trajectories.kind").set_value("photos").run()
    assert "12 of other kinds" in said(app, "caption")
    press(app, "trajectories.samples.none")
    app.checkbox(key="trajectories.sample.photos/cat.jpg").check().run()
    chosen = state_of(app).samples
    assert "photos/cat.jpg" in chosen
    app.button_group(key="trajectories.kind").set_value("fashion-mnist").run()
    assert state_of(app).samples == chosen  # those of other kinds stay
    press(app, "trajectories.samples.all")
    assert {"photos/cat.jpg", "fashion-mnist/coat-00006.png"} <= set(state_of(app).samples)
    for kind in ("emoji", "photos", "fashion-mnist"):
        app.button_group(key="trajectories.kind").set_value(kind).run()
        press(app, "trajectories.samples.all")
        assert len(state_of(app).samples) <= MAX_ITEMS
    for kind in ("emoji", "photos", "fashion-mnist"):
        app.button_group(key="trajectories.kind").set_value(kind).run()
        press(app, "trajectories.samples.none")
    assert state_of(app).samples == ()


def test_the_first_kind_is_the_one_that_the_aligner_knows(shipped_samples):
    def card(*names: str, suggested: tuple[str, ...] = ()) -> SimpleNamespace:
        return SimpleNamespace(class_names=names, suggested=suggested)

    assert first_kind(card("Ankle boot", "coat", "dress", "bus")) == "fashion-mnist"
    assert first_kind(card("cat", "bridge", "mountain")) == "photos"
    assert first_kind(card("cow", "watermelon")) == "emoji"
    assert first_kind(card("cow", "watermelon", suggested=("animal", "food"))) == "photos"  # any words
    assert first_kind(None) in {kind_of(sample) for sample in cache.samples()}


@pytest.mark.slow
@pytest.mark.alone
def test_nothing_of_an_upload_is_written_or_cached(open_search, tmp_path, monkeypatch, opened_for_writing):
    """No file anywhere is opened for writing, and what st.cache_* holds for all visitors does not grow."""
    content = drawn(0, 21, tmp_path)
    kept, temporary = tmp_path / "cache", tmp_path / "temporary"
    kept.mkdir()
    temporary.mkdir()
    monkeypatch.setenv("SEDA_CACHE", str(kept))
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    app = ask(open_search(), "red square")  # what is loaded once is loaded
    with opened_for_writing() as opened:
        cached = cached_values()
        ask(upload(app, ("secret.png", content)), "red square")
        assert [file.name for file in search_of(app).found.items.files] == ["secret.png"]
        choose(app, "search.direction", TO_WORDS)
        press(app, "search.pick.0")
        app.switch_page("pages/trajectories.py").run()
        app.segmented_control(key="trajectories.source").set_value(UPLOAD).run()
        press(type_classes(app, ", ".join(CLASSES)))
        assert state_of(app).shown.journey.trajectory.item_names == ("secret.png",)
        assert cached_values() == cached
    assert opened == []
    with opened_for_writing() as opened:  # without the frame a file of more than 1 MB goes through the disk
        assert received_from_a_browser(30 * 2**20) == (30 * 2**20, True)
    assert opened == []
    assert not [path for folder in (kept, temporary) for path in folder.rglob("*")]


@pytest.fixture
def opened_for_writing() -> Callable[[], AbstractContextManager[list[str]]]:
    """Watches every open() of this process, by Python's audit events.

    For a test that runs alone: such a hook cannot be taken away, and while one runs CPython before 3.12 cannot begin to trace another
    thread, as coverage does with all of them ("Cannot install a trace function").
    """
    listening: list[list[str]] = []

    def hear(event: str, arguments: tuple) -> None:
        if event == "open" and listening:
            path, mode, flags = arguments
            writes = any(letter in (mode or "") for letter in "wax+") or (flags or 0) & (os.O_WRONLY | os.O_RDWR)
            if writes and "__pycache__" not in str(path) and str(path) != os.devnull:
                listening[-1].append(str(path))

    sys.addaudithook(hear)

    @contextmanager
    def watch() -> Iterator[list[str]]:
        listening.append([])
        yield listening[-1]
        listening.pop()

    return watch


def received_from_a_browser(size: int) -> tuple[int, bool]:
    """What Streamlit's own route reads of a file of so many bytes, and whether it is in memory."""
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n'

    async def body():
        yield head + bytes(size) + b"\r\n--x--\r\n"

    async def received():
        form = await MultiPartParser(Headers({"content-type": "multipart/form-data; boundary=x"}), body()).parse()
        found = form["file"].size, form["file"]._in_memory
        await form.close()
        return found

    # in a thread of its own: Playwright leaves a loop running in that of the browser tests
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(lambda: asyncio.run(received())).result(timeout=60)


def cached_values() -> dict[str, list[int]]:
    """Identities of what each cached function holds for all visitors, by its name; of Python's own caches how much was made."""
    functions = {name: value for name, value in vars(cache).items() if isinstance(value, CachedFunc)}
    counted = {name: value for name, value in vars(cache).items() if hasattr(value, "cache_info")}
    assert {"samples", "_workbench"} <= set(functions) and {"_example", "_card"} <= set(counted)
    held = {name: [value.cache_info().misses] for name, value in counted.items()}
    for name, function in functions.items():
        entries = function._info.get_function_cache(function._function_key)._mem_cache
        held[name] = sorted(id(value) for value in entries.values())
    return held
