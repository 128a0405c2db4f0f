"""The page Diagnose in a real Chromium: its parts at every size, and clicks on its charts that lead to the player."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect

from seda.encoders import load_encoder
from tests.app.test_diagnose_page import PARTS
from tests.browser.played import root_of
from tests.browser.readable import unreadable
from tests.browser.served import settled

pytestmark = pytest.mark.browser
SIZES = {"1280x720": (1280, 720), "390x844": (390, 844)}


def open_diagnosis(page: Page, server: str, example: str = "02-two-artists") -> None:
    """A stored example whose pictures have names with labels, on the page."""
    page.goto(f"{server}/?example={example}&play=0")
    expect(root_of(page)).to_be_visible(timeout=30_000)
    if (menu := page.get_by_test_id("stExpandSidebarButton").filter(visible=True)).count():
        menu.first.click()
    page.get_by_role("link", name="Diagnose").first.click()
    expect(page.get_by_test_id("stMetric").first).to_be_attached(timeout=60_000)
    settled(page)
    if (
        page.viewport_size["width"] < 768
        and (fold := page.get_by_test_id("stSidebarCollapseButton").filter(visible=True)).count()
    ):
        fold.first.click()
    expect(page.get_by_test_id("stMetric").first).to_be_visible()


def show(page: Page, part: str) -> None:
    page.get_by_role("radio", name=part, exact=True).click()
    settled(page)


def at(chart: Locator, x: float, y: float) -> tuple[float, float]:
    """A place of a chart's plane, by its shares of width and height, in the window."""
    chart.scroll_into_view_if_needed()
    box = chart.locator(".nsewdrag").first.bounding_box()
    assert box is not None
    return box["x"] + x * box["width"], box["y"] + y * box["height"]


@pytest.mark.parametrize("size", list(SIZES))
def test_every_part_is_there_and_readable(page: Page, server: str, artifacts: Path, size: str):
    faults: list[str] = []
    page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.set_viewport_size(dict(zip(("width", "height"), SIZES[size], strict=True)))
    open_diagnosis(page, server)
    for part in PARTS:
        show(page, part)
        expect(page.get_by_test_id("stException")).to_have_count(0)
        wide = page.evaluate("document.scrollingElement.scrollWidth - innerWidth")
        assert wide <= 0, f"{part} is {wide} px too wide"
        page.screenshot(path=artifacts / f"diagnose-{part.replace(' ', '-').lower()}-{size}.png", full_page=True)
    assert unreadable(page) == [] and faults == []


def test_a_click_on_the_map_of_steps_leads_to_the_picture_at_that_step(page: Page, server: str):
    open_diagnosis(page, server)
    show(page, "When")
    chart = page.locator(".js-plotly-plot").nth(1)
    expect(chart.locator(".nsewdrag").first).to_be_visible()
    rows, states = chart.evaluate("chart => [chart.data[0].z.length, chart.data[0].z[0].length]")
    row, step = 2, states - 4
    item = chart.evaluate("(chart, place) => chart.data[1].customdata[place][0]", row * states + step)
    page.mouse.click(*at(chart, (step + 0.5) / states, (row + 0.5) / rows))
    expect(root_of(page)).to_have_attribute("data-step", str(step), timeout=20_000)
    expect(root_of(page)).to_have_attribute("data-selection", str(item))
    expect(page.get_by_test_id("scrub")).to_be_in_viewport()


def test_a_cell_selects_its_pictures(page: Page, server: str):
    open_diagnosis(page, server)
    show(page, "Confused")
    chart = page.locator(".js-plotly-plot").nth(1)
    expect(chart.locator(".nsewdrag").first).to_be_visible()
    counts = chart.evaluate("chart => Array.from(chart.data[0].z, (row) => Array.from(row))")
    k, used = len(counts), len(counts[0])
    row = max(range(k), key=lambda place: counts[place][place])
    page.mouse.click(*at(chart, (row + 0.5) / used, (row + 0.5) / k))
    expect(root_of(page)).to_have_attribute("data-selection", re.compile(r"^\d+(,\d+)*$"), timeout=20_000)
    assert len(root_of(page).get_attribute("data-selection").split(",")) == counts[row][row]


def test_a_file_of_features_and_a_cell_whose_rows_are_shown(page: Page, server: str, artifacts: Path, tmp_path: Path):
    encoder, count = load_encoder("bundled"), 90
    rng = np.random.default_rng(0)
    centers = rng.normal(0, 0.4, (3, encoder.image_dim))
    labels = np.arange(count) % len(centers)
    np.savez(
        tmp_path / "rows.npz", image_features=(centers[labels] + rng.normal(0, 0.6, (count, centers.shape[1]))).astype(np.float16),
        labels=labels, class_names=np.array(["coat", "bag", "sandal"]), encoder=np.array(encoder.name),
        encoder_fingerprint=np.array(encoder.fingerprint),
    )  # fmt: skip
    page.goto(f"{server}/diagnose")
    page.get_by_role("radio", name="A file of features").click(timeout=60_000)
    settled(page)
    page.locator("input[type=file]").set_input_files(tmp_path / "rows.npz")
    page.get_by_role("combobox", name="Aligner").click(timeout=60_000)
    page.get_by_role("option", name="fashion-mnist").click()
    settled(page)
    page.get_by_role("button", name="Diagnose").click()
    expect(page.get_by_text("64 of 90 shown: those with the most trouble.")).to_be_visible(timeout=120_000)
    show(page, "Confused")
    chart = page.locator(".js-plotly-plot").nth(1)
    expect(chart.locator(".nsewdrag").first).to_be_visible()
    counts = chart.evaluate("chart => Array.from(chart.data[0].z, (row) => Array.from(row))")
    row, column = max(((r, c) for r in range(3) for c in range(3)), key=lambda cell: counts[cell[0]][cell[1]])
    page.mouse.click(*at(chart, (column + 0.5) / len(counts[0]), (row + 0.5) / 3))
    most = counts[row][column]
    shown = f"{min(most, 64)} of 90 shown: " + (f"the first 64 of {most} chosen." if most > 64 else "chosen.")
    told = page.get_by_text(shown).or_(root_of(page).and_(page.locator("[data-selection]:not([data-selection=''])")))
    expect(told.first).to_be_visible(timeout=60_000)
    page.screenshot(path=artifacts / "diagnose-features.png", full_page=True)
    page.get_by_role("button", name="Save").first.click()
    with page.expect_download() as coming:
        page.get_by_role("button", name="SVG").filter(visible=True).first.click()
    assert coming.value.suggested_filename == "lost-by.svg" and b"</svg>" in Path(coming.value.path()).read_bytes()
