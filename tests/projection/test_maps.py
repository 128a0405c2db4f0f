"""The frozen map: a pure function of each point, faithful on easy data, and honest about what it cannot do."""

import subprocess
import sys

import numpy as np
import pytest

from seda.errors import FileFormatError, ProjectionError
from seda.evaluation.maps import trustworthiness
from seda.projection import load_map
from seda.projection.fit import MapConfig, fit_map

RNG = np.random.default_rng(0)
DIM = 10
CENTERS = 8 * RNG.normal(size=(3, DIM))
LABELS = np.repeat(np.arange(3), 40)
REFERENCE = (CENTERS[LABELS] + RNG.normal(size=(120, DIM))).astype(np.float32)
PATHS = np.linspace(REFERENCE[:12], CENTERS[LABELS[:12]], 8, axis=1).astype(np.float32)
CONFIG = MapConfig(steps=300, batch_size=128)


@pytest.fixture(scope="module")
def frozen():
    return fit_map(REFERENCE, CENTERS, PATHS, CONFIG)


def test_a_point_lands_at_the_same_place_alone_and_in_any_batch(frozen):
    points = RNG.normal(size=(50, DIM)).astype(np.float32) * 5
    together = frozen.place(points)
    alone = np.concatenate([frozen.place(point[None]) for point in points])
    assert np.abs(together - alone).max() < 1e-5
    np.testing.assert_allclose(frozen.place(points[::-1])[::-1], together, atol=1e-5)


def test_neighbours_stay_together_and_clouds_apart(frozen):
    assert trustworthiness(REFERENCE, frozen.reference) > 0.85
    centers = frozen.place(CENTERS)
    nearest = np.linalg.norm(frozen.reference[:, None] - centers, axis=-1).argmin(1)
    assert (nearest == LABELS).mean() > 0.98


def test_the_same_seed_gives_the_same_map(frozen):
    again = fit_map(REFERENCE, CENTERS, PATHS, CONFIG)
    np.testing.assert_array_equal(again.reference, frozen.reference)
    other = fit_map(REFERENCE, CENTERS, PATHS, MapConfig(steps=300, batch_size=128, seed=1))
    assert np.abs(other.reference - frozen.reference).max() > 0.01


def test_save_then_load_is_equal(frozen, tmp_path):
    frozen.save(tmp_path)
    loaded = load_map(tmp_path)
    np.testing.assert_array_equal(loaded.place(REFERENCE), frozen.place(REFERENCE))
    np.testing.assert_array_equal(loaded.reference, frozen.reference)
    assert loaded.card == frozen.card
    (tmp_path / "map.safetensors").write_bytes(b"nothing")
    with pytest.raises(FileFormatError, match="damaged"):
        load_map(tmp_path)
    (tmp_path / "map.safetensors").unlink()
    with pytest.raises(FileFormatError, match="does not exist"):
        load_map(tmp_path)


def test_points_that_have_no_place(frozen):
    with pytest.raises(ProjectionError, match=r"\[n, 10\]"):
        frozen.place(np.zeros((3, 4)))
    with pytest.raises(ProjectionError, match="1 of 2 points are not finite"):
        frozen.place(np.array([[0.0] * DIM, [np.nan] * DIM]))


def test_too_few_or_broken_points_to_fit():
    with pytest.raises(ProjectionError, match="needs more"):
        fit_map(REFERENCE[:4], CENTERS, PATHS[:1, :2], CONFIG)
    broken = PATHS.copy()
    broken[0, 0, 0] = np.inf
    with pytest.raises(ProjectionError, match="not finite"):
        fit_map(REFERENCE, CENTERS, broken, CONFIG)


def test_placing_needs_no_umap(frozen, tmp_path):
    frozen.save(tmp_path)
    code = (
        "import sys, numpy as np; from seda.projection import load_map;"
        f"load_map({str(tmp_path)!r}).place(np.zeros((2, {DIM}), np.float32));"
        "sys.exit(any(name.split('.')[0] in ('umap', 'numba', 'pynndescent') for name in sys.modules))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
