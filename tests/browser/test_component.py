"""The player as the Streamlit component: it survives reruns, reports, and can be steered."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from seda.ui.trajectories.player import PlayerState, _read_state
from tests.browser.played import pause, root_of, show, step_of
from tests.browser.served import served
from tests.toy import toy_journey

pytestmark = pytest.mark.browser


APP = """
import streamlit as st
from seda.ui.trajectories.player import PlayerState, show_player
from tests.toy import toy_journey

st.set_page_config(layout="wide")

@st.cache_resource(max_entries=2)
def journey(seed):
    return toy_journey(seed=seed)

seed = 1 if st.checkbox("other journey") else 0
if st.button("rerun"):
    st.session_state["reruns"] = st.session_state.get("reruns", 0) + 1
start = PlayerState(step=2, selection=(0,), map="umap-3d") if st.checkbox("steer") else None
state = show_player(journey(seed), key="player", height=560, start=start)
st.markdown(f"reruns={st.session_state.get('reruns', 0)} step={state.step} selection={list(state.selection)} map={state.map}")
"""


@pytest.fixture(scope="module")
def app_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("app")
    script = folder / "app.py"
    script.write_text(APP)
    with served(script, folder / "log.txt") as url:
        yield url


def _rerun(page: Page) -> None:
    status = page.get_by_text("reruns=")
    count = int(status.inner_text().split()[0].removeprefix("reruns="))
    page.get_by_role("button", name="rerun", exact=True).click()
    expect(status).to_contain_text(f"reruns={count + 1}", timeout=15_000)
    page.wait_for_timeout(300)


def test_component_survives_reruns_and_reports(page: Page, app_url: str):
    page.goto(app_url)
    root = root_of(page)
    root.wait_for(timeout=30_000)
    root.evaluate("root => { root.mark = 'same'; }")

    # A rerun while it plays: it goes on playing.
    step = step_of(page)
    _rerun(page)
    assert root.evaluate("root => root.mark") == "same"
    assert step_of(page) > step or root.get_attribute("data-playing") == "false"

    # What is selected while it plays is reported at once, and play goes on.
    root.evaluate("root => root.sedaPlayer.replay()")
    page.get_by_test_id("gallery-card").nth(1).click()
    expect(page.get_by_text("reruns=")).to_contain_text("selection=[1]", timeout=15_000)
    expect(root).to_have_attribute("data-playing", "true")

    pause(page)
    root.evaluate("root => root.sedaPlayer.seek(5)")
    page.get_by_test_id("zoom-in").click()
    page.get_by_test_id("gallery-card").nth(2).click()
    expect(page.get_by_text("reruns=")).to_contain_text("step=5 selection=[2] map=umap-2d", timeout=15_000)
    show(page, "timeline")
    expect(page.get_by_text("reruns=")).to_contain_text("step=5 selection=[2] map=timeline", timeout=15_000)

    _rerun(page)
    assert root.evaluate("root => root.mark") == "same"
    expect(root).to_have_attribute("data-step", "5")
    expect(root).to_have_attribute("data-map", "timeline")
    expect(root).to_have_attribute("data-selection", "2")
    expect(root).to_have_attribute("data-playing", "false")
    show(page, "umap-2d")
    expect(root).to_have_attribute("data-zoom", "1.50")


def test_a_report_of_the_browser_is_checked():
    journey = toy_journey()
    view = {"fingerprint": "f", "step": 3, "selection": [2, 9, "x", 1], "map": "timeline"}
    assert _read_state(view, "f", journey) == PlayerState(3, (1, 2), "timeline")
    assert _read_state({**view, "map": "globe"}, "f", journey).map == ""
    assert _read_state({**view, "map": ["timeline"]}, "f", journey).map == ""
    for wrong in ({**view, "step": 99}, {**view, "selection": None}, {**view, "fingerprint": "g"}, None):
        assert _read_state(wrong, "f", journey) == PlayerState()


def test_component_takes_another_journey_and_can_be_steered(page: Page, app_url: str):
    page.goto(app_url)
    root = root_of(page)
    root.wait_for(timeout=30_000)
    first = root.get_attribute("data-fingerprint")
    page.get_by_test_id("gallery-card").nth(1).click()
    page.get_by_text("other journey").click()
    expect(root).not_to_have_attribute("data-fingerprint", first, timeout=15_000)
    expect(root).to_have_attribute("data-selection", "")
    assert page.get_by_test_id("player-root").count() == 1

    page.get_by_text("steer").click()
    expect(root).to_have_attribute("data-step", "2", timeout=15_000)
    expect(root).to_have_attribute("data-selection", "0")
    expect(root).to_have_attribute("data-map", "umap-3d")
    # What Python asked for once does not hold the user back.
    page.get_by_test_id("step-forward").click()
    expect(page.get_by_text("reruns=")).to_contain_text("step=3", timeout=15_000)
    _rerun(page)
    expect(root).to_have_attribute("data-step", "3")
