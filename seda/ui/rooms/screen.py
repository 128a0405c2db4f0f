"""The big screen's side of a room: its code, who waits to be let in, and the bets. It stands in the side panel of every page."""

from __future__ import annotations

import html
from dataclasses import dataclass, replace

import streamlit as st

from seda.errors import RoomError
from seda.images import png_url
from seda.ui.errors import errors_on_screen, plain, show_error
from seda.ui.qr import QrCode
from seda.ui.serving.reach import reach
from seda.ui.serving.refusals import log_refusal
from seda.ui.serving.rooms import MOST_ASKED, MOST_WORDS, ROOMS, Asked, Question, Room, Sent
from seda.ui.serving.rules import MAY_OPEN_ROOMS, rules
from seda.ui.serving.visitor import own_home
from seda.ui.state import AppState, NamedFile, Shown, TraceRequest, begin_widget, read_widget
from seda.ui.trajectories.links import ROOM, Source, read_template
from seda.ui.trajectories.player import PlayerState
from seda.ui.trajectories.stored import show_first_example

POLL = 2.0  # seconds; chosen here: soon enough for who has just pressed Send
LARGE = "min(66vh, 100%)"  # of the code that a room scans
HOME = "home"  # parameter of a phone's address that asks for what is on the screen

_KEY = "seda.screen"


@dataclass
class ScreenState:
    """A visitor's room.

    Attributes:
        room: open, or was until just now; None without one.
        travels: the item that was let in and has not arrived.
        request: its run.
        inviting: whether the large code is to be shown.
        told: number of the latest item that was announced: the side panel may be folded.
        problem: why no room could be opened.
    """

    room: Room | None = None
    travels: Sent | None = None
    request: TraceRequest | None = None
    inviting: bool = False
    told: int = 0
    problem: RoomError | None = None


def screen_state() -> ScreenState:
    """This visitor's, made on first use."""
    return read_widget(begin_widget(_KEY, ScreenState()))


def room_button(state: AppState) -> None:
    """The offer to open a room, where rooms are open to this visitor and none is."""
    screen = screen_state()
    if screen.room is not None or not rules().allows(MAY_OPEN_ROOMS):
        return
    if st.button(
        "Invite phones", icon=":material/smartphone:", key="rooms.open",
        help="Phones scan a code, send a picture and words to this screen, and bet where pictures land. You let each picture in. "
        "Nothing is written to disk.",
    ):  # fmt: skip
        try:
            screen.room, screen.inviting, screen.problem = ROOMS.open(_words(state), own_home().name), True, None
        except RoomError as error:
            screen.problem = error
            log_refusal("room", error)
        st.rerun(scope="app")


def show_room(state: AppState) -> None:
    """The room in the side panel, on every page, as long as it is open."""
    screen = screen_state()
    if screen.problem is not None:
        show_error(screen.problem)
        screen.problem = None
    if screen.room is None:
        return
    with st.sidebar:
        _panel(state, screen, screen.room)
    if screen.inviting:
        screen.inviting = False
        _invite(screen.room)


@st.fragment(run_every=POLL)
def _panel(state: AppState, screen: ScreenState, room: Room) -> None:
    if screen.room is not room:  # closed just now
        st.rerun(scope="app")
    try:
        room.look(_words(state))
        _follow(state, screen, room)
        with st.container(border=True, gap="small", key="rooms.panel"):
            _code(state, screen, room)
            _waiting(state, screen, room)
            _home(room)
            _bets(state, room)
    except RoomError:  # too long without a look of the screen, or nothing happened
        _close(state, screen, room)
        st.rerun(scope="app")


def _words(state: AppState) -> str:
    """That phones begin with: those of the side panel, else of the journey."""
    if state.class_text is not None or state.shown is None:
        return state.class_text or ""
    return ", ".join(state.shown.journey.trajectory.class_names)


def _on_screen(state: AppState, room: Room) -> int | None:
    """The number of the room's item that is on the screen."""
    shown = state.shown
    if shown is None or shown.source.kind != ROOM or shown.source.names[:1] != (room.code,):
        return None
    return int(shown.source.names[1])


