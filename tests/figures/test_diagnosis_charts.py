"""Charts of a diagnosis: whatever they draw stands in its JSON, and names are never markup."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest

from seda.figures import diagnosis as charts
from seda.journeys import diagnosis
from seda.journeys.diagnosis import diagnose_trajectory
from tests.diagnosed import EDGES, HOSTILE, toy_diagnosis, with_weights


def drawn(summary: dict[str, Any], names: list[str]) -> dict[str, go.Figure]:
    """Every chart that there is."""
    return {
        "answer": charts.confusion(summary, "answer"),
        "end": charts.confusion(summary, "end"),
        "changed": charts.confusion(summary, "answer", "features"),
        "culprits": charts.culprits(summary),
        "standing": charts.standing(summary, names),
        "along": charts.along_the_path(summary),
        "gap": charts.gap(summary),
        "classes": charts.classes_apart(summary),
        "sure": charts.how_sure(summary),
    }


def numbers(found: Any) -> Iterator[float]:
    """All numbers below JSON values."""
    if isinstance(found, dict):
        found = list(found.values())
    if isinstance(found, list):
        for one in found:
            yield from numbers(one)
    elif isinstance(found, (int, float)):
        yield float(found)


def texts(found: Any) -> Iterator[str]:
    """All texts below JSON values."""
    if isinstance(found, dict):
        found = [one for name, one in found.items() if name != "template"]
    if isinstance(found, list):
        for one in found:
            yield from texts(one)
    elif isinstance(found, str):
        yield found


def trace(figure: go.Figure, name: str) -> Any:
    (found,) = (one for one in figure.data if one.name == name)
    return found


@pytest.mark.parametrize("edge", EDGES)
def test_every_chart_is_drawn_whatever_came(edge):
    toy = toy_diagnosis(edge)
    for name, figure in drawn(toy.summary, list(toy.names)).items():
        assert json.loads(figure.to_json())["layout"], name
        assert len(figure.data) or figure.layout.annotations[0].text, name


@pytest.mark.parametrize("edge", ["plain", "asked", "never lands"])
def test_whatever_is_drawn_stands_in_the_json(edge):
    toy = toy_diagnosis(edge, items=20)
    path = with_weights(toy.trajectory)
    summary = diagnose_trajectory(path, toy.labels, toy.asked).to_dict(toy.names, path.class_names)
    # shares are drawn as percent; steps, places and the diagonal's ends are whole numbers
    known = np.unique(np.round([factor * value for value in numbers(summary) for factor in (1, 100)], 5))
    figures = drawn(summary, list(toy.names))
    for name in ("along", "gap", "classes", "sure"):
        for parts in json.loads(figures[name].to_json())["data"]:
            for axis in ("x",) if name == "classes" else ("x", "y"):  # a ridge's heights have a test of their own
                values = [value for value in _plain(parts.get(axis, [])) if value is not None and value != round(value)]
                assert np.isin(np.round(values, 5), known).all(), (name, axis)


def _plain(values: Any) -> list[float | None]:
    """Plotly writes arrays in base 64."""
    if isinstance(values, dict):
        return np.frombuffer(base64.b64decode(values["bdata"]), values["dtype"]).tolist()
    return list(values)


def test_bars_of_culprits_are_the_counts():
    for edge in EDGES:
        summary = toy_diagnosis(edge).summary
        figure, places = charts.culprits(summary), ("categories", "end", "answer")
        for one in figure.data:
            if one.name != "right":
                assert list(one.x) == [summary["lost_by"][place][one.name] for place in places]
        assert np.sum([one.x for one in figure.data], axis=0).tolist() == [summary["count"]] * 3
        right = sum(row["right"] for row in summary["items"])
        if right:
            assert trace(figure, "right").x[2] == right


def test_cells_and_points_of_standings_are_the_letters():
    toy = toy_diagnosis()
    figure, when = charts.standing(toy.summary, toy.names), toy.summary["when"]
    letters = ["".join("urw"[code] for code in row) for row in np.asarray(figure.data[0].z)]
    assert letters == [when["standing"][item] for item in when["order"]]
    for (item, step), x, y, text in zip(
        figure.data[1].customdata, figure.data[1].x, figure.data[1].y, figure.data[1].text, strict=True
    ):
        assert step == x and item == when["order"][y]
        told = {"r": "right", "w": "wrong", "u": "undecided"}[when["standing"][item][step]]
        assert text == f"{toy.names[item]}<br>step {step}: {told}"
    assert list(figure.layout.yaxis.ticktext) == [toy.names[item] for item in when["order"]]


def test_too_many_items_are_said_and_not_drawn(monkeypatch):
    toy = toy_diagnosis()
    monkeypatch.setattr(diagnosis, "MOST_LISTED", 3)
    figures = drawn(toy.summary, list(toy.names))
    assert figures["standing"].layout.annotations[0].text.startswith("14 items are too many to show each")
    assert len(figures["along"].data) == 5


def test_shares_along_the_path():
    summary = toy_diagnosis().summary
    figure = charts.along_the_path(summary)
    for name in ("right", "wrong", "undecided"):
        np.testing.assert_allclose(trace(figure, name).y, 100 * np.array(summary["when"][name]))
    assert list(trace(figure, "margin").y) == summary["when"]["margin"] and trace(figure, "entropy").visible is False


def test_confusions_and_how_they_changed():
    summary = toy_diagnosis("never lands").summary
    counts = np.array(summary["confusions"]["end"])
    figure = charts.confusion(summary, "end")
    np.testing.assert_array_equal(figure.data[0].z, counts)  # nothing lands: all of it is in the last column
    assert figure.layout.xaxis.ticktext[-1] == "(none)" and counts[:, -1].sum() == 14
    change = charts.confusion(summary, "answer", "features")
    difference = np.array(summary["confusions"]["answer"]) - np.array(summary["confusions"]["features"])
    np.testing.assert_array_equal(change.data[0].z, difference)
    for (row, column), text in zip(change.data[1].customdata, change.data[1].text, strict=True):
        assert text == (f"{difference[row, column]:+d}" if difference[row, column] else "")


def test_classes_that_are_cut_alike_have_a_row_each():
    words = ("a photo of a small dog", "a photo of a small cat", "shirts/top", "trousers/top")
    summary = toy_diagnosis(class_names=words).summary
    figure = charts.classes_apart(summary)
    for place, (ridge, middle) in zip(
        ("start", "hand_over", "end"), zip(figure.data[::2], figure.data[1::2], strict=True), strict=True
    ):
        rows, grid = summary["classes_apart"], summary["density_at"]
        assert list(middle.y) == [0, 1, 2, 3] and list(middle.x) == [row[place][2] for row in rows]
        parts = np.split(np.array(ridge.y, float), np.flatnonzero(np.isnan(np.array(ridge.y, float))))
        for line, (row, part) in enumerate(zip(rows, parts, strict=True)):
            density = np.array(row["density"][place])
            heights = line - part[~np.isnan(part)][1 : 1 + len(grid)]
            np.testing.assert_allclose(heights, charts.RIDGE * density / density.max(), atol=1e-9)
        assert f"median {rows[0][place][2]:.3f}, 5 to 95 % from {rows[0][place][0]:.3f}" in middle.text[0]
    labels = list(figure.layout.yaxis.ticktext)
    assert [label.rsplit(" (", 1)[0] for label in labels] == ["a photo of a smal…"] * 2 + ["shirts/top", "trousers/top"]
    hover = charts.confusion(summary, "answer").data[1].hovertext
    assert hover[1].startswith("a photo of a small dog, told a photo of a small cat: ")


def test_reliability_is_drawn_from_its_bins():
    summary = toy_diagnosis("asked", items=30).summary
    figure, sure = charts.how_sure(summary), summary["sure"]
    _, bins, risk, _, roc, at_zero = figure.data
    np.testing.assert_allclose(bins.x, [100 * one["confidence"] for one in sure["bins"]])
    np.testing.assert_allclose(bins.y, [100 * one["accuracy"] for one in sure["bins"]])
    assert list(bins.text) == [f"{one['count']} items" for one in sure["bins"]]
    np.testing.assert_allclose([risk.x, risk.y], [[100 * one for one in sure[name]] for name in ("coverage", "risk")])
    none = sure["none_of_these"]
    np.testing.assert_allclose(
        [roc.x, roc.y], [[100 * one for one in none[name]] for name in ("false_alarms", "found")]
    )
    assert (at_zero.x[0], at_zero.y[0]) == (100 * none["at_zero"]["false_alarms"], 100 * none["at_zero"]["found"])
    assert set(sure["errors_found_by"]) <= set(charts.DOUBTS)
    assert len(charts.how_sure(toy_diagnosis().summary).data) == 3
    for name in ("asked", "equally sure"):
        whole, apart = (draw(toy_diagnosis(name).summary) for draw in (charts.how_sure, charts.how_sure_apart))
        assert [line.y for line in whole.data] == [line.y for one in apart for line in one.data]
    alone = charts.how_sure(toy_diagnosis("equally sure").summary).data[2]
    assert len(alone.x) == 1 and alone.mode == "markers"  # a line of one point would not be seen


def test_one_item_has_no_gap_and_some_lines_are_left_out():
    assert "two or more" in charts.gap(toy_diagnosis("one item").summary).layout.annotations[0].text
    names = {one.name for one in charts.gap(toy_diagnosis("one class").summary).data}
    assert "accuracy" in names and not names & {"unbiased CKA", "MMD² within classes"}
    assert {"unbiased CKA", "MMD² within classes"} <= {
        one.name for one in charts.gap(toy_diagnosis("asked").summary).data
    }


def test_names_are_never_markup():
    toy = toy_diagnosis(class_names=HOSTILE)
    names = [("<img src=x onerror=alert(1)>" * 4 + "&amp;" * 20)[at:] for at in range(len(toy.names))]
    figures = drawn(toy.summary, names)
    figures["similarities"] = charts.similarities(toy.summary, names, 0)
    for name, figure in figures.items():
        for text in texts(json.loads(figure.to_json())):
            left = re.sub(r"<br>|<extra>[^<]*</extra>", "", text)
            assert "<" not in left, (name, text)
            assert not re.search(r"&(?!amp;|lt;)", left), (name, text)  # an entity that was cut in two
            assert len(left) < 400, name
    assert "&lt;b>x&lt;/b>" in figures["answer"].layout.xaxis.ticktext
    assert figures["answer"].layout.xaxis.ticktext[1] == "y" * 17 + "…"


def test_similarities_are_sorted_by_truth_and_ringed_there():
    toy = toy_diagnosis()
    for state in (0, 3, toy.summary["similarities"]["states"][-1]):
        figure = charts.similarities(toy.summary, toy.names, state)
        order = sorted(range(len(toy.labels)), key=lambda item: toy.labels[item])
        cosines = toy.trajectory.class_similarities()[order, state]
        np.testing.assert_allclose(np.array(figure.data[0].z), cosines, atol=1e-4)
        assert list(figure.layout.yaxis.ticktext) == [toy.names[item] for item in order]
        rings = dict(zip(figure.data[1].y, figure.data[1].x, strict=True))
        assert rings == {row: toy.labels[item] for row, item in enumerate(order)}


def test_of_many_items_a_point_stands_for_several_rows(monkeypatch):
    toy = toy_diagnosis()
    when, states = toy.summary["when"], len(toy.summary["when"]["right"])
    monkeypatch.setattr(charts, "MOST_POINTS", 5 * states)
    size = charts.rows_of_a_point(14, states)
    points = charts.standing(toy.summary, toy.names).data[1]
    assert size == 3 and len(points.x) == 5 * states
    for (item, step), y, text in zip(points.customdata, points.y, points.text, strict=True):
        first = when["order"].index(item)
        rows = when["order"][first : first + size]
        assert y == first + (len(rows) - 1) / 2
        right = sum(when["standing"][row][step] == "r" for row in rows)
        assert text.startswith(f"rows {first + 1} to {first + len(rows)}<br>step {step}: {right} right, ")
