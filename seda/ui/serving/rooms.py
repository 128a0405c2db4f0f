"""Rooms: phones that send items to one big screen, and bet where items land.

A room is open as long as its screen looks after it. Everything is in memory and goes with the room; an item goes before that when
it is turned down, and when it has left the screen. Nothing here knows Streamlit.

    screen    ROOMS.open(), room.look(), room.waiting, room.let_in(), room.arrived(), room.ask(), room.counts(), room.reveal(), room.close()
    phone     ROOMS.find(code), room.join(), room.send(), room.sent_by(), room.question, room.bet()
"""

from __future__ import annotations

import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from enum import Enum

from seda.errors import LimitError, RoomError
from seda.journeys.journey import Journey
from seda.ui.serving.rate import Rate

LETTERS = "ABCDEFGHJKLMNPRTUVWXY"  # none that is read as another or as a digit: I, O, Q, S, Z
CODE_LENGTH = 5  # 4 million codes

# Chosen here, for a class room
MOST_ROOMS = 16
MOST_PHONES = 400  # of a room
MOST_WAITING = 12  # items of a room
ITEM_BYTES = 2 * 2**20  # of an item as it waits
WORDS_LENGTH = 2_000  # characters
A_MINUTE = 6  # items of one phone
ROOM_A_MINUTE = 60  # items of all
SCREEN_GONE = 180.0  # seconds without a look of the screen: longer than a run takes, or a tab in the background sleeps
IDLE = 45 * 60.0  # seconds in which no phone and nobody at the screen did anything
SWEEP = 30.0  # seconds between two looks for rooms that are over
MOST_ASKED, MOST_WORDS = 16, 24  # items and words that are bet on: more are not found on a phone


class State(Enum):
    """Where an item is."""

    WAITING = "waiting"
    TRAVELS = "travels"
    SHOWN = "shown"
    LEFT = "left"
    TURNED_DOWN = "turned down"
    FAILED = "failed"


@dataclass(frozen=True)
class Sent:
    """An item that a phone has sent.

    Attributes:
        number: in its room, from 1.
        phone: which one sent it.
        words: that it shall travel to, as typed.
        content: of its file; empty once nobody needs it.
        preview: data URL of a small one; empty then, too.
        state: where it is.
        why: what went wrong, where something has.
    """

    number: int
    phone: str = field(repr=False)
    words: str
    content: bytes = field(repr=False)
    preview: str = field(repr=False)
    state: State = State.WAITING
    why: str = ""

    @property
    def name(self) -> str:
        """As the screen calls it: a phone's own names of files are nobody's business."""
        return f"Phone {self.number}"


@dataclass(frozen=True)
class Asked:
    """An item that is bet on.

    Attributes:
        name: of it.
        thumbnail: data URL of a small one.
    """

    name: str
    thumbnail: str = field(repr=False)


@dataclass(frozen=True)
class Question:
    """Where will each item land?

    Attributes:
        number: of the question in its room, from 1.
        items: that are bet on.
        words: where they may land.
        revealed: whether bets are over.
    """

    number: int
    items: tuple[Asked, ...]
    words: tuple[str, ...]
    revealed: bool = False


@dataclass(frozen=True)
class Counts:
    """Bets.

    Attributes:
        phones: that have bet on any item.
        bets: on each item.
        words: of each item, bets on each word; None before the reveal, so that nobody follows the others.
    """

    phones: int
    bets: tuple[int, ...]
    words: tuple[tuple[int, ...], ...] | None


