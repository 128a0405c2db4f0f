"""A phone's side of a room: the only page that its link opens. Send a picture and words, see what becomes of it, bet."""

from __future__ import annotations

import html
from dataclasses import dataclass
from functools import partial

import streamlit as st

from seda.class_texts import parse_class_texts
from seda.errors import ImageError, RoomError, SedaError
from seda.player import to_html
from seda.ui.errors import plain, show_error
from seda.ui.rooms.photo import NAME, TYPES, Photo, read_photo
from seda.ui.rooms.screen import HOME, tally
from seda.ui.serving.refusals import log_refusal
from seda.ui.serving.rooms import ROOMS, WORDS_LENGTH, Question, Room, Sent, State
from seda.ui.serving.uploaded import show_lost
from seda.ui.serving.visitor import own_home
from seda.ui.state import begin_widget, read_address, read_widget, set_widget, write_address

CODE = "room"  # parameter of the address
PHONE_POLL = 2.0  # seconds; chosen here: thirty phones cost a server some five hundredths of a core
MOST_MISSED = 20  # codes that a phone tries in a session; chosen here: nobody guesses a room
WORDS_KEY, CODE_KEY = "phone.words", "phone.code"

_KEY = "seda.phone"
_ON_ITS_WAY = (State.WAITING, State.TRAVELS)
_STYLE = """
<style>
.stApp [data-testid="stHeader"] { display: none; }
.stMainBlockContainer { padding: 1rem 1rem 3rem; max-width: 34rem; }
.stMain .stButton button, .stMain .stDownloadButton button { min-height: 3.4rem; }
.stMain .stButton button p, .stMain .stDownloadButton button p { font-size: 1.15rem; white-space: normal; }
.stMain textarea, .stMain input { font-size: 1.1rem; }
.stMain [data-testid="stFileUploaderDropzone"] { min-height: 5rem; }
.stMain [data-testid="stFileUploaderDropzone"] > :not(button, :has(button)) { display: none; }
.stMain [data-testid="stFileUploaderDropzone"] button { min-height: 3.4rem; width: 100%; }
.stMain [data-testid="stFileUploaderDropzone"] button p { font-size: 0; }
.stMain [data-testid="stFileUploaderDropzone"] button p::after { content: "Camera or photos"; font-size: 1.15rem; }
/* The picture itself is shown below, by no name. */
.stMain [data-testid="stFileChips"] > div > div:not(
  :has([aria-invalid="true"], [data-testid="stFileChipIconSpinner"], [aria-label="Add files"])) { display: none; }
.stMain [data-testid="stFileChips"] [aria-label="Add files"], .stMain [data-testid="stFileChips"] [aria-label="Add files"] * { color: inherit; opacity: 1; }
.stMain [data-testid="stFileChips"] [aria-label="Add files"]::after { content: "Take another one"; font-size: 1.1rem; }
.seda-phone-picture { display: block; max-width: 100%; max-height: 15rem; margin-inline: auto; border-radius: .6rem; }
.st-key-phone-choices { display: grid; grid-template-columns: 1fr 1fr; gap: .5rem; }
.seda-phone-bet { display: block; height: 7.5rem; margin-inline: auto; border-radius: .6rem; }
</style>
"""
_TOLD = {
    State.TRAVELS: "Let in! Look at the screen: your picture travels.",
    State.LEFT: "Your picture has left the screen; nothing of it is kept.",
    State.TURNED_DOWN: "This picture was not let in, and nothing of it is kept. You may send another one.",
}


@dataclass
class PhoneState:
    """What a phone has chosen and not sent.

    Attributes:
        round: how often its uploader began anew.
        read: Streamlit's name of the file that was read last.
        photo: that file's picture; None where it could not be read.
        problem: why not, or why it could not be sent.
        question: number of the question that `item` belongs to.
        item: the one that is bet on.
        missed: how often the address held no room.
    """

    round: int = 0
    read: str = ""
    photo: Photo | None = None
    problem: SedaError | None = None
    question: int = 0
    item: int = 0
    missed: int = 0


def phone_state() -> PhoneState:
    """This visitor's, made on first use."""
    return read_widget(begin_widget(_KEY, PhoneState()))


def is_phone() -> bool:
    """Whether the address asks for a room: then there is nothing else."""
    return CODE in read_address()


