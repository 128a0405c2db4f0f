"""Linked views of the player: lasso, curves, table, sentences, neighbours, stills, ghosts, seeds, touch."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from seda.evaluation.sentences import path_sentences
from seda.export import write_export
from seda.player import player_payload
from seda.player.page import embedded_json
from tests.browser.played import pause, pixels, root_of, show, step_of, still, until
from tests.toy import toy_journey

pytestmark = pytest.mark.browser


def at_rest(page: Page, step: int = 12) -> None:
    """Paused at a step, all heads where they stay."""
    pause(page)
    root_of(page).evaluate("(root, step) => root.sedaPlayer.seek(step)", step)
    still(page)


def heads(page: Page) -> list[tuple[float, float]]:
    """Where the heads are drawn, in pixels of the page."""
    still(page)
    stage = page.get_by_test_id("map").bounding_box()
    places = root_of(page).evaluate("root => root.sedaPlayer.map.heads.places")
    return [(stage["x"] + place["x"], stage["y"] + place["y"]) for place in places]


def draw_around(page: Page, box: tuple[float, float, float, float]) -> None:
    """Drag the mouse around a box (left, top, right, bottom)."""
    left, top, right, bottom = box
    page.mouse.move(left, top)
    page.mouse.down()
    for x, y in ((right, top), (right, bottom), (left, bottom), (left, top + 3)):
        page.mouse.move(x, y, steps=4)
    page.mouse.up()


def selected(page: Page) -> list[int]:
    text = root_of(page).get_attribute("data-selection")
    return [int(part) for part in text.split(",") if part]


def test_a_lasso_selects_what_lies_inside(opened):
    page = opened()
    at_rest(page)
    places = heads(page)
    x, y = places[3]
    # as wide as leaves the others clear of its line: half way within the widest gap between two of them
    reaches = sorted(max(abs(a - x), abs(b - y)) for a, b in places)
    low, high = max(pairwise(reaches[: len(places) - 1]), key=lambda pair: pair[1] - pair[0])
    reach = (low + high) / 2
    box = (x - reach, y - reach, x + reach, y + reach)
    inside = [i for i, (a, b) in enumerate(places) if box[0] < a < box[2] and box[1] < b < box[3]]
    page.get_by_test_id("lasso").click()
    expect(page.get_by_test_id("lasso")).to_have_attribute("aria-pressed", "true")
    draw_around(page, box)
    assert selected(page) == inside
    assert 3 in inside and len(inside) < len(places)
    for index, card in enumerate(page.get_by_test_id("gallery-card").all()):
        expect(card).to_have_attribute("aria-pressed", str(index in inside).lower())
    # with shift the next ones come in addition; escape ends lasso and selection
    other = next(i for i in range(len(places)) if i not in inside)
    x, y = places[other]
    page.keyboard.down("Shift")
    draw_around(page, (x - 15, y - 15, x + 15, y + 15))
    page.keyboard.up("Shift")
    assert set(inside) | {other} <= set(selected(page))
    page.keyboard.press("Escape")
    assert selected(page) == []
    expect(page.get_by_test_id("lasso")).to_have_attribute("aria-pressed", "false")
    # shift and drag is a lasso without the button
    x, y = places[3]
    page.keyboard.down("Shift")
    draw_around(page, box)
    page.keyboard.up("Shift")
    assert selected(page) == inside


def line_point(page: Page, item: int, step: int) -> tuple[float, float]:
    """Where an item's line is in the curve panel, in pixels of the page, once the panel has its size.

    It has another height with a selection than without one, from the next frame on.
    """
    still(page)
    box = page.get_by_test_id("curve-canvas").bounding_box()
    x, y = root_of(page).evaluate(
        "(root, [item, step]) => { const c = root.sedaPlayer.curves; return [c.x(step), c.y(c.lines[item][step])]; }",
        [item, step],
    )
    return box["x"] + x, box["y"] + y


def test_curves_select_by_click_and_lasso_and_still_scrub(opened):
    page = opened()
    at_rest(page)
    page.mouse.click(*line_point(page, 2, 1))
    assert selected(page) == [2]
    assert step_of(page) == 12  # a click on a line is not one on its step
    page.keyboard.press("Escape")
    x, y = line_point(page, 4, 2)
    page.get_by_test_id("lasso").click()
    draw_around(page, (x - 6, y - 6, x + 6, y + 6))
    assert 4 in selected(page)
    assert step_of(page) == 12
    page.keyboard.press("Escape")
    box = page.get_by_test_id("curve-canvas").bounding_box()
    page.mouse.move(box["x"] + 60, box["y"] + box["height"] - 4)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] - 4, steps=5)
    page.mouse.up()
    assert 4 < step_of(page) < 14


def test_table_is_linked_and_sorts(opened):
    page = opened()
    at_rest(page)
    rows = page.get_by_test_id("answer-row")
    expect(rows).to_have_count(6)
    rows.nth(2).click()
    assert selected(page) == [2]
    rows.nth(4).click(modifiers=["Control"])
    assert selected(page) == [2, 4]
    rows.nth(0).click(modifiers=["Shift"])
    assert selected(page) == [0, 1, 2, 3, 4]
    page.get_by_test_id("gallery-card").nth(5).click()
    expect(rows.nth(5).get_by_role("button")).to_have_attribute("aria-pressed", "true")
    expect(rows.nth(2).get_by_role("button")).to_have_attribute("aria-pressed", "false")
    # the row's button is reached by keyboard, and does what the row does, once
    rows.nth(1).get_by_role("button").focus()
    page.keyboard.press("Enter")
    assert selected(page) == [1]

    page.get_by_test_id("sort").nth(7).get_by_role("button").click()
    margins = [float(row.locator("td").nth(7).inner_text().replace("−", "-")) for row in rows.all()]
    assert margins == sorted(margins, reverse=True)
    expect(page.get_by_test_id("sort").nth(7)).to_have_attribute("aria-sort", "descending")
    page.get_by_test_id("sort").nth(7).get_by_role("button").click()
    assert [float(row.locator("td").nth(7).inner_text().replace("−", "-")) for row in rows.all()] == margins[::-1]
    order = [int(row.get_attribute("data-index")) for row in rows.all()]
    assert order != sorted(order)
    rows.nth(1).click()
    assert selected(page) == [order[1]]
    # a range is one of the rows as they stand
    rows.nth(3).click(modifiers=["Shift"])
    assert selected(page) == sorted(order[1:4])


CROSS_RED = 130  # of the mark; an orange class has 119
# How red a picture's upper right is, where the mark of a wrong answer lies: by item the reddest pixel's red minus its green.
_RED = """
(root) => {
    const { map, journey } = root.sedaPlayer, ctx = map.moving.getContext("2d");
    return journey.items.map((_, item) => {
        const { x, y } = map.heads.places[item], at = 0.74 * map.heads.radii[item], far = at * 0.3;
        const box = [x + at - far, y - at - far, 2 * far, 2 * far].map((value) => Math.round(value * map.density));
        const { data } = ctx.getImageData(...box);
        let red = -255;
        for (let i = 0; i < data.length; i += 4) red = Math.max(red, data[i] - Math.max(data[i + 1], data[i + 2]));
        return red;
    });
}
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_wrong_answers_are_marked_counted_and_told(opened, artifacts, scheme):
    page = opened(labelled=True)  # the first and the fourth are labelled with another word, the last with none
    page.emulate_media(color_scheme=scheme)
    at_rest(page)
    still(page)
    page.screenshot(path=artifacts / f"wrong-{scheme}.png")
    red = root_of(page).evaluate(_RED)
    assert [value > CROSS_RED for value in red] == [True, False, False, True, False, False], red
    key = page.get_by_test_id("wrong-key")
    expect(key).to_have_text("2 of 5 answers are wrong")
    cards, rows = page.get_by_test_id("gallery-card"), page.get_by_test_id("answer-row")
    names = toy_journey().trajectory.class_names
    for item, told in enumerate([names[1], None, None, names[0], None, None]):
        for place in (cards.nth(item), rows.nth(item)):
            if told is None:
                expect(place).not_to_contain_text("truth")
            else:
                expect(place).to_contain_text(f"truth: {told}")
    key.click()
    assert selected(page) == [0, 3]
    cards.nth(3).click()
    expect(page.get_by_test_id("commitment")).to_contain_text(f"Truth: “{names[0]}”, answer: “{names[3]}”.")
    expect(page.get_by_test_id("sentences")).to_contain_text(f"Truth: “{names[0]}”. The answer is wrong.")
    cards.nth(3).hover()
    expect(page.get_by_test_id("tooltip")).to_contain_text(f"truth: “{names[0]}”")


