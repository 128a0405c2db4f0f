"""A diagnosis as tables and as a page: names run nowhere, nothing is asked of the network, the numbers are the JSON's."""

from __future__ import annotations

import csv
import io
import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from seda.errors import ConfigError
from seda.evaluation.sentences import percent
from seda.export.csv import FORMULA_STARTS, csv_text
from seda.export.report import diagnosis_report, item_rows, step_table
from seda.figures.diagnosis import PLACES
from seda.journeys import diagnosis
from tests.diagnosed import EDGES, HOSTILE, Toy, toy_diagnosis


class Page(HTMLParser):
    """Tags with their attributes, scripts apart from what is read."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.tables: list[list[list[str]]] = []
        self.read: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")

    def handle_data(self, data: str) -> None:
        tag = self.tags[-1][0] if self.tags else ""
        if tag == "script":
            self.scripts.append(data)
        elif tag in ("td", "th"):
            self.tables[-1][-1][-1] += data
        if tag != "script":
            self.read.append(data)


def report(toy: Toy, **options: str) -> str:
    return diagnosis_report(toy.summary, toy.names, **{"title": "Diagnosis", **options})


@pytest.mark.parametrize("edge", EDGES)
def test_a_report_is_written_whatever_came(edge):
    toy = toy_diagnosis(edge)
    page, summary = Page(report(toy, about="of toys")), toy.summary
    pictures = page.tables[-1]
    assert [row[0] for row in pictures[1:]] == [toy.names[item] for item in summary["when"]["order"]]
    assert len(page.tables) == 1 + bool(summary["pairs"])
    rows = {row["file"]: row for row in summary["items"]}
    for line in pictures[1:]:
        assert line == [str(value) for value in rows[line[0]].values()]
    told = "".join(page.read)
    for place, label in PLACES.items():
        known, share = summary["known"][place], summary["accuracy"].get(place)
        beside = "" if known == summary["count"] else " that end at a word" if place == "end" else " that can be told"
        assert f"{label}{'—' if share is None else percent(share)}of {known}{beside}" in told
    lost = summary["lost_by"]["answer"]
    for name, count in lost.items():
        assert (f"{name} ({count}): " in told) == bool(count)
    assert ("No answer is wrong." in told) == (not any(lost.values()))


def test_a_report_of_many_items_has_all_but_their_list(monkeypatch):
    toy = toy_diagnosis()
    monkeypatch.setattr(diagnosis, "MOST_LISTED", 3)
    told = "".join(Page(report(toy)).read)
    assert "Every picture at every step" not in told and "How sure" in told and "14 labelled pictures" in told


def test_a_report_asks_for_nothing():
    page = Page(report(toy_diagnosis("asked")))
    policy = next(attributes["content"] for tag, attributes in page.tags if attributes.get("http-equiv"))
    assert policy.startswith("default-src 'none';") and not re.search(r"https?:|\*|connect-src|'self'", policy)
    assert [tag for tag, _ in page.tags].index("meta") < [tag for tag, _ in page.tags].index("script")
    for tag, attributes in page.tags:
        assert tag not in ("link", "img", "iframe", "object", "form", "a", "base")
        assert not {"src", "href", "srcset", "action"} & set(attributes)
    assert "url(" not in "".join(page.read)


def test_names_are_text_in_a_report():
    toy = toy_diagnosis(class_names=HOSTILE)
    names = [f"<img src=x onerror=alert({at})>" for at in range(len(toy.names))]
    text = diagnosis_report(
        toy.diagnosis.to_dict(names, HOSTILE), names, title="</title><script>alert(2)</script>", about="<b>about</b>"
    )
    page = Page(text)
    assert "img" not in {tag for tag, _ in page.tags}
    charts = 8
    assert sum(tag == "script" for tag, _ in page.tags) <= 1 + 2 * charts
    # of the markup only the number beside each place is bold
    assert sum(tag == "b" for tag, _ in page.tags) == len(PLACES)
    for script in page.scripts[1:]:  # the first is the drawing library
        assert "<img" not in script and "<b>" not in script
    truths = {row[1] for row in page.tables[-1][1:]}
    assert truths <= set(HOSTILE) and names[0] in {row[0] for row in page.tables[-1]}


def rows_of(table: pd.DataFrame) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(csv_text(table), newline="")))


def test_names_are_no_formulas_in_the_tables():
    toy = toy_diagnosis(class_names=HOSTILE)
    names = [f"{FORMULA_STARTS[at % len(FORMULA_STARTS)]}1+{at}.png" for at in range(len(toy.names))]
    pictures = rows_of(pd.DataFrame(item_rows(toy.diagnosis, names, HOSTILE)))
    steps = rows_of(step_table(toy.diagnosis, names, HOSTILE))
    assert len(pictures) == len(names) and len(steps) == len(names) * toy.trajectory.states.shape[1]
    for row in (*pictures, *steps):
        for column, cell in row.items():
            assert not column.startswith(FORMULA_STARTS)
            assert not cell.startswith(FORMULA_STARTS) or float(cell) < 0, (column, cell)
    assert {row["file"] for row in pictures} == {f"'{name}" for name in names}
    assert "'=1+1" in {row["truth"] for row in pictures}


def test_rows_of_pictures_hold_the_json_and_all_probabilities():
    toy = toy_diagnosis("asked")
    rows, words = item_rows(toy.diagnosis, toy.names, toy.trajectory.class_names), toy.trajectory.class_names
    for item, (row, listed) in enumerate(zip(rows, toy.summary["items"], strict=True)):
        assert {name: row[name] for name in listed} == listed
        assert [row[f"p {word}"] for word in words] == pytest.approx(toy.trajectory.class_probabilities[item], abs=1e-6)
        assert row["probability"] == row[f"p {row['answer']}"]
    with pytest.raises(ConfigError, match="Two class texts are the same"):
        item_rows(toy.diagnosis, toy.names, ["coat", "coat", "bag", "dress"])


def test_the_table_of_steps_is_that_of_the_summary(monkeypatch):
    toy = toy_diagnosis()
    monkeypatch.setattr(diagnosis, "MOST_LISTED", 3)  # the table has all items, however many
    table, when = step_table(toy.diagnosis, toy.names, toy.trajectory.class_names), toy.summary["when"]
    for name in ("right", "wrong", "undecided"):
        shares = table["standing"].eq(name).groupby(table["step"]).mean()
        np.testing.assert_allclose(shares, when[name], atol=1e-6)
    np.testing.assert_allclose(table.groupby("step")["margin"].mean(), when["margin"], atol=1e-5)
    cosines = toy.trajectory.class_similarities()
    for _, row in table.iterrows():
        item = toy.names.index(row["file"])
        assert row["nearest"] == toy.trajectory.class_names[cosines[item, row["step"]].argmax()]
        assert row["truth"] == toy.trajectory.class_names[toy.labels[item]]
        assert row["stage"] == toy.trajectory.stages[row["step"]] and np.isnan(row["entropy"])
