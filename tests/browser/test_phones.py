"""A big screen and phones, in real Chromiums: a picture is sent, let in, shown and taken home; bets are counted."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from seda.ui.serving.reach import lan_address
from seda.ui.serving.rooms import CODE_LENGTH, LETTERS
from tests.browser.played import root_of
from tests.browser.readable import unreadable
from tests.browser.served import QUIET, ROOT, serving, settled
from tests.tiny import picture

RUN_LIMIT = 120_000  # ms
CODE = re.compile(f"^[{LETTERS}]{{{CODE_LENGTH}}}$")

pytestmark = pytest.mark.browser


@pytest.fixture
def visit(chromium: Browser) -> Iterator[Callable[..., Page]]:
    """Opens a page of a new browser, whose errors fail the test."""
    contexts, problems = [], []

    def open_one(url: str, *, phone: bool = False) -> Page:
        size = {"width": 390, "height": 844} if phone else {"width": 1280, "height": 720}
        contexts.append(chromium.new_context(viewport=size, has_touch=phone, is_mobile=phone))
        page = contexts[-1].new_page()
        page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto(url)
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert problems == []


def open_room(screen: Page) -> str:
    """Invite phones; returns the room's code, which the screen shows large and then small."""
    expect(screen.locator("canvas").first).to_be_visible(timeout=30_000)
    settled(screen)
    screen.get_by_role("button", name="Invite phones").click()
    large = screen.get_by_role("dialog").locator(".seda-room-large")
    expect(large).to_have_text(CODE)
    return large.inner_text()


def close_dialog(screen: Page) -> None:
    screen.get_by_role("button", name="Close", exact=True).last.click()
    expect(screen.get_by_role("dialog")).to_have_count(0)


def test_a_phone_sends_a_picture_and_takes_it_home(visit, server: str, tmp_path: Path, artifacts: Path):
    screen = visit(server)
    code = open_room(screen)
    settled(screen)
    screen.screenshot(path=artifacts / "rooms-invite.png")
    close_dialog(screen)
    words = screen.locator("textarea").first.input_value()

    phone = visit(f"{server}/?room={code.lower()}", phone=True)
    expect(phone.get_by_role("heading", name=f"Room {code}")).to_be_visible()
    expect(phone.get_by_test_id("stSidebar")).to_have_count(0)
    expect(phone.locator("textarea")).to_have_value(words)
    send = phone.get_by_role("button", name="Send to the screen")
    expect(send).to_be_disabled()

    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"#!/bin/sh")
    phone.locator("input[type=file]").set_input_files(bad)
    expect(phone.get_by_text("Your picture is not a picture")).to_be_visible()
    good = tmp_path / "my secret name.png"
    picture(0, 3).resize((640, 480)).save(good)
    phone.locator("input[type=file]").set_input_files(good)
    expect(phone.locator(".seda-phone-picture")).to_be_visible()
    phone.locator("textarea").fill("red square, green disc, <b>blue</b> stripes")
    phone.locator("textarea").blur()
    settled(phone)
    phone.screenshot(path=artifacts / "rooms-phone.png")
    assert phone.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert unreadable(phone) == []
    expect(screen.locator(".seda-sent")).to_have_count(0)  # nothing is told of what could not be read
    expect(screen.get_by_text("is not a picture")).to_have_count(0)
    send.tap()
    expect(phone.get_by_text("It waits to be let in")).to_be_visible()

    expect(screen.locator(".seda-sent")).to_be_visible()
    expect(screen.get_by_text("red square, green disc, <b>blue</b> stripes")).to_be_visible()
    settled(screen)
    screen.screenshot(path=artifacts / "rooms-waiting.png")
    screen.get_by_role("button", name="Let it in").click()
    expect(phone.get_by_text("Let in! Look at the screen")).to_be_visible()
    expect(screen.get_by_test_id("stMain").get_by_text(re.compile("Your run$"))).to_be_visible(timeout=RUN_LIMIT)
    expect(screen.get_by_text("1 picture, 3 words")).to_be_visible()
    expect(screen.locator(".seda-sent")).to_have_count(0)
    expect(screen.get_by_text("Take the picture on the screen home")).to_be_visible()
    expect(phone.get_by_text("Your picture is on the screen")).to_be_visible()
    settled(screen)
    screen.screenshot(path=artifacts / "rooms-shown.png")
    settled(phone)
    phone.screenshot(path=artifacts / "rooms-phone-shown.png", full_page=True)

    home = phone.context.new_page()  # what the screen's second code opens
    home.goto(f"{server}/?room={code}&home=1")
    with home.expect_download() as download:
        home.get_by_role("button", name="Take it home").click()
    file = tmp_path / "journey.html"
    download.value.save_as(file)
    assert b"secret" not in file.read_bytes()
    home.goto(file.as_uri())
    expect(home.locator("canvas").first).to_be_visible()
    home.close()

    screen.get_by_role("button", name="Photographs find everyday words").last.click()  # it leaves the screen
    expect(phone.get_by_text("Your picture has left the screen")).to_be_visible(timeout=30_000)
    expect(phone.get_by_role("button", name="Take it home")).to_have_count(0)
    screen.get_by_test_id("stSidebar").get_by_role("button", name="Close").click()
    expect(phone.get_by_text(f"There is no room '{code}', or it is closed.")).to_be_visible(timeout=30_000)