def test_nothing_tells_a_wrong_answer_before_bets_are_over(opened):
    page = opened(labelled=True)
    at_rest(page)
    page.keyboard.press("q")
    expect(root_of(page)).to_have_attribute("data-predict", "asking")
    still(page)
    assert max(root_of(page).evaluate(_RED)) < CROSS_RED
    for place in ("wrong-key", "gallery", "answers", "sentences"):
        expect(page.get_by_test_id(place)).to_be_hidden()
    page.get_by_test_id("predict-play").click()
    expect(page.get_by_test_id("wrong-key")).to_be_visible()


def test_without_labels_nothing_is_called_wrong(opened):
    page = opened()
    expect(page.get_by_test_id("wrong-key")).to_be_hidden()
    at_rest(page)
    assert max(root_of(page).evaluate(_RED)) < CROSS_RED


def test_sentences_tell_the_path_and_go_to_its_steps(opened):
    page = opened()
    at_rest(page)
    expect(page.get_by_test_id("sentences")).to_contain_text("6 pictures take 18 steps.")
    page.get_by_test_id("gallery-card").nth(0).click()
    told = path_sentences(toy_journey().trajectory)[0]
    lines = page.get_by_test_id("sentences").get_by_role("button")
    assert [line.inner_text() for line in lines.all()] == [text for _, text in told]
    lines.nth(1).click()
    expect(root_of(page)).to_have_attribute("data-step", str(told[1][0]))
    lines.nth(len(told) - 1).click()
    expect(root_of(page)).to_have_attribute("data-step", "18")


