"""The stand: it plays by itself, takes a picture, begins anew when nobody is there, and lives without a network."""

from __future__ import annotations

import re
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import need_chromium
from tests.browser.served import QUIET, ROOT, serving
from tests.tiny import picture

SHOWN = "() => document.body.dataset.stand"
RUN_LIMIT = 120_000  # ms; the first run imports torch

pytestmark = pytest.mark.browser


def open_stand(page: Page, url: str) -> None:
    page.goto(url)
    page.wait_for_function("() => document.body.dataset.stand", timeout=30_000)


def wait_for(page: Page, name: str, timeout: int = 30_000) -> None:
    page.wait_for_function("wanted => document.body.dataset.stand === wanted", arg=name, timeout=timeout)


def test_it_plays_what_the_address_says_again_and_again(page: Page, server: str):
    open_stand(page, f"{server}/stand?play=05-mistakes,03-none-of-these&speed=8&theme=dark&title=Guess")
    assert page.evaluate(SHOWN) == "05-mistakes"
    expect(page.get_by_test_id("stand-attract")).to_contain_text("Guess")
    wait_for(page, "03-none-of-these")
    wait_for(page, "05-mistakes")
    assert page.evaluate("() => document.querySelector('.sp-root').sedaPlayer.theme.dark")


def test_a_visitor_comes_and_goes(page: Page, server: str, tmp_path: Path):
    open_stand(page, f"{server}/stand?idle=6&speed=8&words=circle,square,triangle")
    page.get_by_test_id("stand-attract").click()
    expect(page.get_by_test_id("stand-attract")).to_be_hidden()
    file = tmp_path / "own.png"
    picture(0, 3).save(file)
    page.get_by_test_id("stand-own").click()
    expect(page.get_by_test_id("stand-words")).to_have_value("circle,square,triangle")
    page.get_by_test_id("stand-file").set_input_files(file)
    wait_for(page, "own", RUN_LIMIT)
    expect(page.get_by_test_id("stand-dialog")).to_be_hidden()
    # nobody is there any more: nothing of the visitor's is left on the screen
    wait_for(page, "01-photos")
    expect(page.get_by_test_id("stand-attract")).to_be_visible()
    assert "Your picture" not in page.content()


def test_what_cannot_be_read_is_said_to_who_brought_it(page: Page, server: str, tmp_path: Path):
    open_stand(page, f"{server}/stand?words=cat,dog")
    page.get_by_test_id("stand-attract").click()
    file = tmp_path / "no.png"
    file.write_bytes(b"no picture")
    page.get_by_test_id("stand-own").click()
    page.get_by_test_id("stand-file").set_input_files(file)
    expect(page.get_by_test_id("stand-said")).to_contain_text("Choose another one.", timeout=RUN_LIMIT)
    page.get_by_test_id("stand-words").fill("cat")
    good = tmp_path / "own.png"
    picture(0, 3).save(good)
    page.get_by_test_id("stand-file").set_input_files(good)
    expect(page.get_by_test_id("stand-said")).to_contain_text(re.compile("two|2"), timeout=RUN_LIMIT)
    assert page.evaluate(SHOWN) != "own"


def test_no_way_out(page: Page, server: str):
    open_stand(page, f"{server}/stand?speed=8")
    for key in ("Escape", "p", "f", "s", "b", "q", "l", "n"):
        page.keyboard.press(key)
    expect(page.get_by_test_id("black")).to_be_hidden()
    assert page.evaluate(
        """() => { const { sedaPlayer: player, dataset } = document.querySelector('.sp-root');
            return [Boolean(document.fullscreenElement), dataset.predict ?? "off", player.lassoing]; }"""
    ) == [False, "off", False]
    assert page.evaluate("() => document.querySelector('.sp-root').dataset.presenting") == "true"
    page.evaluate("() => history.back()")
    page.wait_for_timeout(300)
    assert "/stand" in page.url
    assert page.locator("a[href]").count() == 0


def test_who_comes_next_finds_it_as_it_began(page: Page, server: str):
    open_stand(page, f"{server}/stand?idle=5&play=05-mistakes")
    page.get_by_test_id("stand-attract").click()
    page.wait_for_timeout(600)  # until what is played has been put in its place, with its map
    page.keyboard.press("m")
    page.keyboard.press("+")
    changed = """() => { const { sedaPlayer: player } = document.querySelector('.sp-root');
        player.toggleHighlight(player.journey.classes[0]); return [player.mapIndex, player.view.zoom > 1]; }"""
    page.wait_for_timeout(800)
    assert page.evaluate(changed) == [1, True]
    page.evaluate("() => window.sedaStand.show(0)")  # the next example, as the visitor sees it
    page.wait_for_timeout(300)
    assert page.evaluate("() => document.querySelector('.sp-root').sedaPlayer.mapIndex") == 1
    expect(page.get_by_test_id("stand-attract")).to_be_visible(timeout=15_000)
    page.wait_for_timeout(1000)
    asked = """() => { const { sedaPlayer: player } = document.querySelector('.sp-root');
        return [player.mapIndex, player.views.some(({ zoom }) => zoom > 1), player.highlight]; }"""
    assert page.evaluate(asked) == [0, False, None]


