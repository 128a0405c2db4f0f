"""Exports as files: page, table and replay."""

import csv
import dataclasses
import io
import json
import re

import numpy as np
import pytest

from seda.errors import ConfigError
from seda.export import FORMATS, ExportOptions, write_export
from seda.export.csv import to_csv
from seda.journeys.journey import Journey
from seda.map_forms import MAP_KINDS
from seda.player import player_payload, to_html
from tests.toy import toy_journey

HOSTILE = ("<img src=x onerror=alert(1)>", "</script><script>alert(2)</script>", "<!--<script>", "a & b")


def test_page_holds_the_payload_and_nothing_that_runs_from_names():
    journey = toy_journey(class_names=HOSTILE)
    page = to_html(dataclasses.replace(journey, title="</title><script>alert(3)</script>"))
    embedded = re.search(r'<script type="application/json" id="journey">(.*?)</script>', page, re.DOTALL).group(1)
    assert "<" not in embedded
    payload = json.loads(embedded)
    assert [one["name"] for one in payload["classes"]] == list(HOSTILE)
    assert payload["similarities"] == player_payload(journey)["similarities"]
    assert page.count("<script") == 2 and "alert(3)</script>" not in page
    assert f"needs JavaScript to play. {MAP_KINDS['umap']}" in page


def test_page_asks_for_nothing_from_outside():
    page = to_html(toy_journey())
    assert "default-src 'none'" in page
    assert not re.search(r"""(src|href)\s*=\s*["']?(https?:)?//""", page)


def test_table_has_a_row_for_each_item_and_state():
    journey = toy_journey(items=3, steps=4)
    rows = list(csv.DictReader(io.StringIO(to_csv(journey))))
    states = journey.trajectory.states.shape[1]
    assert len(rows) == 3 * states
    row = rows[states + 5]  # item 1, step 5
    similarities = journey.trajectory.class_similarities()[1, 5]
    assert (row["item"], row["step"], row["stage"]) == ("1", "5", "semantic learner")
    assert row["nearest_class"] == journey.trajectory.class_names[similarities.argmax()]
    assert float(row["similarity"]) == pytest.approx(similarities.max(), abs=1e-5)
    for name, positions in journey.maps.items():
        placed = [float(row[f"{name}_{axis}"]) for axis in "xyz"[: positions.dimensions]]
        assert placed == pytest.approx(positions.states[1, 5].tolist(), rel=1e-5)
        assert float(row[f"{name}_neighbors_kept"]) == pytest.approx(positions.neighbors_kept[1, 5], rel=1e-5)
        assert int(row[f"{name}_step_flag"]) == positions.step_flags[1, 4]
        assert rows[states][f"{name}_step_flag"] == ""
    assert {row["committed"] for row in rows if int(row["step"]) == states - 1} == {"True"}


def test_table_says_what_is_right_where_that_is_known():
    journey = toy_journey(items=6, steps=2, labelled=True)
    rows = list(csv.DictReader(io.StringIO(to_csv(journey))))[:: journey.trajectory.states.shape[1]]
    names = journey.trajectory.class_names
    assert [row["truth"] for row in rows] == [names[1], names[1], names[2], names[0], names[0], ""]
    assert [row["right"] for row in rows] == [*(str(row["answer"] == row["truth"]) for row in rows[:5]), ""]
    assert {"True", "False"} <= {row["right"] for row in rows}
    assert not {"truth", "right"} & set(to_csv(toy_journey()).splitlines()[0].split(","))


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t=", "\r="])
def test_table_disarms_formulas(start):
    name = f'{start}HYPERLINK("http://x")'
    journey = toy_journey(items=2, classes=2, class_names=(name, "bag"), center_names=("coat", "bag"))
    journey = dataclasses.replace(journey, maps={name: journey.positions})
    rows = list(csv.DictReader(io.StringIO(to_csv(journey), newline="")))
    assert {row["answer"] for row in rows} == {f"'{name}", "bag"}
    assert not [column for column in rows[0] if column.startswith(start)]


def test_write_export_follows_the_suffix(tmp_path):
    journey = toy_journey()
    assert write_export(journey, tmp_path / "a.HTML").read_text(encoding="utf-8").startswith("<!doctype html>")
    assert write_export(journey, tmp_path / "a.csv").read_bytes().startswith(b"\xef\xbb\xbfitem,name")
    replay = Journey.load(write_export(journey, tmp_path / "a.safetensors"))
    np.testing.assert_array_equal(replay.positions.states, journey.positions.states)
    with pytest.raises(ConfigError, match=r"'a.bmp' ends with .bmp; an export ends with one of .html, .png"):
        write_export(journey, tmp_path / "a.bmp")


def test_a_page_holds_the_apps_font_and_loops_when_asked(tmp_path):
    page = write_export(toy_journey(), tmp_path / "a.html", ExportOptions(loop=True)).read_text(encoding="utf-8")
    assert 'data-loop="true"' in page and '@font-face { font-family: "Source Sans"' in page
    assert "font-src data:" in page and "http" not in page.split("<script")[0].replace("http-equiv", "")
    assert 'data-loop="false"' in write_export(toy_journey(), tmp_path / "b.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("suffix", FORMATS)
def test_every_form(suffix, tmp_path):
    form, journey = FORMATS[suffix], toy_journey()
    small = {"size": (240, 136), "seconds": 0.5, "fps": 4.0}
    options = ExportOptions(**{name: value for name, value in small.items() if name in form.options})
    done: list[int] = []
    path = write_export(
        journey, tmp_path / f"A Journey{suffix.upper()}", options, on_progress=lambda *at: done.append(at)
    )
    assert path.stat().st_size > 0
    assert [at for at, _ in done] == list(range(len(done))) and bool(done) == form.drawn
    if not form.drawn:
        assert path.read_bytes() == form.encode(journey, options, lambda done, total: None).content
    assert form.label and form.help.endswith(".") and "/" in form.media_type and form.icon
    if suffix == ".csv":
        assert path.read_bytes().startswith(b"\xef\xbb\xbf")  # a spreadsheet reads accents, from the app too
    if suffix == ".safetensors":
        stored = Journey.load(path).trajectory.states  # as 16 bit numbers
        np.testing.assert_allclose(stored, journey.trajectory.states, rtol=1e-3, atol=1e-3)
