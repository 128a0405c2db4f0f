"""Nearest points in feature space, against loops."""

import numpy as np
import pytest

from seda.journeys import neighbors
from seda.journeys.neighbors import nearest_points, shown_neighbors
from seda.journeys.reference_pictures import ReferencePictures

RNG = np.random.default_rng(0)
STATES = RNG.normal(size=(50, 12)).astype(np.float32)
POOL = RNG.normal(size=(40, 12)).astype(np.float32)
SAMPLE = slice(5, 30)


@pytest.mark.parametrize(("chunk", "distances"), [(7, 10**6), (4096, 10**6), (4096, 130), (4096, 1)])
def test_both_kinds_against_loops(monkeypatch, chunk, distances):
    monkeypatch.setattr(neighbors, "CHUNK", chunk)
    monkeypatch.setattr(neighbors, "MAX_DISTANCES", distances)
    nearest, indices, cosines = nearest_points(STATES, POOL, SAMPLE, 9, 4)
    for i, state in enumerate(STATES):
        distances = [float(np.linalg.norm(state - point)) for point in POOL]
        assert nearest[i].tolist() == sorted(range(40), key=distances.__getitem__)[:9]
        similar = [float(state @ p / np.linalg.norm(state) / np.linalg.norm(p)) for p in POOL[SAMPLE]]
        assert indices[i].tolist() == sorted(range(25), key=lambda m: -similar[m])[:4]
        np.testing.assert_allclose(cosines[i], sorted(similar, reverse=True)[:4], atol=1e-6)


def test_a_reference_feature_is_nearest_to_itself_and_few_points_are_all_given():
    nearest, indices, cosines = nearest_points(POOL[SAMPLE], POOL, SAMPLE)
    assert indices[:, 0].tolist() == list(range(25)) and (nearest[:, 0] == np.arange(5, 30)).all()
    np.testing.assert_allclose(cosines[:, 0], 1, atol=1e-6)
    nearest, indices, _ = nearest_points(STATES, POOL[:3], slice(1, 3))
    assert nearest.shape == (50, 3) and indices.shape == (50, 2)
    assert np.isfinite(nearest_points(STATES * 0, POOL, SAMPLE)[2]).all()


def test_only_pictures_that_occur_are_kept_in_their_order():
    labels = np.arange(40) % 3
    indices = np.array([[[30, 2], [2, 7]], [[7, 30], [30, 9]]])
    tiles = np.broadcast_to(np.arange(40, dtype=np.uint8)[:, None, None], (40, 8, 8))
    found = shown_neighbors(indices, np.ones(indices.shape, np.float32), labels, ReferencePictures(tiles))
    occurring = np.array([2, 7, 9, 30])
    np.testing.assert_array_equal(occurring[found.indices], indices)
    np.testing.assert_array_equal(found.labels, labels[occurring])
    assert (found.columns, found.tile) == (2, 8) and found.sheet.startswith(b"\x89PNG")
    bare = shown_neighbors(indices, np.ones(indices.shape, np.float32), labels, None)
    assert bare.sheet == b"" and (bare.columns, bare.tile) == (0, 0)
