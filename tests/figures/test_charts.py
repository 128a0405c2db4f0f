"""The figures hold the numbers they were given."""

import numpy as np
import pytest

from seda.errors import ConfigError, ShapeError
from seda.figures import accuracy_along_path, steps_of_translator, training_curves
from seda.figures.tables import distribution_table, one_step_ahead


def test_accuracy_is_in_percent_with_its_band():
    steps = np.arange(4)
    accuracy = np.array([0.1, 0.4, 0.8, 0.9])
    figure = accuracy_along_path(steps, accuracy, accuracy - 0.05, accuracy + 0.05, hand_over=2)
    np.testing.assert_allclose(figure.data[1].y, 100 * accuracy)
    assert max(figure.data[0].y) == pytest.approx(95)
    with pytest.raises(ShapeError, match=r"low \(3,\)"):
        accuracy_along_path(steps, accuracy, accuracy[:3], accuracy, hand_over=2)


def test_backgrounds_let_the_page_show_through():
    layout = training_curves([1], [1], [1], best=0, max_epochs=1).layout.template.layout
    assert layout.paper_bgcolor == layout.plot_bgcolor == "rgba(0, 0, 0, 0)"


def test_training_curves_show_every_epoch_and_mark_the_best():
    figure = training_curves([2.0, 1.0, 0.5], [1.5, 0.9, 1.1], [0.2, 0.8, 0.7], best=1, max_epochs=9)
    curves = {trace.name: trace for trace in figure.data if trace.name}
    assert list(curves) == ["training loss", "validation loss", "validation accuracy"]
    assert list(curves["validation loss"].x) == [1, 2, 3]
    np.testing.assert_allclose(curves["validation accuracy"].y, [20, 80, 70])
    marks = [(trace.x[0], trace.y[0]) for trace in figure.data if not trace.name]
    assert marks == [(2, 0.9), (2, 80)]
    assert figure.layout.annotations[0].text == "best: epoch 2"
    assert figure.layout.xaxis.range[1] == 9.5  # stands still while the curves grow
    with pytest.raises(ShapeError, match=r"they have \(1, 2, 1\)"):
        training_curves([1], [1, 2], [1], best=0, max_epochs=3)
    with pytest.raises(ConfigError, match="Epoch 1 is not among 1 epochs"):
        training_curves([1], [1], [1], best=1, max_epochs=3)


def test_steps_of_the_translator_have_a_line_for_each_set_of_pictures():
    paths = {
        name: {"accuracy": [0.1, 0.2 * factor], "mmd2": [0.3, -0.001], "spread": [0.5, 0.9], "entropy": [2.0 * factor]}
        for name, factor in (("emoji", 1), ("photographs", 2))
    }
    paths["photographs"]["class_wise_mmd2"] = [0.4, 0.1]
    figure = steps_of_translator(paths)
    assert [trace.name for trace in figure.data if trace.showlegend] == ["emoji", "photographs"]
    panels = {axis: [trace for trace in figure.data if trace.yaxis == axis] for axis in ("y", "y2", "y3", "y4")}
    np.testing.assert_allclose(panels["y"][1].y, [10, 40])
    dotted = [trace for trace in panels["y2"] if trace.line.dash == "dot" and len(trace.y)]
    assert [(trace.name, *trace.y) for trace in dotted] == [("photographs", 0.4, 0.1)]
    assert [list(trace.y) for trace in panels["y3"]] == [[0.5, 0.9]] * 2
    assert [list(trace.y) for trace in panels["y4"]] == [[2.0], [4.0]]
    assert figure.layout.yaxis2.type == "log" and min(figure.data[1].y) > 0  # an unbiased distance may be below 0


def test_the_distribution_table_shows_what_was_measured():
    summary = [
        {"data": "a", "method": "seda", "figures": {"mmd2": [0.001, 0.0002], "coverage": [0.9, None]}},
        {"data": "a", "method": "ridge", "figures": {"mmd2": [0.04, None], "coverage": [0.3, None]}},
        {"data": "b", "method": "seda", "figures": {"mmd2": [0.5, None], "class_wise_mmd2": [0.1, None]}},
    ]
    table = distribution_table(summary, "a")
    assert list(table.columns) == ["method", "MMD²", "coverage"]
    assert table["MMD²"].tolist() == [0.001, 0.04]
    assert "class-wise MMD²" in distribution_table(summary, "b")


def test_the_best_map_of_one_step_is_named_where_it_is_ahead():
    def of(**right):
        return [
            {"data": "a", "method": name, "figures": {"r1_mean_of_16": [value, None]}} for name, value in right.items()
        ]

    maps = {"one-step mlp": 0.2, "ridge": 0.3, "flow matching": 0.9}
    assert one_step_ahead(of(seda=0.25, **maps), "a") == ("ridge", 0.3, 0.25)  # flow matching takes many steps
    assert one_step_ahead(of(seda=0.295, **maps), "a") is None and one_step_ahead(of(seda=0.25, **maps), "b") is None
