"""The figures hold the numbers they were given, and names stay literal."""

import numpy as np
import pytest

from seda.errors import ConfigError, ShapeError
from seda.figures import accuracy_along_path, probability_bars, similarity_curves, training_curves
from tests.toy import toy_journey


def test_similarity_curves_are_the_cosines_of_the_item():
    journey = toy_journey()
    figure = similarity_curves(journey, 2)
    curves = np.stack([trace.y for trace in figure.data], axis=1)
    np.testing.assert_allclose(curves, journey.trajectory.class_similarities()[2])
    assert [shape.x0 for shape in figure.layout.shapes] == [journey.trajectory.hand_over]
    with pytest.raises(ConfigError, match=r"Item 6 is not in this journey of 6 items \(0 to 5\)"):
        similarity_curves(journey, 6)


def test_accuracy_is_in_percent_with_its_band():
    steps = np.arange(4)
    accuracy = np.array([0.1, 0.4, 0.8, 0.9])
    figure = accuracy_along_path(steps, accuracy, accuracy - 0.05, accuracy + 0.05, hand_over=2)
    np.testing.assert_allclose(figure.data[1].y, 100 * accuracy)
    assert max(figure.data[0].y) == pytest.approx(95)
    with pytest.raises(ShapeError, match=r"low \(3,\)"):
        accuracy_along_path(steps, accuracy, accuracy[:3], accuracy, hand_over=2)


def test_bars_are_sorted_and_keep_the_colours_of_their_classes():
    figure = probability_bars(("coat", "bag", "dress"), np.array([0.2, 0.7, 0.1]))
    assert figure.layout.yaxis.ticktext == ("dress", "coat", "bag")
    colors = dict(zip(figure.layout.yaxis.ticktext, figure.data[0].marker.color, strict=True))
    curves = {
        t.name: t.line.color
        for t in similarity_curves(toy_journey(classes=3, class_names=("coat", "bag", "dress")), 0).data
    }
    assert colors == curves
    with pytest.raises(ShapeError, match=r"2 class texts need probabilities of shape \(2,\), not \(3,\)"):
        probability_bars(("a", "b"), np.ones(3))


def test_names_are_not_markup():
    name = "<a href='javascript:1'>x</a> & y"
    figure = probability_bars((name,), np.array([1.0]))
    assert "<" not in figure.layout.yaxis.ticktext[0] and "&lt;a" in figure.layout.yaxis.ticktext[0]
    journey = toy_journey(classes=2, class_names=("<b>bold</b>", "bag"))
    assert similarity_curves(journey, 0).data[0].name == "&lt;b&gt;bold&lt;/b&gt;"


def test_backgrounds_let_the_page_show_through():
    layout = similarity_curves(toy_journey(), 0).layout.template.layout
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
