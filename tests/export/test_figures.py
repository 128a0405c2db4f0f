"""Charts as files: every number that they draw is where Plotly's figure has it, texts are texts, and nothing is left out in silence."""

from __future__ import annotations

import io
import re
import zipfile

import numpy as np
import plotly.graph_objects as go
import pytest
from matplotlib import rc_context
from PIL import Image

from seda.errors import ConfigError
from seda.export import figures
from seda.export.figures import FORMS, WIDTH, figure_file, zip_of_figures
from seda.figures.diagnosis import every_chart
from tests.diagnosed import EDGES, HOSTILE, toy_diagnosis


@pytest.mark.parametrize("edge", EDGES)
def test_every_chart_is_drawn_whatever_came(edge):
    toy = toy_diagnosis(edge)
    with rc_context(figures._style()):
        for figure, height in every_chart(toy.summary, toy.names).values():
            figures._draw(figure, WIDTH, height, "").draw_without_rendering()


def test_every_chart_is_a_file():
    toy = toy_diagnosis()
    for name, (figure, height) in every_chart(toy.summary, toy.names).items():
        assert figure_file(figure, ".svg", height=height).startswith(b"<?xml"), name


def test_each_form_is_what_its_name_says():
    toy = toy_diagnosis()
    charts = {name: one for name, one in every_chart(toy.summary, toy.names).items() if name in ("gap", "lost-by")}
    with zipfile.ZipFile(io.BytesIO(zip_of_figures(charts))) as packed:
        assert sorted(packed.namelist()) == sorted(f"{name}{suffix}" for name in charts for suffix in FORMS)
        picture = Image.open(io.BytesIO(packed.read("gap.png")))
        assert picture.size == (2 * WIDTH, 2 * charts["gap"][1]) and len(picture.convert("RGB").getcolors(2**20)) > 50
        pdf, svg = packed.read("gap.pdf"), packed.read("gap.svg").decode()
    assert (
        pdf.startswith(b"%PDF") and b"/Type /Font" in pdf and b"/FontFile2" in pdf
    )  # texts with their font, no outlines
    assert {"accuracy", "unbiased CKA", "length of the texts"} <= set(re.findall(r"<text[^>]*>([^<]+)</text>", svg))
    assert "http" not in re.sub(
        r'(xmlns(:\w+)?|rdf:\w+)="[^"]*"|<!DOCTYPE[^>]*>|<metadata>.*?</metadata>', "", svg, flags=re.DOTALL
    )


def test_names_are_written_as_they_are():
    toy = toy_diagnosis(class_names=("<b>x</b>", "$x^2$", *HOSTILE[2:]))
    figure, height = every_chart(toy.summary, toy.names)["confused-answer"]
    svg = figure_file(figure, ".svg", height=height).decode()
    for text in ("&lt;b&gt;x&lt;/b&gt;", "$x^2$", "=1+1"):
        assert f">{text}</text>" in svg, text
    assert "<script" not in svg


@pytest.mark.parametrize("edge", ["plain", "asked"])
def test_lines_and_cells_have_the_numbers_of_the_page(edge):
    toy = toy_diagnosis(edge)
    for name, (figure, height) in every_chart(toy.summary, toy.names).items():
        with rc_context(figures._style()):
            page = figures._draw(figure, WIDTH, height, "")
        drawn = [line.get_xydata() for ax in page.axes for line in ax.lines]
        cells = [np.asarray(image.get_array(), float) for ax in page.axes for image in ax.images]
        points = [
            np.asarray(dots.get_offsets(), float)
            for ax in page.axes
            for dots in ax.collections
            if len(dots.get_offsets())
        ]
        for trace in figure.data:
            if trace.type == "heatmap":
                assert any(np.array_equal(one, np.asarray(trace.z, float)) for one in cells), name
            elif trace.type == "scatter" and trace.visible is not False and not trace.fill and not trace.stackgroup:
                expected = np.array([trace.x, trace.y], float).T
                kind = drawn if "lines" in (trace.mode or "lines") else points
                if trace.marker.opacity == 0 or np.isnan(expected).all():
                    continue
                assert any(
                    one.shape == expected.shape and np.array_equal(one, expected, equal_nan=True) for one in kind
                ), name


def test_bars_add_up_to_all():
    toy = toy_diagnosis("asked")
    figure, height = every_chart(toy.summary, toy.names)["lost-by"]
    with rc_context(figures._style()):
        (ax,) = figures._draw(figure, WIDTH, height, "").axes
    widths = np.array([[patch.get_width() for patch in bars] for bars in ax.containers])
    assert widths.sum(0).tolist() == [toy.summary["count"]] * 3
    assert [bars.get_label() for bars in ax.containers] == [trace.name for trace in figure.data]


def test_what_cannot_be_drawn_is_said():
    with pytest.raises(ConfigError, match=r"are not written as '\.gif'; allowed are \.svg, \.png, \.pdf"):
        figure_file(go.Figure(), ".gif", height=100)
    for figure, told in (
        (go.Figure(go.Pie(values=[1])), "'pie' is not written"),
        (go.Figure(go.Bar(x=[1], y=[1])), "Only bars that lie"),
        (go.Figure(go.Scatter(x=[1], y=[1])).add_shape(type="circle", x0=0, x1=1, y0=0, y1=1), "the shape 'circle'"),
    ):
        with pytest.raises(ConfigError, match=told):
            figure_file(figure, ".svg", height=100)