def test_neighbours_follow_item_and_step(opened):
    journey = toy_journey()
    page = opened()
    at_rest(page)
    expect(page.get_by_test_id("neighbors")).to_be_hidden()
    page.get_by_test_id("gallery-card").nth(1).click()
    tiles = page.get_by_test_id("neighbors").get_by_role("img")
    for step in (0, 7, 18):
        root_of(page).evaluate("(root, step) => root.sedaPlayer.seek(step)", step)
        expect(page.get_by_test_id("neighbor-words")).to_contain_text(f"Step {step}:")
        labels = journey.neighbors.labels[journey.neighbors.indices[1, step]]
        names = [tile.get_attribute("title").split(",")[0] for tile in tiles.all()]
        assert names == [journey.trajectory.center_names[label] for label in labels]
    assert "data:image" in tiles.first.evaluate("tile => getComputedStyle(tile).backgroundImage")
    # hovering another item shows its neighbours in the tooltip
    page.get_by_test_id("gallery-card").nth(3).hover()
    expect(page.get_by_test_id("tooltip")).to_contain_text("known pictures that are most alike")
    expect(page.get_by_test_id("tooltip").get_by_role("img")).to_have_count(journey.neighbors.indices.shape[2])


def test_a_journey_without_neighbours_plays(opened):
    page = opened(neighbors=False)
    page.get_by_test_id("gallery-card").nth(1).click()
    expect(page.get_by_test_id("neighbors")).to_be_hidden()