def show_phone() -> None:
    """The page of a room on a phone."""
    st.html(_STYLE)
    params, phone = read_address(), phone_state()
    who = own_home().name
    try:
        room = _find(params.get(CODE, ""), phone)
        room.join(who)
        if HOME in params:
            _take_home(room, params[HOME])
            return
        st.subheader(f"Room {plain(room.code)}", anchor=False)
        _live(room, who, phone)
        sent = room.sent_by(who)
        if sent is None or sent.state not in _ON_ITS_WAY:
            _choose(room, who, phone, again=sent is not None)
    except RoomError as error:
        _lost(error)


def _find(code: str, phone: PhoneState) -> Room:
    """
    Raises:
        RoomError: there is none, or too many were tried.
    """
    if phone.missed >= MOST_MISSED:
        raise RoomError(f"{MOST_MISSED} codes did not fit.", remedy="Scan the code on the screen.")
    try:
        return ROOMS.find(code)
    except RoomError:
        phone.missed += 1
        log_refusal("room", "code")
        raise


def _lost(error: RoomError) -> None:
    """The room is wrong, closed or full."""
    show_error(error)
    st.text_input("Code on the screen", key=CODE_KEY, max_chars=12, on_change=_enter)
    st.button("Go to the room", type="primary", width="stretch", key="phone.enter", on_click=_enter)


def _enter() -> None:
    typed = "".join(str(read_widget(CODE_KEY) or "").split()).upper()
    if typed:
        write_address({CODE: typed})


# ------------------------------------------------------------------------------------------------ what becomes of it


@st.fragment(run_every=PHONE_POLL)
def _live(room: Room, who: str, phone: PhoneState) -> None:
    """What changes by itself; when the page has to be another one, all of it is drawn again."""
    try:
        sent = room.sent_by(who)
        before = read_widget("phone.state")
        set_widget("phone.state", None if sent is None else sent.state)
        if before is not None and (sent is None or before is not sent.state):
            st.rerun(scope="app")
        if sent is not None:
            _told(room, sent)
        question = room.question
        if question is not None:
            _bet(room, who, phone, question)
    except RoomError:
        st.rerun(scope="app")


def _told(room: Room, sent: Sent) -> None:
    shown = room.shown
    if sent.state is State.WAITING:
        before = sum(one.number < sent.number for one in room.waiting)
        st.info(
            "Sent. It waits to be let in." + (f" Before it: {before:d}." if before else ""),
            icon=":material/hourglass_top:",
        )
        if sent.preview:
            st.html(f'<img class="seda-phone-picture" src="{html.escape(sent.preview)}" alt="{html.escape(NAME)}">')
    elif sent.state is State.FAILED:
        st.warning(f"Your picture did not get to the screen. {plain(sent.why)}", icon=":material/error:")
    elif sent.state is State.SHOWN and shown is not None:
        st.success("Your picture is on the screen.", icon=":material/tv:")
        _home_button(room, sent.number)
    elif sent.state in _TOLD:
        st.info(_TOLD[sent.state], icon=":material/smartphone:")


def _home_button(room: Room, number: int) -> None:
    shown = room.shown
    if shown is not None and shown[0] == number:
        st.download_button(
            "Take it home", partial(to_html, shown[1]), "journey.html", "text/html", key=f"phone.home.{number}",
            icon=":material/download:", on_click="ignore", width="stretch",
        )  # fmt: skip


def _take_home(room: Room, number: str) -> None:
    """What the screen's second code opens."""
    st.subheader("The picture on the screen", anchor=False)
    shown = room.shown
    if shown is not None and str(shown[0]) == number:
        st.caption("One file that plays on any phone or computer, without a network.")
        _home_button(room, shown[0])
    else:
        st.info("This picture has left the screen; nothing of it is kept.")
    st.button("To the room", key="phone.room", width="stretch", on_click=write_address, args=({CODE: room.code},))


# ------------------------------------------------------------------------------------------------ sending