def _follow(state: AppState, screen: ScreenState, room: Room) -> None:
    """Tell the room, and so the phones, what has become of an item."""
    number = _on_screen(state, room)
    if screen.travels is not None and state.pending is not screen.request:
        if number != screen.travels.number:
            why = "It was stopped at the screen." if state.problem is None else state.problem.message
            room.failed(screen.travels.number, why)
        screen.travels = screen.request = None
    known = room.shown
    if number is None or state.shown is None:
        if known is not None:
            room.left()
    elif known is None or known[0] != number or known[1] is not state.shown.journey:
        room.arrived(number, state.shown.journey)


# ------------------------------------------------------------------------------------------------ the code


def _code(state: AppState, screen: ScreenState, room: Room) -> None:
    link = reach().link({"room": room.code})
    code, told = st.columns([2, 3], gap="small", vertical_alignment="center")
    with code:
        st.html(QrCode(link).img("100%", "QR code of the room"))
    with told.container(gap=None):
        st.html(f'<div class="seda-room-code" translate="no">{html.escape(room.code)}</div>')
        if st.button("Show large", icon=":material/open_in_full:", key="rooms.invite", type="tertiary"):
            screen.inviting = True
            st.rerun(scope="app")
        st.button(
            "Close", icon=":material/close:", key="rooms.close", type="tertiary", on_click=_close, args=(state, screen, room),
            help="Ends the room. What phones have sent is gone, also from this screen.",
        )  # fmt: skip


@st.dialog("Phones to this screen", width="large")
def _invite(room: Room) -> None:
    here = reach()
    link = here.link({"room": room.code})
    if here.problem:
        st.warning(plain(here.problem), icon=":material/wifi_off:")
    code, told = st.columns([3, 2], vertical_alignment="center")
    with code:
        st.html(QrCode(link).img(LARGE, "QR code of the room"))
    with told:
        st.html(f'<div class="seda-room-code seda-room-large" translate="no">{html.escape(room.code)}</div>')
        st.html(f'<div class="seda-room-link">{html.escape(link)}</div>')
        st.markdown("Scan it, take a picture, choose words, send.")
        st.caption("Each picture waits in the side panel until it is let in. Nothing is written to disk.")


def _close(state: AppState, screen: ScreenState, room: Room) -> None:
    """End the room; an item of it leaves the screen."""
    room.close()
    if screen.request is not None and state.pending is screen.request:
        state.stop()
    screen.room = screen.travels = screen.request = None
    screen.told = 0
    if _on_screen(state, room) is not None:
        state.shown = None
        show_first_example(state)


# ------------------------------------------------------------------------------------------------ items


def _waiting(state: AppState, screen: ScreenState, room: Room) -> None:
    waiting = room.waiting
    if waiting and waiting[-1].number > screen.told:
        screen.told = waiting[-1].number
        st.toast("A picture waits in the side panel.", icon=":material/smartphone:")
    for sent in waiting:
        busy = state.pending is not None
        preview, told = st.columns([2, 3], gap="small", vertical_alignment="center")
        with preview:
            st.html(f'<img class="seda-sent" src="{html.escape(sent.preview)}" alt="{html.escape(sent.name)}">')
        with told.container(gap=None):
            st.caption(plain(sent.words[:80]))
            if st.button(
                "Let it in", type="primary", key=f"rooms.let_in.{sent.number}", disabled=busy, width="stretch",
                help="When the run that is under way has ended." if busy else None,
            ):  # fmt: skip
                _let_in(state, screen, room, sent)
            st.button(
                "Not this one", key=f"rooms.turn_down.{sent.number}", type="tertiary", on_click=_turn_down, args=(room, sent),
                width="stretch",
            )  # fmt: skip
    if not waiting:
        st.caption("No picture waits.")


def _let_in(state: AppState, screen: ScreenState, room: Room, sent: Sent) -> None:
    """A normal run, in the normal line, with the phone's words."""
    with errors_on_screen():
        template = read_template(state.template) if state.template.strip() else ""
        taken = room.let_in(sent.number)
        screen.travels = taken
        screen.request = TraceRequest(
            (NamedFile(taken.name, taken.content),), Source(ROOM, (room.code, str(taken.number))), taken.words,
            template, state.aligner, state.sampling,
        )  # fmt: skip
        state.ask(screen.request)
        state.raised += 1
        st.switch_page("pages/trajectories.py")