def test_an_operators_replays_are_kept_and_played_also_without_a_network(
    chromium: Browser, server: str, tmp_path: Path
):
    context = chromium.new_context(viewport={"width": 1280, "height": 720})
    page = context.new_page()
    replay = tmp_path / "my talk é.safetensors"
    replay.write_bytes((ROOT / "assets" / "journeys" / "05-mistakes.safetensors").read_bytes())
    wrong = tmp_path / "wrong.safetensors"
    wrong.write_bytes(b"no replay")
    try:
        open_stand(page, f"{server}/stand?setup=1&speed=8")
        page.get_by_test_id("stand-attract").click()
        page.get_by_test_id("stand-own").click()
        page.get_by_test_id("stand-file").set_input_files(wrong)
        said = page.get_by_test_id("stand-said")
        expect(said).to_contain_text("the replay", timeout=RUN_LIMIT)
        expect(said).not_to_contain_text("played here")
        page.get_by_test_id("stand-file").set_input_files(replay)
        expect(said).to_contain_text(f"{replay.name} is played here", timeout=RUN_LIMIT)
        page.reload()
        page.wait_for_function("() => window.sedaStand?.order.length > 0")
        assert page.evaluate("() => window.sedaStand.order.at(-1)") == replay.name
        open_stand(page, f"{server}/stand?play={replay.name}&speed=8")
        wait_for(page, replay.name)
        assert page.evaluate("() => window.sedaStand.order") == [replay.name]
        context.set_offline(True)
        page.reload()
        wait_for(page, replay.name)
        context.set_offline(False)
        # one of another version is not played, and said to be so
        page.evaluate(
            """async () => { const kept = await caches.open("seda-stand-replays");
                await kept.put("/old.safetensors", new Response('{"version": 1}')); }"""
        )
        open_stand(page, f"{server}/stand?setup=1&speed=8")
        page.get_by_test_id("stand-attract").click()
        page.get_by_test_id("stand-own").click()
        expect(said).to_contain_text("not played: old.safetensors")
        page.get_by_test_id("stand-forget").click()
        expect(said).to_contain_text("No replays")
        page.reload()
        page.wait_for_function("() => window.sedaStand?.order.length > 0")
        assert replay.name not in page.evaluate("() => window.sedaStand.order")
    finally:
        context.close()


def test_who_leaves_takes_the_picture_along(page: Page, server: str):
    """Closed while a picture is on its way: the next visitor can send one at once."""
    open_stand(page, f"{server}/stand?speed=8&words=circle,square")
    page.route("**/_seda/stand/run**", lambda route: None)  # an answer that never comes
    page.get_by_test_id("stand-attract").click()
    file = {"name": "a.png", "mimeType": "image/png", "buffer": b"x"}
    page.get_by_test_id("stand-own").click()
    page.get_by_test_id("stand-file").set_input_files(file)
    expect(page.get_by_test_id("stand-said")).to_have_text("On its way …")
    page.get_by_test_id("stand-close").click()
    assert page.evaluate("() => window.sedaStand.asking.busy") is False
    page.unroute("**/_seda/stand/run**")
    page.get_by_test_id("stand-own").click()
    expect(page.get_by_test_id("stand-said")).to_have_text("")
    page.get_by_test_id("stand-file").set_input_files(file)
    expect(page.get_by_test_id("stand-said")).to_contain_text("Choose another one.", timeout=RUN_LIMIT)


def test_below_another_address(page: Page, tmp_path: Path):
    options = (*QUIET, "--server.baseUrlPath=on/show")
    with serving(ROOT / "app.py", tmp_path / "log.txt", None, options, "on/show/") as (url, _):
        open_stand(page, f"{url}/on/show/stand?play=05-mistakes&speed=8")
        assert page.evaluate(SHOWN) == "05-mistakes"
        page.wait_for_function("() => navigator.serviceWorker.controller")


def test_without_a_network_it_goes_on_and_can_be_loaded_anew(chromium: Browser, server: str):
    context = chromium.new_context(viewport={"width": 1280, "height": 720})
    page = context.new_page()
    try:
        open_stand(page, f"{server}/stand?play=05-mistakes,03-none-of-these&speed=8")
        page.wait_for_function("() => navigator.serviceWorker.controller")
        page.reload()  # now all that it asks for goes through the worker, and is kept
        page.wait_for_function("() => window.sedaStand?.journeys.size === 2")
        context.set_offline(True)
        before = page.evaluate(SHOWN)
        page.wait_for_function("shown => document.body.dataset.stand !== shown", arg=before)
        page.get_by_test_id("stand-attract").click()
        page.get_by_test_id("stand-own").click()
        page.get_by_test_id("stand-file").set_input_files({"name": "a.png", "mimeType": "image/png", "buffer": b"x"})
        expect(page.get_by_test_id("stand-said")).to_have_text("The server cannot be reached; the examples go on.")
        page.reload()
        page.wait_for_function("() => window.sedaStand?.journeys.size === 2")
    finally:
        context.close()


def test_the_server_takes_pictures_only_from_the_stand_itself(server: str):
    need_chromium()  # with the others of this file
    request = urllib.request.Request(f"{server}/_seda/stand/run?words=a,b", b"x", method="POST")
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request)
    assert refused.value.code == 403
    refused.value.close()
    with pytest.raises(urllib.error.HTTPError) as unknown:
        urllib.request.urlopen(f"{server}/_seda/stand/journey/no-such")
    assert unknown.value.code == 404
    unknown.value.close()