def _choose(room: Room, who: str, phone: PhoneState, *, again: bool) -> None:
    key = f"phone.picture.{phone.round}"
    file = st.file_uploader(
        "Another picture" if again else "Take a picture, or choose one", type=TYPES, key=key, on_change=_changed, args=(phone,)
    )  # fmt: skip
    show_lost(key)
    if file is not None and file.file_id != phone.read:
        phone.read, phone.photo, phone.problem = file.file_id, None, None
        with st.spinner("Looking at it"):
            try:
                phone.photo = read_photo(file.getvalue())
            except ImageError as error:
                phone.problem = error
                log_refusal("picture", error)
    if phone.photo is not None:
        st.html(f'<img class="seda-phone-picture" src="{html.escape(phone.photo.preview)}" alt="{html.escape(NAME)}">')
    st.text_area(
        "Words that it may be", key=begin_widget(WORDS_KEY, room.words), max_chars=WORDS_LENGTH, height=110,
        help="Two or more, separated by commas.",
    )  # fmt: skip
    if phone.problem is not None:
        show_error(phone.problem)
    st.button(
        "Send to the screen", type="primary", icon=":material/send:", width="stretch", key="phone.send",
        disabled=phone.photo is None, on_click=_send, args=(room, who, phone),
    )  # fmt: skip
    st.caption("It is shown only after somebody at the screen has let it in. Nothing is written to disk.")


def _changed(phone: PhoneState) -> None:
    """Another file, or none."""
    phone.read, phone.photo, phone.problem = "", None, None


def _send(room: Room, who: str, phone: PhoneState) -> None:
    words = str(read_widget(WORDS_KEY) or "")
    try:
        parse_class_texts(words)
        if phone.photo is not None:
            room.send(who, phone.photo.content, phone.photo.preview, words)
        _changed(phone)
        phone.round += 1  # else Streamlit keeps the file
    except SedaError as error:
        phone.problem = error
        log_refusal("room", error)


# ------------------------------------------------------------------------------------------------ bets


def _bet(room: Room, who: str, phone: PhoneState, question: Question) -> None:
    bets = room.bets_of(who)
    if question.revealed:
        _revealed(room, question, bets)
        return
    if phone.question != question.number:
        phone.question, phone.item = question.number, 0
    item, count = min(phone.item, len(question.items) - 1), len(question.items)
    asked = question.items[item]
    with st.container(border=True, key="phone.bets"):
        st.markdown(f"**Where will it land?** {item + 1:d} of {count:d}")
        st.html(f'<img class="seda-phone-bet" src="{html.escape(asked.thumbnail)}" alt="{html.escape(asked.name)}">')
        with st.container(key="phone.choices"):
            for word, text in enumerate(question.words):
                st.button(
                    plain(text), key=f"phone.bet.{question.number}.{item}.{word}", width="stretch",
                    type="primary" if bets.get(item) == word else "secondary",
                    on_click=_place, args=(room, who, phone, question, item, word),
                )  # fmt: skip
        if count > 1:
            with st.container(horizontal=True):
                st.button(
                    "Back",
                    key="phone.bet.back",
                    disabled=item == 0,
                    on_click=_turn,
                    args=(phone, item - 1),
                    width="stretch",
                )
                st.button(
                    "Next",
                    key="phone.bet.next",
                    disabled=item + 1 == count,
                    on_click=_turn,
                    args=(phone, item + 1),
                    width="stretch",
                )
        st.caption(f"You have bet on {len(bets)} of {count}. You may change your mind until the pictures travel.")


def _turn(phone: PhoneState, item: int) -> None:
    phone.item = item


def _place(room: Room, who: str, phone: PhoneState, question: Question, item: int, word: int) -> None:
    """Bet, and go to the next item without a bet."""
    try:
        room.bet(who, question.number, item, word)
    except RoomError:  # over meanwhile, which the page says next
        return
    bets = room.bets_of(who)
    later = [(item + ahead) % len(question.items) for ahead in range(1, len(question.items))]
    phone.item = next((one for one in later if one not in bets), item)


def _revealed(room: Room, question: Question, bets: dict[int, int]) -> None:
    counts = room.counts().words or ()
    with st.container(border=True, key="phone.bets"):
        st.markdown("**Bets are over.** Look at the screen.")
        for item, (asked, words) in enumerate(zip(question.items, counts, strict=True)):
            mine = f"you: {question.words[bets[item]]}; " if item in bets else ""
            with st.container(horizontal=True, vertical_alignment="center"):
                st.html(
                    f'<img src="{html.escape(asked.thumbnail)}" alt="{html.escape(asked.name)}" style="height:3rem;border-radius:.4rem">',
                    width="content",
                )
                st.caption(plain(f"{mine}all: {tally(question, words)}"), width="stretch")
