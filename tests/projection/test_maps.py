"""Maps: a pure function of each point, faithful on easy data, smooth along paths, honest about what they cannot do."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from seda.errors import ConfigError, FileFormatError, ProjectionError, Stopped
from seda.evaluation.maps import jump_p99, trustworthiness
from seda.evaluation.trajectories import straightness
from seda.map_forms import FITTED, MAPS, MapForm
from seda.projection import FrozenMap, fit, load_map, load_maps
from seda.projection.aligner_map import (
    AlignerMaterial,
    check_names,
    fit_map,
    place_paths,
    place_reference,
)
from seda.projection.fit import FULL_FIT, MapConfig, MapMaterial, fit_parametric, fit_pca, fuzzy_graph

RNG = np.random.default_rng(0)
DIM = 10
CENTERS = (8 * RNG.normal(size=(3, DIM))).astype(np.float32)
TEXTS = (8 * RNG.normal(size=(3, DIM))).astype(np.float32)
LABELS = np.repeat(np.arange(3), 40)
REFERENCE = (CENTERS[LABELS] + RNG.normal(size=(120, DIM))).astype(np.float32)


def paths_to_texts(count: int, seed: int, noise: float = 0.3) -> np.ndarray:
    """Noised on the way: reference points to their center and on to their text."""
    rng = np.random.default_rng(seed)
    chosen = rng.permutation(120)[:count]
    start, middle, end = REFERENCE[chosen], CENTERS[LABELS[chosen]], TEXTS[LABELS[chosen]]
    way = np.concatenate([np.linspace(start, middle, 6, axis=1), np.linspace(middle, end, 6, axis=1)], axis=1)
    fade = np.concatenate([np.linspace(1, 0, 6), np.linspace(1, 0, 6)])[None, :, None]
    return (way + noise * fade * rng.normal(size=(count, 1, DIM))).astype(np.float32)


PATHS, HELD_OUT = paths_to_texts(60, 1), paths_to_texts(30, 2)
MATERIAL = MapMaterial(REFERENCE, np.concatenate([CENTERS, TEXTS]), PATHS, 12)
PREPARED = AlignerMaterial(MATERIAL, HELD_OUT, None, {})
CONFIG = MapConfig(steps=300, batch_size=128)
PROGRESS = np.linspace(0, 1, 50, dtype=np.float32)


@pytest.fixture(scope="module")
def maps() -> dict[str, FrozenMap]:
    return {name: fit_map(name, PREPARED, CONFIG) for name in FITTED}


@pytest.mark.parametrize("name", FITTED)
def test_a_point_lands_at_the_same_place_alone_and_in_any_batch(maps, name):
    points = RNG.normal(size=(50, DIM)).astype(np.float32) * 5
    together = maps[name].place(points, PROGRESS)
    assert together.shape == (50, 3 if name.endswith("3d") else 2) and together.dtype == np.float32
    alone = np.concatenate([maps[name].place(points[[i]], PROGRESS[[i]]) for i in range(50)])
    assert np.abs(together - alone).max() < 1e-5
    np.testing.assert_allclose(maps[name].place(points[::-1], PROGRESS[::-1])[::-1], together, atol=1e-5)


@pytest.mark.parametrize("name", ["umap-2d", "timeline", "pca-2d"])
def test_many_points_are_placed_a_part_at_a_time(maps, name, monkeypatch):
    points = RNG.normal(size=(50, DIM)).astype(np.float32) * 5
    whole = maps[name].place(points, PROGRESS)
    monkeypatch.setattr("seda.projection.projectors.PLACED", 7)
    np.testing.assert_allclose(maps[name].place(points, PROGRESS), whole, atol=1e-5)
    assert maps[name].place(points[:0], PROGRESS[:0]).shape == (0, whole.shape[1])


@pytest.mark.parametrize("name", ["umap-2d", "umap-3d", "umap-learn"])
def test_neighbours_stay_together_and_clouds_apart(maps, name):
    assert trustworthiness(REFERENCE, maps[name].reference) > 0.85
    centers = maps[name].place(CENTERS)
    nearest = np.linalg.norm(maps[name].reference[:, None] - centers, axis=-1).argmin(1)
    assert (nearest == LABELS).mean() > 0.98


@pytest.mark.slow
def test_path_terms_make_unseen_paths_straighter_and_smoother(maps):
    def placed(**changes):
        return place_paths(fit_map("umap-2d", PREPARED, replace(CONFIG, **changes)).projector, HELD_OUT)

    without = placed(straight_weight=0.0, jump_weight=0.0)
    assert (
        np.median(straightness(placed(straight_weight=5.0, jump_weight=0.0))) > np.median(straightness(without)) + 0.02
    )
    assert jump_p99(placed(straight_weight=0.0, jump_weight=0.5)) < 0.9 * jump_p99(without)


def test_a_timeline_shows_progress_from_left_to_right(maps):
    timeline = maps["timeline"]
    placed = place_paths(timeline.projector, HELD_OUT)
    np.testing.assert_allclose(placed[:, :, 0], np.tile(np.linspace(0, 1, 12), (30, 1)), atol=1e-6)
    assert (timeline.reference[:, 0] == 0).all()
    fitted = timeline.place(MATERIAL.points, np.zeros(len(MATERIAL.points)))[:, 1]
    assert fitted.min() == pytest.approx(0, abs=1e-5) and fitted.max() == pytest.approx(1, abs=1e-5)
    with pytest.raises(ProjectionError, match="needs the progress"):
        timeline.place(CENTERS)


def test_principal_axes_are_those_of_a_plain_decomposition(maps):
    points = MATERIAL.points.astype(np.float64)
    centred = points - points.mean(0)
    _, vectors = np.linalg.eigh(centred.T @ centred)
    for name, count in (("pca-2d", 2), ("pca-3d", 3)):
        placed = maps[name].place(MATERIAL.points)
        expected = centred @ vectors[:, ::-1][:, :count]
        scale = 5.0 / np.abs(expected).max()
        np.testing.assert_allclose(np.abs(placed), np.abs(expected * scale), atol=1e-3)


@pytest.mark.parametrize("name", ["umap-2d", "umap-3d"])
def test_a_maps_widest_direction_is_x_and_its_narrowest_the_last(maps, name):
    spread = np.cov(maps[name].place(MATERIAL.points).T)
    widths = np.diag(spread)
    assert (np.diff(widths) < 0).all()
    assert np.abs(spread - np.diag(widths)).max() < 1e-3 * widths[0]


@pytest.mark.parametrize(("share", "temporal"), [(0.85, 0.5), (0.2, 0.0)])
def test_edges_are_drawn_from_clouds_and_paths_by_their_shares(share, temporal):
    config = MapConfig(batch_size=6000, reference_share=share, temporal_weight=temporal)
    edges = fit._Edges(MATERIAL, fuzzy_graph(MATERIAL.points, 15), config)
    heads, tails = edges.sample(np.random.default_rng(0))
    assert len(heads) == len(tails) == 6000
    drawn = round(6000 / (1 + temporal))  # of the graph; the rest goes from a state to the next
    assert (heads[:drawn] < len(REFERENCE)).mean() == pytest.approx(share, abs=0.02)
    states = MATERIAL.graph_states
    following = dict(zip(states[:, :-1].ravel(), states[:, 1:].ravel(), strict=True))
    assert [following[head] for head in heads[drawn:]] == tails[drawn:].tolist()


def test_the_pull_on_paths_ends_after_its_share_of_the_steps(monkeypatch):
    pulls, real = [], fit._path_loss
    monkeypatch.setattr(fit, "_path_loss", lambda *given: pulls.append(given[2]) or real(*given))
    fit_parametric(MATERIAL, MapConfig(steps=10, batch_size=16, gather_weight=2.0, gather_share=0.4))
    assert pulls == pytest.approx([2.0, 1.5, 1.0, 0.5, 0, 0, 0, 0, 0, 0])


def test_few_pictures_are_fitted_in_fewer_and_cheaper_steps():
    full, quarter = MapConfig(), MapConfig.for_pictures(FULL_FIT // 4)
    assert MapConfig.for_pictures(FULL_FIT) == MapConfig.for_pictures(10 * FULL_FIT) == full
    assert quarter == replace(
        full, steps=full.steps // 2, batch_size=full.batch_size // 2, paths_per_step=full.paths_per_step // 2
    )
    assert MapConfig.for_pictures(1).steps == full.steps // 10
    assert MapConfig.for_pictures(FULL_FIT - 1).steps == pytest.approx(full.steps, rel=0.01)


@pytest.mark.parametrize(
    ("setting", "allowed", "refused"),
    [
        ("dimensions", (1, 3), (0, 4)),
        ("seed", (0, 2**31 - 1), (-1, 2**31)),
        ("n_neighbors", (2, 1000), (1, 1001)),
        ("min_dist", (0.0, 1.0), (-0.1, 1.1)),
        ("steps", (0, 1_000_000), (-1, 1_000_001)),
        ("batch_size", (1, 65_536), (0, 65_537)),
        ("negatives", (1, 1000), (0, 1001)),
        ("paths_per_step", (0, 10_000), (-1, 10_001)),
        ("detour", (0.0, 1000.0), (-0.1, 1000.1)),
        ("gather_share", (0.0, 1.0), (-0.1, 1.1)),
    ],
)
def test_settings_of_a_fit_have_bounds(setting, allowed, refused):
    for value in allowed:
        assert getattr(MapConfig(**{setting: value}), setting) == value
    for value in refused:
        with pytest.raises(ConfigError, match=setting):
            MapConfig(**{setting: value})


def test_names_of_maps_are_checked_before_anything_is_computed():
    check_names(tuple(FITTED))
    with pytest.raises(ConfigError, match="There is no map nil, tsne; known are umap-2d"):
        check_names(("umap-2d", "tsne", "nil"))
    with pytest.raises(ConfigError, match="map pca-2d is named twice"):
        check_names(("pca-2d", "umap-2d", "pca-2d"))


def test_the_same_seed_gives_the_same_map():
    first, again, other = (fit_map("umap-2d", PREPARED, replace(CONFIG, steps=50, seed=seed)) for seed in (0, 0, 1))
    np.testing.assert_array_equal(again.reference, first.reference)
    assert np.abs(other.reference - first.reference).max() > 0.01


@pytest.mark.parametrize("name", FITTED)
def test_save_then_load_is_equal(maps, name, tmp_path):
    maps[name].save(tmp_path)
    loaded = load_map(tmp_path, name)
    np.testing.assert_array_equal(
        loaded.place(HELD_OUT[0], PROGRESS[:12]), maps[name].place(HELD_OUT[0], PROGRESS[:12])
    )
    np.testing.assert_array_equal(loaded.reference, maps[name].reference)
    assert (loaded.card, loaded.name, loaded.projector.kind) == (maps[name].card, name, maps[name].projector.kind)


def test_a_folder_holds_several_maps_and_says_which_is_broken(maps, tmp_path):
    for name in ("timeline", "umap-2d", "pca-2d"):
        maps[name].save(tmp_path)
    assert list(load_maps(tmp_path)) == ["umap-2d", "timeline", "pca-2d"]
    (tmp_path / "map-timeline.safetensors").write_bytes(b"nothing")
    with pytest.raises(FileFormatError, match=r"map-timeline\.safetensors is damaged"):
        load_maps(tmp_path)
    (tmp_path / "map-umap-2d.safetensors").unlink()
    with pytest.raises(FileFormatError, match=r"map-umap-2d\.safetensors does not exist"):
        load_maps(tmp_path)


def test_points_that_have_no_place(maps):
    for shape in ((3, DIM - 1), (3, DIM + 1), (DIM,), (1, 3, DIM)):
        for name in ("umap-2d", "pca-2d"):
            with pytest.raises(ProjectionError, match=r"\[n, 10\]"):
                maps[name].place(np.zeros(shape))
    with pytest.raises(ProjectionError, match="1 of 2 points are not finite"):
        maps["pca-2d"].place(np.array([[0.0] * DIM, [np.nan] * DIM]))


def few(reference: np.ndarray, paths: np.ndarray = PATHS[:1, :2]) -> MapMaterial:
    return MapMaterial(reference, CENTERS[:1], paths, 1)


def test_fewer_points_than_neighbours_lower_their_number_and_say_so():
    projector, notes = fit_parametric(few(REFERENCE[:4]), CONFIG)
    assert notes == ["Neighbours were lowered from 15: there are 7 points."]
    assert np.isfinite(projector.place(REFERENCE)).all()
    with pytest.raises(ProjectionError, match="2 points came; a map needs at least 3"):
        fit_parametric(MapMaterial(REFERENCE[:1], CENTERS[:1], PATHS[:0], 0), CONFIG)


def test_identical_points_fall_back_to_principal_axes_and_say_so():
    same = np.ones((20, DIM), np.float32)
    projector, notes = fit_parametric(MapMaterial(same, same[:2], same.reshape(2, 10, DIM), 2), CONFIG)
    assert "All points are the same" in notes[0]
    assert np.isfinite(projector.place(same)).all() and np.ptp(projector.place(same)) == 0
    assert np.isfinite(fit_pca(same, 3).place(same)).all()


def test_many_copies_of_a_point_and_one_class_are_fitted_all_the_same():
    copies = np.concatenate([np.repeat(REFERENCE[:1], 30, 0), REFERENCE[:10]])
    one_class = REFERENCE[LABELS == 0]
    for reference in (copies, one_class):
        projector, notes = fit_parametric(few(reference), replace(CONFIG, steps=50))
        placed = projector.place(reference)
        assert notes == [] and np.isfinite(placed).all() and np.ptp(placed) > 0


def test_points_that_are_not_finite_are_counted():
    broken = REFERENCE.copy()
    broken[3, 0] = np.inf
    with pytest.raises(ProjectionError, match="1 of 123 points are not finite"):
        fit_parametric(few(broken), CONFIG)


def test_a_map_of_an_unknown_kind_is_not_fitted_as_another(monkeypatch):
    monkeypatch.setitem(MAPS, "new-2d", MapForm("New", "new", 2))
    with pytest.raises(ConfigError, match="kind 'new'"):
        fit_map("new-2d", PREPARED, CONFIG)


def test_a_fit_reports_and_stops():
    told = []
    with pytest.raises(Stopped):
        fit_map("umap-2d", PREPARED, CONFIG, on_progress=lambda *event: told.append(event) or len(told) == 2)
    assert told == [("umap-2d", 25, 300), ("umap-2d", 50, 300)]


@pytest.mark.slow
def test_exact_and_searched_neighbours_give_nearly_the_same_graph(monkeypatch):
    exact = fuzzy_graph(MATERIAL.points, 15).toarray() > 0
    monkeypatch.setattr("seda.projection.fit.EXACT_NEIGHBORS", 0)
    searched = fuzzy_graph(MATERIAL.points, 15).toarray() > 0
    assert (exact & searched).sum() > 0.95 * exact.sum() and searched.sum() < 1.05 * exact.sum()


def test_reference_of_a_map_is_where_its_points_are_placed(maps):
    for frozen in maps.values():
        np.testing.assert_allclose(frozen.reference, place_reference(frozen.projector, REFERENCE), atol=1e-5)


def test_what_is_compiled_for_a_map_is_kept_for_the_next_process(maps):
    umap = fit.umap_learn()
    for function in (umap.smooth_knn_dist, umap.compute_membership_strengths):
        assert function.signatures and function.stats.cache_path


def test_placing_needs_no_umap(maps, tmp_path):
    maps["umap-2d"].save(tmp_path)
    code = (
        "import sys, numpy as np; from seda.projection import load_map;"
        f"load_map({str(tmp_path)!r}).place(np.zeros((2, {DIM}), np.float32));"
        "sys.exit(any(name.split('.')[0] in ('umap', 'numba', 'pynndescent') for name in sys.modules))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