def _turn_down(room: Room, sent: Sent) -> None:
    try:
        room.turn_down(sent.number)
    except RoomError:  # another tap came before
        return


def _home(room: Room) -> None:
    if room.shown is None:
        return
    link = reach().link({"room": room.code, HOME: str(room.shown[0])})
    code, told = st.columns([2, 3], gap="small", vertical_alignment="center")
    with code:
        st.html(QrCode(link).img("100%", "QR code that takes the picture on the screen home"))
    told.caption("Take the picture on the screen home, as one file.")


# ------------------------------------------------------------------------------------------------ bets


def _bets(state: AppState, room: Room) -> None:
    question = room.question
    if question is None:
        _offer_question(state, room)
        return
    counts = room.counts()
    if counts.words is None:
        st.markdown(f"**Where will they land?** {sum(counts.bets):d} bets from {counts.phones:d} phones")
        with st.container(horizontal=True):
            ended = st.button("Reveal", icon=":material/visibility:", key="rooms.reveal")
            taken_back = st.button("Take back", key="rooms.forget", type="tertiary")
        if ended:
            room.reveal()
        if taken_back:
            room.forget_question()
        if ended or taken_back:
            st.rerun(scope="app")  # the player shows again what it hid
        return
    for item, words in zip(question.items, counts.words, strict=True):
        if any(words):
            st.caption(f"**{plain(item.name)}**: {plain(tally(question, words))}")
    if not all(counts.bets):
        st.caption(f"{counts.bets.count(0)} of {len(counts.bets)} pictures have no bet.")
    st.button("End the bets", key="rooms.forget", type="tertiary", on_click=_forget, args=(room,))


def hides_answers(shown: Shown) -> bool:
    """Whether phones are asked where the items on the screen will land, so that nothing there may tell it."""
    room = screen_state().room
    question = None if room is None or room.is_closed else room.question
    return question is not None and not question.revealed and question.words == shown.journey.trajectory.class_names


def _offer_question(state: AppState, room: Room) -> None:
    shown = state.shown
    items = [] if shown is None else _items(state, shown)
    words = () if shown is None else shown.journey.trajectory.class_names
    answered = shown is not None and shown.journey.trajectory.is_answered
    fits = answered and 1 <= len(items) <= MOST_ASKED and 2 <= len(words) <= MOST_WORDS
    asked = st.button(
        "Ask where they will land", icon=":material/how_to_vote:", key="rooms.ask", disabled=not fits or state.pending is not None,
        width="stretch",
        help="The picture goes back to its start, and phones bet on a word for each of its pictures, or of those that are selected."
        if fits
        else "Paths that were made elsewhere have no answer to bet on."
        if shown is not None and not answered
        else f"Phones bet on 1 to {MOST_ASKED} pictures and 2 to {MOST_WORDS} words. Select some of the pictures, or take fewer words.",
    )  # fmt: skip
    if asked and shown is not None:
        room.ask(items, words)
        state.shown = replace(shown, start=replace(state.view or PlayerState(), step=0))
        state.raised += 1
        st.rerun(scope="app")


def _items(state: AppState, shown: Shown) -> list[Asked]:
    """The selected items, else all."""
    journey = shown.journey
    chosen = state.view.selection if state.view and state.view.selection else range(len(journey.thumbnails))
    return [
        Asked(
            journey.trajectory.item_names[item], png_url(journey.thumbnails[item]) if journey.thumbnails[item] else ""
        )
        for item in chosen
    ]


def _forget(room: Room) -> None:
    room.forget_question()


def tally(question: Question, counts: tuple[int, ...]) -> str:
    """The words that were bet on, the most first."""
    bets = sorted(((count, -place) for place, count in enumerate(counts) if count), reverse=True)
    return ", ".join(f"{question.words[-place]} {count}" for count, place in bets) or "no bet"