class Room:
    """One screen's; for several threads. What is asked of a closed room raises RoomError.

    Args:
        code: by which phones find it.
        words: that the screen shows, as they would be typed.
        clock: seconds that only grow.
        owner: whose screen it is; "" for nobody's.
    """

    def __init__(
        self, code: str, words: str = "", clock: Callable[[], float] = time.monotonic, owner: str = ""
    ) -> None:
        self.code, self.owner = code, owner
        self._clock, self._guard = clock, threading.RLock()
        self._words = words
        self._seen = self._touched = clock()
        self._closed = False
        self._phones: set[str] = set()
        self._number = 0
        self._sent: dict[int, Sent] = {}
        self._rate = Rate(clock)
        self._question: Question | None = None
        self._asked = 0
        self._bets: dict[tuple[str, int], int] = {}  # word by phone and item
        self._journey: tuple[int, Journey] | None = None  # on the screen, and whose item it is of

    # -------------------------------------------------------------------------------------------- life

    @property
    def is_closed(self) -> bool:
        """Whether it is over; closes it where its screen has gone or nothing has happened for long."""
        with self._guard:
            now = self._clock()
            if not self._closed and (now - self._seen > SCREEN_GONE or now - self._touched > IDLE):
                self.close()
            return self._closed

    def close(self) -> None:
        """End it; nothing that was sent is kept."""
        with self._guard:
            self._closed = True
            self._sent, self._bets, self._phones = {}, {}, set()
            self._question = self._journey = None

    def look(self, words: str | None = None) -> None:
        """The screen is there, and shows these words."""
        with self._open():
            self._seen = self._clock()
            if words is not None:
                self._words = words[:WORDS_LENGTH]

    @contextmanager
    def _open(self) -> Iterator[None]:
        """Nobody else changes the room meanwhile.

        Raises:
            RoomError: it is closed.
        """
        with self._guard:
            if self.is_closed:
                raise closed(self.code)
            yield

    def _touch(self) -> None:
        self._touched = self._clock()

    # ----------------------------------------------------------------------------------------------- items

    @property
    def words(self) -> str:
        """That the screen shows."""
        return self._words

    def join(self, phone: str) -> None:
        """A phone is there.

        Raises:
            RoomError: the room is closed, or full.
        """
        with self._open():
            if phone not in self._phones and len(self._phones) >= MOST_PHONES:
                raise RoomError(
                    f"The room {self.code} is full: {MOST_PHONES} phones are in it.",
                    remedy="Look on together with a neighbour.",
                )
            self._phones.add(phone)

    def send(self, phone: str, content: bytes, preview: str, words: str) -> Sent:
        """Leave an item, which waits until the screen lets it in.

        Args:
            phone: which one.
            content: an item's file that was read and written anew.
            preview: data URL of a small one.
            words: as typed, checked.
        Raises:
            RoomError: the room is closed, too many items wait, or one of this phone does.
            LimitError: too large, or too many within a minute.
        """
        with self._open():
            self.join(phone)
            if len(content) > ITEM_BYTES or len(preview) > ITEM_BYTES or len(words) > WORDS_LENGTH:
                raise LimitError(
                    f"The picture has {len(content) / 2**20:.1f} MB, the words {len(words):,} characters; a room takes "
                    f"{ITEM_BYTES // 2**20} MB and {WORDS_LENGTH:,} characters.",
                    remedy="Send a smaller picture or fewer words.",
                )
            last = self.sent_by(phone)
            if last is not None and last.state in (State.WAITING, State.TRAVELS):
                raise RoomError("A picture of yours is on its way already.", remedy="Wait until it has been shown.")
            if len(self.waiting) >= MOST_WAITING:
                raise RoomError(f"{MOST_WAITING} pictures are waiting already.", remedy="Try again in a minute.")
            if not (self._rate.allows(phone, A_MINUTE) and self._rate.allows("", ROOM_A_MINUTE)):
                raise LimitError("Too many pictures came within a minute.", remedy="Wait a minute, then send it again.")
            if last is not None:
                del self._sent[last.number]
            self._number += 1
            sent = self._sent[self._number] = Sent(self._number, phone, words, content, preview)
            self._touch()
            return sent

    @property
    def waiting(self) -> tuple[Sent, ...]:
        """Items that are to be let in, in their order."""
        return self._in(State.WAITING)

    @property
    def travelling(self) -> tuple[Sent, ...]:
        """Items that were let in and are not on the screen yet."""
        return self._in(State.TRAVELS)

    def _in(self, state: State) -> tuple[Sent, ...]:
        with self._open():
            return tuple(sent for sent in self._sent.values() if sent.state is state)

    def sent_by(self, phone: str) -> Sent | None:
        """A phone's latest item."""
        with self._open():
            return next((sent for sent in reversed(self._sent.values()) if sent.phone == phone), None)

    def let_in(self, number: int) -> Sent:
        """Let an item travel; it is given away here.

        Raises:
            RoomError: it does not wait (any longer).
        """
        with self._open():
            sent = self._waits(number)
            self._sent[number] = replace(sent, content=b"", preview="", state=State.TRAVELS)
            return sent

    def turn_down(self, number: int) -> None:
        """Forget an item.

        Raises:
            RoomError: it does not wait (any longer).
        """
        with self._open():
            self._sent[number] = replace(self._waits(number), content=b"", preview="", state=State.TURNED_DOWN)

    def _waits(self, number: int) -> Sent:
        self._touch()
        sent = self._sent.get(number)
        if sent is None or sent.state is not State.WAITING:
            raise RoomError("This picture does not wait any longer.", remedy="Look at those that do.")
        return sent

    def arrived(self, number: int, journey: Journey) -> None:
        """An item is on the screen; the one before has left it."""
        with self._open():
            self.left()
            self._journey = number, journey
            self._say(number, State.SHOWN)

    def failed(self, number: int, why: str) -> None:
        """An item did not come to the screen."""
        with self._open():
            self._say(number, State.FAILED, why)

    def left(self) -> None:
        """No item of the room is on the screen (any longer)."""
        with self._open():
            if self._journey is not None:
                self._say(self._journey[0], State.LEFT)
                self._journey = None

    def _say(self, number: int, state: State, why: str = "") -> None:
        self._touch()
        if number in self._sent:  # its phone may have sent another one since
            self._sent[number] = replace(self._sent[number], state=state, why=why)

    @property
    def shown(self) -> tuple[int, Journey] | None:
        """The item of the room that is on the screen: its number and its journey, for whoever takes it home."""
        with self._open():
            return self._journey

    # -------------------------------------------------------------------------------------------- bets

    def ask(self, items: Sequence[Asked], words: Sequence[str]) -> Question:
        """Ask where each item will land; bets on what was asked before are gone.

        Raises:
            RoomError: the room is closed, or there are too many items or words for a phone.
        """
        with self._open():
            if not 1 <= len(items) <= MOST_ASKED or not 2 <= len(words) <= MOST_WORDS:
                raise RoomError(
                    f"{len(items)} pictures and {len(words)} words; phones bet on 1 to {MOST_ASKED} pictures and 2 to "
                    f"{MOST_WORDS} words.",
                    remedy="Select some of the pictures, or take fewer words.",
                )
            self._asked += 1
            self._bets = {}
            self._question = Question(self._asked, tuple(items), tuple(words))
            self._touch()
            return self._question

    @property
    def question(self) -> Question | None:
        """What is asked, or was and is revealed."""
        with self._open():
            return self._question

    def bet(self, phone: str, question: int, item: int, word: int) -> None:
        """Bet on a word for an item, or change one's mind.

        Args:
            question: its number, as the phone saw it.
        Raises:
            RoomError: bets are over, something else is asked now, or there is no such item or word.
        """
        with self._open():
            self.join(phone)
            asked = self._question
            if asked is None or asked.number != question or asked.revealed:
                raise RoomError("Bets on this are over.", remedy="Look at the screen.")
            if not (0 <= item < len(asked.items) and 0 <= word < len(asked.words)):
                raise RoomError("There is no such picture or word.", remedy="Choose one that is shown.")
            self._bets[phone, item] = word
            self._touch()

    def bets_of(self, phone: str) -> dict[int, int]:
        """A phone's own: word by item."""
        with self._open():
            return {item: word for (who, item), word in self._bets.items() if who == phone}

    def counts(self) -> Counts:
        """How many have bet; on which word only after the reveal.

        Raises:
            RoomError: the room is closed, or nothing is asked.
        """
        with self._open():
            asked = self._question
            if asked is None:
                raise RoomError("Nothing is asked in this room.", remedy="Ask first.")
            by_word = Counter((item, word) for (_, item), word in self._bets.items())
            words = tuple(
                tuple(by_word[item, word] for word in range(len(asked.words))) for item in range(len(asked.items))
            )
            bets = tuple(map(sum, words))
            return Counts(len({who for who, _ in self._bets}), bets, words if asked.revealed else None)

    def reveal(self) -> Counts:
        """End the bets, and tell how many bet on which word.

        Raises:
            RoomError: the room is closed, or nothing is asked.
        """
        with self._open():
            if self._question is not None:
                self._question = replace(self._question, revealed=True)
                self._touch()
            return self.counts()

    def forget_question(self) -> None:
        """Nothing is asked any longer."""
        with self._open():
            self._question, self._bets = None, {}
            self._touch()


