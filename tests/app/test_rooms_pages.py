"""Rooms on their pages: a screen and phones, as sessions of one process."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator

import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from seda.errors import ImageError
from seda.ui.rooms import phone as phone_page
from seda.ui.rooms import photo
from seda.ui.rooms.photo import SIDE, read_photo
from seda.ui.serving import rooms
from seda.ui.serving.rooms import ROOMS, Room, State
from seda.ui.serving.shared_runs import SHARED_RUNS
from tests.app.conftest import press, said, state_of, type_classes
from tests.app.test_public import open_nothing  # noqa: F401
from tests.app.test_uploads import png
from tests.tiny import CLASSES

WORDS = ", ".join(CLASSES)


@pytest.fixture(autouse=True)
def no_room() -> Iterator[None]:
    yield
    for room in list(ROOMS._rooms.values()):
        room.close()


@pytest.fixture
def screen(open_app) -> AppTest:
    return press(type_classes(open_app(), WORDS), "rooms.open")


def room_of(screen: AppTest) -> Room:
    return screen.session_state["seda.screen"].room


@pytest.fixture
def phone(open_app, screen) -> AppTest:
    return open_app(room=room_of(screen).code)


def choose(phone: AppTest, content: bytes, name: str = "IMG_0815 my dog.jpg") -> AppTest:
    key = f"phone.picture.{phone.session_state['seda.phone'].round}"
    return phone.file_uploader(key=key).set_value([(name, content, "image/png")]).run()


def send(phone: AppTest, words: str = WORDS) -> AppTest:
    choose(phone, png(3, (64, 48)))
    phone.text_area(key="phone.words").set_value(words).run()
    return press(phone, "phone.send")


def keys(app: AppTest) -> set[str]:
    return {button.key for button in app.button}


# ------------------------------------------------------------------------------------------------ pictures


def test_a_picture_goes_from_a_phone_to_the_screen_and_home(screen, phone):
    room = room_of(screen)
    assert said(phone, "subheader") == f"Room {room.code}" and phone.text_area(key="phone.words").value == WORDS
    assert keys(phone) == {"phone.send"} and phone.button(key="phone.send").disabled and not phone.sidebar.children
    send(phone, f"{WORDS}, a *cup*")
    assert "waits to be let in" in said(phone, "info") and "phone.send" not in keys(phone)
    screen.run()
    assert "a *cup*" in said(screen, "caption") and len(screen.toast) == 1
    assert len(screen.run().toast) == 0  # told once
    press(screen, "rooms.let_in.1")
    shown = state_of(screen).shown
    assert shown.journey.trajectory.item_names == ("Phone 1",) and said(screen, "error") == ""
    assert shown.journey.trajectory.class_names == (*CLASSES, "a *cup*")
    phone.run()
    assert "on the screen" in said(phone, "success")
    assert [button.proto.label for button in phone.get("download_button")] == ["Take it home"]
    assert room.shown == (1, shown.journey) and not SHARED_RUNS._kept
    assert not any(sent.content or sent.preview for sent in room._sent.values())
    assert screen.query_params["pictures"] in ("room", ["room"])


def test_what_has_left_the_screen_is_nowhere(screen, phone):
    send(phone)
    screen.run()
    press(screen, "rooms.let_in.1")
    press(screen, "trajectories.card.open.toy")
    phone.run()
    assert "has left the screen" in said(phone, "info") and not phone.get("download_button")
    assert all(shown.source.kind != "room" for shown in state_of(screen).visited.values())
    assert room_of(screen).shown is None and state_of(screen).uploads == ()


def test_closing_the_room_takes_its_picture_from_the_screen(screen, phone, open_app):
    room = room_of(screen)
    send(phone)
    screen.run()
    press(screen, "rooms.let_in.1")
    press(screen, "rooms.close")
    screen.run()
    assert state_of(screen).shown.origin == "example" and room.is_closed and room_of(screen) is None
    assert "rooms.open" in keys(screen) and "rooms.close" not in keys(screen)
    phone.run()
    assert "or it is closed" in said(phone, "error") and "phone.enter" in keys(phone)
    assert "or it is closed" in said(open_app(room="<script>"), "error")


def test_a_room_whose_time_is_over_leaves_the_screen(screen, monkeypatch):
    monkeypatch.setattr(rooms, "IDLE", -1.0)
    screen.run()
    assert not screen.exception and room_of(screen) is None and "rooms.close" not in keys(screen)


def test_a_picture_that_is_not_wanted(screen, phone):
    send(phone)
    screen.run()
    press(screen, "rooms.turn_down.1")
    assert state_of(screen).pending is None and state_of(screen).shown.origin == "example"
    phone.run()
    assert "not let in" in said(phone, "info") and "phone.send" in keys(phone)
    send(phone)
    assert [sent.number for sent in room_of(screen).waiting] == [2]


def test_what_cannot_be_read_or_used_is_said_on_the_phone_alone(screen, phone):
    choose(phone, b"#!/bin/sh")
    assert "is not a picture" in said(phone, "error") and phone.button(key="phone.send").disabled
    choose(phone, b"\0\0\0\x18ftypheic" + bytes(50))
    assert "is a HEIC" in said(phone, "error") and "Take a screenshot" in said(phone, "error")
    send(phone, "one word")
    assert "At least 2" in said(phone, "error") and room_of(screen).waiting == ()
    screen.run()
    assert said(screen, "error") == "" and "No picture waits." in said(screen, "caption")


def test_a_run_that_fails_is_told_on_both(screen, phone, open_nothing):  # noqa: F811
    send(phone)
    screen.run()
    open_nothing("rooms", cells=1)
    press(screen, "rooms.let_in.1")
    assert "a run on this server may have 1" in said(screen, "error")
    phone.run()
    assert "did not get to the screen" in said(phone, "warning") and "may have 1" in said(phone, "warning")
    assert "phone.send" in keys(phone)


def test_the_room_is_on_every_page_and_leads_back(screen, phone):
    send(phone)
    screen.switch_page("pages/method.py").run()
    assert "rooms.let_in.1" in keys(screen)
    press(screen, "rooms.let_in.1")
    screen.run()
    assert room_of(screen).shown is not None and state_of(screen).shown.source.kind == "room"


def test_the_second_code_takes_home_what_is_on_the_screen(screen, phone, open_app):
    send(phone)
    screen.run()
    press(screen, "rooms.let_in.1")
    code = room_of(screen).code
    assert open_app(room=code, home="1").get("download_button")
    other = open_app(room=code, home="2")
    assert not other.get("download_button") and "has left the screen" in said(other, "info")
    press(other, "phone.room")
    assert said(other, "subheader") == f"Room {code}"


# ------------------------------------------------------------------------------------------------ bets


def test_bets(screen, phone, open_app):
    press(screen, "rooms.ask")
    room = room_of(screen)
    words = state_of(screen).shown.journey.trajectory.class_names
    assert (len(room.question.items), room.question.words) == (3, words)
    assert state_of(screen).shown.start.step == 0
    for place in range(3):
        phone.run()
        press(phone, f"phone.bet.1.{place}.0")
    for _ in range(2):
        press(phone, "phone.bet.back")
    press(phone, "phone.bet.1.0.1")  # another mind
    other = open_app(room=room.code)
    press(other, "phone.bet.1.0.1")
    screen.run()
    assert "5 bets" not in said(screen, "markdown") and "4 bets from 2 phones" in said(screen, "markdown")
    assert f"{words[1]} 2" not in said(screen, "caption")
    press(screen, "rooms.reveal")
    screen.run()
    assert f"{words[1]} 2" in said(screen, "caption")
    phone.run()
    assert "Bets are over" in said(phone, "markdown") and f"you: {words[1]}; all: {words[1]} 2" in said(
        phone, "caption"
    )
    press(screen, "rooms.forget")
    screen.run()
    assert room.question is None and "rooms.ask" in keys(screen)


# ------------------------------------------------------------------------------------------------ who may


def test_strangers_open_no_room_unless_the_operator_says_so(open_app, open_nothing):  # noqa: F811
    open_nothing()
    assert "rooms.open" not in keys(open_app())
    open_nothing("rooms")
    screen = press(open_app(), "rooms.open")
    open_nothing()  # a phone needs no more than the code
    assert said(open_app(room=room_of(screen).code), "subheader").startswith("Room")


def test_too_many_rooms_is_said(open_app, monkeypatch):
    monkeypatch.setattr(rooms, "MOST_ROOMS", 0)
    app = press(open_app(), "rooms.open")
    app.run()
    assert room_of(app) is None and "rooms.open" in keys(app)


def test_nobody_tries_codes_for_long(open_app, screen, monkeypatch):
    monkeypatch.setattr(phone_page, "MOST_MISSED", 2)
    app = open_app(room="nowhere")
    app.run()
    app.run()
    assert "2 codes did not fit" in said(app, "error")
    app.query_params["room"] = room_of(screen).code
    app.run()
    assert "2 codes did not fit" in said(app, "error")


def test_a_full_room_says_so(screen, phone, open_app, monkeypatch):
    monkeypatch.setattr(rooms, "MOST_PHONES", 1)
    assert "is full" in said(open_app(room=room_of(screen).code), "error")
    phone.run()
    assert said(phone, "error") == ""  # who is in it stays


# ------------------------------------------------------------------------------------------------ what a phone sends


def _jpeg_with_place() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6  # lies on its side
    exif.get_ifd(0x8825)[1] = "N"
    buffer = io.BytesIO()
    Image.new("RGB", (3000, 1500), "red").save(buffer, "JPEG", exif=exif)
    return buffer.getvalue()


def test_a_photo_goes_on_small_upright_and_without_its_place():
    read = read_photo(_jpeg_with_place())
    with Image.open(io.BytesIO(read.content)) as picture:
        assert picture.size == (SIDE // 2, SIDE) and not picture.getexif() and "exif" not in picture.info
    assert len(read.preview) < 20_000 and read.preview.startswith("data:image/jpeg")


def test_a_bomb_is_refused():
    with pytest.raises(ImageError, match="at most 50 million"):
        read_photo(png(0, (8000, 8000)))


def test_iphones_are_asked_for_jpeg():
    """Safari turns HEIC into JPEG where the page takes JPEG and does not name HEIC."""
    assert "image/jpeg" in photo.TYPES and not any("hei" in kind or "*" in kind for kind in photo.TYPES)


def test_states_are_told(screen: AppTest, phone: AppTest):
    told: dict[State, Callable[[Room], object]] = {
        State.TRAVELS: lambda room: room.let_in(1),
        State.SHOWN: lambda room: room.arrived(1, state_of(screen).shown.journey),
    }
    send(phone)
    texts = set()
    for change in told.values():
        change(room_of(screen))
        phone.run()
        texts.add(said(phone, "info") + said(phone, "success"))
    assert len(texts) == 2 and "" not in texts