def test_stills_show_steps_side_by_side(opened):
    page = opened()
    at_rest(page)
    page.get_by_test_id("stills-button").click()
    expect(root_of(page)).to_have_attribute("data-stills", "true")
    panels = page.get_by_test_id("still")
    until(page, lambda: panels.count() >= 3)
    steps = [int(panel.get_attribute("data-step")) for panel in panels.all()]
    assert steps == sorted(set(steps)) and steps[0] == 0 and steps[-1] == 18
    commitments = sorted(root_of(page).evaluate("root => root.sedaPlayer.journey.items.map((item) => item.commitment)"))
    decided = commitments[len(commitments) // 2]
    assert set(steps) == {0, 9, 18, decided}  # the start, the hand-over, the end, where half have decided
    assert len(steps) <= 4
    page.wait_for_timeout(300)
    drawn = [panel.locator("canvas").evaluate("canvas => canvas.toDataURL()") for panel in panels.all()]
    assert len(set(drawn)) == len(drawn)
    panels.nth(2).click()
    expect(root_of(page)).to_have_attribute("data-step", str(steps[2]))
    expect(panels.nth(2)).to_have_attribute("aria-current", "true")
    page.get_by_test_id("gallery-card").nth(0).click()
    page.wait_for_timeout(300)
    assert panels.nth(2).locator("canvas").evaluate("canvas => canvas.toDataURL()") != drawn[2]
    # the map below is out of reach
    chosen = selected(page)
    first, second = panels.nth(0).bounding_box(), panels.nth(1).bounding_box()
    page.mouse.click((first["x"] + first["width"] + second["x"]) / 2, first["y"] + first["height"] / 2)
    page.get_by_test_id("map").focus()
    for key in ("m", "+", "-", "0", "w"):
        page.keyboard.press(key)
    assert selected(page) == chosen
    expect(root_of(page)).to_have_attribute("data-zoom", "1.00")
    # playing brings the moving map back
    page.get_by_test_id("play").click()
    expect(root_of(page)).to_have_attribute("data-stills", "false")
    expect(page.get_by_test_id("stills")).to_be_hidden()


def test_reduced_motion_gets_stills(chromium: Browser, tmp_path: Path):
    path = write_export(toy_journey(), tmp_path / "journey.html")
    context = chromium.new_context(reduced_motion="reduce")
    page = context.new_page()
    page.goto(path.as_uri())
    expect(root_of(page)).to_have_attribute("data-stills", "true")
    expect(root_of(page)).to_have_attribute("data-playing", "false")
    until(page, lambda: page.get_by_test_id("still").count() >= 3)
    page.get_by_test_id("stills-button").click()
    expect(root_of(page)).to_have_attribute("data-step", "18")
    context.close()


def test_a_ghost_is_drawn_told_and_switched_off(opened):
    page = opened(ghost=True, maps=("umap-2d", "timeline"))
    at_rest(page)
    changes = toy_journey(ghost=True).ghost.changes
    button = page.get_by_test_id("ghost")
    expect(button).to_have_attribute(
        "title", f"The picture before, to compare (g). What differs: {'; '.join(changes)}."
    )
    page.get_by_test_id("gallery-card").nth(0).click()
    expect(page.get_by_test_id("sentences")).to_contain_text("Against the picture before")
    still(page)
    shown = pixels(page, "map-canvas"), root_of(page).evaluate("root => root.sedaPlayer.curves.strips.length")
    page.keyboard.press("g")
    expect(button).to_have_attribute("aria-pressed", "false")
    still(page)
    hidden = pixels(page, "map-canvas"), root_of(page).evaluate("root => root.sedaPlayer.curves.strips.length")
    assert shown[0] != hidden[0]
    assert (shown[1], hidden[1]) == (1, 0)


def test_a_ghost_stands_at_the_same_share_of_the_same_stage(opened):
    page = opened(ghost=True)
    at_rest(page)
    steps = toy_journey(ghost=True).ghost.stages
    last, hand_over = len(steps) - 1, int((steps == 1).nonzero()[0][-1])
    places = root_of(page).evaluate(
        "root => [0, 1, 9, 10, 18, 5].map((step) => root.sedaPlayer.journey.ghost.positionAt(step))"
    )
    assert places[:5] == [0, 1, hand_over, hand_over + 1, last]
    assert places[5] == pytest.approx(1 + (hand_over - 1) / 2)


def test_without_a_ghost_there_is_no_button(opened):
    expect(opened().get_by_test_id("ghost")).to_be_hidden()


def test_seed_cloud_shows_with_its_item(opened):
    page = opened(clouds=True)
    at_rest(page)
    cloud = toy_journey(clouds=True).clouds[0]
    other = next(i for i in range(6) if i != cloud.item)
    seeds = "root => Boolean(root.sedaPlayer.curves.seeds)"
    page.get_by_test_id("gallery-card").nth(other).click()
    assert not root_of(page).evaluate(seeds)
    page.get_by_test_id("gallery-card").nth(cloud.item).click()
    assert root_of(page).evaluate(seeds)
    expect(page.get_by_test_id("commitment")).to_contain_text(f"{len(cloud.seeds)} seeds")
    expect(page.get_by_test_id("sentences")).to_contain_text("agreement")
    low, high = root_of(page).evaluate("root => root.sedaPlayer.curves.seeds.band(12, 0)")
    assert (low, high) == pytest.approx((cloud.low[12, 0], cloud.high[12, 0]), abs=1e-3)


def test_the_same_paths_with_a_cloud_keep_everything(opened):
    """What a rerun after "other seeds" sends: step, selection, map and zoom stay, and nothing starts to play."""
    page = opened()
    at_rest(page, 7)
    show(page, "timeline")
    page.get_by_test_id("gallery-card").nth(1).click()
    page.get_by_test_id("zoom-in").click()
    payload = player_payload(toy_journey(clouds=True))
    load = f"root => root.sedaPlayer.load({embedded_json(payload)})"
    root_of(page).evaluate(load)
    page.wait_for_timeout(300)
    for name, value in {"step": "7", "selection": "1", "map": "timeline", "zoom": "1.50", "playing": "false"}.items():
        expect(root_of(page)).to_have_attribute(f"data-{name}", value)
    # other paths of the same pictures: they play, and the selection stays
    again = toy_journey(ghost=True, steps=9)
    root_of(page).evaluate(f"root => root.sedaPlayer.load({embedded_json(player_payload(again))})")
    expect(root_of(page)).to_have_attribute("data-playing", "true")
    expect(root_of(page)).to_have_attribute("data-map", "timeline")


def test_two_fingers_zoom_and_one_scrubs(chromium: Browser, tmp_path: Path):
    path = write_export(toy_journey(), tmp_path / "journey.html")
    context = chromium.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page = context.new_page()
    page.goto(path.as_uri())
    root_of(page).wait_for()
    at_rest(page)
    touch = context.new_cdp_session(page)

    def send(kind: str, *points: tuple[float, float]) -> None:
        fingers = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(points)]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": fingers})

    stage = page.get_by_test_id("map").bounding_box()
    x, y = stage["x"] + stage["width"] / 2, stage["y"] + stage["height"] / 2
    send("touchStart", (x - 20, y), (x + 20, y))
    for reach in range(25, 90, 8):
        send("touchMove", (x - reach, y), (x + reach, y))
    send("touchEnd")
    zoom = float(root_of(page).get_attribute("data-zoom"))
    assert 2 < zoom < 6
    before = root_of(page).evaluate("root => root.sedaPlayer.view.panX")
    send("touchStart", (x, y))
    for shift in range(10, 60, 10):
        send("touchMove", (x + shift, y))
    send("touchEnd")
    assert root_of(page).evaluate("root => root.sedaPlayer.view.panX") > before + 20
    expect(page.get_by_test_id("zoom-reset")).to_be_visible()  # the way back
    page.wait_for_timeout(300)  # a tap right after a drag only ends its glide
    page.get_by_test_id("zoom-reset").tap()
    expect(root_of(page)).to_have_attribute("data-zoom", "1.00")
    # a finger that scrolls the page over the curves leaves the step alone; a tap goes to its step, sideways scrubs
    root_of(page).evaluate("root => root.sedaPlayer.goTo(14)")
    page.get_by_test_id("curve-canvas").scroll_into_view_if_needed()
    curve = page.get_by_test_id("curve-canvas").bounding_box()
    x, y = curve["x"] + 60, curve["y"] + curve["height"] - 8
    send("touchStart", (x, y))
    for shift in range(10, 90, 10):
        send("touchMove", (x + 1, y - shift))
    send("touchCancel")
    assert step_of(page) == 14
    page.get_by_test_id("curve-canvas").scroll_into_view_if_needed()
    curve = page.get_by_test_id("curve-canvas").bounding_box()
    page.touchscreen.tap(curve["x"] + 46, curve["y"] + curve["height"] - 8)
    until(page, lambda: step_of(page) <= 2)
    page.get_by_test_id("scrub").scroll_into_view_if_needed()
    scrub = page.get_by_test_id("scrub").bounding_box()
    page.touchscreen.tap(scrub["x"] + scrub["width"] - 12, scrub["y"] + scrub["height"] / 2)
    until(page, lambda: step_of(page) >= 17)
    context.close()


