"""Refitting for other class texts: room for the new, a stated limit for the old."""

import numpy as np
import pytest

from seda.errors import ConfigError, ProjectionError, Stopped
from seda.evaluation.maps import jump_p99
from seda.projection.aligner_map import fit_map, place_paths
from seda.projection.refit import RefitConfig, refit_map
from tests.projection.test_maps import (
    CENTERS,
    CONFIG,
    DIM,
    HELD_OUT,
    LABELS,
    PREPARED,
    REFERENCE,
    RNG,
    TEXTS,
    paths_to_texts,
)

ANCHORS = np.concatenate([CENTERS, TEXTS])
NEW = (10 * RNG.normal(size=(3, DIM))).astype(np.float32)
CHOSEN = np.random.default_rng(2).permutation(120)[:30]
NEW_PATHS = HELD_OUT.copy()
NEW_PATHS[:, 6:] = np.linspace(HELD_OUT[:, 6], NEW[LABELS[CHOSEN]], 6, axis=1)
QUICK = RefitConfig(steps=100)


@pytest.fixture(scope="module")
def frozen():
    return fit_map("umap-2d", PREPARED, CONFIG)


def test_new_paths_become_smoother_and_old_points_stay(frozen):
    refitted = refit_map(frozen, REFERENCE, ANCHORS, NEW, NEW_PATHS, QUICK)
    before, after = (place_paths(one.projector, NEW_PATHS) for one in (frozen, refitted))
    assert jump_p99(after) < 0.9 * jump_p99(before)
    old = np.concatenate([REFERENCE, ANCHORS])
    moved = np.linalg.norm(refitted.place(old) - frozen.place(old), axis=1) / np.ptp(frozen.place(old), axis=0).max()
    drift = refitted.card["drift"]
    assert np.quantile(moved, 0.95) == pytest.approx(drift["p95"], abs=1e-3) and drift["p95"] <= QUICK.max_drift
    assert moved.max() == pytest.approx(drift["max"], abs=1e-3) and drift["median"] <= drift["p95"] <= drift["max"]


def test_the_limit_is_kept_even_where_nothing_else_holds_the_points(frozen):
    wild = RefitConfig(steps=200, drift_weight=0.0, max_drift=0.02, learning_rate=2e-2)
    drift = refit_map(frozen, REFERENCE, ANCHORS, NEW, NEW_PATHS, wild).card["drift"]
    assert drift["ended_at_limit"] and drift["p95"] <= 0.02 and drift["steps"] < 200


def test_old_points_stay_the_nearer_the_more_they_are_held(frozen):
    moved = []
    for weight in (0.0, 0.1, 10.0):
        config = RefitConfig(steps=60, drift_weight=weight, max_drift=1.0)
        moved.append(refit_map(frozen, REFERENCE, ANCHORS, NEW, NEW_PATHS, config).card["drift"]["median"])
    assert moved[0] > 1.5 * moved[1] > 2 * moved[2], moved


def test_the_frozen_map_is_not_changed_and_the_same_seed_gives_the_same(frozen):
    before = frozen.place(NEW)
    first, second = (refit_map(frozen, REFERENCE, ANCHORS, NEW, NEW_PATHS, QUICK) for _ in range(2))
    np.testing.assert_array_equal(frozen.place(NEW), before)
    np.testing.assert_array_equal(first.place(NEW), second.place(NEW))


def test_a_timeline_is_refitted_and_pca_is_not():
    timeline = fit_map("timeline", PREPARED, CONFIG)
    refitted = refit_map(timeline, REFERENCE, ANCHORS, NEW, NEW_PATHS, QUICK)
    assert (refitted.place(NEW, np.ones(3))[:, 0] == 1).all() and "drift" in refitted.card
    with pytest.raises(ConfigError, match="PCA is not refitted"):
        refit_map(fit_map("pca-2d", PREPARED, CONFIG), REFERENCE, ANCHORS, NEW, NEW_PATHS)


def test_it_stops_and_refuses_what_cannot_be_placed(frozen):
    with pytest.raises(Stopped):
        refit_map(frozen, REFERENCE, ANCHORS, NEW, NEW_PATHS, QUICK, on_progress=lambda *event: True)
    with pytest.raises(ProjectionError, match="not finite"):
        refit_map(frozen, REFERENCE, ANCHORS, NEW * np.nan, NEW_PATHS, QUICK)
    with pytest.raises(ConfigError, match=r"max_drift is 0"):
        RefitConfig(max_drift=0)


def test_texts_that_the_map_knows_are_not_doubled(frozen):
    refitted = refit_map(frozen, REFERENCE, ANCHORS, TEXTS, paths_to_texts(8, 3), QUICK)
    assert refitted.card["drift"]["p95"] <= QUICK.max_drift