def closed(code: str) -> RoomError:
    """What a phone is told whose room is not there, or not any longer."""
    return RoomError(
        f"There is no room {code!r:.20}, or it is closed.", remedy="Look at the screen for its code, and type it below."
    )


class Rooms:
    """All rooms of this process; for several threads.

    Args:
        clock: seconds that only grow.
        sweep: seconds between two looks for rooms that are over, on a thread of their own; 0 for none.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, sweep: float = 0.0) -> None:
        self._clock, self._every = clock, sweep
        self._guard = threading.Lock()
        self._rooms: dict[str, Room] = {}
        self._sweeper: threading.Timer | None = None

    def open(self, words: str = "", owner: str = "") -> Room:
        """A new room; the owner's, where one is open: a screen that was loaded anew goes on with it.

        Raises:
            RoomError: there are too many.
        """
        with self._guard:
            self._drop_closed()
            for room in self._rooms.values():
                if owner and room.owner == owner:
                    room.look(words)
                    for sent in room.travelling:
                        room.failed(sent.number, "The screen was loaded anew.")
                    return room
            if len(self._rooms) >= MOST_ROOMS:
                raise RoomError(
                    f"{MOST_ROOMS} rooms are open on this server already.",
                    remedy="Close one that is not needed, or try again later.",
                )
            code = new_code()
            while code in self._rooms:
                code = new_code()
            room = self._rooms[code] = Room(code, words[:WORDS_LENGTH], self._clock, owner)
            self._sweep_later()
            return room

    def find(self, code: str) -> Room:
        """The room of a code, typed in small letters or large.

        Raises:
            RoomError: there is none, or it is closed.
        """
        wanted = "".join(code.split()).upper()
        with self._guard:
            self._drop_closed()
            if wanted not in self._rooms:
                raise closed(wanted)
            return self._rooms[wanted]

    @property
    def count(self) -> int:
        """Of open rooms."""
        with self._guard:
            self._drop_closed()
            return len(self._rooms)

    def _drop_closed(self) -> None:
        self._rooms = {code: room for code, room in self._rooms.items() if not room.is_closed}

    def _sweep_later(self) -> None:
        """Rooms end also where nobody asks for any."""
        if self._every and self._sweeper is None and self._rooms:
            self._sweeper = threading.Timer(self._every, self._sweep)
            self._sweeper.daemon = True
            self._sweeper.start()

    def _sweep(self) -> None:
        with self._guard:
            self._sweeper = None
            self._drop_closed()
            self._sweep_later()


def new_code() -> str:
    """For a room; nobody guesses it."""
    return "".join(secrets.choice(LETTERS) for _ in range(CODE_LENGTH))


ROOMS = Rooms(sweep=SWEEP)
