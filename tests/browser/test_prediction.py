"""Predict, then reveal: nothing tells an answer before, and the score is counted on the answers."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from seda.ui import cache
from tests.browser.played import root_of

pytestmark = pytest.mark.browser


def begin(page: Page, url: str) -> None:
    page.goto(url)
    expect(root_of(page)).to_be_visible(timeout=30_000)
    page.keyboard.press("q")
    expect(root_of(page)).to_have_attribute("data-predict", "asking")


def asked_item(page: Page) -> int:
    return root_of(page).evaluate("root => root.sedaPlayer.prediction.item")


def test_nothing_tells_an_answer_before(page: Page, server: str):
    begin(page, server)
    for key in ("End", "ArrowRight", "h"):
        page.keyboard.press(key)
    expect(root_of(page)).to_have_attribute("data-step", "0")
    expect(page.get_by_test_id("scrub")).to_be_disabled()
    for hidden in ("gallery", "answers", "sentences", "legend", "curve-whose", "story", "stills-button"):
        expect(page.get_by_test_id(hidden)).to_be_hidden()
    page.mouse.move(640, 400)
    assert "%" not in root_of(page).inner_text() and "nearest" not in root_of(page).inner_text().replace(
        "Near one another", ""
    )
    # the pixels are the same whatever the answers are (names alone stand where no picture will lie)
    drawn = """root => {
        const { sedaPlayer: player } = root, { map, journey } = player;
        if (root.dataset.other) for (const item of journey.items) item.answer = (item.answer + 1) % journey.classes.length;
        map.heads.sprites.clear();
        map.drawBase(false, null);
        map.drawMoving(0, null);
        const { data } = map.moving.getContext("2d").getImageData(0, 0, map.moving.width, map.moving.height);
        root.dataset.other = "1";
        return data.reduce((sum, value, i) => (sum * 31 + value * (i % 97 + 1)) % 1000000007, 7);
    }"""
    assert root_of(page).evaluate(drawn) == root_of(page).evaluate(drawn)


def test_neither_earlier_runs_nor_other_starts_nor_what_is_highlighted_tell_it(opened: Callable[..., Page]):
    page = opened(items=4, classes=4, ghost=True, clouds=True)
    root = root_of(page)
    beside = """root => { const { map } = root.sedaPlayer, sheet = document.createElement("canvas"), ctx = sheet.getContext("2d");
        Object.assign(sheet, { width: map.moving.width, height: map.moving.height });
        for (const one of [map.ghost, map.seeds]) { one.drawPaths(ctx); one.drawHeads(ctx, 0, map.heads.places); }
        return ctx.getImageData(0, 0, sheet.width, sheet.height).data.some((value) => value > 0); }"""
    assert root.evaluate(beside)
    page.keyboard.press("q")
    expect(root).to_have_attribute("data-predict", "asking")
    assert not root.evaluate(beside)
    page.keyboard.press("q")
    root.evaluate("root => root.sedaPlayer.toggleHighlight(root.sedaPlayer.journey.classes[1])")
    page.keyboard.press("l")
    page.keyboard.press("q")
    assert root.evaluate("root => [root.sedaPlayer.highlight, root.sedaPlayer.lassoing]") == [None, False]
    page.keyboard.press("l")  # a drag moves a picture now
    assert not root.evaluate("root => root.sedaPlayer.lassoing")


def test_the_panel_fits_beside_the_map_and_answers_come_after_the_play(opened: Callable[..., Page]):
    page = opened(items=64, classes=64)
    page.keyboard.press("q")
    main, track, play = (
        page.locator(one).bounding_box() for one in (".sp-predict", ".sp-transport", "[data-testid=predict-play]")
    )
    assert main and track and play
    assert main["y"] + main["height"] <= track["y"] and play["y"] + play["height"] <= main["y"] + main["height"]
    page.set_viewport_size({"width": 390, "height": 844})
    page.get_by_test_id("predict-play").click()
    expect(root_of(page)).to_have_attribute("data-predict", "playing")
    expect(page.get_by_test_id("map")).to_be_in_viewport()
    expect(page.get_by_test_id("gallery")).to_be_hidden()
    page.keyboard.press("End")
    expect(page.get_by_test_id("predict-score")).to_be_in_viewport()
    expect(page.get_by_test_id("gallery")).to_be_visible()


def test_bets_by_word_and_by_dragging_are_counted_on_the_answers(page: Page, server: str):
    begin(page, server)
    trajectory = cache.example("01-photos").trajectory
    answers = trajectory.class_probabilities.argmax(1).tolist()
    words = page.get_by_test_id("predict-word")
    bets = {}
    for right in (True, True, False):
        item = asked_item(page)
        bets[item] = answers[item] if right else (answers[item] + 1) % len(trajectory.class_names)
        words.nth(bets[item]).click()
    star = root_of(page).evaluate(
        """root => { const { map, layout } = root.sedaPlayer, box = layout.parts.mapStage.getBoundingClientRect();
            return map.landmarks.textPoints.map(({ x, y }) => [box.x + x, box.y + y]); }"""
    )
    # the one that lies on top where it is pressed
    place, dragged = root_of(page).evaluate(
        """root => { const { map, layout } = root.sedaPlayer, box = layout.parts.mapStage.getBoundingClientRect();
            const { x, y } = map.heads.places[5]; return [[box.x + x, box.y + y], map.hit(x, y).index]; }"""
    )
    wrong = (answers[dragged] + 1) % len(trajectory.class_names)
    page.mouse.move(*place)
    page.mouse.down()
    page.mouse.move(*star[wrong], steps=6)
    page.mouse.up()
    bets[dragged] = wrong
    assert root_of(page).evaluate("root => [...root.sedaPlayer.prediction.bets]") == [[i, w] for i, w in bets.items()]
    page.get_by_test_id("speed").select_option("4")
    page.get_by_test_id("predict-play").click()
    expect(root_of(page)).to_have_attribute("data-predict", "scored", timeout=30_000)
    agreed = sum(answers[item] == word for item, word in bets.items())
    expect(page.get_by_test_id("predict-score")).to_have_text(f"You and SeDA agree on {agreed} of {len(bets)}")
    missed = [item for item, word in bets.items() if answers[item] != word]
    surest = max(missed, key=lambda item: (trajectory.class_probabilities[item].max(), -item))
    expect(page.get_by_test_id("predict")).to_contain_text(f"The most surprising one: {trajectory.item_names[surest]}.")
    expect(page.get_by_test_id("predict-told")).to_contain_text("The answer is")
    page.get_by_role("button", name="Once more").click()
    expect(root_of(page)).to_have_attribute("data-predict", "asking")
    page.keyboard.press("q")
    expect(root_of(page)).to_have_attribute("data-predict", "off")
    expect(page.get_by_test_id("gallery")).to_be_visible()
