"""Rows of words on a timeline: who is at a word is in its row, whatever the map's one dimension makes of it."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from seda.projection import FrozenMap
from seda.projection.projectors import MapNetwork, ParametricProjector, PcaProjector, TimelineProjector
from seda.projection.word_rows import TIE, WordRows, on_word_rows, with_word_rows

DIM, WORDS = 16, 6
RNG = np.random.default_rng(0)
TEXTS = (np.linalg.qr(RNG.normal(size=(DIM, DIM)))[0][:WORDS] * 5).astype(np.float32)  # nothing to do with each other
LAST = np.ones(200, np.float32)


def timeline(seed: int, share: float = 1.0) -> TimelineProjector:
    """Heights along an axis that no one has fitted to anything; with share 0 all heights are the same."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = MapNetwork(DIM, 1)
    axis = np.random.default_rng(seed).normal(size=(DIM, 1)) * share
    network.axes.copy_(torch.from_numpy(axis))
    return TimelineProjector(ParametricProjector(network.eval().requires_grad_(False)), -10.0, 20.0)


def near(noise: float, seed: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Points [200, d] around the words, of other lengths too, and the word that each is nearest to."""
    rng = np.random.default_rng(seed)
    which = rng.integers(0, WORDS, 200)
    points = TEXTS[which] + noise * rng.normal(size=(200, DIM))
    return (points * rng.uniform(0.7, 1.3, (200, 1))).astype(np.float32), which


def row_of(projector: TimelineProjector, points: np.ndarray) -> np.ndarray:
    heights = projector.place(points, np.ones(len(points), np.float32))[:, 1]
    rows = projector.place(TEXTS, np.ones(WORDS, np.float32))[:, 1]
    return np.abs(heights[:, None] - rows).argmin(1)


@pytest.mark.parametrize("share", [1.0, 0.01, 0.0])
def test_who_has_come_to_a_word_is_in_its_row(share):
    points, which = near(0.5)  # cosines of .83 at least
    for seed in range(5):
        plain = timeline(seed, share)
        assert (row_of(plain, points) != which).any()  # the kind of fault that the rows are for
        np.testing.assert_array_equal(row_of(with_word_rows(plain, TEXTS), points), which)


def test_words_keep_their_order_and_stand_apart():
    plain = timeline(1, 1e-4)
    found = with_word_rows(plain, TEXTS)
    before, after = (one.place(TEXTS, np.ones(WORDS, np.float32))[:, 1] for one in (plain, found))
    assert (np.diff(np.sort(before)) < TIE).any()
    np.testing.assert_array_equal(np.argsort(before), np.argsort(after))
    assert np.diff(np.sort(after)).min() > 0.99 * TIE and np.abs(after - before).max() < WORDS * TIE


def test_one_text_in_two_words_has_one_row():
    twice = np.concatenate([TEXTS, TEXTS[:1] * 1.1])
    found = with_word_rows(timeline(1, 0.0), twice)
    assert isinstance(found, WordRows)
    assert found.rows[0] == found.rows[-1] and len(np.unique(found.rows)) == WORDS


def test_away_from_all_words_nothing_moves():
    points, _ = near(20.0)
    far = points[(points @ TEXTS.T / np.linalg.norm(points, axis=1)[:, None] / 5).max(1) < 0.5]
    plain = timeline(0)
    assert len(far) > 100
    np.testing.assert_array_equal(
        with_word_rows(plain, TEXTS).place(far, LAST[: len(far)]), plain.place(far, LAST[: len(far)])
    )


def test_a_way_to_a_word_is_not_torn():
    """From a hundred points to a word in a thousand steps: none is much longer than the longest of the plain timeline's."""
    starts, _ = near(20.0)
    way = np.linspace(0, 1, 1000, dtype=np.float32)
    plain = timeline(0)
    found = with_word_rows(plain, TEXTS)
    for start in starts[:100]:
        path = start + way[:, None] * (TEXTS[0] - start)
        steps = [np.abs(np.diff(one.place(path, way)[:, 1])).max() for one in (plain, found)]
        assert steps[1] < max(4 * steps[0], 0.02)


def test_a_point_lands_at_the_same_place_alone_and_in_any_batch(monkeypatch):
    points, _ = near(1.0)
    found = with_word_rows(timeline(0), TEXTS)
    whole = found.place(points, LAST)
    monkeypatch.setattr("seda.projection.word_rows.PLACED", 7)
    np.testing.assert_allclose(found.place(points, LAST), whole, atol=1e-5)
    alone = np.concatenate([found.place(points[[i]], LAST[[i]]) for i in range(len(points))])
    np.testing.assert_allclose(found.place(points, LAST), alone, atol=1e-5)
    assert found.place(np.zeros((1, DIM), np.float32), LAST[:1]).shape == (1, 2)  # no direction, no word


def test_without_words_and_on_other_maps_nothing_changes():
    plain = timeline(0)
    assert with_word_rows(plain, TEXTS[:0]) is plain
    flat = FrozenMap("pca-2d", PcaProjector(np.zeros(DIM), np.zeros((DIM, 2))), np.zeros((0, 2)), {})
    assert on_word_rows(flat, TEXTS) is flat
    framed = replace(flat, name="timeline", projector=plain)
    assert isinstance(on_word_rows(framed, TEXTS).projector, WordRows)
