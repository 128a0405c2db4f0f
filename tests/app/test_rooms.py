"""Rooms without a screen: codes, limits, what is kept and when it goes, bets."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from seda.errors import LimitError, RoomError
from seda.ui.serving import rooms
from seda.ui.serving.rooms import Asked, Room, Rooms, State
from tests.toy import toy_journey

PICTURE, PREVIEW = b"a picture", "data:image/jpeg;base64,"


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def room(clock: Clock) -> Room:
    return Room("ABCDE", "cat, dog", clock)


def send(room: Room, phone: str, words: str = "cat, dog"):
    return room.send(phone, PICTURE, PREVIEW, words)


def kept(room: Room) -> list[object]:
    """All of a picture that a room still has."""
    return [part for sent in room._sent.values() for part in (sent.content, sent.preview) if part] + (
        [] if room._journey is None else [room._journey]
    )


# ------------------------------------------------------------------------------------------------ codes


def test_codes_are_short_unlike_and_read_aloud_without_doubt():
    codes = {rooms.new_code() for _ in range(500)}
    assert len(codes) == 500 and {len(code) for code in codes} == {rooms.CODE_LENGTH}
    assert not set("".join(codes)) & set("IOQSZ0125")


def test_a_room_is_found_however_its_code_is_typed(clock):
    all_rooms = Rooms(clock)
    room = all_rooms.open("cat, dog")
    assert all_rooms.find(f" {room.code[:2].lower()} {room.code[2:]}") is room and room.words == "cat, dog"
    for wrong in ("", "AAAAA" if room.code != "AAAAA" else "BBBBB", "<b>" * 99):
        with pytest.raises(RoomError, match="There is no room"):
            all_rooms.find(wrong)


def test_there_are_so_many_rooms_and_no_more(clock, monkeypatch):
    monkeypatch.setattr(rooms, "MOST_ROOMS", 2)
    all_rooms = Rooms(clock)
    first = all_rooms.open()
    all_rooms.open()
    with pytest.raises(RoomError, match="2 rooms are open"):
        all_rooms.open()
    first.close()
    assert all_rooms.open().code != first.code and all_rooms.count == 2


def test_a_screen_that_was_loaded_anew_goes_on_with_its_room(clock):
    all_rooms = Rooms(clock)
    room = all_rooms.open("cat, dog", "me")
    send(room, "a")
    send(room, "b")
    room.let_in(1)
    assert all_rooms.open("cat, bird", "me") is room and room.words == "cat, bird" and all_rooms.count == 1
    assert room.sent_by("a").state is State.FAILED and room.sent_by("b").state is State.WAITING
    assert all_rooms.open("", "you") is not room and all_rooms.open() is not all_rooms.open()
    room.close()
    assert all_rooms.open("", "me") is not room


# ------------------------------------------------------------------------------------------------ how it ends

ASKED = (Asked("a", PREVIEW), Asked("b", PREVIEW))


@pytest.mark.parametrize(
    "ask",
    [
        lambda room: room.look(),
        lambda room: send(room, "a"),
        lambda room: room.waiting,
        lambda room: room.let_in(1),
        lambda room: room.ask(ASKED, ("cat", "dog")),
        lambda room: room.question,
        lambda room: room.bet("a", 1, 0, 0),
        lambda room: room.reveal(),
        lambda room: room.join("a"),
        lambda room: room.shown,
    ],
)
def test_a_closed_room_says_so_and_keeps_nothing(room, ask: Callable[[Room], object]):
    send(room, "a")
    send(room, "b")
    room.arrived(room.let_in(1).number, toy_journey())
    room.ask(ASKED, ("cat", "dog"))
    room.bet("a", 1, 0, 1)
    room.close()
    assert kept(room) == [] and room._bets == {} and room._question is None and room._phones == set()
    with pytest.raises(RoomError, match="ABCDE"):
        ask(room)


def test_a_room_ends_with_its_screen(clock):
    all_rooms = Rooms(clock)
    room = all_rooms.open()
    clock.now += rooms.SCREEN_GONE - 1
    room.look("cat, bird")
    clock.now += rooms.SCREEN_GONE - 1
    assert all_rooms.find(room.code).words == "cat, bird"
    send(room, "a")  # a phone does not keep it open
    clock.now += 2
    with pytest.raises(RoomError, match="closed"):
        all_rooms.find(room.code)
    assert kept(room) == [] and all_rooms.count == 0


def test_a_room_ends_when_nothing_happens(room, clock):
    def wait(seconds: float) -> None:
        for _ in range(int(seconds // 100)):
            clock.now += 100
            if not room.is_closed:
                room.look()

    wait(rooms.IDLE - 200)
    send(room, "a")
    wait(rooms.IDLE - 200)
    assert not room.is_closed
    wait(400)
    assert room.is_closed and kept(room) == []


def test_rooms_end_also_where_nobody_asks_for_any(clock):
    all_rooms, swept = Rooms(clock, sweep=0.02), threading.Event()
    room = all_rooms.open()
    send(room, "a")
    clock.now += rooms.SCREEN_GONE + 1
    for _ in range(200):
        if room._closed:
            break
        swept.wait(0.02)
    assert room._closed and kept(room) == [] and all_rooms._rooms == {}


# ------------------------------------------------------------------------------------------------ pictures


def test_a_picture_waits_is_let_in_arrives_and_leaves(room):
    sent = send(room, "a")
    assert room.waiting == (sent,) and sent.name == "Phone 1" and room.sent_by("a").state is State.WAITING
    taken = room.let_in(1)
    assert taken.content == PICTURE and kept(room) == []  # it is the screen's now
    assert room.waiting == () and room.sent_by("a").state is State.TRAVELS
    journey = toy_journey()
    room.arrived(1, journey)
    assert room.shown == (1, journey) and room.sent_by("a").state is State.SHOWN
    room.left()
    assert room.shown is None and room.sent_by("a").state is State.LEFT and kept(room) == []


def test_the_next_picture_takes_the_place_of_the_one_before(room):
    for phone in "ab":
        send(room, phone)
        room.arrived(room.let_in(room.waiting[0].number).number, toy_journey())
    assert room.sent_by("a").state is State.LEFT and room.sent_by("b").state is State.SHOWN


def test_a_picture_that_is_turned_down_or_fails_is_forgotten_and_its_phone_knows(room):
    send(room, "a")
    room.turn_down(1)
    assert room.sent_by("a").state is State.TURNED_DOWN and kept(room) == []
    for ask in (room.turn_down, room.let_in):
        with pytest.raises(RoomError, match="does not wait"):
            ask(1)
    send(room, "b")
    room.failed(room.let_in(2).number, "It took too long.")
    assert (room.sent_by("b").state, room.sent_by("b").why) == (State.FAILED, "It took too long.")
    assert send(room, "a").number == 3  # it may send another one
    assert len(room._sent) == 2


def test_a_room_holds_so_many_pictures(room, clock, monkeypatch):
    monkeypatch.setattr(rooms, "MOST_WAITING", 2)
    send(room, "a")
    with pytest.raises(RoomError, match="of yours is on its way"):
        send(room, "a")
    send(room, "b")
    with pytest.raises(RoomError, match="2 pictures are waiting"):
        send(room, "c")
    room.let_in(1)
    with pytest.raises(RoomError, match="of yours is on its way"):
        send(room, "a")
    send(room, "c")


def test_pictures_have_a_size_and_a_rate(room, clock, monkeypatch):
    with pytest.raises(LimitError, match=r"2\.0 MB"):
        room.send("a", bytes(rooms.ITEM_BYTES + 1), PREVIEW, "cat, dog")
    with pytest.raises(LimitError, match="9,999"):
        send(room, "a", "x" * 9_999)
    assert room.waiting == ()
    for _ in range(rooms.A_MINUTE):
        room.turn_down(send(room, "a").number)
    with pytest.raises(LimitError, match="within a minute"):
        send(room, "a")
    send(room, "b")
    clock.now += 61
    send(room, "a")
    monkeypatch.setattr(rooms, "ROOM_A_MINUTE", 2)
    with pytest.raises(LimitError, match="within a minute"):
        for phone in "cde":
            send(room, phone)


def test_a_room_is_full_one_day(room, monkeypatch):
    monkeypatch.setattr(rooms, "MOST_PHONES", 2)
    for phone in "aab":
        room.join(phone)
    with pytest.raises(RoomError, match="is full: 2 phones"):
        room.join("c")
    with pytest.raises(RoomError, match="is full"):
        send(room, "c")


# ------------------------------------------------------------------------------------------------ bets


def test_bets_are_counted_and_told_by_word_only_after_the_reveal(room):
    asked = room.ask(ASKED, ("cat", "dog"))
    for phone, item, word in (("a", 0, 0), ("a", 1, 1), ("b", 0, 0), ("c", 0, 1), ("c", 0, 0), ("c", 0, 1)):
        room.bet(phone, asked.number, item, word)
    assert room.bets_of("a") == {0: 0, 1: 1} and room.bets_of("d") == {}
    counts = room.counts()
    assert (counts.phones, counts.bets, counts.words) == (3, (3, 1), None)
    assert room.reveal().words == ((2, 1), (0, 1))
    assert room.question.revealed and room.reveal() == room.counts()
    with pytest.raises(RoomError, match="are over"):
        room.bet("a", asked.number, 0, 1)
    assert room.bets_of("a") == {0: 0, 1: 1}


def test_a_new_question_begins_anew(room):
    first = room.ask(ASKED, ("cat", "dog"))
    room.bet("a", first.number, 0, 1)
    second = room.ask(ASKED[:1], ("cat", "dog", "bird"))
    assert room.counts().bets == (0,) and room.bets_of("a") == {}
    with pytest.raises(RoomError, match="are over"):  # a phone that still shows the one before
        room.bet("a", first.number, 0, 1)
    room.bet("a", second.number, 0, 2)
    room.forget_question()
    assert room.question is None and room.bets_of("a") == {}
    with pytest.raises(RoomError, match="Nothing is asked"):
        room.counts()


@pytest.mark.parametrize(("item", "word"), [(2, 0), (-1, 0), (0, 2), (0, -1)])
def test_a_phone_bets_on_what_is_there(room, item, word):
    asked = room.ask(ASKED, ("cat", "dog"))
    with pytest.raises(RoomError, match="no such picture or word"):
        room.bet("a", asked.number, item, word)
    assert room.counts().bets == (0, 0)


@pytest.mark.parametrize(("items", "words"), [(0, 2), (rooms.MOST_ASKED + 1, 2), (1, 1), (1, rooms.MOST_WORDS + 1)])
def test_no_phone_shows_that_much(room, items, words):
    with pytest.raises(RoomError, match="phones bet on"):
        room.ask(ASKED[:1] * items, ["a"] * words)


def test_thirty_phones_at_once(room):
    asked = room.ask(ASKED, ("cat", "dog"))

    def bet(number: int) -> None:
        for item in (0, 1):
            for word in (0, 1, number % 2):
                room.bet(str(number), asked.number, item, word)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(bet, range(30)))
    assert room.counts().phones == 30 and room.reveal().words == ((15, 15), (15, 15))