def test_follow_survives_a_change_of_maps(opened):
    page = opened()
    at_rest(page)
    page.get_by_test_id("gallery-card").nth(1).click()
    page.get_by_test_id("map").focus()
    page.keyboard.press("w")
    show(page, "timeline")
    until(page, lambda: float(root_of(page).get_attribute("data-zoom")) > 2)
    page.keyboard.press("w")
    page.keyboard.press("0")
    until(
        page,
        lambda: root_of(page).evaluate("root => root.sedaPlayer.view.panX === 0 && root.sedaPlayer.view.zoom === 1"),
    )


def test_keys_work_with_caps_lock_and_do_not_flutter(opened):
    page = opened()
    at_rest(page)
    page.get_by_test_id("map").focus()
    page.keyboard.press("Shift+M")
    expect(root_of(page)).to_have_attribute("data-map", "umap-3d")
    for _ in range(3):
        page.keyboard.down("t")  # held: the second and third are repeats
    page.keyboard.up("t")
    expect(page.get_by_test_id("trust")).to_have_attribute("aria-pressed", "false")


def test_screen_readers_hear_of_selection_and_map(opened):
    page = opened()
    at_rest(page)
    page.get_by_test_id("gallery-card").nth(1).click()
    expect(page.get_by_test_id("live-status")).to_contain_text("1 selected")
    show(page, "timeline")
    expect(page.get_by_test_id("live-status")).to_contain_text("Timeline")


def test_follow_keeps_the_selected_item_in_the_middle(opened):
    page = opened(items=4)
    at_rest(page, 2)
    expect(page.get_by_test_id("follow")).to_be_disabled()
    page.get_by_test_id("gallery-card").nth(1).click()
    page.get_by_test_id("follow").click()
    expect(page.get_by_test_id("follow")).to_have_attribute("aria-pressed", "true")
    middle = """root => {
        const { view, map, step } = root.sedaPlayer;
        const point = map.scene.paths.pointAt(1, step);
        return Math.hypot(point.x - view.fit.x, point.y - view.fit.y);
    }"""
    for step in (2, 9, 18):
        root_of(page).evaluate("(root, step) => root.sedaPlayer.goTo(step)", step)
        until(page, lambda: root_of(page).evaluate(middle) < 3)
    assert float(root_of(page).get_attribute("data-zoom")) > 2
    page.keyboard.press("Escape")
    expect(root_of(page)).to_have_attribute("data-zoom", "1.00")
    expect(page.get_by_test_id("follow")).to_have_attribute("aria-pressed", "false")
