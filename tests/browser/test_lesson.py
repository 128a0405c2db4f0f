"""The lesson, to its end: by keys alone at 1280 x 720, by touch alone at 390 x 844, and every number on it computed anew."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from seda.evaluation.trajectories import commitment_step, decisions
from seda.player.payload import player_payload
from seda.ui import cache
from tests.browser.played import root_of
from tests.browser.readable import unreadable
from tests.browser.served import ROOT

SCENES = ["gap", "noise", "stage-1", "hand-over", "stage-2", "bank", "decided", "chance", "trust", "fails"]

pytestmark = pytest.mark.browser


@pytest.fixture
def phone(chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(
        viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True, device_scale_factor=2
    )
    yield context.new_page()
    context.close()


def open_lesson(page: Page, url: str, scene: str = "gap") -> None:
    page.goto(url)
    expect(page.get_by_test_id("lesson")).to_be_visible(timeout=30_000)
    expect(root_of(page)).to_have_attribute("data-scene", scene)


def test_to_the_end_by_keys_alone(page: Page, server: str):
    open_lesson(page, f"{server}/lesson")
    for scene in SCENES:
        expect(root_of(page)).to_have_attribute("data-scene", scene)
        assert len(page.get_by_test_id("lesson-text").inner_text()) > 40
        page.keyboard.press("1")
        expect(page.get_by_test_id("lesson-why")).not_to_be_empty()
        assert page.locator(".sp-lesson-option.is-right").count() == 1
        assert page.get_by_test_id("lesson-next").is_visible()
        page.keyboard.press("Enter")
    expect(root_of(page)).to_have_attribute("data-scene", "end")
    right = int(page.get_by_test_id("lesson-text").inner_text().split(" in ")[1].split()[0])
    assert (
        0 <= right <= len(SCENES) and f"of {len(SCENES)} questions" in page.get_by_test_id("lesson-text").inner_text()
    )
    page.keyboard.press("PageUp")
    expect(root_of(page)).to_have_attribute("data-scene", SCENES[-1])
    page.wait_for_url("**scene=10**")


def test_to_the_end_by_touch_alone(phone: Page, server: str):
    open_lesson(phone, f"{server}/lesson")
    for number, scene in enumerate(SCENES):
        expect(root_of(phone)).to_have_attribute("data-scene", scene)
        box, nav = phone.get_by_test_id("map").bounding_box(), phone.get_by_test_id("lesson-next").bounding_box()
        assert box is not None and nav is not None
        assert box["height"] >= 140 and box["y"] >= 0  # map, text and button are there together, without scrolling
        assert nav["y"] + nav["height"] <= 844 and nav["height"] >= 44
        assert phone.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
        phone.get_by_test_id("lesson-option").first.tap()
        expect(phone.get_by_test_id("lesson-why")).not_to_be_empty()
        if number % 2:
            phone.get_by_test_id("lesson-next").tap()
        else:  # a swipe
            phone.get_by_test_id("lesson-title").evaluate(
                """one => { for (const [type, clientX] of [["touchstart", 300], ["touchend", 120]]) {
                    const touch = new Touch({ identifier: 1, target: one, clientX, clientY: 500 });
                    one.dispatchEvent(new TouchEvent(type, { bubbles: true, changedTouches: [touch] }));
                } }"""
            )
    expect(root_of(phone)).to_have_attribute("data-scene", "end")
    assert not unreadable(phone)


def test_a_link_goes_into_a_scene(page: Page, server: str):
    open_lesson(page, f"{server}/lesson?scene=8", "chance")
    open_lesson(page, f"{server}/lesson?scene=eight")
    expect(page.get_by_text("There is no scene eight")).to_be_visible()


def test_a_scene_after_the_last_is_the_last(page: Page, server: str):
    open_lesson(page, f"{server}/lesson?scene=50", SCENES[-1])


def test_where_motion_is_not_wanted_scenes_have_their_map_and_lights(chromium: Browser, server: str):
    context = chromium.new_context(viewport={"width": 1280, "height": 720}, reduced_motion="reduce")
    page = context.new_page()
    try:
        open_lesson(page, f"{server}/lesson")
        expect(root_of(page)).to_have_attribute("data-stills", "false")  # the dashed line is on the moving map alone
        page.keyboard.press("s")
        expect(root_of(page)).to_have_attribute("data-stills", "false")
        page.keyboard.press("Enter")
        expect(root_of(page)).to_have_attribute("data-step", "1")
    finally:
        context.close()


def test_a_lesson_before_an_audience(page: Page, server: str):
    open_lesson(page, f"{server}/lesson?scene=2&present=1", "noise")
    expect(root_of(page)).to_have_attribute("data-presenting", "true")
    expect(page.get_by_test_id("lesson-text")).to_be_visible()
    boxes = [page.get_by_test_id(one).bounding_box() for one in ("map", "lesson")]
    assert boxes[0] and boxes[1] and boxes[0]["width"] + boxes[1]["width"] > 1150  # nothing beside them is empty
    page.keyboard.press("Enter")
    page.wait_for_url("**scene=3**present=1**")


def test_another_journey_stands_at_its_scene(page: Page, server: str):
    open_lesson(page, f"{server}/lesson?scene=4", "hand-over")
    other = cache.example("06-fashion-mnist")
    loaded = """(root, payload) => { const { sedaPlayer: player } = root; player.load(payload);
        return [player.clock.playing, player.step, player.journey.handOver, root.dataset.scene]; }"""
    playing, step, hand_over, scene = root_of(page).evaluate(loaded, player_payload(other))
    assert not playing and step == hand_over and scene == "hand-over"


def test_with_pictures_of_ones_own(page: Page, server: str):
    """Who comes by the link goes on with Enter, and sees map, text and playback together."""
    page.goto(server)
    expect(root_of(page)).to_be_visible(timeout=30_000)
    page.get_by_text("Examples and replays").first.click()
    page.locator("input[type=file]").last.set_input_files(ROOT / "assets" / "journeys" / "05-mistakes.safetensors")
    expect(page.locator(".sp-title")).to_have_text("Mistakes worth talking about", timeout=30_000)
    page.get_by_role("link", name="Lesson").first.click()
    expect(page.get_by_text("What is on the screen")).to_be_visible()
    expect(page.get_by_test_id("lesson-count")).to_have_text("1 of 9")  # it was stored without other random starts
    box = page.locator(".sp-transport").bounding_box()
    assert box is not None and box["y"] + box["height"] <= 720
    page.keyboard.press("Enter")
    expect(root_of(page)).to_have_attribute("data-scene", "noise")
    page.get_by_text("The lesson's photographs").click()
    expect(page.get_by_test_id("lesson-count")).to_have_text("2 of 10")
    expect(root_of(page)).to_have_attribute("data-scene", "noise")


def test_scrolling_goes_on_and_back(page: Page, server: str):
    open_lesson(page, f"{server}/lesson")
    box = page.get_by_test_id("lesson").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 100, box["y"] + 100)
    page.mouse.wheel(0, 120)
    page.mouse.wheel(0, 120)  # of the same movement
    expect(root_of(page)).to_have_attribute("data-scene", "noise")
    page.wait_for_timeout(800)
    page.mouse.wheel(0, -120)
    expect(root_of(page)).to_have_attribute("data-scene", "gap")


def test_the_numbers_are_those_of_the_data(page: Page, server: str):
    """Each computed here a second time, from the stored journey itself."""
    trajectory = cache.lesson().trajectory
    states, texts, norm = trajectory.states, trajectory.class_text_features, trajectory.feature_norm
    n, last, h = len(states), states.shape[1] - 1, trajectory.hand_over
    text, live = page.get_by_test_id("lesson-text"), page.get_by_test_id("lesson-live")
    similarities = trajectory.class_similarities()
    decided, answers = decisions(similarities), trajectory.class_probabilities.argmax(1)
    commitments = commitment_step(decided)

    def right_option() -> str:
        page.keyboard.press("1")
        return page.locator(".sp-lesson-option.is-right").inner_text().removesuffix(" ✓")

    open_lesson(page, f"{server}/lesson")
    gap = np.linalg.norm(states[:, 0].mean(0) - texts.mean(0)) / norm
    expect(text).to_contain_text(f"is {gap:.2f} of a feature's length")
    assert right_option() == str(int((decided[:, 0] == answers).sum()))

    open_lesson(page, f"{server}/lesson?scene=2", "noise")
    shares = trajectory.shares[1]
    expect(text).to_contain_text(f"{shares[0] + shares[1]:.2f} of signal, {shares[2]:.2f} of noise")
    expect(root_of(page)).to_have_attribute("data-step", "1")
    item = trajectory.item_names.index(text.inner_text().split(" is mixed")[0])
    x_t, x_0 = states[item, 1], trajectory.x_0[item, 1]
    noise = (x_t - (shares[0] + shares[1]) * x_0) / shares[2]
    shown = [float(term) for term in page.locator(".sp-term b").all_inner_texts()]
    wanted = [
        np.linalg.norm(x_t) / norm,
        shares[0] + shares[1],
        np.linalg.norm(x_0) / norm,
        shares[2],
        np.linalg.norm(noise) / norm,
    ]
    assert np.allclose(shown, wanted, atol=0.011)

    open_lesson(page, f"{server}/lesson?scene=5", "stage-2")
    assert right_option() == str(int((similarities[:, -1].max(1) >= 0.8).sum()))

    open_lesson(page, f"{server}/lesson?scene=6", "bank")
    second = np.sort(trajectory.text_weights[:, h + 1 : last], axis=2)[:, :, -2]
    item, step = np.unravel_index(second.argmax(), second.shape)
    step += h + 1
    expect(root_of(page)).to_have_attribute("data-step", str(step))
    weights = trajectory.text_weights[item, step]
    heaviest = trajectory.class_names[int(weights.argmax())]
    expect(live).to_contain_text(f"{heaviest}{round(100 * float(weights.max()))} %")
    assert right_option() == heaviest

    open_lesson(page, f"{server}/lesson?scene=7", "decided")
    expect(text).to_contain_text(f"at the hand-over {int((commitments <= h).sum())} of {n} have decided")
    assert right_option() == str(int(commitments.max()))

    open_lesson(page, f"{server}/lesson?scene=8", "chance")
    (cloud,) = cache.lesson().clouds
    assert right_option() == str(int((cloud.ends == answers[cloud.item]).sum()))


def test_a_term_is_lit_where_it_is_drawn(page: Page, server: str):
    open_lesson(page, f"{server}/lesson?scene=5", "stage-2")
    expect(root_of(page)).to_have_attribute("data-lights", "state")
    page.locator(".sp-term").nth(2).hover()
    expect(root_of(page)).to_have_attribute("data-lights", "weights")
    page.mouse.move(5, 5)
    expect(root_of(page)).to_have_attribute("data-lights", "state")