def test_phones_bet_where_pictures_land(visit, server: str, artifacts: Path):
    screen = visit(server)
    code = open_room(screen)
    close_dialog(screen)
    screen.get_by_role("button", name="Ask where they will land").click()
    expect(root_of(screen)).to_have_attribute("data-step", "0")
    expect(root_of(screen)).to_have_attribute("data-playing", "false")
    expect(screen.get_by_text("0 bets from 0 phones")).to_be_visible()
    phones = [visit(f"{server}/?room={code}", phone=True) for _ in range(2)]
    for phone in phones:
        expect(phone.get_by_text("1 of 10")).to_be_visible()
    phones[0].get_by_role("button", name="dog", exact=True).tap()
    expect(phones[0].get_by_text("2 of 10")).to_be_visible()
    phones[0].get_by_role("button", name="Back").tap()
    expect(phones[0].get_by_text("1 of 10")).to_be_visible()
    settled(phones[0])
    phones[0].screenshot(path=artifacts / "rooms-bet.png")
    assert unreadable(phones[0]) == []
    phones[0].get_by_role("button", name="cat", exact=True).tap()  # another mind
    phones[1].get_by_role("button", name="cat", exact=True).tap()
    expect(screen.get_by_text("2 bets from 2 phones")).to_be_visible()
    expect(screen.get_by_text(re.compile("cat 2"))).to_have_count(0)
    settled(screen)
    screen.screenshot(path=artifacts / "rooms-bets.png")
    expect(root_of(screen)).to_have_attribute("data-predict", "asking")  # nothing on the screen tells it meanwhile
    expect(screen.get_by_test_id("gallery")).to_be_hidden()
    screen.get_by_role("button", name="Reveal").click()
    expect(root_of(screen)).to_have_attribute("data-predict", "off")
    expect(root_of(screen)).to_have_attribute("data-playing", "true")
    expect(screen.get_by_text(re.compile("cat 2"))).to_be_visible()
    for phone in phones:
        expect(phone.get_by_text("Bets are over.")).to_be_visible()
        expect(phone.get_by_text("you: cat; all: cat 2")).to_be_visible()
    settled(screen)
    screen.screenshot(path=artifacts / "rooms-revealed.png")
    phones[0].screenshot(path=artifacts / "rooms-phone-revealed.png")


def test_a_wrong_room_says_so_and_the_right_code_leads_there(visit, server: str, artifacts: Path):
    screen = visit(server)
    code = open_room(screen)
    phone = visit(f"{server}/?room=nowhere", phone=True)
    expect(phone.get_by_text("There is no room 'NOWHERE', or it is closed.")).to_be_visible()
    settled(phone)
    phone.screenshot(path=artifacts / "rooms-wrong.png")
    phone.get_by_label("Code on the screen").fill(code.lower())
    phone.get_by_role("button", name="Go to the room").tap()
    expect(phone.get_by_role("heading", name=f"Room {code}")).to_be_visible()


@pytest.fixture(scope="module")
def class_room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The server as docs/rooms.md starts it."""
    log = tmp_path_factory.mktemp("class") / "log.txt"
    with serving(ROOT / "app.py", log, {"SEDA_OPEN": "rooms"}, (*QUIET, "--server.address=0.0.0.0")) as (url, _):
        yield url


def test_a_class_room(class_room: str, visit):
    """The link of the screen at localhost leads phones to it, also without TLS."""
    address = lan_address()
    if address is None:
        pytest.skip("this machine is in no network")
    screen = visit(class_room)
    code = open_room(screen)
    link = screen.get_by_role("dialog").locator(".seda-room-link").inner_text()
    assert link == f"http://{address}:{class_room.rpartition(':')[2]}/?room={code}"
    expect(screen.get_by_text("nobody else can open")).to_have_count(0)
    phone = visit(link, phone=True)
    expect(phone.get_by_role("heading", name=f"Room {code}")).to_be_visible()

    other = visit(link.partition("?")[0])  # without TLS, and not localhost: browsers keep their clipboard
    expect(other.locator("canvas").first).to_be_visible(timeout=30_000)
    assert other.evaluate("navigator.clipboard === undefined")
    settled(other)
    other.get_by_role("button", name="Share").click()
    other.get_by_role("button", name="Copy the link").click()
    expect(other.get_by_role("button", name="Copied")).to_be_visible()
    shared = other.get_by_role("dialog").get_by_test_id("stCode").inner_text()
    close_dialog(other)
    words = other.locator("textarea").first
    words.fill("")
    words.press("Control+V")
    expect(words).to_have_value(shared.strip())
